"""A run's checkpoint, loaded, and what it answers to a prompt."""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
import typer

from gpt2tui.cli.output import stderr_console
from gpt2tui.cli.run_argument import find_run
from gpt2tui.errors import OutOfMemoryError
from gpt2tui.generation.waiting import wait_briefly
from gpt2tui.runs.sampling import SamplingSettings

if TYPE_CHECKING:
    from gpt2tui.corpus.bpe import Tokenizer
    from gpt2tui.generation.drafts import Drafts
    from gpt2tui.generation.text import Piece
    from gpt2tui.model.transformer import GPT2


class Voice:
    """A loaded model and how it is to speak.

    ``origin`` says where it came from: run, checkpoint and step; ``introduction`` is told of it on stderr with the
    first piece, so that what fails before is one line there.
    """

    def __init__(
        self,
        model: GPT2,
        tokenizer: Tokenizer,
        *,
        context: int,
        settings: SamplingSettings,
        samples: int,
        drafts: Drafts | None,
        origin: dict[str, Any],
        introduction: str,
    ) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._context = context
        self._settings = settings
        self._samples = samples
        self._drafts = drafts
        self._origin = origin
        self._introduction = introduction

    def answer(self, prompt: str, take: Callable[[Piece], None], *, started: float) -> dict[str, Any]:
        """Continue the prompt, handing every piece to ``take`` as it comes; return what ``--json`` prints.

        ``started`` is the reading of ``time.perf_counter`` from which the first token is timed.

        Raises:
            OutOfMemoryError: so many samples do not fit.
            Gpt2TuiError: the model's scores are not finite.
        """
        from gpt2tui.generation.text import generate_text
        from gpt2tui.model.device import is_out_of_memory

        seed = secrets.randbits(32) if self._settings.seed is None else self._settings.seed
        settings = msgspec.structs.replace(self._settings, seed=seed)
        if self._settings.seed is None and settings.temperature > 0:
            narrate(f"seed {seed}")
        if (length := len(self._tokenizer.encode(prompt))) > self._context:
            narrate(f"the prompt has {length} tokens; the model sees the last {self._context}")
        samples: list[dict[str, Any]] = [{"text": "", "tokens": 0, "finish": None} for _ in range(self._samples)]
        first = last = 0.0
        try:
            for piece in generate_text(
                self._model,
                self._tokenizer,
                prompt,
                settings,
                context=self._context,
                samples=self._samples,
                drafts=self._drafts,
            ):
                last = time.perf_counter()
                first = first or last
                self._introduce()
                record = samples[piece.sample]
                record["text"] += piece.text
                record["tokens"] += 1
                record["finish"] = piece.finish
                take(piece)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            raise OutOfMemoryError(
                f"out of memory drawing {self._samples} samples at once; ask for fewer with --num-samples"
            ) from error
        total = sum(record["tokens"] for record in samples)
        later = total - self._samples
        rate = later / (last - first) if later else None
        narrate(
            f"{total} token{'s' * (total != 1)}, the first after {first - started:.2f} s"
            + (f", then {rate:,.1f} tokens/s" if rate else "")
        )
        return {
            "prompt": prompt,
            "samples": samples,
            **self._origin,
            "seed": seed,
            "tokens_per_second": rate,
            "seconds_to_first_token": first - started,
        }

    def _introduce(self) -> None:
        if self._introduction:
            typer.echo(self._introduction, err=True)
            self._introduction = ""


def load_voice(
    run: str,
    checkpoint: str | None,
    *,
    device: str,
    dtype: str,
    settings: SamplingSettings,
    samples: int,
    draft: bool,
    is_introduced: bool,
) -> Voice:
    """Find a run and its checkpoint, and load them; ``is_introduced`` says whether also others than a person are told
    on stderr which they are.

    Raises:
        UsageError: no such run, checkpoint, device or dtype.
        Gpt2TuiError: the checkpoint is damaged.
    """
    from gpt2tui.checkpoints.folder import CheckpointFolder

    chosen = find_run(run)
    config = chosen.config()
    found = CheckpointFolder(chosen.checkpoints).find(checkpoint)
    step = found.state().step

    wait_briefly()
    import torch

    from gpt2tui.corpus.bpe import Tokenizer
    from gpt2tui.generation.drafts import Drafts
    from gpt2tui.generation.loading import MOST_THREADS, WEIGHTS, choose_place, load_for_decoding

    torch.set_num_threads(min(torch.get_num_threads(), MOST_THREADS))
    place, format_name = choose_place(device, dtype)
    introduction = f"run {chosen.id}, checkpoint {found.name}, {place} {format_name}"
    narrate(introduction)
    model = load_for_decoding(config, found, device=place, dtype=WEIGHTS[format_name])
    return Voice(
        model,
        Tokenizer(),
        context=config.block_size,
        settings=settings,
        samples=samples,
        drafts=Drafts.of(chosen) if draft and samples == 1 else None,
        origin={"run": chosen.id, "checkpoint": found.name, "step": step},
        introduction=introduction if is_introduced and not sys.stderr.isatty() else "",
    )


def narrate(text: str) -> None:
    """Tell a person what goes on, dimly, on stderr; nobody else is told."""
    if sys.stderr.isatty():
        stderr_console().print(text, style="dim", soft_wrap=True)
