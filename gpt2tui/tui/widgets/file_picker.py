"""A layer on which a text is chosen: a named corpus, or a file or folder of the disk."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.events import Key
from textual.screen import ModalScreen
from textual.widgets import Input, Label, OptionList, Static, Tree
from textual.widgets.option_list import Option

from gpt2tui.tui.form.folder_listing import Entry
from gpt2tui.tui.processes.corpora import NamedCorpus
from gpt2tui.tui.widgets.file_tree import FileTree
from gpt2tui.tui.widgets.text_field import TextField

if TYPE_CHECKING:
    from gpt2tui.tui.app import Gpt2TuiApp


class FilePicker(ModalScreen[str | None]):
    """Gives the name or path that was chosen, as it would be typed but for quotes; None where it was closed."""

    app: Gpt2TuiApp

    CSS_PATH = "../styles/start_form.tcss"
    AUTO_FOCUS = "FileTree"
    VERTICAL_BREAKPOINTS = [(0, "-low"), (20, "-high")]  # noqa: RUF012 (Textual declares no ClassVar)
    BINDINGS: ClassVar = [
        Binding("escape", "dismiss(None)", "Close", id="files.leave", tooltip="Choose nothing"),
        Binding("slash", "filter", "Filter", id="files.filter", tooltip="Show only names that fit"),
        Binding("ctrl+u", "clear", "Clear", id="files.clear", tooltip="Show all names again"),
        Binding("down", "to_files", "Files", id="files.down", show=False, tooltip="From the filter to the files"),
    ]

    def __init__(self, corpora: Sequence[NamedCorpus], folder: Path | None = None) -> None:
        super().__init__()
        self._corpora = corpora
        self._folder = folder or Path.cwd()

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Label("Choose a text", classes="heading", markup=False)
            if self._corpora:
                yield OptionList(*(_line(corpus) for corpus in self._corpora), markup=False, compact=True)
            yield TextField(placeholder="filter: part of a name, or *.txt", compact=True, select_on_focus=False)
            yield FileTree(self._folder)
            yield Static(
                "enter takes a file or whole folder | right looks into it | left goes up\n"
                "letters filter, then enter takes the first | ctrl+u clears | esc closes",
                classes="note",
                markup=False,
            )

    def action_filter(self) -> None:
        """Go to the filter."""
        self.set_focus(self.query_one(Input))

    def on_key(self, event: Key) -> None:
        """What is typed anywhere is part of a name."""
        if event.is_printable and event.character and event.character not in " /?":
            event.stop()
            self.action_filter()
            self.query_one(Input).insert_text_at_cursor(event.character)

    def action_clear(self) -> None:
        """Show all names again."""
        self.query_one(Input).value = ""

    def action_to_files(self) -> None:
        """Go from the filter to the files."""
        self.set_focus(self.query_one(FileTree))

    @on(Input.Changed)
    def _filter(self, event: Input.Changed) -> None:
        self.query_one(FileTree).thin_out(event.value.strip())

    @on(Input.Submitted)
    def _entered(self) -> None:
        if self.query_one(FileTree).pattern:
            self._take_first_fit()
        else:
            self.action_to_files()

    @work(exclusive=True, group="take")
    async def _take_first_fit(self) -> None:
        """Take the first file that fits the filter; a folder that alone fits is looked into."""
        tree = self.query_one(FileTree)
        pattern = tree.pattern
        with self.app.holding_keys():
            entry = await tree.first_fit()
            if entry is None or tree.pattern != pattern:
                return
            if not entry.is_folder:
                self._take(entry)
                return
            self.action_clear()
            tree.pattern = ""
            tree.go_to(entry.path)
            self.action_to_files()

    @on(OptionList.OptionSelected)
    def _take_name(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option.id)

    @on(Tree.NodeSelected)
    def _take_path(self, event: Tree.NodeSelected[Entry | None]) -> None:
        if entry := event.node.data:
            self._take(entry)

    def _take(self, entry: Entry) -> None:
        if not str(entry.path).isprintable():
            self.notify("its name has control characters; rename it first", severity="warning")
            return
        self.dismiss(_as_typed(entry.path))


def _line(corpus: NamedCorpus) -> Option:
    return Option(f"{corpus.name}: {corpus.facts}", id=corpus.name)


def _as_typed(path: Path) -> str:
    """The path from here where it is below, else the whole one."""
    here = Path.cwd()
    if path == here or not path.is_relative_to(here):
        return str(path)
    typed = os.path.relpath(path, here)
    return f".{os.sep}{typed}" if typed.startswith("-") else typed
