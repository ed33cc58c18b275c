"""``python -m gpt2tui``."""

from gpt2tui.cli import app

app()
