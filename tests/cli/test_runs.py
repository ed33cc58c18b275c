"""``gpt2tui runs``: the list, and what it shows of one."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

from gpt2tui.runs.events import Notice, PhaseChanged, RunFinished
from gpt2tui.runs.run import Label, Run
from gpt2tui.runs.store import RunStore
from tests.cli.program import call, gpt2tui_command
from tests.runs.synthetic import (
    START,
    append,
    evaluated,
    held,
    make_run,
    saved,
    started,
    step,
    whole_story,
)


def test_a_list_of_no_runs_says_how_to_start_one(store: RunStore) -> None:
    found = call(store, "runs")
    assert (found.code, found.out) == (0, "")
    assert found.err == "no runs yet; start one with: gpt2tui train --headless\n"
    assert json.loads(call(store, "runs", "list", "--json").out) == {"runs": []}


def test_the_list_names_states_losses_and_sizes_and_cuts_nothing(store: RunStore) -> None:
    make_run(store, whole_story(), name="hamlet", created=START)
    long_name = "a-name-of-thirty-two-characters-"
    make_run(store, [started(), step(7)], name=long_name, created=START + 1)
    bad = make_run(store, name="bad", created=START + 2)
    bad.config_file.write_text("{")
    found = call(store, "runs", COLUMNS="60")
    lines = found.out.splitlines()
    assert " ".join(lines[0].split()) == "state name preset corpus step running loss best loss target age size id"
    assert "crashed" in lines[1]
    assert long_name in lines[1]
    assert lines[1].startswith("crashed, 7 unsaved ")
    assert lines[1].split()[6] == "7"
    assert lines[2].startswith("target reached")
    assert " 470 " in lines[2]
    assert "0.0910" in lines[2]
    assert "damaged" in lines[3]  # when it was made is not known
    assert "…" not in found.out
    rows = json.loads(call(store, "runs", "--json").out)["runs"]
    assert [row["state"] for row in rows] == ["crashed", "finished", "damaged"]
    assert rows[1]["corpus_loss"] == pytest.approx(0.0909527710)
    assert rows[1]["bytes"] > 4_000
    append(store.find("hamlet"), [evaluated(480, 0.2)])
    assert "0.0910" in call(store, "runs").out  # a table compares what the runs have come to, as the app's does


@pytest.mark.parametrize(("encoding", "sign"), [("utf-8", "★"), ("ascii", "^")])
def test_pinned_runs_come_first_and_are_marked(store: RunStore, encoding: str, sign: str) -> None:
    for age, (name, pinned) in enumerate([("lear", False), ("hamlet", True), ("macbeth", False), ("othello", True)]):
        make_run(store, name=name, created=START - age).set_label(Label(pinned=pinned))
    lines = call(store, "runs", PYTHONIOENCODING=encoding).out.splitlines()
    names = [f"{sign} hamlet", f"{sign} othello", "lear", "macbeth"]
    assert [" ".join(line.split()[1:]).partition(" nano ")[0] for line in lines[1:]] == names
    rows = json.loads(call(store, "runs", "--json").out)["runs"]
    assert [(row["name"], row["pinned"]) for row in rows] == [
        ("hamlet", True),
        ("othello", True),
        ("lear", False),
        ("macbeth", False),
    ]


def test_show_tells_all_of_the_configuration_and_the_state(store: RunStore) -> None:
    run = make_run(store, whole_story(), name="hamlet", created=START)
    found = call(store, "runs", "show", "hamlet")
    for part in (run.id, "target reached", "recipe.schedule.warmup_steps", "corpus loss", "0.099999"):
        assert part in found.out
    facts = json.loads(call(store, "runs", "show", "hamlet", "--json").out)
    assert facts["config"]["block_size"] == 20
    assert facts["step"]["loss"] == step(470).loss
    assert facts["progress"] == 1.0


def test_what_an_end_left_unsaved_is_listed_and_shown(store: RunStore) -> None:
    end = RunFinished(time=START + 3, reason="interrupted", step=3, loss=1.0, seconds=3.0)
    make_run(store, [started(), step(1), saved(1), step(2), step(3), end], name="hamlet", created=START)
    assert call(store, "runs").out.splitlines()[1].startswith("interrupted, 2 unsaved ")
    assert "steps 2 to 3 were not saved" in call(store, "runs", "show").out
    assert json.loads(call(store, "runs", "--json").out)["runs"][0]["unsaved_steps"] == 2
    assert json.loads(call(store, "runs", "show", "--json").out)["unsaved_steps"] == 2


def test_what_a_crash_left_unsaved_is_listed_and_shown(store: RunStore) -> None:
    make_run(store, [started(), step(1), saved(1), step(2), step(3)])
    assert call(store, "runs").out.splitlines()[1].startswith("crashed, 2 unsaved ")
    assert json.loads(call(store, "runs", "show", "--json").out)["unsaved_steps"] == 2


def test_a_run_that_waits_for_room_is_told_apart_from_one_that_was_paused(store: RunStore) -> None:
    paused = PhaseChanged(time=START + 2, phase="paused")
    full = Notice(time=START + 2, level="error", text="no room for the checkpoint; free 1 MB, and it goes on by itself")
    asked = make_run(store, [started(), step(1), paused], name="lear")
    waiting = make_run(store, [started(), step(1), full, paused], name="macbeth")
    with held(asked), held(waiting):
        rows = {row["name"]: row for row in json.loads(call(store, "runs", "list", "--json").out)["runs"]}
        assert {name: (row["state"], row["waits_for_room"]) for name, row in rows.items()} == {
            "lear": ("paused", False),
            "macbeth": ("paused", True),
        }
        assert re.search(r"^disk full +macbeth ", call(store, "runs", "list").out, re.MULTILINE)


def test_an_unknown_run_is_one_line_and_exit_2(store: RunStore) -> None:
    make_run(store, name="hamlet")
    found = call(store, "runs", "show", "lear")
    assert (found.code, found.out) == (2, "")
    assert found.err == "gpt2tui: no run 'lear'; list them with: gpt2tui runs\n"


def test_of_two_runs_of_a_name_the_choice_is_told_on_stderr(store: RunStore) -> None:
    make_run(store, name="hamlet", created=START)
    newest = make_run(store, whole_story(20), name="hamlet", created=START + 60)
    found = call(store, "runs", "show", "hamlet", "--json")
    assert json.loads(found.out)["id"] == newest.id
    assert found.err == f"gpt2tui: 2 runs are named hamlet; taking the newest, {newest.id}\n"


def checkpoint(run: Run, number: int) -> Path:
    """A checkpoint's files as the trainer lays them, with hashes that are right."""
    import torch

    from gpt2tui.checkpoints.folder import CheckpointFolder
    from gpt2tui.checkpoints.state import Pointer, TrainerState
    from gpt2tui.checkpoints.tensors import write_checkpoint
    from gpt2tui.runs.config import Limits

    folder = CheckpointFolder(run.checkpoints)
    state = TrainerState(
        step=number,
        tokens=number * 200,
        pass_index=0,
        position=0,
        limits=Limits(),
        learning_rate_factor=1.0,
        recent_losses=[1.0],
        micro_batch=1,
        threads=1,
        device="cpu",
        dtype="float32",
        elapsed=1.0,
    )
    tensors = {"w": torch.arange(1000.0) + number}
    write_checkpoint(folder.path(number), model=tensors, optimizer=tensors, state=state)
    folder.point("last", Pointer(checkpoint=folder.path(number).name, step=number))
    return folder.path(number)


def test_verify_finds_one_changed_byte_and_names_the_file(store: RunStore) -> None:
    run = make_run(store, whole_story(20), name="hamlet")
    checkpoint(run, 10)
    place = checkpoint(run, 20)
    sound = call(store, "runs", "show", "--verify")
    assert sound.code == 0
    assert sound.err == "all hashes of 2 checkpoints are right\n"
    file = place / "model.safetensors"
    data = bytearray(file.read_bytes())
    data[-5] ^= 1
    file.write_bytes(data)
    assert call(store, "runs", "show").code == 0
    damaged = call(store, "runs", "show", "--verify")
    assert damaged.code == 1
    assert damaged.err == (
        "gpt2tui: checkpoint step-00000020 is damaged: the SHA-256 of model.safetensors is not the recorded one\n"
    )


def test_on_a_narrow_terminal_columns_are_left_out_and_none_is_cut(store: RunStore) -> None:
    run = make_run(store, whole_story(20), name="hamlet")
    make_run(store, whole_story(470), name="a name of many columns " * 3).set_label(Label(pinned=True))
    environment = os.environ | {"GPT2TUI_HOME": str(store.folder.parent.parent), "TERM": "xterm"}
    command = gpt2tui_command()
    child = pexpect.spawn(command[0], [*command[1:], "runs"], env=environment, timeout=20, dimensions=(24, 80))
    child.expect(pexpect.EOF)
    shown = child.before.decode()
    child.close()
    assert "hamlet" in shown
    assert "target reached" in shown
    assert run.id not in shown
    assert "…" not in shown
    assert max(len(line) for line in re.sub("\x1b\\[[0-9;]*m", "", shown).splitlines()) <= 80


def test_nothing_of_this_imports_torch(store: RunStore) -> None:
    make_run(store, whole_story(20))
    program = (
        "import sys; from gpt2tui.cli import app\n"
        "for words in (['runs'], ['runs', 'show'], ['runs', 'follow'], ['watch', '--once'], ['info'], ['paths']):\n"
        "    try: app(words)\n"
        "    except SystemExit as end: assert not end.code, (words, end.code)\n"
        "heavy = {'torch', 'tiktoken', 'numpy', 'textual'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env=os.environ | {"GPT2TUI_HOME": str(store.folder.parent.parent)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
