"""Exports from the table of runs: each format's command, real files, refusals, and leaving the app meanwhile."""

from __future__ import annotations

import json
import os
import sys
import textwrap
from pathlib import Path

import pytest
from safetensors import safe_open
from textual.widgets import Input, Static
from typer.main import get_command

from gpt2tui.cli.export import export_app
from gpt2tui.runs.run import Run
from gpt2tui.runs.store import RunStore
from gpt2tui.tui.farewell import farewell
from gpt2tui.tui.processes import asking
from gpt2tui.tui.processes.exporting import under_way
from gpt2tui.tui.run_export import EXPORT_KINDS
from gpt2tui.tui.save_target import SaveTarget
from gpt2tui.tui.widgets.question import Ask
from tests.runs.synthetic import held, make_run, wait_until
from tests.tiny import tiny_run, tiny_run_config
from tests.tui.apps import text_of, until, until_text
from tests.tui.listing import NOW, opened


@pytest.fixture
def run(store: RunStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run with a checkpoint of random weights; the app is started in an empty folder."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return tiny_run(store.folder, config=tiny_run_config(name="dog"))


def become(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    """Make the program's children run these lines of Python."""
    monkeypatch.setattr(asking, "PROGRAM", (sys.executable, "-c", textwrap.dedent(program)))


async def test_what_needs_a_package_that_is_not_there_says_so_before_it_is_chosen(run: Run, monkeypatch):
    monkeypatch.setattr("gpt2tui.tui.run_export.find_spec", lambda name: None)
    async with opened() as (pilot, _):
        await pilot.press("w")
        await until_text(pilot, "a safetensors file")
        lines = [str(line.render()) for line in pilot.app.screen.query(".option").results(Static)]
        assert ["needs pip install 'gpt2tui[gguf]'" in line for line in lines] == [False, True, True, False, False]


async def test_a_run_is_exported_and_a_file_in_the_way_is_replaced_after_a_second_enter(run: Run):
    file = Path("dog.safetensors")
    file.write_text("something else")
    async with opened() as (pilot, _):
        await pilot.press("w")
        await until_text(pilot, f"Export dog ({run.id}), step")
        await pilot.press("f", "enter")
        await until_text(pilot, "dog.safetensors exists; enter once more replaces it")
        await pilot.press("enter")
        await until_text(pilot, f"dog: wrote {file.absolute()}")
    with safe_open(str(file), "numpy") as weights:
        assert "gpt2tui" in weights.metadata()


@pytest.mark.parametrize("kind", EXPORT_KINDS, ids=lambda kind: kind.key)
async def test_each_format_is_a_command_that_there_is(kind, run: Run, monkeypatch: pytest.MonkeyPatch):
    become(
        monkeypatch,
        """
        import json, os, sys
        json.dump([sys.argv[1:], os.environ.get("OMP_NUM_THREADS")], open("said", "w"))
        print("gpt2tui: run dog", "gpt2tui: wrote it", "gpt2tui: take care", sep="\\n", file=sys.stderr)
        """,
    )
    monkeypatch.delenv("OMP_NUM_THREADS")
    async with opened() as (pilot, screen):
        await pilot.press("w")
        await until_text(pilot, f"{kind.key}  {kind.words}")
        await pilot.press(kind.key)
        await until(pilot, lambda: isinstance(screen.app.screen, Ask))
        await until_text(pilot, f"Write {kind.words} to")
        await pilot.press("enter")
        await until_text(pilot, "wrote it; take care")
    words, threads = json.loads(Path("said").read_text())
    destination = Path(f"dog{kind.ending}").absolute()
    assert words == ["export", *kind.command, str(destination), "--run", str(run.folder)]
    assert threads is None
    command = get_command(export_app).commands[words[1]]  # type: ignore[attr-defined]
    parsed = command.make_context(words[1], words[2:]).params
    assert Path(parsed["folder" if kind.is_folder else "file"]) == destination


async def test_beside_a_training_an_export_takes_one_thread(run: Run, monkeypatch: pytest.MonkeyPatch):
    become(monkeypatch, "import os, sys; print('wrote', os.environ['OMP_NUM_THREADS'], 'thread', file=sys.stderr)")
    monkeypatch.delenv("OMP_NUM_THREADS")
    with held(run):
        async with opened() as (pilot, _):
            await pilot.press("w", "f", "enter")
            await until_text(pilot, "wrote 1 thread")


async def test_without_a_checkpoint_there_is_nothing_to_export(store: RunStore):
    make_run(store, name="young")
    async with opened() as (pilot, screen):
        await pilot.press("w")
        await until_text(pilot, "young has no checkpoint yet, so there is nothing to export")
        assert screen.app.screen is screen


async def test_what_went_wrong_is_told(run: Run, monkeypatch: pytest.MonkeyPatch):
    become(monkeypatch, "import sys; sys.exit('gpt2tui: export gguf needs the extra [/red] gguf')")
    async with opened() as (pilot, _):
        await pilot.press("w", "g", "enter")
        await until_text(pilot, "dog is not exported: export gguf needs the extra [/red] gguf")


async def test_as_long_as_it_is_written_that_is_said_and_for_how_long(run: Run, monkeypatch: pytest.MonkeyPatch):
    os.mkfifo("gate")
    become(monkeypatch, "import sys; open('gate').read(); print('wrote it', file=sys.stderr)")
    writing = f"dog: writing {Path('dog.gguf').absolute()}, "
    async with opened() as (pilot, screen):
        await pilot.press("w", "g", "enter")
        await until_text(pilot, f"{writing}0 s")
        await pilot.press("down", "c")
        await until_text(pilot, "compare needs two different runs")
        monkeypatch.setattr(screen.app, "now", lambda: NOW + 75)
        await pilot.press("down")
        await until_text(pilot, f"{writing}1 min 15 s")
        monkeypatch.setattr(screen.app, "now", lambda: NOW + 130)
        await until_text(pilot, f"{writing}2 min 10 s")
        Path("gate").write_text("go on")
        await until_text(pilot, "dog: wrote it")
        await pilot.press("down")
        await pilot.pause()
        assert "writing" not in text_of(screen.app)


async def test_who_is_elsewhere_by_then_is_told_there(run: Run, monkeypatch: pytest.MonkeyPatch):
    os.mkfifo("gate")
    become(monkeypatch, "import sys; open('gate').read(); print('wrote it', file=sys.stderr)")
    async with opened() as (pilot, screen):
        await pilot.press("w", "g", "enter", "1")
        await until(pilot, lambda: screen.app.screen is not screen)
        Path("gate").write_text("go on")
        await until(pilot, lambda: [notice.message for notice in screen.app._notifications] == ["dog: wrote it"])


async def test_esc_exports_nothing_from_either_question(run: Run):
    async with opened() as (pilot, screen):
        for keys in (["w"], ["w", "t"]):
            await pilot.press(*keys)
            await until(pilot, lambda: screen.app.screen is not screen)
            await pilot.press("escape")
            await until(pilot, lambda: screen.app.screen is screen)
    assert not list(Path().iterdir())
    assert not under_way()


async def test_an_export_goes_on_when_the_app_is_left_which_says_so(
    store: RunStore, run: Run, monkeypatch: pytest.MonkeyPatch
):
    os.mkfifo("gate")
    become(monkeypatch, "open('gate').read(); open('done', 'w').close()")
    destination = Path("dog.gguf").absolute()
    async with opened() as (pilot, screen):
        await pilot.press("w", "g")
        await until(pilot, lambda: isinstance(screen.app.screen, Ask))
        field = screen.app.screen.query_one(Input)
        assert field.value == "dog.gguf"
        await pilot.press("enter")
        await until_text(pilot, "writing")
        await until(pilot, under_way)
    assert farewell(store, None, under_way())[-1] == f"still being written: {destination}"
    Path("gate").write_text("go on")
    wait_until(lambda: not under_way())
    assert Path("done").exists()


def test_a_folder_with_something_in_it_is_not_replaced(tmp_path: Path):
    target = SaveTarget(is_folder=True)
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis").touch()
    for _ in range(2):
        assert target.problem(str(tmp_path / "full")) == f"{tmp_path / 'full'} exists; type another name"
    assert (
        target.problem(str(tmp_path / "full" / "thesis")) == f"{tmp_path / 'full' / 'thesis'} exists; type another name"
    )
    assert target.problem(str(tmp_path / "empty")) is None
    assert target.problem(str(tmp_path / "new")) is None
    assert target.problem(str(tmp_path / "no" / "new")) == f"the folder {tmp_path / 'no'} does not exist"
    assert target.problem(" ") == "type the name of a folder"
