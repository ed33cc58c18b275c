"""Words that a text does not have: which these are, and what a training saves by them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gpt2tui.runs.config import Limits
from gpt2tui.runs.events import Step
from gpt2tui.runs.recipe import load_recipe
from gpt2tui.training import learner
from gpt2tui.training.learner import present_tokens
from gpt2tui.training.session import train
from tests.model.test_loss import Multiplications
from tests.training.small import VOCABULARY, small_config, small_recipe, small_run

WORDS = (5, 7, 8, 40, 41, 299)


def test_the_words_of_a_text_are_told_in_their_order_whatever_is_read_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(learner, "_AT_A_TIME", 7)
    tokens = np.array([299, *WORDS * 3, 8], dtype=np.uint16)
    present = present_tokens(tokens, VOCABULARY)
    assert present is not None
    assert present.tolist() == list(WORDS)


def test_a_text_that_has_most_of_the_words_is_not_worth_it() -> None:
    assert present_tokens(np.arange(VOCABULARY, dtype=np.uint16), VOCABULARY) is None


def test_the_recipe_of_the_original_does_no_such_thing() -> None:
    does = {name: load_recipe(name).joins_absent for name in ("reference", "fast", "sprint")}
    assert does == {"reference": False, "fast": True, "sprint": True}


@pytest.mark.parametrize("name", ["reference", "fast"])
def test_a_step_of_the_recipes_that_do_so_multiplies_less(tmp_path: Path, name: str) -> None:
    config = small_config(recipe=small_recipe(name), limits=Limits(target_loss=None, max_steps=4))
    made = {}
    for folder, words in (("few", WORDS), ("all", range(VOCABULARY))):
        ids = np.random.default_rng(0).permutation(np.resize(words, config.corpus.tokens)).tolist()
        run = small_run(tmp_path / folder, config, ids)
        with Multiplications() as so_far:
            assert sum(isinstance(event, Step) for event in train(run)) == 4
        made[folder] = so_far.count
    assert (made["few"] < 0.75 * made["all"]) is (name == "fast")
    assert made["few"] == made["all"] or name == "fast"
