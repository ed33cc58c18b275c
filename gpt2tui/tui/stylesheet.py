"""The app's stylesheet."""

from __future__ import annotations

from textual.css.stylesheet import Stylesheet


class KeptStylesheet(Stylesheet):
    """Textual's, which keeps what it has parsed until a variable changes.

    Textual parses everything anew whenever a theme is set or a screen first shown: four times before the first paint.
    """

    def set_variables(self, variables: dict[str, str]) -> None:
        if variables != self._variables:
            super().set_variables(variables)

    def reparse(self) -> None:
        self.parse()
