"""What the first estimate of a run's time goes by: the share of the rate of its products that a training has.

    python -m tests.benchmarks.shares [--rounds 2] [--json FILE]

The rate is measured as `train --dry-run` does it, before and after the steps it is compared with.
"""

from __future__ import annotations

import statistics

from gpt2tui.cli.machine import matrix_rate
from gpt2tui.cli.process import tune_process
from gpt2tui.runs.model_config import PRESETS
from tests.benchmarks.machine import describe, step_seconds
from tests.benchmarks.table import Table, keep, parser

_TOKENS, _WINDOW = 16 * 128, 128
_STEPS = {"nano": 24, "mini": 10, "gpt2": 6}


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--rounds", type=int, default=2)
    options = arguments.parse_args()
    tune_process()
    machine = describe()
    print(machine, end="\n\n")
    table = Table({"rate, TFLOP/s": ".2f", "tokens/s": ",.0f", "share": ".2f", "least": ".2f", "most": ".2f"})
    for preset, steps in _STEPS.items():
        shape = PRESETS[preset]
        for dtype in ("bfloat16", "float32"):
            rates, shares, speeds = [], [], []
            for _ in range(options.rounds):
                rates.append(matrix_rate("cpu", dtype, width=shape.width, seconds=0.1))
                seconds = statistics.median(step_seconds("--preset", preset, "--dtype", dtype, steps=steps))
                rates.append(matrix_rate("cpu", dtype, width=shape.width, seconds=0.1))
                speeds.append(_TOKENS / seconds)
                shares.append(speeds[-1] * shape.flops_per_token(_WINDOW) / statistics.mean(rates[-2:]))
            rate, speed, share = (statistics.median(found) for found in (rates, speeds, shares))
            table.row(f"{preset}, {dtype}", rate / 1e12, speed, share, min(shares), max(shares))
    keep(options.json, machine, table)


if __name__ == "__main__":
    main()
