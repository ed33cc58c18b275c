"""The form that starts a training: what it posts, what it says of the run, and where its errors stand."""

from __future__ import annotations

import asyncio
import json
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from textual.events import Key, Paste
from textual.pilot import Pilot
from textual.widgets import Button, Collapsible, Select, Static

from gpt2tui.runs.model_config import PRESETS
from gpt2tui.runs.paths import Paths
from gpt2tui.runs.recipe import load_recipe
from gpt2tui.runs.store import RunStore
from gpt2tui.text import byte_size
from gpt2tui.tui.form.start_options import OPTIONS
from gpt2tui.tui.processes.asking import RefusedError
from gpt2tui.tui.processes.training import estimate, start_training
from gpt2tui.tui.widgets import estimated_form
from gpt2tui.tui.widgets.file_picker import FilePicker, FileTree
from gpt2tui.tui.widgets.start_form import StartForm
from tests.cli.program import gpt2tui
from tests.runs.synthetic import held, make_run, whole_story
from tests.tui.apps import text_of, until, until_text
from tests.tui.form_app import FormApp, estimated
from tests.tui.terminal import Terminal

WIDE = (140, 40)
SMALL = (80, 24)
BOOK = "The rain fell on the quay, and the bell rang. " * 40


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of texts, which the app is started in."""
    folder = tmp_path / "texts"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "book.txt").write_text(BOOK)
    return folder


def line_of(app: FormApp, name: str, of: str = "problem") -> str:
    """What stands below a field; empty where nothing is shown."""
    if not app.form.field(name).is_mounted:
        return ""
    line = app.form.field(name).query_one(f".{of}", Static)
    return str(line.render()) if line.display else ""


def error_of(app: FormApp) -> str:
    line = app.form.query_one(".error", Static)
    return str(line.render()) if line.display else ""


async def test_an_untouched_form_starts_the_default_run():
    app = FormApp()
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("ctrl+s")
        assert app.started == [[]]
        assert app.form.command == "gpt2tui train --headless"


async def test_it_is_filled_and_started_with_the_keyboard_alone(here: Path):
    app = FormApp()
    async with app.run_test(size=SMALL) as pilot:
        await pilot.press("enter")
        assert app.focused is app.form.field("text").control
        await pilot.press(*"book.txt", "tab", "tab")
        assert app.focused is app.form.field("preset").control
        await pilot.press("enter", *"nano", "enter", "tab", "tab")
        assert app.focused is app.form.field("target_loss").control
        await pilot.press("ctrl+u", *"1.5", "enter", *"30m", "enter", *"9", "enter", *"my run")
        assert app.started == []
        await pilot.press("enter")
        expected = "--preset nano --target-loss 1.5 --max-time 30m --max-steps 9 --name 'my run' book.txt"
        assert app.started == [shlex.split(expected)]
        assert app.form.command == f"gpt2tui train --headless {expected}"
        command = app.form.query_one(".command", Static)
        await until(pilot, lambda: str(command.render()) == app.form.command)


async def test_pressing_enter_twice_starts_one_run_and_a_failure_lets_it_be_started_again():
    app = FormApp()
    async with app.run_test(size=SMALL) as pilot:
        app.form.field("name").control.focus()
        await pilot.press("enter", "enter", "ctrl+s")
        assert len(app.started) == 1
        assert app.form.query_one("#start", Button).disabled
        app.form.show_busy(False)
        app.form.show_error("the disk is on fire")
        assert error_of(app) == "the disk is on fire"
        await pilot.press("ctrl+s")
        assert len(app.started) == 2
        assert error_of(app) == ""


async def test_the_start_button_starts():
    app = FormApp()
    async with app.run_test(size=SMALL) as pilot:
        app.form.query_one("#start", Button).focus()
        await pilot.press("enter")
        assert app.started == [[]]


async def test_esc_leaves_the_field_and_the_keys_of_the_form_go_on():
    app = FormApp()
    async with app.run_test(size=SMALL) as pilot:
        app.form.focus_first()
        await pilot.press(*"x1", "escape", "1", "q")
        assert app.form.field("text").value == "x1"
        assert app.focused is app.form
        await pilot.press("escape")
        assert app.focused is app.form
        await pilot.press("enter", "ctrl+u", "ctrl+s")
        assert app.started == [[]]


def test_keys_that_come_at_once_open_the_form_and_go_where_they_were_meant(here: Path, store: RunStore):
    make_run(store, whole_story())
    with Terminal([sys.executable, "-m", "gpt2tui"], size=WIDE) as terminal:
        terminal.wait_for("Below the target")
        terminal.send(b"nbok\x7fok.txt\t\t\t\t\x151.5\r30m\r9\x1b[Aq\x7f\x1b[B\x1b[Bquick\x1b[Hx")
        terminal.wait_for("--name xquick book.txt")
        for field, value in (
            ("Text", "book.txt"),
            ("Target loss", "1.5"),
            ("Time limit", "30m"),
            ("Step limit", "9"),
        ):
            terminal.wait_for(f" {field:<15} {value} ")


@pytest.mark.parametrize("tabs", [2, 3, 4])
async def test_an_enter_for_a_button_or_a_list_starts_nothing_whatever_follows_at_once(tabs: int):
    app = FormApp()
    async with app.run_test(size=WIDE) as pilot:
        for key in (*["tab"] * tabs, "enter", "tab", "tab", "7"):
            app.post_message(Key(key, key if len(key) == 1 else None))
        await pilot.pause(0.3)
        assert app.started == []


async def test_what_is_chosen_by_keys_that_come_at_once_is_taken_and_the_later_keys_go_on():
    app = FormApp()
    async with app.run_test(size=WIDE) as pilot:
        app.form.field("preset").control.focus()
        await pilot.pause()
        for key in ("enter", *"nano", "enter", "tab", "tab", "7"):
            app.post_message(Key(key, key if len(key) == 1 else None))
        await until(pilot, lambda: app.form.field("target_loss").value.endswith("7"))
        assert app.form.field("preset").value == "nano"
        assert app.focused is app.form.field("target_loss").control
        assert app.started == []
        for key in ("shift+tab", "shift+tab", "enter", "down", "tab", "enter", "escape", "tab", "8"):
            app.post_message(Key(key, key if len(key) == 1 else None))
        await until(pilot, lambda: app.form.field("target_loss").value.endswith("78"))
        assert app.form.field("preset").value == "nano"
        assert not [select for select in app.query(Select) if select.expanded]


async def test_up_and_down_pass_lists_by_and_nothing_starts_while_one_is_open():
    app = FormApp()
    async with app.run_test(size=WIDE) as pilot:
        app.form.focus_first()
        await pilot.press("down", "down", "down")
        assert app.focused is app.form.field("target_loss").control
        await pilot.press("up", "up")
        assert app.focused is app.form.field("preset").control
        await pilot.press("enter", "ctrl+s")
        assert app.form.field("preset").control.expanded
        assert app.started == []


async def test_the_last_letters_before_the_start_are_started_with():
    app = FormApp()
    async with app.run_test(size=WIDE) as pilot:
        for key in ("enter", *"book", "ctrl+s"):
            app.post_message(Key(key, key if len(key) == 1 else None))
        await until(pilot, lambda: app.started)
        assert app.started == [["book"]]


async def test_what_is_pasted_or_preset_is_shown_as_text():
    app = FormApp(name="a\x1b[31m\u202eb")
    async with app.run_test(size=WIDE) as pilot:
        assert app.form.field("name").control.value == "a^[[31m\\u202eb"
        app.form.field("text").control.post_message(Paste("[/red]\x1b[31m\x07\u202e\nmore"))
        await until(pilot, lambda: app.form.field("text").value)
        assert app.form.field("text").control.value == "[/red]^[[31m^G\\u202e"


async def test_keys_that_go_on_pass_the_button_beside_the_text_by():
    app = FormApp()
    async with app.run_test(size=WIDE) as pilot:
        for key in ("down", "enter"):
            app.form.focus_first()
            await pilot.press(key)
            assert app.focused is app.form.field("preset").control
        await pilot.press("up")
        assert app.focused is app.form.field("text").control
        browse = app.form.query_one("#browse")
        await pilot.press("tab")
        assert app.focused is browse
        await pilot.press("up")
        assert app.focused is app.form.field("text").control
        await pilot.press("tab", "down")
        assert app.focused is app.form.field("preset").control
        await pilot.press("shift+tab")
        assert app.focused is browse


async def test_up_and_down_go_through_the_fields():
    app = FormApp()
    async with app.run_test(size=SMALL) as pilot:
        app.form.field("target_loss").control.focus()
        await pilot.press("down", "down")
        assert app.focused is app.form.field("max_steps").control
        await pilot.press("up")
        assert app.focused is app.form.field("max_time").control


async def test_the_users_settings_are_what_the_form_begins_with():
    app = FormApp(preset="mini", max_time="2h", sample_prompt="DORCAS: ")
    async with app.run_test(size=WIDE):
        assert app.form.values()["preset"] == "mini"
        expected = ["--preset", "mini", "--max-time", "2h", "--sample-prompt", "DORCAS:"]
        assert app.form.words() == expected


async def test_a_value_of_the_environment_cannot_be_taken_back_silently(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GPT2TUI_TRAIN_MAX_TIME", "2h")
    app = FormApp()
    async with app.run_test(size=WIDE) as pilot:
        assert app.form.words() == ["--max-time", "2h"]
        app.form.field("max_time").control.focus()
        await pilot.press("ctrl+u", "ctrl+s")
        assert "unset GPT2TUI_TRAIN_MAX_TIME" in line_of(app, "max_time")
        assert app.started == []


async def test_what_is_wrong_stands_below_its_field_at_once_and_stops_the_start():
    app = FormApp()
    async with app.run_test(size=WIDE) as pilot:
        app.form.field("max_time").control.focus()
        await pilot.press(*"3x")
        assert "'3x' is not a time" in line_of(app, "max_time")
        app.form.focus_first()
        await pilot.press("ctrl+s")
        assert app.started == []
        assert app.focused is app.form.field("max_time").control
        await pilot.press("backspace", "m")
        assert line_of(app, "max_time") == ""
        await pilot.press("ctrl+s")
        assert app.started == [["--max-time", "3m"]]


async def test_what_is_wrong_behind_more_opens_it():
    app = FormApp()
    async with app.run_test(size=SMALL) as pilot:
        app.form.field("dropout").value = "2"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: app.focused is app.form.field("dropout").control)
        assert app.started == []
        assert not app.form.query_one(Collapsible).collapsed


async def test_more_is_opened_by_key_and_then_the_last_field_starts():
    app = FormApp()
    async with app.run_test(size=SMALL) as pilot:
        app.form.field("name").control.focus()
        await pilot.press("ctrl+l")
        await until(pilot, lambda: app.focused is app.form.field("block_size").control)
        await pilot.press("6", "4", "enter")
        assert app.started == []
        app.form.field("encoding").control.focus()
        await pilot.press("enter")
        await until(pilot, lambda: app.focused is app.form.field("split_on_eot").control)
        await pilot.press("ctrl+s")
        assert app.started == [["--block-size", "64"]]


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
    assert facts["time"] == "not known: no run of this shape has trained on this device yet"


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
        await pilot.press("ctrl+l")
        await until(pilot, lambda: app.focused is app.form.field("block_size").control)
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


async def test_the_form_has_the_keys_when_the_field_that_had_them_is_hidden(here: Path):
    app = FormApp(preset="nano")
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("ctrl+l")
        await until(pilot, lambda: app.focused is app.form.field("block_size").control)
        await pilot.press("ctrl+l")
        await until(pilot, lambda: app.form.query_one(Collapsible).collapsed)
        assert app.focused is app.form
        await pilot.press("ctrl+l")
        await until(pilot, lambda: app.focused is app.form.field("block_size").control)


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


async def test_a_text_that_is_not_there_is_told_without_a_child(here: Path):
    app = FormApp()
    async with app.run_test(size=WIDE) as pilot:
        app.form.field("text").value = "bok.txt"
        await until(pilot, lambda: line_of(app, "text"))
        assert "bok.txt: no such file or folder, nor one of bundled, tiny-shakespeare" in line_of(app, "text")
        app.form.field("text").value = "it's"
        await until(pilot, lambda: "quote" in line_of(app, "text"))
        await pilot.press("ctrl+s")
        assert app.started == []
        assert app.form.command == ""


async def test_what_is_marked_wrong_is_not_started_until_another_look_finds_it_mended(here: Path):
    app = FormApp(preset="nano")
    async with app.run_test(size=WIDE) as pilot:
        app.form.field("text").value = "late.txt"
        await until(pilot, lambda: "no such file" in line_of(app, "text"))
        marked = line_of(app, "text")
        await pilot.press("ctrl+s")
        assert app.started == []
        assert line_of(app, "text") == marked
        assert app.focused is app.form.field("text").control
        (here / "late.txt").write_text(BOOK)
        await pilot.press("ctrl+s")
        assert app.started == []
        await until(pilot, lambda: not line_of(app, "text"))
        await pilot.press("ctrl+s")
        assert app.started == [["--preset", "nano", "late.txt"]]


async def test_what_another_field_made_wrong_is_right_when_that_is_changed():
    app = FormApp(preset="nano")
    async with app.run_test(size=WIDE) as pilot:
        app.form.field("block_size").value = "512"
        await until(pilot, lambda: "more than the model's" in line_of(app, "block_size"))
        app.form.field("preset").value = "gpt2"
        await until(pilot, lambda: not line_of(app, "block_size"))


async def test_what_has_to_be_fetched_is_estimated_without_it_and_a_start_without_it_is_told_at_the_field():
    app = FormApp(preset="nano")
    async with app.run_test(size=WIDE) as pilot:
        app.form.field("text").value = "tiny-shakespeare"
        facts = await estimated(pilot)
        assert facts["text"] == "338,025 tokens, tiny-shakespeare: fetched when the run starts"
        assert "338,024 tokens, 165.1 steps of 16 x 128 tokens each" in facts.values()
        assert "not here yet" in line_of(app, "text", "note")
        assert app.form.words() == ["--preset", "nano", "tiny-shakespeare"]
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


async def test_a_failure_without_its_code_finds_the_field_by_its_words(here: Path):
    app = FormApp()
    async with app.run_test(size=WIDE) as pilot:
        app.form.field("text").value = "book.txt"
        await pilot.pause()
        app.form.show_error("book.txt: byte 3 is not UTF-8; dropout must lie in [0, 1), not 2")
        assert line_of(app, "text") == "book.txt: byte 3 is not UTF-8"
        await until(pilot, lambda: line_of(app, "dropout"))
        assert line_of(app, "dropout") == "dropout must lie in [0, 1), not 2"


async def test_a_run_that_lives_when_the_form_is_seen_is_warned_of(store: RunStore):
    make_run(store, whole_story())
    app = FormApp(preset="nano")
    async with app.run_test(size=WIDE) as pilot:
        await estimated(pilot)
        busy = app.form.query_one(".busy", Static)
        assert not busy.display
        app.form.display = False
        await pilot.pause()
        with held(make_run(store, whole_story(5)[:-1], name="the [red]first")):
            app.form.display = True
            await until(pilot, lambda: busy.display)
            assert str(busy.render()) == "run the [red]first trains on cpu already: both will be slower"
            await pilot.press("ctrl+s")
            assert app.started == [["--preset", "nano"]]
        app.form.show_busy(False)
        app.form.field("batch_size").value = "3"
        await until(pilot, lambda: not busy.display)


async def test_the_form_keeps_its_contents_when_it_is_hidden_or_resized(here: Path):
    app = FormApp()
    async with app.run_test(size=WIDE) as pilot:
        app.form.focus_first()
        await pilot.press(*"book.txt")
        app.form.field("seed").value = "7"
        values = app.form.values()
        for size in ((40, 10), SMALL, (20, 5), WIDE):
            await pilot.resize_terminal(*size)
            await pilot.pause()
        app.form.display = False
        await pilot.pause()
        app.form.display = True
        await pilot.pause()
        assert app.form.values() == values
        assert app.form.has_class("-wide")


async def test_all_of_it_can_be_reached_at_the_smallest_size():
    app = FormApp()
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.press("ctrl+l")
        for name in OPTIONS:
            control = app.form.field(name).control
            control.focus()
            await until(pilot, lambda control=control: app.screen.find_widget(control).visible_region.area, name)


async def test_ascii_mode_draws_ascii_only():
    app = FormApp(is_ascii=True, preset="nano")
    async with app.run_test(size=WIDE) as pilot:
        await estimated(pilot)
        await pilot.press("ctrl+l")
        app.form.field("preset").control.focus()
        await pilot.press("enter")
        await pilot.pause()
        assert "gpt2-medium" in text_of(app)
        assert text_of(app).isascii()


async def test_the_meaning_of_the_field_that_is_in_use_is_told():
    app = FormApp()
    async with app.run_test(size=SMALL) as pilot:
        app.form.field("max_time").control.focus()
        await until(pilot, lambda: OPTIONS["max_time"].meaning in text_of(app))
        assert all(app.form.field(name).tooltip == option.meaning for name, option in OPTIONS.items())


async def test_what_is_typed_takes_the_place_of_a_default_and_not_of_what_was_typed(here: Path):
    app = FormApp(preset="nano")
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("ctrl+l")
        field = app.form.field("checkpoint_every")
        await until(pilot, lambda: field.is_mounted)
        for expected in ("9", "98"):
            field.control.focus()
            await until(pilot, lambda: app.focused is field.control)
            await pilot.press(expected[-1])
            assert field.value == expected
            await pilot.press("escape")


async def test_the_command_is_copied(here: Path):
    app = FormApp(preset="nano")
    async with app.run_test(size=SMALL) as pilot:
        await pilot.press("ctrl+y")
        assert app.clipboard == "gpt2tui train --headless --preset nano"


async def picking(app: FormApp, pilot: Pilot[None]) -> None:
    """Wait until a text can be chosen."""
    await until(pilot, lambda: app.screen.query(FileTree) and app.screen.query_one(FileTree).root.children)


async def test_a_file_with_any_name_is_chosen_and_another_text_takes_its_place(here: Path):
    name = 'Don\'s "own" [red]book $x.txt'
    shutil.move(here / "book.txt", here / name)
    app = FormApp(preset="nano")
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("ctrl+o")
        await picking(app, pilot)
        assert name in text_of(app)
        await pilot.press("down", "enter")
        await until(pilot, lambda: not isinstance(app.screen, FilePicker))
        assert app.form.words() == ["--preset", "nano", name]
        assert name.removesuffix(".txt") in (await estimated(pilot))["text"]
        assert not app._notifications

        await pilot.press("ctrl+o")
        await picking(app, pilot)
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, FilePicker))
        assert app.form.words() == ["--preset", "nano", name]
        await pilot.press("ctrl+o")
        await picking(app, pilot)
        await pilot.press("shift+tab", "shift+tab", "down", "enter")
        await until(pilot, lambda: not isinstance(app.screen, FilePicker))
        assert app.form.field("text").value == "tiny-shakespeare"
        (notice,) = app._notifications
        assert "tiny-shakespeare instead of 'Don" in notice.message


async def test_after_a_choice_by_the_button_the_text_has_the_keys_and_down_goes_on(here: Path):
    app = FormApp(preset="nano")
    async with app.run_test(size=WIDE) as pilot:
        app.form.query_one("#browse").focus()
        await pilot.press("enter")
        await picking(app, pilot)
        await pilot.press("down", "enter")
        await until(pilot, lambda: not isinstance(app.screen, FilePicker))
        assert app.focused is app.form.field("text").control
        await pilot.press("down", "enter")
        assert app.form.field("preset").control.expanded
        assert app.form.field("text").value == "book.txt"


async def test_what_is_typed_after_a_text_was_chosen_stands_behind_it(here: Path):
    app = FormApp(preset="nano")
    async with app.run_test(size=WIDE) as pilot:
        app.form.focus_first()
        await pilot.press("b", "o", "ctrl+o")
        await picking(app, pilot)
        await pilot.press("down", "enter")
        await until(pilot, lambda: not isinstance(app.screen, FilePicker))
        await pilot.press("space", "c")
        assert app.form.field("text").value == "book.txt c"


def test_every_key_of_the_form_has_an_id_and_says_what_it_does():
    for binding in StartForm.BINDINGS:
        assert binding.id.startswith("form.")
        assert binding.tooltip
