"""The options of a training that the form has."""

from __future__ import annotations

import math

from gpt2tui.runs.config import TARGET_LOSS
from gpt2tui.runs.model_config import PRESETS
from gpt2tui.runs.recipe import recipe_names
from gpt2tui.tui.form.start_option import NO_TARGET, StartOption


def _named(*values: str) -> tuple[tuple[str, str], ...]:
    return tuple((value, value) for value in values)


START_OPTIONS = (
    StartOption(
        name="text",
        label="Text",
        kind="words",
        meaning="Files, folders, globs, addresses or named corpora, with spaces between; quote a name with spaces",
        placeholder="the bundled play; or a file, a folder, a name",
        is_main=True,
    ),
    StartOption(
        name="preset",
        label="Preset",
        kind="choice",
        meaning="Shape of the model. Small ones learn faster, and know less",
        default="gpt2",
        choices=tuple((f"{name}, {shape.parameters / 1e6:,.1f}M parameters", name) for name, shape in PRESETS.items()),
        is_main=True,
    ),
    StartOption(
        name="recipe",
        label="Recipe",
        kind="choice",
        meaning="How to train: fast is Muon in few passes, sprint in fewer, reference the original experiment's AdamW",
        default="fast",
        choices=_named(*recipe_names()),
        is_main=True,
    ),
    StartOption(
        name="target_loss",
        label="Target loss",
        kind="target",
        meaning=f"End when the corpus loss is below this; {NO_TARGET}: go on until a limit",
        default=f"{TARGET_LOSS}",
        placeholder=f"{TARGET_LOSS}",
        is_main=True,
    ),
    StartOption(
        name="max_time",
        label="Time limit",
        kind="time",
        meaning="End after so long in training, such as 90s, 30m or 1h30m",
        placeholder="no limit, or such as 30m",
        is_main=True,
    ),
    StartOption(
        name="max_steps",
        label="Step limit",
        kind="whole",
        meaning="End after so many updates",
        placeholder="no limit",
        least=1,
        is_main=True,
    ),
    StartOption(
        name="name",
        label="Name",
        kind="name",
        meaning="What to call the run; it can be renamed at any time",
        placeholder="date, time and the text's",
        is_main=True,
    ),
    StartOption(
        name="block_size",
        label="Block size",
        kind="whole",
        meaning="Tokens a sequence, at most the model's positions; also how far back the model will look",
        placeholder="the recipe's",
        least=1,
    ),
    StartOption(
        name="batch_size",
        label="Batch size",
        kind="whole",
        meaning="Sequences a step",
        placeholder="the recipe's",
        least=1,
    ),
    StartOption(
        name="micro_batch",
        label="Micro-batch",
        kind="batch",
        meaning="Sequences at a time; auto begins with all of a step and halves when memory runs out",
        default="auto",
        placeholder="auto",
    ),
    StartOption(
        name="lr",
        label="Learning rate",
        kind="rate",
        meaning="Peak learning rate; Muon's rate keeps its proportion to it",
        placeholder="the recipe's",
    ),
    StartOption(
        name="warmup",
        label="Warmup",
        kind="whole",
        meaning="Steps until the peak learning rate",
        placeholder="the recipe's",
    ),
    StartOption(
        name="dropout",
        label="Dropout",
        kind="number",
        meaning="Share of values dropped in training, from 0 to below 1",
        placeholder="the recipe's",
        below=1,
    ),
    StartOption(
        name="seed",
        label="Seed",
        kind="whole",
        meaning="Of the first weights, the order of windows, and dropout",
        default="1337",
        placeholder="1337",
        least=-math.inf,
    ),
    StartOption(
        name="max_tokens",
        label="Token limit",
        kind="whole",
        meaning="End after so many trained tokens",
        placeholder="no limit",
        least=1,
    ),
    StartOption(
        name="val_fraction",
        label="Validation",
        kind="number",
        meaning="Share at the end of the text that is kept for validation, from 0 to below 1; it never decides",
        default="0.0",
        placeholder="0.0",
        below=1,
    ),
    StartOption(
        name="eval_every",
        label="Evaluate every",
        kind="rhythm",
        meaning="Measure the corpus loss every 500 (steps) or 10m; near the target it is measured anyway",
        placeholder="never",
    ),
    StartOption(
        name="checkpoint_every",
        label="Save every",
        kind="rhythm",
        meaning="Save a checkpoint every 500 (steps) or 5m",
        default="5m",
        placeholder="5m",
    ),
    StartOption(
        name="keep",
        label="Keep",
        kind="whole",
        meaning="Checkpoints to keep beside the best and the last one",
        default="1",
        placeholder="1",
    ),
    StartOption(
        name="sample_every",
        label="Sample every",
        kind="rhythm",
        meaning="Draw a sample every 500 (steps) or 2m, or never",
        default="2m",
        placeholder="2m",
    ),
    StartOption(
        name="sample_prompt",
        label="Sample prompt",
        kind="text",
        meaning="What samples continue",
        placeholder="the text's first line",
    ),
    StartOption(
        name="device",
        label="Device",
        kind="choice",
        meaning="What computes; auto is the first of cuda, mps and cpu that is there",
        default="auto",
        choices=_named("auto", "cuda", "mps", "cpu"),
    ),
    StartOption(
        name="dtype",
        label="Dtype",
        kind="choice",
        meaning="Of matrix products; auto is 16 bits where the device has units for it",
        default="auto",
        choices=_named("auto", "float32", "bfloat16", "float16"),
    ),
    StartOption(
        name="compile",
        label="Compile",
        kind="flag",
        meaning="Use torch.compile; where that fails, the run goes on without",
        default="no",
        choices=_named("no", "yes"),
    ),
    StartOption(
        name="init",
        label="First weights",
        kind="text",
        meaning="Begin with the weights of a run or of a checkpoint's folder; the model takes their shape",
        placeholder="drawn, or a run's",
    ),
    StartOption(
        name="encoding",
        label="Encoding",
        kind="text",
        meaning="Of the text, such as latin-1",
        placeholder="utf-8",
    ),
    StartOption(
        name="split_on_eot",
        label="Split on EOT",
        kind="flag",
        meaning="Take <|endoftext|> in the text as the token that separates documents",
        default="no",
        choices=_named("no", "yes"),
    ),
)
"""All options of the form, in its order; those that are not main ones are behind More."""

OPTIONS = {option.name: option for option in START_OPTIONS}
