"""What the form says of a run that is to be started, line by line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from gpt2tui.runs.estimate import memory_words
from gpt2tui.runs.pace import Pace, Plan, time_words
from gpt2tui.text import byte_size, one_line

Level = Literal["", "warning", "error"]


class Fact(NamedTuple):
    """One line: what it is about, what is so, and whether that is a reason to think twice."""

    label: str
    words: str
    level: Level = ""


class AbsentText(NamedTuple):
    """A text that is fetched only when the run starts; ``tokens`` where they are known all the same."""

    name: str
    tokens: int | None


def estimate_facts(
    found: Mapping[str, Any], paces: Sequence[Pace], target_loss: float | None, *, absent: AbsentText | None = None
) -> list[Fact]:
    """The lines for the object that ``gpt2tui train --dry-run --json`` prints.

    With an ``absent`` text that object is about another, so that only what is said of the model is taken from it.
    """
    tokens = absent.tokens if absent else found["tokens"]
    training_tokens = tokens if absent else found["tokens_per_pass"] + 1
    times = time_words(Plan.of(found, tokens=training_tokens, target_loss=target_loss), paces)
    facts = [
        Fact("model", f"{found['parameters']:,} parameters"),
        Fact("text", _text_words(found, tokens, absent)),
        Fact("pass", _pass_words(found, training_tokens)),
        Fact("device", f"{found['device']}, {found['dtype']}"),
        Fact("memory", *_memory_words(found)),
        Fact("disk", *_disk_words(found)),
        *(Fact("" if index else "time", words) for index, words in enumerate(times)),
    ]
    return facts + [Fact("note", one_line(notice)) for notice in found["notices"] if _is_news(notice)]


def _text_words(found: Mapping[str, Any], tokens: int | None, absent: AbsentText | None) -> str:
    if absent is None:
        return f"{tokens:,} tokens, {one_line(found['corpus'])}"
    known = "tokens not known" if tokens is None else f"{tokens:,} tokens"
    return f"{known}, {one_line(absent.name)}: fetched when the run starts"


def _pass_words(found: Mapping[str, Any], tokens: int | None) -> str:
    batch, block = found["batch_size"], found["block_size"]
    shape = f"{batch} x {block} tokens each"
    if tokens is None:
        return f"not known; steps are of {shape}"
    return f"{tokens - 1:,} tokens, {(tokens - 1) / (batch * block):,.1f} steps of {shape}"


def _memory_words(found: Mapping[str, Any]) -> tuple[str, Level]:
    needed, free, total = found["memory"], found["memory_free"], found["memory_total"]
    return memory_words(needed, free, total), "error" if needed > total else "warning" if needed > free else ""


def _disk_words(found: Mapping[str, Any]) -> tuple[str, Level]:
    needed, free, checkpoint = found["disk"], found["disk_free"], found["checkpoint"]
    words = f"up to {byte_size(needed)}, {byte_size(free)} free"
    if free < 2 * checkpoint:
        return f"{words}: too little for two checkpoints of {byte_size(checkpoint)}", "error"
    return (f"{words}: too little", "warning") if free < needed else (words, "")


def _is_news(notice: str) -> bool:
    """Whether a notice says what no line above says."""
    return not notice.startswith(("no TEXT given", "cpu ", "cuda ", "mps "))
