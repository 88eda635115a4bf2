"""Which language an answer is in, and when it may be another."""

from __future__ import annotations

import pytest

from tunesmith.curation.language import drop_language, identify_language
from tunesmith.curation.stages import bind_stages
from tunesmith.errors import RecipeError
from tunesmith.records import Message, Record

ENGLISH = "The river begins in the hills, runs through three towns and ends in the sea after a week."
GERMAN = "Der Fluss entspringt in den Bergen, fließt durch drei Städte und erreicht nach einer Woche das Meer."
CHINESE = "这条河发源于山区，流经三座城市，一周后汇入大海，沿途有许多村庄。人们在河边种植水稻和蔬菜，孩子们每天走过那座老桥去上学。"

TEXTS = [
    ("en", ENGLISH),
    ("de", GERMAN),
    ("zh", CHINESE),
    ("en", "The largest states of the region are Illinois, Indiana, Michigan, Ohio and Wisconsin."),
    ("zh", "一块石头不属于任何一种食物，它很硬，也不能吃。"),
    ("unknown", "Yes, of course."),
    ("unknown", "42"),
    ("unknown", ""),
    ("unknown", "def find_max(lst):\n    max_num = 0\n    for num in lst:\n        max_num = num\n    return max_num"),
    (
        "unknown",
        "Ascaris lumbricoides, Trichuris suis, Necator americanus, Ancylostoma duodenale, Lumbricus terrestris",
    ),
    (
        "de",
        GERMAN + "\n```\nwhile the river runs through the town and the hills are green and the sea is far away\n```",
    ),
]


@pytest.mark.parametrize(("code", "text"), TEXTS)
def test_languages_of_long_enough_prose_are_told(code, text):
    assert identify_language(text) == code


ANSWERS = [
    (None, ["en"], "Where does it end?", ENGLISH),
    ("language_de", ["en"], "Where does it end?", GERMAN),
    ("language_en", ["zh"], "它在哪里结束？请简要说明。", ENGLISH),
    (None, ["de", "en"], "Where does it end?", GERMAN),
    (None, ["en"], "Where does it end?", "Im Meer."),
    (None, ["en"], f"Translate to German: {ENGLISH}", GERMAN),
    (None, ["en"], "Where does it end? Answer in German.", GERMAN),
    (None, ["de"], f"Übersetze ins Englische: {GERMAN}", ENGLISH),
    (None, ["zh"], "用“river”造一个句子。", ENGLISH),
    ("language_de", ["zh"], f"Translate to German: {ENGLISH}", GERMAN),
]


@pytest.mark.parametrize(("reason", "languages", "question", "answer"), ANSWERS)
def test_answers_in_another_language_are_dropped_unless_asked_for(reason, languages, question, answer):
    record = Record("1", (Message("user", question), Message("assistant", answer)))
    assert drop_language(record, languages=languages) == reason


def test_the_languages_must_be_named():
    with pytest.raises(RecipeError, match=r"curate\[0\].languages: stage `drop_language` needs it"):
        bind_stages(["drop_language"])
    with pytest.raises(RecipeError, match=r"curate\[0\].languages"):
        bind_stages([{"use": "drop_language", "languages": []}])
