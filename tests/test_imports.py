"""What may be imported when, checked in processes of their own."""

from __future__ import annotations

import subprocess
import sys

import pytest
from importlinter.cli import lint_imports

HEAVY = ("torch", "numpy", "tiktoken", "textual", "safetensors", "transformers", "matplotlib", "plotext")

_PROBE = """
import sys
from gpt2tui.cli import app
try:
    app({arguments!r})
except SystemExit as end:
    assert not end.code, end.code
print("loaded", *[name for name in {heavy!r} if name in sys.modules], file=sys.stderr)
"""


def loaded_by(*arguments: str) -> list[str]:
    """The heavy modules that a command has loaded when it ends."""
    probe = _PROBE.format(arguments=list(arguments), heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    return done.stderr.splitlines()[-1].split()[1:]


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["train", "--help"], ["runs", "plot", "-h"], ["paths"], ["runs"], ["info"]],
    ids=" ".join,
)
def test_commands_that_compute_nothing_load_nothing_heavy(arguments):
    assert loaded_by(*arguments) == []


def test_the_probe_sees_what_is_loaded():
    assert "torch" in loaded_by("eval", "--help") or "torch" in loaded_by("train", "--dry-run", "--preset", "nano")


def test_the_rooms_import_only_downwards():
    assert lint_imports() == 0
