"""The chart as a whole: what lies over what, any order of keys, and no picture where nothing changed."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from textual.strip import Strip

from gpt2tui.runs.events import Rewound
from gpt2tui.runs.follower import Follower
from gpt2tui.runs.series import SeriesWriter
from gpt2tui.runs.store import RunStore
from gpt2tui.tui.chart.columns import History
from gpt2tui.tui.chart.inks import Ink
from gpt2tui.tui.chart.picture import Look, Picture, Subject, draw_picture
from gpt2tui.tui.chart.plot import Plot
from gpt2tui.tui.chart.window import Extent, Window
from gpt2tui.tui.widgets.chart import LossChart
from gpt2tui.tui.widgets.drawn_chart import ChartSource
from tests.runs.synthetic import evaluated, make_run, started, step
from tests.tui.chart_app import Host, shown
from tests.tui.series_files import Run, append_steps, falling, history_of, write_series
from tests.tui.test_columns import check


def text_of(picture: Picture) -> str:
    return "\n".join(line.rstrip() for line in picture.canvas.text().split("\n"))


@pytest.fixture
def subject(tmp_path: Path) -> Subject:
    """A run whose losses swing about their mean, all kinds of marks, and another run."""
    steps = np.arange(1, 401)
    mean = 10 * np.exp(-steps / 120) + 0.05
    history = history_of(tmp_path / "a" / "series.bin", mean * np.where(steps % 2, 1.6, 0.6), mean)
    other = history_of(tmp_path / "b" / "series.bin", np.full(300, 99.0), np.linspace(10, 0.5, 300))
    marks = [evaluated(200, 1.9), evaluated(300, 0.9, split="validation"), evaluated(350, 0.3, partial=True)]
    return Subject(history, marks, 0.099999, other)


@pytest.mark.parametrize("is_ascii", [False, True], ids=["braille", "ascii"])
def test_marks_lie_over_the_mean_the_mean_over_the_other_run_and_that_over_the_losses(
    subject: Subject, is_ascii: bool
) -> None:
    picture = draw_picture(subject, Look(Window(), is_ascii=is_ascii), 52, 14)
    assert text_of(picture) == (ASCII if is_ascii else BRAILLE).strip("\n")
    assert text_of(picture).isascii() == is_ascii
    styles = picture.canvas.styles
    assert (styles == Ink.CORPUS).sum() == (styles == Ink.VALIDATION).sum() == 1
    # One cell of the mean, or of what is put upon it, in each column; none of them is hidden.
    over = np.isin(styles, (Ink.MEAN, Ink.CORPUS, Ink.VALIDATION))
    assert over[: picture.frame.rows, picture.frame.left :].any(axis=0).all()
    # What another run lost in single steps is not drawn, nor has it a place on the scale.
    assert picture.scale
    assert picture.scale.high < 99


def test_a_linear_picture_in_passes(subject: Subject) -> None:
    look = Look(Window(), unit="passes", is_log=False)
    assert text_of(draw_picture(Subject(subject.history, [], 0.099999), look, 52, 14)) == LINEAR.strip("\n")


BRAILLE = """
     │⣤⣄⣀
   10┤⠤⣄⣀⣄⣀⣀⣀⣤⣀⡀
     │⢿⣿⠈⠉⠙⠒⠦⢤⣀⣀⠓⠒⠒⠦⠤⢤⣀⣀⡀
     │  ⠈⠉⠛⠻⠿⢿⣿⠈⠉⠓⠒⠦⢤⣀⡀⣿⠉⠉⠓⠒⠦⢤⣀⡀
     │         ⠉⠉⠛⠻⠿⣿⣿⠉⠉⠓⠲⠤⣄⣀⡀⣿⠉⠓⠦⣄⡀
     │                ⠉⠙⠛⠻⠿⣿⣿◆⠙⠒⠲⠤⣄⣀⡀⣄⡀⣦⣤⣄⣀
    1┤                      ⠈⠉⠙⠛⠿⠿⣿⣿⠉⠙⠒⠲◇⣄⣀⡀⣿⣶⣦⣤⣄⣀⡀
     │                             ⠈⠉⠙⠛⠘⢦⣿⣿⠉⠙⠒⠲⠤⢤⣀⡀⣿
     │                                    ⠈⠉⠙⠛⠿⠿⣿⣿⠉⠉
     │                                           ⠈⠉⠙
     │
  0.1┤┄┄ target 0.099999 ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄
     └┬──────────┬───────────┬──────────┬───────────
      0         100         200        300     steps
"""
ASCII = """
     |..
   10+***+++...
     |::********++++++++
     |  '''::::********++++++++
     |        ''''::::********++++++
     |               ''''::::o*******++:...
    1+                      ''''::::****x***:::....
     |                             ''''++::********:
     |                                     '''::::**
     |                                            ''
     |
  0.1+-- target 0.099999 ---------------------------
     ++----------+-----------+----------+-----------
      0         100         200        300     steps
"""
LINEAR = """
   20┤
     │
     │⣄
   15┤⣿⣧⡀
     │⣿⣿⣿⣦⡀
     │⣿⣿⣿⣿⣿⣦⣀
   10┤⠙⢦⣀⣿⣿⣿⣿⣷⣄⡀
     │⣿⣿⠈⠓⢦⣀⣿⣿⣿⣿⣶⣄⡀
    5┤⠻⢿⣿⣿⣿⠈⠙⠲⢤⣀⡀⣿⣿⣷⣦⣄⡀
     │  ⠈⠉⠛⠻⠿⣿⣿⣿⠉⠓⠲⠤⣄⣀⣿⣿⣶⣦⣤⣀⡀
     │        ⠈⠉⠉⠛⠛⠿⠿⠈⠉⠙⠒⠒⠦⠤⠤⣄⣀⣀⣀⣤⣤⣤⣀⣀⣀⡀
    0┤┄┄ target 0.099999 ⠈⠉⠉⠉⠉⠛⠛⠈⠉⠉⠉⠉⠙⠒⠒⠒⠒⠒⠒⠒⠦⠤⠤⠤⠤⠤⠤
     └┬──────────┬───────────┬──────────┬───────────
      0         10          20         30     passes
"""


# Any order of keys


@pytest.mark.parametrize("seed", range(6))
def test_any_order_of_keys_steps_rewinds_and_runs_has_a_picture(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    writer, count = SeriesWriter(tmp_path / "series.bin"), 0
    run = Run(tmp_path / "series.bin", target=chance.choice([None, 0.0, 0.1]))
    other = Run(write_series(tmp_path / "b" / "series.bin", falling(chance.choice([0, 1, 2, 3_000]))), name="b")
    plot, history = Plot(is_ascii=seed % 2 == 0), History(run.path)
    plot.show(run, None)

    def grow(steps: int) -> None:
        nonlocal count
        size = 10 ** chance.uniform(-6, 6)
        losses = [chance.choice([0.0, size, size * chance.random()]) for _ in range(steps)]
        writer.append([step(count + index, loss=loss, running_loss=loss) for index, loss in enumerate(losses, 1)])
        count += steps

    def rewind() -> None:
        nonlocal count
        count = chance.randint(0, count)
        writer.append([Rewound(to_step=count, why="")])
        grow(chance.choice([1, 40]))

    def evaluate() -> None:
        split, is_partial = chance.choice(["train", "validation"]), chance.random() < 0.3
        mark = evaluated(chance.randint(0, count + 2), chance.random(), split=split, partial=is_partial)
        run.evaluations = [*run.evaluations, mark]

    deeds: list[Callable[[], object]] = [
        lambda: grow(chance.choice([1, 2, 31, 32, 33, 1_500])),
        rewind,
        evaluate,
        lambda: plot.zoom(chance.choice([0.5, 2, 0.01, 100])),
        lambda: plot.zoom(chance.choice([0.8, 1.25]), column=chance.randint(-3, 130)),
        lambda: plot.pan(chance.uniform(-2, 2)),
        plot.show_all,
        plot.follow,
        plot.toggle_log,
        plot.cycle_x,
        plot.toggle_cursor,
        lambda: plot.move_cursor(chance.choice([-1, 1])),
        lambda: plot.point_at(chance.randint(-2, 130)),
        lambda: plot.show(run, chance.choice([None, other])),
    ]
    for index in range(60):
        chance.choice(deeds)()
        if chance.random() < 0.7:
            plot.refresh()
        columns, rows = chance.choice([(100, 30), (40, 10), (20, 6), (7, 3), (1, 1)])
        picture = plot.draw(columns, rows)
        assert picture
        assert [len(line) for line in picture.canvas.text().split("\n")] == [columns] * rows
        assert picture.frame.start < picture.frame.end
        assert all(plot.reading())
        if index % 10 == 9 and count:
            history.refresh()
            assert len(history) == count
            edges = np.linspace(chance.uniform(-1, count), count + 1, chance.randint(2, 40))
            check(history, np.array(history.values("loss")), "step", edges)
    writer.close()


def test_the_scale_keeps_still_while_steps_come_and_fits_anew_when_something_else_is_looked_at(tmp_path: Path) -> None:
    losses = np.geomspace(10, 0.02, 1_000)
    run = Run(write_series(tmp_path / "series.bin", losses), target=None)
    plot = Plot()
    plot.show(run, None)

    def scale() -> object:
        picture = plot.draw(80, 20)
        assert picture
        return picture.scale

    whole = scale()
    plot.zoom(0.6)
    zoomed = scale()
    assert zoomed != whole
    plot.pan(-0.5)
    moved = scale()
    assert moved not in (whole, zoomed)
    plot.follow()
    assert scale() == zoomed
    plot.show_all()
    assert scale() == whole
    write_series(run.path, losses[:700])
    plot.refresh()
    assert scale() == whole, "no bound moves where what is left still fills half"


@pytest.mark.parametrize("unit", ["step", "tokens", "passes", "elapsed"])
def test_a_window_stays_where_there_is_something_to_see(unit: str) -> None:
    chance = random.Random(5)
    for _ in range(300):
        window, last = Window(), 10 ** chance.uniform(0.5, 6)
        extent = Extent(last, int(last), unit, chance.choice([0.0, 9 * last]))
        for _ in range(12):
            if chance.random() < 0.5:
                window.zoom(chance.choice([0.1, 0.5, 2.0]), extent, about=chance.choice([None, chance.random() * last]))
            else:
                window.pan(chance.uniform(-3, 3), extent)
            left, right = window.bounds(extent)
            assert left >= -1e-9 * last
            assert left < right <= max(extent.limit(right - left), extent.whole()) + 1e-9 * last
            assert left <= extent.farthest
        window.show_all()
        assert window.bounds(extent) == (0, extent.whole())
        assert window.is_following


# The widget


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The rows that Textual asked charts for."""
    rows: list[int] = []
    render_line = LossChart.render_line

    def counting(chart: LossChart, y: int) -> Strip:
        rows.append(y)
        return render_line(chart, y)

    monkeypatch.setattr(LossChart, "render_line", counting)
    return rows


async def test_where_nothing_changed_no_row_is_drawn_and_one_step_costs_few(tmp_path: Path, drawn: list[int]) -> None:
    writer = SeriesWriter(tmp_path / "series.bin")
    append_steps(writer, 1, 520)
    run = Run(tmp_path / "series.bin")
    async with Host().run_test(size=(100, 30)) as pilot:
        chart = await shown(pilot, run)
        await pilot.pause()
        assert set(drawn) == set(range(28))
        drawn.clear()
        for _ in range(5):
            assert not chart.refresh_data()
            await pilot.pause()
        assert drawn == []
        append_steps(writer, 521, 521)
        assert chart.refresh_data()
        await pilot.pause()
        assert 1 <= len(set(drawn)) < 14
        drawn.clear()
        # The same picture from other events, as when a run is evaluated in vain.
        run.evaluations = [evaluated(400, 0.5, partial=True)]
        assert chart.refresh_data()
        await pilot.pause()
        assert drawn == []
    writer.close()


async def test_who_looks_at_the_past_sees_it_unmoved_while_steps_come(tmp_path: Path) -> None:
    writer = SeriesWriter(tmp_path / "series.bin")
    append_steps(writer, 1, 500)
    run = Run(tmp_path / "series.bin")
    async with Host().run_test(size=(100, 30)) as pilot:
        chart = await shown(pilot, run)
        await pilot.press("plus", "shift+left")

        def rows() -> list[Strip]:
            return [chart.render_line(y) for y in range(chart.size.height)]

        before = rows()
        for first, last in ((501, 501), (502, 700), (701, 4_000)):
            append_steps(writer, first, last)
            assert chart.refresh_data()
            assert rows() == before
        await pilot.press("end")
        assert rows() != before
    writer.close()


async def test_a_run_laid_over_it_and_taken_away_leaves_no_trace(tmp_path: Path) -> None:
    run = Run(write_series(tmp_path / "a" / "series.bin", falling(1_000)))
    other = Run(write_series(tmp_path / "b" / "series.bin", falling(4_000)), name="longer")
    async with Host().run_test(size=(100, 30)) as pilot:
        chart = await shown(pilot, run)
        alone = [chart.render_line(y) for y in range(chart.size.height)]
        chart.overlay(other)
        assert [chart.render_line(y) for y in range(chart.size.height)] != alone
        assert "longer" in str(chart.border_title)
        chart.overlay(None)
        assert [chart.render_line(y) for y in range(chart.size.height)] == alone
        assert "longer" not in str(chart.border_title)


async def test_the_cursor_reads_what_the_journal_says_and_marks_are_those_of_the_journal(store: RunStore) -> None:
    steps = [step(number, loss=10 / number + 1e-5 * number) for number in range(1, 301)]
    run = make_run(store, [started(), *steps, evaluated(250, 0.7, partial=True), evaluated(300, 0.06)])
    follower = Follower(run)
    follower.open()
    async with Host().run_test(size=(140, 30)) as pilot:
        chart = await shown(pilot, ChartSource(follower))
        assert "".join(chart.render_line(y).text for y in range(chart.size.height)).count("◆") == 1
        await pilot.press("v", *["plus"] * 12)
        for told in reversed(steps[-6:]):
            losses = f"batch loss {told.loss:.4f} · running loss {told.running_loss:.4f}"
            losses += " · corpus loss 0.0600" if told.step == 300 else ""
            assert f"step {told.step} · {losses} · pass {told.passes:.2f}" in str(chart.border_subtitle)
            assert f" · {told.tokens:,} tokens" in str(chart.border_subtitle)
            await pilot.press("left")
