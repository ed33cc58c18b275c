"""The chart on long runs: from the series on the disk to the first picture, and the price of each further one.

    python -m tests.benchmarks.chart [--steps 1000000] [--rounds 20] [--size 140x40] [--json FILE]

The chart is alone in an app of this process; how long it takes from a key to a frame on a real terminal is measured
by ``tests.benchmarks.app``. A frame counts here until the strips of the whole screen are made.
"""

from __future__ import annotations

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
from tests.benchmarks.table import Table, keep, parser
from tests.tui.chart_app import Host, shown
from tests.tui.series_files import Run, extend_series, falling, write_series

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


def spread(times: list[float]) -> tuple[float, float, float, int]:
    """Median, 95th percentile and worst of some times, and how many they are."""
    return percentile(times, 50), percentile(times, 95), max(times), len(times)


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
    arguments = parser(__doc__)
    arguments.add_argument("--steps", type=int, default=1_000_000)
    arguments.add_argument("--rounds", type=int, default=20)
    arguments.add_argument("--size", default="140x40")
    options = arguments.parse_args()
    columns, rows = (int(number) for number in options.size.split("x"))
    with tempfile.TemporaryDirectory(prefix="gpt2tui-chart-") as folder:
        run = Run(write_series(Path(folder) / "series.bin", falling(options.steps)))
        open_and_draw(run, columns, rows)
        tracemalloc.start()
        history = open_and_draw(run, columns, rows)
        kept, most = (size / 1e6 for size in tracemalloc.get_traced_memory())
        tracemalloc.stop()
        about = f"{len(history):,} steps, {options.size}; besides the mapped file {kept:.1f} MB, {most:.1f} at most"
        table = Table({"median": ".1f", "95 %": ".1f", "worst": ".1f", "times": ""}, title=f"{about}; milliseconds")
        opened = [milliseconds(lambda: open_and_draw(run, columns, rows)) for _ in range(10)]
        table.row("series opened, summed up, first picture", *spread(opened))
        for name, times in asyncio.run(frames(run, (columns, rows), options.rounds)).items():
            table.row(name, *spread(times))
        keep(options.json, about, table)


if __name__ == "__main__":
    main()
