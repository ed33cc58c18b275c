"""The Space: its page's model held against ours, its files, its way to a hub, and the page itself in a browser."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import re
import subprocess
import sys
import threading
import venv
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
import yaml
from transformers import AutoModelForCausalLM

from gpt2tui.corpus.bpe import Tokenizer
from gpt2tui.errors import Gpt2TuiError, UsageError
from gpt2tui.exchange import space
from gpt2tui.exchange.source import Source
from gpt2tui.exchange.space import FILES, export_space, push_space
from gpt2tui.generation.text import generate_text
from gpt2tui.model.transformer import GPT2
from gpt2tui.runs.paths import Paths
from gpt2tui.runs.run import Run
from gpt2tui.runs.sampling import SamplingSettings
from tests import browser
from tests.cli.program import gpt2tui
from tests.tiny import tiny_model_config, tiny_run, tiny_run_config

TEXT = "".join(f"Line {number} of the play is said by number {number}.\n" for number in range(200))
HOSTILE = '"]}\': - #a\\n\\": <script>document.title="caught"</script> {title} `x` [y](http://z) 👩é ' + "long " * 40
SECRET = "hf_ThisIsTheSecretOfTheTest"  # noqa: S105


def make_run(activation: str = "gelu_new", name: str | None = "dog", **changes: Any) -> Run:
    """A tiny run whose weights are drawn large enough to matter, and whose text is text."""
    ids = Tokenizer().encode(TEXT)
    config = tiny_run_config(
        tokens=len(ids), model=tiny_model_config(activation=activation, **changes), name=name, block_size=32
    )
    model = GPT2.initialised(config.model, seed=3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0.0, 0.3, generator=torch.Generator().manual_seed(parameter.numel()))
    run = tiny_run(Paths.from_environment().runs, config=config, weights=model.state_dict())
    run.tokens_file.chmod(0o600)
    run.tokens_file.write_bytes(np.array(ids, dtype=np.uint16).tobytes())
    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A Space of a tiny run."""
    export_space(Source.of(make_run()), tmp_path / "out", force=False)
    return tmp_path / "out"


def app_of(folder: Path) -> ModuleType:
    """The app of a Space as a module."""
    spec = importlib.util.spec_from_file_location("space_app", folder / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def front(folder: Path) -> dict[str, Any]:
    """What the front matter of the card says."""
    _, matter, _ = (folder / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    found: dict[str, Any] = yaml.safe_load(matter)
    return found


# The model on the page


@pytest.mark.parametrize("activation", ["gelu_new", "gelu"])
def test_the_page_has_the_same_model_and_draws_the_same_text(tmp_path: Path, activation: str):
    source = Source.of(make_run(activation))
    export_space(source, tmp_path / "out", force=False)
    theirs = app_of(tmp_path / "out").Model(tmp_path / "out", "cpu")
    ids = torch.randint(0, 50257, (24,), generator=torch.Generator().manual_seed(1)).tolist()
    with torch.inference_mode():
        ours = source.model(torch.tensor([ids]))[0]
    torch.testing.assert_close(theirs.scores(ids, {}), ours, atol=1e-4, rtol=0)
    cache: dict[int, Any] = {}
    theirs.scores(ids[:20], cache)
    for place in range(20, 24):
        torch.testing.assert_close(theirs.scores([ids[place]], cache)[-1], ours[place], atol=1e-4, rtol=0)
    for prompt, temperature, top_k, top_p in [
        ("Line 7 of", 0.0, 0, 1.0),
        ("", 1.0, 50, 1.0),
        ("Line 7 of the play is " * 20, 0.7, 0, 0.8),
        ("日本", 1.5, 300, 0.95),
    ]:
        settings = SamplingSettings(max_new_tokens=80, temperature=temperature, top_k=top_k, top_p=top_p, seed=11)
        wanted = "".join(piece.text for piece in generate_text(source.model, Tokenizer(), prompt, settings, context=32))
        written = theirs.continued(prompt, length=80, temperature=temperature, top_k=top_k, top_p=top_p, seed=11)
        assert "".join(written) == wanted


def test_the_page_has_the_same_vocabulary(folder: Path):
    theirs = app_of(folder).Model(folder, "cpu").vocabulary
    for text in [
        "",
        "  \n\n x",
        "It's they'll WE'VE",
        "👩‍👩‍👧 e\u0301 \u202e",
        "a<|endoftext|>b",
        "日本語 ½ Ⅷ\r\n",
        "\x00\x7f",
    ]:
        assert theirs.encode_ordinary(text) == Tokenizer().encode(text)


def test_half_a_character_is_never_shown(folder: Path, monkeypatch: pytest.MonkeyPatch):
    app = app_of(folder)
    model = app.Model(folder, "cpu")
    tokens = iter([*Tokenizer().encode("né 👩‍👩‍👧 日本"), Tokenizer().encode("👩")[0], 50256])
    monkeypatch.setattr(app, "draw", lambda *_, **__: next(tokens))
    pieces = list(model.continued("a", length=99, temperature=1, top_k=0, top_p=1, seed=0))
    assert "".join(pieces) == "né 👩‍👩‍👧 日本\ufffd"
    assert not any("\ufffd" in piece for piece in pieces[:-1])


def test_the_weights_are_those_of_transformers(folder: Path):
    theirs = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True).eval()
    ids = torch.arange(20)
    with torch.inference_mode():
        wanted = theirs(ids[None]).logits[0]
    torch.testing.assert_close(app_of(folder).Model(folder, "cpu").scores(ids.tolist(), {}), wanted, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("value", "is_whole", "is_right"),
    [
        (1, True, True),
        (9.0, True, True),
        (0.5, False, True),
        (1.5, True, False),
        (10, True, False),
        (-1, True, False),
        (float("nan"), False, False),
        (float("inf"), False, False),
        ("5", True, False),
        (None, True, False),
        ([5], True, False),
        (10**400, True, False),
    ],
)
def test_numbers_that_make_no_sense_are_refused_in_one_line(value: Any, is_whole: bool, is_right: bool):
    checked = app_of(Path(space.__file__).parent / "space_files").checked
    if is_right:
        assert checked("Length", value, 0, 9, is_whole=is_whole) == value
    else:
        with pytest.raises(ValueError, match=r"^Length must be a (whole )?number from 0 to 9\.$"):
            checked("Length", value, 0, 9, is_whole=is_whole)


def test_the_app_loads_nothing_of_ours(folder: Path):
    program = "import sys, app; app.Model(app.FOLDER, 'cpu'); print([m for m in sys.modules if 'gpt2tui' in m])"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\n"


# The folder


def test_the_folder_is_whole(folder: Path):
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    assert [path.name for path in folder.parent.iterdir() if path.name.startswith(".")] == []
    pinned = dict(line.split("==") for line in (folder / "requirements.txt").read_text().split())
    assert sorted(pinned) == ["gradio", "safetensors", "tiktoken", "torch"]
    about = front(folder)
    assert about["sdk"] == "gradio"
    assert about["sdk_version"] == pinned["gradio"]
    assert about["python_version"] == "3.11"
    assert (folder / about["app_file"]).is_file()
    assert about["title"] == "dog"
    assert about["pinned"] is False
    assert 0 < len(about["short_description"]) <= 60
    assert "license" not in about
    config = json.loads((folder / "config.json").read_text())
    assert (config["n_layer"], config["n_head"], config["trained_context"]) == (2, 2, 32)
    assert config["activation_function"] == "gelu_new"


def test_examples_are_from_all_over_the_text(folder: Path):
    examples = json.loads((folder / "examples.json").read_text())
    assert len(examples) == 5
    numbers = [int(re.fullmatch(r"Line (\d+) of the play is", example)[1]) for example in examples]  # type: ignore[index]
    assert numbers == sorted(numbers)
    assert numbers[-1] - numbers[0] > 100


def test_a_licence_that_the_hub_knows_is_named(tmp_path: Path):
    source = Source.of(make_run())
    source.config = msgspec.structs.replace(
        source.config, corpus=msgspec.structs.replace(source.config.corpus, licence="CC0-1.0")
    )
    export_space(source, tmp_path / "out", force=False)
    assert front(tmp_path / "out")["license"] == "cc0-1.0"


def test_a_run_without_a_text_has_no_examples(tmp_path: Path):
    run = make_run()
    run.tokens_file.unlink()
    export_space(Source.of(run), tmp_path / "out", force=False)
    assert json.loads((tmp_path / "out" / "examples.json").read_text()) == []


@pytest.mark.parametrize(
    "name", [HOSTILE, "yes", "1.0", "null", "- a", "a: b", "'", "\u00e9\U0001f600", "{0}", "%s $x"]
)
def test_any_name_makes_valid_front_matter(tmp_path: Path, name: str):
    export_space(Source.of(make_run(name=name)), tmp_path / "out", force=False)
    about = front(tmp_path / "out")
    assert about["title"] == (name if len(name) <= 100 else name.strip()[:99] + "…")
    assert set(about) == set(front_fields())
    body = (tmp_path / "out" / "README.md").read_text(encoding="utf-8").split("---\n", 2)[2]
    assert "<script>" not in re.sub(r"\\.", "", body)


def front_fields() -> list[str]:
    """The fields of the front matter of a run whose text has no licence."""
    return [
        *("title", "emoji", "colorFrom", "colorTo", "sdk", "sdk_version", "python_version", "app_file", "pinned"),
        "short_description",
    ]


def test_control_characters_in_a_name_do_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Source, "name", 'a\nsdk: docker\n---\n\x1b[31m\u2028\x85"')
    export_space(Source.of(make_run()), tmp_path / "out", force=False)
    about = front(tmp_path / "out")
    assert about["sdk"] == "gradio"
    assert about["title"] == 'a sdk: docker --- ^[[31m "'


def test_what_is_there_is_kept(tmp_path: Path):
    make_run()
    place = tmp_path / "out"
    place.mkdir()
    (place / "mine").write_text("mine")
    refused = gpt2tui("export", "space", str(place), "--force")
    assert (refused.code, [path.name for path in place.iterdir()]) == (2, ["mine"])
    (place / "mine").unlink()
    export_space(Source.of(make_run()), place, force=False)
    refused = gpt2tui("export", "space", str(place))
    assert refused.code == 2
    assert "--force" in refused.err.splitlines()[-1]
    done = gpt2tui("export", "space", str(place), "--force")
    assert done.code == 0, done.err
    assert sorted(path.name for path in place.iterdir()) == sorted(FILES)


def test_nothing_is_left_of_an_export_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(space, "save_file", full)
    source = Source.of(make_run())
    before = sorted(tmp_path.iterdir())
    with pytest.raises(Gpt2TuiError, match="out cannot be written: No space"):
        export_space(source, tmp_path / "out", force=False)
    assert sorted(tmp_path.iterdir()) == before


def test_it_can_be_imported_again(folder: Path):
    made = gpt2tui("import", str(folder), "--json")
    assert made.code == 0, made.err


# Its way to a hub


class Hub(BaseHTTPRequestHandler):
    """As much of a hub as an upload needs. ``refusing`` is the status it answers with instead, 0 for none."""

    refusing = 0
    asked: list[tuple[str, str, bytes]]

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length")
        body = self.rfile.read(int(length)) if length else self._chunks()
        self.asked.append((self.path, self.headers.get("Authorization") or "", body))
        if self.refusing:
            return self._answer(self.refusing, {"error": "no"})
        if self.path.endswith("/preupload/main"):
            files = [one | {"uploadMode": "regular", "shouldIgnore": False} for one in json.loads(body)["files"]]
            return self._answer(200, {"files": files})
        if "/commit/" in self.path:
            return self._answer(200, {"commitUrl": "http://127.0.0.1/spaces/a/b/commit/c", "commitOid": "c"})
        return self._answer(200, {"url": "http://127.0.0.1/spaces/a/b", "name": "a/b"})

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers.get("Authorization") or "", b""))
        self._answer(self.refusing or 200, {"sha": "c", "id": "a/b", "siblings": [], "private": False})

    do_HEAD = do_GET  # noqa: N815

    def _chunks(self) -> bytes:
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _answer(self, status: int, content: dict[str, Any]) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def hub() -> Iterator[tuple[str, type[Hub]]]:
    """Its address and the class that answers."""

    class Own(Hub):
        asked: list[tuple[str, str, bytes]] = []  # noqa: RUF012

    server = ThreadingHTTPServer(("127.0.0.1", 0), Own)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", Own
    server.shutdown()
    thread.join()
    server.server_close()


def pushed(place: Path, address: str, **changes: str) -> Any:
    """Export a Space and push it, as a person does, to the hub of this address."""
    environment: dict[str, str] = {"HF_ENDPOINT": address, "HF_TOKEN": SECRET, "HF_HUB_OFFLINE": "0"} | changes
    return gpt2tui("export", "space", str(place), "--push", "a/b", **environment)


def test_a_push_makes_the_space_and_sends_all_files(tmp_path: Path, hub: tuple[str, type[Hub]]):
    make_run()
    address, answering = hub
    done = pushed(tmp_path / "out", address)
    assert done.code == 0, done.err
    made = next(body for path, _, body in answering.asked if path == "/api/repos/create")
    assert json.loads(made)["type"] == "space"
    assert json.loads(made)["sdk"] == "gradio"
    commit = next(body for path, _, body in answering.asked if path == "/api/spaces/a/b/commit/main")
    lines = [json.loads(line) for line in commit.splitlines()]
    assert sorted(line["value"]["path"] for line in lines if line["key"] == "file") == sorted(FILES)
    said = {path: authorization for path, authorization, _ in answering.asked}
    assert said["/api/repos/create"] == said["/api/spaces/a/b/commit/main"] == f"Bearer {SECRET}"
    assert SECRET not in done.out + done.err
    assert f"{address}/spaces/a/b" in done.err.splitlines()[-1]
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path


@pytest.mark.parametrize(
    ("status", "changes", "words"),
    [
        (401, {}, "hf auth login"),
        (403, {}, "HF_TOKEN"),
        (500, {}, "500"),
        (0, {"HF_ENDPOINT": "http://127.0.0.1:9"}, "refused"),
        (0, {"HF_HUB_OFFLINE": "1"}, "offline"),
        (0, {"HF_TOKEN": SECRET + "\x01é"}, "a/b was not pushed"),
    ],
)
def test_a_push_that_fails_says_why_in_one_line_and_keeps_the_secret(
    tmp_path: Path, hub: tuple[str, type[Hub]], status: int, changes: dict[str, str], words: str
):
    make_run()
    address, answering = hub
    answering.refusing = status
    done = pushed(tmp_path / "out", changes.get("HF_ENDPOINT", address), **changes)
    assert done.code == 1, done.err
    assert words in done.err.splitlines()[-1]
    assert "a/b was not pushed" in done.err.splitlines()[-1]
    assert "Traceback" not in done.err
    assert SECRET not in done.out + done.err
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(FILES)


def test_a_dry_run_says_what_would_go_and_asks_nobody(tmp_path: Path, hub: tuple[str, type[Hub]]):
    make_run()
    address, answering = hub
    changes = {"HF_ENDPOINT": address, "HF_TOKEN": SECRET, "HF_HUB_OFFLINE": "0"}
    done = gpt2tui("export", "space", str(tmp_path / "out"), "--push", "a/b", "--dry-run", **changes)
    assert done.code == 0, done.err
    for name in FILES:
        assert re.search(rf"would upload {re.escape(name)} \([\d.]+ \w+\)", done.err)
    assert "a/b" in done.err.splitlines()[-1]
    assert answering.asked == []


@pytest.mark.parametrize(
    "target", ["", "a", "a/", "/b", "a/b/c", "a/b c", "a/../b", "https://x/y", "a/b--c", "-a/b", "a/é"]
)
def test_targets_that_name_no_space(folder: Path, target: str):
    with pytest.raises(UsageError, match="OWNER/NAME"):
        push_space(folder, target, dry_run=True, notice=lambda _: None)


def test_without_huggingface_hub(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    said: list[str] = []
    push_space(folder, "a/b", dry_run=True, notice=said.append)
    assert said
    with pytest.raises(Gpt2TuiError, match=r"^pushing needs huggingface_hub: pip install 'gpt2tui\[hub\]'$"):
        push_space(folder, "a/b", dry_run=False, notice=said.append)


# The page in a browser


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
