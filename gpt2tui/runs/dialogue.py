"""What the app and its generation child say to each other: one JSON object a line, tagged by ``type``.

Requests go to the child's stdin, replies come from its stdout. Every reply repeats the ``id`` of the request
it answers. One request is answered after the other: to :class:`Load` any number of :class:`Loading` and then
:class:`Loaded`; to :class:`Generate` one :class:`Prompted`, a :class:`Token` a drawn token and then
:class:`Finished`; to either instead of the rest :class:`Failed`. :class:`Stop` has no answer of its own. The
child leaves when its stdin is closed.
"""

from __future__ import annotations

from typing import Literal, Self

import msgspec

from gpt2tui.runs.sampling import SamplingSettings

Finish = Literal["length", "end_of_text", "stop", "stopped"]
"""Why a text ended: its length, ``<|endoftext|>``, a stop string, or a :class:`Stop`."""

Stage = Literal["libraries", "device", "weights", "tokenizer", "first_token"]
"""What loading is at, in this order."""

_SHARES: dict[Stage, float] = {"libraries": 0.0, "device": 0.5, "weights": 0.55, "tokenizer": 0.6, "first_token": 0.7}

FailureKind = Literal["usage", "failed", "out_of_memory", "stopped", "unexpected"]
"""``stopped`` is a loading that a :class:`Stop` ended; after ``unexpected`` the log has the details."""

ALTERNATIVES = 10
"""How many of the best tokens are told of each distribution."""


class Request(msgspec.Struct, kw_only=True, frozen=True):
    """Base of all requests. Ids are the client's choice, a new one for every ``Load`` and ``Generate``."""

    id: int


class Load(Request, tag="load", frozen=True):
    """Load a checkpoint of the run in this directory (``best``, ``last`` or a step; by default best, or last where
    it has learnt more).

    It takes the place of what was loaded, also where it fails. ``threads`` of None is what the child thinks
    best; beside a training it should be 1.
    """

    run: str
    checkpoint: str | None = None
    device: str = "auto"
    dtype: str = "auto"
    threads: int | None = None


class Generate(Request, tag="generate", frozen=True):
    """Continue ``prompt``, or exactly these ``tokens`` instead (of a :class:`Prompted` and its :class:`Token` s).

    Stop strings are looked for in what is drawn anew only.
    """

    prompt: str = ""
    tokens: list[int] | None = None
    settings: SamplingSettings = SamplingSettings()


class Stop(Request, tag="stop", frozen=True):
    """End the ``Load`` or ``Generate`` of this id, under way or waiting; nothing happens if it has ended."""


AnyRequest = Load | Generate | Stop


class Reply(msgspec.Struct, kw_only=True, frozen=True):
    """Base of all replies; ``id`` is the request's."""

    id: int


class Loading(Reply, tag="loading", frozen=True):
    """How far loading is: the stage that begins now, and the share (0 to 1) that was done before it."""

    stage: Stage
    share: float

    @classmethod
    def at(cls, request: int, stage: Stage) -> Self:
        """A loading that has come to this stage."""
        return cls(id=request, stage=stage, share=_SHARES[stage])


class Loaded(Reply, tag="loaded", frozen=True):
    """The model can be asked. ``context`` is how many tokens it looks at, ``seconds`` what loading took."""

    run: str
    """The run's id."""
    checkpoint: str
    step: int
    device: str
    dtype: str
    threads: int
    parameters: int
    context: int
    seconds: float


class Prompted(Reply, tag="prompted", frozen=True):
    """What is continued, token by token, and the seed that gives the same text again.

    Of the ``tokens`` the model does not see the first ``dropped`` ones. An empty prompt is one token,
    ``<|endoftext|>``, without a text. A token that ends inside a character has an empty text, and the
    character comes with the token that completes it, which may be the first :class:`Token`.
    """

    tokens: list[int]
    texts: list[str]
    dropped: int
    seed: int


class Alternative(msgspec.Struct, kw_only=True, frozen=True):
    """A token that might have come instead, with its probability in both distributions.

    ``drawn`` is of the distribution that was sampled, where 0 says that it was excluded; ``plain`` of the
    model's own. ``text`` is the token alone: bytes that are no whole character are U+FFFD.
    """

    token: int
    text: str
    drawn: float
    plain: float


class Token(Reply, tag="token", frozen=True):
    """One drawn token, ``index`` counting from 0.

    ``text`` is what is decided now: empty while a character is not whole or a stop string not decided, else
    with what was held back before it. The texts in a row are the whole text. ``probability`` is the model's
    own, ``drawn`` that of the distribution sampled: 1 at temperature 0. ``alternatives`` holds the ten best of
    either distribution, the token itself among them where it is one, by ``drawn`` and then by ``plain``.
    """

    index: int
    token: int
    text: str
    probability: float
    drawn: float
    alternatives: list[Alternative]

    def best(self) -> list[Alternative]:
        """The ten best of the distribution sampled; where it has fewer, the model's own best follow with 0."""
        return self.alternatives[:ALTERNATIVES]

    def best_plain(self) -> list[Alternative]:
        """The ten best of the model's own distribution."""
        return sorted(self.alternatives, key=lambda one: -one.plain)[:ALTERNATIVES]


class Finished(Reply, tag="finished", frozen=True):
    """The text has ended.

    ``text`` is what was still held back when a :class:`Stop` came: it belongs behind the last token's.
    ``seconds`` and ``seconds_to_first_token`` count from the request's beginning. ``tokens_per_second`` is the
    rate after the first token, None with fewer than two.
    """

    finish: Finish
    text: str
    tokens: int
    seconds: float
    seconds_to_first_token: float | None
    tokens_per_second: float | None


class Failed(Reply, tag="failed", frozen=True):
    """It did not work; ``text`` is one line: the thing, the cause, the way out. The child goes on."""

    kind: FailureKind
    text: str


AnyReply = Loading | Loaded | Prompted | Token | Finished | Failed


def encoded(message: Request | Reply) -> bytes:
    """The line of a message, its end included."""
    return msgspec.json.encode(message) + b"\n"


_requests: msgspec.json.Decoder[AnyRequest] = msgspec.json.Decoder(AnyRequest)
_replies: msgspec.json.Decoder[AnyReply] = msgspec.json.Decoder(AnyReply)


def decoded_request(line: bytes) -> AnyRequest:
    """The request that a line is.

    Raises:
        msgspec.DecodeError: it is none.
    """
    return _requests.decode(line)


def decoded_reply(line: bytes) -> AnyReply:
    """The reply that a line is.

    Raises:
        msgspec.DecodeError: it is none.
    """
    return _replies.decode(line)
