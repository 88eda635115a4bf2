"""The 25 checks of IFEval. The table beside this file has texts of our own, with the verdicts of the published checker (code
of google-research's instruction_following_eval as of 2025, NLTK 3.9.1, langdetect 1.0.9 seeded with 0)."""

import json
import time
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from tests.checks.test_catalog import IFEVAL
from tunesmith.checks import bind_check, follows, follows_loosely

ROWS = [json.loads(line) for line in Path(__file__).with_name("ifeval_verdicts.jsonl").read_text("utf-8").splitlines()]
TABLE = defaultdict(list)
for row in ROWS:
    TABLE[row["id"]].append(row)


@pytest.mark.parametrize("id", IFEVAL)
def test_verdicts_are_those_of_the_published_checker(id):
    wrong = []
    for row in TABLE[id]:
        bound = bind_check(id, row["kwargs"])
        verdict = bound.follows("", row["answer"]), follows_loosely(bound, "", row["answer"])
        if verdict != (row["strict"], row["loose"]):
            wrong.append((row, verdict))
    assert wrong == []
    assert Counter(row["strict"] for row in TABLE[id]).keys() == {True, False}


@pytest.mark.parametrize(
    ("id", "kwargs", "yes", "no"),
    [
        (
            "detectable_format:number_bullet_lists",
            {"num_bullets": 2},
            ["* a\n* b", "- a\n\n  - b", "* a\n---\n**bold**", "*\n* one\n- two"],
            ["* a", "• a\n• b", "**a**\n**b**", "* a\n* b\n***\n---"],
        ),
        (
            "detectable_format:number_highlighted_sections",
            {"num_highlights": 2},
            ["*a* and *b*", "**a** and **b**", "***a*** *b*"],
            ["*a*", "**a**", "*a\nb* *c*", "* * ** **"],
        ),
        (
            "detectable_format:title",
            {},
            ["<<Rain>>", "x <<a>> y", "<<<a>>>", "<<a >> b >>"],
            ["<<>>", "<< >>", "<a>", "<<a\nb>>", ">>a<<", "<<>>>"],
        ),
        (
            "detectable_format:json_format",
            {},
            ['{"a": 1}', '```json\n{"a": 1}\n```', "```\n[1]```", '"text"', "NaN", " 3 "],
            ["{'a': 1}", 'Here: {"a": 1}', '```python\n{"a": 1}\n```', "[" * 100_000, "9" * 5000],
        ),
        (
            "detectable_format:multiple_sections",
            {"section_spliter": "Section", "num_sections": 2},
            ["Section 1 a Section 2 b", "Section1Section2", "Subsection 1"[3:].title() + " Section 9"],
            ["Section 1", "section 1 section 2", "Section one Section two", "Section  1 Section  2"],
        ),
        (
            "detectable_content:number_placeholders",
            {"num_placeholders": 2},
            ["[a] [b]", "[][]", "[[a]] [b]", "[a](url) [b]"],
            ["[a]", "[a\n] [b]", "[[a]]", "] [ ] ["],
        ),
        (
            "detectable_content:postscript",
            {"postscript_marker": "P.S."},
            ["Bye. P.S. more", "p. s. more", "x\nP.S.", "P.P.S. more"],
            ["PS more", "P.S more", "P:S."],
        ),
        ("detectable_content:postscript", {"postscript_marker": "P.P.S"}, ["p. p. s x", "P.P.S."], ["P.S.", "PPS"]),
        ("detectable_content:postscript", {"postscript_marker": "N.B. ("}, ["n.b. (1)"], ["NB (1)"]),
        (
            "length_constraints:number_paragraphs",
            {"num_paragraphs": 2},
            ["a\n***\nb", "***a***b***", "a *** b", "a****b"],
            ["a\n\nb", "a***b***c", "a******b"],
        ),
        (
            "length_constraints:nth_paragraph_first_word",
            {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "Rain"},
            ["a\n\nrain falls", "a\n\n'rain' falls", 'a\n\n"RAIN, falls', "a\n\n\nrain's end", "a\n\nrain"],
            ["a\nrain", "a\n\nrainy", "a\n\nThe rain", "a\n\n \n\nrain", "a\n\nrain\n\nc", "a\n\n(rain)", "rain"],
        ),
        (
            "keywords:existence",
            {"keywords": ["cat", "c("]},
            ["C( CATS", "concatenate c("],
            ["cat c", "c("],
        ),
        ("keywords:forbidden_words", {"forbidden_words": ["cat"]}, ["cats", "concatenate", "cat_1"], ["Cat!", "a cat-fish"]),
        (
            "keywords:frequency",
            {"keyword": " cat ", "frequency": 2, "relation": "at least"},
            ["cat cats", "CAT concatenate"],
            ["cat", ""],
        ),
        (
            "keywords:letter_frequency",
            {"letter": "#", "let_frequency": 2, "let_relation": "at least"},
            ["# a\n# b", "##"],
            ["# a"],
        ),
        (
            "change_case:capital_word_frequency",
            {"capital_frequency": 2, "capital_relation": "at least"},
            ["I am A4", "NASA's U.S. plan", "WELL-KNOWN ÉTÉ"],
            ["NASA", "WELL-KNOWN", "Nasa Rules", "4 + 4"],
        ),
        ("combination:two_responses", {}, ["a******b", "******\na\n******\nb\n******"], ["a******a", "a***b", "a******b******c", "a************b"]),
        ("combination:repeat_prompt", {"prompt_to_repeat": "Say hi."}, [" say HI. Hello"], ["Sure. Say hi.", "Say hi"]),
        ("startend:end_checker", {"end_phrase": "The end."}, ["x the END.", 'x "The end."', "x The end.\n"], ["The end. x", "The end.*"]),
        ("startend:quotation", {}, ['"a"', ' "a" "b"\n', '""'], ['"', '“a”', '"a".']),
        ("detectable_format:constrained_response", {}, ["Well. My answer is no."], ["my answer is no.", "My answer is: no."]),
        ("punctuation:no_comma", {}, ["a; b", "a、b"], ["a, b", "1,000"]),
    ],
)  # fmt: skip
def test_near_misses(id, kwargs, yes, no):
    assert [text for text in yes if not follows(id, kwargs, "", text)] == []
    assert [text for text in no if follows(id, kwargs, "", text)] == []


@pytest.mark.parametrize("character", ["\n", " ", "*", "-", "[", "<", '"', "p. ", "#", "Section ", "a.", "\n* "])
def test_a_long_answer_of_one_mark_takes_no_longer_than_a_story(character):
    answer, needed = character * (60_000 // len(character)), {"combination:repeat_prompt": {"prompt_to_repeat": "x"}}
    start = time.process_time()
    for id in IFEVAL:
        follows(id, needed.get(id), "", "x" + answer)
    assert time.process_time() - start < 5
