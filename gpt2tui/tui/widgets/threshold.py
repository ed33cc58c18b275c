"""The heart of the training screen: the loss, the target, and how far it is from one to the other."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Digits, Static

from gpt2tui.runs.view import RunView, State
from gpt2tui.runs.words import outlook_words, running_loss_words
from gpt2tui.text import bar, loss_text

if TYPE_CHECKING:
    from gpt2tui.tui.app import Gpt2TuiApp

_OUTLOOK_SECONDS = 1.0
_TREND_STEPS = 40
_STILL = 0.01
"""A running loss that changed by less than this share is flat."""


class Threshold(Vertical):
    """``show`` draws it; the forecast is made anew once a second at most."""

    app: Gpt2TuiApp

    DEFAULT_CSS: ClassVar[str] = """
    Threshold {
        height: auto;
        & > * { height: auto; }
        & > #loss-kind, & > #outlook { min-height: 2; }
        & > Digits { height: 3; color: $primary; }
        & > Digits.reached { color: $success; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._outlook = ""
        self._foretold: tuple[RunView, State, float | None] | None = None
        self._foretold_at = 0.0
        self._written: dict[str, Content] = {}

    def compose(self) -> ComposeResult:
        yield Digits("", id="loss-digits")
        yield Static("", id="loss-line", markup=False)
        yield Static("", id="loss-kind", markup=False)
        yield Static("", id="target", markup=False)
        yield Static("", id="outlook", markup=False)

    def show(self, view: RunView, state: State, now: float) -> None:
        """The losses of a view, and where they lead; ``now`` in seconds since the epoch."""
        corpus, step = view.leading_corpus_loss, view.step
        loss = loss_text(corpus.loss if corpus else step.running_loss if step else None, none="-")
        colour = "$success" if view.is_target_reached else "$primary"
        digits = self.query_one("#loss-digits", Digits)
        digits.display = (
            not self.app.glyphs.is_ascii and not self.screen.has_class("-low") and not self.screen.has_class("-flat")
        )
        if digits.display:
            digits.update(loss)
            digits.set_class(view.is_target_reached, "reached")
        trend = "" if corpus else f" {self._trend(view)}"  # it is the running loss's
        words = Content.assemble(("LOSS ", "$text-muted"), (loss, f"bold {colour}"), trend)
        self._write("loss-line", Content("") if digits.display else words)
        self._write("loss-kind", self._kind(view, with_trend=digits.display or bool(corpus)))
        self._write("target", self._target(view, colour))
        self._write("outlook", Content(self._told(view, state, now)))

    def _write(self, name: str, content: Content) -> None:
        """Change a text; the screen is laid out anew only where it may take more or fewer lines."""
        before = self._written.get(name)
        if before is None or not content.is_same(before):
            self._written[name] = content
            has_other_words = before is None or _shape(content) != _shape(before)
            line = self.query_one(f"#{name}", Static)
            line.update(content, layout=has_other_words)
            line.display = bool(content)

    def _kind(self, view: RunView, *, with_trend: bool) -> Content:
        """Which loss it is, and the other one where there is one."""
        if not view.step:
            return Content.styled("no step yet", "$text-muted")
        corpus, trend = view.corpus_loss, f" {self._trend(view)}" if with_trend else ""
        words = f"running loss, {running_loss_words(view)}{trend}"
        if corpus and corpus is view.leading_corpus_loss:
            sample = ", by a sample" if corpus.estimate else ""
            words = (
                f"corpus loss at step {corpus.step:,}{sample}\nrunning loss {loss_text(view.step.running_loss)}{trend}"
            )
        elif corpus:
            about = "~" if corpus.partial or corpus.estimate else ""
            words += f"\ncorpus loss {about}{loss_text(corpus.loss)} at step {corpus.step:,}"
        return Content.styled(words, "$text-muted")

    def _target(self, view: RunView, colour: str) -> Content:
        if view.target_loss is None:
            return Content.styled("no target", "$text-muted")
        if not view.target_loss:
            return Content.styled("target 0, which is never met", "$text-muted")
        share = view.progress()
        filled, rest = bar(share, max(8, self.size.width - 6), is_unicode=not self.app.glyphs.is_ascii)
        validation = view.validation_loss
        return Content.assemble(
            ("target ", "$text-muted"),
            (f"{view.target_loss:g}", "bold"),
            (" corpus loss", "$text-muted"),
            "\n",
            (filled, colour),
            (rest, "$text-muted 60%"),
            (f" {int(share * 100)} %", "bold"),
            (f"\nvalidation loss {loss_text(validation.loss)}, never decides", "$text-muted") if validation else "",
        )

    def _told(self, view: RunView, state: State, now: float) -> str:
        asked = view, state, view.target_loss
        if self._foretold != asked or not 0 <= now - self._foretold_at < _OUTLOOK_SECONDS:
            self._foretold, self._foretold_at = asked, now
            self._outlook = "" if state == "finished" else outlook_words(view, state, now)
        return self._outlook

    def _trend(self, view: RunView) -> str:
        """Whether the running loss falls."""
        if len(view.steps) < 2:
            return ""
        before = view.steps[max(0, len(view.steps) - _TREND_STEPS)].running_loss
        now = view.steps[-1].running_loss
        glyphs = self.app.glyphs
        if abs(now - before) <= _STILL * before:
            return glyphs.flat
        return glyphs.falling if now < before else glyphs.rising


def _shape(content: Content) -> str:
    """What decides on how a text is broken into lines."""
    return re.sub(r"\S", "x", content.plain)
