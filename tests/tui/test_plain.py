"""Without a screen a run's milestones are said in words, calmly, to its end."""

from __future__ import annotations

import io
import re
import shlex
import signal
from pathlib import Path

import msgspec
import pytest

from gpt2tui.runs.config import Limits
from gpt2tui.runs.events import CheckpointSaved, PhaseChanged, RunFinished, Step
from gpt2tui.runs.paths import Paths
from gpt2tui.runs.run import Run
from gpt2tui.runs.store import RunStore
from gpt2tui.runs.view import RunView
from gpt2tui.tui.terminal.milestones import Milestones
from gpt2tui.tui.terminal.plain import speak, speak_of, speak_of_nothing
from tests.cli.program import gpt2tui
from tests.runs.synthetic import START, append, evaluated, held, make_run, python, started, step, whole_story

PROGRAM = """
import sys
from pathlib import Path
from gpt2tui.runs.run import Run
from gpt2tui.tui.terminal.plain import speak
code = speak(Run(Path(sys.argv[1])))
print("textual" in sys.modules)
sys.exit(code)
"""


def checkpoint_of(size: int) -> CheckpointSaved:
    return CheckpointSaved(time=START, step=1, path="checkpoints/a", bytes=size, seconds=1.0, reason="asked")


def said(run: Run) -> list[str]:
    out = io.StringIO()
    assert speak(run, out) == 0
    return out.getvalue().splitlines()


def assert_can_be_typed(text: str) -> None:
    """Whether each command that is named has the options that it is named with."""
    commands = re.findall(r"gpt2tui (.+?)(?:;|$)", text, re.MULTILINE)
    assert commands
    for command in commands:
        assert gpt2tui(*shlex.split(command), "-h").code == 0, command


def test_a_story_is_told_in_order_and_calmly(store: RunStore) -> None:
    run = make_run(store, limits=Limits(target_loss=0.099999), name="my [play]")
    told = Milestones(run, RunView(run.config()))
    lines = told.opening("new")
    assert lines[0] == "Run my [play]: a GPT-2 of 11.9k parameters on a-play, down to a loss of 0.099999."
    lines = told.take(whole_story())
    steps = [line for line in lines if line.startswith("Step")]
    assert steps[0].startswith("Step 1, pass 0.1: running loss 10.3955")
    assert 8 <= len(steps) <= 25, "470 steps in 470 seconds"
    ways = [int(match[1]) for line in steps if (match := re.search(r"(\d+)% of the way", line))]
    assert ways == sorted(ways)
    assert any(50 <= way <= 55 for way in ways)
    assert any(75 <= way <= 80 for way in ways)
    assert any(re.search(r", about \d+ min.* \(.+ to .+\) left\.$", line) for line in steps)
    assert lines[0] == "The training starts, on cpu."
    assert lines[1] == "It trains."
    assert lines[-5].startswith("Sample at step 470: Once upon^[[31m a time")
    assert lines[-4] == "Warning: the cat walked [over] the keyboard."
    assert lines[-3] == "Checkpoint saved at step 470."
    assert lines[-2] == "Corpus loss at step 470: 0.0910, below the target of 0.099999."
    assert lines[-1] == "The training has ended: target reached, at step 470, after 7 min 50 s."


def test_what_may_end_a_run_before_its_target_is_told_while_it_may(store: RunStore) -> None:
    run = make_run(store, [started()], limits=Limits(target_loss=0.099999, max_steps=600, max_seconds=90))
    told = Milestones(run, RunView.of(run))
    assert "At the latest it ends after 600 steps or 1 min 30 s of this session." in told.opening("training")
    assert not [line for line in told.opening("finished") if "At the latest" in line]


def test_a_quick_run_is_not_told_step_by_step(store: RunStore) -> None:
    run = make_run(store, limits=Limits(target_loss=0.099999))
    told = Milestones(run, RunView(run.config()))
    told.opening("new")
    quick = [
        msgspec.structs.replace(one, time=START + one.step / 1000) for one in whole_story() if isinstance(one, Step)
    ]
    assert len(told.take([started(), *quick])) < 12


def test_pauses_are_told_and_saves_by_what_comes_of_them(store: RunStore) -> None:
    run = make_run(store, [started()])
    told = Milestones(run, RunView.of(run))
    told.opening("starting")
    phases = ["compiling", "training", "evaluating", "training", "saving", "training", "paused", "training"]
    lines = told.take([PhaseChanged(time=START, phase=phase) for phase in phases])  # type: ignore[arg-type]
    assert lines == [
        "The model is being compiled; that may take a minute.",
        "It trains.",
        "It is paused; the model stays loaded.",
        "It goes on.",
    ]


def test_a_partial_corpus_loss_says_that_it_is_above(store: RunStore) -> None:
    run = make_run(store, [started()])
    told = Milestones(run, RunView.of(run))
    assert told.take([evaluated(9, 1.0, partial=True)]) == ["Corpus loss at step 9: above the target."]


def test_a_silent_run_is_told_once(store: RunStore) -> None:
    told = Milestones(run := make_run(store, [started()]), RunView.of(run))
    told.opening("training")
    assert told.watch("training") == []
    assert "stuck" in told.watch("stalled")[0]
    assert told.watch("stalled") == []
    assert told.watch("training") == ["It goes on."]


def test_a_finished_run_is_told_and_left(store: RunStore) -> None:
    run = make_run(store, whole_story())
    lines = said(run)
    assert lines[1] == "State: target reached."
    assert lines[-3] == f"Talk to it with: gpt2tui sample --run {run.id}"
    assert not [line for line in lines if "resume" in line]
    assert_can_be_typed("\n".join(lines[-3:]))


def test_a_crash_is_told_with_the_tail_of_the_log(store: RunStore) -> None:
    run = make_run(store, [started(), step(1)])
    with held(run) as trainer, python(PROGRAM, str(run.folder)) as speaker:
        assert speaker.stdout is not None
        assert speaker.stdout.readline().startswith("Run ")
        run.log_file.write_text("first\nKilled by \x1b[31msomebody\n")
        trainer.kill()
        trainer.wait()
        rest = speaker.stdout.read()
        assert speaker.wait() == 1
    assert "The training process has died" in rest
    assert "Killed by ^[[31msomebody" in rest
    assert f"gpt2tui --plain resume {run.id}" in rest
    assert_can_be_typed(rest)


def test_a_run_that_lies_elsewhere_is_named_by_its_folder(tmp_path: Path) -> None:
    run = make_run(RunStore(tmp_path / "other runs"), whole_story())
    assert said(run)[-3] == f"Talk to it with: gpt2tui sample --run '{run.folder}'"


def test_a_run_whose_folder_is_taken_away_is_gone_and_not_crashed(store: RunStore) -> None:
    run = make_run(store, [started(), step(1)])
    with held(run), python(PROGRAM, str(run.folder)) as speaker:
        assert speaker.stdout is not None
        assert speaker.stdout.readline().startswith("Run ")
        run.folder.rename(run.folder.with_name("moved"))
        rest = speaker.stdout.read()
        assert speaker.wait() == 1
    assert "The run's folder is gone" in rest
    assert "died" not in rest
    assert "--plain resume" not in rest


def test_a_silent_run_on_a_full_disk_is_told_what_to_do(store: RunStore) -> None:
    told = Milestones(run := make_run(store, [started()]), RunView.of(run))
    told.view.fold([checkpoint_of(10**18)])
    told.opening("training")
    assert re.search(r"Its disk is full: free [\d,.]+ TB, and it goes on\.", told.watch("stalled")[0])


def test_it_follows_until_the_end_and_ctrl_c_leaves_the_training(store: RunStore) -> None:
    run = make_run(store, [started(), PhaseChanged(time=START, phase="training"), step(1)])
    with held(run), python(PROGRAM, str(run.folder)) as first, python(PROGRAM, str(run.folder)) as second:
        assert first.stdout is not None
        assert second.stdout is not None
        for speaker in (first, second):
            assert speaker.stdout is not None
            assert any("Ctrl+c ends these lines" in speaker.stdout.readline() for _ in range(6))
        first.send_signal(signal.SIGINT)
        rest = first.stdout.read()
        assert first.wait() == 0
        assert "The training goes on without this." in rest
        assert f"gpt2tui --plain watch {run.id}" in rest
        assert rest.endswith("False\n"), "Textual is not needed"
        append(run, [RunFinished(time=START, reason="stopped", step=1, loss=1.0, seconds=3.0)])
        line = second.stdout.readline()
        while "has ended" not in line:
            line = second.stdout.readline()
            assert line
        assert line == "The training has ended: stopped, at step 1, after 3 s. Nothing was saved.\n"


def test_the_run_that_trains_is_spoken_of_or_else_the_last(store: RunStore, capsys: pytest.CaptureFixture[str]) -> None:
    paths = Paths(data=store.folder.parent, config=store.folder.parent, cache=store.folder.parent)
    assert speak_of(None, [], paths) == 0
    assert "There are no runs yet" in capsys.readouterr().out
    make_run(store, whole_story(), name="old", created=START)
    make_run(store, whole_story(), name="new", created=START + 1)
    assert speak_of(None, [], paths) == 0
    assert "Run new" in capsys.readouterr().out


def test_a_start_beside_another_training_is_warned_about(store: RunStore, capsys: pytest.CaptureFixture[str]) -> None:
    other = make_run(store, [started(), step(1)], name="hamlet")
    words = ["train", "--preset", "nano", "--block-size", "16", "--batch-size", "4", "--max-steps", "1", "--no-target"]
    with held(other):
        assert speak_of(None, words, Paths.from_environment()) == 0
    assert capsys.readouterr().out.startswith("Run hamlet trains on cpu already: both will be slower.\nRun ")


def test_without_a_run_it_says_what_to_do() -> None:
    out = io.StringIO()
    assert speak_of_nothing(out) == 0
    assert "gpt2tui --plain train" in out.getvalue()
    assert_can_be_typed(out.getvalue())
