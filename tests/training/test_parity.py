"""The ``reference`` recipe against a loop written down independently, with torch's own parts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.optim.lr_scheduler import OneCycleLR

from gpt2tui.model.transformer import GPT2
from gpt2tui.runs.config import Limits
from gpt2tui.runs.events import Step
from gpt2tui.training.session import train
from tests.training.small import of_type, small_config, small_recipe, small_run


def test_the_reference_recipe_is_the_original_loop(tmp_path: Path) -> None:
    """AdamW, OneCycleLR over 20,000 steps and clipping at 0.5 over full logits; past the end of the text too."""
    steps, batch, block = 9, 4, 16
    recipe = small_recipe("reference", dropout=0.0)
    config = small_config(recipe=recipe, limits=Limits(target_loss=None, max_steps=steps))
    run = small_run(tmp_path, config)
    ours = of_type(train(run), Step)

    ids = torch.from_numpy(np.fromfile(run.tokens_file, dtype=np.uint16).astype(np.int64))
    model = GPT2.initialised(config.model, seed=config.seed, residual_scaling=False)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-4, betas=(0.9, 0.95), weight_decay=0.1)
    schedule = OneCycleLR(
        optimizer,
        max_lr=2e-4,
        total_steps=20_000,
        pct_start=0.1,
        div_factor=10,
        final_div_factor=50,
        cycle_momentum=False,
    )
    position = 0
    for told in ours:
        if position + batch * block + 1 > len(ids):
            position = 0
        part = ids[position : position + batch * block + 1]
        position += batch * block
        x, y = part[:-1].view(batch, block), part[1:].view(batch, block)
        loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten())
        optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        assert told.learning_rate == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-9)
        optimizer.step()
        schedule.step()
        assert told.loss == pytest.approx(loss.item(), abs=1e-5)
        assert told.gradient_norm == pytest.approx(norm.item(), rel=1e-3)
    assert len(ours) == steps
