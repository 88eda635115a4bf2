"""What curation would do to records nobody has touched."""

from __future__ import annotations

import pytest

from tunesmith.curation import forecast as module
from tunesmith.curation.forecast import Forecast
from tunesmith.curation.pipeline import prepare
from tunesmith.curation.sources import ReadReport, read_source
from tunesmith.recipe import DataSection, Source
from tunesmith.records import Message, Record


def record(number: int, answer: str | None = "It is a number.") -> Record:
    messages = [Message("user", f"What is {number}?")] + ([Message("assistant", answer)] if answer is not None else [])
    return Record(f"id{number}", tuple(messages), source=f"a.jsonl:{number}")


def forecast_of(records) -> Forecast:
    found = Forecast()
    for one in records:
        found.offer(one)
    return found


def test_it_tells_what_would_be_dropped_and_changed_and_where():
    found = forecast_of(
        [record(1), record(2, ""), record(3, "It is a\u200b number. "), record(10, ""), record(4, None)]
    )
    told = found.to_dict()
    assert (told["curate"], told["num_tried"], told["num_dropped"], told["is_whole"]) == ("default", 4, 2, True)
    assert told["stages"] == [
        {"stage": "normalize_text", "num_changed": 1, "reasons": {}},
        {"stage": "drop_empty", "num_changed": 0, "reasons": {"empty_answer": 2}},
    ]
    assert [drop.source for drop in found.drops()] == ["a.jsonl:2", "a.jsonl:10"]


def test_of_many_records_a_part_is_tried(monkeypatch):
    monkeypatch.setattr(module, "SAMPLE_SIZE", 20)
    told = forecast_of(record(k, "" if k % 2 else "Yes.") for k in range(200)).to_dict()
    assert told["num_tried"] == 20 and not told["is_whole"] and 2 < told["num_dropped"] < 18


@pytest.mark.parametrize("name", ["dolly_5k", "alpaca_gpt4_en_demo"])
def test_it_foretells_what_curation_does_before_it_looks_for_duplicates(shared, name):
    path = str(shared / f"data/instructions/{name}.jsonl")
    data = DataSection(sources=[{"path": path}], max_records=600, num_workers=1)
    done = prepare(data, "default")

    told = forecast_of(read_source(Source(path=path), ReadReport(path))).to_dict()
    reasons = {stage["stage"]: stage["reasons"] for stage in told["stages"] if stage["reasons"]}
    dropped = {step["stage"]: step["reasons"] for step in done.funnel if step["reasons"]}
    selected = ("drop_duplicates", "drop_near_duplicates", "max_records")
    assert reasons == {stage: counts for stage, counts in dropped.items() if stage not in selected}
