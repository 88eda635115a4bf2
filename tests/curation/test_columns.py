"""The explicit column map."""

from __future__ import annotations

import pytest

from tunesmith.curation.columns import check_columns, map_columns
from tunesmith.curation.formats import record_from_row
from tunesmith.errors import RowError, UsageError

ROW = {"text": "good film", "label": 1, "task": "sst2", "extra": "x"}


def test_a_map_of_content_decides_alone_and_keeps_the_rest_apart():
    mapped, rest = map_columns(ROW, {"input": "text", "output": "label"})
    assert mapped == {"input": "good film", "output": 1, "task": "sst2"}
    assert rest == {"extra": "x"}


def test_a_map_of_side_columns_adds_to_what_is_recognized():
    mapped, rest = map_columns({"prompt": "a", "completion": "b", "topic": "t"}, {"task": "topic"})
    assert mapped == {"prompt": "a", "completion": "b", "task": "t"} and rest == {}


def test_a_sentence_may_hold_columns_in_braces():
    columns = {"instruction": "Is this good? {text} ({extra})", "output": "label"}
    name, (record,) = record_from_row(ROW, source="x:1", columns=columns)
    assert [m.content for m in record.messages] == ["Is this good? good film (x)", "1"]
    assert (name, record.task, record.meta) == ("alpaca", "sst2", {})


def test_other_columns_stay_in_meta_also_with_a_map():
    _, (record,) = record_from_row(ROW, source="x:1", columns={"input": "text", "output": "label"})
    assert record.meta == {"extra": "x"}


def test_a_list_of_answers_gives_references():
    row = {"document": "long", "summaries": ["a", "b"], "id": "7"}
    _, (record,) = record_from_row(row, source="x:1", columns={"input": "document", "output": "summaries"})
    assert (record.answer, record.references, record.meta) == ("a", ("a", "b"), {"id": "7"})


@pytest.mark.parametrize("theirs", ["txet", "Is {txet} good?"])
def test_a_column_that_is_not_there_drops_the_row_with_the_nearest_name(theirs):
    with pytest.raises(RowError, match="there is no column `txet` for `input`. Did you mean `text`?") as raised:
        map_columns(ROW, {"input": theirs, "output": "label"})
    assert raised.value.reason == "missing_column"
    _, (drop,) = record_from_row(ROW, source="x:1", columns={"input": theirs})
    assert drop.reason == "missing_column" and drop.source == "x:1"


def test_a_name_that_is_not_ours_is_refused_with_the_nearest():
    with pytest.raises(UsageError, match="columns.outptu: no such column name of ours. Did you mean `output`?"):
        check_columns({"outptu": "label"})
    with pytest.raises(UsageError, match="Use some of: messages, "):
        check_columns({"zzz": "label"})
    check_columns({"input": "a", "tools": "b"})
