"""One picture of a run: what ``watch --once`` prints and the live display of ``train --headless`` refreshes."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import Group
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from gpt2tui.runs.words import (
    corpus_loss_words,
    outlook_words,
    resume_words,
    running_loss_words,
    state_style,
    state_words,
)
from gpt2tui.text import bar, clock_time, count, duration, loss_text, one_line, sparkline, visible

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType

    from gpt2tui.runs.view import RunView, State

_WIDE = 116
"""From this width on, sample and events stand beside the numbers."""

_LEFT = 72
_GAP = 4


class Clipped:
    """Text, wrapped, of which no more than so many lines are shown."""

    def __init__(self, text: Text, lines: int) -> None:
        self._text, self._lines = text, lines

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        yield from self._text.wrap(console, options.max_width)[: self._lines]


def frame(
    view: RunView,
    *,
    state: State,
    now: float,
    width: int | None = None,
    name: str = "",
    is_unicode: bool | None = None,
    log_tail: Sequence[str] = (),
) -> RenderableType:
    """The run as it stands, ``width`` columns wide or as wide as the console it is drawn on.

    ``now`` is seconds since the epoch, ``name`` what a person would type to mean the run; ``log_tail`` are the
    last lines of worker.log, shown of a crashed one. Without ``is_unicode`` it is drawn in ASCII; by default the
    encoding of the console decides.
    """
    return _Frame(view, state=state, now=now, width=width, name=name, is_unicode=is_unicode, log_tail=log_tail)


class _Frame:
    def __init__(
        self,
        view: RunView,
        *,
        state: State,
        now: float,
        width: int | None,
        name: str,
        is_unicode: bool | None,
        log_tail: Sequence[str],
    ) -> None:
        self._view, self._state, self._now = view, state, now
        self._width, self._name, self._log_tail = width, name, log_tail
        self._is_unicode = is_unicode

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        width = self._width or options.max_width
        is_unicode = not options.ascii_only if self._is_unicode is None else self._is_unicode
        picture = _Picture(self._view, state=self._state, now=self._now, name=self._name, is_unicode=is_unicode)
        yield picture.title()
        yield Rule(Text(one_line(self._name)), align="left", characters="─" if is_unicode else "-", style="dim")
        if width < _WIDE:
            yield picture.numbers(width)
            yield from picture.aftermath(self._log_tail)
            yield Group("", *picture.sample(6), *picture.events(3))
            return
        body = Table.grid(padding=(0, _GAP, 0, 0))
        body.add_column(width=_LEFT)
        body.add_column(width=width - _LEFT - _GAP)
        left = Group(picture.numbers(_LEFT, side_by_side=1), *picture.aftermath(self._log_tail))
        body.add_row(left, Group(*picture.sample(9), *picture.events(4)))
        yield body


class _Picture:
    def __init__(self, view: RunView, *, state: State, now: float, name: str, is_unicode: bool) -> None:
        self._view, self._state, self._now = view, state, now
        self._name, self._is_unicode = name, is_unicode
        self._dot = " · " if is_unicode else " | "

    def title(self) -> RenderableType:
        config = self._view.config
        title = Text(one_line(config.preset or "own shape"), style="bold")
        corpus = f"{one_line(config.corpus.name)} {config.corpus.tokens:,} tokens"
        for part in (count(config.model.parameters), corpus, config.recipe.name):
            title.append(f"{self._dot}{part}", style="not bold")
        words = Text(style=state_style(self._view, self._state))
        words.append(("● " if self._is_unicode else "* ") + state_words(self._view, self._state))
        words.append(f"{self._dot}{config.device} {config.dtype}", style="not bold dim")
        row = Table.grid(expand=True)
        row.add_column(ratio=1, no_wrap=True, overflow="ellipsis" if self._is_unicode else "crop")
        row.add_column(justify="right", no_wrap=True)
        row.add_row(title, words)
        return row

    def numbers(self, width: int, *, side_by_side: int = 2) -> RenderableType:
        view = self._view
        losses = Table.grid(padding=(0, 2, 0, 0))
        losses.add_column()
        losses.add_column(justify="left", style="bold")
        losses.add_column(style="dim")
        running = loss_text(view.step.running_loss if view.step else None)
        losses.add_row("running loss", running, running_loss_words(view) if view.step else "")
        if view.corpus_loss:
            losses.add_row("corpus loss", loss_text(view.corpus_loss.loss), corpus_loss_words(view.corpus_loss))
        else:
            losses.add_row("corpus loss", "-", "not measured yet")
        if view.validation_loss:
            losses.add_row("validation loss", loss_text(view.validation_loss.loss), "never decides")
        target = "none" if view.target_loss is None else f"{view.target_loss:g}"
        meant = "" if view.target_loss is None else "for the corpus loss" if view.target_loss else "never met"
        losses.add_row("target", target, meant)
        rows: list[RenderableType] = [losses]
        if view.target_loss:
            rows.append(self._bar(width))
        rows += [Text(outlook_words(view, self._state, self._now)), "", Text(self._place())]
        rows += self._sparklines(width, side_by_side)
        return Group(*rows)

    def aftermath(self, log_tail: Sequence[str]) -> list[RenderableType]:
        """What a person can do about a run that crashed, stalled, or never began."""
        run = shlex.quote(self._name) if self._name else "latest"
        resume = f"go on with: {resume_words(one_line(run), self._view)}"
        match self._state:
            case "crashed":
                told: list[RenderableType] = ["", Text(f"the trainer is gone; {resume}", style="bold red")]
                return told + [Text(f"  {one_line(line)}", style="dim") for line in log_tail]
            case "stalled":
                silent = duration(self._now - self._view.last_event)
                return ["", Text(f"no word from the trainer for {silent}", style="bold red")]
            case "finished" if self._view.finished and self._view.finished.reason != "target_reached":
                return ["", Text(resume)]
        return []

    def sample(self, lines: int) -> list[RenderableType]:
        sampled = self._view.sample
        if not sampled:
            return []
        text = Text(visible(sampled.prompt), style="bold")
        text.append(visible(sampled.text), style="not bold")
        return [self._heading(f"sample at step {sampled.step:,}"), Clipped(text, lines), ""]

    def events(self, most: int) -> list[RenderableType]:
        """The last notices, corpus loss and checkpoint, the newest first."""
        view = self._view
        found = [(notice.time, notice.level, notice.text) for notice in view.notices]
        if view.checkpoint:
            saved = view.checkpoint
            found.append((saved.time, "info", f"checkpoint at step {saved.step:,}: {saved.reason}"))
        if view.corpus_loss:
            loss = loss_text(view.corpus_loss.loss)
            found.append((view.corpus_loss.time, "info", f"corpus loss {loss} {corpus_loss_words(view.corpus_loss)}"))
        if not found:
            return []
        styles = {"warning": "yellow", "error": "bold red"}
        rows: list[RenderableType] = [self._heading("events")]
        for at, level, text in sorted(found, key=lambda one: one[0], reverse=True)[:most]:
            line = Text(f"{clock_time(at, now=self._now)} ", style="dim")
            line.append("" if level == "info" else f"{level}: ", style=f"not dim {styles.get(level, '')}")
            line.append(one_line(text), style="not dim")
            rows.append(Clipped(line, 2))
        return rows

    def _heading(self, text: str) -> Text:
        return Text(f"{'──' if self._is_unicode else '--'} {text}", style="dim")

    def _bar(self, width: int) -> Text:
        view = self._view
        is_reached = view.is_target_reached
        share = view.progress()
        filled, rest = bar(share, width - 22, is_unicode=self._is_unicode)
        text = Text(filled, style="green" if is_reached else "cyan")
        text.append(rest, style="dim")
        return text.append(f" {int(share * 100)} % on a log scale", style="not dim default")

    def _place(self) -> str:
        step = self._view.step
        if not step:
            return f"step {self._view.started.from_step:,}" if self._view.started else ""
        return self._dot.join(
            (
                f"pass {step.passes:,.1f}",
                f"step {step.step:,}",
                f"{step.tokens:,} tokens",
                f"{step.tokens_per_second:,.0f} tokens/s",
                duration(step.elapsed),
            )
        )

    def _sparklines(self, width: int, side_by_side: int) -> list[RenderableType]:
        steps = list(self._view.steps)
        if len(steps) < 2:
            return []
        last = steps[-1]
        table = Table.grid(padding=(0, 1, 0, 0))
        columns = max(4, width // side_by_side - 23)
        all_of_them = (
            ("batch loss", [one.loss for one in steps], loss_text(last.loss)),
            ("gradient", [one.gradient_norm for one in steps], f"{last.gradient_norm:.2f}"),
            ("rate", [one.learning_rate for one in steps], f"{last.learning_rate:.2e}"),
            ("tokens/s", [one.tokens_per_second for one in steps], f"{last.tokens_per_second:,.0f}"),
        )
        for row in zip(*[iter(all_of_them)] * side_by_side, strict=True):
            cells: list[Text] = []
            for label, values, value in row:
                drawn = sparkline(values, columns, is_unicode=self._is_unicode)
                cells += [Text(label, style="dim"), Text(drawn, style="cyan"), Text(f"{value}  ")]
            table.add_row(*cells)
        return [table]
