"""What was generated from a run is kept with it, and can be taken away as a document."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from gpt2tui.runs.run import Run
from gpt2tui.runs.sampling import SamplingSettings
from gpt2tui.runs.transcript import Transcripts, Turn, as_markdown, standing


def turn(**changes: Any) -> Turn:
    fields: dict[str, Any] = {
        "checkpoint": "step-00000400",
        "step": 400,
        "device": "cpu",
        "dtype": "float32",
        "prompt": "First Citizen:",
        "prompt_tokens": [5962, 22307, 25],
        "settings": SamplingSettings(seed=7, top_k=40),
        "tokens": [198, 8421],
        "texts": ["\n", "Before"],
        "probabilities": [0.5, 0.25],
        "text": "\nBefore",
        "finish": "length",
        "seconds": 0.25,
        "seconds_to_first_token": 0.05,
        "tokens_per_second": 30.0,
    }
    return Turn(**fields | changes)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    folder = tmp_path / "a-run"
    folder.mkdir()
    return Run(folder)


def test_turns_are_read_back_as_they_were(run: Run) -> None:
    assert Transcripts(run).read() == []
    kept = [turn(time=1.0), turn(time=2.0, text="ünï😀\x1b[31m\n", finish="stopped", tokens_per_second=None)]
    transcripts = Transcripts(run)
    for each in kept:
        transcripts.append(each)
    assert transcripts.read() == Transcripts(run).read() == kept
    (file,) = run.transcripts.iterdir()
    lines = file.read_text().splitlines()
    assert [json.loads(line)["type"] for line in lines] == ["turn", "turn"]
    assert "\x1b" not in file.read_text()


def test_nothing_is_made_before_the_first_turn(run: Run) -> None:
    Transcripts(run).read()
    assert list(run.folder.iterdir()) == []


def test_sessions_have_files_of_their_own_and_are_read_in_the_order_of_time(run: Run) -> None:
    first, second = Transcripts(run), Transcripts(run)
    turns = [turn(time=float(number)) for number in range(6)]
    for number, each in enumerate(turns):
        (first if number % 2 else second).append(each)
    assert len(list(run.transcripts.iterdir())) == 2
    assert first.read() == turns


@pytest.mark.parametrize("torn", [b'{"type":"turn","id":"ab', b"\0" * 100, b'{"type":"turn","text":"caf\xc3'])
def test_a_torn_line_costs_itself_only(run: Run, torn: bytes) -> None:
    transcripts = Transcripts(run)
    transcripts.append(turn(time=1.0))
    (file,) = run.transcripts.iterdir()
    with file.open("ab") as open_file:
        open_file.write(torn)
    assert [each.time for each in transcripts.read()] == [1.0]
    transcripts.append(turn(time=2.0))
    assert [each.time for each in transcripts.read()] == [1.0, 2.0]


def test_lines_of_newer_programs_are_left_out(run: Run) -> None:
    Transcripts(run).append(turn())
    (file,) = run.transcripts.iterdir()
    with file.open("a") as open_file:
        open_file.write('{"type":"song","notes":[1]}\n')
    assert len(Transcripts(run).read()) == 1


def test_a_prompt_that_is_no_text_is_kept_as_near_as_it_can_be(run: Run) -> None:
    Transcripts(run).append(turn(prompt="a\ud800b"))
    assert Transcripts(run).read()[0].prompt == "a?b"


def test_a_run_that_is_gone_is_not_made_again(run: Run) -> None:
    transcripts = Transcripts(run)
    shutil.rmtree(run.folder)
    with pytest.raises(FileNotFoundError):
        transcripts.append(turn())
    assert not run.folder.exists()


def test_a_turn_stands_where_the_one_stood_that_it_was_made_in_place_of() -> None:
    turns = [
        turn(id="a"),
        turn(id="b"),
        turn(id="a2", replaces="a"),
        turn(id="c"),
        turn(id="a3", replaces="a2", kept=1),
        turn(id="b2", replaces="b"),
        turn(id="d", replaces="lost"),
    ]
    assert [each.id for each in standing(turns)] == ["a3", "b2", "c", "d"]


def fenced_blocks(document: str) -> list[str]:
    """What a reader of CommonMark takes for fenced blocks: up to a fence at least as long as the first."""
    found, lines, fence = [], [], ""
    for line in document.split("\n"):
        if not fence:
            if opening := re.match(r"(`{3,})[^`]*$", line):
                fence, lines = opening[1], []
        elif (closing := re.fullmatch(r" {0,3}(`+)\s*", line)) and len(closing[1]) >= len(fence):
            found.append("\n".join(lines))
            fence = ""
        else:
            lines.append(line)
    assert not fence, "a block is open at the end"
    return found


@pytest.mark.parametrize(
    "text",
    [
        "plain",
        "",
        "```\nout\n```",
        "`````",
        "a ``` b",
        "````text\n```` \n   ````\n",
        "~~~\n# no heading",
        "\n",
        "[/red]",
    ],
)
def test_no_text_breaks_out_of_its_block(text: str) -> None:
    document = as_markdown([turn(prompt=text, text=text)], title="My run")
    shown = text.removesuffix("\n")
    assert fenced_blocks(document) == [shown, shown]
    assert re.findall("^#+ .*$", re.sub(r"(?ms)^(`{3,})text\n.*?^\1$", "", document), flags=re.M)[0] == "# My run"


def test_the_document_says_how_each_text_was_made() -> None:
    settings = SamplingSettings(temperature=0.8, top_k=0, top_p=0.9, min_p=0.1, repetition_penalty=1.2, seed=5)
    document = as_markdown([turn(settings=settings, finish="end_of_text")], title="*bold* [link](x)\n# two \x1b[2J")
    for fact in ("temperature 0.8", "top-p 0.9", "min-p 0.1", "repetition penalty 1.2", "seed 5", "step 400"):
        assert fact in document
    assert "top-k" not in document
    assert "2 tokens · 30.0 tokens/s · end of text" in document
    assert document.startswith("# \\*bold\\* \\[link\\]\\(x\\) \\# two ^\\[\\[2J\n")


def test_the_document_counts_the_tokens_that_the_rate_is_of_and_names_those_that_a_branch_kept() -> None:
    texts = [" word"] * 1_082
    branch = turn(tokens=list(range(1_082)), texts=texts, text="".join(texts), kept=961, tokens_per_second=410.26)
    document = as_markdown([turn(finish="stop"), branch], title="My run")
    assert " · 2 tokens · 30.0 tokens/s · stop text found\n" in document
    assert " · 121 tokens after 961 kept · 410 tokens/s · length reached\n" in document
