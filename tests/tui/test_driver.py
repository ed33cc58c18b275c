"""The terminal is left as it was found whatever ends the app, and nothing it sends can harm the app."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.tui.terminal import Terminal, modes_on


class Listening(Terminal):
    """The app that writes down what it hears."""

    def __init__(self, log: Path, *options: str, **more: object) -> None:
        super().__init__([sys.executable, "-m", "tests.tui.listening_app", log, *options], **more)
        self._log = log
        self.wait_until(lambda: "mounted" in self.heard, "the start")
        self.wait_for("listening")

    @property
    def heard(self) -> str:
        return self._log.read_text() if self._log.exists() else ""

    def wait_heard(self, line: str) -> None:
        self.wait_until(lambda: f"{line}\n" in self.heard, line)

    def press_f(self, number: int) -> None:
        self.send(
            {5: b"\x1b[15~", 6: b"\x1b[17~", 7: b"\x1b[18~", 8: b"\x1b[19~", 9: b"\x1b[20~", 10: b"\x1b[21~"}[number]
        )

    def assert_given_back(self) -> None:
        """Echo, cursor, mouse, screen, keyboard: as if nothing had been."""
        self.read(0.2)
        assert self.is_as_before
        assert modes_on(self.output) <= {"25", "7"}
        assert modes_on(self.output) >= {"25"}
        assert self.output.count(b"\x1b[>25u") <= self.output.count(b"\x1b[<u")


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Listening]:
    with Listening(tmp_path / "heard") as terminal:
        yield terminal


def test_the_terminal_is_taken_and_given_back(app: Listening) -> None:
    assert not app.is_as_before
    assert modes_on(app.output) >= {"1049", "1000", "1003", "1006", "2004", "1004"}
    app.press_f(9)
    assert app.wait_end() == 0
    app.assert_given_back()
    assert b"the summary stays" in app.output.rpartition(b"\x1b[?1049l")[2]


def test_a_terminal_with_one_screen_alone_is_left_without_the_apps_last_picture(app: Listening) -> None:
    app.press_f(9)
    assert app.wait_end() == 0
    app.read(0.2)
    assert [line.strip() for line in app.screen.display if line.strip()] == ["the summary stays"]  # pyte has but one


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1])
def test_a_signal_ends_the_app_in_order(app: Listening, number: signal.Signals) -> None:
    app.process.send_signal(number)
    assert app.wait_end() == 128 + number
    app.assert_given_back()
    assert b"the summary stays" in app.output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_an_app_that_hangs(app: Listening, number: signal.Signals) -> None:
    app.press_f(10)
    app.wait_heard("key f10")
    app.process.send_signal(number)
    assert app.wait_end() == 128 + number
    app.assert_given_back()


def test_a_crash_gives_the_terminal_back(app: Listening) -> None:
    app.press_f(5)
    assert app.wait_end() == 1
    app.assert_given_back()
    assert b"a crash on purpose" in app.output.rpartition(b"\x1b[?1049l")[2]


_CRASH = """
from gpt2tui.__main__ import main
from gpt2tui.tui.app import Gpt2TuiApp

def crash(self):
    raise ValueError("a crash\\non purpose")

Gpt2TuiApp._look = crash
main()
"""


def test_an_error_that_ends_the_app_is_one_line_and_a_traceback_only_with_debug(store) -> None:
    for options in ((), ("--debug",)):
        with Terminal([sys.executable, "-c", _CRASH, *options]) as terminal:
            assert terminal.wait_end() == 1
            said = terminal.output.rpartition(b"\x1b[?1049l")[2].decode()
            assert "unexpected ValueError: a crash on purpose (--debug shows where)" in " ".join(said.split())
            assert ("Traceback" in said) == bool(options)
            assert options or said.count("\n") <= 2
            assert terminal.is_as_before


def test_an_exit_in_the_loop_gives_the_terminal_back(app: Listening) -> None:
    app.press_f(6)
    assert app.wait_end() == 7
    app.assert_given_back()


def test_an_exit_in_a_thread_ends_the_thread_alone(app: Listening) -> None:
    app.press_f(7)
    app.wait_heard("key f7")
    app.send(b"a")
    app.wait_heard("key a")
    app.press_f(9)
    assert app.wait_end() == 0
    app.assert_given_back()


def test_a_lost_terminal_ends_the_app(app: Listening) -> None:
    app.hang_up()
    assert app.process.wait(20) == 129


def test_a_terminal_lost_without_a_signal_ends_the_app_too(tmp_path: Path) -> None:
    code = (
        "import signal, sys, runpy; signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP});"
        "sys.argv = ['listening_app', sys.argv[1]];"
        "runpy.run_module('tests.tui.listening_app', run_name='__main__')"
    )
    log = tmp_path / "heard"
    with Terminal([sys.executable, "-c", code, log]) as terminal:
        terminal.wait_for("listening")
        terminal.hang_up()
        assert terminal.process.wait(20) == 129


def test_suspended_and_back(app: Listening) -> None:
    app.press_f(8)
    app.wait_until(lambda: psutil.Process(app.process.pid).status() == psutil.STATUS_STOPPED, "the stop")
    app.assert_given_back()
    app.screen.reset()
    app.process.send_signal(signal.SIGCONT)
    app.wait_heard("resumed")
    app.wait_until(lambda: not app.is_as_before and "1049" in modes_on(app.output), "the return")
    app.wait_for("listening")
    app.send(b"b")
    app.wait_heard("key b")
    app.press_f(9)
    assert app.wait_end() == 0
    app.assert_given_back()


def test_stopped_without_a_word_and_continued(app: Listening) -> None:
    app.process.send_signal(signal.SIGSTOP)
    app.wait_until(lambda: psutil.Process(app.process.pid).status() == psutil.STATUS_STOPPED, "the stop")
    import termios

    termios.tcsetattr(app.slave, termios.TCSANOW, app.before)  # what a shell does
    app.screen.reset()
    app.process.send_signal(signal.SIGCONT)
    app.wait_until(lambda: not app.is_as_before, "the return")
    app.wait_for("listening")
    app.send(b"b")
    app.wait_heard("key b")
    app.process.send_signal(signal.SIGTERM)
    assert app.wait_end() == 143
    app.assert_given_back()


def test_clicks_beyond_column_95_in_the_old_form(tmp_path: Path) -> None:
    with Listening(tmp_path / "heard", size=(200, 30)) as app:
        app.send(b"\x1b[M \xc8\x30\x1b[M#\xc8\x30")
        app.wait_heard("MouseDown 167 15 1")
        app.wait_heard("MouseUp 167 15 1")
        app.wait_until(lambda: app.output.count(b"\x1b[?1006h") > 2, "the better reports are asked for again")
        app.send(b"\x1b[M \xc8")
        app.send(b"\x30")
        app.wait_until(lambda: app.heard.count("MouseDown 167 15 1") == 2, "the click in two reads")
        app.send(b"\xff\xfea")
        app.wait_heard("key a")


def test_alt_enter_shift_enter_and_pasted_lines(app: Listening) -> None:
    app.send(b"\x1b\r")
    app.wait_heard("key alt+enter")
    app.send(b"\x1b[27;2;13~")
    app.wait_heard("key shift+enter")
    app.send(b"\n")
    app.wait_heard("key ctrl+j")
    app.send(b"\x1b[200~one\rtwo\r\x1b[201~")
    app.wait_heard(r"paste 'one\ntwo\n'")
    app.send(b"\x1b")
    app.wait_heard("key escape")
    assert "key enter\n" not in app.heard
    app.send(b"c\r")
    app.wait_heard("key enter")


def test_without_a_mouse_none_is_asked_for(tmp_path: Path) -> None:
    with Listening(tmp_path / "heard", "no-mouse") as app:
        assert not modes_on(app.output) & {"1000", "1003", "1006", "1015", "1016"}
        app.process.send_signal(signal.SIGTERM)
        assert app.wait_end() == 143
        app.assert_given_back()


def test_an_input_that_has_ended_is_read_no_more(tmp_path: Path) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    try:
        with Listening(tmp_path / "heard", stdin=nothing) as app:
            app.wait_heard("reads no more")
            app.process.send_signal(signal.SIGTERM)
            assert app.wait_end() == 143
            assert modes_on(app.output) <= {"25", "7"}
    finally:
        os.close(nothing)
