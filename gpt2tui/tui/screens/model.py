"""The choice of the model that is talked to: its run, its checkpoint, and its weights as they are now."""

from __future__ import annotations

from textual import on, work
from textual.timer import Timer

from gpt2tui.errors import Gpt2TuiError
from gpt2tui.runs.run import Run
from gpt2tui.text import one_line
from gpt2tui.tui.refusals import NO_RUNS
from gpt2tui.tui.screens.talk import TalkScreen
from gpt2tui.tui.talk.history import History
from gpt2tui.tui.talk.live_turn import LiveTurn
from gpt2tui.tui.talk.model_choice import NOW
from gpt2tui.tui.widgets.picker import Picker
from gpt2tui.tui.widgets.prompt import PromptArea
from gpt2tui.tui.widgets.sampling_panel import Choice, SamplingPanel
from gpt2tui.tui.widgets.transcript import Transcript

_LOOK_SECONDS = 1.0
_SNAPSHOT_SECONDS = 0.1
_LOAD_AFTER = 0.3
"""Seconds on this screen before a model is loaded: who only passes by needs none."""


class ModelScreen(TalkScreen):
    """Loads the chosen checkpoint, and shows the turns that are kept of its run."""

    def __init__(self) -> None:
        super().__init__()
        self._snapshot_watch: Timer
        self._was_left = False

    def on_mount(self) -> None:
        self._set_up()
        self._snapshot_watch = self.set_interval(_SNAPSHOT_SECONDS, self._look_for_snapshot, pause=True)
        self.set_interval(_LOOK_SECONDS, self._look)
        self._choice.choose(self._choice.default_run(self._meant))
        self._open(self._choice.run)
        self._greet()

    def _greet(self) -> None:
        """Where there is a model, or will soon be one, what is typed first is meant for it."""
        if self._choice.step() is not None or self._choice.is_on_its_way():
            self.query_one(PromptArea).focus()

    def on_screen_suspend(self) -> None:
        self._was_left = self.app.current_mode != "generate"  # not for a layer above it

    def on_screen_resume(self) -> None:
        if self._was_left and self._choice.is_gone:
            self._leave_deleted()
        elif self._was_left:
            self.change_run()
        self._take_prompt()
        self._look()
        if self._was_left and not (self._is_in_panel or self.query_one(Transcript).has_cursor):
            self._greet()
        self._was_left = False
        self.set_timer(_LOAD_AFTER, self._prepare)

    def _take_prompt(self) -> None:
        """Begin with a prompt that was written on Train, where none is begun here."""
        if handed := self.app.handed_prompt:
            self.app.handed_prompt = None
            run, text = handed
            self.open_run(run)
            prompt = self.query_one(PromptArea)
            if not prompt.text:
                prompt.put(text)

    # The run and its checkpoint

    def open_run(self, run: Run) -> None:
        """Talk to this run's model; its earlier turns are shown."""
        self.app.talk_run = run
        if self.is_mounted:
            self._choice.choose(run)
            self._open(run)
            self._prepare()

    def change_run(self) -> None:
        """The app follows another run: it is this screen's too, unless one was chosen here since."""
        if self.is_mounted and self._conversation.turn is None and not self._keeps_deleted:
            before, after = self._choice.run, self._choice.default_run(self._meant)
            if after and (before is None or before.folder != after.folder):
                self._choice.choose(after)
                self._open(after)
                self._prepare()

    @property
    def _keeps_deleted(self) -> bool:
        """Whether what was said with a run that is gone, and is nowhere else, is still being read."""
        turns = [view.turn for view in self.query_one(Transcript).views]
        return self.is_current and self._choice.is_gone and any(turn.record() for turn in turns)

    @property
    def _meant(self) -> Run | None:
        return self.app.talk_run or (self.app.follower.run if self.app.follower else None)

    def _open(self, run: Run | None) -> None:
        self._conversation.stop()
        if self._edited:
            self._edited = None
            self._restore_draft()
        self._history = History(run, is_ascii=self.app.glyphs.is_ascii) if run else None
        self._show_history(self._history)
        is_waiting = self._choice.step() is None and not self._choice.is_on_its_way()
        if is_waiting and not self.query_one(PromptArea).text:
            self.query_one(Transcript).focus()  # what can be done are keys, which the prompt would take for text
        self._draw_place()

    @work(exclusive=True, group="history")
    async def _show_history(self, history: History | None) -> None:
        turns = []
        if history:
            try:
                turns = self._with_odds(history.latest())
            except OSError as error:
                problem = f"the earlier turns cannot be read: {error.strerror or error}"
                self.notify(problem, severity="error", markup=False)
        if turns:
            self.query_one(SamplingPanel).take(turns[-1].settings)
        transcript = self.query_one(Transcript)
        await transcript.show(turns)
        self.refresh_bindings()  # they were asked for while no turn was chosen
        transcript.tell_earlier(history.earlier if history else 0)

    def _with_odds(self, turns: list[LiveTurn]) -> list[LiveTurn]:
        """The turns, those that were drawn since the app was opened as they were then: with their alternatives."""
        return [self._drawn_here.get(turn.record_id, turn) for turn in turns]

    @on(Transcript.TopReached)
    async def _show_earlier(self) -> None:
        if self._history and self._history.earlier:
            transcript = self.query_one(Transcript)
            await transcript.show_earlier(self._with_odds(self._history.before()))
            transcript.tell_earlier(self._history.earlier)

    def _leave_deleted(self) -> None:
        """Take another run in place of one that was deleted."""
        name = self._choice.name
        self.app.talk_run = None
        run = self._choice.default_run(self._meant)
        self._choice.choose(run)
        self._open(run)
        self._prepare()
        instead = f"this is {one_line(run.name())}" if run else "there is no other run"
        self.notify(f"{name} was deleted; {instead}", severity="warning", markup=False)

    def _prepare(self) -> None:
        if self.is_current and (place := self._choice.place()):
            self._conversation.prepare(place)

    def _look(self) -> None:
        if not self.is_current:
            return
        if self._choice.is_gone and self._conversation.turn is None and not self._keeps_deleted:
            self._leave_deleted()
        if self._choice.step() is None and self._choice.reference is None and not self._choice.snapshot:
            self.change_run()
            self._prepare()
        self._draw_place()

    def _look_for_snapshot(self) -> None:
        try:
            has_come = self._choice.poll_snapshot()
        except Gpt2TuiError as error:
            self.notify(one_line(str(error)), severity="error", markup=False)
            has_come = True
        if self._choice.snapshot is None:
            self._snapshot_watch.pause()
        if has_come:
            self._draw_place()
            self._prepare()

    # Choosing another

    @on(Choice.Opened)
    def _on_choice(self, event: Choice.Opened) -> None:
        if event.choice.id == "run":
            self.action_choose_run()
        else:
            self.action_choose_checkpoint()

    def action_choose_run(self) -> None:
        rows = self._choice.run_rows()
        if not rows:
            self.notify(NO_RUNS, markup=False)
            return

        def take(run: Run | None) -> None:
            if run and (self._choice.run is None or run.folder != self._choice.run.folder):
                self.open_run(run)

        self.app.push_screen(Picker("Which run?", rows), take)

    def action_choose_checkpoint(self) -> None:
        rows = self._choice.checkpoint_rows()
        if not rows:
            self.notify("This run has no checkpoint yet." if self._choice.run else NO_RUNS, markup=False)
            return

        def take(reference: str | None) -> None:
            if reference == NOW:
                try:
                    self._choice.ask_for_snapshot()
                except Gpt2TuiError as error:
                    self.notify(one_line(str(error)), severity="error", markup=False)
                self._snapshot_watch.resume()
            elif reference is not None:
                self._choice.reference = reference
                self._prepare()
            self._draw_place()

        self.app.push_screen(Picker("Which checkpoint?", rows, present=self._choice.reference), take)
