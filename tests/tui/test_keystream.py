"""What a terminal sends, cut into keys, mouse reports and pasted text; never an error, never a send by mistake."""

from __future__ import annotations

import random

import pytest
from textual._xterm_parser import XTermParser
from textual.events import Key, MouseDown, MouseMove, MouseScrollDown, MouseUp, Paste
from textual.message import Message

from gpt2tui.tui.terminal.keystream import KeyStream


def understood(*reads: bytes, stream: KeyStream | None = None, gap: float = 1.0) -> list[Message]:
    """What Textual makes of these reads, ``gap`` seconds apart; what is held is given up where a gap is long enough."""
    stream, parser = stream or KeyStream(escape_seconds=0.025), XTermParser()
    messages: list[Message] = []
    now = 0.0
    for data in reads:
        items = stream.feed(data, now)
        now += gap
        if stream.patience is not None and gap >= stream.patience:
            items += stream.give_up(now - gap + stream.patience)
        for item in items:
            messages += parser.feed(item) if isinstance(item, str) else [item]
    return messages


def keys(*reads: bytes, **options: float) -> list[str]:
    return [message.key for message in understood(*reads, **options) if isinstance(message, Key)]


@pytest.mark.parametrize("column", [1, 94, 95, 96, 150, 223])
@pytest.mark.parametrize("cut", range(1, 6))
def test_an_x10_click_is_a_click_wherever_it_is_and_however_it_is_cut(column: int, cut: int) -> None:
    click = b"\x1b[M" + bytes([32, 32 + column, 32 + 5]) + b"\x1b[M" + bytes([35, 32 + column, 32 + 5])
    down, up = understood(click[:cut], click[cut:], gap=0.01)
    assert isinstance(down, MouseDown)
    assert (down.x, down.y, down.button) == (column - 1, 4, 1)
    assert isinstance(up, MouseUp)
    assert (up.x, up.button) == (column - 1, 1)


def test_x10_moves_and_scrolls() -> None:
    move, scroll = understood(b"\x1b[M" + bytes([32 + 35, 240, 40]) + b"\x1b[M" + bytes([32 + 65, 240, 40]))
    assert isinstance(move, MouseMove)
    assert isinstance(scroll, MouseScrollDown)


def test_a_place_that_x10_cannot_name_is_swallowed_whole() -> None:
    assert keys(b"\x1b[M" + bytes([32, 0, 0]) + b"a") == ["a"]


def test_a_broken_report_costs_no_key_after_it() -> None:
    assert keys(b"\x1b[M \x1b[A") == ["up"]
    assert keys(b"\x1b[M ", b"a", gap=1.0) == ["a"]


def test_urxvt_reports_are_understood() -> None:
    down, up = understood(b"\x1b[32;150;5M\x1b[35;150;5M")
    assert isinstance(down, MouseDown)
    assert isinstance(up, MouseUp)
    assert down.x == 149


@pytest.mark.parametrize("sent", [b"\x1b\r", b"\x1b\n", b"\x1b[13;3u", b"\x1b[27;3;13~"])
def test_alt_enter_is_never_enter(sent: bytes) -> None:
    assert keys(sent) == ["alt+enter"]
    assert keys(b"a" + sent + b"b") == ["a", "alt+enter", "b"]
    for cut in range(1, len(sent)):
        assert keys(sent[:cut], sent[cut:], gap=0.01) == ["alt+enter"]


def test_alt_enter_that_comes_apart_is_not_enter_either() -> None:
    assert keys(b"\x1b", b"\r", gap=0.05) == ["escape", "alt+enter"]
    assert keys(b"\x1b", b"\r", gap=0.5) == ["escape", "enter"]


@pytest.mark.parametrize("sent", [b"\x1b[13;2u", b"\x1b[27;2;13~"])
def test_shift_enter_is_told(sent: bytes) -> None:
    assert keys(sent) == ["shift+enter"]


def test_enter_and_ctrl_j_are_two_keys() -> None:
    assert keys(b"\r") == ["enter"]
    assert keys(b"\n") == ["ctrl+j"]
    assert keys(b"\x1b[106;5u") == ["ctrl+j"]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_pasted_text_is_one_paste_whatever_it_holds_and_however_it_is_cut(size: int) -> None:
    text = "first\r\nsecond\rthird\n\x1b[A\x1b\r\x1b[M!! Grüße \x1b" + "x" * 40 + "\r"
    sent = b"\x1b[200~" + text.encode() + b"\x1b[201~a"
    reads = [sent[start : start + size] for start in range(0, len(sent), size)]
    pasted, key = understood(*reads, gap=0.01)
    assert isinstance(pasted, Paste)
    assert pasted.text == "first\nsecond\nthird\n\x1b[A\x1b\n\x1b[M!! Grüße \x1b" + "x" * 40 + "\n"
    assert isinstance(key, Key)


def test_a_terminal_that_does_not_mark_pastes_cannot_send_by_them() -> None:
    stream = KeyStream(marks_pastes=False)
    first, rest = understood(b"two lines that were\rpasted by GNU screen", b"\r", stream=stream, gap=0.01)
    assert isinstance(first, Paste)
    assert first.text == "two lines that were\npasted by GNU screen"
    assert isinstance(rest, Paste)
    assert [message.key for message in understood(b"\r", stream=KeyStream(marks_pastes=False))] == ["enter"]


def test_bytes_that_are_no_utf8_are_replaced() -> None:
    assert "".join(m.character or "" for m in understood(b"a\xff\xfeb") if isinstance(m, Key)) == "a��b"
    assert [m.character for m in understood("ü".encode()[:1], "ü".encode()[1:]) if isinstance(m, Key)] == ["ü"]


@pytest.mark.parametrize(
    "answer", [b"\x1b[?1;2c", b"\x1b[>41;354;0c", b"\x1b]11;rgb:0/0/0\x1b\\", b"\x1bP>|tmux\x1b\\"]
)
def test_answers_to_other_programs_are_no_keys(answer: bytes) -> None:
    assert keys(answer + b"a") == ["a"]


def test_esc_alone_is_esc_and_soon() -> None:
    stream = KeyStream()
    assert stream.feed(b"\x1b", 0.0) == []
    assert stream.patience is not None
    assert stream.patience <= 0.1
    (key,) = stream.give_up(0.1)
    assert isinstance(key, Key)
    assert key.key == "escape"
    assert keys(b"\x1bOP\x1b[[A\x1b[15~\x1b[1;5C") == ["f1", "f1", "f5", "ctrl+right"]


def test_nothing_that_a_terminal_may_send_is_an_error() -> None:
    random_ = random.Random(5)
    parts = [
        b"\x1b",
        b"[",
        b"M",
        b"\r",
        b"<",
        b";",
        b"1",
        b"~",
        b"u",
        b"200~",
        b"201~",
        b"\x80",
        b"\xff",
        b"O",
        b"]",
        b"99999999",
    ]
    for _ in range(300):
        reads = [b"".join(random_.choices(parts, k=random_.randrange(1, 12))) for _ in range(6)]
        messages = understood(*reads, gap=random_.choice([0.001, 0.05, 11.0]))
        assert all(isinstance(message, Message) for message in messages)
