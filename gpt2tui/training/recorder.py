"""Writes what a trainer tells to the run's journal and series."""

from __future__ import annotations

import time

from gpt2tui.errors import Gpt2TuiError
from gpt2tui.runs.events import AnyEvent, CheckpointSaved, RunFinished, Step
from gpt2tui.runs.journal import JournalWriter
from gpt2tui.runs.run import Run
from gpt2tui.runs.series import SeriesWriter
from gpt2tui.training.reserve import Reserve
from gpt2tui.training.saver import is_disk_full

BUNCH_SECONDS = 0.1
GONE_SECONDS = 5.0
"""A run whose folder is away for longer was moved or deleted; until then a network disk may come back."""


class Recorder:
    """Steps are written in bunches at most 0.1 s apart, everything else at once. Nothing is lost on a full disk: a
    reserve is given up, so that its readers are told, and what cannot be written even so waits for the next time.
    """

    def __init__(self, run: Run) -> None:
        self._journal = JournalWriter(run.events_file, is_only_writer=True)
        self._series = SeriesWriter(run.series_file)
        self._reserve = Reserve(run.reserve_file)
        self._run = run
        self._is_series_behind = False
        self._waiting: list[AnyEvent] = []
        self._written_at = 0.0
        self._gone_since: float | None = None
        self._has_room = True

    def record(self, event: AnyEvent) -> bool:
        """Take an event; False when the disk is full, which is not known before something is written.

        Raises:
            Gpt2TuiError: the run's folder is gone, so that nothing that is learnt could be kept.
            OSError: the journal cannot be written for another reason.
        """
        self._waiting.append(event)
        if isinstance(event, Step):
            self._check_folder()
        if isinstance(event, Step) and time.monotonic() - self._written_at < BUNCH_SECONDS:
            return self._has_room
        is_written = self._write()
        self._has_room = is_written and self._reserve.take()
        if not is_written:
            self._reserve.give_up()
            is_written = self._write()
        if is_written and isinstance(event, CheckpointSaved | RunFinished):
            self._journal.sync()
        return self._has_room

    def _check_folder(self) -> None:
        if not self._run.is_gone():
            self._gone_since = None
            return
        now = time.monotonic()
        self._gone_since = self._gone_since or now
        if now - self._gone_since > GONE_SECONDS:
            raise Gpt2TuiError(
                f"the folder {self._run.folder} is gone, so nothing more can be kept; put it back and resume the run"
            )

    def close(self) -> None:
        """Write what waits, and close the files."""
        try:
            self._write()
        finally:
            self._journal.close()
            self._series.close()
            self._reserve.give_up()

    def _write(self) -> bool:
        try:
            self._journal.append(self._waiting)
            bunch, self._waiting = self._waiting, []
            if self._is_series_behind:
                self._series.close()
                self._series = SeriesWriter(self._run.series_file)  # from the journal, which is the truth
                self._is_series_behind = False
            else:
                self._is_series_behind = True
                self._series.append(bunch)
                self._is_series_behind = False
        except OSError as error:
            if is_disk_full(error):
                return False
            raise
        finally:
            self._written_at = time.monotonic()
        return True
