"""How a training begins: by the form, by the words of a command, or where another has ended."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual import work
from textual.content import Content
from textual.events import ScreenResume

from gpt2tui.errors import Gpt2TuiError
from gpt2tui.runs.neighbours import crowding_of
from gpt2tui.runs.run import Run
from gpt2tui.text import one_line
from gpt2tui.tui.processes.training import start_training
from gpt2tui.tui.screens.dashboard import DashboardScreen
from gpt2tui.tui.widgets.ask_limit import AskLimit
from gpt2tui.tui.widgets.ask_target import AskTarget
from gpt2tui.tui.widgets.top_bar import TopBar

if TYPE_CHECKING:
    from gpt2tui.tui.widgets.start_form import StartForm

_FORM_STYLES = Path(__file__).parents[1] / "styles" / "start_form.tcss"


class StartingScreen(DashboardScreen):
    """The form over the run that is followed, and the starts that are under way."""

    _form: StartForm | None = None
    """Imported and made when it is first needed: it has more widgets than all the rest."""
    _was_left = False
    _before_lent: Mapping[str, str] = {}
    """What stood in fields of the form whose values are for one run only."""
    _typed: Mapping[str, Any] = {}
    """What the form begins with: the options of a command, until its training has started."""

    def begin(self) -> None:
        self._typed = self.app.options.typed
        if words := self.app.take_start():
            self._start(words)

    def action_new(self) -> None:
        self._open_form()

    def action_train_on(self) -> None:
        """Open the form on a run that begins with the imported model on the screen."""
        from gpt2tui.tui.form.start_options import OPTIONS

        if follower := self._follower:
            preset = follower.view.config.preset or OPTIONS["preset"].default  # the default says nothing of the shape
            self._open_form({"init": follower.run.id, "preset": preset})
            self.notify(f"the new run begins with {one_line(follower.run.name())}", markup=False)

    def action_new_beside(self) -> None:
        self.action_new()

    def action_back(self) -> None:
        self._take_back()
        self.show_form(False)

    def show_form(self, is_shown: bool, *, problem: Gpt2TuiError | None = None, is_filled: bool = True) -> None:
        self.set_class(is_shown, "-form")
        self.query_one(TopBar).show_form(is_shown)
        self.refresh_bindings()
        if is_shown:
            self.query_one(TopBar).tell(Content.styled("a new run", "$text-muted"))
            if is_filled:  # by the app, which answers after its first frame
                self.app.call_after_refresh(self._fill_form_later, problem)
        else:
            self.set_focus(None)
            self._draw_pictures()

    def _open_form(self, lent: Mapping[str, str] | None = None) -> None:
        """``lent`` are values for one run: they are taken back when that was started, or the form was left."""
        self._take_back()
        self.show_form(True, is_filled=False)
        self._fill_form_for_next_key(lent or {})

    def _take_back(self) -> None:
        if self._form:
            for name, value in self._before_lent.items():
                self._form.field(name).value = value
        self._before_lent = {}

    @work(exclusive=True, group="form")
    async def _fill_form_for_next_key(self, lent: Mapping[str, str]) -> None:
        with self.app.holding_keys():
            form = await self._made_form()
            self._before_lent = {name: form.field(name).value for name in lent}
            for name, value in lent.items():
                form.field(name).value = value
            await self._fill_form()
            # Tab finds its way there only when all is laid out.
            is_laid_out = asyncio.Event()
            self.call_after_refresh(is_laid_out.set)
            await is_laid_out.wait()

    @work(exclusive=True, group="form")
    async def _fill_form_later(self, problem: Gpt2TuiError | None) -> None:
        await self._fill_form(problem)

    def on_screen_suspend(self) -> None:
        self._was_left = self.app.current_mode != "train"  # not for a layer above it

    def on_screen_resume(self, event: ScreenResume) -> None:
        """What is typed after coming back to the form is meant for it."""
        if self._was_left and self.has_class("-form") and self._form and self._form.has_focus:
            self._form.return_to_field()
        self._was_left = False

    async def _fill_form(self, problem: Gpt2TuiError | None = None) -> None:
        form = await self._made_form()
        if not (form.is_mounted and form.field("text").is_mounted):
            return  # the app is being left
        if problem:
            form.show_error(problem)
        else:
            form.focus_first()

    async def _made_form(self) -> StartForm:
        if not self._form:
            from gpt2tui.tui.form.start_defaults import form_values
            from gpt2tui.tui.widgets.start_form import StartForm

            self.app.stylesheet.read(_FORM_STYLES)
            self._form = StartForm(form_values(self._typed))
            await self.query_one("#form").mount(self._form)
        return self._form

    def on_start_form_submitted(self, event: StartForm.Submitted) -> None:
        self._start(("train", *event.words), is_warned=self._form is not None and self._form.has_warned)

    @property
    def would_be_lost(self) -> str:
        """What is lost when the app is left now."""
        is_lost = self._form is not None and self._form.is_typed
        return "the run in the form, which has not been started" * (is_lost and not self._is_starting)

    def action_resume(self) -> None:
        """Go on with the run on the screen; how far, where its limit is met."""
        if follower := self._follower:
            view = follower.view
            question = AskLimit.of(view.finished.reason if view.finished else None, view.limits, view.step)
            if question:
                self._resume_as_told(follower.run, question)
            else:
                self._start(("resume", str(follower.run.folder)))

    def action_go_past(self) -> None:
        """Go on with the run on the screen to a target that is asked for."""
        if follower := self._follower:
            question = AskTarget(follower.view.reached_loss, follower.view.limits)
            self._resume_as_told(follower.run, question)

    def _resume_as_told(self, run: Run, question: AskLimit | AskTarget) -> None:
        def answered(answer: str | None) -> None:
            if answer is not None:
                self._start(("resume", str(run.folder), *question.words(answer)))

        self.app.push_screen(question, answered)

    def _start(self, words: tuple[str, ...], *, is_warned: bool = False) -> None:
        if not self._is_starting:
            self._set_starting(True)
            self.query_one(TopBar).tell(Content.styled("starting a training process", "$accent"))
            self._await_start(words, is_warned=is_warned)

    @work
    async def _await_start(self, words: tuple[str, ...], *, is_warned: bool) -> None:
        try:
            run = await start_training(words)
        except Gpt2TuiError as error:
            if words[0] == "train":
                self._follow_what_there_is()  # esc leads out of the form to it
                self.show_form(True, problem=error)
            else:
                self.notify(str(error), severity="error", markup=False, timeout=15)
                self._set_starting(False)
                self._show_what_there_is()
        else:
            self._typed = {}
            if self._form:
                self._form.field("name").value = ""  # it was this run's
                self._take_back()
                self._form.settle()
            self.app.follow(run)
            if not is_warned and (warning := crowding_of(run, self.app.store)):
                self.notify(one_line(warning), severity="warning", markup=False)
        finally:
            self._set_starting(False)

    def _show_what_there_is(self) -> None:
        """After a start that was refused: the run from before, else the one last at work, else the form."""
        self._follow_what_there_is()
        if self._follower:
            self._draw_numbers()
        else:
            self.show_form(True)

    def _follow_what_there_is(self) -> None:
        """Where no run is followed: the one that trains, or was last at work."""
        if not self._follower and (run := self.app.store.at_work()):
            self.app.follow(run)

    def _set_starting(self, is_starting: bool) -> None:
        self._is_starting = is_starting
        self.refresh_bindings()
        if self._form:
            self._form.show_busy(is_starting)
