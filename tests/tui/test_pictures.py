"""The pictures of the documents show the app as it is."""

from __future__ import annotations

import re
from pathlib import Path

from tests.tui.pictures import FOLDER, draw_all, words_of

_MOST_BYTES = 120_000


async def test_the_pictures_are_those_of_the_present_app(tmp_path: Path) -> None:
    drawn = await draw_all(tmp_path / "user")
    assert {path.stem for path in FOLDER.glob("*.svg")} == set(drawn)
    for name, svg in drawn.items():
        kept = (FOLDER / f"{name}.svg").read_text(encoding="utf-8")
        assert words_of(kept) == words_of(svg), f"{name}.svg is of an older app: python -m tests.tui.pictures"


def test_the_pictures_are_small_and_fetch_nothing() -> None:
    for path in FOLDER.glob("*.svg"):
        svg = path.read_text(encoding="utf-8")
        assert len(svg.encode()) < _MOST_BYTES, path.name
        assert re.findall(r"https?://[^\s\"']+", svg) == ["http://www.w3.org/2000/svg"], path.name
        assert "url(" not in svg
