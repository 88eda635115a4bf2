"""From sources to the data of a run folder, every record accounted for."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from tunesmith.curation.data_folder import read_split, write_prepared
from tunesmith.curation.dedup import prompt_key
from tunesmith.curation.pipeline import prepare
from tunesmith.curation.prepared import Prepared
from tunesmith.errors import DataError, RecipeError, ResourceError, UsageError
from tunesmith.files import read_json, read_jsonl
from tunesmith.recipe import DataSection


def put(folder, name, rows) -> str:
    path = folder / name
    path.write_text(
        "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), encoding="utf-8"
    )
    return str(path)


def rows(start: int, stop: int, **extra) -> list[dict]:
    return [{"instruction": f"question {k}", "output": f"answer {k}", **extra} for k in range(start, stop)]


def section(*sources, **settings) -> DataSection:
    return DataSection(sources=list(sources), **settings)


def questions(records) -> list[str]:
    return [record.messages[0].content for record in records]


def check_ledger(prepared: Prepared) -> None:
    read, *stages = prepared.funnel
    assert (
        read["num_in"] == read["num_kept"] + read["num_dropped"]
        and sum(read["reasons"].values()) == read["num_dropped"]
    )
    num = read["num_out"]
    for stage in stages:
        assert (
            stage["num_in"] == num == stage["num_out"] - stage.get("num_repeated", 0) + stage["num_dropped"]
            or stage["stage"] == "mix"
        )
        assert sum(stage["reasons"].values()) == stage["num_dropped"]
        num = stage["num_out"]
    listed = Counter(drop.stage for drop in prepared.drops)
    assert listed == Counter(
        {**{s["stage"]: s["num_dropped"] for s in prepared.funnel}, "read_part": read["num_dropped_parts"]}
    )


def test_records_are_read_cleaned_and_split_and_the_ledger_adds_up(tmp_path):
    extra = [
        "{broken",
        {"instruction": "q", "output": " "},
        {"instruction": "question 3 ", "output": "answer 3"},
        {"text": "t", "label": 0},
    ]
    prepared = prepare(
        section(put(tmp_path, "x.jsonl", rows(0, 100) + extra), validation_fraction=0.1, test_fraction=0.2)
    )
    check_ledger(prepared)
    assert [len(prepared.train), len(prepared.validation), len(prepared.test)] == [70, 10, 20]
    assert [(drop.stage, drop.reason) for drop in prepared.drops] == [
        ("read", "broken_json"),
        ("read", "unknown_format"),
        ("drop_empty", "empty_answer"),
        ("drop_duplicates", "duplicate"),
    ]
    read, split = prepared.funnel[0], prepared.funnel[-1]
    assert (read["unit"], read["num_in"], read["num_kept"]) == ("rows", 104, 102)
    assert (split["train"], split["validation"], split["test"]) == (70, 10, 20)
    assert [change["stage"] for change in prepared.changes] == ["normalize_text"] * 2


def test_without_curation_records_stay_as_they_are(tmp_path):
    prepared = prepare(section(put(tmp_path, "x.jsonl", [*rows(0, 20), *rows(0, 1)])), "none")
    assert [stage["stage"] for stage in prepared.funnel] == ["read", "split"]
    assert prepared.changes == [] and sum(len(s) for s in (prepared.train, prepared.validation, prepared.test)) == 21


def test_a_user_list_of_stages_is_run_in_its_order(tmp_path):
    prepared = prepare(section(put(tmp_path, "x.jsonl", rows(0, 20))), [{"use": "drop_duplicates"}, "normalize_text"])
    assert [stage["stage"] for stage in prepared.funnel] == ["read", "drop_duplicates", "normalize_text", "split"]
    with pytest.raises(RecipeError, match="no such stage `drop_dupes`"):
        prepare(section(put(tmp_path, "x.jsonl", rows(0, 20))), [{"use": "drop_dupes"}])


def test_a_stage_that_drops_everything_is_an_error(tmp_path):
    with pytest.raises(
        DataError, match=r"curate: stage drop_empty dropped all 2 records \(empty_answer 2\). First: .*x.jsonl:1"
    ):
        prepare(section(put(tmp_path, "x.jsonl", [{"prompt": "q", "completion": ""}] * 2)))


def test_at_most_max_records_are_chosen_by_the_seed(tmp_path):
    path = put(tmp_path, "x.jsonl", rows(0, 200))
    chosen = [prepare(section(path, max_records=50, seed=seed)) for seed in (0, 0, 1)]
    for prepared in chosen:
        check_ledger(prepared)
        assert sum(len(s) for s in (prepared.train, prepared.validation, prepared.test)) == 50
        assert prepared.funnel[-2] == {
            "stage": "max_records",
            "unit": "records",
            "num_in": 200,
            "num_out": 50,
            "num_dropped": 150,
            "reasons": {"not_chosen": 150},
        }
    assert questions(chosen[0].train) == questions(chosen[1].train) != questions(chosen[2].train)


def test_a_source_with_a_split_fills_it_alone_and_what_it_asks_leaves_training(tmp_path):
    train = put(tmp_path, "train.jsonl", rows(0, 100))
    test = put(
        tmp_path, "test.jsonl", [{"instruction": "Question 5?", "output": "other"}, *rows(500, 510), *rows(7, 8)]
    )
    prepared = prepare(section(train, {"path": test, "split": "test"}, validation_fraction=0.1, test_fraction=0.5))
    check_ledger(prepared)
    assert len(prepared.test) == 12 and len(prepared.validation) == 10 and len(prepared.train) == 88
    assert {(drop.stage, drop.reason) for drop in prepared.drops} == {
        ("drop_duplicates", "duplicate"),
        ("split", "held_out_prompt"),
    }
    assert all(drop.source.startswith(train) for drop in prepared.drops)
    everywhere = {prompt_key(record) for record in prepared.train + prepared.validation}
    assert not everywhere & {prompt_key(record) for record in prepared.test}


@pytest.mark.parametrize("curate", ["none", "default"])
def test_what_is_like_a_held_out_record_leaves_the_other_sources(tmp_path, curate):
    def row(city: str, question: str = "Where in {} can I see the famous clock from 1410?") -> dict:
        said = "You find it in the old quarter of {}, behind the market hall, and it is open on every day but Monday"
        return {"instruction": question.format(city), "output": said.format(city)}

    cities = ["Prague", "Bern", "Padua", "Lund", "Graz", "Rouen", "Olomouc", "Messina", "Ulm", "Wells"]
    near = [row("Prague", "Where in {} can we see the famous clock from 1410?"), row("Prague", "Tell me of {} please.")]
    train = put(tmp_path, "a-train.jsonl", [*rows(0, 40), *near])
    test = {"path": put(tmp_path, "b-test.jsonl", [row(city) for city in cities[:3]]), "split": "test"}
    prepared = prepare(section(train, test, validation_fraction=0), curate)
    check_ledger(prepared)
    assert len(prepared.test) == 3 and len(prepared.train) == 40
    assert {drop.source for drop in prepared.drops} == {f"{train}:41", f"{train}:42"}
    assert prepared.funnel[-1]["reasons"] == {"like_held_out": 2}


def test_held_out_questions_also_leave_a_source_that_is_marked_for_training(tmp_path):
    sources = [
        {"path": put(tmp_path, f"{name}.jsonl", rows(*span)), "split": name}
        for name, span in (("train", (0, 50)), ("validation", (45, 60)), ("test", (40, 46)))
    ]
    sources[1] = {"path": put(tmp_path, "validation.jsonl", rows(45, 60, task="t")), "split": "validation"}
    prepared = prepare(section(*sources), "none")
    assert [len(prepared.train), len(prepared.validation), len(prepared.test)] == [40, 14, 6]
    assert prepared.funnel[-1]["reasons"] == {"held_out_prompt": 11}


def test_weights_repeat_or_thin_out_training_records_only(tmp_path):
    twice = {"path": put(tmp_path, "a.jsonl", rows(0, 40, task="a")), "weight": 2.5}
    half = {"path": put(tmp_path, "b.jsonl", rows(100, 140, task="b")), "weight": 0.5}
    prepared = prepare(section(twice, half, test_fraction=0.25, validation_fraction=0))
    counts = Counter(record.task for record in prepared.train)
    assert counts == {"a": 75, "b": 15} and len(prepared.test) == 20
    assert max(Counter(record.id for record in prepared.test).values()) == 1
    mix = prepared.funnel[-1]
    assert mix["stage"] == "mix" and mix["num_in"] - mix["num_dropped"] + mix["num_repeated"] == mix["num_out"] == 90
    assert [(drop.stage, drop.reason) for drop in prepared.drops] == [("mix", "not_chosen")] * 15
    assert prepared.train == prepare(section(twice, half, test_fraction=0.25, validation_fraction=0)).train


def test_one_file_in_two_sources_is_refused(tmp_path):
    path = put(tmp_path, "a.jsonl", rows(0, 20))
    with pytest.raises(DataError, match=r"a\.jsonl is read by two sources. Name it once; `weight` repeats its records"):
        prepare(section(path, f"{tmp_path}/*.jsonl"))


def test_a_split_without_records_is_refused(tmp_path):
    only = {"path": put(tmp_path, "a.jsonl", rows(0, 20)), "split": "test"}
    with pytest.raises(DataError, match="the train split has no records"):
        prepare(section(only))
    with pytest.raises(DataError, match="2 records are too few for a training split beside validation and test"):
        prepare(section(put(tmp_path, "b.jsonl", rows(0, 2))))
    with pytest.raises(DataError, match="the validation split has no records"):
        same = put(tmp_path, "same.jsonl", rows(0, 20))
        copy = {"path": put(tmp_path, "copy.jsonl", rows(0, 3, x=1)), "split": "validation"}
        prepare(section(put(tmp_path, "c.jsonl", rows(50, 60)), {"path": same, "split": "test"}, copy), "none")


def test_seventeen_rows_are_enough(tmp_path):
    prepared = prepare(section(put(tmp_path, "x.jsonl", rows(0, 17)), validation_fraction=0.1, test_fraction=0.1))
    assert [len(prepared.train), len(prepared.validation), len(prepared.test)] == [13, 2, 2]


def test_on_bad_row_raise_stops_at_path_and_line(tmp_path):
    path = put(tmp_path, "x.jsonl", [*rows(0, 3), "{broken", *rows(3, 20)])
    with pytest.raises(DataError, match=r"x\.jsonl:4: not valid JSON"):
        prepare(section(path, on_bad_row="raise"))


def test_what_is_written_is_what_was_prepared(tmp_path):
    path = put(tmp_path, "x.jsonl", [*rows(0, 50), "{broken", {"instruction": "a  ", "output": "b"}])
    prepared = prepare(section(path))
    folder = write_prepared(prepared, tmp_path / "run" / "data")
    for name in ("train", "validation", "test"):
        assert read_split(folder / f"{name}.jsonl") == getattr(prepared, name)
    row = read_jsonl(folder / "train.jsonl")[0]
    assert {"id", "messages", "task", "source", "content_sha256", "parents"} <= set(row)
    (dropped,) = read_jsonl(folder / "dropped.jsonl")
    assert (dropped["source"], dropped["stage"], dropped["reason"]) == (f"{path}:51", "read", "broken_json")
    (change,) = read_jsonl(folder / "changes.jsonl")
    assert change["fields"] == ["messages[0].content"] and change["source"] == f"{path}:52"
    assert read_json(folder / "funnel.json") == prepared.funnel
    assert sorted(file.name for file in folder.iterdir()) == sorted(
        [
            "train.jsonl",
            "validation.jsonl",
            "test.jsonl",
            "dropped.jsonl",
            "changes.jsonl",
            "funnel.json",
            "profile.json",
            "card.md",
        ]
    )


def test_a_source_is_never_overwritten(tmp_path):
    path = put(tmp_path, "train.jsonl", rows(0, 30))
    before = (tmp_path / "train.jsonl").read_bytes()
    with pytest.raises(UsageError, match="this output is the input .* and would overwrite it"):
        write_prepared(prepare(section(path)), tmp_path)
    assert (tmp_path / "train.jsonl").read_bytes() == before and len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_cannot_be_made_is_a_resource_error(tmp_path):
    prepared = prepare(section(put(tmp_path, "x.jsonl", rows(0, 30))))
    (tmp_path / "file").write_text("x")
    with pytest.raises(ResourceError, match="a part of the path is a file"):
        write_prepared(prepared, tmp_path / "file" / "data")


@pytest.mark.parametrize(
    "name", ["dolly_5k", "t0_mixture", "oasst_tree_en_100", "glaive_toolcall_en_demo", "oasst1_zh_multiturn"]
)
def test_real_files_are_prepared_with_a_ledger_that_adds_up_and_no_leak(shared, name):
    prepared = prepare(section(str(shared / f"data/instructions/{name}.jsonl")))
    check_ledger(prepared)
    total = prepared.funnel[-1]["num_out"]
    assert (len(prepared.validation), len(prepared.test)) == (round(total * 0.05), round(total * 0.1))
    train = {prompt_key(record) for record in prepared.train} | {record.source for record in prepared.train}
    for record in prepared.validation + prepared.test:
        assert prompt_key(record) not in train and record.source not in train


def test_the_end_marker_of_t0_is_not_learned(shared):
    prepared = prepare(section(str(shared / "data/instructions/t0_mixture.jsonl")))
    assert not any("<|endoftext|>" in record.answer for record in prepared.train)
    assert prepared.funnel[2]["reasons"] == {"empty_answer": 168} and prepared.funnel[4]["reasons"] == {"duplicate": 46}
