"""JSON that others wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gpt2tui.errors import Gpt2TuiError


def read_json(path: Path) -> Any:
    """What a file of JSON holds.

    Raises:
        Gpt2TuiError: it cannot be read, or is no JSON, or one within another too often.
    """
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise Gpt2TuiError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
