"""Downloading, from a real server on this machine."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from gpt2tui.corpus.fetch import fetch
from gpt2tui.corpus.sources import resolved
from gpt2tui.errors import CorpusError, UsageError
from gpt2tui.runs.paths import Paths

TEXT = "é, text to train on\n".encode() * 20_000


class Handler(BaseHTTPRequestHandler):
    """Answers by the path that is asked for, and keeps what it was sent."""

    seen: list[tuple[str, dict[str, str]]] = []  # noqa: RUF012
    release = threading.Event()

    def do_GET(self) -> None:
        self.seen.append((self.path, dict(self.headers)))
        if self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/to/"))
            self.end_headers()
        elif self.path == "/missing":
            self.send_error(404)
        elif self.path == "/hangs":
            self.release.wait(20)
        else:
            self.send_response(200)
            if self.path != "/unannounced":
                self.send_header("Content-Length", str(len(TEXT) * (2 if self.path == "/short" else 1)))
            self.end_headers()
            self.wfile.write(TEXT)

    def log_message(self, format: str, *args: object) -> None:
        """Keep the tests' output clean."""


@pytest.fixture
def server() -> Iterator[str]:
    Handler.seen.clear()
    Handler.release.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        Handler.release.set()
        running.shutdown()
        thread.join()


def test_the_file_arrives_whole_with_progress_and_nothing_is_told(server: str, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    size = fetch(f"{server}/poem é.txt", tmp_path / "new/x.txt", progress=lambda *now: seen.append(now))
    assert (tmp_path / "new/x.txt").read_bytes() == TEXT
    assert seen[-1] == (len(TEXT), len(TEXT)) == (size, size)
    assert seen == sorted(seen)
    assert len(seen) > 3
    path, headers = Handler.seen[0]
    assert path == "/poem%20%C3%A9.txt"
    assert headers.pop("Host")
    assert headers == {"User-Agent": "gpt2tui", "Accept-Encoding": "identity", "Connection": "close"}


def test_redirects_are_followed_to_http_only(server: str, tmp_path: Path) -> None:
    fetch(f"{server}/to/{server}/x", tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == TEXT
    for bad in ("file:///etc/passwd", "ftp://127.0.0.1/x"):
        with pytest.raises(CorpusError, match=r"it redirects to ftp|is not allowed"):
            fetch(f"{server}/to/{bad}", tmp_path / "y")


@pytest.mark.parametrize(
    ("path", "options", "message"),
    [
        ("/missing", {}, r"the server answered 404 Not Found; check the address$"),
        ("/short", {}, rf"the download ended after {len(TEXT):,} of {2 * len(TEXT):,} bytes; try again$"),
        ("/x", {"limit": 1000}, rf"{len(TEXT):,} bytes, and at most 1,000 are fetched"),
        ("/unannounced", {"limit": 1000}, "more than 1,000 bytes"),
        ("/hangs", {"timeout": 0.2}, r"it cannot be fetched: timed out$"),
        ("/x", {"sha256": "0" * 64}, rf"SHA-256 {hashlib.sha256(TEXT).hexdigest()}, not 0+\); nothing was kept$"),
    ],
)
def test_a_failure_is_one_line_and_leaves_nothing(
    server: str, tmp_path: Path, path: str, options: dict[str, object], message: str
) -> None:
    with pytest.raises(CorpusError, match=message) as caught:
        fetch(server + path, tmp_path / "folder/x", **options)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(server + path)
    assert list((tmp_path / "folder").iterdir()) == []


def test_no_server_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"^http://127\.0\.0\.1:9/x: it cannot be fetched: .*[Rr]efused"):
        fetch("http://127.0.0.1:9/x", tmp_path / "x")


@pytest.mark.parametrize("address", ["ftp://host/x", "file:///etc/passwd", "http://", "data:text/plain,x", "http://[x"])
def test_other_schemes_are_wrong_usage(address: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="only http"):
        fetch(address, tmp_path / "x")


def test_an_address_is_a_text(server: str, tmp_path: Path) -> None:
    paths = Paths(data=tmp_path / "data", config=tmp_path / "config", cache=tmp_path / "cache")
    with resolved([f"{server}/some/poem.txt"], paths=paths) as found:
        assert found.name == "poem"
        assert found.documents[0].path.read_bytes() == TEXT
    assert list(paths.cache.iterdir()) == []
