"""The threshold: which loss it shows, how far it is from the target, and what is foretold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from textual.app import App, ComposeResult
from textual.content import Content
from textual.widgets import Digits, Static

from gpt2tui.runs.config import Limits
from gpt2tui.runs.events import AnyEvent, Rewound, SettingChanged, Step
from gpt2tui.runs.forecast import Forecast
from gpt2tui.runs.view import RunView, State
from gpt2tui.runs.words import left_words
from gpt2tui.tui.glyphs import ASCII, UNICODE, Glyphs
from gpt2tui.tui.widgets import threshold as module
from gpt2tui.tui.widgets.threshold import Threshold
from tests.runs.synthetic import START, configuration, evaluated, started, step

TARGET = 0.099999


class Host(App[None]):
    """A threshold and nothing else."""

    def __init__(self, glyphs: Glyphs = UNICODE) -> None:
        super().__init__()
        self.glyphs = glyphs

    def compose(self) -> ComposeResult:
        yield Threshold()


def view_of(*events: AnyEvent, target: float | None = TARGET) -> RunView:
    view = RunView(configuration(limits=Limits(target_loss=target)))
    view.fold([started(), *events])
    return view


def steps(last: int, first: int = 1) -> list[Step]:
    return [step(number) for number in range(first, last + 1)]


async def words_of(
    view: RunView, *, state: State = "training", now: float = START + 1_000, glyphs: Glyphs = UNICODE, width: int = 60
) -> str:
    """All that is written, a text a line."""
    app = Host(glyphs)
    async with app.run_test(size=(width, 20)) as pilot:
        threshold = app.query_one(Threshold)
        await pilot.pause()
        threshold.show(view, state, now)
        await pilot.pause()
        return "\n".join(str(text.render()) for text in threshold.query(Static) if text.display)


async def test_before_the_first_step_it_says_so() -> None:
    words = await words_of(view_of())
    assert "no step yet" in words
    assert "0.099999" in words


async def test_the_corpus_loss_leads_until_it_is_old_or_passed() -> None:
    before = await words_of(view_of(*steps(100)))
    assert "running loss, last pass ▼" in before
    assert "corpus loss at" not in before
    now = view_of(*steps(100), evaluated(100, 3.9))
    assert "corpus loss at step 100\nrunning loss 3.8627 ▼" in await words_of(now)
    plain = await words_of(now, glyphs=ASCII)
    assert "LOSS 3.9000\ncorpus loss at step 100\nrunning loss 3.8627 v" in plain, "it is the running loss that falls"
    later = view_of(*steps(120), evaluated(100, 0.2))
    assert "corpus loss at step 100\nrunning loss" in await words_of(later)
    higher = view_of(*steps(120), evaluated(100, 3.9))
    assert "running loss, last pass ▼\ncorpus loss 3.9000 at step 100" in await words_of(higher)
    old = view_of(*steps(400), evaluated(100, 0.2))
    assert "running loss, last pass ▼\ncorpus loss 0.2000 at step 100" in await words_of(old)


async def test_an_evaluation_that_ended_early_is_not_the_loss() -> None:
    words = await words_of(view_of(*steps(100), evaluated(100, 0.01, partial=True)))
    assert "running loss, last pass" in words
    assert "corpus loss ~0.0100 at step 100" in words


async def test_what_stands_below_does_not_move_when_a_first_evaluation_or_forecast_comes() -> None:
    app = Host()
    async with app.run_test(size=(36, 20)) as pilot:
        heights = set()
        for events in ([], steps(1), steps(100), [*steps(100), evaluated(90, 4.5, partial=True)]):
            app.query_one(Threshold).show(view_of(*events), "training", START + 100)
            await pilot.pause()
            heights.add(app.query_one(Threshold).size.height)
        assert len(heights) == 1


@pytest.mark.parametrize(("loss", "is_reached"), [(0.0999, True), (TARGET, False), (0.2, False)])
async def test_only_a_corpus_loss_below_the_target_is_success(loss: float, is_reached: bool) -> None:
    app = Host()
    async with app.run_test(size=(60, 20)) as pilot:
        await pilot.pause()
        app.query_one(Threshold).show(view_of(*steps(470), evaluated(470, loss)), "training", START + 1_000)
        await pilot.pause()
        digits = app.query_one(Digits)
        assert digits.value == f"{loss:.4f}"
        assert digits.has_class("reached") == is_reached
        bar = str(app.query_one("#target", Static).render())
        assert (" 100 %" in bar) == is_reached


async def test_the_bar_goes_from_the_first_loss_to_the_target_on_a_log_scale() -> None:
    view = view_of(step(1, loss=10.0, running_loss=10.0), step(2, loss=1.0, running_loss=1.0), target=0.1)
    assert " 50 %" in await words_of(view)


async def test_a_run_without_a_target_has_no_bar() -> None:
    words = await words_of(view_of(*steps(10), target=None))
    assert "no target" in words
    assert "%" not in words
    assert "until it is stopped" in words


async def test_a_target_that_is_never_met_is_told_as_the_chart_tells_it() -> None:
    words = await words_of(view_of(*steps(10), target=0.0))
    assert "target 0, which is never met" in words
    assert "no target" not in words
    assert "%" not in words
    assert "until it is stopped" in words


async def test_it_says_when_the_target_will_be_reached_and_when_that_cannot_be_said() -> None:
    assert "too early to say" in await words_of(view_of(*steps(15)))
    flat = [step(number, loss=3.0, running_loss=3.0) for number in range(1, 400)]
    assert "not on this course" in await words_of(view_of(*flat))
    low = [step(number, loss=0.02, running_loss=0.02) for number in range(1, 400)]
    assert "how long so low a target takes is not known" in await words_of(view_of(*low, target=0.002))


@pytest.mark.parametrize("target", [0.1, None])
async def test_a_loss_that_rises_above_where_it_began_is_told(target: float | None) -> None:
    risen = [step(number, loss=10.0 * number, running_loss=10.0 * number) for number in range(1, 400)]
    assert "above where it began: the learning rate may be too high" in await words_of(view_of(*risen, target=target))
    noise = [step(1, loss=10.0, running_loss=10.0), step(2, loss=10.5, running_loss=10.5)]
    assert "above where it began" not in await words_of(view_of(*noise, target=target))


async def test_a_limit_that_may_come_before_the_target_is_said_beside_it() -> None:
    for limits, told in [
        (Limits(max_steps=5_000, max_seconds=9_000), "at the latest it ends after 5,000 steps or 2 h 30 min of this"),
        (Limits(max_steps=410), "before that, it ends after 410 steps"),
        (Limits(max_seconds=410), "before that, it ends after 6 min 50 s of this session"),
        (Limits(max_tokens=400 * 200 + 1), "before that, it ends after 80,001 tokens"),
    ]:
        view = RunView(configuration(limits=limits))
        view.fold([started(), *steps(400)])
        words = " ".join((await words_of(view, now=START + 401)).split())
        assert "below the target at about" in words
        assert f"; {told}" in words


async def test_a_run_whose_folder_is_gone_has_no_forecast() -> None:
    words = await words_of(view_of(*steps(400)), state="gone")
    assert "folder gone" in words
    assert "below the target" not in words


def test_no_time_is_told_finer_than_it_can_be_foretold() -> None:
    assert left_words(Forecast(437.0, 391.0, 8_000.0)) == "about 7 min (7 min to 2 h 15 min)"
    assert left_words(Forecast(43.4, 7.7, 78.0)) == "about 45 s (8 s to 2 min)"
    assert left_words(Forecast(90_000.0, 0.2, 400_000.0)) == "about 1 d 1 h (up to 4 d 15 h)"
    assert left_words(Forecast(400_000.0, 0.0, 400_000.0)) == "up to 4 d 15 h"


@pytest.mark.parametrize("state", ["training", "evaluating", "saving", "paused", "stalled"])
@pytest.mark.parametrize("silence", [1, 9, 11, 3_600])
async def test_what_is_left_counts_from_now_only_while_steps_come(state: State, silence: int) -> None:
    view = view_of(*steps(400))
    words = await words_of(view, state=state, now=START + 400 + silence)
    does_pass = state not in ("paused", "stalled") and silence < 10
    assert ("below the target at about" in words) == does_pass
    assert ("more of training" in words) == (not does_pass)


async def test_slow_steps_are_steps_that_come() -> None:
    slow = [step(number, time=START + 60 * number, elapsed=60.0 * number) for number in range(1, 401)]
    view = view_of(*slow)
    assert "below the target at about" in await words_of(view, now=START + 60 * 409)
    assert "more of training" in await words_of(view, now=START + 60 * 411)


@pytest.mark.parametrize(("losses", "sign"), [((1.0, 2.0), "▲"), ((2.0, 1.0), "▼"), ((2.0, 2.001), "▬")])
async def test_the_trend_is_that_of_the_mean(losses: tuple[float, float], sign: str) -> None:
    found = view_of(*(step(number, running_loss=loss) for number, loss in enumerate(losses, 1)))
    words = await words_of(found)
    assert f" {sign}" in words


async def test_after_a_rewind_to_the_start_it_shows_no_loss() -> None:
    words = await words_of(view_of(*steps(50), Rewound(to_step=0, why="not finite")))
    assert "no step yet" in words


@pytest.mark.parametrize("width", [20, 36, 120])
async def test_in_ascii_nothing_else_is_drawn(width: int) -> None:
    view = view_of(*steps(100), evaluated(90, 4.0), evaluated(90, 5.0, split="validation"))
    words = await words_of(view, glyphs=ASCII, width=width)
    assert words.isascii()
    assert "LOSS 3.8627 v" in words
    assert "validation loss 5.0000, never decides" in words


async def test_the_loss_is_written_once_in_digits_or_on_a_line() -> None:
    for glyphs in (UNICODE, ASCII):
        app = Host(glyphs)
        async with app.run_test(size=(60, 20)) as pilot:
            await pilot.pause()
            for last in (10, 20):
                app.query_one(Threshold).show(view_of(*steps(last)), "training", START + 1_000)
                await pilot.pause()
                is_big = app.query_one(Digits).display
                assert is_big == (not glyphs.is_ascii)
                assert app.query_one("#loss-line", Static).display == (not is_big)


async def test_it_is_foretold_at_most_once_a_second_and_at_once_for_another_state_or_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    forecasts: list[float] = []
    outlook_words: Callable[..., str] = module.outlook_words

    def counting(view: RunView, state: State, now: float) -> Any:
        forecasts.append(now - START)
        return outlook_words(view, state, now)

    monkeypatch.setattr(module, "outlook_words", counting)
    app = Host()
    async with app.run_test(size=(60, 20)) as pilot:
        threshold = app.query_one(Threshold)
        await pilot.pause()
        view = view_of(*steps(200))
        for tenth in range(31):
            view.fold([step(201 + tenth)])
            threshold.show(view, "training", START + 1_000 + tenth / 8)
        assert forecasts == [1_000, 1_001, 1_002, 1_003]
        threshold.show(view, "paused", START + 1_003.875)
        assert len(forecasts) == 5
        threshold.show(view_of(*steps(10)), "paused", START + 1_003.875)
        assert len(forecasts) == 6
        assert "too early" in str(app.query_one("#outlook", Static).render())
        # The clock was put back.
        threshold.show(view_of(*steps(10)), "paused", START)
        assert len(forecasts) == 7


async def test_what_stays_the_same_is_not_written_again() -> None:
    app = Host()
    async with app.run_test(size=(60, 20)) as pilot:
        threshold = app.query_one(Threshold)
        await pilot.pause()
        view = view_of(*steps(200))
        threshold.show(view, "training", START + 1_000)
        before = [text.content for text in threshold.query(Static)]
        threshold.show(view, "training", START + 1_000)
        assert all(text.content is was for text, was in zip(threshold.query(Static), before, strict=True))
        view.fold([step(300)])
        threshold.show(view, "training", START + 1_000)
        assert threshold.query_one("#target", Static).content is not before[2]


async def test_words_of_the_same_length_that_need_more_lines_have_them() -> None:
    app = Host()
    async with app.run_test(size=(16, 20)) as pilot:
        threshold = app.query_one(Threshold)
        await pilot.pause()
        for words, height in (("aaaa bbbb cccc dddd eeee", 2), ("aaaa bbbbbbbbbbbbb ccccc", 3)):
            assert len(words) == 24
            threshold._write("outlook", Content(words))
            await pilot.pause()
            assert app.query_one("#outlook").region.height == height


async def test_equal_losses_even_of_0_are_flat() -> None:
    for loss in (0.0, 1e-9, 3.0):
        assert " ▬" in await words_of(view_of(step(1, running_loss=loss), step(2, running_loss=loss)))


async def test_another_target_is_foretold_at_once() -> None:
    view = view_of(*steps(400))
    async with Host().run_test(size=(60, 20)) as pilot:
        threshold = pilot.app.query_one(Threshold)
        outlook = threshold.query_one("#outlook", Static)
        threshold.show(view, "training", START + 1_000)
        before = str(outlook.render())
        view.fold([SettingChanged(time=START + 1_000, name="target_loss", value=None, previous=TARGET)])
        threshold.show(view, "training", START + 1_000.1)
        assert str(outlook.render()) != before


async def test_of_a_crashed_run_it_says_where_it_goes_on_from() -> None:
    for view in (view_of(*steps(400)), view_of(*steps(400), target=None)):
        words = await words_of(view, state="crashed")
        assert "it can go on from the beginning" in words
        assert "below the target" not in words
        assert "until it is stopped" not in words


def test_the_ends_of_an_interval_are_whole_minutes_and_hold_the_middle() -> None:
    assert left_words(Forecast(50.0, 20.0, 130.0)) == "about 50 s (20 s to 3 min)"
    assert left_words(Forecast(105.0, 95.0, 170.0)) == "about 1 min 45 s (1 min to 3 min)"
