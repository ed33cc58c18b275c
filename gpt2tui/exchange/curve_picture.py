"""Loss curves as a PNG or SVG."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gpt2tui.errors import UsageError
from gpt2tui.runs.curves import Curves, XAxis
from gpt2tui.text import one_line


def save_picture(path: Path, curves: Sequence[Curves], axis: XAxis, *, is_log: bool) -> None:
    """Draw raw and running losses, corpus and validation losses, and the targets.

    Raises:
        UsageError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise UsageError(
            "PNG and SVG need matplotlib: pip install 'gpt2tui[plot]' (without -o the terminal will do)"
        ) from error
    figure = Figure(figsize=(10, 6), layout="constrained")
    axes = figure.add_subplot()
    for index, one in enumerate(curves):
        colour = f"C{index}"
        # A name may hold what matplotlib takes for mathematics, or begin with what hides it from the legend.
        name = " " + one_line(one.name).replace("$", r"\$") + " "
        axes.plot(*one.raw, color=colour, alpha=0.3, linewidth=0.8, label=f"{name}batch loss")
        axes.plot(*one.running, color=colour, linewidth=1.8, label=f"{name}running loss")
        if one.corpus[0]:
            axes.plot(*one.corpus, "o", color=colour, markeredgecolor="black", label=f"{name}corpus loss")
        if one.validation[0]:
            axes.plot(*one.validation, "s:", color=colour, label=f"{name}validation loss")
    for target in targets(curves):
        axes.axhline(target, color="black", linestyle="--", linewidth=1, label=f"target {target:g}")
    if is_log:
        axes.set_yscale("log")
    axes.set_xlabel("seconds in training" if axis == "time" else axis)
    axes.set_ylabel("cross-entropy, nats a token")
    axes.grid(which="both", alpha=0.2)
    axes.legend()
    figure.savefig(path, dpi=150, format=path.suffix.removeprefix("."))


def targets(curves: Sequence[Curves]) -> list[float]:
    """The targets of several runs, each once, ascending."""
    return sorted({one.target for one in curves if one.target})
