"""Duplicates, exact, near and by meaning, and equal questions."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest

from tunesmith.curation.dedup import (
    content_key,
    drop_duplicates,
    drop_near_duplicates,
    drop_semantic_duplicates,
    prompt_key,
)
from tunesmith.curation.stages import bind_stages
from tunesmith.errors import DataError, RecipeError
from tunesmith.records import Drop, Message, Record


def pair(question: str, answer: str, source: str = "", **others) -> Record:
    return Record("1", (Message("user", question), Message("assistant", answer)), source=source, **others)


def test_the_first_of_equal_records_stays_and_the_drop_names_it():
    records = [pair("q", "a", "x:1"), pair("q", "b", "x:2"), pair(" q\n", "a ", "x:3"), pair("q", "a", "y:1", task="t")]
    parts = list(drop_duplicates(records))
    assert parts[:2] == records[:2]
    detail = "says the same as x:1: the same row, it comes first."
    assert parts[2:] == [Drop("1", source, "drop_duplicates", "duplicate", detail) for source in ("x:3", "y:1")]


DIFFERENT = [
    (pair("q", "a"), pair("q", "A")),
    (pair("q", "a"), pair("q", "a", tools=({"name": "f"},))),
    (pair("a b", "a"), pair("ab", "a")),
    (
        pair("q", ""),
        Record("1", (Message("user", "q"), Message("assistant", "", tool_calls=({"name": "f", "arguments": {}},)))),
    ),
    (pair("q", "a"), Record("1", (Message("system", "q"), Message("assistant", "a")))),
]


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_another_answer_case_tool_or_role_is_no_duplicate(one, other):
    assert content_key(one) != content_key(other)


@pytest.mark.parametrize("question", ["What is it?", "what is it", "WHAT  IS IT ?!", "What\nis “it”", "Whát is it"])
def test_case_accents_punctuation_and_spacing_do_not_make_another_question(question):
    assert prompt_key(pair(question, "x")) == prompt_key(pair("What is it?", "y"))


@pytest.mark.parametrize(
    ("one", "other"), [("What is it?", "What is in it?"), ("+", "-"), ("1 2", "3"), ("是什么", "为什么")]
)
def test_other_words_or_signs_make_another_question(one, other):
    assert prompt_key(pair(one, "x")) != prompt_key(pair(other, "x"))


def test_text_without_a_question_is_told_apart_by_itself():
    one, other = (Record("1", (Message("assistant", text),)) for text in ("abc", "abd"))
    assert prompt_key(one) != prompt_key(other)


PASSAGE = (
    "The lighthouse at the northern end of the island was built of grey stone by two brothers, who kept goats and sold"
    " cheese to the fishermen. In winter the road was closed for weeks and nobody came but the doctor on his sledge."
)


def near(records, **settings) -> list[str]:
    """The detail of each drop, and an empty text for what stays."""
    return [part.detail if isinstance(part, Drop) else "" for part in drop_near_duplicates(records, **settings)]


def named(k: int, question: str, answer: str, source: str = "", **others) -> Record:
    return Record(
        f"{k:02}", (Message("user", question), Message("assistant", answer)), source=source or f"x:{k}", **others
    )


def test_the_best_of_near_duplicates_stays_and_the_drop_says_where_it_is_and_why():
    plain = f"{PASSAGE} Who came?"
    records = [
        named(1, plain.upper(), "The doctor."),
        named(2, plain, "The doctor."),
        named(3, plain.replace(",", ""), "the doctor"),
        named(4, f"{PASSAGE} Who sold cheese?", "The brothers."),
        named(5, plain, "The priest."),
    ]
    why = ["it is written in capital and small letters", "", "its answer is longer", "", ""]
    told = "nearly the same as x:2 (question 1.00, answer 1.00 alike), which stays: {}."
    assert near(records) == [text and told.format(text) for text in why]


NOT_NEAR = [
    (named(1, f"{PASSAGE} Who came in winter?", "nobody"), named(2, f"{PASSAGE} Who was it that sold?", "nobody")),
    (named(1, f"{PASSAGE} Who came?", "nobody"), named(2, f"{PASSAGE} Who came?", "the doctor")),
    (named(1, "What is the capital of France?", "-"), named(2, "What is the capital of Spain?", "-")),
    (named(1, f"{PASSAGE} 1", "a"), named(2, f"{PASSAGE} 2", "a")),
    (named(1, PASSAGE, "a"), named(2, PASSAGE, "a!", tools=({"name": "f"},))),
    (
        named(1, PASSAGE, "a"),
        Record("2", (Message("system", PASSAGE), Message("assistant", "a.")), source="x:2"),
    ),
    (named(1, "Write in capitals: " + PASSAGE, "ABC"), named(2, "write in capitals: " + PASSAGE, "abc")),
]


@pytest.mark.parametrize(("one", "other"), NOT_NEAR)
def test_another_question_answer_number_tool_role_or_case_that_matters_is_kept(one, other):
    assert near([one, other]) == ["", ""]


def test_the_drop_tells_how_much_is_shared_and_names_the_id_where_one_row_holds_both():
    longer = PASSAGE.replace("two brothers", "the two brothers")
    records = [named(1, "Tell it.", PASSAGE, "x:9"), named(2, "Tell it", longer, "x:9")]
    told = "nearly the same as x:9 (id 02) (question 1.00, answer 0.93 alike), which stays: its answer is longer."
    assert near(records) == [told, ""]
    texts = [Record(f"{k}", (Message("assistant", text),), source=f"t:{k}") for k, text in enumerate((PASSAGE, longer))]
    assert near(texts) == ["nearly the same as t:1 (answer 0.93 alike), which stays: its answer is longer.", ""]
    copies = [named(1, "q", "a", "x:9"), named(2, "q", "a", "x:9")]
    assert (
        list(drop_duplicates(copies))[1].detail
        == "says the same as x:9 (id 01): as good as this one, its id comes first."
    )


def test_what_stays_depends_on_the_records_and_not_on_their_order():
    rng = random.Random(4)
    words = PASSAGE.split()
    texts = [" ".join(rng.choices(words, k=30)) for _ in range(60)]
    records = [named(k, text if k % 2 else f"{text.title()}!", text) for k, text in enumerate(texts * 3)]
    shuffled = rng.sample(records, len(records))
    for stage in (drop_near_duplicates, drop_duplicates):
        kept = [{part.id for part in stage(items) if isinstance(part, Record)} for items in (records, shuffled)]
        assert kept[0] == kept[1]
    assert len({part.id for part in drop_near_duplicates(records) if isinstance(part, Record)}) == 60


def test_many_copies_leave_one_and_every_drop_names_one_that_stays():
    records = [named(k, f"{PASSAGE} Who came?{'!' * k}", "the doctor" + "." * (k % 3)) for k in range(70)]
    kept = [part.source for part in drop_near_duplicates(records) if isinstance(part, Record)]
    assert len(kept) == 1 and sum(f"nearly the same as {kept[0]} (" in told for told in near(records)) == 69


def test_records_of_held_out_files_stay_before_better_ones():
    records = [named(1, PASSAGE, "the doctor came by"), named(2, PASSAGE.lower(), "the doctor, came by", "test:1")]
    detail = "nearly the same as test:1 (question 1.00, answer 1.00 alike), which stays: {}."
    assert near(records) == [detail.format("its answer is longer"), ""]
    records[0] = named(1, PASSAGE, "the doctor,, came by")
    assert near(records)[0] == ""
    told = near(records, held_out=("test",))
    assert told == [detail.format("it is held out"), ""]
    copies = [named(1, "q", "a", "a:1"), named(1, "q", "a", "test:1")]
    parts = list(drop_duplicates(copies, held_out=("test",)))
    assert parts[0].detail == "says the same as test:1: it is held out." and parts[1] is copies[1]


def test_the_threshold_and_a_setting_that_does_not_exist():
    one, other = named(1, "sort these of names", "b a c"), named(2, "sort these names", "b a c")
    assert near([one, other]) == ["", ""] and near([one, other], threshold=0.2)[1]
    with pytest.raises(RecipeError, match="no such setting. Did you mean `threshold`"):
        bind_stages([{"use": "drop_near_duplicates", "treshold": 0.7}])


def test_records_without_words_or_at_all_are_no_trouble():
    assert near([]) == [] and near([named(1, "+", "-"), named(2, "*", "/"), named(3, "", "")]) == ["", "", ""]


def vectors_file(tmp_path, rows) -> str:
    path = tmp_path / "vectors.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


SEMANTIC = [
    named(1, "How do I boil an egg?", "For ten minutes."),
    named(2, "What is the way to cook an egg in water?", "for ten minutes"),
    named(3, "How is an egg boiled?", "In its shell."),
    named(4, "How do I boil 2 eggs?", "For ten minutes."),
]


def test_records_that_mean_the_same_and_answer_the_same_are_dropped(tmp_path):
    rows = [{"id": record.id, "vector": [1.0, 0.1 * k]} for k, record in enumerate(SEMANTIC)]
    path = vectors_file(tmp_path, rows)
    parts = list(drop_semantic_duplicates(SEMANTIC, vectors=path, threshold=0.9))
    assert [part.id for part in parts if isinstance(part, Drop)] == ["02"]
    assert parts[1].detail == "means the same as x:1 (cosine 1.00), which stays: its answer is longer."
    assert not any(isinstance(p, Drop) for p in drop_semantic_duplicates(SEMANTIC, vectors=path, threshold=0.999))


def test_vectors_in_an_array_have_their_ids_beside_them(tmp_path):
    path = tmp_path / "v.npy"
    np.save(path, np.eye(4, 3) + 1)
    with pytest.raises(DataError, match="v.ids.txt: missing"):
        list(drop_semantic_duplicates(SEMANTIC, vectors=str(path)))
    (tmp_path / "v.ids.txt").write_text("\n".join(record.id for record in SEMANTIC))
    assert len(list(drop_semantic_duplicates(SEMANTIC, vectors=str(path)))) == 4


BAD_VECTORS = [
    ([{"id": "01", "vector": [1]}], "3 of 4 records have no vector, first id 02"),
    ([{"id": "01", "vectors": [1]}], "no column `vector`. Did you mean `vectors`"),
    ([{"id": "01", "vector": "x"}], "`vector` must be a list of numbers"),
    ([{"id": "01", "vector": [1]}, {"id": "02", "vector": [1, 2]}], "a vector of 2 numbers, where the first has 1"),
    ([{"id": f"0{k}", "vector": [0, 0]} for k in (1, 2, 3, 4)], "the vector of id 01 is zero or not finite"),
]


@pytest.mark.parametrize(("rows", "message"), BAD_VECTORS)
def test_vectors_that_cannot_be_used_are_refused_by_place(tmp_path, rows, message):
    with pytest.raises(DataError, match=message):
        list(drop_semantic_duplicates(SEMANTIC, vectors=vectors_file(tmp_path, rows)))
