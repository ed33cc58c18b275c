"""Which model is to write: a run, one of its checkpoints, and how many threads it may take."""

from __future__ import annotations

from collections.abc import Callable

from gpt2tui.errors import Gpt2TuiError
from gpt2tui.runs import commands
from gpt2tui.runs.checkpoint_names import PointerName, by_default, checkpoint_steps, chosen_step, pointed_step
from gpt2tui.runs.events import CheckpointSaved, Notice
from gpt2tui.runs.journal import event_reader
from gpt2tui.runs.run import Run
from gpt2tui.runs.store import RunStore
from gpt2tui.text import one_line
from gpt2tui.tui.talk.conversation import Place
from gpt2tui.tui.widgets.picker import Row

NOW = "now"

_POINTERS: dict[PointerName, str] = {
    "best": "the lowest corpus loss that was measured",
    "last": "the newest; it moves on while the run trains",
}


class Snapshot:
    """A request to a run that trains to save its present weights, until they are on the disk.

    Raises:
        Gpt2TuiError: the run cannot be asked.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._command = commands.SaveCheckpoint()
        try:
            size = run.events_file.stat().st_size if run.events_file.is_file() else 0
            self._reader = event_reader(run.events_file, offset=size)
            run.send(self._command)
        except OSError as error:
            raise Gpt2TuiError(f"no snapshot: the run cannot be asked: {error.strerror or error}") from error

    def poll(self) -> int | None:
        """The step of the snapshot, once it is there.

        Raises:
            Gpt2TuiError: the run has ended, could not save, or cannot be read.
        """
        try:
            events = list(self._reader.poll())
        except OSError as error:
            raise Gpt2TuiError(f"no snapshot: the run cannot be read: {error.strerror or error}") from error
        for event in events:
            if event.command == self._command.id and isinstance(event, CheckpointSaved):
                return event.step
            if event.command == self._command.id and isinstance(event, Notice) and event.level == "error":
                raise Gpt2TuiError(f"no snapshot: {event.text}")
        if not self._run.is_alive():
            raise Gpt2TuiError("no snapshot: the run has ended; its last checkpoint can be chosen")
        return None


class ModelChoice:
    """The run that was chosen, and which of its checkpoints: best, last, a step, or None for what is taken by default.

    ``held`` is what the child has loaded: a step that was chosen can be asked for as long as it is that, though its
    files are gone. A run that trains keeps few of them, so a snapshot's may be gone within seconds.
    """

    def __init__(self, store: RunStore, held: Callable[[], Place | None] = lambda: None) -> None:
        self._store = store
        self._held = held
        self.run: Run | None = None
        self.reference: str | None = None
        self.snapshot: Snapshot | None = None
        self._name = ""

    @property
    def is_gone(self) -> bool:
        """Whether the run was deleted, or its folder moved."""
        return self.run is not None and self.run.is_gone()

    @property
    def name(self) -> str:
        """What the run is called, also when it is gone."""
        if self.run and not self.is_gone:
            self._name = one_line(self.run.name())
        return self._name

    def choose(self, run: Run | None, reference: str | None = None) -> None:
        """Choose a run and a checkpoint, or none."""
        self.run, self.reference, self.snapshot = run, reference, None
        self._name = one_line(run.name()) if run else "none"

    def default_run(self, followed: Run | None) -> Run | None:
        """The followed run, also without a checkpoint; where none is, the newest that has one, else the newest."""
        if followed and not followed.is_gone():
            return followed
        runs = self._store.all()
        return next((run for run in runs if chosen_step(run) is not None), next(iter(runs), None))

    def step(self) -> int | None:
        """The step of the checkpoint that is meant now; None where there is none (yet, or any more)."""
        if self.run is None:
            return None
        step = chosen_step(self.run, self.reference)
        return self._held_step(self.run) if step is None else step

    def _held_step(self, run: Run) -> int | None:
        held = self._held()
        is_meant = held is not None and held.run == run.folder and str(held.step) == self.reference
        return held.step if held and is_meant and not run.is_gone() else None

    def place(self) -> Place | None:
        """What to ask; None where there is no checkpoint. Beside a training it is to take one thread."""
        step = self.step()
        if self.run is None or step is None:
            return None
        return Place(run=self.run.folder, step=step, threads=1 if self.is_training_somewhere() else None)

    def is_training_somewhere(self) -> bool:
        """Whether any run of this user is alive."""
        return any(run.is_alive() for run in self._store.all())

    def is_on_its_way(self) -> bool:
        """Whether the run trains and has no checkpoint yet."""
        return self.run is not None and self.step() is None and self.run.is_alive()

    def checkpoint_words(self) -> str:
        """The checkpoint, for people."""
        if self.snapshot:
            return "asking for a snapshot"
        step = self.step()
        if self.is_gone:
            return "deleted"
        if self.run is None or step is None:
            return "none yet" if self.reference is None else f"{self.reference}: there is none"
        kind = self.reference
        if kind is None:
            order = by_default(self.run.checkpoints)
            kind = next((name for name in order if pointed_step(self.run, name) == step), "last")
        if not kind.isdigit():
            return f"{kind}, step {step:,}"
        return f"step {step:,}" if chosen_step(self.run, kind) is not None else f"step {step:,}, in memory"

    def run_rows(self) -> list[Row[Run]]:
        """All runs, those without a checkpoint named as such."""
        return [Row(run.name(), _about(run), run) for run in self._store.all()]

    def checkpoint_rows(self) -> list[Row[str]]:
        """The checkpoints of the run; for one that trains also its weights as they are now."""
        if self.run is None:
            return []
        rows = [Row(NOW, "the weights as they are now: the run saves them first", NOW)] if self.run.is_alive() else []
        for name, about in _POINTERS.items():
            if (step := pointed_step(self.run, name)) is not None:
                rows.append(Row(name, f"step {step:,}: {about}", name))
        return rows + [Row(f"step {step}", "", str(step)) for step in checkpoint_steps(self.run)]

    def give_up_step(self) -> bool:
        """Go back to what is taken by default from a step whose files are gone; whether there is anything."""
        if self.run is None or not (self.reference or "").isdigit() or chosen_step(self.run) is None:
            return False
        self.reference = None
        return True

    def ask_for_snapshot(self) -> None:
        """Ask the run for its present weights.

        Raises:
            Gpt2TuiError: it cannot be asked.
        """
        if self.run:
            self.snapshot = Snapshot(self.run)

    def poll_snapshot(self) -> bool:
        """Whether the snapshot that was asked for has come; it is chosen then.

        Raises:
            Gpt2TuiError: it will not come.
        """
        if self.snapshot is None:
            return False
        try:
            step = self.snapshot.poll()
        except Gpt2TuiError:
            self.snapshot = None
            raise
        if step is None:
            return False
        self.snapshot, self.reference = None, str(step)
        return True


def _about(run: Run) -> str:
    parts = ["trains now"] if run.is_alive() else []
    step = chosen_step(run)
    parts.append("no checkpoint yet" if step is None else f"checkpoint of step {step:,}")
    try:
        config = run.config()
    except Gpt2TuiError:
        return "damaged"
    parts += [config.corpus.name, config.preset or ""]
    return ", ".join(part for part in parts if part)
