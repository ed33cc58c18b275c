"""Why a child process died, for people."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import IO

from gpt2tui.text import one_line

_LOOKED_AT = 1 << 16
_LONGEST = 200


def obituary(code: int, log: Path) -> str:
    """One line on a generation child that left with this code (negative: the signal) without being asked."""
    if code >= 0:
        said = _last_line_in(log) or f"nothing in {log}"
        return f"the generation process ended by itself (code {code}): {said}"
    name = signal_name(-code)
    if -code == signal.SIGKILL:
        return f"the generation process was killed ({name}), most often because memory ran out"
    return f"the generation process died of {name}, {log} may say why"


def signal_name(number: int) -> str:
    """``SIGKILL`` for 9; the number in words where it has no name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def last_line(said: bytes) -> str:
    """The last line that says something, without the program's name and safe to look at; empty where there is none."""
    lines = said.decode(errors="replace").splitlines()
    return next((one_line(line).removeprefix("gpt2tui: ") for line in reversed(lines) if line.strip()), "")


def end_of(file: IO[bytes]) -> bytes:
    """The last 64 kB of a file that is open."""
    file.seek(max(0, file.seek(0, os.SEEK_END) - _LOOKED_AT))
    return file.read()


def _last_line_in(log: Path) -> str:
    try:
        with log.open("rb") as file:
            return last_line(end_of(file))[:_LONGEST]
    except OSError:
        return ""
