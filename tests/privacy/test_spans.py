"""Which of two spans that overlap stays."""

from __future__ import annotations

import itertools

import pytest

from tunesmith.privacy.spans import Span, resolve_overlaps


def span(start: int, end: int, type: str = "PERSON", score: float = 0.6) -> Span:
    return Span(start, end, type, score, "test")


@pytest.mark.parametrize(
    "kept, lost",
    [
        (span(0, 16, "CREDIT_CARD", 0.9), span(0, 20, "PHONE_NUMBER", 0.8)),  # a check digit beats a longer guess
        (span(0, 30, "STREET_ADDRESS", 0.8), span(20, 30, "LOCATION", 0.8)),  # the container beats its content
        (span(0, 10), span(5, 9)),  # the longer beats the shorter
        (span(0, 5, score=0.7), span(0, 5, "LOCATION", 0.6)),  # the surer beats the less sure
        (span(0, 40, "URL_CREDENTIALS", 0.95), span(8, 30, "EMAIL_ADDRESS", 0.95)),
    ],
)
def test_the_stronger_of_two_stays(kept, lost):
    assert resolve_overlaps([kept, lost]) == resolve_overlaps([lost, kept]) == [kept]


def test_spans_that_only_touch_both_stay_in_order():
    assert resolve_overlaps([span(5, 9), span(0, 5)]) == [span(0, 5), span(5, 9)]


def test_what_a_stronger_span_pushes_out_does_not_push_out_others():
    spans = [span(0, 6), span(5, 15), span(14, 40)]
    for order in itertools.permutations(spans):
        assert resolve_overlaps(order) == [span(0, 6), span(14, 40)]
