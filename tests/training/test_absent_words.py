"""Words that the text does not have: which these are, and what is left out of a training for them."""

from __future__ import annotations

from pathlib import Path

import msgspec
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
    present = present_tokens(tokens, small_config())
    assert present is not None
    assert present.tolist() == list(WORDS)


def test_a_text_with_most_of_the_words_and_a_device_that_would_have_to_be_asked_leave_nothing_out() -> None:
    config = small_config()
    assert present_tokens(np.arange(VOCABULARY, dtype=np.uint16), config) is None
    gpu = msgspec.structs.replace(config, device="cuda")
    assert present_tokens(np.array(WORDS, dtype=np.uint16), gpu) is None


def test_the_recipe_of_the_original_leaves_nothing_out() -> None:
    leaves_out = {name: load_recipe(name).skips_absent for name in ("reference", "fast", "sprint")}
    assert leaves_out == {"reference": False, "fast": True, "sprint": True}


@pytest.mark.parametrize("name", ["reference", "fast"])
def test_once_they_hold_next_to_nothing_a_step_multiplies_less(tmp_path: Path, name: str) -> None:
    steps = 60
    recipe = small_recipe(name, learning_rate=0.05)  # high, for so small a model to learn its words soon
    config = small_config(recipe=recipe, limits=Limits(target_loss=None, max_steps=steps))
    ids = np.random.default_rng(0).choice(WORDS, config.corpus.tokens).tolist()
    run = small_run(tmp_path, config, ids)
    with Multiplications() as so_far:
        made = [so_far.count for event in train(run) if isinstance(event, Step)]
    taken = np.diff(made)
    assert len(made) == steps
    if name == "reference":
        assert len(set(taken)) == 1
        return
    spared = 4 * 16 * config.model.width * 2 * (VOCABULARY - len(WORDS))  # of a batch: two products of the way back
    assert taken[0] - taken[-1] == spared
