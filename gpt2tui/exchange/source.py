"""What an export is made from: a checkpoint of a run."""

from __future__ import annotations

from functools import cached_property

from torch import Tensor

from gpt2tui.checkpoints.folder import Checkpoint, CheckpointFolder
from gpt2tui.checkpoints.state import TrainerState
from gpt2tui.checkpoints.tensors import check_finite
from gpt2tui.generation.loading import load_model
from gpt2tui.model.transformer import GPT2
from gpt2tui.runs.config import RunConfig
from gpt2tui.runs.run import Run


class Source:
    """A run, one of its checkpoints, and the model in it."""

    def __init__(self, run: Run, config: RunConfig, checkpoint: Checkpoint) -> None:
        self.run = run
        self.config = config
        self.checkpoint = checkpoint

    @classmethod
    def of(cls, run: Run, checkpoint: str | None = None) -> Source:
        """The checkpoint that ``best``, ``last`` or a step means; by default as :meth:`CheckpointFolder.find` says.

        Raises:
            UsageError: there is none.
            Gpt2TuiError: run.json cannot be read.
        """
        return cls(run, run.config(), CheckpointFolder(run.checkpoints).find(checkpoint))

    @property
    def name(self) -> str:
        """What people call the run."""
        return self.run.name()

    @cached_property
    def state(self) -> TrainerState:
        """Where the training stood."""
        return self.checkpoint.state()

    @cached_property
    def model(self) -> GPT2:
        """The model in float32 on the CPU, its weights mapped from the checkpoint's file.

        Raises:
            Gpt2TuiError: the checkpoint is damaged, is not of this model, or holds what is not finite.
        """
        import torch

        self.checkpoint.check(hashes=True)
        model = load_model(self.config, self.checkpoint, device="cpu", dtype=torch.float32)
        check_finite(model.state_dict(), self.state.step)
        return model

    @property
    def tensors(self) -> dict[str, Tensor]:
        """The weights by their names in the checkpoint, float32, matrices as (out, in)."""
        return dict(self.model.state_dict())
