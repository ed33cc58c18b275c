"""What stays on the terminal when the app is left: what goes on without it, and how to come back."""

from __future__ import annotations

import time

from gpt2tui.errors import Gpt2TuiError
from gpt2tui.runs.follower import Follower
from gpt2tui.runs.run import Run
from gpt2tui.runs.store import RunStore
from gpt2tui.runs.words import state_words
from gpt2tui.text import loss_text, one_line


def farewell(store: RunStore, shown: Follower | None) -> list[str]:
    """Lines on every run that trains, and on the one that was shown last."""
    living = [run for run in store.all() if run.is_alive()]
    lines: list[str] = []
    for run in living:
        follower = shown if shown and shown.run.folder == run.folder else _opened(run)
        if follower:
            lines += [
                _line(follower),
                f"  come back: gpt2tui watch {run.id}",
                f"  end it:    gpt2tui runs stop {run.id}",
            ]
    if shown and not any(shown.run.folder == run.folder for run in living):
        lines.append(_line(shown))
        if shown.view.step:
            lines.append(f'  talk to it: gpt2tui sample --run {shown.run.id} "..."')
    return lines


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
    view = follower.view
    state = "goes on training" if follower.is_alive else state_words(view, follower.state(time.time()))
    words = f"run {one_line(follower.run.name())}: {state}"
    if view.step:
        words += f"; step {view.step.step:,}, loss {loss_text(view.step.running_loss)}"
    if view.best_corpus_loss is not None:
        words += f", corpus loss {loss_text(view.best_corpus_loss)}"
    return words
