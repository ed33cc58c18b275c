"""The first line of every screen: where one is, which run it is about, and what that run does."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from gpt2tui.tui.options import SCREENS

if TYPE_CHECKING:
    from gpt2tui.tui.app import Gpt2TuiApp


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
        self._is_form = False
        self._prefix = ""

    def compose(self) -> ComposeResult:
        for mode, link in zip(SCREENS, _links(self._prefix), strict=True):
            yield Static(link, classes="name -present" if mode == self._present else "name", markup=False)
        yield Static("", classes="about", markup=False)

    def on_mount(self) -> None:
        self.watch(self.screen, "focused", self._name_keys)

    def show_form(self, is_form: bool) -> None:
        """Below it is a form now, or no longer: from one field to the next the keys are called the same."""
        self._is_form = is_form
        self._name_keys(self.screen.focused)

    def _name_keys(self, focused: Widget | None) -> None:
        """Name the keys that lead to the screens: numbers, or where those are text the keys that also work there."""
        is_text = self._is_form or (focused is not None and focused.check_consume_key("1", "1"))
        prefix = "f" if is_text else ""
        if prefix != self._prefix:
            self._prefix = prefix
            for line, link in zip(self.query(".name").results(Static), _links(prefix), strict=True):
                line.update(link)

    def tell(self, about: Content) -> None:
        """What stands on the right."""
        self.query_one(".about", Static).update(about, layout=False)


def _links(prefix: str) -> list[Content]:
    return [
        Content.styled(f"{prefix}{number} {mode.capitalize()}", f"@click=app.switch_mode('{mode}')")
        for number, mode in enumerate(SCREENS, 1)
    ]
