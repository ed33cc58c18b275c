"""What the model might have written at one place instead, and how likely each was."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from textual.app import RenderResult
from textual.binding import Binding
from textual.content import Content
from textual.events import Click
from textual.geometry import Size
from textual.message import Message
from textual.widget import Widget

from gpt2tui.runs.dialogue import Alternative, Token
from gpt2tui.text import visible

if TYPE_CHECKING:
    from gpt2tui.tui.app import Gpt2TuiApp

DIGITS = "1234567890"
_HEADER = 2
"""Lines above the first alternative."""


class Alternatives(Widget, can_focus=True):
    """The ten best tokens: the odds in the distribution that was sampled, and beside them the model's own."""

    app: Gpt2TuiApp

    BINDINGS: ClassVar = [
        Binding("up,k", "move(-1)", "Up", id="generate.alternative_up", show=False, tooltip="The likelier one"),
        Binding("down,j", "move(1)", "Down", id="generate.alternative_down", show=False, tooltip="The less likely one"),
        Binding("home", "move(-10)", "First", id="generate.alternative_first", show=False, tooltip="The likeliest"),
        Binding("end", "move(10)", "Last", id="generate.alternative_last", show=False, tooltip="The least likely"),
    ]

    class Branched(Message):
        """An alternative was chosen: the text is to go on from it."""

        def __init__(self, alternative: Alternative) -> None:
            super().__init__()
            self.alternative = alternative

    def __init__(self) -> None:
        super().__init__(id="alternatives")
        self.border_title = "Instead of this token"
        self._reply: Token | None = None
        self._text = ""
        self._probability: float | None = None
        self._place = ""
        self.alternatives: list[Alternative] = []
        self.row = 0

    def show(self, text: str, place: str, probability: float | None, reply: Token | None) -> None:
        """Show a token, where it stands, the model's own probability of it, and what is known of the others."""
        self._text, self._place, self._probability, self._reply = text, place, probability, reply
        self.alternatives = reply.best() if reply else []
        chosen = [one.token for one in self.alternatives].index(reply.token) if self._has_chosen() and reply else -1
        self.row = 1 if chosen == 0 and len(self.alternatives) > 1 else 0
        self.refresh(layout=True)

    def branch(self, number: int | None = None) -> None:
        """Branch at the marked alternative, or the one of this number."""
        row = self.row if number is None else number
        if 0 <= row < len(self.alternatives):
            self.post_message(self.Branched(self.alternatives[row]))

    def action_move(self, by: int) -> None:
        if self.alternatives:
            self.row = max(0, min(len(self.alternatives) - 1, self.row + by))
            self.refresh()

    def on_click(self, event: Click) -> None:
        offset = event.get_content_offset(self)
        rows = self._rows()
        if offset is not None and 0 <= offset.y - _HEADER < len(rows):
            row = rows[offset.y - _HEADER]
            if row == self.row:
                self.branch()
            self.row = row
            self.refresh()

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def _has_chosen(self) -> bool:
        return self._reply is not None and any(one.token == self._reply.token for one in self.alternatives)

    # Drawing

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return _HEADER + len(self.alternatives)

    def render(self) -> RenderResult:
        width = self.content_size.width
        lines = [self._title(width)]
        if not self.alternatives:
            words = "What else was likely is known only for tokens drawn in this turn and session."
            lines.append(Content.styled(words, "$text-muted"))
            return Content("\n").join(lines)
        bar, text = _widths(width)
        head = "      " + "token".ljust(text + 2) + "sampled".ljust(bar + 9) + "model"
        lines.append(Content.styled(head, "$text-muted"))
        lines += [self._line(row, self.alternatives[row], bar, text) for row in self._rows()]
        return Content("\n").join(line.truncate(width) for line in lines)

    def _rows(self) -> range:
        """The rows that fit, the marked one among them."""
        fitting = max(1, self.content_size.height - _HEADER)
        first = max(0, min(self.row - fitting // 2, len(self.alternatives) - fitting))
        return range(first, min(len(self.alternatives), first + fitting))

    def _title(self, width: int) -> Content:
        separator = self.app.glyphs.separator
        text = shown(self._text, is_ascii=self.app.glyphs.is_ascii) or "(part of a character)"
        facts = []
        if self._reply is not None:
            facts.append(f"sampled {percent(self._reply.drawn)}")
        if self._probability is not None:
            facts.append(f"model {percent(self._probability)}")
        facts.append(self._place)
        about = separator + separator.join(facts)
        return Content.assemble(
            (_cut(text, max(4, width - len(about)), self.app.glyphs.ellipsis), "bold"), (about, "$text-muted")
        )

    def _line(self, row: int, one: Alternative, bar: int, width: int) -> Content:
        glyphs = self.app.glyphs
        is_chosen = self._reply is not None and one.token == self._reply.token
        text = shown(one.text, is_ascii=glyphs.is_ascii)
        if "\ufffd" in one.text or not one.text:
            text = f"part of a character #{one.token}"
        text = _cut(text, width, glyphs.ellipsis)
        text += " " * (width - cell_len(text))
        marker = (">" if glyphs.is_ascii else "▸") if row == self.row else " "
        style = "bold $text-success" if is_chosen else ""
        name_style = style
        if row == self.row:
            name_style = "$block-cursor-foreground on $block-cursor-background" if self.has_focus else "bold"
        return Content.assemble(
            (f"{marker}{glyphs.living if is_chosen else ' '} {DIGITS[row]}  {text} ", name_style),
            " ",
            (self._bar(one.drawn, bar), "$primary"),
            (percent(one.drawn).rjust(7), style),
            "  ",
            (self._bar(one.plain, bar), "$text-muted"),
            (percent(one.plain).rjust(7), "$text-muted"),
        )

    def _bar(self, share: float, width: int) -> str:
        return solid_bar(share, width, is_ascii=self.app.glyphs.is_ascii)


def _widths(width: int) -> tuple[int, int]:
    """The cells of each bar, and of a token."""
    rest = max(10, width - 24)
    bar = max(2, min(20, rest // 3))
    return bar, max(6, min(24, rest - 2 * bar))


_SEEN = str.maketrans({"\n": "↵", " ": "␣", "\u00a0": "⍽", "\u202f": "⍽"})
"""Line breaks, spaces and no-break spaces as something that can be seen."""


def shown(text: str, *, is_ascii: bool) -> str:
    """A token's text on one line, its spaces and line breaks to be seen."""
    if is_ascii:
        return (
            visible(text.replace("\n", "\\n").replace(" ", "_"), keep="").encode("ascii", "backslashreplace").decode()
        )
    return visible(text.translate(_SEEN), keep="")


def percent(share: float) -> str:
    """``61.2 %``, ``0.04 %``; a dash for what was excluded."""
    if share == 0:
        return "-"
    share *= 100
    if share >= 9.95:
        return f"{share:.1f} %" if share < 99.95 else "100 %"
    return f"{share:.2f} %" if share >= 0.005 else "<.01 %"


def solid_bar(share: float, width: int, *, is_ascii: bool) -> str:
    """A bar of eighths of a cell."""
    if is_ascii:
        return ("#" * round(share * width)).ljust(width)
    eighths = round(min(1.0, max(0.0, share)) * width * 8)
    part = " ▏▎▍▌▋▊▉"[eighths % 8] if eighths % 8 else ""
    return ("█" * (eighths // 8) + part).ljust(width)


def _cut(text: str, width: int, ellipsis: str) -> str:
    if cell_len(text) <= width:
        return text
    while text and cell_len(text) + len(ellipsis) > width:
        text = text[:-1]
    return text + ellipsis
