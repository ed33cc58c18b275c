"""The client of the generation child, with a real child and a tiny model."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest

from gpt2tui.corpus.bpe import Tokenizer
from gpt2tui.generation.text import generate_text
from gpt2tui.model.transformer import GPT2
from gpt2tui.runs.dialogue import AnyReply, Failed, Finished, Loaded, Prompted, Token
from gpt2tui.runs.run import Run
from gpt2tui.runs.sampling import SamplingSettings
from gpt2tui.tui.processes.obituary import obituary
from gpt2tui.tui.processes.speaker import Speaker
from tests.tiny import tiny_run

PATIENCE = 60.0
ENDLESS = SamplingSettings(max_new_tokens=10**9, seed=1)

pytestmark = pytest.mark.fresh_children


class Listener:
    """Keeps what a speaker says, and waits for something in it."""

    def __init__(self, log: Path) -> None:
        self.replies: list[AnyReply] = []
        self.deaths: list[str] = []
        self._news = asyncio.Event()
        self.speaker = Speaker(log, self._take, self._mourn)

    def _take(self, reply: AnyReply) -> None:
        self.replies.append(reply)
        self._news.set()

    def _mourn(self, why: str) -> None:
        self.deaths.append(why)
        self._news.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():
                self._news.clear()
                await self._news.wait()

    async def end_of(self, request: int) -> AnyReply:
        """The last reply to a request."""
        ends = Loaded | Finished | Failed
        await self.until(lambda: any(isinstance(reply, ends) for reply in self.to(request)))
        return self.to(request)[-1]

    def to(self, request: int) -> list[AnyReply]:
        return [reply for reply in self.replies if reply.id == request]

    def text_of(self, request: int) -> str:
        return "".join(reply.text for reply in self.to(request) if isinstance(reply, Token | Finished))

    async def loaded(self, run: Run) -> Loaded:
        end = await self.end_of(await self.speaker.load(run.folder, threads=1))
        assert isinstance(end, Loaded), end
        return end

    async def writing(self) -> int:
        """A generation without end that has begun to write."""
        request = await self.speaker.generate("Once", settings=ENDLESS)
        await self.until(lambda: any(isinstance(reply, Token) for reply in self.to(request)))
        return request


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return tiny_run(tmp_path / "runs")


@pytest.fixture
async def listener(tmp_path: Path) -> AsyncIterator[Listener]:
    listener = Listener(tmp_path / "data" / "generation.log")
    yield listener
    await listener.speaker.close()


def children() -> list[psutil.Process]:
    """The living children that write, not those of other tests that nobody has waited for yet."""
    living = (child for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE)
    return [child for child in living if "gpt2tui.generation.worker" in child.cmdline()]


async def test_no_child_is_there_before_it_is_needed(listener: Listener, run: Run) -> None:
    assert not listener.speaker.is_running
    assert listener.speaker.pid is None
    await listener.loaded(run)
    assert [child.pid for child in children()] == [listener.speaker.pid]


async def test_it_speaks_where_no_log_can_be_written(tmp_path: Path, run: Run) -> None:
    (tmp_path / "data").write_text("no folder")
    listener = Listener(tmp_path / "data" / "generation.log")
    await listener.loaded(run)
    await listener.speaker.close()


async def test_what_is_heard_is_the_text(listener: Listener, run: Run) -> None:
    loaded = await listener.loaded(run)
    assert (loaded.run, loaded.step, loaded.context, loaded.threads) == (run.id, 4, 32, 1)
    settings = SamplingSettings(max_new_tokens=60, seed=3)
    request = await listener.speaker.generate("Ein süßes", settings=settings)
    end = await listener.end_of(request)
    model = GPT2.initialised(run.config().model, seed=run.config().seed).eval()
    pieces = generate_text(model, Tokenizer(), "Ein süßes", settings, context=32)
    assert isinstance(end, Finished)
    assert (end.finish, end.tokens) == ("length", 60)
    assert listener.text_of(request) == "".join(piece.text for piece in pieces)
    assert not listener.speaker.is_busy


async def test_a_stop_ends_the_text_and_the_next_prompt_is_answered(listener: Listener, run: Run) -> None:
    await listener.loaded(run)
    request = await listener.writing()
    await listener.speaker.stop()
    end = await listener.end_of(request)
    assert isinstance(end, Finished)
    assert end.finish == "stopped"
    assert end.tokens == sum(isinstance(reply, Token) for reply in listener.to(request))
    await listener.speaker.stop()  # of nothing
    again = await listener.end_of(await listener.speaker.generate("x", settings=SamplingSettings(max_new_tokens=1)))
    assert isinstance(again, Finished)


async def test_a_new_prompt_takes_the_place_of_the_one_under_way(listener: Listener, run: Run) -> None:
    await listener.loaded(run)
    old = await listener.writing()
    new = await listener.speaker.generate("Two", settings=SamplingSettings(max_new_tokens=2))
    seen = len(listener.to(old))
    await listener.end_of(new)
    assert len(listener.to(old)) == seen
    assert not any(isinstance(reply, Finished) for reply in listener.to(old))


async def test_a_prompt_may_be_sent_while_the_model_loads(listener: Listener, run: Run) -> None:
    load = await listener.speaker.load(run.folder, threads=1)
    request = await listener.speaker.generate("x", settings=SamplingSettings(max_new_tokens=2))
    assert isinstance(await listener.end_of(request), Finished)
    assert isinstance(listener.to(load)[-1], Loaded)


async def test_a_load_takes_the_place_of_a_load_and_of_the_text(listener: Listener, run: Run, tmp_path: Path) -> None:
    await listener.loaded(run)
    text = await listener.writing()
    other = tiny_run(tmp_path / "runs", step=9)
    first = await listener.speaker.load(run.folder)
    second = await listener.speaker.load(other.folder, "last")
    end = await listener.end_of(second)
    assert isinstance(end, Loaded)
    assert (end.run, end.step) == (other.id, 9)
    assert not any(isinstance(reply, Loaded) for reply in listener.to(first))
    assert not any(isinstance(reply, Finished) for reply in listener.to(text))


async def test_a_killed_child_is_told_once_and_another_one_works(listener: Listener, run: Run) -> None:
    await listener.loaded(run)
    request = await listener.writing()
    first = listener.speaker.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    await listener.until(lambda: bool(listener.deaths))
    assert not listener.speaker.is_running
    assert not listener.speaker.is_busy
    assert "SIGKILL" in listener.deaths[0]
    assert "memory" in listener.deaths[0]
    assert "\n" not in listener.deaths[0]
    assert not any(isinstance(reply, Finished) for reply in listener.to(request))
    await listener.loaded(run)
    assert listener.speaker.pid != first
    again = await listener.end_of(await listener.speaker.generate("x", settings=SamplingSettings(max_new_tokens=3)))
    assert isinstance(again, Finished)
    assert len(listener.deaths) == 1


async def test_a_prompt_to_a_dead_child_is_answered_with_what_to_do(listener: Listener, run: Run) -> None:
    await listener.loaded(run)
    assert listener.speaker.pid is not None
    os.kill(listener.speaker.pid, signal.SIGSEGV)
    await listener.until(lambda: bool(listener.deaths))
    assert "SIGSEGV" in listener.deaths[0]
    end = await listener.end_of(await listener.speaker.generate("x", settings=SamplingSettings()))
    assert isinstance(end, Failed)
    assert end.kind == "usage"
    assert "no model is loaded" in end.text


async def test_what_goes_wrong_with_a_reply_is_told_and_the_next_prompt_is_answered(tmp_path: Path, run: Run) -> None:
    listener = Listener(tmp_path / "generation.log")
    honest = listener.speaker._on_reply

    def failing(reply: AnyReply) -> None:
        honest(reply)
        if isinstance(reply, Loaded) and not listener.deaths:
            raise ValueError("nothing to draw on")

    listener.speaker._on_reply = failing
    await listener.end_of(await listener.speaker.load(run.folder, threads=1))
    await listener.until(lambda: bool(listener.deaths))
    assert "ValueError: nothing to draw on" in listener.deaths[0]
    assert not listener.speaker.is_busy
    pid = listener.speaker.pid
    await listener.loaded(run)
    assert listener.speaker.pid == pid
    again = await listener.end_of(await listener.speaker.generate("x", settings=SamplingSettings(max_new_tokens=3)))
    assert isinstance(again, Finished)
    await listener.speaker.close()


async def test_closing_ends_the_child_in_the_middle_of_a_text_and_is_no_death(listener: Listener, run: Run) -> None:
    await listener.loaded(run)
    await listener.writing()
    child = psutil.Process(listener.speaker.pid)
    await listener.speaker.close()
    assert not child.is_running()
    heard = len(listener.replies)
    await asyncio.sleep(0)
    assert (len(listener.replies), listener.deaths) == (heard, [])
    await listener.speaker.close()


async def test_a_child_that_does_not_leave_is_ended(listener: Listener, run: Run) -> None:
    await listener.loaded(run)
    child = psutil.Process(listener.speaker.pid)
    child.suspend()
    await listener.speaker.close()
    assert not child.is_running()


async def test_the_child_is_out_of_reach_of_the_terminals_signals(listener: Listener, run: Run) -> None:
    await listener.loaded(run)
    pid = listener.speaker.pid
    assert pid is not None
    assert os.getsid(pid) == pid != os.getsid(0)
    os.kill(pid, signal.SIGINT)
    end = await listener.end_of(await listener.speaker.generate("x", settings=SamplingSettings(max_new_tokens=3)))
    assert isinstance(end, Finished)


async def test_lines_far_longer_than_any_buffer_arrive(listener: Listener, run: Run) -> None:
    await listener.loaded(run)
    prompt = "word " * 200_000
    request = await listener.speaker.generate(prompt, settings=SamplingSettings(max_new_tokens=1))
    await listener.end_of(request)
    prompted = listener.to(request)[0]
    assert isinstance(prompted, Prompted)
    assert "".join(prompted.texts) == prompt
    assert prompted.dropped == len(prompted.tokens) - 32


async def test_half_a_surrogate_in_a_prompt_harms_nothing(listener: Listener, run: Run) -> None:
    await listener.loaded(run)
    request = await listener.speaker.generate("a\ud800b", settings=SamplingSettings(max_new_tokens=1))
    await listener.end_of(request)
    prompted = listener.to(request)[0]
    assert isinstance(prompted, Prompted)
    assert "".join(prompted.texts) == "a?b"


async def test_files_in_the_current_folder_are_no_modules(
    listener: Listener, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "msgspec.py").write_text("raise SystemExit(7)")
    monkeypatch.chdir(tmp_path)
    await listener.loaded(run)


async def test_a_child_that_cannot_even_start_says_why(
    listener: Listener, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "msgspec.py").write_text("raise SystemExit('no \\x1b[31m luck')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    await listener.speaker.load(run.folder)
    await listener.until(lambda: bool(listener.deaths))
    assert "(code 1): no ^[[31m luck" in listener.deaths[0]
    monkeypatch.delenv("PYTHONPATH")
    await listener.loaded(run)


def test_deaths_have_names(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert "SIGBUS" in obituary(-signal.SIGBUS, log)
    assert "signal 63" in obituary(-63, log)
    assert f"nothing in {log}" in obituary(1, log)
