"""Turns of a prompt and its continuation as they are written, and what stands around them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.events import Resize
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Static

from gpt2tui.runs.sampling import SamplingSettings
from gpt2tui.tui.talk.conversation import Conversation
from gpt2tui.tui.talk.generate_guide import guide
from gpt2tui.tui.talk.history import History
from gpt2tui.tui.talk.live_turn import LiveTurn
from gpt2tui.tui.talk.model_choice import ModelChoice
from gpt2tui.tui.widgets.alternatives import Alternatives
from gpt2tui.tui.widgets.key_bar import KeyBar
from gpt2tui.tui.widgets.legend import Legend
from gpt2tui.tui.widgets.prompt import PromptArea
from gpt2tui.tui.widgets.run_columns import cut, drawable
from gpt2tui.tui.widgets.sampling_panel import SamplingPanel
from gpt2tui.tui.widgets.summary import Summary, device_words, hints, speed_words
from gpt2tui.tui.widgets.top_bar import TopBar
from gpt2tui.tui.widgets.transcript import Transcript

if TYPE_CHECKING:
    from gpt2tui.tui.app import Gpt2TuiApp

FLUSH_SECONDS = 1 / 18
"""How often what was drawn comes to the screen."""
NARROW, WIDE = 60, 110
"""Columns from which the panel has room beside the turns, and from which it is there unasked."""

_BESIDE_NAME = 60
"""Columns of the top bar for the screens and the checkpoint."""
_LEAST_NAME = 20


class TalkScreen(Screen[None]):
    """What is said. Which model says it is :class:`ModelScreen`'s, and the keys are :class:`GenerateScreen`'s."""

    app: Gpt2TuiApp

    def __init__(self) -> None:
        super().__init__()
        self._choice: ModelChoice
        self._conversation: Conversation
        self._history: History | None = None
        self._unkept: list[tuple[History, LiveTurn]] = []
        self._drawn_here: dict[str, LiveTurn] = {}
        """The turns that were drawn since the app was opened, by their ids in the transcripts."""
        self._edited: LiveTurn | None = None
        self._draft = ""
        """What stood in the prompt before an earlier one was taken there to be edited."""
        self._is_tinted = False
        self._is_dirty = False
        self._keys_state: object = None
        self._place_words: object = None
        self._flushing: Timer
        self._is_panel_wanted: bool | None = None

    def compose(self) -> ComposeResult:
        yield TopBar("generate")
        with Horizontal(id="talk"):
            with Vertical(id="words"):
                yield Static("", id="guide", markup=False)
                yield Transcript()
                yield Legend()
                yield Alternatives()
                yield Summary()
                yield PromptArea(placeholder="A text for the model to go on from", way_in="i writes here", id="prompt")
            yield SamplingPanel(SamplingSettings())
        yield KeyBar()

    def _set_up(self) -> None:
        """Begin to talk; to be called when all is mounted."""
        self._choice = ModelChoice(self.app.store, lambda: self._conversation.held)
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

    async def on_unmount(self) -> None:
        self._conversation.stop()
        self._keep_turns()
        await self._conversation.close()

    @property
    def _is_there(self) -> bool:
        """Whether there is anything to draw on: no more while the app is being left, when replies still come."""
        return self.is_mounted and self.display

    @property
    def is_streaming(self) -> bool:
        """Whether a text is being written, or waited for."""
        return self.is_mounted and self._conversation.turn is not None

    @property
    def _is_its_model(self) -> bool:
        """Whether the model that is loaded, or being loaded, is the chosen run's."""
        run, place = self._choice.run, self._conversation.place
        return run is not None and place is not None and place.run == run.folder

    @property
    def _is_in_panel(self) -> bool:
        return self.focused is not None and self.query_one(SamplingPanel) in self.focused.ancestors

    @property
    def _chosen(self) -> LiveTurn | None:
        view = self.query_one(Transcript).chosen
        return view.turn if view else None

    @property
    def would_be_lost(self) -> str:
        """What is lost when the app is left now."""
        is_lost = self.is_mounted and bool(self.query_one(PromptArea).text.strip())
        return "the prompt on Generate, which has not been sent" * is_lost

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
        if old:
            self._restore_draft()

    def _restore_draft(self) -> None:
        """The prompt after an edit: what was there before it."""
        prompt = self.query_one(PromptArea)
        prompt.put(self._draft)
        self._draft, prompt.border_title = "", "Prompt"

    def _new_turn(
        self, prompt: str, *, replaces: LiveTurn | None = None, again: LiveTurn | None = None
    ) -> LiveTurn | None:
        """A turn that takes the place of another one, or goes on with another seed from what another one began with."""
        settings = self._settings()
        if settings is None:
            return None
        if again:
            settings = msgspec.structs.replace(settings, seed=None)
        kept = again.kept_tokens() if again else None
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
        if self._choice.snapshot:
            self.notify(
                "The weights as they are now are on their way: send it again when they are there.", markup=False
            )
            return False
        if place is None:
            why, *_ = guide(self._choice).splitlines() or ["The checkpoint has only just come: send it again."]
            if self._choice.give_up_step():
                why = f"{why.rstrip('.')} any more; {self._choice.checkpoint_words()} is taken: send it again."
                self._draw_place()
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
            self._drawn_here[turn.record_id] = turn
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
                is_gone = isinstance(error, FileNotFoundError | NotADirectoryError)
                why = "its run was deleted" if is_gone else error.strerror or error
                problem = f"this turn is not kept: {why}; w saves it elsewhere"
                self.notify(problem, severity="error", markup=False)

    def _tell_problem(self, text: str) -> None:
        if not self._is_there:
            return
        turn = LiveTurn("", SamplingSettings(), is_ascii=self.app.glyphs.is_ascii)
        turn.fail(text)
        self.query_one(Transcript).add(turn)

    # What stands around the turns

    def on_resize(self, event: Resize) -> None:
        if event.size.width < NARROW and not self._is_in_panel:
            self._is_panel_wanted = None  # it would cover the prompt that is being written
        self._arrange(event.size.width)

    def _show_panel(self, is_wanted: bool) -> None:
        self._is_panel_wanted = is_wanted
        self._arrange(self.size.width)

    def _arrange(self, width: int) -> None:
        is_shown = width >= WIDE if self._is_panel_wanted is None else self._is_panel_wanted
        self.query_one(SamplingPanel).display = is_shown
        self.set_class(is_shown, "-panel")
        self.set_class(width < NARROW, "-tiny")  # now: Textual's own come a layout later

    @on(SamplingPanel.Changed)
    def _on_settings(self) -> None:
        self._draw_place()

    def _draw_place(self) -> None:
        choice, checkpoint = self._choice, self._choice.checkpoint_words()
        name = drawable(choice.name, self.app.glyphs)
        words = (name, checkpoint, drawable(guide(choice), self.app.glyphs))
        if words != self._place_words:
            self._place_words = words
            self.query_one(SamplingPanel).show_place(Content(name), Content(checkpoint))
            short = cut(name, max(_LEAST_NAME, self.size.width - _BESIDE_NAME), self.app.glyphs)
            about = self.app.glyphs.separator.join((short, checkpoint)) if choice.run else ""
            self.query_one(TopBar).tell(Content.styled(about, "$text-muted"))
            self.query_one("#guide", Static).update(words[2])
            self.query_one("#guide").display = bool(words[2])
        self._draw_state()

    def _draw_state(self) -> None:
        conversation, separator = self._conversation, self.app.glyphs.separator
        panel = self.query_one(SamplingPanel)
        speed = speed_words(conversation.turn or self._chosen)
        panel.show_device(separator.join(device_words(conversation) if self._is_its_model else []))
        panel.show_speed("\n".join(speed))
        self.query_one(Summary).show([*panel.problems.values(), *panel.words(), *hints(conversation), *speed])
        can_branch = bool(self.query_one(Alternatives).alternatives)
        # The footer is built anew by this, which takes longer than all the rest.
        state = (conversation.turn is None, self._chosen is None, self.query_one(Transcript).has_cursor, can_branch)
        if state != self._keys_state:
            self._keys_state = state
            self.refresh_bindings()
