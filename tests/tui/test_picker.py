"""The list that is narrowed by typing."""

from __future__ import annotations

from gpt2tui.tui.ordered_app import OrderedApp
from gpt2tui.tui.widgets.picker import Picker, Row
from tests.tui.apps import app_for, text_of, until_text


class PickerApp(OrderedApp):
    """``taken`` has what the layer gave."""

    def on_mount(self) -> None:
        self.taken: list[str | None] = []
        rows = [Row("hamlet", "step 7", "first"), Row("lear", "step 8", "second")]
        self.push_screen(Picker("Which run?", rows), self.taken.append)


async def test_what_matches_nothing_is_said_in_place_of_the_list_and_cannot_be_chosen() -> None:
    app = PickerApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press(*"macbeth")
        await pilot.pause()
        assert "nothing matches" in text_of(app)  # type: ignore[arg-type]
        await pilot.press("enter", "down", "enter")
        await pilot.click("OptionList")
        assert app.taken == []
        await pilot.click("Input")
        await pilot.press("end", *["backspace"] * 7, *"lear")
        await pilot.pause()
        assert "nothing matches" not in text_of(app)  # type: ignore[arg-type]
        await pilot.press("enter")
        assert app.taken == ["second"]


async def test_a_long_list_leaves_room_for_its_last_row_and_for_what_the_keys_do() -> None:
    app = app_for(screen="generate")
    async with app.run_test(size=(80, 24)) as pilot:
        await until_text(pilot, "There is no model to talk to yet.")
        app.push_screen(Picker("Which run?", [Row(f"run {number}", "", number) for number in range(30)]))
        await until_text(pilot, "esc goes back")
        await pilot.press(*["pagedown"] * 5)
        await until_text(pilot, "run 29")
