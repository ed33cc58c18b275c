"""The model on the page of a Space is ours, and draws the same text."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from gpt2tui.corpus.bpe import Tokenizer
from gpt2tui.exchange import space
from gpt2tui.exchange.source import Source
from gpt2tui.exchange.space import export_space
from gpt2tui.generation.text import generate_text
from gpt2tui.runs.sampling import SamplingSettings
from tests.exchange.spaces import app_of, make_run


@pytest.mark.parametrize("activation", ["gelu_new", "gelu"])
def test_the_page_has_the_same_model_and_draws_the_same_text(tmp_path: Path, activation: str):
    source = Source.of(make_run(activation))
    export_space(source, tmp_path / "out", force=False)
    theirs = app_of(tmp_path / "out").Model(tmp_path / "out", "cpu")
    ids = torch.randint(0, 50257, (24,), generator=torch.Generator().manual_seed(1)).tolist()
    with torch.inference_mode():
        ours = source.model(torch.tensor([ids]))[0]
    torch.testing.assert_close(theirs.scores(ids, {}), ours, atol=1e-4, rtol=0)
    cache: dict[int, Any] = {}
    theirs.scores(ids[:20], cache)
    for place in range(20, 24):
        torch.testing.assert_close(theirs.scores([ids[place]], cache)[-1], ours[place], atol=1e-4, rtol=0)
    for prompt, temperature, top_k, top_p in [
        ("Line 7 of", 0.0, 0, 1.0),
        ("", 1.0, 50, 1.0),
        ("Line 7 of the play is " * 20, 0.7, 0, 0.8),
        ("日本", 1.5, 300, 0.95),
    ]:
        settings = SamplingSettings(max_new_tokens=80, temperature=temperature, top_k=top_k, top_p=top_p, seed=11)
        wanted = "".join(piece.text for piece in generate_text(source.model, Tokenizer(), prompt, settings, context=32))
        written = theirs.continued(prompt, length=80, temperature=temperature, top_k=top_k, top_p=top_p, seed=11)
        assert "".join(written) == wanted


def test_the_page_has_the_same_vocabulary(folder: Path):
    theirs = app_of(folder).Model(folder, "cpu").vocabulary
    for text in [
        "",
        "  \n\n x",
        "It's they'll WE'VE",
        "👩‍👩‍👧 e\u0301 \u202e",
        "a<|endoftext|>b",
        "日本語 ½ Ⅷ\r\n",
        "\x00\x7f",
    ]:
        assert theirs.encode_ordinary(text) == Tokenizer().encode(text)


def test_half_a_character_is_never_shown(folder: Path, monkeypatch: pytest.MonkeyPatch):
    app = app_of(folder)
    model = app.Model(folder, "cpu")
    tokens = iter([*Tokenizer().encode("né 👩‍👩‍👧 日本"), Tokenizer().encode("👩")[0], 50256])
    monkeypatch.setattr(app, "draw", lambda *_, **__: next(tokens))
    pieces = list(model.continued("a", length=99, temperature=1, top_k=0, top_p=1, seed=0))
    assert "".join(pieces) == "né 👩‍👩‍👧 日本\ufffd"
    assert not any("\ufffd" in piece for piece in pieces[:-1])


def test_the_weights_are_those_of_transformers(folder: Path):
    theirs = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True).eval()
    ids = torch.arange(20)
    with torch.inference_mode():
        wanted = theirs(ids[None]).logits[0]
    torch.testing.assert_close(app_of(folder).Model(folder, "cpu").scores(ids.tolist(), {}), wanted, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("value", "is_whole", "is_right"),
    [
        (1, True, True),
        (9.0, True, True),
        (0.5, False, True),
        (1.5, True, False),
        (10, True, False),
        (-1, True, False),
        (float("nan"), False, False),
        (float("inf"), False, False),
        ("5", True, False),
        (None, True, False),
        ([5], True, False),
        (10**400, True, False),
    ],
)
def test_numbers_that_make_no_sense_are_refused_in_one_line(value: Any, is_whole: bool, is_right: bool):
    checked = app_of(Path(space.__file__).parent / "space_files").checked
    if is_right:
        assert checked("Length", value, 0, 9, is_whole=is_whole) == value
    else:
        with pytest.raises(ValueError, match=r"^Length must be a (whole )?number from 0 to 9\.$"):
            checked("Length", value, 0, 9, is_whole=is_whole)


def test_the_app_loads_nothing_of_ours(folder: Path):
    program = "import sys, app; app.Model(app.FOLDER, 'cpu'); print([m for m in sys.modules if 'gpt2tui' in m])"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\n"
