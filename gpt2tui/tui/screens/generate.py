"""The screen on which a model is talked to."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.events import Key

from gpt2tui.errors import Gpt2TuiError
from gpt2tui.runs.transcript import as_markdown
from gpt2tui.text import one_line
from gpt2tui.tui.idle_keys import IdleKeys
from gpt2tui.tui.live_bindings import actions_of
from gpt2tui.tui.refusals import NO_RUNS, NO_TURN
from gpt2tui.tui.save_target import SaveTarget, slug, write_text
from gpt2tui.tui.screens.model import ModelScreen
from gpt2tui.tui.screens.talk import NARROW, WIDE
from gpt2tui.tui.talk.generate_guide import guide
from gpt2tui.tui.talk.generate_keys import GENERATE_KEYS
from gpt2tui.tui.talk.live_turn import LiveTurn
from gpt2tui.tui.terminal.clipboard import harmless
from gpt2tui.tui.widgets.alternatives import Alternatives
from gpt2tui.tui.widgets.prompt import PromptArea
from gpt2tui.tui.widgets.question import Ask
from gpt2tui.tui.widgets.sampling_panel import Choice
from gpt2tui.tui.widgets.transcript import Transcript

_WITH_CURSOR = ("enter_token", "branch", "close_cursor")
_WITH_TURN = ("regenerate", "edit", "read_tokens")
"""These need a chosen turn, and no cursor in it; in the settings they would surprise."""
_OF_TURN = (*_WITH_TURN, "copy")
"""These are answered where there is no turn."""


class GenerateScreen(ModelScreen):
    """Screen 2: turns of a prompt and its continuation, with a run's model."""

    CSS_PATH = "../styles/generate.tcss"
    HORIZONTAL_BREAKPOINTS: ClassVar = [(0, "-tiny"), (NARROW, "-narrow"), (WIDE, "-wide")]  # type: ignore[misc]
    BINDINGS: ClassVar = GENERATE_KEYS  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self._idle_keys = IdleKeys(self)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if not self.is_mounted:
            return True
        transcript, alternatives = self.query_one(Transcript), self.query_one(Alternatives)
        if action == "stop":
            return self.is_streaming
        if action == "leave":
            return self._is_in_panel
        if action == "leave_prompt":
            return isinstance(self.focused, PromptArea) and not self._has_more_to_leave
        if action in _WITH_CURSOR:
            return transcript.has_cursor and (action != "enter_token" or bool(alternatives.alternatives))
        if action in _WITH_TURN:
            return transcript.chosen is not None and not transcript.has_cursor and not self._is_in_panel
        return True

    def on_key(self, event: Key) -> None:
        """A key that is about a turn is answered where there is none yet, or where a cursor in it is in the way."""
        meant = actions_of(event.key, self)
        if self.query_one(Transcript).has_cursor and any(action in _WITH_TURN for action in meant):
            self._idle_keys.answer("The cursor over tokens is open: esc closes it.")
            return
        is_about_turn = any(action in _OF_TURN for action in meant)
        if is_about_turn and self._chosen is None and not (self._is_in_panel or self.get_selected_text()):
            run = self._choice.run
            without_model, *_ = guide(self._choice).splitlines() or [""]
            self._idle_keys.answer(NO_RUNS if run is None else without_model or NO_TURN)

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

    def action_leave_prompt(self) -> None:
        self.action_back()

    @property
    def _has_more_to_leave(self) -> bool:
        """Whether there is what esc gives up before it leaves the prompt."""
        is_panel_above = self._is_panel_wanted and self.size.width < WIDE
        return bool(self._choice.snapshot or self.selections or is_panel_above)

    def action_back(self) -> None:
        transcript, focused = self.query_one(Transcript), self.focused
        if self._choice.snapshot:
            self._choice.snapshot = None
            self._draw_place()
        elif self.selections:
            self.clear_selection()
        elif self._edited and isinstance(focused, PromptArea):
            self._edited = None
            self._restore_draft()
            transcript.focus()
        elif self._is_panel_wanted and self.size.width < WIDE:
            self._show_panel(False)
            transcript.focus()
        elif focused is not transcript:
            transcript.focus()

    def action_focus_prompt(self) -> None:
        self.query_one(Transcript).leave_cursor()
        self.set_focus(self.query_one(PromptArea))  # at once: the next key may be text

    def action_regenerate(self) -> None:
        if old := self._chosen:
            instead = None if old.drawn else old  # what was written stays
            if turn := self._new_turn(old.prompt, replaces=instead, again=old):
                self._speak(turn, instead=instead)

    def action_edit(self) -> None:
        if turn := self._chosen:
            prompt = self.query_one(PromptArea)
            if not self._edited:
                self._draft = prompt.typed
            self._edited = turn
            prompt.put(turn.prompt)
            prompt.border_title = f"Prompt{self.app.glyphs.separator}sending replaces the turn, esc keeps it"
            self.action_focus_prompt()

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
        alternatives = self.query_one(Alternatives)
        if row < len(alternatives.alternatives):
            alternatives.branch(row)
        else:  # a digit is no way to another screen here
            self._idle_keys.answer(f"There is no alternative {(row + 1) % 10} here; esc closes the cursor.")

    @on(Transcript.Moved)
    def _read_token(self, event: Transcript.Moved) -> None:
        alternatives = self.query_one(Alternatives)
        self.set_class(event.token is not None, "-reading")
        if event.token is not None and (turn := self._chosen):
            text = turn.token_text(event.token)
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

    # Saving

    def action_save(self) -> None:
        records = [record for view in self.query_one(Transcript).views if (record := view.turn.record())]
        if not (records and self._history and self._choice.run):
            self.notify("There is nothing to save yet.", markup=False)
            return
        name = self._choice.name
        text = as_markdown([*self._history.unseen(), *records], title=name)

        def take(typed: str | None) -> None:
            if typed is not None:
                try:
                    self.notify(f"saved {one_line(str(write_text(typed, text).absolute()))}", markup=False)
                except Gpt2TuiError as error:
                    self.notify(str(error), severity="error", markup=False)

        hint = "enter saves them, esc goes back"
        ask = Ask("Save the turns as Markdown", value=f"{slug(name)}.md", hint=hint, check=SaveTarget().problem)
        self.app.push_screen(ask, take)
