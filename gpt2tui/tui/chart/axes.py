"""Scales, ticks and their labels: bounds that keep still while a run grows, and labels no longer than they need be."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_FAR = 9.0
"""A share this far outside of the scale stands for infinitely far, so that sums stay finite."""

_MANTISSAS = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0, 10.0)
_NICE = (1.0, 2.0, 5.0, 10.0)
_SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400)


class Scale(NamedTuple):
    """From ``low`` at the bottom to ``high`` at the top, which differ; both are above 0 where it is logarithmic."""

    low: float
    high: float
    is_log: bool = False

    def share(self, values: Floats) -> Floats:
        """Where values stand: 0 at ``low``, 1 at ``high``. NaN stays NaN."""
        values = np.asarray(values, dtype=float)
        if not self.is_log:
            return np.clip((values - self.low) / (self.high - self.low), -_FAR, _FAR)
        with np.errstate(divide="ignore", invalid="ignore"):
            logarithms = np.where(values > 0, np.log(values), np.where(np.isnan(values), np.nan, -np.inf))
        return np.clip((logarithms - math.log(self.low)) / math.log(self.high / self.low), -_FAR, _FAR)

    def is_filled_by(self, low: float, high: float) -> bool:
        """Whether all from ``low`` to ``high`` fits in and takes half of it or more."""
        if not self.low <= low < high <= self.high:
            return False
        if self.is_log:
            return math.log(high / low) >= math.log(self.high / self.low) / 2
        return high - low >= (self.high - self.low) / 2


class Tick(NamedTuple):
    value: float
    label: str


def loss_scale(low: float, high: float, *, is_log: bool, previous: Scale | None = None) -> Scale:
    """A scale that holds all from ``low`` to ``high``, with bounds that are easy to read.

    The previous one is kept while all fits in and fills half of it. On a logarithmic scale both must be above 0.
    """
    if previous and previous.is_log == is_log and previous.is_filled_by(low, high):
        return previous
    if is_log and high / low >= 3:
        return Scale(min(low, _mantissa_below(low)), max(high, _mantissa_above(high)), True)
    if high - low <= 1e-9 * abs(high):
        margin = abs(high) / 10 or 1.0
        low, high = low - margin, high + margin
    step = nice_step((high - low) / 5)
    bottom, top = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
    if is_log and bottom <= 0:
        bottom = _mantissa_below(low)
    # A product that is rounded may miss what it is made for by the last digit.
    return Scale(min(bottom, low), max(top, high), is_log)


def loss_ticks(scale: Scale, most: int) -> list[Tick]:
    """At most ``most`` ticks: powers of ten, 2 and 5 between them where there is room, or even steps."""
    if most < 1:
        return []
    if scale.is_log and scale.high / scale.low >= 3:
        powers = range(math.floor(math.log10(scale.low)) - 1, math.ceil(math.log10(scale.high)) + 1)
        for mantissas in ((1, 2, 5), (1, 3), (1,)):
            values = [mantissa * 10.0**power for power in powers for mantissa in mantissas]
            inside = [value for value in values if _is_inside(value, scale)]
            if len(inside) <= most:
                break
        else:
            every = -(-len(inside) // most)
            inside = [value for value in inside if round(math.log10(value)) % every == 0]
        if len(inside) > 1 or most == 1:
            return [Tick(value, loss_label(value)) for value in inside]
    step = nice_step((scale.high - scale.low) / most)
    values = _steps(scale.low, scale.high, step)
    return [Tick(value, _decimal(value, step)) for value in values if value > 0 or not scale.is_log]


def loss_label(value: float) -> str:
    """``10``, ``0.5``, ``1e-5``."""
    if 1e-3 <= abs(value) < 1e5 or value == 0:
        return f"{value:.6g}"
    mantissa, power = f"{value:.0e}".split("e")
    return f"{mantissa}e{int(power)}"


def x_ticks(low: float, high: float, most: int, *, unit: str) -> list[Tick]:
    """At most ``most`` ticks of steps, tokens, passes, or seconds (``elapsed``)."""
    if most < 1 or not high > low:
        return []
    step = x_step((high - low) / most, unit=unit)
    label = {"elapsed": time_label, "passes": _decimal}.get(unit, count_label)
    return [Tick(value, label(value, step)) for value in _steps(low, high, step)]


def x_step(least: float, *, unit: str) -> float:
    """The smallest distance of ticks that is easy to read and no smaller than ``least``."""
    if unit == "elapsed" and least > 1:
        fitting = next((step for step in _SECONDS if step >= least), 0)
        return float(fitting or 86_400 * nice_step(least / 86_400))
    step = nice_step(least)
    return max(1.0, step) if unit in ("step", "tokens") else step


def nice_step(least: float) -> float:
    """1, 2 or 5 times a power of ten, no smaller than ``least``, which is above 0."""
    power = 10.0 ** math.floor(math.log10(least))
    return power * next((factor for factor in _NICE if factor * power >= least * (1 - 1e-9)), 10.0)


def count_label(value: float, step: float) -> str:
    """``500``, ``1.2k``, ``1M``: with as many digits as tell it from its neighbours."""
    for size, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            digits = _digits(step / size)
            if digits > 2:
                return f"{value:,.0f}"
            number = f"{value / size:.{digits}f}"
            return (number.rstrip("0").rstrip(".") if digits else number) + name
    return f"{value:.0f}"


def time_label(seconds: float, step: float) -> str:
    """``2:30``, ``1h05``, ``12h``, ``4d12h``, ``4d12:30``, ``3d``."""
    if step < 1:
        return f"{_decimal(seconds, step)}s"
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    if step >= 86_400:
        return f"{whole // 86_400}d"
    if step >= 3600 and hours < 100:
        return f"{hours}h"
    if hours >= 100:
        day, hour, minutes = hours // 24, hours % 24, rest // 60
        if step >= 3600:
            return f"{day}d{hour:02}h"
        return f"{day}d{hour:02}:{minutes:02}" if step >= 60 else f"{day}d{hour:02}:{minutes:02}:{rest % 60:02}"
    if not hours:
        return f"{rest // 60}:{rest % 60:02}"
    return f"{hours}h{rest // 60:02}" if step >= 60 else f"{hours}:{rest // 60:02}:{rest % 60:02}"


def _decimal(value: float, step: float) -> str:
    if value and not 1e-4 <= abs(value) < 1e6:
        # As many digits as tell it from its neighbours.
        digits = math.floor(math.log10(abs(value)) + 1e-9) - math.floor(math.log10(step) + 1e-9) + 1
        return f"{value:.{max(1, digits)}g}"
    return f"{value:.{_digits(step)}f}"


def _digits(step: float) -> int:
    return max(0, -math.floor(math.log10(step) + 1e-9))


def _steps(low: float, high: float, step: float) -> list[float]:
    first, last = math.ceil(low / step - 1e-6), math.floor(high / step + 1e-6)
    return [index * step for index in range(first, last + 1)]


def _is_inside(value: float, scale: Scale) -> bool:
    return scale.low * (1 - 1e-9) <= value <= scale.high * (1 + 1e-9)


def _mantissa_below(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return power * max(mantissa for mantissa in _MANTISSAS if mantissa <= max(1.0, value / power * (1 + 1e-9)))


def _mantissa_above(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return power * next((mantissa for mantissa in _MANTISSAS if mantissa * power >= value * (1 - 1e-9)), 10.0)
