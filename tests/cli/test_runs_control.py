"""What steers, renames and deletes runs from a terminal."""

from __future__ import annotations

import os
import subprocess

import pexpect
import pytest

from gpt2tui.runs.commands import Pause, Stop
from gpt2tui.runs.events import CheckpointSaved, Notice, PhaseChanged, RunFinished
from gpt2tui.runs.journal import command_reader
from gpt2tui.runs.run import Run
from gpt2tui.runs.store import RunStore
from tests.cli.program import Result, call, gpt2tui_command
from tests.runs.synthetic import (
    START,
    append,
    held,
    make_run,
    saved,
    started,
    wait_until,
    whole_story,
)


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
        found, named = call(store, "runs", "stop"), call(store, "runs", "stop", "hamlet")
    assert (found.code, named.code) == (1, 1)
    assert found.err.endswith(f" is not being trained, but {living.id} is: name it\n")
    assert "lear" not in named.err
    assert "go on with: gpt2tui resume " in named.err


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
    found = answer(make_run(store, [started(), saved(3)]), "stop", Stop, ending, end)
    assert found.code == 0
    assert [line[9:] for line in found.err.splitlines()] == [
        "stopping, as asked",
        "stopped at step 3, after 3 s",
    ]


def test_a_stop_that_could_not_save_fails_and_says_what_is_lost(store: RunStore) -> None:
    run = make_run(store, [started(), saved(1)])
    found = answer(run, "stop", Stop, RunFinished(reason="stopped", step=3, loss=1.0, seconds=3.0))
    assert found.code == 1
    assert found.err.splitlines()[-1] == (
        f"gpt2tui: run {run.id} has ended, but steps 2 to 3 were not saved; "
        f"go on from step 1 with: gpt2tui resume {run.id} --headless"
    )


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
    other = make_run(store, name="lear")
    told = call(store, "runs", "rename", other.id, "ophelia").err
    assert told == "lear is now called ophelia, as another run is\n"


def test_of_several_runs_of_a_name_none_is_deleted(store: RunStore) -> None:
    old = make_run(store, name="hamlet", created=START)
    new = make_run(store, name="hamlet", created=START + 60)
    lear = make_run(store, name="lear", created=START)
    refused = call(store, "runs", "delete", "lear", "hamlet", "--yes")
    assert refused.code == 2
    assert refused.err == f"gpt2tui: 2 runs are named hamlet: {new.id}, {old.id}; say which by its id\n"
    assert len(store.all()) == 3
    assert call(store, "runs", "delete", old.id, "lear", "--yes").code == 0
    assert [run.id for run in store.all()] == [new.id]
    assert not lear.folder.exists()


@pytest.mark.parametrize("word", ["latest", "best", "last", " latest "])
def test_a_word_that_means_another_run_is_no_name(store: RunStore, word: str) -> None:
    make_run(store, name="hamlet")
    told = f"{word.strip()} is a word that commands take for something else, so it cannot be a name"
    renamed = call(store, "runs", "rename", "hamlet", word)
    assert (renamed.code, renamed.err) == (2, f"gpt2tui: {told}\n")
    trained = call(store, "train", "--dry-run", "--preset", "giant", "--name", word)
    assert trained.code == 2
    assert told in trained.err
    assert "giant" in trained.err


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


def test_delete_refuses_all_when_one_is_alive(store: RunStore) -> None:
    idle = make_run(store, name="idle", created=START)
    busy = make_run(store, name="busy", created=START + 1)
    with held(busy):
        found = call(store, "runs", "delete", "idle", "busy", "--yes")
    assert found.code == 1
    assert f"run {busy.id} is being trained; stop it first" in found.err
    assert idle.folder.is_dir()


def test_a_checkpoint_event_tells_its_size(store: RunStore) -> None:
    saved = CheckpointSaved(step=3, path="checkpoints/step-00000003", bytes=1_500_000, seconds=0.25, reason="asked")
    from gpt2tui.runs.commands import SaveCheckpoint

    found = answer(make_run(store, [started()]), "checkpoint", SaveCheckpoint, saved)
    assert found.err[9:] == "checkpoint at step 3, 1.5 MB in 250 ms (asked)\n"


def test_a_command_that_the_disk_has_no_room_for_is_told_with_the_file_and_the_way_out(store: RunStore) -> None:
    run = make_run(store, [started()], name="full")
    run.commands_file.symlink_to("/dev/full")
    with held(run):
        found = call(store, "runs", "stop", "full")
    said = f"gpt2tui: {run.commands_file}: No space left on device; free some space and run the command again\n"
    assert (found.code, found.out, found.err) == (1, "", said)
