"""gpt2tui: train a GPT-2 on your own text, in your terminal, and talk to it."""

import sys

__version__ = "0.1.0"

if sys.platform == "win32":
    raise SystemExit("gpt2tui needs Linux or macOS; on Windows it runs in WSL")
