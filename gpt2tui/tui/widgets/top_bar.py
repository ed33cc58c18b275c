"""The first line of every screen: where one is, which run it is about, and what that run does."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Static

if TYPE_CHECKING:
    from gpt2tui.tui.app import Gpt2TuiApp

_SCREENS = (("train", "1", "Train"), ("generate", "2", "Generate"), ("runs", "3", "Runs"))


class TopBar(Horizontal):
    """The names of the screens with their keys, the present one marked; ``tell`` fills the right side."""

    app: Gpt2TuiApp

    DEFAULT_CSS: ClassVar[str] = """
    TopBar {
        height: 1;
        background: $panel;
        padding: 0 1;
        & > .name { width: auto; margin-right: 2; link-color: $text-muted; link-style: none; }
        & > .name.-present { link-color: $primary; link-style: bold; }
        & > .about { width: 1fr; text-align: right; text-wrap: nowrap; text-overflow: ellipsis; }
    }
    """

    def __init__(self, present: str) -> None:
        super().__init__()
        self._present = present

    def compose(self) -> ComposeResult:
        for mode, key, name in _SCREENS:
            link = Content.styled(f"{key} {name}", f"@click=app.switch_mode('{mode}')")
            yield Static(link, classes="name -present" if mode == self._present else "name", markup=False)
        yield Static("", classes="about", markup=False)

    def tell(self, about: Content) -> None:
        """What stands on the right."""
        self.query_one(".about", Static).update(about, layout=False)
