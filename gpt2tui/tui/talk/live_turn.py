"""A turn as it is made: what was asked, and what the generation child has told so far."""

from __future__ import annotations

import os
import time as clock
from array import array
from typing import Literal

import msgspec

from gpt2tui.runs.dialogue import Failed, Finish, Finished, Loaded, Prompted, Reply, Token
from gpt2tui.runs.sampling import SamplingSettings
from gpt2tui.runs.transcript import Turn
from gpt2tui.tui.widgets.turn_text import TurnText

END_OF_TEXT = "<|endoftext|>"
State = Literal["waiting", "streaming", "finished", "failed"]
Kind = Literal["prompt", "kept", "drawn"]
"""Whose a token is: the person's, an earlier turn's that this one branched from, or this turn's own."""

_replies = msgspec.msgpack.Decoder(Token)


class Kept(msgspec.Struct, frozen=True):
    """The exact tokens that a branch goes on from: those of the prompt, and those behind it with their odds."""

    prompt_ids: list[int]
    ids: list[int]
    texts: list[str]
    odds: list[float]


class LiveTurn:
    """One prompt and its continuation, as pieces of text: those of the prompt, then one a token.

    The child's replies are kept packed: with their alternatives they are a kilobyte a token. Tokens come at any
    time, also in the middle of a frame: ``text``, which is drawn, grows only by ``bring_to_date``.
    """

    def __init__(
        self,
        prompt: str,
        settings: SamplingSettings,
        *,
        kept: Kept | None = None,
        replaces: str | None = None,
        is_ascii: bool = False,
    ) -> None:
        self.prompt = prompt
        self.settings = settings
        self.time = clock.time()
        self.replaces = replaces
        """The id of the recorded turn that this one was made in place of."""
        self.record_id = os.urandom(4).hex()
        """The id under which the run's transcripts keep this one."""
        self.state: State = "waiting"
        self.can_be_repeated = True
        """Whether what wrote it can be loaded again, where it failed."""
        self.news = ""
        """What is waited for, or what went wrong."""
        self.checkpoint = ""
        self.step: int | None = None
        self.device = self.dtype = ""
        self.seed = settings.seed
        self.finish: Finish | None = None
        self.tokens_per_second: float | None = None
        self.seconds_to_first_token: float | None = None
        self.seconds = 0.0
        self.dropped = 0
        self.prompt_ids: list[int] = kept.prompt_ids if kept else []
        self.ids = list(kept.ids) if kept else []
        """The tokens behind the prompt."""
        self._kept = len(self.ids)
        self._is_ascii = is_ascii
        self._prompt_texts = [prompt]
        self._texts = list(kept.texts) if kept else []
        self._arrived: list[str] = []
        """What tokens brought that ``text`` does not have yet."""
        self._odds = array("d", kept.odds if kept else [])
        self._replies: list[bytes] = []
        self._asked = 0.0
        self.text = TurnText()
        self._draw_anew()

    @classmethod
    def of(cls, record: Turn, *, is_ascii: bool = False) -> LiveTurn:
        """A turn that a transcript has kept; of its tokens the alternatives are not known."""
        kept = Kept(record.prompt_tokens, record.tokens, record.texts, record.probabilities)
        turn = cls(record.prompt, record.settings, kept=kept, replaces=record.replaces, is_ascii=is_ascii)
        turn._kept = record.kept
        turn._add_to_last(record.text[len("".join(record.texts)) :])
        turn.record_id, turn.time, turn.state, turn.finish = record.id, record.time, "finished", record.finish
        turn.checkpoint, turn.step, turn.device, turn.dtype = (
            record.checkpoint,
            record.step,
            record.device,
            record.dtype,
        )
        turn.seconds, turn.tokens_per_second = record.seconds, record.tokens_per_second
        turn.seconds_to_first_token = record.seconds_to_first_token
        return turn

    # What is asked and told

    @property
    def asked_tokens(self) -> list[int] | None:
        """The exact tokens to continue, where they are given; else it is the prompt."""
        return [*self.prompt_ids, *self.ids] if self._kept else None

    def ask(self, loaded: Loaded, *, now: float) -> None:
        """It is put to this model, at a time in seconds."""
        self._asked = now
        self.checkpoint, self.step = loaded.checkpoint, loaded.step
        self.device, self.dtype = loaded.device, loaded.dtype
        self.news = "reading the prompt"

    def take(self, reply: Reply, *, now: float) -> None:
        """Take a reply, at a time in seconds; once it is over nothing changes it any more."""
        if self.is_over:
            return
        match reply:
            case Prompted():
                self.state, self.news = "streaming", ""
                self.seed, self.dropped = reply.seed, reply.dropped
                if not self._kept:
                    self.prompt_ids = reply.tokens
                self._prompt_texts = reply.texts[: len(self.prompt_ids)]
                self._texts = reply.texts[len(self.prompt_ids) :]
                self._draw_anew()
            case Token():
                if not self._replies:
                    self.seconds_to_first_token = now - self._asked
                self._replies.append(msgspec.msgpack.encode(reply))
                self.ids.append(reply.token)
                self._texts.append(reply.text)
                self._odds.append(reply.probability)
                self._arrived.append(reply.text)
            case Finished():
                self._add_to_last(reply.text)
                self.state, self.finish = "finished", reply.finish
                self.seconds, self.tokens_per_second = reply.seconds, reply.tokens_per_second
                self.seconds_to_first_token = reply.seconds_to_first_token
            case Failed():
                self.fail(reply.text)

    def stop(self, *, now: float) -> None:
        """It ends here, whatever the child may still have drawn."""
        if self.drawn:
            self.seconds = now - self._asked
            since_first = self.seconds - (self.seconds_to_first_token or 0.0)
            self.tokens_per_second = (self.drawn - 1) / since_first if self.drawn > 1 else None
        self.state, self.finish, self.news = "finished", "stopped", ""

    def fail(self, text: str) -> None:
        """It went wrong; what came so far stays."""
        self.state, self.news = "failed", text

    def bring_to_date(self) -> None:
        """Let ``text`` have all that has come."""
        self.text.append(self._arrived)
        self._arrived = []

    # What it holds

    @property
    def is_over(self) -> bool:
        return self.state in ("finished", "failed")

    @property
    def kept(self) -> int:
        """How many of its tokens were there before: taken over from another turn, the last of them chosen by hand."""
        return self._kept

    @property
    def drawn(self) -> int:
        """How many tokens were drawn for it."""
        return len(self.ids) - self._kept

    @property
    def drawn_in_text(self) -> int:
        """How many of them ``text`` has."""
        return self.drawn - len(self._arrived)

    @property
    def continuation(self) -> str:
        """The text behind the prompt as the model wrote it, with what a branch kept."""
        return "".join(self._texts)

    def token_text(self, token: int) -> str:
        """What a token of ``text`` stands for; the one that ended it is seen in no text."""
        is_end = self.finish == "end_of_text" and token - self.first_token == len(self.ids) - 1
        return END_OF_TEXT if is_end else self.text.plain[slice(*self.text.span(token))]

    @property
    def whole_text(self) -> str:
        """Prompt and continuation."""
        return self.prompt + self.continuation

    def record(self) -> Turn | None:
        """What is to be kept of it; None where nothing was drawn."""
        if not self.drawn or self.step is None:
            return None
        return Turn(
            id=self.record_id,
            time=self.time,
            replaces=self.replaces,
            kept=self._kept,
            checkpoint=self.checkpoint,
            step=self.step,
            device=self.device,
            dtype=self.dtype,
            prompt=self.prompt,
            prompt_tokens=self.prompt_ids,
            settings=msgspec.structs.replace(self.settings, seed=self.seed),
            tokens=self.ids,
            texts=self._texts,
            probabilities=list(self._odds),
            text=self.continuation,
            finish=self.finish or "stopped",
            seconds=self.seconds,
            seconds_to_first_token=self.seconds_to_first_token,
            tokens_per_second=self.tokens_per_second,
        )

    # Its pieces, numbered as in ``text``

    @property
    def first_token(self) -> int:
        """The piece of the first token behind the prompt."""
        return len(self._prompt_texts)

    def kind(self, piece: int) -> Kind:
        """Whose a piece is."""
        index = piece - len(self._prompt_texts)
        return "prompt" if index < 0 else "kept" if index < self._kept else "drawn"

    def probability(self, piece: int) -> float | None:
        """The model's own probability of a token; None for the prompt."""
        index = piece - len(self._prompt_texts)
        return self._odds[index] if 0 <= index < len(self._odds) else None

    def reply(self, piece: int) -> Token | None:
        """What the child told of a token, with its alternatives; None where that is not known."""
        index = piece - len(self._prompt_texts) - (len(self.ids) - len(self._replies))
        return _replies.decode(self._replies[index]) if 0 <= index < len(self._replies) else None

    def kept_tokens(self) -> Kept | None:
        """The exact tokens that it went on from, where it is a branch."""
        end = self._kept
        if not end:
            return None
        return Kept(list(self.prompt_ids), self.ids[:end], self._texts[:end], list(self._odds[:end]))

    def before(self, piece: int, instead: int, odds: float) -> Kept:
        """What is before a token, and another token in its place with the odds it had."""
        count = piece - len(self._prompt_texts)
        return Kept(
            list(self.prompt_ids), [*self.ids[:count], instead], [*self._texts[:count], ""], [*self._odds[:count], odds]
        )

    def _add_to_last(self, rest: str) -> None:
        if rest and self._texts:
            self._texts[-1] += rest
            self._draw_anew()

    def _draw_anew(self) -> None:
        self.text = TurnText(is_ascii=self._is_ascii)
        self.text.append([*self._prompt_texts, *self._texts])
        self._arrived = []
