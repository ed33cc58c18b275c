"""What a run will take: memory, disk and arithmetic, by formulas alone."""

from __future__ import annotations

import msgspec

from gpt2tui.runs.config import Dtype, RunConfig
from gpt2tui.runs.model_config import ModelConfig
from gpt2tui.runs.recipe import Recipe
from gpt2tui.text import byte_size

BYTES: dict[Dtype, int] = {"float32": 4, "bfloat16": 2, "float16": 2}
_HEAD_ROWS = 2_048
"""Rows of logits that exist at a time; those of the fused loss."""
_PROCESS = 430_000_000
"""Of Python, torch, what it makes for its first step and what malloc keeps, whatever the model."""

FORMULA = (
    "training = 4 P (weights) + 4 P (gradients) + optimiser (AdamW: 8 bytes a parameter; Muon: 4 a parameter "
    "inside the blocks) + 17 x layers x width x tokens at a time x bytes a value (activations, rough) + on a CPU "
    "layers x heads x window x tokens at a time x bytes a value (attention) + head (4 x width "
    "x vocabulary, and vocabulary x up to 2,048 tokens x bytes a value) + 430 MB (Python and torch) + on a CPU "
    "a copy of the checkpoint that is being written; "
    "sampling = weights + keys and values (2 x layers x width x block size), "
    "in the run's dtype"
)
"""The formulas of :class:`Estimate` for people; P is the number of parameters, the unit bytes."""


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """What one run takes. Everything in bytes unless its name says otherwise.

    The activations are rough: 34 bytes a token, layer and unit of width at two bytes a value (Korthikanti et
    al. 2022, section 4.1), and on a CPU the weights of the attention, which no GPU stores. ``disk`` is the most that a
    run keeps while a checkpoint is being written; its journal, about 0.4 kB a step, comes on top.
    """

    parameters: int
    flops_per_token: int
    training_memory: int
    checkpoint: int
    disk: int
    tokens: int
    tokens_per_pass: int
    steps_per_pass: float


def estimate(config: RunConfig) -> Estimate:
    """What a run of this configuration takes."""
    model = config.model
    checkpoint = 4 * model.parameters + optimizer_bytes(model, config.recipe)
    sequences = config.micro_batch or config.recipe.batch_size
    memory = training_bytes(model, config.recipe, sequences, config.block_size, config.dtype, config.device)
    return Estimate(
        parameters=model.parameters,
        flops_per_token=model.flops_per_token(config.block_size),
        training_memory=memory,
        checkpoint=checkpoint,
        disk=(config.keep + 3) * checkpoint + 2 * config.corpus.tokens,
        tokens=config.corpus.tokens,
        tokens_per_pass=config.tokens_per_pass,
        steps_per_pass=config.steps_per_pass,
    )


def optimizer_bytes(model: ModelConfig, recipe: Recipe) -> int:
    """The optimiser's state: two float32 moments a parameter; one for the matrices that Muon has."""
    hidden = 12 * model.layers * model.width**2 if recipe.optimizer == "muon" else 0
    return 8 * model.parameters - 4 * hidden


def training_bytes(
    model: ModelConfig, recipe: Recipe, sequences: int, window: int, dtype: Dtype, device: str = "cpu"
) -> int:
    """Memory to train with so many windows of so many tokens at a time, while a checkpoint is written."""
    a_token = 17 * model.width + (model.heads * window if device == "cpu" else 0)
    activations = a_token * model.layers * sequences * window * BYTES[dtype]
    rows = min(sequences * window, _HEAD_ROWS)
    head = (4 * model.width + rows * BYTES[dtype]) * model.vocabulary_size
    state = optimizer_bytes(model, recipe)
    copy = 4 * model.parameters + state if device == "cpu" else 0  # which lies in the machine's own memory
    return _PROCESS + 8 * model.parameters + state + activations + head + copy


def sampling_bytes(model: ModelConfig, context: int, dtype: Dtype) -> int:
    """Memory to sample one text: the weights, and keys and values of a full window."""
    return (model.parameters + 2 * model.layers * model.width * context) * BYTES[dtype]


def memory_words(needed: int, free: int, total: int) -> str:
    """What is needed of the memory there is, in bytes, and where that is too little."""
    words = f"about {byte_size(needed)} of {byte_size(total)}"
    if needed > total:
        return f"{words}: it does not fit"
    return f"{words}, of which only {byte_size(free)} are free now" if needed > free else words
