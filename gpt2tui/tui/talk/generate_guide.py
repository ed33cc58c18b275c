"""What to do where there is no model to talk to yet."""

from __future__ import annotations

from gpt2tui.tui.talk.model_choice import ModelChoice

_NO_RUN = """There is no model to talk to yet.

1  opens Train: choose a text there and start a run.

As soon as it has saved a checkpoint, its model writes here."""


def guide(choice: ModelChoice) -> str:
    """What to do, in a few lines; empty where there is a checkpoint to ask."""
    if choice.step() is not None:
        return ""
    run = choice.run
    if run is None:
        return _NO_RUN
    name = choice.name
    if choice.is_gone:
        return (
            f"{name} was deleted, or its folder moved. What was said stays here until you leave.\n\n"
            "w  saves it\no  chooses another run"
        )
    if choice.reference:
        return f"{name} has no checkpoint {choice.reference}.\n\nm  chooses another one\no  chooses another run"
    if run.is_alive():
        return (
            f"{name} trains and has saved no checkpoint yet.\n\nesc leaves the prompt; then\n"
            "m  asks for its weights as they are now\n1  shows the training\no  chooses another run"
        )
    return f"{name} has no checkpoint.\n\n1  opens Train\no  chooses another run"
