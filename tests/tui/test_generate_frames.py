"""What a terminal shows while a text streams: frames that are whole, and the end of the text."""

from __future__ import annotations

from typing import Any

import pyte
import pytest
from textual._compositor import CompositorUpdate
from textual.app import App
from textual.screen import Screen

from gpt2tui.runs.dialogue import Failed
from gpt2tui.runs.transcript import Transcripts
from gpt2tui.runs.turn_words import drawn_words
from gpt2tui.tui.talk import conversation
from gpt2tui.tui.talk.live_turn import LiveTurn
from gpt2tui.tui.widgets.turn import TurnView
from tests.tiny import tiny_run
from tests.tui.apps import text_of, until
from tests.tui.scenes import START, VERSE, ScriptedSpeaker
from tests.tui.scenes import turn as kept
from tests.tui.talking import Talk, talking

BURSTS = [VERSE[at : at + 1 + at % 7] for at in range(len(VERSE))] * 3
"""What comes between two frames: some words, or lines."""


class Frames:
    """A terminal that is sent all frames, each of which is compared with a turn that is drawn whole."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]) -> None:
        self.number = 0
        self.is_behind = False
        self.wrong: list[tuple[int, list[str]]] = []
        self._terminal = pyte.Screen(*size)
        self._stream = pyte.Stream(self._terminal)
        self._before: list[str] = []
        display, take_changes = App._display, TurnView.take_changes

        def display_and_look(app: App[None], screen: Screen[None], update: Any) -> None:
            if isinstance(update, CompositorUpdate):
                self._stream.feed(update.render_segments(app.console))
                self._look(screen)
            display(app, screen, update)
            self.grow()

        def note_and_take_changes(view: TurnView) -> None:
            self._before = _afresh(view)
            take_changes(view)
            self.grow()

        monkeypatch.setattr(App, "_display", display_and_look)
        monkeypatch.setattr(TurnView, "take_changes", note_and_take_changes)

    def grow(self) -> None:
        """To be replaced: called before and after each frame."""

    def text(self) -> str:
        """What stands on the terminal."""
        return "\n".join(self._terminal.display)

    def _look(self, screen: Screen[None]) -> None:
        display = self._terminal.display
        for view in screen.query(TurnView):
            if view.turn.drawn_in_text and (place := screen._compositor.visible_widgets.get(view)):
                region, clip = place
                content = region.shrink(view.gutter)
                rows = content.intersection(clip).line_range
                seen = [display[row][content.x : content.right].rstrip() for row in rows]
                self.number += 1
                self.is_behind = not _is_part(seen, _afresh(view))
                # What was taken a moment ago may be for the next frame.
                if self.is_behind and not _is_part(seen, self._before):
                    self.wrong.append((self.number, seen))


def _afresh(view: TurnView) -> list[str]:
    """All rows of a turn, drawn with nothing that was kept."""
    kept, view._strips = view._strips, {}
    width = view.content_size.width
    rows = [view.render_line(y) for y in range(sum(view._counts(width)))]
    view._strips = kept
    return [row.crop(0, width).text.rstrip() for row in rows]


def _is_part(rows: list[str], of: list[str]) -> bool:
    return any(of[at : at + len(rows)] == rows for at in range(len(of)))


@pytest.fixture
def run(store, monkeypatch):
    """A run whose child says what it is told to."""
    monkeypatch.setattr(conversation, "Speaker", ScriptedSpeaker)
    return tiny_run(store.folder)


async def loaded(talk: Talk) -> ScriptedSpeaker:
    """The child, once the model is loaded."""
    speaker = await until(talk.pilot, lambda: (child := ScriptedSpeaker.newest) and child.last("load") and child)
    speaker.tell_loaded()
    return speaker


async def asked(talk: Talk, speaker: ScriptedSpeaker, before: int = 0) -> LiveTurn:
    """The turn that is asked for now."""
    await until(talk.pilot, lambda: speaker.last("generate") > before)
    speaker.tell_prompt(["JORY", ":"])
    return talk.conversation.turn


@pytest.mark.parametrize("size", [(80, 24), (40, 12)])
async def test_every_frame_shows_the_text_as_it_was_at_one_moment(run, monkeypatch, size):
    frames, bursts = Frames(monkeypatch, size), list(BURSTS)
    async with talking(size=size) as talk:
        speaker = await loaded(talk)
        await talk.send("JORY:")
        turn = await asked(talk, speaker)
        frames.grow = lambda: speaker.tell_tokens(bursts.pop(0) if bursts else [])
        speaker.tell_tokens(VERSE)
        await until(talk.pilot, lambda: not bursts)
        speaker.tell_end(turn.drawn)
        await talk.over(turn)
    assert frames.number > len(BURSTS) / 2
    assert not frames.wrong
    assert not frames.is_behind


@pytest.fixture
def told(run):
    """The run, with five turns that are longer than a small screen."""
    for at in range(5):
        Transcripts(run).append(kept("JORY:", VERSE * 4, at=START + at))
    return run


async def grow(talk: Talk, speaker: ScriptedSpeaker, by: int = 1) -> str:
    """Let the text grow by some lines, and the foot that is then below it."""
    for _ in range(by):
        speaker.tell_tokens(VERSE)
        turn = talk.conversation.turn
        await until(talk.pilot, lambda turn=turn: turn.drawn_in_text == turn.drawn)
        await talk.pilot.pause()
    return f" {drawn_words(turn.drawn, kept=turn.kept)} · esc stops"


@pytest.mark.parametrize("size", [(80, 24), (40, 12), (140, 60)])
@pytest.mark.parametrize("which", [0, 2, 3])
async def test_an_edited_turn_above_others_is_followed_to_its_end(told, monkeypatch, size, which):
    frames = Frames(monkeypatch, size)
    async with talking(size=size) as talk:
        speaker = await loaded(talk)
        await talk.press("escape", "home")
        while talk.transcript.chosen is not talk.transcript.views[which]:
            await talk.press("down")
        await talk.press("e", "x", "enter")
        turn = await asked(talk, speaker)
        for _ in range(9):
            foot = await grow(talk, speaker)
            assert foot in frames.text()
        speaker.tell_end(turn.drawn)
        await talk.over(turn)
        assert talk.turns[which] is turn
        assert f"length reached · {turn.drawn} tokens" in frames.text()
        assert "step 63" in frames.text()
    assert not frames.wrong


@pytest.mark.parametrize(("away", "back"), [("home", "pagedown"), ("pageup", "pagedown"), ("end", "pageup")])
async def test_scrolling_away_from_a_turn_above_others_ends_following_and_its_end_resumes_it(told, away, back):
    async with talking(size=(80, 24)) as talk:
        speaker = await loaded(talk)
        await _again(talk, speaker, "escape", "home", "e", "x", "enter")
        foot = await grow(talk, speaker, 9)
        assert foot in text_of(talk.app)
        talk.transcript.focus()
        await talk.press(away)
        await until(talk.pilot, lambda: foot not in text_of(talk.app))
        above = await _rests(talk)
        foot = await grow(talk, speaker, 3)
        assert foot not in text_of(talk.app)
        assert talk.transcript.scroll_y == above or away == "end"
        while foot not in text_of(talk.app):
            await talk.press(back)
            await _rests(talk)
        for _ in range(9):
            assert await grow(talk, speaker) in text_of(talk.app)


@pytest.mark.parametrize("size", [(80, 24), (140, 60)])
@pytest.mark.parametrize("keys", [("r",), ("c", "home", "2")])
async def test_a_turn_that_is_made_of_one_above_others_is_followed(told, size, keys):
    async with talking(size=size) as talk:
        speaker = await loaded(talk)
        first = await _again(talk, speaker, "escape", "home", "e", "x", "enter")
        await grow(talk, speaker)
        speaker.tell_end(first.drawn)
        await talk.over(first)
        await talk.press("escape", "home")
        turn = await _again(talk, speaker, *keys)
        assert talk.turns[-1] is turn
        for _ in range(9):
            assert await grow(talk, speaker) in text_of(talk.app)


async def test_a_turn_above_others_that_came_to_nothing_is_followed_when_it_is_tried_again(told):
    async with talking(size=(80, 24)) as talk:
        speaker = await loaded(talk)
        failed = await _again(talk, speaker, "escape", "home", "e", "x", "enter")
        speaker.tell(Failed(id=speaker.last("generate"), kind="memory", text="out of memory"))
        await talk.over(failed)
        await talk.press("escape", "home")
        turn = await _again(talk, speaker, "r")
        assert talk.turns[0] is turn
        for _ in range(9):
            assert await grow(talk, speaker) in text_of(talk.app)


async def test_a_turn_above_others_stays_in_sight_when_the_terminal_changes(told):
    async with talking(size=(80, 24)) as talk:
        speaker = await loaded(talk)
        await _again(talk, speaker, "escape", "home", "down", "e", "x", "enter")
        for size in ((80, 24), (40, 12), (140, 60), (60, 20)):
            await talk.pilot.resize_terminal(*size)
            for _ in range(3):
                assert await grow(talk, speaker) in text_of(talk.app)


async def _again(talk: Talk, speaker: ScriptedSpeaker, *keys: str) -> LiveTurn:
    before = speaker.last("generate")
    await talk.press(*keys)
    return await asked(talk, speaker, before)


async def _rests(talk: Talk) -> float:
    """Where the turns are, once they no longer move."""
    place = None
    while place != (place := talk.transcript.scroll_y):
        await talk.pilot.pause(0.1)
    return place
