"""Training and evaluation as a person starts them: exit codes, and what is written where."""

from __future__ import annotations

import io
import json
import math
import os
import sys
from pathlib import Path

import numpy as np
import pexpect
import pytest
import torch
from safetensors.numpy import load_file

from gpt2tui.checkpoints.folder import CheckpointFolder
from gpt2tui.model.transformer import GPT2
from gpt2tui.runs.run import Run
from gpt2tui.runs.store import RunStore
from tests.cli.program import gpt2tui, gpt2tui_command
from tests.runs.synthetic import held, make_run
from tests.tiny import add_checkpoint, tiny_run

SMALL = [
    *("train", "--headless", "--preset", "nano", "--sample-every", "never"),
    *("--block-size", "16", "--batch-size", "2"),
]
STEPS = ["--max-steps", "3"]
SHOW_CURSOR, HIDE_CURSOR = "\x1b[?25h", "\x1b[?25l"


@pytest.fixture
def text(tmp_path: Path) -> str:
    path = tmp_path / "fable.txt"
    path.write_text("The fox looked at the grapes, and the grapes looked at the fox, and nobody spoke of wine. " * 3)
    return str(path)


def the_run(home: Path) -> Run:
    (folder,) = (home / "data" / "runs").iterdir()
    return Run(folder)


def test_the_target_ends_a_run_with_0_and_a_summary_that_says_what_to_type(home: Path, text: str) -> None:
    done = gpt2tui(*SMALL, "--target-loss", "20", text)
    assert done.code == 0, done.err
    run = the_run(home)
    assert f"gpt2tui sample --run {run.id}" in done.out
    assert "target reached" in done.out
    assert "step 1, pass" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(("target", "code"), [(["--no-target"], 0), (["--target-loss", "0"], 4), ([], 4)])
def test_a_limit_is_0_without_a_target_and_4_before_it(home: Path, text: str, target: list[str], code: int) -> None:
    done = gpt2tui(*SMALL, *STEPS, "--json", *target, text)
    assert done.code == code, done.err
    result = json.loads(done.out)
    assert (result["reason"], result["step"], result["run"]) == ("limit", 3, the_run(home).id)


def test_jsonl_is_the_journal_and_nothing_else_on_stdout(home: Path, text: str) -> None:
    done = gpt2tui(*SMALL, *STEPS, "--jsonl", text)
    assert done.code == 4
    assert done.out == the_run(home).events_file.read_text()
    assert [json.loads(line)["type"] for line in done.out.splitlines()].count("step") == 3


def test_whom_a_run_slows_down_is_told_unless_quiet_was_asked_for(store: RunStore, text: str) -> None:
    other = make_run(store, name="hamlet")
    make_run(store, name="on another device", device="cuda")
    warning = "gpt2tui: run hamlet trains on cpu already: both will be slower"
    train = (*SMALL, *STEPS, "--no-target", "--device", "cpu", text)
    with held(other):
        done = gpt2tui(*train)
        assert done.err.splitlines()[0] == warning
        assert warning not in done.out
        again = gpt2tui("resume", store.find().id, "--headless", "--max-steps", "4", "--no-target")
        assert again.err.splitlines()[0] == warning
        assert gpt2tui(*train, "--quiet").err == ""
    assert "slower" not in gpt2tui(*train).err


def test_quiet_says_nothing_of_a_run_that_went_well(text: str) -> None:
    done = gpt2tui(*SMALL, *STEPS, "--no-target", "--quiet", text)
    assert (done.code, done.out, done.err) == (0, "", "")


def test_text_comes_from_stdin_past_the_new_start_of_the_process(home: Path) -> None:
    words = "import subprocess, sys; sys.exit(subprocess.run(sys.argv[1:], input=b'so it goes, ' * 40).returncode)"
    child = pexpect.run(
        f'{sys.executable} -c "{words}" {" ".join(gpt2tui_command())} {" ".join(SMALL)} --max-steps 1 --no-target -',
        withexitstatus=True,
        timeout=60,
    )
    assert child[1] == 0, child[0]
    assert the_run(home).config().corpus.bytes == 12 * 40


def test_the_live_display_draws_and_leaves_the_terminal_as_it_was(home: Path, text: str) -> None:
    child = pexpect.spawn(
        sys.executable,
        ["-m", "gpt2tui", *SMALL, "--max-steps", "40", "--no-target", text],
        encoding="utf-8",
        timeout=60,
        dimensions=(30, 100),
        env=os.environ | {"TERM": "xterm-256color"},
    )
    child.logfile_read = io.StringIO()
    child.expect("tokens/s")
    child.expect(pexpect.EOF)
    child.close()
    shown = child.logfile_read.getvalue()
    assert child.exitstatus == 0
    assert f"gpt2tui sample --run {the_run(home).id}" in shown
    assert shown.rindex(SHOW_CURSOR) > shown.rindex(HIDE_CURSOR)


def test_a_closed_pipe_does_not_end_a_training(home: Path, text: str) -> None:
    command = " ".join([*gpt2tui_command(), *SMALL, "--max-steps", "6", "--no-target", "--jsonl", text])
    pexpect.run(f"bash -c '{command} | head -n 1'", timeout=60)
    last = json.loads(the_run(home).events_file.read_text().splitlines()[-1])
    assert (last["type"], last["reason"], last["step"]) == ("run_finished", "limit", 6)


def test_a_run_begins_with_the_weights_of_another(home: Path, text: str) -> None:
    assert gpt2tui(*SMALL, *STEPS, "--no-target", "--name", "first", text).code == 0
    done = gpt2tui(*SMALL, *STEPS, "--no-target", "--name", "second", "--init", "first", "--jsonl", text)
    assert done.code == 0, done.err
    steps = [event for event in map(json.loads, done.out.splitlines()) if event["type"] == "step"]
    assert steps[0]["loss"] < 10.5
    wrong = gpt2tui("train", "--headless", "--preset", "mini", "--init", "first", text)
    assert wrong.code == 2
    assert "another shape" in wrong.err


def test_eval_meets_the_run_s_own_loss_and_moves_when_a_weight_does(home: Path, text: str) -> None:
    assert gpt2tui(*SMALL, "--target-loss", "20", "--val-fraction", "0.3", text).code == 0
    run = the_run(home)
    own = [event for event in map(json.loads, run.events_file.read_text().splitlines()) if event["type"] == "evaluated"]
    for split in ("train", "validation"):
        answer = json.loads(gpt2tui("eval", "--json", "--split", split).out)
        expected = next(event for event in own if event["split"] == split)
        assert answer["loss"] == pytest.approx(expected["loss"], abs=1e-6)
        assert answer["perplexity"] == pytest.approx(np.exp(answer["loss"]))
        assert (answer["tokens"], answer["step"], answer["run"]) == (expected["tokens"], 1, run.id)
        assert answer["split"] == split
    if "fbgemm" in torch.backends.quantized.supported_engines:
        rounded = json.loads(gpt2tui("eval", "--json", "--split", "validation", "--dtype", "int8").out)
        assert rounded["dtype"] == "int8"
        assert rounded["loss"] != answer["loss"]
        assert rounded["loss"] == pytest.approx(answer["loss"], abs=0.01)
    weights_file = CheckpointFolder(run.checkpoints).find().folder / "model.safetensors"
    weights = {name: torch.from_numpy(array) for name, array in load_file(weights_file).items()}
    weights["ln_f.weight"][0] += 1
    add_checkpoint(run, weights, step=2)
    moved = json.loads(gpt2tui("eval", "--json").out)["loss"]
    before = next(event for event in own if event["split"] == "train")["loss"]
    assert abs(moved - before) > 1e-5


@pytest.mark.parametrize(
    "words", [("eval",), ("eval", "--dtype", "int8"), ("train", "--headless", "--max-steps", "1", "--init", "latest")]
)
def test_what_takes_long_does_not_begin_with_a_damaged_checkpoint(store: RunStore, words: tuple[str, ...]) -> None:
    run = tiny_run(store.folder)
    weights_file = CheckpointFolder(run.checkpoints).find().folder / "model.safetensors"
    data = bytearray(weights_file.read_bytes())
    data[-2] ^= 64
    weights_file.write_bytes(data)
    done = gpt2tui(*words)
    assert (done.code, done.out) == (1, "")
    told = "gpt2tui: checkpoint step-00000004 is damaged: the SHA-256 of model.safetensors is not the recorded one"
    assert done.err.splitlines()[-1] == told
    assert [one.id for one in store.all()] == [run.id]


def test_eval_refuses_a_loss_that_is_not_finite(store: RunStore) -> None:
    run = tiny_run(store.folder)
    weights = GPT2.initialised(run.config().model, seed=1).state_dict()
    weights["ln_f.weight"][0] = math.nan
    add_checkpoint(run, weights, step=5)
    done = gpt2tui("eval", "--json")
    assert (done.code, done.out) == (1, "")
    assert done.err == (
        f"gpt2tui: checkpoint step-00000005 of run {run.id} has no loss in float32 on cpu: it came out as nan; "
        "try another with --checkpoint\n"
    )


def test_eval_takes_another_text(home: Path, text: str, tmp_path: Path) -> None:
    assert gpt2tui(*SMALL, *STEPS, "--no-target", text).code == 0
    other = tmp_path / "other.txt"
    other.write_text("A quite different text, which nobody has trained on.")
    answer = json.loads(gpt2tui("eval", "latest", str(other), "--json").out)
    assert answer["split"] == "text"
    assert answer["tokens"] < 20
    assert gpt2tui("eval", "nobody").code == 2


def test_a_run_that_reached_its_target_says_how_to_go_on_past_it(text: str) -> None:
    assert gpt2tui(*SMALL, "--target-loss", "20", text).code == 0
    done = gpt2tui("resume", "--headless")
    assert done.code == 2
    assert "--no-target" in done.err
    met = gpt2tui("resume", "--headless", "--target-loss", "19.9")
    assert met.code == 2
    assert "a target of 19.9 is reached already; name one below, such as 5." in met.err
    again = gpt2tui("resume", "--headless", "--no-target", "--max-steps", "3", "--json")
    assert again.code == 0, again.err
    assert json.loads(again.out)["step"] == 3


def test_a_resumed_run_is_foretold_from_all_of_its_steps(home: Path, text: str) -> None:
    slowly = ("--recipe", "reference", "--lr", "3e-3", "--warmup", "2")
    gpt2tui(*SMALL, *slowly, "--max-steps", "24", "--target-loss", "0.02", text)
    for option in ("--max-steps", "--max-tokens"):
        met = gpt2tui("resume", the_run(home).id, "--headless", option, "24")
        assert met.code == 2
        assert f"{option} 24 is met; say more, or nothing" in met.err
    done = gpt2tui("resume", the_run(home).id, "--headless", "--max-steps", "25")
    assert done.code == 4, done.err
    (line,) = (line for line in done.err.splitlines() if "step 25, pass" in line)
    assert "target" in line
