"""The screen on which a training is started, watched and steered."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Container, Horizontal, Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Footer, Static

from gpt2tui.errors import Gpt2TuiError
from gpt2tui.runs import commands
from gpt2tui.runs.events import AnyEvent, Notice
from gpt2tui.runs.follower import Follower
from gpt2tui.runs.view import State
from gpt2tui.text import count, duration, one_line
from gpt2tui.tui.processes.steering import Steering
from gpt2tui.tui.processes.training import start_training
from gpt2tui.tui.widgets.banner import Banner
from gpt2tui.tui.widgets.chart import ChartSource, LossChart
from gpt2tui.tui.widgets.last_sample import LastSample
from gpt2tui.tui.widgets.news import News
from gpt2tui.tui.widgets.question import Ask, Choose, Option
from gpt2tui.tui.widgets.sparkline import Traces
from gpt2tui.tui.widgets.start_form import StartForm
from gpt2tui.tui.widgets.state import state_label
from gpt2tui.tui.widgets.threshold import Threshold
from gpt2tui.tui.widgets.top_bar import TopBar

if TYPE_CHECKING:
    from gpt2tui.tui.app import Gpt2TuiApp

_DRAW_SECONDS = 1.0
_AT_WORK = ("starting", "compiling", "training", "evaluating", "saving", "paused", "stalled")
_STEERING = (
    "pause",
    "go_on",
    "sample",
    "checkpoint",
    "stop",
    "change",
    "resume",
    "go_past",
    "chart",
    "overlay",
    "new",
    "new_beside",
)


class TrainScreen(Screen[None]):
    """Screen 1: the form, or the run that the app follows."""

    app: Gpt2TuiApp

    CSS_PATH: ClassVar = ["../styles/train.tcss", "../styles/start_form.tcss"]
    AUTO_FOCUS = ""
    BINDINGS: ClassVar = [
        Binding("space", "pause", "Pause", id="train.pause", tooltip="Pause; the model stays loaded"),
        Binding("space", "go_on", "Go on", id="train.go_on", tooltip="Lift the pause"),
        Binding("s", "sample", "Sample", id="train.sample", tooltip="Draw text from the weights as they are now"),
        Binding("c", "checkpoint", "Checkpoint", id="train.checkpoint", tooltip="Save now"),
        Binding("x", "stop", "Stop", id="train.stop", tooltip="Save and end, or leave it running"),
        Binding("e", "change", "Set", id="train.change", tooltip="Change target, limits and learning rate"),
        Binding("R", "resume", "Go on", id="train.resume", tooltip="Go on from the last checkpoint"),
        Binding("g", "go_past", "Past it", id="train.go_past", tooltip="Go on to a lower target"),
        Binding("n", "new", "New run", id="train.new", priority=True, tooltip="Open the form"),
        Binding(
            "n",
            "new_beside",
            "New run",
            id="train.beside",
            show=False,
            priority=True,
            tooltip="Open the form; this one goes on",
        ),
        Binding("escape", "back", "Back", id="train.back", tooltip="Close the form"),
        Binding("y", "chart('toggle_log')", "Log", id="train.log", show=False, tooltip="Logarithmic or linear losses"),
        Binding("u", "chart('cycle_x')", "X axis", id="train.x_axis", show=False, tooltip="Unit of the x axis"),
        Binding(
            "plus,equals_sign",
            "chart('zoom_in')",
            "Zoom in",
            id="train.zoom_in",
            show=False,
            tooltip="See half as much",
        ),
        Binding("minus", "chart('zoom_out')", "Zoom out", id="train.zoom_out", show=False, tooltip="See twice as much"),
        Binding("0", "chart('show_all')", "All", id="train.show_all", show=False, tooltip="The whole curve, following"),
        Binding("left", "chart('left')", "Left", id="train.left", show=False, tooltip="Move view or cursor"),
        Binding("right", "chart('right')", "Right", id="train.right", show=False, tooltip="Move view or cursor"),
        Binding(
            "shift+left", "chart('half_left')", "Half left", id="train.half_left", show=False, tooltip="Half a view"
        ),
        Binding(
            "shift+right", "chart('half_right')", "Half right", id="train.half_right", show=False, tooltip="Half a view"
        ),
        Binding("end", "chart('follow')", "End", id="train.follow", show=False, tooltip="To the end, and follow it"),
        Binding("v", "chart('toggle_cursor')", "Read", id="train.read", show=False, tooltip="Read values"),
        Binding("o", "overlay", "Overlay", id="train.overlay", show=False, tooltip="Take away the run laid over"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (60, "-narrow"), (110, "-wide")]
        self.VERTICAL_BREAKPOINTS = [(0, "-flat"), (16, "-low"), (30, "-high")]
        self._is_composed = False
        self._steering: Steering | None = None
        self._shown: Path | None = None
        self._state: State = "new"
        self._is_starting = False

    def compose(self) -> ComposeResult:
        yield TopBar("train")
        yield Container(id="form")
        with Horizontal(id="dashboard"):
            with Vertical(id="numbers"):
                yield Static("", id="about", markup=False)
                yield Threshold()
                yield Static("", id="place", markup=False)
                yield Traces()
            with Vertical(id="pictures"):
                yield LossChart()
                with Horizontal(id="texts"):
                    yield LastSample()
                    yield News()
        yield Banner()
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        self._is_composed = True
        self.set_interval(_DRAW_SECONDS, self._draw_pictures)
        if words := self.app.take_start():
            self._start(words)
        self.change_run()

    def on_screen_resume(self) -> None:
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
            self._show_form(follower is None and not self._is_starting)
        if follower:
            self.query_one("#about", Static).update(_about(follower, self.app.glyphs.separator))
            self.query_one(LossChart).show(_source(follower))
            self.query_one(LossChart).overlay(_source(self.app.overlaid) if self.app.overlaid else None)
            self.take_events([])
            self._draw_texts()
            self._draw_pictures()

    def take_events(self, events: list[AnyEvent]) -> None:
        """New events of the followed run, which the view has taken in."""
        follower, steering = self._follower, self._steering
        if not (follower and steering and self._is_there):
            return
        answers = [event for event in events if isinstance(event, Notice) and event.command]
        for answer in answers:
            self.notify(answer.text, severity="information" if answer.level == "info" else answer.level, markup=False)
        steering.take(events)
        if not follower.is_alive:
            steering.forget()
        self._draw_numbers()
        if any(event.__class__.__name__ not in ("Step", "DeviceReading") for event in events):
            self._draw_texts()

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
        if not self._is_starting:
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
        self.query_one(Banner).show(follower, state, now=now, waiting=waiting)

    def _draw_texts(self) -> None:
        if follower := self._follower:
            self.query_one(LastSample).show(follower.view.sample)
            self.query_one(News).show(follower.view.news, self.app.now())

    def _draw_pictures(self) -> None:
        is_seen = self._is_there and self in self.app.screen_stack and not self.has_class("-form")
        if (follower := self._follower) and is_seen:
            self._draw_numbers()
            self.query_one(LossChart).refresh_data()
            self.query_one(Traces).show(follower.view)

    # Steering

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Which keys mean something in the state the run is in."""
        if action == "back":
            return self.has_class("-form") and self._follower is not None
        if action not in _STEERING:
            return True
        if self.has_class("-form") or not self._follower:
            return False
        if self._state == "gone" and action in ("resume", "go_past"):
            return False
        is_at_work = self._state in _AT_WORK
        finished = self._follower.view.finished
        is_past = bool(finished and finished.reason == "target_reached")
        return {
            "pause": is_at_work and self._state != "paused",
            "go_on": self._state == "paused",
            "resume": not is_at_work and not is_past and not self._is_starting,
            "go_past": not is_at_work and is_past and not self._is_starting,
            "chart": True,
            "overlay": self.app.overlaid is not None,
            "new": not is_at_work,
        }.get(action, is_at_work)

    def _send(self, command: commands.Command, words: str, steering: Steering | None = None) -> None:
        """Send a command to the run on the screen, or to the one that it was before a question was answered."""
        steering = steering or self._steering
        assert steering is not None
        try:
            steering.send(command, words)
        except OSError as error:
            self.notify(f"the run cannot be told: {error}", severity="error", markup=False)
        self._draw_numbers()

    def action_pause(self) -> None:
        self._send(commands.Pause(), "pausing")

    def action_go_on(self) -> None:
        self._send(commands.Resume(), "going on")

    def action_checkpoint(self) -> None:
        self._send(commands.SaveCheckpoint(), "saving")

    # A layer is pushed within its action: keys typed ahead then never mean something else on this screen.

    def action_sample(self) -> None:
        steering = self._steering

        def answered(prompt: str | None) -> None:
            if prompt is not None:
                self._send(commands.Sample(prompt=prompt or None), "sampling", steering)

        hint = "a prompt, or nothing for the run's own; enter draws"
        self.app.push_screen(Ask("A sample from the weights as they are now", hint=hint), answered)

    def action_stop(self) -> None:
        steering = self._steering

        def answered(answer: str | None) -> None:
            if answer == "stop":
                self._send(commands.Stop(), "stopping", steering)
            elif answer == "leave":
                self.app.action_leave()

        options = (
            Option("s", "save and stop; R goes on later", "stop"),
            Option("l", "leave the app, the training goes on", "leave"),
        )
        self.app.push_screen(Choose("Stop this training?", options), answered)

    def action_change(self) -> None:
        from gpt2tui.tui.widgets.change_settings import ChangeSettings

        assert self._follower is not None
        steering = self._steering

        def answered(changes: list[commands.Set] | None) -> None:
            for change in changes or ():
                self._send(change, f"setting {change.name.replace('_', ' ')}", steering)

        self.app.push_screen(ChangeSettings(self._follower.view), answered)

    def action_chart(self, action: str) -> None:
        """Hand a key on to the chart."""
        getattr(self.query_one(LossChart), f"action_{action}")()

    def action_overlay(self) -> None:
        self.app.overlay(None)

    # Starting

    async def action_new(self) -> None:
        self._show_form(True, is_filled=False)
        await self._fill_form()
        # The next key is meant for the form, and tab finds its way there only when all is laid out.
        is_laid_out = asyncio.Event()
        self.call_after_refresh(is_laid_out.set)
        await is_laid_out.wait()

    async def action_new_beside(self) -> None:
        await self.action_new()

    def action_back(self) -> None:
        self._show_form(False)

    def _show_form(self, is_shown: bool, *, problem: str = "", is_filled: bool = True) -> None:
        self.set_class(is_shown, "-form")
        self.query_one(TopBar).name_keys(in_fields=is_shown)
        self.refresh_bindings()
        if is_shown:
            self.query_one(TopBar).tell(Content.styled("a new run", "$text-muted"))
            if is_filled:  # by the app, which answers after its first frame
                self.app.call_after_refresh(self._fill_form_later, problem)
        else:
            self.set_focus(None)
            self._draw_pictures()

    @work(exclusive=True, group="form")
    async def _fill_form_later(self, problem: str) -> None:
        await self._fill_form(problem)

    async def _fill_form(self, problem: str = "") -> None:
        form = await self._form()
        form.focus_first()
        if problem:
            form.show_error(problem)

    async def _form(self) -> StartForm:
        """The form, made when it is first needed: it has more widgets than all the rest."""
        place = self.query_one("#form")
        if not place.query(StartForm):
            await place.mount(StartForm())
        return place.query_one(StartForm)

    @on(StartForm.Submitted)
    def _submitted(self, event: StartForm.Submitted) -> None:
        self._start(("train", *event.words))

    def action_resume(self) -> None:
        if self._follower:
            self._start(("resume", str(self._follower.run.folder)))

    def action_go_past(self) -> None:
        follower = self._follower
        if not follower:
            return
        reached = follower.view.best_corpus_loss or follower.view.target_loss or 0.1

        def answered(target: str | None) -> None:
            if target:
                self._start(("resume", str(follower.run.folder), "--target-loss", target.strip()))

        layer = Ask(
            "Go on past the target, until the corpus loss is below",
            value=f"{reached / 2:.3g}",
            hint="enter starts, esc goes back",
            check=lambda text: _not_a_loss_below(reached, text),
        )
        self.app.push_screen(layer, answered)

    def _start(self, words: tuple[str, ...]) -> None:
        if not self._is_starting:
            self._set_starting(True)
            self.query_one(TopBar).tell(Content.styled("starting a training process", "$accent"))
            if words[0] == "resume":  # the form says so by itself
                self._warn_of_others(words)
            self._await_start(words)

    @work
    async def _await_start(self, words: tuple[str, ...]) -> None:
        try:
            run = await start_training(words)
        except Gpt2TuiError as error:
            if words[0] == "train":
                self._show_form(True, problem=str(error))
            else:
                self.notify(str(error), severity="error", markup=False, timeout=15)
                self._set_starting(False)
                self._show_what_there_is()
        else:
            self.app.follow(run)
        finally:
            self._set_starting(False)

    def _show_what_there_is(self) -> None:
        """After a start that was refused: the run from before, else the newest, else the form."""
        if self._follower:
            self._draw_numbers()
        elif runs := self.app.store.all():
            self.app.follow(runs[0])
        else:
            self._show_form(True)

    def _warn_of_others(self, words: tuple[str, ...]) -> None:
        others = [run.name() for run in self.app.store.all() if run.is_alive() and str(run.folder) not in words]
        if others:
            names = ", ".join(one_line(name) for name in others)
            self.notify(f"{names} trains here already: both will be slower", severity="warning", markup=False)

    def _set_starting(self, is_starting: bool) -> None:
        self._is_starting = is_starting
        self.refresh_bindings()
        for form in self.query(StartForm):
            form.show_busy(is_starting)


def _source(follower: Follower) -> ChartSource:
    return ChartSource(follower)


def _about(follower: Follower, separator: str) -> Content:
    config = follower.config
    return Content.assemble(
        (one_line(follower.run.name()), "bold"),
        "\n",
        (f"{config.preset or 'gpt2'} {count(config.model.parameters)}{separator}{config.recipe.name}", "$text-muted"),
        "\n",
        (f"{one_line(config.corpus.name)}, {config.corpus.tokens:,} tokens", "$text-muted"),
    )


def _place(follower: Follower, separator: str) -> str:
    step = follower.view.step
    if not step:
        return ""
    return (
        f"pass {step.passes:,.1f}{separator}step {step.step:,}\n"
        f"{step.tokens:,} tokens{separator}{duration(step.elapsed)}"
    )


def _not_a_loss_below(reached: float, text: str) -> str | None:
    try:
        is_below = 0 < float(text) < reached
    except ValueError:
        is_below = False
    return None if is_below else f"a number above 0 and below {reached:.4g}, which is reached already"
