"""Text to tokens: time, and the memory of all processes together; beside tiktoken given the whole text at once.

    python -m tests.benchmarks.text TEXT [--mib 64] [--rounds 3] [--json FILE]

The text is made of TEXT's lines, drawn until there are so many MiB. "Again" finds the ids in the cache. Memory is the
private one of a process and all its children, looked at every 20 ms (Linux).
"""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from tests.benchmarks.machine import describe
from tests.benchmarks.table import Table, keep, parser

OURS = """
import sys
from pathlib import Path
from gpt2tui.corpus.tokens import prepare
from gpt2tui.runs.paths import Paths
print(len(prepare([sys.argv[1]], paths=Paths.from_environment()).tokens))
"""
PEER = """
import sys
from pathlib import Path
from gpt2tui.corpus.bpe import Tokenizer
tiktoken = Tokenizer()._encoding
print(len(tiktoken.encode_ordinary(Path(sys.argv[1]).read_text(encoding="utf-8"))))
"""
_LOOK_SECONDS = 0.02


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("text", type=Path)
    arguments.add_argument("--mib", type=int, default=64)
    arguments.add_argument("--rounds", type=int, default=3)
    options = arguments.parse_args()
    found: dict[str, list[tuple[float, float]]] = {"first time": [], "again": [], "tiktoken, all at once": []}
    tokens = set()
    with tempfile.TemporaryDirectory() as place:
        text = Path(place, "text.txt")
        write_text(options.text, text, options.mib << 20)
        for number in range(options.rounds):
            home = str(Path(place, f"home-{number}"))
            for name, script in zip(found, (OURS, OURS, PEER), strict=True):
                seconds, most, count = measured(script, text, home)
                found[name].append((seconds, most))
                tokens.add(count)
    assert len(tokens) == 1, tokens
    machine = f"{describe()}; load average {os.getloadavg()[0]:.1f}; {options.mib} MiB, {tokens.pop():,} tokens"
    print(machine, end="\n\n")
    table = Table({"s": ".2f", "min": ".2f", "max": ".2f", "MB/s": ".1f", "peak MB": ".0f"})
    for name, values in found.items():
        times = [seconds for seconds, _ in values]
        median = statistics.median(times)
        rate = (options.mib << 20) / median / 1e6
        table.row(name, median, min(times), max(times), rate, max(most for _, most in values))
    keep(options.json, machine, table)


def write_text(source: Path, target: Path, size: int) -> None:
    """Lines of ``source`` in an order that never repeats, ``size`` bytes or a line more."""
    lines = source.read_text(encoding="utf-8").splitlines(keepends=True)
    chance = random.Random(1)
    with target.open("w", encoding="utf-8") as file:
        while file.tell() < size:
            file.writelines(chance.choices(lines, k=1000))


def measured(script: str, text: Path, home: str) -> tuple[float, float, int]:
    """Seconds, peak MB, and the tokens it counted."""
    most, began = 0.0, time.perf_counter()
    command = [sys.executable, "-c", script, str(text)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"GPT2TUI_HOME": home}) as child:
        whole = psutil.Process(child.pid)
        while child.poll() is None:
            most = max(most, _private(whole))
            time.sleep(_LOOK_SECONDS)
        seconds = time.perf_counter() - began
        assert child.stdout is not None
        assert child.returncode == 0
        return seconds, most / 1e6, int(child.stdout.read())


def _private(whole: psutil.Process) -> float:
    try:
        return float(sum(process.memory_full_info().uss for process in [whole, *whole.children(recursive=True)]))
    except psutil.NoSuchProcess:
        return 0.0


if __name__ == "__main__":
    main()
