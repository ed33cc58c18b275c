"""The part of a run that a chart shows: all of it, its end as it grows, or a part that keeps still."""

from __future__ import annotations

import math

from gpt2tui.tui.chart.axes import x_step

_FEWEST = 4
"""Steps that are still seen when nothing more can be zoomed into."""

_CALM = 10
"""A young run is drawn on room for so many steps, so that its first ones do not jump."""


class Extent:
    """How far a run goes in one unit: ``last`` is its last step's place, of ``steps`` steps.

    ``farthest`` is as far as there is anything to see, when a longer run is laid over it.
    """

    def __init__(self, last: float, steps: int, unit: str, farthest: float = 0.0) -> None:
        self.last, self.steps, self.unit = last, steps, unit
        self.farthest = max(last, farthest)

    def whole(self) -> float:
        """A round number at or a little after all there is to see."""
        calm = self.last / self.steps * _CALM if self.steps else 0.0
        farthest = max(self.farthest, calm) or 1.0
        return self._round_up(farthest, farthest)

    def end(self, span: float) -> float:
        """A round number at or a little after the run's last step, where so much of it is seen."""
        return self._round_up(self.last, span)

    def limit(self, span: float) -> float:
        """As far to the right as one may move."""
        return self._round_up(self.farthest, span)

    def _round_up(self, x: float, span: float) -> float:
        step = x_step(span / 16, unit=self.unit)
        return math.ceil(x / step - 1e-9) * step

    def least_span(self) -> float:
        """The narrowest window."""
        return self.last / max(1, self.steps) * _FEWEST or 1.0


class Window:
    """From where to where a chart is seen. It follows the end until it is moved away from it."""

    def __init__(self) -> None:
        self.span: float | None = None
        self.right: float | None = None

    @property
    def is_whole(self) -> bool:
        """Whether all of the run is seen."""
        return self.span is None

    @property
    def is_following(self) -> bool:
        """Whether the right edge moves with the end of the run."""
        return self.right is None

    def bounds(self, extent: Extent) -> tuple[float, float]:
        """Left and right edge: never beyond the end, to which a rewind may have brought the run back, nor before 0."""
        if self.span is None:
            return 0.0, extent.whole()
        right = extent.end(self.span) if self.right is None else min(self.right, extent.limit(self.span))
        right = max(right, self.span)
        return right - self.span, right

    def show_all(self) -> None:
        """See all of it again, and follow."""
        self.span = self.right = None

    def follow(self) -> None:
        """Go to the end, and stay there."""
        self.right = None

    def zoom(self, factor: float, extent: Extent, *, about: float | None = None) -> None:
        """Make the span so many times as wide; ``about`` stays where it is, by default the right edge."""
        left, right = self.bounds(extent)
        span = max((right - left) * factor, extent.least_span())
        if span >= extent.whole():
            self.show_all()
            return
        if about is None and self.is_following:
            self.span = span
            return
        about = right if about is None else min(max(about, left), right)
        share = (right - about) / (right - left)
        self._place(about + share * span, span, extent)

    def pan(self, share: float, extent: Extent) -> None:
        """Move by so much of the span, to the right if above 0; at the end it follows again."""
        if self.span is not None:
            _, right = self.bounds(extent)
            self._place(right + share * self.span, self.span, extent, is_pan=True)

    def reveal(self, x: float | None, extent: Extent) -> bool:
        """Move so that a place is seen; whether that was needed."""
        left, right = self.bounds(extent)
        if x is None or self.span is None or left <= x <= right:
            return False
        self._place(x + self.span / 2, self.span, extent, is_pan=True)
        return True

    def set_bounds(self, left: float, right: float) -> None:
        """See what is between two places, or all where these are none; who follows goes on following."""
        if right > left:
            self.span = right - left
            self.right = None if self.is_following else right
        else:
            self.show_all()

    def _place(self, right: float, span: float, extent: Extent, *, is_pan: bool = False) -> None:
        limit = extent.limit(span)
        is_at_end = right >= limit and extent.farthest == extent.last
        self.span = span
        self.right = None if is_pan and is_at_end else max(min(right, limit), span)
