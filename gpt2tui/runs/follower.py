"""Follows a run from outside: its journal as it grows, folded into a view."""

from __future__ import annotations

from collections.abc import Iterable

from gpt2tui.runs.events import AnyEvent, PhaseChanged, RunFinished, RunStarted, Step
from gpt2tui.runs.history import LONGEST
from gpt2tui.runs.journal import event_reader, journal_bytes, last_events, skim_events
from gpt2tui.runs.run import Run
from gpt2tui.runs.series import COLUMNS, Series
from gpt2tui.runs.view import RECENT, RunView, State

_SOON = 8 << 20
"""Bytes of a journal that are read at once; a longer one is opened from the series first."""
_AT_ONCE = 4 << 20
"""Bytes of a journal that one poll takes, so that a viewer that was away for long is not held up."""


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
        self._is_gone = False
        self.is_caught_up = False
        self._reader = event_reader(run.events_file)

    def open(self) -> None:
        """Read all of a short journal; of a long one only what the series tells."""
        if journal_bytes(self.run.events_file) <= _SOON:
            self.catch_up()
        else:
            self.glance()

    def glance(self) -> None:
        """Take the state from the ends of the journal, and steps from the series, so that there is something to see.

        A series that is not there is not made, which would take as long as reading the whole journal.
        """
        view = RunView(self.config)
        view.fold(self._turns())
        self.view = view
        try:
            series = Series(self.run.series_file)
        except (OSError, ValueError):
            return
        columns = [series[name] for name in COLUMNS]
        count = len(series)
        shown = sorted({*range(0, count, max(1, count // LONGEST)), *range(max(0, count - RECENT), count)})
        view.fold(_steps([column[index] for column in columns] for index in shown))

    def _turns(self) -> Iterable[AnyEvent]:
        """The start, and what the last lines of the journal say of phases and the end."""
        start = next(event_reader(self.run.events_file).poll(), None)
        if isinstance(start, RunStarted):
            yield start
        last_step, has_turned = None, False
        for event in last_events(self.run.events_file):
            if isinstance(event, RunStarted | PhaseChanged | RunFinished):
                has_turned = True
                yield event
            elif isinstance(event, Step):
                last_step = event
        if last_step and not has_turned:
            yield PhaseChanged(time=last_step.time, phase="training")

    def catch_up(self) -> None:
        """Read the whole journal, most of its steps unseen; the view is replaced when that is done."""
        view = RunView(self.config)
        reader = event_reader(self.run.events_file)
        view.fold(skim_events(self.run.events_file, recent=RECENT, spread=LONGEST, reader=reader))
        self.view, self._reader, self.is_caught_up = view, reader, True

    def poll(self) -> list[AnyEvent]:
        """The events that were written since, already folded into the view; of very many the first.

        Raises:
            OSError: the journal cannot be read any further now.
        """
        if not self.is_caught_up:
            return []
        events, start = [], self._reader.offset
        for event in self._reader.poll():
            events.append(event)
            if self._reader.offset - start >= _AT_ONCE:
                break
        self.view.fold(events)
        return events

    def look(self) -> bool:
        """Ask anew whether the run is there and lives; whether that changed. What cannot be asked has not changed."""
        before = self.is_alive, self._is_gone
        self.is_alive, self._is_gone = self.run.is_alive(unknown=self.is_alive), self.is_gone()
        return before != (self.is_alive, self._is_gone)

    def is_gone(self) -> bool:
        """Whether the run's folder is no longer there."""
        return self.run.is_gone()

    def problem(self) -> str:
        """Why the journal cannot be read now; nothing where it can, or was not begun."""
        try:
            self.run.events_file.open("rb").close()
        except FileNotFoundError:
            return ""
        except OSError as error:
            return str(error)
        return ""

    def state(self, now: float) -> State:
        """What the run does; ``now`` in seconds since the epoch."""
        if self._is_gone:
            return "gone"
        return self.view.state(is_alive=self.is_alive, now=now)

    def log_tail(self, lines: int = 8) -> list[str]:
        """The last lines of what the training process printed."""
        try:
            with self.run.log_file.open("rb") as file:
                file.seek(max(0, file.seek(0, 2) - 16_384))
                return file.read().decode(errors="replace").splitlines()[-lines:]
        except OSError:
            return []


def _steps(records: Iterable[list[float]]) -> Iterable[Step]:
    whole = ("step", "tokens")
    for record in records:
        values = dict(zip(COLUMNS, record, strict=True))
        yield Step(**{name: int(value) if name in whole else value for name, value in values.items()})  # type: ignore[arg-type]
