"""The app's driver of the terminal: input that never fails, and a terminal that is left as it was found."""

from __future__ import annotations

import atexit
import io
import os
import selectors
import signal
import stat
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from types import FrameType
from typing import IO, Any

from textual._xterm_parser import XTermParser
from textual.app import App
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

from gpt2tui.tui.terminal.curtain import ALTERNATE_SCREEN, LEAVING, NORMAL_SCREEN, hand_over, terminal_stream
from gpt2tui.tui.terminal.keystream import ESCAPE_SECONDS, Item, KeyStream

RESET = (
    "\x1b[?2026l"  # no longer hold frames back
    "\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?1016l"  # mouse
    "\x1b[?2004l\x1b[?1004l\x1b[?2048l"  # paste marks, focus and size reports
    f"\x1b[?7h\x1b[<u{LEAVING}\x1b[?25h"  # wrap, keyboard, colours and the normal screen, cursor
)
"""Everything that the app switches on, off again; the order matters to terminals that keep a keyboard a screen."""

LEAVE_SECONDS = 3.0
"""An app that was told to end has this long to do it well."""

_SIGNALS = (
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGTERM,
    signal.SIGABRT,
    signal.SIGALRM,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGXCPU,
)
"""What ends a process that does not say otherwise, but for SIGKILL and faults of the machine code itself."""

_WAKE_SECONDS = 0.1
_SETTLE_SECONDS = ESCAPE_SECONDS + 0.002
"""After this silence Textual's parser takes what it holds as it is."""

_WRITABLE_SECONDS = 0.5


class TerminalDriver(LinuxDriver):
    """Textual's driver for Linux and macOS, but:

    a lost terminal ends the app at once and silently; signals end it in order; mouse reports in the old form
    and bytes that are no UTF-8 do no harm; alt+enter is never taken for enter.
    """

    def __init__(
        self, app: App[Any], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
    ) -> None:
        # The driver below sets its own handlers when it is made, and leaves them.
        self._handlers: dict[int, Any] = {
            number: signal.getsignal(number) for number in (signal.SIGTSTP, signal.SIGCONT, signal.SIGWINCH)
        }
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        stream = terminal_stream() or sys.__stderr__
        assert stream is not None
        self._output = _Output(stream, self._lose_terminal)
        self._file: Any = self._output
        self._is_started = False
        self._has_curtain = False
        self._is_lost = False
        self._is_suspending = False
        self._asked_for_sgr = 0.0

    # Output

    def start_application_mode(self) -> None:
        """Take the terminal, and answer the signals that end a process."""
        if self._is_started:
            return
        self._has_curtain = hand_over() is not None
        for number in _SIGNALS:
            self._handlers.setdefault(number, signal.getsignal(number))
            signal.signal(number, self._leave_by_signal)
        atexit.register(self.restore_now)
        self._is_started = True
        super().start_application_mode()  # type: ignore[no-untyped-call]
        # Nothing was done where the app was put into the background; SIGCONT comes back here.
        self._is_started = self._writer_thread is not None and self._writer_thread.is_alive()

    def stop_application_mode(self) -> None:
        """Give the terminal back; a second time does nothing."""
        if self._is_started:
            super().stop_application_mode()
            self._is_started = False
            atexit.unregister(self.restore_now)

    def suspend_application_mode(self) -> None:
        """Give the terminal back for a while."""
        self._is_suspending = True
        try:
            super().suspend_application_mode()
        finally:
            self._is_suspending = False

    def close(self) -> None:
        """End the output, and, when the app ends, answer signals no longer."""
        super().close()
        if not self._is_suspending:
            for number, handler in self._handlers.items():
                signal.signal(number, handler if handler is not None else signal.SIG_DFL)
            self._handlers.clear()

    def write(self, data: str) -> None:
        """Write to the terminal; nothing where it is lost."""
        if data == ALTERNATE_SCREEN and self._has_curtain:
            self._has_curtain = False  # it is there, and to ask again would clear it
        elif not self._is_lost:
            super().write(LEAVING if data == NORMAL_SCREEN else data)

    def restore_now(self) -> None:
        """Give the terminal back without the app's help, waiting for nothing that may never come."""
        if not self._is_started or self._is_lost:
            return
        self._is_started = False
        descriptor = self._output.fileno()
        try:
            if self.attrs_before is not None:
                termios.tcsetattr(self.fileno, termios.TCSANOW, self.attrs_before)
            with selectors.SelectSelector() as selector:
                selector.register(descriptor, selectors.EVENT_WRITE)
                if selector.select(_WRITABLE_SECONDS):
                    os.write(descriptor, b"\x1b\\" + RESET.encode())
        except (OSError, termios.error):
            self._is_lost = True

    def _disable_mouse_support(self) -> None:
        super()._disable_mouse_support()
        if self._mouse_pixels:
            self.write("\x1b[?1016l")

    # Ends

    def _leave_by_signal(self, number: int, frame: FrameType | None) -> None:
        self._leave(128 + number)

    def _lose_terminal(self) -> None:
        """The terminal is gone: be silent, and end."""
        if self._is_lost:
            return
        self._is_lost = True
        nowhere = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            if stat.S_ISCHR(os.fstat(descriptor).st_mode):
                os.dup2(nowhere, descriptor)
        os.close(nowhere)
        self._leave(128 + signal.SIGHUP)

    def _leave(self, code: int) -> None:
        # Not from here: a signal may come in the middle of anything, and a lost terminal is seen by other threads.
        self._loop.call_soon_threadsafe(partial(self._app.exit, return_code=code))
        watch = threading.Timer(LEAVE_SECONDS, self._end_now, [code])
        watch.daemon = True
        watch.start()

    def _end_now(self, code: int) -> None:
        self.restore_now()
        os._exit(code)

    def _sigcont_application(self, *_: object) -> None:
        if not self._auto_restart:
            return
        if os.isatty(self.fileno) and os.tcgetpgrp(self.fileno) != os.getpgrp():
            os.kill(os.getpid(), signal.SIGSTOP)  # continued in the background, where the terminal is another's
            return
        if self._is_started:
            self._take_again()
        else:
            self.resume_application_mode()
        # The screen is empty, of which the app knows nothing.
        self._loop.call_soon_threadsafe(partial(self._app.refresh, layout=True))

    def _take_again(self) -> None:
        """After a SIGSTOP, of which nothing was known: the shell may have changed everything."""
        attributes, self._is_started = self.attrs_before, False
        self.write(RESET)
        self.disable_input()
        super().close()
        self.start_application_mode()
        self.attrs_before = attributes

    # Input

    def run_input_thread(self) -> None:
        """Read keys, mouse and pasted text until the app ends or the terminal is gone."""
        stream = KeyStream(marks_pastes=_marks_pastes())
        parser = XTermParser(self._debug)
        heard = time.monotonic()
        is_settled = True
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                waits = [_WAKE_SECONDS, stream.patience, None if is_settled else _SETTLE_SECONDS]
                if selector.select(min(wait for wait in waits if wait is not None)):
                    data = self._read()
                    if data is None:
                        return
                    heard, is_settled = time.monotonic(), False
                    self._process(parser, stream.feed(data, heard))
                    self._renew_mouse(stream, heard)
                    continue
                silence = (now := time.monotonic()) - heard
                if stream.patience is not None and silence >= stream.patience:
                    heard, is_settled = now, False
                    self._process(parser, stream.give_up(now))
                elif silence >= _SETTLE_SECONDS:
                    is_settled = True
                    self._process_all(parser.tick())

    def _read(self) -> bytes | None:
        """What the terminal sent; None when it will send nothing more."""
        try:
            data = os.read(self.fileno, 4096)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        if not data and self.input_tty:
            self._lose_terminal()
        return data or None

    def _process(self, parser: XTermParser, items: Iterable[Item]) -> None:
        for item in items:
            self._process_all(parser.feed(item) if isinstance(item, str) else [item])

    def _process_all(self, messages: Iterable[Message]) -> None:
        for message in messages:
            self.process_message(message)

    def _renew_mouse(self, stream: KeyStream, now: float) -> None:
        """Ask a terminal that fell back to X10 reports, which end at column 223, for the better ones again."""
        if stream.x10_reports and self._mouse and now - self._asked_for_sgr > 1:
            self._asked_for_sgr = now
            stream.x10_reports = 0
            self.write("\x1b[?1006h")


class _Output(io.TextIOBase):
    """A terminal to write to that may be gone at any time."""

    def __init__(self, stream: IO[str], lose: Callable[[], None]) -> None:
        self._stream = stream
        self._lose = lose

    def write(self, text: str) -> int:
        return self._try(lambda: self._stream.write(text)) or len(text)

    def flush(self) -> None:
        self._try(self._stream.flush)

    def fileno(self) -> int:
        return self._stream.fileno()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def _try(self, act: Callable[[], int | None]) -> int | None:
        try:
            return act()
        except OSError:
            self._lose()
            return None


def _marks_pastes() -> bool:
    """Whether the terminal marks what is pasted: GNU screen and the Linux console do not."""
    return os.environ.get("TERM") != "linux" and ("STY" not in os.environ or "TMUX" in os.environ)
