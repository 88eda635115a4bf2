"""Scores of one answer equal the reference implementations, and do something sensible where those cannot."""

from __future__ import annotations

import pytest
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics import BLEU, CHRF

from tests.evaluation.pairs import (
    FILES,
    WRITTEN,
    lines_of,
    make_predictions,
    read_references,
    squad_exact,
    squad_f1,
    written_pairs,
)
from tunesmith.evaluation.texts import (
    Writing,
    answer_tokens,
    exact_match,
    normalize_answer,
    rouge,
    score_texts,
    token_f1,
    verbatim_match,
    words,
)


@pytest.mark.parametrize("name", FILES)
def test_exact_match_and_f1_equal_the_squad_script(shared, name):
    references = read_references(shared, name)
    for answer, texts in zip(make_predictions(references), references):
        assert exact_match(answer, texts) == max(squad_exact(text, answer) for text in texts)
        assert token_f1(answer, texts) == pytest.approx(max(squad_f1(text, answer) for text in texts), abs=1e-9)


def assert_equal_rouge(answers, references):
    scorer = RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=False)
    for answer, texts in zip(answers, references, strict=True):
        expected = {key: score.fmeasure for key, score in scorer.score_multi(texts, answer).items()}
        assert rouge(answer, texts) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("name", FILES)
def test_rouge_equals_rouge_score_without_stemming(shared, name):
    references = read_references(shared, name)
    assert_equal_rouge(make_predictions(references), references)


@pytest.mark.parametrize("name", WRITTEN)
def test_rouge_equals_rouge_score_on_what_people_wrote(shared, name):
    assert_equal_rouge(*written_pairs(shared, name))


@pytest.mark.parametrize("name", FILES)
def test_stored_bleu_and_chrf_equal_sacrebleus_sentence_scores(shared, name):
    references = read_references(shared, name, limit=60)
    predictions = make_predictions(references)
    for line, answer, texts in zip(lines_of(predictions, references), predictions, references):
        scores = line["scores"]
        assert scores["bleu"] == pytest.approx(BLEU(effective_order=True).sentence_score(answer, texts).score, abs=1e-9)
        assert scores["chrf"] == pytest.approx(CHRF().sentence_score(answer, texts).score, abs=1e-9)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The  Cat.", "cat"),
        ("a cat and an apple", "cat and apple"),
        ("theatre", "theatre"),
        ("U.S.A.", "usa"),
        ("Don't", "dont"),
        ("(A)", "a"),
        ("A", "a"),
        ("the", "the"),
        ("] }", "] }"),
        ("...", "..."),
        (" \n", ""),
        ("", ""),
    ],
)
def test_an_answer_is_normalized_as_in_squad_but_never_to_nothing(text, expected):
    assert normalize_answer(text) == expected


@pytest.mark.parametrize(
    ("prediction", "reference", "expected"),
    [
        ("(A)", "A", 1.0),
        ("", "A", 0.0),  # the SQuAD script removes the article and says 1
        ("B", "A", 0.0),
        ("]", "] )", 0.0),
        ("", "", 1.0),
        ("something", "", 0.0),
    ],
)
def test_a_choice_is_not_the_empty_answer(prediction, reference, expected):
    assert exact_match(prediction, [reference]) == expected


@pytest.mark.parametrize(
    ("prediction", "reference", "expected"),
    [
        ("OSLO", "OSLO", 1.0),
        ("Oslo", "OSLO", 0.0),
        ("OSLO.", "OSLO", 0.0),
        (" OSLO\n", "OSLO", 1.0),
        ("- a\r\n- b", "- a\n- b", 1.0),
        ("- a  \n- b", "- a\n- b", 1.0),
        ("- a\n\n- b", "- a\n- b", 0.0),
        ("- a\n  - b", "- a\n- b", 0.0),
        ('{"a": 1}', '{"a": 1}', 1.0),
        ('{"a":1}', '{"a": 1}', 0.0),
        ("the cat", "a cat", 0.0),
        ("", "", 1.0),
    ],
)
def test_a_verbatim_match_sees_case_punctuation_and_inner_space(prediction, reference, expected):
    assert verbatim_match(prediction, [reference]) == expected
    assert verbatim_match(prediction, ["something else", reference]) == expected


def test_the_best_reference_counts():
    [scores] = score_texts(["December 1972"], [["14 December 1972 UTC", "December 1972"]])
    assert scores["exact_match"] == scores["f1"] == scores["rougeL"] == 1.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("北京，市。", ["北", "京", "市"]),
        ("abc北京 def", ["abc", "北", "京", "def"]),
        ("東京タワー", ["東", "京", "タ", "ワ", "ー"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("don't x_y", ["don", "t", "x", "y"]),
        ("한국어 단어", ["한국어", "단어"]),
    ],
)
def test_words_are_characters_only_where_there_are_no_spaces(text, expected):
    assert words(text) == expected


@pytest.mark.parametrize(
    ("text", "unspaced", "ascii", "tokenizer"),
    [
        ("The cat", False, True, "13a"),
        ("Ein Mann fährt übers Meer", False, True, "13a"),
        ("黑豹队的防守只丢了 308 分", True, False, "zh"),
        ("東京タワーです", True, False, "char"),
        ("ภาษาไทย", True, False, "char"),
        ("الفهود السوداء", False, False, "13a"),
        ("use the word 北京", False, True, "13a"),
        ("42", False, True, "13a"),
        ("", False, True, "13a"),
    ],
)
def test_how_a_text_is_written_decides_how_it_is_cut(text, unspaced, ascii, tokenizer):
    assert Writing.of([text]) == Writing(unspaced, ascii, tokenizer)


def test_chinese_is_scored_by_characters():
    [scores] = score_texts(["北京是首都"], [["北京。"]], "zh")
    precision, recall = 2 / 5, 2 / 2
    assert scores["f1"] == scores["rouge1"] == pytest.approx(2 * precision * recall / (precision + recall))
    assert score_texts(["北京"], [["北京。"]], "zh")[0]["exact_match"] == 1.0
    assert answer_tokens("北京。", Writing.of(["北京。"])) == ["北", "京"]


def test_arabic_is_not_scored_zero_for_its_letters():
    assert score_texts(["الفهود السوداء"], [["الفهود السوداء"]])[0]["rougeL"] == 1.0
    assert RougeScorer(["rougeL"]).score("الفهود السوداء", "الفهود السوداء")["rougeL"].fmeasure == 0.0  # why
