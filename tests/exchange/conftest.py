"""What tests of Spaces share."""

from __future__ import annotations

from pathlib import Path

import pytest

from gpt2tui.exchange.source import Source
from gpt2tui.exchange.space import export_space
from tests.exchange.spaces import make_run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A Space of a tiny run."""
    export_space(Source.of(make_run()), tmp_path / "out", force=False)
    return tmp_path / "out"
