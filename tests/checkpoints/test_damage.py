"""Checkpoints that were damaged, cut short or never finished: named, and the one before them used."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from gpt2tui.checkpoints.folder import Checkpoint, CheckpointFolder
from gpt2tui.checkpoints.state import Pointer
from gpt2tui.checkpoints.tensors import read_model, read_optimizer, rewrite_state, write_checkpoint
from gpt2tui.errors import Gpt2TuiError, UsageError
from gpt2tui.runs.commands import Pause, Resume, SaveCheckpoint, Set
from gpt2tui.runs.config import Every, Limits
from gpt2tui.runs.events import CheckpointSaved, RunStarted, Step
from gpt2tui.runs.run import Run
from gpt2tui.training.session import train
from tests.tiny import tiny_state
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


def flip(path: Path, at: int, bit: int = 64) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= bit
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


HARM: dict[str, tuple[Callable[[Path], None], str]] = {
    "a flipped byte of a weight": (
        lambda folder: flip(folder / "model.safetensors", -1),
        "SHA-256 of model.safetensors",
    ),
    "a flipped byte of the header": (lambda folder: flip(folder / "model.safetensors", 20), "SHA-256 of model"),
    "a flipped byte of the optimiser": (
        lambda folder: flip(folder / "optimizer.safetensors", -9),
        "SHA-256 of optimizer",
    ),
    "a digit of the state": (lambda folder: flip(folder / "trainer.json", digit_of(folder), 1), "trainer.json"),
    "a high bit in the state": (lambda folder: flip(folder / "trainer.json", digit_of(folder), 128), "trainer.json"),
    "weights cut short": (lambda folder: cut(folder / "model.safetensors"), "bytes, not"),
    "a state cut short": (lambda folder: cut(folder / "trainer.json"), "trainer.json"),
    "weights missing": (lambda folder: (folder / "model.safetensors").unlink(), "No such file"),
    "a state missing": (lambda folder: (folder / "trainer.json").unlink(), "No such file"),
    "an empty folder": (lambda folder: [file.unlink() for file in folder.iterdir()] and None, "No such file"),
}


def digit_of(folder: Path) -> int:
    text = (folder / "trainer.json").read_bytes()
    return text.index(b'"position": ') + len(b'"position": ')


def trained(folder: Path, **changes: object) -> Run:
    """A run of 9 steps with checkpoints of 3, 6 and 9."""
    config = small_config(
        recipe=small_recipe("fast"),
        limits=Limits(target_loss=None, max_steps=9),
        checkpoint_every=Every(steps=3),
        **{"keep": 9} | changes,
    )
    run = small_run(folder, config)
    list(train(run))
    return run


@pytest.mark.parametrize("harm", HARM)
def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(tmp_path: Path, harm: str) -> None:
    run = trained(tmp_path)
    folder = CheckpointFolder(run.checkpoints)
    whole = losses(run.events())
    damage, word = HARM[harm]
    damage(folder.path(9))
    assert folder.all()[0].damage(hashes=True)
    events = list(train(run, resume=True))
    told = notices(events)
    assert "checkpoint step-00000009 is damaged" in told
    assert word in told
    assert "using the one before it" in told
    assert only(events, RunStarted).from_step == 6
    assert {step: loss for step, loss in whole.items() if step > 6} == losses(events)
    assert [entry.state().step for entry in folder.all()] == [9, 6, 3]
    assert all(entry.damage(hashes=True) is None for entry in folder.all())
    assert not list(run.checkpoints.glob(".*"))


def test_when_all_are_damaged_one_line_says_so(tmp_path: Path) -> None:
    run = trained(tmp_path)
    before = run.events_file.read_bytes()
    for checkpoint in CheckpointFolder(run.checkpoints).all():
        flip(checkpoint.folder / "model.safetensors", -1)
    with training(run) as process:
        code, out, err = finished(process)
    assert code == 1
    assert out == ""
    assert len(err.strip().splitlines()) == 1
    assert "step-00000009 is damaged" in err
    assert "no older one is whole" in err
    assert run.events_file.read_bytes() == before


def test_sampling_checks_sizes_and_header(tmp_path: Path) -> None:
    run = trained(tmp_path)
    checkpoint = CheckpointFolder(run.checkpoints).find("last")
    assert read_model(checkpoint)
    (checkpoint.folder / "model.safetensors").write_bytes(
        b"\xff" * (checkpoint.folder / "model.safetensors").stat().st_size
    )
    assert checkpoint.damage(hashes=False) is None
    with pytest.raises(Gpt2TuiError, match="cannot be read as safetensors"):
        read_model(checkpoint)
    cut(checkpoint.folder / "model.safetensors")
    with pytest.raises(Gpt2TuiError, match="is damaged"):
        read_model(checkpoint)


def test_what_is_kept(tmp_path: Path) -> None:
    for keep, expected in ((0, {12}), (1, {10, 12}), (3, {6, 8, 10, 12})):
        config = small_config(limits=Limits(target_loss=None, max_steps=12), checkpoint_every=Every(steps=2), keep=keep)
        run = small_run(tmp_path / str(keep), config)
        list(train(run))
        assert {entry.state().step for entry in CheckpointFolder(run.checkpoints).all()} == expected


def test_best_and_last_are_kept_beside_the_newest(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path)
    for step in range(1, 7):
        write_checkpoint(folder.path(step), model={"a": torch.ones(2)}, optimizer={}, state=tiny_state(step))
    folder.point("best", Pointer(checkpoint=folder.path(2).name, step=2))
    folder.point("last", Pointer(checkpoint=folder.path(6).name, step=6))
    folder.prune(1)
    assert [entry.state().step for entry in folder.all()] == [6, 5, 2]
    folder.discard_after(5)
    assert [entry.state().step for entry in folder.all()] == [5, 2]
    assert folder.find("best").state().step == 2
    assert folder.find("last").state().step == 5
    assert folder.find("2").state().step == 2
    with pytest.raises(UsageError, match="the steps there are: 5, 2"):
        folder.find("3")


def test_tensors_come_back_bit_for_bit_and_no_pickle_is_written(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path)
    model = {"a": torch.randn(7, 3), "b": torch.tensor([0.1, -0.0, 1e-45])}
    optimizer = {"exp_avg/a": torch.randn(3, 7).T, "generator/cpu": torch.get_rng_state()}
    size = write_checkpoint(folder.path(4), model=model, optimizer=optimizer, state=tiny_state(4))
    checkpoint = Checkpoint(folder.path(4))
    for wanted, found in ((model, read_model(checkpoint)), (optimizer, read_optimizer(checkpoint))):
        assert wanted.keys() == found.keys()
        assert all(torch.equal(wanted[name], found[name]) for name in wanted)
    files = {file.name for file in folder.path(4).iterdir()}
    assert files == {"model.safetensors", "optimizer.safetensors", "trainer.json"}
    assert size == sum((folder.path(4) / name).stat().st_size for name in files - {"trainer.json"})
    assert b"pickle" not in b"".join((folder.path(4) / name).read_bytes() for name in files)
    rewrite_state(checkpoint, tiny_state(4, tokens=5))
    assert checkpoint.state().tokens == 5
    assert checkpoint.damage(hashes=True) is None


def test_a_checkpoint_asked_for_twice_is_there_at_every_moment(tmp_path: Path) -> None:
    """Its tensors are not written again: at no moment is there none."""
    run = small_run(
        tmp_path, small_config(limits=Limits(target_loss=None, max_steps=4), checkpoint_every=Every(steps=3))
    )
    pause, sent = Pause(), [SaveCheckpoint(), SaveCheckpoint()]
    events = []
    for event in train(run):
        events.append(event)
        if isinstance(event, Step) and event.step == 3:
            run.send(pause)
        if isinstance(event, CheckpointSaved) and event.step == 3 and event.command is None:
            made = (run.folder / event.path / "model.safetensors").stat().st_ino
            for command in (*sent, Resume()):
                run.send(command)
    answered = [event for event in of_type(events, CheckpointSaved) if event.command]
    assert [(event.step, event.command) for event in answered] == [(3, command.id) for command in sent]
    assert (run.checkpoints / "step-00000003" / "model.safetensors").stat().st_ino == made


def test_a_checkpoint_replaces_one_of_the_same_step(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path)
    for value in (1.0, 2.0):
        write_checkpoint(folder.path(4), model={"a": torch.tensor([value])}, optimizer={}, state=tiny_state(4))
    assert read_model(Checkpoint(folder.path(4)))["a"].item() == 2.0
    assert [entry.name for entry in tmp_path.iterdir()] == ["step-00000004"]


WRITING = """
import sys, torch
from pathlib import Path
from gpt2tui.checkpoints.folder import CheckpointFolder
from gpt2tui.checkpoints.state import Pointer
from gpt2tui.checkpoints.tensors import write_checkpoint
from tests.tiny import tiny_state
folder, step = CheckpointFolder(Path(sys.argv[1])), int(sys.argv[2])
model = {"a": torch.full((300_000,), float(step))}
print("ready", flush=True)
while True:
    step += 1
    write_checkpoint(folder.path(step), model=model, optimizer=model, state=tiny_state(step))
    folder.point("last", Pointer(checkpoint=folder.path(step).name, step=step))
    folder.prune(1)
"""


def test_a_kill_at_any_moment_leaves_a_good_last(tmp_path: Path) -> None:
    """The process that trains is killed while it does nothing but save, at moments drawn anew each time."""
    config = small_config(checkpoint_every=Every(steps=1), limits=Limits(target_loss=None))
    run = small_run(tmp_path / "run", config)
    folder = CheckpointFolder(run.checkpoints)
    with training(run) as process:
        until(lambda: seen(run, CheckpointSaved), "a checkpoint")
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert folder.find("last").damage(hashes=True) is None

    # The same writing without the start of a whole trainer, so that there can be many kills.
    place = tmp_path / "writing"
    place.mkdir()
    folder, moments = CheckpointFolder(place), random.Random(4)
    interrupted = 0
    for _ in range(5):
        step = max((entry.state().step for entry in folder.all()), default=0)
        process = subprocess.Popen([sys.executable, "-c", WRITING, str(place), str(step)], stdout=subprocess.PIPE)
        try:
            assert process.stdout
            process.stdout.readline()
            until(lambda: folder.pointer("last"), "a first checkpoint")
            time.sleep(moments.uniform(0.01, 0.06))  # the moment is what is drawn
        finally:
            process.kill()
            process.communicate()
        interrupted += bool(list(place.glob(".*")))
        pointer = folder.pointer("last")
        assert pointer
        assert folder.path(pointer.step).is_dir()
        for entry in folder.all():
            assert entry.damage(hashes=True) is None
    assert interrupted
    folder.prune(1)
    assert not list(place.glob(".*"))


def test_what_a_killed_writer_left_is_never_taken_for_a_checkpoint(tmp_path: Path) -> None:
    run = trained(tmp_path)
    folder = CheckpointFolder(run.checkpoints)
    shutil.copytree(folder.path(9), run.checkpoints / ".step-00000012.writing")
    (run.checkpoints / ".last.json.4711").write_text("{")
    assert [entry.state().step for entry in folder.all()] == [9, 6, 3]
    events = list(train(run, resume=True, changes=[Set(name="max_steps", value=11)]))
    assert [event.step for event in of_type(events, Step)] == [10, 11]
    assert not list(run.checkpoints.glob(".*"))
