"""Steps of the 124M on the bundled corpus: what the allocator's settings and passive waiting are worth.

    python -m tests.benchmarks.steps [--rounds 2] [--steps 8] [--json FILE]

Each row is a setting; the settings take turns, round by round.
"""

from __future__ import annotations

import statistics

from tests.benchmarks.machine import describe, step_seconds
from tests.benchmarks.table import Table, keep, parser

SYSTEM = {"GLIBC_TUNABLES": "glibc.malloc.check=0"}
"""Says something about malloc, so the program leaves it alone."""

SETTINGS: dict[str, tuple[list[str], dict[str, str]]] = {
    "fast, as it is": ([], {}),
    "fast, system allocator": ([], SYSTEM),
    "fast, threads that spin": ([], {"OMP_WAIT_POLICY": "ACTIVE"}),
    "reference, as it is": (["--recipe", "reference"], {}),
    "reference, float32": (["--recipe", "reference", "--dtype", "float32"], {}),
}


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--rounds", type=int, default=2)
    arguments.add_argument("--steps", type=int, default=8)
    options = arguments.parse_args()
    taken: dict[str, list[float]] = {name: [] for name in SETTINGS}
    for _ in range(options.rounds):
        for name, (words, environment) in SETTINGS.items():
            taken[name] += step_seconds(*words, steps=options.steps, **environment)
    machine = describe()
    print(machine, end="\n\n")
    table = Table({"median s": ".2f", "min": ".2f", "max": ".2f", "ratio": ".2f"})
    first = statistics.median(next(iter(taken.values())))
    for name, seconds in taken.items():
        median = statistics.median(seconds)
        table.row(name, median, min(seconds), max(seconds), median / first)
    keep(options.json, machine, table)


if __name__ == "__main__":
    main()
