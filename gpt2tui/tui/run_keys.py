"""The keys of the Runs screen."""

from __future__ import annotations

from textual.binding import Binding

RUN_KEYS: list[Binding] = [
    Binding("enter", "show", "Show", id="runs.show", tooltip="Show the run on Train"),
    Binding("g", "generate", "Generate", id="runs.generate", tooltip="Talk to the run's model"),
    Binding("slash", "filter", "Filter", id="runs.filter", key_display="/", tooltip="By name, corpus or state"),
    Binding("space", "mark", "Mark", id="runs.mark", tooltip="Mark the run, for compare, overlay and delete"),
    Binding("c", "compare", "Compare", show=False, id="runs.compare", tooltip="Configurations of the marked runs"),
    Binding("d", "delete", "Delete", id="runs.delete", tooltip="Delete the marked runs, or this one; asks first"),
    Binding("s", "sort", "Sort", show=False, id="runs.sort", tooltip="Sort by the next column"),
    Binding("S", "reverse", "Reverse", show=False, id="runs.reverse", tooltip="Sort the other way round"),
    Binding("p", "pin", "Pin", show=False, id="runs.pin", tooltip="Keep the run on top, or no longer"),
    Binding("n", "rename", "Rename", show=False, id="runs.rename", tooltip="Give the run another name"),
    Binding("e", "notes", "Notes", show=False, id="runs.notes", tooltip="Write something down about the run"),
    Binding("o", "overlay", "Overlay", show=False, id="runs.overlay", tooltip="Lay its loss over Train's chart"),
    Binding("R", "resume", "Resume", show=False, id="runs.resume", tooltip="Go on from the last checkpoint"),
    Binding("x", "stop", "Stop", show=False, id="runs.stop", tooltip="Let a run that trains save and stop"),
    Binding("w", "export", "Export", show=False, id="runs.export", tooltip="Write its model for other programs"),
    Binding("i", "details", "Details", show=False, id="runs.details", tooltip="Show or hide the details"),
    Binding("escape", "back", "Back", show=False, id="runs.back", tooltip="Leave the field, the filter, the marks"),
]
