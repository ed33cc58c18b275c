from __future__ import annotations

import errno
import json
from contextlib import ExitStack
from pathlib import Path

import pytest

from gpt2tui.runs.commands import Pause, Stop
from gpt2tui.runs.events import Evaluated, Notice, Step
from gpt2tui.runs.journal import JournalWriter, command_reader, event_reader, skim_events
from tests.runs.synthetic import evaluated, python, started, step, whole_story


def write(path: Path, *events: object) -> None:
    writer = JournalWriter(path)
    writer.append(events)  # type: ignore[arg-type]
    writer.close()


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    write(path, *whole_story(20))
    assert list(event_reader(path).poll()) == whole_story(20)
    assert all(json.loads(line)["type"] for line in path.read_text().splitlines())


@pytest.mark.parametrize("torn", [b'{"type":"step","st', b'{"type":"notice","text":"caf\xc3', b"\0" * 300])
def test_a_torn_line_is_skipped_and_healed_by_the_next_writer(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "events.jsonl"
    write(path, step(1))
    with path.open("ab") as file:
        file.write(torn)
    assert list(event_reader(path).poll()) == [step(1)]
    write(path, step(2))
    assert list(event_reader(path).poll()) == [step(1), step(2)]
    assert list(skim_events(path, recent=10)) == [step(1), step(2)]


def test_a_line_that_is_still_being_written_is_read_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    write(path, step(1))
    whole = path.read_bytes()
    path.write_bytes(whole[:30])
    reader = event_reader(path)
    assert list(reader.poll()) == []
    with path.open("ab") as file:
        file.write(whole[30:])
    assert list(reader.poll()) == [step(1)]
    assert list(reader.poll()) == []


def test_types_and_fields_of_newer_programs_are_ignored(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    newer = {"type": "notice", "time": 1.0, "level": "info", "text": "hello", "colour": "mauve"}
    path.write_text('{"type":"dreamt","of":"sheep"}\n' + json.dumps(newer) + "\n")
    assert list(event_reader(path).poll()) == [Notice(time=1.0, level="info", text="hello")]


_APPENDER = """
import sys
from pathlib import Path
from gpt2tui.runs.commands import Pause
from gpt2tui.runs.journal import JournalWriter
writer = JournalWriter(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for number in range(300):
    writer.append([Pause(id=f"{sys.argv[2]}-{number}")])
"""


def test_commands_of_several_processes_at_once_are_all_whole_and_in_order(tmp_path: Path) -> None:
    path = tmp_path / "commands.jsonl"
    with ExitStack() as stack:
        writers = [stack.enter_context(python(_APPENDER, str(path), name)) for name in "abcd"]
        for writer in writers:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "ready\n"
        for writer in writers:
            assert writer.stdin is not None
            writer.stdin.write("go\n")
            writer.stdin.flush()
        assert [writer.wait(20) for writer in writers] == [0, 0, 0, 0]
    # A writer may take another's line, half written, for a torn one: that leaves an empty line and harms nothing.
    assert len([line for line in path.read_bytes().split(b"\n") if line]) == 1200
    ids = [command.id for command in command_reader(path).poll()]
    for name in "abcd":
        assert [one for one in ids if one.startswith(name)] == [f"{name}-{number}" for number in range(300)]


_FULL = """
import resource, signal, sys
from pathlib import Path
from gpt2tui.runs.commands import Pause
from gpt2tui.runs.journal import JournalWriter
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
writer = JournalWriter(Path(sys.argv[1]), is_only_writer=len(sys.argv) > 2)
writer.append([Pause(id="before")])
size = Path(sys.argv[1]).stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 30, size + 30))
try:
    writer.append([Pause(id="lost"), Pause(id="lost too")])
except OSError as error:
    print(error.errno)
"""


@pytest.mark.parametrize("is_only_writer", [True, False])
def test_of_lines_that_did_not_fit_none_is_read(tmp_path: Path, is_only_writer: bool) -> None:
    path = tmp_path / "commands.jsonl"
    with python(_FULL, str(path), *["alone"] * is_only_writer) as process:
        out, problem = process.communicate(timeout=20)
    assert out == f"{errno.EFBIG}\n", problem
    assert path.read_bytes().endswith(b"\n") is is_only_writer
    write(path, Stop(id="after"))
    assert [command.id for command in command_reader(path).poll()] == ["before", "after"]


def test_skimming_keeps_all_but_the_steps_in_between(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    write(path, started(), *map(step, range(1, 51)), evaluated(50, 3.0), *map(step, range(51, 101)))
    skimmed = list(skim_events(path, recent=10))
    steps = [event.step for event in skimmed if isinstance(event, Step)]
    assert steps == [1, *range(91, 101)]
    assert [event for event in skimmed if isinstance(event, Evaluated)] == [evaluated(50, 3.0)]


def test_a_bunch_of_nothing_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "commands.jsonl"
    write(path)
    assert path.read_bytes() == b""
    write(path, Pause(id="one"))
    assert path.read_bytes().startswith(b'{"type":"pause","id":"one"')
