"""Personal data and secrets in a text: where they are (`find_spans`), and apart from that what to put in their place."""

from tunesmith.privacy.find import find_spans
from tunesmith.privacy.spans import TYPES, Span

__all__ = ["TYPES", "Span", "find_spans"]
