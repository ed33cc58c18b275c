"""The chart on long runs: from the series on the disk to the first picture, and the price of each further one.

    python -m tests.benchmarks.chart [--steps 1000000] [--rounds 20] [--size 140x40]

The chart is alone in an app of this process; how long it takes from a key to a frame on a real terminal is measured
by ``tests.benchmarks.app``. A frame counts here until the strips of the whole screen are made.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

from textual.app import App

from gpt2tui.tui.chart.columns import History
from gpt2tui.tui.chart.picture import Look, Subject, draw_picture
from gpt2tui.tui.chart.window import Window
from gpt2tui.tui.widgets.chart import LossChart
from tests.benchmarks.app import percentile
from tests.tui.series_files import Run, extend_series, falling, write_series
from tests.tui.test_chart import Host, shown

_KEYS = {
    "zoom in": ("zoom_in",) * 3,
    "pan": ("left", "half_left", "right", "half_left"),
    "zoom in, to single steps": ("zoom_in",) * 14,
    "zoom out": ("zoom_out",) * 6,
    "unit of x": ("cycle_x",) * 4,
    "log or linear": ("toggle_log",) * 2,
    "cursor": ("toggle_cursor", "left", "left", "right", "toggle_cursor"),
    "all": ("show_all",),
}
"""Rounds of what a person does with a chart; each begins and ends with all of the run."""


def milliseconds(call: Callable[[], object]) -> float:
    """How long a call takes."""
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1000


def row(name: str, times: list[float]) -> str:
    """A row of the table."""
    return f"| {name} | {percentile(times, 50):.1f} | {percentile(times, 95):.1f} | {max(times):.1f} | {len(times)} |"


def open_and_draw(run: Run, columns: int, rows: int) -> History:
    """What happens before the first complete picture, Textual apart."""
    history = History(run.path)
    history.refresh()
    draw_picture(Subject(history, [], run.target_loss), Look(Window()), columns, rows).canvas.lines()
    return history


async def frames(run: Run, size: tuple[int, int], rounds: int) -> dict[str, list[float]]:
    """Frames after keys, and after a step was written."""
    times: dict[str, list[float]] = {}

    async with Host().run_test(size=size) as pilot:
        chart = await shown(pilot, run)

        async def take(name: str, deed: Callable[[], object]) -> None:
            times.setdefault(name, []).append(milliseconds(lambda: (deed(), strips(pilot.app))))
            await pilot.pause()

        for _ in range(rounds):
            for name, actions in _KEYS.items():
                for action in actions:
                    await take(name, getattr(chart, f"action_{action}"))
            extend_series(run.path, [0.5])
            await take("one step more", chart.refresh_data)
            await take("nothing new", chart.refresh_data)
            await take("the same picture in other colours", lambda: redrawn(chart))
    return times


def redrawn(chart: LossChart) -> None:
    """As after a change of theme."""
    chart.notify_style_update()


def strips(app: App[None]) -> object:
    """The lines of the screen as Textual would send them."""
    return app.screen._compositor.render_strips()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--size", default="140x40")
    options = parser.parse_args()
    columns, rows = (int(number) for number in options.size.split("x"))
    with tempfile.TemporaryDirectory(prefix="gpt2tui-chart-") as folder:
        run = Run(write_series(Path(folder) / "series.bin", falling(options.steps)))
        open_and_draw(run, columns, rows)
        tracemalloc.start()
        history = open_and_draw(run, columns, rows)
        kept, most = (size / 1e6 for size in tracemalloc.get_traced_memory())
        tracemalloc.stop()
        print(f"{len(history):,} steps, {options.size}; besides the mapped file {kept:.1f} MB, {most:.1f} at most\n")
        print("| milliseconds | median | 95 % | worst | times |\n|---|---|---|---|---|")
        opened = [milliseconds(lambda: open_and_draw(run, columns, rows)) for _ in range(10)]
        print(row("series opened, summed up, first picture", opened))
        for name, times in asyncio.run(frames(run, (columns, rows), options.rounds)).items():
            print(row(name, times))


if __name__ == "__main__":
    main()
