"""Checkpoints that are written while the training goes on, of a model whose checkpoint takes longer than a step."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from gpt2tui.checkpoints.folder import CheckpointFolder
from gpt2tui.checkpoints.tensors import copied
from gpt2tui.model.transformer import GPT2
from gpt2tui.runs import commands
from gpt2tui.runs.config import Every, Limits, RunConfig
from gpt2tui.runs.events import CheckpointSaved, PhaseChanged, RunFinished, RunStarted, SettingChanged, Step
from gpt2tui.runs.run import Run
from gpt2tui.training.evaluation import Evaluation
from gpt2tui.training.session import train
from tests.tiny import tiny_model_config
from tests.training.small import ending, finished, losses, of_type, only, seen, small_config, small_run, training, until

EVERY = 4


def slow_config(steps: int | None = None, positions: int = 100_000) -> RunConfig:
    """Checkpoints of 80 MB, nearly all of it positions that are never used."""
    return small_config(
        model=tiny_model_config(vocabulary_size=300, block_size=positions, width=64),
        limits=Limits(target_loss=None, max_steps=steps),
        checkpoint_every=Every(steps=EVERY),
    )


def is_being_written(run: Run) -> bool:
    return bool(list(run.checkpoints.glob(".step-*.writing")))


def test_steps_are_made_while_a_checkpoint_is_written(tmp_path: Path) -> None:
    run = small_run(tmp_path, slow_config(steps=4 * EVERY))
    beside = 0
    for event in train(run):
        beside += isinstance(event, Step) and is_being_written(run)
    assert beside
    events = list(run.events())
    saved = of_type(events, CheckpointSaved)
    assert [event.step for event in saved] == [EVERY, 2 * EVERY, 3 * EVERY, 4 * EVERY]
    for event in saved:
        at = events.index(event)
        before = [step.step for step in of_type(events[:at], Step)]
        assert event.step in before
        # The training waits for a copy alone: the phase has ended before the checkpoint is whole.
        last = next(i for i, other in enumerate(events) if isinstance(other, Step) and other.step == event.step)
        phases = [other.phase for other in of_type(events[last:at], PhaseChanged)]
        assert phases[:2] == ["saving", "training"]
    assert CheckpointFolder(run.checkpoints).find("last").damage(hashes=True) is None
    assert not list(run.checkpoints.glob(".*"))


def test_a_kill_amid_the_writing_leaves_the_checkpoint_before_it_and_the_run_goes_on_exactly(tmp_path: Path) -> None:
    run = small_run(tmp_path, slow_config(positions=200_000))
    folder = CheckpointFolder(run.checkpoints)
    with training(run) as process:
        until(lambda: seen(run, CheckpointSaved), "a checkpoint")
        until(lambda: is_being_written(run), "the next one under way")
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert is_being_written(run)
    assert folder.find("last").damage(hashes=True) is None
    saved = folder.find("last").state().step
    first = losses(run.events())
    assert max(first) > saved
    with training(run, "--max-steps", str(max(first) + 1)) as process:
        assert finished(process)[0] == 0
    assert of_type(run.events(), RunStarted)[1].from_step == saved
    second = losses(run.events())
    assert {step: second[step] for step in first} == first
    assert not is_being_written(run)


def test_a_stop_amid_the_writing_waits_for_it(tmp_path: Path) -> None:
    run = small_run(tmp_path, slow_config())
    stop = commands.Stop()
    events = []
    for event in train(run):
        events.append(event)
        if isinstance(event, Step) and event.step == EVERY:
            run.send(stop)  # read after the checkpoint was begun
    assert [(event.step, event.reason) for event in of_type(events, CheckpointSaved)] == [(EVERY, "checkpoint-every")]
    assert (only(events, RunFinished).reason, only(events, RunFinished).step) == ("stopped", EVERY)
    assert CheckpointFolder(run.checkpoints).find("last").damage(hashes=True) is None


def test_a_signal_amid_the_writing_saves_the_steps_made_meanwhile(tmp_path: Path) -> None:
    run = small_run(tmp_path, slow_config())
    with training(run) as process:
        until(lambda: is_being_written(run), "a checkpoint under way")
        process.terminate()
        assert finished(process)[0] == 143
    last = CheckpointFolder(run.checkpoints).find("last")
    assert last.state().step == ending(run).step
    assert last.damage(hashes=True) is None
    assert not is_being_written(run)


def test_what_is_set_amid_the_writing_is_told_after_it_and_not_forgotten(tmp_path: Path) -> None:
    run = small_run(tmp_path, slow_config(steps=99))
    change = commands.Set(name="max_steps", value=EVERY + 2)
    events = train(run)
    for event in events:
        if isinstance(event, Step) and event.step == EVERY:
            run.send(change)
        if isinstance(event, SettingChanged):
            break
    events.close()
    told = [event for event in run.events() if isinstance(event, CheckpointSaved | SettingChanged)]
    assert [type(event) for event in told] == [CheckpointSaved, SettingChanged]
    assert CheckpointFolder(run.checkpoints).find("last").state().limits.max_steps == 99
    assert only(train(run, resume=True), RunFinished).step == EVERY + 2


def test_a_consumer_that_turns_away_amid_the_writing_leaves_nothing_half_written(tmp_path: Path) -> None:
    run = small_run(tmp_path, slow_config())
    events = train(run)
    while not is_being_written(run):
        next(events)
    events.close()
    assert not run.is_alive()
    assert not list(run.checkpoints.glob(".*"))
    assert CheckpointFolder(run.checkpoints).find("last").damage(hashes=True) is None


def test_copies_are_as_the_tensors_were() -> None:
    tensors = {
        "matrix": torch.randn(5, 3).T,
        "scalar": torch.tensor(2.5),
        "bytes": torch.arange(7, dtype=torch.uint8),
        "half": torch.randn(3).bfloat16(),
    }
    wanted = {name: tensor.clone() for name, tensor in tensors.items()}
    copies = copied(tensors)
    for tensor in tensors.values():
        tensor.zero_()
    assert copies.keys() == wanted.keys()
    for name, tensor in wanted.items():
        assert copies[name].dtype == tensor.dtype
        assert torch.equal(copies[name], tensor)
        assert copies[name].is_contiguous()


@pytest.mark.parametrize("block_size", [16, 48])
def test_an_evaluation_costs_what_a_forward_pass_costs(block_size: int) -> None:
    """Counted in multiplications."""
    model = GPT2.initialised(tiny_model_config(vocabulary_size=300), seed=0)
    tokens = torch.randint(0, 300, (10 * block_size + 1,))
    evaluation = Evaluation(
        model, tokens.numpy().astype("uint16"), block_size=block_size, batch_size=4, dtype=torch.bfloat16
    )  # whose products the counter knows
    with FlopCounterMode(display=False) as counted:
        while evaluation.advance() is None:
            pass
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16), FlopCounterMode(display=False) as wanted:
        model.logits(model.hidden(tokens[:-1].view(10, block_size)))
    assert counted.get_total_flops() == wanted.get_total_flops() > 0
