"""A loaded model that answers one prompt after the other, and can be interrupted at any layer."""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import torch
from torch import nn

from gpt2tui.checkpoints.folder import CheckpointFolder
from gpt2tui.corpus.bpe import END_OF_TEXT, Tokenizer
from gpt2tui.errors import OutOfMemoryError, UsageError
from gpt2tui.generation.alternatives import best_alternatives, drawn_probability
from gpt2tui.generation.channel import Stopped
from gpt2tui.generation.decoder import TextDecoder
from gpt2tui.generation.drafts import Drafts
from gpt2tui.generation.loading import MOST_THREADS, WEIGHTS, choose_place, load_for_decoding
from gpt2tui.generation.stream import Odds
from gpt2tui.generation.text import continue_tokens
from gpt2tui.generation.window import Window
from gpt2tui.model.device import is_out_of_memory
from gpt2tui.model.transformer import GPT2
from gpt2tui.runs.dialogue import Finish, Finished, Generate, Load, Loaded, Loading, Prompted, Reply, Token
from gpt2tui.runs.run import Run
from gpt2tui.runs.sampling import SamplingSettings

_THREADS = torch.get_num_threads()  # as torch found the machine, before any load set another number


class Conversation:
    """A model and its tokenizer, to be asked.

    ``check`` is called before every layer's parts, also while a long prompt is read, and ends the request by
    raising :class:`Stopped`.
    """

    def __init__(
        self,
        model: GPT2,
        tokenizer: Tokenizer,
        *,
        context: int,
        check: Callable[[], None],
        drafts: Drafts | None = None,
    ) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._context = context
        self._drafts = drafts
        for part in model.modules():
            if isinstance(part, nn.Linear | nn.LayerNorm):
                part.register_forward_pre_hook(lambda part, inputs: check())

    @classmethod
    def load(
        cls, request: Load, reply: Callable[[Reply], None], check: Callable[[], None], *, began: float
    ) -> Conversation:
        """Load what is asked for, telling how far it is, and how long it took since ``began`` (perf_counter).

        Raises:
            Stopped: by ``check``.
            UsageError: no such checkpoint, device or dtype, or a wrong number of threads.
            OutOfMemoryError: it does not fit.
            Gpt2TuiError: the run or the checkpoint is damaged.
        """
        if request.threads is not None and request.threads < 1:
            raise UsageError(f"threads must be at least 1, not {request.threads}")
        run = Run(Path(request.run))
        config = run.config()
        checkpoint = CheckpointFolder(run.checkpoints).find(request.checkpoint)
        step = checkpoint.state().step
        check()
        reply(Loading.at(request.id, "device"))
        torch.set_num_threads(request.threads or min(_THREADS, MOST_THREADS))
        device, dtype = choose_place(request.device, request.dtype)
        check()
        with _memory(f"checkpoint {checkpoint.name} of run {run.id} does not fit into memory on {device}"):
            reply(Loading.at(request.id, "weights"))
            model = load_for_decoding(config, checkpoint, device=device, dtype=WEIGHTS[dtype])
            check()
            reply(Loading.at(request.id, "tokenizer"))
            loaded = cls(model, Tokenizer(), context=config.block_size, check=check, drafts=Drafts.of(run))
            check()
            # Weights that are mapped are read from the disk when they are first used.
            reply(Loading.at(request.id, "first_token"))
            Window(model, torch.zeros(1, 1, dtype=torch.long), context=1, use_cache=False).logits()
        reply(
            Loaded(
                id=request.id,
                run=run.id,
                checkpoint=checkpoint.name,
                step=step,
                device=device,
                dtype=dtype,
                threads=torch.get_num_threads(),
                parameters=config.model.parameters,
                context=config.block_size,
                seconds=time.perf_counter() - began,
            )
        )
        return loaded

    def answer(self, request: Generate, reply: Callable[[Reply], None]) -> None:
        """Continue the prompt, with a reply a token; a stop is an end like others.

        Raises:
            UsageError: the settings or tokens are wrong.
            OutOfMemoryError: memory ran out; the model can still be asked.
            Gpt2TuiError: the model's scores are not finite.
        """
        began = time.perf_counter()
        prompt = self._prompt(request)
        settings = request.settings
        if settings.seed is None:
            settings = msgspec.structs.replace(settings, seed=secrets.randbits(32))
        reply(
            Prompted(
                id=request.id,
                tokens=prompt,
                texts=self._texts(prompt),
                dropped=max(0, len(prompt) - self._context),
                seed=settings.seed or 0,
            )
        )
        finish: Finish = "stopped"
        drawn: list[int] = []
        shown = 0
        first = last = began
        try:
            with _memory("memory ran out while the model was writing"):
                for token, end in self._tokens(request.id, prompt, settings):
                    reply(token)
                    last = time.perf_counter()
                    first = first if drawn else last
                    drawn.append(token.token)
                    shown += len(token.text)
                    finish = end or finish
        except Stopped:
            pass
        reply(
            Finished(
                id=request.id,
                finish=finish,
                text=self._rest(prompt, drawn, shown) if finish == "stopped" else "",
                tokens=len(drawn),
                seconds=time.perf_counter() - began,
                seconds_to_first_token=first - began if drawn else None,
                tokens_per_second=(len(drawn) - 1) / (last - first) if len(drawn) > 1 else None,
            )
        )

    def _tokens(
        self, request: int, prompt: list[int], settings: SamplingSettings
    ) -> Iterator[tuple[Token, Finish | None]]:
        """Every token as it is told, and on the last one why the text ends."""
        seen: list[Odds] = []
        pieces = continue_tokens(
            self._model,
            self._tokenizer,
            prompt,
            settings,
            context=self._context,
            look=lambda sample, odds: seen.append(odds),
            drafts=self._drafts,
        )
        for index, piece in enumerate(pieces):
            odds = seen.pop()
            token = Token(
                id=request,
                index=index,
                token=piece.token,
                text=piece.text,
                probability=math.exp(piece.log_probability),
                drawn=drawn_probability(odds, piece.token),
                alternatives=best_alternatives(odds, self._tokenizer),
            )
            yield token, piece.finish

    def _prompt(self, request: Generate) -> list[int]:
        tokens = self._tokenizer.encode(request.prompt) if request.tokens is None else request.tokens
        vocabulary = self._model.config.vocabulary_size
        problems = request.settings.problems()
        if wrong := [token for token in tokens if not 0 <= token < vocabulary]:
            problems.append(f"token {wrong[0]} is none of the model's {vocabulary:,}")
        if problems:
            raise UsageError("; ".join(problems))
        return tokens or [END_OF_TEXT]

    def _texts(self, prompt: list[int]) -> list[str]:
        decoder = TextDecoder(self._tokenizer)
        return ["" if token == END_OF_TEXT else decoder.push(token) for token in prompt]

    def _rest(self, prompt: list[int], drawn: list[int], shown: int) -> str:
        """What of the drawn text was held back, behind its first ``shown`` characters."""
        decoder = TextDecoder(self._tokenizer, after=prompt)
        return ("".join(map(decoder.push, drawn)) + decoder.close())[shown:]


@contextmanager
def _memory(what: str) -> Iterator[None]:
    """Say in one line that memory ran out, whatever the device raises for it."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemoryError(f"{what}; end what else needs it, or choose another device or a smaller run") from error
