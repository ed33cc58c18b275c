"""Memory that really runs out: an address space limited in a process of its own."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import textwrap
from pathlib import Path

import msgspec
import pytest

from gpt2tui.checkpoints.folder import CheckpointFolder
from gpt2tui.runs.config import Limits, RunConfig
from gpt2tui.runs.events import CheckpointSaved, Notice, RunFinished, Step
from tests.tiny import tiny_model_config
from tests.training.small import PATIENCE, ending, notices, of_type, small_config, small_recipe, small_run

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="RLIMIT_AS holds on Linux only")

# Trains in an address space that ends so many MiB above what the process has once its first step is made.
LIMITED = """
    import resource, sys
    from pathlib import Path
    from gpt2tui.runs.events import Step
    from gpt2tui.runs.run import Run
    from gpt2tui.training.session import train

    folder, room, after = Path(sys.argv[1]), int(sys.argv[2]) << 20, int(sys.argv[3])

    def limit():
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + room, used + room))

    import torch
    torch.set_num_threads(1)
    torch.nn.functional.linear(torch.ones(8, 8), torch.ones(8, 8, requires_grad=True)).sum().backward()
    if after == 0:
        limit()
    for event in train(Run(folder)):
        if isinstance(event, Step) and event.step == after:
            limit()
"""


def big_config(steps: int, *, windows: int = 64, window: int = 256, **changes: object) -> RunConfig:
    """Batches of 16,384 tokens: activations of hundreds of MiB, weights of one."""
    return small_config(
        tokens=40_000,
        block_size=window,
        model=tiny_model_config(vocabulary_size=300, block_size=window, width=64),
        recipe=small_recipe(batch_size=windows),
        limits=Limits(target_loss=None, max_steps=steps),
        **changes,
    )


def train_limited(folder: Path, room: int, after: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", textwrap.dedent(LIMITED), str(folder), str(room), str(after)]
    # Whatever is large goes back to the system when it is freed, so that it has to be asked for again.
    environment = os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536"}
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, env=environment)


def test_the_micro_batch_is_halved_until_it_fits_and_the_step_is_made(tmp_path: Path) -> None:
    run = small_run(tmp_path, big_config(3))
    result = train_limited(run.folder, 120, 0)
    assert result.returncode == 0, result.stderr
    halvings = [event.text for event in of_type(run.events(), Notice) if "out of memory" in event.text]
    assert halvings[0] == "out of memory; going on with a micro-batch of 32"
    assert [event.step for event in of_type(run.events(), Step)] == [1, 2, 3]
    assert ending(run).reason == "limit"
    state = CheckpointFolder(run.checkpoints).find("last").state()
    assert state.micro_batch == 64 >> len(halvings)
    assert [
        json.loads(line)["tokens"] for line in run.events_file.read_text().splitlines() if '"step",' in line[:15]
    ] == [
        16384,
        32768,
        49152,
    ]


def test_with_one_sequence_at_a_time_it_ends_and_saves_what_was_learnt(tmp_path: Path) -> None:
    # A window of tens of MiB, and room for the small things: without any, oneDNN crashes instead of refusing.
    run = small_run(tmp_path, big_config(50, windows=2, window=4096, micro_batch=2))
    result = train_limited(run.folder, 8, 2)
    assert result.returncode == 0, result.stderr
    last = ending(run)
    assert (last.reason, last.step) == ("out_of_memory", 2)
    told = notices(run.events())
    assert "out of memory; going on with a micro-batch of 1" in told
    assert "--block-size or --preset" in told
    if of_type(run.events(), CheckpointSaved):  # which takes memory as well
        assert CheckpointFolder(run.checkpoints).find("last").state().step == 2
    else:
        assert "could not be saved" in told


def test_a_model_that_does_not_fit_at_all_is_out_of_memory_too(tmp_path: Path) -> None:
    config = big_config(5)
    wide = tiny_model_config(vocabulary_size=300, block_size=256, width=1024)
    run = small_run(tmp_path, msgspec.structs.replace(config, model=wide))
    result = train_limited(run.folder, 60, 0)
    assert result.returncode == 0, result.stderr
    assert (ending(run).reason, ending(run).step) == ("out_of_memory", 0)


def test_exit_6(tmp_path: Path) -> None:
    """The whole command, whose address space ends before a single sequence fits."""
    config = small_config(
        tokens=5_000,
        block_size=4096,
        model=tiny_model_config(vocabulary_size=300, block_size=4096, width=256, layers=8),
        recipe=small_recipe(batch_size=1),
    )
    run = small_run(tmp_path, config)
    room = 1 << 28

    probe = "import torch, safetensors, pathlib; print(pathlib.Path('/proc/self/statm').read_text().split()[0])"
    pages = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout
    limit = int(pages) * resource.getpagesize() + room
    result = subprocess.run(
        [sys.executable, "-m", "gpt2tui", "resume", "--headless", str(run.folder)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
    )
    assert result.returncode == 6, result.stderr
    assert "Traceback" not in result.stderr
    assert isinstance(list(run.events())[-1], RunFinished)
    assert ending(run).reason == "out_of_memory"
