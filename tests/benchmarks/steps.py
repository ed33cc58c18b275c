"""Steps of the 124M on the bundled corpus: what the allocator's settings and passive waiting are worth.

    python -m tests.benchmarks.steps [--rounds 2] [--steps 8]

Each row is a setting; the settings take turns, round by round.
"""

from __future__ import annotations

import argparse

from tests.benchmarks.machine import describe, median_table, step_seconds

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
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=8)
    options = parser.parse_args()
    taken: dict[str, list[float]] = {name: [] for name in SETTINGS}
    for _ in range(options.rounds):
        for name, (arguments, environment) in SETTINGS.items():
            taken[name] += step_seconds(*arguments, steps=options.steps, **environment)
    print(describe())
    print(median_table(taken.items()))


if __name__ == "__main__":
    main()
