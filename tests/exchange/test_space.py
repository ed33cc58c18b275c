"""The Space: its files, its model beside ours, what it refuses, how it is pushed, and in a real browser."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import types
import venv
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file

from gpt2tui.corpus.bpe import Tokenizer
from gpt2tui.errors import Gpt2TuiError, UsageError
from gpt2tui.exchange.source import Source
from gpt2tui.exchange.space import REQUIREMENTS, export_space, push_space
from gpt2tui.model.transformer import GPT2
from gpt2tui.runs.paths import Paths
from gpt2tui.runs.run import Label, Run
from tests.browser import CHROMIUM, opened
from tests.cli.program import gpt2tui
from tests.tiny import tiny_model_config, tiny_run, tiny_run_config

TOKEN = "hf_secretsecretsecret"  # noqa: S105


@pytest.fixture(params=["gelu_new", "gelu"])
def run(request: pytest.FixtureRequest) -> Run:
    config = tiny_run_config(model=tiny_model_config(activation=request.param), name="dog")
    model = GPT2.initialised(config.model, seed=3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0.0, 0.3, generator=torch.Generator().manual_seed(parameter.numel()))
    return tiny_run(Paths.from_environment().runs, config=config, weights=model.state_dict())


@pytest.fixture
def folder(run: Run, tmp_path: Path) -> Path:
    export_space(Source.of(run), tmp_path / "space", force=False)
    return tmp_path / "space"


class RefusalError(Exception):
    """Stands for gradio's Error."""

    def __init__(self, message: str, **_: Any) -> None:
        super().__init__(message)


@pytest.fixture
def app(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The Space's app.py as a module, without gradio."""
    monkeypatch.setitem(sys.modules, "gradio", types.SimpleNamespace(Error=RefusalError))
    monkeypatch.setenv("GRADIO_ANALYTICS_ENABLED", "False")
    spec = importlib.util.spec_from_file_location("space_app", folder / "app.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_its_files(run: Run, folder: Path):
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md",
        "app.py",
        "config.json",
        "examples.json",
        "gpt2.tiktoken",
        "model.safetensors",
        "requirements.txt",
    ]
    weights = load_file(folder / "model.safetensors")
    for name, tensor in Source.of(run).tensors.items():
        assert torch.equal(weights[name], tensor)
    assert "gpt2tui" not in (folder / "requirements.txt").read_text()
    assert "import gpt2tui" not in (folder / "app.py").read_text()


@pytest.mark.parametrize("name", ["dog", 'a "quoted": name # x', "--- | `x` 🪶", "Die Räuber " * 12])
def test_the_front_matter_is_valid_whatever_the_name(run: Run, tmp_path: Path, name: str):
    run.set_label(Label(name=name))
    export_space(Source.of(run), tmp_path / "space", force=False)
    text = (tmp_path / "space" / "README.md").read_text()
    front = yaml.safe_load(text.split("\n---\n")[0].removeprefix("---\n"))
    assert front["title"] == " ".join(name.split())
    assert (front["sdk"], front["app_file"]) == ("gradio", "app.py")
    assert front["sdk_version"] == REQUIREMENTS["gradio"]
    assert len(front["short_description"]) <= 60


def test_its_model_is_ours(run: Run, app: Any, folder: Path):
    ours, theirs = Source.of(run).model, app.GPT2(folder, "cpu")
    ids = torch.randint(0, 50257, (1, 24), generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected = ours(ids)[0]
    cache: list[Any] = []
    parts = [theirs.logits(ids[0, a:b].tolist(), cache) for a, b in ((0, 10), (10, 11), (11, 24))]
    torch.testing.assert_close(torch.cat(parts), expected, atol=1e-4, rtol=0)


def test_its_greedy_text_is_ours_and_goes_on_past_the_window(run: Run, app: Any, folder: Path):
    theirs, tokenizer = app.GPT2(folder, "cpu"), Tokenizer()
    settings = {"top_k": 50, "top_p": 1.0, "temperature": 0.0, "seed": 1}
    ids = list(theirs.tokens(tokenizer.encode("The dog"), 20, **settings))
    said = gpt2tui("sample", "The dog", "--run", "dog", "-t", "0", "-n", "20", "--no-draft", "--json")
    text = json.loads(said.out)["samples"][0]["text"]
    assert tokenizer.decode_bytes(ids).decode("utf-8", errors="replace") == text
    assert len(list(theirs.tokens([1, 2], 100, **(settings | {"temperature": 1.0})))) == 100, "three windows"
    drawn = [list(theirs.tokens([1, 2], 9, **(settings | {"temperature": 1.0}))) for _ in range(2)]
    assert drawn[0] == drawn[1], "a seed is a text"
    assert list(theirs.tokens([], 3, **settings)), "an empty prompt begins a text"


def test_its_tokenizer_is_ours(app: Any, folder: Path):
    theirs, ours = app.tokenizer(folder), Tokenizer()
    for text in ("It's 10 o'clock,  they'll\n\n say", "日本 👩‍👩‍👧 \x00 <|endoftext|>"):
        assert theirs.encode_ordinary(text) == ours.encode(text)


def test_the_filters(app: Any):
    scores = torch.tensor([0.0, 3.0, 2.0, 1.0])
    draw = torch.Generator().manual_seed(0)
    assert app.pick(scores, 50, 1.0, 0.0, draw) == 1
    assert {app.pick(scores, 2, 1.0, 2.0, draw) for _ in range(60)} == {1, 2}
    assert {app.pick(scores, 50, 0.05, 2.0, draw) for _ in range(60)} == {1}
    assert {app.pick(scores, 50, 1.0, 2.0, draw) for _ in range(200)} == {0, 1, 2, 3}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (("x" * 5000, 10, 50, 1, 1, 0), "4,000"),
        (("x", 0, 50, 1, 1, 0), "Length"),
        (("x", float("nan"), 50, 1, 1, 0), "Length"),
        (("x", 10, 1e9, 1, 1, 0), "Top-k"),
        (("x", 10, 50, -1, 1, 0), "Top-p"),
        (("x", 10, 50, 1, float("inf"), 0), "Temperature"),
        (("x", 10, 50, 1, 1, None), "Seed"),
    ],
)
def test_nonsense_is_refused_politely(app: Any, settings: tuple[Any, ...], words: str):
    with pytest.raises(RefusalError, match=words):
        app.checked(*settings)


def test_sense_is_taken(app: Any):
    found = app.checked("x", 10.0, 50.0, 0.9, 1, 7)
    assert found == {"length": 10, "top_k": 50, "top_p": 0.9, "temperature": 1, "seed": 7}
    assert app.checked("x", 10, 50, 1, 1, 0)["seed"] > 0


def test_a_destination_that_exists_is_kept(run: Run, folder: Path):
    with pytest.raises(UsageError, match="--force"):
        export_space(Source.of(run), folder, force=False)
    export_space(Source.of(run), folder, force=True)


# Pushing


def test_a_dry_run_says_what_would_go_and_asks_nobody(run: Run, tmp_path: Path):
    said = gpt2tui("export", "space", str(tmp_path / "s"), "--run", "dog", "--push", "me/dog", "--dry-run")
    assert said.code == 0, said.err
    assert said.err.count("would upload") == 7
    assert "spaces/me/dog" in said.err


@pytest.mark.parametrize("target", ["dog", "/dog", "me/", "a/b/c"])
def test_a_target_that_is_none(folder: Path, target: str):
    with pytest.raises(UsageError, match="OWNER/NAME"):
        push_space(folder, target, dry_run=True, notice=print)


class Hub:
    """A hub on loopback, which keeps what it is asked and answers with one status."""

    def __init__(self, status: int) -> None:
        self.status = status
        self.asked: list[tuple[str, str | None]] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        lines = head.split("\r\n")
        tokens = [line.split(": ", 1)[1] for line in lines if line.lower().startswith("authorization:")]
        self.asked.append((lines[0], tokens[0] if tokens else None))
        body = b'{"error": "no"}'
        head = f"HTTP/1.1 {self.status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        writer.write(f"{head}Connection: close\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()


async def test_a_refusal_of_the_hub_is_one_line_without_the_token(run: Run, tmp_path: Path):
    hub = Hub(403)
    server = await asyncio.start_server(hub, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    words = ("export", "space", str(tmp_path / "s"), "--run", "dog", "--push", "me/dog")
    said = await asyncio.to_thread(gpt2tui, *words, HF_ENDPOINT=address, HF_TOKEN=TOKEN, HF_HUB_OFFLINE="0")
    server.close()
    assert said.code == 1
    assert "me/dog was not pushed" in said.err.splitlines()[-1]
    assert hub.asked[0][1] == f"Bearer {TOKEN}"
    assert "POST /api/repos/create" in hub.asked[0][0]
    assert TOKEN not in said.out + said.err
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or TOKEN.encode() not in path.read_bytes()


def test_what_is_pushed(folder: Path, monkeypatch: pytest.MonkeyPatch):
    import huggingface_hub

    calls: list[tuple[str, dict[str, Any]]] = []

    class Api:
        def create_repo(self, target: str, **options: Any) -> None:
            calls.append((target, options))

        def upload_folder(self, **options: Any) -> str:
            calls.append(("upload", options))
            return "https://huggingface.co/spaces/me/dog"

    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    notices: list[str] = []
    push_space(folder, "me/dog", dry_run=False, notice=notices.append)
    (target, made), (_, uploaded) = calls
    assert (target, made["repo_type"], made["space_sdk"]) == ("me/dog", "space", "gradio")
    assert (uploaded["repo_id"], uploaded["repo_type"], uploaded["folder_path"]) == ("me/dog", "space", folder)
    assert notices == ["pushed to https://huggingface.co/spaces/me/dog"]


def test_without_a_network_it_is_one_line(folder: Path, monkeypatch: pytest.MonkeyPatch):
    import huggingface_hub

    class Api:
        def create_repo(self, *_: Any, **__: Any) -> None:
            raise OSError("the network is unreachable\nmore")

    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    with pytest.raises(Gpt2TuiError, match=r"me/dog was not pushed: the network is unreachable$"):
        push_space(folder, "me/dog", dry_run=False, notice=print)


# In a browser


@pytest.mark.slow
async def test_in_a_clean_environment_and_a_browser_the_text_streams_and_stops(run: Run, tmp_path: Path):
    """Set KEEP_PICTURE to a file to keep what it looked like."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium")
    export_space(Source.of(run), tmp_path / "space", force=False)
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    install = [python, "-m", "pip", "install", "-q", "-r", tmp_path / "space" / "requirements.txt"]
    done = await asyncio.to_thread(subprocess.run, install, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"pip cannot install gradio here: {done.stderr[-200:]}")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1"}
    server = await asyncio.create_subprocess_exec(
        python, "app.py", cwd=tmp_path / "space", env=environment, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert server.stdout
        line = (await asyncio.wait_for(server.stdout.readline(), 90)).decode()
        address = line.split()[-1]
        assert address.startswith("http://127.0.0.1:"), line
        async with opened(address, width=1200, height=900) as page:
            await page.until("!!document.querySelector('textarea')")
            await page.value("document.querySelector('textarea').focus()")
            await page.write("The dog")
            await page.value(pressed("Generate"))
            shown = "document.querySelectorAll('textarea')[1].value"
            first = await page.until(f"{shown}.length > 7 && {shown}")
            await page.until(f"{shown}.length > {len(first)}")
            if keep := os.environ.get("KEEP_PICTURE"):
                Path(keep).write_bytes(await page.picture())
            await page.value(pressed("Stop"))
            await page.until("[...document.querySelectorAll('input, textarea')].some(one => one.value == 'stopped')")
            assert page.hosts == {"127.0.0.1"}
            assert page.errors == []
    finally:
        with contextlib.suppress(ProcessLookupError):
            server.kill()
        await server.wait()


def pressed(words: str) -> str:
    return f"[...document.querySelectorAll('button')].find(one => one.innerText == {json.dumps(words)}).click()"
