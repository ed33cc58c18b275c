"""What may happen between two updates: commands, saves, samples, and pauses until something ends them."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable

from gpt2tui.checkpoints.tensors import NotFiniteError
from gpt2tui.runs import commands
from gpt2tui.runs.commands import AnyCommand
from gpt2tui.runs.events import AnyEvent, Notice, PhaseChanged
from gpt2tui.runs.sampling import SamplingSettings
from gpt2tui.training.course import Course, Events
from gpt2tui.training.sampler import SAMPLE, Sampler
from gpt2tui.training.saver import Unsaved

_POLL_SECONDS = 0.05
_READING_SECONDS = 30.0
"""So long a sample that was asked for is not followed by the one at the end."""


class Steering:
    """Steers a course by the commands of ``inbox``, which gives those that came since it was asked last.

    While ``lacks_space`` is set, since the journal has no room left, the run pauses.
    """

    def __init__(self, course: Course, inbox: Callable[[], Iterable[AnyCommand]]) -> None:
        self._course = course
        self._inbox = inbox
        self._sampler = Sampler(course.config, course.train_tokens)
        self._queue: deque[AnyCommand] = deque()
        self._is_paused = False
        self._is_short = False
        """Whether it waits for room that can be measured, so that it goes on by itself."""
        self._sampled_step = 0
        self._asked_at = -math.inf
        """Seconds of training at which the last sample was drawn that somebody had asked for."""
        self._lifted_by: str | None = None
        self._given_up_step: int | None = None
        self.lacks_space = False

    def obey(self) -> Events:
        """Do what was asked since the last update; pause while there is no room for the journal."""
        course = self._course
        if self.lacks_space:
            is_short = not course.saver.has_room()
            yield Notice(level="error", text=f"the disk is full; {self._way_out()}")
            yield from self._wait(is_short=is_short)
        yield from self.take_commands()
        if course.signal is not None and course.ending is None:
            course.ending = "interrupted"

    def take_commands(self) -> Events:
        """Answer what came, oldest first. The end of a pause comes before what follows it."""
        course = self._course
        if course.saver.is_done():
            yield from self._make_good()
        was_paused = self._is_paused
        self._queue.extend(self._inbox())
        if self._queue:
            yield from course.read()
        while self._queue and self._is_paused == was_paused:
            command = self._queue.popleft()
            try:
                yield from self._answer(command)
            except NotFiniteError as error:
                yield from course.rewind(str(error))
                yield from self._answer(command)

    def _answer(self, command: AnyCommand) -> Events:
        course = self._course
        match command:
            case commands.Pause() if not self._is_paused:
                yield from self._wait(command=command.id)
            case commands.Pause():
                yield PhaseChanged(phase="paused", command=command.id)
            case commands.Resume() if self._is_short and not course.saver.has_room():
                yield Notice(level="error", text=f"there is still no room; {self._way_out()}", command=command.id)
            case commands.Resume() if self._is_paused:
                self._is_paused, self._lifted_by = False, command.id
            case commands.Resume():
                yield PhaseChanged(phase=course.phase, command=command.id)
            case commands.Stop():
                course.is_stopping = True
                course.ending = course.ending or "stopped"
                yield Notice(level="info", text="stopping, as asked", command=command.id)
            case commands.SaveCheckpoint():
                yield from self.save("asked", command.id)
            case commands.Sample():
                yield from self.sample(command.prompt, command.settings, command.id)
            case commands.Set():
                # What is set after a checkpoint is told after it: the journal makes good what it does not know.
                yield from self._make_good()
                yield from course.controls.set(command)
                if command.name == "target_loss":
                    course.examiner.forget()

    def sample(
        self, prompt: str | None = None, settings: SamplingSettings = SAMPLE, command: str | None = None
    ) -> Events:
        """Draw text from the weights as they are, which are saved first."""
        course = self._course
        yield from self.save("before sampling")
        yield self._sampler.draw(course.learner.model, course.step, prompt, settings, command)
        course.samples_due.happened(course.progress.elapsed)
        self._sampled_step = course.step
        if command:
            self._asked_at = course.progress.elapsed

    def sample_at_end(self) -> Events:
        """Draw what was asked for too late to be heard before. Where nothing was of late, which somebody is reading,
        show what was learnt, if samples are wanted: a short run would else never have drawn one.
        """
        course = self._course
        if course.ending not in ("target_reached", "limit") or course.is_leaving:
            return
        for command in (*self._queue, *self._inbox()):
            if isinstance(command, commands.Sample) and not course.is_leaving:
                yield from self.sample(command.prompt, command.settings, command.id)
        is_being_read = course.progress.elapsed - self._asked_at < _READING_SECONDS
        if course.samples_due.is_wanted and self._sampled_step != course.step and not is_being_read:
            yield from self.sample()

    def save(self, reason: str, command: str | None = None, *, is_awaited: bool = False) -> Events:
        """Save a checkpoint, unless this step has one and none was asked for. It is written beside the steps that
        follow, unless it is awaited or the run is paused.

        An awaited one for which there is no room is tried again when there is, until a signal or a stop asks for the
        end: then it is given up.

        Raises:
            NotFiniteError: the weights are not worth it.
        """
        course, saver = self._course, self._course.saver
        yield from course.read()
        if command is None and saver.has(course.step) and not is_awaited:
            return
        yield from self._settle(command)
        if command is None and (saver.has(course.step) or course.step == self._given_up_step):
            return
        yield PhaseChanged(phase="saving")
        is_beside = not (is_awaited or self._is_paused)
        while True:
            is_last_try = course.is_leaving
            saver.begin(course.learner, course.state(), reason=reason, command=command, is_beside=is_beside)
            if not saver.is_done() or not (yield from self._settle()) or is_last_try:
                break
        course.checkpoints_due.happened(course.progress.elapsed)
        if course.ending is None:
            yield PhaseChanged(phase=course.phase)

    def _settle(self, command: str | None = None) -> Generator[AnyEvent, None, Unsaved | None]:
        """As the course does, and wait for room where that is what lacks, unless the run is to end; a ``command`` for
        another checkpoint is told that it waits.
        """
        course = self._course
        unsaved = yield from course.settle(self._way_out)
        if unsaved and course.is_leaving:
            self._given_up_step = unsaved.step
        elif unsaved:
            if command and command != unsaved.command:
                text = f"first there must be room for the checkpoint of step {unsaved.step}; {self._way_out()}"
                yield Notice(level="error", text=text, command=command)
            yield from self._wait(is_short=course.saver.was_short)
            if course.signal is not None and course.ending == "limit":
                course.ending = "interrupted"
        return unsaved

    def _make_good(self) -> Events:
        """Wait for the checkpoint under way; where there was no room for it, save the run as it is when there is."""
        if unsaved := (yield from self._settle()):
            yield from self.save(unsaved.reason, unsaved.command, is_awaited=True)

    def _way_out(self) -> str:
        return "the run ends without it" if self._course.is_leaving else self._course.saver.way_out()

    def _wait(self, *, command: str | None = None, is_short: bool = False) -> Events:
        """Pause, with the model loaded, until a command, a signal or (where it ``is_short``) free space ends it."""
        course = self._course
        was_short, self._is_short = self._is_short, is_short
        yield from course.read()
        before, course.phase, self._is_paused = course.phase, "paused", True
        course.progress.pause()
        yield PhaseChanged(phase="paused", command=command)
        try:
            while self._is_paused and not course.is_leaving:
                yield from self.take_commands()
                if self._is_short and course.saver.has_room():
                    break
                if self._is_paused:
                    time.sleep(_POLL_SECONDS)
        finally:
            course.phase, self._is_short = before, was_short
            self._is_paused = before == "paused"
            if not self._is_paused:
                course.progress.go_on()
        lifted_by, self._lifted_by = self._lifted_by, None
        if lifted_by or not course.is_leaving:
            yield PhaseChanged(phase=before, command=lifted_by)
