"""What the patterns find in a text, for tables of hits and near-misses."""

from __future__ import annotations

from tunesmith.privacy.recognizers import find_patterns
from tunesmith.privacy.spans import resolve_overlaps

MIN_SCORE = 0.5


def found(text: str, *types: str) -> list[str]:
    """The pieces of the text that are of one of the types, as `find_spans` would give them without names."""
    spans = resolve_overlaps(span for span in find_patterns(text) if span.score >= MIN_SCORE)
    return [text[span.start : span.end] for span in spans if span.type in types]
