"""``gpt2tui train``: text in, a model below the target out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec
import typer

from gpt2tui.cli.opening import has_terminal, open_app_and_exit
from gpt2tui.cli.output import narrate
from gpt2tui.cli.plan import Draft, TrainOptions
from gpt2tui.cli.process import tune_process
from gpt2tui.cli.run_argument import find_run
from gpt2tui.cli.training_console import Style, follow_training
from gpt2tui.cli.worker import moving_in
from gpt2tui.errors import UsageError
from gpt2tui.runs.config import TARGET_LOSS, RunConfig
from gpt2tui.runs.model_config import ModelConfig
from gpt2tui.runs.paths import Paths

Worker = Annotated[
    bool, typer.Option("--worker", hidden=True, help="Announce the run on stdout, then write to its worker.log.")
]


def use_settings(ctx: typer.Context, file: Path | None) -> Path | None:
    """Take a command's defaults from another TOML file."""
    if file is not None:
        from gpt2tui.cli.settings_file import load_defaults

        command = ctx.info_name or ""
        root = ctx.find_root().command
        ctx.default_map = load_defaults(file, root, wanted=command, notice=narrate).get(command, {})
        ctx.meta["settings_file"] = file
    return file


def wants_no_target(ctx: typer.Context) -> bool:
    """Whether there is to be no target: of --target-loss and --no-target the one that was given nearer counts.

    Raises:
        UsageError: both were typed.
    """
    nearness = ["DEFAULT", "DEFAULT_MAP", "ENVIRONMENT", "COMMANDLINE"]
    near = {}
    for name in ("target_loss", "no_target"):
        source = ctx.get_parameter_source(name)
        near[name] = nearness.index(source.name) if source and source.name in nearness else 0
    if near["target_loss"] == near["no_target"] == nearness.index("COMMANDLINE") and ctx.params["no_target"]:
        raise UsageError("--target-loss and --no-target exclude each other")
    return bool(ctx.params["no_target"]) and near["no_target"] >= near["target_loss"]


def train(
    ctx: typer.Context,
    text: Annotated[
        list[str] | None,
        typer.Argument(
            help="File, folder, glob, - (stdin), URL or named corpus; without any, the bundled one.",
            show_default=False,
        ),
    ] = None,
    headless: Annotated[
        bool, typer.Option("--headless", help="Train here, in the foreground, without the app.")
    ] = False,
    preset: Annotated[
        str | None, typer.Option(help="Shape of the model; see gpt2tui info. [default: gpt2]", show_default=False)
    ] = None,
    recipe: Annotated[str, typer.Option(help="How to train: fast, sprint or reference.")] = "fast",
    target_loss: Annotated[
        float, typer.Option("--target-loss", "--threshold", help="End when the corpus loss is below this; 0 is never.")
    ] = TARGET_LOSS,
    no_target: Annotated[bool, typer.Option("--no-target", help="Go on until a limit.")] = False,
    max_steps: Annotated[int | None, typer.Option(help="End after so many steps.")] = None,
    max_time: Annotated[str | None, typer.Option(help="End after so long, such as 30m.")] = None,
    max_tokens: Annotated[int | None, typer.Option(help="End after so many tokens.")] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Sequences a step. [default: the recipe's]", show_default=False)
    ] = None,
    micro_batch: Annotated[
        str, typer.Option(help="Sequences at a time; auto halves a step's when memory runs out.")
    ] = "auto",
    block_size: Annotated[
        int | None, typer.Option(help="Tokens a sequence. [default: the recipe's]", show_default=False)
    ] = None,
    lr: Annotated[
        float | None, typer.Option(help="Peak learning rate. [default: the recipe's]", show_default=False)
    ] = None,
    warmup: Annotated[
        int | None, typer.Option(help="Steps to the peak rate. [default: the recipe's]", show_default=False)
    ] = None,
    dropout: Annotated[
        float | None, typer.Option(help="Share of values dropped. [default: the recipe's]", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the weights, the order and dropout.")] = 1337,
    device: Annotated[str, typer.Option(help="auto, cuda, mps or cpu.")] = "auto",
    dtype: Annotated[str, typer.Option(help="Of matrix products: auto, float32, bfloat16 or float16.")] = "auto",
    compile: Annotated[bool, typer.Option("--compile/--no-compile", help="Use torch.compile.")] = False,
    init: Annotated[
        str | None, typer.Option(help="Begin with the weights of a run, a model's folder or file, or hf:OWNER/NAME.")
    ] = None,
    val_fraction: Annotated[float, typer.Option(help="Share at the end kept for validation.")] = 0.0,
    eval_every: Annotated[str | None, typer.Option(help="Measure the corpus loss every 500 (steps) or 10m.")] = None,
    sample_every: Annotated[str, typer.Option(help="Draw a sample every so often; never for none.")] = "2m",
    sample_prompt: Annotated[
        str | None, typer.Option(help="What samples continue. [default: the text's beginning]", show_default=False)
    ] = None,
    checkpoint_every: Annotated[str, typer.Option(help="Save every so often.")] = "5m",
    keep: Annotated[int, typer.Option(help="Checkpoints to keep beside best and last.")] = 1,
    name: Annotated[str | None, typer.Option(help="What to call the run.")] = None,
    encoding: Annotated[str | None, typer.Option(help="Of the text. [default: utf-8]", show_default=False)] = None,
    split_on_eot: Annotated[
        bool, typer.Option("--split-on-eot", help="Take <|endoftext|> in the text as the token.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what the run would take, and end.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say only what goes wrong.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object at the end.")] = False,
    as_jsonl: Annotated[bool, typer.Option("--jsonl", help="Print every event as a JSON line.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    worker: Worker = False,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", help="TOML file with defaults.", callback=use_settings, is_eager=True, show_default=False
        ),
    ] = None,
) -> None:
    """Train on TEXT until the corpus loss is below the target.

    Exit codes: 0 the target (or, with --no-target, the limit) was reached, 4 a limit or a stop came before,
    5 diverged, 6 out of memory, 128 + n on signal n. In all of them the run can be resumed from its last checkpoint.
    """
    given = locals() | {"no_target": wants_no_target(ctx)}
    ctx.meta["debug"] = debug or worker or ctx.meta.get("debug", False)
    if not (headless or dry_run or as_json or as_jsonl) and has_terminal():
        open_app_and_exit(ctx, start=("train", *ctx.meta["arguments"]), typed=_typed(ctx))
    options = TrainOptions(**{field: given[field] for field in TrainOptions.__struct_fields__})
    tune_process()
    style = Style.of(quiet=quiet, as_json=as_json, as_jsonl=as_jsonl)
    notices: list[str] = []
    drafted, path, weights = _prepare(
        options, text or [], init, encoding, split_on_eot, notices, quiet=quiet, dry_run=dry_run
    )
    if dry_run:
        from gpt2tui.cli.dry_run import print_estimate

        print_estimate(drafted, notices, as_json=as_json)
        return

    from gpt2tui.runs.events import Notice
    from gpt2tui.runs.store import RunStore
    from gpt2tui.training.session import check_space, train

    runs = Paths.from_environment().runs
    runs.mkdir(parents=True, exist_ok=True)
    check_space(drafted, runs)
    run = RunStore(runs).create(drafted, path)
    said = [Notice(level="info", text=line) for line in notices]
    events = train(run, first_weights=weights, notices=said)
    raise typer.Exit(follow_training(run, moving_in(run, events) if worker else events, style))


def _typed(ctx: typer.Context) -> dict[str, Any]:
    """The options that were typed."""
    sources = {name: ctx.get_parameter_source(name) for name in ctx.params}
    return {name: ctx.params[name] for name, source in sources.items() if source and source.name == "COMMANDLINE"}


def _prepare(
    options: TrainOptions,
    texts: list[str],
    init: str | None,
    encoding: str | None,
    split_on_eot: bool,
    notices: list[str],
    *,
    quiet: bool,
    dry_run: bool,
) -> tuple[RunConfig, Path, Any]:
    """The configuration, the file of its tokens, and the first weights if they are not to be drawn."""
    first = _first_weights(init, notices, may_fetch=not dry_run) if init else None
    draft = Draft(options, first_model=first.model if first else None)
    if draft.problems:
        raise UsageError("; ".join(draft.problems))

    from gpt2tui.cli.preparing import prepared_corpus

    corpus = prepared_corpus(texts, encoding=encoding, split_on_eot=split_on_eot, quiet=quiet)
    notices += corpus.notices
    config = draft.config(corpus, notices)
    if first is None:
        return config, corpus.path, None
    notices.append(f"the first weights are those of {first.origin}")
    return msgspec.structs.replace(config, init=first.origin), corpus.path, first.tensors()


class _FirstWeights(NamedTuple):
    """A shape, its weights when they are asked for, and where they come from."""

    model: ModelConfig
    tensors: Callable[[], Any]
    origin: str


def _first_weights(init: str, notices: list[str], *, may_fetch: bool) -> _FirstWeights:
    """What ``--init`` names: a checkpoint's folder, a run, a model in another program's files, one of the hub."""
    from gpt2tui.checkpoints.folder import Checkpoint, CheckpointFolder
    from gpt2tui.runs.run import Run

    folder = Path(init).absolute()
    if init.startswith("hf:") or folder.is_file() or (folder / "config.json").is_file():
        from gpt2tui.exchange.hub import located
        from gpt2tui.exchange.reading import read_foreign

        path, origin = located(init, may_fetch=may_fetch)
        found = read_foreign(path)
        notices += found.notices
        return _FirstWeights(found.model, lambda: found.tensors, origin)

    from gpt2tui.checkpoints.tensors import read_model

    if (folder / "trainer.json").is_file():
        run, checkpoint = Run(folder.parent.parent), Checkpoint(folder)
    else:
        run = find_run(init)
        checkpoint = CheckpointFolder(run.checkpoints).find()

    def whole() -> Any:
        checkpoint.check(hashes=True)
        return read_model(checkpoint)

    return _FirstWeights(run.config().model, whole, str(checkpoint.folder))
