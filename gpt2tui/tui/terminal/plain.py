"""``--plain``: no screen, but milestones line by line, for screen readers and terminals that can do no more."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import TextIO

from gpt2tui.runs.journal import event_reader
from gpt2tui.runs.neighbours import crowding_of
from gpt2tui.runs.paths import Paths
from gpt2tui.runs.run import Run
from gpt2tui.runs.store import RunStore
from gpt2tui.runs.view import RunView, State
from gpt2tui.text import one_line
from gpt2tui.tui.terminal.milestones import Milestones

_POLL_SECONDS = 0.2


def speak_of(run: Run | None, start: Sequence[str], paths: Paths) -> int:
    """What the app without a screen does: start a training where ``start`` has the words of its command, and speak of
    it, of ``run``, or of the run that trains now or was the last.

    Raises:
        Gpt2TuiError: the training cannot start, or the run is damaged.
    """
    if start:
        import asyncio

        from gpt2tui.tui.processes.training import start_training

        run = asyncio.run(start_training(start))
        if warning := crowding_of(run, RunStore(paths.runs)):
            _say(sys.stdout, f"{warning[:1].upper()}{one_line(warning[1:])}.")
        return speak(run)
    if run:
        return speak(run)
    run = RunStore(paths.runs).at_work()
    return speak(run) if run else speak_of_nothing()


def speak(run: Run, out: TextIO | None = None) -> int:
    """Say how a run stands and what comes of it, until it ends; 1 where its process died, else 0.

    Ctrl+c ends the speaking and not the training.

    Raises:
        Gpt2TuiError: the run is damaged.
        OSError: nobody listens any more.
    """
    out = out or sys.stdout
    try:
        return _speak(run, out)
    except KeyboardInterrupt:
        if run.is_alive():
            _say(out, "The training goes on without this.", *_ways(run))
        return 0


def speak_of_nothing(out: TextIO | None = None) -> int:
    """Say what to do where there is no run yet."""
    _say(
        out or sys.stdout,
        "There are no runs yet. Train a model on a text of yours with:",
        "gpt2tui --plain train YOUR-TEXT.txt",
        "A small one on the text that comes with the program, in a minute or two:",
        "gpt2tui --plain train --preset nano",
    )
    return 0


def _speak(run: Run, out: TextIO) -> int:
    view = RunView(run.config())
    reader = event_reader(run.events_file)
    is_alive = run.is_alive()
    view.fold(reader.poll())
    told = Milestones(run, view)

    def state() -> State:
        if not is_alive and run.is_gone():
            return "gone"
        return view.state(is_alive=is_alive, now=time.time())

    _say(out, *told.opening(state()))
    if is_alive:
        _say(out, *_ways(run))
    while is_alive:
        # Asked before reading: what is written between the two is read in the next round, and there is one.
        is_alive = run.is_alive()
        _say(out, *told.take(reader.poll()), *told.watch(state()))
        if is_alive:
            time.sleep(_POLL_SECONDS)
    end = state()
    if end == "crashed":
        _say(out, f"Go on from its last checkpoint with: gpt2tui --plain resume {_argument(run)}")
    if view.checkpoint and end != "gone":
        _say(out, f"Talk to it with: gpt2tui sample --run {_argument(run)}")
    if end == "finished" and not view.is_target_reached:
        _say(out, f"Go on with it: gpt2tui --plain resume {_argument(run)}")
    _say(out, "Train another one with: gpt2tui --plain train YOUR-TEXT.txt", "All runs are listed by: gpt2tui runs")
    return 1 if end in ("crashed", "gone") else 0


def _ways(run: Run) -> list[str]:
    name = _argument(run)
    return [
        f"Ctrl+c ends these lines, not the training. Hear it again: gpt2tui --plain watch {name}",
        f"Steer it: gpt2tui runs pause {name}; likewise resume, checkpoint, stop.",
    ]


def _argument(run: Run) -> str:
    return RunStore(Paths.from_environment().runs).argument(run)


def _say(out: TextIO, *lines: str) -> None:
    if not lines:
        return
    encoding = out.encoding or "utf-8"
    for line in lines:
        out.write(line.encode(encoding, "replace").decode(encoding) + "\n")
    out.flush()
