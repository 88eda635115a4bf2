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


def test_a_labelled_file_is_measured_and_other_types_are_listed(tmp_path):
    text = "My name is Maria Lopez, age 40."
    spans = [{"type": "PERSON", "start": 11, "end": 22}, {"type": "AGE", "start": 28, "end": 30}]
    result = quality.measure(write(tmp_path / "rows.jsonl", {"text": text, "spans": spans}), None, 10, 0)
    entry = result["systems"]["tunesmith"]["exact"]["PERSON"]
    assert (entry["labels"], entry["found"], entry["right"], entry["f2"][0]) == (1, 1, 1, 1.0)
    assert result["left_out"] == {"AGE": 1}
    assert "PERSON" in quality.render(result | {"false_alarms": {}})


def test_a_row_without_labels_says_where_and_how_to_fix(tmp_path):
    with pytest.raises(UsageError, match=r"rows.jsonl:1: not a labelled row\. Give"):
        quality.read_labelled(write(tmp_path / "rows.jsonl", {"text": "a"}))


def test_false_alarms_are_counted_as_rows_are_masked(tmp_path):
    asked = {"instruction": "Who invented the gearbox?", "response": "Karl Jonas"}
    private = {"instruction": "Reply to my customer.", "response": "Dear Maria Lopez, thank you."}
    result = quality.false_alarms(write(tmp_path / "rows.jsonl", asked, private))
    assert result["per_1000"] == {"PERSON": 500.0, "any": 500.0}
