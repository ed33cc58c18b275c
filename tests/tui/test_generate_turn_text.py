"""How the text of a turn is broken into lines, and which token a character is of."""

from __future__ import annotations

import random

import pytest
from rich.cells import cell_len
from textual.app import App

from gpt2tui.runs.dialogue import Token
from gpt2tui.runs.sampling import SamplingSettings
from gpt2tui.tui.glyphs import UNICODE
from gpt2tui.tui.talk.live_turn import END_OF_TEXT, LiveTurn
from gpt2tui.tui.widgets import turn_text
from gpt2tui.tui.widgets.turn import TurnView
from gpt2tui.tui.widgets.turn_text import TurnText
from tests.tui.talking import record


def shown(text: TurnText, width: int) -> list[str]:
    return [text.plain[line.start : line.end] for line in text.lines(width)]


def of(*texts: str, **options: bool) -> TurnText:
    text = TurnText(**options)
    text.append(texts)
    return text


def test_lines_break_between_words_and_at_the_breaks_of_the_verse():
    text = of("First", " Citizen", ":", "\n", "Before we", " proceed any further", "\n\n", "All:")
    assert shown(text, 12) == ["First", "Citizen:", "Before we", "proceed any", "further", "", "All:"]
    assert [line.paragraph for line in text.lines(12)] == [0, 0, 1, 1, 1, 2, 3]


def test_a_word_that_is_too_long_is_cut_and_indentation_stays():
    assert shown(of("  abcdefghij"), 5) == ["  abc", "defgh", "ij"]
    assert shown(of("   x"), 8) == ["   x"]
    assert shown(of(), 8) == [""]


WORDS = [
    "a",
    " word",
    " longer words",
    "\n",
    "\n\n",
    " 漢字かな",
    "e",
    "\u0301",
    " 🙂",
    "❤",
    "\ufe0f",
    "    ",
    " \x1b[31m",
]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("width", [1, 2, 7, 31])
def test_text_that_grows_has_the_lines_of_text_that_was_there_at_once(seed, width):
    picked = random.Random(seed).choices(WORDS, k=120)
    grown = TurnText()
    for word in picked:
        grown.append([word])
        grown.lines(width)
    assert grown.lines(width) == of(*picked).lines(width)
    assert grown.starts == of(*picked).starts
    if width > 1:
        assert all(cell_len(line) <= width for line in shown(grown, width))


def test_a_token_at_the_end_of_a_long_text_costs_no_more_than_at_its_beginning(monkeypatch):
    looked_at = 0
    honest = turn_text.broken

    def counting(text, start, end, width):
        nonlocal looked_at
        looked_at += end - start
        return honest(text, start, end, width)

    monkeypatch.setattr(turn_text, "broken", counting)
    text = TurnText()
    text.lines(60)
    for _ in range(20_000):
        text.append([" word"])
    assert len(text.lines(60)) > 1_600
    assert looked_at < 20_000 * 2 * 60


def test_every_character_knows_its_token_and_its_line():
    text = of("ab", "", " cd", "\n", "ef")
    assert [text.token_at(at) for at in range(len(text.plain))] == [0, 0, 2, 2, 2, 3, 4, 4]
    assert text.span(1) == (2, 2)
    assert text.span(4) == (6, 8)
    assert [text.line_of(at, 3) for at in range(len(text.plain))] == [0, 0, 0, 1, 1, 1, 2, 2]


def test_a_combining_mark_belongs_to_the_token_of_its_character():
    text = of("e", "\u0301x")
    assert text.plain == "e\u0301x"
    assert text.span(0) == (0, 2)


def test_what_a_terminal_might_obey_is_shown():
    text = of("\x1b[31m", "\u202e", "\u200b", "\x07", "\r", "[/red]")
    assert text.plain == "^[[31m\\u202e\\u200b^G^M[/red]"


def test_ascii_only_where_that_is_asked_for():
    assert of("né 漢", is_ascii=True).plain == "n\\xe9 \\u6f22"


class TurnApp(App[None]):
    """One turn, which comes when it is asked for."""

    glyphs = UNICODE

    def __init__(self, text: str) -> None:
        super().__init__()
        self.turn = LiveTurn(text, SamplingSettings())
        self.turn.state = "streaming"
        self.view = TurnView(self.turn)


async def test_a_text_that_came_before_there_was_room_for_it_is_drawn_whole():
    app = TurnApp("before the frost")
    turn, view = app.turn, app.view
    async with app.run_test(size=(20, 12)) as pilot:
        mounted = app.mount(view)
        view.take_changes()  # of no width yet, so that it would take a line for every sign
        await mounted
        await pilot.pause()
        assert view.render_line(0).text.rstrip() == "before the frost▍"
        turn.text.append([" the mill turned once more"])
        view.take_changes()
        assert [view.render_line(y).text.rstrip() for y in range(3)] == [
            "before the frost the",
            "mill turned once",
            "more▍",
        ]


async def test_what_comes_while_a_frame_is_drawn_is_in_the_next_one():
    app = TurnApp("")
    turn, view = app.turn, app.view

    def tell(*texts: str) -> None:
        for text in texts:
            reply = Token(id=1, index=0, token=1, text=text, probability=0.5, drawn=0.5, alternatives=[])
            turn.take(reply, now=0.0)

    def drawn(rows: int) -> list[str]:
        return [view.render_line(y).text.rstrip() for y in range(rows)]

    async with app.run_test(size=(20, 12)) as pilot:
        await app.mount(view)
        await pilot.pause()
        tell("first\n")
        view.take_changes()
        tell("second\n", "third\n", "four")
        assert drawn(4) == ["first", "▍", "1 token · esc stops", ""]
        view.take_changes()
        assert drawn(5) == ["first", "second", "third", "four▍", "4 tokens · esc stops"]
        tell("th\n", "fifth")
        view.take_changes()
        assert drawn(6) == ["first", "second", "third", "fourth", "fifth▍", "6 tokens · esc stops"]


def test_the_token_that_ended_a_text_has_a_name_though_it_is_in_no_text() -> None:
    for finish, last in (("end_of_text", END_OF_TEXT), ("length", "")):
        turn = LiveTurn.of(record("Say", [" a", " b", ""], finish=finish))
        assert [turn.token_text(turn.first_token + number) for number in range(3)] == [" a", " b", last]
