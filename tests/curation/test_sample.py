"""A sample by hash."""

from __future__ import annotations

import random

import pytest

from tunesmith.curation.sample import HashSample, hash_of


def sample_of(texts, size: int = 5) -> HashSample[str]:
    found = HashSample(size)
    for text in texts:
        if found.admits(hash_of(text)):
            found.put(hash_of(text), text)
    return found


@pytest.mark.parametrize("seed", range(4))
def test_any_order_gives_the_same_sample(seed):
    texts = [f"text {k % 60}" for k in range(100)]
    whole = sorted({*texts}, key=hash_of)[:5]
    random.Random(seed).shuffle(texts)
    found = sample_of(texts)
    assert list(found) == whole and not found.is_whole


def test_what_fits_is_whole_and_of_one_key_the_smaller_value_stays():
    found = sample_of(["one", "two"])
    found.put(hash_of("one"), "three")
    assert sorted(found) == ["one", "two"] and found.is_whole and len(found) == 2


def test_no_more_than_twice_the_size_is_held():
    assert len(sample_of(map(str, range(10_000)))._values) <= 10
