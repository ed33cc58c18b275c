"""``gpt2tui corpora``: data on stdout, and what is not here is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gpt2tui.cli.corpora import corpora_app
from gpt2tui.errors import CorpusError


@pytest.fixture(autouse=True)
def home_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPT2TUI_HOME", str(tmp_path / "home"))


def run(*words: str) -> str:
    result = CliRunner().invoke(corpora_app, words, catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_list_is_the_default_and_names_them_all() -> None:
    assert run() == run("list")
    entries = {entry["name"]: entry for entry in json.loads(run("list", "--json"))["corpora"]}
    assert entries["bundled"]["present"]
    assert entries["tiny-shakespeare"]["tokens"] == 338_025
    assert not entries["tiny-shakespeare"]["present"]
    assert json.loads(run("--json")) == json.loads(run("list", "--json"))


def test_show_tells_what_a_text_holds(tmp_path: Path) -> None:
    (tmp_path / "poem.txt").write_text("Hello world\nand more\x1b[2J\n")
    facts = json.loads(run("show", str(tmp_path / "poem.txt"), "--json"))
    assert (facts["name"], facts["bytes"], facts["documents"]) == ("poem", 25, 1)
    assert facts["first_lines"] == ["Hello world", "and more\x1b[2J"]
    assert "\x1b" not in run("show", str(tmp_path / "poem.txt"))
    bundled = json.loads(run("show", "bundled", "--json"))
    assert bundled["licence"] == "CC0-1.0"
    assert bundled["first_lines"]


def test_show_fetches_nothing() -> None:
    facts = json.loads(run("show", "tiny-shakespeare", "--json"))
    assert facts["present"] is False
    assert "first_lines" not in facts


def test_fetch_of_what_is_here_gives_its_path_and_an_unknown_name_is_refused() -> None:
    assert run("fetch", "bundled").strip().endswith("bundled.txt")
    with pytest.raises(CorpusError, match="no corpus is called 'x'; the names are: bundled, tiny-shakespeare"):
        run("fetch", "x")
