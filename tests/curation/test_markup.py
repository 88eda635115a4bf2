"""Residue of web pages, and pages."""

from __future__ import annotations

import pytest

from tunesmith.curation.markup import drop_unclosed_code, has_open_fence, strip_markup
from tunesmith.records import Message, Record


def exchange(question: str, answer: str = "Yes.") -> Record:
    return Record("1", (Message("user", question), Message("assistant", answer)))


RESIDUE = [
    ("Earth&#x27;s crust &amp; mantle", "Earth's crust & mantle"),
    ("It&apos;s &quot;fine&quot;", 'It\'s "fine"'),
    ("AT&amp;amp;T", "AT&T"),
    ("a&nbsp;b", "a b"),
    ("A bad film.<br /><br />Really.", "A bad film.\n\nReally."),
    ("one<br>\ntwo<br>\nthree", "one\ntwo\nthree"),
    ("<p>Learning online is popular.</p>", "Learning online is popular."),
    ("He is <b>very</b> <i>old</i>.", "He is very old."),
    ("&lt;strong&gt;Letters&lt;/strong&gt; to us", "Letters to us"),
    ("See <a href='https://example.org'>the list</a>.", "See the list."),
]
KEPT = [
    "R&D; B&B",
    "if a < b and c > d",
    "H<sub>2</sub>O",
    "?a=1&copy=2",
    "&unknown; &;",
    "Use `&amp;` and `<br>` there.",
    "```\n<p>text</p>\n```",
    "What does <br> do in HTML?",
    "<table><tr><td>1<br>2</td></tr></table>",
    '<div class="x">text</div>',
    "<b>unclosed",
    "Fill the <blank> and <unk>",
    "Which tags are <i>inline</i>?",
    "Bold the last word: it is <b>late</b>",
    "Put it in italics: <i>late</i>",
]


@pytest.mark.parametrize(("text", "clean"), RESIDUE)
def test_residue_of_web_pages_leaves_prose(text, clean):
    cleaned = strip_markup(exchange(text))
    assert cleaned.messages[0].content == clean
    assert strip_markup(cleaned) is cleaned


@pytest.mark.parametrize("text", KEPT)
def test_code_pages_and_what_only_looks_like_markup_stay(text):
    record = exchange(text)
    assert strip_markup(record) is record


def test_a_page_anywhere_in_a_record_keeps_its_markup_everywhere():
    record = exchange("Open the link in a new tab.\n\n<a href='x'>y</a>", "<html><body><a href='x'>y</a></body></html>")
    assert strip_markup(record) is record


def test_what_a_tool_said_is_not_touched_and_references_are():
    record = Record("1", (Message("tool", "a&amp;b"), Message("assistant", "R&amp;B")), references=("R&amp;B",))
    cleaned = strip_markup(record)
    assert [message.content for message in cleaned.messages] == ["a&amp;b", "R&B"]
    assert cleaned.references == ("R&B",)


FENCES = [
    (True, "```\ncode"),
    (True, "Text\n```python\ncode\n```\nand\n```\nmore"),
    (True, "````\n```\ninner\n```"),
    (False, "```\ncode\n```"),
    (False, "````\n```\ninner\n```\n````"),
    (False, "- item\n  ```\n  code\n  ```"),
    (False, "Three backticks (```) open a block."),
    (False, "```code```"),
    (False, "no code"),
]


@pytest.mark.parametrize(("is_open", "text"), FENCES)
def test_a_code_block_that_is_never_closed_is_found(is_open, text):
    assert has_open_fence(text) == is_open
    assert drop_unclosed_code(exchange("q", text)) == ("unclosed_code_fence" if is_open else None)
    assert drop_unclosed_code(exchange(text, "fine")) is None
