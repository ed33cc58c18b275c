"""What may be imported when, checked in processes of their own."""

from __future__ import annotations

import subprocess
import sys

import pytest
from importlinter.cli import lint_imports

HEAVY = ("torch", "numpy", "tiktoken", "textual", "safetensors", "transformers", "matplotlib", "plotext", "pydantic")
COMPILERS = ("torch._dynamo", "torch._inductor", "sympy")
"""What torch imports for torch.compile, and for a few innocent calls: half of the time of a start."""

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
    probe = _PROBE.format(arguments=list(arguments), heavy=HEAVY + COMPILERS)
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


def test_a_training_and_its_samples_load_nothing_for_compiling(tmp_path):
    text = tmp_path / "fable.txt"
    text.write_text("The fox looked at the grapes, and the grapes looked at the fox. " * 9)
    small = ("--preset", "nano", "--block-size", "16", "--batch-size", "2", "--max-steps", "2", "--no-target")
    for command in (("train", "--headless", "--quiet", *small, str(text)), ("sample", "The fox", "-n", "2")):
        loaded = loaded_by(*command)
        assert "torch" in loaded
        assert not set(loaded) & set(COMPILERS), command


def test_the_rooms_import_only_downwards():
    assert lint_imports() == 0
