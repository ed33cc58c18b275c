"""Exports of a run's model: what as, where to, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from textual.screen import Screen

from gpt2tui.errors import Gpt2TuiError
from gpt2tui.runs.checkpoint_names import chosen_step
from gpt2tui.runs.entry import Entry
from gpt2tui.runs.naming import called
from gpt2tui.text import duration, one_line
from gpt2tui.tui.processes.exporting import export
from gpt2tui.tui.save_target import SaveTarget, slug
from gpt2tui.tui.widgets.question import Ask, Choose, Option

if TYPE_CHECKING:
    from gpt2tui.tui.app import Gpt2TuiApp


class ExportKind(NamedTuple):
    """A format: its key and words, what stands behind ``gpt2tui export``, how the name of the result ends, and the
    package that writes it, which is the extra of that name.
    """

    key: str
    words: str
    command: tuple[str, ...]
    ending: str
    is_folder: bool = False
    package: str = ""

    def option(self) -> Option:
        """The answer that stands for it, with what is missing."""
        is_missing = self.package and find_spec(self.package) is None
        needs = f"; needs pip install 'gpt2tui[{self.package}]'" * bool(is_missing)
        return Option(self.key, self.words + needs, self.key)


EXPORT_KINDS = (
    ExportKind("t", "a folder that transformers loads", ("transformers",), "-transformers", is_folder=True),
    ExportKind("g", "a GGUF file for llama.cpp, float16", ("gguf",), ".gguf", package="gguf"),
    ExportKind(
        "8", "a GGUF file for llama.cpp, 8 bits a weight", ("gguf", "--type", "q8_0"), "-q8_0.gguf", package="gguf"
    ),
    ExportKind("f", "a safetensors file", ("safetensors",), ".safetensors"),
    ExportKind("h", "a Hugging Face Space to talk to it", ("space",), "-space", is_folder=True),
)


class RunExport:
    """Asks for format and place on layers, exports in a worker of the app, and says with ``tell`` what came of it, and
    whether that is bad; until then ``words`` has that it goes on.
    """

    def __init__(self, screen: Screen[Any], tell: Callable[[str, bool], None]) -> None:
        self._screen = screen
        self._app: Gpt2TuiApp = screen.app  # type: ignore[assignment]
        self._tell = tell
        self._under_way: list[tuple[str, float]] = []
        """What is being written, in words, and since when."""

    def words(self) -> str:
        """What is being written now, and for how long it has been; empty where nothing is."""
        now = self._app.now()
        return "; ".join(f"{words}, {duration(round(now - began))}" for words, began in self._under_way)

    def export(self, entry: Entry) -> None:
        """Export the checkpoint of a run that is taken where none is named."""
        step = chosen_step(entry.run)
        if step is None:
            self._tell(f"{entry.name} has no checkpoint yet, so there is nothing to export", True)
            return

        def answered(key: str | None) -> None:
            if kind := next((kind for kind in EXPORT_KINDS if kind.key == key), None):
                self._ask_where(entry, kind)

        title = f"Export {one_line(called(entry.id, entry.name))}, step {step:,}, as"
        self._app.push_screen(Choose(title, [kind.option() for kind in EXPORT_KINDS]), answered)

    def _ask_where(self, entry: Entry, kind: ExportKind) -> None:
        def answered(typed: str | None) -> None:
            if typed is not None:
                destination = Path(typed).expanduser().absolute()
                self._app.run_worker(self._export(entry, kind, destination))

        title = f"Write {kind.words} to"
        hint = f"in {one_line(str(Path.cwd()))}; enter writes it, esc goes back"
        check = SaveTarget(is_folder=kind.is_folder).problem
        self._app.push_screen(Ask(title, value=f"{slug(entry.name)}{kind.ending}", hint=hint, check=check), answered)

    async def _export(self, entry: Entry, kind: ExportKind, destination: Path) -> None:
        writing = (f"{entry.name}: writing {destination}", self._app.now())
        self._under_way.append(writing)
        self._tell("", False)
        is_beside = any(run.is_alive() for run in self._app.store.all())
        try:
            said = await export(
                kind.command,
                destination,
                entry.run.folder,
                is_replacing=destination.is_file(),
                threads=1 if is_beside else None,
            )
        except Gpt2TuiError as error:
            self._tell_anywhere(f"{entry.name} is not exported: {error}", True)
        else:
            self._tell_anywhere(f"{entry.name}: {said}", False)
        finally:
            self._under_way.remove(writing)

    def _tell_anywhere(self, words: str, is_bad: bool) -> None:
        """It may have taken minutes: who is elsewhere by now is told there."""
        self._tell(words, is_bad)
        if self._app.screen is not self._screen:
            self._app.notify(one_line(words), severity="error" if is_bad else "information", markup=False, timeout=15)
