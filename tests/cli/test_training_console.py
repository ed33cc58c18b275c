"""What shows a training never ends it."""

from __future__ import annotations

import io
from collections.abc import Generator
from pathlib import Path

import pytest
from rich.console import Console

from gpt2tui.cli import frame, training_console
from gpt2tui.cli.training_console import Form, Style, follow_training
from gpt2tui.runs.config import Every
from gpt2tui.runs.events import AnyEvent, CheckpointSaved, Step
from gpt2tui.runs.paths import Paths
from gpt2tui.runs.store import RunStore
from gpt2tui.training.session import train
from tests.runs.synthetic import make_run, whole_story
from tests.training.small import small_config, small_run


@pytest.mark.parametrize("form", ["lines", "live"])
def test_a_forecast_that_cannot_be_told_is_told_once_and_the_training_goes_on(
    form: Form, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*arguments: object, **options: object) -> str:
        raise OverflowError("cannot convert float infinity to integer")

    for module, name in ((training_console, "left_words"), (training_console, "event_line"), (frame, "outlook_words")):
        monkeypatch.setattr(module, name, fail)
    picture = io.StringIO()
    monkeypatch.setattr(training_console, "stderr_console", lambda: Console(file=picture, force_terminal=True))
    told: list[AnyEvent] = []

    def story() -> Generator[AnyEvent, None, None]:
        for event in whole_story(40):
            told.append(event)
            yield event

    run = make_run(RunStore(Paths.from_environment().runs), whole_story(40))
    assert follow_training(run, story(), Style(form)) == 0
    assert told == whole_story(40)
    shown = picture.getvalue() + capsys.readouterr().err
    assert "the training goes on, but this could not be shown: OverflowError" in " ".join(shown.split())
    if form == "lines":
        assert shown.count("Traceback") == 1


@pytest.mark.parametrize("form", ["lines", "quiet", "json"])
def test_an_end_that_could_not_save_is_no_success_and_is_told(form: Form, capsys: pytest.CaptureFixture[str]) -> None:
    story = [event for event in whole_story(40) if not isinstance(event, CheckpointSaved)]
    run = make_run(RunStore(Paths.from_environment().runs), story)
    assert follow_training(run, (event for event in story), Style(form)) == 1
    out, err = capsys.readouterr()
    assert ('"unsaved_steps": 40' if form == "json" else "nothing was saved") in out + err
    assert "gpt2tui sample" not in out


@pytest.mark.parametrize("form", ["live", "lines", "quiet", "json", "jsonl"])
@pytest.mark.parametrize(
    ("every", "words"), [(2, "step 3 was not saved; {} step 2"), (9, "nothing was saved; {} the beginning")]
)
def test_an_end_at_once_says_what_is_lost_and_how_to_go_on(
    form: Form,
    every: int,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def show(console: object, event: AnyEvent) -> None:
        if isinstance(event, Step) and event.step == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(training_console._TrainingConsole, "show", show)
    run = small_run(tmp_path, small_config(checkpoint_every=Every(steps=every)))
    with pytest.raises(KeyboardInterrupt):
        follow_training(run, train(run), Style(form))
    assert not run.is_alive()
    told = f"gpt2tui: run {run.id} ended at once; {words.format(f'gpt2tui resume {run.id} --headless goes back to')}"
    assert capsys.readouterr().err.splitlines()[-1] == told
