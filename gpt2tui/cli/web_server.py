"""textual-serve for one person: loopback names only, our own page, and a secret in the address."""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
import signal
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web
from textual_serve.server import Server

_NAMES = ("localhost", "127.0.0.1", "::1")
_GOODBYE_SECONDS = 1.0
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class LoopbackServer(Server):
    """Serves the app to whoever has the address that was printed, and to no page of another site.

    Anyone on this machine can reach its loopback, and any page in its browser can send requests there. So the Host
    must be a loopback name (against names that are pointed here), the Origin our own (against other sites' scripts),
    and a secret is asked for: from the address the first time, from a cookie then.
    """

    def __init__(self, command: str, port: int) -> None:
        super().__init__(
            command, port=port, title="gpt2tui", templates_path=Path(__file__).parent.resolve() / "serve_page"
        )
        self.secret = secrets.token_urlsafe(16)
        self._cookie = f"gpt2tui-{port}"  # a browser keeps one set of cookies for all ports
        self.tabs: set[asyncio.Task[Any]] = set()

    @property
    def address(self) -> str:
        """What a person opens."""
        return f"http://localhost:{self.port}/?secret={self.secret}"

    async def _make_app(self) -> web.Application:
        app = await super()._make_app()
        app.middlewares.append(self._guard)
        return app

    async def on_startup(self, app: web.Application) -> None:
        """Nothing: the command line says where it is."""

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if _host_name(f"//{request.host}") not in _NAMES:
            raise web.HTTPForbidden(text="gpt2tui serve answers to localhost only\n")
        origin = request.headers.get("Origin")
        if origin and urlsplit(origin).netloc != request.host:
            raise web.HTTPForbidden(text="gpt2tui serve answers to its own page only\n")
        given = request.query.get("secret") or request.cookies.get(self._cookie, "")
        if not hmac.compare_digest(given.encode(), self.secret.encode()):
            raise web.HTTPForbidden(text="open the address that gpt2tui serve printed: it holds a secret\n")
        response = await handler(request)
        if not response.prepared:
            response.set_cookie(self._cookie, self.secret, httponly=True, samesite="Strict")
            response.headers["Content-Security-Policy"] = (
                "default-src 'self' data:; style-src 'self' 'unsafe-inline'; script-src 'self' 'unsafe-inline'; "
                "connect-src 'self' ws:; frame-ancestors 'none'"
            )
            response.headers["Referrer-Policy"] = "no-referrer"
        return response

    async def handle_index(self, request: web.Request) -> Any:
        """The page, its links as the browser sees this server: its port may be a forwarded one."""
        self.public_url = f"http://{request.host}"
        return await super().handle_index(request)

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """One tab: an app of its own for as long as the connection lasts."""
        task = asyncio.current_task()
        assert task is not None
        self.tabs.add(task)
        try:
            return await super().handle_websocket(request)
        finally:
            self.tabs.discard(task)


def run_server(command: str, listener: socket.socket, *, tell: Callable[[str], None]) -> None:
    """Serve until SIGINT, SIGTERM or SIGHUP; the apps of all tabs end with it."""
    logging.basicConfig(level="ERROR")
    asyncio.run(_serve(LoopbackServer(command, listener.getsockname()[1]), listener, tell))


async def _serve(server: LoopbackServer, listener: socket.socket, tell: Callable[[str], None]) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, ended.set)
    runner = web.AppRunner(await server._make_app(), access_log=None, shutdown_timeout=_GOODBYE_SECONDS)
    await runner.setup()
    await web.SockSite(runner, listener).start()
    tell(server.address)
    try:
        await ended.wait()
        for task in list(server.tabs):
            task.cancel()
        if server.tabs:
            await asyncio.wait(server.tabs, timeout=_GOODBYE_SECONDS)
    finally:
        await runner.cleanup()


def _host_name(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None
