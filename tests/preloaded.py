"""Children that have torch from the beginning: to import it takes longer than most of what is tested.

:func:`preloaded` gives words that start a stand-in. It hands its files, folder and environment to a server that has
imported the libraries, which forks; signals to the stand-in go to the fork, and it ends as the fork ends. So whoever
started it sees a process of its own as ever, but for ``/proc``.
"""

from __future__ import annotations

import atexit
import functools
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import sys
import tempfile
import threading
import traceback
from contextlib import suppress

_PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_STANDARD = (0, 1, 2)


def preloaded(module: str) -> tuple[str, ...]:
    """The words for ``python -m MODULE``; the plain ones on systems without file descriptors of processes."""
    if not hasattr(os, "pidfd_open"):
        return (sys.executable, "-m", module)
    return (sys.executable, "-I", "-S", __file__, _server(), module)


@functools.cache
def _server() -> str:
    """The socket of this process's server, which ends with it."""
    import subprocess

    folder = tempfile.TemporaryDirectory()
    path = f"{folder.name}/socket"
    ready, told = os.pipe()
    server = subprocess.Popen([sys.executable, __file__, path, str(told)], stdin=subprocess.PIPE, pass_fds=[told])
    os.close(told)
    os.read(ready, 1)  # or its end
    os.close(ready)

    def end() -> None:
        server.communicate()
        folder.cleanup()

    atexit.register(end)
    return path


def _stand_in(path: str, words: list[str]) -> None:
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(path)
        request = json.dumps([words, os.getcwd(), dict(os.environ)]).encode()
        socket.send_fds(link, [len(request).to_bytes(8)], _STANDARD)
        link.sendall(request)
        os.closerange(0, 3)  # the fork alone holds pipes open
        for number in _PASSED_ON:
            signal.signal(number, lambda number, frame: link.sendall(bytes([number])))
        status = link.recv(4)
    code = os.waitstatus_to_exitcode(int.from_bytes(status)) if status else 70
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


class _Server:
    """Forks for every stand-in until stdin ends."""

    def __init__(self, path: str, told: int) -> None:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen(16)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ, self._fork)
        self._selector.register(0, selectors.EVENT_READ, lambda: os._exit(0))
        os.close(told)

    def serve(self) -> list[str]:
        """Returns in the forks, with the words of each."""
        while True:
            for key, _ in self._selector.select():
                if key.fd in self._selector.get_map() and (words := key.data()):
                    return words

    def _fork(self) -> list[str] | None:
        link = self._listener.accept()[0]
        size, files, _, _ = socket.recv_fds(link, 8, len(_STANDARD))
        request = link.recv(int.from_bytes(size), socket.MSG_WAITALL)
        pid = os.fork()
        if not pid:
            return _become(files, *json.loads(request))
        for file in files:
            os.close(file)
        end = os.pidfd_open(pid)
        self._selector.register(link, selectors.EVENT_READ, lambda: self._pass_on(link, end))
        self._selector.register(end, selectors.EVENT_READ, lambda: self._tell_end(link, end, pid))
        return None

    def _pass_on(self, link: socket.socket, end: int) -> None:
        """Signals from the stand-in; where that is gone, the last one."""
        numbers = link.recv(16)
        for number in numbers or [signal.SIGKILL]:
            signal.pidfd_send_signal(end, number)
        if not numbers:
            self._selector.unregister(link)

    def _tell_end(self, link: socket.socket, end: int, pid: int) -> None:
        status = os.waitpid(pid, 0)[1]
        if link in self._selector.get_map():  # else the stand-in was killed
            self._selector.unregister(link)
            with suppress(OSError):
                link.sendall(status.to_bytes(4))
        self._selector.unregister(end)
        link.close()
        os.close(end)


def _become(files: list[int], words: list[str], folder: str, environment: dict[str, str]) -> list[str]:
    os.setsid()
    for number, file in zip(_STANDARD, files, strict=True):
        os.dup2(file, number)
    os.closerange(3, 1024)
    os.environ.clear()
    # Whoever says something about malloc is not started anew.
    os.environ.update({"GLIBC_TUNABLES": "glibc.malloc.check=0", **environment})
    os.chdir(folder)
    encoding = environment.get("PYTHONIOENCODING", "utf-8")
    sys.stdin = os.fdopen(0, encoding=encoding)
    sys.stdout = os.fdopen(1, "w", 1 if os.isatty(1) else -1, encoding=encoding)
    sys.stderr = os.fdopen(2, "w", 1, encoding=encoding, errors="backslashreplace")
    return words


def _run(module: str) -> int:
    """Run a module as the interpreter does; the exit code."""
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return (end.code or 0) & 0xFF
        print(end.code, file=sys.stderr)
        return 1
    except BaseException:  # noqa: BLE001
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    if sys.flags.isolated:
        _stand_in(sys.argv[1], sys.argv[2:])
    for library in ("torch", "safetensors.torch", "tiktoken", "typer", "rich.console", "msgspec", "psutil"):
        importlib.import_module(library)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = _Server(sys.argv[1], int(sys.argv[2])).serve()
    code = _run(sys.argv[0])
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    os._exit(code)  # the interpreter's own end would take half a second, for libraries that the fork did not load
