"""Records: identity, round trip, and what counts as the prompt and the answer."""

from __future__ import annotations

import json

import pytest

from tunesmith.errors import RowError
from tunesmith.records import Drop, Message, Record, row_id

CALL = {"name": "weather", "arguments": {"city": "Oslo"}}
TURNS = (
    Message("system", "Be brief."),
    Message("user", "Hot?"),
    Message("assistant", "", reasoning="Look it up.", tool_calls=(CALL,)),
    Message("tool", "12", name="weather"),
    Message("assistant", "No."),
    Message("user", "Thanks."),
)
RECORD = Record("1", TURNS, "chat", "a.jsonl:3", ("0",), ("Nope.",), ({"name": "weather"},), {"lang": "en"})


def test_a_record_read_back_is_the_same_record():
    assert Record.from_dict(json.loads(json.dumps(RECORD.to_dict()))) == RECORD


def test_prompt_and_answer_are_divided_at_the_last_assistant_turn():
    assert RECORD.prompt == TURNS[:4]
    assert RECORD.answer == "No."
    only_asked = Record("2", TURNS[:2])
    assert only_asked.prompt == TURNS[:2]
    assert only_asked.answer is None


def test_a_rewrite_keeps_the_id_and_changes_the_content_hash():
    rewritten = RECORD.with_messages([Message("user", "Cold?"), Message("assistant", "Yes.")])
    assert rewritten.id == RECORD.id
    assert rewritten.content_sha256 != RECORD.content_sha256
    assert Record("9", TURNS, tools=RECORD.tools).content_sha256 == RECORD.content_sha256


def test_ids_depend_on_the_row_and_the_part_but_not_on_the_order_of_its_columns():
    assert row_id({"a": 1, "b": 2}) == row_id({"b": 2, "a": 1})
    assert len({row_id({"a": 1}), row_id({"a": 2}), row_id({"a": 1}, "0"), row_id({"a": 1}, "1")}) == 4
    assert row_id({"text": "\ud800"})


@pytest.mark.parametrize(
    ("row", "reason", "detail"),
    [
        ({"role": "asistant", "content": "x"}, "unknown_role", "Did you mean `assistant`"),
        ({"content": "x"}, "unknown_role", "got None"),
        ({"role": "user", "content": ["x"]}, "content_not_text", "must be text, got list"),
    ],
)
def test_a_message_that_is_none_is_refused_with_a_reason(row, reason, detail):
    with pytest.raises(RowError, match=detail) as caught:
        Message.from_dict(row)
    assert caught.value.reason == reason


def test_a_drop_says_where_and_why():
    row = Drop("1", "a.jsonl:3", "read", "no_answer", "No answer.").to_dict()
    assert list(row) == ["id", "source", "stage", "reason", "detail"]
