"""What a terminal sends, cut where one thing ends and the next begins: keys, mouse reports, pasted text.

Works on bytes, before anything is decoded: an X10 mouse report holds raw bytes that are no UTF-8 beyond column
95, and a terminal falls back to such reports when it loses its modes. What the terminal itself reports is
rewritten to the one form that Textual's parser reads; what only looks like keys to that parser is settled here.
"""

from __future__ import annotations

import re
import sys
from codecs import getincrementaldecoder
from collections.abc import Iterator

from textual import constants
from textual.events import Key, Paste

Item = str | Key | Paste
"""Text for Textual's parser, or an event that needs no parsing."""

ESCAPE_SECONDS = constants.ESCAPE_DELAY
"""A lone esc may be the start of a sequence for this long."""

PARTED_SECONDS = 0.1
"""An enter this soon after a lone esc is the other half of alt+enter: hands are not so quick, slow lines are."""

_REPORT_SECONDS = 0.5
"""A mouse report that is not complete by then never will be."""

_PASTE_SECONDS = 10.0
"""A paste that is silent for so long has lost its end."""

_BURST = 16
"""So many characters in one read were pasted, where the terminal does not mark what is pasted."""

_ESC = b"\x1b"
_PASTE_START = b"\x1b[200~"
_PASTE_END = b"\x1b[201~"
_X10 = b"\x1b[M"

_CSI = re.compile(rb"\x1b\[([\x30-\x3f]*)[\x20-\x2f]*([\x40-\x7e])")
_CSI_BEGUN = re.compile(rb"\x1b\[[\x30-\x3f]*[\x20-\x2f]*\Z")
_STRING = re.compile(rb"\x1b[\]P_^X][^\x1b\x07]*(?:\x07|\x1b\\)")
"""Answers to questions that nobody here asked: the parser would take them for keys."""
_OTHER_KEY = re.compile(rb"\x1b\[27;(\d+);(\d+)~")
"""xterm's modifyOtherKeys: modifiers and code point."""
_DECIMAL_MOUSE = re.compile(rb"\x1b\[(\d+);(\d+);(\d+)M")
"""urxvt's mouse report: the button as in X10, the place in decimal."""

_NUMBER = re.compile(rb"\d+")

_RELEASED = 3
_MOVES_OR_SCROLLS = 32 | 64


class KeyStream:
    """Bytes in, items out; keeps what is not complete.

    ``marks_pastes`` says whether the terminal can tell what is pasted from what is typed.
    """

    def __init__(self, *, marks_pastes: bool = True, escape_seconds: float = ESCAPE_SECONDS) -> None:
        self._marks_pastes = marks_pastes
        self._escape_seconds = escape_seconds
        self._decode = getincrementaldecoder("utf-8")("replace").decode
        self._held = b""
        self._paste: bytearray | None = None
        self._button = 0
        self._after_escape = float("-inf")
        self._burst_until = float("-inf")
        self.x10_reports = 0

    @property
    def patience(self) -> float | None:
        """Seconds to wait for more before ``give_up``; None when nothing is held."""
        if self._paste is not None:
            return _PASTE_SECONDS
        if not self._held:
            return None
        return _REPORT_SECONDS if self._held.startswith(_X10) else self._escape_seconds

    def feed(self, data: bytes, now: float) -> list[Item]:
        """What ``data``, read at ``now`` (seconds), completes."""
        if self._is_unmarked_paste(data, now):
            self._burst_until = now + PARTED_SECONDS
            return [_paste(self._decode(data))]
        if data[:1] in b"\r\n" and data and not self._held and now - self._after_escape < PARTED_SECONDS:
            data = _ESC + data
        self._after_escape = float("-inf")
        data, self._held = self._held + data, b""
        return list(self._items(data))

    def give_up(self, now: float) -> list[Item]:
        """What is held, taken as it is: nothing more came."""
        held, self._held = self._held, b""
        if self._paste is not None:
            pasted, self._paste = bytes(self._paste) + held, None
            return [_paste(pasted.decode("utf-8", "replace"))]
        if held == _ESC:
            self._after_escape = now
            return [Key("escape", "\x1b")]
        return [] if held.startswith(_X10) or not held else [self._decode(held)]

    def _items(self, data: bytes) -> Iterator[Item]:
        while data:
            if self._paste is not None:
                data, pasted = self._pasted(data)
                if pasted is not None:
                    yield pasted
                continue
            start = data.find(_ESC)
            if start:
                text = self._decode(data if start < 0 else data[:start])
                if text:
                    yield text
                data = b"" if start < 0 else data[start:]
                continue
            taken, item = self._sequence(data)
            if not taken:
                self._held = data
                return
            data = data[taken:]
            if item:
                yield item

    def _sequence(self, data: bytes) -> tuple[int, Item | None]:
        """The sequence at the start: its length, 0 where it is not complete, and what it means."""
        if data == _ESC or _CSI_BEGUN.match(data):
            return 0, None
        if data[1:2] in (b"\r", b"\n"):
            return 2, Key("alt+enter", None)
        if answer := _STRING.match(data):
            return answer.end(), None
        if not (found := _CSI.match(data)):
            return 1, self._decode(_ESC)
        sequence, parameters = found.group(), found[1]
        if sequence == _X10:
            return self._x10(data)
        if sequence == _PASTE_START:
            self._marks_pastes = True
            self._paste = bytearray()
            return len(sequence), None
        if other := _OTHER_KEY.fullmatch(sequence):
            return len(sequence), f"\x1b[{int(other[2])};{int(other[1])}u"
        if mouse := _DECIMAL_MOUSE.fullmatch(sequence):
            return len(sequence), self._mouse(*(int(number) for number in mouse.groups()))
        is_answer = parameters[:1] in (b"=", b">", b"?") and not sequence.endswith(b"$y")
        if is_answer or any(int(number) > sys.maxunicode for number in _NUMBER.findall(parameters)):
            return len(sequence), None
        return len(sequence), self._decode(sequence)

    def _x10(self, data: bytes) -> tuple[int, Item | None]:
        report = data[len(_X10) : len(_X10) + 3]
        broken = next((index for index, byte in enumerate(report) if 0 < byte < 32), None)
        if broken is not None:
            return len(_X10) + broken, None
        if len(report) < 3:
            return 0, None
        self.x10_reports += 1
        # A terminal that cannot count so far writes 0: there is no such place.
        place = report[1] > 32 and report[2] > 32 and report[0] >= 32
        return len(_X10) + 3, self._mouse(report[0], report[1] - 32, report[2] - 32) if place else None

    def _mouse(self, button: int, column: int, row: int) -> str:
        """An X10 report as an SGR one, which says which button was let go."""
        button -= 32
        if button & _MOVES_OR_SCROLLS or button & 3 != _RELEASED:
            if not button & _MOVES_OR_SCROLLS:
                self._button = button & 3
            return f"\x1b[<{button};{column};{row}M"
        return f"\x1b[<{button & ~3 | self._button};{column};{row}m"

    def _pasted(self, data: bytes) -> tuple[bytes, Paste | None]:
        assert self._paste is not None
        # The end may lie across two reads.
        since = max(0, len(self._paste) - len(_PASTE_END))
        self._paste += data
        end = self._paste.find(_PASTE_END, since)
        if end < 0:
            return b"", None
        text, rest = self._paste[:end], self._paste[end + len(_PASTE_END) :]
        self._paste = None
        return bytes(rest), _paste(text.decode("utf-8", "replace"))

    def _is_unmarked_paste(self, data: bytes, now: float) -> bool:
        if self._marks_pastes or self._held or self._paste is not None or _ESC in data:
            return False
        return now < self._burst_until or (len(data) >= _BURST and (b"\r" in data or b"\n" in data))


def _paste(text: str) -> Paste:
    return Paste(text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", ""))
