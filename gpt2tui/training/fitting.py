"""An update that fits the machine: in smaller micro-batches when memory runs out, uncompiled where that fails."""

from __future__ import annotations

import gc
import math
from collections.abc import Generator

import torch

from gpt2tui.errors import OutOfMemoryError
from gpt2tui.model.device import is_out_of_memory
from gpt2tui.runs.events import Notice
from gpt2tui.training.learner import Learner
from gpt2tui.training.sampler import first_line
from gpt2tui.training.update import Outcome, TornUpdateError


def fitting_update(learner: Learner, factor: float) -> Generator[Notice, None, tuple[Outcome, int]]:
    """Make one update, trying anew until it fits; tells of what it had to give up.

    Raises:
        OutOfMemoryError: not even one sequence at a time fits.
    """
    while True:
        problem: Exception
        try:
            return learner.update(factor)
        except TornUpdateError:
            raise
        except Exception as error:  # torch.compile raises whatever its backend raises
            if not (is_out_of_memory(error) or learner.updater.is_compiled):
                raise
            # The traceback would keep what the failed update had allocated.
            problem = error.with_traceback(None)
        learner.updater.discard()
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        yield _given_up(learner, problem)


def _given_up(learner: Learner, problem: Exception) -> Notice:
    updater = learner.updater
    if not is_out_of_memory(problem):
        learner.give_up_compiling()
        text = f"torch.compile does not work here, so going on without: {first_line(problem)}"
    elif updater.micro_batch == 1:
        raise OutOfMemoryError("out of memory with one sequence at a time; try a smaller --block-size or --preset")
    else:
        updater.micro_batch = math.ceil(updater.micro_batch / 2)
        text = f"out of memory; going on with a micro-batch of {updater.micro_batch}"
    return Notice(level="warning", text=text)
