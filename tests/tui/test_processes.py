"""Children of the app that do not do what they should: each is told in one line, and none is waited for for ever."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import psutil
import pytest

from gpt2tui.tui.processes import asking
from gpt2tui.tui.processes.asking import RefusedError
from gpt2tui.tui.processes.corpora import named_corpora
from gpt2tui.tui.processes.exporting import export
from gpt2tui.tui.processes.training import estimate, reap, start_training
from tests.runs.synthetic import wait_until

Child = Callable[[str], None]
Asked = Callable[[], Coroutine[Any, Any, Any]]

ASKED: dict[str, Asked] = {
    "an estimate": lambda: estimate([]),
    "the corpora": named_corpora,
    "a training": lambda: start_training(["train"]),
    "an export": lambda: export(["gguf"], Path("a.gguf"), Path("a run"), is_replacing=False, threads=None),
}

pytestmark = pytest.mark.fresh_children


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch) -> Child:
    """Makes the program's children run these lines of Python."""

    def become(program: str) -> None:
        monkeypatch.setattr(asking, "PROGRAM", (sys.executable, "-c", textwrap.dedent(program)))

    return become


@pytest.mark.parametrize("what", ASKED)
async def test_a_program_that_cannot_be_started_is_told(what: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(asking, "PROGRAM", ("/no/such/python",))
    with pytest.raises(RefusedError, match=r"^gpt2tui \w+ cannot be started: .*No such file.*; .+$"):
        await ASKED[what]()


@pytest.mark.parametrize("what", ASKED)
async def test_without_another_thread_it_is_told_too(what: str, child: Child, monkeypatch: pytest.MonkeyPatch):
    # The system counts threads as processes; a limit on them would be one for all of this user's.
    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    child("pass")
    before = psutil.Process().children()
    refused = pytest.raises(RefusedError, match=r"^gpt2tui \w+ cannot be started: can't start new thread; .+$")
    with monkeypatch.context() as patched, refused:
        patched.setattr("threading.Thread.start", refuse)
        await ASKED[what]()
    assert set(psutil.Process().children()) <= set(before)


@pytest.mark.parametrize(
    "printed",
    ['a warning\n{"corpora": []}', '{"corpora": [', "[]", "", r"\xff"],
    ids=["a warning first", "cut off", "no object", "nothing", "no text"],
)
@pytest.mark.parametrize("what", ["an estimate", "the corpora"])
async def test_an_answer_that_is_none_is_told(what: str, printed: str, child: Child):
    child(f"import sys; sys.stdout.buffer.write({printed!r}.encode('latin-1'))")
    with pytest.raises(RefusedError, match=r"^gpt2tui \w+ said nothing that the app understands \(.+\); .+$"):
        await ASKED[what]()


async def test_lines_before_the_announcement_are_skipped(child: Child):
    child("""
        import os
        os.write(1, b'a library says hello\\n\\xff\\n{"ru\\n\\n{"run": "/a/run"}\\n')
    """)
    assert str((await start_training(["train"])).folder) == "/a/run"


async def test_a_training_may_say_much_before_it_has_a_run(child: Child):
    child("""
        import os
        os.write(2, b"a warning of some length\\n" * 20_000)
        os.write(1, b'{"run": "/a/run"}\\n')
    """)
    assert str((await start_training(["train"])).folder) == "/a/run"


async def test_of_much_that_a_training_said_its_last_line_is_told(child: Child):
    child("""
        import sys
        sys.stderr.write("a warning of some length\\n" * 20_000 + "gpt2tui: the disk is full\\n\\n")
        sys.exit(3)
    """)
    with pytest.raises(RefusedError, match=r"^the disk is full$") as refused:
        await start_training(["train"])
    assert refused.value.exit_code == 3


async def test_a_training_that_goes_on_without_having_announced_its_run_is_not_waited_for(
    child: Child, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("gpt2tui.tui.processes.training.PATIENCE", 0.0)
    child("""
        import os, signal
        os.close(1)
        signal.pause()
    """)
    with pytest.raises(RefusedError, match=r"^gpt2tui train runs as process \d+, but .+; .+$") as refused:
        await start_training(["train"])
    training = psutil.Process(int(str(refused.value).split("process ")[1].split(",")[0]))
    assert training.ppid() == os.getpid()
    training.kill()

    def is_gone() -> bool:
        reap()
        return not training.is_running()

    wait_until(is_gone)
