"""All runs at a glance, kept up to date: what a table of them shows, at the price of what has changed."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterator

from gpt2tui.runs.entry import Entry
from gpt2tui.runs.ledger_page import Page
from gpt2tui.runs.run import Label, Run
from gpt2tui.runs.store import RunStore


class Ledger:
    """The runs of a store. ``entries`` is a snapshot: the newest run first, damaged ones last.

    :meth:`scan` and :meth:`measure` may run in threads, one of each at a time. ``work`` counts what they did:
    configs, labels and journals read, journals polled, sizes measured.
    """

    def __init__(self, store: RunStore) -> None:
        self.entries: tuple[Entry, ...] = ()
        self.has_scanned = False
        self.work: Counter[str] = Counter()
        self._store = store
        self._pages: dict[str, Page] = {}
        self._lock = threading.Lock()

    def scan(self, now: float) -> Iterator[None]:
        """Look once at everything that may have changed; yields whenever there is more to show.

        Names come first, then what the journals say, short ones before long ones.
        """
        self._take_stock()
        if not self.has_scanned:
            self._publish()
            yield
        stale = [page for page in list(self._pages.values()) if page.is_stale()]
        for page in sorted(stale, key=Page.unread_bytes):
            for _ in page.read(now):
                self._publish()
                yield
            if not self.has_scanned:
                self._publish()
                yield
        self._publish()
        self.has_scanned = True
        yield

    def measure(self, now: float) -> Iterator[None]:
        """Measure the sizes that are not known or no longer right; yields after each."""
        for page in list(self._pages.values()):
            if page.measure(now):
                self._publish()
                yield

    def relabel(self, run: Run, label: Label) -> None:
        """Give a run another label, on the disk and here.

        Raises:
            OSError: it cannot be written.
        """
        run.set_label(label)
        if page := self._pages.get(run.id):
            page.label = label
        self._publish()

    def forget(self, run: Run) -> None:
        """Leave out a run that was deleted."""
        with self._lock:
            self._pages.pop(run.id, None)
        self._publish()

    def _take_stock(self) -> None:
        try:
            names = {name for name in os.listdir(self._store.folder) if not name.startswith(".")}
        except FileNotFoundError:
            names = set()
        except OSError:  # what is known stays: nothing says that the runs are gone
            return
        runs = [Run(self._store.folder / name) for name in names]
        found = {run.id: run for run in runs if _may_be_run(run)}
        for run in found.values():
            page = self._pages.get(run.id) or Page(run, self.work)
            page.look()
            with self._lock:
                self._pages[run.id] = page
        with self._lock:
            for gone in self._pages.keys() - found.keys():
                del self._pages[gone]

    def _publish(self) -> None:
        with self._lock:
            entries = [page.entry() for page in self._pages.values()]
            entries.sort(key=lambda entry: (entry.state != "damaged", entry.created, entry.id), reverse=True)
            self.entries = tuple(entries)


def _may_be_run(run: Run) -> bool:
    try:
        return run.config_file.is_file()
    except OSError:  # it cannot be looked into, and is listed as damaged
        return True
