"""The whole command line: help, configuration, and errors of one line."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from gpt2tui.cli import app
from gpt2tui.runs.model_config import PRESETS
from gpt2tui.runs.paths import Paths
from gpt2tui.runs.recipe import load_recipe
from gpt2tui.runs.store import RunStore
from tests.cli.program import gpt2tui
from tests.runs.synthetic import make_run, whole_story
from tests.tui.terminal import Terminal


def commands(command, path=()):
    yield path
    for name, child in getattr(command, "commands", {}).items():
        yield from commands(child, (*path, name))


@pytest.mark.parametrize("path", list(commands(typer.main.get_command(app))), ids=" ".join)
def test_h_is_help_everywhere(path, capsys):
    with pytest.raises(SystemExit) as end:
        app([*path, "-h"], prog_name="gpt2tui")
    assert end.value.code == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"Usage: {' '.join(('gpt2tui', *path))}")
    assert "--help" in shown


def test_without_a_command_and_a_terminal_it_shows_help_and_exits_2():
    done = gpt2tui()
    assert done.code == 2
    assert "Commands:" in done.out


def test_on_a_terminal_it_opens_the_app_and_ctrl_q_leaves_it():
    with Terminal([sys.executable, "-m", "gpt2tui"], size=(100, 30)) as terminal:
        terminal.wait_for("1 Train")
        terminal.wait_for("Target loss")
        terminal.send(b"\x11")
        assert terminal.wait_end() == 0
        assert terminal.is_as_before


def test_what_was_typed_is_in_the_form_where_the_training_cannot_start():
    words = ["train", "--preset", "nano", "--no-target", "--", "no such text"]
    with Terminal([sys.executable, "-m", "gpt2tui", *words], size=(120, 36)) as terminal:
        terminal.wait_for("no such text: no such file or folder")
        terminal.wait_for("--no-target")


@pytest.mark.parametrize("command", ["resume", "watch"])
def test_commands_about_a_run_that_is_not_there_say_so_on_a_terminal_too(command):
    with Terminal([sys.executable, "-m", "gpt2tui", command, "nothing"]) as terminal:
        assert terminal.wait_end() == 2
        assert b"start one with: gpt2tui train" in terminal.output


def test_all_problems_of_a_configuration_are_told_together():
    done = gpt2tui(
        "train", "--preset", "giant", "--recipe", "slow", "--lr", "-1", "--max-time", "soon",
        "--checkpoint-every", "x", "--micro-batch", "0", "--keep", "-1", "--val-fraction", "2",
    )  # fmt: skip
    assert done.code == 2
    assert len(done.err.strip().splitlines()) == 1
    for word in ("giant", "slow", "soon", "checkpoint-every", "micro-batch", "keep", "val-fraction"):
        assert word in done.err


def dry_run(*arguments: str, **environment: str) -> dict[str, object]:
    done = gpt2tui("train", "--dry-run", "--json", "--preset", "nano", *arguments, **environment)
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_underscores_and_hyphens_are_the_same_in_option_names():
    assert dry_run("--batch_size", "3", "--block-size", "20")["batch_size"] == 3


def test_typed_beats_environment_beats_file_beats_recipe(home: Path):
    assert dry_run()["batch_size"] == 16
    settings = home / "config" / "config.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text("[train]\nbatch-size = 5\nblock_size = 20\n")
    assert dry_run()["batch_size"] == 5
    assert dry_run(GPT2TUI_TRAIN_BATCH_SIZE="6")["batch_size"] == 6
    both = dry_run("--batch-size", "7", GPT2TUI_TRAIN_BATCH_SIZE="6")
    assert (both["batch_size"], both["block_size"]) == (7, 20)


def test_a_short_text_has_smaller_batches_unless_one_was_typed(tmp_path: Path):
    text = tmp_path / "short.txt"
    text.write_text("one two three four five six seven eight nine ten\n" * 10)  # 110 tokens
    assert dry_run(str(text), "--block-size", "16")["batch_size"] == 4
    assert dry_run(str(text), "--block-size", "16", "--batch-size", "16")["batch_size"] == 16
    assert dry_run(str(text), "--block-size", "20", "--recipe", "reference")["batch_size"] == 16


@pytest.mark.parametrize("before", [True, False])
def test_another_file_is_taken_wherever_config_stands(tmp_path: Path, before: bool):
    other = tmp_path / "other.toml"
    other.write_text("[train]\nbatch_size = 9\n")
    words = ["train", "--dry-run", "--json", "--preset", "nano"]
    words = ["--config", str(other), *words] if before else [*words, "--config", str(other)]
    assert json.loads(gpt2tui(*words).out)["batch_size"] == 9


@pytest.mark.parametrize(
    ("content", "named"),
    [("[train]\nbatch_sise = 1\n", "batch_sise"), ("[trian]\n", "trian"), ("train = 1\n", "train"), ("[", "config")],
)
def test_a_wrong_settings_file_is_named_with_what_is_wrong(home: Path, content: str, named: str):
    settings = home / "config" / "config.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text(content)
    is_the_commands_own = named != "trian"
    done = gpt2tui("train", "--dry-run", "--preset", "nano")
    assert done.code == (2 if is_the_commands_own else 0)
    assert done.err.startswith(f"gpt2tui: {settings}: " if named != "config" else "gpt2tui: the configuration file ")
    assert named in done.err
    assert len(done.err.strip().splitlines()) == 1 if is_the_commands_own else done.err.count("trian") == 1


def test_what_is_wrong_in_the_section_of_one_command_does_not_stop_another(home: Path):
    settings = home / "config" / "config.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text("[train]\nbatch_sise = 1\n[runs.list]\njson = true\n")
    done = gpt2tui("runs", "list")
    assert (done.code, json.loads(done.out)) == (0, {"runs": []})
    said = "there is no train.batch_sise; see gpt2tui train -h; left out"
    assert done.err == f"gpt2tui: {settings}: {said}\n"


def test_an_unexpected_error_is_one_line_and_a_traceback_only_with_debug(home: Path):
    home.mkdir(parents=True)
    (home / "data").write_text("not a folder")
    words = ["train", "--headless", "--preset", "nano", "--max-steps", "1"]
    done = gpt2tui(*words)
    assert done.code == 1
    assert "Traceback" not in done.err
    assert done.err.strip().splitlines()[-1].startswith("gpt2tui: ")
    assert "Traceback" in gpt2tui(*words, "--debug").err


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"ab\0cd" * 100, "binary"),
        (b"Hello", "17"),
        ("na\u00efve caf\u00e9 ".encode("latin-1") * 50, "--encoding"),
    ],
)
def test_a_text_that_cannot_be_used_exits_3_with_one_line(tmp_path: Path, content: bytes, words: str):
    text = tmp_path / "text.txt"
    text.write_bytes(content)
    done = gpt2tui("train", "--dry-run", "--preset", "nano", str(text))
    assert done.code == 3
    assert len(done.err.splitlines()) == 1
    assert words in done.err


def test_a_default_block_size_shrinks_to_a_small_text_and_a_typed_one_does_not(tmp_path: Path):
    text = tmp_path / "small.txt"
    text.write_text("The quick brown fox jumps over the lazy dog and runs away from the old farm at dawn today.")
    shrunk = dry_run(str(text))
    assert 16 <= shrunk["block_size"] < 32
    assert any("block size" in notice for notice in shrunk["notices"])
    done = gpt2tui("train", "--dry-run", "--preset", "nano", "--block-size", "64", str(text))
    assert done.code == 3
    assert "65" in done.err


def test_a_dry_run_tells_the_time_by_the_runs_before_as_the_form_does(tmp_path: Path):
    text = tmp_path / "fable.txt"
    text.write_text("The fox looked at the grapes, and the grapes looked at the fox. " * 10)
    words = ["train", "--dry-run", "--preset", "nano", str(text)]
    before = gpt2tui(*words).out
    assert re.search(r"^time     .+ to the target, if it takes 11 to 32 passes$", before, re.MULTILINE)
    assert re.search(r"^ +a pass takes .+, by a short measurement$", before, re.MULTILINE)
    shape = {"model": PRESETS["nano"], "recipe": load_recipe("fast")}
    make_run(RunStore(Paths.from_environment().runs), whole_story(470), name="play", **shape)
    lines = gpt2tui(*words).out.splitlines()
    assert "if it takes 47.0 passes as run play on 2,001 tokens did" in lines[-2]
    assert lines[-1].strip().startswith("a pass takes about ")
    assert re.search(r"^memory   about \S+ [MG]B of ", "\n".join(lines), re.MULTILINE)


def test_a_missing_text_and_an_unknown_corpus_exit_3():
    done = gpt2tui("train", "--dry-run", "no-such-thing.txt")
    assert done.code == 3
    assert "no-such-thing.txt" in done.err


def test_every_option_has_the_variable_that_help_promises():
    assert json.loads(gpt2tui("paths", GPT2TUI_PATHS_JSON="1").out)
    assert json.loads(gpt2tui("runs", "list", GPT2TUI_RUNS_LIST_JSON="1").out)["runs"] == []
    assert gpt2tui("paths", GPT2TUI_VERSION="1").out.startswith("what")


def test_what_a_person_types_cannot_steer_the_terminal():
    done = gpt2tui("train", "--dry-run", "a\x1b[31mb.txt")
    assert "\x1b" not in done.err
    assert "^[[31mb.txt" in done.err


def test_a_closed_pipe_ends_a_listing_without_a_word():
    command = f"{sys.executable} -m gpt2tui paths | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) in ((0, ""), (0, "GPT2TUI_HOME=FOLDER keeps all of them in one folder\n"))


def test_closed_streams_are_no_reason_to_fail():
    done = subprocess.run(["bash", "-c", f"{sys.executable} -m gpt2tui info <&- >&-"], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_the_nearer_of_target_and_no_target_counts(home: Path):
    settings = home / "config" / "config.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text("[train]\nno-target = true\n")
    words = ["train", "--headless", "--preset", "nano", "--block-size", "16", "--batch-size", "1", "--max-steps", "1"]
    assert json.loads(gpt2tui(*words, "--json").out)["target_loss"] is None
    assert json.loads(gpt2tui(*words, "--json", "--target-loss", "0.05").out)["target_loss"] == 0.05
    both = gpt2tui(*words, "--target-loss", "1", "--no-target")
    assert both.code == 2
    assert "exclude each other" in both.err


def test_what_the_system_refuses_is_named_before_the_cause(home):
    run = make_run(RunStore(home / "data" / "runs"))
    lock = run.folder / "worker.lock"
    lock.unlink(missing_ok=True)
    lock.mkdir()
    done = gpt2tui("runs", "delete", run.id, "--yes")
    assert (done.code, done.err) == (1, f"gpt2tui: {lock}: Is a directory\n")
