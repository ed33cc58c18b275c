"""The estimate in the form: that of the command line, of what is in the fields now, or none."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Collapsible

from gpt2tui.runs.model_config import PRESETS
from gpt2tui.runs.paths import Paths
from gpt2tui.runs.recipe import load_recipe
from gpt2tui.runs.store import RunStore
from gpt2tui.text import byte_size
from gpt2tui.tui.processes.asking import RefusedError
from gpt2tui.tui.processes.training import estimate, start_training
from gpt2tui.tui.widgets import estimated_form
from tests.cli.program import gpt2tui
from tests.runs.synthetic import make_run, whole_story
from tests.tui.apps import text_of, until, until_text
from tests.tui.form_app import WIDE, FormApp, estimated, line_of, open_more


async def test_the_estimate_is_that_of_the_command_line(here: Path):
    app = FormApp(preset="nano")
    async with app.run_test(size=WIDE) as pilot:
        app.form.field("text").value = "book.txt"
        app.form.field("batch_size").value = "3"
        facts = await estimated(pilot)
        words = app.form.words()
    told = json.loads(gpt2tui("train", "--headless", "--dry-run", "--json", *words).out)
    assert facts["model"] == f"{told['parameters']:,} parameters"
    assert facts["text"] == f"{told['tokens']:,} tokens, book"
    assert facts["pass"] == (
        f"{told['tokens_per_pass']:,} tokens, {told['steps_per_pass']:,.1f} steps of "
        f"3 x {told['block_size']} tokens each"
    )
    assert facts["device"] == f"{told['device']}, {told['dtype']}"
    assert facts["memory"].startswith(f"about {byte_size(told['memory'])} of {byte_size(told['memory_total'])}")
    assert facts["disk"].startswith(f"up to {byte_size(told['disk'])}, ")
    assert facts["time"].endswith(" to the target, if it takes 11 to 32 passes")


async def test_an_estimate_that_comes_when_all_was_taken_down_is_of_no_interest(monkeypatch: pytest.MonkeyPatch):
    asked, answered = asyncio.Event(), asyncio.Event()

    async def late(words: list[str]) -> dict[str, Any]:
        asked.set()
        await answered.wait()
        return await estimate(words)

    monkeypatch.setattr(estimated_form, "estimate", late)
    app = FormApp(preset="nano")
    async with app.run_test(size=WIDE) as pilot:
        await asked.wait()
        worker = next(worker for worker in app.workers if worker.group == "estimate")
        form = app.form
        await form.remove_children()
        answered.set()
        await worker.wait()
        form._wait_and_ask()
        await pilot.pause()


async def test_the_time_is_told_from_runs_before_and_a_change_makes_all_of_it_stale(store: RunStore):
    nano = {"model": PRESETS["nano"], "recipe": load_recipe("fast")}
    make_run(store, whole_story(470), name="play", **nano)
    app = FormApp(preset="nano")
    async with app.run_test(size=WIDE) as pilot:
        facts = await estimated(pilot)
        assert facts["time"].startswith("about 28 min 8 s to the target, if it takes 47.0 passes as run play")
        assert facts[""] == "a pass takes about 36 s here"
        start = app.form.query_one("#start").region
        app.form.field("preset").value = "mini"
        await pilot.pause()
        assert app.facts == {}
        assert app.form.query_one(".facts").has_class("-stale")
        assert "before the change; estimating" in text_of(app)
        assert app.form.query_one("#start").region == start
        after = await estimated(pilot)
        assert (facts["model"], after["model"]) == ("7,044,352 parameters", "30,044,544 parameters")
        assert not app.form.query_one(".facts").has_class("-stale")


async def test_a_run_that_does_not_fit_the_memory_is_asked_about(monkeypatch: pytest.MonkeyPatch):
    async def too_much(words: list[str]) -> dict[str, Any]:
        return await estimate(words) | {"memory": 10**15}

    monkeypatch.setattr(estimated_form, "estimate", too_much)
    app = FormApp(preset="nano")
    async with app.run_test(size=WIDE) as pilot:
        await estimated(pilot)
        await pilot.press("ctrl+s")
        await until_text(pilot, "it does not fit")
        assert "Start it? memory: about 1,000.0 TB of " in text_of(app)
        await pilot.press("escape")
        assert app.started == []
        await pilot.press("ctrl+s", "s")
        assert app.started == [["--preset", "nano"]]


def has_only(app: FormApp, status: str) -> bool:
    """Whether the estimate is this line alone."""
    text = text_of(app)
    return status in text and "7,044,352 parameters" not in text


async def test_what_the_child_finds_wrong_stands_below_its_field_and_no_figures_beside_it(here: Path):
    (here / "tiny.txt").write_text("few words")
    app = FormApp(preset="nano")
    async with app.run_test(size=WIDE) as pilot:
        await until_text(pilot, "7,044,352 parameters")
        app.form.field("target_loss").value = "low"
        await until(pilot, lambda: has_only(app, "no estimate: see target loss"))
        app.form.field("target_loss").value = ""
        await until(pilot, lambda: has_only(app, "estimating"))
        assert "before the change" not in text_of(app)
        await open_more(pilot)
        await pilot.press(*"4096", "ctrl+l")
        await until(pilot, lambda: line_of(app, "block_size"), "the complaint")
        assert line_of(app, "block_size") == "block-size 4096 is more than the model's 128"
        assert not app.form.query_one(Collapsible).collapsed
        assert app.form.field("block_size").is_mounted
        app.form.field("block_size").value = ""
        app.form.field("text").value = "tiny.txt"
        await until(pilot, lambda: has_only(app, "no estimate: see text"))
        assert "tiny is too small" in line_of(app, "text")
        app.form.field("text").value = "book.txt"
        await until_text(pilot, "7,044,352 parameters")
        assert line_of(app, "text") == ""


async def test_figures_of_a_start_that_is_refused_for_its_words_are_taken_away(here: Path):
    app = FormApp(preset="nano")
    async with app.run_test(size=WIDE) as pilot:
        app.form.field("text").value = "book.txt"
        await estimated(pilot)
        app.form.show_error("the disk is full")
        await until_text(pilot, "the disk is full")
        await until_text(pilot, "7,044,352 parameters")
        app.form.show_error("book.txt: no such file or folder")
        await until(pilot, lambda: has_only(app, "no estimate: see text"))


async def test_what_has_to_be_fetched_is_estimated_without_it_and_a_start_without_it_is_told_at_the_field():
    app = FormApp(preset="nano")
    async with app.run_test(size=WIDE) as pilot:
        app.form.field("text").value = "tiny-shakespeare"
        facts = await estimated(pilot)
        assert facts["text"] == "338,025 tokens, tiny-shakespeare: fetched when the run starts"
        assert "338,024 tokens, 165.1 steps of 16 x 128 tokens each" in facts.values()
        assert "not here yet" in line_of(app, "text", "note")
        assert app.form.words() == ["tiny-shakespeare", "--preset", "nano"]
        assert not list(Paths.from_environment().corpora.glob("*"))

        app.form.field("text").value = "http://127.0.0.1:9/book.txt"
        await until(pilot, lambda: "book.txt" in app.facts.get("text", ""))
        assert app.facts["text"] == "tokens not known, http://127.0.0.1:9/book.txt: fetched when the run starts"
        assert app.facts["pass"].startswith("not known")

        await pilot.press("ctrl+s")
        with pytest.raises(RefusedError) as failure:
            await start_training(("train", *app.started[0]))
        app.form.show_busy(False)
        app.form.show_error(failure.value)
        await pilot.pause()
        assert "it cannot be fetched" in line_of(app, "text")
        assert app.focused is app.form.field("text").control
