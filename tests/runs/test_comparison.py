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
