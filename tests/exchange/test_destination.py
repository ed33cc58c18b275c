"""Where an export may be written: nothing is lost that is no earlier export, and nothing is half written."""

from __future__ import annotations

import os
import re
import resource
from functools import partial
from pathlib import Path

import pytest
from safetensors import SafetensorError

from gpt2tui.errors import Gpt2TuiError, UsageError
from gpt2tui.exchange.destination import writing
from gpt2tui.exchange.gguf_file import export_gguf
from gpt2tui.exchange.safetensors_file import export_file
from gpt2tui.exchange.source import Source
from gpt2tui.exchange.space import export_space
from gpt2tui.exchange.transformers_folder import export_folder
from gpt2tui.runs.paths import Paths
from gpt2tui.runs.run import Run
from tests.cli.program import gpt2tui
from tests.tiny import tiny_run, tiny_run_config

KINDS = ("transformers", "safetensors", "gguf", "space")


@pytest.fixture
def run() -> Run:
    return tiny_run(Paths.from_environment().runs, config=tiny_run_config(name="dog"))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, two below one that holds nothing else."""
    place = tmp_path / "mine" / "here"
    place.mkdir(parents=True)
    monkeypatch.chdir(place)
    Path.home().mkdir()
    return place


def kept(destination: Path, words: str) -> None:
    """See that nothing is written there, not even by force."""
    with pytest.raises(UsageError) as caught, writing(destination, force=True, size=1):
        raise AssertionError("it was begun")
    assert str(caught.value).startswith(f"{destination} cannot be replaced: ")
    assert words in str(caught.value)
    assert "name another place" in str(caught.value)


def test_what_holds_the_current_folder_home_or_runs_is_kept(run: Run, place: Path):
    for inner in (place, Path.home(), run.folder.parent):
        for folder in (inner, *inner.parents):
            kept(folder, "holds it")


def test_runs_are_kept(run: Run, place: Path):
    kept(run.folder.parent / "new", "among the runs")
    elsewhere = place / "elsewhere"
    run.folder.rename(elsewhere)
    for inner in (elsewhere, elsewhere / "new", elsewhere / "tokens.bin", elsewhere / "checkpoints"):
        kept(inner, "among the runs")


def test_what_is_neither_file_nor_folder_is_kept(place: Path):
    os.mkfifo(place / "pipe")
    kept(place / "pipe", "neither a file nor a folder")


def refused(kind: str, destination: Path) -> None:
    done = gpt2tui("export", kind, str(destination), "--run", "dog", "--force")
    assert done.code == 2, done.err
    assert "out cannot be replaced: it is no earlier export of this kind" in done.err.splitlines()[-1]


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_is_replaced_only_where_it_is_an_earlier_export(run: Run, place: Path, kind: str):
    mine = place / "out"
    mine.mkdir()
    (mine / "README.md").write_text("mine")
    refused(kind, mine)
    (mine / "README.md").unlink()
    for words in ([], ["--force"]):
        done = gpt2tui("export", kind, str(mine), "--run", "dog", *words)
        assert done.code == 0, done.err
    if mine.is_dir():
        refused("space" if kind == "transformers" else "transformers", mine)
        (mine / "notes.txt").write_text("mine")
        refused(kind, mine)
        assert (mine / "notes.txt").read_text() == "mine"


EXPORTS = {
    "transformers": export_folder,
    "safetensors": export_file,
    "gguf": partial(export_gguf, kind="f32"),
    "space": export_space,
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_system_refuses_on_the_way_is_told_of_the_destination(run: Run, place: Path, kind: str):
    source = Source.of(run)
    _ = source.model
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))  # bytes of a file; the weights alone have more
    try:
        with pytest.raises(Gpt2TuiError) as caught:
            EXPORTS[kind](source, place / "out", force=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert str(caught.value).startswith(f"{place / 'out'} cannot be written: ")
    assert "File too large" in str(caught.value)
    assert ".out." not in str(caught.value)
    assert list(place.iterdir()) == []


def test_a_full_disk_is_told_as_safetensors_tells_it(place: Path):
    told = "Error while serializing: I/O error: No space left on device (os error 28)"
    with (
        pytest.raises(Gpt2TuiError, match=rf"out cannot be written: {re.escape(told)}"),
        writing(place / "out", force=False, size=1),
    ):
        raise SafetensorError(told)


@pytest.mark.parametrize("length", [250, 300])
def test_a_name_that_is_too_long(run: Run, place: Path, length: int):
    done = gpt2tui("export", "safetensors", "x" * length, "--run", "dog")
    assert done.code == 1
    assert done.err.splitlines()[1] == (
        f"gpt2tui: {'x' * length} cannot be written: File name too long; name another place, or make room in this one"
    )
