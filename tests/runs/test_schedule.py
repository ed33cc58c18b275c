from __future__ import annotations

import math
import warnings

import pytest
import torch

from gpt2tui.runs.recipe import Schedule, load_recipe, recipe_names


def test_the_reference_rate_is_that_of_one_cycle_for_all_20_000_steps() -> None:
    recipe = load_recipe("reference")
    optimizer = torch.optim.AdamW([torch.zeros(1, requires_grad=True)], lr=1.0)
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=2e-4, total_steps=20_000, pct_start=0.1, div_factor=10, final_div_factor=50
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the optimizer has not stepped: it has nothing to step
        for done in range(20_000):
            ours = recipe.learning_rate * recipe.schedule.factor(done, done / 165)
            assert math.isclose(ours, optimizer.param_groups[0]["lr"], rel_tol=1e-9), done
            if done < 19_999:
                cycle.step()
    after = recipe.learning_rate * recipe.schedule.factor(50_000, 300.0)
    assert math.isclose(after, 2e-4 / 10 / 50, rel_tol=1e-9)


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_in_the_package_is_sound(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.problems() == []
    factors = [recipe.schedule.factor(step, step / 10) for step in range(0, 30_000, 7)]
    assert all(0 < factor <= 1 for factor in factors)
    assert max(factors) > 0.99


def test_a_schedule_in_passes_counts_passes() -> None:
    schedule = Schedule(
        unit="passes",
        shape="linear",
        warmup_steps=10,
        start_factor=0.2,
        decay_from=2.0,
        decay_until=4.0,
        final_factor=0.1,
    )
    assert schedule.factor(0, 0.0) == pytest.approx(0.2)
    assert schedule.factor(5, 0.1) == pytest.approx(0.6)
    assert schedule.factor(10, 0.2) == 1
    assert schedule.factor(900, 2.0) == 1
    assert schedule.factor(900, 3.0) == pytest.approx(0.55)
    assert schedule.factor(900, 9.0) == pytest.approx(0.1)
