"""textual-serve for one person: loopback names only, our own page, and a secret in the address."""

from __future__ import annotations

import asyncio
import hmac
import logging
import re
import secrets
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from contextlib import redirect_stdout, suppress
from pathlib import Path
from typing import Any

from aiohttp import WSCloseCode, web
from textual_serve.server import Server, to_int

from gpt2tui.cli.web_tab import Tab

_LOOPBACK = re.compile(r"(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?")
"""What a browser may call this server. Its port may be a forwarded one."""

_GOODBYE_SECONDS = 1.0
"""A browser that is told goodbye has this long to say it too."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class LoopbackServer(Server):
    """Serves the app to whoever has the address that was printed, and to no page of another site.

    Anyone on this machine can reach its loopback, and any page in its browser can send requests there. So the Host
    must be a loopback name (against names that are pointed here), the Origin our own (against other sites' scripts),
    and the path begins with a secret. It is not a cookie: a browser shows those to every port of a machine.
    """

    def __init__(self, command: str, host: str, port: int) -> None:
        super().__init__(command, host, port, "gpt2tui", templates_path=Path(__file__).parent.resolve() / "serve_page")
        self._secret = secrets.token_urlsafe(16)
        self._sockets: set[web.WebSocketResponse] = set()

    @property
    def address(self) -> str:
        """What a person opens. By number: a name may lead to where somebody else listens."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/{self._secret}/"

    async def make_app(self) -> web.Application:
        """All that textual-serve answers, below the secret and behind the guard."""
        app = web.Application(middlewares=[self._guard, web.normalize_path_middleware(append_slash=True)])
        app.add_subapp(f"/{self._secret}/", await self._make_app())
        return app

    async def on_startup(self, app: web.Application) -> None:
        """Nothing: the command line says where it is."""

    async def on_shutdown(self, app: web.Application) -> None:
        """Tell every tab; their apps end with them."""
        goodbyes = [one.close(code=WSCloseCode.GOING_AWAY) for one in self._sockets]
        await asyncio.gather(*goodbyes, return_exceptions=True)

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not _LOOPBACK.fullmatch(request.host):
            raise web.HTTPForbidden(text="gpt2tui serve answers to localhost only\n")
        if request.headers.get("Origin", own := f"http://{request.host}") != own:
            raise web.HTTPForbidden(text="gpt2tui serve answers to its own page only\n")
        given = request.path.split("/")[1]
        if not hmac.compare_digest(given.encode(errors="replace"), self._secret.encode()):
            raise web.HTTPForbidden(text="open the address that gpt2tui serve printed: it holds a secret\n")
        response = await handler(request)
        if not response.prepared:
            response.headers["Content-Security-Policy"] = (
                "default-src 'self' data:; style-src 'self' 'unsafe-inline'; script-src 'self' 'unsafe-inline'; "
                f"connect-src 'self' ws://{request.host}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
            )
            response.headers["Referrer-Policy"] = "no-referrer"
            response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    async def handle_index(self, request: web.Request) -> Any:
        """The page, its links as the browser sees this server: its port may be a forwarded one."""
        self.public_url = f"http://{request.host}"
        return await super().handle_index(request)

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """One tab: an app of its own for as long as the connection lasts."""
        browser = web.WebSocketResponse(heartbeat=15, timeout=_GOODBYE_SECONDS)
        await browser.prepare(request)
        tab = Tab(self.command, browser, self.download_manager)
        self._sockets.add(browser)
        try:
            await tab.start(to_int(request.query.get("width", ""), 80), to_int(request.query.get("height", ""), 24))
            with suppress(ConnectionError):  # the browser is gone
                await self._process_messages(browser, tab)
        finally:
            self._sockets.discard(browser)
            await tab.stop()
            await browser.close()
        return browser


def run_server(command: str, listener: socket.socket, *, tell: Callable[[str], None]) -> None:
    """Serve until SIGINT, SIGTERM or SIGHUP; the apps of all tabs end with it, trainings do not."""
    logging.basicConfig(level="ERROR")
    with redirect_stdout(sys.stderr):  # where textual-serve repeats what an app said that failed
        asyncio.run(_serve(LoopbackServer(command, *listener.getsockname()[:2]), listener, tell))


async def _serve(server: LoopbackServer, listener: socket.socket, tell: Callable[[str], None]) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup
            asyncio.get_running_loop().add_signal_handler(number, ended.set)
    runner = web.AppRunner(await server.make_app(), access_log=None, shutdown_timeout=2 * _GOODBYE_SECONDS)
    await runner.setup()
    await web.SockSite(runner, listener).start()
    tell(server.address)
    try:
        await ended.wait()
    finally:
        await runner.cleanup()
