"""Downloading one file over http or https, when the user asked for it."""

from __future__ import annotations

import hashlib
import http.client
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import IO

from gpt2tui.errors import CorpusError, UsageError
from gpt2tui.runs.files import replacing

TIMEOUT_SECONDS = 30.0
LIMIT_BYTES = 1 << 30
_BLOCK_BYTES = 1 << 16

# Bytes so far, and in all where the server said so.
Progress = Callable[[int, int | None], None]


def fetch(
    address: str,
    destination: Path,
    *,
    limit: int = LIMIT_BYTES,
    timeout: float = TIMEOUT_SECONDS,
    sha256: str | None = None,
    progress: Progress | None = None,
) -> int:
    """Download ``address`` to ``destination``, which appears when it is whole; gives its size in bytes.

    ``timeout`` is in seconds and for each wait; ``limit`` is in bytes. Proxies are taken from the
    environment.

    Raises:
        UsageError: the address is not one of http or https.
        CorpusError: it cannot be reached, is too large, ended early, or is not what ``sha256`` says.
    """
    check_address(address)
    request = urllib.request.Request(urllib.parse.quote(address, safe="%/:=&?~#+!$,;'@()*[]"))
    request.add_header("User-Agent", "gpt2tui")
    destination.parent.mkdir(parents=True, exist_ok=True)
    try:
        with _opener().open(request, timeout=timeout) as response, replacing(destination) as file:
            announced = response.headers.get("Content-Length")
            total = int(announced) if announced and announced.isdigit() else None
            found, size = _copy(address, response, file.write, total, limit, progress)
            if total is not None and size != total:
                raise CorpusError(f"{address}: the download ended after {size:,} of {total:,} bytes; try again")
            if sha256 and found != sha256:
                raise CorpusError(
                    f"{address}: what is there now is not what was expected (SHA-256 {found}, not {sha256}); "
                    "nothing was kept"
                )
    except urllib.error.HTTPError as error:
        error.close()
        raise CorpusError(f"{address}: the server answered {error.code} {error.reason}; check the address") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error or type(error).__name__
        raise CorpusError(f"{address}: it cannot be fetched: {' '.join(str(reason).split())}") from None
    return size


def check_address(address: str) -> None:
    """Refuse what is not http or https.

    Raises:
        UsageError: it is another scheme, or names no host.
    """
    try:
        parts = urllib.parse.urlsplit(address)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        usable = False
    if not usable:
        raise UsageError(f"{address}: only http:// and https:// addresses are fetched; download it and name the file")


def _copy(
    address: str,
    response: IO[bytes],
    write: Callable[[bytes], object],
    total: int | None,
    limit: int,
    progress: Progress | None,
) -> tuple[str, int]:
    digest = hashlib.sha256()
    size = 0
    if total is not None and total > limit:
        raise CorpusError(
            f"{address}: {total:,} bytes, and at most {limit:,} are fetched; download it and name the file"
        )
    while data := response.read(_BLOCK_BYTES):
        size += len(data)
        if size > limit:
            raise CorpusError(f"{address}: more than {limit:,} bytes; download it and name the file")
        write(data)
        digest.update(data)
        if progress:
            progress(size, total)
    return digest.hexdigest(), size


class _HttpRedirects(urllib.request.HTTPRedirectHandler):
    """Follows to http and https; urllib's own would also follow to ftp."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        if urllib.parse.urlsplit(newurl).scheme not in ("http", "https"):
            raise urllib.error.URLError(f"it redirects to {newurl}, which is neither http nor https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        _HttpRedirects(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPDefaultErrorHandler(),
    ):
        opener.add_handler(handler)
    opener.addheaders = []
    return opener
