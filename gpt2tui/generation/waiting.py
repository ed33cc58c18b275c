"""How threads wait for each other in a process that makes tokens; to be said before torch is imported."""

from __future__ import annotations

import os

_TURNS = "10000"
"""Of spinning, some tenth of a millisecond, before a thread sleeps."""
_QUIET = 0.5
"""Load per core below which spinning takes nothing from anybody."""


def wait_briefly() -> None:
    """Let threads that wait sleep, on a quiet machine only after they have spun for a moment.

    A token has some fifty products, and waking a thread for each takes a third of its time. Beside other work, spinning
    takes more than that from both (docs/LOG.md). What the environment says already stays.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if _is_quiet():
        os.environ.setdefault("GOMP_SPINCOUNT", _TURNS)


def _is_quiet() -> bool:
    try:
        return os.getloadavg()[0] < _QUIET * (os.cpu_count() or 1)
    except OSError:  # where the system does not tell
        return False
