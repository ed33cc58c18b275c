"""Errors that a user can act on. Each message is one line: the thing, the cause, the way out."""

from __future__ import annotations


class Gpt2TuiError(Exception):
    """Something failed; ``exit_code`` is what the command line leaves with."""

    exit_code = 1


class UsageError(Gpt2TuiError):
    """Wrong usage or configuration."""

    exit_code = 2


class CorpusError(Gpt2TuiError):
    """The text cannot be used."""

    exit_code = 3


class DivergedError(Gpt2TuiError):
    """The loss is not finite, and rewinding did not help."""

    exit_code = 5


class OutOfMemoryError(Gpt2TuiError):
    """Not even one sequence at a time fits."""

    exit_code = 6
