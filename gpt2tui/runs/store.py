"""All runs of this user: made, listed, found, deleted."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from gpt2tui.errors import Gpt2TuiError, UsageError
from gpt2tui.runs.config import RunConfig
from gpt2tui.runs.files import write_whole
from gpt2tui.runs.run import Run
from gpt2tui.runs.view import RunView


class RunStore:
    """The folder that holds one folder a run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def create(self, config: RunConfig, tokens: Path) -> Run:
        """A new run, with its configuration and its own copy of its tokens (a hard link where that works).

        Its folder appears under its final name only when both are in it.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        slug = re.sub(r"[^a-z0-9]+", "-", (config.name or config.corpus.name).lower()).strip("-")[:32] or "run"
        stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(config.created or None))
        run = Run(self.folder / f"{stamp}-{slug}-{os.urandom(2).hex()}")
        building = Run(self.folder / f".{run.id}")
        try:
            building.checkpoints.mkdir(parents=True)
            try:
                os.link(tokens, building.tokens_file)
            except OSError:
                shutil.copyfile(tokens, building.tokens_file)
            write_whole(building.config_file, msgspec.json.format(msgspec.json.encode(config), indent=2) + b"\n")
            building.folder.rename(run.folder)
        except BaseException:
            shutil.rmtree(building.folder, ignore_errors=True)
            raise
        return run

    def all(self) -> list[Run]:
        """Every run, the newest first."""
        if not self.folder.is_dir():
            return []
        found = [Run(entry) for entry in self.folder.iterdir() if not entry.name.startswith(".")]
        dated = [(made, run) for run in found if (made := _made(run))]
        return [run for _, run in sorted(dated, key=lambda pair: pair[0], reverse=True)]

    def at_work(self) -> Run | None:
        """A run that trains, or else the one that was last at work; None where there are none."""
        runs = self.all()
        return next((run for run in runs if run.is_alive()), None) or max(runs, key=Run.last_written, default=None)

    def find(
        self, reference: str = "latest", *, notice: Callable[[str], None] = lambda text: None, is_strict: bool = False
    ) -> Run:
        """The run that an id, a name, a unique prefix of either in any case, ``latest``, ``best`` or a path means.

        Of several runs of one name the newest is taken, and ``notice`` is told; with ``is_strict`` none is.

        Raises:
            UsageError: there is no such run, or a prefix or, with ``is_strict``, a name fits several.
        """
        if _is_run(Path(reference)):
            return Run(Path(reference).absolute())
        runs = self.all()
        if not runs:
            raise UsageError(f"there are no runs in {self.folder}; start one with: gpt2tui train --headless")
        if reference == "latest":
            return runs[0]
        if reference == "best":
            return self._best(runs)
        for run in runs:
            if run.id == reference:
                return run
        names = {run.id: run.name() for run in runs}
        if same := [run for run in runs if names[run.id] == reference]:
            if len(same) > 1:
                if is_strict:
                    ids = ", ".join(run.id for run in same)
                    raise UsageError(f"{len(same)} runs are named {reference}: {ids}; say which by its id")
                notice(f"{len(same)} runs are named {reference}; taking the newest, {same[0].id}")
            return same[0]
        start = reference.casefold()
        fitting = [run for run in runs if run.id.startswith(start)]
        fitting = fitting or [run for run in runs if names[run.id].casefold().startswith(start)]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            raise UsageError(f"{reference!r} fits {len(fitting)} runs: {', '.join(run.id for run in fitting[:5])}")
        near = [name for name in names.values() if start in name.casefold()]
        hint = f", but {' and '.join(map(repr, near[:3]))}" if near and start else ""
        raise UsageError(f"no run {reference!r}{hint}; list them with: gpt2tui runs")

    def argument(self, run: Run) -> str:
        """What means a run on a command line: its id, or where it lies elsewhere its folder."""
        is_here = run.folder.parent.resolve() == self.folder.resolve()
        return run.id if is_here else shlex.quote(str(run.folder))

    def delete(self, run: Run) -> None:
        """Remove a run and all it holds; no trainer can take it meanwhile.

        Raises:
            Gpt2TuiError: it is being trained.
            OSError: it cannot be locked or removed.
        """
        living = Gpt2TuiError(f"run {run.id} is being trained; stop it first: gpt2tui runs stop {run.id}")
        if run.is_alive():  # the lock would be waited for
            raise living
        try:
            lock = run.lock()
        except Gpt2TuiError:
            raise living from None
        try:
            going = run.folder.with_name(f".{run.id}.deleted")
            run.folder.rename(going)
            shutil.rmtree(going)
        finally:
            lock.release()

    def _best(self, runs: list[Run]) -> Run:
        losses = {}
        for run in runs:
            try:
                loss = RunView.of(run).best_corpus_loss
            except Gpt2TuiError:
                continue
            if loss is not None:
                losses[run.id] = loss
        if not losses:
            raise UsageError("no run has a corpus loss yet, so none is the best; name one, or say latest")
        return min((run for run in runs if run.id in losses), key=lambda run: losses[run.id])


def _made(run: Run) -> tuple[float, int] | None:
    try:
        if not run.config_file.is_file():
            return None
        return run.config().created, run.config_file.stat().st_mtime_ns
    except (Gpt2TuiError, OSError):
        return 0.0, 0


def _is_run(folder: Path) -> bool:
    try:
        return (folder / "run.json").is_file()
    except OSError:  # a name that no file system takes
        return False
