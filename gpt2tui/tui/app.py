"""The app: three screens, and what holds on all of them."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import SystemCommand
from textual.binding import Binding
from textual.screen import Screen
from textual.theme import Theme

from gpt2tui.runs.run import Run
from gpt2tui.runs.store import RunStore
from gpt2tui.tui.following_app import FollowingApp
from gpt2tui.tui.glyphs import ASCII, UNICODE
from gpt2tui.tui.options import AppOptions
from gpt2tui.tui.settings import KEPT_THEME_FILE, choose_theme, keep_theme
from gpt2tui.tui.stylesheet import KeptStylesheet
from gpt2tui.tui.terminal.ascii import draw_scroll_bars
from gpt2tui.tui.themes import own_variables, register_themes

if TYPE_CHECKING:
    from textual.command import Provider
    from textual.driver import Driver
    from textual.filter import LineFilter

_SCREENS = (
    ("train", "Train", "Start and watch a training"),
    ("generate", "Generate", "Talk to a model"),
    ("runs", "Runs", "All runs: compare, rename, delete"),
)


def _train_screen() -> Screen[None]:
    from gpt2tui.tui.screens.train import TrainScreen

    return TrainScreen()


def _generate_screen() -> Screen[None]:
    from gpt2tui.tui.screens.generate import GenerateScreen

    return GenerateScreen()


def _runs_screen() -> Screen[None]:
    from gpt2tui.tui.screens.runs import RunsScreen

    return RunsScreen()


def _live_commands() -> type[Provider]:
    from gpt2tui.tui.palette import LiveCommands

    return LiveCommands


def _collect_again() -> None:
    """Collect garbage from now on, but never walk what the start made: that would take 20 ms off a key press."""
    gc.freeze()
    gc.enable()


class Gpt2TuiApp(FollowingApp):
    """Shows and steers what other processes do."""

    TITLE = "gpt2tui"
    CSS_PATH = Path(__file__).with_name("styles") / "app.tcss"
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = {
        "train": _train_screen,
        "generate": _generate_screen,
        "runs": _runs_screen,
    }
    VERTICAL_BREAKPOINTS: ClassVar = [(0, "-flat"), (16, "-low"), (30, "-high")]  # type: ignore[misc]
    COMMANDS: ClassVar = {_live_commands}
    BINDINGS: ClassVar = [
        *(
            Binding(
                key,
                f"switch_mode('{mode}')",
                name,
                id=f"app.{mode}{suffix}",
                show=False,
                tooltip=tooltip,
                priority=bool(suffix),  # also from a field, and from under a layer
            )
            for number, (mode, name, tooltip) in enumerate(_SCREENS, 1)
            for key, suffix in ((str(number), ""), (f"f{number}", ".always"))
        ),
        # Under the screen's own key, for what lies above it: the stream is stopped before a layer is closed.
        Binding("escape", "stop_stream", show=False, priority=True),
        Binding("question_mark", "help", "Help", id="app.help", key_display="?", tooltip="The keys of this screen"),
        Binding(
            "ctrl+z", "suspend_process", "Suspend", id="app.suspend", show=False, tooltip="To the shell; fg returns"
        ),
        Binding("q", "leave", "Leave", id="app.leave", show=False, tooltip="Leave the app; trainings go on"),
    ]

    def __init__(self, options: AppOptions, driver_class: type[Driver] | None = None) -> None:
        # Else Textual would first make, style and lay out a screen with nothing on it.
        self.DEFAULT_MODE = options.screen  # type: ignore[misc]
        super().__init__(driver_class=driver_class)
        self.stylesheet = KeptStylesheet(variables=self.get_css_variables())
        self.options = options
        self.store = RunStore(options.paths.runs)
        self.glyphs = ASCII if options.is_ascii else UNICODE
        self._start = options.start
        self.ignored: list[str] = []
        """What the settings ask for and cannot have, a line each."""
        self.set_class(options.is_ascii, "-ascii")
        draw_scroll_bars(is_ascii=options.is_ascii)
        if not options.has_animation:
            self.animation_level = "none"
        register_themes(self)
        kept = options.paths.data / KEPT_THEME_FILE
        self.theme, self._problems = choose_theme(options.theme, options.settings, kept, self.available_themes)

    def on_load(self) -> None:
        """Before the first screen is made, which then shows what is followed."""
        if self.options.run:
            self.follow(Run(self.options.run))
        elif not self.options.start and (run := self.store.at_work()):
            self.follow(run)

    def on_mount(self) -> None:
        self.theme_changed_signal.subscribe(self, self._keep_theme)
        self.call_after_refresh(self._apply_settings)
        self.call_after_refresh(_collect_again)
        self.begin_to_follow()
        if self.options.screen != "train":
            self.on_drawn_chart_ready()

    # The end

    def _handle_exception(self, error: Exception) -> None:
        """Close at once, and leave it to whoever opened the app to say what went wrong."""
        self._return_code = 1
        if self._exception is None:
            self._exception = error
            self._exception_event.set()
        self._close_messages_no_wait()

    @property
    def failure(self) -> Exception | None:
        """The error that has ended the app."""
        return self._exception

    def take_start(self) -> tuple[str, ...]:
        """The words of the training to start, given once."""
        words, self._start = self._start, ()
        return words

    # Settings

    def _keep_theme(self, theme: Theme) -> None:
        kept = self.options.paths.data / KEPT_THEME_FILE
        try:
            keep_theme(theme.name, self.options.settings, kept)
        except OSError as error:
            self.notify(f"the theme cannot be kept: {error}", severity="warning", markup=False)

    def _apply_settings(self) -> None:
        settings, problems = self.options.settings, [*self.options.settings.problems, *self._problems]
        if settings.keymap:
            from gpt2tui.tui.keymap import all_bindings, check_keymap, whole_keymap

            bindings = all_bindings()
            keymap, wrong = check_keymap(settings.keymap, bindings)
            self.set_keymap(whole_keymap(keymap, bindings))
            problems += wrong
        for problem in problems:
            is_elsewhere = problem in self._problems and not problem.startswith("[app]")  # it says where
            title = "ignored" if is_elsewhere else f"ignored in {self.options.settings_name}"
            self.ignored.append(f"{title}: {problem}")
            self.notify(problem, title=title, severity="warning", markup=False, timeout=10)

    # On all screens

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A stream can be stopped where the screen below all layers has one."""
        return action != "stop_stream" or any(
            getattr(screen, "is_streaming", False) for screen in self.screen_stack[:1]
        )

    def action_stop_stream(self) -> None:
        """Stop the text that is being written, whatever layer is above it."""
        self.screen_stack[0].action_stop()  # type: ignore[attr-defined]

    def action_help(self) -> None:
        """Show the keys of this screen, or close them."""
        from gpt2tui.tui.help import HelpScreen

        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen(self.screen, self.ignored))

    def action_command_palette(self) -> None:
        """Show what can be done now, to be searched."""
        from textual.command import CommandPalette

        if not isinstance(self.screen, CommandPalette):
            self.push_screen(CommandPalette(placeholder="What to do"))

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Our colours for themes that are not ours."""
        return own_variables(self.current_theme)

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Where NO_COLOR is set, no colours at all."""
        if not self.no_color:
            return super().get_line_filters()
        from gpt2tui.tui.terminal.colourless import colourless

        chosen = self.current_theme.variables.get("chosen")  # a quiet ground, which tells something
        return [colourless(self.current_theme.background, frozenset({chosen} if chosen else ()))]

    def get_key_display(self, binding: Binding) -> str:
        """A key as people know it; in ASCII mode by its name where its sign is not ASCII."""
        sign = super().get_key_display(binding)
        return binding.key if self.glyphs.is_ascii and not sign.isascii() else sign

    def key_of(self, id: str, usual: str) -> str:
        """The key that the keymap gives a binding, as people know it; its usual one where it gives none."""
        first = self._keymap.get(id, usual).partition(",")[0]
        return self.get_key_display(Binding(first, "", ""))

    def action_help_quit(self) -> None:
        """ctrl+c with nothing selected: Textual's word on how to leave is another."""
        stop = "esc stops the text; " if self.check_action("stop_stream", ()) else ""
        leave = "q leaves the app (esc first in a field); trainings go on."
        self.notify(f"Nothing is selected to copy. {stop}{leave}", markup=False)

    def copy_to_clipboard(self, text: str) -> None:
        """Copy by OSC 52, which says nothing of whether it was taken, and by tmux where this runs in one."""
        super().copy_to_clipboard(text)
        if "TMUX" in os.environ:
            from gpt2tui.tui.terminal.clipboard import hand_to_tmux

            self.run_worker(hand_to_tmux(text), group="clipboard", exclusive=True)

    def action_leave(self) -> None:
        """Leave; trainings are processes of their own and go on. What would be lost is asked about first, on whatever
        screen it is.
        """
        screens = [screen for stack in self._screen_stacks.values() for screen in stack]
        lost = [words for screen in screens if (words := getattr(screen, "would_be_lost", ""))]
        if not lost:
            self.exit()
            return
        from gpt2tui.tui.widgets.question import Choose, Option

        def answered(answer: str | None) -> None:
            if answer:
                self.exit()

        self.push_screen(Choose(f"Leave, and lose {' and '.join(lost)}?", (Option("q", "leave", "leave"),)), answered)

    def now(self) -> float:
        """The time, in seconds since the epoch; tests fix it."""
        return time.time()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """None of Textual's own: the palette's entries come from the live bindings."""
        return ()
