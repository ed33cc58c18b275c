from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gpt2tui.errors import Gpt2TuiError, UsageError
from gpt2tui.runs.run import Label, Run
from gpt2tui.runs.store import RunStore
from tests.runs.synthetic import (
    START,
    TOKENS,
    configuration,
    evaluated,
    held,
    make_run,
    python,
    started,
    step,
)


def test_a_prefix_is_found_in_any_case(store: RunStore) -> None:
    run = make_run(store, name="Tiny Tales")
    assert store.find("tiny").folder == store.find("TINY T").folder == run.folder


def test_a_run_is_found_by_id_name_prefix_latest_and_path(store: RunStore) -> None:
    old = make_run(store, name="macbeth", created=START)
    new = make_run(store, name="hamlet", created=START + 100)
    assert [run.id for run in store.all()] == [new.id, old.id]
    assert store.find().id == new.id
    assert store.find("latest").id == new.id
    for reference in (old.id, old.id[:17], "macbeth", "macb", str(old.folder)):
        assert store.find(reference).id == old.id


def test_of_two_runs_made_in_one_second_the_later_is_the_latest(store: RunStore) -> None:
    for name in ("b", "a", "c"):
        run = make_run(store, name=name)
        assert store.find().id == run.id


def test_of_several_runs_of_one_name_the_newest_is_taken_and_told(store: RunStore) -> None:
    make_run(store, name="hamlet", created=START)
    new = make_run(store, name="hamlet", created=START + 100)
    notices: list[str] = []
    assert store.find("hamlet", notice=notices.append).id == new.id
    assert notices == [f"2 runs are named hamlet; taking the newest, {new.id}"]


def test_an_id_comes_before_a_name_that_begins_alike(store: RunStore) -> None:
    run = make_run(store, created=START)
    make_run(store, name=run.id, created=START + 100)  # a copy that was imported
    assert store.find(run.id[:-1]).id == run.id


def test_a_label_renames_a_run(store: RunStore) -> None:
    run = make_run(store, name="hamlet")
    run.set_label(Label(name="ophelia"))
    assert store.find("ophelia").id == run.id
    with pytest.raises(UsageError, match="no run 'hamlet'"):
        store.find("hamlet")


def test_best_is_the_run_of_the_lowest_corpus_loss(store: RunStore) -> None:
    make_run(store, [started(), step(1), evaluated(1, 3.0)], created=START)
    best = make_run(store, [started(), step(1), evaluated(1, 0.5), evaluated(2, 0.7)], created=START + 1)
    partial = evaluated(1, 0.1, partial=True)
    make_run(store, [started(), step(1), partial], created=START + 2)
    assert store.find("best").id == best.id


def test_what_is_not_there_is_said_in_one_line(store: RunStore) -> None:
    with pytest.raises(UsageError, match="there are no runs in"):
        store.find()
    make_run(store, name="hamlet", created=START)
    make_run(store, name="hamburg", created=START + 1)
    with pytest.raises(UsageError, match=r"^no run 'lear'; list them with: gpt2tui runs$"):
        store.find("lear")
    with pytest.raises(UsageError, match=r"^no run 'AMLE', but 'hamlet'; list them with: gpt2tui runs$"):
        store.find("AMLE")
    with pytest.raises(UsageError, match=r"^'ham' fits 2 runs: "):
        store.find("ham")
    with pytest.raises(UsageError, match="no run has a corpus loss yet"):
        store.find("best")


def test_one_damaged_run_hides_none_of_the_others(store: RunStore) -> None:
    good = make_run(store, [started(), step(1), evaluated(1, 1.0)], name="good", created=START)
    bad = make_run(store, name="bad", created=START + 1)
    bad.config_file.write_bytes(b'{"model": "caf\xc3')
    assert store.find("good").id == good.id
    assert store.find("best").id == good.id
    assert bad.name() == bad.id
    with pytest.raises(Gpt2TuiError, match="cannot be read"):
        bad.config()


def test_a_run_keeps_its_own_tokens_and_configuration(store: RunStore, tmp_path: Path) -> None:
    run = make_run(store, name="hamlet")
    assert run.config() == configuration(name="hamlet")
    (tmp_path / "tokens.bin").unlink()
    assert run.tokens_file.stat().st_size == 2 * TOKENS
    assert [path.name for path in store.folder.iterdir()] == [run.id]


def test_a_living_run_is_not_deleted(store: RunStore) -> None:
    run = make_run(store)
    with held(run):
        assert run.is_alive()
        with pytest.raises(Gpt2TuiError, match="is being trained; stop it first"):
            store.delete(run)
        with pytest.raises(Gpt2TuiError, match="is being trained by another process"):
            run.lock()
        assert run.folder.is_dir()
    assert not run.is_alive()
    store.delete(run)
    assert list(store.folder.iterdir()) == []


def test_a_run_is_held_while_it_is_deleted(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(store)
    seen: list[bool] = []
    remove = shutil.rmtree

    def look_and_remove(folder: Path) -> None:
        seen.append(Run(folder).is_alive())
        remove(folder)

    monkeypatch.setattr(shutil, "rmtree", look_and_remove)
    store.delete(run)
    assert seen == [True]
    assert list(store.folder.iterdir()) == []


def test_a_trainer_that_takes_the_run_first_keeps_it(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(store)
    with held(run):
        monkeypatch.setattr(Run, "is_alive", lambda self, **unknown: False)  # the trainer came after that look
        with pytest.raises(Gpt2TuiError, match=rf"^run {run.id} is being trained; stop it first: .*stop {run.id}$"):
            store.delete(run)
    assert run.config() == configuration()


_WATCHER = """
import sys
from pathlib import Path
from gpt2tui.runs.run import Run
run = Run(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
print(sum(run.is_alive() for _ in range(3000)))
"""


def test_viewers_that_look_at_once_do_not_take_each_other_for_the_trainer(store: RunStore) -> None:
    run = make_run(store)
    run.lock().release()
    with python(_WATCHER, str(run.folder)) as one, python(_WATCHER, str(run.folder)) as two:
        for watcher in (one, two):
            assert watcher.stdout is not None
            assert watcher.stdout.readline() == "ready\n"
        for watcher in (one, two):
            assert watcher.stdin is not None
            watcher.stdin.write("go\n")
            watcher.stdin.flush()
        assert [watcher.communicate(timeout=20)[0] for watcher in (one, two)] == ["0\n", "0\n"]


def test_a_run_counts_a_file_of_two_names_once(store: RunStore) -> None:
    run = make_run(store)
    before = run.bytes()
    (run.folder / "same").hardlink_to(run.tokens_file)
    assert run.bytes() == before
    assert Run(run.folder).bytes() > 2 * TOKENS


def test_a_copy_of_an_old_run_is_not_the_latest(store: RunStore) -> None:
    old = make_run(store, name="old", created=1_700_000_000.0)
    new = make_run(store, name="new", created=1_700_000_100.0)
    shutil.copytree(old.folder, store.folder / "zz-backup-of-old")
    assert store.find().id == new.id
