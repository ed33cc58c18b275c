"""The folder of a Space: whole, valid whatever its run is called, and never over what is there."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from gpt2tui.errors import Gpt2TuiError
from gpt2tui.exchange import space
from gpt2tui.exchange.source import Source
from gpt2tui.exchange.space import FILES, export_space
from tests.cli.program import gpt2tui
from tests.exchange.spaces import HOSTILE, make_run


def front(folder: Path) -> dict[str, Any]:
    """What the front matter of the card says."""
    _, matter, _ = (folder / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    found: dict[str, Any] = yaml.safe_load(matter)
    return found


def test_the_folder_is_whole(folder: Path):
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    assert [path.name for path in folder.parent.iterdir() if path.name.startswith(".")] == []
    pinned = dict(line.split("==") for line in (folder / "requirements.txt").read_text().split())
    assert sorted(pinned) == ["gradio", "safetensors", "tiktoken", "torch"]
    about = front(folder)
    assert about["sdk"] == "gradio"
    assert about["sdk_version"] == pinned["gradio"]
    assert about["python_version"] == "3.11"
    assert (folder / about["app_file"]).is_file()
    assert about["title"] == "dog"
    assert about["pinned"] is False
    assert 0 < len(about["short_description"]) <= 60
    assert "license" not in about
    config = json.loads((folder / "config.json").read_text())
    assert (config["n_layer"], config["n_head"], config["trained_context"]) == (2, 2, 32)
    assert config["activation_function"] == "gelu_new"


def test_examples_are_from_all_over_the_text(folder: Path):
    examples = json.loads((folder / "examples.json").read_text())
    assert len(examples) == 5
    numbers = [int(re.fullmatch(r"Line (\d+) of the play is", example)[1]) for example in examples]  # type: ignore[index]
    assert numbers == sorted(numbers)
    assert numbers[-1] - numbers[0] > 100


def test_a_licence_that_the_hub_knows_is_named(tmp_path: Path):
    source = Source.of(make_run())
    source.config = msgspec.structs.replace(
        source.config, corpus=msgspec.structs.replace(source.config.corpus, licence="CC0-1.0")
    )
    export_space(source, tmp_path / "out", force=False)
    assert front(tmp_path / "out")["license"] == "cc0-1.0"


def test_a_run_without_a_text_has_no_examples(tmp_path: Path):
    run = make_run()
    run.tokens_file.unlink()
    export_space(Source.of(run), tmp_path / "out", force=False)
    assert json.loads((tmp_path / "out" / "examples.json").read_text()) == []


@pytest.mark.parametrize(
    "name", [HOSTILE, "yes", "1.0", "null", "- a", "a: b", "'", "\u00e9\U0001f600", "{0}", "%s $x"]
)
def test_any_name_makes_valid_front_matter(tmp_path: Path, name: str):
    export_space(Source.of(make_run(name=name)), tmp_path / "out", force=False)
    about = front(tmp_path / "out")
    assert about["title"] == (name if len(name) <= 100 else name.strip()[:99] + "…")
    assert set(about) == set(front_fields())
    body = (tmp_path / "out" / "README.md").read_text(encoding="utf-8").split("---\n", 2)[2]
    assert "<script>" not in re.sub(r"\\.", "", body)


def front_fields() -> list[str]:
    """The fields of the front matter of a run whose text has no licence."""
    return [
        *("title", "emoji", "colorFrom", "colorTo", "sdk", "sdk_version", "python_version", "app_file", "pinned"),
        "short_description",
    ]


def test_control_characters_in_a_name_do_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Source, "name", 'a\nsdk: docker\n---\n\x1b[31m\u2028\x85"')
    export_space(Source.of(make_run()), tmp_path / "out", force=False)
    about = front(tmp_path / "out")
    assert about["sdk"] == "gradio"
    assert about["title"] == 'a sdk: docker --- ^[[31m "'


def test_what_is_there_is_kept(tmp_path: Path):
    make_run()
    place = tmp_path / "out"
    place.mkdir()
    (place / "mine").write_text("mine")
    refused = gpt2tui("export", "space", str(place), "--force")
    assert (refused.code, [path.name for path in place.iterdir()]) == (2, ["mine"])
    (place / "mine").unlink()
    export_space(Source.of(make_run()), place, force=False)
    refused = gpt2tui("export", "space", str(place))
    assert refused.code == 2
    assert "--force" in refused.err.splitlines()[-1]
    done = gpt2tui("export", "space", str(place), "--force")
    assert done.code == 0, done.err
    assert sorted(path.name for path in place.iterdir()) == sorted(FILES)


def test_nothing_is_left_of_an_export_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(space, "save_file", full)
    source = Source.of(make_run())
    before = sorted(tmp_path.iterdir())
    with pytest.raises(Gpt2TuiError, match="out cannot be written: No space"):
        export_space(source, tmp_path / "out", force=False)
    assert sorted(tmp_path.iterdir()) == before


def test_it_can_be_imported_again(folder: Path):
    made = gpt2tui("import", str(folder), "--json")
    assert made.code == 0, made.err
