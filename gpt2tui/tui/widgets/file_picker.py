"""A layer on which a text is chosen: a named corpus, or a file or folder of the disk."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rich.style import Style
from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.events import Key
from textual.screen import ModalScreen
from textual.widgets import Input, Label, OptionList, Static, Tree
from textual.widgets.option_list import Option
from textual.widgets.tree import TreeNode

from gpt2tui.text import one_line
from gpt2tui.tui.form.folder_listing import Entry, Listing, list_folder
from gpt2tui.tui.processes.corpora import NamedCorpus
from gpt2tui.tui.widgets.text_field import TextField

if TYPE_CHECKING:
    from gpt2tui.tui.app import Gpt2TuiApp


class FileTree(Tree[Entry | None]):
    """The files below a folder, each folder read in a thread when it is opened.

    ``pattern`` thins out what is shown, but for folders that are open. Nodes without an entry say what cannot be shown.
    """

    app: Gpt2TuiApp

    BINDINGS: ClassVar = [
        Binding("right", "open", "Open", id="files.open", tooltip="Look into the folder"),
        Binding("left", "close", "Close", id="files.close", tooltip="Close the folder, or go to the one above"),
    ]

    def __init__(self, folder: Path) -> None:
        super().__init__("", data=Entry(folder, True))
        self.pattern = ""
        self._opened: set[Path] = set()
        self.auto_expand = False
        self.guide_depth = 2
        self.show_guides = False

    def on_mount(self) -> None:
        self.go_to(self.folder)

    @property
    def folder(self) -> Path:
        """The folder at the root."""
        assert self.root.data is not None
        return self.root.data.path

    def go_to(self, folder: Path) -> None:
        """Show another folder."""
        self.root.data = Entry(folder, True)
        self.root.set_label(Text(one_line(str(folder))))
        self.read(self.root)

    def read(self, node: TreeNode[Entry | None]) -> None:
        """Read a folder anew, in a thread."""
        self._read(node, self.pattern)

    @work(group="read")
    async def _read(self, node: TreeNode[Entry | None], pattern: str) -> None:
        assert node.data is not None
        folder = node.data.path
        kept = {path.name for path in self._opened if path.parent == folder}
        listing = await asyncio.to_thread(list_folder, folder, pattern, kept=kept)
        if pattern == self.pattern and node.data and node.data.path == folder:
            self._fill(node, listing)

    def _fill(self, node: TreeNode[Entry | None], listing: Listing) -> None:
        node.remove_children()
        for entry in listing.entries:
            name = Text(one_line(entry.path.name))
            if entry.is_folder:
                child = node.add(name, data=entry)
                if entry.path in self._opened:
                    self.read(child)
            else:
                node.add_leaf(name, data=entry)
        if listing.problem:
            node.add_leaf(Text(f"it cannot be read: {listing.problem}"))
        elif listing.left_out:
            node.add_leaf(f"and {listing.left_out:,} more; the filter finds them")
        elif not listing.entries:
            node.add_leaf("nothing here" + (" fits the filter" if self.pattern else ""))
        node.expand()

    def render_label(self, node: TreeNode[Entry | None], base_style: Style, style: Style) -> Text:
        """The name, with a sign before a folder and without markup."""
        label = Text(str(node.label), style=style, no_wrap=True)
        if node.data is None:
            return Text.assemble("  ", (label.plain, base_style + Style(dim=True)))
        if not node.data.is_folder:
            return Text.assemble("  ", label)
        closed, opened = ("> ", "v ") if self.app.glyphs.is_ascii else ("▸ ", "▾ ")
        label.stylize("bold")
        return Text.assemble((opened if node.is_expanded else closed, base_style), label)

    @on(Tree.NodeExpanded)
    def _expanded(self, event: Tree.NodeExpanded[Entry | None]) -> None:
        event.stop()
        if event.node.data:
            self._opened.add(event.node.data.path)
            if not event.node.children:
                self.read(event.node)

    @on(Tree.NodeCollapsed)
    def _collapsed(self, event: Tree.NodeCollapsed[Entry | None]) -> None:
        event.stop()
        if event.node.data:
            self._opened.discard(event.node.data.path)

    def action_open(self) -> None:
        """Look into the folder at the cursor."""
        node = self.cursor_node
        if node and node.data and node.data.is_folder:
            node.expand()

    def action_close(self) -> None:
        """Close the folder at the cursor, else go to the one that it is in."""
        node = self.cursor_node
        if node is None or node is self.root:
            self.go_to(self.folder.parent)
        elif node.is_expanded and node.allow_expand:
            node.collapse()
        else:
            self.move_cursor(node.parent)


class FilePicker(ModalScreen[str | None]):
    """Gives the name or path that was chosen, as it would be typed but for quotes; None where it was closed."""

    app: Gpt2TuiApp

    CSS_PATH = "../styles/start_form.tcss"
    AUTO_FOCUS = "FileTree"
    VERTICAL_BREAKPOINTS = [(0, "-low"), (20, "-high")]  # noqa: RUF012 (Textual declares no ClassVar)
    BINDINGS: ClassVar = [
        Binding("escape", "dismiss(None)", "Close", id="files.leave", tooltip="Choose nothing"),
        Binding("slash", "filter", "Filter", id="files.filter", tooltip="Show only names that fit"),
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
                "enter takes a file or whole folder | right looks into it | left goes up | letters filter | esc closes",
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

    @on(Input.Changed)
    def _filter(self, event: Input.Changed) -> None:
        tree = self.query_one(FileTree)
        tree.pattern = event.value.strip()
        tree.read(tree.root)

    @on(Input.Submitted)
    def _to_the_files(self) -> None:
        tree = self.query_one(FileTree)
        self.set_focus(tree)
        tree.move_cursor_to_line(1 if tree.root.children else 0)

    @on(OptionList.OptionSelected)
    def _take_name(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option.id)

    @on(Tree.NodeSelected)
    def _take_path(self, event: Tree.NodeSelected[Entry | None]) -> None:
        if (entry := event.node.data) is None:
            return
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
