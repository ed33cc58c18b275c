"""What is written for other programs, opened by them: transformers, its tokenizer and pipeline, safetensors."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors import safe_open
from transformers import AutoModelForCausalLM, AutoTokenizer, pipeline

from gpt2tui.corpus.bpe import Tokenizer
from gpt2tui.corpus.tokens import open_tokens
from gpt2tui.errors import Gpt2TuiError
from gpt2tui.exchange import transformers_folder
from gpt2tui.exchange.destination import writing
from gpt2tui.exchange.reading import read_foreign
from gpt2tui.exchange.safetensors_file import export_file
from gpt2tui.exchange.source import Source
from gpt2tui.exchange.transformers_folder import export_folder
from gpt2tui.exchange.verbatim import copied_share
from gpt2tui.model.transformer import GPT2
from gpt2tui.runs.events import Evaluated, RunStarted, Step
from gpt2tui.runs.journal import JournalWriter
from gpt2tui.runs.run import Label, Run
from gpt2tui.runs.store import RunStore
from tests.cli.program import gpt2tui
from tests.tiny import tiny_model_config, tiny_run, tiny_run_config

HARD = [
    "",
    " ",
    "  \n\n \t x",
    "It's they'll WE'VE 'd",
    "\x00\x01\x1b[31m\x7f\x85",
    "👩‍👩‍👧‍👦 🏳️‍🌈 e\u0301 \u202eabc \ufeff",
    "日本語 العربية हिन्दी",
    "1234567890 ½ ² Ⅷ",
    "\r\n\r\n a\u00a0b\u3000c",
]


BOTH_GELUS = pytest.mark.parametrize("run", ["gelu_new", "gelu"], indirect=True)


@pytest.fixture
def run(request: pytest.FixtureRequest, runs: Path) -> Run:
    """A tiny model with every weight drawn large enough to matter, and a journal."""
    activation = getattr(request, "param", "gelu_new")
    config = tiny_run_config(model=tiny_model_config(activation=activation), name="dog")
    model = GPT2.initialised(config.model, seed=3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0.0, 0.3, generator=torch.Generator().manual_seed(parameter.numel()))
    made = tiny_run(runs, config=config, weights=model.state_dict(), step=4)
    journal = JournalWriter(made.events_file)
    journal.append(
        [
            RunStarted(
                from_step=0,
                config="",
                device="cpu",
                dtype="float32",
                threads=1,
                micro_batch=16,
                parameters=1,
                corpus_tokens=400,
                pid=1,
            ),
            *(
                Step(
                    step=number,
                    tokens=512 * number,
                    passes=number,
                    loss=9.0 / number,
                    running_loss=9.5 / number,
                    learning_rate=1e-3,
                    gradient_norm=1.0,
                    tokens_per_second=100.0,
                    elapsed=float(number),
                )
                for number in range(1, 5)
            ),
            *(
                Evaluated(step=4, split=split, loss=loss, tokens=399, seconds=1.0, dtype="float32", device="cpu")
                for split, loss in (("train", 0.0954), ("validation", 3.2))
            ),
        ]
    )
    journal.close()
    return made


@pytest.fixture
def runs() -> Path:
    from gpt2tui.runs.paths import Paths

    return Paths.from_environment().runs


@pytest.fixture
def folder(run: Run, tmp_path: Path) -> Path:
    export_folder(Source.of(run), tmp_path / "out", force=False)
    return tmp_path / "out"


@BOTH_GELUS
def test_transformers_gives_the_same_logits_losses_and_text(run: Run, folder: Path):
    theirs = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True).eval()
    ours, config = Source.of(run).model, run.config()
    ids = torch.from_numpy(open_tokens(run.tokens_file).astype(np.int64))
    with torch.inference_mode():
        torch.testing.assert_close(theirs(ids[None, :64]).logits, ours(ids[None, :64]), atol=1e-4, rtol=0)
        total = 0.0
        for start in range(0, len(ids) - 1, config.block_size):
            piece = ids[start : start + config.block_size + 1]
            logits = theirs(piece[None, :-1]).logits[0]
            total += float(F.cross_entropy(logits, piece[1:], reduction="sum"))
    measured = gpt2tui("eval", "dog", "--dtype", "float32", "--json")
    assert measured.code == 0, measured.err
    assert json.loads(measured.out)["loss"] == pytest.approx(total / (len(ids) - 1), abs=1e-4)

    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    asked = tokenizer("The dog", return_tensors="pt")
    greedy = theirs.generate(**asked, max_new_tokens=12, do_sample=False, eos_token_id=None, pad_token_id=50256)
    said = gpt2tui("sample", "The dog", "--run", "dog", "-t", "0", "-n", "12", "--json")
    assert said.code == 0, said.err
    theirs_text = Tokenizer().decode_bytes(greedy[0, asked["input_ids"].shape[1] :].tolist())
    assert json.loads(said.out)["samples"][0]["text"] == theirs_text.decode("utf-8", errors="replace")


def test_the_pipeline_runs_within_the_trained_context(folder: Path):
    generate = pipeline("text-generation", model=str(folder))
    (answer,) = generate("The dog", max_new_tokens=4, do_sample=False)
    assert answer["generated_text"].startswith("The dog")
    assert generate.model.generation_config.max_length == 32
    assert generate.tokenizer.model_max_length == 32


def test_the_tokenizer_gives_the_same_ids(folder: Path):
    theirs, ours = AutoTokenizer.from_pretrained(folder, local_files_only=True), Tokenizer()
    assert (theirs.bos_token_id, theirs.eos_token_id, len(theirs)) == (50256, 50256, 50257)
    for text in HARD:
        assert theirs(text)["input_ids"] == ours.encode(text), repr(text)
    draw = random.Random(5)
    letters = [*map(chr, range(0x250)), *"\u3042\u4e00\uac00\u0430\u05d0\u0e01\U0001f600\U0001d54f\u200d\u2028 \n\t'"]
    texts = ["".join(draw.choices(letters, k=draw.randrange(1, 24))) for _ in range(10_000)]
    for text, ids in zip(texts, theirs(texts)["input_ids"], strict=True):
        assert ids == ours.encode(text), repr(text)
        assert theirs.decode(ids) == text
    assert theirs("a<|endoftext|>b")["input_ids"] == ours.encode("a<|endoftext|>b", split_on_eot=True)


MEANING = "A loss under 0.1 on its own text means that a model has that text by heart, nearly word for word."


def test_the_card_tells_text_recipe_loss_copying_and_versions(run: Run, folder: Path):
    card = (folder / "README.md").read_text()
    corpus = run.config().corpus
    for words in ["`dog`", "`tiny`", corpus.sha256, "not given", "reference", "0.095400", "word for word", "torch"]:
        assert words in card
    assert (folder / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert "](curve.png)" in card
    assert "over all of its text: **0.095400** nats a token" in card
    assert "over text it was not trained on: **3.200000** nats a token" in card
    assert MEANING in card


def test_the_card_of_weights_that_were_not_measured_says_so_and_tells_no_path(runs: Path, tmp_path: Path):
    config = tiny_run_config(name="a", init="/home/somebody/secret/start.safetensors")
    export_folder(Source.of(tiny_run(runs, config=config)), tmp_path / "out", force=False)
    card = (tmp_path / "out" / "README.md").read_text()
    for words in ("text: not measured for these weights; the last losses", "mean of 10.8000", MEANING):
        assert words in card
    assert "begun with the weights of `start.safetensors`. It looks back 32 tokens at most" in card
    assert "secret" not in card


def test_the_card_names_a_model_of_the_hub_whole(runs: Path, tmp_path: Path):
    config = tiny_run_config(name="a", init="hf:someone/dog@0123")
    export_folder(Source.of(tiny_run(runs, config=config)), tmp_path / "out", force=False)
    assert "`hf:someone/dog@0123`" in (tmp_path / "out" / "README.md").read_text()


def test_a_hostile_name_stays_text(runs: Path, tmp_path: Path):
    run = tiny_run(runs, config=tiny_run_config(name="a"))
    run.set_label(Label(name="`x` | [y](javascript:z) <script>"))
    export_folder(Source.of(run), tmp_path / "out", force=False)
    title = next(line for line in (tmp_path / "out" / "README.md").read_text().splitlines() if line.startswith("# "))
    assert title == "# `'x' | [y](javascript:z) <script>`"


@BOTH_GELUS
def test_what_is_exported_comes_back_as_it_was(run: Run, folder: Path, tmp_path: Path):
    source = Source.of(run)
    export_file(source, tmp_path / "dog.safetensors", force=False)
    with safe_open(tmp_path / "dog.safetensors", framework="pt") as file:
        said = msgspec.json.decode(file.metadata()["gpt2tui"])
    assert said["model"]["activation"] == run.config().model.activation
    for path in (folder, folder / "model.safetensors", tmp_path / "dog.safetensors"):
        found = read_foreign(path)
        assert (found.model, found.context) == (run.config().model, run.config().block_size)
        for name, tensor in source.tensors.items():
            assert torch.equal(found.tensors[name], tensor)


@pytest.mark.parametrize("kind", ["transformers", "safetensors"])
def test_a_destination_that_exists_is_kept_without_force(run: Run, tmp_path: Path, kind: str):
    place = tmp_path / "folder" / "there"
    place.parent.mkdir()
    place.write_text("mine")
    refused = gpt2tui("export", kind, str(place), "--run", "dog")
    assert (refused.code, place.read_text()) == (2, "mine")
    assert "--force" in refused.err
    written = gpt2tui("export", kind, str(place), "--run", "dog", "--force")
    assert written.code == 0, written.err
    assert read_foreign(place).model == run.config().model
    assert [path.name for path in place.parent.iterdir()] == ["there"]
    mode = (place / "model.safetensors" if kind == "transformers" else place).stat().st_mode
    assert mode & 0o777 == 0o666 & ~_umask()


def _umask() -> int:
    found = os.umask(0)
    os.umask(found)
    return found


def test_nothing_is_half_written(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    place = tmp_path / "folder" / "out"
    place.parent.mkdir()
    export_folder(Source.of(run), place, force=False)
    (place / "README.md").write_text("earlier")

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(transformers_folder, "write_card", full)
    with pytest.raises(Gpt2TuiError, match=r"folder/out cannot be written: No space left"):
        export_folder(Source.of(run), place, force=True)
    assert [path.name for path in place.parent.iterdir()] == ["out"]
    assert (place / "README.md").read_text() == "earlier"


def test_places_that_cannot_be_written(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for place, code, words in [("no/such/out", 1, "there is no folder"), (".", 2, "cannot be replaced")]:
        refused = gpt2tui("export", "safetensors", str(tmp_path / place) if code == 1 else place, "--run", "dog")
        assert (refused.code, len(refused.err.splitlines()[1:])) == (code, 1), refused.err
        assert words in refused.err
    with pytest.raises(Gpt2TuiError, match="needs"), writing(tmp_path / "big", force=False, size=1 << 60):
        raise AssertionError("it was begun")


def test_a_damaged_checkpoint_is_not_exported(run: Run, tmp_path: Path):
    path = Source.of(run).checkpoint.folder / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    refused = gpt2tui("export", "safetensors", str(tmp_path / "out"), "--run", "dog")
    assert refused.code == 1
    assert "SHA-256" in refused.err
    assert list(tmp_path.glob("*out*")) == []


def test_weights_that_are_not_finite_are_not_exported(runs: Path, tmp_path: Path):
    config = tiny_run_config(name="nan")
    weights = GPT2.initialised(config.model, seed=1).state_dict()
    weights["ln_f.weight"][3] = float("nan")
    tiny_run(runs, config=config, weights=weights)
    refused = gpt2tui("export", "safetensors", str(tmp_path / "out"), "--run", "nan")
    assert refused.code == 1
    assert "ln_f.weight is not finite" in refused.err


def test_the_share_that_is_copied():
    corpus = np.arange(1000, dtype=np.uint16)
    assert copied_share([*range(100, 120)], corpus) == 1.0
    assert copied_share([*range(100, 115)], corpus) == 0.0, "15 in a row are no run"
    assert copied_share([*range(100, 116), *[5] * 16], corpus) == 0.5
    assert copied_share([], corpus) == 0.0
    assert copied_share([*range(20)], corpus[:10]) == 0.0


def test_the_store_is_untouched(run: Run, folder: Path, runs: Path):
    assert [one.id for one in RunStore(runs).all()] == [run.id]
