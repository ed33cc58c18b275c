"""What a person should know or do about a run, where its state asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from rich.cells import cell_len
from textual.content import Content
from textual.widgets import Static

from gpt2tui.runs.follower import Follower
from gpt2tui.runs.room import lacking_bytes, waits_for_room
from gpt2tui.runs.view import RunView, State
from gpt2tui.runs.words import loss_words, place_words, stop_words, unsaved_words
from gpt2tui.text import byte_size, duration, one_line

if TYPE_CHECKING:
    from gpt2tui.tui.app import Gpt2TuiApp

_LOG_LINES = 6


class _Keys(NamedTuple):
    """How the keys are shown that a sentence names."""

    go_on: str = "space"
    sample: str = "s"
    stop: str = "x"
    resume: str = "R"
    train_on: str = "R"
    go_past: str = "g"
    new: str = "n"


class Banner(Static):
    """Some lines above the footer; not there while all is well."""

    app: Gpt2TuiApp

    def __init__(self) -> None:
        super().__init__("", classes="empty", markup=False)
        self._shown: tuple[Content, str] | None = None
        self._about: tuple[str, State] | None = None
        self._log_tail: list[str] = []

    def show(self, follower: Follower, state: State, *, now: float, waiting: str, is_elsewhere: bool) -> None:
        """The words for a state; nothing for one that needs none. ``is_elsewhere``: Generate is with another run."""
        if (follower.run.id, state) != self._about:
            self._about = follower.run.id, state
            self._log_tail = follower.log_tail() if state in ("crashed", "finished") else []
        talk = "2, then o, leads to its model" if is_elsewhere else "2 talks to it"
        content, kind = _words(follower, state, now, self._fitting_tail(), talk, self._keys())
        if waiting and not content:
            content, kind = Content(f"{waiting}, after the step under way"), "info"
        if (content, kind) != self._shown:
            self._shown = content, kind
            self.set_classes(kind or "empty")
            self.update(content)

    def _keys(self) -> _Keys:
        return _Keys(**{name: self.app.key_of(f"train.{name}", key) for name, key in _Keys()._asdict().items()})

    def _fitting_tail(self) -> list[str]:
        """The last lines of the log that there is room for: the very last one tells most."""
        width, rows = max(1, self.app.size.width - 6), max(1, min(_LOG_LINES, int(self.app.size.height * 0.4) - 4))
        tail: list[str] = []
        for line in reversed([one_line(line) for line in self._log_tail if line.strip()]):
            rows -= -(-cell_len(line) // width)
            if rows < 0 and tail:
                break
            tail.insert(0, line)
        return tail


def _words(
    follower: Follower, state: State, now: float, log_tail: Sequence[str], talk: str, keys: _Keys
) -> tuple[Content, str]:
    view = follower.view
    match state:
        case "stalled":
            return _silence(follower, duration(now - view.last_event), keys), "error"
        case "gone":
            return _two(
                "Its folder is gone: deleted, or moved elsewhere.",
                f"It was {one_line(str(follower.run.folder))}. 3 lists the runs that are there, {keys.new} starts one.",
            ), "error"
        case "crashed":
            return _crash(view, log_tail, keys), "error"
        case "paused":
            return _paused(view, keys), "warning"
        case "compiling":
            return Content("Compiling the model for this device: the first step takes a while."), "info"
        case "finished":
            return _end(view, log_tail, talk, keys)
        case "new":
            return Content(f"It has not begun yet. {keys.resume} starts it."), "info"
    return Content(""), ""


def _pid(view: RunView) -> int | str:
    return view.started.pid if view.started else "its process"


def _two(first: str, second: str) -> Content:
    return Content.assemble((first, "bold"), "\n", second)


def _silence(follower: Follower, silence: str, keys: _Keys) -> Content:
    if lacking := lacking_bytes(follower.run, follower.view):
        return _two(
            f"Its disk is full, so for {silence} it could not even say so.",
            f"Free {byte_size(lacking)}, and it goes on by itself.",
        )
    return _two(
        f"No sign of life for {silence}, though its process holds the run.",
        f"It may be busy, or suspended. {keys.stop} asks it to stop, kill -9 {_pid(follower.view)} ends it.",
    )


def _crash(view: RunView, log_tail: Sequence[str], keys: _Keys) -> Content:
    words = "Its process ended without a word: killed, out of memory, or the machine went down."
    shown = "\n".join(f"  {line}" for line in log_tail)
    return Content.assemble(
        (words, "bold"),
        f"\n{keys.resume} goes on {_from_checkpoint(view)}.",
        (f"\nworker.log ends with:\n{shown}" if log_tail else "\nworker.log is empty.", "$text-muted"),
    )


def _from_checkpoint(view: RunView) -> str:
    place = f"from its checkpoint at step {view.saved_step:,}" if view.saved_step else "from the beginning"
    lost = view.steps_to_do_again("crashed")
    return f"{place}: {lost:,} step{'s' * (lost != 1)} will be done again" if lost > 0 else place


def _paused(view: RunView, keys: _Keys) -> Content:
    if why := waits_for_room(view):
        return _two(f"Paused: {one_line(why)}", f"{keys.go_on} tries again now, {keys.stop} ends the run.")
    return Content(f"Paused; the model stays loaded. {keys.sample} draws a sample, {keys.go_on} goes on.")


def _end(view: RunView, log_tail: Sequence[str], talk: str, keys: _Keys) -> tuple[Content, str]:
    finished = view.finished
    assert finished is not None
    took = duration(finished.seconds)
    loss = loss_words(view) or "no step yet"
    why = _last_error(view)
    match finished.reason:
        case "target_reached":
            return _two(
                f"Below the target: {loss} after {took}.",
                f"{talk}. {keys.go_past} goes on past the target, {keys.new} starts another run.",
            ), "success"
        case "limit":
            told = "; ".join(filter(None, (f"Ended at its limit, {loss} after {took}", unsaved_words(view))))
            return _two(f"{told}.", _way_on(view, keys)), "info"
        case "stopped" | "interrupted":
            return _two(stop_words(view), _way_on(view, keys)), "info"
        case "imported":
            return _two("Imported.", f"{talk}; {keys.train_on} trains it on a text."), "info"
        case "diverged":
            return _two(
                f"Diverged: {why or 'its losses were not finite, and going back did not help'}",
                f"Start anew with a lower learning rate ({keys.new}), or go on from the last checkpoint "
                f"({keys.resume}).",
            ), "error"
        case "out_of_memory":
            return _two(
                f"Out of memory: {why or 'not even one sequence at a time fits'}",
                f"Try a smaller preset or block size ({keys.new}), or free memory and go on ({keys.resume}).",
            ), "error"
    return _two(f"Failed: {why}", "\n".join(log_tail)), "error"


def _way_on(view: RunView, keys: _Keys) -> str:
    if not view.unsaved_steps:
        return f"{keys.resume} goes on from there." if view.step else f"{keys.resume} starts it."
    return f"{keys.resume} goes back to {place_words(view)}."


def _last_error(view: RunView) -> str:
    """The error that the last session ended with; what went wrong before it does not count."""
    since = view.started.time if view.started else 0.0
    errors = [notice for notice in view.notices if notice.level == "error" and notice.time >= since]
    return one_line(errors[-1].text) if errors else ""
