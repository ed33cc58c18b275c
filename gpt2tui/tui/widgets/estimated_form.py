"""A form with an estimate of what its run would take, which follows every change."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from textual import on, work
from textual.events import Show
from textual.timer import Timer

from gpt2tui.errors import Gpt2TuiError, UsageError
from gpt2tui.runs.neighbours import Neighbour, crowding, neighbours
from gpt2tui.runs.pace import Pace, measured_paces
from gpt2tui.runs.store import RunStore
from gpt2tui.text import one_line, visible
from gpt2tui.tui.form.estimate_facts import AbsentText, estimate_facts
from gpt2tui.tui.form.start_option import NO_TARGET
from gpt2tui.tui.form.start_options import OPTIONS
from gpt2tui.tui.form.start_words import split_texts, text_problem, words_of
from gpt2tui.tui.processes.asking import RefusedError
from gpt2tui.tui.processes.corpora import NamedCorpus, named_corpora
from gpt2tui.tui.processes.training import estimate
from gpt2tui.tui.widgets.form_field import FormField
from gpt2tui.tui.widgets.form_fields import FormFields

_PAUSE_SECONDS = 0.4
"""An estimate is asked for when nothing was changed for so long."""


class EstimatedForm(FormFields):
    """Asks a process of its own for the estimate once the form has rested; looks for runs on the same device."""

    def __init__(self, begun: Mapping[str, str] | None = None) -> None:
        super().__init__(begun)
        self._timer: Timer | None = None
        self._corpora: list[NamedCorpus] | None = None
        self._paces: list[Pace] = []
        self._living: list[Neighbour] = []
        self._device: str | None = None

    def on_mount(self) -> None:
        self._show_command()

    def on_show(self, event: Show) -> None:
        if self.screen.focused is None:
            self.screen.set_focus(self)  # at once: focus() does it later, and would take the keys from a field
        self._learn()

    @work(exclusive=True, group="learn")
    async def _learn(self) -> None:
        """Look at what may have changed while the form was away: runs, corpora, and so the estimate."""
        self._corpora = None
        self._wait_and_ask()
        await self._look_at_runs()

    async def _look_at_runs(self) -> None:
        self._living, self._paces = await asyncio.to_thread(_look, self.app.store)
        self._warn_of_busy_device()

    @on(FormField.Changed)
    def _changed(self, event: FormField.Changed) -> None:
        event.stop()
        self._show_error("")
        self._wait_and_ask()

    def _wait_and_ask(self) -> None:
        """Ask for an estimate when the form has rested for a moment; the one before is of no use any more."""
        self._stop_estimating()
        if self.is_mounted and self.app.is_running:
            self._estimate.wait()
            self._timer = self.set_timer(_PAUSE_SECONDS, self._ask)

    def _stop_estimating(self) -> bool:
        """End the wait for an estimate; whether there was one."""
        was_waiting = self._timer is not None
        if self._timer:
            self._timer.stop()
            self._timer = None
        # One that has its answer is listed for a moment longer.
        asking = [one for one in self.workers if (one.node, one.group) == (self, "estimate") and not one.is_finished]
        for one in asking:
            one.cancel()
        return bool(asking) or was_waiting

    @work(exclusive=True, group="estimate")
    async def _ask(self) -> None:
        self._timer = None
        self._show_command()
        text = self.field("text")
        problem: str | None = None
        try:
            texts = split_texts(text.value)
        except UsageError as error:
            problem = str(error)
            texts = []
        corpora = await self._known_corpora()
        names = {corpus.name: corpus for corpus in corpora}
        problem = problem or await asyncio.to_thread(text_problem, texts, tuple(names))
        text.tell(problem)
        text.note("; ".join(f"{name}: {names[name].facts}" for name in texts or ["bundled"] if name in names))
        # What was told of the other fields before may have been mended in this one.
        if problem or any(field.is_wrong for field in self._fields.values()):
            self._deny_estimate()
            return
        absent = _absent(texts, names)
        values = self.values() | ({"text": ""} if absent else {})
        try:
            found, _ = await asyncio.gather(estimate(words_of(values, self._users)), self._look_at_runs())
            facts = estimate_facts(found, self._paces, _target(values["target_loss"]), absent=absent)
        except Gpt2TuiError as error:
            self._place(str(error), error.exit_code)
            self._deny_estimate()
            return
        self._place("", 0)
        self._device = found["device"]
        self._warn_of_busy_device()
        await self._estimate.show(facts)

    def _deny_estimate(self) -> None:
        """Say that there is none, and which fields are to blame."""
        wrong = ", ".join(field.option.label.lower() for field in self._fields.values() if field.problem)
        self._estimate.deny(f"no estimate: see {wrong}" if wrong else "no estimate")

    async def _known_corpora(self) -> list[NamedCorpus]:
        if self._corpora is None:
            try:
                self._corpora = await named_corpora()
            except RefusedError:
                return []
        return self._corpora

    @property
    def has_warned(self) -> bool:
        """Whether a training on the same device was warned about."""
        return self._busy.display

    def _show_command(self) -> None:
        self._command.update(visible(self.command))

    def _warn_of_busy_device(self) -> None:
        warning = crowding(self._living, self._device)
        self._busy.update(one_line(warning))
        self._busy.display = bool(warning)


def _look(store: RunStore) -> tuple[list[Neighbour], list[Pace]]:
    """The runs that are being trained, and what all runs tell of the pace."""
    try:
        runs = store.all()
    except OSError:
        return [], []
    return neighbours(runs), measured_paces(runs)


def _absent(texts: list[str], names: dict[str, NamedCorpus]) -> AbsentText | None:
    """The text, where some of it has to be fetched, which is not done for an estimate."""
    missing = [text for text in texts if "://" in text or (text in names and not names[text].present)]
    if not missing:
        return None
    is_known = len(texts) == 1 and texts[0] in names
    return AbsentText(", ".join(missing), names[texts[0]].tokens if is_known else None)


def _target(value: str) -> float | None:
    return None if value == NO_TARGET else float(value or OPTIONS["target_loss"].default)
