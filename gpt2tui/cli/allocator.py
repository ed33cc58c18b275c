"""glibc's allocator, told to keep and reuse memory: what it gives back to the system comes again as page faults.

Measured: docs/benchmarks.md. The settings are read when a process starts, so the process starts itself anew.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

VARIABLE = "GLIBC_TUNABLES"
TUNABLES = (
    "glibc.malloc.hugetlb=1",
    "glibc.malloc.mmap_threshold=4294967296",
    "glibc.malloc.trim_threshold=17179869184",
)
_ENTRY_POINTS = {"gpt2tui", "__main__.py"}


def tune_allocator() -> None:
    """Execute this program anew with the settings, in the same process; return at once where they are set already.

    Does nothing on other systems and where ``GLIBC_TUNABLES`` says something about malloc already.
    """
    if not sys.platform.startswith("linux") or Path(sys.argv[0]).name not in _ENTRY_POINTS:
        return
    if "CS_GNU_LIBC_VERSION" not in os.confstr_names or "glibc.malloc" in os.environ.get(VARIABLE, ""):
        return
    settings = ":".join(filter(None, (os.environ.get(VARIABLE), *TUNABLES)))
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], os.environ | {VARIABLE: settings})
