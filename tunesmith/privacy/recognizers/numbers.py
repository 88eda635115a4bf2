"""Numbers that are personal: one scan finds runs of digits, a table says which spelling of one is which number.

A spelling is the lengths of the groups of digits with what stands between them: ``3-2-4`` is 123-45-6789, ``4~4~4`` has
the same one of space, dash and dot between its groups. A number may begin and end only where a space (or no digit)
is next to it, so nothing is cut out of a longer code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from tunesmith.privacy.recognizers.page import WORD, Page, latin, words
from tunesmith.privacy.spans import SURE, Span

MAX_DIGITS = 19
MAX_GROUPS = 8
"""No usual spelling has more."""
SEPARATORS = (" ", "-", ".")
CONTEXT_BEFORE, CONTEXT_AFTER = 60, 40
WITH_CONTEXT = 0.95
GATE = r"[0-9](?:[ .\-/()]{0,3}[0-9]){5}"
"""Six digits with no more between them than telephone numbers have."""
NUMBER = latin(r"[0-9](?:[ .\-/]{0,3}[0-9]){6,}")
_GROUP = latin(r"([0-9]+)([^0-9]*)")
_JOINED = latin(rf"[{WORD}_$£]\z|[0-9][,.]\z|[0-9][-:]\z")
_JOINED_AFTER = latin(rf"\A(?:[{WORD}_%]|[,:][0-9])")
# "order no. 4111…" is an order, whatever its digits add up to.
_LABEL = words(
    r"(?:isbn|issn|doi|order|invoice|serial|part|model|sku|version|upc|ean|gtin|tracking|routing|patent|imei|asin|oclc|lccn|"
    r"product|item|catalog(?:ue)?|ticket|batch|lot|build|article|case|commit|hash|checksum|population|timestamp)"
    r"(?:[ -]?1[03])?[\s:#=('\"-]*(?:numbers?|nos?\b\.?|nr\.?|num\.?|id|codes?|#)?[\s:#=('\".-]*(?:is|was|of|are)?[\s:#=('\"-]*$"
)


@dataclass(frozen=True)
class NumberRecognizer:
    """A number told by how it is spelled, its check digits and the words around it.

    Attributes:
        name, type: see `Span`.
        check: whether its digits are right, told as ASCII digits.
        context: words that say what it is, an RE2 pattern for lower-case text.
        strong: spellings that hardly anything else has; they need no context.
        weak: spellings that do need it.
        score: of a strong spelling without context.
    """

    name: str
    type: str
    check: Callable[[str], bool]
    context: str
    strong: str = ""
    weak: str = ""
    score: float = 0.85
    score_with_context: float = WITH_CONTEXT

    @cached_property
    def context_words(self) -> Any:
        return words(self.context)

    def is_announced(self, before: str, after: str) -> bool:
        """Whether one of its words stands around a number."""
        return bool(self.context_words.search(before) or self.context_words.search(after))


class Window(NamedTuple):
    """A piece of a number: where, its digits, its spelling, and with one sign for the same separator everywhere."""

    start: int
    end: int
    digits: str
    spelling: str
    even_spelling: str | None
    is_whole: bool


def windows(page: Page) -> Iterator[Window]:
    """The pieces of at least 7 and at most 19 digits of every number on the page: few for each of its groups."""
    for match in NUMBER.finditer(page.data):
        start, end = match.span()
        if _JOINED.search(page.data[max(0, start - 2) : start]):
            start = _next_word(page.data, start, end)
        if _JOINED_AFTER.search(page.data[end : end + 2]):
            end = _previous_word(page.data, start, end)
        if end - start >= 7:
            yield from _pieces(page, start, end)


def _next_word(data: bytes, start: int, end: int) -> int:
    space = data.find(b" ", start, end)
    return end if space < 0 else space + 1


def _previous_word(data: bytes, start: int, end: int) -> int:
    space = data.rfind(b" ", start, end)
    return start if space < 0 else space


def _pieces(page: Page, start: int, end: int) -> Iterator[Window]:
    groups = [match.span(1) for match in _GROUP.finditer(page.data[start:end])]
    said = page.said(start, end)
    between = [said[one[1] : two[0]] for one, two in zip(groups, groups[1:])]
    may_break = [True, *(" " in separator for separator in between), True]
    for first in range(len(groups)):
        if may_break[first]:
            yield from _from_group(start, said, groups, between, may_break, first)


def _from_group(at: int, said: str, groups, between, may_break, first: int) -> Iterator[Window]:
    digits, spelling, even = "", "", ""
    sign = None
    is_short = first == 0 and len(groups) <= MAX_DIGITS  # a digit apart, all of it: 4 1 1 1 …
    for last in range(first, len(groups) if is_short else min(first + MAX_GROUPS, len(groups))):
        begin, end = groups[last]
        if len(digits) + end - begin > MAX_DIGITS:
            return
        if last > first:
            separator = between[last - 1].strip() or " "
            sign = sign or separator
            even = even + "~" if even and separator == sign and sign in SEPARATORS else ""
            spelling += separator
        digits += said[begin:end]
        spelling += str(end - begin)
        even = even + str(end - begin) if even or last == first else ""
        if len(digits) >= 7 and may_break[last + 1]:
            is_whole = first == 0 and last == len(groups) - 1
            yield Window(at + groups[first][0], at + end, digits, spelling, even or None, is_whole)


class NumberTable:
    """Recognizers by spelling."""

    def __init__(self, recognizers: tuple[NumberRecognizer, ...]):
        self._by_spelling: dict[str, list[tuple[NumberRecognizer, bool]]] = {}
        for recognizer in recognizers:
            for spellings, is_strong in ((recognizer.strong, True), (recognizer.weak, False)):
                for spelling in spellings.split():
                    self._by_spelling.setdefault(spelling.replace("_", " "), []).append((recognizer, is_strong))

    def find(self, page: Page, window: Window) -> Iterator[Span]:
        """What the piece of a number is, if anything, by every recognizer that knows its spelling."""
        rows = self._by_spelling.get(window.spelling, ())
        if window.even_spelling is not None and window.even_spelling != window.spelling:
            rows = [*rows, *self._by_spelling.get(window.even_spelling, ())]
        around: tuple[str, str] | None = None
        for recognizer, is_known in rows:
            # A likely spelling is a guess where it is but a piece of a longer number.
            is_strong = is_known and (window.is_whole or recognizer.score >= SURE)
            if not is_strong:  # words are cheaper to look for than most check digits are to work out
                around = around or page.around(window.start, window.end, before=CONTEXT_BEFORE, after=CONTEXT_AFTER)
                if not recognizer.is_announced(*around):
                    continue
            if recognizer.check(window.digits):
                yield from judge(page, window, recognizer, recognizer.score if is_strong else 0.0)


def judge(page: Page, window: Window, recognizer: NumberRecognizer, score: float) -> Iterator[Span]:
    """The number as a span, surer with the right words around it; nothing where a label says that it is another."""
    before, after = page.around(window.start, window.end, before=CONTEXT_BEFORE, after=CONTEXT_AFTER)
    if recognizer.is_announced(before, after):
        score = recognizer.score_with_context
    if score > 0 and not is_labelled_otherwise(before):
        yield Span(*page.place(window.start, window.end), recognizer.type, score, recognizer.name)


def is_labelled_otherwise(before: str) -> bool:
    """Whether the text that ends here introduces an order, an ISBN, a version or the like."""
    return _LABEL.search(before[-40:]) is not None
