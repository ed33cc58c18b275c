"""The GGUF file, read back by its own library."""

from __future__ import annotations

import sys
import weakref
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch

from gpt2tui.errors import Gpt2TuiError, UsageError
from gpt2tui.exchange.gguf_file import KINDS, export_gguf
from gpt2tui.exchange.source import Source
from gpt2tui.exchange.vocabulary import merges, tokens
from gpt2tui.model.transformer import GPT2
from gpt2tui.runs.model_config import ModelConfig
from gpt2tui.runs.paths import Paths
from gpt2tui.runs.run import Run
from tests.benchmarks.gguf import compare, failures
from tests.cli.program import gpt2tui
from tests.tiny import tiny_model_config, tiny_run, tiny_run_config

gguf = pytest.importorskip("gguf", reason="the gguf package is not installed")

WIDE = tiny_run_config(model=tiny_model_config(width=32), name="dog")
ROUNDING = {"f32": 0.0, "f16": 2**-11, "bf16": 2**-8, "q8_0": 1 / 127}
"""Largest error, with 2^-25 for the smallest: of a number itself, in q8_0 of the largest in its 32. Half a step is the
half of it, but the scale of q8_0 is rounded too."""
OUTSIDE = {"wte": "token_embd", "wpe": "position_embd", "ln_f": "output_norm"}
INSIDE = {
    "ln_1": "attn_norm",
    "attn.c_attn": "attn_qkv",
    "attn.c_proj": "attn_output",
    "ln_2": "ffn_norm",
    "mlp.c_fc": "ffn_up",
    "mlp.c_proj": "ffn_down",
}


def in_llama(name: str) -> str:
    """What llama.cpp calls a tensor of ours."""
    place, _, kind = name.rpartition(".")
    if place in OUTSIDE:
        return f"{OUTSIDE[place]}.{kind}"
    _, layer, part = place.split(".", 2)
    return f"blk.{layer}.{INSIDE[part]}.{kind}"


def random_weights(config: ModelConfig) -> dict[str, torch.Tensor]:
    """Weights of which none is like another, those of vectors too."""
    chance = torch.Generator().manual_seed(5)
    shapes = {name: tensor.shape for name, tensor in GPT2.empty(config).state_dict().items()}
    return {name: 0.3 * torch.randn(shape, generator=chance) for name, shape in shapes.items()}


@pytest.fixture
def run() -> Run:
    return tiny_run(Paths.from_environment().runs, config=WIDE, weights=random_weights(WIDE.model))


@pytest.mark.parametrize("kind", ["f32", "f16", "bf16", "q8_0"])
def test_every_tensor_is_what_it_was_within_its_rounding(run: Run, tmp_path: Path, kind: str):
    source = Source.of(run)
    export_gguf(source, tmp_path / "dog.gguf", kind=kind, force=False)
    reader = gguf.GGUFReader(tmp_path / "dog.gguf")
    file_types = {"f32": "ALL_F32", "f16": "MOSTLY_F16", "bf16": "MOSTLY_BF16", "q8_0": "MOSTLY_Q8_0"}
    assert reader.fields["general.file_type"].contents() == gguf.LlamaFileType[file_types[kind]]
    found = {tensor.name: tensor for tensor in reader.tensors}
    assert len(found) == len(source.tensors)
    assert "output.weight" not in found, "the head is the embedding"
    for name, weights in source.tensors.items():
        tensor, stored = weights.numpy(), found[in_llama(name)]
        is_plain = tensor.ndim == 1 or name == "wpe.weight"
        assert stored.tensor_type.name == ("F32" if is_plain else kind.upper())
        assert list(stored.shape) == list(tensor.shape[::-1])
        back = gguf.dequantize(stored.data, stored.tensor_type).reshape(tensor.shape)
        if is_plain:
            assert np.array_equal(back, tensor), name
            continue
        scale = np.abs(tensor)
        if kind == "q8_0":
            scale = np.abs(tensor.reshape(-1, 32)).max(axis=1, keepdims=True).repeat(32, axis=1).reshape(tensor.shape)
        assert (np.abs(back - tensor) <= scale * ROUNDING[kind] + (kind == "f16") * 2**-25).all(), name


def test_what_it_says_of_itself(tmp_path: Path):
    corpus = msgspec.structs.replace(WIDE.corpus, licence="CC0-1.0")
    run = tiny_run(Paths.from_environment().runs, config=msgspec.structs.replace(WIDE, corpus=corpus))
    export_gguf(Source.of(run), tmp_path / "dog.gguf", kind="f16", force=False)
    fields = {name: field.contents() for name, field in gguf.GGUFReader(tmp_path / "dog.gguf").fields.items()}
    shape = ("block_count", 2), ("context_length", 64), ("embedding_length", 32), ("feed_forward_length", 128)
    for name, value in (*shape, ("attention.head_count", 2)):
        assert fields[f"gpt2.{name}"] == value
    assert fields["general.architecture"] == "gpt2"
    assert fields["general.name"] == "dog"
    assert fields["gpt2.attention.layer_norm_epsilon"] == pytest.approx(1e-5)
    assert (fields["tokenizer.ggml.model"], fields["tokenizer.ggml.pre"]) == ("gpt2", "gpt-2")
    assert fields["tokenizer.ggml.tokens"] == tokens()
    assert fields["tokenizer.ggml.merges"] == merges()
    types = fields["tokenizer.ggml.token_type"]
    assert (len(types), set(types[:-1]), types[-1]) == (50257, {gguf.TokenType.NORMAL}, gguf.TokenType.CONTROL)
    assert fields["tokenizer.ggml.bos_token_id"] == fields["tokenizer.ggml.eos_token_id"] == 50256
    assert fields["tokenizer.ggml.add_bos_token"] is False
    assert fields["general.license"] == "CC0-1.0"


def test_the_command(run: Run, tmp_path: Path):
    place = tmp_path / "dog.gguf"
    written = gpt2tui("export", "gguf", str(place), "--type", "q8_0", "--run", "dog")
    assert written.code == 0, written.err
    assert gguf.GGUFReader(place).fields["general.file_type"].contents() == gguf.LlamaFileType.MOSTLY_Q8_0
    before = place.read_bytes()
    for arguments, words in [(["--type", "f16"], "--force"), (["--type", "q4", "--force"], "no GGUF type")]:
        refused = gpt2tui("export", "gguf", str(place), "--run", "dog", *arguments)
        assert refused.code == 2
        assert words in refused.err
    assert place.read_bytes() == before


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"width": 20}, "q8_0", "q8_0 needs a width divisible by 32, and the model's is 20; try f16"),
        ({"activation": "gelu"}, "f16", "tanh"),
    ],
)
def test_models_that_do_not_fit(tmp_path: Path, changes: dict[str, Any], kind: str, words: str):
    config = msgspec.structs.replace(WIDE, model=tiny_model_config(**changes))
    tiny_run(Paths.from_environment().runs, config=config)
    refused = gpt2tui("export", "gguf", str(tmp_path / "x.gguf"), "--run", "dog", "--type", kind)
    assert refused.code == 2
    assert words in refused.err
    assert list(tmp_path.glob("*.gguf*")) == []


@pytest.mark.parametrize(("kind", "largest"), [("f16", 7e4), ("q8_0", 9e6)])
def test_numbers_too_large_for_a_kind_are_refused_and_no_file_is_left(tmp_path: Path, kind: str, largest: float):
    weights = random_weights(WIDE.model)
    weights["h.1.mlp.c_fc.weight"][3, 4] = -largest
    run = tiny_run(Paths.from_environment().runs, config=WIDE, weights=weights)
    place = tmp_path / "folder" / "x.gguf"
    place.parent.mkdir()
    with pytest.raises(UsageError, match=rf"blk\.1\.ffn_up\.weight holds {largest:,.0f}; try bf16"):
        export_gguf(Source.of(run), place, kind=kind, force=False)
    assert list(place.parent.iterdir()) == []
    export_gguf(Source.of(run), place, kind="bf16", force=False)


def test_no_second_copy_of_the_weights_is_made(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    real, alive = gguf.quantize, []

    def watched(data: Any, kind: Any) -> Any:
        assert all(made() is None for made in alive), "what was written before is still held"
        made = real(data, kind)
        alive.append(weakref.ref(made))
        return made

    monkeypatch.setattr(gguf, "quantize", watched)
    export_gguf(Source.of(run), tmp_path / "x.gguf", kind="f16", force=False)
    assert len(alive) == len(Source.of(run).tensors)


def test_without_the_package_the_way_out_is_named(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(UsageError, match=r"pip install 'gpt2tui\[gguf\]'"):
        export_gguf(Source.of(run), tmp_path / "x.gguf", kind="f32", force=False)


def test_nothing_is_half_written(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    real, calls = gguf.quantize, []

    def failing(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 5:
            raise OSError(28, "No space left on device")
        return real(*arguments)

    monkeypatch.setattr(gguf, "quantize", failing)
    (tmp_path / "folder").mkdir()
    with pytest.raises(Gpt2TuiError, match=r"x\.gguf cannot be written: No space"):
        export_gguf(Source.of(run), tmp_path / "folder" / "x.gguf", kind="f16", force=False)
    assert list((tmp_path / "folder").iterdir()) == []


@pytest.mark.slow
def test_llama_cpp_reads_it_and_says_the_same():
    pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")
    config = msgspec.structs.replace(WIDE, model=tiny_model_config(width=64), block_size=64)
    run = tiny_run(Paths.from_environment().runs, config=config, weights=random_weights(config.model))
    assert failures(compare(run, kinds=list(KINDS), prompts=4, tokens=10)) == []
