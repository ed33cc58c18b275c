"""Models from elsewhere: made by transformers and torch themselves, read by us, and the same model."""

from __future__ import annotations

import argparse
import json
import os
import pickle
import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import GPT2Config, GPT2LMHeadModel

from gpt2tui.checkpoints.folder import CheckpointFolder
from gpt2tui.errors import Gpt2TuiError
from gpt2tui.exchange.reading import read_foreign
from gpt2tui.exchange.vocabulary import tokens
from gpt2tui.generation.loading import load_model
from gpt2tui.model.transformer import GPT2
from gpt2tui.runs.paths import Paths
from gpt2tui.runs.store import RunStore
from gpt2tui.runs.view import RunView
from tests.cli.program import gpt2tui

IDS = torch.tensor([[464, 3290, 318, 257, 922, 3290, 13, 50256, 0, 50255]])
BUNDLED_STEPS = ("--headless", "--quiet", "--batch-size", "2", "--block-size", "16", "--sample-every", "never")


def theirs(seed: int = 1, **changes: Any) -> GPT2LMHeadModel:
    """A small model of transformers, every weight drawn, also biases and norms."""
    torch.manual_seed(seed)
    shape = {"n_layer": 2, "n_head": 4, "n_embd": 128, "n_positions": 64} | changes
    model = GPT2LMHeadModel(GPT2Config(**shape)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0.0, 0.2)
    return model


def as_linear(model: GPT2LMHeadModel) -> dict[str, Tensor]:
    """Their tensors as nanoGPT has them: matrices (out, in), the head and the masks of attention stored."""
    turned = ("c_attn.weight", "c_proj.weight", "c_fc.weight")
    tensors = {name: t.T.contiguous() if name.endswith(turned) else t for name, t in model.state_dict().items()}
    for layer in range(model.config.n_layer):
        tensors[f"transformer.h.{layer}.attn.bias"] = torch.ones(64, 64).tril().view(1, 1, 64, 64)
    return tensors


def logits_of(path: Path, **options: Any) -> Tensor:
    found = read_foreign(path, **options)
    model = GPT2.empty(found.model)
    model.load_state_dict(dict(found.tensors), assign=True)
    with torch.inference_mode():
        return model.eval()(IDS)


def expected(model: GPT2LMHeadModel) -> Tensor:
    with torch.inference_mode():
        return model(IDS).logits


@dataclass
class GPTConfig:
    """As the file's author had it, in the module that was run."""

    block_size: int = 64
    vocab_size: int = 50_257
    n_layer: int = 2
    n_head: int = 4
    n_embd: int = 128


@pytest.fixture
def in_main(monkeypatch: pytest.MonkeyPatch) -> type:
    """GPTConfig as a class of ``__main__``, taken away before anything is read."""
    monkeypatch.setattr(GPTConfig, "__module__", "__main__")
    monkeypatch.setattr(sys.modules["__main__"], "GPTConfig", GPTConfig, raising=False)
    return GPTConfig


# What is read


def test_a_folder_of_transformers(tmp_path: Path):
    model = theirs()
    model.save_pretrained(tmp_path / "whole")
    model.save_pretrained(tmp_path / "sharded", max_shard_size="5MB")
    assert len(list((tmp_path / "sharded").glob("*.safetensors"))) > 1
    for name in ("whole", "sharded"):
        torch.testing.assert_close(logits_of(tmp_path / name), expected(model), atol=1e-4, rtol=0)


def test_the_exact_gelu_is_kept(tmp_path: Path):
    model = theirs(activation_function="gelu")
    model.save_pretrained(tmp_path / "exact")
    found = read_foreign(tmp_path / "exact")
    assert found.model.activation == "gelu"
    assert any("GELU" in notice for notice in found.notices)
    torch.testing.assert_close(logits_of(tmp_path / "exact"), expected(model), atol=1e-4, rtol=0)
    assert (logits_of(tmp_path / "exact", activation="gelu_new") - expected(model)).abs().max() > 1e-4, "it matters"


def test_a_lone_safetensors_file_of_either_layout(tmp_path: Path):
    model = theirs()
    save_file(
        {n: t.clone() for n, t in model.state_dict().items() if n != "lm_head.weight"}, tmp_path / "a.safetensors"
    )
    save_file({f"_orig_mod.{n}": t.clone() for n, t in as_linear(model).items()}, tmp_path / "b.safetensors")
    for name in ("a", "b"):
        found = logits_of(tmp_path / f"{name}.safetensors", heads=4)
        torch.testing.assert_close(found, expected(model), atol=1e-4, rtol=0)


def test_a_safetensors_header_whose_length_begins_as_a_pickle_does(tmp_path: Path):
    path = tmp_path / "a.safetensors"
    for more in range(300):
        save_file({"a": torch.zeros(1)}, path, metadata={"more": "x" * more})
        if path.read_bytes().startswith(b"\x80"):
            break
    assert path.read_bytes().startswith(b"\x80")
    with pytest.raises(Gpt2TuiError, match=r"not a GPT-2: it has no matrix wte\.weight"):  # so it was read
        read_foreign(path)


@pytest.mark.parametrize("kept", [9, 1_000, 100_000, -1])
@pytest.mark.parametrize("is_folder", [False, True])
def test_a_safetensors_file_that_was_cut_short_is_told_as_such(tmp_path: Path, kept: int, is_folder: bool):
    theirs().save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    data = path.read_bytes()
    path.write_bytes(data[:kept])
    size, header = len(data[:kept]), 8 + int.from_bytes(data[:8], "little")
    says = f"says {len(data):,} bytes" if size >= header else f"alone has {header:,} bytes"
    told = f"{path} is cut short: its header {says}, the file has {size:,}; copy it again"
    with pytest.raises(Gpt2TuiError) as refused:
        read_foreign(tmp_path if is_folder else path)
    assert str(refused.value) == told


def test_an_empty_file_is_told_as_such(tmp_path: Path):
    (tmp_path / "a.safetensors").touch()
    with pytest.raises(Gpt2TuiError, match=r"a\.safetensors is empty; copy it again"):
        read_foreign(tmp_path / "a.safetensors")


def test_heads_are_width_by_64_unless_said(tmp_path: Path):
    model = theirs(n_head=2)
    save_file({n: t.clone() for n, t in as_linear(model).items()}, tmp_path / "a.safetensors")
    found = read_foreign(tmp_path / "a.safetensors")
    assert found.model.heads == 2
    assert any("--heads" in notice for notice in found.notices)


def test_a_file_of_nanogpts_trainer(tmp_path: Path):
    model = theirs(activation_function="gelu")
    state = {f"_orig_mod.{name}": tensor for name, tensor in as_linear(model).items()}
    content = {
        "model": state,
        "optimizer": {"state": {}, "param_groups": [{"lr": 1e-3}]},
        "model_args": {"n_layer": 2, "n_head": 4, "n_embd": 128, "block_size": 64, "bias": True, "vocab_size": 50257},
        "iter_num": 5,
        "best_val_loss": torch.tensor(1.5),
        "config": {"dataset": "shakespeare"},
    }
    torch.save(content, tmp_path / "ckpt.pt")
    found = read_foreign(tmp_path / "ckpt.pt")
    assert (found.model.heads, found.model.activation) == (4, "gelu")
    torch.testing.assert_close(logits_of(tmp_path / "ckpt.pt"), expected(model), atol=1e-4, rtol=0)


def test_padded_rows_are_cut_and_missing_biases_are_zero(tmp_path: Path):
    model = theirs()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.zero_()
    state = {
        name: tensor for name, tensor in as_linear(model).items() if not name.endswith(("c_attn.bias", "ln_1.bias"))
    }
    for name in ("transformer.wte.weight", "lm_head.weight"):
        state[name] = torch.cat([state[name], torch.randn(47, 128, generator=torch.Generator().manual_seed(0))])
    torch.save({"model": state, "model_args": {"n_head": 4}}, tmp_path / "padded.pt")
    found = read_foreign(tmp_path / "padded.pt", activation="gelu_new")
    assert any("cut 47 rows" in notice for notice in found.notices)
    assert any("4 of the biases" in notice for notice in found.notices)
    torch.testing.assert_close(
        logits_of(tmp_path / "padded.pt", activation="gelu_new"), expected(model), atol=1e-4, rtol=0
    )


@pytest.mark.parametrize("is_zip", [True, False])
def test_a_config_that_is_a_pickled_dataclass_of_main(
    tmp_path: Path, in_main: type, monkeypatch: pytest.MonkeyPatch, is_zip: bool
):
    model = theirs()
    content = {"model_state_dict": as_linear(model), "config": in_main()}
    torch.save(content, tmp_path / "original.pt", _use_new_zipfile_serialization=is_zip)
    monkeypatch.delattr(sys.modules["__main__"], "GPTConfig")
    found = read_foreign(tmp_path / "original.pt")
    assert (found.model.heads, found.model.activation) == (4, "gelu_new")
    torch.testing.assert_close(logits_of(tmp_path / "original.pt"), expected(model), atol=1e-4, rtol=0)


def test_half_precision_becomes_float32(tmp_path: Path):
    model = theirs().to(torch.bfloat16)
    model.save_pretrained(tmp_path / "half")
    assert {tensor.dtype for tensor in read_foreign(tmp_path / "half").tensors.values()} == {torch.float32}


# What is refused


class Hostile:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("write", [torch.save, lambda content, path: path.write_bytes(pickle.dumps(content))])
def test_a_hostile_pickle_runs_nothing(tmp_path: Path, write: Callable[[Any, Path], Any]):
    for number, content in enumerate(
        [
            Hostile(tmp_path / "made"),
            {"model": {"a": torch.zeros(1)}, "config": Hostile(tmp_path / "made")},
            argparse.Namespace(x=Hostile(tmp_path / "made")),
        ]
    ):
        path = tmp_path / f"{number}.pt"
        write(content, path)
        result = gpt2tui("import", str(path))
        assert result.code == 1
        assert not (tmp_path / "made").exists()
        assert len(result.err.splitlines()) == 1, result.err
        assert "not read" in result.err
        assert "Traceback" not in result.err
    assert RunStore(Paths.from_environment().runs).all() == []


def test_a_class_with_code_of_its_own_is_not_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    called: list[Any] = []

    class GPTConfig:
        def __setstate__(self, state: Any) -> None:
            called.append(state)

        def __getstate__(self) -> dict[str, int]:
            return {"n_head": 4}

    GPTConfig.__module__, GPTConfig.__qualname__ = "__main__", "GPTConfig"
    monkeypatch.setattr(sys.modules["__main__"], "GPTConfig", GPTConfig, raising=False)
    torch.save({"model_state_dict": as_linear(theirs()), "config": GPTConfig()}, tmp_path / "a.pt")
    assert read_foreign(tmp_path / "a.pt").model.heads == 4
    assert called == []


Change = Callable[[dict[str, Tensor]], Any]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.pop("transformer.h.1.mlp.c_fc.weight"), "lacks h.1.mlp.c_fc.weight"),
        (lambda t: t.update({"transformer.h.0.rope": torch.zeros(3)}), "h.0.rope"),
        (lambda t: t.update({"transformer.ln_f.weight": torch.ones(7)}), "ln_f.weight is (7,)"),
        (lambda t: t["transformer.wpe.weight"].fill_(float("nan")), "wpe.weight holds values that are not finite"),
        (lambda t: t["lm_head.weight"].add_(1.0), "not tied"),
        (lambda t: t.update({"transformer.wte.weight": torch.ones(65, 128)}) or t.pop("lm_head.weight"), "65 tokens"),
        (lambda t: [t.pop(name) for name in list(t) if "wte" in name or "lm_head" in name], "not a GPT-2"),
        (lambda t: [t.pop(name) for name in list(t) if ".h." in name], "not a GPT-2"),
        (lambda t: t.update({"transformer.wpe.weight": torch.ones(64, 128).int()}), "int32"),
        (
            lambda t: t.update({"transformer.wte.weight": torch.ones(50312, 8)}) or t.pop("lm_head.weight"),
            "50,312 tokens",
        ),
        (
            lambda t: t.update({"transformer.wte.weight": torch.ones(50260, 8)}) or t.pop("lm_head.weight"),
            "50,260 tokens",
        ),
        (lambda t: t.update({"transformer.h.2000000.x": torch.ones(1)}), "does not have: h.2000000.x"),
        (lambda t: t.update({"transformer.h.0.mlp.c_fc.weight": torch.ones(2, 2, 2)}), "c_fc.weight is (2, 2, 2)"),
    ],
)
def test_tensors_that_are_no_gpt2(tmp_path: Path, change: Change, words: str):
    tensors = {name: tensor.clone() for name, tensor in as_linear(theirs()).items()}
    change(tensors)
    save_file(tensors, tmp_path / "a.safetensors")
    result = gpt2tui("import", str(tmp_path / "a.safetensors"), "--heads", "4")
    assert result.code == 1, result.err
    last = result.err.splitlines()[-1]
    assert words in last
    assert "a.safetensors: " in last
    assert "Warning" not in result.err
    assert RunStore(Paths.from_environment().runs).all() == []


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"context": -5}, "context"),
        ({"name": "\x1b[31m"}, "control characters"),
        ({"name": " "}, "empty"),
        ({"more": "DEEP"}, "recursion"),
    ],
)
def test_what_a_file_says_of_itself_is_checked(tmp_path: Path, said: dict[str, Any], words: str):
    shape = {"layers": 2, "heads": 4, "width": 128, "block_size": 64}
    text = json.dumps({"model": shape, "context": 16, "name": "a", "step": 1} | said)
    metadata = {"gpt2tui": text.replace('"DEEP"', "[" * 5000 + "]" * 5000)}
    tensors = {name: tensor.clone() for name, tensor in as_linear(theirs()).items()}
    save_file(tensors, tmp_path / "a.safetensors", metadata=metadata)
    result = gpt2tui("import", str(tmp_path / "a.safetensors"))
    assert (result.code, len(result.err.splitlines())) == (1, 1)
    assert result.err.startswith(f"gpt2tui: {tmp_path / 'a.safetensors'}")
    assert words in result.err


def test_a_run_is_called_after_its_file_visibly(tmp_path: Path):
    save_file({name: tensor.clone() for name, tensor in as_linear(theirs()).items()}, tmp_path / "a\x1b.safetensors")
    assert read_foreign(tmp_path / "a\x1b.safetensors", heads=4).name == "a^["


@pytest.mark.parametrize("name", ["best", "last"])
def test_a_run_of_a_file_called_as_trainers_call_theirs_has_a_name_that_can_be_typed(tmp_path: Path, name: str):
    path = tmp_path / f"{name}.safetensors"
    save_file({name: tensor.clone() for name, tensor in as_linear(theirs()).items()}, path)
    assert gpt2tui("import", str(path), "--heads", "4").code == 0
    assert RunStore(Paths.from_environment().runs).find(f"imported-{name}").name() == f"imported-{name}"
    refused = gpt2tui("import", str(path), "--heads", "4", "--name", name)
    assert refused.code == 2
    assert "cannot be a name" in refused.err


def test_a_model_whose_own_name_a_run_has_is_called_after_its_file(tmp_path: Path):
    tensors = {name: tensor.clone() for name, tensor in as_linear(theirs()).items()}
    save_file(tensors, tmp_path / "hamlet.safetensors")
    assert gpt2tui("import", str(tmp_path / "hamlet.safetensors"), "--heads", "4").code == 0
    assert gpt2tui("export", "safetensors", str(tmp_path / "copy.safetensors"), "--run", "hamlet").code == 0
    for name in ("copy", "imported-hamlet"):
        assert gpt2tui("import", str(tmp_path / "copy.safetensors")).code == 0
        assert RunStore(Paths.from_environment().runs).find(name).name() == name


@pytest.mark.parametrize("place", ["wpe", "wte"])
@pytest.mark.parametrize("odd", ["sparse", "meta"])
def test_tensors_without_plain_numbers_are_refused(tmp_path: Path, odd: str, place: str):
    tensors = as_linear(theirs())
    plain = tensors[f"transformer.{place}.weight"]
    tensors[f"transformer.{place}.weight"] = plain.to_sparse() if odd == "sparse" else plain.to("meta")
    torch.save(tensors, tmp_path / "a.pt")
    result = gpt2tui("import", str(tmp_path / "a.pt"), "--heads", "4")
    assert result.code == 1
    assert f"a.pt: {place}.weight is {odd}; only plain tensors are read" in result.err.splitlines()[-1]


@pytest.mark.parametrize("heads", ["4", 0, 4.0, True])
def test_heads_that_are_no_number_are_refused(tmp_path: Path, heads: Any):
    torch.save({"model": as_linear(theirs()), "model_args": {"n_head": heads}}, tmp_path / "a.pt")
    result = gpt2tui("import", str(tmp_path / "a.pt"))
    assert result.code == 1
    assert result.err.splitlines()[-1] == (
        f"gpt2tui: {tmp_path / 'a.pt'}: n_head is {heads!r}, not a whole number from 1 on"
    )


def folder(path: Path, **config: Any) -> Path:
    theirs().save_pretrained(path)
    fields = json.loads((path / "config.json").read_text()) | config
    (path / "config.json").write_text(json.dumps(fields))
    return path


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"model_type": "llama"}, "'llama'"),
        ({"activation_function": "relu"}, "'relu'"),
        ({"layer_norm_epsilon": 1e-6}, "layer_norm_epsilon"),
        ({"scale_attn_by_inverse_layer_idx": True}, "scale_attn_by_inverse_layer_idx"),
        ({"n_head": "12"}, "n_head"),
        ({"n_head": 7}, "not divisible"),
        ({"activation_function": ["gelu"]}, "activation_function"),
        ({"vocab_size": 50_260}, "vocab_size is 50260"),
        ({"vocab_size": "50257"}, "vocab_size"),
    ],
)
def test_configurations_that_are_not_ours(tmp_path: Path, config: dict[str, Any], words: str):
    result = gpt2tui("import", str(folder(tmp_path / "model", **config)))
    assert result.code == 1
    assert words in result.err


def test_folders_that_are_no_model(tmp_path: Path):
    model = folder(tmp_path / "model")
    other = folder(tmp_path / "other")
    (other / "vocab.json").write_text(json.dumps({"a": 0}))
    more = folder(tmp_path / "more")
    ids = {token: number for number, token in enumerate(tokens())}
    (more / "vocab.json").write_text(json.dumps(ids | {"[PAD]": 50257}))
    added = folder(tmp_path / "added")
    (added / "vocab.json").write_text(json.dumps(ids))
    (added / "added_tokens.json").write_text(json.dumps({"[PAD]": 50257}))
    deep = [folder(tmp_path / f"deep-{number}") for number in range(3)]
    for path, name in zip(deep, ("config.json", "vocab.json", "model.safetensors.index.json"), strict=True):
        (path / name).write_text("[" * 100_000)
    (deep[2] / "model.safetensors").unlink()
    empty = tmp_path / "empty"
    empty.mkdir()
    cut = folder(tmp_path / "cut")
    os.truncate(cut / "model.safetensors", 100_000)
    (model / "model.safetensors").unlink()
    text = tmp_path / "text.pt"
    text.write_text("Now is the winter of our discontent")
    for path, code, words in [
        (tmp_path / "nothing", 2, "there is no"),
        (empty, 1, "config.json"),
        (model, 1, "no weights"),
        (other, 1, "another vocabulary"),
        (more, 1, "tokens beyond GPT-2's 50,257"),
        (added, 1, "tokens beyond GPT-2's 50,257"),
        (deep[0], 1, "config.json cannot be read"),
        (deep[1], 1, "vocab.json cannot be read"),
        (deep[2], 1, "index.json cannot be read"),
        (cut, 1, "is cut short"),
        (text, 1, "neither"),
    ]:
        result = gpt2tui("import", str(path))
        assert (result.code, len(result.err.splitlines())) == (code, 1), result.err
        assert words in result.err


# What becomes of it


def test_an_imported_model_is_a_run(tmp_path: Path):
    model = theirs(n_head=2)
    model.save_pretrained(tmp_path / "dog")
    (tmp_path / "text.txt").write_text("The dog is a good dog. " * 40)
    made = gpt2tui("import", str(tmp_path / "dog"), "--json")
    assert made.code == 0, made.err
    store = RunStore(Paths.from_environment().runs)
    run = store.find(json.loads(made.out)["run"])
    assert RunView.of(run).state(is_alive=False, now=0.0) == "finished"
    assert run.name() == "dog"
    ours = load_model(run.config(), CheckpointFolder(run.checkpoints).find(), device="cpu", dtype=torch.float32)
    torch.testing.assert_close(ours(IDS), expected(model), atol=1e-4, rtol=0)

    listed = gpt2tui("runs", "list")
    assert "imported" in listed.out
    shown = gpt2tui("runs", "show", run.id, "--verify")
    assert shown.code == 0, shown.err
    text = gpt2tui("sample", "The dog", "--run", "dog", "-n", "5", "-t", "0", "--json")
    assert text.code == 0, text.err
    greedy = model.generate(
        torch.tensor([[464, 3290]]), max_new_tokens=5, do_sample=False, pad_token_id=50256, eos_token_id=None
    )
    from gpt2tui.corpus.bpe import Tokenizer

    assert json.loads(text.out)["samples"][0]["text"] == Tokenizer().decode_bytes(greedy[0, 2:].tolist()).decode()

    measured = gpt2tui("eval", "dog", str(tmp_path / "text.txt"), "--json")
    assert measured.code == 0, measured.err
    refused = gpt2tui("eval", "dog")
    assert refused.code == 3
    exported = gpt2tui("export", "transformers", str(tmp_path / "again"), "--run", "dog")
    assert exported.code == 0, exported.err
    torch.testing.assert_close(logits_of(tmp_path / "again"), expected(model), atol=1e-4, rtol=0)
    card = (tmp_path / "again" / "README.md").read_text()
    assert "over all of its text: not measured for these weights\n" in card
    assert str(tmp_path) not in card
    watched = gpt2tui("watch", "dog", "--once")
    assert f"\ngo on with: gpt2tui train --init {run.id} TEXT\n" in watched.out
    stopped = gpt2tui("runs", "stop", "dog")
    assert stopped.err.endswith(f" is not being trained; go on with: gpt2tui train --init {run.id} TEXT\n")
    resumed = gpt2tui("resume", "dog", "--headless")
    assert resumed.code == 2
    assert "train --init" in resumed.err
    trained = gpt2tui("train", str(tmp_path / "text.txt"), "--init", "dog", "--max-steps", "2", *BUNDLED_STEPS)
    assert trained.code == 4, trained.err
    newest = store.find()
    assert newest.config().init == str(CheckpointFolder(run.checkpoints).find().folder)
    assert newest.config().model == run.config().model


def test_training_begins_with_a_folder_of_transformers(tmp_path: Path):
    theirs(activation_function="gelu", n_head=2).save_pretrained(tmp_path / "dog")
    (tmp_path / "text.txt").write_text("The dog is a good dog. " * 40)
    trained = gpt2tui(
        "train", str(tmp_path / "text.txt"), "--init", str(tmp_path / "dog"), "--max-steps", "2", *BUNDLED_STEPS
    )
    assert trained.code == 4, trained.err
    config = RunStore(Paths.from_environment().runs).find().config()
    assert (config.init, config.model.activation) == (str(tmp_path / "dog"), "gelu")


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A model in the local cache of the hub, as its own library lays it out; the commit that it is."""
    commit = "0123456789abcdef0123456789abcdef01234567"
    place = tmp_path / "hub" / "models--someone--dog"
    theirs(n_head=2).save_pretrained(place / "snapshots" / commit)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text(commit)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return commit


def test_a_model_of_the_hub_from_its_cache(hub_cache: str, tmp_path: Path):
    made = gpt2tui("import", "hf:someone/dog", "--json")
    assert made.code == 0, made.err
    run = RunStore(Paths.from_environment().runs).find(json.loads(made.out)["run"])
    assert (run.config().init, run.name()) == (f"hf:someone/dog@{hub_cache}", "dog")
    (tmp_path / "text.txt").write_text("The dog is a good dog. " * 40)
    options = (*BUNDLED_STEPS, "--max-steps", "2")
    trained = gpt2tui("train", str(tmp_path / "text.txt"), "--init", "hf:someone/dog@main", *options)
    assert trained.code == 4, trained.err
    assert RunStore(Paths.from_environment().runs).find().config().init == f"hf:someone/dog@{hub_cache}"


@pytest.mark.parametrize(
    ("reference", "code", "words"),
    [
        ("hf:someone/cat", 1, "not in the local cache"),
        ("hf:dog", 2, "hf:OWNER/NAME"),
        ("hf:", 2, "hf:OWNER/NAME"),
        ("hf:a/b/c", 2, "hf:OWNER/NAME"),
        ("hf:some one/c a t", 1, "cannot be fetched"),
    ],
)
def test_models_of_the_hub_that_are_not_there(hub_cache: str, reference: str, code: int, words: str):
    result = gpt2tui("import", reference)
    assert (result.code, len(result.err.splitlines())) == (code, 1), result.err
    assert words in result.err


class _Hub(BaseHTTPRequestHandler):
    """A hub with one model, whose files are those of ``served``; ``is_cut`` ends weights amid them."""

    served: Path
    is_cut: bool
    commit = "0123456789abcdef0123456789abcdef01234567"

    def do_GET(self) -> None:
        files = sorted(self.served.iterdir())
        if self.path.startswith("/api/"):
            listed = [{"type": "file", "path": one.name, "size": one.stat().st_size, "oid": "a" * 40} for one in files]
            about = {"id": "someone/dog", "sha": self.commit, "siblings": [{"rfilename": one.name} for one in files]}
            self._answer(json.dumps(listed if "/tree/" in self.path else about).encode())
        else:
            self._answer((self.served / self.path.rpartition("/")[2]).read_bytes())

    do_HEAD = do_GET  # noqa: N815

    def _answer(self, data: bytes) -> None:
        self.send_response(200)
        self.send_header("ETag", f'"{len(data)}"')
        self.send_header("X-Repo-Commit", self.commit)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data[:1000] if self.is_cut and len(data) > 100_000 else data)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[_Hub]]:
    """A hub on this machine that serves what the test puts into ``served``."""
    _Hub.served, _Hub.is_cut = tmp_path / "served", False
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Hub)
    Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
    yield _Hub
    server.shutdown()
    server.server_close()


def test_a_model_of_the_hub_that_is_a_pickle_alone(hub: type[_Hub], tmp_path: Path):
    theirs(n_head=2).save_pretrained(hub.served)
    (hub.served / "model.safetensors").unlink()
    torch.save(theirs(n_head=2).state_dict(), hub.served / "pytorch_model.bin")
    made = gpt2tui("import", "hf:someone/dog", "--json")
    assert made.code == 0, made.err


def test_a_download_that_breaks_is_told_in_one_line(hub: type[_Hub], monkeypatch: pytest.MonkeyPatch):
    theirs(n_head=2).save_pretrained(hub.served)
    hub.is_cut = True
    monkeypatch.setenv("HF_HUB_DOWNLOAD_TIMEOUT", "1")
    result = gpt2tui("import", "hf:someone/dog")
    assert result.code == 1
    assert "hf:someone/dog cannot be fetched: " in result.err.splitlines()[-1]


def test_nothing_is_left_of_an_import_without_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    theirs().save_pretrained(tmp_path / "dog")
    from gpt2tui.exchange import imported

    def full(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(imported, "write_checkpoint", full)
    store = RunStore(tmp_path / "runs")
    with pytest.raises(OSError, match="No space"):
        imported.import_run(read_foreign(tmp_path / "dog"), store, origin="x", name=None)
    assert list(store.folder.iterdir()) == []
    usage = types.SimpleNamespace(free=1000)
    monkeypatch.setattr(imported.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(Exception, match="needs"):
        imported.import_run(read_foreign(tmp_path / "dog"), store, origin="x", name=None)
