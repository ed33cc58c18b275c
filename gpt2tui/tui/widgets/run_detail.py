"""What is known of the run under the cursor."""

from __future__ import annotations

from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len, chop_cells
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from gpt2tui.runs.config import RunConfig
from gpt2tui.runs.entry import Entry
from gpt2tui.runs.model_config import ModelConfig
from gpt2tui.runs.words import corpus_loss_words, left_words, time_words
from gpt2tui.text import bar, byte_size, clock_time, count, loss_text, visible
from gpt2tui.tui.widgets.run_columns import age, colour, cut, shown, sign

if TYPE_CHECKING:
    from gpt2tui.tui.app import Gpt2TuiApp

_LABEL = 12
_TWO_COLUMNS = 84
_LONGEST_SAMPLE = 1_500


class RunDetail(VerticalScroll):
    """One run: its state and losses, what it was made of, where it lies, notes, and what it wrote last."""

    app: Gpt2TuiApp

    DEFAULT_CSS: ClassVar[str] = "RunDetail > Static { width: 100%; }"
    BORDER_TITLE = "run"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._shown: str | None = None
        self._told_last: tuple[Entry | None, float] = (None, 0.0)

    def compose(self) -> ComposeResult:
        yield Static(markup=False)

    def show(self, entry: Entry | None, now: float) -> None:
        """The run to tell of."""
        self._told_last = entry, now
        glyphs = self.app.glyphs
        self.border_title = Content(cut(shown(entry.name, glyphs), self.size.width - 4, glyphs) if entry else "run")
        self.query_one(Static).update(self._told(entry, now) if entry else Content(""))
        run_id = entry.id if entry else None
        if run_id != self._shown:
            self._shown = run_id
            self.scroll_home(animate=False)

    def on_resize(self) -> None:
        # What was told before the width was known is broken at other places.
        self.show(*self._told_last)

    def _told(self, entry: Entry, now: float) -> Content:
        width = (self.scrollable_content_region.width or 41) - 1
        column = width // 2 - 2 if width >= _TWO_COLUMNS else width
        left = [self._state(entry)]
        if entry.problem:
            left.append(Content.styled(shown(entry.problem, self.app.glyphs), "$foreground-muted"))
        if entry.step and entry.target_loss:
            left.append(self._progress(entry, min(column, 48)))
        left.append(Content(""))
        left += self._fields(self._course(entry), column)
        if entry.label.notes:
            left += [Content(""), *self._fields([("notes", entry.label.notes)], column)]
        right = self._fields(_makings(config), column) if (config := entry.present_config or entry.config) else []
        right += [Content(""), *self._fields(self._place(entry, now), column)]
        lines = _beside(left, right, column + 4) if column < width else [*left, Content(""), *right]
        if sample := entry.sample:
            told = Content.assemble(
                (visible(sample.prompt), "$foreground-muted"), visible(sample.text[:_LONGEST_SAMPLE])
            )
            lines += self._text(f"sample at step {sample.step:,}", told)
        return Content("\n").join(lines)

    def _state(self, entry: Entry) -> Content:
        return Content.styled(f"{sign(entry, self.app.glyphs)} {entry.state_words}", f"bold {colour(entry)}")

    def _progress(self, entry: Entry, width: int) -> Content:
        done, rest = bar(entry.progress, width - 6, is_unicode=not self.app.glyphs.is_ascii)
        reached = "$success" if entry.progress >= 1 else "$primary"
        # Rounded down: it is full only where the target is reached.
        return Content.assemble((done, reached), (rest, "$text-muted 60%"), f" {int(entry.progress * 100)} %")

    def _course(self, entry: Entry) -> list[tuple[str, str]]:
        if entry.state == "damaged":
            return []
        fields = []
        if entry.best_corpus_loss is not None:
            fields.append(("best", f"corpus loss {loss_text(entry.best_corpus_loss)}"))
        if measured := entry.corpus_loss:
            fields.append(("corpus loss", f"{loss_text(measured.loss)} {corpus_loss_words(measured)}"))
        if step := entry.step:
            fields.append(("running", f"{loss_text(step.running_loss)}, of the last batch {loss_text(step.loss)}"))
        fields.append(("target", "none" if entry.target_loss is None else f"{entry.target_loss:g}"))
        if entry.validation_loss:
            fields.append(("validation", loss_text(entry.validation_loss.loss)))
        if step := entry.step:
            fields.append(("step", f"{step.step:,}, pass {step.passes:,.2f}"))
            fields.append(("time", f"{time_words(step, entry.finished)}, {count(step.tokens)} tokens"))
        if entry.forecast:
            fields.append(("to target", left_words(entry.forecast)))
        return fields

    def _place(self, entry: Entry, now: float) -> list[tuple[str, str]]:
        fields = [("id", entry.id), ("folder", _homely(entry.run.folder))]
        if entry.created:
            fields.append(("begun", f"{clock_time(entry.created, now=now)}, {age(entry, now)} ago"))
        if entry.finished:
            fields.append(("ended", clock_time(entry.finished.time, now=now)))
        if entry.size is not None:
            fields.append(("size", byte_size(entry.size)))
        return fields

    def _fields(self, fields: list[tuple[str, str]], width: int) -> list[Content]:
        """Names and values, a line each; a long value goes on below itself."""
        lines = []
        for name, value in fields:
            pieces = wrapped(shown(value, self.app.glyphs), width - _LABEL)
            for head, piece in zip_longest([name], pieces, fillvalue=""):
                lines.append(Content.assemble((f"{head:<{_LABEL}}", "$foreground-muted"), piece))
        return lines

    def _text(self, title: str, text: Content) -> list[Content]:
        if self.app.glyphs.is_ascii:
            text = Content(text.plain.encode("ascii", "backslashreplace").decode("ascii"))
        return [Content(""), Content.styled(title, "bold $foreground-muted"), text]


def wrapped(text: str, width: int) -> list[str]:
    """A text in lines of at most so many cells, broken between words where that is possible."""
    lines, line = [], ""
    for word in text.split(" "):
        if line and cell_len(line) + 1 + cell_len(word) <= width:
            line += f" {word}"
            continue
        if line:
            lines.append(line)
        *full, line = chop_cells(word, max(2, width)) or [""]
        lines += full
    return [*lines, line]


def _homely(folder: Path) -> str:
    """A folder as a shell would show it."""
    home = Path.home()
    return f"~/{folder.relative_to(home)}" if folder.is_relative_to(home) else str(folder)


def _beside(left: list[Content], right: list[Content], at: int) -> list[Content]:
    pairs = zip_longest(left, right, fillvalue=Content(""))
    return [Content.assemble(one, " " * max(0, at - one.cell_length), other) for one, other in pairs]


def _makings(config: RunConfig) -> list[tuple[str, str]]:
    recipe, corpus = config.recipe, config.corpus
    return [
        ("model", f"{config.preset or 'own shape'}, {count(config.model.parameters)} parameters"),
        ("shape", _shape(config.model)),
        ("corpus", f"{corpus.name}, {corpus.tokens:,} tokens, {byte_size(corpus.bytes)}"),
        ("recipe", f"{recipe.name}, {recipe.optimizer}, rate {recipe.learning_rate:g}"),
        ("a step", f"{recipe.batch_size} x {config.block_size} tokens"),
        ("device", f"{config.device} {config.dtype}, {config.threads} thread{'s' * (config.threads != 1)}"),
        ("seed", str(config.seed)),
    ]


def _shape(model: ModelConfig) -> str:
    return f"{model.layers} layers, {model.heads} heads, {model.width} wide"
