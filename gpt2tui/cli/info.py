"""``gpt2tui info``: presets and recipes in numbers."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from gpt2tui.cli.run_argument import AsJson


def info(
    preset: Annotated[str | None, typer.Argument(metavar="PRESET", help="gpt2, nano, ...; all without it.")] = None,
    recipe: Annotated[
        str | None, typer.Option("--recipe", help="Show a recipe; with a PRESET, estimate with it.")
    ] = None,
    context: Annotated[
        int | None, typer.Option("--context", help="Tokens looked back at, for the FLOPs.", min=1)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show parameters, memory and FLOPs a token of the presets, and the recipes."""
    from gpt2tui.cli.output import print_json, print_table, put
    from gpt2tui.errors import UsageError
    from gpt2tui.runs.model_config import PRESETS
    from gpt2tui.runs.recipe import load_recipe, recipe_names, recipe_text

    if preset is not None and preset not in PRESETS:
        raise UsageError(f"no preset named {preset!r}; there are: {', '.join(PRESETS)}")
    if preset is None and recipe is not None:
        chosen = load_recipe(recipe)
        if as_json:
            print_json(chosen)
        else:
            put(recipe_text(recipe).rstrip())
        return
    by = load_recipe(recipe or "fast")
    if preset is not None:
        facts = _facts(preset, by, context)
        if as_json:
            print_json(facts)
        else:
            _print(facts)
        return
    recipes = [load_recipe(name) for name in recipe_names()]
    every = [_facts(name, by, context) for name in PRESETS]
    if as_json:
        print_json({"presets": every, "recipes": recipes})
        return
    rows = [_row(facts) for facts in every]
    print_table(_HEAD, rows, right=_HEAD[1:], first_to_go=("positions", "heads", "checkpoint", "to sample"))
    put()
    print_table(("recipe", "what it is"), [(one.name, one.summary) for one in recipes])


_HEAD = ("preset", "layers", "heads", "width", "positions", "parameters", "to train", "to sample", "checkpoint")


def _facts(name: str, recipe: Any, context: int | None) -> dict[str, Any]:
    """Numbers of a preset under a recipe: the batch in one piece, float32."""
    from gpt2tui.errors import UsageError
    from gpt2tui.runs.estimate import FORMULA, optimizer_bytes, sampling_bytes, training_bytes
    from gpt2tui.runs.model_config import PRESETS

    model = PRESETS[name]
    if context is not None and context > model.block_size:
        raise UsageError(f"--context {context} is more than the {model.block_size} positions of {name}")
    block = min(recipe.block_size, model.block_size)
    return {
        "preset": name,
        "layers": model.layers,
        "heads": model.heads,
        "width": model.width,
        "block_size": model.block_size,
        "vocabulary_size": model.vocabulary_size,
        "parameters": model.parameters,
        "recipe": recipe.name,
        "tokens_at_a_time": recipe.batch_size * block,
        "training_memory": training_bytes(model, recipe, recipe.batch_size, block, "float32"),
        "sampling_memory": sampling_bytes(model, model.block_size, "float32"),
        "checkpoint": 4 * model.parameters + optimizer_bytes(model, recipe),
        "context": context or block,
        "flops_per_token": model.flops_per_token(context or block),
        "formula": FORMULA,
    }


def _row(facts: dict[str, Any]) -> tuple[str, ...]:
    from gpt2tui.text import byte_size

    return (
        facts["preset"],
        *(f"{facts[name]:,}" for name in ("layers", "heads", "width", "block_size", "parameters")),
        *(byte_size(facts[name]) for name in ("training_memory", "sampling_memory", "checkpoint")),
    )


def _print(facts: dict[str, Any]) -> None:
    from gpt2tui.cli.output import print_table, put
    from gpt2tui.text import byte_size

    shape = f"{facts['layers']} layers of {facts['heads']} heads, {facts['width']:,} wide"
    rows = [
        ("shape", f"{shape}, {facts['block_size']:,} positions, {facts['vocabulary_size']:,} tokens"),
        ("parameters", f"{facts['parameters']:,}"),
        (
            "memory to train",
            f"about {byte_size(facts['training_memory'])} (recipe {facts['recipe']}, float32, "
            f"{facts['tokens_at_a_time']:,} tokens at a time; smaller micro-batches need less)",
        ),
        ("memory to sample", f"about {byte_size(facts['sampling_memory'])} (float32, a full window)"),
        ("checkpoint on disk", f"about {byte_size(facts['checkpoint'])} (weights and optimiser)"),
        ("FLOPs a training token", f"{facts['flops_per_token']:,} (context {facts['context']:,})"),
    ]
    print_table((facts["preset"], ""), rows)
    put(f"\nmemory: {facts['formula']}\nFLOPs: 6 x parameters that multiply + 12 x layers x width x context")
