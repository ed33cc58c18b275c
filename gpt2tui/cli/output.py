"""What every command prints with: consoles, JSON, human numbers, and untrusted text made safe to look at."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TextIO

from gpt2tui.text import one_line

if TYPE_CHECKING:
    from rich.console import Console

_UNBOUNDED = 100_000
"""Columns of a console that is no terminal: nothing is ever cut to fit."""


def stdout_console() -> Console:
    """A console for data. NO_COLOR, FORCE_COLOR, TERM and COLUMNS are heeded; a pipe has no width."""
    return _console(sys.stdout)


def stderr_console() -> Console:
    """A console for narration."""
    return _console(sys.stderr)


def _console(stream: TextIO) -> Console:
    from rich.console import Console

    be_lenient(stream)
    width = None if stream.isatty() else _UNBOUNDED
    return Console(file=stream, width=width, highlight=False, markup=False, emoji=False)


def be_lenient(stream: TextIO) -> None:
    """Let a stream that is not UTF-8 show what it cannot encode as ``\\u2026``, where it would raise."""
    if not is_unicode(stream) and hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="backslashreplace")


def frame_width(console: Console) -> int:
    """Columns for a drawing: those of the terminal, or 80 where there is none, unless COLUMNS says otherwise."""
    if console.width != _UNBOUNDED:
        return console.width
    columns = os.environ.get("COLUMNS", "")
    return max(40, int(columns)) if columns.isdigit() else 80


def is_unicode(stream: TextIO) -> bool:
    """Whether a stream takes more than ASCII."""
    return (getattr(stream, "encoding", None) or "ascii").lower().replace("-", "").startswith("utf")


def put(text: str = "") -> None:
    """A line on stdout. (typer.echo writes UTF-8 to a terminal that says it is ASCII.)"""
    be_lenient(sys.stdout)
    print(text, flush=True)


def narrate(text: str) -> None:
    """A line of the program's own on stderr; whatever text of others is in it cannot steer the terminal."""
    be_lenient(sys.stderr)
    print(f"gpt2tui: {one_line(text)}", file=sys.stderr, flush=True)


def abandon(stream: TextIO) -> None:
    """Nobody reads a stream any more: let the interpreter not trip over it when it flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def print_json(value: Any) -> None:
    """One object on stdout, numbers as they are, in UTF-8 whatever the terminal says: that is JSON's encoding."""
    import msgspec

    sys.stdout.flush()
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")
    sys.stdout.buffer.flush()


def print_table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: Sequence[str] = (),
    first_to_go: Sequence[str] = (),
    broken: int = 1,
) -> None:
    """A table of plain aligned text; the columns named in ``right`` are aligned to the right.

    On a terminal that is too narrow, the columns of ``first_to_go`` are left out one by one, in that order, and then
    the last ``broken`` ones, as far as they are text, are broken into lines; into a pipe goes all of it.
    """
    from rich.table import Table

    console = stdout_console()
    boundless = console.options.update(width=_UNBOUNDED)
    left_out: set[str] = set()
    for name in (None, *first_to_go):
        if name is not None:
            left_out.add(name)
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        shown = [index for index, column in enumerate(head) if column not in left_out]
        for index in shown:
            column = head[index]
            is_right = column in right
            is_broken = index in shown[-broken:] and not is_right
            table.add_column(column, justify="right" if is_right else "left", no_wrap=not is_broken, overflow="fold")
        for row in rows:
            table.add_row(*(row[index] for index in shown))
        if console.measure(table, options=boundless).maximum <= console.width:
            break
    with console.capture() as capture:
        console.print(table)
    for line in capture.get().splitlines():
        put(line.rstrip())
