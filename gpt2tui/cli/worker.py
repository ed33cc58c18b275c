"""A training process that the app started: it says which run it has, and then belongs to the run's directory alone."""

from __future__ import annotations

import faulthandler
import os
import sys
from collections.abc import Generator, Iterator
from contextlib import suppress

import msgspec

from gpt2tui.runs.events import AnyEvent
from gpt2tui.runs.run import Run


def moving_in(run: Run, events: Iterator[AnyEvent]) -> Generator[AnyEvent, None, None]:
    """The events, unchanged. With the first one the run is announced on stdout, one line of JSON; from then on all
    output, also of C code, is appended to the run's ``worker.log``. What goes wrong before is told where it was.
    """
    first = next(events)
    line = msgspec.json.encode({"run": str(run.folder)}) + b"\n"
    with suppress(OSError):  # nobody waits for it any more: the run goes on all the same
        os.write(sys.stdout.fileno(), line)
    log = os.open(run.log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
        os.dup2(log, stream.fileno())
    os.close(log)
    faulthandler.enable()
    yield first
    yield from events
