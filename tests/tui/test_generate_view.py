"""What the Generate screen shows: any text, at any size, from before, and from a run that trains."""

from __future__ import annotations

import pytest
from textual.widgets._toast import Toast

from gpt2tui.tui.screens.generate import GenerateScreen
from gpt2tui.tui.widgets.prompt import PromptArea
from tests.tiny import tiny_run, tiny_run_config
from tests.tui.apps import app_for, text_of, until, until_text
from tests.tui.talking import ENDLESS, keep, record, talking

HOSTILE = [
    "[/red]",
    "\x1b[31m",
    "\x07",
    "\u202e",
    "\u200b",
    "漢字",
    "é",
    "\r",
    "\x1b]52;c;aGk=\x07",
    "\U0001f642",
    "\n",
]


async def test_hostile_text_is_shown_and_not_obeyed(run):
    keep(run, record("".join(HOSTILE), HOSTILE))
    async with talking() as talk:
        await until_text(talk.pilot, "length reached")
        text = text_of(talk.app)
        for shown in ("[/red]", "^[[31m", "^G", "\\u202e", "\\u200b", "漢字", "^M", "^[]52;c;aGk=^G"):
            assert shown in text
        assert not any(ord(sign) < 32 and sign != "\n" for sign in text)
        await talk.press("escape", "t", "c", *["left"] * 12, *["right"] * 12)
        await talk.press("escape", "y")
        assert "\x1b" not in talk.app.clipboard
        assert "\u202e" in talk.app.clipboard


async def test_a_hostile_name_of_a_run_is_shown(store):
    run = tiny_run(store.folder, config=tiny_run_config(name="a\x1b[31m\u202e[b]"))
    async with talking() as talk:
        await until_text(talk.pilot, "a^[[31m\\u202e[b]")
        await talk.press("escape", "o")
        await until_text(talk.pilot, "Which run?")
        await until_text(talk.pilot, "a^[[31m\\u202e[b]  ")
        assert run.name() == "a\x1b[31m\u202e[b]"


async def test_a_long_name_leaves_room_for_the_checkpoint(store):
    tiny_run(store.folder, config=tiny_run_config(name="the " * 20))
    async with talking(size=(80, 24)) as talk:
        first = await until(talk.pilot, lambda: "the the" in (line := text_of(talk.app).splitlines()[0]) and line)
        assert first.endswith(talk.screen._choice.checkpoint_words())


async def test_the_token_under_the_cursor_is_seen_in_the_smallest_terminal(run):
    async with talking(size=(40, 10)) as talk:
        await talk.tell("Begin", max_new_tokens=40)
        await talk.press("escape", "c")
        await until_text(talk.pilot, "Instead of this token")
        for keys in ([], ["left"] * 30, ["home"], ["end"]):
            await talk.press(*keys)
            view = talk.transcript.chosen
            rows = range(view.virtual_region.y + view.rows(view.cursor)[0], view.virtual_region.bottom)
            await until(talk.pilot, lambda rows=rows: rows[0] in _seen(talk))


def _seen(talk) -> range:
    """The rows of the transcript that are on the screen."""
    return range(round(talk.transcript.scroll_y), round(talk.transcript.scroll_y) + talk.transcript.size.height)


async def test_resizing_keeps_the_half_typed_prompt_and_the_place_that_is_read(run):
    lines = [f"line {number} of a verse that is rather long\n" for number in range(200)]
    keep(run, record("Verse\n", lines))
    async with talking() as talk:
        await until_text(talk.pilot, "line 199")
        await talk.press(*"half")
        await talk.press("escape", *["pageup"] * 3)
        await talk.pilot.pause()
        top = text_of(talk.app).splitlines()[1].strip(" █▌▍")
        assert top.startswith("line ")
        for size in ((60, 20), (34, 15), (200, 60), (140, 40)):
            await talk.pilot.resize_terminal(*size)
            await talk.pilot.pause()
            await talk.pilot.pause()
            assert top.split(" of")[0] in "\n".join(text_of(talk.app).splitlines()[1:3])
            assert talk.prompt.text == "half"


@pytest.mark.parametrize(("size", "keys"), [((140, 40), ()), ((80, 24), ("escape", "p"))])
async def test_a_terminal_that_shrinks_with_the_panel_in_it_does_not_crash(run, size, keys):
    async with talking(size=size) as talk:
        await talk.press(*keys)
        await until_text(talk.pilot, "repetition")
        for smaller in ((40, 10), (37, 10), (20, 5), size):
            await talk.pilot.resize_terminal(*smaller)
            await talk.pilot.pause()
        await until_text(talk.pilot, "repetition")
        assert talk.app.screen is talk.screen


@pytest.mark.parametrize("size", [(80, 24), (40, 10), (20, 5), (8, 3)])
async def test_small_terminals_drop_panels_and_do_not_crash(run, size):
    async with talking(size=size) as talk:
        turn = await talk.tell("Small", max_new_tokens=12)
        assert turn.finish == "length"
        await talk.press("escape", "p")
        await talk.pilot.pause()
        await talk.press("p", "t", "c", "left", "enter")
        await talk.pilot.pause()
        await talk.press("escape", "escape", "o", "escape", "m", "escape", "w", "escape")
        assert talk.app.screen is talk.screen
        if size == (80, 24):
            assert "k 50" in text_of(talk.app)
            await talk.press("p")
            await until_text(talk.pilot, "repetition")
            await talk.press("escape")
            await until(talk.pilot, lambda: "repetition" not in text_of(talk.app))


async def test_ascii_mode_draws_ascii_only(run):
    keep(run, record("é\n", ["漢字", " \U0001f642", "\n"]))
    async with talking(is_ascii=True) as talk:
        await until_text(talk.pilot, "\\u6f22\\u5b57")
        await talk.tell("Say", max_new_tokens=30)
        for keys in (("escape", "t", "c"), ("left", "enter"), ("escape", "escape", "p"), ("p",)):
            await talk.press(*keys)
            await talk.pilot.pause()
            words = "\n".join(line[:100] for line in text_of(talk.app).splitlines()[1:-1])
            assert words.isascii(), [sign for sign in words if not sign.isascii()]


async def test_scrolling_away_ends_following_and_the_end_resumes_it(run):
    async with talking(size=(80, 24)) as talk:
        await talk.set(max_new_tokens=ENDLESS)
        turn = await talk.send("Follow")
        await until(talk.pilot, lambda: talk.transcript.max_scroll_y > 30)
        assert talk.transcript.scroll_y > talk.transcript.max_scroll_y - 5
        talk.transcript.focus()
        await talk.press("home")  # while more is written below
        await until(talk.pilot, lambda: talk.transcript.scroll_y == 0)
        await talk.drawn(turn, turn.drawn + 200)
        await talk.pilot.pause()
        assert talk.transcript.scroll_y == 0
        await talk.press("end")
        await talk.drawn(turn, turn.drawn + 200)
        await talk.pilot.pause()
        assert talk.transcript.scroll_y > talk.transcript.max_scroll_y - 5
        await talk.press("escape")
        assert turn.is_over


async def test_while_a_text_streams_only_lines_that_changed_are_drawn(run, monkeypatch):
    from gpt2tui.tui.widgets.turn import TurnView

    drawn_lines = 0
    honest = TurnView._text_line

    def counting(self, y, lines):
        nonlocal drawn_lines
        drawn_lines += 1
        return honest(self, y, lines)

    async with talking() as talk:
        await talk.set(max_new_tokens=ENDLESS)
        turn = await talk.send("Long")
        await talk.drawn(turn, 1_500)
        monkeypatch.setattr(TurnView, "_text_line", counting)
        changes = 0
        take_changes = TurnView.take_changes

        def counting_changes(self):
            nonlocal changes
            changes += 1
            take_changes(self)

        monkeypatch.setattr(TurnView, "take_changes", counting_changes)
        await talk.drawn(turn, turn.drawn + 300)
        await talk.press("escape")
        await talk.pilot.pause()
        assert changes > 3
        assert drawn_lines < 12 * changes  # a third of what can be seen


@pytest.mark.parametrize("size", [(140, 40), (80, 24), (40, 10)])
async def test_what_is_told_does_not_lie_over_the_prompt(run, size):
    app = app_for(screen="generate")
    async with app.run_test(size=size, notifications=True) as pilot:
        await until_text(pilot, "Prompt")
        app.notify("told", markup=False)
        await until_text(pilot, "told")
        toast = app.screen.query_one(Toast).region
        assert toast.y >= 1  # below the names of the screens
        assert not toast.overlaps(app.screen.query_one(PromptArea).region)


async def test_a_failed_turn_names_the_keys_that_try_again_from_where_one_is(run):
    async with talking() as talk:
        turn = await talk.tell("Begin", max_new_tokens=1)
        turn.fail("it failed")
        talk.transcript.views[-1].take_changes()
        talk.prompt.focus()
        await until_text(talk.pilot, "esc, then r, tries again")
        await talk.press("escape")
        await until(talk.pilot, lambda: "then r" not in text_of(talk.app))
        assert "r tries again" in text_of(talk.app)


async def test_up_and_down_go_from_turn_to_turn(run):
    keep(run, *(record(f"prompt {number}", [" text"], time=float(number)) for number in range(3)))
    async with talking() as talk:
        await until(talk.pilot, lambda: len(talk.turns) == 3)
        await talk.press("escape")
        chosen = []
        for key in ("up", "up", "up", "down", "down", "down"):
            await talk.press(key)
            chosen.append(talk.transcript.chosen.turn.prompt)
        assert [name[-1] for name in chosen] == list("100122")
        await talk.press("tab")
        assert talk.prompt.has_focus


async def test_every_key_has_an_id_and_a_meaning_and_the_footer_shows_six_at_most(run):
    async with talking() as talk:
        await talk.tell("Say", max_new_tokens=3)
        for keys in ((), ("escape",), ("c",), ("enter",)):
            await talk.press(*keys)
            shown = [
                active.binding
                for active in talk.screen.active_bindings.values()
                if active.binding.show and active.enabled
            ]
            assert 1 <= len(shown) <= 6, [binding.description for binding in shown]
        assert isinstance(talk.app.screen, GenerateScreen)
        for binding in GenerateScreen.BINDINGS:
            assert binding.id.startswith("generate.")
            assert binding.tooltip
