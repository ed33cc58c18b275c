"""The documents say what is there, and all of it."""

from __future__ import annotations

import functools
import re
import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
import typer

from gpt2tui.checkpoints.state import FileRecord, Pointer, TrainerState
from gpt2tui.cli import app
from gpt2tui.corpus.bpe import RANKS_SHA256
from gpt2tui.runs import commands, config, events
from gpt2tui.runs.model_config import ModelConfig
from gpt2tui.runs.recipe import Recipe, Schedule
from gpt2tui.runs.run import Label
from gpt2tui.runs.sampling import SamplingSettings
from gpt2tui.runs.series import COLUMNS
from gpt2tui.runs.store import RunStore
from gpt2tui.runs.transcript import Turn
from tests.runs import synthetic

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = (ROOT / "docs/commands.md").read_text(encoding="utf-8")
RUN_FORMAT = (ROOT / "docs/run-format.md").read_text(encoding="utf-8")
DEPENDENCIES = (ROOT / "docs/dependencies.md").read_text(encoding="utf-8")
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

APP_KEYS = ("app", "train", "chart", "form", "generate", "prompt", "runs", "table")
"""Where the names of keys begin that are documented; layers show theirs themselves."""

EVENTS = {kind.__struct_config__.tag: kind for kind in get_args(events.AnyEvent)}
REQUESTS = {kind.__struct_config__.tag: kind for kind in get_args(commands.AnyCommand)}
STRUCTS = {
    "run.json": config.RunConfig,
    "Model": ModelConfig,
    "Corpus": config.CorpusRecord,
    "Recipe": Recipe,
    "Schedule": Schedule,
    "Limits": config.Limits,
    "Rhythms": config.Every,
    "Sampling settings": SamplingSettings,
    "label.json": Label,
    "trainer.json": TrainerState,
    "Files of a checkpoint": FileRecord,
    "Pointers": Pointer,
    "transcripts/": Turn,
}


def sections(text: str) -> dict[str, str]:
    """What stands below each heading, up to the next heading of any level."""
    parts = re.split(r"^#+ (.+)$", text, flags=re.M)
    titles = [title.replace("`", "") for title in parts[1::2]]
    assert len(titles) == len(set(titles)), "two headings are the same"
    return dict(zip(titles, parts[2::2], strict=True))


def first_cells(section: str) -> list[str]:
    """The first cell of each row of the section's first table, its head left out."""
    table = re.search(r"^\|.*\|\n\|[-| :]+\|\n((?:\|.*\n?)*)", section, flags=re.M)
    return [cells(row)[0] for row in table[1].splitlines()] if table else []


def cells(row: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]]


def quoted(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def fields(section: str) -> list[str]:
    return [name for cell in first_cells(section) for name in quoted(cell)]


def blocks(text: str, language: str) -> Iterator[str]:
    """The lines of all fenced blocks of a language."""
    for block in re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.M | re.S):
        yield from block.splitlines()


@functools.cache
def command_tree() -> dict[str, Any]:
    """Every command that can be typed, by its words."""
    found = {}

    def add(words: str, command: Any) -> None:
        found[words] = command
        for name, below in getattr(command, "commands", {}).items():
            add(f"{words} {name}", below)

    add("gpt2tui", typer.main.get_command(app))
    return found


def options_of(command: Any) -> dict[str, Any]:
    """The options of a command by every spelling."""
    options = [one for one in command.params if one.param_type_name == "option" and not one.hidden]
    return {spelling: option for option in options for spelling in [*option.opts, *option.secondary_opts]}


def documented_commands() -> dict[str, str]:
    return {title: body for title, body in sections(COMMANDS).items() if title.split(" ")[0] == "gpt2tui"}


def test_every_command_has_a_section_and_every_section_a_command():
    assert set(documented_commands()) == set(command_tree())


@pytest.mark.parametrize("words", command_tree())
def test_a_commands_table_names_exactly_its_options(words):
    named = [name.split(" ")[0] for name in fields(documented_commands()[words])]
    assert sorted(named) == sorted(options_of(command_tree()[words]))


@pytest.mark.parametrize("words", command_tree())
def test_the_defaults_in_a_commands_table_are_the_real_ones(words):
    table = [line for line in documented_commands()[words].splitlines() if line.startswith("| `-")]
    for row in table:
        spelled, default, _ = cells(row)
        option = options_of(command_tree()[words])[quoted(spelled)[0].split(" ")[0]]
        if isinstance(option.default, bool):
            assert default == ("on" if option.default else "off"), row
        elif option.default is not None:
            assert default == f"`{option.default}`", row


def test_examples_use_commands_and_options_that_exist():
    examples = [line for line in blocks(COMMANDS, "sh") if "gpt2tui" in line]
    assert examples
    for line in examples:
        typed = shlex.split(line[line.index("gpt2tui ") :].split(" | ")[0])
        words = typed.pop(0)
        while typed and f"{words} {typed[0]}" in command_tree():
            words += f" {typed.pop(0)}"
        assert words != "gpt2tui", line
        known = options_of(command_tree()[words])
        unknown = [word for word in typed if re.match("--?[a-z]", word) and word not in known]
        assert not unknown, f"{line}: {words} has no {unknown}"


def test_variables_that_are_named_exist():
    known = {"GPT2TUI_HOME"}
    for words, command in command_tree().items():
        prefix = words.upper().replace(" ", "_")
        for parameter in command.params:
            longest = max(parameter.opts, key=len).lstrip("-")
            known.add(f"{prefix}_{longest.replace('-', '_').upper()}")
    named = set(re.findall(r"\bGPT2TUI_[A-Z_]*[A-Z]\b", COMMANDS))
    assert "GPT2TUI_TRAIN_PRESET" in named
    assert named <= known


def test_the_settings_file_that_is_shown_is_valid(tmp_path):
    from gpt2tui.cli.settings_file import load_defaults

    file = tmp_path / "config.toml"
    file.write_text("\n".join(blocks(COMMANDS, "toml")), encoding="utf-8")
    told: list[str] = []
    found = load_defaults(file, command_tree()["gpt2tui"], wanted="train", notice=told.append)
    assert (found["runs"], told) == ({"plot": {"x": "passes"}}, [])


def test_every_code_that_an_error_can_carry_is_in_the_table_of_exit_codes():
    from gpt2tui import errors

    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    codes = set(first_cells(sections(COMMANDS)["Exit codes"]))
    assert {str(kind.exit_code) for kind in kinds} <= codes


@pytest.mark.parametrize("tag", EVENTS)
def test_every_event_is_described_field_by_field(tag):
    own = [name for name in EVENTS[tag].__struct_fields__ if name not in events.Event.__struct_fields__]
    assert sorted(fields(sections(RUN_FORMAT)[tag])) == sorted(own)


def test_the_fields_that_all_events_have_are_described():
    assert fields(sections(RUN_FORMAT)["Fields of every event"]) == ["type", *events.Event.__struct_fields__]


@pytest.mark.parametrize("kind", [events.Phase, events.Reason, events.Level], ids=["phase", "reason", "level"])
def test_every_value_of_an_events_enumeration_is_named(kind):
    assert set(get_args(kind)) <= set(quoted(sections_of_events()))


def sections_of_events() -> str:
    return "\n".join(sections(RUN_FORMAT)[tag] for tag in EVENTS)


def test_every_command_of_the_journal_is_described_field_by_field():
    table = sections(RUN_FORMAT)["commands.jsonl"]
    rows = [cells(row) for row in table.splitlines() if row.startswith("| `")]
    described = {quoted(tag)[0]: set(quoted(own)) for tag, own, _ in rows}
    base = set(commands.Command.__struct_fields__)
    assert described == {tag: set(kind.__struct_fields__) - base for tag, kind in REQUESTS.items()}
    assert set(get_args(commands.Setting)) <= set(quoted(table))


@pytest.mark.parametrize("title", STRUCTS)
def test_every_file_is_described_field_by_field(title):
    assert sorted(fields(sections(RUN_FORMAT)[title])) == sorted(STRUCTS[title].__struct_fields__)


def test_the_columns_of_the_series_stand_in_their_order():
    rows = [cells(row) for row in sections(RUN_FORMAT)["series.bin"].splitlines() if row.startswith("|")]
    assert [name for row in rows for name in quoted(row[-1])] == list(COLUMNS)


def test_the_jq_examples_work(tmp_path):
    if shutil.which("jq") is None:
        pytest.skip("jq is absent")
    run = synthetic.make_run(RunStore(tmp_path / "runs"), synthetic.whole_story())
    run.send(commands.Pause())
    state = msgspec.json.encode({"files": {"model.safetensors": {"bytes": 1, "sha256": "00"}}, "step": 1})
    for name, text in (("step-00000001/trainer.json", state), ("best.json", b'{"checkpoint":"step-00000001"}')):
        (run.checkpoints / name).parent.mkdir(exist_ok=True)
        (run.checkpoints / name).write_bytes(text)
    examples = [line for line in blocks(RUN_FORMAT, "sh") if line.startswith("jq ")]
    assert examples
    for line in examples:
        done = subprocess.run(line, shell=True, cwd=run.folder, capture_output=True, text=True)
        assert done.returncode == 0, f"{line}: {done.stderr}"
        assert done.stdout.strip() not in ("", "null", "[]"), line


def required(requirements: list[str]) -> set[str]:
    names = {re.match(r"[A-Za-z0-9._-]+", line)[0] for line in requirements}  # type: ignore[index]
    return names - {PROJECT["name"]}


def test_every_runtime_dependency_is_described_and_no_other():
    assert set(fields(sections(DEPENDENCIES)["Needed to run"])) == required(PROJECT["dependencies"])


def test_every_extra_and_what_is_in_it_is_described():
    extras = PROJECT["optional-dependencies"]
    rows = [cells(row) for row in sections(DEPENDENCIES)["Extras"].splitlines() if row.startswith("| `")]
    described: dict[str, set[str]] = {}
    for extra, package, *_ in rows:
        described.setdefault(quoted(extra)[0], set()).update(quoted(package))
    assert described == {name: required(packages) for name, packages in extras.items()}


def test_the_hash_of_the_ranks_is_the_one_that_is_checked():
    assert RANKS_SHA256 in DEPENDENCIES


def test_the_keys_of_the_app_are_documented_with_their_names():
    from gpt2tui.tui.keymap import all_bindings

    spelled = {"question_mark": "?", "plus": "+", "equals_sign": "=", "minus": "-", "slash": "/", "escape": "esc"}
    bound: dict[str, set[str]] = {}
    for binding in all_bindings():
        if binding.id.split(".")[0] in APP_KEYS:
            bound.setdefault(binding.id, set()).add(spelled.get(binding.key, binding.key))
    text = (ROOT / "docs/app.md").read_text(encoding="utf-8")
    named = set()
    for keys, _, ids in (cells(row) for row in text.splitlines() if row.startswith("|") and len(cells(row)) == 3):
        here = {name for name in quoted(ids) if "." in name}
        assert here <= set(bound), f"{here - set(bound)} are no names of keys"
        if here:
            assert set(quoted(keys)) == set().union(*(bound[name] for name in here)), f"{sorted(here)}: {keys}"
        named |= here
    assert named == set(bound)


def anchors(path: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_between_documents_lead_somewhere(document):
    text = re.sub(r"^```.*?^```$", "", document.read_text(encoding="utf-8"), flags=re.M | re.S)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = (document.parent / name).resolve() if name else document
        assert target.exists(), f"{document.name}: {link}"
        assert not anchor or anchor in anchors(target), f"{document.name}: {link}"
