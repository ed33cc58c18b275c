"""``gpt2tui paths``: where everything is kept."""

from __future__ import annotations

import typer

from gpt2tui.cli.run_argument import AsJson


def paths(as_json: AsJson = False) -> None:
    """Print where everything is kept."""
    from gpt2tui.cli.output import print_json, print_table
    from gpt2tui.runs.paths import Paths

    places = Paths.from_environment()
    named = {
        "data": places.data,
        "runs": places.runs,
        "corpora": places.corpora,
        "config": places.config,
        "config_file": places.config_file,
        "cache": places.cache,
        "tokens": places.tokens,
    }
    if as_json:
        print_json({name: str(path) for name, path in named.items()})
        return
    notes = {"config_file": "" if places.config_file.is_file() else "(none)"}
    rows = [(name.replace("_", " "), f"{path} {notes.get(name, '')}".rstrip()) for name, path in named.items()]
    print_table(("what", "where"), rows)
    typer.echo("GPT2TUI_HOME=FOLDER keeps all of them in one folder", err=True)
