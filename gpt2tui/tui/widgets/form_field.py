"""One option of the form: its label, its control, and what is wrong with it below."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.events import DescendantFocus
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Label, Select, Static

from gpt2tui.text import one_line, visible
from gpt2tui.tui.form.start_defaults import variable
from gpt2tui.tui.form.start_option import StartOption
from gpt2tui.tui.form.start_words import can_be_said
from gpt2tui.tui.widgets.choice_field import ChoiceField
from gpt2tui.tui.widgets.text_field import TextField


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
        self._value = value
        self._beside = beside
        self._variable = variable(option.name)
        self._own_problem: str | None = None
        self._told_problem: str | None = None
        self.check()

    def compose(self) -> ComposeResult:
        with Horizontal(classes="line"):
            yield Label(self.option.label, markup=False)
            yield _control(self.option, self._value)
            if self._beside:
                yield self._beside
        yield Static("", classes="note", markup=False)
        yield Static("", classes="problem", markup=False)

    def on_mount(self) -> None:
        self._show()

    @property
    def control(self) -> Input | Select[str]:
        """What the value is entered with; only where the field is mounted."""
        return self.query_one(".control", expect_type=Widget)  # type: ignore[return-value]

    @property
    def value(self) -> str:
        """The value as it would be typed; empty for none. A field that is not mounted has one as well."""
        return self._value

    @value.setter
    def value(self, value: str) -> None:
        if self.is_mounted:
            self.control.value = value
            if isinstance(self.control, Input):
                self.control.action_end()
        else:
            self._value = value
            self.check()

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
        for line in self.query(".note").results(Static):  # none when the app was left meanwhile
            _say(line, words)

    @on(DescendantFocus)
    def _mark_default(self) -> None:
        """What is typed takes the place of a value that nobody typed."""
        if isinstance(self.control, Input) and self.control.value == self.option.default:
            self.control.select_all()

    @on(Input.Changed)
    @on(Select.Changed)
    def _changed(self, event: Input.Changed | Select.Changed) -> None:
        event.stop()
        if self.take():
            self.post_message(self.Changed(self))

    def take(self) -> bool:
        """Take what is entered now, which may not have been told yet; whether it is another value."""
        entered = str(self.control.value).strip()
        if entered in (self._value, visible(self._value, keep="").strip()):
            return False
        self._value = entered
        self.check()
        return True

    def _show(self) -> None:
        for line in self.query(".problem").results(Static):  # none before it is composed
            _say(line, self.problem or "")
        self.set_class(bool(self.problem), "-wrong")
        if self.option.kind != "words":  # of a text others know more
            self.note(self.option.remark(self.value))


def _say(line: Static, words: str) -> None:
    """Let a line say that, or be away; a line that says it already costs no layout."""
    if (shown := one_line(words)) != str(line.content):
        line.update(shown)
        line.display = bool(shown)


def _control(option: StartOption, value: str) -> Input | Select[str]:
    if option.choices:
        known = [name for _, name in option.choices]
        chosen = value if value in known else option.default
        return ChoiceField(option.choices, chosen)
    return TextField(value, placeholder=option.placeholder, compact=True, select_on_focus=False, classes="control")
