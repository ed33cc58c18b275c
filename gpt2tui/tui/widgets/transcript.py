"""The turns of a run, one below the other, with one that is chosen and a cursor that reads its tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.events import Resize
from textual.geometry import Region
from textual.message import Message
from textual.widgets import Static

from gpt2tui.tui.talk.live_turn import LiveTurn
from gpt2tui.tui.widgets.followed_turns import FollowedTurns
from gpt2tui.tui.widgets.turn import TurnView


class Transcript(FollowedTurns, can_focus=True):
    """The turns with the keys that go through them."""

    BINDINGS: ClassVar = [
        Binding(
            "up,k",
            "previous",
            "Earlier",
            id="generate.up",
            show=False,
            tooltip="The turn before; with the cursor, the line above",
        ),
        Binding(
            "down,j",
            "next",
            "Later",
            id="generate.down",
            show=False,
            tooltip="The turn after; with the cursor, the line below",
        ),
        Binding(
            "left,h", "move(-1)", "Token before", id="generate.left", show=False, tooltip="The cursor one token back"
        ),
        Binding(
            "right,l", "move(1)", "Token after", id="generate.right", show=False, tooltip="The cursor one token on"
        ),
        Binding(
            "home",
            "edge(0)",
            "First",
            id="generate.home",
            show=False,
            tooltip="The first turn; with the cursor, its first token",
        ),
        Binding(
            "end",
            "edge(-1)",
            "Last",
            id="generate.end",
            show=False,
            tooltip="The last turn; with the cursor, its last token",
        ),
    ]

    class Moved(Message):
        """Another turn is chosen, or the cursor is on another token (None: there is no cursor)."""

        def __init__(self, token: int | None) -> None:
            super().__init__()
            self.token = token

    class TopReached(Message):
        """Somebody asks for what is above the first turn."""

    def __init__(self) -> None:
        super().__init__(id="transcript")
        self.chosen: TurnView | None = None
        self._is_tinted = False

    def compose(self) -> ComposeResult:
        yield Static("", id="earlier", markup=False)

    def on_mount(self) -> None:
        self.tell_earlier(0)

    # Turns

    def tell_earlier(self, number: int) -> None:
        """Say how many turns are kept that are not shown."""
        line = self.query_one("#earlier", Static)
        line.display = number > 0
        line.update(f"{number:,} earlier turn{'' if number == 1 else 's'}: up at the first shows them")

    def view_of(self, turn: LiveTurn) -> TurnView | None:
        """Where a turn is drawn."""
        return next((view for view in reversed(self.views) if view.turn is turn), None)

    async def show(self, turns: Sequence[LiveTurn]) -> None:
        """Show other turns instead, from their end."""
        self.chosen = None
        await self.query_children(TurnView).remove()
        views = [self._new_view(turn) for turn in turns]
        await self.mount_all(views)
        if views:
            self._choose(views[-1], is_moved=False)
        self.follow_last()

    async def show_earlier(self, turns: Sequence[LiveTurn]) -> None:
        """Add turns above the first."""
        first = next(iter(self.views), None)
        await self.mount_all([self._new_view(turn) for turn in turns], before=first)

    def add(self, turn: LiveTurn) -> None:
        """Add a turn at the end, choose it and follow it."""
        view = self._new_view(turn)
        self.mount(view)
        self._choose(view)
        self.follow_last()

    def replace(self, old: LiveTurn, new: LiveTurn) -> None:
        """Put a turn in the place of another."""
        before = self.view_of(old)
        if before is None:
            self.add(new)
            return
        is_last = before is self.views[-1]
        view = self._new_view(new)
        self.mount(view, after=before)
        before.remove()
        self._choose(view)
        if is_last:
            self.follow_last()
        else:
            self.follow_above(view)

    def show_tints(self, is_tinted: bool) -> None:
        """Tint the tokens of all turns, or none."""
        self._is_tinted = is_tinted
        for view in self.views:
            view.show_tints(is_tinted)

    def _new_view(self, turn: LiveTurn) -> TurnView:
        view = TurnView(turn)
        view.show_tints(self._is_tinted)
        return view

    # Choice and cursor

    @property
    def has_cursor(self) -> bool:
        return self.chosen is not None and self.chosen.cursor is not None

    def enter_cursor(self) -> bool:
        """Put a cursor on the chosen turn's last token; False where it has none."""
        view = self.chosen
        if view is None or not view.turn.ids:
            return False
        self._put_cursor(len(view.turn.text.starts) - 1)
        return True

    def leave_cursor(self) -> None:
        """Take the cursor away."""
        if self.chosen and self.has_cursor:
            self.chosen.show_cursor(None)
            self.post_message(self.Moved(None))

    def action_move(self, by: int) -> None:
        if self.chosen and self.chosen.cursor is not None:
            self._put_cursor(self.chosen.cursor + by)
        elif by:
            self.scroll_relative(x=by, animate=False)

    def action_edge(self, which: int) -> None:
        if self.chosen and self.has_cursor:
            turn = self.chosen.turn
            self._put_cursor(turn.first_token if which == 0 else len(turn.text.starts) - 1)
        elif views := self.views:
            self._choose(views[which])
            if which == 0:
                self.scroll_home(animate=False)
                self.post_message(self.TopReached())
            else:
                self.scroll_end(animate=False)

    def action_previous(self) -> None:
        self._step(-1)

    def action_next(self) -> None:
        self._step(1)

    def _step(self, by: int) -> None:
        views = self.views
        if self.chosen and self.chosen.cursor is not None:
            self._put_cursor(self.chosen.token_beside(self.chosen.cursor, by))
            return
        if not views or self.chosen not in views:
            return
        # A turn that is longer than the screen is read before it is left.
        region, window = self.chosen.virtual_region, self.window_region
        if by < 0 and region.y < window.y:
            self.scroll_up(animate=False)
            return
        if by > 0 and region.bottom > window.bottom:
            self.scroll_down(animate=False)
            return
        at = views.index(self.chosen) + by
        if 0 <= at < len(views):
            self._choose(views[at])
            self._show_view(views[at])
        elif at < 0:
            self.post_message(self.TopReached())
        else:
            self.scroll_end(animate=False)

    def on_turn_view_chosen(self, event: TurnView.Chosen) -> None:
        event.stop()
        had_cursor = self.has_cursor
        self._choose(event.view)
        if had_cursor and event.token is not None and event.view.turn.ids:
            self._put_cursor(event.token)

    def _choose(self, view: TurnView, *, is_moved: bool = True) -> None:
        if view is self.chosen:
            return
        if self.chosen:
            self.leave_cursor()
            self.chosen.remove_class("-chosen")
        self.chosen = view
        view.add_class("-chosen")
        if is_moved:
            self.post_message(self.Moved(None))

    def _put_cursor(self, token: int) -> None:
        view = self.chosen
        assert view is not None
        turn = view.turn
        token = max(turn.first_token, min(len(turn.text.starts) - 1, token))
        view.show_cursor(token)
        self._show_cursor()
        self.post_message(self.Moved(token))

    def _show_cursor(self) -> None:
        view = self.chosen
        if view is None or view.cursor is None:
            return
        self.release_anchor()
        first, last = view.rows(view.cursor)
        place = view.virtual_region
        self.scroll_to_region(
            Region(place.x, place.y + first, place.width, last - first + 1), animate=False, force=True
        )

    def _show_view(self, view: TurnView) -> None:
        self.scroll_to_widget(view, animate=False, top=view.outer_size.height > self.size.height, force=True)

    def on_resize(self, event: Resize) -> None:
        if self.has_cursor:
            self.call_after_refresh(self._show_cursor)
        else:
            self.keep_place()
