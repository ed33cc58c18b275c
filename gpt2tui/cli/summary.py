"""What remains on the screen when a training has ended: what came of it, and what to type next."""

from __future__ import annotations

from gpt2tui.cli.output import duration, loss_text
from gpt2tui.runs.events import Reason, RunFinished
from gpt2tui.runs.run import Run
from gpt2tui.runs.view import RunView

_ENDS: dict[Reason, str] = {
    "target_reached": "the target is reached",
    "limit": "a limit was reached",
    "stopped": "stopped, as asked",
    "diverged": "diverged: the loss is not finite, and going back did not help",
    "out_of_memory": "out of memory",
    "interrupted": "interrupted",
    "failed": "failed",
    "disk_full": "the disk is full",
}


def summary(view: RunView, run: Run, finished: RunFinished) -> str:
    """The end of a run in a few lines, with the next commands."""
    step, corpus, target = view.step, view.corpus_loss, view.target_loss
    lines = [f"run {run.id}: {_ENDS[finished.reason]} after {duration(finished.seconds)}"]
    if step:
        lines.append(f"  {step.step:,} steps, {step.tokens:,} tokens, {step.passes:.1f} passes")
        lines.append(f"  loss of the last pass {loss_text(step.running_loss)}")
    if corpus and corpus.step == finished.step:
        kind = " (an estimate over a sample)" if corpus.estimate else ""
        kind = " (a part of the corpus was enough to see that it is not below the target)" if corpus.partial else kind
        lines.append(f"  corpus loss {loss_text(corpus.loss)}{kind}" + (f", target {target:g}" if target else ""))
    lines.append(f"  kept in {run.folder}")
    lines.append("next:")
    if step:
        lines.append(f"  gpt2tui sample --run {run.id} \"…\"")
        lines.append(f"  gpt2tui runs plot {run.id}")
    if finished.reason == "target_reached":
        lines.append(f"  gpt2tui resume {run.id} --headless --target-loss 0.05")
    else:
        lines.append(f"  gpt2tui resume {run.id} --headless")
    return "\n".join(lines)
