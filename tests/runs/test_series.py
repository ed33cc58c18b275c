from __future__ import annotations

from pathlib import Path

import pytest

from gpt2tui.runs.events import AnyEvent, Rewound
from gpt2tui.runs.journal import JournalWriter
from gpt2tui.runs.series import COLUMNS, Series, SeriesWriter, open_series
from tests.runs.synthetic import evaluated, python, started, step


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "series.bin", tmp_path / "events.jsonl"


def journal(path: Path, *events: AnyEvent) -> None:
    writer = JournalWriter(path)
    writer.append(events)
    writer.close()


def steps(series: Series) -> list[int]:
    return [int(value) for value in series["step"]]


def test_every_column_of_every_step_is_kept(places: tuple[Path, Path]) -> None:
    writer = SeriesWriter(places[0])
    writer.append([started(), step(1), evaluated(1, 2.0), step(2)])
    writer.append([step(3)])
    series = Series(places[0])
    assert len(series) == 3
    for column in COLUMNS:
        assert list(series[column]) == [getattr(step(number), column) for number in (1, 2, 3)]


@pytest.mark.parametrize("back", [started(2), Rewound(to_step=2, why="the loss was not finite")])
def test_steps_that_a_resume_or_a_rewind_made_void_are_dropped(places: tuple[Path, Path], back: AnyEvent) -> None:
    again = step(3, loss=42.0)
    story = [started(), *map(step, range(1, 6)), back, again]
    writer = SeriesWriter(places[0])
    writer.append(story)
    assert steps(Series(places[0])) == [1, 2, 3]
    assert Series(places[0])["loss"][2] == 42.0
    journal(places[1], *story)
    places[0].unlink()
    rebuilt = open_series(places[0])
    assert list(rebuilt["loss"]) == [step(1).loss, step(2).loss, 42.0]


def test_a_missing_or_foreign_series_is_made_from_the_journal(places: tuple[Path, Path]) -> None:
    journal(places[1], started(), *map(step, range(1, 4)))
    assert steps(open_series(places[0])) == [1, 2, 3]
    places[0].write_bytes(b"something else entirely")
    assert steps(open_series(places[0])) == [1, 2, 3]
    assert sorted(path.name for path in places[0].parent.iterdir()) == ["events.jsonl", "series.bin"]


def test_a_writer_mends_a_series_that_lost_its_end(places: tuple[Path, Path]) -> None:
    journal(places[1], started(), *map(step, range(1, 9)))
    open_series(places[0])
    with places[0].open("r+b") as file:
        file.truncate(places[0].stat().st_size - 3 * 80 - 7)
    assert steps(Series(places[0])) == [1, 2, 3, 4]
    writer = SeriesWriter(places[0])
    writer.append([started(7), step(8)])
    assert steps(Series(places[0])) == list(range(1, 9))


def test_columns_are_views_of_the_map_and_not_copies(places: tuple[Path, Path]) -> None:
    writer = SeriesWriter(places[0])
    writer.append(map(step, range(1, 5)))
    series = Series(places[0])
    column = series["loss"]
    assert column.obj is series["step"].obj
    assert column.strides == (80,)
    assert column.readonly


def test_a_series_of_no_steps_is_empty(places: tuple[Path, Path]) -> None:
    series = open_series(places[0])
    assert len(series) == 0
    assert list(series["loss"]) == []


_READER = """
import sys
from pathlib import Path
from gpt2tui.runs.series import Series
series = Series(Path(sys.argv[1]))
print(len(series), flush=True)
sys.stdin.readline()
print(sum(series["step"]))
"""


def test_a_reader_outlives_a_rewind(places: tuple[Path, Path]) -> None:
    writer = SeriesWriter(places[0])
    writer.append(map(step, range(1, 1001)))
    with python(_READER, str(places[0])) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "1000\n"
        writer.append([Rewound(to_step=1, why="because")])
        assert len(Series(places[0])) == 1
        out, _ = reader.communicate("go\n", timeout=20)
    assert reader.returncode == 0
    assert float(out) == 500_500
