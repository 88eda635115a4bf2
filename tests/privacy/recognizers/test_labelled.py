"""Recall and precision of what has check digits, on text made up for it."""

from __future__ import annotations

from collections import Counter

from tests.privacy.recognizers.labelled import labelled_texts
from tunesmith.privacy.recognizers import find_patterns
from tunesmith.privacy.spans import resolve_overlaps

CHECKSUMMED = ("CREDIT_CARD", "IBAN_CODE", "US_SSN", "NATIONAL_ID")


def test_checksummed_types_are_found_and_little_else():
    right, missed, wrong = Counter(), Counter(), Counter()
    for text, labels in labelled_texts(600, seed=3):
        spans = resolve_overlaps(span for span in find_patterns(text) if span.score >= 0.5)
        given = {(span.start, span.end, span.type) for span in spans if span.type in CHECKSUMMED}
        right.update(type for *_, type in given & set(labels))
        missed.update(type for *_, type in set(labels) - given)
        wrong.update(type for *_, type in given - set(labels))
    for kind in CHECKSUMMED:
        assert right[kind] / (right[kind] + missed[kind]) >= 0.995
        assert right[kind] / (right[kind] + wrong[kind]) >= 0.99
