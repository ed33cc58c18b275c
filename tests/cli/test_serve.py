"""The app behind a web server: real processes, loopback only."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pyte
import pytest

from gpt2tui.runs.paths import Paths
from gpt2tui.runs.store import RunStore
from gpt2tui.runs.view import RunView
from tests.browser import Page, opened
from tests.cli.program import gpt2tui, gpt2tui_command
from tests.runs import synthetic

aiohttp = pytest.importorskip("aiohttp", reason="textual-serve is not installed")
pytest.importorskip("textual_serve", reason="textual-serve is not installed")

PATIENCE = 60.0
F3 = "\x1bOR"
FORM = "Target loss"
"""What every layout of the form shows, and nothing else."""


class Served:
    """A server that runs, and the address that it printed."""

    def __init__(self, process: subprocess.Popen[str], address: str) -> None:
        self.process = process
        self.address = address
        self.base = f"http://{urlsplit(address).netloc}"
        self.socket = f"ws{address.removeprefix('http')}ws"

    def apps(self) -> list[psutil.Process]:
        """The apps of its tabs, without what they started themselves."""
        return psutil.Process(self.process.pid).children()


@contextmanager
def served(*arguments: str, before: tuple[str, ...] = (), **options: Any) -> Iterator[Served]:
    process = subprocess.Popen(
        [*gpt2tui_command(), *before, "serve", "--port", "0", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        **options,
    )
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        found = re.search(r"http://\S+/", line)
        assert found, line + process.stderr.read()
        yield Served(process, found[0])
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def server_of_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(env=os.environ | {"GPT2TUI_HOME": str(tmp_path_factory.mktemp("home"))}) as server:
        yield server


@pytest.fixture
def server(server_of_module: Served) -> Iterator[Served]:
    """The server of this module; no test leaves it an app."""
    yield server_of_module
    synthetic.wait_until(lambda: not server_of_module.apps(), seconds=PATIENCE)


class Tab:
    """A browser's side of the connection, and what its terminal shows."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._screen = pyte.Screen(100, 30)
        self._stream = pyte.ByteStream(self._screen)

    @property
    def text(self) -> str:
        return "\n".join(self._screen.display)

    async def shows(self, words: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while words not in self.text:
            assert time.monotonic() < deadline, f"{words!r} did not come: {self.text}"
            assert await self._hear(), f"the tab was closed before {words!r}: {self.text}"

    async def closes(self) -> int:
        """Wait for the other side's goodbye; the code of it."""
        while await self._hear():
            pass
        return self._connection.close_code

    async def press(self, keys: str) -> None:
        await self._connection.send_json(["stdin", keys])

    async def _hear(self) -> bool:
        message = await self._connection.receive(timeout=PATIENCE)
        if message.type is aiohttp.WSMsgType.BINARY:
            self._stream.feed(message.data)
        return message.type in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT)


@asynccontextmanager
async def tab_of(server: Served) -> AsyncIterator[Tab]:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{server.socket}?width=100&height=30", origin=server.base) as connection,
    ):
        await connection.send_json(["focus"])
        yield Tab(connection)


async def until(condition, what: str) -> None:  # type: ignore[no-untyped-def]
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen"
        await asyncio.sleep(0.02)


async def test_the_page_asks_no_outside_address(server: Served):
    async with aiohttp.ClientSession() as session:
        async with session.get(server.address) as answer:
            assert answer.status == 200
            page = await answer.text()
            policy = answer.headers["Content-Security-Policy"]
        links = set(re.findall(r"""(?:src|href|url\()\s*=?\s*["']([^"']+)""", page)) - {"data:,"}
        assert {Path(link).suffix for link in links} == {".css", ".js", ".ttf"}
        for link in links:
            assert link.startswith(server.address), link
            async with session.get(link) as answer:
                assert answer.status == 200, link
                text = (await answer.read()).decode("utf-8", "replace")
            if link.endswith(".css"):
                assert not re.search(r"url\(|@import", text)
            if link.endswith(".js"):  # only its comments name any
                assert not re.search(r"https?://(?!github\.com/chjj/|bellard\.org/)\w", text)
    assert f'"{server.socket}"' in page
    kinds = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert kinds["default-src"] == "'self' data:"
    assert kinds["connect-src"] == f"'self' ws://{urlsplit(server.address).netloc}"


async def test_the_app_comes_over_the_socket_answers_keys_and_ends_with_its_tab(server: Served):
    async with tab_of(server) as tab, tab_of(server) as other:
        await tab.shows(FORM)
        await tab.press(F3)
        await tab.shows("No runs yet")
        await other.shows(FORM)
        assert "No runs yet" not in other.text
        apps = server.apps()
        assert len(apps) == 2
    await until(lambda: not any(app.is_running() for app in apps), "the end of the apps with their tabs")


async def test_leaving_the_app_closes_its_tab(server: Served):
    async with tab_of(server) as tab:
        await tab.shows(FORM)
        await tab.press("\x11")  # ctrl+q
        assert await tab.closes() == 1000
    await until(lambda: not server.apps(), "the end of the app")


async def test_an_app_that_is_killed_closes_its_tab(server: Served):
    async with tab_of(server) as tab:
        await tab.shows(FORM)
        server.apps()[0].kill()
        assert await tab.closes() == 1000


async def test_an_app_that_hangs_ends_with_its_tab(server: Served):
    async with tab_of(server) as tab:
        await tab.shows(FORM)
        (app,) = server.apps()
        app.suspend()
    await until(lambda: not app.is_running(), "the end of the app that hangs")


async def test_an_app_that_cannot_start_says_why_on_the_terminal():
    with served() as server:
        file = Paths.from_environment().config_file
        file.parent.mkdir(parents=True)
        file.write_text("[train\n")
        async with tab_of(server) as tab:
            assert await tab.closes() == 1000
        server.process.terminate()
        out, err = server.process.communicate(timeout=PATIENCE)
    assert "config.toml" in err
    assert out == ""


SECRET = "SECRET"  # noqa: S105


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/", {}),
        ("/ws", {}),
        ("/guess/", {}),
        ("/%FF%00/ws", {}),
        ("/static/js/textual.js", {}),
        (f"/guess/../{SECRET}x/", {}),
        *(
            (f"/{SECRET}/{rest}", headers)
            for rest in ("", "ws", "static/js/textual.js")
            for headers in (
                {"Host": "gpt2tui.example:80"},
                {"Host": "127.0.0.1.example"},
                {"Host": "localhost; script-src *"},
                {"Host": "evil@localhost"},
                {"Origin": "http://evil.example"},
                {"Origin": "http://localhost:1"},
                {"Origin": "https://{netloc}"},
                {"Origin": "null"},
            )
        ),
    ],
)
async def test_others_are_refused(path: str, headers: dict[str, str], server: Served):
    parts = urlsplit(server.address)
    headers = {name: value.format(netloc=parts.netloc) for name, value in headers.items()}
    upgrade = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }
    async with (
        aiohttp.ClientSession() as session,
        session.get(
            server.base + path.replace(SECRET, parts.path.strip("/")),
            headers=headers | (upgrade if path.endswith("ws") else {}),
        ) as answer,
    ):
        assert answer.status == 403
        assert parts.path.strip("/") not in await answer.text()
    assert not server.apps()


async def test_it_answers_behind_a_forwarded_port_and_sets_no_cookie(server: Served):
    path = urlsplit(server.address).path
    for host in ("localhost:9000", "127.0.0.1:9000", "[::1]:9000", "localhost"):
        headers = {"Host": host, "Origin": f"http://{host}"}
        async with (
            aiohttp.ClientSession() as session,
            session.get(server.address.rstrip("/"), headers=headers, allow_redirects=False) as bare,
            session.get(server.address, headers=headers) as answer,
        ):
            assert (bare.status, bare.headers["Location"]) == (308, path)
            assert answer.status == 200
            assert f'"ws://{host}{path}ws"' in await answer.text()
            assert not answer.cookies, "a cookie would be shown to every port of this machine"


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", pytest.param("127.0.0.2", marks=pytest.mark.allow_hosts(["127.0.0.2"])), "::1"]
)
async def test_the_address_is_where_it_listens(host: str):
    try:
        socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError:
        pytest.skip(f"this machine has no {host}")
    with served("--host", host) as server:
        number = "127.0.0.1" if host == "localhost" else host
        assert urlsplit(server.address).hostname == number
        async with tab_of(server) as tab:
            await tab.shows(FORM)


async def test_the_options_of_the_app_and_the_settings_file_are_passed_on(tmp_path: Path):
    settings = tmp_path / "mine.toml"
    settings.write_text('[train]\nname = "from-my-settings"\n')
    with served(before=("--config", str(settings), "--ascii", "--theme", "textual-light")) as server:
        async with tab_of(server) as tab:
            await tab.shows(FORM)
            await tab.shows("from-my-settings")
            assert tab.text.isascii()


async def test_it_opens_on_a_run_wherever_that_lies(tmp_path: Path):
    run = synthetic.make_run(RunStore(tmp_path / "elsewhere"), synthetic.whole_story())
    with served(str(run.folder)) as server:
        async with tab_of(server) as tab:
            await tab.shows("a-play")
            assert FORM not in tab.text


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("answers", [True, False])
async def test_signals_end_it_and_its_apps(number: int, answers: bool):
    with served() as server:
        async with tab_of(server) as tab:
            await tab.shows(FORM)
            (app,) = server.apps()
            server.process.send_signal(number)
            if answers:
                assert await tab.closes() == 1001
            began = time.monotonic()
            await until(lambda: server.process.poll() is not None, "the end")
            assert time.monotonic() - began < 10
        out, err = server.process.communicate()
        assert (server.process.returncode, out, err) == (0, "", "")
        await until(lambda: not app.is_running(), "the end of the app")


async def test_nohup_is_heeded():
    with served(preexec_fn=partial(signal.signal, signal.SIGHUP, signal.SIG_IGN)) as server:
        server.process.send_signal(signal.SIGHUP)
        async with tab_of(server) as tab:
            await tab.shows(FORM)


async def test_an_app_ends_with_a_server_that_was_killed():
    with served() as server:
        async with tab_of(server) as tab:
            await tab.shows(FORM)
            (app,) = server.apps()
            server.process.kill()
        await until(lambda: not app.is_running(), "the end of the app")


def test_only_loopback():
    for host in ("0.0.0.0", "::", "192.168.1.2", "example.org"):  # noqa: S104
        refused = gpt2tui("serve", "--host", host)
        assert refused.code == 2
        assert "ssh -L 8000:127.0.0.1:8000" in refused.err
        assert refused.err.count("\n") == 1


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


def test_plain_is_for_terminals():
    refused = gpt2tui("--plain", "serve", "--port", "0")
    assert refused.code == 2
    assert "--plain" in refused.err


def test_without_textual_serve_the_way_out_is_named(tmp_path: Path):
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
                assert page.hosts == {urlsplit(server.address).hostname}
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
