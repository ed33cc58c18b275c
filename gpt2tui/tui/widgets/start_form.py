"""The form that starts a training: options, what the run would take, and the command that does the same."""

from __future__ import annotations

import asyncio
import shlex
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Container, Horizontal, Vertical, VerticalScroll
from textual.events import DescendantFocus, Resize, Show
from textual.message import Message
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Button, Collapsible, Input, OptionList, Select, Static

from gpt2tui.errors import Gpt2TuiError, UsageError
from gpt2tui.runs.neighbours import Neighbour, crowding, neighbours
from gpt2tui.runs.pace import Pace, measured_paces
from gpt2tui.runs.store import RunStore
from gpt2tui.text import one_line, visible
from gpt2tui.tui.form.estimate_facts import AbsentText, estimate_facts
from gpt2tui.tui.form.start_defaults import user_defaults
from gpt2tui.tui.form.start_option import NO_TARGET, StartOption
from gpt2tui.tui.form.start_options import START_OPTIONS
from gpt2tui.tui.form.start_words import placed_complaints, split_texts, text_problem, words_of
from gpt2tui.tui.processes.asking import RefusedError
from gpt2tui.tui.processes.corpora import NamedCorpus, named_corpora
from gpt2tui.tui.processes.training import estimate
from gpt2tui.tui.widgets.estimate_panel import EstimatePanel
from gpt2tui.tui.widgets.form_field import FormField
from gpt2tui.tui.widgets.ordered_keys import TextField

if TYPE_CHECKING:
    from gpt2tui.tui.app import Gpt2TuiApp

_PAUSE_SECONDS = 0.4
"""An estimate is asked for when nothing was changed for so long."""

_WIDE = 110
"""From so many columns on, the estimate stands beside the fields."""

_TIGHT = 60
"""Below so many columns there is room for nothing beside a field."""

_HIGH = 30
"""Below so many lines there are no blank ones."""


class StartForm(Vertical, can_focus=True):
    """Posts ``Submitted`` with the words behind ``gpt2tui train``; who mounts it starts the run.

    While that goes on it is to be told so by ``show_busy``, and what came of it, if nothing did, by ``show_error``.
    """

    app: Gpt2TuiApp

    BINDINGS: ClassVar = [
        Binding("ctrl+s", "start", "Start", id="form.start", tooltip="Start the run"),
        Binding("ctrl+o", "browse", "Choose text", id="form.browse", tooltip="Choose a text from the disk"),
        Binding("ctrl+l", "more", "More", id="form.more", tooltip="Show all options, or the main ones"),
        Binding("ctrl+y", "copy", "Copy command", id="form.copy", tooltip="Copy the command that does the same"),
        # With priority they move the focus before the next key is looked at, however fast it comes.
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
        Binding("escape", "leave", "Leave field", id="form.leave", priority=True, tooltip="Leave the field"),
    ]

    class Submitted(Message):
        """The run is to be started with these words behind ``gpt2tui train``."""

        def __init__(self, words: list[str]) -> None:
            super().__init__()
            self.words = words

    def __init__(self) -> None:
        super().__init__()
        self.is_busy = False
        self._users: dict[str, str] = {}
        self._fields: dict[str, FormField] = {}
        self._timer: Timer | None = None
        self._corpora: list[NamedCorpus] | None = None
        self._paces: list[Pace] = []
        self._living: list[Neighbour] = []
        self._device: str | None = None
        self._has_looked = asyncio.Event()
        self._opening = asyncio.Lock()

    def compose(self) -> ComposeResult:
        self._users = user_defaults(self.app.options.defaults)
        glyphs = self.app.glyphs
        signs = (">", "v") if glyphs.is_ascii else ("▸", "▾")
        self._fields = {option.name: self._new_field(option) for option in START_OPTIONS}
        with VerticalScroll(can_focus=False), Container(classes="body"):
            with Vertical(classes="fields"):
                yield Static("A new run", classes="heading")
                yield from (field for field in self._fields.values() if field.option.is_main)
                with Collapsible(title="More", collapsed_symbol=signs[0], expanded_symbol=signs[1]):
                    # Its fields are mounted when they are asked for: the first paint need not wait for them.
                    yield Container(classes="more")
            with Vertical(classes="side"):
                yield EstimatePanel()
                yield Static("", classes="busy", markup=False)
                yield Static("", classes="error", markup=False)
                with Horizontal(classes="buttons"):
                    yield Button("Start", variant="primary", id="start", compact=True)
                    yield Static("ctrl+s", classes="key", markup=False)
                yield Static("the same on a server:", classes="lead", markup=False)
                yield Static("", classes="command", markup=False)
        yield Static("", classes="meaning", markup=False)

    def _new_field(self, option: StartOption) -> FormField:
        beside: Widget | None = None
        if option.name == "text":
            ellipsis = self.app.glyphs.ellipsis
            beside = Button(
                f"Choose{ellipsis}", id="browse", compact=True, tooltip="Choose a text from the disk (ctrl+o)"
            )
        return FormField(option, self._users.get(option.name, option.default), beside=beside)

    def on_mount(self) -> None:
        self._show_command()

    # What the form says

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
    def command(self) -> str:
        """The command that does the same without the app; empty while the text has an open quote."""
        try:
            return shlex.join(["gpt2tui", "train", "--headless", *self.words()])
        except UsageError:
            return ""

    def field(self, name: str) -> FormField:
        """The field of an option."""
        return self._fields[name]

    def focus_first(self) -> None:
        """Go to the first field, before any other key is looked at."""
        self.screen.set_focus(self.field("text").control)

    # What the form is told

    def show_busy(self, is_busy: bool) -> None:
        """Whether the run is being started; meanwhile it cannot be started again."""
        self.is_busy = is_busy
        button = self.query_one("#start", Button)
        button.label = f"Starting{self.app.glyphs.ellipsis}" if is_busy else "Start"
        button.disabled = is_busy
        if is_busy:
            self._show_error("")

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
        line = self.query_one(".error", Static)
        if line.display or message:
            line.update(one_line(message))
            line.display = bool(message)

    # Keys

    def action_start(self) -> None:
        """Post the words, unless a value is wrong or a run is being started."""
        if self.is_busy:
            return
        for field in self._fields.values():
            if field.is_mounted:
                field.take()
        if wrong := next((field for field in self._fields.values() if field.is_wrong), None):
            self._go_to(wrong)
            return
        try:
            words = self.words()
        except UsageError as error:
            self.field("text").tell(str(error))
            self.focus_first()
            return
        self.show_busy(True)
        self.post_message(self.Submitted(words))

    @on(Button.Pressed, "#start")
    def _start_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.action_start()

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_start()

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
            place = self.query_one(".more")
            if not place.children:
                await place.mount_all(field for field in self._fields.values() if not field.option.is_main)
        self.query_one(Collapsible).collapsed = False
        if field and field.is_mounted:  # not where the app was left meanwhile
            # What was hidden until now cannot be focused before it is laid out.
            self.call_after_refresh(field.control.focus)

    @on(Collapsible.Expanded)
    def _expanded(self) -> None:
        self._open_more()

    def action_enter(self) -> None:
        """Go on from a field."""
        self.action_next()

    def action_next(self) -> None:
        """Go to the next control."""
        self.screen.focus_next()

    def action_previous(self) -> None:
        """Go to the control before."""
        self.screen.focus_previous()

    def action_leave(self) -> None:
        """Leave the field; the form keeps the keys that are no text."""
        self.screen.set_focus(self)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A list keeps its keys, the last field its enter; a field can be left only where there is one."""
        focused = self.screen.focused
        if action == "enter":
            return focused is self or (isinstance(focused, TextField) and not self._is_last(focused))
        if action in ("next", "previous"):
            return not isinstance(focused, Select | OptionList)
        return not (action == "leave" and (focused is self or isinstance(focused, OptionList)))

    def action_more(self) -> None:
        """Show all options, or the main ones only."""
        if self.query_one(Collapsible).collapsed:
            self._open_more(next(field for field in self._fields.values() if not field.option.is_main))
        else:
            self.query_one(Collapsible).collapsed = True

    def action_copy(self) -> None:
        """Copy the command that does the same without the app."""
        if self.command:
            self.app.copy_to_clipboard(self.command)
            self.notify("the command is copied")

    @on(Button.Pressed, "#browse")
    def _browse_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.action_browse()

    @work(exclusive=True, group="browse")
    async def action_browse(self) -> None:
        """Choose a text on a layer of its own; it takes the place of what is named."""
        from gpt2tui.tui.widgets.file_picker import FilePicker

        chosen = await self.app.push_screen_wait(FilePicker(await self._known_corpora()))
        field = self.field("text")
        if chosen is not None and (typed := shlex.quote(chosen)) != field.value:
            if field.value:
                self.notify(f"{typed} instead of {field.value}; to train on both, type both names", markup=False)
            field.value = typed
        field.control.focus()

    @on(DescendantFocus)
    def _explain(self, event: DescendantFocus) -> None:
        field = next((node for node in event.widget.ancestors if isinstance(node, FormField)), None)
        self.query_one(".meaning", Static).update(field.option.meaning if field else "")

    def on_resize(self, event: Resize) -> None:
        self.set_class(event.size.width >= _WIDE, "-wide")
        self.set_class(event.size.width < _TIGHT, "-tiny")
        self.set_class(event.size.height < _HIGH, "-low")

    # The estimate

    def on_show(self, event: Show) -> None:
        if self.screen.focused is None:
            self.focus()
        self._learn()

    @work(exclusive=True, group="learn")
    async def _learn(self) -> None:
        """Look at what may have changed while the form was away: runs, corpora, and so the estimate."""
        self._corpora = None
        self._has_looked.clear()
        self._wait_and_ask()
        self._living, self._paces = await asyncio.to_thread(_look, self.app.store)
        self._has_looked.set()
        self._warn_of_busy_device()

    @on(FormField.Changed)
    def _changed(self, event: FormField.Changed) -> None:
        event.stop()
        self._show_error("")
        self._wait_and_ask()

    def _wait_and_ask(self) -> None:
        """Ask for an estimate when the form has rested for a moment; the one before is of no use any more."""
        self._stop_estimating()
        if self.is_mounted and self.app.is_running:
            self.query_one(EstimatePanel).say(f"estimating{self.app.glyphs.ellipsis}")
            self._timer = self.set_timer(_PAUSE_SECONDS, self._ask)

    def _stop_estimating(self) -> bool:
        """End the wait for an estimate; whether there was one."""
        was_waiting = self._timer is not None
        if self._timer:
            self._timer.stop()
            self._timer = None
        return bool(self.workers.cancel_group(self, "estimate")) or was_waiting

    @work(exclusive=True, group="estimate")
    async def _ask(self) -> None:
        self._timer = None
        self._show_command()
        text = self.field("text")
        try:
            texts = split_texts(text.value)
        except UsageError as error:
            text.tell(str(error))
            texts = []
        corpora = await self._known_corpora()
        names = {corpus.name: corpus for corpus in corpora}
        if problem := await asyncio.to_thread(text_problem, texts, tuple(names)):
            text.tell(problem)
        text.note("; ".join(f"{name}: {names[name].facts}" for name in texts or ["bundled"] if name in names))
        if any(field.problem for field in self._fields.values()):
            self._deny_estimate()
            return
        absent = _absent(texts, names)
        values = self.values() | ({"text": ""} if absent else {})
        try:
            found = await estimate(words_of(values, self._users))
            await self._has_looked.wait()
            facts = estimate_facts(found, self._paces, _target(values["target_loss"]), absent=absent)
        except Gpt2TuiError as error:
            self._place(str(error), error.exit_code)
            self._deny_estimate()
            return
        self._place("", 0)
        self._device = found["device"]
        self._warn_of_busy_device()
        await self.query_one(EstimatePanel).show(facts)

    def _deny_estimate(self) -> None:
        """Say that there is none, and which fields are to blame."""
        wrong = ", ".join(field.option.label.lower() for field in self._fields.values() if field.problem)
        self.query_one(EstimatePanel).deny(f"no estimate: see {wrong}" if wrong else "no estimate")

    async def _known_corpora(self) -> list[NamedCorpus]:
        if self._corpora is None:
            try:
                self._corpora = await named_corpora()
            except RefusedError:
                return []
        return self._corpora

    def _show_command(self) -> None:
        self.query_one(".command", Static).update(visible(self.command))

    def _warn_of_busy_device(self) -> None:
        line = self.query_one(".busy", Static)
        warning = crowding(self._living, self._device)
        line.update(one_line(warning))
        line.display = bool(warning)


def _look(store: RunStore) -> tuple[list[Neighbour], list[Pace]]:
    """The runs that are being trained, and what all runs tell of the pace."""
    try:
        runs = store.all()
    except OSError:
        return [], []
    return neighbours(runs), measured_paces(runs)


def _absent(texts: list[str], names: dict[str, NamedCorpus]) -> AbsentText | None:
    """The text, where some of it has to be fetched, which is not done for an estimate."""
    missing = [text for text in texts if "://" in text or (text in names and not names[text].present)]
    if not missing:
        return None
    is_known = len(texts) == 1 and texts[0] in names
    return AbsentText(", ".join(missing), names[texts[0]].tokens if is_known else None)


def _target(value: str) -> float | None:
    return None if value in ("", NO_TARGET) else float(value)
