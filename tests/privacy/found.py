"""Spans for tests, without recognizers: the values are given, and found where they stand as whole words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from tunesmith.privacy.spans import Span


def finder(values: Mapping[str, str], score: float = 0.8) -> Callable[..., list[Span]]:
    """A `find_spans` that knows these values and their types."""

    def find(text: str, *, types=None, min_score: float = 0.5, setting=(), ner=None) -> list[Span]:
        spans = [
            Span(match.start(), match.end(), type_, score, "given")
            for value, type_ in values.items()
            for match in re.finditer(rf"(?<!\w){re.escape(value)}(?!\w)", text)
            if types is None or type_ in types
        ]
        return sorted(spans, key=lambda span: span.start)

    return find


def spans_of(text: str, *values: tuple[str, str]) -> list[Span]:
    """The given (value, type), in the order they stand in the text."""
    spans, end = [], 0
    for value, type_ in values:
        start = text.index(value, end)
        end = start + len(value)
        spans.append(Span(start, end, type_, 0.9, "given"))
    return spans
