"""Number formats, micro-batches and compilation: what they may change, and what not."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from gpt2tui.checkpoints.folder import CheckpointFolder
from gpt2tui.errors import UsageError
from gpt2tui.model.device import choose_device, choose_dtype
from gpt2tui.runs.commands import Set
from gpt2tui.runs.config import Every, Limits
from gpt2tui.runs.events import PhaseChanged, RunFinished, RunStarted, Step
from gpt2tui.training.session import train
from tests.training.small import (
    VOCABULARY,
    corpus_losses,
    finished,
    losses,
    notices,
    of_type,
    only,
    small_config,
    small_recipe,
    small_run,
    training,
)

RECIPES = {"reference": small_recipe(dropout=0.0), "fast": small_recipe("fast")}
TWELVE = Limits(target_loss=None, max_steps=12)


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("micro_batch", [1, 3])
def test_micro_batches_give_the_losses_of_one_batch(tmp_path: Path, name: str, micro_batch: int) -> None:
    whole = losses(train(small_run(tmp_path / "whole", small_config(recipe=RECIPES[name], limits=TWELVE))))
    config = small_config(recipe=RECIPES[name], limits=TWELVE, micro_batch=micro_batch)
    parts = losses(train(small_run(tmp_path / "parts", config)))
    # Muon orthogonalises in bfloat16, where a last bit of difference grows.
    assert parts == pytest.approx(whole, abs=1e-5 if name == "reference" else 1e-3)
    assert [parts[step] for step in (1, 2, 3)] == pytest.approx([whole[step] for step in (1, 2, 3)], abs=1e-5)
    assert len(parts) == 12


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_the_half_formats_learn_as_float32_does(tmp_path: Path, name: str, dtype: str) -> None:
    limits = Limits(target_loss=None, max_steps=40)
    recipe = RECIPES[name].with_learning_rate(3e-3)
    ids = np.random.default_rng(0).integers(0, 100, 401).tolist()  # few, so that ``fast`` joins the others
    full = losses(train(small_run(tmp_path / "full", small_config(recipe=recipe, limits=limits), ids)))
    config = small_config(recipe=recipe, limits=limits, dtype=dtype, evaluate_every=Every(steps=40))
    events = list(train(small_run(tmp_path / "half", config, ids)))
    half = losses(events)
    assert half == pytest.approx(full, abs=0.05)
    assert half != full
    assert only(events, RunStarted).dtype == corpus_losses(events)[0].dtype == dtype
    assert half[40] < half[1] - 0.01


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_a_half_format_resumes_exactly_and_with_its_loss_scale(tmp_path: Path, name: str, dtype: str) -> None:
    def config(steps: int):  # type: ignore[no-untyped-def]
        return small_config(recipe=RECIPES[name], limits=Limits(target_loss=None, max_steps=steps), dtype=dtype)

    whole = losses(train(small_run(tmp_path / "whole", config(12))))
    run = small_run(tmp_path / "parts", config(6))
    list(train(run))
    folder = CheckpointFolder(run.checkpoints)
    scaler = folder.find("last").state().scaler
    assert bool(scaler) == (dtype == "float16")
    events = list(train(run, resume=True, changes=[Set(name="max_steps", value=12)]))
    assert {step: loss for step, loss in whole.items() if step > 6} == losses(events)
    if scaler:
        assert scaler["scale"] == 65536.0
        assert (scaler["_growth_tracker"], folder.find("last").state().scaler["_growth_tracker"]) == (6, 12)


def test_a_loss_scale_that_is_too_large_is_lowered_and_ends_nothing(tmp_path: Path) -> None:
    from gpt2tui.corpus.tokens import open_tokens
    from gpt2tui.training.trainer import Trainer

    config = small_config(recipe=RECIPES["fast"], limits=Limits(target_loss=None, max_steps=30), dtype="float16")
    run = small_run(tmp_path, config)
    trainer = Trainer(config, open_tokens(run.tokens_file), CheckpointFolder(run.checkpoints))
    events = []
    for event in trainer.run():
        events.append(event)
        if isinstance(event, Step) and event.step == 3:
            trainer.course.learner.updater.scaler.update(2.0**30)
    scale = CheckpointFolder(run.checkpoints).find("last").state().scaler["scale"]
    assert scale < 2**30
    steps = of_type(events, Step)
    assert len(steps) == 30
    assert steps[3].gradient_norm == 0.0  # skipped, and told so
    assert steps[-1].gradient_norm > 0
    assert only(events, RunFinished).reason == "limit"


def test_dtype_and_device_are_chosen_with_a_reason() -> None:
    dtype, reason = choose_dtype("auto", "cpu")
    has_units = torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
    assert dtype == ("bfloat16" if has_units else "float32")
    assert "bfloat16" in reason
    assert choose_dtype("float16", "cpu") == ("float16", "as asked")
    with pytest.raises(UsageError, match="auto, float32, bfloat16, float16"):
        choose_dtype("int8", "cpu")
    with pytest.raises(UsageError, match="auto, cuda, mps, cpu"):
        choose_device("tpu")
    if not torch.cuda.is_available():
        assert choose_device() in ("mps", "cpu")
        with pytest.raises(UsageError, match="--device auto"):
            choose_device("cuda")


def test_where_nothing_can_compile_the_run_goes_on_without(tmp_path: Path) -> None:
    config = small_config(limits=TWELVE, compile=True, checkpoint_every=Every(steps=4))
    run = small_run(tmp_path, config)
    with training(run, CXX="/nonexistent", TORCHINDUCTOR_CACHE_DIR=str(tmp_path / "cache")) as process:
        code, _, err = finished(process)
    assert code == 0, err
    events = list(run.events())
    assert len([line for line in notices(events).splitlines() if "torch.compile does not work here" in line]) == 1
    assert [event.phase for event in of_type(events, PhaseChanged)][:3] == ["starting", "compiling", "training"]
    plain = losses(train(small_run(tmp_path / "plain", small_config(limits=TWELVE))))
    assert losses(events) == plain


@pytest.mark.slow
def test_a_compiled_run_has_the_losses_of_one_that_is_not(tmp_path: Path) -> None:
    if not shutil.which("g++"):
        pytest.skip("there is no C++ compiler")
    recipe = RECIPES["reference"]  # without dropout, which compiled code draws by a generator of its own
    run = small_run(tmp_path, small_config(recipe=recipe, limits=TWELVE, compile=True))
    with training(run, TORCHINDUCTOR_CACHE_DIR=str(tmp_path / "cache")) as process:
        code, _, err = finished(process)
    assert code == 0, err
    assert "does not work" not in notices(run.events())
    plain = losses(train(small_run(tmp_path / "plain", small_config(recipe=recipe, limits=TWELVE))))
    assert losses(run.events()) == pytest.approx(plain, abs=1e-4)


def test_a_fresh_model_knows_nothing(tmp_path: Path) -> None:
    first = next(event for event in train(small_run(tmp_path)) if isinstance(event, Step))
    assert first.loss == pytest.approx(math.log(VOCABULARY), abs=0.05)
