"""Candidates for near-duplicates: what is alike meets, what is not seldom does, and long runs do not explode."""

from __future__ import annotations

import random

import numpy as np
import pytest

from tunesmith.curation.neighbors import Bands, components, jaccard, links, num_rows_per_band, runs
from tunesmith.curation.words import hash_words, shingles


def bands_of(texts: list[str], salts: list[int] | None = None, threshold: float = 0.8) -> Bands:
    words = hash_words(texts)
    bands = Bands(len(texts), threshold, 64)
    numbers = np.array(salts or [0] * len(texts), dtype=np.uint64)
    bands.enter(0, *shingles(words.hashes, words.offsets, 2), numbers)
    return bands


def texts_of(num_texts: int, seed: int = 1) -> list[list[str]]:
    draw = random.Random(seed)
    return [[f"w{draw.randrange(5000)}" for _ in range(40)] for _ in range(num_texts)]


def test_texts_that_share_most_of_their_word_pairs_meet_and_others_do_not():
    texts = texts_of(300)
    changed = [[*words[:20], "other", *words[21:]] for words in texts]
    found = {tuple(pair) for pair in bands_of([" ".join(words) for words in texts + changed]).pairs().tolist()}
    wanted = {(k, k + 300) for k in range(300)}
    assert len(wanted - found) <= 1 and len(found - wanted) <= 1


@pytest.mark.parametrize(("threshold", "num_perm"), [(0.8, 64), (0.6, 32), (0.95, 128), (0.2, 16)])
def test_bands_are_as_wide_as_still_finds_nearly_all(threshold, num_perm):
    def missed(rows: int) -> float:
        return (1 - threshold**rows) ** (num_perm // rows)

    rows = num_rows_per_band(threshold, num_perm)
    assert rows == 1 or missed(rows) <= 0.002 < missed(rows + 1)


def test_texts_of_different_salts_or_without_words_never_meet():
    assert bands_of(["a b c d", "a b c d"], [1, 2]).pairs().tolist() == []
    assert bands_of(["?!", "...", ""]).pairs().tolist() == []


def test_many_copies_give_few_pairs_that_join_them_all():
    pairs = bands_of(["a b c d e f"] * 2000).pairs()
    assert len(pairs) < 10 * 2000
    assert [len(members) for members in components(pairs.tolist())] == [2000]


def test_pairs_can_be_asked_to_agree_in_several_bands():
    bands = bands_of([" ".join(words) for words in texts_of(2)] * 2)
    assert bands.pairs(least_bands=len(bands.table)).tolist() == [[0, 2], [1, 3]]


@pytest.mark.parametrize(
    ("one", "other", "share"), [({1, 2}, {2, 3}, 1 / 3), ({1}, {1}, 1), ({1}, set(), 0), (set(), set(), 1)]
)
def test_jaccard_is_what_is_shared_of_all(one, other, share):
    assert jaccard(one, other) == pytest.approx(share)


def test_runs_and_links_join_equal_values():
    values = np.array([5, 1, 5, 2, 1, 5])
    order, starts, lengths = runs(values)
    assert [order[s : s + n].tolist() for s, n in zip(starts, lengths)] == [[1, 4], [0, 2, 5]]
    assert links(values).tolist() == [[1, 4], [0, 2], [2, 5]]
    assert list(components([])) == [] and list(components([[3, 1], [5, 3], [0, 2]])) == [[0, 2], [1, 3, 5]]


def test_pairs_that_are_not_linked_join_nothing_and_joined_ones_are_not_asked_about():
    asked = []

    def is_linked(one, other):
        asked.append((one, other))
        return (one, other) != (4, 5)

    pairs = [(0, 1), (1, 2), (0, 2), (4, 5)]
    assert list(components(pairs, is_linked)) == [[0, 1, 2]]
    assert asked == [(0, 1), (1, 2), (4, 5)]
