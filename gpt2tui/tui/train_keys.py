"""The keys of the Train screen."""

from __future__ import annotations

from textual.binding import Binding

TRAIN_KEYS = [
    Binding("space", "pause", "Pause", id="train.pause", tooltip="Pause; the model stays loaded"),
    Binding("space", "go_on", "Go on", id="train.go_on", tooltip="Lift the pause"),
    Binding("s", "sample", "Sample", id="train.sample", tooltip="Draw text from the weights as they are now"),
    Binding("c", "checkpoint", "Checkpoint", id="train.checkpoint", tooltip="Save now"),
    Binding("x", "stop", "Stop", id="train.stop", tooltip="Save and end, or leave it running"),
    Binding("e", "change", "Set", id="train.change", tooltip="Change target, limits and learning rate"),
    Binding("R", "resume", "Go on", id="train.resume", tooltip="Go on from the last checkpoint"),
    Binding("R", "train_on", "Train it", id="train.train_on", tooltip="Open the form, to train this model on a text"),
    Binding("g", "go_past", "Past it", id="train.go_past", tooltip="Go on to a lower target"),
    Binding("R", "go_past", "Past it", id="train.resume_past", show=False, tooltip="Go on to a lower target"),
    Binding("n", "new", "New run", id="train.new", tooltip="Open the form"),
    Binding("n", "new_beside", "New run", id="train.beside", show=False, tooltip="Open the form; this one goes on"),
    Binding("escape", "back", "Back", id="train.back", tooltip="Close the form"),
    Binding("escape", "close_reading", "Close", id="train.close_reading", show=False, tooltip="Read no more values"),
    Binding("y", "chart('toggle_log')", "Log", id="train.log", show=False, tooltip="Logarithmic or linear losses"),
    Binding("u", "chart('cycle_x')", "X axis", id="train.x_axis", show=False, tooltip="Unit of the x axis"),
    Binding(
        "plus,equals_sign",
        "chart('zoom_in')",
        "Zoom in",
        id="train.zoom_in",
        show=False,
        tooltip="See half as much",
    ),
    Binding("minus", "chart('zoom_out')", "Zoom out", id="train.zoom_out", show=False, tooltip="See twice as much"),
    Binding("0", "chart('show_all')", "All", id="train.show_all", show=False, tooltip="The whole curve, following"),
    Binding("left", "chart('left')", "Left", id="train.left", show=False, tooltip="Move view or cursor"),
    Binding("right", "chart('right')", "Right", id="train.right", show=False, tooltip="Move view or cursor"),
    Binding("shift+left", "chart('half_left')", "Half left", id="train.half_left", show=False, tooltip="Half a view"),
    Binding(
        "shift+right", "chart('half_right')", "Half right", id="train.half_right", show=False, tooltip="Half a view"
    ),
    Binding("end", "chart('follow')", "End", id="train.follow", show=False, tooltip="To the end, and follow it"),
    Binding("v", "chart('toggle_cursor')", "Read", id="train.read", show=False, tooltip="Read values"),
    Binding("t", "other_text", "Text", id="train.text", show=False, tooltip="The last sample, or the events"),
    Binding("o", "overlay", "Overlay", id="train.overlay", show=False, tooltip="Take away the run laid over"),
]
