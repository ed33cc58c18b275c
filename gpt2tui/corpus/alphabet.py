"""What an encoding may be that is not UTF-8: a guess, and a word by which people see whether it is right."""

from __future__ import annotations

import string
from pathlib import Path

from gpt2tui.text import one_line

SNIFFED_BYTES = 1 << 16
_FREQUENT = ("cp1252", "cp1250", "cp1257", "iso8859_2")
"""Of those that read a text alike, and of those that differ in letters alone, the ones that most people have."""
_ALIKE = 0.1
"""Of charset-normalizer's measures: French that is read as Czech differs by less."""
_PLAIN_WORD, _LONG_WORD = 4, 24
"""Characters of a word that are enough to know it by, and the most that are shown of one."""


def suggested_readings(path: Path, offset: int, wrong: str) -> list[tuple[str, str]]:
    """Encodings that the bytes around ``offset`` may have, as charset-normalizer sees it, the likeliest first, and the
    first word that they read in different ways.

    Alphabets that differ in a few letters it can hardly tell apart, but who wrote the text can.
    """
    import charset_normalizer

    start = max(0, offset - SNIFFED_BYTES // 2)
    with path.open("rb") as file:
        file.seek(start)
        sample = file.read(SNIFFED_BYTES)
    if start:
        sample = sample[sample.find(b"\n") + 1 :]
    found = charset_normalizer.from_bytes(sample)
    best = found.best()
    if best is None:
        return []
    likely = [
        match for match in found if match.chaos < best.chaos + _ALIKE and match.coherence > best.coherence - _ALIKE
    ]
    frequent = [name for name in _FREQUENT if any(name in match.could_be_from_charset for match in likely)]
    if len(frequent) > 1:
        frequent = [*_FREQUENT]  # a few names of another language are not what it goes by
    elif frequent == ["cp1250"]:
        frequent.append("iso8859_2")  # its sister, of other systems
    names = list(dict.fromkeys([*frequent, best.encoding]))
    words = [word for word in sample.split() if not word.isascii()]
    rows = ([word.decode(name, "replace") for name in names] for word in words)
    telling = max(rows, key=lambda row: (len(set(row)), min(len(row[0]), _PLAIN_WORD)), default=[])
    readings: dict[str, str] = {}
    for name, word in zip(names, telling, strict=False):
        if word.isprintable() and "\ufffd" not in word:
            readings.setdefault(one_line(word.strip(string.punctuation))[:_LONG_WORD], name)
    wrongs = (wrong, "utf-8", "ascii")
    return [(name, word) for word, name in readings.items() if name.replace("_", "-") not in wrongs]
