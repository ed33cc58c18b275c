"""The page of a Space in a browser."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import venv
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gpt2tui.exchange import space
from gpt2tui.exchange.source import Source
from gpt2tui.exchange.space import export_space
from tests import browser
from tests.exchange.spaces import HOSTILE, make_run


@pytest.fixture(scope="module")
def clean_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with nothing but the Space's requirements."""
    place = tmp_path_factory.mktemp("space")
    venv.create(place / "venv", with_pip=True)
    wanted = Path(space.__file__).parent / "space_files" / "requirements.txt"
    python = place / "venv" / "bin" / "python"
    command = [str(python), "-m", "pip", "install", "--no-input", "--quiet", "-r", str(wanted)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1200, check=False)
    if done.returncode:
        pytest.skip(f"pip cannot install the requirements here: {done.stderr.strip().splitlines()[-1:]}")
    return python


@asynccontextmanager
async def served(python: Path, folder: Path) -> AsyncIterator[str]:
    """The address of a Space that runs as a process of its own, offline: the proxies it is given are dead."""
    assert os.environ["https_proxy"] == os.environ["http_proxy"] == "http://127.0.0.1:9"
    process = await asyncio.create_subprocess_exec(
        *(str(python), "-u", "app.py"), cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        assert process.stdout is not None
        said = b""
        while not (found := re.search(rb"Running on.*?(http://\S+)", said)):
            line = await asyncio.wait_for(process.stdout.readline(), browser.PATIENCE)
            assert line, said.decode()
            said += line
        yield found[1].decode()
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def press(button: str) -> str:
    """A script that presses the button of these words."""
    return f"[...document.querySelectorAll('button')].find(b => b.textContent.trim() == '{button}').click()"


def select(label: str) -> str:
    """A script that selects what stands in the field of this label, to be written over."""
    return (
        f"[...document.querySelectorAll('.block')].find(b => b.textContent.trim().startsWith('{label}'))"
        ".querySelector('textarea, input:not([type=range])').select()"
    )


SHOWN = "document.querySelector('#text textarea').value"
COUNT = "parseInt(document.querySelector('#status :is(input, textarea)').value)"


@pytest.mark.slow
async def test_the_page_in_a_browser(clean_python: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Set KEEP_PICTURE to a file to keep what it looked like."""
    # Of a size at which 500 tokens take a while, so that a stop comes in the middle.
    export_space(Source.of(make_run(name=HOSTILE, width=256, layers=12)), tmp_path / "out", force=False)
    monkeypatch.delenv("GRADIO_SERVER_NAME", raising=False)
    async with (
        served(clean_python, tmp_path / "out") as address,
        browser.opened(address, width=1200, height=900) as page,
    ):
        assert address.startswith("http://127.0.0.1:")
        await page.until("document.querySelector('#text textarea') !== null")
        assert HOSTILE[:60] in await page.value("document.querySelector('h1').textContent")
        await page.until("document.body.textContent.includes('It runs on: CPU.')")
        await page.until("document.body.textContent.includes('Line 1 of the play is')")

        prompt = "The <b>dog</b> <img src=x onerror=\"document.title='caught'\"> é👩"
        for label, words in (("Length", "500"), ("Seed", "7"), ("Prompt", prompt)):
            await page.value(select(label))
            await page.write(words)
        await page.value(press("Generate"))
        await page.until(f"{SHOWN}.startsWith({json.dumps(prompt)}) && {COUNT} > 0")
        counts: set[int] = set()
        while len(counts) < 4:
            counts.add(await page.value(COUNT))
        await page.value(press("Stop"))
        stopped = await settled(page)
        assert max(counts) <= stopped < 500, counts
        assert await page.value("document.querySelectorAll('#text b, #text img').length") == 0
        if keep := os.environ.get("KEEP_PICTURE"):
            Path(keep).write_bytes(await page.picture())

        first = await page.value(SHOWN)
        await page.value(press("Generate"))  # a stop leaves nothing locked, and a seed means a text
        await page.until(f"{COUNT} < {stopped}")
        await page.until(f"{COUNT} >= {stopped}")
        assert (await page.value(SHOWN)).startswith(first)
        await page.value(press("Stop"))
        await settled(page)

        await page.value(select("Seed"))
        await page.write("seven")
        await page.value(press("Generate"))
        await page.until("document.body.textContent.includes('Seed must be a whole number from 0 to 4294967295.')")
        assert await page.value("document.title") != "caught"
        assert page.hosts == {"127.0.0.1"}
        assert page.errors == []


async def settled(page: browser.Page) -> int:
    """Wait until no token comes for a second; how many there are."""
    before, now = -1, await page.value(COUNT)
    while now != before:
        await asyncio.sleep(1.0)
        before, now = now, await page.value(COUNT)
    return int(now)
