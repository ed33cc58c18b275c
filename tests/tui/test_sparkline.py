"""Small curves: a row for all that is reported, and no work for what looks the same."""

from __future__ import annotations

from textual.app import App, ComposeResult

from gpt2tui.runs.events import DeviceReading
from gpt2tui.runs.view import RunView
from gpt2tui.tui.glyphs import ASCII, UNICODE, Glyphs
from gpt2tui.tui.widgets.sparkline import Traces
from tests.runs.synthetic import START, configuration, started, step


class Host(App[None]):
    """Sparklines and nothing else."""

    def __init__(self, glyphs: Glyphs = UNICODE) -> None:
        super().__init__()
        self.glyphs = glyphs

    def compose(self) -> ComposeResult:
        yield Traces()


def view_of(last: int, *, load: float | None = 50.0) -> RunView:
    view = RunView(configuration())
    readings = [DeviceReading(time=START, load=load, memory=number * 100_000_000) for number in range(1, last // 4)]
    view.fold([started(), *(step(number) for number in range(1, last + 1)), *readings])
    return view


def rows_of(traces: Traces) -> list[str]:
    return str(traces.render()).splitlines()


async def test_all_that_is_reported_has_a_row_with_its_last_value() -> None:
    app = Host()
    async with app.run_test(size=(40, 10)) as pilot:
        traces = app.query_one(Traces)
        await pilot.pause()
        traces.show(view_of(100))
        rows = rows_of(traces)
        assert [row[:11].strip() for row in rows] == ["batch loss", "rate", "gradient", "tokens/s", "memory", "load"]
        values = [row[11:].split(maxsplit=1)[1] for row in rows]
        assert values == ["3.6788", "2.00e-04", "1.01", "200", "2.4 GB", "50 %"]
        assert {len(row) for row in rows} == {39}
        assert set(rows[0][11:].split()[0]) <= set("▁▂▃▄▅▆▇")


async def test_what_is_not_known_has_no_row() -> None:
    app = Host()
    async with app.run_test(size=(40, 10)) as pilot:
        traces = app.query_one(Traces)
        await pilot.pause()
        traces.show(view_of(0))
        assert rows_of(traces) == []
        traces.show(view_of(3))
        assert [row[:11].strip() for row in rows_of(traces)] == ["batch loss", "rate", "gradient", "tokens/s"]
        traces.show(view_of(40, load=None))
        assert "load" not in str(traces.render())


async def test_what_looks_the_same_is_not_drawn_again() -> None:
    app = Host()
    async with app.run_test(size=(40, 10)) as pilot:
        traces = app.query_one(Traces)
        await pilot.pause()
        traces.show(view_of(100))
        drawn = traces.content
        traces.show(view_of(100))
        assert traces.content is drawn
        traces.show(view_of(120))
        assert traces.content is not drawn


async def test_in_ascii_nothing_else_is_drawn() -> None:
    app = Host(ASCII)
    async with app.run_test(size=(40, 10)) as pilot:
        traces = app.query_one(Traces)
        await pilot.pause()
        traces.show(view_of(100))
        assert str(traces.render()).isascii()


async def test_in_another_width_the_rows_are_as_wide() -> None:
    app = Host()
    async with app.run_test(size=(60, 10)) as pilot:
        traces = app.query_one(Traces)
        await pilot.pause()
        view = view_of(3)
        for width in (60, 30, 50):
            await pilot.resize_terminal(width, 10)
            await pilot.pause()
            traces.show(view)
            await pilot.pause()
            assert {len(row) for row in rows_of(traces)} == {width - 1}
            assert traces.region.height == 4


async def test_values_of_any_size_keep_to_their_column() -> None:
    app = Host()
    async with app.run_test(size=(40, 10)) as pilot:
        traces = app.query_one(Traces)
        await pilot.pause()
        view = view_of(3)
        view.fold([step(4, loss=1e12, gradient_norm=1.23456e11, tokens_per_second=4.5e10)])
        traces.show(view)
        await pilot.pause()
        rows = rows_of(traces)
        assert [row.split()[-1] for row in rows] == ["1.00e+12", "2.00e-04", "1.23e+11", "4.50e+10"]
        assert {len(row) for row in rows} == {39}
        assert traces.region.height == 4
