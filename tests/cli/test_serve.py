"""The app behind a web server: real processes, loopback only."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from gpt2tui.runs.paths import Paths
from gpt2tui.runs.store import RunStore
from gpt2tui.runs.view import RunView
from tests.browser import Page, opened
from tests.cli.program import gpt2tui, gpt2tui_command

aiohttp = pytest.importorskip("aiohttp", reason="textual-serve is not installed")
pytest.importorskip("textual_serve", reason="textual-serve is not installed")

PATIENCE = 60.0


class Served:
    """A server that runs, and the address that it printed."""

    def __init__(self, process: subprocess.Popen[str], address: str) -> None:
        self.process = process
        self.address = address
        parts = urlsplit(address)
        self.netloc = parts.netloc
        self.base = f"http://{parts.netloc}"

    def apps(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)


@contextmanager
def served(*arguments: str) -> Iterator[Served]:
    process = subprocess.Popen(
        [*gpt2tui_command(), "serve", "--port", "0", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        found = re.search(r"http://\S+", line)
        assert found, line + process.stderr.read()
        yield Served(process, found[0])
    finally:
        process.kill()
        process.communicate()


async def until(condition, what: str) -> None:  # type: ignore[no-untyped-def]
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen"
        await asyncio.sleep(0.02)


async def test_the_page_asks_no_outside_address():
    with served() as server:
        async with aiohttp.ClientSession() as session:
            async with session.get(server.address) as answer:
                assert answer.status == 200
                page = await answer.text()
                policy = answer.headers["Content-Security-Policy"]
            links = re.findall(r"""(?:src|href|url\()\s*=?\s*["']([^"']+)""", page)
            assert len(links) >= 4
            for link in links:
                assert link.startswith((server.base, "data:")), link
                if link.startswith("data:"):
                    continue
                async with session.get(link) as answer:
                    assert answer.status == 200, link
            assert f"ws://{server.netloc}/ws" in page
            assert "default-src 'self'" in policy


async def test_the_app_comes_over_the_socket_and_answers_keys():
    with served() as server:
        async with aiohttp.ClientSession() as session:
            await (await session.get(server.address)).read()
            async with session.ws_connect(f"{server.base}/ws?width=100&height=30", origin=server.base) as tab:
                seen = await seen_until(tab, b"A new run")
                assert b"Train" in seen
                await tab.send_json(["focus"])
                await tab.send_json(["stdin", "\x1bOR"])  # f3
                await seen_until(tab, b"No runs yet")
                assert server.apps()
            await until(lambda: not server.apps(), "the end of the app with its tab")


async def seen_until(tab, words: bytes) -> bytes:  # type: ignore[no-untyped-def]
    seen = b""
    deadline = time.monotonic() + PATIENCE
    while words not in re.sub(rb"\x1b\[[0-9;?]*[a-zA-Z]", b"", seen):
        assert time.monotonic() < deadline, seen[-2000:]
        message = await tab.receive(timeout=PATIENCE)
        assert message.type in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT), message
        seen += message.data if isinstance(message.data, bytes) else b""
    return seen


@pytest.mark.parametrize(
    ("secret", "headers"),
    [
        (False, {}),
        (True, {"Host": "gpt2tui.example:80"}),
        (True, {"Origin": "http://evil.example"}),
        (True, {"Origin": "http://localhost:1"}),
        (True, {"Origin": "null"}),
    ],
)
@pytest.mark.parametrize("path", ["/", "/ws", "/static/js/textual.js"])
async def test_others_are_refused(secret: bool, headers: dict[str, str], path: str, server_of_module: Served):
    query = f"?{urlsplit(server_of_module.address).query}" if secret else "?secret=guess"
    async with (
        aiohttp.ClientSession() as session,
        session.get(server_of_module.base + path + query, headers=headers) as answer,
    ):
        assert answer.status == 403
        assert not answer.cookies
    assert not server_of_module.apps()


@pytest.fixture(scope="module")
def server_of_module() -> Iterator[Served]:
    with served() as server:
        yield server


async def test_the_cookie_stands_for_the_secret(server_of_module: Served):
    async with aiohttp.ClientSession() as session:
        async with session.get(server_of_module.address) as answer:
            cookie: SimpleCookie = answer.cookies
        (morsel,) = cookie.values()
        assert (morsel["httponly"], morsel["samesite"]) == (True, "Strict")
        async with session.get(server_of_module.base + "/") as answer:
            assert answer.status == 200


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_signals_end_it_and_its_apps(number: int):
    with served() as server:
        async with aiohttp.ClientSession() as session:
            await (await session.get(server.address)).read()
            async with session.ws_connect(f"{server.base}/ws", origin=server.base) as tab:
                await seen_until(tab, b"A new run")
                apps = server.apps()
                assert apps
                server.process.send_signal(number)
                await until(lambda: server.process.poll() is not None, "the end")
        assert server.process.returncode == 0
        assert server.process.stderr is not None
        assert "Traceback" not in server.process.stderr.read()
        await until(lambda: not any(app.is_running() for app in apps), "the end of the apps")


async def test_an_app_ends_with_a_server_that_was_killed():
    with served() as server:
        async with aiohttp.ClientSession() as session:
            await (await session.get(server.address)).read()
            async with session.ws_connect(f"{server.base}/ws", origin=server.base) as tab:
                await seen_until(tab, b"A new run")
                apps = server.apps()
                server.process.kill()
        await until(lambda: not any(app.is_running() for app in apps), "the end of the apps")


def test_only_loopback():
    for host in ("0.0.0.0", "::", "192.168.1.2", "example.org"):  # noqa: S104
        refused = gpt2tui("serve", "--host", host, "--port", "0")
        assert refused.code == 2
        assert "ssh -L" in refused.err


def test_a_port_in_use():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = gpt2tui("serve", "--port", str(port))
    assert refused.code == 1
    assert f"port {port}" in refused.err
    assert "--port" in refused.err


def test_a_run_that_is_not_there():
    refused = gpt2tui("serve", "nothing", "--port", "0")
    assert refused.code == 2


def test_without_textual_serve_the_way_out_is_named(tmp_path):  # type: ignore[no-untyped-def]
    (tmp_path / "textual_serve").mkdir()
    (tmp_path / "textual_serve" / "__init__.py").write_text("raise ImportError('not installed')")
    path = f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    refused = gpt2tui("serve", "--port", "0", PYTHONPATH=path)
    assert refused.code == 2
    assert "pip install 'gpt2tui[serve]'" in refused.err


@pytest.mark.slow
async def test_in_a_browser_the_training_is_seen_to_move():
    """Set KEEP_PICTURE to a file to keep what it looked like."""
    runs = RunStore(Paths.from_environment().runs)
    training = subprocess.Popen(
        [*gpt2tui_command(), "train", "--headless", "--quiet", "--preset", "nano", "--no-target", "--name", "play"],
        stdin=subprocess.DEVNULL,
    )
    try:
        await until(lambda: runs.all() and RunView.of(runs.all()[0]).step, "the first step")
        with served("play") as server:
            async with opened(server.address, width=1240, height=800) as page:
                await page.until("document.body.classList.contains('-first-byte')")
                before = await page.picture()
                now = await changed(page, before)
                assert now != await changed(page, now), "it moves on"
                if keep := os.environ.get("KEEP_PICTURE"):
                    await until(lambda: RunView.of(runs.all()[0]).step.step > 60, "a curve")
                    Path(keep).write_bytes(await page.picture())
                training.terminate()
                training.wait()
                still = await at_rest(page)
                await page.key("3", 51, "3")
                await changed(page, still)  # to the screen of runs
                assert page.hosts == {"localhost"}
                assert page.errors == []
    finally:
        training.kill()
        training.wait()


async def changed(page: Page, before: bytes) -> bytes:
    """The next picture that is another."""
    deadline = time.monotonic() + PATIENCE
    while (now := await page.picture()) == before:
        assert time.monotonic() < deadline, "the picture stands still"
        await asyncio.sleep(0.2)
    return now


async def at_rest(page: Page) -> bytes:
    """The picture once it has been the same for two seconds."""
    now, since = await page.picture(), time.monotonic()
    while time.monotonic() - since < 2:
        await asyncio.sleep(0.2)
        if (after := await page.picture()) != now:
            now, since = after, time.monotonic()
    return now
