"""Help and the palette say what can be done now, with the keys that do it now."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.command import CommandPalette, DiscoveryHit, Hit
from textual.containers import VerticalScroll
from textual.screen import ModalScreen, Screen
from textual.widgets import Input, Static

from gpt2tui.runs.store import RunStore
from gpt2tui.tui.help import HelpScreen
from gpt2tui.tui.live_bindings import live_bindings
from gpt2tui.tui.palette import LiveCommands
from gpt2tui.tui.palettes import PALETTES
from gpt2tui.tui.themes import register_themes
from gpt2tui.tui.widgets.prompt import PromptArea
from tests.runs.synthetic import make_run, whole_story
from tests.tui.apps import app_for, text_of, until_text


class Main(Screen[None]):
    BINDINGS: ClassVar = [
        Binding("p,space", "pause", "Pause", id="train.pause", tooltip="Keep the model [b]and[/b] wait"),
        Binding("r", "resume", "Resume", id="train.resume"),
        Binding("d", "delete", "Delete", id="train.delete"),
    ]
    is_paused = False

    def compose(self) -> ComposeResult:
        yield Static("main")
        yield PromptArea()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "delete":
            return None
        return {"pause": not self.is_paused, "resume": self.is_paused}.get(action, True)

    def action_pause(self) -> None:
        self.is_paused = True
        self.refresh_bindings()


class HelpApp(App[None]):
    AUTO_FOCUS = None
    COMMANDS: ClassVar = {LiveCommands}
    BINDINGS: ClassVar = [
        Binding("1,f1", "note", "Train", id="app.train"),
        Binding("question_mark", "help", "Help", id="app.help"),
    ]

    def on_mount(self) -> None:
        register_themes(self)
        self.theme = "dark"
        self.push_screen(Main())

    def action_help(self) -> None:
        self.push_screen(HelpScreen(self.screen))

    def action_note(self) -> None:
        pass


def shown(app: App[Any]) -> str:
    """The layer as lines of text."""
    region = app.screen.query_one("#help").region
    strips = app.screen._compositor.render_strips()[region.y : region.bottom]
    return "\n".join(strip.crop(region.x, region.right).text for strip in strips)


async def test_help_shows_what_can_be_done_now_and_by_which_keys() -> None:
    app = HelpApp()
    async with app.run_test(size=(80, 24)) as pilot:
        app.set_keymap({"train.pause": "z"})
        await pilot.press("question_mark")
        text = shown(app)
        assert "z" in next(line for line in text.splitlines() if "Pause" in line)
        assert "[b]and[/b]" in text
        assert "Resume" not in text
        assert "not now" in next(line for line in text.splitlines() if "Delete" in line)
        assert "1, f1" in text
        assert text.index("This screen") < text.index("Everywhere")
        assert "In a text field keys are text" in text
        assert "Ctrl+p" in text
        await pilot.press("escape")
        await pilot.press("z", "question_mark")
        text = shown(app)
        assert "Resume" in text
        assert "Pause" not in text


@pytest.mark.parametrize("key", ["escape", "question_mark", "q"])
async def test_help_closes(key: str) -> None:
    app = HelpApp()
    async with app.run_test() as pilot:
        await pilot.press("question_mark")
        assert isinstance(app.screen, HelpScreen)
        await pilot.press(key)
        assert isinstance(app.screen, Main)


async def test_help_of_a_field_has_its_keys_and_those_that_wait_until_it_is_left() -> None:
    app = HelpApp()
    async with app.run_test(size=(100, 60)) as pilot:
        app.screen.query_one(PromptArea).focus()
        await pilot.pause()
        by_name = {live.binding.description: live for live in live_bindings(app.screen)}
        assert by_name["Send"].place == "here"
        assert by_name["New line"].keys == ("ctrl+j", "shift+enter", "alt+enter")
        assert by_name["Pause"].place == "screen"
        assert by_name["Train"].place == "app"
        app.action_help()
        await pilot.pause()
        assert "shift+enter" in shown(app)


class Scrolled(App[None]):
    """A field, a text with more lines than there is room for, and one with fewer."""

    def compose(self) -> ComposeResult:
        yield Input()
        for name, lines in (("long", 100), ("short", 2)):
            with VerticalScroll(id=name):
                yield Static("line\n" * lines)


@pytest.mark.parametrize(
    ("focused", "said"),
    [("#long", {"Up", "Down", "Top", "Bottom", "Page up", "Page down"}), ("#short", set()), ("Input", {"Submit"})],
)
async def test_scrolling_is_named_in_plain_words_where_there_is_something_to_scroll(
    focused: str, said: set[str]
) -> None:
    app = Scrolled()
    async with app.run_test(size=(80, 24)) as pilot:
        app.screen.query_one(focused).focus()
        await pilot.pause()
        bound = live_bindings(app.screen)
        assert {live.binding.description for live in bound} >= said
        assert {live.place for live in bound} <= {"editing" if focused == "Input" else "here"}
        assert bool(bound) == bool(said)
        assert not any(word in live.binding.description for live in bound for word in ("Scroll", "Page Up", "Page L"))


async def test_help_of_runs_has_no_words_but_the_apps(store: RunStore) -> None:
    make_run(store, whole_story())
    app = app_for(screen="runs")
    async with app.run_test(size=(100, 60)) as pilot:
        await until_text(pilot, "target reached")
        await pilot.press("question_mark")
        await until_text(pilot, "The run above")
        assert "In the field\n" not in text_of(app)
        assert "Scroll" not in shown(app)
        assert all(live.binding.id for live in live_bindings(app.screen_stack[-2]))


@pytest.mark.parametrize("size", [(80, 24), (40, 10), (20, 5)])
async def test_help_fits(size: tuple[int, int]) -> None:
    app = HelpApp()
    async with app.run_test(size=size) as pilot:
        await pilot.press("question_mark")
        await pilot.press("end")
        await pilot.pause()
        assert app.screen.query_one("#help").outer_size.height <= size[1]
        assert app.screen.query_one("#help-keys").max_scroll_y == 0 or app.screen.query_one("#help-keys").scroll_y > 0


async def test_help_in_ascii_draws_ascii() -> None:
    app = HelpApp()
    async with app.run_test(size=(100, 60)) as pilot:
        app.set_class(True, "-ascii")
        app.screen.query_one(PromptArea).focus()
        await pilot.pause()
        app.action_help()
        await pilot.pause()
        assert shown(app).isascii()


async def test_a_layer_hides_the_keys_of_the_app() -> None:
    class Layer(ModalScreen[None]):
        BINDINGS: ClassVar = [Binding("escape", "dismiss", "Close", id="layer.close")]

    app = HelpApp()
    async with app.run_test() as pilot:
        app.push_screen(Layer())
        await pilot.pause()
        assert [live.binding.description for live in live_bindings(app.screen)] == ["Close"]


async def entries(app: App[Any], query: str) -> dict[str, Hit]:
    provider = LiveCommands(app.screen)
    return {str(hit.text or hit.match_display): hit async for hit in provider.search(query) if isinstance(hit, Hit)}


async def test_palette_entries_depend_on_the_state() -> None:
    app = HelpApp()
    async with app.run_test() as pilot:
        assert "Pause" in await entries(app, "pause")
        assert "Resume" not in await entries(app, "resume")
        assert "Delete" not in await entries(app, "delete")
        await (await entries(app, "pause"))["Pause"].command()  # type: ignore[misc]
        await pilot.pause()
        assert "Pause" not in await entries(app, "pause")
        assert "Resume" in await entries(app, "resume")


async def test_the_palette_begins_with_the_present_screen_and_ends_with_the_themes(store: RunStore) -> None:
    make_run(store, whole_story())
    app = app_for(screen="runs")
    async with app.run_test(size=(100, 60)) as pilot:
        await until_text(pilot, "target reached")
        names = [str(hit.text) async for hit in LiveCommands(app.screen).discover() if isinstance(hit, DiscoveryHit)]
        assert names[:2] == ["Show", "Generate"]
        order = [names.index(name) for name in ("Delete", "Compare", "Down", "Train")]
        assert order == sorted(order)
        themes = [name for name in names if name.startswith("Theme: ")]
        assert len(themes) == len(PALETTES) - 1
        assert names[-len(themes) :] == themes


async def test_the_palette_says_when_nothing_matches() -> None:
    app = HelpApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("ctrl+p", *"zzzz")
        await until_text(pilot, "No matches found")
        await pilot.press("enter")
        await until_text(pilot, "No matches found")


async def test_the_palette_works_from_within_a_field_and_sets_themes() -> None:
    app = HelpApp()
    async with app.run_test() as pilot:
        app.screen.query_one(PromptArea).focus()
        await pilot.press("ctrl+p")
        assert isinstance(app.screen, CommandPalette)
        await pilot.press(*"high", "enter")
        await app.workers.wait_for_complete()
        await pilot.press("enter")
        await pilot.pause()
        assert app.theme == "high-contrast"
        assert "Pause" in await entries(app, "pause")
