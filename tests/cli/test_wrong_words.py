"""Wrong words of a command, wrong variables and entries of the settings file: one line, with the place."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.program import gpt2tui


def test_a_wrong_command_option_or_value_exits_2_without_a_traceback():
    for arguments in (["trian"], ["train", "--preste", "nano"], ["train", "--max-steps", "many"]):
        done = gpt2tui(*arguments)
        assert done.code == 2, arguments
        assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("typed", "right"),
    [
        ("train book.txt --plain", "gpt2tui --plain train ..."),
        ("resume --no_mouse", "gpt2tui --no-mouse resume ..."),
        ("resume --theme=dark", "gpt2tui --theme NAME resume ..."),
        ("runs list --config a.toml", "gpt2tui --config FILE runs list ..."),
    ],
)
def test_an_option_of_the_app_behind_a_command_is_told_where_it_stands(typed: str, right: str):
    done = gpt2tui(*typed.split())
    name = right.split()[1]
    assert (done.code, done.out) == (2, "")
    assert done.err == f"gpt2tui: {name} is an option of the app and stands before the command: {right}\n"


@pytest.mark.parametrize(
    ("set_", "command", "cause"),
    [
        ("TRAIN_KEEP=x", "train", "'x' is not a whole number"),
        ("RUNS_STOP_TIMEOUT=x", "runs stop", "'x' is not a number"),
        ("TRAIN_COMPILE=perhaps", "train", "'perhaps' is not a valid boolean"),
    ],
)
def test_a_wrong_variable_is_named(set_: str, command: str, cause: str):
    name, _, value = set_.partition("=")
    done = gpt2tui(*command.split(), **{f"GPT2TUI_{name}": value})
    assert (done.code, done.out) == (2, "")
    assert len(done.err.splitlines()) == 1
    assert done.err.startswith(f"gpt2tui: GPT2TUI_{name}: {cause}")
    assert done.err.endswith(f"(see gpt2tui {command} -h)\n")


@pytest.mark.parametrize(
    "words", [("train",), ("--config", "other.toml", "train"), ("train", "--config", "other.toml")]
)
@pytest.mark.parametrize("line", ['keep = "a"', "keep = [1]", "keep = {a = 1}", 'quiet = "a"', "text = 1"])
def test_a_wrong_value_in_a_settings_file_is_told_with_its_place(
    home: Path, tmp_path: Path, words: tuple[str, ...], line: str
):
    settings = home / "config" / "config.toml" if len(words) == 1 else tmp_path / "other.toml"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text(f"[train]\n{line}\n")
    done = gpt2tui(*(str(settings) if word == "other.toml" else word for word in words))
    assert (done.code, done.out) == (2, "")
    assert len(done.err.splitlines()) == 1
    assert done.err.startswith(f"gpt2tui: {settings}: train.{line.split()[0]}: ")


def test_a_variable_that_is_no_option_is_refused_as_an_entry_of_the_file_is():
    done = gpt2tui("train", "--dry-run", GPT2TUI_TRAIN_PRESETT="nano")
    said = "gpt2tui: GPT2TUI_TRAIN_PRESETT: there is no option --presett (see gpt2tui train -h)\n"
    assert (done.code, done.out, done.err) == (2, "", said)
    assert gpt2tui("runs", "list", GPT2TUI_TRAIN_PRESETT="nano").code == 0, "it is not about runs"
    assert gpt2tui("runs", "stop", GPT2TUI_RUNS_STOP_TIME="3").code == 2


def test_a_variable_that_names_no_command_is_told():
    done = gpt2tui("paths", GPT2TUI_TRIAN_PRESET="nano", GPT2TUI_TRAIN_PRESET="nano")
    said = "GPT2TUI_TRIAN_PRESET names no command and does nothing; variables are GPT2TUI_<COMMAND>_<OPTION>"
    assert (done.code, done.err.splitlines()[0]) == (0, f"gpt2tui: {said}")
    assert "GPT2TUI_TRAIN_PRESET" not in done.err


def test_a_settings_file_that_a_variable_names_and_is_not_there_is_named():
    done = gpt2tui("train", GPT2TUI_TRAIN_CONFIG="/none.toml")
    assert (done.code, done.err) == (2, "gpt2tui: there is no configuration file /none.toml\n")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("lr = 2", "lr must be a number above 0, and at most 1, not 2"),
        ("max-steps = -3", "max-steps must be at least 1, not -3"),
        ("preset = 'tiny'", "no preset named 'tiny'; there are:"),
        ("val_fraction = 2", "val-fraction must be from 0"),
    ],
)
def test_a_value_out_of_its_range_is_told_with_its_place_where_it_was_not_typed(home: Path, line: str, said: str):
    settings = home / "config" / "config.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text(f"[train]\n{line}\nseed = 3\n")
    name = line.split()[0].replace("_", "-")
    done = gpt2tui("train", "--headless")
    assert done.code == 2
    assert said in done.err
    assert done.err.endswith(f"({settings}: train.{name})\n")
    variable = f"GPT2TUI_TRAIN_{name.replace('-', '_').upper()}"
    done = gpt2tui("train", "--headless", **{variable: line.split(" = ")[1].strip("'")})
    assert done.err.endswith(f"({variable})\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("train --keep x", "--keep: 'x' is not a whole number (see gpt2tui train -h)"),
        (
            "train --target-loss none",
            "--target-loss: 'none' is not a number; --no-target is without one (see gpt2tui train -h)",
        ),
        ("train --target-loss 0,05", "--target-loss: '0,05' is not a number: write 0.05 (see gpt2tui train -h)"),
        ("train --threshold x", "--target-loss: 'x' is not a number (see gpt2tui train -h)"),
        ("train --qqq", "no such option: --qqq (see gpt2tui train -h)"),
        ("--qqq 3", "no such option: --qqq (see gpt2tui -h)"),
        ("runs shw", "no such command 'shw'. Did you mean 'show'? (see gpt2tui runs -h)"),
        ("runs rename", "missing argument 'RUN' (see gpt2tui runs rename -h)"),
        ("sample one two", "got unexpected extra argument(s) (two) (see gpt2tui sample -h)"),
        ("train --seed", "option '--seed' requires an argument"),
    ],
)
def test_wrong_words_are_told_in_one_line(words: str, said: str):
    done = gpt2tui(*words.split(), GPT2TUI_TRAIN_KEEP="y")
    assert (done.code, done.out) == (2, "")
    assert len(done.err.splitlines()) == 1
    assert done.err.startswith(f"gpt2tui: {said}")
