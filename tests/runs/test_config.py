from __future__ import annotations

import math
from pathlib import Path

import msgspec
import pytest

from gpt2tui.errors import UsageError
from gpt2tui.runs.config import CorpusRecord, Every, Limits, RunConfig
from gpt2tui.runs.estimate import estimate
from gpt2tui.runs.model_config import PRESETS, ModelConfig
from gpt2tui.runs.paths import Paths
from gpt2tui.runs.recipe import load_recipe
from gpt2tui.runs.sampling import SamplingSettings
from tests.runs.synthetic import TINY, configuration


def test_a_configuration_survives_run_json_to_the_last_bit() -> None:
    config = configuration(
        name="hamlet", limits=Limits(target_loss=0.1 + 0.2, max_seconds=None), evaluate_every=Every(steps=7)
    )
    again = msgspec.json.decode(msgspec.json.encode(config), type=RunConfig)
    assert again == config
    assert again.digest() == config.digest() != configuration(seed=2).digest()


def test_a_sound_configuration_has_no_problems() -> None:
    assert configuration().problems() == []


def test_all_problems_are_told_together() -> None:
    recipe = msgspec.structs.replace(
        load_recipe("reference"), learning_rate=math.nan, batch_size=0, dropout=1.0, betas=(0.9, 1.0)
    )
    corpus = CorpusRecord(name="tiny", sources=[], bytes=1, sha256="", tokens=5, train_tokens=5)
    told = configuration(
        model=ModelConfig(layers=0, heads=3, width=16),
        recipe=recipe,
        corpus=corpus,
        limits=Limits(target_loss=-1, max_seconds=math.inf),
        block_size=4096,
        micro_batch=0,
        keep=-1,
        threads=0,
        checkpoint_every=Every(steps=-5),
    ).problems()
    for part in (
        "model.layers",
        "lr must",
        "batch size",
        "dropout",
        "betas",
        "block size 4096 must lie",
        "tiny has 5",
        "target-loss",
        "max-time",
        "micro-batch",
        "keep",
        "threads",
        "checkpoint-every",
    ):
        assert sum(part in line for line in told) == 1, (part, told)


def test_all_problems_of_sampling_settings_are_told_together() -> None:
    assert SamplingSettings().problems() == []
    told = SamplingSettings(
        max_new_tokens=0, temperature=math.nan, top_k=-1, top_p=0, min_p=2, repetition_penalty=0, stop=("",)
    ).problems()
    assert len(told) == 7


def test_an_unknown_recipe_names_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"no recipe named 'fats'; there are: .*reference"):
        load_recipe("fats")


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("gpt2", 124_439_808),
        ("gpt2-medium", 354_823_168),
        ("gpt2-large", 774_030_080),
        ("gpt2-xl", 1_557_611_200),
    ],
)
def test_presets_have_their_published_counts(name: str, parameters: int) -> None:
    assert PRESETS[name].parameters == parameters


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("max_steps", "max-steps must be at least 1"),
        ("max_seconds", "max-time must be above 0"),
        ("max_tokens", "max-tokens must be at least 1"),
    ],
)
@pytest.mark.parametrize("value", [0, -5])
def test_only_a_target_may_be_zero_and_limits_are_called_as_they_are_typed(field: str, said: str, value: int) -> None:
    assert Limits(target_loss=0).problems() == []
    assert Limits(**{field: value}).problems() == [f"{said}, not {value}"]  # type: ignore[arg-type]
    assert Limits(target_loss=-1).problems() == ["target-loss must be a number that is not negative, not -1"]


def test_the_estimate_follows_its_formulas() -> None:
    config = configuration(micro_batch=5)
    found = estimate(config)
    parameters = TINY.parameters
    assert found.parameters == parameters
    assert found.checkpoint == 12 * parameters
    assert found.disk == 4 * found.checkpoint + 2 * config.corpus.tokens
    assert (found.tokens_per_pass, found.steps_per_pass) == (2_000, 10)
    more = estimate(configuration(micro_batch=6))
    head = 20 * TINY.vocabulary_size * 4
    assert more.training_memory - found.training_memory == (17 * 16 + 2 * 20) * 2 * 20 * 4 + head
    elsewhere = [estimate(configuration(micro_batch=count, device="cuda")).training_memory for count in (5, 6)]
    assert elsewhere[1] - elsewhere[0] == 17 * 16 * 2 * 20 * 4 + head
    attention = 2 * 2 * 20 * 5 * 20 * 4
    assert found.training_memory - elsewhere[0] == attention + found.checkpoint, "a copy is written from there"
    muon = msgspec.structs.replace(config.recipe, optimizer="muon", hidden_learning_rate=0.02)
    assert estimate(configuration(recipe=muon)).checkpoint == 12 * parameters - 4 * 12 * 2 * 16**2


def test_one_variable_moves_all_places_and_asking_creates_nothing(tmp_path: Path) -> None:
    paths = Paths.from_environment({"GPT2TUI_HOME": str(tmp_path / "home")})
    for place in (paths.data, paths.config, paths.cache, paths.runs, paths.tokens, paths.config_file):
        assert place.is_relative_to(tmp_path / "home")
    assert list(tmp_path.iterdir()) == []
