"""A run that Spaces are made of, and the app of one."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from gpt2tui.corpus.bpe import Tokenizer
from gpt2tui.model.transformer import GPT2
from gpt2tui.runs.paths import Paths
from gpt2tui.runs.run import Run
from tests.tiny import tiny_model_config, tiny_run, tiny_run_config

TEXT = "".join(f"Line {number} of the play is said by number {number}.\n" for number in range(200))
HOSTILE = '"]}\': - #a\\n\\": <script>document.title="caught"</script> {title} `x` [y](http://z) 👩é ' + "long " * 40


def make_run(activation: str = "gelu_new", name: str | None = "dog", **changes: Any) -> Run:
    """A tiny run whose weights are drawn large enough to matter, and whose text is text."""
    ids = Tokenizer().encode(TEXT)
    config = tiny_run_config(
        tokens=len(ids), model=tiny_model_config(activation=activation, **changes), name=name, block_size=32
    )
    model = GPT2.initialised(config.model, seed=3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0.0, 0.3, generator=torch.Generator().manual_seed(parameter.numel()))
    run = tiny_run(Paths.from_environment().runs, config=config, weights=model.state_dict())
    run.tokens_file.chmod(0o600)
    run.tokens_file.write_bytes(np.array(ids, dtype=np.uint16).tobytes())
    return run


def app_of(folder: Path) -> ModuleType:
    """The app of a Space as a module."""
    spec = importlib.util.spec_from_file_location("space_app", folder / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
