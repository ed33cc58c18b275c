"""``gpt2tui runs plot``: loss curves as a picture, or drawn in the terminal."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from gpt2tui.cli.output import is_unicode, put, stdout_console
from gpt2tui.cli.run_argument import find_run
from gpt2tui.errors import Gpt2TuiError, UsageError
from gpt2tui.exchange.curve_picture import save_picture, targets
from gpt2tui.runs.curves import COLUMNS, Curves, XAxis
from gpt2tui.text import one_line

_KINDS = (".png", ".svg")
_PICTURE_POINTS, _TERMINAL_POINTS = 20_000, 1_000
_COLOURS = ("blue+", "orange+", "green+", "magenta+", "cyan+", "red+")
_ASCII = str.maketrans("─│┌┐└┘├┤┬┴┼", "-|+++++++++")


def plot(
    runs: Annotated[list[str] | None, typer.Argument(metavar="RUN", help="By default the latest.")] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="FILE.png or FILE.svg; without it, drawn in the terminal."),
    ] = None,
    x: Annotated[str, typer.Option("--x", help="steps, tokens, passes or time (seconds in training).")] = "steps",
    linear: Annotated[bool, typer.Option("--linear", help="A linear scale of losses, not a log one.")] = False,
) -> None:
    """Plot batch and running loss, corpus losses and target."""
    axis = next((name for name in COLUMNS if name == x), None)
    if axis is None:
        raise UsageError(f"--x {x!r} is none of: {', '.join(COLUMNS)}")
    if output and output.suffix.lower() not in _KINDS:
        raise UsageError(f"{output} must end in {' or '.join(_KINDS)}")
    found = list({run.folder: run for run in map(find_run, runs or ["latest"])}.values())
    curves = [Curves(run, axis, most=_PICTURE_POINTS if output else _TERMINAL_POINTS) for run in found]
    if not any(curves):
        raise Gpt2TuiError(f"run {found[0].id} has no losses yet")
    if output:
        save_picture(output, curves, axis, is_log=not linear)
        typer.echo(f"wrote {output}", err=True)
    else:
        _draw(curves, axis, is_log=not linear)


def _draw(curves: Sequence[Curves], axis: XAxis, *, is_log: bool) -> None:
    import plotext

    console = stdout_console()
    is_fancy = is_unicode(sys.stdout)
    width, height = (console.width, console.height) if console.is_terminal else (80, 24)

    def scaled(losses: Sequence[float]) -> list[float]:
        return [math.log10(max(loss, 1e-12)) for loss in losses] if is_log else list(losses)

    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plotsize(max(40, width), max(12, height - 2))
    everything: list[float] = []
    for index, one in enumerate(curves):
        colour, name = _COLOURS[index % len(_COLOURS)], one_line(one.name)
        marks = ("braille", "hd", "o") if is_fancy else (".", "*", "o")
        if len(curves) == 1 and one.raw[0]:
            plotext.scatter(one.raw[0], scaled(one.raw[1]), marker=marks[0], color="gray", label="batch loss")
        if one.running[0]:
            plotext.plot(
                one.running[0],
                scaled(one.running[1]),
                marker=marks[1],
                color=colour,
                label=f"{name}, running loss",
            )
        if one.corpus[0]:
            plotext.scatter(
                *(one.corpus[0], scaled(one.corpus[1])),
                marker=marks[2],
                color="red+",
                label=f"{name}, corpus loss",
            )
        everything += [*one.raw[1], *one.running[1], *one.corpus[1]]
    for target in targets(curves):
        plotext.hline(scaled([target])[0], "yellow")
        everything.append(target)
    if is_log:
        levels = _log_ticks(min(everything), max(everything))
        plotext.yticks([math.log10(level) for level in levels], [f"{level:g}" for level in levels])
    if axis != "passes":
        farthest = max((one.raw[0][-1] for one in curves if one.raw[0]), default=1)
        plotext.xticks(ticks := _round_ticks(farthest), [f"{tick:,}" for tick in ticks])
    plotext.xlabel("seconds in training" if axis == "time" else axis)
    wanted = ", ".join(f"{target:g}" for target in targets(curves)) or "none"
    plotext.title(f"cross-entropy, {'log' if is_log else 'linear'}; target {wanted}")
    picture = plotext.build()
    if console.no_color or not console.color_system:
        picture = plotext.uncolorize(picture)
    put(picture if is_fancy else picture.translate(_ASCII))


def _round_ticks(farthest: float) -> list[int]:
    """About five round numbers from zero on."""
    rough = max(1.0, farthest / 5)
    power = 10 ** math.floor(math.log10(rough))
    step = int(next(one * power for one in (1, 2, 5, 10) if one * power >= rough))
    return list(range(0, int(farthest) + 1, step))


def _log_ticks(lowest: float, highest: float) -> list[float]:
    """1, 2 and 5 times the powers of ten within a range, only the powers where there are many."""
    powers = range(math.floor(math.log10(max(lowest, 1e-12))), math.ceil(math.log10(max(highest, 1e-12))) + 1)
    steps = (1, 2, 5) if len(powers) < 5 else (1,)
    ticks = [step * 10.0**power for power in powers for step in steps]
    return [tick for tick in ticks if lowest * 0.999 <= tick <= highest * 1.001] or [lowest]
