"""The files below a folder, to choose one of."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rich.style import Style
from rich.text import Text
from textual import on, work
from textual.binding import Binding
from textual.widgets import Tree
from textual.widgets.tree import TreeNode

from gpt2tui.text import one_line
from gpt2tui.tui.form.folder_listing import Entry, Listing, find_below, fits, list_folder

if TYPE_CHECKING:
    from gpt2tui.tui.app import Gpt2TuiApp


class FileTree(Tree[Entry | None]):
    """The files below a folder, each folder read in a thread when it is opened.

    ``pattern`` thins out what is shown, but for folders that are open; what fits it in others stands at the end.
    Nodes without an entry say what cannot be shown.
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

    def thin_out(self, pattern: str) -> None:
        """Show what fits another pattern."""
        if pattern != self.pattern:
            self.pattern = pattern
            self.read(self.root)

    def read(self, node: TreeNode[Entry | None]) -> None:
        """Read a folder anew, in a thread."""
        self._read(node, self.pattern)

    async def first_fit(self) -> Entry | None:
        """The first file that fits, once all that may hold it was read; where there is none, the first folder."""
        await self._settled("read")
        if not self._fitting(is_folder=False):
            await self._settled("search")
        node = self.get_node_at_line(line) if (line := self._first_fitting_line()) else None
        return node.data if node else None

    async def _settled(self, group: str) -> None:
        while reads := [one for one in self.workers if (one.node, one.group) == (self, group) and not one.is_finished]:
            await asyncio.gather(*(read.wait() for read in reads), return_exceptions=True)

    def _fitting(self, *, is_folder: bool) -> int | None:
        """The first line of a file or folder that fits; folders may be shown because they are open."""
        for line in range(1, self.last_line + 1):
            node = self.get_node_at_line(line)
            entry = node.data if node else None
            if entry and entry.is_folder == is_folder and fits(entry.path.name, self.pattern):
                return line
        return None

    def _first_fitting_line(self) -> int | None:
        return self._fitting(is_folder=False) or self._fitting(is_folder=True)

    def _point_at_first_fit(self) -> None:
        """Let the cursor show what is taken from the filter, while somebody types there."""
        if self.pattern and not self.has_focus and (line := self._first_fitting_line()):
            self.move_cursor_to_line(line)

    @work(group="read")
    async def _read(self, node: TreeNode[Entry | None], pattern: str) -> None:
        assert node.data is not None
        folder = node.data.path
        kept = {path.name for path in self._opened if path.parent == folder}
        listing = await asyncio.to_thread(list_folder, folder, pattern, kept=kept)
        if pattern != self.pattern or not node.data or node.data.path != folder:
            return
        self._fill(node, listing)
        if node is self.root and pattern:
            self._search(folder, pattern)
        self._point_at_first_fit()

    @work(group="search", exclusive=True)
    async def _search(self, folder: Path, pattern: str) -> None:
        """Add the files that fit from folders that are not open."""

        def is_wanted() -> bool:
            return self.is_attached and (folder, pattern) == (self.folder, self.pattern)

        found = await asyncio.to_thread(find_below, folder, pattern, opened=set(self._opened), is_wanted=is_wanted)
        if not is_wanted():
            return
        for file in found.files:
            self.root.add_leaf(Text(one_line(str(file.relative_to(folder)))), data=Entry(file, False))
        has_any = bool(self.root.children)
        if not found.is_all:
            words = "not all folders were searched"
            self.root.add_leaf(f"{words}; right looks into one" if has_any else f"nothing fits so far; {words}")
        elif not has_any:
            self.root.add_leaf("nothing here fits the filter")
        self._point_at_first_fit()

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
        elif not listing.entries and not (self.pattern and node is self.root):  # a search says that
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
            if not event.node.children and event.node is not self.root:  # that is read wherever it is told of
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
