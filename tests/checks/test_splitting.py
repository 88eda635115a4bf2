import time

import pytest

from tunesmith.checks.splitting import MAX_CHARACTERS, sentences, tokens, words


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("don't", ["don", "t"]),
        ("a well-known_fact, 3.5 %", ["a", "well", "known_fact", "3", "5"]),
        ("Größe 北京 naïve", ["Größe", "北京", "naïve"]),
        ("... !", []),
    ],
)
def test_words_are_runs_of_letters_digits_and_underscores(text, cut):
    assert words(text) == cut


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("It rains. It pours.", ["It rains.", "It pours."]),
        ("Dr. Hale paid $3.50 to St. Anne's. He left.", ["Dr. Hale paid $3.50 to St. Anne's.", "He left."]),
        ("We leave at 7 a.m. tomorrow.", ["We leave at 7 a.m. tomorrow."]),
        ("Really?! Yes!", ["Really?!", "Yes!"]),
        ("A title\nand a line\n\nand no stop", ["A title\nand a line\n\nand no stop"]),
        ("No space.Next one.", ["No space.Next one."]),
        ('He said "stop." Then he left.', ['He said "stop."', "Then he left."]),
        ("", []),
    ],
)
def test_sentences_end_where_punkt_ends_them(text, cut):
    assert sentences(text) == cut


def test_tokens_are_those_of_penn_treebank_sentence_by_sentence():
    cut = ["I", "do", "n't", ".", "A", "WELL-KNOWN", "'", "x", "'", "(", "U.S.", ")", "wins", "."]
    assert tokens("I don't. A WELL-KNOWN 'x' (U.S.) wins.") == cut


def test_of_a_huge_text_the_beginning_is_cut():
    start = time.process_time()
    assert len(sentences("It rains. " * 1_000_000)) == MAX_CHARACTERS // len("It rains. ")
    assert time.process_time() - start < 10
