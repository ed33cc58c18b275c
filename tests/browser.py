"""Headless Chromium, spoken to by its DevTools protocol."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PATIENCE = 90.0


class Page:
    """One tab: what it asked for, what stands on it, keys and pictures."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._count = 0
        self.hosts: set[str] = set()
        """Every host that it sent a request to, or tried to."""
        self.errors: list[str] = []

    async def listen(self) -> None:
        """Take what the browser says, to its end."""
        async for message in self._socket:
            said = json.loads(message.data)
            if (number := said.get("id")) in self._answers:
                self._answers.pop(number).set_result(said)
            elif said.get("method") in ("Network.requestWillBeSent", "Network.webSocketCreated"):
                about = said["params"]
                url = urlsplit(about["request"]["url"] if "request" in about else about["url"])
                if url.scheme in ("http", "https", "ws", "wss"):
                    self.hosts.add(url.hostname or "")
            elif said.get("method") == "Runtime.exceptionThrown":
                self.errors.append(str(said["params"]["exceptionDetails"]))

    async def send(self, method: str, **parameters: Any) -> Any:
        """One command and its result."""
        self._count += 1
        answer = self._answers[self._count] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": self._count, "method": method, "params": parameters})
        said = await asyncio.wait_for(answer, PATIENCE)
        assert "error" not in said, said
        return said["result"]

    async def value(self, script: str) -> Any:
        """What an expression of JavaScript comes to."""
        said = await self.send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        return said["result"].get("value")

    async def until(self, script: str, *, patience: float = PATIENCE) -> Any:
        """Wait until an expression is true; its value."""
        deadline = time.monotonic() + patience
        while not (value := await self.value(script)):
            assert time.monotonic() < deadline, f"{script} did not come true"
            await asyncio.sleep(0.05)
        return value

    async def key(self, name: str, code: int, text: str = "") -> None:
        """Press a key."""
        about = {"key": name, "code": name, "windowsVirtualKeyCode": code, "nativeVirtualKeyCode": code}
        await self.send("Input.dispatchKeyEvent", type="keyDown", text=text, **about)
        await self.send("Input.dispatchKeyEvent", type="keyUp", **about)

    async def write(self, text: str) -> None:
        """Type a text."""
        await self.send("Input.insertText", text=text)

    async def picture(self) -> bytes:
        """The page as PNG."""
        said = await self.send("Page.captureScreenshot", format="png")
        return base64.b64decode(said["data"])


@asynccontextmanager
async def opened(address: str, *, width: int = 1200, height: int = 800) -> AsyncIterator[Page]:
    """A page of a browser with a profile of its own. The test is skipped where there is no Chromium."""
    import aiohttp

    if CHROMIUM is None:
        pytest.skip("there is no Chromium")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = await asyncio.create_subprocess_exec(
            CHROMIUM,
            "--headless=new",
            "--no-sandbox",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--remote-debugging-port=0",
            f"--user-data-dir={profile}",
            f"--window-size={width},{height}",
            "about:blank",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            port_file = Path(profile) / "DevToolsActivePort"
            deadline = time.monotonic() + PATIENCE
            while not (port_file.exists() and "\n" in port_file.read_text()):
                assert process.returncode is None, "Chromium ended"
                assert time.monotonic() < deadline
                await asyncio.sleep(0.05)
            port = port_file.read_text().split("\n")[0]
            async with aiohttp.ClientSession() as session:
                async with session.get(f"http://127.0.0.1:{port}/json") as answer:
                    tab = next(one for one in await answer.json() if one["type"] == "page")
                async with session.ws_connect(tab["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                    page = Page(socket)
                    listening = asyncio.create_task(page.listen())
                    for domain in ("Network", "Page", "Runtime"):
                        await page.send(f"{domain}.enable")
                    await page.send(
                        "Emulation.setDeviceMetricsOverride",
                        width=width,
                        height=height,
                        deviceScaleFactor=1,
                        mobile=False,
                    )
                    await page.send("Emulation.setFocusEmulationEnabled", enabled=True)
                    await page.send("Page.navigate", url=address)
                    yield page
                    listening.cancel()
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
