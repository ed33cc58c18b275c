"""Reading: strict, and helpful where it fails."""

from __future__ import annotations

import codecs
import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from gpt2tui.corpus import reading
from gpt2tui.corpus.reading import decoded
from gpt2tui.errors import CorpusError, UsageError

FRENCH = "Le café était fermé à Noël, où l'âme naïve des garçons rêvait.\nIl répondit : « peut-être ».\n"


def text_of(path: Path, encoding: str | None = None) -> str:
    return "".join(chunk.text for chunk in decoded(path, label=path.name, encoding=encoding))


def file_of(folder: Path, data: bytes) -> Path:
    path = folder / "notes.txt"
    path.write_bytes(data)
    return path


def test_line_ends_and_everything_else_stay_as_they_are(tmp_path: Path) -> None:
    text = "one\r\ntwo\rthree\n\n\u2028é中\U0001f600"
    assert text_of(file_of(tmp_path, text.encode())) == text


@pytest.mark.parametrize(
    ("mark", "codec"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
    ],
)
def test_a_byte_order_mark_decides_and_is_no_text(tmp_path: Path, mark: bytes, codec: str) -> None:
    path = file_of(tmp_path, mark + FRENCH.encode(codec))
    assert text_of(path) == FRENCH
    assert text_of(path, codec) == FRENCH
    assert text_of(path, codec.upper().replace("-", "_")) == FRENCH


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "utf-16-le", "mac_roman"])
def test_a_named_encoding_is_used(tmp_path: Path, encoding: str) -> None:
    assert text_of(file_of(tmp_path, FRENCH.encode(encoding)), encoding) == FRENCH


def test_latin_2_is_latin2(tmp_path: Path) -> None:
    path = file_of(tmp_path, "Łódź".encode("iso8859-2"))
    assert {text_of(path, name) for name in ("latin2", "latin-2", "Latin_2")} == {"Łódź"}


@pytest.mark.parametrize("encoding", ["klingon", "hex", "rot13", ""])
def test_an_unknown_encoding_is_wrong_usage(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(UsageError, match="no encoding named"):
        text_of(file_of(tmp_path, b"x"), encoding)


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 1 << 20])
def test_an_undecodable_byte_is_named_by_line_and_column(
    tmp_path: Path, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "CHUNK_BYTES", chunk)
    path = file_of(tmp_path, "één\nzwölf €\n".encode() + FRENCH.encode("cp1252"))
    with pytest.raises(CorpusError) as caught:
        text_of(path)
    assert str(caught.value).startswith("notes.txt: byte 0xE9 at line 3, column 7 is not UTF-8; ")
    clean = file_of(tmp_path, ("plain\n" * 3).encode() + FRENCH.encode("cp1252"))
    with pytest.raises(CorpusError) as caught:
        text_of(clean)
    assert str(caught.value) == (
        "notes.txt: byte 0xE9 at line 4, column 7 is not UTF-8; "
        "--encoding cp1252 reads 'naïve', cp1250 reads 'naďve', cp1257 reads 'naļve'"
    )


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Die Straße war naß, und überall hörte man Vögel.\n", "cp1252"),
        ("She said \u201cno\u201d \u2014 it\u2019s shut.\n", "cp1252"),
        ("Příliš žluťoučký kůň úpěl ďábelské ódy. Dnes je krásné počasí.\n", "cp1250"),
        ("Привет, как дела? Сегодня хорошая погода, пойдём гулять.\n" * 9, "koi8_r"),
        ("これは日本語の文章です。今日はとても天気がいいので。\n" * 9, "cp932"),
    ],
)
def test_the_suggestion_reads_the_text(tmp_path: Path, text: str, encoding: str) -> None:
    path = file_of(tmp_path, text.encode(encoding))
    with pytest.raises(CorpusError, match=f"--encoding {encoding}$"):
        text_of(path)
    assert text_of(path, encoding) == text


@pytest.mark.parametrize(
    ("text", "encoding", "word"),
    [
        ("Chère Élise, je t'écris de la fenêtre où l'été s'achève.\n", "cp1252", "fenêtre"),
        ("Mon père, le garçon, est allé à la pêche près du château.\n" * 9, "cp1252", "pêche"),
        ("Å, vad det är skönt när våren äntligen kommer över fälten.\n", "cp1252", "våren"),
        ("Byl pozdní večer, první máj, večerní máj, byl lásky čas.\n" * 3, "cp1250", "večerní"),
        ("Die Straße war naß, und überall hörte man Vögel. " * 9 + "Ćwikliński, Gęś\n", "iso8859_2", "Gęś"),
        ("Žmogus gimė ir gyvens, kol šviečia saulė, ąžuolas ošia.\n", "cp1257", "Žmogus"),
    ],
)
def test_where_alphabets_differ_in_letters_alone_a_word_shows_which_is_right(
    tmp_path: Path, text: str, encoding: str, word: str
) -> None:
    path = file_of(tmp_path, text.encode(encoding))
    with pytest.raises(CorpusError) as caught:
        text_of(path)
    told = str(caught.value)
    assert f"{encoding} reads {word!r}" in told
    assert told.count(" reads ") > 1
    assert "--encoding cp1252 reads " in told, "what most people have comes first"


def test_a_text_that_ends_inside_a_character_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"byte 0xC3 at line 2, column 4 is not UTF-8"):
        text_of(file_of(tmp_path, b"one\ntwo\xc3"))


def test_binary_is_refused_with_its_counts(tmp_path: Path) -> None:
    with pytest.raises(CorpusError) as caught:
        text_of(file_of(tmp_path, b"PK\x00\x01\x00 text"))
    assert str(caught.value).startswith("notes.txt: binary, not text: 2 NUL bytes in 10, the first at offset 2")
    assert "--encoding utf-16-le if it is UTF-16" in str(caught.value)
    with pytest.raises(CorpusError) as caught:
        text_of(file_of(tmp_path, b"a long text with one slip\x00 of the keys in it"))
    assert str(caught.value).endswith("leave it out, or take them out")


def test_missing_and_unreadable_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"^gone\.txt: there is no such file$"):
        text_of(tmp_path / "gone.txt")
    with pytest.raises(CorpusError, match=rf"^{tmp_path.name}: it cannot be read: Is a directory$"):
        text_of(tmp_path)


def test_a_file_without_permission_is_named() -> None:
    script = (
        "import os, sys; from pathlib import Path; from gpt2tui.corpus.reading import decoded\n"
        "if os.geteuid() == 0: os.seteuid(65534)\n"
        "try: list(decoded(Path(sys.argv[1]), label='secret.txt'))\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)  # noqa: S103
        path = Path(folder, "secret.txt")
        path.write_text("x")
        path.chmod(0)
        out = subprocess.run(
            [sys.executable, "-c", script, str(path)],
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(__file__).resolve().parents[2],
        ).stdout
    assert out.startswith("CorpusError secret.txt: it may not be read by this user")


def test_the_digest_sees_every_byte(tmp_path: Path) -> None:
    path = file_of(tmp_path, codecs.BOM_UTF8 + FRENCH.encode())
    digest = hashlib.sha256()
    *_, last = decoded(path, label="x", digest=digest)
    assert digest.hexdigest() == hashlib.sha256(path.read_bytes()).hexdigest()
    assert reading.file_digest(path, "x") == (digest.hexdigest(), path.stat().st_size)
    assert last.read == path.stat().st_size
