"""The smallest app around the form, and what stands in it."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.containers import Container
from textual.pilot import Pilot
from textual.widgets import Static

from gpt2tui.runs.paths import Paths
from gpt2tui.runs.store import RunStore
from gpt2tui.tui.glyphs import ASCII, UNICODE
from gpt2tui.tui.options import AppOptions
from gpt2tui.tui.ordered_app import OrderedApp
from gpt2tui.tui.widgets.estimate_panel import EstimatePanel
from gpt2tui.tui.widgets.start_form import StartForm
from tests.tui.apps import until

STYLES = "../../gpt2tui/tui/styles"
WIDE = (140, 40)
SMALL = (80, 24)
BOOK = "The rain fell on the quay, and the bell rang. " * 40


class FormApp(OrderedApp):
    """Shows the form, and keeps what it posts."""

    CSS_PATH: ClassVar = [f"{STYLES}/app.tcss", f"{STYLES}/start_form.tcss"]

    def __init__(self, *, is_ascii: bool = False, **defaults: Any) -> None:
        super().__init__()
        paths = Paths.from_environment()
        self.options = AppOptions(paths=paths, is_ascii=is_ascii, defaults=defaults)
        self.store = RunStore(paths.runs)
        self.glyphs = ASCII if is_ascii else UNICODE
        self.set_class(is_ascii, "-ascii")
        self.started: list[list[str]] = []

    def compose(self) -> ComposeResult:
        with Container():
            yield StartForm()

    def on_start_form_submitted(self, event: StartForm.Submitted) -> None:
        self.started.append(event.words)

    @property
    def form(self) -> StartForm:
        return self.query_one(StartForm)

    @property
    def facts(self) -> dict[str, str]:
        """The lines of the estimate that holds; empty while there is none."""
        panel = self.query_one(EstimatePanel)
        if panel.border_subtitle or panel.query_one(".denial").display:
            return {}
        return {fact.label: fact.words for fact in panel.facts}


async def estimated(pilot: Pilot[Any]) -> dict[str, str]:
    """Wait for the estimate of the form as it is."""
    app = pilot.app
    assert isinstance(app, FormApp)
    await pilot.pause()  # that the form has changed is known to it only now
    found: dict[str, str] = await until(pilot, lambda: app.facts, "the estimate")
    return found


async def open_more(pilot: Pilot[Any]) -> None:
    """Show all options by the key, and wait until the first of the others has the keys."""
    await pilot.press("ctrl+l")
    first = pilot.app.query_one(StartForm).field("block_size")
    await until(pilot, lambda: first.has_focus_within, "the first of the others")


def line_of(app: FormApp, name: str, of: str = "problem") -> str:
    """What stands below a field; empty where nothing is shown."""
    if not app.form.field(name).is_mounted:
        return ""
    line = app.form.field(name).query_one(f".{of}", Static)
    return str(line.render()) if line.display else ""
