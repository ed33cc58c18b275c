"""``gpt2tui runs compare`` and ``plot``."""

from __future__ import annotations

import json
import os
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import msgspec
import pexpect
import pytest

from gpt2tui.runs.config import CorpusRecord
from gpt2tui.runs.store import RunStore
from tests.cli.program import call, gpt2tui_command
from tests.runs.synthetic import (
    START,
    make_run,
    started,
    step,
    whole_story,
)


def test_compare_shows_only_what_differs_and_the_results(store: RunStore) -> None:
    *story, end = whole_story()
    make_run(store, [*story, msgspec.structs.replace(end, seconds=500.0)], name="one", created=START, seed=1)
    make_run(store, [started(), step(5)], name="two", created=START + 5, seed=2)
    found = call(store, "runs", "compare", "one", "two")
    assert ["time", "in", "training", "8", "min", "20", "s", "5", "s"] in [
        line.split() for line in found.out.splitlines()
    ]
    names = [line.split("  ")[0] for line in found.out.splitlines()[1:]]
    assert names[0] == "seed"
    assert "name" not in names, "it may be another by now, and stands above"
    assert "block_size" not in names
    assert "best corpus loss" in names
    assert "block_size" in call(store, "runs", "compare", "one", "two", "--all").out
    facts = json.loads(call(store, "runs", "compare", "one", "two", "--json").out)["runs"]
    assert [one["config"]["seed"] for one in facts] == [1, 2]
    assert [one["results"]["step"] for one in facts] == [470, 5]
    assert [one["results"]["seconds"] for one in facts] == [500, 5]
    assert call(store, "runs", "compare", "one", "one").code == 2


def test_compare_breaks_the_columns_of_all_runs_alike_on_a_narrow_terminal(store: RunStore) -> None:
    for name, letter in (("one", "a"), ("two", "b")):
        corpus = CorpusRecord(name="text", sources=[], bytes=8, sha256=letter * 64, tokens=8, train_tokens=8)
        make_run(store, [started(), step(5)], name=name, corpus=corpus)
    environment = os.environ | {"GPT2TUI_HOME": str(store.folder.parent.parent), "TERM": "xterm"}
    command = [*gpt2tui_command(), "runs", "compare", "one", "two"]
    child = pexpect.spawn(command[0], command[1:], env=environment, timeout=20, dimensions=(24, 100))
    child.expect(pexpect.EOF)
    shown = child.before.decode()
    child.close()
    first, second = (max(map(len, re.findall(f"{letter}+", shown))) for letter in "ab")
    assert abs(first - second) <= 3


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
    assert found.code == 2
    assert "pip install 'gpt2tui[plot]'" in found.err
    assert len(found.err.splitlines()) == 1
