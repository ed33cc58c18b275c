"""The shape of a GPT-2, the presets, and the formulas that follow from a shape."""

from __future__ import annotations

from typing import Literal

import msgspec

Activation = Literal["gelu_new", "gelu"]
"""What lies between the two layers of an MLP, by transformers' names: GELU's tanh form, or GELU itself."""

VOCABULARY_SIZE = 50_257
"""GPT-2's BPE: 50,256 ranks and ``<|endoftext|>``."""


class ModelConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The shape of a decoder-only GPT-2.

    ``width`` is the residual stream's size; a head is ``width / heads`` wide and the MLP ``4 * width``.
    """

    layers: int = 12
    heads: int = 12
    width: int = 768
    block_size: int = 1024
    vocabulary_size: int = VOCABULARY_SIZE
    activation: Activation = "gelu_new"

    @property
    def head_width(self) -> int:
        """Width of one attention head."""
        return self.width // self.heads

    @property
    def parameters(self) -> int:
        """Trainable parameters, the tied head counted once."""
        block = 12 * self.width**2 + 13 * self.width
        embeddings = (self.vocabulary_size + self.block_size) * self.width
        return embeddings + self.layers * block + 2 * self.width

    def flops_per_token(self, context: int) -> int:
        """Floating point operations of one training token (forward and backward) at a context length.

        ``6 * parameters + 12 * layers * width * context`` (Chowdhery et al. 2022, PaLM, appendix B), where
        position embeddings, which are only looked up, do not count.
        """
        multiplied = self.parameters - self.block_size * self.width
        return 6 * multiplied + 12 * self.layers * self.width * context

    def problems(self) -> list[str]:
        """What is wrong with this shape, a line a field; empty when nothing is."""
        found = [
            f"model.{name} must be at least 1, not {value}"
            for name in ("layers", "heads", "width", "block_size", "vocabulary_size")
            if (value := getattr(self, name)) < 1
        ]
        if not found and self.width % self.heads:
            found.append(f"model.width {self.width} is not divisible by model.heads {self.heads}")
        return found


PRESETS: dict[str, ModelConfig] = {
    "gpt2": ModelConfig(),
    "gpt2-medium": ModelConfig(layers=24, heads=16, width=1024),
    "gpt2-large": ModelConfig(layers=36, heads=20, width=1280),
    "gpt2-xl": ModelConfig(layers=48, heads=25, width=1600),
    "mini": ModelConfig(layers=6, heads=6, width=384, block_size=256),
    "nano": ModelConfig(layers=3, heads=4, width=128, block_size=128),
}
"""Shapes by name: the four sizes of Radford et al. (2019), and two for learning."""
