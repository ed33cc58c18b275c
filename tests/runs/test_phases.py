from __future__ import annotations

import math

import msgspec
import pytest

from gpt2tui.corpus.windows import Place, WindowOrder
from gpt2tui.runs.phases import ELSEWHERE, Phases, is_drawn_aligned
from gpt2tui.runs.recipe import load_recipe
from tests.runs.synthetic import configuration

IN_TURNS = msgspec.structs.replace(load_recipe("fast"), batch_size=10, block_size=20)
DRAWN = msgspec.structs.replace(IN_TURNS, aligned_every=None, aligned_share=0.5)
CASES = [
    (Phases(configuration(recipe=DRAWN, seed=7)), [is_drawn_aligned(7, index, 0.5) for index in range(200)]),
    (Phases(configuration(recipe=IN_TURNS, seed=7)), [index % 2 == 1 for index in range(200)]),
]


@pytest.mark.parametrize("seed", [0, 1, 1337, 2**63, 2**64 + 5, -3])
def test_drawn_passes_are_aligned_as_the_windows_are(seed: int) -> None:
    order = WindowOrder(20_001, 5_000, 1, seed=seed, aligned_share=0.5)
    for index in range(60):
        place = Place(index, 0)
        starts: set[int] = set()
        while place.pass_index == index:
            windows, place = order.next_batch(place)
            starts.update(window.start for window in windows)
        assert is_drawn_aligned(seed, index, 0.5) == (starts == {0, 5_000, 10_000, 15_000})


@pytest.mark.parametrize(("mixed", "flags"), CASES)
def test_the_share_of_a_stretch_is_that_of_its_aligned_passes(mixed: Phases, flags: list[bool]) -> None:
    first, second = flags.index(True), flags.index(False)
    assert mixed.aligned_share(first + 0.2, first + 0.9) == 1
    assert mixed.aligned_share(second, second + 1) == 0
    edge = next(index for index in range(1, 200) if flags[index - 1] and not flags[index])
    assert mixed.aligned_share(edge - 0.25, edge + 0.75) == pytest.approx(0.25)


@pytest.mark.parametrize(("mixed", "flags"), CASES)
def test_a_pass_that_is_cut_elsewhere_is_told_from_its_first_step_to_its_last(mixed: Phases, flags: list[bool]) -> None:
    for index, flag in enumerate(flags[:20]):
        assert mixed.is_shifted(index + 0.1) == mixed.is_shifted(index + 1.0) == (not flag)
    assert not mixed.is_shifted(0.0)
    assert not mixed.is_shifted(5_000.0)


@pytest.mark.parametrize(("mixed", "flags"), CASES)
def test_worth_and_passes_undo_each_other(mixed: Phases, flags: list[bool]) -> None:
    for passes in (0.0, 0.3, 5.7, 41.0, 199.5, 200.0, 1234.5):
        assert mixed.passes(mixed.worth(passes)) == pytest.approx(passes)
    assert mixed.worth(10.0) == pytest.approx(sum(1 if flag else ELSEWHERE for flag in flags[:10]))
    assert mixed.passes(math.inf) == math.inf


@pytest.mark.parametrize(("mixed", "flags"), CASES)
def test_the_next_aligned_pass_is_found(mixed: Phases, flags: list[bool]) -> None:
    inside, outside = flags.index(True), flags.index(False)
    assert mixed.next_aligned(inside + 0.7) == inside + 0.7
    following = outside + flags[outside:].index(True)
    assert mixed.next_aligned(outside + 0.1) == following + 0.5
    assert mixed.next_aligned(5000.0) == 5000.0
    assert mixed.next_aligned(math.inf) == math.inf


def test_where_all_passes_are_alike_each_counts() -> None:
    longer_steps = msgspec.structs.replace(DRAWN, batch_size=1000)
    never_moved = msgspec.structs.replace(IN_TURNS, aligned_every=1)
    for recipe in (load_recipe("reference"), longer_steps, never_moved):
        phases = Phases(configuration(recipe=recipe, seed=7))
        assert phases.aligned_share(3.0, 4.0) == 1
        assert phases.worth(7.25) == phases.passes(7.25) == phases.next_aligned(7.25) == 7.25
