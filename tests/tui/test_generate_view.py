"""What the Generate screen shows: any text, at any size, from before, and from a run that trains."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from textual.widgets._toast import Toast

from gpt2tui.model.transformer import GPT2
from gpt2tui.runs.sampling import SamplingSettings
from gpt2tui.runs.transcript import Transcripts, Turn
from gpt2tui.tui.screens.generate import GenerateScreen
from gpt2tui.tui.talk.history import STRETCH
from gpt2tui.tui.widgets.picker import Picker
from gpt2tui.tui.widgets.prompt import PromptArea
from gpt2tui.tui.widgets.sampling_panel import SamplingPanel
from tests.runs.synthetic import append, held, make_run
from tests.tiny import add_checkpoint, tiny_run, tiny_run_config
from tests.training.small import NO_TARGET, small_config, small_run, training
from tests.tui.apps import app_for, text_of, until, until_text
from tests.tui.talking import ENDLESS, kept, talking, told

HOSTILE = [
    "[/red]",
    "\x1b[31m",
    "\x07",
    "\u202e",
    "\u200b",
    "漢字",
    "é",
    "\r",
    "\x1b]52;c;aGk=\x07",
    "\U0001f642",
    "\n",
]


@pytest.fixture
def run(store):
    """A run with a checkpoint of random weights."""
    return tiny_run(store.folder)


def record(prompt: str, texts: list[str], **changes: object) -> Turn:
    """A turn as a transcript keeps it."""
    fields = {
        "checkpoint": "step-00000004",
        "step": 4,
        "device": "cpu",
        "dtype": "float32",
        "prompt": prompt,
        "prompt_tokens": [1, 2],
        "settings": SamplingSettings(seed=1),
        "tokens": list(range(len(texts))),
        "texts": texts,
        "probabilities": [0.01 + 0.9 * index / max(1, len(texts)) for index in range(len(texts))],
        "text": "".join(texts),
        "finish": "length",
        "seconds": 1.0,
    }
    return Turn(**fields | changes)


def keep(run, *records: Turn) -> None:
    transcripts = Transcripts(run)
    for one in records:
        transcripts.append(one)


async def test_hostile_text_is_shown_and_not_obeyed(run):
    keep(run, record("".join(HOSTILE), HOSTILE))
    async with talking() as talk:
        await until_text(talk.pilot, "length reached")
        text = text_of(talk.app)
        for shown in ("[/red]", "^[[31m", "^G", "\\u202e", "\\u200b", "漢字", "^M", "^[]52;c;aGk=^G"):
            assert shown in text
        assert not any(ord(sign) < 32 and sign != "\n" for sign in text)
        await talk.press("escape", "t", "c", *["left"] * 12, *["right"] * 12)
        await talk.press("escape", "y")
        assert "\x1b" not in talk.app.clipboard
        assert "\u202e" in talk.app.clipboard


async def test_a_hostile_name_of_a_run_is_shown(store):
    run = tiny_run(store.folder, config=tiny_run_config(name="a\x1b[31m\u202e[b]"))
    async with talking() as talk:
        await until_text(talk.pilot, "a^[[31m\\u202e[b]")
        await talk.press("escape", "o")
        await until_text(talk.pilot, "Which run?")
        await until_text(talk.pilot, "a^[[31m\\u202e[b]  ")
        assert run.name() == "a\x1b[31m\u202e[b]"


async def test_a_long_name_leaves_room_for_the_checkpoint(store):
    tiny_run(store.folder, config=tiny_run_config(name="the " * 20))
    async with talking(size=(80, 24)) as talk:
        first = await until(talk.pilot, lambda: "the the" in (line := text_of(talk.app).splitlines()[0]) and line)
        assert first.endswith(talk.screen._choice.checkpoint_words())


async def test_a_setting_that_is_wrong_is_told_where_the_panel_is_hidden(run):
    async with talking(size=(80, 24)) as talk:
        await talk.set(temperature="warm")
        assert not talk.screen.query_one(SamplingPanel).display
        await until_text(talk.pilot, "temperature must be")


async def test_the_token_under_the_cursor_is_seen_in_the_smallest_terminal(run):
    async with talking(size=(40, 10)) as talk:
        await talk.tell("Begin", max_new_tokens=40)
        await talk.press("escape", "c")
        await until_text(talk.pilot, "Instead of this token")
        for keys in ([], ["left"] * 30, ["home"], ["end"]):
            await talk.press(*keys)
            view = talk.transcript.chosen
            rows = range(view.virtual_region.y + view.rows(view.cursor)[0], view.virtual_region.bottom)
            await until(talk.pilot, lambda rows=rows: rows[0] in _seen(talk))


def _seen(talk) -> range:
    """The rows of the transcript that are on the screen."""
    return range(round(talk.transcript.scroll_y), round(talk.transcript.scroll_y) + talk.transcript.size.height)


async def test_earlier_turns_are_there_when_the_app_is_opened_again(run):
    async with talking() as talk:
        first = await talk.tell("Before", max_new_tokens=6)
    async with talking() as talk:
        (turn,) = await until(talk.pilot, lambda: talk.turns)
        assert turn.whole_text == first.whole_text
        assert (turn.ids, turn.seed, turn.step) == (first.ids, first.seed, first.step)
        await talk.press("escape", "c")
        await until_text(talk.pilot, "known only for tokens drawn in this turn")
        await until_text(talk.pilot, "esc Close")
        assert "Choose" not in text_of(talk.app)
        await talk.press("escape", "e", "x", "enter")
        again = await until(talk.pilot, lambda: talk.turns[0] is not turn and talk.turns[0])
        await talk.over(again)
        assert kept(run)[1].replaces == first.record_id


async def test_a_long_past_is_shown_a_stretch_at_a_time(run):
    keep(run, *(record(f"prompt {number}", [" text"], time=float(number)) for number in range(STRETCH + 20)))
    async with talking() as talk:
        await until(talk.pilot, lambda: len(talk.turns) == STRETCH)
        assert talk.turns[-1].prompt == f"prompt {STRETCH + 19}"
        await talk.press("escape", "home")
        await until(talk.pilot, lambda: len(talk.turns) == STRETCH + 20)
        assert [turn.prompt for turn in talk.turns] == [f"prompt {number}" for number in range(STRETCH + 20)]
        await talk.press("home")
        await until_text(talk.pilot, "prompt 0 text")
        assert "earlier turn" not in text_of(talk.app)


async def test_a_torn_transcript_costs_its_last_turn_only(run):
    keep(run, record("whole", [" text"]))
    (file,) = run.transcripts.glob("*.jsonl")
    with file.open("a") as torn:
        torn.write(json.dumps({"type": "turn", "prompt": "torn"})[:-3])
    async with talking() as talk:
        await until_text(talk.pilot, "whole text")
        assert len(talk.turns) == 1


async def test_resizing_keeps_the_half_typed_prompt_and_the_place_that_is_read(run):
    lines = [f"line {number} of a verse that is rather long\n" for number in range(200)]
    keep(run, record("Verse\n", lines))
    async with talking() as talk:
        await until_text(talk.pilot, "line 199")
        await talk.press(*"half")
        await talk.press("escape", *["pageup"] * 3)
        await talk.pilot.pause()
        top = text_of(talk.app).splitlines()[1].strip(" █▌▍")
        assert top.startswith("line ")
        for size in ((60, 20), (34, 15), (200, 60), (140, 40)):
            await talk.pilot.resize_terminal(*size)
            await talk.pilot.pause()
            await talk.pilot.pause()
            assert top.split(" of")[0] in "\n".join(text_of(talk.app).splitlines()[1:3])
            assert talk.prompt.text == "half"


async def test_the_settings_do_not_take_the_prompt_away_from_who_writes_in_it(run):
    async with talking() as talk:
        await talk.press("escape", "p", "escape", "i", *"half")
        for size in ((80, 24), (40, 10), (140, 40)):
            await talk.pilot.resize_terminal(*size)
            await talk.pilot.pause()
            assert talk.prompt.has_focus, size
            assert talk.prompt.display
        await talk.press("x")
        assert talk.prompt.text == "halfx"


@pytest.mark.parametrize(("size", "keys"), [((140, 40), ()), ((80, 24), ("escape", "p"))])
async def test_a_terminal_that_shrinks_with_the_panel_in_it_does_not_crash(run, size, keys):
    async with talking(size=size) as talk:
        await talk.press(*keys)
        await until_text(talk.pilot, "repetition")
        for smaller in ((40, 10), (37, 10), (20, 5), size):
            await talk.pilot.resize_terminal(*smaller)
            await talk.pilot.pause()
        await until_text(talk.pilot, "repetition")
        assert talk.app.screen is talk.screen


@pytest.mark.parametrize("size", [(80, 24), (40, 10), (20, 5), (8, 3)])
async def test_small_terminals_drop_panels_and_do_not_crash(run, size):
    async with talking(size=size) as talk:
        turn = await talk.tell("Small", max_new_tokens=12)
        assert turn.finish == "length"
        await talk.press("escape", "p")
        await talk.pilot.pause()
        await talk.press("p", "t", "c", "left", "enter")
        await talk.pilot.pause()
        await talk.press("escape", "escape", "o", "escape", "m", "escape", "w", "escape")
        assert talk.app.screen is talk.screen
        if size == (80, 24):
            assert "k 50" in text_of(talk.app)
            await talk.press("p")
            await until_text(talk.pilot, "repetition")
            await talk.press("escape")
            await until(talk.pilot, lambda: "repetition" not in text_of(talk.app))


async def test_ascii_mode_draws_ascii_only(run):
    keep(run, record("é\n", ["漢字", " \U0001f642", "\n"]))
    async with talking(is_ascii=True) as talk:
        await until_text(talk.pilot, "\\u6f22\\u5b57")
        await talk.tell("Say", max_new_tokens=30)
        for keys in (("escape", "t", "c"), ("left", "enter"), ("escape", "escape", "p"), ("p",)):
            await talk.press(*keys)
            await talk.pilot.pause()
            words = "\n".join(line[:100] for line in text_of(talk.app).splitlines()[1:-1])
            assert words.isascii(), [sign for sign in words if not sign.isascii()]


async def test_scrolling_away_ends_following_and_the_end_resumes_it(run):
    async with talking(size=(80, 24)) as talk:
        await talk.set(max_new_tokens=ENDLESS)
        turn = await talk.send("Follow")
        await until(talk.pilot, lambda: talk.transcript.max_scroll_y > 30)
        assert talk.transcript.scroll_y > talk.transcript.max_scroll_y - 5
        talk.transcript.focus()
        await talk.press("home")  # while more is written below
        await until(talk.pilot, lambda: talk.transcript.scroll_y == 0)
        await talk.drawn(turn, turn.drawn + 200)
        await talk.pilot.pause()
        assert talk.transcript.scroll_y == 0
        await talk.press("end")
        await talk.drawn(turn, turn.drawn + 200)
        await talk.pilot.pause()
        assert talk.transcript.scroll_y > talk.transcript.max_scroll_y - 5
        await talk.press("escape")
        assert turn.is_over


async def test_while_a_text_streams_only_lines_that_changed_are_drawn(run, monkeypatch):
    from gpt2tui.tui.widgets.turn import TurnView

    drawn_lines = 0
    honest = TurnView._text_line

    def counting(self, y, lines):
        nonlocal drawn_lines
        drawn_lines += 1
        return honest(self, y, lines)

    async with talking() as talk:
        await talk.set(max_new_tokens=ENDLESS)
        turn = await talk.send("Long")
        await talk.drawn(turn, 1_500)
        monkeypatch.setattr(TurnView, "_text_line", counting)
        changes = 0
        take_changes = TurnView.take_changes

        def counting_changes(self):
            nonlocal changes
            changes += 1
            take_changes(self)

        monkeypatch.setattr(TurnView, "take_changes", counting_changes)
        await talk.drawn(turn, turn.drawn + 300)
        await talk.press("escape")
        await talk.pilot.pause()
        assert changes > 3
        assert drawn_lines < 12 * changes  # a third of what can be seen


@pytest.mark.parametrize("size", [(140, 40), (80, 24), (40, 10)])
async def test_what_is_told_does_not_lie_over_the_prompt(run, size):
    app = app_for(screen="generate")
    async with app.run_test(size=size, notifications=True) as pilot:
        await until_text(pilot, "Prompt")
        app.notify("told", markup=False)
        await until_text(pilot, "told")
        toast = app.screen.query_one(Toast).region
        assert toast.y >= 1  # below the names of the screens
        assert not toast.overlaps(app.screen.query_one(PromptArea).region)


async def test_a_failed_turn_names_the_keys_that_try_again_from_where_one_is(run):
    async with talking() as talk:
        turn = await talk.tell("Begin", max_new_tokens=1)
        turn.fail("it failed")
        talk.transcript.views[-1].take_changes()
        talk.prompt.focus()
        await until_text(talk.pilot, "esc, then r, tries again")
        await talk.press("escape")
        await until(talk.pilot, lambda: "then r" not in text_of(talk.app))
        assert "r tries again" in text_of(talk.app)


async def test_up_and_down_go_from_turn_to_turn(run):
    keep(run, *(record(f"prompt {number}", [" text"], time=float(number)) for number in range(3)))
    async with talking() as talk:
        await until(talk.pilot, lambda: len(talk.turns) == 3)
        await talk.press("escape")
        chosen = []
        for key in ("up", "up", "up", "down", "down", "down"):
            await talk.press(key)
            chosen.append(talk.transcript.chosen.turn.prompt)
        assert [name[-1] for name in chosen] == list("100122")
        await talk.press("tab")
        assert talk.prompt.has_focus


async def test_beside_a_training_one_thread_is_taken_and_that_is_said(store, run):
    other = tiny_run(store.folder, config=tiny_run_config(name="busy", seed=9))
    with held(other):
        async with talking(run=run.folder) as talk:
            await talk.tell("Say", max_new_tokens=3)
            assert talk.conversation.loaded.threads == 1
            assert "one thread beside a" in text_of(talk.app)
    async with talking(run=run.folder) as talk:
        await talk.tell("Say", max_new_tokens=3)
        assert "one thread beside" not in text_of(talk.app)


async def test_the_weights_of_a_run_that_trains_are_there_as_they_are_now(tmp_path, store):
    config = small_config(model=tiny_run_config().model, limits=NO_TARGET, name="moving")
    run = small_run(tmp_path / "made", config)
    store.folder.parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "made" / "runs").rename(store.folder)
    run = next(one for one in store.all() if one.name() == "moving")
    with training(run):
        async with talking() as talk:
            await until(talk.pilot, lambda: run.series_file.is_file() and len(run.series()) > 3)
            await until_text(talk.pilot, "moving")
            await talk.press("escape", "m")
            await until(talk.pilot, lambda: isinstance(talk.app.screen, Picker))
            await talk.press(*"now", "enter")
            await until(talk.pilot, lambda: talk.screen._choice.reference, told(talk))
            step = int(talk.screen._choice.reference)
            assert step >= 3
            turn = await talk.tell("Say", max_new_tokens=3)
            assert (turn.step, turn.finish) == (step, "length")


async def test_a_snapshot_that_will_not_come_is_told(store, run):
    with held(run) as holder:
        async with talking(run=run.folder) as talk:
            await talk.press("escape", "m")
            await until(talk.pilot, lambda: isinstance(talk.app.screen, Picker))
            await talk.press(*"now", "enter")
            await until_text(talk.pilot, "asking for a snapshot")
            os.kill(holder.pid, signal.SIGKILL)
            await until(talk.pilot, lambda: "no snapshot: the run has ended" in told(talk))
            assert (await talk.tell("Say", max_new_tokens=3)).finish == "length"


async def test_a_disk_that_takes_no_request_and_no_turn_is_told_in_a_line(store, run):
    run.commands_file.mkdir()
    run.transcripts.write_text("in the way")
    with held(run):
        async with talking(run=run.folder) as talk:
            turn = await talk.tell("Say", max_new_tokens=3)
            assert "this turn is not kept: " in told(talk)
            await talk.press("escape", "m")
            await until(talk.pilot, lambda: isinstance(talk.app.screen, Picker))
            await talk.press(*"now", "enter")
            await until(talk.pilot, lambda: "no snapshot: the run cannot be asked: Is a directory" in told(talk))
            assert talk.screen._choice.snapshot is None
            assert "asking for a snapshot" not in text_of(talk.app)
            await talk.set(max_new_tokens=ENDLESS)
            await talk.drawn(await talk.send("On"), 3)
    assert turn.finish == "length"


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that opens and cannot be read")
async def test_turns_that_cannot_be_read_are_told_and_the_model_answers(run):
    run.transcripts.mkdir()
    (run.transcripts / "of-a-bad-disk.jsonl").symlink_to("/proc/self/mem")
    async with talking() as talk:
        await until(talk.pilot, lambda: "the earlier turns cannot be read: Input/output error" in told(talk))
        assert (await talk.tell("Say", max_new_tokens=3)).finish == "length"


async def test_the_last_checkpoint_of_a_run_is_the_last_one_also_when_it_moves(run):
    async with talking() as talk:
        assert (await talk.tell("Say", max_new_tokens=3)).step == 4
        add_checkpoint(run, GPT2.initialised(run.config().model, seed=3).state_dict(), step=12)
        assert (await talk.tell("Say", max_new_tokens=3)).step == 12
        await until_text(talk.pilot, "best, step 12")


async def test_another_followed_run_is_talked_to_until_one_is_chosen_here(store, run):
    other = tiny_run(store.folder, config=tiny_run_config(name="other", seed=5))
    async with talking(run=run.folder) as talk:
        await until(talk.pilot, lambda: talk.screen._choice.run.folder == run.folder)
        talk.app.follow(other)
        assert talk.screen._choice.run.folder == other.folder
        talk.screen.open_run(run)
        talk.app.follow(other)
        assert talk.screen._choice.run.folder == run.folder


async def test_a_followed_run_without_a_checkpoint_is_not_answered_for_by_another(store, run):
    config = tiny_run_config(name="young")
    young = make_run(store, model=config.model, block_size=32, name="young")
    with held(young):
        async with talking(run=run.folder) as talk:
            await talk.tell("Mine", max_new_tokens=3)
            await until_text(talk.pilot, "sees 32 tokens")
            talk.app.follow(young)
            await until_text(talk.pilot, "young trains and has saved no checkpoint yet")
            assert "sees 32 tokens" not in text_of(talk.app)
            await until(talk.pilot, lambda: talk.turns == [])
            await talk.press("m")  # no field takes it for text
            await until_text(talk.pilot, "the weights as they are now")
            await talk.press("escape", "i", *"Once", "enter")
            await until(talk.pilot, lambda: "young trains and has saved no checkpoint yet" in told(talk))
            assert talk.turns == []
            assert talk.prompt.text == "Once"
            await talk.press("escape", "o")
            await until_text(talk.pilot, "Which run?")
            await talk.press(*"step", "enter")
            await until_text(talk.pilot, "best, step 4")
            await until(talk.pilot, lambda: [turn.prompt for turn in talk.turns] == ["Mine"])
        async with talking(run=young.folder) as talk:
            await until_text(talk.pilot, "young trains and has saved no checkpoint yet")


async def test_where_the_followed_run_is_gone_the_newest_that_can_answer_is_taken(store, run):
    gone = make_run(store, name="gone")
    async with talking(run=gone.folder) as talk:
        await until_text(talk.pilot, "gone has no checkpoint")
        store.delete(gone)
        await until_text(talk.pilot, "best, step 4")


async def test_where_the_run_is_deleted_another_one_takes_its_place_and_that_is_said(store, run):
    other = make_run(store, name="unwanted")
    async with talking(run=run.folder) as talk:
        await until_text(talk.pilot, "best, step 4")
        talk.screen.open_run(other)
        await until_text(talk.pilot, "unwanted has no checkpoint")
        store.delete(other)
        await until_text(talk.pilot, "best, step 4")
        await until(talk.pilot, lambda: "unwanted was deleted; this is " in told(talk))
        store.delete(run)
        await until_text(talk.pilot, "There is no model to talk to yet")
        await until(talk.pilot, lambda: "there is no other run" in told(talk))


async def test_the_first_settings_are_those_of_the_last_turn_but_its_seed(run):
    async with talking() as talk:
        await talk.tell("Say", max_new_tokens=7, temperature=0.5, seed=11)
    async with talking() as talk:
        panel = talk.screen.query_one(SamplingPanel)
        await until(talk.pilot, lambda: panel.settings.max_new_tokens == 7)
        assert (panel.settings.temperature, panel.settings.seed) == (0.5, None)
        await talk.set(max_new_tokens=9)
        talk.screen.open_run(run)
        await talk.pilot.pause()
        assert panel.settings.max_new_tokens == 9


async def test_every_key_has_an_id_and_a_meaning_and_the_footer_shows_six_at_most(run):
    async with talking() as talk:
        await talk.tell("Say", max_new_tokens=3)
        for keys in ((), ("escape",), ("c",), ("enter",)):
            await talk.press(*keys)
            shown = [
                active.binding
                for active in talk.screen.active_bindings.values()
                if active.binding.show and active.enabled
            ]
            assert 1 <= len(shown) <= 6, [binding.description for binding in shown]
        assert isinstance(talk.app.screen, GenerateScreen)
        for binding in GenerateScreen.BINDINGS:
            assert binding.id.startswith("generate.")
            assert binding.tooltip


def test_an_event_of_another_command_is_no_snapshot(run):
    from gpt2tui.runs.events import CheckpointSaved
    from gpt2tui.tui.talk.model_choice import Snapshot

    with held(run):
        snapshot = Snapshot(run)
        (command,) = [json.loads(line) for line in run.commands_file.read_text().splitlines()]
        assert command["type"] == "checkpoint"
        saved = {"path": "checkpoints/step-00000004", "bytes": 1, "seconds": 0.1, "reason": "command"}
        append(run, [CheckpointSaved(step=4, command="other", **saved)])
        assert snapshot.poll() is None
        append(run, [CheckpointSaved(step=5, command=command["id"], **saved)])
        assert snapshot.poll() == 5
