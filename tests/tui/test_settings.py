"""What a person set is obeyed, what is wrong is named and ignored, and the theme chosen last holds."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from textual.app import App
from textual.binding import Binding
from textual.dom import DOMNode
from textual.widgets import Input, Static, TextArea

from gpt2tui.runs.paths import Paths
from gpt2tui.runs.store import RunStore
from gpt2tui.tui.help import HelpScreen
from gpt2tui.tui.keymap import _subclasses, all_bindings, check_keymap, whole_keymap
from gpt2tui.tui.options import AppOptions, has_unicode, holds_escape
from gpt2tui.tui.settings import AppSettings, choose_theme, keep_theme, read_settings
from tests.runs.synthetic import make_run, whole_story
from tests.tui.apps import app_for, until, until_text
from tests.tui.terminal import Terminal, modes_on

BINDINGS = list(
    Binding.make_bindings(
        [
            Binding("1,f1", "a", id="app.train"),
            Binding("question_mark", "b", id="app.help"),
            Binding("p", "c", id="train.pause"),
            Binding("x", "d", id="train.stop"),
            Binding("p", "e", id="runs.pin"),
        ]
    )
)


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(text)
    return path


def test_no_file_says_nothing(tmp_path: Path) -> None:
    assert read_settings(tmp_path / "config.toml") == AppSettings()


def test_all_settings_are_read(tmp_path: Path) -> None:
    text = '[train]\nsteps = 3\n[app]\ntheme = "light"\nascii = true\nmouse = false\nanimation = false\n'
    text += '[keymap]\ntrain.pause = "space"\n"train.stop" = "ctrl+x"\n'
    assert read_settings(written(tmp_path, text)) == AppSettings(
        theme="light",
        is_ascii=True,
        has_mouse=False,
        has_animation=False,
        keymap={"train.pause": "space", "train.stop": "ctrl+x"},
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[app]\ntheme = 3", '[app] theme must be a name such as "dark", not 3'),
        ('[app]\nascii = "yes"', '[app] ascii must be true or false, not "yes"'),
        ("[app]\nasci = true", '[app] has no setting "asci"; did you mean ascii?'),
        ("app = 1", "app must be a section: [app]"),
        ("keymap = 1", "keymap must be a section: [keymap]"),
        ('[app]\n"\\u001b[31m" = 1', '[app] has no setting "^[[31m"'),
    ],
)
def test_what_is_wrong_is_named_and_ignored(tmp_path: Path, text: str, told: str) -> None:
    settings = read_settings(written(tmp_path, text))
    assert settings.problems == (told,)
    assert settings == AppSettings(problems=(told,))


def test_a_file_that_is_no_toml_is_named(tmp_path: Path) -> None:
    (problem,) = read_settings(written(tmp_path, "[app\n")).problems
    assert str(tmp_path / "config.toml") in problem
    assert "\n" not in problem


@pytest.mark.parametrize(
    ("keymap", "usable", "told"),
    [
        ({"train.pause": "space, ctrl+p"}, {"train.pause": "space,ctrl+p"}, None),
        ({"app.help": "?"}, {"app.help": "question_mark"}, None),
        ({"train.pause": "x", "train.stop": "p"}, {"train.pause": "x", "train.stop": "p"}, None),
        ({"runs.pin": "x"}, {"runs.pin": "x"}, None),
        ({"train.paus": "x"}, {}, "[keymap] there is no binding train.paus; did you mean train.pause?"),
        ({"train.pause": 3}, {}, '[keymap] train.pause must be keys such as "p" or "p,ctrl+p"'),
        ({"train.pause": " , "}, {}, '[keymap] train.pause must be keys such as "p" or "p,ctrl+p"'),
        (
            {"train.pause": "ctrl-p"},
            {},
            "[keymap] train.pause: there is no key ctrl-p; a key is p, f5, ctrl+p or space",
        ),
        ({"train.pause": "x"}, {}, "[keymap] train.pause: x is already the key of train.stop; ignored"),
        ({"train.pause": "1"}, {}, "[keymap] train.pause: 1 is already the key of app.train; ignored"),
        ({"app.help": "p"}, {}, "[keymap] app.help: p is already the key of train.pause; ignored"),
        (
            {"train.pause": "z", "train.stop": "z"},
            {"train.pause": "z"},
            "[keymap] train.stop: z is already the key of train.pause; ignored",
        ),
    ],
)
def test_a_keymap_is_checked(keymap: dict[str, object], usable: dict[str, str], told: str | None) -> None:
    assert check_keymap(keymap, BINDINGS) == (usable, [told] if told else [])


def test_the_bindings_of_the_app_have_keys_that_exist_and_ids() -> None:
    bindings = all_bindings()
    assert {"app.train", "app.generate", "app.runs", "app.help"} <= {binding.id for binding in bindings}
    same = {str(binding.id): binding.key for binding in bindings}
    _, problems = check_keymap(same, [])
    assert all("there is no binding" in problem for problem in problems)
    _, problems = check_keymap(same, bindings)
    assert not [problem for problem in problems if "there is no key" in problem]


def test_a_key_that_is_given_up_stays_with_whatever_else_is_on_it() -> None:
    bindings = all_bindings()
    places = [node for node in _subclasses(DOMNode) if node.__module__.startswith("gpt2tui.tui")]
    shared = 0
    for chosen in {str(binding.id) for binding in bindings}:
        keymap = whole_keymap({chosen: "f19"}, bindings)
        for place in places:
            before = place._merge_bindings()
            after = before.copy()
            after.apply_keymap(keymap)
            shared += len(after.key_to_bindings) > len(before.key_to_bindings)
            for key, on_it in before.key_to_bindings.items():
                kept = {one.action for one in after.key_to_bindings.get(key, [])}
                assert kept >= {one.action for one in on_it if one.id != chosen}, (chosen, place, key)
    assert shared


def test_names_that_take_turns_on_one_key_can_do_so_on_another() -> None:
    assert check_keymap({"train.pause": "p", "train.go_on": "p"}, all_bindings())[1] == []
    assert "already" in check_keymap({"train.pause": "p", "train.new": "p"}, all_bindings())[1][0]


KNOWN = ("dark", "light", "nord")


def test_an_option_holds_over_the_kept_choice_and_that_over_the_file_until_the_file_changes(tmp_path: Path) -> None:
    kept = tmp_path / "data" / "app.json"
    light = AppSettings(theme="light")
    assert choose_theme(None, AppSettings(), kept, KNOWN) == ("dark", [])
    assert choose_theme(None, light, kept, KNOWN) == ("light", [])
    keep_theme("nord", light, kept)
    assert choose_theme(None, light, kept, KNOWN) == ("nord", [])
    assert choose_theme("light", light, kept, KNOWN) == ("light", [])
    assert choose_theme(None, AppSettings(theme="dark"), kept, KNOWN) == ("dark", [])
    assert choose_theme(None, AppSettings(), kept, KNOWN) == ("dark", [])


def test_themes_that_are_not_there_are_named(tmp_path: Path) -> None:
    theme, problems = choose_theme("lihgt", AppSettings(theme="nordd"), tmp_path / "app.json", KNOWN)
    assert theme == "dark"
    assert problems == [
        '--theme: there is no theme "lihgt"; did you mean light?',
        '[app] theme: there is no theme "nordd"; did you mean nord?',
    ]


def test_a_damaged_choice_is_as_good_as_none(tmp_path: Path) -> None:
    kept = tmp_path / "app.json"
    kept.write_text("{")
    assert choose_theme(None, AppSettings(), kept, KNOWN) == ("dark", [])


async def test_textual_takes_the_checked_keymap() -> None:
    class Keyed(App[None]):
        BINDINGS = BINDINGS[:2]
        pressed = 0

        def action_a(self) -> None:
            self.pressed += 1

    app = Keyed()
    app.set_keymap(check_keymap({"app.train": "t,?"}, BINDINGS[:2])[0])
    async with app.run_test() as pilot:
        await pilot.press("t", "question_mark", "1")
    assert app.pressed == 2


@pytest.mark.parametrize(
    ("environment", "encoding", "expected"),
    [
        ({"LANG": "de_DE.UTF-8"}, "utf-8", True),
        ({}, "utf-8", True),
        ({"LANG": "C"}, "utf-8", False),
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, "utf-8", False),
        ({"LANG": "POSIX", "LC_CTYPE": "C.UTF-8"}, "utf-8", False),
        ({"LANG": "C.UTF-8"}, "utf-8", True),
        ({"LANG": "C", "LC_CTYPE": "en_US.UTF-8"}, "utf-8", True),
        ({"LANG": "C", "LC_ALL": "C.UTF-8"}, "utf-8", True),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "C"}, "utf-8", False),
        ({"LANG": "de_DE.ISO-8859-1"}, "iso8859-1", False),
        ({"LANG": "de_DE.UTF-8", "TERM": "linux"}, "utf-8", False),
        ({"LANG": "de_DE.UTF-8", "TERM": "xterm-256color"}, "utf-8", True),
    ],
)
def test_a_terminal_without_unicode_is_known_by_its_locale_and_name(
    environment: dict[str, str], encoding: str, expected: bool
) -> None:
    assert has_unicode(environment, encoding) == expected


@pytest.mark.parametrize(
    ("said", "typed", "expected"), [(None, False, True), (False, False, False), (False, True, True)]
)
def test_what_a_person_says_of_ascii_counts_more_than_the_terminal(
    tmp_path: Path, said: bool | None, typed: bool, expected: bool
) -> None:
    options = AppOptions(paths=Paths(data=tmp_path, config=tmp_path, cache=tmp_path), is_ascii=typed)
    assert options.with_settings(AppSettings(is_ascii=said), has_unicode=False).is_ascii == expected


def test_in_the_locale_c_the_app_draws_ascii() -> None:
    environment = {"LANG": "C", "LC_ALL": None, "LC_CTYPE": None}
    with Terminal([sys.executable, "-m", "gpt2tui"], environment=environment) as terminal:
        terminal.wait_for("what it takes")
        assert "+- what it takes -" in "\n".join(terminal.screen.display)
        assert "\n".join(terminal.screen.display).isascii()


@pytest.mark.parametrize("has_animation", [True, False])
async def test_a_cursor_blinks_only_where_something_may_move_of_itself(has_animation: bool) -> None:
    app = app_for(has_animation=has_animation)
    async with app.run_test(size=(140, 40)) as pilot:
        await until_text(pilot, "Files, folders, globs")
        assert {field.cursor_blink for field in app.screen.query(Input)} == {has_animation}
        await pilot.press("f2")
        prompt = await until(pilot, lambda: next(iter(app.screen.query(TextArea)), None))
        assert prompt.cursor_blink == has_animation


async def test_a_complaint_names_the_file_that_it_is_about() -> None:
    settings = AppSettings(theme="nordd", problems=("[app] has no setting x",))
    app = app_for(settings=settings, theme="lihgt", settings_name="mine.toml")
    async with app.run_test() as pilot:
        await until(pilot, lambda: len(app._notifications) == 3)
        titles = {notification.message[:7]: notification.title for notification in app._notifications}
        await pilot.press("f3", "question_mark")  # the toasts go away; help still tells
        layer = await until(pilot, lambda: isinstance(app.screen, HelpScreen) and app.screen)
        await until(pilot, lambda: layer.query("#help-note"))
        told = "\n".join(str(line.render()) for line in layer.query(Static))
        assert "ignored in mine.toml: [app] has no setting x" in told
    assert titles == {"[app] h": "ignored in mine.toml", "[app] t": "ignored in mine.toml", "--theme": "ignored"}


@pytest.mark.parametrize(
    ("environment", "said", "expected"),
    [
        ({"TERM": "screen", "STY": "12.work"}, None, False),
        ({"TERM": "screen", "STY": "12.work"}, True, True),
        ({"TERM": "tmux-256color", "STY": "12.work"}, None, True),
        ({"TERM": "screen-256color"}, None, True),
        ({"TERM": "xterm"}, False, False),
    ],
)
def test_in_gnu_screen_the_mouse_is_left_to_it_so_that_esc_is_heard(
    tmp_path: Path, environment: dict[str, str], said: bool | None, expected: bool
) -> None:
    options = AppOptions(paths=Paths(data=tmp_path, cache=tmp_path, config=tmp_path))
    with_settings = options.with_settings(AppSettings(has_mouse=said), holds_escape=holds_escape(environment))
    assert with_settings.has_mouse == expected


@pytest.mark.parametrize("words", [[], ["watch", "--ascii"]])
def test_an_app_in_gnu_screen_asks_for_no_mouse(words: list[str], store: RunStore) -> None:
    make_run(store, whole_story())
    with Terminal(
        [sys.executable, "-m", "gpt2tui", *words], environment={"TERM": "screen", "STY": "12.work"}
    ) as terminal:
        terminal.wait_for("Below the target")
        assert not modes_on(terminal.output) & {"1000", "1003", "1006"}
