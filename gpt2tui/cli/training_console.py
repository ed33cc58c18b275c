"""What ``train --headless`` and ``resume --headless`` show: a live display, plain lines, or events as JSON."""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing, suppress
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import typer

from gpt2tui.cli.frame import frame
from gpt2tui.cli.output import abandon, narrate, print_json, put, stderr_console
from gpt2tui.cli.run_argument import store
from gpt2tui.cli.summary import summary
from gpt2tui.errors import Gpt2TuiError, UsageError
from gpt2tui.runs.event_lines import event_line
from gpt2tui.runs.events import AnyEvent, Notice, RunFinished, Step
from gpt2tui.runs.neighbours import crowding, neighbours
from gpt2tui.runs.run import Run
from gpt2tui.runs.view import RunView
from gpt2tui.runs.words import REASONS, left_words, place_words, resume_words, unsaved_words

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.segment import Segment

Form = Literal["live", "lines", "quiet", "json", "jsonl"]

_LINE_SECONDS = 10.0
_DEFECT = "the training goes on, but this could not be shown"
_EXIT_CODES = {"target_reached": 0, "limit": 4, "stopped": 4, "diverged": 5, "out_of_memory": 6, "failed": 1}


class Style:
    """How to tell of a training."""

    def __init__(self, form: Form) -> None:
        self.form = form

    @classmethod
    def of(cls, *, quiet: bool, as_json: bool, as_jsonl: bool) -> Style:
        """What the options ask for; without any, a live display on a terminal and plain lines elsewhere.

        Raises:
            UsageError: both kinds of JSON at once.
        """
        if as_json and as_jsonl:
            raise UsageError("--json and --jsonl exclude each other")
        if as_jsonl:
            return cls("jsonl")
        if as_json:
            return cls("json")
        if quiet:
            return cls("quiet")
        console = stderr_console()
        can_draw = sys.stderr.isatty() and console.is_terminal and not console.is_dumb_terminal
        return cls("live" if can_draw else "lines")


def follow_training(run: Run, events: Generator[AnyEvent, None, None], style: Style) -> int:
    """Consume a training's events, show them, and return the exit code. A closed output never ends a training.

    Raises:
        KeyboardInterrupt: a second SIGINT ended it at once, which is told.
    """
    console = _TrainingConsole(run, style)
    console.warn(crowding(neighbours(store().all()), run.config().device))
    finished: RunFinished | None = None
    try:
        with console, closing(events):
            for event in events:
                console.show(event)
                if isinstance(event, RunFinished):
                    finished = event
    except KeyboardInterrupt:
        console.tell_cut_off()
        raise
    assert finished is not None
    console.finish(finished)
    if finished.reason == "interrupted":
        return 128 + (finished.signal or 0)
    is_done = finished.reason == "limit" and console.view.target_loss is None
    code = 0 if is_done else _EXIT_CODES[finished.reason]
    return code or (1 if console.view.unsaved_steps else 0)


class _Guarded:
    """A picture that, where it cannot be drawn, says so: Live's thread would end of it."""

    def __init__(self, picture: RenderableType) -> None:
        self._picture = picture

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType | Segment]:
        from rich.text import Text

        try:
            drawn: list[Segment] | list[Text] = list(console.render(self._picture, options))
        except Exception as error:  # noqa: BLE001 (as below)
            drawn = [Text(f"{_DEFECT}: {error!r}")]
        yield from drawn


class _TrainingConsole:
    def __init__(self, run: Run, style: Style) -> None:
        self.view = RunView.of(run)  # a resumed run goes on where its journal ends
        self._run = run
        self._form = style.form
        self._lock = threading.Lock()
        self._stack = ExitStack()
        self._last_line = 0.0
        self._told_at = time.time()
        self._encoder = msgspec.json.Encoder()
        self._is_open = True
        self._defects: set[str] = set()

    def __enter__(self) -> None:
        if self._form == "live":
            from rich.live import Live

            console = stderr_console()
            live = Live(get_renderable=self._frame, console=console, transient=True)
            self._stack.enter_context(live)

    def __exit__(self, *error: Any) -> None:
        try:
            self._stack.close()
        except OSError:
            self._is_open = False

    def warn(self, text: str) -> None:
        """A line before anything is shown, where there is one and it is wanted."""
        if text and self._form != "quiet":
            self._try(lambda: narrate(text))

    def show(self, event: AnyEvent) -> None:
        self._try(lambda: self._take(event))

    def finish(self, finished: RunFinished) -> None:
        """The summary that remains."""
        self._try(lambda: self._print_end(finished))

    def tell_cut_off(self) -> None:
        """One line on an end that nothing was shown of: what was lost, and how to go on. The journal knows."""
        with suppress(Gpt2TuiError):
            self.view = RunView.of(self._run)
        unsaved = unsaved_words(self.view)
        words = "; ".join(filter(None, (f"run {self._run.id} ended at once", unsaved)))
        way_on = f"{resume_words(self._run.id, self.view)} goes {'back to' if unsaved else 'on from'}"
        self._try(lambda: narrate(f"{words}; {way_on} {place_words(self.view)}"))

    def _try(self, show: Callable[[], None]) -> None:
        if not self._is_open:
            return
        try:
            show()
        except OSError:
            # The terminal or the pipe is gone. The run is a directory: it needs neither.
            self._is_open = False
            for stream in (sys.stdout, sys.stderr):
                abandon(stream)
        except Exception as error:  # noqa: BLE001 (a defect of ours must not cost anybody a training)
            self._tell_defect(error)

    def _tell_defect(self, error: Exception) -> None:
        """Once of each kind, with where it happened: the training goes on."""
        if (kind := repr(error)) not in self._defects:
            self._defects.add(kind)
            traceback.print_exception(error)
            narrate(f"{_DEFECT}: {kind}")

    def _take(self, event: AnyEvent) -> None:
        with self._lock:
            self.view.fold([event])
        self._print(event)

    def _print_end(self, finished: RunFinished) -> None:
        if self._form == "json":
            print_json(self._result(finished))
        elif self._form in ("live", "lines"):
            put(summary(self.view, self._run, finished))
        elif self._form == "quiet":
            unsaved = unsaved_words(self.view)
            if unsaved or finished.reason not in ("target_reached", "limit"):
                words = f"run {self._run.id} ended: {REASONS[finished.reason]}"
                narrate("; ".join(filter(None, (words, unsaved))))

    def _print(self, event: AnyEvent) -> None:
        if self._form == "jsonl":
            sys.stdout.buffer.write(self._encoder.encode(event) + b"\n")
            sys.stdout.buffer.flush()
        elif self._form == "lines":
            self._print_line(event)
        elif self._form in ("quiet", "json") and isinstance(event, Notice) and event.level != "info":
            narrate(event.text)

    def _print_line(self, event: AnyEvent) -> None:
        if isinstance(event, Step):
            now = time.monotonic()
            if event.step > 1 and now - self._last_line < _LINE_SECONDS:
                return
            self._last_line = now
        if line := event_line(event, after=self._told_at):
            self._told_at = event.time
            typer.echo(line + self._outlook() if isinstance(event, Step) else line, err=True)

    def _outlook(self) -> str:
        found = self.view.forecast()
        if found is None:
            return ""
        return f"  target in {left_words(found)}" if found.is_on_course else "  target not on this course"

    def _frame(self) -> RenderableType:
        now = time.time()
        with self._lock:
            picture = frame(self.view, state=self.view.state(is_alive=True, now=now), now=now, name=self._run.id)
        return _Guarded(picture)

    def _result(self, finished: RunFinished) -> dict[str, Any]:
        view, step = self.view, self.view.step
        return {
            "run": self._run.id,
            "path": str(self._run.folder),
            "reason": finished.reason,
            "step": finished.step,
            "tokens": step.tokens if step else 0,
            "passes": step.passes if step else 0.0,
            "running_loss": step.running_loss if step else None,
            "corpus_loss": view.corpus_loss.loss if view.corpus_loss and not view.corpus_loss.partial else None,
            "best_corpus_loss": view.best_corpus_loss,
            "target_loss": view.target_loss,
            "seconds": finished.seconds,
            "unsaved_steps": len(view.unsaved_steps),
        }
