"""The columns of the table of runs: what stands in them, how they sort, and which go first when it is narrow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from rich.cells import cell_len, set_cell_size

from gpt2tui.runs.entry import Entry
from gpt2tui.text import byte_size, duration, loss_text, one_line
from gpt2tui.tui.glyphs import Glyphs
from gpt2tui.tui.widgets.state import state_colour, state_sign

_FIRST_TO_GO = ("size", "target", "preset", "corpus", "age", "step", "running loss", "best loss")
_STATES = (
    "training",
    "evaluating",
    "saving",
    "compiling",
    "starting",
    "paused",
    "stalled",
    "reading",
    "new",
    "crashed",
)
"""In the order of their sorting; ends come after them, damage last."""


class Column(NamedTuple):
    """One column. ``key`` is what it sorts by, smallest first; None goes last, whatever the direction."""

    name: str
    key: Callable[[Entry], Any]
    is_right: bool = False
    least: int = 0
    """Cells it may shrink to, where it may."""
    most: int = 1_000
    starts_with_largest: bool = False


COLUMNS = (
    Column("state", lambda entry: _state_order(entry)),
    Column("name", lambda entry: entry.name.casefold(), least=14, most=40),
    Column("preset", lambda entry: entry.config and entry.config.preset, most=12),
    Column("corpus", lambda entry: entry.config and entry.config.corpus.name.casefold(), least=10, most=24),
    Column("step", lambda entry: entry.steps, is_right=True, starts_with_largest=True),
    Column("running loss", lambda entry: entry.step and entry.step.running_loss, is_right=True),
    Column("best loss", lambda entry: entry.best_corpus_loss, is_right=True),
    Column("target", lambda entry: entry.target_loss, is_right=True),
    Column("age", lambda entry: -entry.created if entry.created else None, is_right=True),
    Column("size", lambda entry: entry.size, is_right=True, starts_with_largest=True),
)
BY_NAME = {column.name: column for column in COLUMNS}


class Sorting(NamedTuple):
    """By which column, and whether against its natural direction."""

    column: str = "age"
    is_reversed: bool = False

    def is_descending(self) -> bool:
        """Whether the largest value is on top."""
        return BY_NAME[self.column].starts_with_largest != self.is_reversed

    def arranged(self, entries: Iterable[Entry]) -> list[Entry]:
        """The entries in order: pinned ones first, then those with a value, damaged ones last."""
        key = BY_NAME[self.column].key
        known: list[Entry] = []
        unknown: list[Entry] = []
        for entry in entries:
            (unknown if key(entry) is None else known).append(entry)
        known.sort(key=key, reverse=self.is_descending())
        return sorted([*known, *unknown], key=lambda entry: (entry.state == "damaged", not entry.label.pinned))


def is_fitting(entry: Entry, words: str) -> bool:
    """Whether each of the words is part of a run's name, id, preset, corpus or state."""
    config = entry.config
    parts = [entry.name, entry.id, entry.short_state, entry.state, "pinned" if entry.label.pinned else ""]
    if config:
        parts += [config.preset or "", config.corpus.name]
    if entry.is_alive:
        parts.append("alive")
    text = "\n".join(parts).casefold()
    return all(word in text for word in words.casefold().split())


def cells(entry: Entry, now: float, glyphs: Glyphs) -> dict[str, str]:
    """What stands in each column, safe to be drawn."""
    config, is_damaged = entry.config, entry.state == "damaged"
    return {
        "state": f"{sign(entry, glyphs)} {entry.short_state}",
        "name": shown(entry.name, glyphs),
        "preset": shown(config.preset or "-", glyphs) if config else "-",
        "corpus": shown(config.corpus.name, glyphs) if config else "-",
        "step": "-" if is_damaged else f"{entry.steps:,}",
        "running loss": loss_text(entry.step.running_loss if entry.step else None),
        "best loss": loss_text(entry.best_corpus_loss),
        "target": "-" if entry.target_loss is None else f"{entry.target_loss:g}",
        "age": age(entry, now),
        "size": "" if entry.size is None else byte_size(entry.size),
    }


def sign(entry: Entry, glyphs: Glyphs) -> str:
    """The sign of a run's state."""
    if entry.state == "damaged":
        return glyphs.bad
    return glyphs.resting if entry.state == "reading" else state_sign(entry, entry.state, glyphs)


def colour(entry: Entry) -> str:
    """The theme variable of a run's state."""
    if entry.state == "damaged":
        return "$error"
    return "$foreground-muted" if entry.state == "reading" else state_colour(entry, entry.state)


def age(entry: Entry, now: float) -> str:
    """How long ago it began, in the largest unit."""
    if not entry.created:
        return "-"
    return " ".join(duration(max(1.0, now - entry.created)).split(" ")[:2])


def shown(text: str, glyphs: Glyphs) -> str:
    """Untrusted text on one line, in the characters that may be drawn."""
    return drawable(one_line(text), glyphs)


def drawable(text: str, glyphs: Glyphs) -> str:
    """Text in the characters that may be drawn."""
    return text.encode("ascii", "backslashreplace").decode("ascii") if glyphs.is_ascii else text


def cut(text: str, width: int, glyphs: Glyphs, *, keeps_end: bool = False) -> str:
    """A line of text in so many cells at most; where it is longer, that is shown."""
    if cell_len(text) <= width:
        return text
    if keeps_end:
        return glyphs.ellipsis + text[len(text) - max(0, width - cell_len(glyphs.ellipsis)) :]
    return set_cell_size(text, max(0, width - cell_len(glyphs.ellipsis))).rstrip() + glyphs.ellipsis


def widths(rows: Iterable[Mapping[str, str]], available: int, *, gap: int, sorted_by: str) -> dict[str, int]:
    """The columns that fit into so many cells, with their widths; names and corpora shrink before others go."""
    natural = {column.name: cell_len(column.name) + 2 * (column.name == sorted_by) for column in COLUMNS}
    for row in rows:
        for name, text in row.items():
            natural[name] = max(natural[name], cell_len(text))
    natural = {name: min(width, BY_NAME[name].most) for name, width in natural.items()}
    least = {name: min(width, BY_NAME[name].least or width) for name, width in natural.items()}
    taken = [name for name in least if name not in _FIRST_TO_GO]
    left = available - sum(least[name] for name in taken) - gap * (len(taken) - 1)
    for name in reversed(_FIRST_TO_GO):
        if least[name] + gap <= left:
            left -= least[name] + gap
            taken.append(name)
    return _filled({name: width for name, width in least.items() if name in taken}, natural, left)


def _filled(least: dict[str, int], natural: dict[str, int], left: int) -> dict[str, int]:
    """Names and corpora as wide as they are, as far as there is room; names narrower where there is none at all."""
    for name in ("name", "corpus"):
        if name in least:
            more = max(min(natural[name] - least[name], left), 4 - least[name])
            least[name] += more
            left -= more
    return least


def _state_order(entry: Entry) -> tuple[int, str]:
    known: Sequence[str] = _STATES
    return known.index(entry.state) if entry.state in known else len(known), entry.short_state
