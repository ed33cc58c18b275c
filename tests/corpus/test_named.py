"""Named corpora: there when asked for, right or refused."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from gpt2tui.corpus import named
from gpt2tui.corpus.bpe import Tokenizer
from gpt2tui.corpus.named import NamedCorpus, find_named
from gpt2tui.corpus.tokens import prepare
from gpt2tui.errors import CorpusError
from gpt2tui.runs.paths import Paths


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(data=tmp_path / "data", config=tmp_path / "config", cache=tmp_path / "cache")


def entry_of(name: str, paths: Paths) -> NamedCorpus:
    found = find_named(name, paths)
    assert found
    return found


def test_the_bundled_corpus_is_a_play_of_6000_to_10000_tokens(paths: Paths) -> None:
    bundled = entry_of("bundled", paths)
    assert bundled.is_present()
    text = bundled.path.read_text(encoding="utf-8")
    assert text.startswith(bundled.title.upper())
    assert 6_000 <= len(Tokenizer().encode(text)) <= 10_000


def test_a_file_placed_by_hand_is_used(paths: Paths, tiny_shakespeare: Path) -> None:
    entry = entry_of("tiny-shakespeare", paths)
    assert not entry.is_present()
    entry.path.parent.mkdir(parents=True)
    shutil.copyfile(tiny_shakespeare, entry.path)
    entry.fetch()
    corpus = prepare(["tiny-shakespeare"], paths=paths)
    assert (corpus.name, corpus.licence, corpus.sha256) == ("tiny-shakespeare", "public domain", entry.sha256)
    assert len(corpus.tokens) == entry.tokens
    assert corpus.bytes == entry.bytes


def test_a_wrong_file_is_refused_with_both_hashes(paths: Paths) -> None:
    entry = entry_of("tiny-shakespeare", paths)
    entry.path.parent.mkdir(parents=True)
    entry.path.write_text("To be")
    found = hashlib.sha256(b"To be").hexdigest()
    for use in (entry.fetch, lambda: prepare(["tiny-shakespeare"], paths=paths)):
        with pytest.raises(CorpusError, match=rf"{found}.*{entry.sha256}.*gpt2tui corpora fetch tiny-shakespeare$"):
            use()
    assert entry.path.read_text() == "To be"


def test_without_a_network_the_address_and_the_place_are_named(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    entry = entry_of("tiny-shakespeare", paths)
    with pytest.raises(CorpusError) as caught:
        entry.fetch()
    message = str(caught.value)
    assert message.startswith(f"{entry.address}: it cannot be fetched: ")
    assert message.endswith(f"Or place that file at {entry.path} by hand")
    assert "\n" not in message


def test_only_known_names_are_names(paths: Paths) -> None:
    assert find_named("hamlet", paths) is None
    assert named.known_names(paths) == "bundled, tiny-shakespeare"
