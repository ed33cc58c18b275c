"""What is seen of a run in its chart: the part, the unit, the cursor, and what is laid over it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gpt2tui.tui.chart.inks import Ink
from gpt2tui.tui.chart.plot import Plot
from tests.runs.synthetic import evaluated
from tests.tui.chart_app import rows_of
from tests.tui.series_files import Run, falling, write_series


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
