"""The chart: the picture is true, every state has one, and keys show what they say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from textual import events
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from gpt2tui.runs.series import SeriesWriter
from gpt2tui.tui.chart.inks import Ink
from gpt2tui.tui.chart.picture import Look, Picture, Subject, draw_picture
from gpt2tui.tui.chart.plot import Plot, Source
from gpt2tui.tui.chart.window import Window
from gpt2tui.tui.glyphs import ASCII, UNICODE, Glyphs
from gpt2tui.tui.widgets.chart import LossChart
from tests.runs.synthetic import evaluated
from tests.tui.apps import until
from tests.tui.series_files import Run, append_steps, falling, history_of, write_series

SIZES = [(140, 40), (80, 24), (60, 12), (30, 8), (20, 6), (8, 3), (3, 2), (1, 1), (300, 80)]


def rows_of(picture: Picture, *inks: Ink) -> list[set[int]]:
    """Of each column of the frame the rows that have one of these inks."""
    frame, styles = picture.frame, picture.canvas.styles
    part = styles[: frame.rows, frame.left : frame.left + frame.columns]
    return [set(np.flatnonzero(np.isin(column, inks)).tolist()) for column in part.T]


def without_ends(picture: Picture) -> str:
    return "\n".join(line.rstrip() for line in picture.canvas.text().split("\n"))


# The picture


@pytest.mark.parametrize("is_log", [True, False])
@pytest.mark.parametrize("length", [150, 3_000, 40_000])
def test_the_envelope_reaches_the_true_lowest_and_highest_of_each_column(
    tmp_path: Path, length: int, is_log: bool
) -> None:
    losses = falling(length)
    # The mean is kept out of the way, at the first loss.
    history = history_of(tmp_path / "series.bin", losses, np.full(length, losses.max() * 3))
    picture = draw_picture(Subject(history), Look(Window(), is_log=is_log), 100, 30)
    frame, scale = picture.frame, picture.scale
    assert scale
    edges = [frame.x_at(frame.left + column) for column in range(frame.columns + 1)]
    steps = np.arange(1, length + 1)
    drawn = rows_of(picture, Ink.RAW)
    for column, rows in enumerate(drawn):
        inside = losses[(steps >= edges[column]) & (steps < edges[column + 1])]
        if not len(inside):
            continue
        top, bottom = frame.rows_of(np.array([inside.max(), inside.min()]), scale, picture.canvas.dots_down)
        assert {top, bottom} <= rows
        assert rows == set(range(min(rows), max(rows) + 1))


def test_a_picture_in_ascii(tmp_path: Path) -> None:
    losses = 10 ** (1 - np.arange(1, 101) / 50)
    history = history_of(tmp_path / "series.bin", losses, np.minimum(losses * 2, 10))
    marks = [evaluated(50, 2.0), evaluated(80, 5.0, split="validation"), evaluated(90, 0.5, partial=True)]
    subject = Subject(history, marks, 0.2)
    picture = draw_picture(subject, Look(Window(), is_ascii=True, cursor=25.0), 44, 12)
    assert without_ends(picture) == GOLDEN_ASCII.strip("\n")


def test_a_picture_in_braille(tmp_path: Path) -> None:
    losses = 10 ** (1 - np.arange(1, 101) / 50)
    history = history_of(tmp_path / "series.bin", losses, np.minimum(losses * 2, 10))
    picture = draw_picture(Subject(history, [evaluated(50, 2.0)], 0.2), Look(Window(), unit="elapsed"), 44, 12)
    assert without_ends(picture) == GOLDEN_BRAILLE.strip("\n")


GOLDEN_ASCII = """
   10+*********|
     |   ':.. *@***                 x
     |      ''':..*****
     |         | ':.. ***o*
     |         |    ''':..*****
    1+         |         ':...*****
     |         |             '':. *****
     |         |                '':...*****
     |-- target 0.2 -----------------'':.-**
  0.1+         |                        '':.
     ++------------------+------------------
      0                 50             steps
"""
GOLDEN_BRAILLE = """
   10┤⠉⠉⠉⠉⠉⠉⠓⠦⣄⡀
     │   ⠉⠙⠦⣄⡀ ⠉⠓⠦⣄⡀
     │       ⠉⠓⠦⣄⡀ ⠉⠳⢤⣀
     │           ⠉⠓⠦⣄⡀⠈⠙⠲◆⣀
     │               ⠙⠒⢦⣀⡀⠈⠙⠲⢤⣀
    1┤                   ⠉⠳⠤⣄ ⠈⠙⠲⢤⣀
     │                      ⠈⠙⠲⢤⣀ ⠈⠙⠲⢤⣀
     │                          ⠈⠙⠲⢤⣀ ⠈⠓⠦⣄⡀
     │┄┄ target 0.2 ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄⠈⠙⠲⣄⣀┄⠉⠓
  0.1┤                                  ⠈⠙⠦⢤
     └┬─────────────────────┬───────────────
    0:00                  0:30          time
"""


STATES = {
    "empty": [],
    "one step": [10.0],
    "two steps": [10.0, 9.0],
    "all equal": [3.0] * 50,
    "12 decades": list(10.0 ** np.linspace(6, -6, 200)),
    "with a zero": [5.0, 0.0, 2.0],
    "only zeros": [0.0, 0.0, 0.0],
    "not finite": [float("nan")] * 5,
    "one finite": [float("inf"), 4.0, float("nan")],
    "long": list(falling(20_000)),
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("target", [None, 0.0, 0.099999, 1e-300])
def test_every_state_has_a_picture_at_every_size(tmp_path: Path, state: str, target: float | None) -> None:
    history = history_of(tmp_path / "series.bin", STATES[state])
    marks = [evaluated(1, 7.0), evaluated(2, 0.0), evaluated(10**9, 1.0, split="validation")]
    for is_log in (True, False):
        for columns, rows in SIZES:
            look = Look(Window(), is_log=is_log, cursor=1.0, is_ascii=rows % 2 == 0)
            picture = draw_picture(Subject(history, marks, target), look, columns, rows)
            lines = picture.canvas.text().split("\n")
            assert [len(line) for line in lines] == [columns] * rows
            has_losses = any(np.isfinite(loss) and (loss > 0 or not is_log) for loss in STATES[state])
            assert (picture.scale is not None) == has_losses
            if has_losses:
                assert any(rows_of(picture, Ink.RAW, Ink.MEAN, Ink.CORPUS, Ink.VALIDATION, Ink.CURSOR, Ink.TARGET))
    words = draw_picture(Subject(history, marks, target), Look(Window()), 60, 12).canvas.text()
    assert ("no steps yet" in words) == (state == "empty")


def test_a_target_that_is_not_seen_is_pointed_to(tmp_path: Path) -> None:
    history = history_of(tmp_path / "series.bin", falling(1_000))
    window = Window()
    window.span, window.right = 50.0, 100.0
    below = draw_picture(Subject(history, [], 1e-4), Look(window), 80, 20).canvas.text()
    assert "↓ target 0.0001" in below
    above = draw_picture(Subject(history, [], 5_000.0), Look(window, is_ascii=True), 80, 20).canvas.text()
    assert "^ target 5000" in above
    whole = draw_picture(Subject(history, [], 1e-4), Look(Window()), 80, 20).canvas.text()
    assert "┄┄ target 0.0001 ┄" in whole


def test_between_steps_that_are_far_apart_there_is_a_line_from_and_to_the_edges(tmp_path: Path) -> None:
    history = history_of(tmp_path / "series.bin", falling(1_000), np.full(1_000, 9.0))
    window = Window()
    window.span, window.right = 5.0, 503.5
    picture = draw_picture(Subject(history), Look(window), 80, 20)
    assert all(rows_of(picture, Ink.RAW))
    assert picture.canvas.text().count("•") == 5


# What is seen of it


def plotted(tmp_path: Path, length: int = 1_000, **changes: object) -> tuple[Plot, Run]:
    run = Run(write_series(tmp_path / "a" / "series.bin", falling(length)))
    plot = Plot(**changes)  # type: ignore[arg-type]
    plot.show(run, None)
    plot.draw(106, 20)
    return plot, run


def seen(plot: Plot) -> tuple[float, float]:
    picture = plot.draw(106, 20)
    assert picture
    return picture.frame.start, picture.frame.end


def test_zoom_keeps_the_right_edge_and_goes_back_to_all(tmp_path: Path) -> None:
    plot, _ = plotted(tmp_path)
    assert seen(plot) == (0, 1_000)
    plot.zoom(0.5)
    assert seen(plot) == (500, 1_000)
    plot.zoom(0.5)
    assert seen(plot) == (750, 1_000)
    for _ in range(30):
        plot.zoom(0.5)
    start, end = seen(plot)
    assert end == 1_000
    assert 1 <= end - start <= 10
    for _ in range(30):
        plot.zoom(2)
    assert seen(plot) == (0, 1_000)


def test_zoom_about_a_place_keeps_it_where_it_is(tmp_path: Path) -> None:
    plot, _ = plotted(tmp_path)
    picture = plot.draw(106, 20)
    assert picture
    x = picture.frame.x_at(36.5)
    plot.zoom(0.25, column=36)
    picture = plot.draw(106, 20)
    assert picture
    assert picture.frame.x_at(36.5) == pytest.approx(x)
    plot.toggle_cursor()
    cursor = plot.cursor
    assert cursor is not None
    column = int(picture.frame.columns_of(cursor))
    plot.zoom(0.5)
    picture = plot.draw(106, 20)
    assert picture
    assert abs(int(picture.frame.columns_of(cursor)) - column) <= 1


def test_panning_stays_inside_and_at_the_end_it_follows_again(tmp_path: Path) -> None:
    plot, run = plotted(tmp_path)
    plot.zoom(0.25)
    plot.pan(-0.5)
    assert seen(plot) == (625, 875)
    write_series(run.path, falling(2_000))
    assert plot.refresh()
    assert seen(plot) == (625, 875), "who has moved away is left alone"
    plot.pan(-100)
    assert seen(plot) == (0, 250)
    plot.pan(100)
    assert seen(plot)[1] == 2_000
    write_series(run.path, falling(2_500))
    plot.refresh()
    assert seen(plot)[1] >= 2_500
    plot.pan(-1)
    plot.show_all()
    assert seen(plot)[0] == 0


def test_a_rewind_takes_the_window_back_with_it(tmp_path: Path) -> None:
    plot, run = plotted(tmp_path, 2_000)
    plot.zoom(0.1)
    plot.pan(-1)
    assert seen(plot) == (1_600, 1_800)
    write_series(run.path, falling(500))
    assert plot.refresh()
    assert seen(plot) == (300, 500)
    write_series(run.path, [])
    assert plot.refresh()
    picture = plot.draw(60, 8)
    assert picture
    assert "no steps yet" in picture.canvas.text()


def test_another_unit_shows_the_same_part_of_the_run(tmp_path: Path) -> None:
    plot, _ = plotted(tmp_path)
    plot.zoom(0.5)
    plot.pan(-0.5)
    assert seen(plot) == (250, 750)
    plot.cycle_x()
    assert seen(plot) == pytest.approx((50_000, 150_000))
    plot.cycle_x()
    assert seen(plot) == pytest.approx((25, 75))
    plot.cycle_x()
    assert seen(plot) == pytest.approx((125, 375))
    plot.cycle_x()
    assert seen(plot) == pytest.approx((250, 750))


def test_the_cursor_reads_what_its_column_stands_for(tmp_path: Path) -> None:
    plot, run = plotted(tmp_path)
    assert plot.reading() == []
    plot.toggle_cursor()
    losses = falling(1_000)
    words = plot.reading()
    assert words[0] == "steps 990 to 1,000"
    last = losses[989:]
    assert words[1:4] == [
        f"batch loss {last.mean():.4f}",
        f"running loss {losses[-1]:.4f}",
        f"from {last.min():.4f} to {last.max():.4f}",
    ]
    assert words[4:] == ["pass 100.00", "8:20", "200,000 tokens"]
    plot.move_cursor(-1)
    assert plot.reading()[0] == "steps 980 to 989"
    plot.zoom(0.001)
    seen(plot)
    here = plot.cursor
    assert here is not None
    assert plot.reading()[0] == f"step {here:.0f}"
    for expected in (here - 1, here - 2, here - 3, here - 4, here - 5):
        plot.move_cursor(-1)
        start, end = seen(plot)
        assert plot.cursor == expected
        assert start <= expected <= end, "the window goes with the cursor"
    for _ in range(10):
        plot.move_cursor(1)
        seen(plot)
    assert plot.reading()[0] == f"step {min(1_000, here + 5):.0f}"
    plot.toggle_cursor()
    assert plot.reading() == []
    assert run.evaluations == []


def test_another_run_is_laid_over_and_read(tmp_path: Path) -> None:
    plot, run = plotted(tmp_path, 500)
    other = Run(write_series(tmp_path / "b" / "series.bin", np.full(800, 3.0)), name="older")
    plot.show(run, other)
    picture = plot.draw(106, 20)
    assert picture
    assert picture.frame.end == 800
    assert sum(bool(rows) for rows in rows_of(picture, Ink.OVERLAY)) > 50
    assert plot.legend() == ["overlay"]
    plot.toggle_cursor()
    assert plot.reading()[3] == "older 3.0000"
    plot.zoom(0.5)
    assert seen(plot)[1] == 500 or plot.cursor is not None
    plot.show(run, None)
    assert "older" not in " ".join(plot.reading())
    assert plot.legend() == []


def test_following_means_the_run_and_not_what_is_laid_over_it(tmp_path: Path) -> None:
    plot, run = plotted(tmp_path, 500)
    plot.show(run, Run(write_series(tmp_path / "b" / "series.bin", falling(2_000))))
    assert seen(plot) == (0, 2_000)
    plot.zoom(0.25)
    assert seen(plot) == (0, 500)
    plot.pan(100)
    assert seen(plot) == (1_500, 2_000)
    plot.follow()
    assert seen(plot) == (0, 500)


def test_an_evaluation_that_ended_early_is_no_mark(tmp_path: Path) -> None:
    plot, run = plotted(tmp_path)
    run.evaluations = [evaluated(500, 2.0, partial=True)]
    assert plot.refresh()
    picture = plot.draw(106, 20)
    assert picture
    assert not any(rows_of(picture, Ink.CORPUS))
    assert plot.legend() == []
    run.evaluations = [*run.evaluations, evaluated(600, 2.0), evaluated(600, 3.0, split="validation")]
    assert plot.refresh()
    assert not plot.refresh()
    picture = plot.draw(106, 20)
    assert picture
    assert sum(map(len, rows_of(picture, Ink.CORPUS))) == 1
    assert sum(map(len, rows_of(picture, Ink.VALIDATION))) == 1
    assert plot.legend() == ["corpus", "validation"]


# The widget


class Host(App[None]):
    """A chart and nothing else."""

    CSS = "LossChart { height: 1fr; border: round $panel; } .-ascii LossChart { border: ascii $panel; }"

    def __init__(self, glyphs: Glyphs = UNICODE) -> None:
        super().__init__()
        self.glyphs = glyphs
        self.set_class(glyphs.is_ascii, "-ascii")

    def compose(self) -> ComposeResult:
        yield LossChart()


def text_of(app: App[None]) -> str:
    return "\n".join("".join(segment.text for segment in strip) for strip in app.screen._compositor.render_strips())


async def shown(pilot: Pilot[None], run: Source, other: Source | None = None) -> LossChart:
    """The chart of a run, drawn and with the focus."""
    chart = pilot.app.query_one(LossChart)
    chart.show(run)
    chart.overlay(other)
    await until(pilot, lambda: chart.is_ready)
    chart.focus()
    await pilot.pause()
    return chart


async def test_every_key_shows_and_undoes_what_it_says(tmp_path: Path) -> None:
    run = Run(write_series(tmp_path / "series.bin", falling(1_000)))
    async with Host().run_test(size=(100, 20)) as pilot:
        await shown(pilot, run)
        whole = text_of(pilot.app)
        assert "loss, log" in whole
        await pilot.press("y")
        assert "loss, linear" in text_of(pilot.app)
        await pilot.press("y")
        assert text_of(pilot.app) == whole
        for unit in ("tokens", "passes", "time", "steps"):
            await pilot.press("u")
            assert f"{unit}│" in text_of(pilot.app)
        assert text_of(pilot.app) == whole
        await pilot.press("plus")
        half = text_of(pilot.app)
        assert half != whole
        await pilot.press("shift+left")
        moved = text_of(pilot.app)
        assert moved not in (half, whole)
        await pilot.press("shift+right")
        assert text_of(pilot.app) == half
        await pilot.press("left", "end")
        assert text_of(pilot.app) == half
        await pilot.press("minus")
        assert text_of(pilot.app) == whole
        await pilot.press("plus", "plus", "0")
        assert text_of(pilot.app) == whole
        await pilot.press("v")
        assert "to 1,000 · batch loss 0." in text_of(pilot.app)
        await pilot.press("left", "left")
        assert "to 1,000" not in text_of(pilot.app)
        await pilot.press("v")
        assert text_of(pilot.app) == whole


async def test_it_is_drawn_anew_only_when_there_is_something_new(tmp_path: Path) -> None:
    writer = SeriesWriter(tmp_path / "series.bin")
    run = Run(tmp_path / "series.bin")
    async with Host().run_test(size=(80, 24)) as pilot:
        chart = await shown(pilot, run)
        assert "no steps yet" in text_of(pilot.app)
        assert not chart.refresh_data()
        for last in (1, 2, 50):
            append_steps(writer, 1 + (last > 1) * (1 if last == 2 else 2), last)
            assert chart.refresh_data()
            assert not chart.refresh_data()
        await pilot.pause()
        assert "no steps yet" not in text_of(pilot.app)
        run.evaluations = [evaluated(50, 6.0)]
        assert chart.refresh_data()
        await pilot.pause()
        assert "◆ corpus" in text_of(pilot.app)
        run.target_loss = 1.0
        assert chart.refresh_data()
        await pilot.pause()
        assert "target 1 " in text_of(pilot.app)
    writer.close()


async def test_in_ascii_nothing_else_is_drawn_and_a_name_is_only_text(tmp_path: Path) -> None:
    run = Run(write_series(tmp_path / "a" / "series.bin", falling(1_000)))
    run.evaluations = [evaluated(500, 2.0), evaluated(600, 3.0, split="validation")]
    other = Run(write_series(tmp_path / "b" / "series.bin", falling(900)), name="[/red] [bold]x")
    async with Host(ASCII).run_test(size=(120, 30)) as pilot:
        await shown(pilot, run, other)
        await pilot.press("v", "left", "plus", "u", "y")
        await pilot.pause()
        text = text_of(pilot.app)
        assert text.isascii()
        assert "+ [/red] [bold]x" in text
        assert "o corpus" in text
        assert "x validation" in text


async def test_the_mouse_zooms_about_its_place_drags_and_points(tmp_path: Path) -> None:
    run = Run(write_series(tmp_path / "series.bin", falling(1_000)))
    async with Host().run_test(size=(100, 20)) as pilot:
        chart = await shown(pilot, run)
        whole = text_of(pilot.app)
        await pilot._post_mouse_events([events.MouseScrollUp], chart, offset=(50, 8))
        await pilot.pause()
        zoomed = text_of(pilot.app)
        assert zoomed != whole
        await pilot.mouse_down(chart, offset=(50, 8))
        await pilot.hover(chart, offset=(70, 8))
        await pilot.mouse_up(chart, offset=(70, 8))
        dragged = text_of(pilot.app)
        assert dragged != zoomed
        await pilot.press("v")
        await pilot.click(chart, offset=(50, 8))
        await pilot.pause()
        assert "steps " in text_of(pilot.app).splitlines()[-1]
        await pilot.press("0", "v")
        assert text_of(pilot.app) == whole


@pytest.mark.parametrize("size", [(140, 40), (80, 24), (40, 10), (20, 6), (4, 3), (300, 80)])
async def test_any_size(tmp_path: Path, size: tuple[int, int]) -> None:
    run = Run(write_series(tmp_path / "series.bin", falling(1_000)))
    async with Host().run_test(size=(60, 15)) as pilot:
        chart = await shown(pilot, run)
        await pilot.press("v")
        await pilot.resize_terminal(*size)
        await pilot.pause()
        await pilot.press("y", "plus", "left")
        await pilot.pause()
        lines = text_of(pilot.app).splitlines()
        assert [len(line) for line in lines] == [size[0]] * size[1]
        assert chart.size.width <= size[0]


async def test_another_theme_gives_other_colours(tmp_path: Path) -> None:
    run = Run(write_series(tmp_path / "series.bin", falling(1_000)))
    async with Host().run_test(size=(60, 15)) as pilot:
        chart = await shown(pilot, run)

        def colours() -> set[str]:
            return {str(segment.style) for y in range(chart.size.height) for segment in chart.render_line(y)}

        dark = colours()
        pilot.app.theme = "textual-light"
        await pilot.pause()
        assert not dark & colours()


async def test_a_million_steps_are_drawn_whole(tmp_path: Path) -> None:
    run = Run(write_series(tmp_path / "series.bin", falling(1_000_000)))
    async with Host().run_test(size=(140, 40)) as pilot:
        await shown(pilot, run)
        await pilot.press("v")
        assert "to 1,000,000" in text_of(pilot.app)
        await pilot.press("v", *["plus"] * 18, "v")
        assert "step 1,000,000 ·" in text_of(pilot.app)
