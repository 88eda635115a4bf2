"""Evaluation text in training records: found, told where, and templates left alone."""

from __future__ import annotations

import json

import pytest

from tunesmith.curation.decontaminate import decontaminate, summarize_contamination
from tunesmith.errors import DataError
from tunesmith.records import Drop, Message, Record

LONG = "A farmer walks nine miles to the old mill and carries back seven sacks of flour before the rain begins to fall"


def record(question: str, answer: str = "yes", source: str = "train.jsonl:1") -> Record:
    return Record("1", (Message("user", question), Message("assistant", answer)), source=source)


@pytest.fixture
def benchmark(tmp_path):
    def write(*rows) -> str:
        path = tmp_path / "bench.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return str(path)

    return write


def found(records, path, **settings) -> list[str]:
    return [
        part.detail if isinstance(part, Drop) else "" for part in decontaminate(records, against=[path], **settings)
    ]


FOUND = [
    (record(f"Think. {LONG.upper()}! How many?"), "13 words in a row are the same"),
    (record("Tell me.", f"Once {LONG}, and then …"), "13 words in a row are the same"),
    (record("Answer this:\nwho was  the first King of Norway\nBriefly."), "a turn or line is the same"),
    (record("Sentence: WHO was the first king of Norway to sail west ? Is it a question?"), "all its words are held"),
    (record(LONG.replace("farmer", "baker").replace("sacks", "bags")), "a turn or line is nearly the same"),
]
CLEAN = [
    record("A farmer walks nine miles to the old mill and carries back."),
    record("Say it.", "Who was the first king of Norway?"),
    record("Who was the first king of Sweden?"),
    record("Tell me who was the first king of Norway to ski."),
    record("Read it.", "He asked who was the first king of Norway to sail west, and left."),
    record("1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16"),
    record(" ".join(LONG.split()[::-1])),
]


@pytest.mark.parametrize(("held", "how"), FOUND)
def test_benchmark_text_is_found_whatever_its_column_and_the_drop_names_the_line(benchmark, held, how):
    threshold = 0.6 if "nearly" in how else 0.8
    short = "Who was the first king of Norway"
    path = benchmark({"any": "no text"}, {"x": {"y": [LONG, "q"]}}, {"q": f"{short}?"}, {"q": f"{short} to sail west?"})
    line = {"a turn or line is the same": 3, "all its words are held": 4}.get(how, 2)
    assert found([CLEAN[0], held], path, threshold=threshold) == ["", f"{path}:{line}: {how}."]


def test_shared_words_that_are_too_few_numbers_or_in_another_order_are_no_contamination(benchmark):
    numbers = " ".join(map(str, range(1, 30)))
    short = "Who was the first king of Norway"
    path = benchmark({"q": LONG}, {"q": short}, {"q": f"count {numbers}"}, {"q": f"{short} to sail west?"})
    assert found(CLEAN, path) == [""] * len(CLEAN)


def test_the_template_of_a_benchmark_is_not_its_content(benchmark):
    template = "Read the following sentence and say in one word whether it could have been said in earnest by"
    rows = [{"q": f"{template} {name}"} for name in "abcdefghijkl"]
    assert found([record(f"{template} my uncle")], benchmark(*rows)) == [""]
    assert found([record(f"{template} my uncle")], benchmark(*rows[:5])) != [""]


def test_what_is_held_out_stays_and_a_source_that_is_also_the_benchmark_is_refused(benchmark):
    path = benchmark({"q": LONG})
    own = record(LONG, source=f"{path}:1")
    assert found([own, record(LONG)], path, held_out=(path,)) == ["", f"{path}:1: 13 words in a row are the same."]
    with pytest.raises(DataError, match="is a source and stands in `against`, too. Give it `split: test`"):
        found([own], path)


def test_the_report_counts_by_benchmark(benchmark):
    path = benchmark({"q": LONG}, {"q": "Who was the first king of Norway?"})
    parts = list(decontaminate([held for held, _ in FOUND[:3]] + CLEAN, against=[path]))
    (entry,) = summarize_contamination([part for part in parts if isinstance(part, Drop)], [path])
    assert (entry["path"], entry["rows"], entry["records"], entry["rows_found"]) == (path, 2, 3, 2)
    assert entry["how"] == {"13 words in a row are the same": 2, "a turn or line is the same": 1}
    assert len(entry["sha256"]) == 64 and len(entry["examples"]) == 3


def test_a_benchmark_that_is_missing_or_holds_no_text_is_refused(benchmark, tmp_path):
    path = benchmark({"label": "yes"})
    with pytest.raises(DataError, match="no row with a text of 5 words or more"):
        found(CLEAN, path)
    with pytest.raises(DataError, match="bench.jsonl"):
        found(CLEAN, str(tmp_path / "bnch.jsonl"))
