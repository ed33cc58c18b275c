"""What the figures mean, against naive computations, and when a run ends."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from gpt2tui.checkpoints.folder import CheckpointFolder
from gpt2tui.checkpoints.state import Pointer
from gpt2tui.checkpoints.tensors import read_model
from gpt2tui.corpus.windows import Place, WindowOrder, batch_arrays
from gpt2tui.model.transformer import GPT2
from gpt2tui.runs.config import Every, Limits
from gpt2tui.runs.events import CheckpointSaved, Evaluated, RunFinished, Step
from gpt2tui.runs.run import Run
from gpt2tui.training import evaluation
from gpt2tui.training.evaluation import Evaluation, corpus_loss
from gpt2tui.training.session import train
from tests.training.small import corpus_losses, of_type, only, small_config, small_recipe, small_run

EVERY_STEP = Every(steps=1)


def ids_of(run: Run) -> np.ndarray:
    return np.fromfile(run.tokens_file, dtype=np.uint16)


def naive_corpus_loss(model: GPT2, ids: np.ndarray, block: int) -> tuple[float, int]:
    """Sum over windows from offset 0 of the loss over full logits, divided by all predictions."""
    total, seen = 0.0, 0
    model.eval()
    with torch.no_grad():
        for start in range(0, len(ids) - 1, block):
            window = torch.from_numpy(ids[start : start + block + 1].astype(np.int64))
            logits = model(window[None, :-1])[0].double()
            total += float(F.cross_entropy(logits, window[1:], reduction="sum"))
            seen += len(window) - 1
    return total / seen, seen


def loaded(run: Run, step: int) -> GPT2:
    model = GPT2.empty(run.config().model).allocate("cpu")
    model.load_state_dict(read_model(CheckpointFolder(run.checkpoints).find(str(step))))
    return model


def test_the_loss_is_the_mean_over_the_batch_before_its_update(tmp_path: Path) -> None:
    config = small_config(recipe=small_recipe("fast"), checkpoint_every=EVERY_STEP, keep=20)
    config = msgspec.structs.replace(config, limits=Limits(target_loss=None, max_steps=8))
    run = small_run(tmp_path, config)
    told = {event.step: event for event in of_type(train(run), Step)}
    every = config.recipe.aligned_every
    order = WindowOrder(401, 16, 4, order="shuffled", seed=config.seed, aligned_every=every)
    place, tokens = Place(), 0
    for step in range(1, 9):
        windows, place = order.next_batch(place)
        inputs, targets = (torch.from_numpy(part) for part in batch_arrays(ids_of(run), windows, 16))
        tokens += int((targets >= 0).sum())
        assert (told[step].tokens, told[step].passes) == (tokens, tokens / 400)
        if step > 1:
            model = loaded(run, step - 1).eval()
            with torch.no_grad():
                naive = F.cross_entropy(model(inputs).flatten(0, 1).double(), targets.flatten(), ignore_index=-1)
            assert told[step].loss == pytest.approx(float(naive), abs=1e-5)


@pytest.mark.parametrize(("tokens", "window"), [(401, 7), (20_001, 200)])
def test_the_running_loss_is_the_mean_of_the_last_pass_and_at_most_200_steps(
    tmp_path: Path, tokens: int, window: int
) -> None:
    config = small_config(tokens=tokens, limits=Limits(target_loss=None, max_steps=window + 5))
    steps = of_type(train(small_run(tmp_path, config)), Step)
    assert len(steps) == window + 5
    for event in steps:
        last = [other.loss for other in steps[: event.step]][-window:]
        assert event.running_loss == pytest.approx(math.fsum(last) / len(last), abs=1e-12)


@pytest.mark.parametrize("tokens", [401, 410, 18])
def test_the_corpus_loss_predicts_each_token_but_the_first_once(tmp_path: Path, tokens: int) -> None:
    config = small_config(tokens=tokens, limits=Limits(target_loss=1e-9, max_steps=3), evaluate_every=Every(steps=3))
    run = small_run(tmp_path, config)
    event = only(train(run), Evaluated)
    naive, seen = naive_corpus_loss(loaded(run, 3), ids_of(run), 16)
    assert event.tokens == seen == tokens - 1
    assert event.loss == pytest.approx(naive, abs=1e-6)
    assert not event.partial
    assert not event.estimate


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_an_evaluation_that_ends_early_says_so_and_is_right_to_end(batch_size: int) -> None:
    model = GPT2.initialised(small_config().model, seed=0)
    ids = np.random.default_rng(1).integers(0, 300, 200).astype(np.uint16)
    whole = corpus_loss(model, ids, block_size=16, batch_size=batch_size, dtype=torch.float32)
    assert whole.loss == pytest.approx(naive_corpus_loss(model, ids, 16)[0], abs=1e-6)

    def measured(target: float) -> evaluation.CorpusLoss:
        looking = Evaluation(model, ids, block_size=16, batch_size=batch_size, dtype=torch.float32, target=target)
        while (result := looking.advance()) is None:
            pass
        return result

    early = measured(whole.loss / 3)
    assert early.is_partial == (batch_size < 100)
    assert early.loss * early.tokens >= whole.loss / 3 * 199 * (1 - 1e-9)
    assert early.tokens < 199 or batch_size == 100
    assert measured(whole.loss * 1.0001) == whole


def test_a_large_corpus_is_estimated_and_marked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "ESTIMATE_ABOVE", 100)
    run = small_run(tmp_path, small_config(limits=Limits(target_loss=1e-9, max_steps=2), evaluate_every=Every(steps=2)))
    event = only(train(run), Evaluated)
    assert event.estimate
    assert 64 <= event.tokens <= 100


def skewed() -> list[int]:
    """A text that begins with what is learnt in a few steps and goes on with what is not."""
    return [7] * 80 + np.random.default_rng(3).integers(0, 300, 321).tolist()


def test_a_batch_below_the_target_does_not_end_the_run(tmp_path: Path) -> None:
    recipe = small_recipe("fast", order="sequential", learning_rate=3e-3, batch_size=4)
    limits = Limits(target_loss=3.0, max_steps=150)
    run = small_run(tmp_path, small_config(recipe=recipe, limits=limits), skewed())
    events = list(train(run))
    steps = of_type(events, Step)
    lucky = [event.step for event in steps if event.loss < 3.0]
    assert lucky
    assert events[-1].step > lucky[0]  # type: ignore[union-attr]
    below = [event for event in corpus_losses(events) if event.loss < 3.0 and not event.partial]
    last = only(events, RunFinished)
    if last.reason == "target_reached":
        assert [event.step for event in below] == [last.step]
        assert naive_corpus_loss(loaded(run, last.step), ids_of(run), 16)[0] < 3.0
    else:
        assert not below
        assert naive_corpus_loss(loaded(run, last.step), ids_of(run), 16)[0] >= 3.0


def test_a_run_ends_at_the_first_corpus_loss_below_the_target(tmp_path: Path) -> None:
    config = small_config(recipe=small_recipe("fast"), limits=Limits(target_loss=5.0, max_steps=400))
    run = small_run(tmp_path, config)
    events = list(train(run))
    last = only(events, RunFinished)
    assert last.reason == "target_reached"
    assert last.loss is not None
    assert last.loss < 5.0
    *before, final = corpus_losses(events)
    assert all(event.partial or event.loss >= 5.0 for event in before)
    assert (final.loss, final.step) == (last.loss, last.step)
    assert naive_corpus_loss(loaded(run, last.step), ids_of(run), 16)[0] == pytest.approx(final.loss, abs=1e-6)
    best, newest = (CheckpointFolder(run.checkpoints).pointer(name) for name in ("best", "last"))
    assert best
    assert newest
    assert best.step == newest.step == last.step
    assert best.corpus_loss == final.loss


@pytest.mark.parametrize(("longest", "reason"), [(10.0, "end"), (0.0, "before evaluation")])
def test_only_before_a_look_that_takes_long_what_was_learnt_is_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, longest: float, reason: str
) -> None:
    monkeypatch.setattr("gpt2tui.training.trainer._LONG_LOOK", longest)
    events = list(train(small_run(tmp_path, small_config(limits=Limits(target_loss=0.01, max_steps=3)))))
    assert (only(events, Evaluated).partial, only(events, Evaluated).above) == (True, 0.01)
    assert only(events, CheckpointSaved).reason == reason


@pytest.mark.parametrize("target", [0.01, None])
@pytest.mark.parametrize(("best", "is_measured"), [(20.0, True), (6.0, False)])
def test_far_below_the_best_corpus_loss_all_of_the_text_is_measured_though_the_target_is_far_or_none(
    tmp_path: Path, target: float | None, best: float, is_measured: bool
) -> None:
    """A fresh model is at 5.7, which is below half of 20, and not of 6."""
    run = small_run(tmp_path, small_config(limits=Limits(target_loss=target, max_steps=30)))
    folder = CheckpointFolder(run.checkpoints)
    folder.point("best", Pointer(checkpoint="step-00000001", step=1, corpus_loss=best))
    events = list(train(run))
    whole = [event for event in corpus_losses(events) if not event.partial]
    assert [event.step < 30 for event in whole] == [True] * is_measured
    assert {event.above for event in corpus_losses(events)[:1]} <= {None, best / 2}
    if is_measured:
        assert folder.pointer("best") == Pointer(
            checkpoint=f"step-{whole[0].step:08d}", step=whole[0].step, corpus_loss=whole[0].loss
        )


def test_at_a_limit_the_corpus_loss_is_looked_at_before_the_end(tmp_path: Path) -> None:
    config = small_config(limits=Limits(target_loss=5.8, max_steps=2))  # a fresh model is at ln 300 = 5.7
    events = list(train(small_run(tmp_path, config)))
    assert [event.step for event in corpus_losses(events)][-1:] in ([1], [2])
    assert only(events, RunFinished).reason == "target_reached"
    far = small_config(limits=Limits(target_loss=0.01, max_steps=2))
    events = list(train(small_run(tmp_path / "far", far)))
    assert only(events, Evaluated).partial
    assert only(events, RunFinished).reason == "limit"


@pytest.mark.parametrize(
    ("field", "loss", "found"), [("partial_loss", 1.0, 3), ("corpus_loss", 1.0, 1), ("corpus_loss", 9.0, 3)]
)
def test_what_is_best_by_a_part_of_the_text_or_was_passed_since_gives_way_to_a_newer_checkpoint(
    tmp_path: Path, field: str, loss: float, found: int
) -> None:
    """Random tokens stay at ln 300 = 5.7."""
    config = small_config(limits=Limits(target_loss=None, max_steps=3), checkpoint_every=Every(steps=1))
    run = small_run(tmp_path, config)
    folder = CheckpointFolder(run.checkpoints)
    for event in train(run):
        if isinstance(event, CheckpointSaved) and event.step == 1:
            folder.point("best", Pointer(checkpoint=folder.path(1).name, step=1, **{field: loss}))  # type: ignore[arg-type]
    assert folder.find().state().step == found


def test_a_limit_of_time_or_tokens_ends_the_run(tmp_path: Path) -> None:
    by_tokens = small_config(limits=Limits(target_loss=None, max_tokens=200))
    last = only(train(small_run(tmp_path, by_tokens)), RunFinished)
    assert (last.reason, last.step) == ("limit", 4)  # 64 tokens a step
    by_time = small_config(limits=Limits(target_loss=None, max_seconds=0.2))
    last = only(train(small_run(tmp_path / "time", by_time)), RunFinished)
    assert last.reason == "limit"
    assert 0.2 <= last.seconds < 5


def test_the_validation_loss_never_decides(tmp_path: Path) -> None:
    ids = [*np.random.default_rng(0).integers(0, 300, 401).tolist(), *[7] * 40]
    ids[300:401] = [7] * 101  # learnt first, and all that the validation part holds
    config = small_config(
        validation=40,
        recipe=small_recipe("fast"),
        limits=Limits(target_loss=3.0, max_steps=60),
        evaluate_every=Every(steps=5),
    )
    events = list(train(small_run(tmp_path, config, ids)))
    validated = [event for event in of_type(events, Evaluated) if event.split == "validation"]
    assert all(event.tokens == 39 for event in validated)
    early = [event.step for event in validated if event.loss < 3.0]
    assert early
    assert only(events, RunFinished).step > early[0]


def test_best_is_the_lowest_whole_corpus_loss_and_exists_after_the_first(tmp_path: Path) -> None:
    config = small_config(
        recipe=small_recipe("fast", learning_rate=0.5, hidden_learning_rate=0.5),  # so high that it gets worse
        limits=Limits(target_loss=None, max_steps=12),
        evaluate_every=EVERY_STEP,
    )
    run = small_run(tmp_path, config)
    folder = CheckpointFolder(run.checkpoints)
    lowest: Evaluated | None = None
    for event in train(run):
        if isinstance(event, CheckpointSaved) and lowest:
            pointer = folder.pointer("best")
            assert pointer
            assert (pointer.step, pointer.corpus_loss) == (lowest.step, lowest.loss)
            assert folder.path(pointer.step).is_dir()
        if isinstance(event, Evaluated) and (lowest is None or event.loss < lowest.loss):
            lowest = event
    assert lowest
    assert lowest.step < 12  # else this test says nothing
    assert folder.find("best").damage(hashes=True) is None
    assert naive_corpus_loss(loaded(run, lowest.step), ids_of(run), 16)[0] == pytest.approx(lowest.loss, abs=1e-6)
