"""IFBench's checks: the published code's verdicts on texts of our own, and what cannot be had from it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tunesmith.checks import CHECKS, bind_check, follows, follows_loosely
from tunesmith.checks.catalog import argument_model
from tunesmith.errors import UsageError

VERDICTS = [
    json.loads(line) for line in Path(__file__).with_name("ifbench_verdicts.jsonl").read_text("utf-8").splitlines()
]
FAMILIES = ("count", "ratio", "words", "sentence", "format", "custom", "repeat")
IDS = [id for id in CHECKS.names() if id.split(":")[0] in FAMILIES]


@pytest.mark.parametrize("id", sorted({row["id"] for row in VERDICTS}))
def test_verdicts_are_those_of_the_published_code(id):
    """The rows of the table were given to allenai/IFBench (commit 1d62c1d, nltk 3.9.1) and its verdicts written beside."""
    for row in VERDICTS:
        if row["id"] == id:
            bound = bind_check(id, row["kwargs"])
            found = bound.follows("", row["answer"]), follows_loosely(bound, "", row["answer"])
            assert found == (row["strict"], row["loose"]), row


def test_every_type_is_there_and_in_the_table_but_the_one_whose_tagger_is_a_download():
    assert len(IDS) == 58
    assert set(IDS) - {row["id"] for row in VERDICTS} == {"words:start_verb"}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("Write a story.", True),
        ("Running is fun.", True),
        ("Is it true?", True),
        ("Consider this.", True),
        ("write it down", True),
        ("The dog sleeps.", False),
        ("Beautiful days begin early.", False),
        ("Can you help?", False),
        ("Jupiter is large.", False),
        ("* Write a story.", False),
        ("/ / /", False),
        ("日本語", False),
        (" ", False),
    ],
)
def test_the_first_word_is_a_verb(answer, expected):
    assert follows("words:start_verb", {}, "", answer) is expected


@pytest.mark.parametrize("id", IDS)
@pytest.mark.parametrize(
    "answer", ["", " \n\t", "\x00", 'a,"b\nc', "🙂" * 50, "(" * 5000, "*" * 5000, "\ud800", "é" * 99 + "."]
)
def test_no_text_breaks_a_check(id, answer):
    arguments = dict.fromkeys(("N", "n", "m", "small_n", "percentage", "min_words", "max_words", "n_start", "n_end"), 1)
    words = (
        "word",
        "keyword",
        "sep",
        "options",
        "reference_text",
        "prompt_to_repeat",
        *(f"keyword{n}" for n in range(1, 6)),
    )
    given = arguments | dict.fromkeys(words, "(a")
    known = {name: given[name] for name in argument_model(CHECKS.get(id)).model_fields}
    assert follows(id, known, "", answer) in (True, False)


@pytest.mark.parametrize(
    ("id", "kwargs", "message"),
    [
        ("count:numbers", {}, "check `count:numbers` needs `N`"),
        ("count:numbers", {"N": "many"}, "check `count:numbers`: `N`: input should be a valid integer"),
        ("count:number", {"N": 1}, "no such check `count:number`. Did you mean `count:numbers`?"),
        ("format:list", {"sep": ""}, "check `format:list`: `sep`: string should have at least 1 character"),
        ("words:repeats", {"n": 1}, "check `words:repeats` has no argument `n`."),
    ],
)
def test_wrong_arguments_are_one_line(id, kwargs, message):
    with pytest.raises(UsageError) as error:
        bind_check(id, kwargs)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_the_benchmarks_own_prompts_all_bind(shared):
    text = (shared / "data/tasks/ifbench_prompts.jsonl").read_text("utf-8")
    rows = [json.loads(line) for line in text.splitlines()]
    bound = [
        bind_check(id, kwargs)
        for row in rows
        for id, kwargs in zip(row["instruction_id_list"], row["kwargs"], strict=True)
    ]
    assert (len(rows), len(bound)) == (300, 344)
    assert not any(check.assumed for check in bound)
    assert {check.id for check in bound} == set(IDS)
