"""A table that a benchmark prints line by line, and keeps for ``--json FILE``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Table:
    """Rows of named values; ``columns`` gives the format of each, such as ``.2f``."""

    def __init__(self, columns: Mapping[str, str], *, title: str = "") -> None:
        self.title = title
        self.rows: list[dict[str, Any]] = []
        self._columns = columns
        if title:
            print(f"\n### {title}\n")
        print(_line(["", *columns]), _line(["---"] * (len(columns) + 1)), sep="\n", flush=True)

    def row(self, name: str, *values: Any) -> None:
        """Print one; a value of None stays empty."""
        self.rows.append({"name": name, **dict(zip(self._columns, values, strict=True))})
        told = zip(values, self._columns.values(), strict=True)
        print(_line([name, *("" if value is None else format(value, form) for value, form in told)]), flush=True)


def parser(documentation: str | None) -> argparse.ArgumentParser:
    """For a benchmark with that docstring; it knows ``--json``."""
    arguments = argparse.ArgumentParser(description=documentation, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--json", type=Path, metavar="FILE", help="keep the tables in a file, too")
    return arguments


def keep(path: Path | None, machine: str, *tables: Table) -> None:
    """Write the tables as JSON, where that was asked for."""
    if path:
        kept = {"machine": machine, "tables": [{"title": table.title, "rows": table.rows} for table in tables]}
        path.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
