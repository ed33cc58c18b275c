"""What tests of the app share."""

from __future__ import annotations

import pytest

from gpt2tui.runs.paths import Paths
from gpt2tui.runs.store import RunStore


@pytest.fixture
def store() -> RunStore:
    """The runs of the test's home, where the app looks for them."""
    return RunStore(Paths.from_environment().runs)
