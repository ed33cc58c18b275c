"""The generation child: its protocol, its stops, its errors, and what never gets into its lines."""

from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from gpt2tui.checkpoints.folder import CheckpointFolder
from gpt2tui.checkpoints.state import MODEL_FILE
from gpt2tui.corpus.bpe import END_OF_TEXT, Tokenizer
from gpt2tui.generation.text import generate_text
from gpt2tui.model.transformer import GPT2
from gpt2tui.runs.dialogue import Failed, Finished, Generate, Load, Loaded, Loading, Prompted, Stop, Token
from gpt2tui.runs.run import Run
from gpt2tui.runs.sampling import SamplingSettings
from tests.generation.child import Child, of, started
from tests.model.referee import randomised
from tests.tiny import tiny_model_config, tiny_run, tiny_run_config

CONTEXT = 32
ENDLESS = SamplingSettings(max_new_tokens=10**9, seed=1)


def model_of(run: Run) -> GPT2:
    """The run's model as :func:`wide_run` made it."""
    config = run.config()
    return randomised(GPT2.initialised(config.model, seed=config.seed), config.seed).eval()


def wide_run(runs: Path, **changes: object) -> Run:
    """A run whose scores differ enough that one token is much likelier than others."""
    config = tiny_run_config(**changes)
    weights = randomised(GPT2.initialised(config.model, seed=config.seed), config.seed).state_dict()
    return tiny_run(runs, config=config, weights=weights)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return wide_run(tmp_path_factory.mktemp("runs"))


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Child]:
    with started(tmp_path / "log") as child:
        yield child


@pytest.fixture(scope="module")
def loaded(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    """A child with the run loaded, which the tests that leave it alive share."""
    with started(tmp_path_factory.mktemp("loaded") / "log") as child:
        child.load(run)
        yield child


def spoken(child: Child, request: Generate) -> tuple[Prompted, list[Token], Finished]:
    prompted, *tokens, end = child.ask(request)
    assert isinstance(prompted, Prompted)
    assert isinstance(end, Finished), end
    assert all(isinstance(token, Token) for token in tokens)
    return prompted, of(tokens, Token), end


def text_of(tokens: list[Token], end: Finished) -> str:
    return "".join(token.text for token in tokens) + end.text


def test_loading_tells_its_stages_and_what_is_loaded(child: Child, run: Run) -> None:
    *stages, end = child.ask(Load(id=5, run=str(run.folder), checkpoint="4", threads=1))
    assert [stage.stage for stage in of(stages, Loading)] == [
        "libraries",
        "device",
        "weights",
        "tokenizer",
        "first_token",
    ]
    shares = [stage.share for stage in of(stages, Loading)]
    assert shares == sorted(shares)
    assert len(stages) == len(shares)
    assert isinstance(end, Loaded)
    assert (end.run, end.checkpoint, end.step) == (run.id, "step-00000004", 4)
    assert (end.device, end.dtype, end.threads, end.context) == ("cpu", "float32", 1, CONTEXT)
    assert end.parameters == run.config().model.parameters
    assert end.seconds > 0


def test_nothing_heavy_is_loaded_before_it_is_asked_for() -> None:
    probe = "import sys, gpt2tui.generation.worker as w; print([n for n in ('torch', 'tiktoken') if n in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", probe], text=True) == "[]\n"


@pytest.mark.parametrize(
    "settings",
    [
        SamplingSettings(max_new_tokens=80, seed=2),
        SamplingSettings(max_new_tokens=80, seed=2, top_k=0, temperature=1.5),
        SamplingSettings(max_new_tokens=40, temperature=0),
        SamplingSettings(max_new_tokens=200, seed=9, top_k=0, stop=("e", "zz")),
    ],
    ids=str,
)
def test_the_texts_in_a_row_are_the_text_that_sampling_gives(
    loaded: Child, run: Run, settings: SamplingSettings
) -> None:
    prompt = "Wörter 😀 "
    prompted, tokens, end = spoken(loaded, Generate(id=7, prompt=prompt, settings=settings))
    pieces = list(generate_text(model_of(run), Tokenizer(), prompt, settings, context=CONTEXT))
    assert prompted.tokens == Tokenizer().encode(prompt)
    assert "".join(prompted.texts) == prompt
    assert len(prompted.texts) == len(prompted.tokens)
    assert [token.token for token in tokens] == [piece.token for piece in pieces]
    assert [token.text for token in tokens] == [piece.text for piece in pieces]
    assert [token.index for token in tokens] == list(range(len(pieces)))
    assert end.finish == pieces[-1].finish
    assert end.text == ""
    assert end.tokens == len(tokens)
    assert not any(stop in text_of(tokens, end) for stop in settings.stop)
    assert 0 < (end.seconds_to_first_token or 0) <= end.seconds


def test_the_seed_that_is_told_gives_the_same_text_again(loaded: Child) -> None:
    settings = SamplingSettings(max_new_tokens=30, top_k=0, temperature=2.0)
    prompted, tokens, _ = spoken(loaded, Generate(id=8, prompt="x", settings=settings))
    other, others, _ = spoken(loaded, Generate(id=9, prompt="x", settings=settings))
    assert prompted.seed != other.seed
    assert [token.token for token in tokens] != [token.token for token in others]
    seeded = SamplingSettings(max_new_tokens=30, top_k=0, temperature=2.0, seed=prompted.seed)
    _, again, _ = spoken(loaded, Generate(id=10, prompt="x", settings=seeded))
    assert again == [msgspec.structs.replace(token, id=10) for token in tokens]


def test_exact_tokens_are_continued_exactly(loaded: Child) -> None:
    greedy = SamplingSettings(max_new_tokens=20, temperature=0, repetition_penalty=1.5)
    prompted, tokens, _ = spoken(loaded, Generate(id=11, prompt="Once", settings=greedy))
    drawn = [token.token for token in tokens]
    for kept in (1, 7, 19):
        rest = SamplingSettings(max_new_tokens=20 - kept, temperature=0, repetition_penalty=1.5)
        start = prompted.tokens + drawn[:kept]
        branch, others, end = spoken(loaded, Generate(id=12, prompt="ignored", tokens=start, settings=rest))
        assert branch.tokens == start
        assert [token.token for token in others] == drawn[kept:]
        assert [token.probability for token in others] == pytest.approx(
            [token.probability for token in tokens[kept:]], rel=1e-4
        )
        whole = "".join(branch.texts) + text_of(others, end)
        assert whole == Tokenizer().decode_bytes(start + drawn[kept:]).decode("utf-8", errors="replace")


def test_an_empty_prompt_is_one_token_that_can_be_continued(loaded: Child) -> None:
    settings = SamplingSettings(max_new_tokens=1, temperature=0)
    prompted, (token,), _ = spoken(loaded, Generate(id=13, prompt="", settings=settings))
    assert (prompted.tokens, prompted.texts) == ([END_OF_TEXT], [""])
    _, (same,), _ = spoken(loaded, Generate(id=14, tokens=prompted.tokens, settings=settings))
    assert same.token == token.token


def test_what_the_model_does_not_see_of_a_long_prompt_is_counted(loaded: Child) -> None:
    tokens = list(range(100, 100 + CONTEXT + 9))
    settings = SamplingSettings(max_new_tokens=1, temperature=0)
    prompted, (token,), _ = spoken(loaded, Generate(id=15, tokens=tokens, settings=settings))
    assert (prompted.tokens, prompted.dropped) == (tokens, 9)
    _, (same,), _ = spoken(loaded, Generate(id=16, tokens=tokens[9:], settings=settings))
    assert same.probability == pytest.approx(token.probability, rel=1e-5)


def test_a_stop_ends_the_text_and_what_waits_is_answered(loaded: Child) -> None:
    loaded.say(Generate(id=20, prompt="x", settings=ENDLESS), Generate(id=21, prompt="y", settings=ENDLESS))
    while not isinstance(loaded.hear(), Token):
        continue
    loaded.say(Stop(id=21), Stop(id=99), Stop(id=20))
    end = loaded.hear_all(20)[-1]
    assert isinstance(end, Finished)
    assert end.finish == "stopped"
    prompted, waited = loaded.hear_all(21)
    assert isinstance(prompted, Prompted)
    assert isinstance(waited, Finished)
    assert (waited.finish, waited.tokens, waited.seconds_to_first_token) == ("stopped", 0, None)
    loaded.say(Stop(id=20))  # it has ended; nothing may happen to others
    _, tokens, _ = spoken(loaded, Generate(id=22, prompt="x", settings=SamplingSettings(max_new_tokens=5)))
    assert len(tokens) == 5


def test_loading_can_be_stopped(child: Child, run: Run) -> None:
    child.say(Load(id=1, run=str(run.folder)), Stop(id=1))
    end = child.hear_all(1)[-1]
    assert isinstance(end, Failed)
    assert end.kind == "stopped"
    child.load(run, id=2)


def test_another_checkpoint_takes_the_place_of_the_first(child: Child, run: Run, tmp_path: Path) -> None:
    other = wide_run(tmp_path / "runs", seed=77)
    greedy = SamplingSettings(max_new_tokens=10, temperature=0)
    drawn = []
    for turn, chosen in enumerate((run, other, run)):
        assert child.load(chosen, id=2 * turn).run == chosen.id
        _, tokens, _ = spoken(child, Generate(id=2 * turn + 1, prompt="x", settings=greedy))
        drawn.append([token.token for token in tokens])
    assert drawn[0] == drawn[2] != drawn[1]


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        (Generate(id=30, settings=SamplingSettings(temperature=-1, top_p=3)), "temperature.*; top-p"),
        (Generate(id=30, tokens=[1, 50_257]), "token 50257 is none of the model's 50,257"),
        (Generate(id=30, tokens=[-1]), "token -1"),
    ],
    ids=str,
)
def test_a_wrong_generation_is_told_and_the_next_one_works(loaded: Child, request_: Generate, text: str) -> None:
    (failed,) = loaded.ask(request_)
    assert isinstance(failed, Failed)
    assert failed.kind == "usage"
    assert re.search(text, failed.text)
    spoken(loaded, Generate(id=31, prompt="x", settings=SamplingSettings(max_new_tokens=1)))


def test_a_load_that_fails_says_why_and_the_next_one_works(child: Child, run: Run, tmp_path: Path) -> None:
    torn = wide_run(tmp_path / "torn")
    weights = CheckpointFolder(torn.checkpoints).find().folder / MODEL_FILE
    weights.write_bytes(weights.read_bytes()[:-100])
    cases = [
        (Load(id=1, run=str(torn.folder)), "failed", "step-00000004 is damaged"),
        (Load(id=2, run=str(tmp_path / "gone")), "failed", "cannot be read"),
        (Load(id=3, run=str(run.folder), checkpoint="17"), "usage", "no checkpoint of step 17"),
        (Load(id=4, run=str(run.folder), device="abacus"), "usage", "no device named 'abacus'"),
        (Load(id=5, run=str(run.folder), dtype="int3"), "usage", "no dtype named 'int3'"),
        (Load(id=6, run=str(run.folder), threads=0), "usage", "threads must be at least 1"),
    ]
    for request, kind, text in cases:
        end = child.ask(request)[-1]
        assert isinstance(end, Failed)
        assert (end.kind, "\n" in end.text) == (kind, False)
        assert text in end.text
        (failed,) = child.ask(Generate(id=50 + request.id, prompt="x"))
        assert isinstance(failed, Failed)
        assert "no model is loaded" in failed.text
    child.load(run, id=60)


@pytest.mark.parametrize(
    ("line", "id"),
    [
        (b"\n", 0),
        (b"{}\n", 0),
        (b'{"type":"sing","id":4}\n', 4),
        (b'{"type":"generate","id":5,"prompt":7}\n', 5),
        (b'{"type":"stop","id":"x"}\n', 0),
        (b"\xff\xfe\n", 0),
    ],
    ids=str,
)
def test_a_line_that_is_no_request_is_told(loaded: Child, line: bytes, id: int) -> None:
    loaded.write(line)
    (failed,) = loaded.hear_all(id)
    assert isinstance(failed, Failed)
    assert "a request cannot be read" in failed.text


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="prlimit is Linux's")
def test_memory_that_runs_out_is_told_and_the_child_goes_on(child: Child, tmp_path: Path) -> None:
    # Keys and values for a context of 1,000,000 are 256 MB, the tiny weights 67 MB.
    far = 1_000_000
    config = tiny_model_config(vocabulary_size=300, block_size=far)
    run = wide_run(tmp_path / "runs", model=config, block_size=far)
    child.load(run)
    pid = child.process.pid
    used = int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * resource.getpagesize()
    before = resource.prlimit(pid, resource.RLIMIT_AS)
    resource.prlimit(pid, resource.RLIMIT_AS, (used + (50 << 20), before[1]))
    request = Generate(id=2, tokens=[1, 2, 3], settings=SamplingSettings(max_new_tokens=2, temperature=0))
    end = child.ask(request)[-1]
    assert isinstance(end, Failed), end
    assert end.kind == "out_of_memory"
    assert "\n" not in end.text
    resource.prlimit(pid, resource.RLIMIT_AS, before)
    spoken(child, request)


NOISY = """
import ctypes, os, subprocess, sys
from gpt2tui.generation import worker
from gpt2tui.generation.channel import Channel

reply = Channel.reply

def noisy(self, message):
    print("python says")
    print("python warns", file=sys.stderr)
    os.write(1, b"descriptor one\\n")
    os.write(2, b"descriptor two\\n")
    libc = ctypes.CDLL(None)
    libc.puts(b"C says")
    libc.fflush(None)
    subprocess.run(["sh", "-c", "echo a child says; cat"])
    print("waits", os.environ.get("OMP_WAIT_POLICY"), "x" * int(os.environ.get("LENGTH", "0")))
    reply(self, message)

Channel.reply = noisy
worker.main()
"""


def test_nothing_that_is_printed_gets_into_the_lines(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY")
    with started(tmp_path / "log", ("-c", NOISY)) as child:
        child.load(run)
        _, tokens, _ = spoken(child, Generate(id=2, prompt="x", settings=SamplingSettings(max_new_tokens=4)))
        assert len(tokens) == 4
    log = (tmp_path / "log").read_text()
    for noise in ("python says", "python warns", "descriptor one", "descriptor two", "C says", "a child says"):
        assert log.count(noise) == 12, noise  # five stages, loaded, prompted, four tokens, finished
    assert log.count("waits PASSIVE") >= 11


def test_the_log_stays_small(tmp_path: Path, run: Run) -> None:
    with started(tmp_path / "log", ("-c", NOISY), LENGTH="300000") as child:
        child.load(run)
        spoken(child, Generate(id=2, prompt="x", settings=SamplingSettings(max_new_tokens=10)))
        assert (tmp_path / "log").stat().st_size < 1_500_000
    assert "waits PASSIVE" in (tmp_path / "log").read_text()


UNLUCKY = """
from gpt2tui.generation import worker

def load(self, request):
    raise ValueError("nobody\\nthought of this \\x1b[2J")

worker.Worker._load = load
worker.main()
"""


def test_an_error_that_nobody_thought_of_is_one_line_and_the_log_has_the_rest(tmp_path: Path, run: Run) -> None:
    with started(tmp_path / "log", ("-c", UNLUCKY)) as child:
        (failed,) = child.ask(Load(id=1, run=str(run.folder)))
        assert isinstance(failed, Failed)
        assert failed.kind == "unexpected"
        assert failed.text == "unexpected ValueError: nobody thought of this ^[[2J (the log has the details)"
        (other,) = child.ask(Generate(id=2))
        assert isinstance(other, Failed)
    assert "Traceback" in (tmp_path / "log").read_text()


def test_the_child_leaves_when_its_stdin_is_closed(child: Child) -> None:
    child.close_stdin()
    assert child.wait() == 0


@pytest.mark.parametrize("is_read", [True, False], ids=["read", "unread"])
def test_the_child_leaves_in_the_middle_of_a_text(child: Child, run: Run, is_read: bool) -> None:
    child.load(run)
    child.say(Generate(id=2, prompt="x", settings=ENDLESS))
    child.hear()
    if is_read:
        for _ in range(5):
            child.hear()
    child.close_stdin()
    assert child.wait() == 0


def test_the_child_leaves_when_nobody_reads_its_replies(child: Child, run: Run) -> None:
    child.load(run)
    child.say(Generate(id=2, prompt="x", settings=ENDLESS))
    child.hear()
    assert child.process.stdout is not None
    child.process.stdout.close()
    assert child.wait() == 0


def test_ctrl_c_in_the_terminal_is_not_for_the_child(loaded: Child) -> None:
    os.kill(loaded.process.pid, signal.SIGINT)
    spoken(loaded, Generate(id=70, prompt="x", settings=SamplingSettings(max_new_tokens=2)))


def test_a_child_may_live_longer_than_one_reply_may_take(tmp_path: Path) -> None:
    with started(tmp_path / "log", patience=3.0) as child:
        end = time.monotonic() + 1.2 * child.patience
        while time.monotonic() < end:
            child.ask(Generate(id=80))
            time.sleep(0.1)


def test_a_child_that_says_nothing_does_not_hold_up_the_tests(tmp_path: Path) -> None:
    with started(tmp_path / "log", ("-c", "import signal; signal.pause()"), patience=0.2) as child:
        with pytest.raises(AssertionError, match="the child is gone"):
            child.hear()
        assert child.wait() == -signal.SIGKILL
