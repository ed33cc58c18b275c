from __future__ import annotations

import math

import msgspec
import pytest

from gpt2tui.corpus.windows import Place, WindowOrder
from gpt2tui.runs.phases import ELSEWHERE, Phases, is_aligned
from gpt2tui.runs.recipe import load_recipe
from tests.runs.synthetic import configuration

ANYWHERE = msgspec.structs.replace(load_recipe("anywhere"), batch_size=10, block_size=20)
MIXED = Phases(configuration(recipe=ANYWHERE, seed=7))
FLAGS = [is_aligned(7, index, 0.5) for index in range(200)]


@pytest.mark.parametrize("seed", [0, 1, 1337, 2**63, 2**64 + 5, -3])
def test_passes_are_aligned_as_the_windows_are(seed: int) -> None:
    order = WindowOrder(20_001, 5_000, 1, seed=seed, aligned_share=0.5)
    for index in range(60):
        place = Place(index, 0)
        starts: set[int] = set()
        while place.pass_index == index:
            windows, place = order.next_batch(place)
            starts.update(window.start for window in windows)
        assert is_aligned(seed, index, 0.5) == (starts == {0, 5_000, 10_000, 15_000})


def test_the_share_of_a_stretch_is_that_of_its_aligned_passes() -> None:
    first, second = FLAGS.index(True), FLAGS.index(False)
    assert MIXED.aligned_share(first + 0.2, first + 0.9) == 1
    assert MIXED.aligned_share(second, second + 1) == 0
    edge = next(index for index in range(1, 200) if FLAGS[index - 1] and not FLAGS[index])
    assert MIXED.aligned_share(edge - 0.25, edge + 0.75) == pytest.approx(0.25)


def test_worth_and_passes_undo_each_other() -> None:
    for passes in (0.0, 0.3, 5.7, 41.0, 199.5, 200.0, 1234.5):
        assert MIXED.passes(MIXED.worth(passes)) == pytest.approx(passes)
    assert MIXED.worth(10.0) == pytest.approx(sum(1 if flag else ELSEWHERE for flag in FLAGS[:10]))
    assert MIXED.passes(math.inf) == math.inf


def test_the_next_aligned_pass_is_found() -> None:
    inside, outside = FLAGS.index(True), FLAGS.index(False)
    assert MIXED.next_aligned(inside + 0.7) == inside + 0.7
    following = outside + FLAGS[outside:].index(True)
    assert MIXED.next_aligned(outside + 0.1) == following + 0.5
    assert MIXED.next_aligned(5000.0) == 5000.0
    assert MIXED.next_aligned(math.inf) == math.inf


def test_where_all_passes_are_alike_each_counts() -> None:
    sequential = Phases(configuration(seed=7))
    longer_steps = msgspec.structs.replace(ANYWHERE, batch_size=1000)
    for phases in (sequential, Phases(configuration(recipe=longer_steps, seed=7))):
        assert phases.aligned_share(3.0, 4.0) == 1
        assert phases.worth(7.25) == phases.passes(7.25) == phases.next_aligned(7.25) == 7.25
