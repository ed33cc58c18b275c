"""What shows a training never ends it."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from rich.console import Console

from gpt2tui.cli import frame, training_console
from gpt2tui.cli.training_console import Form, Style, follow_training
from gpt2tui.runs.events import AnyEvent, CheckpointSaved
from gpt2tui.runs.paths import Paths
from gpt2tui.runs.store import RunStore
from tests.runs.synthetic import make_run, whole_story


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

    def story() -> Iterator[AnyEvent]:
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
    assert follow_training(run, iter(story), Style(form)) == 1
    out, err = capsys.readouterr()
    assert ('"unsaved_steps": 40' if form == "json" else "nothing was saved") in out + err
    assert "gpt2tui sample" not in out
