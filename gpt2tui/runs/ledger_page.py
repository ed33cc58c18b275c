"""What is known of one run in the ledger, and by which state of its files it is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec

from gpt2tui.errors import Gpt2TuiError
from gpt2tui.runs.config import RunConfig
from gpt2tui.runs.entry import Entry
from gpt2tui.runs.files import Signature, signature
from gpt2tui.runs.follower import Follower
from gpt2tui.runs.run import Label, Run

SIZE_SECONDS = 30.0
"""A run that lives is measured anew no more often than this."""


class Page:
    """One run. While it lives its journal is followed; of one that rests only the entry is kept."""

    def __init__(self, run: Run, work: Counter[str]) -> None:
        self.run = run
        self.label = Label()
        self.size: int | None = None
        self._work = work
        self._is_alive = False
        self._config: RunConfig | None = None
        self._follower: Follower | None = None
        self._entry: Entry | None = None
        self._shown: Entry | None = None
        self._shown_of: Entry | None = None
        self._seen: dict[str, Signature | None] = {}
        self._measured_at = 0.0

    def look(self) -> None:
        """Read the small files that changed, and ask whether the run lives."""
        if self._has_changed(self.run.config_file):
            self._work["configs"] += 1
            self._follower = None
            self._seen.pop(self.run.events_file.name, None)
            try:
                self._config = self.run.config()
                self._entry = Entry(
                    run=self.run, state="reading", config=self._config, created=self._created(self._config)
                )
            except Gpt2TuiError as error:
                self._spoil(error)
        if self._has_changed(self.run.label_file):
            self._work["labels"] += 1
            self.label = self.run.label()
        self._is_alive = self.run.is_alive(unknown=self._is_alive)

    def is_stale(self) -> bool:
        """Whether its journal has to be looked into."""
        if self._config is None:
            return False
        name = self.run.events_file.name
        if self._is_alive or self._follower or name not in self._seen:
            return True
        return signature(self.run.events_file) != self._seen[name]

    def unread_bytes(self) -> int:
        """How much of the journal there is to read, about."""
        found = None if self._follower else signature(self.run.events_file)
        return found[1] if found else 0

    def read(self, now: float) -> Iterator[None]:
        """Take in what the journal says; yields where a long one was opened as far as its series tells."""
        # Asked before reading: what is written meanwhile changes it, and is read the next time.
        self._has_changed(self.run.events_file)
        try:
            if self._follower is None:
                self._work["journals"] += 1
                self._follower = Follower(self.run)
                if problem := self._follower.problem():
                    raise Gpt2TuiError(problem)
                self._follower.open()
                if not self._follower.is_caught_up:
                    self._entry = Entry.of(self.run, self._follower.view, "reading", is_alive=self._is_alive)
                    yield
                    self._follower.catch_up()
            else:
                self._work["polls"] += 1
                while self._follower.poll():
                    pass
        except (Gpt2TuiError, OSError) as error:
            self._spoil(error)
            return
        view = self._follower.view
        state = view.state(is_alive=self._is_alive, now=now)
        self._entry = Entry.of(self.run, view, state, is_alive=self._is_alive)
        self._entry = msgspec.structs.replace(self._entry, created=self._created(view.config))
        if not self._is_alive:
            self._follower = None

    def measure(self, now: float) -> bool:
        """Measure the run's size if what is known of it is no longer right; whether that was so."""
        if self.size is not None and now - self._measured_at < SIZE_SECONDS and self._is_alive:
            return False
        places = (self.run.events_file, self.run.checkpoints, self.run.folder)
        changed = [self._has_changed(place, purpose="size") for place in places]
        if self.size is not None and not any(changed):
            return False
        self._work["sizes"] += 1
        self._measured_at = now
        self.size = self.run.bytes()
        return True

    def entry(self) -> Entry:
        """What to show. It writes nothing that a thread which reads meanwhile would lose."""
        told, shown = self._entry, self._shown
        assert told is not None
        if shown is None or self._shown_of is not told or (shown.label, shown.size) != (self.label, self.size):
            self._shown_of = told
            self._shown = shown = msgspec.structs.replace(told, label=self.label, size=self.size)
        return shown

    def _spoil(self, error: Exception) -> None:
        self._follower = None
        self._entry = Entry(run=self.run, state="damaged", problem=str(error), is_alive=self._is_alive)

    def _created(self, config: RunConfig) -> float:
        if config.created:
            return config.created
        seen = self._seen[self.run.config_file.name]
        return seen[0] / 1e9 if seen else 0.0

    def _has_changed(self, path: Path, *, purpose: str = "") -> bool:
        key, now = purpose + path.name, signature(path)
        has_changed = key not in self._seen or self._seen[key] != now
        self._seen[key] = now
        return has_changed
