"""The words of the form are those that the command line takes, and its complaints come back to their fields."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from gpt2tui.cli import app
from gpt2tui.cli.plan import TrainOptions
from gpt2tui.errors import UsageError
from gpt2tui.tui.form.start_defaults import user_defaults
from gpt2tui.tui.form.start_option import NO_TARGET
from gpt2tui.tui.form.start_options import OPTIONS, START_OPTIONS
from gpt2tui.tui.form.start_words import placed_complaints, split_texts, text_problem, words_of

TRAIN: Any = typer.main.get_command(app).commands["train"]  # type: ignore[attr-defined]
DEFAULTS = {option.name: option.default for option in START_OPTIONS}

OTHERS: dict[str, tuple[str, object]] = {
    "text": ("a.txt 'b c.txt'", ["a.txt", "b c.txt"]),
    "preset": ("nano", "nano"),
    "recipe": ("reference", "reference"),
    "target_loss": ("0.5", 0.5),
    "max_time": ("1h30m", "1h30m"),
    "max_steps": ("7", 7),
    "name": ("it's a name", "it's a name"),
    "block_size": ("64", 64),
    "batch_size": ("8", 8),
    "micro_batch": ("2", "2"),
    "lr": ("1e-3", 1e-3),
    "warmup": ("3", 3),
    "dropout": ("0.1", 0.1),
    "seed": ("-1", -1),
    "max_tokens": ("100000", 100_000),
    "val_fraction": ("0.1", 0.1),
    "eval_every": ("500", "500"),
    "checkpoint_every": ("never", "never"),
    "keep": ("0", 0),
    "sample_every": ("10", "10"),
    "sample_prompt": ("--not an option", "--not an option"),
    "device": ("cpu", "cpu"),
    "dtype": ("float32", "float32"),
    "compile": ("yes", True),
    "init": ("latest", "latest"),
    "encoding": ("latin-1", "latin-1"),
    "split_on_eot": ("yes", True),
}


def parsed(words: list[str], settings: dict[str, object] | None = None) -> dict[str, Any]:
    """What the real command line makes of words, with a settings file's defaults."""
    with TRAIN.make_context(
        "train", list(words), default_map=settings or {}, auto_envvar_prefix="GPT2TUI_TRAIN"
    ) as ctx:
        # To typer below 0.29 several values are a tuple until the command is called.
        return {name: list(value) if isinstance(value, tuple) else value for name, value in ctx.params.items()}


def words(users: dict[str, str] | None = None, **values: str) -> list[str]:
    return words_of(DEFAULTS | (users or {}) | values, users or {})


def test_the_form_has_every_option_that_makes_a_run_but_the_flag_for_no_target() -> None:
    apart = {"text", "init", "encoding", "split_on_eot"}
    assert set(OPTIONS) - apart == set(TrainOptions.__struct_fields__) - {"no_target"}


def test_the_defaults_of_the_form_are_those_of_the_command_line() -> None:
    assert words() == []
    untouched = parsed([])
    for option in START_OPTIONS:
        if option.default and option.name != "preset":
            said = "yes" if untouched[option.name] is True else "no" if untouched[option.name] is False else None
            assert option.default == (said or str(untouched[option.name])), option.name
        elif option.name != "preset":
            assert not untouched[option.name], option.name


@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_reaches_the_command_line_and_alone(name: str) -> None:
    value, meant = OTHERS[name]
    assert parsed(words(**{name: value})) == parsed([]) | {name: meant}


def test_all_options_together_reach_the_command_line() -> None:
    found = parsed(words(**{name: value for name, (value, _) in OTHERS.items()}))
    assert found == parsed([]) | {name: meant for name, (_, meant) in OTHERS.items()}


def test_no_target_is_said_and_an_emptied_one_is_the_default() -> None:
    assert words(target_loss=NO_TARGET) == ["--no-target"]
    assert words(target_loss="") == []


def test_what_the_users_settings_say_is_said_too_so_that_the_command_means_the_same_elsewhere() -> None:
    users = user_defaults({"preset": "mini", "max_time": "2h", "seed": 3})
    assert users == {"preset": "mini", "max_time": "2h", "seed": "3"}
    assert words(users) == ["--preset", "mini", "--max-time", "2h", "--seed", "3"]


def test_a_built_in_default_wins_over_the_users_setting_when_it_is_chosen() -> None:
    settings = {"preset": "mini", "target_loss": 0.5, "compile": True}
    chosen = words(user_defaults(settings), preset="gpt2", target_loss="0.099999", compile="no")
    found = parsed(chosen, settings)
    assert (found["preset"], found["target_loss"], found["compile"]) == ("gpt2", 0.099999, False)


@pytest.mark.parametrize(("name", "value"), [("max_time", "2h"), ("text", "a.txt"), ("split_on_eot", True)])
def test_a_setting_that_no_word_takes_back_leaves_the_settings_file_out(
    tmp_path: Path, name: str, value: object
) -> None:
    settings = {name: value, "seed": 3}
    chosen = words(user_defaults(settings), **{name: DEFAULTS[name]})
    assert chosen == ["--config", os.devnull, "--seed", "3"]


def test_no_target_in_the_settings_is_a_target_of_none() -> None:
    assert user_defaults({"no_target": True}) == {"target_loss": NO_TARGET}
    assert user_defaults({"text": ["a b", "c"], "compile": True}) == {"text": "'a b' c", "compile": "yes"}


def test_a_variable_wins_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPT2TUI_TRAIN_PRESET", "nano")
    monkeypatch.setenv("GPT2TUI_TRAIN_NO_TARGET", "1")
    assert user_defaults({"preset": "mini", "target_loss": 0.5}) == {"preset": "nano", "target_loss": NO_TARGET}


def test_a_text_that_begins_with_a_dash_is_no_option() -> None:
    assert parsed(words(text="-x.txt", preset="nano"))["text"] == ["-x.txt"]


def test_a_file_of_just_that_name_needs_no_quotes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    name = 'Don\'s "own" book.txt'
    (tmp_path / name).write_text("text")
    assert split_texts(f" {name} ") == [name]
    assert split_texts(shlex.quote(name)) == [name]
    assert split_texts("") == []
    with pytest.raises(UsageError, match="a quote is open"):
        split_texts("Don's other book.txt")


def test_a_look_at_the_disk_finds_what_is_wrong_with_a_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("text")
    os.mkfifo(tmp_path / "pipe")
    names = ["bundled"]
    assert text_problem(["a.txt", ".", "*.txt", "bundled", "http://a/b", "https://a/b"], names) is None
    assert "no such file" in (text_problem(["b.txt"], names) or "")
    assert "needs quotes" in (text_problem(["my", "book.txt"], names) or "")
    assert "stdin" in (text_problem(["-"], names) or "")
    assert "only http" in (text_problem(["ftp://a/b"], names) or "")
    assert "neither a file nor a folder" in (text_problem(["pipe"], names) or "")
    assert "no such file" in (text_problem(["\0"], names) or "")
    assert text_problem(["b.txt"], []) is None, "without the names it may be one of them"


@pytest.mark.parametrize(
    ("message", "code", "places"),
    [
        ("max-time: '3x' is not a time; say for example 90s, 30m or 1h30m", 2, ["max_time"]),
        ("max-time must be above 0, not 0; max-steps must be at least 1, not -3", 2, ["max_time", "max_steps"]),
        ("block-size 9999 is more than the model's 1024", 2, ["block_size"]),
        ("block size 9 must lie between 1 and 8, the model's", 2, ["block_size"]),
        ("batch size must be at least 1, not 0; dropout must lie in [0, 1), not 2.0", 2, ["batch_size", "dropout"]),
        (
            "checkpoint-every: 'y' is no rhythm; say for example 500 (steps); sample-every: 'x' is no rhythm; say for "
            "example 500 (steps)",
            2,
            ["checkpoint_every", "sample_every"],
        ),
        ("no preset named 'x'; there are: gpt2, nano", 2, ["preset"]),
        ("no device named 'x'; there are: auto, cpu", 2, ["device"]),
        ("device cuda is not available to torch 2 here; try --device auto", 2, ["device"]),
        ("--val-fraction 0.9999 of 7,183 tokens leaves 1 to train on", 2, ["val_fraction"]),
        ("no run 'nope'; list them with: gpt2tui runs", 2, ["init"]),
        ("--seed: 'x' is not a whole number", 2, ["seed"]),
        ("a is too small: a block size of 16 needs 17 training tokens, and it has 3", 3, ["text"]),
        ("b c.txt: byte 3 is not UTF-8", 1, ["text"]),
        ("too little space in /x: 1 GB are free", 1, [""]),
        ("unexpected Oddity: names and nameless things", 1, [""]),
    ],
)
def test_a_complaint_finds_its_field(message: str, code: int, places: list[str]) -> None:
    found = placed_complaints(message, code, ["b c.txt"])
    assert sorted(found) == sorted(places)
    assert "; ".join(found.values()) == message


def test_where_help_is_on_the_command_line_is_no_part_of_a_complaint() -> None:
    assert placed_complaints("--seed: 'x' is not a whole number (see gpt2tui train -h)", 2) == {
        "seed": "--seed: 'x' is not a whole number"
    }


BAD = {
    "target_loss": ["x", "-1", "nan", "inf"],
    "max_time": ["3x", "-1", "1h30", "0", "0m"],
    "max_steps": ["x", "-1", "0", "1.5"],
    "block_size": ["0", "x"],
    "batch_size": ["0"],
    "micro_batch": ["0", "x"],
    "lr": ["0", "-1", "x", "nan"],
    "warmup": ["-1"],
    "dropout": ["1", "-0.1", "x"],
    "seed": ["x"],
    "max_tokens": ["-1", "0"],
    "val_fraction": ["1", "x"],
    "eval_every": ["x"],
    "checkpoint_every": ["x"],
    "keep": ["-1"],
    "sample_every": ["every", "1.5"],
    "name": ["latest", "best", " last "],
}


@pytest.mark.parametrize("name", BAD)
def test_bad_values_are_told_while_typing(name: str) -> None:
    for value in BAD[name]:
        assert OPTIONS[name].problem(value), value


@pytest.mark.parametrize("name", OPTIONS)
def test_good_values_and_none_are_not_complained_of(name: str) -> None:
    assert OPTIONS[name].problem(OTHERS[name][0]) is None
    assert OPTIONS[name].problem(OPTIONS[name].default) is None
    assert OPTIONS[name].problem("") is None
