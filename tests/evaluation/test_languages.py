"""The language of a request, told by its commonest words; none where two could claim it."""

from __future__ import annotations

import pytest

from tunesmith.evaluation.languages import LANGUAGES, language_of, num_words


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("What color is the sky?", "en"),
        ("Define a noun.", "en"),
        ("Translate in German.", "en"),
        ("Schreibe die Wörter in der richtigen Reihenfolge.", "de"),
        ("Wie heißt du?", "de"),
        ("¿Cuál es la capital de Francia?", "es"),
        ("Écris une phrase avec le mot suivant.", "fr"),
        ("Scrivi una frase con questa parola.", "it"),
        ("Qual é a capital do Brasil?", "pt"),
        ("Wat is de hoofdstad van Nederland?", "nl"),
        ("法国的首都是哪里？", "zh"),
        ("意思与习语“pull a fast one”相同的短语是什么？", "zh"),
        ("フランスの首都はどこですか。", ""),
        ("프랑스의 수도는 어디입니까?", ""),
        ("Какая столица Франции?", ""),
        ("ما هي عاصمة فرنسا؟", ""),
        ("12 + 7", ""),
        ("", ""),
        ("in", ""),
    ],
)
def test_a_language_is_told_where_one_alone_fits(text, language):
    assert language_of(text) == language


def test_every_language_with_words_is_told_by_several():
    assert all(len(language.common) > 40 for code, language in LANGUAGES.items() if code != "zh")


def test_words_are_counted_where_no_spaces_divide_them():
    assert num_words("Name three birds.") == 3
    assert num_words("法国的首都是哪里？") == 4
