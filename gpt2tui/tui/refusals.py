"""Why something cannot be done with a run as it is: the same words on every screen."""

from __future__ import annotations

from gpt2tui.runs.view import State

NO_RUNS = "There are no runs yet: 1 starts one."
NO_RUN_FITS = "no run fits the filter; esc shows all"
NO_TURN = "There is no turn yet: i leads to the prompt."
BEING_STARTED = "a training is being started"


def not_trained(name: str) -> str:
    """To a run that has ended."""
    return f"{name} is not being trained; R goes on with it"


def trained_already(name: str, state: str) -> str:
    """To go on with a run that goes on, or waits."""
    return f"{name} is paused; space goes on" if state == "paused" else f"{name} is being trained already"


def idle_key_words(
    action: str, name: str, state: State, *, is_alive: bool, is_starting: bool, is_imported: bool
) -> str:
    """What a key of the Train screen is answered where its action means nothing for the run that is shown."""
    if action == "overlay":
        return "nothing is laid over the chart; o on Runs lays a run over it"
    if is_alive:
        return trained_already(name, state)
    if is_starting:
        return BEING_STARTED
    if state == "gone":
        return f"the folder of {name} is gone"
    if is_imported:
        return f"{name} was imported; R begins a run with it"
    if action == "go_past":
        return f"{name} has not reached a target; R goes on with it"
    if action == "sample":
        return f"{name} is not being trained; Generate (2) writes with it, R goes on with it"
    return not_trained(name)
