"""How tokens are drawn: settings only, no torch."""

from __future__ import annotations

import msgspec


class SamplingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the next token is drawn from the model's distribution.

    Applied in this order: repetition penalty (Keskar et al. 2019, CTRL, section 4.1), temperature (0 is
    greedy), top-k (0 is off), top-p (Holtzman et al. 2020; 1 is off), min-p (Nguyen et al. 2024; 0 is off).
    """

    max_new_tokens: int = 120
    temperature: float = 1.0
    top_k: int = 50
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    stop: tuple[str, ...] = ()
    seed: int | None = None

    def problems(self) -> list[str]:
        """What is wrong, a line a field; empty when nothing is."""
        checks = [
            (self.max_new_tokens >= 1, f"max-new-tokens must be at least 1, not {self.max_new_tokens}"),
            (self.temperature >= 0, f"temperature must not be negative: {self.temperature}"),
            (self.top_k >= 0, f"top-k must not be negative: {self.top_k}"),
            (0 < self.top_p <= 1, f"top-p must lie in (0, 1], not {self.top_p}"),
            (0 <= self.min_p <= 1, f"min-p must lie in [0, 1], not {self.min_p}"),
            (self.repetition_penalty > 0, f"repetition-penalty must be above 0: {self.repetition_penalty}"),
            (all(self.stop), "stop must not be empty"),
        ]
        return [message for is_right, message in checks if not is_right]


def typed_stop(text: str) -> str:
    """A stop text as people type it: backslash and n, which a shell leaves alone, is a line break, with t a tab."""
    return text.replace("\\n", "\n").replace("\\t", "\t")
