"""What a terminal is sent while a text streams, frame by frame."""

from __future__ import annotations

from typing import Any

import pyte
import pytest
from textual._compositor import CompositorUpdate
from textual.app import App
from textual.screen import Screen

from gpt2tui.tui.talk import conversation
from gpt2tui.tui.widgets.turn import TurnView
from tests.tiny import tiny_run
from tests.tui.apps import until
from tests.tui.scenes import VERSE, ScriptedSpeaker
from tests.tui.talking import talking

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

    def _look(self, screen: Screen[None]) -> None:
        for view in screen.query(TurnView):
            if view.turn.drawn_in_text and (place := screen._compositor.visible_widgets.get(view)):
                region, clip = place
                content = region.shrink(view.gutter)
                rows = content.intersection(clip).line_range
                seen = [self._terminal.display[row][content.x : content.right].rstrip() for row in rows]
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


@pytest.mark.parametrize("size", [(80, 24), (40, 12)])
async def test_every_frame_shows_the_text_as_it_was_at_one_moment(store, monkeypatch, size):
    tiny_run(store.folder)
    monkeypatch.setattr(conversation, "Speaker", ScriptedSpeaker)
    frames, bursts = Frames(monkeypatch, size), list(BURSTS)
    async with talking(size=size) as talk:
        speaker = await until(talk.pilot, lambda: (child := ScriptedSpeaker.newest) and child.last("load") and child)
        speaker.tell_loaded()
        turn = await talk.send("JORY:")
        await until(talk.pilot, lambda: speaker.last("generate"))
        speaker.tell_prompt(["JORY", ":"])
        frames.grow = lambda: speaker.tell_tokens(bursts.pop(0) if bursts else [])
        speaker.tell_tokens(VERSE)
        await until(talk.pilot, lambda: not bursts)
        speaker.tell_end(turn.drawn)
        await talk.over(turn)
    assert frames.number > len(BURSTS) / 2
    assert not frames.wrong
    assert not frames.is_behind
