"""The layer on which a text is chosen."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest
from textual.events import Key
from textual.pilot import Pilot
from textual.widgets import Input, OptionList

from gpt2tui.tui.form import folder_listing
from gpt2tui.tui.form.folder_listing import MOST_ENTRIES, find_below, list_folder
from gpt2tui.tui.glyphs import ASCII, UNICODE
from gpt2tui.tui.ordered_app import OrderedApp
from gpt2tui.tui.processes.corpora import NamedCorpus
from gpt2tui.tui.widgets.file_picker import FilePicker
from gpt2tui.tui.widgets.file_tree import FileTree
from tests.tui.apps import text_of, until

CORPORA = [
    NamedCorpus(name="bundled", title="A play", tokens=7_183, bytes=20_000, present=True),
    NamedCorpus(name="far-away", title="[b]Far", tokens=338_025, bytes=1_115_394, present=False),
]
NOTHING = object()


class PickerApp(OrderedApp):
    """Opens the layer, and keeps what was chosen."""

    CSS_PATH: ClassVar = ["../../gpt2tui/tui/styles/app.tcss"]

    def __init__(self, *, is_ascii: bool = False) -> None:
        super().__init__()
        self.glyphs = ASCII if is_ascii else UNICODE
        self.set_class(is_ascii, "-ascii")
        self.chosen: Any = NOTHING

    def on_mount(self) -> None:
        self.push_screen(FilePicker(CORPORA), self._keep)

    def _keep(self, chosen: str | None) -> None:
        self.chosen = chosen

    @property
    def tree(self) -> FileTree:
        return self.screen.query_one(FileTree)


def names(app: PickerApp) -> list[str]:
    return [str(node.label) for node in app.tree.root.children]


async def opened(pilot: Pilot[Any]) -> PickerApp:
    app = pilot.app
    assert isinstance(app, PickerApp)
    await until(pilot, lambda: app.tree.root.children, "the folder")
    return app


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "texts"
    (folder / "letters").mkdir(parents=True)
    for name in ("b.txt", "A.txt", ".hidden", "letters/one.txt"):
        (folder / name).write_text("text")
    monkeypatch.chdir(folder)
    return folder


def test_a_folder_is_listed_folders_first_and_hidden_files_only_when_asked(here: Path):
    assert [entry.path.name for entry in list_folder(here).entries] == ["letters", "A.txt", "b.txt"]
    assert [entry.path.name for entry in list_folder(here, ".h").entries] == [".hidden"]


@pytest.mark.parametrize(
    ("pattern", "fitting"), [("a", ["A.txt"]), ("*.TXT", ["A.txt", "b.txt"]), ("let", ["letters"]), ("zzz", [])]
)
def test_a_pattern_is_part_of_a_name_or_a_glob(here: Path, pattern: str, fitting: list[str]):
    assert [entry.path.name for entry in list_folder(here, pattern).entries] == fitting


def test_of_a_huge_folder_the_first_are_listed_and_the_others_counted(tmp_path: Path):
    for number in range(MOST_ENTRIES + 7):
        (tmp_path / f"{number:05}").touch()
    listing = list_folder(tmp_path)
    assert [entry.path.name for entry in listing.entries] == [f"{number:05}" for number in range(MOST_ENTRIES)]
    assert listing.left_out == 7
    assert list_folder(tmp_path, "00503").left_out == 0


def test_a_folder_that_cannot_be_read_says_why(tmp_path: Path):
    assert list_folder(tmp_path / "nowhere").problem == "No such file or directory"


@pytest.fixture
def deep(tmp_path: Path) -> Path:
    for name in ("b/poem.txt", "a/far/poem.md", "a/prose.txt", ".cache/poem", "a/.poem", "poem.txt"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    (tmp_path / "again").symlink_to(tmp_path)
    (tmp_path / "a/poem-link").symlink_to(tmp_path / "poem.txt")
    return tmp_path


def test_files_are_found_below_the_nearest_first_without_what_is_hidden_or_a_link(deep: Path):
    found = find_below(deep, "poem")
    assert [str(path.relative_to(deep)) for path in found.files] == ["b/poem.txt", "a/far/poem.md"]
    assert found.is_all


def test_of_folders_that_are_shown_only_what_is_below_is_found(deep: Path):
    assert find_below(deep, "poem", opened={deep / "b", deep / "a/far"}).files == [deep / "a/far/poem.md"]
    assert find_below(deep, "poem", opened={deep / "b", deep / "a", deep / "a/far"}).files == []


@pytest.mark.parametrize(
    ("bound", "most", "found"), [("MOST_FOLDERS", 3, 1), ("MOST_LOOKED_AT", 6, 0), ("MOST_FOUND", 1, 1)]
)
def test_a_search_ends_at_each_of_its_bounds_and_says_so(
    deep: Path, monkeypatch: pytest.MonkeyPatch, bound: str, most: int, found: int
):
    monkeypatch.setattr(folder_listing, bound, most)
    findings = find_below(deep, "poem")
    assert (len(findings.files), findings.is_all) == (found, False)


def test_a_search_that_nobody_wants_any_more_ends(deep: Path):
    assert find_below(deep, "poem", is_wanted=lambda: False) == ([], False)


async def test_enter_takes_the_file_at_the_cursor_by_its_name_from_here(here: Path):
    async with PickerApp().run_test(size=(80, 24)) as pilot:
        app = await opened(pilot)
        assert names(app) == ["letters", "A.txt", "b.txt"]
        await pilot.press("down", "down", "enter")
        assert app.chosen == "A.txt"


async def test_enter_takes_a_folder_and_right_looks_into_it(here: Path):
    async with PickerApp().run_test(size=(80, 24)) as pilot:
        app = await opened(pilot)
        await pilot.press("down", "right")
        await until(pilot, lambda: app.tree.root.children[0].children)
        assert "one.txt" in text_of(app)
        await pilot.press("down", "enter")
        assert app.chosen == "letters/one.txt"
    async with PickerApp().run_test(size=(80, 24)) as pilot:
        app = await opened(pilot)
        await pilot.press("down", "enter")
        assert app.chosen == "letters"


async def test_left_closes_a_folder_then_goes_to_the_one_above(here: Path):
    async with PickerApp().run_test(size=(80, 24)) as pilot:
        app = await opened(pilot)
        await pilot.press("down", "right")
        await until(pilot, lambda: app.tree.root.children[0].children)
        await pilot.press("left")
        assert not app.tree.root.children[0].is_expanded
        await pilot.press("left")
        assert app.tree.cursor_node is app.tree.root
        await pilot.press("left")
        await until(pilot, lambda: app.tree.folder == here.parent and "texts" in names(app))
        await pilot.press("enter")
        assert app.chosen == str(here.parent)


async def test_the_filter_thins_the_files_out_and_enter_takes_the_first(here: Path):
    async with PickerApp().run_test(size=(80, 24)) as pilot:
        app = await opened(pilot)
        await pilot.press("slash", *"b.t")
        await until(pilot, lambda: names(app) == ["b.txt"])
        await pilot.press("enter")
        await until(pilot, lambda: app.chosen == "b.txt")


async def test_enter_takes_what_fits_all_that_was_typed_however_fast_it_came(here: Path):
    async with PickerApp().run_test(size=(80, 24)) as pilot:
        app = await opened(pilot)
        for key in ("b", ".", "t", "enter"):
            app.post_message(Key(key, key if len(key) == 1 else None))
        await until(pilot, lambda: app.chosen == "b.txt")


async def test_enter_takes_a_file_before_a_folder_and_looks_into_a_folder_that_alone_fits(here: Path):
    (here / "letter.txt").write_text("text")
    async with PickerApp().run_test(size=(80, 24)) as pilot:
        app = await opened(pilot)
        await pilot.press(*"lett", "enter")
        await until(pilot, lambda: app.chosen == "letter.txt")
    async with PickerApp().run_test(size=(80, 24)) as pilot:
        app = await opened(pilot)
        await pilot.press(*"letters", "enter")
        await until(pilot, lambda: names(app) == ["one.txt"])
        assert app.screen.query_one(Input).value == ""
        assert app.tree.has_focus
        await pilot.press("down", "enter")
        assert app.chosen == "letters/one.txt"


async def test_enter_without_a_filter_and_down_go_to_the_files(here: Path):
    async with PickerApp().run_test(size=(80, 24)) as pilot:
        app = await opened(pilot)
        for key in ("enter", "down"):
            app.screen.query_one(Input).focus()
            await pilot.press(key)
            assert app.tree.has_focus
        assert app.chosen is NOTHING


async def test_ctrl_u_in_the_list_clears_the_filter(here: Path):
    async with PickerApp().run_test(size=(80, 24)) as pilot:
        app = await opened(pilot)
        await pilot.press(*"b.t")
        await until(pilot, lambda: names(app) == ["b.txt"])
        await pilot.press("down")
        assert app.tree.has_focus
        await pilot.press("ctrl+u")
        await until(pilot, lambda: names(app) == ["letters", "A.txt", "b.txt"])
        assert app.tree.has_focus


async def test_the_filter_looks_into_folders_that_were_never_opened(here: Path):
    async with PickerApp().run_test(size=(80, 24)) as pilot:
        app = await opened(pilot)
        await pilot.press(*"one")
        await until(pilot, lambda: names(app) == ["letters/one.txt"])
        await pilot.press("enter")
        await until(pilot, lambda: app.chosen == "letters/one.txt")


async def test_it_is_said_where_not_every_folder_was_searched(here: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(folder_listing, "MOST_FOLDERS", 1)
    async with PickerApp().run_test(size=(80, 24)) as pilot:
        app = await opened(pilot)
        await pilot.press(*"b.t")
        await until(pilot, lambda: names(app) == ["b.txt", "not all folders were searched; right looks into one"])
        await pilot.press("ctrl+u", *"zzz")
        await until(pilot, lambda: names(app) == ["nothing fits so far; not all folders were searched"])


async def test_what_is_typed_right_behind_the_slash_is_filtered_by(here: Path):
    async with PickerApp().run_test(size=(80, 24)) as pilot:
        app = await opened(pilot)
        for key, character in (("slash", "/"), ("b", "b"), ("slash", "/"), ("backspace", None), (".", "."), ("t", "t")):
            app.post_message(Key(key, character))
        await until(pilot, lambda: app.screen.query_one(Input).value == "b.t")
        await until(pilot, lambda: names(app) == ["b.txt"])


async def test_the_filter_looks_into_folders_that_are_open(here: Path):
    async with PickerApp().run_test(size=(80, 24)) as pilot:
        app = await opened(pilot)
        await pilot.press("down", "right")
        await until(pilot, lambda: "one.txt" in text_of(app))
        await pilot.press("slash", *"one")
        await until(pilot, lambda: names(app) == ["letters"] and "one.txt" in text_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: app.chosen == "letters/one.txt")


async def test_letters_filter_wherever_they_are_typed(here: Path):
    async with PickerApp().run_test(size=(80, 24)) as pilot:
        app = await opened(pilot)
        await pilot.press(*"b.")
        await until(pilot, lambda: names(app) == ["b.txt"])
        await pilot.press("down", "t")
        assert app.screen.query_one(Input).value == "b.t"
        await pilot.press("enter")
        await until(pilot, lambda: app.chosen == "b.txt")


async def test_a_filter_that_fits_nothing_says_so_and_cannot_be_taken(here: Path):
    async with PickerApp().run_test(size=(80, 24)) as pilot:
        app = await opened(pilot)
        await pilot.press("slash", *"zzz")
        await until(pilot, lambda: names(app) == ["nothing here fits the filter"])
        await pilot.press("enter", "enter")
        assert app.chosen is NOTHING


async def test_a_named_corpus_is_chosen_and_says_whether_it_is_here(here: Path):
    async with PickerApp().run_test(size=(120, 24)) as pilot:
        app = await opened(pilot)
        assert "bundled: A play, 7,183 tokens" in text_of(app)
        assert "far-away: [b]Far, 338,025 tokens; not here yet, 1.1 MB are fetched when a run starts" in text_of(app)
        app.screen.query_one(OptionList).focus()
        await pilot.press("down", "enter")
        assert app.chosen == "far-away"


async def test_esc_chooses_nothing_also_from_the_filter(here: Path):
    async with PickerApp().run_test(size=(80, 24)) as pilot:
        app = await opened(pilot)
        app.screen.query_one(Input).focus()
        await pilot.press("escape")
        assert app.chosen is None


async def test_names_are_drawn_as_text_and_those_with_control_characters_are_not_taken(here: Path):
    for file in here.glob("*.txt"):
        file.unlink()
    (here / "[red]x.txt").write_text("text")
    (here / "z\x1b[2J.txt").write_text("text")
    async with PickerApp().run_test(size=(80, 24)) as pilot:
        app = await opened(pilot)
        assert "[red]x.txt" in text_of(app)
        assert "z^[[2J.txt" in text_of(app)
        await pilot.press("down", "down", "down", "enter")
        await pilot.pause()
        assert app.chosen is NOTHING
        await pilot.press("up", "enter")
        assert app.chosen == "[red]x.txt"


async def test_a_name_that_begins_with_a_dash_is_given_with_its_folder(here: Path):
    (here / "-n.txt").write_text("text")
    async with PickerApp().run_test(size=(80, 24)) as pilot:
        app = await opened(pilot)
        await pilot.press("down", "down", "enter")
        assert app.chosen == "./-n.txt"


@pytest.mark.parametrize("size", [(140, 40), (80, 24)])
async def test_ascii_mode_draws_ascii_only(here: Path, size: tuple[int, int]):
    async with PickerApp(is_ascii=True).run_test(size=size) as pilot:
        app = await opened(pilot)
        await until(pilot, lambda: "A.txt" in text_of(app))
        assert text_of(app).isascii()


@pytest.mark.parametrize("size", [(40, 10), (20, 5)])
async def test_it_lives_in_a_small_terminal(here: Path, size: tuple[int, int]):
    async with PickerApp().run_test(size=size) as pilot:
        app = await opened(pilot)
        await pilot.press("down", "down", "enter")
        assert app.chosen == "A.txt"


async def test_a_file_is_seen_at_the_smallest_size(here: Path):
    async with PickerApp().run_test(size=(40, 10)) as pilot:
        app = await opened(pilot)
        await until(pilot, lambda: "A.txt" in text_of(app))
