"""A checkpoint becomes a model without a copy, or an error of one line says why not."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from gpt2tui.checkpoints.folder import Checkpoint, CheckpointFolder
from gpt2tui.checkpoints.state import MODEL_FILE
from gpt2tui.errors import Gpt2TuiError, UsageError
from gpt2tui.generation.loading import WEIGHTS, choose_place, load_for_decoding, load_model
from gpt2tui.model.decoding import Float32Linear
from gpt2tui.model.transformer import GPT2
from tests.tiny import tiny_model_config, tiny_run, tiny_run_config

CONFIG = tiny_run_config(model=tiny_model_config(vocabulary_size=300))


def weights_of(seed: int = 1) -> dict[str, Tensor]:
    return GPT2.initialised(CONFIG.model, seed=seed).state_dict()


def checkpoint_of(folder: Path, weights: dict[str, Tensor]) -> Checkpoint:
    return CheckpointFolder(tiny_run(folder, config=CONFIG, weights=weights).checkpoints).find()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_loaded_model_is_the_one_that_was_written(tmp_path: Path, dtype: torch.dtype) -> None:
    weights = weights_of()
    model = load_model(CONFIG, checkpoint_of(tmp_path, weights), device="cpu", dtype=dtype)
    assert not model.training
    found = model.state_dict()
    assert found.keys() == weights.keys()
    assert all(torch.equal(found[name], weights[name].to(dtype)) for name in weights)


def test_weights_of_another_dtype_are_converted(tmp_path: Path) -> None:
    weights = {name: tensor.bfloat16() for name, tensor in weights_of().items()}
    model = load_model(CONFIG, checkpoint_of(tmp_path, weights), device="cpu", dtype=torch.float32)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert torch.equal(model.wte.weight, weights["wte.weight"].float())


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("load", [load_model, load_for_decoding])
def test_weights_stay_mapped_from_the_file(tmp_path: Path, load: Callable[..., GPT2]) -> None:
    checkpoint = checkpoint_of(tmp_path, weights_of())
    model = load(CONFIG, checkpoint, device="cpu", dtype=torch.float32)
    mapped = [
        tuple(int(end, 16) for end in line.split()[0].split("-"))
        for line in Path("/proc/self/maps").read_text().splitlines()
        if line.endswith(str(checkpoint.folder / MODEL_FILE))
    ]
    found = model.state_dict()
    assert found.keys() >= weights_of().keys()
    if model.head is not None:
        assert isinstance(model.head, Float32Linear)
        found["head"] = model.head.weight
    for name, tensor in found.items():
        assert any(start <= tensor.data_ptr() < end for start, end in mapped), name


@pytest.mark.parametrize("name", WEIGHTS)
def test_a_model_to_decode_answers_as_the_one_that_was_written(tmp_path: Path, name: str) -> None:
    place, chosen = choose_place("cpu", name)
    weights = weights_of()
    model = load_for_decoding(CONFIG, checkpoint_of(tmp_path, weights), device=place, dtype=WEIGHTS[chosen])
    plain = GPT2.empty(CONFIG.model)
    plain.load_state_dict(weights, assign=True)
    tokens = torch.arange(30)[None]
    assert not model.training
    with torch.no_grad():
        wanted, found = plain.eval()(tokens), model(tokens).float()
    assert (found - wanted).abs().mean() < 0.02 * wanted.std()


@pytest.mark.parametrize(
    ("device", "dtype", "words"), [("cpu", "int4", ["int4", "int8"]), ("mps", "int8", ["mps", "--device cpu"])]
)
def test_a_number_format_that_is_not_to_be_had_is_one_line(
    device: str, dtype: str, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    with pytest.raises(UsageError) as caught:
        choose_place(device, dtype)
    assert all(word in str(caught.value) for word in words)


def without(name: str) -> dict[str, Tensor]:
    weights = weights_of()
    del weights[name]
    return weights


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        (without("h.1.mlp.c_fc.bias"), ["h.1.mlp.c_fc.bias", "(64,)", "none"]),
        (weights_of() | {"h.2.ln_1.weight": torch.ones(16)}, ["h.2.ln_1.weight", "none", "(16,)"]),
        (weights_of() | {"wpe.weight": torch.ones(32, 16)}, ["wpe.weight", "(64, 16)", "(32, 16)"]),
    ],
    ids=["missing", "too many", "wrong shape"],
)
def test_tensors_of_another_model_are_one_line(tmp_path: Path, weights: dict[str, Tensor], words: list[str]) -> None:
    with pytest.raises(Gpt2TuiError) as caught:
        load_model(CONFIG, checkpoint_of(tmp_path, weights), device="cpu", dtype=torch.float32)
    message = str(caught.value)
    assert "\n" not in message
    assert all(word in message for word in ["step-00000004", *words])


def test_a_file_cut_short_is_one_line(tmp_path: Path) -> None:
    checkpoint = checkpoint_of(tmp_path, weights_of())
    path = checkpoint.folder / MODEL_FILE
    os.truncate(path, path.stat().st_size - 1)
    with pytest.raises(Gpt2TuiError, match="damaged") as caught:
        load_model(CONFIG, checkpoint, device="cpu", dtype=torch.float32)
    assert "\n" not in str(caught.value)


def test_loading_and_drawing_import_no_compiler(tmp_path: Path) -> None:
    """torch._dynamo and sympy alone take longer to import than everything up to the first token."""
    program = """
import sys
from collections.abc import Callable
from pathlib import Path
import torch
from gpt2tui.checkpoints.folder import CheckpointFolder
from gpt2tui.generation.loading import WEIGHTS, choose_place, load_for_decoding, load_model
from gpt2tui.generation.stream import stream
from gpt2tui.runs.run import Run
from gpt2tui.runs.sampling import SamplingSettings
run = Run(Path(sys.argv[1]))
checkpoint = CheckpointFolder(run.checkpoints).find()
model = load_for_decoding(run.config(), checkpoint, device="cpu", dtype=torch.float32)
assert list(stream(model, [1], SamplingSettings(max_new_tokens=2), context=32))
print(sorted({"torch", "torch._dynamo", "torch._inductor", "sympy"} & set(sys.modules)))
"""
    command = [sys.executable, "-c", program, str(tiny_run(tmp_path).folder)]
    root = Path(__file__).parents[2]
    found = subprocess.run(command, capture_output=True, text=True, check=True, cwd=root, timeout=60)
    assert found.stdout == "['torch']\n"
