"""Pieces of time as half-open (start, end) in milliseconds, and sums of them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

Span = tuple[int, int]


def merged(spans: Iterable[Span]) -> list[Span]:
    """The same time as ordered spans that do not touch; empty and backward ones are nothing."""
    found: list[Span] = []
    for since, until in sorted(span for span in spans if span[0] < span[1]):
        if found and since <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], until))
        else:
            found.append((since, until))
    return found


def clipped(spans: Sequence[Span], since_ms: int, until_ms: int) -> list[Span]:
    """What of them, as `merged` gives them, lies in the window."""
    first = bisect_right(spans, since_ms, key=lambda span: span[1])
    last = bisect_left(spans, until_ms, key=lambda span: span[0])
    inside = list(spans[first:last])
    if inside:
        inside[0] = (max(inside[0][0], since_ms), inside[0][1])
        inside[-1] = (inside[-1][0], min(inside[-1][1], until_ms))
    return [span for span in inside if span[0] < span[1]]


def without(spans: Sequence[Span], holes: Sequence[Span]) -> list[Span]:
    """What is in `spans` and in none of `holes`. Both as `merged` gives them."""
    left: list[Span] = []
    at = 0
    for since, until in spans:
        while at < len(holes) and holes[at][1] <= since:
            at += 1
        near = at
        while near < len(holes) and holes[near][0] < until:
            if since < holes[near][0]:
                left.append((since, holes[near][0]))
            since = max(since, holes[near][1])
            near += 1
        if since < until:
            left.append((since, until))
    return left


def common(spans: Sequence[Span], others: Sequence[Span]) -> list[Span]:
    """What is in both. Both as `merged` gives them."""
    return [part for since, until in others for part in clipped(spans, since, until)]


def length_ms(spans: Iterable[Span]) -> int:
    """Their sum."""
    return sum(until - since for since, until in spans)
