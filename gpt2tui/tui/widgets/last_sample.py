"""What the model wrote last, on the way."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from gpt2tui.runs.events import Sampled
from gpt2tui.text import visible


class LastSample(VerticalScroll):
    """One sample: its prompt muted, what follows as it is, lines kept."""

    BORDER_TITLE = "sample"
    DEFAULT_CSS: ClassVar[str] = "LastSample > Static { width: 100%; }"

    def compose(self) -> ComposeResult:
        yield Static(markup=False)

    def show(self, sample: Sampled | None) -> None:
        """The sample, or what to do to have one."""
        self.border_title = f"sample at step {sample.step:,}" if sample else "sample"
        if sample is None:
            text = Content.styled("none yet", "$text-muted")
        else:
            text = Content.assemble((visible(sample.prompt), "$text-muted"), visible(sample.text))
        self.query_one(Static).update(text)
