"""The program as a person starts it: a process of its own, its output caught."""

from __future__ import annotations

import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

PATIENCE = 60.0
"""Seconds until a program that does not end fails the test."""
_COMPUTE = ("train", "resume", "eval", "sample", "doctor", "export", "import")
_server = multiprocessing.get_context("forkserver")
_server.set_forkserver_preload(["torch", "tiktoken"])


class Result(NamedTuple):
    """Exit code and what was written."""

    code: int
    out: str
    err: str


def gpt2tui_command() -> list[str]:
    """The words that start the program of this source tree."""
    return [sys.executable, "-m", "gpt2tui"]


def gpt2tui(*arguments: str, home: Path | None = None, **changes: str) -> Result:
    """Run the program without a terminal, in the test's home or another; ``changes`` are environment variables."""
    if home is not None:
        changes["GPT2TUI_HOME"] = str(home)
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "FORCE_COLOR")}
    environment |= {"PYTHONIOENCODING": "utf-8"} | changes
    if arguments[:1] and arguments[0] in _COMPUTE:
        return _forked(arguments, environment)
    done = subprocess.run(
        [*gpt2tui_command(), *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        env=environment,
        timeout=PATIENCE,
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr)


def _forked(arguments: Sequence[str], environment: Mapping[str, str]) -> Result:
    """The same in a process that has torch from the beginning: to import it takes longer than what is tested."""
    # Whoever says something about malloc is not started anew; the tests of the live display are.
    environment = {"GLIBC_TUNABLES": "glibc.malloc.check=0", **environment}
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        child = _server.Process(target=_run, args=(list(arguments), dict(environment), os.getcwd(), str(out), str(err)))
        child.start()
        child.join(PATIENCE)
        if child.exitcode is None:
            child.kill()
            child.join()
        assert child.exitcode is not None
        assert child.exitcode >= 0, f"{arguments}: ended by signal {-child.exitcode}\n{err.read_text('utf-8')}"
        return Result(child.exitcode, out.read_text("utf-8"), err.read_text("utf-8"))


def _run(arguments: list[str], environment: dict[str, str], folder: str, out: str, err: str) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for number, name in ((1, out), (2, err)):
        os.dup2(os.open(name, os.O_CREAT | os.O_WRONLY | os.O_APPEND), number)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding=environment["PYTHONIOENCODING"])  # type: ignore[union-attr]
    sys.argv = ["gpt2tui", *arguments]
    runpy.run_module("gpt2tui", run_name="__main__", alter_sys=True)
