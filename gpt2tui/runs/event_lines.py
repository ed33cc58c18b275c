"""Events as plain lines, for logs, pipes and screen readers."""

from __future__ import annotations

import time

from gpt2tui.runs.events import (
    AnyEvent,
    CheckpointSaved,
    DeviceReading,
    Evaluated,
    Notice,
    PhaseChanged,
    Rewound,
    RunFinished,
    RunStarted,
    Sampled,
    SettingChanged,
    Step,
)
from gpt2tui.runs.words import REASONS, SETTINGS, above_words
from gpt2tui.text import byte_size, duration, loss_text, one_line


def event_line(event: AnyEvent, *, after: float) -> str | None:
    """What happened, on one line of ASCII but for what a text or a name holds, with the time of day; None for
    readings of the device, which are not news.

    The day stands before it where it is another than that of ``after``: the line before, or now.
    """
    words, then = event_words(event), time.localtime(event.time)
    day = "" if then[:3] == time.localtime(after)[:3] else "%Y-%m-%d "
    return words and f"{time.strftime(f'{day}%H:%M:%S', then)} {words}"


def event_words(event: AnyEvent) -> str | None:
    """The same without the time."""
    match event:
        case Step():
            return (
                f"step {event.step:,}, pass {event.passes:.2f}: batch loss {loss_text(event.loss)}, "
                f"running loss {loss_text(event.running_loss)}, {event.tokens_per_second:,.0f} tokens/s"
            )
        case RunStarted():
            begun = f"resumed after step {event.from_step:,}" if event.from_step else "started"
            threads = f"{event.threads} thread{'s' * (event.threads != 1)}"
            return f"{begun}: {event.parameters:,} parameters, {event.device} {event.dtype}, {threads}"
        case PhaseChanged():
            return event.phase
        case Evaluated():
            return _evaluation(event)
        case Sampled():
            return f"sample at step {event.step:,}: {one_line(event.prompt + event.text)}"
        case CheckpointSaved():
            return (
                f"checkpoint at step {event.step:,}, {byte_size(event.bytes)} in {duration(event.seconds)} "
                f"({one_line(event.reason)})"
            )
        case Notice():
            return one_line(event.text) if event.level == "info" else f"{event.level}: {one_line(event.text)}"
        case SettingChanged():
            value, previous = (_setting(event.name, one) for one in (event.value, event.previous))
            return f"{SETTINGS.get(event.name, event.name)} is now {value} (was {previous})"
        case Rewound():
            return f"went back to step {event.to_step:,}: {one_line(event.why)}"
        case RunFinished():
            return f"{REASONS[event.reason]} at step {event.step:,}, after {duration(event.seconds)}"
        case DeviceReading():
            return None


def _setting(name: str, value: float | None) -> str:
    if value is None:
        return "none"
    return duration(value) if name == "max_seconds" else f"{value:,.10g}"


def _evaluation(event: Evaluated) -> str:
    kind = "corpus loss" if event.split == "train" else "validation loss"
    loss = loss_text(event.loss)
    if event.partial:
        return f"{kind} at step {event.step:,}: {above_words(event)} ({loss} over the first {event.tokens:,} tokens)"
    mark = f", an estimate over {event.tokens:,} tokens" if event.estimate else ""
    return f"{kind} at step {event.step:,}: {loss}{mark}, took {duration(event.seconds)}"
