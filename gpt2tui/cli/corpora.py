"""``gpt2tui corpora``: the texts that have a name, and what a text of yours holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gpt2tui.cli.command import Group
from gpt2tui.cli.run_argument import AsJson
from gpt2tui.errors import CorpusError, UsageError
from gpt2tui.runs.paths import Paths

if TYPE_CHECKING:
    from gpt2tui.corpus.named import NamedCorpus

_SHOWN_LINES = 8
_SHOWN_TOKENS = 400

corpora_app = typer.Typer(cls=Group, help="The corpora that have a name: list, show, fetch.")


@corpora_app.callback(invoke_without_command=True)
def corpora(context: typer.Context, as_json: AsJson = False) -> None:
    """The corpora that have a name; with no subcommand, list them."""
    if context.invoked_subcommand is None:
        list_corpora(as_json=as_json)
    elif as_json:
        raise UsageError(f"--json belongs behind the command: gpt2tui corpora {context.invoked_subcommand} --json")


@corpora_app.command("list")
def list_corpora(as_json: AsJson = False) -> None:
    """List the corpora that have a name."""
    from gpt2tui.cli.output import print_json, print_table
    from gpt2tui.corpus.named import named_corpora

    entries = [_facts(entry) for entry in named_corpora(Paths.from_environment())]
    if as_json:
        print_json({"corpora": entries})
        return
    rows = [
        (
            entry["name"],
            f"{entry['title']}: {entry['description']}",
            entry["licence"],
            f"{entry['bytes']:,}",
            f"{entry['tokens']:,}",
            "here" if entry["present"] else f"gpt2tui corpora fetch {entry['name']}",
        )
        for entry in entries
    ]
    print_table(
        ("name", "what", "licence", "bytes", "tokens", "where"),
        rows,
        right=("bytes", "tokens"),
        first_to_go=("what", "licence"),
    )


@corpora_app.command("show")
def show(
    text: Annotated[str, typer.Argument(metavar="NAME|TEXT", help="A name, or a file, folder, glob, - or address.")],
    encoding: Annotated[str | None, typer.Option(help="Encoding of the text.", show_default=False)] = None,
    split_on_eot: Annotated[bool, typer.Option(help="Let <|endoftext|> in the text be the token.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what a text holds: its size, tokens, hash and first lines. Fetches no named corpus."""
    from pathlib import Path

    from gpt2tui.cli.output import print_json, print_table
    from gpt2tui.corpus.named import find_named
    from gpt2tui.text import one_line, visible

    entry = None if Path(text).expanduser().exists() else find_named(text, Paths.from_environment())
    facts: dict[str, Any] = _facts(entry) if entry else {"name": text}
    if not entry or entry.is_present():
        facts |= _contents(text, encoding, split_on_eot)
    if as_json:
        print_json(facts)
        return
    first = facts.pop("first_lines", [])
    print_table(("what", text), [(key.replace("_", " "), one_line(_words(value))) for key, value in facts.items()])
    if first:
        typer.echo()
        typer.echo("\n".join(visible(line) for line in first))
    elif entry:
        typer.echo(f"it is not here yet; get it with: gpt2tui corpora fetch {entry.name}", err=True)


@corpora_app.command("fetch")
def fetch(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name that gpt2tui corpora list shows.")],
    as_json: AsJson = False,
) -> None:
    """Fetch a corpus that has a name, and check its hash."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

    from gpt2tui.cli.output import print_json, stderr_console
    from gpt2tui.corpus.named import find_named, known_names

    paths = Paths.from_environment()
    entry = find_named(name, paths)
    if entry is None:
        raise CorpusError(f"no corpus is called {name!r}; the names are: {known_names(paths)}")
    was_present = entry.is_present()
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=stderr_console(), transient=True) as progress:
        task = progress.add_task(f"fetching {name}", total=entry.bytes, visible=not was_present)
        entry.fetch(lambda done, total: progress.update(task, completed=done, total=total))
    if as_json:
        print_json(_facts(entry) | {"fetched": not was_present})
        return
    typer.echo(f"{name} {'was here already' if was_present else 'is here now'}, and is what it should be", err=True)
    typer.echo(entry.path)


def _facts(entry: NamedCorpus) -> dict[str, Any]:
    """What is known of a named corpus; for the bundled one it is counted, in some 0.1 s."""
    size, digest, tokens = entry.bytes, entry.sha256, entry.tokens
    if entry.address is None:
        from gpt2tui.corpus.bpe import Tokenizer
        from gpt2tui.corpus.reading import decoded, file_digest

        digest, size = file_digest(entry.path, entry.name)
        text = "".join(chunk.text for chunk in decoded(entry.path, label=entry.name))
        tokens = len(Tokenizer().encode(text))
    return {
        "name": entry.name,
        "title": entry.title,
        "description": entry.description,
        "licence": entry.licence,
        "bytes": size,
        "tokens": tokens,
        "sha256": digest,
        "path": str(entry.path),
        "address": entry.address,
        "present": entry.is_present(),
    }


def _contents(text: str, encoding: str | None, split_on_eot: bool) -> dict[str, Any]:
    from gpt2tui.cli.output import narrate
    from gpt2tui.cli.preparing import prepared_corpus
    from gpt2tui.corpus.bpe import Tokenizer

    corpus = prepared_corpus([text], encoding=encoding, split_on_eot=split_on_eot)
    for notice in corpus.notices:
        narrate(notice)
    start = Tokenizer().decode_bytes(corpus.tokens[:_SHOWN_TOKENS].tolist()).decode("utf-8", "ignore")
    facts: dict[str, Any] = {
        "name": corpus.name,
        "bytes": corpus.bytes,
        "tokens": len(corpus.tokens),
        "documents": corpus.documents,
        "sha256": corpus.sha256,
        "tokens_file": str(corpus.path),
        "first_lines": start.splitlines()[:_SHOWN_LINES],
    }
    return facts if corpus.licence else {"sources": corpus.sources, **facts}


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(value[:3]) + (f", and {len(value) - 3:,} more" if len(value) > 3 else "")
    return f"{value:,}" if isinstance(value, int) else "-" if value is None else str(value)
