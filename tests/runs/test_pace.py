"""What earlier runs tell of the time that a new one takes."""

from __future__ import annotations

import msgspec
import pytest

from gpt2tui.runs.events import RunFinished
from gpt2tui.runs.pace import Pace, Plan, Success, measured_pace, measured_paces, time_words
from gpt2tui.runs.store import RunStore
from tests.runs.synthetic import TINY, append, make_run, started, step, whole_story

PLAY = Pace(
    run="play",
    parameters=7_000,
    device="cpu",
    recipe="fast",
    batch_size=16,
    block_size=128,
    tokens=7_183,
    tokens_per_second=1_000.0,
    successes=(Success(0.0998, 300.0, 40.0),),
)
PLAN = Plan(
    parameters=7_000,
    device="cpu",
    recipe="fast",
    batch_size=16,
    block_size=128,
    tokens=7_183,
    target_loss=0.099999,
)


def test_a_finished_run_tells_its_rate_and_its_time_to_the_target(store: RunStore) -> None:
    pace = measured_pace(make_run(store, whole_story(470), name="play"))
    assert pace == Pace(
        run="play",
        parameters=TINY.parameters,
        device="cpu",
        recipe="reference",
        batch_size=10,
        block_size=20,
        tokens=2_001,
        tokens_per_second=200.0,
        successes=(Success(pytest.approx(0.0909, abs=1e-4), 470.0, 47.0),),
    )


def test_the_rate_is_the_median_of_the_last_steps(store: RunStore) -> None:
    steps = [step(number, tokens_per_second=1.0 if number < 60 else 500.0) for number in range(1, 101)]
    pace = measured_pace(make_run(store, [started(), *steps]))
    assert pace is not None
    assert pace.tokens_per_second == 500.0
    assert pace.successes == ()


def test_a_run_that_went_on_past_its_target_still_tells_the_time_to_it(store: RunStore) -> None:
    run = make_run(store, whole_story(470))
    append(run, [started(470), *map(step, range(471, 900))])
    stopped = RunFinished(reason="stopped", step=899, loss=0.01, seconds=899.0)
    reached = RunFinished(reason="target_reached", step=950, loss=0.001, seconds=950.0)
    append(run, [stopped, started(899), *map(step, range(900, 951)), reached, started(950)])
    pace = measured_pace(run)
    assert pace is not None
    assert pace.successes == ((pytest.approx(0.0909, abs=1e-4), 470.0, 47.0), (0.001, 950.0, 95.0))


@pytest.mark.parametrize(("target", "minutes"), [(0.099999, 5), (0.06, 10)])
def test_the_first_success_below_the_target_counts(target: float, minutes: int) -> None:
    paces = [msgspec.structs.replace(PLAY, successes=(Success(0.0998, 300.0, 40.0), Success(0.0498, 600.0, 80.0)))]
    words = time_words(msgspec.structs.replace(PLAN, target_loss=target), paces)
    assert words[0] == f"about {minutes} min to the target: run play on 7,183 tokens took that"


def test_runs_without_steps_or_with_damage_are_left_out(store: RunStore) -> None:
    make_run(store, [started()])
    make_run(store, whole_story(5)).config_file.write_text("{")
    make_run(store).events_file.unlink()
    good = make_run(store, whole_story(470), name="good")
    assert [pace.run for pace in measured_paces(store.all())] == ["good"]
    assert measured_pace(good) is not None


def test_a_run_of_the_same_size_is_quoted_as_it_is() -> None:
    assert time_words(PLAN, [PLAY]) == [
        "about 5 min to the target: run play on 7,183 tokens took that",
        "a pass takes about 7 s here",
    ]


@pytest.mark.parametrize(("tokens", "to_target", "a_pass"), [(72_000, "48 min", "1 min 12 s"), (720, "29 s", "720 ms")])
def test_a_text_of_another_size_takes_as_many_passes_as_long_as_they_take_now(
    tokens: int, to_target: str, a_pass: str
) -> None:
    assert time_words(msgspec.structs.replace(PLAN, tokens=tokens), [PLAY]) == [
        f"about {to_target} to the target, if it takes 40.0 passes as run play on 7,183 tokens did",
        f"a pass takes about {a_pass} here",
    ]


def test_a_pass_is_as_fast_as_in_steps_of_the_same_size_however_slow_the_run_with_the_passes_was() -> None:
    tiny = msgspec.structs.replace(
        PLAY, run="tiny", tokens=287, batch_size=2, tokens_per_second=140.0, successes=(Success(0.09, 42.0, 20.4),)
    )
    failed = msgspec.structs.replace(PLAY, tokens=1_000_000, tokens_per_second=2_000.0, successes=())
    for paces in ([tiny, failed], [failed, tiny]):
        assert time_words(msgspec.structs.replace(PLAN, tokens=6_000), paces) == [
            "about 1 min 1 s to the target, if it takes 20.4 passes as run tiny on 287 tokens did",
            "a pass takes about 3 s here",
        ]


def test_without_steps_of_the_same_size_the_run_with_the_nearest_text_tells_how_fast_a_pass_is() -> None:
    plan = msgspec.structs.replace(PLAN, block_size=64, tokens=10_000)
    far = msgspec.structs.replace(PLAY, tokens=100, tokens_per_second=10.0)
    near = msgspec.structs.replace(PLAY, tokens=40_000, tokens_per_second=500.0)
    assert time_words(plan, [far, near])[1] == "a pass takes about 20 s here"
    newest = msgspec.structs.replace(near, tokens_per_second=100.0)
    assert time_words(plan, [far, newest, near])[1] == "a pass takes about 1 min 40 s here"


def test_of_several_runs_that_reached_it_the_one_with_the_nearest_text_tells_the_passes() -> None:
    far = msgspec.structs.replace(PLAY, run="far", tokens=100)
    near = msgspec.structs.replace(PLAY, run="near", tokens=20_000)
    words = time_words(PLAN, [far, near])
    assert words[0].endswith("if it takes 40.0 passes as run near on 20,000 tokens did")
    newer = msgspec.structs.replace(near, run="newer")
    words = time_words(PLAN, [far, newer, near])
    assert words[0].endswith("as run newer on 20,000 tokens did")


@pytest.mark.parametrize(
    "change",
    [
        {"recipe": "reference"},
        {"successes": (Success(0.2, 300.0, 40.0),)},
        {"successes": ()},
    ],
)
def test_a_run_of_another_recipe_or_with_a_higher_loss_tells_only_the_pass(change: dict[str, object]) -> None:
    assert time_words(PLAN, [msgspec.structs.replace(PLAY, **change)]) == [
        "to the target: not known, no such run has reached it yet",
        "a pass takes about 7 s here",
    ]


@pytest.mark.parametrize("change", [{"parameters": 1}, {"device": "cuda"}])
def test_another_shape_or_device_tells_nothing(change: dict[str, object]) -> None:
    words = time_words(PLAN, [msgspec.structs.replace(PLAY, **change)])
    assert words == ["not known: no run of this shape has trained on this device yet"]


MEASURED = msgspec.structs.replace(PLAN, tokens=10_000, flops_per_token=1_000_000, matrix_rate=1e9)
"""At all of that rate a pass would take ten seconds."""


def test_where_nothing_was_trained_the_rate_of_products_tells_a_pass_and_a_target_near_a_tenth() -> None:
    line = "a pass takes 10 s to 40 s, by a short measurement"
    assert time_words(MEASURED, []) == ["2 min to 20 min to the target, if it takes 11 to 32 passes", line]
    sprint = time_words(msgspec.structs.replace(MEASURED, recipe="sprint"), [])
    assert sprint[0].endswith(" to the target, if it takes 6 to 26 passes")
    for change in ({"recipe": "reference"}, {"target_loss": 0.01}, {"target_loss": 3.0}, {"target_loss": None}):
        assert time_words(msgspec.structs.replace(MEASURED, **change), []) == [line]


def test_of_a_short_text_no_part_of_a_second_is_told() -> None:
    assert time_words(msgspec.structs.replace(MEASURED, tokens=1_000), []) == [
        "10 s to 2 min 15 s to the target, if it takes 11 to 32 passes",
        "a pass takes 1 s to 4 s, by a short measurement",
    ]
    quick = time_words(msgspec.structs.replace(MEASURED, tokens=100), [])
    assert quick == [
        "1 s to 15 s to the target, if it takes 11 to 32 passes",
        "a pass takes less than 1 s, by a short measurement",
    ]
    assert time_words(msgspec.structs.replace(MEASURED, tokens=500), [])[1].startswith("a pass takes up to 2 s,")


def test_a_run_that_went_far_below_the_target_tells_the_most_that_it_takes() -> None:
    lower = msgspec.structs.replace(PLAY, successes=(Success(0.02, 300.0, 40.0),))
    assert time_words(PLAN, [lower])[0] == (
        "at most about 5 min to the target: run play on 7,183 tokens took that to a loss of 0.02"
    )
    assert time_words(msgspec.structs.replace(PLAN, tokens=100_000), [lower])[0].startswith("at most about ")


def test_without_a_target_or_without_the_text_no_time_is_made_up() -> None:
    assert time_words(msgspec.structs.replace(PLAN, target_loss=None), [PLAY])[0] == (
        "no target: it ends at a limit, or when it is stopped"
    )
    assert time_words(msgspec.structs.replace(PLAN, target_loss=0.0), [PLAY])[0] == (
        "to the target: never, for no loss is below 0; it ends at a limit, or when it is stopped"
    )
    unknown = time_words(msgspec.structs.replace(PLAN, tokens=None), [PLAY])
    assert unknown == ["to the target: not known, no such run has reached it yet"]


def test_the_newest_run_that_fits_counts() -> None:
    newer = msgspec.structs.replace(
        PLAY, run="newer", successes=(Success(0.0998, 60.0, 40.0),), tokens_per_second=2_000.0
    )
    words = time_words(PLAN, [newer, PLAY])
    assert words == ["about 1 min to the target: run newer on 7,183 tokens took that", "a pass takes about 4 s here"]
