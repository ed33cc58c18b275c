"""The corpus: tokens that are right, cached, and cheap in memory."""

from __future__ import annotations

import io
import json
import os
import random
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gpt2tui.corpus import cache, encoders
from gpt2tui.corpus.bpe import END_OF_TEXT, Tokenizer
from gpt2tui.corpus.tokens import Corpus, prepare, split
from gpt2tui.errors import CorpusError, Gpt2TuiError, UsageError
from gpt2tui.runs.paths import Paths

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(data=tmp_path / "data", config=tmp_path / "config", cache=tmp_path / "cache")


def noise(characters: int, seed: int = 1) -> str:
    """Words, blanks and signs of several scripts, in no order."""
    generator = random.Random(seed)
    atoms = ["the", " ", "  ", "\n", "\n\n", "'ll", "don't", "é", "中文", "。", "1984", "!?", " \t ", "\U0001f600", "a"]
    return "".join(generator.choices(atoms, k=characters // 2))


def written(path: Path, text: str) -> str:
    path.write_bytes(text.encode())
    return str(path)


def test_a_corpus_knows_its_text(tmp_path: Path, paths: Paths) -> None:
    corpus = prepare([written(tmp_path / "poem.txt", "Hello world\r\n")], paths=paths)
    assert corpus.tokens.tolist() == Tokenizer().encode("Hello world\r\n")
    assert (corpus.name, corpus.bytes, corpus.documents, corpus.licence) == ("poem", 13, 1, None)
    assert corpus.sources == [str(tmp_path / "poem.txt")]
    assert corpus.tokens.dtype == np.uint16
    assert not corpus.tokens.flags.writeable
    assert np.fromfile(corpus.path, dtype=np.uint16).tolist() == corpus.tokens.tolist()


def test_end_of_text_stands_between_documents_only(tmp_path: Path, paths: Paths) -> None:
    files = [written(tmp_path / name, text) for name, text in [("a", "one"), ("b", "\ufeff"), ("c", "two ")]]
    tokenizer = Tokenizer()
    corpus = prepare(files, paths=paths)
    assert corpus.tokens.tolist() == [*tokenizer.encode("one"), END_OF_TEXT, END_OF_TEXT, *tokenizer.encode("two ")]
    assert (corpus.documents, corpus.name) == (3, "3 files")
    together = prepare([written(tmp_path / "d", "onetwo ")], paths=paths)
    assert together.path != corpus.path


def test_stdin_is_a_text_and_leaves_nothing_behind(paths: Paths) -> None:
    corpus = prepare(["-"], paths=paths, stdin=io.BytesIO(b"Hello world"))
    assert corpus.tokens.tolist() == [15496, 995]
    assert [entry.name for entry in paths.cache.iterdir()] == ["tokens"]


def test_what_a_killed_process_left_is_swept_a_day_later(tmp_path: Path, paths: Paths) -> None:
    for name in ("tokens/.abc.bin.1", "tokens/.new.bin.2", "spool-x/0"):
        (paths.cache / name).parent.mkdir(parents=True, exist_ok=True)
        (paths.cache / name).write_bytes(b"x")
    for name in ("tokens/.abc.bin.1", "spool-x"):
        os.utime(paths.cache / name, (1, 1))
    corpus = prepare([written(tmp_path / "x", "text")], paths=paths)
    assert sorted(entry.name for entry in paths.cache.iterdir()) == ["tokens"]
    names = {".new.bin.2", corpus.path.name, corpus.path.with_suffix(".json").name}
    assert {entry.name for entry in paths.tokens.iterdir()} == names


def test_a_named_encoding_is_doubted_where_the_text_is_utf_8(tmp_path: Path, paths: Paths) -> None:
    plain, café = written(tmp_path / "plain", "plain"), written(tmp_path / "café", "café")
    latin = tmp_path / "latin"
    latin.write_bytes("café".encode("latin-1"))
    assert prepare([plain, café], paths=paths).notices == []
    assert prepare([plain, café], paths=paths, encoding="utf-8").notices == []
    told = prepare([plain, café, str(latin)], paths=paths, encoding="latin-1").notices
    assert told == [f"{café}: read as iso8859-1, but it looks like UTF-8, which needs no encoding to be named"]


def test_the_cache_is_used_and_its_key_tells_texts_and_options_apart(tmp_path: Path, paths: Paths) -> None:
    text = written(tmp_path / "x", "one<|endoftext|>two")
    seen: list[tuple[int, int]] = []

    def get(*texts: str, split_on_eot: bool = False, encoding: str | None = None) -> Corpus:
        return prepare(
            list(texts),
            paths=paths,
            split_on_eot=split_on_eot,
            encoding=encoding,
            progress=lambda *now: seen.append(now),
        )

    first = get(text)
    assert seen == [(19, 19)]
    inode = first.path.stat().st_ino
    assert get(text).path.stat().st_ino == inode
    assert get(written(tmp_path / "copy", "one<|endoftext|>two")).path == first.path
    assert len(seen) == 1
    others = [get(text, split_on_eot=True), get(text, encoding="latin-1"), get(text, text)]
    assert len({first.path, *(other.path for other in others)}) == 4
    assert END_OF_TEXT in others[0].tokens


@pytest.mark.parametrize("damage", ["truncated", "altered", "no sidecar", "torn sidecar", "gone"])
def test_a_damaged_entry_is_made_anew(damage: str, tmp_path: Path, paths: Paths) -> None:
    text = written(tmp_path / "x", noise(5000))
    corpus = prepare([text], paths=paths)
    whole = corpus.path.read_bytes()
    sidecar = corpus.path.with_suffix(".json")
    if damage == "truncated":
        corpus.path.write_bytes(whole[:-2])
    elif damage == "altered":
        corpus.path.write_bytes(b"\xff" + whole[1:])
    elif damage == "no sidecar":
        sidecar.unlink()
    elif damage == "torn sidecar":
        sidecar.write_bytes(sidecar.read_bytes()[:5])
    else:
        corpus.path.unlink()
    assert prepare([text], paths=paths).path.read_bytes() == whole
    assert sorted(entry.suffix for entry in paths.tokens.iterdir()) == [".bin", ".json"]


@pytest.mark.parametrize("split_on_eot", [False, True])
def test_workers_give_the_ids_of_the_whole(
    split_on_eot: bool, tmp_path: Path, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "PARALLEL_FROM_BYTES", 1000)
    texts = [noise(2_000_000, 1) + "<|endoftext|>x", noise(50_000, 2), noise(1_500_000, 3)]
    files = [written(tmp_path / str(index), text) for index, text in enumerate(texts)]
    seen: list[tuple[int, int]] = []
    corpus = prepare(files, paths=paths, workers=2, split_on_eot=split_on_eot, progress=lambda *now: seen.append(now))
    tokenizer = Tokenizer()
    expected = tokenizer.encode(texts[0], split_on_eot)
    for text in texts[1:]:
        expected += [END_OF_TEXT, *tokenizer.encode(text, split_on_eot)]
    assert corpus.tokens.tolist() == expected
    assert len(seen) > 3
    assert seen == sorted(seen)
    assert seen[-1] == (corpus.bytes, corpus.bytes)


@pytest.mark.parametrize("program", ["/nowhere/python", "/bin/false"])
def test_where_workers_cannot_work_the_ids_are_the_same(
    program: str, tmp_path: Path, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "PARALLEL_FROM_BYTES", 1000)
    monkeypatch.setattr(encoders.sys, "executable", program)
    text = noise(3_000_000)
    corpus = prepare([written(tmp_path / "x", text)], paths=paths, workers=2)
    assert corpus.tokens.tolist() == Tokenizer().encode(text)


def test_a_worker_loads_the_tokenizer_and_nothing_heavy() -> None:
    script = "import sys, gpt2tui.corpus.encoders; print(sorted({'torch', 'numpy', 'rich'} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=REPOSITORY)
    assert out.stdout == "[]\n"


def test_sources_load_without_the_tokenizer() -> None:
    script = (
        "import sys, gpt2tui.corpus.sources, gpt2tui.corpus.named;"
        "print(sorted({'torch', 'numpy', 'tiktoken', 'charset_normalizer'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=REPOSITORY)
    assert out.stdout == "[]\n"


def test_a_text_that_changes_while_it_is_read_is_noticed(
    tmp_path: Path, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = Path(written(tmp_path / "x", "before"))
    writing = cache.TokenCache.ids

    def change_first(*arguments: object, **named: object) -> Path:
        text.write_text("after!")
        return writing(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(cache.TokenCache, "ids", change_first)
    with pytest.raises(CorpusError, match="x: it changed while it was read; start again when it rests"):
        prepare([str(text)], paths=paths)
    assert list(paths.tokens.iterdir()) == []


def test_an_empty_text_is_refused(tmp_path: Path, paths: Paths) -> None:
    with pytest.raises(CorpusError, match=r"x: empty \(0 bytes\)"):
        prepare([written(tmp_path / "x", "")], paths=paths)
    with pytest.raises(CorpusError, match=r"x: empty \(a byte order mark"):
        prepare([written(tmp_path / "x", "\ufeff")], paths=paths)


def test_a_cache_that_cannot_be_written_is_one_line(tmp_path: Path, paths: Paths) -> None:
    paths.cache.write_text("a file where the folder should be")
    with pytest.raises(
        Gpt2TuiError, match=r"^the cache .* cannot be used: .*set GPT2TUI_HOME to another place$"
    ) as caught:
        prepare([written(tmp_path / "x", "text")], paths=paths)
    assert caught.value.exit_code == 1


def test_a_full_disk_is_one_line_and_leaves_no_entry(tmp_path: Path, paths: Paths) -> None:
    text = written(tmp_path / "x", noise(3_000_000))
    script = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from gpt2tui.corpus.tokens import prepare; from gpt2tui.runs.paths import Paths\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "root = Path(sys.argv[2]); paths = Paths(data=root, config=root, cache=root)\n"
        "try: prepare([sys.argv[1]], paths=paths)\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    out = subprocess.run(
        [sys.executable, "-c", script, text, str(paths.cache)],
        capture_output=True,
        text=True,
        check=True,
        cwd=REPOSITORY,
    ).stdout
    assert out.startswith(f"Gpt2TuiError the cache {paths.cache} cannot be used: File too large; mend that")
    assert list(paths.tokens.iterdir()) == []


def test_two_processes_at_once_make_one_good_entry(tmp_path: Path, paths: Paths) -> None:
    text = written(tmp_path / "x", noise(1_000_000))
    script = (
        "import sys; from pathlib import Path\n"
        "from gpt2tui.corpus.tokens import prepare; from gpt2tui.runs.paths import Paths\n"
        "root = Path(sys.argv[2]); c = prepare([sys.argv[1]], paths=Paths(data=root, config=root, cache=root))\n"
        "import json; print(json.dumps([str(c.path), len(c.tokens), int(c.tokens.sum(dtype='int64'))]))"
    )
    command = [sys.executable, "-c", script, text, str(paths.cache)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, cwd=REPOSITORY) for _ in range(3)]
    outs = [json.loads(process.communicate()[0]) for process in running]
    assert outs[0] == outs[1] == outs[2]
    assert outs[0][1] == len(Tokenizer().encode(Path(text).read_text()))


def test_the_last_part_is_for_validation() -> None:
    tokens = np.arange(100, dtype=np.uint16)
    train, validation = split(tokens, 0.1)
    assert train.tolist() + validation.tolist() == tokens.tolist()
    assert len(validation) == 10
    assert len(split(tokens, 0)[1]) == 0
    for fraction in (-0.1, 1.0, float("nan")):
        with pytest.raises(UsageError, match="--val-fraction"):
            split(tokens, fraction)
    with pytest.raises(CorpusError, match="leaves 99 to train on and 1 to validate on"):
        split(tokens, 0.01)


@pytest.mark.slow
def test_a_large_text_takes_little_memory(tmp_path: Path, paths: Paths) -> None:
    block = noise(2_000_000).encode()
    size = 0
    with (tmp_path / "large.txt").open("wb") as file:
        while size < 200 << 20:
            size += file.write(block)
    script = (
        "import resource, sys; from pathlib import Path\n"
        "from gpt2tui.corpus.tokens import prepare; from gpt2tui.runs.paths import Paths\n"
        "root = Path(sys.argv[2]); prepare([sys.argv[1]], paths=Paths(data=root, config=root, cache=root), workers=2)\n"
        "for who in resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN: print(resource.getrusage(who).ru_maxrss)"
    )
    out = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "large.txt"), str(paths.cache)],
        capture_output=True,
        text=True,
        check=True,
        cwd=REPOSITORY,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (400 << 20, 400 << 20)),
    ).stdout
    unit = 1 if sys.platform == "darwin" else 1024
    own, child = (int(part) * unit for part in out.split())
    assert own + 2 * child < 700 << 20
