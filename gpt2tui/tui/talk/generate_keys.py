"""The keys of the Generate screen."""

from __future__ import annotations

from textual.binding import Binding

from gpt2tui.tui.widgets.alternatives import DIGITS

GENERATE_KEYS: list[Binding] = [
    Binding("escape", "stop", "Stop", id="generate.stop", priority=True, tooltip="Stop the text at once"),
    Binding(
        "escape",
        "close_cursor",
        "Close",
        id="generate.close",
        priority=True,
        tooltip="Close the cursor over tokens",
    ),
    Binding("escape", "leave", "Leave", id="generate.leave", priority=True, tooltip="Leave the settings"),
    Binding(
        "escape",
        "leave_prompt",
        "Leave field",
        id="generate.leave_prompt",
        priority=True,
        tooltip="Keys are keys again",
    ),
    Binding(
        "escape",
        "back",
        "Back",
        id="generate.back",
        show=False,
        priority=True,
        tooltip="Close the layer, leave the field",
    ),
    Binding("enter", "enter_token", "Choose", id="generate.enter", tooltip="To the alternatives; there, branch at one"),
    *(
        Binding(
            digit,
            f"branch({row})",
            f"Branch {digit}",
            id=f"generate.branch_{digit}",
            show=False,
            tooltip="Branch at this alternative",
        )
        for row, digit in enumerate(DIGITS)
    ),
    Binding("i", "focus_prompt", "Write", id="generate.write", show=False, tooltip="To the prompt"),
    Binding(
        "r",
        "regenerate",
        "Again",
        id="generate.regenerate",
        tooltip="Go on from the chosen prompt once more, with another seed",
    ),
    Binding("e", "edit", "Edit", id="generate.edit", tooltip="Change the chosen turn's prompt and send it again"),
    Binding(
        "c",
        "read_tokens",
        "Tokens",
        id="generate.tokens",
        tooltip="A cursor over the tokens: their odds, and what else was likely",
    ),
    Binding("t", "tint", "Tint", id="generate.tint", tooltip="Tint every token by its probability"),
    Binding(
        "y",
        "copy",
        "Copy",
        id="generate.copy",
        show=False,
        tooltip="Copy the selection, or the chosen turn's whole text",
    ),
    Binding("w", "save", "Save", id="generate.save", show=False, tooltip="Save the turns as Markdown"),
    Binding("p", "panel", "Settings", id="generate.panel", tooltip="To run, checkpoint and sampling; there, hide them"),
    Binding("o", "choose_run", "Run", id="generate.run", show=False, tooltip="Choose the run"),
    Binding(
        "m",
        "choose_checkpoint",
        "Checkpoint",
        id="generate.checkpoint",
        show=False,
        tooltip="Choose the checkpoint",
    ),
]
