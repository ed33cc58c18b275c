"""What is shown of the run that the app follows: numbers, curves, texts and its state."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Container, Horizontal, Vertical
from textual.content import Content
from textual.events import ScreenResume
from textual.screen import Screen
from textual.widgets import Static

from gpt2tui.runs.event_lines import event_words
from gpt2tui.runs.events import AnyEvent, CheckpointSaved, DeviceReading, Notice, Sampled, Step
from gpt2tui.runs.follower import Follower
from gpt2tui.runs.phases import Phases
from gpt2tui.runs.view import State
from gpt2tui.runs.words import time_words
from gpt2tui.text import visible
from gpt2tui.tui.processes.steering import Steering
from gpt2tui.tui.widgets.banner import Banner
from gpt2tui.tui.widgets.chart import LossChart
from gpt2tui.tui.widgets.drawn_chart import ChartSource
from gpt2tui.tui.widgets.key_bar import KeyBar
from gpt2tui.tui.widgets.last_sample import LastSample
from gpt2tui.tui.widgets.news import News
from gpt2tui.tui.widgets.run_title import RunTitle
from gpt2tui.tui.widgets.sparkline import Traces
from gpt2tui.tui.widgets.state import state_label
from gpt2tui.tui.widgets.threshold import Threshold
from gpt2tui.tui.widgets.top_bar import TopBar

if TYPE_CHECKING:
    from gpt2tui.tui.app import Gpt2TuiApp

_ANSWER_SECONDS = 3.0
_SAMPLE_SECONDS = 12.0
"""Where there is room for nothing but the numbers, a sample is shown over them for so long."""
"""How long the answer to a command is shown: it covers what is below it."""
_DRAW_SECONDS = 1.0


class DashboardScreen(Screen[None]):
    """Draws the followed run as its events come. Where there is none, :meth:`show_form` is asked for."""

    app: Gpt2TuiApp

    def __init__(self) -> None:
        super().__init__()
        self.HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (60, "-narrow"), (110, "-wide")]
        self._is_composed = False
        self._steering: Steering | None = None
        self._shown: Path | None = None
        self._state: State = "new"
        self._is_starting = False
        self._has_named_other_text = False

    def compose(self) -> ComposeResult:
        self._fit()
        yield TopBar("train")
        yield Container(id="form")
        with Horizontal(id="dashboard"):
            with Vertical(id="numbers"):
                yield RunTitle(id="about")
                yield Threshold()
                yield Static("", id="place", markup=False)
                yield Traces()
            with Vertical(id="pictures"):
                yield LossChart()
                with Horizontal(id="texts"):
                    yield LastSample()
                    yield News()
        yield Banner()
        yield KeyBar()

    def _fit(self) -> None:
        """Look as it will, before there is anything in it whose look would have to change."""
        self.add_class(*self._room(), *(() if self._follower else ("-form",)))

    def _room(self) -> tuple[str, ...]:
        """The classes of the terminal's size, which a screen under a layer has not got yet."""
        width, height = self.app.size
        of_width = self._get_breakpoint_classes(width, self.HORIZONTAL_BREAKPOINTS or [])
        return (*of_width, *self._get_breakpoint_classes(height, self.app.VERTICAL_BREAKPOINTS or []))

    def on_mount(self) -> None:
        self._is_composed = True
        self.set_interval(_DRAW_SECONDS, self._draw_pictures)
        self.begin()
        self.change_run()

    def begin(self) -> None:
        """What is done once when the screen is there, before the run is drawn."""
        raise NotImplementedError

    def show_form(self, is_shown: bool) -> None:
        """Show the form in place of the run, or the run again."""
        raise NotImplementedError

    def on_screen_resume(self, event: ScreenResume) -> None:
        event.refresh_styles = self.stack_updates > 0  # not the first time: all that is in it has just been made
        self._draw_pictures()

    def on_resize(self) -> None:
        # What there is room for is known when all is laid out.
        self.call_after_refresh(self._draw_pictures)

    # What the app tells

    def change_run(self) -> None:
        """Another run is followed, or none."""
        if not self._is_there:
            return
        follower = self._follower
        folder = follower.run.folder if follower else None
        if folder is None or folder != self._shown:
            self._shown = folder
            self._steering = Steering(follower.run) if follower else None
            self.show_form(follower is None and not self._is_starting)
        if follower:
            self.query_one(RunTitle).show(follower)
            self.query_one(LossChart).show(ChartSource(follower))
            self.query_one(LossChart).overlay(ChartSource(self.app.overlaid) if self.app.overlaid else None)
            self.take_events([])
            self._draw_texts()
            self._draw_pictures()

    def take_events(self, events: list[AnyEvent]) -> None:
        """New events of the followed run, which the view has taken in."""
        follower, steering = self._follower, self._steering
        if not (follower and steering and self._is_there):
            return
        for answer in (event for event in events if event.command):
            match answer:
                case Notice(level="info", text=text):
                    self.notify(text, timeout=_ANSWER_SECONDS, markup=False)
                case Notice(level="warning" | "error" as level, text=text):
                    self.notify(text, severity=level, markup=False)
                case CheckpointSaved() if not self._shows_events:
                    self.notify(event_words(answer) or "", timeout=_ANSWER_SECONDS, markup=False)
                case Sampled(prompt=prompt, text=text) if self.has_class("-flat"):
                    self.notify(visible(prompt + text), title="sample", timeout=_SAMPLE_SECONDS, markup=False)
        if any(isinstance(event, Sampled) and event.command for event in events):
            self.add_class("-sample")  # somebody asked for it
        steering.take(events)
        if not follower.is_alive:
            steering.forget()
        self._draw_numbers()
        if any(not isinstance(event, Step | DeviceReading) for event in events):
            self._draw_texts()

    @property
    def has_one_text(self) -> bool:
        """Whether there is room for the sample or the events, and not for both."""
        room = self._room()
        return "-narrow" in room and "-flat" not in room

    @property
    def _shows_events(self) -> bool:
        return not (self.has_class("-flat") or (self.has_one_text and self.has_class("-sample")))

    @property
    def _is_there(self) -> bool:
        """Whether there is anything to draw on: not before the start, and no more when the app is being left."""
        return self._is_composed and bool(self.query("#place"))

    @property
    def _follower(self) -> Follower | None:
        return self.app.follower

    # Drawing: numbers with every event, pictures once a second

    def _draw_numbers(self) -> None:
        follower = self._follower
        if not follower:
            return
        view, now = follower.view, self.app.now()
        state = follower.state(now)
        self.query_one(Threshold).show(view, state, now)
        self.query_one("#place", Static).update(_place(follower, self.app.glyphs.separator), layout=False)
        if not (self._is_starting or self.has_class("-form")):
            self.query_one(TopBar).tell(self._label(state))
        self._draw_banner(state, now)
        if state != self._state:
            self._state = state
            self.refresh_bindings()

    def _label(self, state: State) -> Content:
        follower, steering, separator = self._follower, self._steering, self.app.glyphs.separator
        assert follower is not None
        label = state_label(follower.view, state, self.app.glyphs)
        if started := follower.view.started:
            label += Content.styled(f"{separator}{started.device} {started.dtype}", "$text-muted")
        if steering and steering.waiting:
            label += Content.styled(f"{separator}{steering.waiting}", "$text-muted")
        return label

    def _draw_banner(self, state: State, now: float) -> None:
        follower = self._follower
        assert follower is not None
        waiting = self._steering.waiting if self._steering else ""
        talk_run = self.app.talk_run
        is_elsewhere = talk_run is not None and talk_run.folder != follower.run.folder
        self.query_one(Banner).show(follower, state, now=now, waiting=waiting, is_elsewhere=is_elsewhere)

    def _draw_texts(self) -> None:
        if follower := self._follower:
            self.query_one(LastSample).show(follower.view.sample)
            self.query_one(News).show(follower.view.news, self.app.now())

    def _draw_pictures(self) -> None:
        is_seen = self._is_there and self in self.app.screen_stack and not self.has_class("-form")
        if (follower := self._follower) and is_seen:
            self._draw_numbers()
            self.query_one(RunTitle).show(follower)
            self.query_one(LossChart).refresh_data()
            self.query_one(Traces).show(follower.view)
            self._name_other_text()

    def _name_other_text(self) -> None:
        """Say below the text that is shown how to come to the other one; saying it again would draw all of it."""
        if self.has_one_text != self._has_named_other_text:
            self._has_named_other_text = self.has_one_text
            self.query_one(News).border_subtitle = "t sample" if self.has_one_text else ""
            self.query_one(LastSample).border_subtitle = "t events" if self.has_one_text else ""


def _place(follower: Follower, separator: str) -> str:
    step = follower.view.step
    if not step:
        return ""
    shifted = " shifted" if Phases(follower.view.config).is_shifted(step.passes) else ""
    return (
        f"pass {step.passes:,.1f}{shifted}{separator}step {step.step:,}\n"
        f"{step.tokens:,} tokens{separator}{time_words(step, follower.view.finished)}"
    )
