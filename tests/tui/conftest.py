"""What tests of the app share."""

from __future__ import annotations

from pathlib import Path

import pytest
import textual.app
import textual.pilot
from textual.app import App

from gpt2tui.runs.paths import Paths
from gpt2tui.runs.run import Run
from gpt2tui.runs.store import RunStore
from gpt2tui.tui.processes import asking, speaker
from tests.preloaded import preloaded
from tests.tiny import tiny_run
from tests.tui.form_app import BOOK
from tests.tui.listing import three_runs
from tests.tui.rest import rest


@pytest.fixture
def store() -> RunStore:
    """The runs of the test's home, where the app looks for them."""
    return RunStore(Paths.from_environment().runs)


@pytest.fixture
def run(store: RunStore) -> Run:
    """A run with a checkpoint of random weights."""
    return tiny_run(store.folder)


@pytest.fixture
def three(store: RunStore) -> dict[str, Run]:
    """Three runs, of which lear is the newest and othello the oldest."""
    return three_runs(store)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of texts, which the app is started in."""
    folder = tmp_path / "texts"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "book.txt").write_text(BOOK)
    return folder


@pytest.fixture(autouse=True)
def pilots_wait_for_what_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pilot waits until the app rests, and no longer."""
    for module in (textual.app, textual.pilot):
        monkeypatch.setattr(module, "wait_for_idle", rest)


@pytest.fixture(autouse=True)
def ends_as_when_it_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """``App.run`` cancels all workers before anything is taken down; ``App.run_test`` does not, so here it is made to.

    Without it, a worker that goes on between two widgets' ends finds a half of the screen, as in no real app.
    """
    shut_down = App._shutdown

    async def cancel_workers_and_shut_down(app: App[object]) -> None:
        app.workers.cancel_all()
        await shut_down(app)

    monkeypatch.setattr(App, "_shutdown", cancel_workers_and_shut_down)


@pytest.fixture(autouse=True)
def children_have_torch(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The app's children need not import it, except in modules of tests about how they start and end."""
    if "fresh_children" not in request.keywords:
        monkeypatch.setattr(asking, "PROGRAM", preloaded("gpt2tui"))
        monkeypatch.setattr(speaker, "COMMAND", preloaded("gpt2tui.generation.worker"))
