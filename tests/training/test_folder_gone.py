"""A run whose folder is moved away while it trains ends by itself, and can be resumed once it is back."""

from __future__ import annotations

from pathlib import Path

from gpt2tui.runs.events import CheckpointSaved, Step
from gpt2tui.runs.run import Run
from tests.training.small import ending, finished, notices, seen, small_config, small_run, training, until


def test_a_trainer_ends_where_nothing_can_be_kept_any_more(tmp_path: Path) -> None:
    run = small_run(tmp_path, small_config())
    place, elsewhere = run.folder, tmp_path / "elsewhere"
    with training(run) as process:
        until(lambda: seen(run, Step), "a step")
        place.rename(elsewhere)
        code, _, err = finished(process)
    assert code == 1
    assert f"the folder {place} is gone" in err
    assert "Traceback" not in err
    assert "put it back and resume the run" in notices(Run(elsewhere).events())
    assert ending(Run(elsewhere)).reason == "failed"
    assert not place.exists(), "nothing is made in its place"
    elsewhere.rename(place)
    with training(run, "--max-steps", str(ending(run).step + 5)) as process:
        assert finished(process)[0] in (0, 4)
    assert seen(run, CheckpointSaved)
