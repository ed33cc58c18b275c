"""GPT-2 (Radford et al., 2019): learned positions, pre-LayerNorm blocks, a head tied to the token embedding."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gpt2tui.model.dropout import Dropout, drop
from gpt2tui.model.kv_cache import KVCache
from gpt2tui.model.products import Linear
from gpt2tui.runs.model_config import ModelConfig

LAYER_NORM_EPSILON = 1e-5
INITIAL_DEVIATION = 0.02


PLAIN_ATTENTION_UP_TO = 1024
"""Tokens of a window up to which a CPU that trains keeps the weights of the attention: less work than the fused
kernel's way back, which computes them anew."""
_QUERIES = 256
"""At a time, so that keys behind all of them cost nothing: for 1,024 tokens three eighths of the work."""


def plain_attention(q: Tensor, k: Tensor, v: Tensor, dropout: float) -> Tensor:
    """Causal attention by two products and a softmax, all (batch, heads, time, head) and in the dtype of ``q``."""
    batch, heads, time, head_width = q.shape
    future = torch.full((time, time), -math.inf, dtype=q.dtype, device=q.device).triu(1)
    with torch.autocast(q.device.type, enabled=False):  # it would take the softmax to float32
        scaled, keys, values = (q / math.sqrt(head_width)).flatten(0, 1), k.flatten(0, 1), v.flatten(0, 1)
        attended = []
        for start in range(0, time, _QUERIES):
            end = min(start + _QUERIES, time)
            scores = torch.baddbmm(future[start:end, :end], scaled[:, start:end], keys[:, :end].transpose(1, 2))
            weights = drop(scores.softmax(dim=-1), dropout)  # (batch * heads, queries, end)
            attended.append(torch.bmm(weights, values[:, :end]))
    whole = attended[0] if len(attended) == 1 else torch.cat(attended, dim=1)
    return whole.view(batch, heads, time, head_width)


class Attention(nn.Module):
    """Causal self-attention; queries, keys and values come from one product."""

    def __init__(self, config: ModelConfig, dropout: Dropout) -> None:
        super().__init__()
        self.heads, self.head_width = config.heads, config.head_width
        self.c_attn = Linear(config.width, 3 * config.width)
        self.c_proj = Linear(config.width, config.width)
        self.dropout = dropout

    def forward(self, x: Tensor, cache: KVCache | None, layer: int) -> Tensor:
        batch, time, width = x.shape
        q, k, v = (
            part.view(batch, time, self.heads, self.head_width).transpose(1, 2)
            for part in self.c_attn(x).split(width, dim=2)
        )  # each (batch, heads, time, head)
        dropout = self.dropout.attention if self.training else 0.0
        # With dropout torch has no fused kernel for a CPU, and what it does instead takes longer and keeps as much.
        is_learning = cache is None and torch.is_grad_enabled()
        if is_learning and x.device.type == "cpu" and (time <= PLAIN_ATTENTION_UP_TO or dropout):
            y = plain_attention(q, k, v, dropout)
        else:
            y = self._fused(q, k, v, dropout, cache, layer)
        y = y.transpose(1, 2).reshape(batch, time, width)
        return drop(self.c_proj(y), self.dropout.projection, self.training)

    @staticmethod
    def _fused(q: Tensor, k: Tensor, v: Tensor, dropout: float, cache: KVCache | None, layer: int) -> Tensor:
        time = q.shape[2]
        mask = None
        if cache is not None:
            k, v = cache.extend(layer, k, v)  # (batch, heads, past + time, head)
            past = k.shape[2] - time
            if past and time > 1:
                mask = torch.ones(time, past + time, dtype=torch.bool, device=q.device).tril(past)
        is_causal = mask is None and time == k.shape[2]
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=is_causal, dropout_p=dropout)


class MLP(nn.Module):
    """Two linear layers around GELU."""

    def __init__(self, config: ModelConfig, dropout: Dropout) -> None:
        super().__init__()
        self.c_fc = Linear(config.width, 4 * config.width)
        self.c_proj = Linear(4 * config.width, config.width)
        self.dropout = dropout
        self.approximate = "tanh" if config.activation == "gelu_new" else "none"

    def forward(self, x: Tensor) -> Tensor:
        x = F.gelu(self.c_fc(x), approximate=self.approximate)  # (batch, time, 4 * width)
        return drop(self.c_proj(x), self.dropout.mlp, self.training)


class Block(nn.Module):
    """One layer: attention and MLP, each on a normalised copy of the residual stream."""

    def __init__(self, config: ModelConfig, dropout: Dropout) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(config.width, eps=LAYER_NORM_EPSILON)
        self.attn = Attention(config, dropout)
        self.ln_2 = nn.LayerNorm(config.width, eps=LAYER_NORM_EPSILON)
        self.mlp = MLP(config, dropout)

    def forward(self, x: Tensor, cache: KVCache | None, layer: int) -> Tensor:
        x = x + self.attn(self.ln_1(x), cache, layer)
        after: Tensor = x + self.mlp(self.ln_2(x))
        return after


class GPT2(nn.Module):
    """The whole model, made by :meth:`empty` or :meth:`initialised`. Its head is ``wte`` itself, no second matrix."""

    def __init__(self, config: ModelConfig, dropout: Dropout | None = None) -> None:
        super().__init__()
        dropout = dropout or Dropout()
        self.config = config
        self.embedding_dropout = dropout.embedding
        # nn.Embedding(...) itself would draw weights, which on the meta device imports torch._dynamo: 1.4 s.
        words = torch.empty(config.vocabulary_size, config.width)
        positions = torch.empty(config.block_size, config.width)
        self.wte = nn.Embedding.from_pretrained(words, freeze=False)  # type: ignore[no-untyped-call]
        self.wpe = nn.Embedding.from_pretrained(positions, freeze=False)  # type: ignore[no-untyped-call]
        self.h = nn.ModuleList(Block(config, dropout) for _ in range(config.layers))
        self.ln_f = nn.LayerNorm(config.width, eps=LAYER_NORM_EPSILON)
        self.head: nn.Module | None = None  # in place of the product with wte, where only to be read (decoding.py)

    @classmethod
    def empty(cls, config: ModelConfig, dropout: Dropout | None = None) -> GPT2:
        """A model without storage (on the ``meta`` device), to be allocated or loaded into."""
        with torch.device("meta"):
            return cls(config, dropout)

    def allocate(self, device: str) -> GPT2:
        """Give an empty model storage, with nothing in it yet. (``to_empty`` would import sympy: 0.4 s.)"""
        storage = {name: torch.empty(p.shape, dtype=p.dtype, device=device) for name, p in self.named_parameters()}
        self.load_state_dict(storage, assign=True)
        return self

    @classmethod
    def initialised(
        cls,
        config: ModelConfig,
        *,
        seed: int,
        dropout: Dropout | None = None,
        residual_scaling: bool = True,
        embedding_deviation: float = INITIAL_DEVIATION,
    ) -> GPT2:
        """A fresh float32 model on the CPU, the same for the same seed on every device.

        Weights are drawn from N(0, 0.02), the embedding of tokens with a deviation of its own, biases are zero; with
        ``residual_scaling`` the projections into the residual stream are scaled by 1/sqrt(2 * layers) (Radford et al.,
        2019, section 2.3).
        """
        model = cls.empty(config, dropout).allocate("cpu")
        generator = torch.Generator().manual_seed(seed)
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            elif ".ln_" in name or name.startswith("ln_"):
                nn.init.ones_(parameter)
            else:
                deviation = embedding_deviation if name == "wte.weight" else INITIAL_DEVIATION
                if residual_scaling and name.endswith("c_proj.weight"):
                    deviation /= math.sqrt(2 * config.layers)
                nn.init.normal_(parameter, std=deviation, generator=generator)
        return model

    def hidden(self, tokens: Tensor, cache: KVCache | None = None) -> Tensor:
        """The normalised residual stream (batch, time, width) for token ids (batch, time).

        With a cache the tokens follow what it holds; together they must fit the block size.
        """
        past = cache.length if cache is not None else 0
        time = tokens.shape[1]
        x = self.wte(tokens) + self.wpe.weight.narrow(0, past, time)  # (batch, time, width)
        x = drop(x, self.embedding_dropout, self.training)
        for layer, block in enumerate(self.h):
            x = block(x, cache, layer)
        if cache is not None:
            cache.length += time
        normalised: Tensor = self.ln_f(x)
        return normalised

    def logits(self, hidden: Tensor) -> Tensor:
        """Scores over the vocabulary (..., vocabulary) for a hidden state (..., width)."""
        scores: Tensor = F.linear(hidden, self.wte.weight) if self.head is None else self.head(hidden)
        return scores

    def forward(self, tokens: Tensor, cache: KVCache | None = None) -> Tensor:
        """Logits (batch, time, vocabulary) for token ids (batch, time)."""
        return self.logits(self.hidden(tokens, cache))
