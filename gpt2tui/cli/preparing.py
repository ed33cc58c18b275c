"""Reading and tokenising a text for a command, with progress on stderr."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from gpt2tui.runs.paths import Paths

if TYPE_CHECKING:
    from gpt2tui.corpus.tokens import Corpus


def prepared_corpus(
    texts: list[str], *, encoding: str | None = None, split_on_eot: bool = False, quiet: bool = False
) -> Corpus:
    """The corpus that TEXT arguments make; a bar on stderr shows large ones as they go.

    Raises:
        CorpusError: a text cannot be used. UsageError: an encoding or address makes no sense.
    """
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    from gpt2tui.cli.output import stderr_console
    from gpt2tui.corpus.tokens import prepare

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    console = stderr_console()
    # Where it cannot draw, the bar would still end with an empty line.
    with Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as progress:
        tasks: dict[str, int] = {}

        def show(what: str, done: int, total: int | None) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=total)
            progress.update(tasks[what], completed=done, total=total)  # type: ignore[arg-type]

        return prepare(
            texts,
            paths=Paths.from_environment(),
            encoding=encoding,
            split_on_eot=split_on_eot,
            progress=lambda done, total: show("reading the text", done, total),
            download_progress=lambda done, total: show("fetching", done, total),
            stdin=sys.stdin.buffer,
        )
