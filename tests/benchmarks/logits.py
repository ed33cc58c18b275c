"""Logits of an exported model in transformers beside those here: the largest difference, in float32.

    python -m tests.benchmarks.logits RUN [--lengths 128,1024] [--json FILE]

Over the first tokens of the run's own text, in one window of each length that the model has positions for.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from transformers import AutoModelForCausalLM, __version__

from gpt2tui.corpus.tokens import open_tokens
from gpt2tui.exchange.source import Source
from gpt2tui.exchange.transformers_folder import export_folder
from gpt2tui.runs.paths import Paths
from gpt2tui.runs.store import RunStore
from tests.benchmarks.table import Table, keep, parser


@torch.inference_mode()
def differences(source: Source, lengths: Sequence[int]) -> Iterator[tuple[int, float, float]]:
    """Of each length: tokens that were there, the largest difference, and the largest logit."""
    with tempfile.TemporaryDirectory() as place:
        export_folder(source, Path(place) / "out", force=False)
        theirs = AutoModelForCausalLM.from_pretrained(Path(place) / "out", local_files_only=True).eval()
    corpus = torch.from_numpy(open_tokens(source.run.tokens_file)[: max(lengths)].astype(np.int64))
    for length in sorted({min(length, source.config.model.block_size) for length in lengths}):
        ids = corpus[None, :length]  # (1, time)
        ours = source.model(ids)  # (1, time, vocabulary)
        difference = (theirs(ids).logits - ours).abs().max()
        yield ids.shape[1], float(difference), float(ours.abs().max())


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("run", help="A run in GPT2TUI_HOME.")
    arguments.add_argument("--lengths", default="128,1024")
    options = arguments.parse_args()
    source = Source.of(RunStore(Paths.from_environment().runs).find(options.run))
    title = f"transformers {__version__} beside ours, float32, {torch.get_num_threads()} threads"
    table = Table({"at most apart": ".1e", "largest logit": ".1f"}, title=title)
    for tokens, difference, largest in differences(source, [int(one) for one in options.lengths.split(",")]):
        table.row(f"{tokens:,} tokens", difference, largest)
    keep(options.json, title, table)


if __name__ == "__main__":
    main()
