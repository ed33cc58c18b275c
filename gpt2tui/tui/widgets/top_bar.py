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

    app: Gpt2TuiApp  # type: ignore[assignment]

    DEFAULT_CSS: ClassVar[str] = """
    TopBar {
        height: 1;
        background: $panel;
        padding: 0 1;
        & > .screens { width: auto; }
        & > .about { width: 1fr; text-align: right; text-wrap: nowrap; text-overflow: ellipsis; }
    }
    """

    def __init__(self, present: str) -> None:
        super().__init__()
        self._present = present

    def compose(self) -> ComposeResult:
        yield Static(self._names(), classes="screens", markup=False)
        yield Static("", classes="about", markup=False)

    def tell(self, about: Content) -> None:
        """What stands on the right."""
        self.query_one(".about", Static).update(about, layout=False)

    def _names(self) -> Content:
        parts: list[Content] = []
        for mode, key, name in _SCREENS:
            style = "bold $primary" if mode == self._present else "$text-muted"
            label = Content.styled(f"{key} {name}", style)
            parts.append(label.stylize(f"@click=app.switch_mode('{mode}')"))
            parts.append(Content("  "))
        return Content("").join(parts)
