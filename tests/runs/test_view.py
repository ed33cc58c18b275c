from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from gpt2tui.runs.events import AnyEvent, PhaseChanged, Rewound, RunFinished, SettingChanged
from gpt2tui.runs.recipe import load_recipe
from gpt2tui.runs.store import RunStore
from gpt2tui.runs.view import RunView, State
from gpt2tui.runs.words import time_words, unsaved_words
from tests.runs.synthetic import (
    START,
    configuration,
    evaluated,
    loss_at,
    make_run,
    saved,
    started,
    step,
    whole_story,
)

TRAINING = PhaseChanged(time=START + 3, phase="training")
STOPPED = RunFinished(time=START + 9, reason="stopped", step=3, loss=1.0, seconds=3.0)


def view_of(*events: AnyEvent) -> RunView:
    view = RunView(configuration())
    view.fold(events)
    return view


@pytest.mark.parametrize(
    ("events", "is_alive", "seconds", "state"),
    [
        ([], False, 0, "new"),
        ([], True, 0, "starting"),
        ([started()], True, 0, "starting"),
        ([started(), PhaseChanged(phase="compiling")], True, 0, "compiling"),
        ([started(), TRAINING], True, 0, "training"),
        ([started(), PhaseChanged(phase="evaluating")], True, 1000, "evaluating"),
        ([started(), PhaseChanged(phase="saving")], True, 0, "saving"),
        ([started(), PhaseChanged(phase="paused")], True, 100_000, "paused"),
        ([started(), TRAINING, *map(step, range(1, 4))], True, 59, "training"),
        ([started(), TRAINING, *map(step, range(1, 4))], True, 64, "stalled"),
        ([started(), TRAINING, *map(step, range(1, 4))], False, 0, "crashed"),
        ([started(), STOPPED], False, 0, "finished"),
        ([started(), STOPPED, started(3)], False, 0, "crashed"),
        ([started(), STOPPED, started(3), TRAINING], True, 0, "training"),
    ],
)
def test_each_state_follows_from_the_journal_the_lock_and_the_clock(
    events: list[AnyEvent], is_alive: bool, seconds: float, state: State
) -> None:
    assert view_of(*events).state(is_alive=is_alive, now=START + 3 + seconds) == state


def test_slow_steps_are_no_stall() -> None:
    slow = [step(number, elapsed=number * 30.0, time=START + number * 30) for number in range(1, 5)]
    view = view_of(started(), TRAINING, *slow)
    assert view.median_step_seconds() == 30
    assert view.state(is_alive=True, now=START + 120 + 299) == "training"
    assert view.state(is_alive=True, now=START + 120 + 301) == "stalled"


def test_steps_from_before_a_resume_or_a_rewind_do_not_count() -> None:
    resumed = view_of(started(), *map(step, range(1, 9)), started(5))
    assert resumed.step == step(5)
    rewound = view_of(started(), *map(step, range(1, 9)), Rewound(to_step=6, why="x"), step(7, loss=1.5))
    assert rewound.step is not None
    assert rewound.step.loss == 1.5
    assert [one.step for one in rewound.steps] == [1, 2, 3, 4, 5, 6, 7]


def test_the_target_is_the_one_that_was_set_last() -> None:
    assert view_of(started()).target_loss == 0.099999
    assert view_of(started(), SettingChanged(name="target_loss", value=0.5)).target_loss == 0.5
    assert view_of(started(), SettingChanged(name="target_loss", value=None)).target_loss is None
    assert view_of(started(), SettingChanged(name="max_steps", value=7)).target_loss == 0.099999


def test_progress_is_on_a_log_scale_and_full_only_below_the_target() -> None:
    half = view_of(started(), step(1, loss=9.9999), step(2, running_loss=0.99999))
    assert half.progress() == pytest.approx(0.5)
    reached = view_of(started(), step(1), step(2, running_loss=0.2), evaluated(2, 0.05))
    assert reached.progress() == 1
    assert view_of(started()).progress() == 0


def test_an_evaluation_that_stopped_early_is_no_corpus_loss() -> None:
    view = view_of(started(), step(1), step(2, running_loss=0.2), evaluated(2, 0.05, partial=True))
    assert view.best_corpus_loss is None
    assert view.leading_corpus_loss is None


def test_the_best_corpus_loss_is_the_lowest_and_not_the_last() -> None:
    view = view_of(started(), step(1), evaluated(1, 2.0), evaluated(2, 1.0), evaluated(3, 1.5))
    assert view.best_corpus_loss == 1.0
    assert view.corpus_loss == evaluated(3, 1.5)
    validated = view_of(started(), evaluated(3, 0.5, split="validation"))
    assert (validated.corpus_loss, validated.best_corpus_loss) == (None, None)


def test_the_view_of_a_journal_is_that_of_all_its_events(tmp_path: Path) -> None:
    story = [*whole_story(900), started(890), *map(step, range(891, 950))]
    run = make_run(RunStore(tmp_path / "runs"), story)
    quick, whole = RunView.of(run), RunView(run.config())
    whole.fold(run.events())
    assert quick.steps == whole.steps
    assert vars(quick) == vars(whole)


def test_the_forecast_says_when_the_loss_crosses_the_target() -> None:
    view = view_of(started(), *(step(number) for number in range(1, 301)))
    found = view.forecast()
    assert found is not None
    assert loss_at(461) < 0.099999 < loss_at(460)
    assert found.earliest < 461 - 300 < found.latest


def test_the_forecast_goes_by_the_pace_of_late_and_that_of_all_and_its_interval_by_the_farther_one() -> None:
    even = view_of(started(), *(step(number) for number in range(1, 401)))
    slower = view_of(
        started(), *(step(number, elapsed=float(number + 2 * max(0, number - 300))) for number in range(1, 401))
    )
    assert (first := even.forecast()) is not None
    assert (second := slower.forecast()) is not None
    assert second.seconds == pytest.approx((3 + 1.5) / 2 * first.seconds)
    assert second.earliest == pytest.approx(1.5 * first.earliest)
    assert second.latest == pytest.approx(3 * first.latest)


def test_of_a_target_below_what_was_tried_only_the_latest_is_told_also_where_the_pace_changes() -> None:
    slowing = (step(number, elapsed=float(number) + max(0, number - 300)) for number in range(1, 401))
    lower = SettingChanged(name="target_loss", value=0.04)
    found = view_of(started(), *slowing, lower).forecast()
    assert found is not None
    assert found.is_on_course
    assert found.is_latest


def test_passes_from_another_phase_do_not_mislead_the_forecast() -> None:
    fast = msgspec.structs.replace(load_recipe("fast"), batch_size=10, block_size=20)
    plain = RunView(configuration(recipe=fast, seed=7))
    misled = RunView(configuration(recipe=fast, seed=7))
    for number in range(1, 401):
        is_elsewhere = (number - 1) // 10 % 2 == 0
        loss = loss_at(number)
        plain.fold([step(number)])
        misled.fold([step(number, loss=2 * loss if is_elsewhere and loss < 1.2 else loss)])
    assert (first := plain.forecast()) is not None
    assert misled.forecast() == first
    assert first.is_on_course


def test_a_run_that_falls_no_more_is_not_on_this_course() -> None:
    flat = view_of(started(), *(step(number, loss=max(loss_at(number), 1.0)) for number in range(1, 401)))
    assert (found := flat.forecast()) is not None
    assert not found.is_on_course


def test_nothing_is_foretold_before_there_were_two_passes() -> None:
    early = view_of(started(), *(step(number) for number in range(1, 20)))
    assert early.step is not None
    assert early.step.passes < 2
    assert early.forecast() is None


def test_what_came_of_steps_that_are_void_is_void_too() -> None:
    view = view_of(started(), *(step(number) for number in range(1, 6)), evaluated(3, 0.9), evaluated(5, 0.2))
    view.fold([started(4)])
    assert view.corpus_loss == evaluated(3, 0.9)
    assert view.best_corpus_loss == 0.9


def test_the_bar_does_not_go_back_but_with_the_run() -> None:
    view = view_of(started(), step(1, loss=10.0, running_loss=10.0), step(2, loss=1.0, running_loss=1.0))
    at_best = view.progress()
    view.fold([step(3, loss=2.0, running_loss=2.0)])
    assert view.progress() == at_best
    view.fold([evaluated(3, 0.5)])
    assert view.progress() > at_best
    view.fold([step(4, loss=5.0, running_loss=5.0)])
    assert view.progress() > at_best
    view.fold([step(5, loss=60.0, running_loss=60.0)])
    assert view.progress() == 0
    view.fold([Rewound(time=START, to_step=1, why="its losses were not finite")])
    assert view.progress() == 0


def test_the_time_of_a_run_that_ended_is_all_of_it() -> None:
    view = RunView(configuration())
    view.fold([started(), step(5), RunFinished(time=START + 9, reason="limit", step=5, loss=1.0, seconds=9.0)])
    assert view.step
    assert (time_words(view.step, None), time_words(view.step, view.finished)) == ("5 s", "9 s")


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ([saved(3), STOPPED], ""),
        ([saved(2), STOPPED], "step 3 was not saved"),
        ([saved(1), STOPPED], "steps 2 to 3 were not saved"),
        ([STOPPED], "nothing was saved"),
        ([saved(1)], ""),
        ([saved(1), STOPPED, started(1)], ""),
        ([saved(1), STOPPED, started(1), STOPPED], "steps 2 to 3 were not saved"),
        ([saved(1), saved(2), started(1), STOPPED], "steps 2 to 3 were not saved"),
        ([saved(1), saved(2), Rewound(to_step=1, why="inf"), STOPPED], "steps 2 to 3 were not saved"),
        ([saved(1), saved(2), Rewound(to_step=0, why="inf"), STOPPED], "nothing was saved"),
        ([RunFinished(reason="stopped", step=0, loss=None, seconds=0.0)], ""),
    ],
)
def test_an_end_says_which_steps_it_left_unsaved(events: list[AnyEvent], words: str) -> None:
    assert unsaved_words(view_of(started(), *events)) == words
