"""What is copied comes to tmux as well, which keeps what programs send to the clipboard to itself."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gpt2tui.tui.terminal.clipboard import hand_to_tmux
from tests.tui.apps import app_for, until

TEXT = "Who comes on iron tyres?\n漢字\n"


def stand_in(folder: Path, *lines: str) -> None:
    """A ``tmux`` that comes first."""
    program = folder / "tmux"
    program.write_text("\n".join([f"#!{sys.executable}", "import sys", *lines]))
    program.chmod(0o755)


async def test_in_tmux_the_app_hands_over_what_it_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = tmp_path / "kept"
    stand_in(tmp_path, f"open({str(kept)!r}, 'w').write(' '.join(sys.argv[1:]) + chr(10) + sys.stdin.read())")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    app = app_for()
    async with app.run_test() as pilot:
        app.copy_to_clipboard("outside")
        await pilot.pause()
        assert not kept.exists()
        monkeypatch.setenv("TMUX", f"{tmp_path}/socket,1,0")
        app.copy_to_clipboard(TEXT)
        await until(pilot, lambda: kept.exists() and kept.read_text().endswith(TEXT))
    assert kept.read_text() == f"load-buffer -w -\n{TEXT}"


async def test_an_old_tmux_is_asked_in_its_own_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = tmp_path / "kept"
    stand_in(tmp_path, "if '-w' in sys.argv: sys.exit(1)", f"open({str(kept)!r}, 'w').write(sys.stdin.read())")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert await hand_to_tmux(TEXT)
    assert kept.read_text() == TEXT


async def test_without_a_tmux_that_answers_nothing_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not await hand_to_tmux(TEXT)
    stand_in(tmp_path, "sys.exit(1)")
    assert not await hand_to_tmux(TEXT)


@pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed")
async def test_a_real_tmux_has_it_in_its_buffer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    socket = tmp_path / "s"
    server = ["tmux", "-S", str(socket)]
    subprocess.run([*server, "-f", "/dev/null", "new-session", "-d", "sleep 600"], check=True)
    try:
        monkeypatch.setenv("TMUX", f"{socket},1,0")
        assert await hand_to_tmux(TEXT)
        shown = subprocess.run([*server, "show-buffer"], check=True, capture_output=True, text=True)
        assert shown.stdout == TEXT
    finally:
        subprocess.run([*server, "kill-server"], check=True)
