"""Put something in the place of what was found: typed placeholders, which say what stood there and nothing of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from tunesmith.privacy.people import People, identity
from tunesmith.privacy.spans import Span

Replace = Callable[[str, Span], str]


def redact(text: str, spans: Iterable[Span], replace: Replace) -> str:
    """The text with ``replace(value, span)`` in the place of each span; all else stays to the letter.

    The spans must be in order and must not overlap, as `find_spans` gives them.
    """
    parts, end = [], 0
    for span in spans:
        assert span.start >= end, "spans in order, without overlaps"
        parts += [text[end : span.start], replace(text[span.start : span.end], span)]
        end = span.end
    return "".join([*parts, text[end:]])


def placeholder(type: str, number: int | None = None) -> str:
    """``<PERSON>``, or ``<PERSON_2>`` where a record names several."""
    return f"<{type}>" if number is None else f"<{type}_{number}>"


class Placeholders:
    """Placeholders for one record, the same for the same value in all of its fields.

    A type of which the record holds one value is ``<PERSON>``: most records are so, and the model sees one form. Where
    there are several they are numbered in order of appearance, ``<PERSON_1>`` and ``<PERSON_2>``, so that an answer
    still says who did what. "Anna Weber", "Weber" and "Anna" are one person.
    """

    def __init__(self, texts: Sequence[str], spans: Sequence[Sequence[Span]]):
        found = [(span.type, text[span.start : span.end]) for text, some in zip(texts, spans) for span in some]
        self._people = People(value for type_, value in found if type_ == "PERSON")
        self._numbers: dict[str, dict[str | int, int]] = {}
        for type_, value in found:
            known = self._numbers.setdefault(type_, {})
            known.setdefault(self._who(type_, value), len(known) + 1)

    def __call__(self, value: str, span: Span) -> str:
        known = self._numbers[span.type]
        return placeholder(span.type, known[self._who(span.type, value)] if len(known) > 1 else None)

    def _who(self, type_: str, value: str) -> str | int:
        return self._people.who(value) if type_ == "PERSON" else identity(type_, value)
