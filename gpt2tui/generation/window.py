"""What the model looks at while it writes: the last tokens of every sample, and its answer to them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import torch
from torch import Tensor

from gpt2tui.model.kv_cache import KVCache
from gpt2tui.model.transformer import GPT2

_AT_ONCE = 256
"""Tokens of each sample that the model reads in one go."""


class Window:
    """At most ``context`` tokens of each sample, all samples equally many.

    When a token does not fit any more, the last half is kept (the new token in it) and read anew: learned
    positions allow no sliding. The rule is the same with a cache of keys and values and without.
    """

    def __init__(self, model: GPT2, tokens: Tensor, *, context: int, use_cache: bool) -> None:
        """Begin with ``tokens`` (samples, time), of which the last ``context`` are looked at."""
        if not 1 <= context <= model.config.block_size:
            raise ValueError(
                f"context {context} must lie between 1 and {model.config.block_size}, the model's positions"
            )
        self._model = model
        self._context = context
        self._weight = next(model.parameters())
        self._tokens = tokens[:, -context:].to(self._weight.device)
        self._use_cache = use_cache
        self._cache: KVCache | None = None

    @property
    def room(self) -> int:
        """How many tokens more fit before the last half is read anew."""
        return self._context - self._tokens.shape[1]

    def logits(self) -> Tensor:
        """Scores (samples, vocabulary) of the token that follows the window, in the model's dtype."""
        return self.logits_along([])[:, 0]

    @torch.inference_mode()
    def logits_along(self, draft: Sequence[int]) -> Tensor:
        """Scores (samples, 1 + draft, vocabulary) of what follows the window, and then each token of a draft.

        The draft must fit, and is forgotten but for what is appended of it.
        """
        cache = self._filled()
        if cache is not None:
            # Of what was read for the last draft all is true that was appended, but not the newest token.
            cache.length = min(cache.length, self._tokens.shape[1] - 1)
        # A long prompt is read in parts, so that no single product of it keeps a stop waiting.
        while cache is not None and self._tokens.shape[1] - cache.length > _AT_ONCE:
            self._model.hidden(self._tokens[:, cache.length : cache.length + _AT_ONCE], cache)
        read = cache.length if cache is not None else 0
        guess = torch.tensor([draft] * len(self._tokens), dtype=torch.long, device=self._tokens.device)
        # (samples, unread, width)
        hidden = self._model.hidden(torch.cat((self._tokens[:, read:], guess), dim=1), cache)
        return self._model.logits(hidden[:, -1 - len(draft) :])

    def append(self, tokens: Tensor) -> None:
        """Add the next token (samples,) of every sample."""
        following = torch.cat((self._tokens, tokens[:, None].to(self._tokens.device)), dim=1)
        if following.shape[1] > self._context:
            following = following[:, -max(1, self._context // 2) :]
            if self._cache is not None:
                self._cache.length = 0
        self._tokens = following

    def _filled(self) -> KVCache | None:
        """The cache, made when it is first needed, with room for the context only."""
        if self._use_cache and self._cache is None:
            shape = msgspec.structs.replace(self._model.config, block_size=self._context)
            self._cache = KVCache(shape, len(self._tokens), device=self._weight.device, dtype=self._weight.dtype)
        return self._cache
