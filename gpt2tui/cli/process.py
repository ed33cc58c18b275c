"""What a process that computes needs before torch is imported: how its threads wait, how its memory is kept.

Measured in docs/benchmarks.md.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

ALLOCATOR = "GLIBC_TUNABLES"
TUNABLES = (
    "glibc.malloc.hugetlb=1",
    "glibc.malloc.mmap_threshold=4294967296",
    "glibc.malloc.trim_threshold=17179869184",
)
"""Memory that is given back to the system comes again as page faults, so glibc is told to keep and reuse it."""


def tune_process() -> None:
    """Let threads that wait sleep instead of spin: a training is as fast alone and several times faster on a machine
    that also does something else. What the environment says already stays.

    And execute this program anew, in the same process, with the allocator's settings, which are read when a process
    starts; at once back where they are set, on other systems, and where ``GLIBC_TUNABLES`` says something about malloc.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    script = Path(sys.argv[0])
    is_ours = script.name == "gpt2tui" or (script.name == "__main__.py" and script.parent.name == "gpt2tui")
    if not (is_ours and sys.platform.startswith("linux")):
        return
    if "CS_GNU_LIBC_VERSION" not in os.confstr_names or "glibc.malloc" in os.environ.get(ALLOCATOR, ""):
        return
    settings = ":".join(filter(None, (os.environ.get(ALLOCATOR), *TUNABLES)))
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], os.environ | {ALLOCATOR: settings})
