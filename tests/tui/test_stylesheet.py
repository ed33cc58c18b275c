"""Styles are parsed once, and again where a theme changes what they mean."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from textual.css import stylesheet

from tests.tui.apps import app_for, until


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[Any]]:
    """How often each source was parsed."""
    counts: Counter[Any] = Counter()
    parse = stylesheet.parse

    def counted(scope: str, css: str, read_from: Any, *, tie_breaker: int, **more: Any) -> Any:
        counts[scope, read_from, tie_breaker] += 1
        return parse(scope, css, read_from, tie_breaker=tie_breaker, **more)

    monkeypatch.setattr(stylesheet, "parse", counted)
    return counts


async def test_no_source_is_parsed_twice(parsed: Counter[Any]):
    app = app_for(theme="light")
    async with app.run_test(size=(140, 40)) as pilot:
        for key in ("f2", "f3", "f1", "f2", "f1"):
            await pilot.press(key)
            await pilot.pause()
    assert len(parsed) > 30
    assert {source for source, count in parsed.items() if count > 1} == set()


async def test_another_theme_is_seen_at_once(parsed: Counter[Any]):
    app = app_for(theme="light")
    async with app.run_test(size=(140, 40)) as pilot:
        await until(pilot, lambda: app.focused, "the form, with styles of its own")
        before = app.screen.styles.background
        parsed.clear()
        app.theme = "dark"
        await pilot.pause()
        assert app.screen.styles.background != before
        assert set(parsed.values()) == {1}, "each source once"
