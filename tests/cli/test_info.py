from __future__ import annotations

import json
import os
import re
import tomllib
from pathlib import Path

import pexpect

from gpt2tui.runs.model_config import PRESETS
from tests.cli.program import gpt2tui, gpt2tui_command


def test_gpt2_has_124_439_808_parameters(tmp_path: Path) -> None:
    found = gpt2tui("info", "gpt2", home=tmp_path)
    assert found.code == 0
    assert "124,439,808" in found.out
    facts = json.loads(gpt2tui("info", "gpt2", "--json", "--context", "1024", home=tmp_path).out)
    assert facts["parameters"] == 124_439_808
    # PaLM's formula: 6 (N - positions) + 12 layers x width x context.
    assert facts["flops_per_token"] == 6 * (124_439_808 - 1024 * 768) + 12 * 12 * 768 * 1024
    assert facts["training_memory"] > 12 * 124_439_808


def test_without_a_preset_all_of_them_and_the_recipes_are_told(tmp_path: Path) -> None:
    found = gpt2tui("info", home=tmp_path)
    for name in (*PRESETS, "reference"):
        assert f"\n{name} " in found.out
    facts = json.loads(gpt2tui("info", "--json", home=tmp_path).out)
    assert {one["preset"]: one["parameters"] for one in facts["presets"]} == {
        name: model.parameters for name, model in PRESETS.items()
    }


def test_on_a_narrow_terminal_long_words_are_broken_and_names_are_whole() -> None:
    command = gpt2tui_command()
    environment = os.environ | {"TERM": "xterm"}
    child = pexpect.spawn(command[0], [*command[1:], "info"], env=environment, timeout=20, dimensions=(24, 80))
    child.expect(pexpect.EOF)
    shown = re.sub("\x1b\\[[0-9;]*m", "", child.before.decode())
    child.close()
    assert {"reference", "sprint", "gpt2-medium"} <= {line.split(" ")[0] for line in shown.splitlines()}
    assert "…" not in shown
    assert max(len(line) for line in shown.splitlines()) <= 80


def test_a_recipe_is_shown_as_the_toml_it_is(tmp_path: Path) -> None:
    found = gpt2tui("info", "--recipe", "reference", home=tmp_path)
    assert tomllib.loads(found.out)["learning_rate"] == 2e-4
    assert json.loads(gpt2tui("info", "--recipe", "reference", "--json", home=tmp_path).out)["batch_size"] == 16


def test_what_is_unknown_is_one_line_that_names_what_there_is(tmp_path: Path) -> None:
    for words, part in (
        (["gpt3"], "gpt2-xl"),
        (["--recipe", "fats"], "reference"),
        (["nano", "--context", "4096"], "128"),
    ):
        found = gpt2tui("info", *words, home=tmp_path)
        assert (found.code, found.out) == (2, "")
        assert part in found.err
        assert len(found.err.splitlines()) == 1


def test_paths_are_told_and_not_made(tmp_path: Path) -> None:
    home = tmp_path / "home"
    facts = json.loads(gpt2tui("paths", "--json", home=home).out)
    assert facts["runs"] == str(home / "data" / "runs")
    assert facts["config_file"] == str(home / "config" / "config.toml")
    assert str(home / "cache") in gpt2tui("paths", home=home).out
    assert not home.exists()
