"""Records with personal data: masked in every text, or left out; the identity of a record stays."""

from __future__ import annotations

import json

import pytest

from tunesmith.curation.personal_data import drop_personal_data, mask_personal_data
from tunesmith.curation.stages import Injected, bind_stages, run_stage
from tunesmith.errors import RecipeError
from tunesmith.records import Message, Record

KEY = b"k" * 32
MAIL, CARD = "anna.weber@acme.org", "4539 5787 6362 1486"


def record(question: str = "q", answer: str = "a", **more) -> Record:
    return Record("id1", (Message("user", question), Message("assistant", answer)), source="a.jsonl:1", **more)


def full() -> Record:
    call = {"name": "send", "arguments": {"to": [MAIL], "note": {"text": f"card {CARD}"}, "count": 3}}
    messages = (
        Message("user", f"Write to {MAIL}"),
        Message("assistant", "", reasoning=f"The card is {CARD}.", tool_calls=(call,)),
        Message("tool", f"sent to {MAIL}", name="send"),
        Message("assistant", f"Sent to {MAIL}."),
    )
    tools = ({"type": "function", "function": {"name": "send", "description": f"e.g. {MAIL}"}},)
    meta = {"context": f"from {MAIL}", "nested": [{"x": MAIL}], "number": 5, "nothing": None}
    return Record("id1", messages, "task", "a.jsonl:1", (), (f"To {MAIL}.",), tools, meta)


def test_every_text_of_a_record_is_masked_and_its_identity_stays():
    before = full()
    after, spans = mask_personal_data(before)
    left = json.dumps({**after.to_dict(), "tools": []})
    assert MAIL not in left and CARD not in left
    assert (after.id, after.source, after.task, after.tools) == (before.id, before.source, before.task, before.tools)
    assert after.messages[1].tool_calls[0]["arguments"] == {
        "to": ["<EMAIL_ADDRESS>"], "note": {"text": "card <CREDIT_CARD>"}, "count": 3
    }  # fmt: skip
    assert after.meta == {
        "context": "from <EMAIL_ADDRESS>", "nested": [{"x": "<EMAIL_ADDRESS>"}], "number": 5, "nothing": None
    }  # fmt: skip
    assert after.references == ("To <EMAIL_ADDRESS>.",) and after.content_sha256 != before.content_sha256
    assert {
        "field": "messages[1].tool_calls[0].arguments.to[0]",
        "start": 0,
        "end": 19,
        "type": "EMAIL_ADDRESS",
    } in spans
    assert {span["field"] for span in spans} >= {
        "messages[0].content",
        "messages[1].reasoning",
        "references[0]",
        "meta.context",
    }


def test_spans_are_places_in_the_text_before():
    before = record(f"Mail {MAIL} now")
    _, (span,) = mask_personal_data(before)
    assert before.messages[0].content[span["start"] : span["end"]] == MAIL and set(span) == {
        "field",
        "start",
        "end",
        "type",
    }


def test_a_record_without_personal_data_is_the_same_object():
    before = record("What is 2 + 2?", "4")
    after, spans = mask_personal_data(before)
    assert after is before and spans == []


def test_the_same_person_is_replaced_alike_in_question_and_answer():
    before = record("My name is Anna Weber. Write to me.", "Dear Anna, ... for ANNA WEBER")
    placeholder, _ = mask_personal_data(before)
    assert [m.content for m in placeholder.messages] == [
        "My name is <PERSON>. Write to me.", "Dear <PERSON>, ... for <PERSON>"
    ]  # fmt: skip
    made, _ = mask_personal_data(before, mode="surrogate", key=KEY)
    first, last = made.messages[0].content.removeprefix("My name is ").removesuffix(". Write to me.").split()
    assert made.messages[1].content == f"Dear {first}, ... for {first.upper()} {last.upper()}"


def test_surrogates_follow_from_the_key():
    before = record(f"Mail {MAIL}")
    one, again, other = (mask_personal_data(before, mode="surrogate", key=key)[0] for key in (KEY, KEY, b"o" * 32))
    assert one == again != other and MAIL not in str(one)


def test_only_the_types_asked_for_are_masked():
    after, _ = mask_personal_data(record(f"{MAIL} and {CARD}"), types=["CREDIT_CARD"])
    assert after.messages[0].content == f"{MAIL} and <CREDIT_CARD>"


@pytest.mark.parametrize(
    "text, types, reason",
    [
        (f"{MAIL}", None, "has_email_address"),
        (f"card {CARD} of {MAIL}", None, "has_email_address"),
        (f"card {CARD} of {MAIL}", ["CREDIT_CARD"], "has_credit_card"),
        ("What is 2 + 2?", None, None),
        (f"{MAIL}", ["CREDIT_CARD"], None),
    ],
)
def test_a_record_is_dropped_for_the_first_type_found(text, types, reason):
    assert drop_personal_data(record(text), types=types) == reason


def test_as_a_stage_it_notes_fields_and_spans_but_no_values():
    (stage,) = bind_stages(
        [{"use": "mask_personal_data", "mode": "surrogate", "types": ["EMAIL_ADDRESS"], "min_score": 0.6}]
    )
    (after,), _, (change,) = run_stage(stage, [record(f"Mail {MAIL}")], Injected(0, KEY))
    assert after.id == "id1" and change["fields"] == ["messages[0].content"] and len(change["spans"]) == 1
    assert MAIL not in json.dumps(change)


@pytest.mark.parametrize(
    "settings", [{"types": ["EMAIL"]}, {"mode": "hide"}, {"min_score": 2}, {"key": "abc"}, {"kind": "x"}]
)
def test_wrong_settings_are_refused(settings):
    with pytest.raises(RecipeError, match=r"curate\[0\]"):
        bind_stages([{"use": "mask_personal_data", **settings}])
