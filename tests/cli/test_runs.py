from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pexpect
import pytest

from gpt2tui.runs.commands import Pause, Stop
from gpt2tui.runs.events import CheckpointSaved, Notice, PhaseChanged, RunFinished
from gpt2tui.runs.journal import command_reader
from gpt2tui.runs.run import Label, Run
from gpt2tui.runs.store import RunStore
from tests.cli.program import Result, gpt2tui, gpt2tui_command
from tests.runs.synthetic import (
    START,
    append,
    evaluated,
    held,
    make_run,
    started,
    step,
    wait_until,
    whole_story,
)


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "data" / "runs")


def call(store: RunStore, *arguments: str, **changes: str) -> Result:
    return gpt2tui(*arguments, home=store.folder.parent.parent, **changes)


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
    assert " ".join(lines[0].split()) == "state name preset corpus step running loss corpus loss target age size id"
    assert "crashed" in lines[1]
    assert long_name in lines[1]
    assert lines[1].split()[4] == "7"
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


def test_follow_prints_what_was_and_ends_with_a_finished_run(store: RunStore) -> None:
    run = make_run(store, whole_story(30), name="hamlet")
    found = call(store, "runs", "follow", "--from-start")
    lines = found.out.splitlines()
    assert len(lines) == len(whole_story(30))
    assert "cat walked [over] the keyboard" in found.out
    assert "\x1b" not in found.out
    assert "^[[31m" in found.out
    assert lines[-1].endswith("target reached at step 30, after 30 s")
    raw = call(store, "runs", "follow", "--from-start", "--jsonl")
    assert raw.out.encode() == run.events_file.read_bytes()
    assert len(call(store, "runs", "follow").out.splitlines()) == 10


def test_follow_shows_what_the_terminal_cannot_encode(store: RunStore) -> None:
    make_run(store, [started(), Notice(level="info", text="the café is full")])
    found = call(store, "runs", "follow", PYTHONIOENCODING="ascii")
    assert found.code == 0, found.err
    assert "the caf\\xe9 is full" in found.out


def test_follow_goes_on_as_events_come_and_ends_when_the_trainer_dies(store: RunStore) -> None:
    run = make_run(store, [started()])
    environment = os.environ | {"GPT2TUI_HOME": str(store.folder.parent.parent)}
    with (
        held(run) as trainer,
        subprocess.Popen(
            [*gpt2tui_command(), "runs", "follow", "--jsonl"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        ) as follower,
    ):
        assert follower.stdout is not None
        assert json.loads(follower.stdout.readline())["type"] == "run_started"
        append(run, [step(1)])
        assert json.loads(follower.stdout.readline())["step"] == 1
        append(run, [step(2)])
        assert json.loads(follower.stdout.readline())["step"] == 2
        trainer.kill()
        out, err = follower.communicate(timeout=20)
    assert (follower.returncode, out) == (0, "")
    assert err.startswith(f"nobody trains run {run.id}; go on with: gpt2tui resume")


def test_compare_shows_only_what_differs_and_the_results(store: RunStore) -> None:
    make_run(store, whole_story(), name="one", created=START, seed=1)
    make_run(store, [started(), step(5)], name="two", created=START + 5, seed=2)
    found = call(store, "runs", "compare", "one", "two")
    names = [line.split("  ")[0] for line in found.out.splitlines()[1:]]
    assert names[0] == "seed"
    assert "name" not in names, "it may be another by now, and stands above"
    assert "block_size" not in names
    assert "best corpus loss" in names
    assert "block_size" in call(store, "runs", "compare", "one", "two", "--all").out
    facts = json.loads(call(store, "runs", "compare", "one", "two", "--json").out)["runs"]
    assert [one["config"]["seed"] for one in facts] == [1, 2]
    assert [one["results"]["step"] for one in facts] == [470, 5]
    assert call(store, "runs", "compare", "one", "one").code == 2


@pytest.mark.parametrize("x", ["steps", "time"])
def test_plot_draws_in_the_terminal(store: RunStore, x: str) -> None:
    make_run(store, whole_story(), name="hamlet")
    found = call(store, "runs", "plot", "--x", x)
    assert found.code == 0, found.err
    assert "target 0.099999" in found.out
    assert "hamlet, corpus loss" in found.out
    assert "\x1b" not in found.out
    assert all(len(line) <= 80 for line in found.out.splitlines())
    ascii_only = call(store, "runs", "plot", "--x", x, "--linear", PYTHONIOENCODING="ascii")
    assert ascii_only.out.isascii()
    assert "linear" in ascii_only.out


def test_plot_writes_png_and_svg(store: RunStore, tmp_path: Path) -> None:
    make_run(store, whole_story(), name="_$x^{2$ <b>", created=START)
    make_run(store, whole_story(100), name="other", created=START + 1)
    assert call(store, "runs", "plot", "-o", str(tmp_path / "a.png")).code == 0
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG\r\n")
    assert call(store, "runs", "plot", "other", "_$x", "--x", "passes", "-o", str(tmp_path / "b.svg")).code == 0
    assert ElementTree.parse(tmp_path / "b.svg").getroot().tag.endswith("svg")
    wrong = call(store, "runs", "plot", "-o", str(tmp_path / "c.gif"))
    assert (wrong.code, len(wrong.err.splitlines())) == (2, 1)
    assert call(store, "runs", "plot", "--x", "sheep").code == 2


def test_plot_without_the_extra_names_it(store: RunStore, tmp_path: Path) -> None:
    make_run(store, whole_story(20))
    # A real interpreter that cannot import matplotlib, as one has that was never given the extra.
    (tmp_path / "matplotlib.py").write_text("raise ImportError('not installed')")
    found = call(store, "runs", "plot", "-o", str(tmp_path / "a.png"), PYTHONPATH=str(tmp_path))
    assert found.code == 1
    assert "pip install 'gpt2tui[plot]'" in found.err
    assert len(found.err.splitlines()) == 1


@pytest.mark.parametrize("verb", ["pause", "resume", "stop", "checkpoint"])
def test_a_run_that_is_not_alive_takes_no_commands(store: RunStore, verb: str) -> None:
    run = make_run(store, whole_story(20))
    found = call(store, "runs", verb)
    assert found.code == 1
    way_on = f"gpt2tui resume {run.id} --headless --target-loss 4.09"  # it is at its target
    assert found.err == f"gpt2tui: run {run.id} is not being trained; go on with: {way_on}\n"
    assert not run.commands_file.exists()


def test_where_another_run_trains_it_is_named(store: RunStore) -> None:
    living = make_run(store, whole_story(20)[:-1], name="lear", created=START)
    make_run(store, whole_story(20), name="hamlet", created=START + 60)
    with held(living):
        found = call(store, "runs", "stop")
    assert found.code == 1
    assert found.err.endswith(f" is not being trained, but {living.id} is: name it\n")


def answer(run: Run, verb: str, kind: type, *events: object) -> Result:
    """Send a verb while a trainer holds the run, and answer its command with events that carry its id."""
    import msgspec

    environment = os.environ | {"GPT2TUI_HOME": str(run.folder.parents[2])}
    with (
        held(run),
        subprocess.Popen(
            [*gpt2tui_command(), "runs", verb],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        ) as sender,
    ):
        wait_until(lambda: list(command_reader(run.commands_file).poll()))
        (command,) = command_reader(run.commands_file).poll()
        assert isinstance(command, kind)
        append(run, [Notice(level="info", text="something else")])
        append(run, [msgspec.structs.replace(event, command=command.id) for event in events])  # type: ignore[type-var]
        out, err = sender.communicate(timeout=20)
    return Result(sender.returncode, out, err)


def test_pause_waits_for_the_answer_to_its_own_command(store: RunStore) -> None:
    found = answer(make_run(store, [started()]), "pause", Pause, PhaseChanged(phase="paused"))
    assert found.code == 0
    assert found.err.endswith(" paused\n")
    assert "something else" not in found.err


def test_stop_waits_for_the_end(store: RunStore) -> None:
    ending = Notice(level="info", text="stopping, as asked")
    end = RunFinished(reason="stopped", step=3, loss=1.0, seconds=3.0)
    found = answer(make_run(store, [started()]), "stop", Stop, ending, end)
    assert found.code == 0
    assert [line[9:] for line in found.err.splitlines()] == [
        "stopping, as asked",
        "stopped at step 3, after 3 s",
    ]


def test_a_trainer_that_does_not_answer_is_told(store: RunStore) -> None:
    run = make_run(store, [started()])
    with held(run):
        found = call(store, "runs", "checkpoint", "--timeout", "0.2")
    assert found.code == 1
    assert "no answer from the trainer" in found.err


def test_rename_gives_a_name_that_is_found(store: RunStore) -> None:
    run = make_run(store, whole_story(20), name="hamlet")
    assert call(store, "runs", "rename", "hamlet", "ophelia").code == 0
    assert run.name() == "ophelia"
    assert call(store, "runs", "rename", "ophelia", "a\x1b[2Jb").code == 2
    assert call(store, "runs", "rename", "ophelia", " ").code == 2
    assert run.name() == "ophelia"


def test_delete_needs_yes_where_nobody_can_be_asked(store: RunStore) -> None:
    run = make_run(store, whole_story(20), name="hamlet")
    refused = call(store, "runs", "delete", "hamlet")
    assert refused.code == 2
    assert "kB, needs --yes" in refused.err
    assert run.folder.is_dir()
    done = call(store, "runs", "delete", "hamlet", "--yes")
    assert done.code == 0
    assert done.err.startswith(f"deleted hamlet ({run.id}), ")
    assert store.all() == []


def test_delete_asks_on_a_terminal_and_names_the_size(store: RunStore) -> None:
    run = make_run(store, whole_story(20), name="hamlet")
    environment = os.environ | {"GPT2TUI_HOME": str(store.folder.parent.parent), "TERM": "xterm"}
    for answer, is_kept in (("n", True), ("y", False)):
        command = gpt2tui_command()
        child = pexpect.spawn(command[0], [*command[1:], "runs", "delete", "hamlet"], env=environment, timeout=20)
        child.expect(r"Delete hamlet \(.*\), [0-9.]+ kB\?")
        child.sendline(answer)
        child.expect(pexpect.EOF)
        child.close()
        assert child.exitstatus == 0
        assert run.folder.is_dir() is is_kept


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


def test_delete_refuses_all_when_one_is_alive(store: RunStore) -> None:
    idle = make_run(store, name="idle", created=START)
    busy = make_run(store, name="busy", created=START + 1)
    with held(busy):
        found = call(store, "runs", "delete", "idle", "busy", "--yes")
    assert found.code == 1
    assert f"run {busy.id} is being trained; stop it first" in found.err
    assert idle.folder.is_dir()


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


def test_a_checkpoint_event_tells_its_size(store: RunStore) -> None:
    saved = CheckpointSaved(step=3, path="checkpoints/step-00000003", bytes=1_500_000, seconds=0.25, reason="asked")
    from gpt2tui.runs.commands import SaveCheckpoint

    found = answer(make_run(store, [started()]), "checkpoint", SaveCheckpoint, saved)
    assert found.err[9:] == "checkpoint at step 3, 1.5 MB in 250 ms (asked)\n"
