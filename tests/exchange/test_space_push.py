"""The way of a Space to a hub, and what is said where it fails."""

from __future__ import annotations

import json
import re
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from gpt2tui.errors import Gpt2TuiError, UsageError
from gpt2tui.exchange.space import FILES, push_space
from tests.cli.program import gpt2tui
from tests.exchange.spaces import make_run

SECRET = "hf_ThisIsTheSecretOfTheTest"  # noqa: S105


class Hub(BaseHTTPRequestHandler):
    """As much of a hub as an upload needs. ``refusing`` is the status it answers with instead, 0 for none."""

    refusing = 0
    asked: list[tuple[str, str, bytes]]

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length")
        body = self.rfile.read(int(length)) if length else self._chunks()
        self.asked.append((self.path, self.headers.get("Authorization") or "", body))
        if self.refusing:
            return self._answer(self.refusing, {"error": "no"})
        if self.path.endswith("/preupload/main"):
            files = [one | {"uploadMode": "regular", "shouldIgnore": False} for one in json.loads(body)["files"]]
            return self._answer(200, {"files": files})
        if "/commit/" in self.path:
            return self._answer(200, {"commitUrl": "http://127.0.0.1/spaces/a/b/commit/c", "commitOid": "c"})
        return self._answer(200, {"url": "http://127.0.0.1/spaces/a/b", "name": "a/b"})

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers.get("Authorization") or "", b""))
        self._answer(self.refusing or 200, {"sha": "c", "id": "a/b", "siblings": [], "private": False})

    do_HEAD = do_GET  # noqa: N815

    def _chunks(self) -> bytes:
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _answer(self, status: int, content: dict[str, Any]) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def hub() -> Iterator[tuple[str, type[Hub]]]:
    """Its address and the class that answers."""

    class Own(Hub):
        asked: list[tuple[str, str, bytes]] = []  # noqa: RUF012

    server = ThreadingHTTPServer(("127.0.0.1", 0), Own)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", Own
    server.shutdown()
    thread.join()
    server.server_close()


def pushed(place: Path, address: str, **changes: str) -> Any:
    """Export a Space and push it, as a person does, to the hub of this address."""
    environment: dict[str, str] = {"HF_ENDPOINT": address, "HF_TOKEN": SECRET, "HF_HUB_OFFLINE": "0"} | changes
    return gpt2tui("export", "space", str(place), "--push", "a/b", **environment)


def test_a_push_makes_the_space_and_sends_all_files(tmp_path: Path, hub: tuple[str, type[Hub]]):
    make_run()
    address, answering = hub
    done = pushed(tmp_path / "out", address)
    assert done.code == 0, done.err
    made = next(body for path, _, body in answering.asked if path == "/api/repos/create")
    assert json.loads(made)["type"] == "space"
    assert json.loads(made)["sdk"] == "gradio"
    commit = next(body for path, _, body in answering.asked if path == "/api/spaces/a/b/commit/main")
    lines = [json.loads(line) for line in commit.splitlines()]
    assert sorted(line["value"]["path"] for line in lines if line["key"] == "file") == sorted(FILES)
    said = {path: authorization for path, authorization, _ in answering.asked}
    assert said["/api/repos/create"] == said["/api/spaces/a/b/commit/main"] == f"Bearer {SECRET}"
    assert SECRET not in done.out + done.err
    assert f"{address}/spaces/a/b" in done.err.splitlines()[-1]
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path


@pytest.mark.parametrize(
    ("status", "changes", "words"),
    [
        (401, {}, "hf auth login"),
        (403, {}, "HF_TOKEN"),
        (500, {}, "500"),
        (0, {"HF_ENDPOINT": "http://127.0.0.1:9"}, "refused"),
        (0, {"HF_HUB_OFFLINE": "1"}, "offline"),
        (0, {"HF_TOKEN": SECRET + "\x01é"}, "a/b was not pushed"),
    ],
)
def test_a_push_that_fails_says_why_in_one_line_and_keeps_the_secret(
    tmp_path: Path, hub: tuple[str, type[Hub]], status: int, changes: dict[str, str], words: str
):
    make_run()
    address, answering = hub
    answering.refusing = status
    done = pushed(tmp_path / "out", changes.get("HF_ENDPOINT", address), **changes)
    assert done.code == 1, done.err
    assert words in done.err.splitlines()[-1]
    assert "a/b was not pushed" in done.err.splitlines()[-1]
    assert "Traceback" not in done.err
    assert SECRET not in done.out + done.err
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(FILES)


def test_a_dry_run_says_what_would_go_and_asks_nobody(tmp_path: Path, hub: tuple[str, type[Hub]]):
    make_run()
    address, answering = hub
    changes = {"HF_ENDPOINT": address, "HF_TOKEN": SECRET, "HF_HUB_OFFLINE": "0"}
    done = gpt2tui("export", "space", str(tmp_path / "out"), "--push", "a/b", "--dry-run", **changes)
    assert done.code == 0, done.err
    for name in FILES:
        assert re.search(rf"would upload {re.escape(name)} \([\d.]+ \w+\)", done.err)
    assert "a/b" in done.err.splitlines()[-1]
    assert answering.asked == []


@pytest.mark.parametrize(
    "target", ["", "a", "a/", "/b", "a/b/c", "a/b c", "a/../b", "https://x/y", "a/b--c", "-a/b", "a/é"]
)
def test_targets_that_name_no_space(folder: Path, target: str):
    with pytest.raises(UsageError, match="OWNER/NAME"):
        push_space(folder, target, dry_run=True, notice=lambda _: None)


def test_without_huggingface_hub(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    said: list[str] = []
    push_space(folder, "a/b", dry_run=True, notice=said.append)
    assert said
    with pytest.raises(Gpt2TuiError, match=r"^pushing needs huggingface_hub: pip install 'gpt2tui\[hub\]'$"):
        push_space(folder, "a/b", dry_run=False, notice=said.append)
