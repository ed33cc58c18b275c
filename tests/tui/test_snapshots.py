"""Every screen in every state looks as it did when somebody looked at it.

A picture that is to look otherwise is accepted with ``GPT2TUI_ACCEPT=1 python -m pytest tests/tui/test_snapshots.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from gpt2tui.runs.store import RunStore
from tests.tui.albums import ALBUMS
from tests.tui.apps import text_of
from tests.tui.scenes import fixed_surroundings, settled
from tests.tui.snapshot import ACCEPT, FOLDER, SIZES, Shoot, difference, styles_of
from tests.tui.train_albums import train_alive, train_ended

STYLED = ("train-training", "train-crashed", "generate-tinted", "runs", "colourless-train")
"""Pictures with a map of their colours."""


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunStore]:
    with fixed_surroundings(monkeypatch, tmp_path / "user") as store:
        yield store


def shooting(found: list[str]) -> Shoot:
    """Takes each picture at all of its sizes, and keeps what is different from what was accepted."""

    async def shoot(pilot: Pilot[Any], name: str, *texts: str, sizes: tuple[tuple[int, int], ...] = SIZES) -> None:
        for width, height in sizes:
            await pilot.resize_terminal(width, height)
            await settled(pilot, *texts if width >= 80 else ())
            picture = text_of(pilot.app)  # type: ignore[arg-type]
            if name in STYLED:
                picture += f"\n\n{styles_of(pilot.app)}"
            if lines := difference(f"{name}-{width}x{height}", picture):
                found.append(lines)

    return shoot


@pytest.mark.parametrize("album", ALBUMS)
async def test_every_picture_of_an_album_is_as_it_was_accepted(scene: RunStore, album: str) -> None:
    found: list[str] = []
    await ALBUMS[album](scene, shooting(found))
    assert not found, "\n\n".join(found) + f"\n\nif this is as it should be: {ACCEPT}=1"


def test_in_ascii_every_sign_is_ascii() -> None:
    pictures = sorted(FOLDER.glob("ascii-*.txt"))
    assert len(pictures) == 6
    for path in pictures:
        picture = path.read_text(encoding="utf-8")
        assert picture.isascii(), (path.name, [sign for sign in picture if not sign.isascii()])


async def test_in_ascii_every_state_of_a_run_is_ascii_too(scene: RunStore) -> None:
    async def look(pilot: Pilot[Any], name: str, *texts: str, sizes: tuple[tuple[int, int], ...] = ()) -> None:
        await settled(pilot)
        signs = {sign for sign in text_of(pilot.app) if not sign.isascii()}  # type: ignore[arg-type]
        assert not signs, name

    await train_ended(scene, look, is_ascii=True)
    await train_alive(scene, look, is_ascii=True)


def test_no_footer_has_more_than_six_keys() -> None:
    for path in sorted(FOLDER.glob("*-140x40.txt")):
        footer = path.read_text(encoding="utf-8").splitlines()[39:40]
        assert all(len(line.split("  ")) <= 6 for line in footer), (path.name, footer)


def test_every_picture_is_of_a_state_that_is_shown() -> None:
    here = Path(__file__).parent
    places = [*here.glob("*albums.py"), here / "run_states.py"]
    sources = "".join(path.read_text(encoding="utf-8") for path in places)
    names = {path.stem.rpartition("-")[0] for path in FOLDER.glob("*.txt")}
    assert len(names) > 40
    unknown = {name for name in names if f'"{name}"' not in sources and f'"{name.partition("-")[2]}"' not in sources}
    assert {name for name in unknown if f'{{kind}}-{name.partition("-")[2]}"' not in sources} == set()
