"""Words and shingles as numbers."""

from __future__ import annotations

import numpy as np
import pytest

from tunesmith.curation.words import WordFile, halves, hash_words, sequence_hashes, shingle_starts, shingles, variants


def words_of(text: str) -> list[int]:
    return hash_words([text]).hashes.tolist()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Hello, World!", "hello world"),
        ("don\u2019t", "dont"),
        ("Éte\u0301", "ete"),
        ("well-known\tfact", "wellknown   fact"),
        ("zero\u200bwidth", "zerowidth"),
        ("３.14", "314"),
    ],
)
def test_case_accents_and_punctuation_make_no_other_word(one, other):
    assert words_of(one) == words_of(other) != []


@pytest.mark.parametrize(
    ("one", "other"), [("a b", "ab"), ("dog cat", "cat dog"), ("कि", "की"), ("1", "2"), ("한", "하")]
)
def test_other_letters_spaces_or_order_make_other_words(one, other):
    assert words_of(one) != words_of(other)


def test_a_chinese_character_is_a_word_and_a_text_without_letters_has_none():
    found = hash_words(["是什么 abc", "?! …", ""])
    assert found.lengths.tolist() == [4, 0, 0]


def test_words_do_not_depend_on_what_stands_around_their_text():
    alone = hash_words(["one two", "3 four"])
    among = hash_words(["x" * 50, "one two", "", "3 four"])
    assert among.hashes[1:].tolist() == alone.hashes.tolist()
    assert alone.has_digit.tolist() == [False, False, True, False]


def test_shingles_are_of_one_text_and_a_short_text_is_one_shingle():
    found = hash_words(["a b c d", "a", "", "a b"])
    values, offsets = shingles(found.hashes, found.offsets, 3)
    assert offsets.tolist() == [0, 2, 3, 3, 4]
    assert shingle_starts(found.offsets, 3).tolist() == [0, 1, 4, 5]
    assert len(set(values.tolist())) == 4
    again = hash_words(["z b c d"])
    assert shingles(again.hashes, again.offsets, 3)[0][1] == values[1]


def test_a_sequence_has_one_number_wherever_it_stands():
    found = hash_words(["x y z", "b a", "x y z", "", "x y"])
    numbers = sequence_hashes(found.hashes, found.offsets).tolist()
    assert numbers[0] == numbers[2] and numbers[3] == 0 and len(set(numbers)) == 4


@pytest.mark.parametrize(
    ("one", "other", "is_near"),
    [
        ("a b c", "a b c", True),
        ("a b c", "a x c", True),
        ("a b c", "a c", True),
        ("b c d", "a b c d", True),
        ("a b c d e f", "a b c d e", True),
        ("a b c d e", "a b x c d e", True),
        ("a b c d e f g", "a b c x e f g", True),
        ("a b c", "a c b d", False),
        ("a b c", "x b y", False),
    ],
)
def test_variants_meet_where_one_word_differs(one, other, is_near):
    found = hash_words([one, other])
    numbers, places = variants(found.hashes, found.offsets, np.zeros(2, dtype=np.uint64))
    assert bool(set(numbers[places == 0].tolist()) & set(numbers[places == 1].tolist())) == is_near
    first, last = halves(found.hashes, found.offsets, np.zeros(2, dtype=np.uint64))
    if is_near:
        assert any(set(half[:, 0].tolist()) & set(half[:, 1].tolist()) for half in (first, last))
    salted, _ = variants(found.hashes, found.offsets, np.array([1, 2], dtype=np.uint64))
    assert not set(salted[places == 0].tolist()) & set(salted[places == 1].tolist())


def test_words_put_away_come_back_by_number_and_in_chunks():
    with WordFile() as file:
        for texts in (["a b", "c"], ["", "d e f"]):
            file.append(hash_words(texts))
        hashes, offsets = file.read(1, 4)
        assert hashes.tolist() == words_of("c d e f") and offsets.tolist() == [0, 1, 1, 4]
        assert [(first, len(hashes)) for first, hashes, _ in file.chunks(3)] == [(0, 3), (3, 3)]
