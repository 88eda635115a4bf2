"""What a pattern finds: shape first (RE2), then a check of what it found, then the words around it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tunesmith.privacy.recognizers.page import Page, latin, words
from tunesmith.privacy.spans import Span

CONTEXT_BEFORE, CONTEXT_AFTER = 60, 25


@dataclass(frozen=True)
class PatternRecognizer:
    """A shape, a check and the words around it.

    Attributes:
        name, type, score: see `Span`.
        pattern: RE2 over `Page.data`; its first group is the span.
        check: whether what was found (Latin-1, digits as ASCII) is right; None where the shape says enough.
        context: words that say what it is, an RE2 pattern for lower-case text; none are looked for where empty.
        score_with_context: with one of those words before or shortly after it.
        ignore_case: letters of either case.
    """

    name: str
    type: str
    pattern: str
    score: float
    check: Callable[[str], bool] | None = None
    context: str = ""
    score_with_context: float = 0.0
    ignore_case: bool = False

    @cached_property
    def _compiled(self) -> Any:
        return latin(self.pattern, ignore_case=self.ignore_case)

    @cached_property
    def _context(self) -> Any:
        return words(self.context)

    def find(self, page: Page) -> Iterator[Span]:
        """Every place where the shape stands and the check holds."""
        for start, end in matches(self._compiled, page.data):
            if self.check is None or self.check(page.said(start, end)):
                yield Span(*page.place(start, end), self.type, self._judge(page, start, end), self.name)

    def _judge(self, page: Page, start: int, end: int) -> float:
        if not self.context:
            return self.score
        before, after = page.around(start, end, before=CONTEXT_BEFORE, after=CONTEXT_AFTER)
        found = self._context.search(before) or self._context.search(after)
        return self.score_with_context if found else self.score


def matches(pattern: Any, data: bytes) -> Iterator[tuple[int, int]]:
    """Where the first group of a pattern stands. The next search begins at the end of the group, so that what comes
    between two may belong to both."""
    at = 0
    while (match := pattern.search(data, at)) is not None:
        start, end = match.span(1)
        yield start, end
        at = max(end, at + 1)


def find_all(recognizers: Sequence[PatternRecognizer]) -> Callable[[Page], list[Span]]:
    """What looks for each of the recognizers on a page."""

    def find(page: Page) -> list[Span]:
        return [span for recognizer in recognizers for span in recognizer.find(page)]

    return find
