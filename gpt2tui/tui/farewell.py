"""What stays on the terminal when the app is left: what goes on without it, and how to come back."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from gpt2tui.errors import Gpt2TuiError
from gpt2tui.runs.follower import Follower
from gpt2tui.runs.run import Run
from gpt2tui.runs.store import RunStore
from gpt2tui.runs.words import AT_WORK, state_words, unsaved_words
from gpt2tui.text import loss_text, one_line
from gpt2tui.tui.processes.training import is_beginning


def farewell(store: RunStore, shown: Follower | None, exports: Sequence[Path] = ()) -> list[str]:
    """Lines on every run that trains, on the one that was shown last, and on exports that are being written."""
    living = [run for run in store.all() if run.is_alive()]
    if shown and shown.run.is_alive() and not any(shown.run.folder == run.folder for run in living):
        living.append(shown.run)  # it lies elsewhere
    lines: list[str] = []
    for run in living:
        follower = shown if shown and shown.run.folder == run.folder else _opened(run)
        if follower:
            lines += [
                _line(follower),
                f"  come back: gpt2tui watch {store.argument(run)}",
                f"  end it:    gpt2tui runs stop {store.argument(run)}",
            ]
    if shown and not any(shown.run.folder == run.folder for run in living):
        lines.append(_line(shown))
        if is_beginning(shown.run):
            lines.append(f"  come back: gpt2tui watch {store.argument(shown.run)}")
        elif shown.view.saved_step and not shown.is_gone():
            lines.append(f'  talk to it: gpt2tui sample --run {store.argument(shown.run)} "..."')
    return lines + [f"still being written: {one_line(str(path))}" for path in exports]


def _opened(run: Run) -> Follower | None:
    try:
        follower = Follower(run)
        follower.open()
    except (Gpt2TuiError, OSError):
        return None
    return follower


def _line(follower: Follower) -> str:
    follower.look()
    follower.poll()
    view, state = follower.view, follower.state(time.time())
    words = "goes on training" if state in AT_WORK else state_words(view, state)
    if is_beginning(follower.run):
        words = "is being started"
    words = f"run {one_line(follower.run.name())}: {words}"
    if state == "finished" and (unsaved := unsaved_words(view)):
        words += f", but {unsaved}"
    if view.step:
        words += f"; step {view.step.step:,}, running loss {loss_text(view.step.running_loss)}"
    if view.best_corpus_loss is not None:
        words += f", best corpus loss {loss_text(view.best_corpus_loss)}"
    return words
