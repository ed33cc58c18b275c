"""The GGUF file, read back by its own library."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from gpt2tui.exchange.gguf_file import export_gguf
from gpt2tui.exchange.source import Source
from gpt2tui.exchange.vocabulary import merges, tokens
from gpt2tui.runs.paths import Paths
from gpt2tui.runs.run import Run
from tests.cli.program import gpt2tui
from tests.tiny import tiny_model_config, tiny_run, tiny_run_config

gguf = pytest.importorskip("gguf", reason="the gguf package is not installed")

WIDE = tiny_run_config(model=tiny_model_config(width=32), name="dog")
ROUNDING = {"f32": 0.0, "f16": 2**-11, "bf16": 2**-8, "q8_0": 1 / 127}
"""Largest error: of a number itself, in q8_0 of the largest in its row."""


@pytest.fixture
def run() -> Run:
    return tiny_run(Paths.from_environment().runs, config=WIDE)


@pytest.mark.parametrize("kind", ["f32", "f16", "bf16", "q8_0"])
def test_every_tensor_is_what_it_was_within_its_rounding(run: Run, tmp_path: Path, kind: str):
    source = Source.of(run)
    export_gguf(source, tmp_path / "dog.gguf", kind=kind, force=False)
    reader = gguf.GGUFReader(tmp_path / "dog.gguf")
    found = {tensor.name: tensor for tensor in reader.tensors}
    assert len(found) == len(source.tensors)
    assert "output.weight" not in found, "the head is the embedding"
    names = {"wte.weight": "token_embd.weight", "wpe.weight": "position_embd.weight", "ln_f.bias": "output_norm.bias"}
    names |= {"h.1.attn.c_attn.weight": "blk.1.attn_qkv.weight", "h.0.mlp.c_proj.weight": "blk.0.ffn_down.weight"}
    names |= {"h.1.attn.c_proj.bias": "blk.1.attn_output.bias", "h.0.ln_2.weight": "blk.0.ffn_norm.weight"}
    for ours, theirs in names.items():
        tensor, stored = source.tensors[ours].numpy(), found[theirs]
        is_plain = tensor.ndim == 1 or ours == "wpe.weight"
        assert stored.tensor_type.name == ("F32" if is_plain else kind.upper())
        assert list(stored.shape) == list(tensor.shape[::-1])
        back = gguf.dequantize(stored.data, stored.tensor_type).reshape(tensor.shape)
        scale = np.abs(tensor).max() if kind == "q8_0" else np.abs(tensor)
        assert (np.abs(back - tensor) <= scale * (0.0 if is_plain else ROUNDING[kind]) + 1e-7).all()


def test_what_it_says_of_itself(run: Run, tmp_path: Path):
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
    assert fields["tokenizer.ggml.eos_token_id"] == 50256


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
    [({"width": 20}, "q8_0", "divisible by 32"), ({"activation": "gelu"}, "f16", "tanh")],
)
def test_models_that_do_not_fit(tmp_path: Path, changes: dict[str, Any], kind: str, words: str):
    config = msgspec.structs.replace(WIDE, model=tiny_model_config(**changes))
    tiny_run(Paths.from_environment().runs, config=config)
    refused = gpt2tui("export", "gguf", str(tmp_path / "x.gguf"), "--run", "dog", "--type", kind)
    assert refused.code == 2
    assert words in refused.err


def test_without_the_package_the_way_out_is_named(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from gpt2tui.errors import UsageError

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
    with pytest.raises(OSError, match="No space"):
        export_gguf(Source.of(run), tmp_path / "folder" / "x.gguf", kind="f16", force=False)
    assert list((tmp_path / "folder").iterdir()) == []
