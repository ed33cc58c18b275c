"""Small curves of what a run reports, a row each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from textual.content import Content
from textual.widgets import Static

from gpt2tui.runs.view import RunView
from gpt2tui.text import byte_size, loss_text, sparkline

if TYPE_CHECKING:
    from gpt2tui.tui.app import Gpt2TuiApp

_LABEL = 11
_VALUE = 9


class _Trace(NamedTuple):
    label: str
    values: Sequence[float]
    value: str


class Traces(Static):
    """Loss of a batch, learning rate, gradient norm, tokens a second, memory and load of the device."""

    app: Gpt2TuiApp

    def __init__(self) -> None:
        super().__init__("", markup=False)
        self._drawn: tuple[int, list[tuple[str, str, str]]] = (0, [])

    def show(self, view: RunView) -> None:
        """Draw what a view holds, where that looks different from before."""
        width = max(4, self.size.width - _LABEL - _VALUE - 2)
        is_unicode = not self.app.glyphs.is_ascii
        drawn = [
            (trace.label, sparkline(trace.values, width, is_unicode=is_unicode), trace.value)
            for trace in _traces(view)
            if trace.values
        ]
        before, self._drawn = self._drawn, (width, drawn)
        if self._drawn == before:
            return
        is_of_other_size = width != before[0] or len(drawn) != len(before[1])
        rows = [
            Content.assemble(
                (f"{label:<{_LABEL}}", "$text-muted"), (f"{curve:<{width}}", "$primary"), f" {value:>{_VALUE}}"
            )
            for label, curve, value in drawn
        ]
        self.update(Content("\n").join(rows), layout=is_of_other_size)


def _traces(view: RunView) -> list[_Trace]:
    steps, readings = list(view.steps), list(view.readings)
    last, reading = view.step, view.device
    if last is None:
        return []
    norm, rate = last.gradient_norm, last.tokens_per_second
    loads = [one.load for one in readings if one.load is not None]
    return [
        _Trace("batch loss", [step.loss for step in steps], _fitting(loss_text(last.loss), last.loss)),
        _Trace("rate", [step.learning_rate for step in steps], f"{last.learning_rate:.2e}"),
        _Trace("gradient", [step.gradient_norm for step in steps], _fitting(f"{norm:.2f}", norm)),
        _Trace("tokens/s", [step.tokens_per_second for step in steps], _fitting(f"{rate:,.0f}", rate)),
        _Trace("memory", [float(one.memory) for one in readings], byte_size(reading.memory) if reading else ""),
        _Trace("load", loads, f"{loads[-1]:.0f} %" if loads else ""),
    ]


def _fitting(words: str, value: float) -> str:
    """The words, or where they are too long for the column the value in powers of ten."""
    return words if len(words) <= _VALUE else f"{value:.2e}"
