"""TEXT: what each kind means, and what is said where it means nothing."""

from __future__ import annotations

import io
import os
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from gpt2tui.corpus.sources import Resolved, resolved
from gpt2tui.errors import CorpusError, UsageError
from gpt2tui.runs.paths import Paths


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(data=tmp_path / "data", config=tmp_path / "config", cache=tmp_path / "cache")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with text, binary, hidden and empty files in it."""
    root = tmp_path / "poems"
    for name, data in {
        "b.txt": b"bee",
        "a/z.txt": b"zed",
        "a/a.md": b"ay",
        "a.txt": b"first",
        "picture.png": b"\x89PNG\0\0",
        "wide.txt": "wide".encode("utf-16"),
        "nothing.txt": b"",
        ".hidden.txt": b"no",
        ".git/config": b"no",
    }.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    os.mkfifo(root / "pipe")
    (root / "loop").symlink_to(root)
    return root


def contents(found: Resolved) -> list[bytes]:
    return [document.path.read_bytes() for document in found.documents]


def test_a_folder_gives_its_text_files_in_the_order_of_their_paths(tree: Path, paths: Paths) -> None:
    with resolved([str(tree)], paths=paths) as found:
        names = [str(document.path.relative_to(tree)) for document in found.documents]
        assert names == ["a/a.md", "a/z.txt", "a.txt", "b.txt", "wide.txt"]
        assert found.name == "poems"
        assert found.notices == [f"{tree}: 5 taken; left out: 2 hidden, 1 special, 1 empty, 1 binary"]


def test_a_glob_gives_matching_files(tree: Path, paths: Paths) -> None:
    with resolved([f"{tree}/**/*.txt"], paths=paths) as found:
        names = [str(document.path.relative_to(tree)) for document in found.documents]
        assert names == ["a/z.txt", "a.txt", "b.txt", "wide.txt"]
    with pytest.raises(UsageError, match="put a / on both sides"), resolved([f"{tree}/**.txt"], paths=paths):
        pass
    with resolved([f"{tree}/b*"], paths=paths) as found:
        assert found.name == "b"
    with pytest.raises(CorpusError, match=r"\*\.rst: no file matches"), resolved([f"{tree}/*.rst"], paths=paths):
        pass


def test_texts_keep_the_order_they_were_typed_in(tree: Path, paths: Paths) -> None:
    typed = [f"{tree}/b.txt", "-", f"{tree}/a.txt"]
    with resolved(typed, paths=paths, stdin=io.BytesIO(b"piped")) as found:
        assert contents(found) == [b"bee", b"piped", b"first"]
        assert found.name == "3 files"
        assert [document.label for document in found.documents] == [f"{tree}/b.txt", "stdin", f"{tree}/a.txt"]
    assert list(paths.cache.iterdir()) == []


def test_stdin_cannot_be_named_twice(paths: Paths) -> None:
    with pytest.raises(UsageError, match="more than once"), resolved(["-", "-"], paths=paths):
        pass


def test_a_pipe_is_read_like_a_file(tmp_path: Path, paths: Paths) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(b"through",))
    writer.start()
    with resolved([str(pipe)], paths=paths) as found:
        assert contents(found) == [b"through"]
    writer.join()


def test_nothing_means_the_bundled_corpus_and_says_so(paths: Paths) -> None:
    with resolved([], paths=paths) as found:
        assert (found.name, found.licence) == ("bundled", "CC0-1.0")
        assert found.notices[0].startswith("no TEXT given: taking the bundled corpus, ")


def test_an_existing_path_wins_over_the_name_of_a_corpus(
    tmp_path: Path, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with resolved(["bundled"], paths=paths) as found:
        assert (found.licence, found.notices) == ("CC0-1.0", [])
    (tmp_path / "bundled").write_text("mine")
    with resolved(["bundled"], paths=paths) as found:
        assert contents(found) == [b"mine"]
        assert found.licence is None


@pytest.mark.parametrize("text", ["nowhere.txt", "", "tiny-shakespear"])
def test_what_is_nothing_names_the_corpora_there_are(text: str, paths: Paths) -> None:
    names = r"nor a corpus of that name \(bundled, tiny-shakespeare\)"
    with pytest.raises(CorpusError, match=names), ExitStack() as stack:
        stack.enter_context(resolved([text], paths=paths))


def test_what_holds_no_text_is_refused_with_counts(tmp_path: Path, paths: Paths) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "binary").mkdir()
    (tmp_path / "binary/x.bin").write_bytes(b"\0\0")
    (tmp_path / "dead").symlink_to("gone")
    for name, message in {
        "empty": "no text file in this folder$",
        "binary": r"no text file in this folder \(1 binary left out\)$",
        "dead": "a link that leads nowhere, to gone$",
    }.items():
        with pytest.raises(CorpusError, match=message), resolved([str(tmp_path / name)], paths=paths):
            pass
    with pytest.raises(CorpusError, match="a device or a socket"), resolved(["/dev/zero"], paths=paths):
        pass
    with pytest.raises(UsageError, match="only http"), resolved(["ftp://example.org/x"], paths=paths):
        pass
