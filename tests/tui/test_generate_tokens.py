"""The cursor over tokens, branches and tints on the Generate screen."""

from __future__ import annotations

from gpt2tui.runs.transcript import as_markdown
from gpt2tui.tui.widgets.alternatives import Alternatives
from tests.tui.apps import text_of, until, until_text
from tests.tui.talking import kept, talking, told


async def test_the_cursor_reads_tokens_and_their_alternatives(run):
    async with talking() as talk:
        turn = await talk.tell("Read", max_new_tokens=40, top_k=20, temperature=0.7)
        await talk.press("escape", "c")
        view, alternatives = talk.transcript.views[0], talk.screen.query_one(Alternatives)
        last = len(turn.text.starts) - 1
        assert view.cursor == last
        await talk.press("left", "left")
        assert view.cursor == last - 2
        await talk.press("home")
        assert view.cursor == turn.first_token
        await talk.press("left")
        assert view.cursor == turn.first_token
        await talk.press("right")
        reply = turn.reply(view.cursor)
        assert alternatives.alternatives == reply.best()
        assert len(alternatives.alternatives) == 10
        assert "token 2 of 40" in text_of(talk.app)
        rows = text_of(talk.app)
        assert "sampled" in rows
        assert "model" in rows
        await talk.press("end", "up")
        assert view.rows(view.cursor)[0] < view.rows(last)[0]
        await talk.press("e", "r", "c")  # they are about the whole turn
        assert told(talk) == "The cursor over tokens is open: esc closes it."
        assert (view.cursor is None, talk.prompt.text, len(talk.turns)) == (False, "", 1)
        await talk.press("escape")
        assert view.cursor is None
        assert not alternatives.display


async def test_a_branch_goes_on_from_the_exact_tokens_before_it(run):
    async with talking() as talk:
        first = await talk.tell("Branch", max_new_tokens=30, seed=5)
        await talk.press("escape", "c", "home", *["right"] * 9, "enter")
        alternatives = talk.screen.query_one(Alternatives)
        assert alternatives.has_focus
        await talk.press("down", "down", "up")
        wanted = alternatives.alternatives[alternatives.row]
        await talk.press("enter")
        second = await until(talk.pilot, lambda: len(talk.turns) == 2 and talk.turns[1])
        await talk.over(second)
        assert second.ids[:10] == [*first.ids[:9], wanted.token]
        assert (second.prompt_ids, second.drawn) == (first.prompt_ids, 30)
        assert talk.conversation.turn is None
        record = kept(run)[1]
        assert (record.kept, record.tokens, record.prompt_tokens) == (10, second.ids, first.prompt_ids)
        assert record.text == second.continuation
        facts = "30 tokens after 10 kept"
        await until_text(talk.pilot, f"length reached · {facts}")
        assert f" · {facts} · " in as_markdown([record], title="")

        # A digit does the same, and what a branch has kept is kept by a branch of it.
        await talk.press("c", "end", "left", "3")
        third = await until(talk.pilot, lambda: len(talk.turns) == 3 and talk.turns[2])
        await talk.over(third)
        assert third.ids[:38] == second.ids[:38]
        assert third.ids[38] == second.reply(second.first_token + 38).best()[2].token

        # Of a token that was kept nothing else is known: a digit says so, and does not lead to another screen.
        await talk.press("c", "home", "3")
        await until(talk.pilot, lambda: "There is no alternative 3 here" in told(talk))
        assert talk.app.screen is talk.screen
        assert len(talk.turns) == 3


async def test_a_branch_of_the_likeliest_text_is_that_text(run):
    async with talking() as talk:
        first = await talk.tell("Same", max_new_tokens=20, temperature=0)
        await talk.press("escape", "c", "home", *["right"] * 5)
        row = [one.token for one in talk.screen.query_one(Alternatives).alternatives].index(first.ids[5])
        await talk.press("1234567890"[row])
        second = await until(talk.pilot, lambda: len(talk.turns) == 2 and talk.turns[1])
        await talk.over(second)
        assert second.ids[:20] == first.ids
        assert second.whole_text.startswith(first.whole_text)


async def test_tokens_are_tinted_on_request(run):
    async with talking() as talk:
        turn = await talk.tell("Tint", max_new_tokens=20)
        view = talk.transcript.views[0]
        plain = {segment.style.bgcolor for segment in view.render_line(0)}
        await talk.press("escape", "t")
        await until_text(talk.pilot, "probability")
        assert "below 5 %" in text_of(talk.app)
        assert max(turn.probability(piece) for piece in range(turn.first_token, len(turn.text.starts))) < 0.05
        tinted = {segment.style.bgcolor for segment in view.render_line(0)}
        assert len(tinted) > len(plain)
        await talk.press("t")
        assert {segment.style.bgcolor for segment in view.render_line(0)} == plain
        assert "below 5 %" not in text_of(talk.app)
