"""The turns of a run that its transcripts keep, shown a stretch at a time, the newest first."""

from __future__ import annotations

from gpt2tui.runs.run import Run
from gpt2tui.runs.transcript import Transcripts, Turn, standing
from gpt2tui.tui.talk.live_turn import LiveTurn

STRETCH = 50
"""Turns of the past that are shown at once."""


class History:
    """What was said with a run. Turns in whose place others were made stay on the disk and are not shown."""

    def __init__(self, run: Run, *, is_ascii: bool) -> None:
        self._transcripts = Transcripts(run)
        self._is_ascii = is_ascii
        self._unseen: list[Turn] = []

    @property
    def earlier(self) -> int:
        """How many turns are not shown yet."""
        return len(self._unseen)

    def unseen(self) -> list[Turn]:
        """The turns that are not shown yet, the oldest first."""
        return list(self._unseen)

    def latest(self) -> list[LiveTurn]:
        """Read the transcripts; the last stretch of their turns."""
        self._unseen = standing(self._transcripts.read())
        return self.before()

    def before(self) -> list[LiveTurn]:
        """The stretch before those that were given."""
        given, self._unseen = self._unseen[-STRETCH:], self._unseen[:-STRETCH]
        return [LiveTurn.of(turn, is_ascii=self._is_ascii) for turn in given]

    def keep(self, turn: LiveTurn) -> None:
        """Write a turn that is over to the disk; one in which nothing was drawn is not kept.

        Raises:
            OSError: the disk is full, or the run is gone.
        """
        if record := turn.record():
            self._transcripts.append(record)
