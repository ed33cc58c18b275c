"""The order of windows: everything once a pass, from two whole numbers."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from gpt2tui.corpus.windows import PADDING_TARGET, Place, Window, WindowOrder, batch_arrays


def batches(order: WindowOrder, count: int, place: Place = Place()) -> list[tuple[list[Window], Place]]:  # noqa: B008
    made = []
    for _ in range(count):
        windows, place = order.next_batch(place)
        made.append((windows, place))
    return made


@pytest.mark.parametrize(
    ("tokens", "block", "batch"), [(1000, 16, 4), (17, 16, 3), (2, 8, 2), (97, 1, 5), (65, 16, 64)]
)
@pytest.mark.parametrize("aligned", [{"aligned_share": 0.5}, {"aligned_every": 1}, {"aligned_every": 2}, {}])
def test_shuffled_sees_every_target_once_a_pass(tokens: int, block: int, batch: int, aligned: dict[str, Any]) -> None:
    order = WindowOrder(tokens, block, batch, seed=7, **aligned)
    passes = 6
    windows: list[Window] = []
    place = Place()
    while place.pass_index < passes:
        found, place = order.next_batch(place)
        assert len(found) == batch
        windows += found
    assert all(0 < end - start <= block for start, end in windows)
    seen: list[int] = []
    for start, end in windows:
        seen += range(start + 1, end + 1)
    for index in range(passes):
        part = seen[index * (tokens - 1) : (index + 1) * (tokens - 1)]
        assert sorted(part) == list(range(1, tokens))


def test_shuffled_differs_by_pass_and_by_seed_and_repeats_for_the_same() -> None:
    def first_pass(seed: int, index: int) -> list[Window]:
        return WindowOrder(10_000, 16, 100, seed=seed).next_batch(Place(index, 0))[0]

    assert first_pass(1, 0) == first_pass(1, 0)
    assert len({tuple(first_pass(seed, index)) for seed in (0, 1, -1) for index in range(3)}) == 9
    phases = {w.end for s in range(400) for w in WindowOrder(50, 16, 3, seed=s).next_batch(Place())[0] if w.start == 0}
    assert phases == set(range(1, 17))


def test_the_shuffled_order_is_the_same_in_every_version() -> None:
    windows, place = WindowOrder(100, 16, 4, seed=1234).next_batch(Place(3, 1))
    assert (windows, place) == ([(41, 57), (57, 73), (25, 41), (89, 99)], (3, 5))


@pytest.mark.parametrize("kind", ["shuffled", "sequential"])
def test_going_on_from_a_place_gives_what_would_have_come(kind: str) -> None:
    order = WindowOrder(1003, 16, 7, order=kind, seed=3)  # type: ignore[arg-type]
    whole = batches(order, 40)
    for index in (0, 5, 8, 9, 10, 30):
        fresh = WindowOrder(1003, 16, 7, order=kind, seed=3)  # type: ignore[arg-type]
        assert batches(fresh, 5, whole[index][1]) == whole[index + 1 : index + 6]


def test_a_pass_is_shuffled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Counter[int]()
    original = np.argsort

    def counting(*arguments: object, **named: object) -> object:
        made["argsort"] += 1
        return original(*arguments, **named)  # type: ignore[call-overload]

    monkeypatch.setattr(np, "argsort", counting)
    last = batches(WindowOrder(16_000, 16, 8, seed=3), 300)[-1][1]
    assert made["argsort"] == last.pass_index + 1 == 3


@pytest.mark.parametrize("tokens", [33, 64, 65, 66, 200, 257])
def test_sequential_goes_as_the_common_loader_does(tokens: int) -> None:
    batch, block = 4, 8
    order = WindowOrder(tokens, block, batch, order="sequential")
    position, passes = 0, 0
    for windows, place in batches(order, 30):
        assert windows == [Window(position + i * block, position + (i + 1) * block) for i in range(batch)]
        position += batch * block
        if position + batch * block + 1 > tokens:
            position, passes = 0, passes + 1
        assert place == (passes, position // block)
        assert windows[-1].end <= tokens - 1


def test_sequential_takes_what_a_small_text_has() -> None:
    windows, place = WindowOrder(30, 8, 16, order="sequential").next_batch(Place())
    assert windows == [(0, 8), (8, 16), (16, 24)]
    assert place == (1, 0)
    with pytest.raises(ValueError, match="8 tokens have no whole window of 8"):
        WindowOrder(8, 8, 1, order="sequential")


def test_arrays_hold_inputs_and_the_tokens_after_them() -> None:
    tokens = np.arange(100, 150, dtype=np.uint16)
    inputs, targets = batch_arrays(tokens, [Window(0, 4), Window(47, 49)], 4)
    assert inputs.tolist() == [[100, 101, 102, 103], [147, 148, 0, 0]]
    assert targets.tolist() == [[101, 102, 103, 104], [148, 149, PADDING_TARGET, PADDING_TARGET]]
    assert inputs.dtype == targets.dtype == np.int64


@pytest.mark.parametrize("every", [1, 2, 3])
def test_every_so_many_th_pass_is_aligned(every: int) -> None:
    order = WindowOrder(1001, 10, 100, seed=3, aligned_every=every)
    firsts = [min(window.end for window in order.next_batch(Place(index, 0))[0]) for index in range(12)]
    assert [end == 10 for end in firsts[every - 1 :: every]] == [True] * (12 // every)
    assert sum(end == 10 for end in firsts) <= 12 // every + 3  # a phase of 0 may be drawn as well


def test_the_share_of_aligned_passes_is_what_was_asked_and_the_other_phases_are_spread() -> None:
    order = WindowOrder(1000, 100, 10, seed=3, aligned_share=0.5)
    phases = []
    for pass_index in range(400):
        windows = order.next_batch(Place(pass_index, 0))[0] + order.next_batch(Place(pass_index, 1))[0]
        phases.append(min(window.end for window in windows) % 100)
    assert 160 < phases.count(0) < 245
    assert len(set(phases)) > 80
