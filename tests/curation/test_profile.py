"""What records are like, counted in parts, in bounded memory."""

from __future__ import annotations

import json
import random

import pytest

from tunesmith.curation import profile as module
from tunesmith.curation.profile import Names, Profile, Repeats, Sample, licenses_of
from tunesmith.curation.sources import ReadReport, read_source
from tunesmith.recipe import Source
from tunesmith.records import Message, Record


def record(number: int, question: str = "", answer: str | None = "yes", **fields) -> Record:
    messages = [Message("user", question or f"Is {number} a number?")]
    messages += [Message("assistant", answer)] if answer is not None else []
    return Record(f"id{number}", tuple(messages), source=f"{fields.pop('path', 'a.jsonl')}:{number}", **fields)


def profile_of(records, split="train", licenses=None) -> Profile:
    found = Profile(licenses)
    for one in records:
        found.add(one, split)
    return found


def some(count: int = 60) -> list[Record]:
    tasks = ("sums", "names", "")
    return [record(k, answer="no " * (k % 7), task=tasks[k % 3], path=f"{k % 2}.jsonl") for k in range(count)]


def test_records_are_counted_by_split_file_task_role_and_turns():
    found = profile_of(some(4))
    found.add(record(9, task="sums", path="0.jsonl"), "test")
    told = found.to_dict()
    assert (told["num_records"], told["splits"]) == (5, {"train": 4, "test": 1})
    assert told["tasks"] == {"counts": {"sums": {"train": 2, "test": 1}, "names": {"train": 1}}, "num_other": 0}
    assert told["files"]["0.jsonl"]["splits"] == {"train": 2, "test": 1}
    assert told["roles"] == {"user": 5, "assistant": 5} and told["turns"] == {"1": 5}


def test_splits_are_told_in_the_order_people_name_them():
    found = Profile()
    for split in ("test", "validation", "train"):
        found.add(record(1, task="t"), split)
    assert list(found.to_dict()["splits"]) == ["train", "validation", "test"]
    assert list(found.to_dict()["tasks"]["counts"]["t"]) == ["train", "validation", "test"]


def test_lengths_missing_and_empty_answers_and_short_prompts_are_counted():
    calls = Message("assistant", "", tool_calls=({"name": "f", "arguments": {}},))
    records = [record(1, "Do it.", "a b c"), record(2, "What is this thing?", " "), record(3, answer=None)]
    records.append(Record("id4", (Message("user", "Look it up, please."), calls)))
    records.append(Record("id5", (Message("assistant", "A text to continue."),)))
    told = profile_of(records).to_dict()
    assert (told["num_without_answer"], told["num_empty_answers"], told["num_short_prompts"]) == (1, 1, 1)
    assert told["lengths"]["prompt"]["words"]["max"] == 4 and told["lengths"]["answer"]["words"]["max"] == 4
    assert told["lengths"]["answer"]["characters"]["min"] == 0


@pytest.mark.parametrize(
    "meta, stated, told",
    [
        ({}, "", "none stated"),
        ({}, "MIT", "MIT"),
        ({"license": "CC0"}, "", "CC0"),
        ({"licence": " CC  BY "}, "MIT", "CC BY"),
        ({"license": ""}, "MIT", "MIT"),
        ({"license": 3}, "", "none stated"),
    ],
)
def test_a_row_names_its_own_licence_else_the_recipe_does(meta, stated, told):
    found = profile_of([record(1, meta=meta)], licenses={"a.jsonl": stated} if stated else {})
    assert found.to_dict()["files"]["a.jsonl"]["licenses"] == {told: 1}


def test_the_licence_of_the_recipe_and_of_a_column_reach_the_profile(tmp_path):
    rows = [{"instruction": "q", "output": "a"}, {"instruction": "r", "output": "b", "license": "CC0"}]
    path = tmp_path / "x.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    report = ReadReport(str(path))
    records = list(read_source(Source(path=str(path), license="Apache-2.0"), report))
    found = profile_of(records, licenses=licenses_of([report])).to_dict()
    assert found["files"][str(path)]["licenses"] == {"Apache-2.0": 1, "CC0": 1}


def test_repeated_questions_and_whole_repeats_are_told_apart():
    asked = [
        ("What is it?", "a"),
        ("what  is it?", "a"),
        ("What is it?", "b"),
        ("What is it?", "a"),
        ("And this?", "a"),
    ]
    told = profile_of([record(k, question, answer) for k, (question, answer) in enumerate(asked)]).to_dict()
    assert (told["num_exact_duplicates"], told["num_repeated_prompts"], told["repeats_are_exact"]) == (1, 3, True)


def test_prompts_without_spaces_are_short_by_their_characters():
    asked = ["你好", "今天天气怎么样", "hi you", "Say it, please"]
    told = profile_of([record(k, question) for k, question in enumerate(asked)]).to_dict()
    assert told["num_short_prompts"] == 2


def test_equal_texts_with_other_tools_are_no_duplicates():
    plain = record(1, "q", "a")
    tooled = Record("id2", plain.messages, tools=({"name": "f"},))
    assert profile_of([plain, tooled]).to_dict()["num_exact_duplicates"] == 0


@pytest.mark.parametrize("seed", range(3))
def test_any_order_gives_the_same_numbers(seed):
    records = some()
    whole = profile_of(records).to_dict()
    random.Random(seed).shuffle(records)
    total = profile_of(records)
    assert json.dumps(total.to_dict()["files"], sort_keys=True) == json.dumps(whole["files"], sort_keys=True)
    assert total.to_dict() == whole


@pytest.mark.parametrize("seed", range(3))
def test_of_too_many_names_the_same_stay_with_whole_counts_in_any_order(seed, monkeypatch):
    monkeypatch.setattr(module, "MAX_NAMES", 10)
    names = [f"task {k % 97}" for k in range(1000)]
    random.Random(seed).shuffle(names)
    shuffled = Names()
    for name in names:
        shuffled.add(name, "")
    told = shuffled.to_dict()
    whole = Names()
    for name in sorted(names):
        whole.add(name, "")
    assert told == whole.to_dict() and len(told["counts"]) == 10
    assert all(count in ({"": 10}, {"": 11}) for count in told["counts"].values())
    assert told["num_other"] + sum(count[""] for count in told["counts"].values()) == 1000


def test_repeats_are_exact_while_they_fit_and_close_beyond(monkeypatch):
    numbers = [random.Random(k % 40_000).getrandbits(64) for k in range(50_000)]
    assert (count_repeats(numbers).num_repeated, count_repeats(numbers).is_exact) == (10_000, True)
    monkeypatch.setattr(module, "MAX_HASHES", 4_096)
    found = count_repeats(numbers)
    assert not found.is_exact and found.num_repeated == pytest.approx(10_000, rel=0.1)


def test_repeats_are_told_at_any_time_and_counted_on(monkeypatch):
    numbers = [random.Random(k % 700).getrandbits(64) for k in range(1000)]
    for limit in (2**20, 64):
        monkeypatch.setattr(module, "MAX_HASHES", limit)
        found = count_repeats(numbers[:400])
        assert found.is_exact == (limit == 2**20)  # and it has gathered what it saw
        for number in numbers[400:]:
            found.add(number)
        whole = count_repeats(numbers)
        assert (found.num_repeated, found.is_exact) == (whole.num_repeated, whole.is_exact)


def count_repeats(numbers) -> Repeats:
    found = Repeats()
    for number in numbers:
        found.add(number)
    return found


def test_the_sample_is_of_different_records_and_the_same_in_any_order(monkeypatch):
    monkeypatch.setattr(module, "SAMPLE_SIZE", 20)
    ids = [f"id{k}" for k in range(500)] * 2
    told = []
    for seed in range(3):
        random.Random(seed).shuffle(ids)
        found = Sample()
        for k, one in enumerate(ids):
            found.offer(Record(one, (), source=f"a.jsonl:{k}"), f"prompt of {one}", "answer")
        told.append((found.languages(), sorted(one.prompt for one in found), found.is_whole))
    assert told[0] == told[1] == told[2] and told[0][0]["num_sampled"] == 20 and not told[0][2]


def test_of_one_record_that_stands_in_two_places_the_first_is_told():
    places = [Record("id", (), source=f"{path}:{line}") for path, line in (("b", 1), ("a", 10), ("a", 9))]
    found = Sample()
    for place in places:
        found.offer(place, "Write to jane.roe@example.org", None)
    assert found.personal_data()["types"]["EMAIL_ADDRESS"]["places"] == ["a:9"] and found.is_whole


ENGLISH = "The quick brown fox jumps over the lazy dog while nobody in the village is looking at the old church."
GERMAN = "Der schnelle braune Fuchs springt über den faulen Hund, während niemand im Dorf auf die alte Kirche schaut."


def test_languages_are_told_of_the_answer_else_of_both():
    records = [
        record(1, "Frage?", ENGLISH),
        record(2, "Question?", GERMAN),
        record(3, ENGLISH, "no"),
        record(4, "q", "a"),
    ]
    assert profile_of(records).to_dict()["languages"] == {
        "num_sampled": 4,
        "counts": {"en": 2, "de": 1, "unknown": 1},
    }


def test_personal_data_is_counted_and_never_told():
    records = [
        record(1, "Write to jane.roe@example.org", "Done: jane.roe@example.org"),
        record(2, "What is two and two?", "four"),
    ]
    told = profile_of(records).to_dict()
    assert told["personal_data"]["types"]["EMAIL_ADDRESS"] == {
        "num_spans": 2,
        "num_records": 1,
        "places": ["a.jsonl:1"],
    }
    assert (told["personal_data"]["num_sampled"], told["personal_data"]["num_records"]) == (2, 1)
    assert "jane" not in json.dumps(told)


def test_an_empty_profile_is_told():
    told = Profile().to_dict()
    assert told["num_records"] == 0 and told["lengths"]["answer"]["words"] is None
    assert told["personal_data"] == {"num_sampled": 0, "num_records": 0, "types": {}}
