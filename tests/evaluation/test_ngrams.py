"""Counts of n-grams equal sacrebleu's, sample by sample, in every kind of text."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest
from sacrebleu.metrics import BLEU, CHRF
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

from tests.evaluation.pairs import FILES, make_predictions, read_references, streams
from tunesmith.evaluation import ngrams
from tunesmith.evaluation.ngrams import bleu_rows, chrf_rows, clipped_matches, tokens_13a
from tunesmith.evaluation.texts import Writing


def assert_equal_counts(references):
    predictions = make_predictions(references)
    tokenizer = Writing.of([text for texts in references for text in texts]).bleu_tokenizer
    bleu = BLEU(tokenize=tokenizer, force=True, references=streams(references))
    expected = bleu._extract_corpus_statistics(predictions, None)
    assert (bleu_rows(predictions, references, tokenizer) == np.array(expected)).all()
    expected = CHRF(references=streams(references))._extract_corpus_statistics(predictions, None)
    assert (chrf_rows(predictions, references) == np.array(expected)).all()


@pytest.mark.parametrize("name", FILES)
def test_counts_equal_sacrebleus(shared, name):
    assert_equal_counts(read_references(shared, name, limit=120))


@pytest.mark.parametrize("language", ["zh", "ar", "en"])
def test_counts_equal_sacrebleus_on_whole_paragraphs_of_other_scripts(shared, language):
    with open(shared / f"data/tasks/xquad_{language}.jsonl", encoding="utf-8") as lines:
        assert_equal_counts([[json.loads(line)["context"]] for line, _ in zip(lines, range(60))])


def test_counts_equal_sacrebleus_on_noise():
    rng = random.Random(1)
    texts = ["".join(rng.choice("ab .,é漢字\u00a0") for _ in range(rng.randint(0, 12))) for _ in range(900)]
    assert_equal_counts([texts[k : k + 1 + k % 3] for k in range(0, 897, 3)])


def test_texts_with_too_many_characters_to_be_packed_are_counted_all_the_same(monkeypatch):
    everything = "".join(map(chr, range(0x4E00, 0x4E00 + 3000)))
    references = [[everything], [everything[::-1]], ["short"], [everything[:1500]]]
    assert_equal_counts(references)


def test_a_chunk_is_halved_until_its_ngrams_fit(monkeypatch):
    monkeypatch.setattr(ngrams, "BITS", 30)
    texts = [np.frombuffer(f"sample {k} of many letters".encode(), np.uint8).astype(np.int64) for k in range(40)]
    units = [(texts[k], texts[-k - 1]) for k in range(40)]
    small = clipped_matches(units, 6)
    monkeypatch.setattr(ngrams, "BITS", 63)
    assert (small == clipped_matches(units, 6)).all()


def test_no_samples_and_empty_texts_have_no_ngrams():
    assert clipped_matches([], 4).shape == (0, 4)
    assert (chrf_rows(["", " "], [[""], ["a"]])[:, 2::3] == 0).all()


def test_texts_counted_once_are_not_counted_again(monkeypatch):
    rows = bleu_rows(["a b c"], [["a b d"]], "13a")
    monkeypatch.setattr(ngrams, "_count_bleu", None)
    assert (bleu_rows(["a b c"], [["a b d"]], "13a") == rows).all()
    with pytest.raises(TypeError):
        bleu_rows(["a b c"], [["a b", "d"]], "13a")


def test_tokens_equal_sacrebleus_13a(shared):
    cut, rng = Tokenizer13a(), random.Random(0)
    letters = "ab1 .,-\n&;<>\"'()/\u00a0é_{}|~`^\\t\r#%$"
    texts = ["".join(rng.choice(letters) for _ in range(rng.randint(0, 20))) for _ in range(5000)]
    texts += ["&amp;lt; x-\ny <skipped>1-2 3,4 .5 5. a.b.c 1.2.3..4", "5-", "a,,b", "1,,2", "...", ""]
    texts += [text for name in FILES for texts in read_references(shared, name, limit=60) for text in texts]
    for text in texts:
        assert tokens_13a(text) == cut(text.rstrip()).split()
