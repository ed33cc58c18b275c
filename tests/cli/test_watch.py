from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from gpt2tui.cli.frame import frame
from gpt2tui.runs.events import AnyEvent, Notice
from gpt2tui.runs.store import RunStore
from gpt2tui.runs.view import RunView, State
from gpt2tui.text import bar, byte_size, duration, sparkline, visible
from tests.cli.program import gpt2tui
from tests.runs.synthetic import START, configuration, evaluated, make_run, started, step, whole_story


def drawn(
    *events: AnyEvent, state: State = "training", width: int = 80, encoding: str = "utf-8", at: float = 471
) -> str:
    view = RunView(configuration())
    view.fold(events)
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    console = Console(file=file, width=width, markup=False, highlight=False)
    console.print(frame(view, state=state, now=START + at, name="hamlet"))
    file.flush()
    return file.buffer.getvalue().decode(encoding)  # type: ignore[attr-defined]


def test_one_frame_tells_the_run(tmp_path: Path) -> None:
    make_run(RunStore(tmp_path / "data" / "runs"), whole_story(), name="hamlet")
    found = gpt2tui("watch", "hamlet", "--once", home=tmp_path)
    assert found.code == 0, found.err
    for part in (
        "hamlet-",
        "nano",
        "a-play 2,001 tokens",
        "target reached",
        "corpus loss",
        "0.0910",
        "0.099999",
        "100 %",
    ):
        assert part in found.out
    assert "94,000 tokens" in found.out
    assert "step 470" in found.out


def test_without_once_the_way_out_is_named(tmp_path: Path) -> None:
    found = gpt2tui("watch", home=tmp_path)
    assert (found.code, found.out) == (2, "")
    assert "gpt2tui watch --once" in found.err
    assert len(found.err.splitlines()) == 1


@pytest.mark.parametrize("width", [40, 80, 120, 200])
def test_no_line_is_wider_than_asked(width: int) -> None:
    picture = drawn(*whole_story(), Notice(time=START, level="error", text="a long story " * 30), width=width)
    assert max(cell_len(line) for line in picture.splitlines()) <= width


def test_a_console_that_is_not_utf_8_gets_ascii() -> None:
    assert drawn(*whole_story(), encoding="ascii").isascii()
    assert not drawn(*whole_story()).isascii()


def test_what_a_model_wrote_is_shown_and_never_obeyed() -> None:
    picture = drawn(*whole_story())
    assert "\x1b" not in picture
    assert "upon^[[31m a time" in picture
    assert "the cat walked [over] the keyboard" in picture
    assert visible("« a\u00a0» b\u202f! x\u200cy\u200dz\u00ad\u3000") == "« a\u00a0» b\u202f! x·y·z·\u3000"
    assert visible("a\x1b[2J\u202eb\u200bc\x7f\r\nd\te\x9b") == "a^[[2J\\u202eb\\u200bc^?^M\nd e\\u009b"


def test_only_a_corpus_loss_below_the_target_fills_the_bar() -> None:
    lucky = [started(), *map(step, range(1, 601))]
    assert " 99 %" in drawn(*lucky)
    assert " 99 %" in drawn(*lucky, evaluated(600, 0.05, partial=True))
    assert " 100 %" in drawn(*lucky, evaluated(600, 0.05))


def test_the_forecast_has_a_clock_time_and_an_interval() -> None:
    steps = list(map(step, range(1, 301)))
    picture = drawn(started(), *steps, at=301)
    assert re.search(r"below the target at about \d\d:\d\d, in \d+ min.* \(.+ to .+\)", " ".join(picture.split()))
    assert "target at about" not in drawn(started(), *steps, at=471), "a clock time, though no step came for minutes"
    flat = [step(number, loss=3.0, running_loss=3.0) for number in range(1, 301)]
    assert "not on this course" in drawn(started(), *flat)
    assert "too early" in drawn(started(), *map(step, range(1, 10)))


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("new", "new"),
        ("compiling", "compiling"),
        ("paused", "paused"),
        ("stalled", "no word from the trainer for"),
        ("crashed", "go on with: gpt2tui resume hamlet --headless"),
    ],
)
def test_each_state_is_told_in_words(state: State, words: str) -> None:
    assert words in drawn(started(), step(1), state=state)
    assert words in drawn(started(), state=state)


def test_nothing_is_foretold_of_a_run_that_crashed() -> None:
    told = drawn(started(), *map(step, range(1, 10)), state="crashed")
    assert "it can go on from the beginning" in told
    assert "too early" not in told


def test_bars_and_sparklines_are_as_wide_as_asked() -> None:
    assert sparkline([1, 2, 3, 4], 4) == "▁▃▅▇"
    assert sparkline(range(1000), 10) == sparkline(range(10), 10)
    assert sparkline([1, 2, 3, 4], 4, is_unicode=False) == "_-=#"
    assert sparkline([2.0, 2.0001], 2) == "▄▄"
    assert sparkline([], 5) == ""
    for share in (0, 0.03, 0.5, 0.999, 1):
        assert sum(map(len, bar(share, 31))) == 31
    assert bar(1, 8)[0] == "━" * 8
    assert bar(0.5, 8, is_unicode=False) == ("####", "....")


def test_numbers_are_for_people() -> None:
    assert [duration(seconds) for seconds in (0, 0.25, 45, 59.7, 200, 3_599.6, 4_320, 190_000)] == [
        "0 s", "250 ms", "45 s", "1 min", "3 min 20 s", "1 h", "1 h 12 min", "2 d 4 h",
    ]  # fmt: skip
    assert [byte_size(size) for size in (0, 999, 1_500, 123_456, 999_960, 1_493_277_696)] == [
        "0 B", "999 B", "1.5 kB", "123 kB", "1.0 MB", "1.5 GB",
    ]  # fmt: skip
