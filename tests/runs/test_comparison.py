"""What a run's configuration is now."""

from __future__ import annotations

import msgspec
import pytest

from gpt2tui.runs.comparison import compared, present_config
from gpt2tui.runs.events import SettingChanged
from gpt2tui.runs.recipe import load_recipe
from gpt2tui.runs.view import RunView
from tests.runs.synthetic import START, configuration, started


def test_with_the_learning_rate_that_of_the_hidden_matrices_is_another() -> None:
    view = RunView(msgspec.structs.replace(configuration(), recipe=load_recipe("fast")))
    rate, hidden = load_recipe("fast").learning_rate, load_recipe("fast").hidden_learning_rate
    assert hidden
    view.fold([started(), SettingChanged(time=START, name="learning_rate", value=2 * rate, previous=rate)])
    assert present_config(view).recipe.hidden_learning_rate == pytest.approx(2 * hidden)
    fields = {field.name: field.texts for field in compared([present_config(view)], [view.config])}
    assert fields["recipe.hidden_learning_rate"] == [f"{2 * hidden:.6g} (was {hidden:.6g})"]


def test_amounts_have_separators_whatever_their_size_and_a_seed_is_what_was_typed() -> None:
    config = configuration(seed=123456)
    one = msgspec.structs.replace(config, limits=msgspec.structs.replace(config.limits, max_steps=8_462))
    other = msgspec.structs.replace(config, limits=msgspec.structs.replace(config.limits, max_steps=12_771))
    fields = {field.name: field for field in compared([one, other], [one, config])}
    assert fields["limits.max_steps"].texts == ["8,462", "12,771 (was none)"]
    assert fields["limits.max_steps"].values == (8_462, 12_771)
    assert fields["corpus.tokens"].texts == ["2,001"] * 2
    assert fields["seed"].texts == ["123456"] * 2
