"""A value that is not finite changes nothing: the run goes back, with half the learning rate, three times."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from gpt2tui.checkpoints.folder import CheckpointFolder
from gpt2tui.checkpoints.tensors import NotFiniteError, check_finite, read_model
from gpt2tui.corpus.tokens import open_tokens
from gpt2tui.runs import commands
from gpt2tui.runs.config import Every, Limits
from gpt2tui.runs.events import AnyEvent, CheckpointSaved, Notice, Rewound, RunFinished, Sampled, SettingChanged, Step
from gpt2tui.runs.run import Run
from gpt2tui.training.session import train
from gpt2tui.training.trainer import Trainer
from tests.training.small import (
    ending,
    finished,
    losses,
    notices,
    of_type,
    only,
    small_config,
    small_recipe,
    small_run,
    training,
    until,
)

RECIPES = {"reference": small_recipe(dropout=0.1), "fast": small_recipe("fast")}


def trainer_of(run: Run) -> Trainer:
    return Trainer(run.config(), open_tokens(run.tokens_file), CheckpointFolder(run.checkpoints))


def poisoned(trainer: Trainer, steps: set[int], *, weight: str = "h.0.mlp.c_fc.weight") -> Iterator[AnyEvent]:
    """Train, writing one NaN into a weight after each of ``steps``, once a time that step is told."""
    for event in trainer.run():
        yield event
        if isinstance(event, Step) and event.step in steps:
            with torch.no_grad():
                dict(trainer.course.learner.model.named_parameters())[weight][0, 0] = math.nan


def assert_no_checkpoint_is_poisoned(run: Run) -> None:
    for checkpoint in CheckpointFolder(run.checkpoints).all():
        assert all(bool(torch.isfinite(tensor).all()) for tensor in read_model(checkpoint).values())


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_the_update_is_skipped_where_the_loss_is_not_finite(tmp_path: Path, name: str, dtype: str) -> None:
    trainer = trainer_of(small_run(tmp_path, small_config(recipe=RECIPES[name], dtype=dtype)))
    events = trainer.run()
    while not isinstance(next(events), Step):
        pass
    learner = trainer.course.learner
    weights = dict(learner.model.named_parameters())
    with torch.no_grad():
        weights["h.0.mlp.c_fc.weight"][0, 0] = math.nan
    before = {key: p.detach().clone() for key, p in weights.items()}
    moments = {key: value.clone() for key, value in learner.optimizer_tensors().items()}
    outcome, _ = learner.update(1.0)
    assert not math.isfinite(float(outcome.loss))
    for key, p in weights.items():
        assert torch.equal(p.nan_to_num(7.0), before[key].nan_to_num(7.0)), key
    after = learner.optimizer_tensors()
    assert all(torch.equal(after[key], value) for key, value in moments.items() if not key.startswith("generator"))


@pytest.mark.parametrize("name", RECIPES)
def test_a_gradient_that_is_not_finite_moves_no_parameter_in_float16(tmp_path: Path, name: str) -> None:
    """Overflow in one optimiser's gradients must hold back the other one too."""
    trainer = trainer_of(small_run(tmp_path, small_config(recipe=RECIPES[name], dtype="float16")))
    events = trainer.run()
    while not isinstance(next(events), Step):
        pass
    learner = trainer.course.learner
    matrix = learner.model.h[0].mlp.c_fc.weight
    handle = matrix.register_hook(lambda gradient: gradient * math.nan)
    before = {key: p.detach().clone() for key, p in learner.model.named_parameters()}
    scale = learner.updater.scaler.get_scale()
    outcome, _ = learner.update(1.0)
    handle.remove()
    assert math.isfinite(float(outcome.loss))
    assert all(torch.equal(p, before[key]) for key, p in learner.model.named_parameters())
    assert learner.updater.scaler.get_scale() == scale / 2


@pytest.mark.parametrize("name", RECIPES)
def test_the_run_goes_back_to_the_last_checkpoint_and_on_at_half_the_rate(tmp_path: Path, name: str) -> None:
    limits = Limits(target_loss=None, max_steps=12)
    run = small_run(tmp_path, small_config(recipe=RECIPES[name], limits=limits, checkpoint_every=Every(steps=4)))
    trainer, events, done = trainer_of(run), [], set()
    for event in trainer.run():
        events.append(event)
        if isinstance(event, Step) and event.step == 6 and not done:
            done.add(6)
            with torch.no_grad():
                trainer.course.learner.model.h[0].mlp.c_fc.weight[0, 0] = math.nan
    back = only(events, Rewound)
    assert (back.to_step, back.why) == (4, "the loss of step 7 is not finite")
    at = events.index(back)
    assert [event.step for event in of_type(events[:at], Step)] == [1, 2, 3, 4, 5, 6]
    assert [event.step for event in of_type(events[at:], Step)] == list(range(5, 13))
    assert all(math.isfinite(event.loss) for event in of_type(events, Step))
    peak = run.config().recipe.learning_rate
    halved = only(events, SettingChanged)
    assert (halved.name, halved.value, halved.previous) == ("learning_rate", peak / 2, peak)
    first, again = [event for event in of_type(events, Step) if event.step == 5]
    assert first.loss == again.loss  # the same weights on the same windows, with the same dropout
    assert again.learning_rate == pytest.approx(first.learning_rate / 2)
    assert "with half the learning rate" in notices(events)
    assert (only(events, RunFinished).reason, only(events, RunFinished).step) == ("limit", 12)
    assert_no_checkpoint_is_poisoned(run)


def test_going_back_is_exact(tmp_path: Path) -> None:
    """What follows a rewind is what a run resumed from that checkpoint at that rate computes."""
    config = small_config(
        recipe=RECIPES["reference"],
        limits=Limits(target_loss=None, max_steps=12),
        checkpoint_every=Every(steps=4),
        keep=9,
    )
    run = small_run(tmp_path / "rewound", config)
    trainer, told, done = trainer_of(run), [], False
    for event in trainer.run():
        told.append(event)
        if isinstance(event, Step) and event.step == 6 and not done:
            done = True
            with torch.no_grad():
                trainer.course.learner.model.wte.weight[3, 3] = math.inf
    other = small_run(tmp_path / "resumed", config)
    for event in train(other):
        if isinstance(event, Step) and event.step == 6:
            break
    rate = commands.Set(name="learning_rate", value=config.recipe.learning_rate / 2)
    events = train(other, resume=True, changes=[rate])
    assert losses(told) == losses([*other.events(), *events])


def test_without_a_checkpoint_it_goes_back_to_the_beginning(tmp_path: Path) -> None:
    run = small_run(
        tmp_path, small_config(limits=Limits(target_loss=None, max_steps=6), checkpoint_every=Every(steps=90))
    )
    trainer, events = trainer_of(run), []
    for event in trainer.run():
        events.append(event)
        if isinstance(event, Step) and event.step == 3 and not of_type(events, Rewound):
            with torch.no_grad():
                trainer.course.learner.model.ln_f.bias[0] = math.nan
    assert only(events, Rewound).to_step == 0
    first, again = [event.loss for event in of_type(events, Step) if event.step == 1]
    assert first == again
    assert [event.step for event in of_type(events, CheckpointSaved)] == [6]


def test_three_times_and_then_it_has_diverged(tmp_path: Path) -> None:
    run = small_run(tmp_path, small_config(checkpoint_every=Every(steps=2)))
    events = list(poisoned(trainer_of(run), {3}))
    assert [event.to_step for event in of_type(events, Rewound)] == [2, 2, 2]
    last = only(events, RunFinished)
    assert (last.reason, last.step) == ("diverged", 3)
    errors = [event.text for event in of_type(events, Notice) if event.level == "error"]
    assert len(errors) == 1
    assert "the loss of step 4 is not finite" in errors[0]
    assert "--lr" in errors[0]
    assert_no_checkpoint_is_poisoned(run)


def test_rewinds_that_helped_are_not_counted(tmp_path: Path) -> None:
    run = small_run(
        tmp_path, small_config(limits=Limits(target_loss=None, max_steps=30), checkpoint_every=Every(steps=1))
    )
    trainer, events, hit = trainer_of(run), [], set()
    for event in trainer.run():
        events.append(event)
        if isinstance(event, Step) and event.step % 5 == 0 and event.step not in hit:
            hit.add(event.step)
            with torch.no_grad():
                trainer.course.learner.model.wpe.weight[0, 0] = math.nan
    assert len(of_type(events, Rewound)) >= 5
    assert only(events, RunFinished).reason == "limit"


@pytest.mark.parametrize("asked", ["checkpoint", "sample", "limit", "evaluation"])
def test_weights_that_no_loss_shows_to_be_poisoned_are_never_saved(tmp_path: Path, asked: str) -> None:
    """A position that this block size never uses: only the writing of a checkpoint looks at it."""
    config = small_config(
        limits=Limits(target_loss=None, max_steps=5 if asked == "limit" else 9),
        checkpoint_every=Every(steps=3),
        evaluate_every=Every(steps=5) if asked == "evaluation" else Every(),
    )
    run = small_run(tmp_path, config)
    queue: list[commands.AnyCommand] = []

    def inbox() -> list[commands.AnyCommand]:
        waiting, queue[:] = queue[:], []
        return waiting

    tokens = open_tokens(run.tokens_file)
    trainer = Trainer(config, tokens, CheckpointFolder(run.checkpoints), inbox=inbox)
    save = commands.SaveCheckpoint()
    events, done = [], False
    for event in trainer.run():
        events.append(event)
        if isinstance(event, Step) and event.step == 5 and not done:
            done = True
            with torch.no_grad():
                trainer.course.learner.model.wpe.weight[40, 0] = math.nan
            if asked == "checkpoint":
                queue.append(save)
            if asked == "sample":
                queue.append(commands.Sample(prompt="!"))
    back = only(events, Rewound)
    assert back.to_step == 3
    assert "wpe.weight is not finite" in back.why
    assert_no_checkpoint_is_poisoned(run)
    last = only(events, RunFinished)
    assert (last.reason, last.step) == ("limit", config.limits.max_steps)
    assert sorted(losses(events)) == list(range(1, last.step + 1))
    if asked == "checkpoint":
        assert only([e for e in events if e.command == save.id], CheckpointSaved).step == 3
    if asked == "sample":
        assert len(of_type(events, Sampled)) == 1


def test_a_rewind_does_not_take_a_checkpoint_whose_bytes_changed(tmp_path: Path) -> None:
    run = small_run(
        tmp_path, small_config(limits=Limits(target_loss=None, max_steps=8), checkpoint_every=Every(steps=2))
    )
    folder, trainer, events = CheckpointFolder(run.checkpoints), trainer_of(run), []
    for event in trainer.run():
        events.append(event)
        if isinstance(event, Step) and event.step == 5 and not of_type(events, Rewound):
            file = folder.path(4) / "model.safetensors"
            until(file.exists, "the checkpoint of step 4")
            data = bytearray(file.read_bytes())
            data[-1] ^= 64
            file.write_bytes(data)
            with torch.no_grad():
                trainer.course.learner.model.wte.weight[0, 0] = math.nan
    assert only(events, Rewound).to_step == 2
    assert only(events, RunFinished).step == 8
    assert [folder.damage(hashes=True) for folder in folder.all()] == [None, None]


def test_exit_5(tmp_path: Path) -> None:
    """A learning rate beyond all measure, for real; the schedule begins at its peak."""
    recipe = small_recipe(learning_rate=1e30)
    run = small_run(tmp_path, small_config(recipe=recipe))
    with training(run) as process:
        code, _, err = finished(process)
    assert code == 5
    assert "going back 3 times did not help" in err
    assert ending(run).reason == "diverged"


@pytest.mark.parametrize("values", [[math.inf], [math.nan], [math.inf, -math.inf]])
def test_what_is_not_finite_is_named(values: list[float]) -> None:
    with pytest.raises(NotFiniteError, match=r"weight b is not finite at step 3"):
        check_finite({"a": torch.ones(2), "b": torch.tensor([*values, 1.0])}, 3)


def test_weights_whose_sum_overflows_are_finite() -> None:
    check_finite({"a": torch.full((4,), 3e38)}, 3)
