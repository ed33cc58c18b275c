"""The side panel: what is asked, how its tokens are drawn, and how fast it was."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.events import DescendantBlur, DescendantFocus
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Label, Static

from gpt2tui.runs.sampling import SamplingSettings
from gpt2tui.tui.talk.sampling_fields import FIELDS, read_settings, typed_value
from gpt2tui.tui.widgets.text_field import TextField


class Choice(Widget, can_focus=True):
    """A value that is chosen from a list: enter or a click opens it."""

    BINDINGS: ClassVar = [Binding("enter,space", "open", "Choose", id="generate.open_choice")]

    class Opened(Message):
        """The list is asked for."""

        def __init__(self, choice: Choice) -> None:
            super().__init__()
            self.choice = choice

    def __init__(self, *, id: str, tooltip: str) -> None:
        super().__init__(id=id)
        self.tooltip = tooltip
        self._value = Content("")

    def show(self, value: Content) -> None:
        """The value as it is now."""
        if not value.is_same(self._value):
            self._value = value
            self.refresh()

    def render(self) -> Content:
        return self._value

    def action_open(self) -> None:
        self.post_message(self.Opened(self))

    def on_click(self) -> None:
        self.action_open()


class SamplingPanel(VerticalScroll, can_focus=False):
    """Fields that are checked as they are typed; a wrong one says so below itself."""

    BINDINGS: ClassVar = [
        Binding("enter", "next", "Next", id="generate.next", priority=True, show=False),
        Binding("down", "below", "Next", id="generate.below", priority=True, tooltip="Go to the next setting"),
        Binding("up", "above", "The setting before", id="generate.above", priority=True, show=False),
    ]

    class Changed(Message):
        """Another setting."""

    def __init__(self, settings: SamplingSettings) -> None:
        super().__init__(id="panel")
        self.settings = settings
        self.problems: dict[str, str] = {}
        self._given = settings

    def compose(self) -> ComposeResult:
        with Horizontal(classes="field"):
            yield Label("run")
            yield Choice(id="run", tooltip="The run whose model writes. enter opens the list")
        with Horizontal(id="checkpoint-field", classes="field"):
            yield Label("checkpoint")
            yield Choice(id="checkpoint", tooltip="Which of its weights: best, last, a step, or as they are now")
        for field in FIELDS:
            with Horizontal(classes="field"):
                yield Label(field.label)
                yield TextField(
                    typed_value(self._given, field.name),
                    placeholder=field.empty,
                    id=field.name,
                    compact=True,
                    tooltip=field.tooltip,
                )
            yield Static("", id=f"{field.name}-problem", classes="problem", markup=False)
        yield Static("", id="meaning", markup=False)
        yield Static("", id="device", markup=False)
        yield Static("", id="speed", markup=False)

    @on(DescendantFocus)
    @on(DescendantBlur)
    def _explain(self) -> None:
        focused = self.screen.focused
        is_here = focused is not None and self in focused.ancestors
        self._say("meaning", str(focused.tooltip) if focused and is_here else "")

    @on(Input.Changed)
    def _on_changed(self, event: Input.Changed) -> None:
        event.stop()
        typed = {field.name: self.query_one(f"#{field.name}", Input).value for field in FIELDS}
        settings, self.problems = read_settings(typed)
        for field in FIELDS:
            line = self.query_one(f"#{field.name}-problem", Static)
            problem = self.problems.get(field.name, "")
            line.update(problem)
            line.display = bool(problem)
        self.settings = settings
        self.post_message(self.Changed())

    def take(self, settings: SamplingSettings) -> None:
        """Draw as a turn was drawn, with another seed; where something was typed that stands."""
        if self.settings == self._given and not self.problems:
            typed = {field.name: typed_value(settings, field.name) for field in FIELDS} | {"seed": ""}
            for name, value in typed.items():
                self.query_one(f"#{name}", Input).value = value
            self._given, _ = read_settings(typed)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """On run and checkpoint enter opens their lists."""
        return action != "next" or isinstance(self.screen.focused, TextField)

    def action_next(self) -> None:
        """Go to the next setting, unless this one is wrong."""
        if not (self.screen.focused and self.screen.focused.id in self.problems):
            self.screen.focus_next()

    def action_below(self) -> None:
        """Go to the next setting, where there is one: beyond the last, what is typed would be a prompt."""
        self._move(1)

    def action_above(self) -> None:
        """Go to the setting before, where there is one."""
        self._move(-1)

    def _move(self, by: int) -> None:
        settings = [widget for widget in self.screen.focus_chain if self in widget.ancestors]
        if self.screen.focused in settings:
            at = settings.index(self.screen.focused) + by
            self.screen.set_focus(settings[max(0, min(at, len(settings) - 1))])

    def focus_field(self, name: str) -> None:
        """Go to the field of a setting."""
        self.query_one(f"#{name}", Input).focus()

    def words(self) -> list[str]:
        """The settings in short: those that matter."""
        settings = self.settings
        return [
            f"t {settings.temperature:g}",
            *([f"k {settings.top_k}"] if settings.top_k else []),
            *([f"p {settings.top_p:g}"] if settings.top_p < 1 else []),
            f"{settings.max_new_tokens:,} tokens",
        ]

    def show_device(self, words: str) -> None:
        """Where the model is, or how far loading is."""
        self._say("device", words)

    def show_speed(self, words: str) -> None:
        """How fast the last turn was."""
        self._say("speed", words)

    def _say(self, id: str, words: str) -> None:
        line = self.query_one(f"#{id}", Static)
        if line.content != words:
            line.update(words)
            line.display = bool(words)

    def show_place(self, run: Content, checkpoint: Content) -> None:
        """The run and the checkpoint that are asked."""
        self.query_one("#run", Choice).show(run)
        self.query_one("#checkpoint", Choice).show(checkpoint)
