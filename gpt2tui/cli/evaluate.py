"""``gpt2tui eval``: the corpus loss of a checkpoint, computed anew."""

from __future__ import annotations

import math
from typing import Annotated

import typer

from gpt2tui.cli.output import print_json, put
from gpt2tui.cli.process import tune_process
from gpt2tui.cli.run_argument import AsJson, RunReference, find_run
from gpt2tui.errors import CorpusError, Gpt2TuiError, UsageError


def evaluate(
    run: RunReference = "latest",
    text: Annotated[
        list[str] | None, typer.Argument(help="Another text than the run's own.", show_default=False)
    ] = None,
    checkpoint: Annotated[
        str | None,
        typer.Option("--checkpoint", help="best, last or a step; by default best, or last where it has learnt more."),
    ] = None,
    split: Annotated[str, typer.Option(help="train or validation.")] = "train",
    encoding: Annotated[str | None, typer.Option(help="Of the text.", show_default=False)] = None,
    device: Annotated[str, typer.Option(help="auto, cuda, mps or cpu.")] = "auto",
    dtype: Annotated[
        str, typer.Option(help="auto (the run's own, on its device), float32, bfloat16, float16 or int8.")
    ] = "auto",
    as_json: AsJson = False,
) -> None:
    """Measure the loss of RUN's checkpoint over its own text, or over TEXT."""
    if split not in ("train", "validation"):
        raise UsageError(f"split must be train or validation, not {split!r}")
    tune_process()
    chosen = find_run(run)
    config = chosen.config()

    import torch

    from gpt2tui.checkpoints.folder import CheckpointFolder
    from gpt2tui.generation.loading import choose_place, load_for_decoding, load_model
    from gpt2tui.model.device import DTYPES, choose_device, choose_dtype
    from gpt2tui.training.evaluation import corpus_loss
    from gpt2tui.training.session import run_tokens

    found = CheckpointFolder(chosen.checkpoints).find(checkpoint)
    if text:
        from gpt2tui.cli.preparing import prepared_corpus

        tokens, split = prepared_corpus(text, encoding=encoding).tokens, "text"
    else:
        edge = config.corpus.train_tokens
        tokens = run_tokens(chosen, config)
        tokens = tokens[:edge] if split == "train" else tokens[edge:]
    if len(tokens) < 2:
        other = "" if text else "; name a text behind the run"
        raise CorpusError(f"there is nothing to predict: the {split} part has {len(tokens)} tokens{other}")
    where = choose_device(device)
    if dtype == "int8":
        where, format_name = choose_place(device, dtype)
        load, weights, products = load_for_decoding, torch.int8, torch.float32
    else:  # Weights stay in float32 and products run in the run's format, as they did in training.
        is_own = dtype == "auto" and where == config.device
        format_name = config.dtype if is_own else choose_dtype(dtype, where)[0]
        load, weights, products = load_model, torch.float32, DTYPES[format_name]
    found.check(hashes=True)
    state = found.state()
    torch.set_num_threads(state.threads if where == "cpu" else torch.get_num_threads())
    model = load(config, found, device=where, dtype=weights)
    result = corpus_loss(
        model,
        tokens,
        block_size=config.block_size,
        batch_size=state.micro_batch,
        dtype=products,
    )
    if not math.isfinite(result.loss):
        another = "try another with --checkpoint" if format_name == "float32" else "try --dtype float32"
        raise Gpt2TuiError(
            f"checkpoint {found.name} of run {chosen.id} has no loss in {format_name} on {where}: "
            f"it came out as {result.loss}; {another}"
        )
    answer = {
        "run": chosen.id,
        "checkpoint": found.name,
        "step": state.step,
        "split": split,
        "loss": result.loss,
        "perplexity": math.exp(result.loss),
        "tokens": result.tokens,
        "estimate": result.is_estimate,
        "device": where,
        "dtype": format_name,
    }
    if as_json:
        print_json(answer)
        return
    kind = ("estimated " if result.is_estimate else "") + ("corpus" if split == "train" else split)
    typer.echo(f"run {chosen.id}, step {state.step:,}, {where} {format_name}", err=True)
    put(f"{kind} loss {result.loss:.6f}   perplexity {math.exp(result.loss):.4f}   {result.tokens:,} tokens")
