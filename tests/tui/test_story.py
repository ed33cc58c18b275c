"""Stories on real terminals: from the form to a model that answers, and back; several viewers of one run."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import resources

import pytest

from gpt2tui.runs.events import RunFinished
from gpt2tui.runs.paths import Paths
from gpt2tui.runs.store import RunStore
from gpt2tui.runs.transcript import Transcripts
from gpt2tui.runs.view import RunView
from tests.runs.synthetic import wait_until
from tests.tui.terminal import Terminal, modes_on

APP = [sys.executable, "-m", "gpt2tui"]
SIZE = (120, 36)
ENTER, F1 = b"\r", b"\x1bOP"
BUNDLED = resources.files("gpt2tui.corpus").joinpath("data/bundled.txt")


def picture(terminal: Terminal) -> str:
    return "\n".join(terminal.screen.display)


def leave(terminal: Terminal) -> str:
    """Go to Train and press q; what stays on the normal screen."""
    terminal.send(F1)
    terminal.wait_for("loss, log")
    terminal.send(b"q")
    assert terminal.wait_end() == 0
    assert terminal.is_as_before
    assert modes_on(terminal.output) <= {"7", "25"}
    return terminal.output.rpartition(b"\x1b[?1049l")[2].decode()


@pytest.mark.parametrize("text", ["play.txt", pytest.param("", marks=pytest.mark.slow)], ids=["short", "bundled"])
def test_from_an_empty_home_to_a_model_that_answers(text, tmp_path, monkeypatch):
    """On some 360 tokens, a short part of the bundled corpus, or for minutes on all of it."""
    (tmp_path / "play.txt").write_text(BUNDLED.read_text("utf-8")[:1_100])
    monkeypatch.chdir(tmp_path)
    with Terminal(APP, size=SIZE) as terminal:
        terminal.wait_for("A new run")
        terminal.wait_for("Files, folders, globs")  # the meaning of the first field, which now has the keys
        terminal.send(text.encode() + b"\t\t" + ENTER)  # over the chooser to the preset
        terminal.wait_for("nano, 7.0M")
        terminal.send(b"nano" + ENTER)  # the list finds what is typed
        terminal.wait_for("nano, 7.0M parameters")
        terminal.send(b"\t\t\t\t\t")
        terminal.wait_for("What to call the run")
        terminal.send(b"first light")
        terminal.wait_for("'first light'")
        terminal.send(b"\x13")
        terminal.wait_for("● training")
        (run,) = RunStore(Paths.from_environment().runs).all()
        words = leave(terminal)
    assert f"gpt2tui watch {run.id}" in words
    assert run.is_alive()

    with Terminal([*APP, "watch", "first"], size=SIZE) as terminal:
        terminal.patience = 900
        terminal.wait_for("Below the target")
        terminal.patience = 30
        finished = list(run.events())[-1]
        assert isinstance(finished, RunFinished)
        assert finished.reason == "target_reached"
        corpus_loss = RunView.of(run).corpus_loss
        assert corpus_loss is not None
        assert corpus_loss.loss < 0.099999

        terminal.send(b"2")
        terminal.wait_for("A text for the model to go on from")
        terminal.send(b"JORY:" + ENTER)
        terminal.wait_until(lambda: re.search(r"tokens/s", picture(terminal)), "an answer with its rate")
        wait_until(lambda: Transcripts(run).read(), seconds=30)
        (turn,) = Transcripts(run).read()
        assert turn.prompt == "JORY:"
        answer = [line.strip() for line in turn.text.splitlines() if line.strip()][-1][:40]  # in sight, long or short
        terminal.wait_for(answer)
        words = leave(terminal)
    assert "target reached" in words
    assert f"gpt2tui sample --run {run.id}" in words

    with Terminal([*APP, "watch", "first"], size=SIZE) as terminal:
        terminal.wait_for("Below the target")
        terminal.send(b"2")
        terminal.wait_for(answer)  # what was said is kept with the run
        leave(terminal)


def test_a_training_without_the_app_has_several_viewers_and_outlives_their_ends():
    words = ["train", "--headless", "--quiet", "--preset", "nano", "--block-size", "16", "--batch-size", "4"]
    words += ["--no-target", "--sample-every", "never"]
    store = RunStore(Paths.from_environment().runs)
    with subprocess.Popen([*APP, *words]) as trainer:
        try:
            wait_until(lambda: any(run.is_alive() for run in store.all()), seconds=60)
            (run,) = store.all()
            with Terminal([*APP, "watch"], size=SIZE) as one, Terminal([*APP, "watch"], size=SIZE) as other:
                for viewer in (one, other):
                    viewer.wait_for("● training")
                one.send(b" ")
                other.wait_for("space goes on")
                other.send(b" ")
                one.wait_until(lambda: re.search(r"\d\d goes on", picture(one)), "the end of the pause")
                one.process.kill()
                other.hang_up()
                assert other.wait_end() != 0
            steps = run.series_file.stat().st_size
            wait_until(lambda: run.series_file.stat().st_size > steps, seconds=60)
            with Terminal([*APP, "watch"], size=SIZE) as viewer:
                viewer.wait_for("● training")
                viewer.send(b"x")
                viewer.wait_for("save and stop")
                viewer.send(b"s")
                viewer.wait_for("Stopped and saved")
                leave(viewer)
            assert trainer.wait() == 4
        finally:
            trainer.kill()
