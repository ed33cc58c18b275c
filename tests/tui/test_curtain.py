"""What is drawn before the app is imported is what the app draws there, and is gone where the app never comes."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from tests.runs.synthetic import make_run, whole_story
from tests.tui.terminal import Terminal, modes_on

APP = [sys.executable, "-m", "gpt2tui"]
NARROW = (24, 10)


def first_row(terminal: Terminal) -> list[tuple[str, str, str, bool]]:
    """Every sign of it with its colours, and whether it is bold."""
    signs = [terminal.screen.buffer[0][column] for column in range(32)]
    return [(sign.data, "" if sign.data == " " else sign.fg, sign.bg, sign.data != " " and sign.bold) for sign in signs]


def with_textual(folder: Path, source: str) -> dict[str, str | None]:
    """An environment in which Textual is this."""
    (folder / "textual").mkdir()
    (folder / "textual" / "__init__.py").write_text(source)
    return {"PYTHONPATH": f"{folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}


@pytest.fixture
def stopped(tmp_path: Path) -> dict[str, str | None]:
    """An environment in which the import of Textual takes until a signal comes."""
    return with_textual(tmp_path, "import signal\nsignal.pause()\nraise SystemExit(70)\n")


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("has_runs", [False, True])
def test_the_app_draws_the_same_line_over_it(store, stopped, theme: str, has_runs: bool) -> None:
    if has_runs:
        make_run(store, whole_story())
    words = [*APP, "--theme", theme]
    with Terminal(words, environment=stopped) as curtain, Terminal(words) as app:
        curtain.wait_for("3 Runs")
        app.wait_for("loss, log" if has_runs else "Files, folders, globs")
        app.wait_until(lambda: first_row(app) == first_row(curtain), "the same line")
        ground = bytes.fromhex(app.screen.buffer[1][0].bg)  # to which the terminal clears all of its cells
        assert "\x1b[48;2;{};{};{}m\x1b[2J".format(*ground).encode() in curtain.output
        assert app.output.count(b"\x1b[?1049h") == 1


def test_without_true_colour_it_has_the_terminal_s_own(stopped) -> None:
    for environment in ({"COLORTERM": None}, {"NO_COLOR": "1"}):
        with Terminal(APP, environment=stopped | environment) as curtain:
            curtain.wait_for("f1 Train  f2 Generate  f3 Runs")
            assert {(fg, bg) for _, fg, bg, _ in first_row(curtain)} == {("default", "default"), ("", "default")}


def test_it_is_no_wider_than_the_terminal(stopped) -> None:
    with Terminal(APP, size=NARROW, environment=stopped) as curtain:
        curtain.wait_for("f2 Gene")
        assert curtain.screen.display[1].strip() == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_takes_it_away(stopped, number: signal.Signals) -> None:
    with Terminal(APP, environment=stopped) as curtain:
        curtain.wait_for("3 Runs")
        curtain.process.send_signal(number)
        assert curtain.wait_end() == -number
        assert modes_on(curtain.output) == {"25"}
        assert curtain.is_as_before


def test_ctrl_c_takes_it_away(stopped) -> None:
    with Terminal(APP, environment=stopped) as curtain:
        curtain.wait_for("3 Runs")
        curtain.send(b"\x03")
        assert curtain.wait_end() == -signal.SIGINT
        assert modes_on(curtain.output) == {"25"}


def test_an_error_before_the_app_is_there_is_said_on_the_normal_screen(tmp_path: Path) -> None:
    environment = with_textual(tmp_path, "raise ImportError('its files are gone')\n")
    with Terminal(APP, environment=environment) as curtain:
        assert curtain.wait_end() == 1
        assert b"its files are gone" in curtain.output.rpartition(b"\x1b[?1049l")[2]
        assert modes_on(curtain.output) == {"25"}


def test_in_the_background_nothing_is_drawn(stopped) -> None:
    code = f"import os, subprocess; subprocess.Popen({APP}, process_group=0).wait()"
    with Terminal([sys.executable, "-c", code], environment=stopped) as shell:
        child = shell.wait_until(lambda: _child_in_textual(shell.process.pid), "the child")
        assert b"1049h" not in shell.output
        os.kill(child, signal.SIGTERM)
        assert shell.wait_end() == 0


def _child_in_textual(pid: int) -> int | None:
    """The child, once it waits in what stands in for Textual."""
    import psutil

    for child in psutil.Process(pid).children():
        if child.status() == psutil.STATUS_SLEEPING and "pause" in Path(f"/proc/{child.pid}/wchan").read_text():
            return child.pid
    return None
