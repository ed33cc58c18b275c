"""What remains on the screen when a training has ended: what came of it, and what to type next."""

from __future__ import annotations

from gpt2tui.runs.events import RunFinished
from gpt2tui.runs.run import Run
from gpt2tui.runs.view import RunView
from gpt2tui.runs.words import REASONS, corpus_loss_words, resume_words, running_loss_words, unsaved_words
from gpt2tui.text import duration, loss_text


def summary(view: RunView, run: Run, finished: RunFinished) -> str:
    """The end of a run in a few lines, with the next commands."""
    step, corpus, target = view.step, view.corpus_loss, view.target_loss
    lines = [f"run {run.id}: {REASONS[finished.reason]} after {duration(finished.seconds)}"]
    if step:
        lines.append(f"  {step.step:,} steps, {step.tokens:,} tokens, {step.passes:.1f} passes")
        lines.append(f"  running loss {loss_text(step.running_loss)}, {running_loss_words(view)}")
    if corpus:
        lines.append(f"  corpus loss {loss_text(corpus.loss)} {corpus_loss_words(corpus)}")
    if target:
        lines.append(f"  target {target:g}")
    if unsaved := unsaved_words(view):
        lines.append(f"  {unsaved}")
    lines.append(f"  kept in {run.folder}")
    lines.append("next:")
    if view.saved_step:
        lines.append(f'  gpt2tui sample --run {run.id} "…"')
    if step:
        lines.append(f"  gpt2tui runs plot {run.id}")
    lines.append(f"  {resume_words(run.id, view)}")
    return "\n".join(lines)
