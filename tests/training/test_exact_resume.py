"""A run that was killed and resumed has the losses of one that never was, to the last bit."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import msgspec
import numpy as np
import pytest

from gpt2tui.checkpoints.folder import CheckpointFolder
from gpt2tui.errors import Gpt2TuiError
from gpt2tui.runs.commands import Set
from gpt2tui.runs.config import Every, Limits, RunConfig
from gpt2tui.runs.events import (
    CheckpointSaved,
    Evaluated,
    RunFinished,
    RunStarted,
    Sampled,
    SettingChanged,
    Step,
)
from gpt2tui.runs.recipe import load_recipe
from gpt2tui.runs.run import Run
from gpt2tui.runs.view import RunView
from gpt2tui.training.session import train
from tests.training.small import (
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

STEPS = 40
RECIPES = {
    "reference": small_recipe(dropout=0.1, dropout_places=("embedding", "attention", "projection", "mlp")),
    # Random tokens are hardly learnt: the rate is to fall with the loss all the same.
    "fast": small_recipe(
        "fast", schedule=msgspec.structs.replace(load_recipe("fast").schedule, decay_from=6.0, decay_until=5.0)
    ),
}

FEW_WORDS = np.random.default_rng(0).integers(0, 100, 401).tolist()


def exact_config(name: str, steps: int | None = STEPS, **changes: object) -> RunConfig:
    limits = Limits(target_loss=None, max_steps=steps)
    return small_config(recipe=RECIPES[name], limits=limits, micro_batch=3, **changes)


def written_losses(run: Run) -> dict[int, str]:
    """The losses as the journal has them, character by character; later lines of a step replace earlier ones."""
    lines = run.events_file.read_text().splitlines()
    found = {}
    for line in lines:
        fields = json.loads(line, parse_float=str)
        if fields["type"] == "step":
            found[fields["step"]] = fields["loss"]
    return found


@pytest.mark.parametrize("name", RECIPES)
def test_a_killed_run_goes_on_with_the_same_losses(tmp_path: Path, name: str) -> None:
    config = exact_config(name, steps=10_000, checkpoint_every=Every(steps=10))
    ids = FEW_WORDS if name == "fast" else None  # so that the others get one gradient together
    uninterrupted = small_run(tmp_path / "whole", config, ids)
    killed = small_run(tmp_path / "killed", config, ids)
    with training(killed) as process:
        saved = until(lambda: seen(killed, CheckpointSaved, lambda event: event.step >= 20), "a checkpoint")
        until(lambda: seen(killed, Step, lambda step: step.step >= saved.step + 5), "five more steps")
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert seen(killed, RunFinished) is None
    assert RunView.of(killed).state(is_alive=killed.is_alive(), now=0) == "crashed"
    # The newest, even where the kill came before ``last`` pointed to it.
    saved = CheckpointFolder(killed.checkpoints).all()[0].state().step
    assert saved >= 20
    end = max(written_losses(killed)) + 7
    with training(killed, "--max-steps", str(end)) as process:
        assert finished(process)[0] == 0
    assert of_type(killed.events(), RunStarted)[1].from_step == saved
    assert notices(killed.events()).count("ended without a word") == 1
    wanted = {}
    for event in train(uninterrupted):
        if isinstance(event, Step):
            wanted[event.step] = event.loss
            if event.step == end:
                break
    assert {step: float(text) for step, text in written_losses(killed).items()} == wanted
    assert losses(killed.events()) == wanted
    series = killed.series()
    assert list(series["step"]) == list(range(1, end + 1))
    assert list(series["loss"]) == list(wanted.values())


@pytest.mark.parametrize("name", RECIPES)
def test_sampling_and_evaluating_change_no_loss(tmp_path: Path, name: str) -> None:
    busy = exact_config(
        name, validation=50, evaluate_every=Every(steps=3), sample_every=Every(steps=4), checkpoint_every=Every(steps=7)
    )
    ids = small_run(tmp_path / "ids", busy).tokens_file.read_bytes()
    run = small_run(tmp_path / "busy", busy)
    same = small_run(tmp_path / "same", exact_config(name))
    same.tokens_file.write_bytes(ids[: 2 * 401])
    events = list(train(run))
    assert len(of_type(events, Sampled)) == 10
    assert len(of_type(events, Evaluated)) == 26
    plain = losses(train(same))
    assert losses(events) == plain
    assert len(plain) == STEPS


def test_the_same_run_in_another_process_has_the_same_losses(tmp_path: Path) -> None:
    here, there = (small_run(tmp_path / place, exact_config("fast")) for place in ("here", "there"))
    list(train(here))
    with training(there) as process:
        assert finished(process)[0] == 0
    assert written_losses(here) == written_losses(there)


def test_new_limits_are_journalled_and_met_ones_dropped_with_a_notice(tmp_path: Path) -> None:
    run = small_run(tmp_path, exact_config("fast", steps=5))
    list(train(run))
    events = list(train(run, resume=True, changes=[Set(name="max_tokens", value=700)]))
    assert "max-steps 5 is already met" in notices(events)
    assert [(e.name, e.value, e.previous) for e in of_type(events, SettingChanged)] == [
        ("max_tokens", 700, None),
        ("max_steps", None, 5),
    ]
    last = only(events, RunFinished)
    assert (last.reason, of_type(events, Step)[-1].tokens >= 700) == ("limit", True)
    assert CheckpointFolder(run.checkpoints).find("last").state().limits == Limits(target_loss=None, max_tokens=700)


def test_a_change_to_what_holds_already_is_none(tmp_path: Path) -> None:
    run = small_run(tmp_path, exact_config("fast", steps=5))
    list(train(run))
    rate = RunView.of(run).peak_learning_rate
    changes = [Set(name="learning_rate", value=rate), Set(name="max_steps", value=5), Set(name="max_steps", value=8)]
    events = list(train(run, resume=True, changes=changes))
    assert [(e.name, e.value, e.previous) for e in of_type(events, SettingChanged)] == [("max_steps", 8, 5)]
    assert "without a word" not in notices(events), "it had ended in order"


def test_what_was_set_after_the_last_checkpoint_is_not_forgotten(tmp_path: Path) -> None:
    run = small_run(tmp_path, exact_config("fast", steps=None, checkpoint_every=Every(steps=10)))
    events = train(run)
    for event in events:
        if isinstance(event, Step) and event.step == 12:
            run.send(Set(name="max_steps", value=33))
            run.send(Set(name="learning_rate", value=1e-4))
        if isinstance(event, Step) and event.step == 15:
            break
    events.close()  # as good as killed: nothing is saved
    assert CheckpointFolder(run.checkpoints).find("last").state().step == 10
    after = list(train(run, resume=True))
    assert only(after, RunFinished).step == 33
    assert only([e for e in of_type(after, Step) if e.step == 33], Step).learning_rate <= 1e-4


def test_max_time_counts_anew(tmp_path: Path) -> None:
    config = small_config(limits=Limits(target_loss=None, max_seconds=0.3))
    run = small_run(tmp_path, config)
    assert only(train(run), RunFinished).reason == "limit"
    before = CheckpointFolder(run.checkpoints).find("last").state().elapsed
    second = list(train(run, resume=True))
    last = only(second, RunFinished)
    assert last.reason == "limit"
    assert last.seconds - before >= 0.3
    assert "already met" not in notices(second)


def test_a_living_run_is_not_resumed(tmp_path: Path) -> None:
    run = small_run(tmp_path, exact_config("fast", steps=None))
    with training(run) as process:
        until(lambda: seen(run, Step), "a step")
        with training(run) as second:
            code, _, err = finished(second)
        assert code == 1
        assert f"gpt2tui watch {run.id}" in err
        assert len(err.strip().splitlines()) == 1
        with pytest.raises(Gpt2TuiError, match="gpt2tui watch"):
            list(train(run, resume=True))
        assert process.poll() is None
    assert len(of_type(run.events(), RunStarted)) == 1


def test_without_a_checkpoint_it_starts_from_the_beginning(tmp_path: Path) -> None:
    run = small_run(tmp_path, exact_config("fast", steps=5))
    events = train(run)
    while not isinstance(next(events), Step):
        pass
    events.close()
    again = list(train(run, resume=True))
    assert "no checkpoint yet: starting from step 0" in notices(again)
    assert only(again, RunStarted).from_step == 0
    assert sorted(losses(run.events())) == [1, 2, 3, 4, 5]
    assert list(run.series()["step"]) == [1, 2, 3, 4, 5]


def test_a_run_from_given_weights_has_them_on_disk_before_its_first_step(tmp_path: Path) -> None:
    from gpt2tui.model.transformer import GPT2

    config = exact_config("fast", steps=6, init="elsewhere")
    weights = GPT2.initialised(config.model, seed=99).state_dict()
    whole = losses(train(small_run(tmp_path / "whole", config), first_weights=weights))
    run = small_run(tmp_path / "cut", config)
    events = train(run, first_weights=weights)
    for event in events:
        if isinstance(event, Step) and event.step == 3:
            break
    events.close()
    assert losses(train(run, resume=True)) == whole
    bare = small_run(tmp_path / "bare", config)
    with pytest.raises(Gpt2TuiError, match="start it anew from elsewhere"):
        list(train(bare, resume=True))


def test_the_clock_and_the_running_loss_go_on(tmp_path: Path) -> None:
    run = small_run(tmp_path, exact_config("fast", steps=20))
    first = of_type(train(run), Step)
    config = msgspec.structs.replace(exact_config("fast", steps=25))
    whole = of_type(train(small_run(tmp_path / "whole", config)), Step)
    second = of_type(train(run, resume=True, changes=[Set(name="max_steps", value=25)]), Step)
    assert [step.running_loss for step in second] == [step.running_loss for step in whole[20:]]
    assert [step.learning_rate for step in second] == [step.learning_rate for step in whole[20:]]
    assert second[0].elapsed > first[-1].elapsed
    assert len(of_type(run.events(), CheckpointSaved)) == 2
