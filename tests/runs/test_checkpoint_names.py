"""Names of checkpoints mean the same here as to those who load them."""

from __future__ import annotations

import pytest

from gpt2tui.checkpoints.folder import CheckpointFolder
from gpt2tui.checkpoints.state import Pointer
from gpt2tui.errors import UsageError
from gpt2tui.runs.checkpoint_names import checkpoint_steps, chosen_step, pointed_step
from gpt2tui.runs.run import Run

REFERENCES = [None, "best", "last", "4", "40", "7"]


def run_with(folder, steps, **pointers):
    run = Run(folder)
    run.checkpoints.mkdir(parents=True)
    store = CheckpointFolder(run.checkpoints)
    for step in steps:
        store.path(step).mkdir()
    for name, step in pointers.items():
        store.point(name, Pointer(checkpoint=store.path(step).name, step=step))
    return run


def by_the_loader(run, reference):
    try:
        return int(CheckpointFolder(run.checkpoints).find(reference).name.removeprefix("step-"))
    except UsageError:
        return None


@pytest.mark.parametrize("reference", REFERENCES)
@pytest.mark.parametrize(
    ("steps", "pointers"),
    [([], {}), ([4, 40, 8], {}), ([4, 40], {"last": 40, "best": 4}), ([4], {"last": 9, "best": 9}), ([4], {"best": 9})],
)
def test_a_name_means_what_it_means_to_the_loader(tmp_path, reference, steps, pointers):
    run = run_with(tmp_path, steps, **pointers)
    assert chosen_step(run, reference) == by_the_loader(run, reference)
    assert checkpoint_steps(run) == sorted(steps, reverse=True)


def test_what_is_half_written_or_void_does_not_count(tmp_path):
    run = run_with(tmp_path, [4], last=4)
    (run.checkpoints / ".step-00000008.123").mkdir()
    assert checkpoint_steps(run) == [4]
    (run.checkpoints / "last.json").write_text("{")
    assert pointed_step(run, "last") is None


def test_a_run_without_a_folder_has_none(tmp_path):
    assert checkpoint_steps(Run(tmp_path / "no")) == []
    assert chosen_step(Run(tmp_path / "no")) is None


@pytest.mark.parametrize(("running_loss", "meant"), [(0.011, 40), (0.5, 4), (None, 4)])
def test_a_run_that_has_learnt_more_than_was_measured_is_taken_as_it_is(tmp_path, running_loss, meant):
    run = run_with(tmp_path, [4, 40])
    store = CheckpointFolder(run.checkpoints)
    store.point("best", Pointer(checkpoint=store.path(4).name, step=4, corpus_loss=0.4882))
    store.point("last", Pointer(checkpoint=store.path(40).name, step=40, running_loss=running_loss))
    assert chosen_step(run) == by_the_loader(run, None) == meant
    assert chosen_step(run, "best") == by_the_loader(run, "best") == 4
