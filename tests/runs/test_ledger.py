from __future__ import annotations

import os
from collections import Counter

import pytest

from gpt2tui.runs.entry import Entry
from gpt2tui.runs.events import AnyEvent, PhaseChanged, RunFinished, SettingChanged
from gpt2tui.runs.ledger import Ledger
from gpt2tui.runs.ledger_page import SIZE_SECONDS
from gpt2tui.runs.run import Label, Run
from gpt2tui.runs.store import RunStore
from tests.runs.synthetic import START, append, evaluated, held, make_run, started, step, whole_story

NOW = START + 10_000
TRAINING = PhaseChanged(time=START + 3, phase="training")


def tick(ledger: Ledger, now: float = NOW) -> Counter[str]:
    """One look; what work it took."""
    before = Counter(ledger.work)
    for _ in ledger.scan(now):
        pass
    return ledger.work - before


def only(ledger: Ledger) -> Entry:
    (entry,) = ledger.entries
    return entry


def test_a_store_that_is_not_there_has_no_runs(store: RunStore) -> None:
    ledger = Ledger(store)
    assert not ledger.has_scanned
    tick(ledger)
    assert (ledger.entries, ledger.has_scanned) == ((), True)


def test_an_entry_says_what_the_files_say(store: RunStore) -> None:
    run = make_run(store, whole_story(), name="hamlet", created=START)
    run.set_label(Label(name="lear", pinned=True, notes="mad"))
    ledger = Ledger(store)
    tick(ledger)
    entry = only(ledger)
    assert (entry.id, entry.name, entry.label.pinned, entry.label.notes) == (run.id, "lear", True, "mad")
    assert (entry.state, entry.short_state, entry.state_words) == ("finished", "target reached", "target reached")
    assert (entry.steps, entry.step) == (470, step(470))
    assert entry.best_corpus_loss == pytest.approx(0.0909527710)
    assert (entry.target_loss, entry.created, entry.progress) == (0.099999, START, 1.0)
    assert entry.sample is not None
    assert entry.config == run.config()
    assert entry.size is None


def test_names_are_there_before_any_journal_was_read(store: RunStore) -> None:
    for number in range(20):
        make_run(store, whole_story(20), name=f"run-{number}", created=START + number)
    ledger = Ledger(store)
    scan = ledger.scan(NOW)
    next(scan)
    assert [entry.name for entry in ledger.entries] == [f"run-{number}" for number in reversed(range(20))]
    assert {entry.state for entry in ledger.entries} == {"reading"}
    assert ledger.work["journals"] == 0
    next(scan)
    assert [entry.state for entry in ledger.entries].count("finished") == 1
    assert ledger.work["journals"] == 1
    for _ in scan:
        pass
    assert {entry.state for entry in ledger.entries} == {"finished"}


def test_short_journals_are_read_before_long_ones(store: RunStore) -> None:
    make_run(store, whole_story(400), name="long", created=START + 1)
    make_run(store, whole_story(10), name="short", created=START)
    ledger = Ledger(store)
    scan = ledger.scan(NOW)
    next(scan)
    next(scan)
    assert [(entry.name, entry.state) for entry in ledger.entries] == [("long", "reading"), ("short", "finished")]


def test_runs_that_rest_cost_nothing_once_they_were_read(store: RunStore) -> None:
    for number in range(30):
        make_run(store, whole_story(20), created=START + number)
    ledger = Ledger(store)
    assert tick(ledger) == {"configs": 30, "labels": 30, "journals": 30}
    before = ledger.entries
    assert tick(ledger) == {}
    assert all(one is other for one, other in zip(before, ledger.entries, strict=True))


def test_of_a_run_that_lives_only_what_is_new_is_read(store: RunStore) -> None:
    run = make_run(store, [started(), TRAINING, step(1)])
    make_run(store, whole_story(20), created=START - 1)
    ledger = Ledger(store)
    with held(run):
        tick(ledger, START + 5)
        assert [entry.state for entry in ledger.entries] == ["training", "finished"]
        append(run, [step(2), evaluated(2, 3.0), SettingChanged(time=START, name="target_loss", value=0.5)])
        assert tick(ledger, START + 5) == {"polls": 1}
        entry = ledger.entries[0]
        assert (entry.steps, entry.best_corpus_loss, entry.target_loss) == (2, 3.0, 0.5)
        tick(ledger, START + 500)
        assert ledger.entries[0].state == "stalled"
        append(run, [RunFinished(time=START + 3, reason="stopped", step=2, loss=3.0, seconds=2.0)])
    tick(ledger)
    assert ledger.entries[0].short_state == "stopped"
    assert tick(ledger) == {}


def test_the_end_of_a_trainer_without_a_word_is_a_crash(store: RunStore) -> None:
    run = make_run(store, [started(), TRAINING, step(1)])
    ledger = Ledger(store)
    with held(run):
        tick(ledger, START + 5)
        assert only(ledger).is_alive
    tick(ledger, START + 5)
    assert (only(ledger).state, only(ledger).is_alive) == ("crashed", False)


def test_a_run_that_was_resumed_is_followed_again(store: RunStore) -> None:
    stopped = RunFinished(time=START + 3, reason="stopped", step=2, loss=3.0, seconds=2.0)
    run = make_run(store, [started(), TRAINING, step(1), step(2), stopped])
    ledger = Ledger(store)
    tick(ledger)
    with held(run):
        append(run, [started(2, at=NOW), PhaseChanged(time=NOW, phase="training"), step(3, time=NOW)])
        assert tick(ledger) == {"journals": 1}
        assert (only(ledger).state, only(ledger).steps) == ("training", 3)
        assert tick(ledger) == {"polls": 1}


def test_folders_come_and_go(store: RunStore) -> None:
    first = make_run(store, whole_story(20), name="first", created=START)
    ledger = Ledger(store)
    tick(ledger)
    make_run(store, whole_story(20), name="second", created=START + 1)
    assert tick(ledger) == {"configs": 1, "labels": 1, "journals": 1}
    assert [entry.name for entry in ledger.entries] == ["second", "first"]
    store.delete(first)
    tick(ledger)
    assert [entry.name for entry in ledger.entries] == ["second"]


def test_what_is_no_run_is_not_listed(store: RunStore) -> None:
    make_run(store, name="hamlet")
    (store.folder / ".half-made").mkdir()
    (store.folder / ".half-made" / "run.json").write_text("{}")
    (store.folder / "empty").mkdir()
    (store.folder / "note.txt").write_text("hello")
    ledger = Ledger(store)
    tick(ledger)
    assert [(entry.name, entry.state) for entry in ledger.entries] == [("hamlet", "new")]


def test_a_damaged_run_is_last_with_its_problem_and_is_read_again_when_it_was_mended(store: RunStore) -> None:
    good = make_run(store, whole_story(20), name="good", created=START)
    bad = make_run(store, whole_story(20), name="bad", created=START + 1)
    whole = bad.config_file.read_bytes()
    bad.config_file.write_text("{")
    ledger = Ledger(store)
    tick(ledger)
    assert [entry.id for entry in ledger.entries] == [good.id, bad.id]
    assert ledger.entries[1].state == "damaged"
    assert str(bad.config_file) in (ledger.entries[1].problem or "")
    assert tick(ledger) == {}
    bad.config_file.write_bytes(whole)
    tick(ledger)
    assert [(entry.name, entry.state) for entry in ledger.entries] == [("bad", "finished"), ("good", "finished")]


def test_a_journal_that_cannot_be_read_is_damage_too(store: RunStore) -> None:
    run = make_run(store)
    run.events_file.unlink()
    run.events_file.mkdir()
    ledger = Ledger(store)
    tick(ledger)
    assert only(ledger).state == "damaged"
    assert "events.jsonl" in (only(ledger).problem or "")


def test_lines_that_nobody_understands_are_left_out(store: RunStore) -> None:
    run = make_run(store, whole_story(20))
    with run.events_file.open("ab") as file:
        file.write(b'\xff\xfe\n{"type":"of tomorrow"}\n{"type":"step","st')
    run.label_file.write_bytes(b"\xff{")
    ledger = Ledger(store)
    tick(ledger)
    assert (only(ledger).short_state, only(ledger).label) == ("target reached", Label())


def test_a_label_is_there_at_once_and_that_of_another_viewer_at_the_next_look(store: RunStore) -> None:
    run = make_run(store, whole_story(20), name="hamlet")
    ledger = Ledger(store)
    tick(ledger)
    ledger.relabel(only(ledger).run, Label(name="lear"))
    assert only(ledger).name == "lear"
    assert run.label() == Label(name="lear")
    run.set_label(Label(name="othello", pinned=True))
    assert "journals" not in tick(ledger)
    assert (only(ledger).name, only(ledger).label.pinned) == ("othello", True)


def test_a_run_that_was_deleted_is_gone_at_once(store: RunStore) -> None:
    run = make_run(store, whole_story(20))
    ledger = Ledger(store)
    tick(ledger)
    store.delete(run)
    ledger.forget(run)
    assert ledger.entries == ()


def measured(ledger: Ledger, now: float = NOW) -> int:
    before = ledger.work["sizes"]
    for _ in ledger.measure(now):
        pass
    return ledger.work["sizes"] - before


def test_sizes_are_measured_once_and_again_where_something_changed(store: RunStore) -> None:
    run = make_run(store, whole_story(20), created=START)
    make_run(store, whole_story(20), created=START - 1)
    ledger = Ledger(store)
    tick(ledger)
    assert measured(ledger) == 2
    assert ledger.entries[0].size == run.bytes()
    assert measured(ledger, NOW + 1_000) == 0
    (run.checkpoints / "step-00000001").mkdir()
    (run.checkpoints / "step-00000001" / "model.safetensors").write_bytes(bytes(10_000))
    assert measured(ledger, NOW + 1_000) == 1
    assert ledger.entries[0].size == run.bytes() > 10_000


def test_the_size_of_a_living_run_is_measured_now_and_then(store: RunStore) -> None:
    run = make_run(store, [started(), TRAINING])
    ledger = Ledger(store)
    with held(run):
        tick(ledger)
        assert measured(ledger) == 1
        append(run, [step(1)])
        assert measured(ledger, NOW + SIZE_SECONDS / 2) == 0
        assert measured(ledger, NOW + SIZE_SECONDS * 2) == 1


def long_story(steps: int) -> list[AnyEvent]:
    return [started(), TRAINING, *(step(number) for number in range(1, steps + 1))]


def test_a_long_journal_is_shown_from_its_series_before_it_was_read(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(store, long_story(900))
    run.series()
    monkeypatch.setattr("gpt2tui.runs.follower._SOON", 1_000)
    ledger = Ledger(store)
    scan = ledger.scan(NOW)
    next(scan)
    next(scan)
    assert (only(ledger).state, only(ledger).steps) == ("reading", 900)
    for _ in scan:
        pass
    assert (only(ledger).state, only(ledger).steps) == ("crashed", 900)


def test_a_folder_that_vanishes_while_it_is_read_harms_nothing(store: RunStore) -> None:
    runs = [make_run(store, whole_story(20), created=START + number) for number in range(3)]
    ledger = Ledger(store)
    scan = ledger.scan(NOW)
    next(scan)
    for run in runs[:2]:
        os.rename(run.folder, run.folder.with_name(f".{run.id}"))
    for _ in scan:
        pass
    tick(ledger)
    assert [entry.id for entry in ledger.entries] == [runs[2].id]


def test_a_run_without_a_date_of_its_own_is_as_old_as_its_configuration(store: RunStore) -> None:
    run: Run = make_run(store, created=0.0)
    os.utime(run.config_file, (START, START))
    ledger = Ledger(store)
    tick(ledger)
    assert only(ledger).created == START
