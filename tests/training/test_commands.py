"""What ``commands.jsonl`` asks takes effect within a step, and the answer repeats the command's id."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gpt2tui.checkpoints.folder import CheckpointFolder
from gpt2tui.runs import commands
from gpt2tui.runs.commands import Command
from gpt2tui.runs.config import Every, Limits
from gpt2tui.runs.events import (
    AnyEvent,
    CheckpointSaved,
    Evaluated,
    Notice,
    PhaseChanged,
    RunFinished,
    Sampled,
    SettingChanged,
    Step,
)
from gpt2tui.runs.run import Run
from gpt2tui.runs.sampling import SamplingSettings
from gpt2tui.training.session import train
from tests.training.small import (
    corpus_losses,
    ending,
    finished,
    losses,
    notices,
    of_type,
    only,
    seen,
    small_config,
    small_recipe,
    small_run,
    training,
    until,
)

GREEDY = SamplingSettings(max_new_tokens=5, temperature=0)


def steered(run: Run, plan: dict[int, list[Command]]) -> Iterator[AnyEvent]:
    """Train, sending commands as soon as a step has been told."""
    for event in train(run):
        yield event
        if isinstance(event, Step):
            for command in plan.get(event.step, ()):
                run.send(command)


def answers(events: list[AnyEvent], command: Command) -> list[AnyEvent]:
    return [event for event in events if event.command == command.id]


def steps_between(events: list[AnyEvent], step: int, command: Command) -> int:
    """How many steps were made after a step and before the first answer."""
    sent = next(i for i, event in enumerate(events) if isinstance(event, Step) and event.step == step)
    answered = next(i for i, event in enumerate(events) if event.command == command.id)
    return len(of_type(events[sent + 1 : answered], Step))


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        (commands.Sample(prompt="!", settings=GREEDY), Sampled),
        (commands.Set(name="max_steps", value=7), SettingChanged),
        (commands.Resume(), PhaseChanged),
        (commands.Stop(), Notice),
    ],
)
def test_each_command_is_answered_within_a_step(tmp_path: Path, command: Command, kind: type) -> None:
    run = small_run(tmp_path, small_config(limits=Limits(target_loss=None, max_steps=12)))
    events = list(steered(run, {4: [command]}))
    assert [type(event) for event in answers(events, command)] == [kind]
    assert steps_between(events, 4, command) <= 1
    last = only(events, RunFinished)
    wanted = {commands.Stop: ("stopped", 4), commands.Set: ("limit", 7)}
    assert (last.reason, last.step) == wanted.get(type(command), ("limit", 12))


def test_a_checkpoint_is_of_the_step_it_was_asked_at_and_told_of_when_it_is_whole(tmp_path: Path) -> None:
    run = small_run(tmp_path, small_config(limits=Limits(target_loss=None, max_steps=12)))
    command = commands.SaveCheckpoint()
    events = []
    for event in steered(run, {4: [command]}):
        events.append(event)
        if isinstance(event, CheckpointSaved):
            assert CheckpointFolder(run.checkpoints).path(event.step).is_dir()
    answer = only([event for event in events if event.command], CheckpointSaved)
    assert (answer.command, answer.step) == (command.id, 4)
    assert only(events, RunFinished).step == 12


@pytest.mark.parametrize(("every", "expected"), [(Every(), []), (Every(seconds=900.0), [5]), (Every(steps=5), [5])])
def test_a_run_that_earned_its_end_shows_once_what_it_has_learnt(
    tmp_path: Path, every: Every, expected: list[int]
) -> None:
    limits = Limits(target_loss=None, max_steps=5)
    events = list(train(small_run(tmp_path, small_config(limits=limits, sample_every=every))))
    assert [event.step for event in of_type(events, Sampled)] == expected
    assert isinstance(events[-1], RunFinished)


def test_a_sample_asked_for_at_the_last_step_is_drawn_before_the_end(tmp_path: Path) -> None:
    limits = Limits(target_loss=None, max_steps=5)
    run = small_run(tmp_path, small_config(limits=limits, sample_every=Every(seconds=900.0)))
    late = commands.Sample(prompt="!", settings=GREEDY)
    events = []
    for event in train(run):
        events.append(event)
        if isinstance(event, Notice) and "limit" in event.text:  # no command is obeyed after this
            run.send(late)
    assert [(event.step, event.prompt) for event in of_type(events, Sampled)] == [(5, "!")]
    assert [type(event) for event in answers(events, late)] == [Sampled]


def test_a_sample_that_somebody_reads_is_not_followed_by_the_one_at_the_end(tmp_path: Path) -> None:
    limits = Limits(target_loss=None, max_steps=6)
    run = small_run(tmp_path, small_config(limits=limits, sample_every=Every(seconds=900.0)))
    events = list(steered(run, {4: [commands.Sample(prompt="!", settings=GREEDY)]}))
    assert [event.prompt for event in of_type(events, Sampled)] == ["!"]


def test_a_run_that_is_stopped_draws_no_sample_first(tmp_path: Path) -> None:
    run = small_run(tmp_path, small_config(limits=Limits(target_loss=None), sample_every=Every(seconds=900.0)))
    events = list(steered(run, {4: [commands.Stop()]}))
    assert not of_type(events, Sampled)
    assert only(events, RunFinished).reason == "stopped"


def test_set_takes_effect_at_the_next_step(tmp_path: Path) -> None:
    run = small_run(tmp_path, small_config(recipe=small_recipe("fast"), limits=Limits(target_loss=None, max_steps=9)))
    rate = commands.Set(name="learning_rate", value=1e-5)
    back = commands.Set(name="learning_rate", value=None)
    wrong = commands.Set(name="learning_rate", value=0)
    events = list(steered(run, {6: [rate], 7: [back], 8: [wrong]}))
    steps = {event.step: event.learning_rate for event in of_type(events, Step)}
    assert steps[6] == steps[8] == steps[9] == run.config().recipe.learning_rate
    assert steps[7] == pytest.approx(1e-5)
    assert isinstance(answers(events, wrong)[0], Notice)


def test_a_new_target_is_looked_at_within_a_step(tmp_path: Path) -> None:
    run = small_run(tmp_path, small_config(limits=Limits(target_loss=0.01, max_steps=30)))
    target = commands.Set(name="target_loss", value=6.0)
    events = list(steered(run, {5: [target]}))
    last = only(events, RunFinished)
    assert (last.reason, last.step) == ("target_reached", 6)


def test_pause_and_resume_are_answered_and_a_pause_makes_no_steps(tmp_path: Path) -> None:
    run = small_run(tmp_path, small_config(limits=Limits(target_loss=None, max_steps=9)))
    pause, again, resume = commands.Pause(), commands.Pause(), commands.Resume()
    inside = [commands.SaveCheckpoint(), commands.Set(name="max_tokens", value=9e9), commands.Sample(settings=GREEDY)]
    events = list(steered(run, {4: [pause, again, *inside, resume]}))
    first = next(i for i, event in enumerate(events) if event.command == pause.id)
    end = next(i for i, event in enumerate(events) if event.command == resume.id)
    during = events[first : end + 1]
    assert not of_type(during, Step)
    assert [event.command for event in during if event.command] == [
        command.id for command in (pause, again, *inside, resume)
    ]
    phases = [event.phase for event in of_type(during, PhaseChanged)]
    assert phases == ["paused", "paused", "saving", "paused", "training"]
    assert only(events, RunFinished).step == 9


def test_a_second_pause_in_the_same_breath_as_a_resume_holds(tmp_path: Path) -> None:
    run = small_run(tmp_path, small_config(limits=Limits(target_loss=None, max_steps=6)))
    sent: list[Command] = [commands.Pause(), commands.Resume(), commands.Pause(), commands.Resume()]
    events = list(steered(run, {4: sent}))
    answered = [event for event in events if event.command]
    assert [event.command for event in answered] == [command.id for command in sent]
    assert [event.phase for event in of_type(answered, PhaseChanged)] == ["paused", "training"] * 2


def test_a_pause_does_not_count_as_training_time(tmp_path: Path) -> None:
    run = small_run(tmp_path, small_config(limits=Limits(target_loss=None, max_steps=6)))
    lifted = threading.Timer(1.0, lambda: run.send(commands.Resume()))
    pause = commands.Pause()
    events = []
    for event in steered(run, {4: [pause]}):
        events.append(event)
        if event.command == pause.id:
            lifted.start()
    told = [event for event in of_type(events, PhaseChanged) if event.command]
    paused_for = told[1].time - told[0].time
    assert paused_for >= 0.9
    steps = {event.step: event for event in of_type(events, Step)}
    between = steps[5].time - steps[4].time
    assert between >= 0.9
    assert steps[5].elapsed - steps[4].elapsed < between - 0.8


@pytest.mark.parametrize(
    "make",
    [
        commands.SaveCheckpoint,
        lambda: commands.Sample(settings=GREEDY),
        lambda: commands.Set(name="learning_rate", value=1e-3),
        commands.Pause,
        commands.Stop,
    ],
    ids=["checkpoint", "sample", "set", "pause", "stop"],
)
def test_commands_are_obeyed_during_an_evaluation(tmp_path: Path, make: Callable[[], Command]) -> None:
    config = small_config(
        tokens=4001, micro_batch=1, limits=Limits(target_loss=None, max_steps=4), evaluate_every=Every(steps=2)
    )
    run = small_run(tmp_path, config)
    plain = losses(train(small_run(tmp_path / "plain", config)))
    command, resume = make(), commands.Resume()
    events: list[AnyEvent] = []
    is_sent = False
    for event in train(run):
        events.append(event)
        is_looking = isinstance(event, PhaseChanged) and event.phase == "evaluating" and event.command is None
        if is_looking and not is_sent:
            is_sent = True
            run.send(command)
            run.send(resume)
    (answer,) = answers(events, command)
    at = events.index(answer)
    assert not of_type(events[:at], Evaluated)
    if isinstance(command, commands.Stop):
        assert not of_type(events, Evaluated)
        assert only(events, RunFinished).reason == "stopped"
        return
    assert len(answers(events, resume)) == 1
    phases = [event.phase for event in of_type(events[at:], PhaseChanged)]
    assert phases[-1] == "training"
    assert [event.step for event in corpus_losses(events)] == [2, 4]
    if not isinstance(command, commands.Set):
        assert losses(events) == plain


def test_commands_older_than_the_start_are_ignored(tmp_path: Path) -> None:
    run = small_run(tmp_path, small_config(limits=Limits(target_loss=None, max_steps=5)))
    old = commands.Stop()
    run.send(old)
    events = list(train(run))
    assert not answers(events, old)
    assert only(events, RunFinished).reason == "limit"


def test_two_stops_and_what_follows_them_are_all_answered_once(tmp_path: Path) -> None:
    run = small_run(tmp_path, small_config())
    sent: list[Command] = [commands.Stop(), commands.Stop(), commands.SaveCheckpoint(), commands.Pause()]
    events = list(steered(run, {3: sent}))
    assert [len(answers(events, command)) for command in sent] == [1, 1, 1, 1]
    assert (only(events, RunFinished).reason, only(events, RunFinished).step) == ("stopped", 3)


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (commands.Sample(prompt="!", settings=SamplingSettings(max_new_tokens=0)), "max-new-tokens"),
        (commands.Sample(prompt="!", settings=SamplingSettings(temperature=-1)), "temperature"),
    ],
)
def test_a_sample_that_cannot_be_drawn_is_told_and_ends_nothing(tmp_path: Path, command: Command, why: str) -> None:
    run = small_run(tmp_path, small_config(limits=Limits(target_loss=None, max_steps=6)))
    events = list(steered(run, {3: [command]}))
    (answer,) = answers(events, command)
    assert isinstance(answer, Notice)
    assert why in answer.text
    assert only(events, RunFinished).step == 6


def test_a_paused_process_listens(tmp_path: Path) -> None:
    run = small_run(tmp_path, small_config())
    with training(run) as process:
        until(lambda: seen(run, Step), "a step")
        for command in (
            commands.Pause(),
            commands.SaveCheckpoint(),
            commands.Resume(),
            commands.Pause(),
            commands.Stop(),
        ):
            run.send(command)
            until(lambda: any(e.command == command.id for e in run.events()), f"an answer to {command}")  # noqa: B023
        code, out, _ = finished(process)
    assert code == 4
    assert ending(run).reason == "stopped"
    assert "stopped" in out
    saved = of_type(run.events(), CheckpointSaved)
    assert saved[-1].step == ending(run).step
    assert "stopping, as asked" in notices(run.events())
