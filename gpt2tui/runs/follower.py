"""Follows a run from outside: its journal as it grows, folded into a view."""

from __future__ import annotations

from collections.abc import Iterable

from gpt2tui.runs.events import AnyEvent, Step
from gpt2tui.runs.history import LONGEST
from gpt2tui.runs.journal import event_reader, skim_events
from gpt2tui.runs.run import Run
from gpt2tui.runs.series import COLUMNS
from gpt2tui.runs.view import RECENT, RunView, State

_SOON = 8 << 20
"""Bytes of a journal that are read at once; a longer one is opened from the series first."""


class Follower:
    """A run and the view of it, kept up to date by :meth:`poll`.

    A journal of many steps is opened in two stages: :meth:`glance` shows what the series holds, in milliseconds,
    and :meth:`catch_up`, which may run in a thread, reads all the rest.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.config = run.config()
        self.view = RunView(self.config)
        self.is_alive = run.is_alive()
        self.is_caught_up = False
        self._reader = event_reader(run.events_file)

    def open(self) -> None:
        """Read all of a short journal; of a long one only what the series tells."""
        if not self.run.events_file.is_file() or self.run.events_file.stat().st_size <= _SOON:
            self.catch_up()
        else:
            self.glance()

    def glance(self) -> None:
        """Take the last steps, and some of all before, from the series, so that there is something to see."""
        try:
            series = self.run.series()
        except (OSError, ValueError):
            return
        columns = [series[name] for name in COLUMNS]
        count = len(series)
        shown = sorted({*range(0, count, max(1, count // LONGEST)), *range(max(0, count - RECENT), count)})
        view = RunView(self.config)
        view.fold(_steps([column[index] for column in columns] for index in shown))
        self.view = view

    def catch_up(self) -> None:
        """Read the whole journal, most of its steps unseen; the view is replaced when that is done."""
        view = RunView(self.config)
        reader = event_reader(self.run.events_file)
        view.fold(skim_events(self.run.events_file, recent=RECENT, spread=LONGEST, reader=reader))
        self.view, self._reader, self.is_caught_up = view, reader, True

    def poll(self) -> list[AnyEvent]:
        """The events that were written since, already folded into the view."""
        if not self.is_caught_up:
            return []
        events = list(self._reader.poll())
        self.view.fold(events)
        return events

    def look(self) -> bool:
        """Ask anew whether the run lives; whether that changed."""
        was_alive, self.is_alive = self.is_alive, self.run.is_alive()
        return was_alive != self.is_alive

    def state(self, now: float) -> State:
        """What the run does; ``now`` in seconds since the epoch."""
        return self.view.state(is_alive=self.is_alive, now=now)

    def log_tail(self, lines: int = 8) -> list[str]:
        """The last lines of what the training process printed."""
        try:
            with self.run.log_file.open("rb") as file:
                file.seek(max(0, file.seek(0, 2) - 16_384))
                return file.read().decode(errors="replace").splitlines()[-lines:]
        except FileNotFoundError:
            return []


def _steps(records: Iterable[list[float]]) -> Iterable[Step]:
    whole = ("step", "tokens")
    for record in records:
        values = dict(zip(COLUMNS, record, strict=True))
        yield Step(**{name: int(value) if name in whole else value for name, value in values.items()})  # type: ignore[arg-type]
