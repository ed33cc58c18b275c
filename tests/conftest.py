"""Every test has a home of its own, and no network but loopback, in its children too."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
"""Tiny Shakespeare and the original's log, where a checkout has them beside it."""

for name, value in (("OMP_NUM_THREADS", "1"), ("OMP_WAIT_POLICY", "PASSIVE")):
    os.environ[name] = value  # before torch is imported: there are as many tests at a time as cores
gc.set_threshold(20_000, 20, 20)  # an app leaves much garbage, and walking it as often as Python does takes a sixth

_FIRST = "test_from_an_empty_home_to_a_model_that_answers[short]"
"""The test that takes by far the longest, begun first so that none waits for it in the end."""
_CALLERS = (
    *("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "TMUX"),
    *("GLIBC_TUNABLES", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"),
)
"""What a caller's terminal or habits set. The last one would let every child compile all of the package."""
_NOWHERE = "http://127.0.0.1:9"


def pytest_xdist_auto_num_workers() -> int:
    """Half as many again as cores: a third of the time of a test of the app is waiting for a terminal or a child."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores + (cores + 1) // 2


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.name != _FIRST)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """``GPT2TUI_HOME``, with the XDG folders beside it, and nothing of the caller's settings."""
    for name in list(os.environ):
        if name.startswith("GPT2TUI_") or name in _CALLERS:
            monkeypatch.delenv(name)
    place = tmp_path / "home"
    monkeypatch.setenv("GPT2TUI_HOME", str(place))
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    for kind in ("CONFIG", "DATA", "CACHE", "STATE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path / "xdg" / kind.lower()))
    for scheme in ("http", "https", "all"):
        monkeypatch.setenv(f"{scheme}_proxy", _NOWHERE)
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return place


@pytest.fixture(scope="session")
def tiny_shakespeare() -> Path:
    """The text of the original experiment; the test is skipped where it is absent."""
    return _data("tinyshakespeare.txt")


@pytest.fixture(scope="session")
def reference_log() -> Path:
    """The original's published log; the test is skipped where it is absent."""
    return _data("reference_log.csv")


def _data(name: str) -> Path:
    path = DATA / name
    if not path.is_file():
        pytest.skip(f"{path} is absent")
    return path
