"""The settings of the Generate screen: where they come from, how they are checked and gone through."""

from __future__ import annotations

from gpt2tui.runs.sampling import SamplingSettings
from gpt2tui.tui.talk.sampling_fields import FIELDS
from gpt2tui.tui.widgets.picker import Picker
from gpt2tui.tui.widgets.sampling_panel import SamplingPanel
from tests.tiny import tiny_run, tiny_run_config
from tests.tui.apps import text_of, until, until_text
from tests.tui.talking import talking


async def test_settings_are_checked_at_their_field_and_nothing_is_sent_with_wrong_ones(run):
    async with talking() as talk:
        await talk.set(top_p=2)
        await until_text(talk.pilot, "top-p must lie in (0, 1], not")
        await talk.set(temperature="hot")
        await until_text(talk.pilot, "temperature must be a number")
        talk.prompt.focus()
        talk.prompt.put("Say")
        await talk.press("enter")
        await talk.pilot.pause()
        assert talk.turns == []
        assert talk.prompt.text == "Say"
        assert talk.app.focused.id == "temperature"
        assert (await talk.tell("Say", top_p=0.5, temperature=1, max_new_tokens=3)).settings.top_p == 0.5


async def test_a_stop_text_ends_the_turn(run):
    async with talking() as talk:
        greedy = await talk.tell("Stop", max_new_tokens=20, temperature=0)
        text = next(part for part in greedy.continuation.split() if len(part) > 1)
        stopped = await talk.tell("Stop", stop=text.replace("|", ""))
        assert stopped.finish == "stop"
        assert text not in stopped.continuation


async def test_the_settings_are_gone_to_through_and_left_with_keys_that_are_named(run):
    async with talking() as talk:
        await talk.press("escape", "p")
        assert talk.app.focused.id == "run"
        await talk.press("tab", "tab")
        assert talk.app.focused.id == "temperature"
        assert "↓ Next  esc Leave" in text_of(talk.app).splitlines()[-1]
        meaning = talk.screen.query_one("#meaning")
        await until(talk.pilot, lambda: "Below 1 the likely tokens become likelier" in str(meaning.render()))
        assert meaning.display
        await talk.press("enter")
        assert talk.app.focused.id == "top_k"
        await talk.press("x", "enter")
        assert talk.app.focused.id == "top_k", "what is wrong is not left by enter"
        await talk.press("backspace", "up", "up", "up")
        assert talk.app.focused.id == "run"
        assert "⏎ Choose  ↓ Next" in text_of(talk.app).splitlines()[-1]
        await talk.press("down", "down", "down")
        assert talk.app.focused.id == "top_k"
        await talk.press("escape")
        assert talk.transcript.has_focus
        assert talk.screen.query_one(SamplingPanel).display
        await until(talk.pilot, lambda: not meaning.display)
        await talk.press("p", "p")
        assert not talk.screen.query_one(SamplingPanel).display
        assert talk.transcript.has_focus


async def test_an_emptied_setting_is_its_default_and_a_wrong_one_is_called_as_its_field(run):
    async with talking() as talk:
        await talk.set(top_k="", max_new_tokens="0")
        panel = talk.screen.query_one(SamplingPanel)
        assert panel.problems == {"max_new_tokens": "length must be at least 1, not 0"}
        await talk.set(max_new_tokens="1,50")
        assert panel.problems == {"max_new_tokens": "length must be a whole number"}
        await talk.set(max_new_tokens="1,500")
        assert panel.settings.max_new_tokens == 1500
        await talk.set(max_new_tokens="")
        assert not panel.problems
        assert panel.settings == SamplingSettings()
        assert talk.screen.query_one("#max_new_tokens").placeholder == str(SamplingSettings().max_new_tokens)


async def test_a_setting_that_is_wrong_is_told_where_the_panel_is_hidden(run):
    async with talking(size=(80, 24)) as talk:
        await talk.set(temperature="warm")
        assert not talk.screen.query_one(SamplingPanel).display
        await until_text(talk.pilot, "temperature must be")


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


async def test_another_run_brings_its_own_settings_and_keys_until_something_was_typed(store, run):
    other = tiny_run(store.folder, config=tiny_run_config(name="the-other", seed=5), step=9)
    for one, tokens in ((run, 7), (other, 5)):
        async with talking(run=one.folder) as talk:
            await talk.tell("Say", max_new_tokens=tokens)
    async with talking(run=run.folder) as talk:
        panel = talk.screen.query_one(SamplingPanel)
        await until(talk.pilot, lambda: panel.settings.max_new_tokens == 7)
        await until_text(talk.pilot, "Again")
        await talk.press("escape", "o")
        await until(talk.pilot, lambda: isinstance(talk.app.screen, Picker))
        await talk.press(*"other", "enter")
        await until(talk.pilot, lambda: panel.settings.max_new_tokens == 5)
        await until(talk.pilot, lambda: talk.turns)
        await until_text(talk.pilot, "Again")
        await talk.set(max_new_tokens=9)
        talk.screen.open_run(run)
        await talk.pilot.pause()
        assert panel.settings.max_new_tokens == 9


async def test_up_and_down_end_where_the_settings_end(run):
    async with talking() as talk:
        await talk.press("escape", "p", "up", "up")
        assert talk.app.focused.id == "run"
        await talk.press(*["down"] * 20)
        assert talk.app.focused.id == FIELDS[-1].name
        await talk.press("down", "up")
        assert talk.app.focused.id == FIELDS[-2].name
        assert talk.prompt.text == ""
