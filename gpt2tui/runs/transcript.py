"""What was generated from a run, kept with it: turns of a prompt and its continuation, as JSON lines."""

from __future__ import annotations

import os
import re
import time as clock
from collections.abc import Iterable

import msgspec

from gpt2tui.runs.dialogue import Finish
from gpt2tui.runs.journal import JournalReader, JournalWriter
from gpt2tui.runs.run import Run
from gpt2tui.runs.sampling import SamplingSettings
from gpt2tui.runs.turn_words import FINISHES, drawn_words, rate_words
from gpt2tui.text import one_line

_SUFFIX = ".jsonl"
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>()#+\-.!|~&])")


class Turn(msgspec.Struct, tag="turn", kw_only=True, frozen=True):
    """One prompt and what followed it.

    ``replaces`` is the turn that this one was made in place of; the first ``kept`` tokens were taken over from
    it or chosen by hand. ``texts`` and ``probabilities`` (the model's own) have an entry a token; what was
    held back when the text was stopped is in ``text`` only.
    """

    id: str = msgspec.field(default_factory=lambda: os.urandom(4).hex())
    time: float = msgspec.field(default_factory=clock.time)
    replaces: str | None = None
    kept: int = 0
    checkpoint: str
    step: int
    device: str
    dtype: str
    prompt: str
    prompt_tokens: list[int]
    settings: SamplingSettings
    tokens: list[int]
    texts: list[str]
    probabilities: list[float]
    text: str
    finish: Finish
    seconds: float
    seconds_to_first_token: float | None = None
    tokens_per_second: float | None = None


class Transcripts:
    """The transcripts of one run. What this object appends goes into a file of its own, made with the first turn."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._name = f"{clock.strftime('%Y%m%d-%H%M%S')}-{os.urandom(2).hex()}{_SUFFIX}"

    def append(self, turn: Turn) -> None:
        """Keep a turn, in one write.

        Raises:
            OSError: the disk is full, or the run is gone.
        """
        # JSON has no lone surrogates, which a terminal may send.
        prompt = turn.prompt.encode("utf-8", errors="replace").decode()
        self._run.transcripts.mkdir(exist_ok=True)
        writer = JournalWriter(self._run.transcripts / self._name, is_only_writer=True)
        try:
            writer.append([msgspec.structs.replace(turn, prompt=prompt)])
        finally:
            writer.close()

    def read(self) -> list[Turn]:
        """All turns of the run, of all sessions, the oldest first; torn lines are left out."""
        files = sorted(self._run.transcripts.glob(f"[!.]*{_SUFFIX}"))
        turns = [turn for file in files for turn in JournalReader[Turn](file, Turn).poll()]
        return sorted(turns, key=lambda turn: turn.time)


def standing(turns: Iterable[Turn]) -> list[Turn]:
    """The turns that no later one was made in place of, each where the first that it goes back to stood."""
    order: dict[str, Turn] = {}
    places: dict[str, str] = {}
    for turn in turns:
        place = places.get(turn.replaces or "", turn.id)
        places[turn.id] = place
        order[place] = turn
    return list(order.values())


def as_markdown(turns: Iterable[Turn], *, title: str) -> str:
    """The turns as a Markdown document, texts in fenced blocks that nothing in them can end."""
    parts = ["# " + _MARKDOWN.sub(r"\\\1", one_line(title))]
    for turn in turns:
        when = clock.strftime("%Y-%m-%d %H:%M:%S", clock.localtime(turn.time))
        parts += [
            f"## {when}, step {turn.step}",
            "Prompt:",
            _fenced(turn.prompt),
            "Continuation:",
            _fenced(turn.text),
            _facts(turn),
        ]
    return "\n\n".join(parts) + "\n"


def _fenced(text: str) -> str:
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    end = "" if text.endswith("\n") or not text else "\n"
    return f"{fence}text\n{text}{end}{fence}"


def _facts(turn: Turn) -> str:
    settings = turn.settings
    facts = [
        f"checkpoint {turn.checkpoint}",
        turn.device,
        turn.dtype,
        f"temperature {settings.temperature:g}",
        f"top-k {settings.top_k}" if settings.top_k else "",
        f"top-p {settings.top_p:g}" if settings.top_p < 1 else "",
        f"min-p {settings.min_p:g}" if settings.min_p else "",
        f"repetition penalty {settings.repetition_penalty:g}" if settings.repetition_penalty != 1 else "",
        f"seed {settings.seed}" if settings.seed is not None else "",
        drawn_words(len(turn.tokens) - turn.kept, kept=turn.kept),
        f"{rate_words(turn.tokens_per_second)} tokens/s" if turn.tokens_per_second else "",
        FINISHES[turn.finish],
    ]
    return " · ".join(filter(None, facts))
