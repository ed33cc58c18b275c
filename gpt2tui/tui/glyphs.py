"""The signs our own widgets draw with: Unicode, or ASCII where a terminal or a person wants no more."""

from __future__ import annotations

import msgspec


class Glyphs(msgspec.Struct, frozen=True, kw_only=True):
    """One set of signs."""

    is_ascii: bool
    dot: str
    falling: str
    rising: str
    flat: str
    living: str
    resting: str
    good: str
    bad: str
    warning: str
    pinned: str
    marked: str
    overlaid: str
    cursor: str
    different: str
    ellipsis: str
    separator: str
    plus_minus: str


UNICODE = Glyphs(
    is_ascii=False,
    dot="·",
    falling="▼",
    rising="▲",
    flat="▬",
    living="●",
    resting="○",
    good="✓",
    bad="✗",
    warning="!",
    pinned="★",
    marked="◆",
    overlaid="≈",
    cursor="▌",
    different="≠",
    ellipsis="…",
    separator=" · ",
    plus_minus="±",
)
ASCII = Glyphs(
    is_ascii=True,
    dot="|",
    falling="v",
    rising="^",
    flat="=",
    living="*",
    resting="o",
    good="+",
    bad="x",
    warning="!",
    pinned="^",
    marked="#",
    overlaid="~",
    cursor=">",
    different="!",
    ellipsis="...",
    separator=" | ",
    plus_minus="+-",
)
