"""Recipes: what is in the package, and how they fit a model and a text."""

from __future__ import annotations

import msgspec
import pytest

from gpt2tui.errors import UsageError
from gpt2tui.runs.recipe import load_recipe, recipe_names

FAST = load_recipe("fast")


def test_every_recipe_of_the_package_is_sound_and_says_what_it_is() -> None:
    assert recipe_names() == ["fast", "reference", "sprint"]
    for name in recipe_names():
        recipe = load_recipe(name)
        assert recipe.name == name
        assert recipe.summary
        assert not recipe.problems()
    with pytest.raises(UsageError, match="no recipe named 'slow'; there are: fast, reference, sprint"):
        load_recipe("slow")


def test_sprint_differs_from_fast_in_where_passes_begin_alone() -> None:
    sprint = load_recipe("sprint")
    assert (FAST.aligned_every, sprint.aligned_every) == (2, 1)
    assert msgspec.structs.replace(sprint, name="fast", summary=FAST.summary, aligned_every=2) == FAST


@pytest.mark.parametrize(
    ("windows", "batch"),
    [(1, 1), (3, 2), (10, 8), (15, 8), (16, 16), (1_000_000, 16)],
)
def test_the_batch_goes_with_the_text_and_its_rates_a_little(windows: int, batch: int) -> None:
    recipe = FAST.for_text(windows)
    assert recipe.batch_size == batch
    assert FAST.hidden_learning_rate is not None
    factor = (batch / 16) ** 0.25
    assert recipe.learning_rate == pytest.approx(factor * FAST.learning_rate)
    assert recipe.hidden_learning_rate == pytest.approx(factor * FAST.hidden_learning_rate)


@pytest.mark.parametrize(
    ("windows", "begin"), [(1, 2.0), (57, 2.0), (256, 2.0), (512, 2.75), (1024, 3.5), (1_000_000, 3.5)]
)
def test_of_a_long_text_the_rate_falls_sooner(windows: int, begin: float) -> None:
    recipe = FAST.for_text(windows)
    assert recipe.schedule.decay_from == pytest.approx(begin)
    assert recipe.schedule.decay_until == FAST.schedule.decay_until


def test_rates_and_first_embedding_go_with_the_width() -> None:
    narrow = FAST.for_width(192)  # a quarter of what the recipe is for
    assert FAST.hidden_learning_rate is not None
    assert narrow.learning_rate == pytest.approx(4 * FAST.learning_rate)
    assert narrow.hidden_learning_rate == pytest.approx(2 * FAST.hidden_learning_rate)
    assert narrow.embedding_deviation == pytest.approx(2 * FAST.embedding_deviation)
    assert narrow.for_width(768) == FAST
    assert load_recipe("reference").for_width(192) == load_recipe("reference")


def test_the_reference_is_the_same_for_every_text() -> None:
    assert load_recipe("reference").for_text(1_000_000) == load_recipe("reference")
    assert load_recipe("reference").for_text(1) == load_recipe("reference")
