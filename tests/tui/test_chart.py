"""The chart in an app: keys and the mouse show what they say, at any size."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual import events
from textual.app import App

from gpt2tui.runs.series import SeriesWriter
from gpt2tui.tui.glyphs import ASCII
from tests.runs.synthetic import evaluated
from tests.tui.chart_app import Host, shown
from tests.tui.series_files import Run, append_steps, falling, write_series


def text_of(app: App[None]) -> str:
    return "\n".join("".join(segment.text for segment in strip) for strip in app.screen._compositor.render_strips())


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


async def test_where_not_all_names_have_room_that_of_another_run_has(tmp_path: Path) -> None:
    run = Run(write_series(tmp_path / "a" / "series.bin", falling(1_000)))
    run.evaluations = [evaluated(500, 2.0)]
    other = Run(write_series(tmp_path / "b" / "series.bin", falling(900)), name="the other one")
    async with Host().run_test(size=(48, 20)) as pilot:
        await shown(pilot, run, other)
        await pilot.pause()
        first = text_of(pilot.app).splitlines()[0]
        assert "batch" in first
        assert "corpus" not in first
        assert "━ the other one" in first


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
