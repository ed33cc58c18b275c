"""One tab of a browser: the process of its app."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from aiohttp import web
from textual_serve.app_service import AppService
from textual_serve.download_manager import DownloadManager

_LEAVE_SECONDS = 1.5
"""An app that was told to end has this long to do it well."""


class Tab(AppService):
    """textual-serve's app process, but: one that ends closes its tab, one that does not end in time is killed."""

    def __init__(self, command: str, browser: web.WebSocketResponse, downloads: DownloadManager) -> None:
        super().__init__(
            command,
            write_bytes=browser.send_bytes,
            write_str=browser.send_str,
            close=self._close,
            download_manager=downloads,
        )
        self._browser = browser

    async def _close(self) -> None:
        await self._browser.close()

    async def run(self) -> None:
        """Carry what the app draws to the browser, until either is gone."""
        try:
            await super().run()
        finally:
            await self._close()

    async def on_data(self, payload: bytes) -> None:
        """Show what the app drew. When nobody looks any more it is still taken: an app that cannot write cannot end."""
        with suppress(ConnectionError):
            await super().on_data(payload)

    async def stop(self) -> None:
        """End the app."""
        process, carrying = self._process, self._task
        if process is None or carrying is None:
            return
        self._task = None
        await self._download_manager.cancel_app_downloads(app_service_id=self.app_service_id)
        try:
            async with asyncio.timeout(_LEAVE_SECONDS):
                await self.send_meta({"type": "quit"})
                await asyncio.wait([carrying])
                await process.wait()
        except TimeoutError:
            carrying.cancel()
            with suppress(ProcessLookupError):
                process.kill()
