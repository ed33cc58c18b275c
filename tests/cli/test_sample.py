"""``gpt2tui sample`` as people and pipes use it: real processes, real terminals."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pexpect
import pytest
import torch
from click.testing import Result
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from gpt2tui.checkpoints.folder import CheckpointFolder
from gpt2tui.cli import app
from gpt2tui.corpus.bpe import Tokenizer
from gpt2tui.model.transformer import GPT2
from gpt2tui.runs.config import RunConfig
from gpt2tui.runs.paths import Paths
from gpt2tui.runs.run import Run
from gpt2tui.runs.store import RunStore
from gpt2tui.text import visible
from tests.preloaded import preloaded
from tests.tiny import add_checkpoint, tiny_run, tiny_run_config

COMMAND = [sys.executable, "-m", "gpt2tui", "sample"]
ENDLESS = ["-n", "1000000", "--top-k", "50"]
SECONDS = 60


@pytest.fixture
def run(home: Path) -> Run:
    """A run of random weights in this test's home."""
    return tiny_run(home / "data" / "runs", config=tiny_run_config(name="hamlet"))


def sampled(*arguments: str, stdin: bytes = b"") -> str:
    """What the command writes to stdout, in a process of its own with no terminal anywhere."""
    found = subprocess.run(
        [*preloaded("gpt2tui"), "sample", *arguments], input=stdin, capture_output=True, timeout=SECONDS
    )
    assert found.returncode == 0, found.stderr
    assert found.stderr.decode() == introduced(arguments)
    return found.stdout.decode()


def introduced(arguments: Sequence[str]) -> str:
    """What it says on stderr where that is no terminal, of the only run there is."""
    (run,) = RunStore(Paths.from_environment().runs).all()
    return "" if "--json" in arguments else f"run {run.id}, checkpoint step-00000004, cpu float32\n"


def invoke(*arguments: str, stdin: bytes = b"") -> Result:
    """The same command within this process, which has torch already."""
    # What the command sets, and the runner takes back.
    runner = CliRunner(env={"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"})
    return runner.invoke(app, ["sample", *arguments], input=stdin)


def invoked(*arguments: str) -> str:
    """What it writes to stdout when all is well."""
    result = invoke(*arguments)
    assert (result.exit_code, result.stderr) == (0, introduced(arguments))
    return result.stdout


def answer(*arguments: str) -> dict[str, Any]:
    """What it tells as JSON."""
    found: dict[str, Any] = json.loads(invoked("--json", *arguments))
    return found


def always_saying(text: str, config: RunConfig) -> dict[str, torch.Tensor]:
    """Weights with which the model goes on with ``text`` from whatever place in it the prompt has reached.

    The blocks add nothing. Each position's embedding points to the token that follows there, so strongly that
    no other token has a chance.
    """
    drawn = GPT2.initialised(config.model, seed=0).state_dict()
    weights = {name: torch.zeros_like(tensor) for name, tensor in drawn.items()}
    ids = Tokenizer().encode(text)
    assert len(set(ids)) <= config.model.width
    for index, token in enumerate(dict.fromkeys(ids)):
        weights["wte.weight"][token, index] = 1.0
    for position in range(config.model.block_size):
        weights["wpe.weight"][position] = 100 * weights["wte.weight"][ids[(position + 1) % len(ids)]]
    weights["ln_f.weight"].fill_(100.0)
    return weights


def saying(home: Path, text: str, **changes: Any) -> Run:
    config = tiny_run_config(**changes)
    return tiny_run(home / "data" / "runs", config=config, weights=always_saying(text, config))


def test_the_prompt_and_its_continuation_are_the_only_output(run: Run) -> None:
    text = sampled("To be", "--seed", "1", "-n", "20")
    assert text.startswith("To be")
    assert text.endswith("\n")
    assert len(text) > len("To be") + 20
    assert invoked("To be", "--seed", "1", "-n", "20") == text
    assert invoked("To be", "--seed", "1", "-n", "20", "--no-stream") == text
    assert invoked("To be", "--seed", "1", "-n", "20", "--no-echo") == text.removeprefix("To be")


def test_json_tells_everything(run: Run) -> None:
    options = ["--seed", "1", "-n", "20", "--run", "hamlet", "--checkpoint", "4"]
    found = json.loads(sampled("To be", "--json", *options))
    plain = invoked("To be", "--seed", "1", "-n", "20", "--no-echo")
    assert list(found) == [
        "prompt", "samples", "run", "checkpoint", "step", "seed", "tokens_per_second", "seconds_to_first_token"
    ]  # fmt: skip
    assert found["prompt"] == "To be"
    assert found["samples"][0]["text"].removesuffix("\n") + "\n" == plain
    assert (found["samples"][0]["tokens"], found["samples"][0]["finish"]) == (20, "length")
    assert (found["run"], found["checkpoint"], found["step"], found["seed"]) == (run.id, "step-00000004", 4, 1)
    assert found["tokens_per_second"] > 0
    assert 0 < found["seconds_to_first_token"] < SECONDS


def test_a_seed_that_was_drawn_is_told_and_repeats_the_text(run: Run) -> None:
    first = answer("x", "-n", "10")
    again = answer("x", "-n", "10", "--seed", str(first["seed"]))
    assert first["samples"] == again["samples"]
    assert answer("x", "-n", "10")["seed"] != first["seed"]


def test_the_text_is_the_same_without_drafts(home: Path, run: Run) -> None:
    options = ["-n", "40", "--seed", "3"]
    without = answer("To be", *options, "--no-draft")["samples"]
    assert not list(home.rglob("*.npy"))
    ids = np.array(Tokenizer().encode("To be" + without[0]["text"]), np.uint16)
    run.tokens_file.unlink()
    np.resize(ids, run.config().corpus.tokens).tofile(run.tokens_file)
    for _ in range(2):  # the second finds the index that the first has made
        assert answer("To be", *options)["samples"] == without
    run.tokens_file.unlink()
    assert answer("To be", *options)["samples"] == without


def test_several_samples_are_a_batch_of_consecutive_seeds(run: Run) -> None:
    together = answer("x", "-n", "30", "--seed", "8", "--num-samples", "3")["samples"]
    assert len({one["text"] for one in together}) == 3
    for index, one in enumerate(together):
        assert answer("x", "-n", "30", "--seed", str(8 + index))["samples"] == [one]


def test_samples_are_printed_whole_with_an_empty_line_between(home: Path) -> None:
    saying(home, "Q: yes\n")
    for tokens in ("1", "2"):  # without and with a newline at its end
        assert invoked("Q:", "-n", tokens, "-t", "0", "--num-samples", "2") == "Q: yes\n\nQ: yes\n"


def test_a_stop_text_may_have_a_line_break_as_people_type_it(home: Path) -> None:
    saying(home, "one two\n\nthree")
    assert invoked("one", "-t", "0", "--stop", r"\n\n") == "one two\n"
    assert answer("one", "-t", "0", "--stop", r"\n\n")["samples"][0]["finish"] == "stop"


def test_stop_strings_end_the_text_before_them(home: Path) -> None:
    saying(home, "one two three")
    assert invoked("one", "-t", "0", "--stop", " thr", "--stop", "zzz") == "one two\n"
    found = answer("one", "-t", "0", "--stop", " thr")
    assert found["samples"] == [{"text": " two", "tokens": 2, "finish": "stop"}]


def test_the_prompt_can_come_through_a_pipe(run: Run) -> None:
    given = "Où?\n".encode()
    assert sampled("-", "-n", "5", "--seed", "1", stdin=given).startswith("Où?\n")
    broken = invoke("-", stdin=b"caf\xe9")
    assert (broken.exit_code, broken.stdout) == (2, "")
    assert "not UTF-8: byte 4" in broken.stderr


def test_an_empty_prompt_is_a_text_from_its_beginning(run: Run) -> None:
    assert answer("", "-n", "5", "--seed", "3")["samples"][0]["tokens"] == 5


def test_a_prompt_longer_than_the_block_is_continued_from_its_end(run: Run) -> None:
    tail = " word" * 32  # the block size, in tokens
    long = answer("many more words" + tail, "-n", "10", "--seed", "3")["samples"]
    assert long == answer(tail, "-n", "10", "--seed", "3")["samples"]


def test_another_checkpoint_of_the_run_can_be_asked(run: Run) -> None:
    add_checkpoint(run, GPT2.initialised(run.config().model, seed=99).state_dict(), step=9)
    last = answer("x", "-n", "10", "--seed", "1")
    first = answer("x", "-n", "10", "--seed", "1", "--checkpoint", "4")
    assert (last["step"], first["step"]) == (9, 4)
    assert last["samples"] != first["samples"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["x", "--run", "nobody"], 2, ["nobody"]),
        (["x", "--checkpoint", "5"], 2, ["5", "4"]),
        (["x", "--checkpoint", "newest"], 2, ["newest"]),
        (["x", "--device", "tpu"], 2, ["tpu", "cpu"]),
        (["x", "--dtype", "int4"], 2, ["int4", "float32", "int8"]),
        ([], 2, ["no prompt", "stdin"]),
        (
            ["x", "-n", "0", "-t", "-1", "-k", "-2", "--top-p", "0", "--min-p", "2", "--num-samples", "0"],
            2,
            ["max-new-tokens", "temperature", "top-k", "top-p", "min-p", "num-samples"],
        ),
        (["x", "--repetition-penalty", "0", "--stop", ""], 2, ["repetition-penalty", "stop"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_done_is_one_line(run: Run, arguments: list[str], code: int, words: list[str]) -> None:
    result = invoke(*arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr.count("\n") == 1
    assert all(word in result.stderr for word in words), result.stderr


def test_without_any_run_it_says_how_to_make_one() -> None:
    result = invoke("x")
    assert result.exit_code == 2
    assert "gpt2tui train" in result.stderr


def test_weights_that_are_not_finite_are_one_line(run: Run) -> None:
    path = CheckpointFolder(run.checkpoints).find().folder / "model.safetensors"
    weights = load_file(path)
    weights["h.1.mlp.c_fc.weight"][3, 3] = float("nan")
    save_file(weights, path)
    result = invoke("To be")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.count("\n") == 1
    assert "not finite" in result.stderr


def test_a_file_cut_short_is_named(run: Run) -> None:
    path = CheckpointFolder(run.checkpoints).find().folder / "model.safetensors"
    os.truncate(path, 1000)
    result = invoke("To be")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.count("\n") == 1
    assert "model.safetensors" in result.stderr


def test_a_pipe_gets_control_characters_as_they_are(home: Path) -> None:
    saying(home, "\x1b[31m")
    assert invoked("\x1b", "-n", "3", "-t", "0") == "\x1b[31m\n"


def test_a_reader_that_had_enough_ends_it_quietly(run: Run) -> None:
    with subprocess.Popen(
        [*COMMAND, "To be", *ENDLESS], stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(30)
        process.stdout.close()
        assert process.stderr.read().decode() == introduced(())
        assert process.wait(SECONDS) == 0


def test_ctrl_c_in_a_pipe_ends_the_line_and_leaves_with_130(run: Run) -> None:
    with subprocess.Popen(
        [*COMMAND, "To be", *ENDLESS], stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(30)
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
        assert process.stderr.read().decode() == introduced(())
        assert process.wait(SECONDS) == 130
    assert rest.endswith(b"\n")


class Terminal:
    """The command on a terminal of its own."""

    def __init__(self, *arguments: str) -> None:
        environment = os.environ | {"TERM": "xterm-256color", "INPUTRC": "/dev/null"}
        self.child = pexpect.spawn(
            COMMAND[0],
            [*COMMAND[1:], *arguments],
            env=environment,
            encoding="utf-8",
            timeout=SECONDS,
            dimensions=(24, 200),
        )

    def expect(self, *patterns: str) -> str:
        """Wait for the patterns in turn; return what came before the last of them, and it."""
        for pattern in patterns:
            self.child.expect(pattern)
        return f"{self.child.before}{self.child.after}"

    def drop_line(self) -> None:
        """Press Ctrl-C at the prompt until there is another: between showing a prompt and waiting for keys, Python's
        readline takes a signal for nothing until the next key."""
        for _ in range(5):
            self.child.sendintr()
            if self.child.expect(["Prompt> ", pexpect.TIMEOUT], timeout=SECONDS / 5) == 0:
                return
        raise AssertionError(f"no prompt after Ctrl-C: {self.child.before}")

    def code(self) -> int | None:
        """Wait for its end."""
        self.child.expect(pexpect.EOF)
        self.child.close()
        return self.child.exitstatus


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    """Terminals to be closed at the end, whatever happens."""
    opened: list[Terminal] = []
    yield opened
    for terminal in opened:
        terminal.child.close(force=True)


def test_on_a_terminal_it_narrates_dimly_and_shows_control_characters(home: Path, terminals: list[Terminal]) -> None:
    run = saying(home, "\x1b[31m\tx\n")
    terminal = Terminal("\x1b", "-n", "6", "-t", "0")
    terminals.append(terminal)
    screen = terminal.expect("tokens/s")
    assert f"\x1b[2mrun {run.id}, checkpoint step-00000004, cpu float32" in screen
    assert "^[[31m\tx\r\n" in screen
    assert terminal.code() == 0


def test_a_drawn_seed_is_narrated(run: Run, terminals: list[Terminal]) -> None:
    terminal = Terminal("To be", "-n", "5")
    terminals.append(terminal)
    screen = terminal.expect("tokens/s")
    seed = re.search(r"seed (\d+)", screen)
    assert seed
    assert terminal.code() == 0
    text = invoked("To be", "-n", "5", "--seed", seed[1])
    assert visible(text, keep="\n\t").replace("\n", "\r\n") in screen


def test_the_prompt_loop_answers_until_ctrl_d(home: Path, terminals: list[Terminal]) -> None:
    saying(home, "one two three")
    terminal = Terminal("-t", "0", "-n", "2", "--no-echo")
    terminals.append(terminal)
    terminal.expect("Prompt> ")
    terminal.child.sendline("one")
    assert " two three" in terminal.expect("tokens/s.*Prompt> ")
    terminal.child.sendline("one two")
    assert " three" in terminal.expect("tokens/s.*Prompt> ")
    terminal.child.sendeof()
    assert terminal.code() == 0


def test_ctrl_c_stops_the_stream_and_returns_to_the_prompt(run: Run, terminals: list[Terminal]) -> None:
    terminal = Terminal(*ENDLESS)
    terminals.append(terminal)
    terminal.expect("Prompt> ")
    terminal.drop_line()
    terminal.child.sendline("To be")
    terminal.expect("To be", "To be..........")  # typed, then echoed and going on
    terminal.child.sendintr()
    terminal.expect("Prompt> ")
    terminal.child.sendeof()
    assert terminal.code() == 0


def test_ctrl_c_on_a_terminal_leaves_a_single_prompt_with_130(run: Run, terminals: list[Terminal]) -> None:
    terminal = Terminal("To be", *ENDLESS)
    terminals.append(terminal)
    terminal.expect("To be..........")
    terminal.child.sendintr()
    assert terminal.code() == 130
    assert "Traceback" not in terminal.child.before
