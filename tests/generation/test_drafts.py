"""Drafts from the corpus: what is found, what they save, and that the text is the same as without them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from gpt2tui.generation.drafts import Drafter, Drafts
from gpt2tui.generation.stream import Draw, Odds, stream
from gpt2tui.model.transformer import GPT2
from gpt2tui.runs.sampling import SamplingSettings
from tests.model.referee import randomised
from tests.tiny import tiny_model_config, tiny_run, tiny_run_config

CONTEXT = 48
LENGTH = 150
PROMPT = [11, 12, 13]

SETTINGS = {
    "greedy": SamplingSettings(temperature=0),
    "plain": SamplingSettings(top_k=0),
    "top_k": SamplingSettings(top_k=20, temperature=0.7),
    "top_p": SamplingSettings(top_k=0, top_p=0.8),
    "min_p": SamplingSettings(top_k=100, min_p=0.2),
    "penalty": SamplingSettings(repetition_penalty=1.3, temperature=0.8),
    "greedy_penalty": SamplingSettings(repetition_penalty=1.2, temperature=0),
}


def drafts_of(tokens: Sequence[int] | NDArray[Any], path: Path) -> Drafts:
    drafts = Drafts(np.asarray(tokens, dtype=np.uint16), path)
    drafts.wait()
    return drafts


class Counted:
    """The model of a seed; ``passes`` counts how often it was asked, ``rows`` for how many tokens."""

    def __init__(self, seed: int, **changes: int) -> None:
        self.model = randomised(GPT2.initialised(tiny_model_config(**changes), seed=seed), seed).eval()
        self.passes = self.rows = 0
        self.model.h[0].register_forward_pre_hook(self._count)

    def _count(self, block: object, inputs: tuple[torch.Tensor, ...]) -> None:
        self.passes += 1
        self.rows += inputs[0].shape[1]

    def write(self, settings: SamplingSettings, drafts: Drafts | None, **options: object) -> list[Draw]:
        self.passes = self.rows = 0
        return list(stream(self.model, PROMPT, settings, context=CONTEXT, drafts=drafts, **options))  # type: ignore[arg-type]


def settings_of(name: str, seed: int) -> SamplingSettings:
    return SamplingSettings(
        **{field: getattr(SETTINGS[name], field) for field in SamplingSettings.__struct_fields__}
        | {"seed": seed, "max_new_tokens": LENGTH}
    )


@pytest.mark.parametrize("use_cache", [True, False], ids=["cache", "no cache"])
@pytest.mark.parametrize("spoiled", [0, 10, 3], ids=["recited", "every tenth another", "every third another"])
@pytest.mark.parametrize("name", SETTINGS)
def test_the_text_is_the_same_with_drafts_for_every_setting(
    name: str, spoiled: int, use_cache: bool, tmp_path: Path
) -> None:
    for seed in range(3):
        settings, model = settings_of(name, seed), Counted(seed, vocabulary_size=500)
        without = model.write(settings, None, use_cache=use_cache)
        passes = model.passes
        corpus = np.array(PROMPT + [draw.token for draw in without])
        if spoiled:
            corpus[len(PROMPT) :: spoiled] ^= 1
        seen: list[tuple[int, Odds]] = []
        drafts = drafts_of(corpus, tmp_path / str(seed))
        having = model.write(settings, drafts, use_cache=use_cache, look=lambda *shown, seen=seen: seen.append(shown))
        assert [draw.token for draw in having] == [draw.token for draw in without]
        assert [draw.log_probability for draw in having] == pytest.approx(
            [draw.log_probability for draw in without], abs=1e-4
        )
        drawn_from = [odds.plain[draw.token].item() for (_, odds), draw in zip(seen, having, strict=True)]
        assert drawn_from == [draw.log_probability for draw in having]
        if not spoiled:
            assert model.passes < passes / 3


def test_a_stop_inside_a_draft_ends_the_text_and_draws_no_more(tmp_path: Path) -> None:
    model, settings = Counted(0), settings_of("plain", 5)
    whole = [draw.token for draw in model.write(settings, None)]
    drafts = drafts_of(PROMPT + whole, tmp_path / "index")
    for length in range(1, 40):
        taken: list[int] = []
        draws = stream(
            model.model,
            PROMPT,
            settings,
            context=CONTEXT,
            drafts=drafts,
            has_ended=lambda sample, taken=taken, length=length: len(taken) == length,  # type: ignore[misc]
        )
        for draw in draws:  # not extend: what was taken is asked for between two
            taken += [draw.token]
        assert taken == whole[:length]


def test_several_samples_are_what_they_were(tmp_path: Path) -> None:
    model, settings = Counted(0), settings_of("plain", 5)
    without = model.write(settings, None, samples=2)
    passes = model.passes
    drafts = drafts_of(PROMPT + [draw.token for draw in without if not draw.sample], tmp_path / "index")
    assert model.write(settings, drafts, samples=2) == without
    assert model.passes == passes


def test_the_first_token_waits_for_no_draft(tmp_path: Path) -> None:
    model, settings = Counted(0), settings_of("greedy", 0)
    whole = [draw.token for draw in model.write(settings, None)]
    drafts = drafts_of(PROMPT + whole, tmp_path / "index")
    model.rows = 0
    next(stream(model.model, PROMPT, settings, context=CONTEXT, drafts=drafts))
    assert model.rows == len(PROMPT)


def test_what_is_found_follows_the_place_that_agrees_most(tmp_path: Path) -> None:
    chance = np.random.default_rng(1)
    for trial in range(30):
        tokens = chance.integers(0, 3, int(chance.integers(1, 400)))
        drafts = drafts_of(tokens, tmp_path / str(trial))
        for _ in range(20):
            text = chance.integers(0, 3, int(chance.integers(1, 30))).tolist()
            agreements = [agreement(tokens.tolist()[: end + 1], text) for end in range(len(tokens))]
            best = max(agreements)
            length = 32 if best >= 12 else 4 if best >= 3 else 0
            follow = [tokens[end + 1 : end + 1 + length].tolist() for end in range(len(tokens))]
            assert drafts.after(text) in [
                follow[end] for end, agreed in enumerate(agreements) if agreed == best or length == 0
            ]


def agreement(one: list[int], other: list[int]) -> int:
    """How many tokens two texts have in common from the end backwards, 16 at most."""
    longest = min(len(one), len(other), 16)
    return next((size for size in range(longest) if one[-1 - size] != other[-1 - size]), longest)


def test_the_index_is_kept_and_made_anew_where_it_is_damaged_or_another_texts(tmp_path: Path) -> None:
    tokens = np.random.default_rng(2).integers(0, 50_257, 1000)
    path = tmp_path / "folder" / "index.npy"
    text = tokens[:500].tolist()
    assert drafts_of(tokens, path).after(text) == tokens[500:532].tolist()
    made = path.read_bytes()
    os.utime(path, (1, 1))
    assert drafts_of(tokens, path).after(text) == tokens[500:532].tolist()
    assert path.stat().st_mtime == 1
    for damaged in (b"", made[:-1], made[:20], b"\x80\x04N.", np.arange(3).tobytes()):
        path.write_bytes(damaged)
        assert drafts_of(tokens, path).after(text) == tokens[500:532].tolist()
        assert path.read_bytes() == made
    assert drafts_of(tokens[:900], path).after(text) == tokens[500:532].tolist()
    assert path.read_bytes() != made


def test_an_index_of_nonsense_makes_bad_drafts_only(tmp_path: Path) -> None:
    path = tmp_path / "index.npy"
    np.save(path, np.full(200, -7, np.int32))
    model, settings = Counted(0), settings_of("plain", 1)
    without = model.write(settings, None)
    tokens = (PROMPT + [draw.token for draw in without] + [0] * 200)[:200]
    assert model.write(settings, drafts_of(tokens, path)) == without


def test_where_no_cache_can_be_written_drafts_are_found_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    tokens = list(range(100, 200))
    assert drafts_of(tokens, tmp_path / "file" / "index.npy").after(tokens[:50]) == tokens[50:82]


def test_drafts_that_never_hold_are_tried_more_and_more_rarely(tmp_path: Path) -> None:
    drafter = Drafter(drafts_of([1, 2, 3, 4] * 50, tmp_path / "index"), [1, 2, 3])
    tried = []
    for step in range(300):
        if drafter.draft(10):
            tried.append(step)
        for token in (1, 2, 3):  # never the 4 that the corpus has next
            drafter.take(token)
    assert tried == [0, 1, 3, 7, 15, 31, 63, 127, 191, 255]


def test_a_run_whose_tokens_are_not_at_hand_or_damaged_has_no_drafts(tmp_path: Path) -> None:
    run = tiny_run(tmp_path / "runs", config=tiny_run_config())
    assert Drafts.of(run) is not None
    run.tokens_file.unlink()
    assert Drafts.of(run) is None
    for damaged in (b"\xff\xff" * 400, b""):
        run.tokens_file.write_bytes(damaged)
        assert Drafts.of(run) is None


def test_only_what_was_trained_on_is_looked_up(tmp_path: Path) -> None:
    config = tiny_run_config()
    run = tiny_run(tmp_path / "runs", config=config)
    tokens = np.fromfile(run.tokens_file, np.uint16).tolist()
    drafts = Drafts.of(run)
    assert drafts is not None
    drafts.wait()
    assert drafts.after(tokens[: config.corpus.train_tokens - 3]) == tokens[-3:]
