"""The fields of a form, what stands beside them, and the errors at each."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Container, Horizontal, Vertical, VerticalScroll
from textual.events import DescendantFocus, Resize
from textual.geometry import Size
from textual.widget import Widget
from textual.widgets import Button, Collapsible, Input, Static

from gpt2tui.errors import UsageError
from gpt2tui.text import one_line
from gpt2tui.tui.form.start_defaults import last_shape, user_defaults
from gpt2tui.tui.form.start_option import StartOption
from gpt2tui.tui.form.start_options import START_OPTIONS
from gpt2tui.tui.form.start_words import placed_complaints, split_texts, words_of
from gpt2tui.tui.widgets.estimate_panel import EstimatePanel
from gpt2tui.tui.widgets.form_field import FormField

if TYPE_CHECKING:
    from gpt2tui.tui.app import Gpt2TuiApp

_WIDE = 110
"""From so many columns on, the estimate stands beside the fields."""

_TIGHT = 60
"""Below so many columns there is room for nothing beside a field."""

_HIGH = 30
"""Below so many lines there are no blank ones."""

_BARS = Size(0, 2)
"""What the bars above and below take."""


class FormFields(Vertical):
    """Every option of a training as a field; those behind "More" are mounted when they are asked for.

    ``begun`` has values that it begins with instead of the user's own, and of those of the run before.
    """

    app: Gpt2TuiApp

    def __init__(self, begun: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self._begun = begun or {}
        self._users: dict[str, str] = {}
        self._fields: dict[str, FormField] = {}
        self._settled: dict[str, str] = {}
        self._opening = asyncio.Lock()
        self._last = "text"
        """The option whose field last had the keys."""
        # Held, not queried: an event may still come when the app was left, and what it is about was taken down.
        self._meaning = Static("", classes="meaning", markup=False)
        self._error = Static("", classes="error", markup=False)
        self._more = Container(classes="more")
        self._estimate = EstimatePanel()
        self._busy = Static("", classes="busy", markup=False)
        self._command = Static("", classes="command", markup=False)

    def compose(self) -> ComposeResult:
        self._fit(self.app.size - _BARS)  # before there is anything in it whose look would have to change
        self._users = user_defaults(self.app.options.defaults)
        self._begun = self._begun or last_shape(self.app.store) | self._users
        self._fields = {option.name: self._new_field(option) for option in START_OPTIONS}
        self.settle()
        glyphs = self.app.glyphs
        signs = (">", "v") if glyphs.is_ascii else ("▸", "▾")
        with VerticalScroll(can_focus=False), Container(classes="body"):
            with Vertical(classes="fields"):
                yield Static("A new run", classes="heading")
                yield from (field for field in self._fields.values() if field.option.is_main)
                with Collapsible(title="More", collapsed_symbol=signs[0], expanded_symbol=signs[1]):
                    # Its fields are mounted when they are asked for: the first paint need not wait for them.
                    yield self._more
            with Vertical(classes="side"):
                yield self._estimate
                yield self._busy
                yield self._error
                with Horizontal(classes="buttons"):
                    yield Button("Start", variant="primary", id="start", compact=True)
                    yield Static("ctrl+s", classes="key", markup=False)
                yield Static("the same on a server:", classes="lead", markup=False)
                yield self._command
        yield self._meaning

    def _new_field(self, option: StartOption) -> FormField:
        beside: Widget | None = None
        if option.name == "text":
            ellipsis = self.app.glyphs.ellipsis
            beside = Button(
                f"Choose{ellipsis}", id="browse", compact=True, tooltip="Choose a text from the disk (ctrl+o)"
            )
        users = self._users.get(option.name, option.default)
        return FormField(option, self._begun.get(option.name, users), beside=beside)

    # What they say

    def values(self) -> dict[str, str]:
        """Every option's value, as it would be typed."""
        return {name: field.value for name, field in self._fields.items()}

    def words(self) -> list[str]:
        """What a person would type behind ``gpt2tui train``.

        Raises:
            UsageError: the text has an open quote.
        """
        return words_of(self.values(), self._users)

    @property
    def is_typed(self) -> bool:
        """Whether anything is another than it was at the beginning, or when the last run was started."""
        return self.values() != self._settled

    def settle(self) -> None:
        """What is there now was used."""
        for field in self._fields.values():
            if field.is_mounted:
                field.take()
        self._settled = self.values()

    @property
    def command(self) -> str:
        """The command that does the same without the app; empty while the text has an open quote."""
        try:
            return shlex.join(["gpt2tui", "train", "--headless", *self.words()])
        except UsageError:
            return ""

    def field(self, name: str) -> FormField:
        """The field of an option."""
        return self._fields[name]

    # Where one is

    def focus_first(self) -> None:
        """Go to the first field, before any other key is looked at; what is typed takes the place of a text that was
        trained on.
        """
        text = self.field("text")
        self.screen.set_focus(text.control)
        if text.value == self._settled["text"] and isinstance(text.control, Input):
            text.control.select_all()

    def return_to_field(self) -> None:
        """Go back to the field that was left last."""
        self.screen.set_focus(self.field(self._last).control)

    def _is_last(self, control: Widget) -> bool:
        is_short = self.query_one(Collapsible).collapsed
        shown = [
            field for field in self._fields.values() if field.is_mounted and (field.option.is_main or not is_short)
        ]
        return control is shown[-1].control

    def _go_to(self, field: FormField) -> None:
        if field.option.is_main:
            field.control.focus()
        else:
            self._open_more(field)

    @work(group="more")
    async def _open_more(self, field: FormField | None = None) -> None:
        """Show all options, and go to one of them."""
        async with self._opening:
            if self._more.is_attached and not self._more.children:
                await self._more.mount_all(field for field in self._fields.values() if not field.option.is_main)
        if not self._more.is_attached:
            return
        self.query_one(Collapsible).collapsed = False
        if field:
            # What was hidden until now cannot be focused before it is laid out.
            self.call_after_refresh(field.control.focus)

    @on(Collapsible.Expanded)
    def _expanded(self) -> None:
        self._open_more()

    @on(Collapsible.Collapsed)
    def _collapsed(self) -> None:
        """What is hidden is neither explained nor gone back to."""
        if not self.field(self._last).option.is_main:
            self._last = next(field.option.name for field in self._fields.values() if field.option.is_main)
            self._meaning.update("")

    @on(DescendantFocus)
    def _explain(self, event: DescendantFocus) -> None:
        field = next((node for node in event.widget.ancestors if isinstance(node, FormField)), None)
        self._meaning.update(field.option.meaning if field else "")
        if field:
            self._last = field.option.name

    def on_resize(self, event: Resize) -> None:
        self._fit(event.size)

    def _fit(self, size: Size) -> None:
        self.set_class(size.width >= _WIDE, "-wide")
        self.set_class(size.width < _TIGHT, "-tiny")
        self.set_class(size.height < _HIGH, "-low")

    # What is wrong

    def _place(self, message: str, code: int) -> None:
        try:
            texts = split_texts(self.field("text").value)
        except UsageError:
            texts = []
        complaints = placed_complaints(message, code, texts)
        for name, field in self._fields.items():
            field.tell(complaints.get(name))
        if any(field.problem and not field.option.is_main for field in self._fields.values()):
            self._open_more()
        self._show_error(complaints.get("", ""))

    def _show_error(self, message: str) -> None:
        if self._error.display or message:
            self._error.update(one_line(message))
            self._error.display = bool(message)
