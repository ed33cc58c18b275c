"""The screen on which a training is started, watched and steered."""

from __future__ import annotations

from typing import ClassVar

from textual.events import Key

from gpt2tui.errors import Gpt2TuiError
from gpt2tui.runs import commands
from gpt2tui.runs.words import is_imported
from gpt2tui.text import one_line
from gpt2tui.tui.idle_keys import IdleKeys
from gpt2tui.tui.live_bindings import actions_of
from gpt2tui.tui.processes.steering import Steering
from gpt2tui.tui.refusals import BEING_STARTED, idle_key_words
from gpt2tui.tui.screens.starting import StartingScreen
from gpt2tui.tui.train_keys import TRAIN_KEYS
from gpt2tui.tui.widgets.chart import LossChart
from gpt2tui.tui.widgets.question import Ask, Choose, Option

_AT_WORK = ("starting", "compiling", "training", "evaluating", "saving", "paused", "stalled")
_STEERING = (
    "pause",
    "go_on",
    "sample",
    "checkpoint",
    "stop",
    "change",
    "resume",
    "train_on",
    "go_past",
    "chart",
    "overlay",
    "new",
    "new_beside",
)


class TrainScreen(StartingScreen):
    """Screen 1: the form, or the run that the app follows."""

    CSS_PATH = "../styles/train.tcss"
    AUTO_FOCUS = ""
    BINDINGS: ClassVar = TRAIN_KEYS  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self._idle_keys = IdleKeys(self)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Which keys mean something in the state the run is in."""
        if action == "back":
            return self.has_class("-form") and self._follower is not None
        if action == "other_text":
            return bool(self.has_one_text and self._follower and not self.has_class("-form"))
        if action == "close_reading":
            return self._is_there and self.query_one(LossChart).is_reading and not self.has_class("-form")
        if action not in _STEERING:
            return True
        if self.has_class("-form") or not self._follower:
            return False
        if self._state == "gone" and action in ("resume", "train_on", "go_past"):
            return False
        is_at_work = self._state in _AT_WORK
        is_over = not is_at_work and not self._is_starting
        view = self._follower.view
        is_past, is_foreign = view.has_ended_at_target, is_imported(view)
        return {
            "pause": is_at_work and not view.is_held,
            "go_on": is_at_work and view.is_held,
            "resume": is_over and not is_past and not is_foreign,
            "train_on": is_over and is_foreign,
            "go_past": is_over and is_past,
            "chart": True,
            "overlay": self.app.overlaid is not None,
            "new": not is_at_work,
        }.get(action, is_at_work)

    def on_key(self, event: Key) -> None:
        """A key that steers, but cannot steer this run as it is, is answered: it is in no bar and does nothing."""
        if (self.has_class("-form") or not self._follower) and not self._is_starting:
            return
        meant = actions_of(event.key, self)
        if any(action in _STEERING for action in meant) and not any(self.check_action(action, ()) for action in meant):
            self._refuse(next(action for action in meant if action in _STEERING))

    def _refuse(self, action: str) -> None:
        if self.has_class("-form") or not self._follower:
            words = BEING_STARTED
        else:
            name, is_alive = one_line(self._follower.run.name()), self._state in _AT_WORK
            words = idle_key_words(
                action,
                name,
                self._state,
                is_alive=is_alive,
                is_starting=self._is_starting,
                is_imported=is_imported(self._follower.view),
            )
        self._idle_keys.answer(words)

    def _send(self, command: commands.Command, words: str, steering: Steering | None = None) -> None:
        """Send a command to the run on the screen, or to the one that it was before a question was answered."""
        steering = steering or self._steering
        assert steering is not None
        try:
            steering.send(command, words)
        except OSError as error:
            self.notify(f"the run cannot be told: {error}", severity="error", markup=False)
        except Gpt2TuiError as error:
            way_out = ""
            if isinstance(command, commands.Sample) and command.prompt:
                self.app.handed_prompt = steering.run, command.prompt
                way_out = "; 2 has your prompt, and goes on from what was saved"
            self.notify(f"Too late: {error}{way_out}.", severity="error", markup=False)
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

    def action_close_reading(self) -> None:
        self.action_chart("toggle_cursor")

    def action_other_text(self) -> None:
        """Where there is room for one of them: the sample in place of the events, or the events again."""
        self.toggle_class("-sample")

    def action_overlay(self) -> None:
        self.app.overlay(None)
