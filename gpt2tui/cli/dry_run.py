"""What ``gpt2tui train --dry-run`` says of a run: what it would take, and how long runs like it took here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gpt2tui.cli.output import narrate, print_json, put
from gpt2tui.runs.config import RunConfig
from gpt2tui.runs.estimate import estimate, memory_words
from gpt2tui.runs.paths import Paths
from gpt2tui.text import one_line


def print_estimate(config: RunConfig, notices: list[str], *, as_json: bool) -> None:
    """Print it as lines or as one JSON object; ``notices`` are what was decided on the way."""
    from gpt2tui.cli.machine import device_memory, free_disk, matrix_rate

    taken = estimate(config)
    memory = device_memory(config.device)
    rate = None
    if config.device == "cpu":  # for others nothing is known of the share of it that a training has
        rate = matrix_rate(config.device, config.dtype, width=config.model.width, seconds=0.1)
    found = {
        "tokens": taken.tokens,
        "tokens_per_pass": taken.tokens_per_pass,
        "steps_per_pass": taken.steps_per_pass,
        "parameters": taken.parameters,
        "memory": taken.training_memory,
        "memory_free": memory["available"],
        "memory_total": memory["total"],
        "disk": taken.disk,
        "disk_free": free_disk(Paths.from_environment().runs),
        "checkpoint": taken.checkpoint,
        "flops_per_token": taken.flops_per_token,
        "matrix_rate": rate,
        "block_size": config.block_size,
        "batch_size": config.recipe.batch_size,
        "recipe": config.recipe.name,
        "preset": config.preset,
        "device": config.device,
        "dtype": config.dtype,
        "corpus": config.corpus.name,
        "notices": notices,
    }
    if as_json:
        print_json(found)
        return
    for line in notices:
        narrate(line)
    rows = [
        ("corpus", f"{config.corpus.name}, {taken.tokens:,} tokens"),
        ("model", f"{taken.parameters:,} parameters"),
        ("step", f"{config.recipe.batch_size} x {config.block_size} tokens on {config.device} in {config.dtype}"),
        ("pass", f"{taken.tokens_per_pass:,} tokens, {taken.steps_per_pass:,.1f} steps"),
        ("memory", memory_words(taken.training_memory, memory["available"], memory["total"])),
        ("disk", f"up to {taken.disk / 1e9:.1f} GB, {taken.checkpoint / 1e9:.2f} GB a checkpoint"),
    ]
    rows += [("" if number else "time", words) for number, words in enumerate(_times(config, found))]
    for name, value in rows:
        put(f"{name:8} {one_line(value)}")


def _times(config: RunConfig, found: Mapping[str, Any]) -> list[str]:
    """How long it will take, by the runs that were trained here before, or by the rate of its matrix products."""
    from gpt2tui.runs.pace import Plan, measured_paces, time_words
    from gpt2tui.runs.store import RunStore

    try:
        runs = RunStore(Paths.from_environment().runs).all()
    except OSError:
        runs = []
    plan = Plan.of(found, tokens=config.corpus.train_tokens, target_loss=config.limits.target_loss)
    return time_words(plan, measured_paces(runs))
