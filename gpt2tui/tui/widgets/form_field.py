"""One option of the form: its label, its control, and what is wrong with it below."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Label, Select, Static

from gpt2tui.text import one_line
from gpt2tui.tui.start_defaults import variable
from gpt2tui.tui.start_option import StartOption
from gpt2tui.tui.start_words import can_be_said


class FormField(Vertical):
    """A labelled control. ``value`` is what would be typed for the option."""

    class Changed(Message):
        """The value is another."""

        def __init__(self, field: FormField) -> None:
            super().__init__()
            self.field = field

        @property
        def control(self) -> FormField:
            return self.field

    def __init__(self, option: StartOption, value: str, *, beside: Widget | None = None) -> None:
        super().__init__(id=f"field-{option.spelling}")
        self.option = option
        self.tooltip = option.meaning
        self._beside = beside
        self._variable = variable(option.name)
        self._own_problem: str | None = None
        self._told_problem: str | None = None
        self.control = _control(option, value)

    def compose(self) -> ComposeResult:
        with Horizontal(classes="line"):
            yield Label(self.option.label, markup=False)
            yield self.control
            if self._beside:
                yield self._beside
        yield Static("", classes="note", markup=False)
        yield Static("", classes="problem", markup=False)

    def on_mount(self) -> None:
        self.check()

    @property
    def value(self) -> str:
        """The value as it would be typed; empty for none."""
        return str(self.control.value).strip()

    @value.setter
    def value(self, value: str) -> None:
        self.control.value = value

    @property
    def problem(self) -> str | None:
        """What is wrong: by a look at the value, else by what was told."""
        return self._own_problem or self._told_problem

    @property
    def is_wrong(self) -> bool:
        """Whether the value itself shows that it is wrong."""
        return self._own_problem is not None

    def check(self) -> None:
        """Look at the value again; what was told of the one before is forgotten."""
        self._told_problem = None
        self._own_problem = self.option.problem(self.value)
        if self._variable and not can_be_said(self.option, self.value):
            self._own_problem = f"the environment sets it; say another, or unset {self._variable}"
        self._show()

    def tell(self, problem: str | None) -> None:
        """Show what somebody else finds wrong with the value, or nothing."""
        self._told_problem = problem
        self._show()

    def note(self, words: str) -> None:
        """Say something of the value below it."""
        note = self.query_one(".note", Static)
        note.update(one_line(words))
        note.display = bool(words)

    @on(Input.Changed)
    @on(Select.Changed)
    def _changed(self, event: Message) -> None:
        event.stop()
        self.check()
        self.post_message(self.Changed(self))

    def _show(self) -> None:
        line = self.query_one(".problem", Static)
        line.update(one_line(self.problem or ""))
        line.display = bool(self.problem)
        self.set_class(bool(self.problem), "-wrong")


def _control(option: StartOption, value: str) -> Input | Select[str]:
    if option.choices:
        known = [name for _, name in option.choices]
        chosen = value if value in known else option.default
        return Select(option.choices, value=chosen, allow_blank=False, compact=True)
    printable = "".join(character for character in value if character.isprintable())
    return Input(printable, placeholder=option.placeholder, compact=True, select_on_focus=False)
