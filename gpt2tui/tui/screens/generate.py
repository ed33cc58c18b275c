"""The screen on which a model is talked to."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar

import msgspec
from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Footer, Static

from gpt2tui.errors import Gpt2TuiError
from gpt2tui.runs.run import Run
from gpt2tui.runs.sampling import SamplingSettings
from gpt2tui.runs.transcript import as_markdown
from gpt2tui.text import one_line
from gpt2tui.tui.talk.conversation import Conversation
from gpt2tui.tui.talk.generate_guide import guide
from gpt2tui.tui.talk.generate_keys import GENERATE_KEYS
from gpt2tui.tui.talk.history import History
from gpt2tui.tui.talk.live_turn import LiveTurn
from gpt2tui.tui.talk.model_choice import NOW, ModelChoice
from gpt2tui.tui.talk.save_target import SaveTarget, slug
from gpt2tui.tui.terminal.clipboard import harmless
from gpt2tui.tui.widgets.alternatives import Alternatives
from gpt2tui.tui.widgets.legend import Legend
from gpt2tui.tui.widgets.ordered_keys import TextField
from gpt2tui.tui.widgets.picker import Picker
from gpt2tui.tui.widgets.prompt import PromptArea
from gpt2tui.tui.widgets.question import Ask
from gpt2tui.tui.widgets.sampling_panel import Choice, SamplingPanel
from gpt2tui.tui.widgets.summary import Summary, device_words, hints, speed_words
from gpt2tui.tui.widgets.top_bar import TopBar
from gpt2tui.tui.widgets.transcript import Transcript

if TYPE_CHECKING:
    from gpt2tui.tui.app import Gpt2TuiApp

FLUSH_SECONDS = 1 / 18
"""How often what was drawn comes to the screen."""

_LOOK_SECONDS = 1.0
_SNAPSHOT_SECONDS = 0.1
_LOAD_AFTER = 0.3
"""Seconds on this screen before a model is loaded: who only passes by needs none."""

_WITH_CURSOR = ("enter_token", "branch", "close_cursor")
_WITH_TURN = ("regenerate", "edit", "read_tokens")
"""These need a chosen turn, and no cursor in it."""


class GenerateScreen(Screen[None]):
    """Screen 2: turns of a prompt and its continuation, with a run's model."""

    app: Gpt2TuiApp

    CSS_PATH = "../styles/generate.tcss"
    HORIZONTAL_BREAKPOINTS: ClassVar = [(0, "-tiny"), (60, "-narrow"), (110, "-wide")]  # type: ignore[misc]
    VERTICAL_BREAKPOINTS: ClassVar = [(0, "-flat"), (16, "-low"), (30, "-high")]  # type: ignore[misc]
    BINDINGS: ClassVar = GENERATE_KEYS  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self._choice: ModelChoice
        self._conversation: Conversation
        self._history: History | None = None
        self._unkept: list[tuple[History, LiveTurn]] = []
        self._edited: LiveTurn | None = None
        self._is_tinted = False
        self._is_dirty = False
        self._keys_state: object = None
        self._place_words: object = None
        self._flushing: Timer
        self._snapshot_watch: Timer
        self._is_panel_wanted: bool | None = None
        self._wanted: tuple[Run, str | None] | None = None
        """A run that was chosen by hand, before this screen was first shown or after."""

    def compose(self) -> ComposeResult:
        yield TopBar("generate")
        with Horizontal(id="talk"):
            with Vertical(id="words"):
                yield Static("", id="guide", markup=False)
                yield Transcript()
                yield Legend()
                yield Alternatives()
                yield Summary()
                yield PromptArea(placeholder="A text for the model to go on from", id="prompt")
            yield SamplingPanel(SamplingSettings())
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        self._choice = ModelChoice(self.app.store)
        self._conversation = Conversation(
            self.app.options.paths.cache / "generation.log",
            now=time.monotonic,
            on_change=self._take_change,
            on_end=self._end_turn,
            on_problem=self._tell_problem,
        )
        prompt = self.query_one(PromptArea)
        prompt.border_title, prompt.keeps_escape = "Prompt", False
        self._flushing = self.set_interval(FLUSH_SECONDS, self._flush, pause=True)
        self._snapshot_watch = self.set_interval(_SNAPSHOT_SECONDS, self._look_for_snapshot, pause=True)
        self.set_interval(_LOOK_SECONDS, self._look)
        if self._wanted:
            self._choice.choose(*self._wanted)
        elif run := self._choice.default_run(self._followed):
            self._choice.choose(run)
        self._open(self._choice.run)
        if self._choice.step() is not None:
            prompt.focus()

    def on_screen_resume(self) -> None:
        self._look()
        self.set_timer(_LOAD_AFTER, self._prepare)

    async def on_unmount(self) -> None:
        self._conversation.stop()
        self._keep_turns()
        await self._conversation.close()

    @property
    def _is_there(self) -> bool:
        """Whether there is anything to draw on: no more while the app is being left, when replies still come."""
        return self.is_mounted and self.display

    # The run and its checkpoint

    def open_run(self, run: Run, reference: str | None = None) -> None:
        """Talk to this run's model; its earlier turns are shown."""
        self._wanted = (run, reference)
        if self.is_mounted:
            self._choice.choose(run, reference)
            self._open(run)
            self._prepare()

    def change_run(self) -> None:
        """The app follows another run: it is this screen's too, unless one was chosen here."""
        if self.is_mounted and self._wanted is None and self._conversation.turn is None:
            before, after = self._choice.run, self._choice.default_run(self._followed)
            if after and (before is None or before.folder != after.folder):
                self._choice.choose(after)
                self._open(after)
                self._prepare()

    @property
    def _followed(self) -> Run | None:
        return self.app.follower.run if self.app.follower else None

    def _open(self, run: Run | None) -> None:
        self._conversation.stop()
        self._edited = None
        self._history = History(run, is_ascii=self.app.glyphs.is_ascii) if run else None
        self._show_history(self._history)
        self._draw_place()

    @work(exclusive=True, group="history")
    async def _show_history(self, history: History | None) -> None:
        turns = []
        if history:
            try:
                turns = history.latest()
            except OSError as error:
                problem = f"the earlier turns cannot be read: {error.strerror or error}"
                self.notify(problem, severity="error", markup=False)
        transcript = self.query_one(Transcript)
        await transcript.show(turns)
        transcript.tell_earlier(history.earlier if history else 0)

    @on(Transcript.TopReached)
    async def _show_earlier(self) -> None:
        if self._history and self._history.earlier:
            transcript = self.query_one(Transcript)
            await transcript.show_earlier(self._history.before())
            transcript.tell_earlier(self._history.earlier)

    def _prepare(self) -> None:
        if self.is_current and (place := self._choice.place()):
            self._conversation.prepare(place)

    def _look(self) -> None:
        if not self.is_current:
            return
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

    # Turns

    @on(PromptArea.Submitted)
    def _send(self, event: PromptArea.Submitted) -> None:
        event.stop()
        if not event.text.strip():
            self.notify("Write something for the model to continue.", markup=False)
            return
        old, self._edited = self._edited, None
        turn = self._new_turn(event.text, replaces=old)
        if turn is None or not self._speak(turn, instead=old):
            self._edited = old
            return
        event.prompt.remember(event.text)
        event.prompt.border_title = "Prompt"

    def _new_turn(
        self, prompt: str, *, replaces: LiveTurn | None = None, has_new_seed: bool = False
    ) -> LiveTurn | None:
        settings = self._settings()
        if settings is None:
            return None
        if has_new_seed:
            settings = msgspec.structs.replace(settings, seed=None)
        kept = replaces.kept_tokens() if replaces and has_new_seed else None
        recorded = (replaces.record_id if replaces.drawn else replaces.replaces) if replaces else None
        return LiveTurn(prompt, settings, kept=kept, replaces=recorded, is_ascii=self.app.glyphs.is_ascii)

    def _settings(self) -> SamplingSettings | None:
        panel = self.query_one(SamplingPanel)
        if panel.problems:
            name, problem = next(iter(panel.problems.items()))
            self.notify(problem, severity="error", markup=False)
            self._show_panel(True)
            panel.focus_field(name)
            return None
        return panel.settings

    def _speak(self, turn: LiveTurn, *, instead: LiveTurn | None = None) -> bool:
        """Let a turn be written; false, and said, where there is no model for it."""
        place = self._choice.place()
        if place is None:
            why, *_ = guide(self._choice).splitlines() or ["The checkpoint has only just come: send it again."]
            self.notify(why, severity="warning", markup=False)
            return False
        self._conversation.stop()
        transcript = self.query_one(Transcript)
        if instead:
            transcript.replace(instead, turn)
        else:
            transcript.add(turn)
        self._conversation.speak(turn, place)
        self._draw_place()
        return True

    def _take_change(self) -> None:
        if not self._is_there:
            return
        turn = self._conversation.turn
        self._is_dirty = True
        if turn is None or turn.drawn <= 1:
            self._flush()
        else:
            self._flushing.resume()

    def _flush(self) -> None:
        if not self._is_dirty:
            self._flushing.pause()
            return
        self._is_dirty = False
        if (turn := self._conversation.turn) and (view := self.query_one(Transcript).view_of(turn)):
            view.take_changes()
        self._draw_state()

    def _end_turn(self, turn: LiveTurn) -> None:
        if self._history:
            self._unkept.append((self._history, turn))
        if self._is_there:
            if view := self.query_one(Transcript).view_of(turn):
                view.take_changes()
            # The end is to be seen first: a long turn takes a while to be written.
            self.call_after_refresh(self._draw_state)
            self.call_after_refresh(self._keep_turns)

    def _keep_turns(self) -> None:
        while self._unkept:
            history, turn = self._unkept.pop(0)
            try:
                history.keep(turn)
            except OSError as error:
                problem = f"this turn is not kept: {error.strerror or error}; w saves it elsewhere"
                self.notify(problem, severity="error", markup=False)

    def _tell_problem(self, text: str) -> None:
        if not self._is_there:
            return
        turn = LiveTurn("", SamplingSettings(), is_ascii=self.app.glyphs.is_ascii)
        turn.fail(text)
        self.query_one(Transcript).add(turn)

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if not self.is_mounted:
            return True
        transcript = self.query_one(Transcript)
        if action == "stop":
            return self.is_streaming
        if action == "leave":
            return isinstance(self.focused, TextField)
        if action in _WITH_CURSOR:
            return transcript.has_cursor
        if action in _WITH_TURN:
            return transcript.chosen is not None and not transcript.has_cursor
        return True

    @property
    def is_streaming(self) -> bool:
        """Whether a text is being written, or waited for."""
        return self.is_mounted and self._conversation.turn is not None

    @property
    def _is_in_panel(self) -> bool:
        return self.focused is not None and self.query_one(SamplingPanel) in self.focused.ancestors

    def action_stop(self) -> None:
        self._conversation.stop()

    def action_close_cursor(self) -> None:
        transcript = self.query_one(Transcript)
        if self.query_one(Alternatives).has_focus:
            transcript.focus()
        else:
            transcript.leave_cursor()

    def action_leave(self) -> None:
        self.action_back()

    def action_back(self) -> None:
        transcript, focused = self.query_one(Transcript), self.focused
        if self._choice.snapshot:
            self._choice.snapshot = None
            self._draw_place()
        elif self.selections:
            self.clear_selection()
        elif self._edited and isinstance(focused, PromptArea):
            self._stop_editing()
        elif self._is_panel_wanted and not self.has_class("-wide"):
            self._show_panel(False)
            transcript.focus()
        elif focused is not transcript:
            transcript.focus()

    def action_focus_prompt(self) -> None:
        self.query_one(Transcript).leave_cursor()
        self.query_one(PromptArea).focus()

    def action_regenerate(self) -> None:
        if (old := self._chosen) and (turn := self._new_turn(old.prompt, replaces=old, has_new_seed=True)):
            self._speak(turn, instead=old)

    def action_edit(self) -> None:
        if turn := self._chosen:
            self._edited = turn
            prompt = self.query_one(PromptArea)
            prompt.put(turn.prompt)
            prompt.border_title = f"Prompt{self.app.glyphs.separator}sending replaces the turn, esc keeps it"
            self.action_focus_prompt()

    def _stop_editing(self) -> None:
        self._edited = None
        prompt = self.query_one(PromptArea)
        prompt.text, prompt.border_title = "", "Prompt"

    def action_copy(self) -> None:
        if selected := self.get_selected_text():
            text = selected
        elif turn := self._chosen:
            text = harmless(turn.whole_text)
        else:
            return
        self.app.copy_to_clipboard(text)
        self.notify(f"copied {len(text):,} characters", markup=False)

    def action_tint(self) -> None:
        self._is_tinted = not self._is_tinted
        self.query_one(Transcript).show_tints(self._is_tinted)
        self.set_class(self._is_tinted, "-tinted")

    def action_panel(self) -> None:
        self._show_panel(not self._is_in_panel)
        self.set_focus(self.query_one(Transcript if self._is_in_panel else Choice))

    def _show_panel(self, is_wanted: bool) -> None:
        self._is_panel_wanted = is_wanted
        self._arrange()

    @property
    def _chosen(self) -> LiveTurn | None:
        view = self.query_one(Transcript).chosen
        return view.turn if view else None

    # The cursor over tokens

    def action_read_tokens(self) -> None:
        transcript = self.query_one(Transcript)
        if transcript.enter_cursor():
            transcript.focus()
        else:
            self.notify("There is no token to read in this turn.", markup=False)

    def action_enter_token(self) -> None:
        alternatives = self.query_one(Alternatives)
        if alternatives.has_focus:
            alternatives.branch()
        elif alternatives.alternatives:
            alternatives.focus()

    def action_branch(self, row: int) -> None:
        self.query_one(Alternatives).branch(row)

    @on(Transcript.Moved)
    def _read_token(self, event: Transcript.Moved) -> None:
        alternatives = self.query_one(Alternatives)
        self.set_class(event.token is not None, "-reading")
        if event.token is not None and (turn := self._chosen):
            text = turn.text.plain[slice(*turn.text.span(event.token))]
            place = f"token {event.token - turn.first_token + 1:,} of {len(turn.ids):,}"
            alternatives.show(text, place, turn.probability(event.token), turn.reply(event.token))
        elif alternatives.has_focus:
            self.query_one(Transcript).focus()
        self._draw_state()

    @on(Alternatives.Branched)
    def _branch(self, event: Alternatives.Branched) -> None:
        transcript = self.query_one(Transcript)
        settings = self._settings()
        if transcript.chosen is None or transcript.chosen.cursor is None or settings is None:
            return
        old, instead = transcript.chosen.turn, event.alternative
        kept = old.before(transcript.chosen.cursor, instead.token, instead.plain)
        turn = LiveTurn(old.prompt, settings, kept=kept, is_ascii=self.app.glyphs.is_ascii)
        transcript.leave_cursor()
        transcript.focus()
        self._speak(turn)

    # Choosing and saving

    @on(Choice.Opened)
    def _on_choice(self, event: Choice.Opened) -> None:
        if event.choice.id == "run":
            self.action_choose_run()
        else:
            self.action_choose_checkpoint()

    def action_choose_run(self) -> None:
        rows = self._choice.run_rows()
        if not rows:
            self.notify("There are no runs yet: 1 starts one.", markup=False)
            return

        def take(run: Run | None) -> None:
            if run and (self._choice.run is None or run.folder != self._choice.run.folder):
                self.open_run(run)

        self.app.push_screen(Picker("Which run?", rows), take)

    def action_choose_checkpoint(self) -> None:
        rows = self._choice.checkpoint_rows()
        if not rows:
            self.notify("This run has no checkpoint yet.", markup=False)
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

    def action_save(self) -> None:
        records = [record for view in self.query_one(Transcript).views if (record := view.turn.record())]
        if not (records and self._history and self._choice.run):
            self.notify("There is nothing to save yet.", markup=False)
            return
        name = self._choice.run.name()
        text = as_markdown([*self._history.unseen(), *records], title=name)
        target = SaveTarget(text)

        def take(typed: str | None) -> None:
            if typed is not None:
                try:
                    self.notify(f"saved {target.write(typed)}", markup=False)
                except Gpt2TuiError as error:
                    self.notify(str(error), severity="error", markup=False)

        ask = Ask("Save the turns as Markdown", value=f"{slug(name)}.md", check=target.problem)
        self.app.push_screen(ask, take)

    # What stands around the turns

    def on_resize(self) -> None:
        self._arrange()

    def _arrange(self) -> None:
        is_wide = self.has_class("-wide")
        is_shown = is_wide if self._is_panel_wanted is None else self._is_panel_wanted
        self.query_one(SamplingPanel).display = is_shown
        self.set_class(is_shown, "-panel")

    @on(SamplingPanel.Changed)
    def _on_settings(self) -> None:
        self._draw_place()

    def _draw_place(self) -> None:
        choice = self._choice
        name, checkpoint = one_line(choice.run.name()) if choice.run else "none", choice.checkpoint_words()
        words = (name, checkpoint, guide(choice))
        if words != self._place_words:
            self._place_words = words
            self.query_one(SamplingPanel).show_place(Content(name), Content(checkpoint))
            about = self.app.glyphs.separator.join(words[:2]) if choice.run else ""
            self.query_one(TopBar).tell(Content.styled(about, "$text-muted"))
            self.query_one("#guide", Static).update(words[2])
            self.query_one("#guide").display = bool(words[2])
        self._draw_state()

    def _draw_state(self) -> None:
        conversation, separator = self._conversation, self.app.glyphs.separator
        panel = self.query_one(SamplingPanel)
        speed = speed_words(conversation.turn or self._chosen)
        panel.show_device(separator.join(device_words(conversation)))
        panel.show_speed("\n".join(speed))
        self.query_one(Summary).show([*panel.words(), *hints(conversation), *speed])
        # The footer is built anew by this, which takes longer than all the rest.
        state = (conversation.turn is None, self._chosen is None, self.query_one(Transcript).has_cursor)
        if state != self._keys_state:
            self._keys_state = state
            self.refresh_bindings()
