"""gpt2tui: train a GPT-2 on your own text, in your terminal, and talk to it."""

__version__ = "0.1.0"
