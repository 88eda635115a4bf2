"""Basic cleaning, as tables with near-misses."""

from __future__ import annotations

import pytest

from tunesmith.curation.clean import clean_text, drop_bad_order, drop_empty, drop_short, normalize_text
from tunesmith.curation.stages import BASIC, bind_stages
from tunesmith.errors import RecipeError
from tunesmith.records import Message, Record

TEXTS = [
    ("plain", "plain"),
    ("  outer \n\n", "outer"),
    ("a\r\nb\rc", "a\nb\nc"),
    ("a\x0cb\x0bc\x85d", "a\nb\nc\nd"),
    ("e\u0301", "\u00e9"),
    ("a\u200bb\ufeff\u2060", "ab"),
    ("nul\x00 bell\x07 escape\x1b", "nul bell escape"),
    ("tab\tstays", "tab\tstays"),
    ("\n\n    def f():\n        pass\n", "    def f():\n        pass"),
    ("    one line", "one line"),
    (" Paris\nis it", "Paris\nis it"),
    ("\t\n \n  x", "x"),
    ("soft\u00adly inter\u200cnal f\u2061(x) \ufffe", "softly internal f(x)"),
    ("a\u2028b\u2029c", "a\nb\nc"),
    ("\u202aleft\u202c \u2067is\u2069 right", "left is right"),
    ("be kind\U000e0069\U000e0067\U000e006e", "be kind"),
    ("می\u200cروم 👩\u200d💻", "می\u200cروم 👩\u200d💻"),
    ("क्\u200dष", "क्\u200dष"),
    ("\u200fשלום\u200f abc", "\u200fשלום\u200f abc"),
    ("🏴\U000e0067\U000e0062\U000e007f", "🏴\U000e0067\U000e0062\U000e007f"),
    ("\ufb01 ① ²", "\ufb01 ① ²"),
    ("a\u00a0b", "a\u00a0b"),
    ("   ", ""),
    ("", ""),
]


@pytest.mark.parametrize(("text", "clean"), TEXTS)
def test_text_becomes_clean_and_stays_so(text, clean):
    assert clean_text(text) == clean
    assert clean_text(clean) == clean


ENDS = [
    ("less<|endoftext|>", "less"),
    ("less <|im_end|>\n", "less"),
    ("done</s>", "done"),
    ("<s>wrong</s>", "<s>wrong</s>"),
    ("<|endoftext|> is a token", "<|endoftext|> is a token"),
    ("<|endoftext|>", ""),
]


@pytest.mark.parametrize(("answer", "clean"), ENDS)
def test_end_markers_of_other_tools_leave_the_end_of_answers_only(answer, clean):
    record = Record("1", (Message("user", "q<|endoftext|>"), Message("assistant", answer)), references=(answer,))
    cleaned = normalize_text(record)
    assert (cleaned.answer, cleaned.references) == (clean, (clean,))
    assert cleaned.messages[0].content == "q<|endoftext|>"


def test_a_clean_record_is_the_same_object_and_calls_are_not_touched():
    call = {"name": "f", "arguments": {"x": " a\r\n"}}
    record = Record("1", (Message("user", "q"), Message("assistant", "a", reasoning="r", tool_calls=(call,))))
    assert normalize_text(record) is record
    dirty = Record("1", (Message("user", "q"), Message("assistant", "a", reasoning=" r ", tool_calls=(call,))))
    assert normalize_text(dirty) == record


def conversation(*turns: str) -> Record:
    """``u:text`` and so on; ``c`` is an assistant's tool call."""
    roles = {"s": "system", "u": "user", "a": "assistant", "t": "tool"}
    messages = []
    for turn in turns:
        kind, _, text = turn.partition(":")
        call = ({"name": "f", "arguments": {}},) if kind == "c" else ()
        messages.append(Message(roles.get(kind, "assistant"), text, tool_calls=call))
    return Record("1", tuple(messages))


EMPTY = [
    (None, ["u:q", "a:a"]),
    (None, ["s:", "u:q", "a:a"]),
    (None, ["u:q", "c:", "t:", "a:a"]),
    (None, ["u:q", "c:"]),
    (None, ["a:text"]),
    (None, ["u:q"]),
    ("empty_answer", ["u:q", "a:"]),
    ("empty_answer", ["u:q", "a: \n"]),
    ("empty_answer", ["u:", "a:"]),
    ("empty_prompt", ["u:", "a:a"]),
    ("empty_prompt", ["s:", "u: ", "a:a"]),
    ("empty_turn", ["u:q", "a:", "u:q", "a:a"]),
    ("empty_turn", ["s:s", "u:", "a:a"]),
]


@pytest.mark.parametrize(("reason", "turns"), EMPTY)
def test_what_holds_no_words_is_dropped_with_its_reason(reason, turns):
    assert drop_empty(conversation(*turns)) == reason


SHORT = [
    ("short_prompt", ["u:Do it.", "a:a"], 3),
    ("short_prompt", ["u: Fix\n this ", "a:a"], 3),
    ("short_prompt", ["u:", "a:a"], 1),
    (None, ["u:Fix this: wrod", "a:word"], 3),
    (None, ["u:Do it.", "a:a"], 2),
    (None, ["u:请给出三个例子。", "a:a"], 3),
    ("short_prompt", ["u:为什么", "a:a"], 3),
    (None, ["s:Answer briefly.", "u:Why?", "a:a"], 3),
    (None, ["u:Why?", "a:Because it is.", "u:Why?", "a:a"], 3),
    (None, ["a:text"], 3),
]


@pytest.mark.parametrize(("reason", "turns", "least"), SHORT)
def test_a_prompt_of_too_few_words_is_dropped_with_its_reason(reason, turns, least):
    assert drop_short(conversation(*turns), min_prompt_words=least) == reason


def test_short_prompts_are_dropped_below_three_words_and_only_where_a_recipe_says_so():
    assert bind_stages(["drop_short"])[0].settings == {"min_prompt_words": 3}
    assert "drop_short" not in BASIC
    with pytest.raises(RecipeError, match=r"curate\[0\].min_prompt_words: .*greater than or equal to 1"):
        bind_stages([{"use": "drop_short", "min_prompt_words": 0}])


ORDER = [
    (None, ["u:q", "a:a"]),
    (None, ["s:s", "u:q", "a:a", "u:q", "a:a"]),
    (None, ["u:q", "c:", "t:1", "t:2", "a:a"]),
    (None, ["u:q", "c:", "t:1", "c:", "t:2", "a:a"]),
    (None, ["u:q", "c:", "u:stop", "a:a"]),
    (None, ["a:text to continue"]),
    ("system_not_first", ["u:q", "s:s", "a:a"]),
    ("system_not_first", ["s:s", "s:s", "u:q", "a:a"]),
    ("starts_without_user", ["s:s", "a:a"]),
    ("starts_without_user", ["a:a", "u:q", "a:a"]),
    ("starts_without_user", ["s:s"]),
    ("same_role_twice", ["u:q", "u:q", "a:a"]),
    ("same_role_twice", ["u:q", "a:a", "a:a"]),
    ("tool_without_call", ["u:q", "a:a", "t:1", "a:a"]),
    ("tool_without_call", ["u:q", "t:1", "a:a"]),
    ("tool_without_answer", ["u:q", "c:", "t:1", "u:q", "a:a"]),
    ("ends_without_answer", ["u:q", "a:a", "u:q"]),
    ("ends_without_answer", ["u:q", "c:", "t:1"]),
    ("ends_without_answer", ["u:q"]),
]


@pytest.mark.parametrize(("reason", "turns"), ORDER)
def test_roles_out_of_order_are_dropped_with_the_first_breach(reason, turns):
    assert drop_bad_order(conversation(*turns)) == reason
