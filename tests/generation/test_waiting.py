"""How threads wait in a process that makes tokens."""

from __future__ import annotations

import os

import pytest

from gpt2tui.generation.waiting import wait_briefly


@pytest.fixture(autouse=True)
def nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        monkeypatch.setenv(name, "")  # so that it is as before when this ends
        monkeypatch.delenv(name)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)


@pytest.mark.parametrize(("load", "turns"), [(0.0, "10000"), (1.9, "10000"), (2.1, None), (9.0, None)])
def test_threads_spin_for_a_moment_on_a_quiet_machine_alone(
    load: float, turns: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 0.0, 0.0))
    wait_briefly()
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
    assert os.environ.get("GOMP_SPINCOUNT") == turns


def test_where_the_load_is_not_told_they_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise OSError

    monkeypatch.setattr(os, "getloadavg", refuse)
    wait_briefly()
    assert "GOMP_SPINCOUNT" not in os.environ


def test_what_the_environment_says_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (0.0, 0.0, 0.0))
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    monkeypatch.setenv("GOMP_SPINCOUNT", "7")
    wait_briefly()
    assert (os.environ["OMP_WAIT_POLICY"], os.environ["GOMP_SPINCOUNT"]) == ("ACTIVE", "7")
