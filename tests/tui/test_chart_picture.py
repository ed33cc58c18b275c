"""The picture of a chart is true, and every state has one at every size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gpt2tui.tui.chart.inks import Ink
from gpt2tui.tui.chart.picture import Look, Picture, Subject, draw_picture
from gpt2tui.tui.chart.window import Window
from tests.runs.synthetic import evaluated
from tests.tui.chart_app import rows_of
from tests.tui.series_files import falling, history_of

SIZES = [(140, 40), (80, 24), (60, 12), (30, 8), (20, 6), (8, 3), (3, 2), (1, 1), (300, 80)]


def without_ends(picture: Picture) -> str:
    return "\n".join(line.rstrip() for line in picture.canvas.text().split("\n"))


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
