"""What tests of the commands share."""

from __future__ import annotations

import pytest

from gpt2tui.runs.paths import Paths
from gpt2tui.runs.store import RunStore


@pytest.fixture
def store() -> RunStore:
    """The runs of the test's home."""
    return RunStore(Paths.from_environment().runs)
