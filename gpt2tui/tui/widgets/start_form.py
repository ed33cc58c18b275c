"""The form that starts a training: options, what the run would take, and the command that does the same."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from typing import ClassVar

from textual import on, work
from textual.binding import Binding
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Button, Collapsible, Input, OptionList

from gpt2tui.errors import Gpt2TuiError, UsageError
from gpt2tui.tui.widgets.estimated_form import EstimatedForm
from gpt2tui.tui.widgets.question import Choose, Option
from gpt2tui.tui.widgets.text_field import TextField


class StartForm(EstimatedForm, can_focus=True):
    """Posts ``Submitted`` with the words behind ``gpt2tui train``; who mounts it starts the run.

    While that goes on it is to be told so by ``show_busy``, and what came of it, if nothing did, by ``show_error``.
    """

    BINDINGS: ClassVar = [
        Binding("ctrl+s", "start", "Start", id="form.start", tooltip="Start the run"),
        Binding("ctrl+o", "browse", "Choose text", id="form.browse", tooltip="Choose a text from the disk"),
        Binding("ctrl+l", "more", "More", id="form.more", tooltip="Show all options, or the main ones"),
        Binding("ctrl+y", "copy", "Copy command", id="form.copy", tooltip="Copy the command that does the same"),
        # With priority, for enter and down mean something else to a field and a closed list.
        Binding(
            "enter", "enter", "Next field", id="form.enter", show=False, priority=True, tooltip="On to the next field"
        ),
        Binding(
            "down", "next", "Next field", id="form.next", show=False, priority=True, tooltip="Go to the next field"
        ),
        Binding(
            "up",
            "previous",
            "Field before",
            id="form.previous",
            show=False,
            priority=True,
            tooltip="Go to the field before",
        ),
        Binding("tab", "forth", "Forth", id="form.forth", show=False, tooltip="Go to what comes next, buttons too"),
        Binding("shift+tab", "back", "Back", id="form.back", show=False, tooltip="Go to what comes before"),
        Binding("escape", "leave", "Leave field", id="form.leave", priority=True, tooltip="Leave the field"),
    ]

    class Submitted(Message):
        """The run is to be started with these words behind ``gpt2tui train``."""

        def __init__(self, words: list[str]) -> None:
            super().__init__()
            self.words = words

    def __init__(self, begun: Mapping[str, str] | None = None) -> None:
        super().__init__(begun)
        self.is_busy = False

    # What the form is told

    def show_busy(self, is_busy: bool) -> None:
        """Whether the run is being started; meanwhile it cannot be started again."""
        self.is_busy = is_busy
        button = self.query_one("#start", Button)
        button.label = f"Starting{self.app.glyphs.ellipsis}" if is_busy else "Start"
        button.disabled = is_busy
        if is_busy:
            self._show_error("")
            if self.has_focus_within:
                self.action_leave()  # what is typed now is meant for what comes, and is no text of the form

    def show_error(self, error: str | Gpt2TuiError) -> None:
        """Why the run could not be started: at the field that it is about, else above the button."""
        # An estimate that came later and found nothing wrong would take this away again.
        was_estimating = self._stop_estimating()
        code = error.exit_code if isinstance(error, Gpt2TuiError) else 1
        self._place(str(error), code)
        if was_estimating or any(field.problem for field in self._fields.values()):
            self._deny_estimate()
        if wrong := next((field for field in self._fields.values() if field.problem), None):
            self._go_to(wrong)
        else:
            self.return_to_field()

    # Keys

    def action_start(self) -> None:
        """Post the words, unless a field is marked wrong or a run is being started."""
        if self.is_busy:
            return
        for field in self._fields.values():
            if field.is_mounted:
                field.take()
        if wrong := next((field for field in self._fields.values() if field.problem), None):
            self._go_to(wrong)
            self._wait_and_ask()  # it may have been mended outside
            return
        try:
            words = self.words()
        except UsageError as error:
            self.field("text").tell(str(error))
            self.focus_first()
            return
        if worry := self._estimate.worry:
            self._ask_in_spite_of(worry, words)
        else:
            self._submit(words)

    def _ask_in_spite_of(self, worry: str, words: list[str]) -> None:
        def answered(answer: str | None) -> None:
            if answer:
                self._submit(words)

        options = (Option("s", "start it all the same", "start"),)
        self.app.push_screen(Choose(f"Start it? {worry}", options), answered)

    def _submit(self, words: list[str]) -> None:
        self.show_busy(True)
        self.post_message(self.Submitted(words))

    @on(Button.Pressed, "#start")
    def _start_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.action_start()

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        if self._is_last(event.input):
            self.action_start()

    def action_enter(self) -> None:
        """Go on from a field."""
        self.action_next()

    def action_next(self) -> None:
        """Go to the next control, where there is one."""
        if self.screen.focused is not self._controls[-1]:
            self._move(self.screen.focus_next, by=self.query_one("#browse"))

    def action_previous(self) -> None:
        """Go to the control before, where there is one."""
        if self.screen.focused is not self._controls[0]:
            self._move(self.screen.focus_previous, by=self.query_one("#browse"))

    def action_forth(self) -> None:
        """Go to the next control, from the last to the first."""
        self._move(self.screen.focus_next, by=self)

    def action_back(self) -> None:
        """Go to the control before, from the first to the last."""
        self._move(self.screen.focus_previous, by=self)

    @property
    def _controls(self) -> list[Widget]:
        """What can have the keys within the form."""
        return [widget for widget in self.screen.focus_chain if self in widget.ancestors]

    def _move(self, move: Callable[[], Widget | None], *, by: Widget) -> None:
        """Move the focus past the button beside the text, where an enter would not go on; or past the form itself,
        where letters are no text.
        """
        if move() is by:
            move()

    def action_leave(self) -> None:
        """Leave the field; the form keeps the keys that are no text."""
        self.screen.set_focus(self)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A list keeps its keys, the last field its enter; a field can be left only where there is one."""
        focused = self.screen.focused
        if action == "enter":  # while a run starts it was one too many
            goes_on = focused is self or (isinstance(focused, TextField) and not self._is_last(focused))
            return goes_on and not self.is_busy
        if action == "browse":  # the chooser would stand above the run that is being started
            return not self.is_busy
        if action in ("next", "previous", "start"):
            return not isinstance(focused, OptionList)  # an open list
        return not (action == "leave" and (focused is self or isinstance(focused, OptionList)))

    def action_more(self) -> None:
        """Show all options, or the main ones only."""
        if self.query_one(Collapsible).collapsed:
            self._open_more(next(field for field in self._fields.values() if not field.option.is_main))
        else:
            more = self.query_one(Collapsible)
            if self.screen.focused and more in self.screen.focused.ancestors:
                self.action_leave()  # or nothing would have the keys
            more.collapsed = True

    def action_copy(self) -> None:
        """Copy the command that does the same without the app."""
        if self.command:
            self.app.copy_to_clipboard(self.command)
            self.notify("the command is copied")

    @on(Button.Pressed, "#browse")
    def _browse_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        if not self.is_busy:
            self.action_browse()

    @work(exclusive=True, group="browse")
    async def action_browse(self) -> None:
        """Choose a text on a layer of its own; it takes the place of what is named."""
        from gpt2tui.tui.widgets.file_picker import FilePicker

        with self.app.holding_keys():
            picker = FilePicker(await self._known_corpora())
        if self.is_busy:
            return
        self.focus_first()  # what is typed after the choice is meant for the form
        chosen = await self.app.push_screen_wait(picker)
        field = self.field("text")
        if chosen is not None and (typed := shlex.quote(chosen)) != field.value:
            if field.value:
                self.notify(f"{typed} instead of {field.value}; to train on both, type both names", markup=False)
            field.value = typed
