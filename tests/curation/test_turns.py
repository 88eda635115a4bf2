"""One turn in whatever shape it comes."""

from __future__ import annotations

import json

import pytest

from tunesmith.curation.turns import parse_json, parse_turns, read_tools, read_transcript, read_turns
from tunesmith.errors import RowError
from tunesmith.records import Message

CALL = {"name": "search", "arguments": {"q": "x"}}


def read_one(turn: dict) -> Message:
    return read_turns([turn])[0][0]


TURNS = [
    ({"role": "user", "content": "Hi"}, Message("user", "Hi")),
    ({"from": "human", "value": "Hi"}, Message("user", "Hi")),
    ({"from": "gpt", "value": "Hi"}, Message("assistant", "Hi")),
    ({"role": "developer", "content": "Be kind"}, Message("system", "Be kind")),
    ({"role": "Assistant ", "content": ""}, Message("assistant", "")),
    ({"role": "prompter", "text": "Hi"}, Message("user", "Hi")),
    ({"from": "observation", "value": "7"}, Message("tool", "7")),
    ({"role": "function", "name": "search", "content": "7"}, Message("tool", "7", name="search")),
    ({"role": "user", "name": "Anna", "content": "Hi"}, Message("user", "Hi", name="Anna")),
    ({"role": "user", "content": 42}, Message("user", "42")),
    ({"role": "user", "content": True}, Message("user", "true")),
    ({"role": "assistant", "content": "4", "reasoning_content": "2+2"}, Message("assistant", "4", reasoning="2+2")),
    (
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "input_text", "text": "b"}]},
        Message("user", "a\nb"),
    ),
    ({"role": "user", "content": [{"type": "text", "value": "a"}, "b"]}, Message("user", "a\nb")),
    (
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "a"}]},
        Message("assistant", "a", reasoning="hm"),
    ),
    (
        {"role": "assistant", "content": [{"type": "tool_call", "value": json.dumps(CALL)}]},
        Message("assistant", "", tool_calls=(CALL,)),
    ),
    (
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "search", "input": {"q": "x"}}]},
        Message("assistant", "", tool_calls=({**CALL, "id": "t1"},)),
    ),
    (
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "search", "arguments": '{"q": "x"}'}}],
        },
        Message("assistant", "", tool_calls=({**CALL, "id": "c1"},)),
    ),
    (
        {"role": "assistant", "function_call": {"name": "search", "arguments": "x y"}},
        Message("assistant", "", tool_calls=({"name": "search", "arguments": "x y"},)),
    ),
    ({"from": "function_call", "value": json.dumps(CALL)}, Message("assistant", "", tool_calls=(CALL,))),
    ({"from": "function_call", "value": json.dumps([CALL, CALL])}, Message("assistant", "", tool_calls=(CALL, CALL))),
]


@pytest.mark.parametrize(("turn", "message"), TURNS)
def test_a_turn_of_any_shape_is_the_message_it_means(turn, message):
    assert read_one(turn) == message


BAD_TURNS = [
    (
        "unknown_role",
        {"role": "asistant", "content": "x"},
        "message 1 has the unknown role 'asistant'. Did you mean `assistant`?",
    ),
    ("unknown_role", {"content": "x"}, "unknown role 'None'"),
    ("unknown_role", {"role": 3, "content": "x"}, "unknown role '3'"),
    ("message_not_object", "Hi", "message 1 must be an object"),
    ("content_not_text", {"role": "user"}, "message 1 has no content"),
    ("content_not_text", {"role": "user", "content": None}, "message 1 has no content"),
    ("content_not_text", {"role": "user", "content": {"type": "text", "text": {}}}, "must be text"),
    (
        "unsupported_part",
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]},
        "a part of type 'image_url'",
    ),
    (
        "broken_tool_call",
        {"from": "function_call", "value": "search(x)"},
        "a tool call of message 1 must be an object with a name",
    ),
    (
        "broken_tool_call",
        {"role": "assistant", "content": "", "tool_calls": [{"function": {}}]},
        "must be an object with a name",
    ),
    ("untrained_turn", {"role": "assistant", "content": "x", "weight": 0}, "marked not to be trained on"),
    ("untrained_turn", {"role": "assistant", "content": "x", "train": False}, "marked not to be trained on"),
]


@pytest.mark.parametrize(("reason", "turn", "detail"), BAD_TURNS)
def test_a_turn_that_means_nothing_is_refused_with_its_reason(reason, turn, detail):
    with pytest.raises(RowError, match="(?s)" + detail.replace("?", r"\?").replace("(", r"\(")) as raised:
        read_one(turn)
    assert raised.value.reason == reason


@pytest.mark.parametrize("turns", [[], None, "text", {"role": "user"}])
def test_a_conversation_must_be_a_list_with_a_message(turns):
    with pytest.raises(RowError, match="a list with at least one message"):
        read_turns(turns)


def test_a_call_after_the_assistants_words_joins_them():
    turns = [
        {"from": "human", "value": "?"},
        {"from": "gpt", "value": "Wait."},
        {"from": "function_call", "value": json.dumps(CALL)},
    ]
    messages, _ = read_turns([*turns, {"from": "function_call", "value": json.dumps(CALL)}])
    assert messages == [Message("user", "?"), Message("assistant", "Wait.", tool_calls=(CALL, CALL))]


def test_a_tool_answer_gets_the_name_of_the_tool_it_answers_and_the_rest_of_the_turn_is_kept():
    call = {"id": "c2", "function": {"name": "search", "arguments": "{}"}}
    other = {"id": "c1", "function": {"name": "time", "arguments": "{}"}}
    turns = [
        {"role": "assistant", "tool_calls": [other, call]},
        {"role": "tool", "tool_call_id": "c2", "content": "7", "extra": 1},
    ]
    messages, rest = read_turns(turns)
    assert messages[1] == Message("tool", "7", name="search")
    assert rest == {"1": {"tool_call_id": "c2", "extra": 1}}


def test_tools_become_openai_descriptions_from_a_list_or_its_json_text():
    bare = {"name": "search", "parameters": {}}
    whole = {"type": "function", "function": bare}
    for given in ([bare], [whole], json.dumps([bare]), json.dumps([whole]), bare, [json.dumps(bare)]):
        assert read_tools(given) == (whole,)
    for nothing in (None, "", [], "[]"):
        assert read_tools(nothing) == ()


@pytest.mark.parametrize("given", ["no json", 3, [1], "[1]"])
def test_tools_that_are_none_are_refused(given):
    with pytest.raises(RowError, match="`tools` must be a list of tool descriptions"):
        read_tools(given)


def test_a_human_assistant_transcript_is_read_as_turns():
    text = "\n\nHuman: Hi\n\nthere\n\nAssistant: Hello: you\n\nHuman: Bye\n\nAssistant:"
    said = [("user", "Hi\n\nthere"), ("assistant", "Hello: you"), ("user", "Bye"), ("assistant", "")]
    assert [(m.role, m.content) for m in read_transcript(text)] == said
    assert read_transcript("The Human: a study") is None


@pytest.mark.parametrize("text", ["[1, 2]", '{"a": 1}', "[Laughs] Hello", '["a", "b"]', "{name}"])
def test_text_in_brackets_stays_text_unless_it_is_turns(text):
    assert parse_turns(text) == text
    assert parse_turns('[{"role": "user", "content": "x"}]') == [{"role": "user", "content": "x"}]


def test_only_the_json_text_of_an_object_or_list_is_parsed():
    assert [parse_json(value) for value in ("[1]", "12", "null", "[1", "", None)] == [[1], "12", "null", "[1", "", None]
