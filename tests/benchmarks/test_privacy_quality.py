"""The measurement of personal data: overlap, precision and recall, and false alarms as data is masked."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from tunesmith.errors import UsageError

PATH = Path(__file__).parents[2] / "benchmarks" / "privacy_quality.py"
spec = importlib.util.spec_from_file_location("privacy_quality", PATH)
quality = importlib.util.module_from_spec(spec)
spec.loader.exec_module(quality)
Mark = quality.Mark


def write(path: Path, *rows: dict) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


@pytest.mark.parametrize(
    "wanted, given, right",
    [
        ([(0, 10)], [(0, 10)], 1),
        ([(0, 10)], [(0, 5)], 1),
        ([(0, 10)], [(0, 4)], 0),
        ([(0, 10)], [(0, 5), (5, 10)], 1),
        ([(0, 10), (10, 20)], [(0, 20)], 1),
        ([(0, 10)], [], 0),
    ],
)
def test_a_span_is_right_where_half_of_both_is_shared_and_counts_once(wanted, given, right):
    marks = [Mark("PERSON", *place) for place in wanted]
    found = [Mark("PERSON", *place) for place in given]
    assert quality._count(marks, found, "PERSON", 0.5) == (len(wanted), len(given), right)


def test_another_type_is_not_right():
    assert quality._count([Mark("PERSON", 0, 5)], [Mark("LOCATION", 0, 5)], "PERSON", 0.5) == (1, 0, 0)


@pytest.mark.parametrize(
    "text, given, joined",
    [
        ("Ada Byron, Bo Chi", [(0, 9), (11, 17)], [(0, 17)]),
        ("Ada and the Bo", [(0, 3), (12, 14)], [(0, 14)]),
        ("Ada met Bo", [(0, 3), (8, 10)], [(0, 3), (8, 10)]),
        ("the Ada Byron.", [(0, 14)], [(4, 13)]),
        ("the, of", [(0, 3), (5, 7)], []),
    ],
)
def test_neighbors_of_one_type_are_joined_over_skip_words_and_punctuation(text, given, joined):
    marks = [Mark("PERSON", *place) for place in given]
    assert quality.join(text, marks) == [Mark("PERSON", *place) for place in joined]


def test_neighbors_of_different_types_stay_apart():
    marks = [Mark("PERSON", 0, 3), Mark("LOCATION", 5, 9)]
    assert quality.join("Ada, Rome", marks) == marks


@pytest.mark.parametrize(
    "given, least, counted",
    [
        ([("PERSON", 0, 10)], 0.9, [1, 1, 1]),
        ([("PERSON", 0, 7)], 0.5, [1, 1, 1]),
        ([("PERSON", 0, 7)], 0.9, [1, 1, 0]),
        ([("PERSON", 0, 4), ("PERSON", 5, 10)], 0.9, [1, 1, 1]),
        ([("PERSON", 0, 10), ("PERSON", 20, 25)], 0.9, [1, 2, 1]),
        ([("LOCATION", 0, 10)], 0.5, [1, 0, 0]),
        ([], 0.5, [1, 0, 0]),
    ],
)
def test_what_shares_a_label_counts_together_as_in_presidios_evaluation(given, least, counted):
    counts = quality._count_row([Mark("PERSON", 0, 10)], [Mark(*mark) for mark in given], least)
    assert counts["PERSON"] == counted


def test_a_found_span_over_two_labels_counts_for_both():
    labels = [Mark("PERSON", 0, 10), Mark("PERSON", 20, 30)]
    assert quality._count_row(labels, [Mark("PERSON", 0, 30)], 0.9)["PERSON"] == [2, 2, 0]


def test_the_untyped_figure_asks_only_whether_it_is_personal():
    labels, found = [[Mark("PERSON", 0, 4)]], [[Mark("LOCATION", 0, 4)]]
    counts = quality.count_joined(["Adam"], labels, found, ["LOCATION", "PERSON"], 0.9)
    assert counts.tolist() == [[[0, 1, 0], [1, 0, 0], [1, 1, 0], [1, 1, 1]]]


def test_a_labelled_file_is_measured_and_other_types_are_listed(tmp_path):
    text = "My name is Maria Lopez, age 40."
    spans = [{"type": "PERSON", "start": 11, "end": 22}, {"type": "AGE", "start": 28, "end": 30}]
    result = quality.measure(write(tmp_path / "rows.jsonl", {"text": text, "spans": spans}), None, 10, 0)
    entry = result["systems"]["tunesmith"]["exact"]["PERSON"]
    assert (entry["labels"], entry["found"], entry["right"], entry["f2"][0]) == (1, 1, 1, 1.0)
    assert result["left_out"] == {"AGE": 1}
    assert list(result["systems"]["tunesmith"]) == ["overlap", "exact", "joined", "joined tight"]
    assert result["systems"]["tunesmith"]["joined tight"]["untyped"]["f2"][0] == 1.0
    assert "PERSON" in quality.render(result | {"false_alarms": {}})


def test_a_row_without_labels_says_where_and_how_to_fix(tmp_path):
    with pytest.raises(UsageError, match=r"rows.jsonl:1: not a labelled row\. Give"):
        quality.read_labelled(write(tmp_path / "rows.jsonl", {"text": "a"}))


def test_false_alarms_are_counted_as_rows_are_masked(tmp_path):
    asked = {"instruction": "Who invented the gearbox?", "response": "Karl Jonas"}
    private = {"instruction": "Reply to my customer.", "response": "Dear Maria Lopez, thank you."}
    result = quality.false_alarms(write(tmp_path / "rows.jsonl", asked, private))
    assert result["per_1000"] == {"PERSON": 500.0, "any": 500.0}
