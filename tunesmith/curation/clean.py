"""Basic cleaning: text as text should be, and conversations that can be learned from."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from typing import Annotated

from pydantic import Field

from tunesmith.curation.stages import stage
from tunesmith.records import Message, Record

# Controls, and what takes no room: zero-width spaces, soft hyphens, invisible operators, annotations, non-characters.
# Tabs and line ends stay.
NOTHING = (
    "\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u180e\u200b\u2060-\u2064\u206a-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff"
)
LINE_ENDS = "\x0b\x0c\r\x85\u2028\u2029"
JOINERS, DIRECTIONS, TAGS = "\u200c\u200d", "\u200e\u200f\u202a-\u202e\u2066-\u2069", "\U000e0000-\U000e007f"
UNCLEAN = re.compile(f"[{NOTHING}{LINE_ENDS}{JOINERS}{DIRECTIONS}{TAGS}]")
# Joiners shape Persian, Indic scripts and emoji, tags make flags; after a Latin, Greek or Cyrillic letter they do nothing
# but hide a word, and tags after anything but a flag hide whole sentences.
INVISIBLE = re.compile(
    f"[{NOTHING}]|(?<![\u0590-\u1dff\u2190-\ufefc\U00010000-\U000dffff])[{JOINERS}]|(?<![\U0001f3f4{TAGS}])[{TAGS}]+"
)
LINE_END = re.compile(f"\r\n?|[{LINE_ENDS}]")
# Marks of direction mean something only beside a script that runs from right to left.
DIRECTION, RIGHT_TO_LEFT = re.compile(f"[{DIRECTIONS}]"), re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
# Sorting marks takes the square of their number, and text as it should be has 30 in a row at most (UAX 15, section 13).
MANY_MARKS = re.compile(
    "[\u0300-\u036f\u0483-\u0489\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u06d6-\u06ed\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{200}"
)
SPACELESS = re.compile("[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]")
# Written by other tools to tell one tokenizer where to stop; with ours it would be learned as text.
END_MARKERS = ("<|endoftext|>", "<|im_end|>", "<|eot_id|>", "<|end_of_text|>", "<end_of_turn>", "<eos>", "</s>")


@stage("normalize_text", "rewrite")
def normalize_text(record: Record) -> Record:
    """The record with its texts in NFC, with LF line ends and without control or zero-width characters, outer
    whitespace and other tools' end markers. Indentation of a first line stays where more lines follow (code)."""
    messages = tuple(_normalize_message(message) for message in record.messages)
    references = tuple(_strip_end_marker(clean_text(text)) for text in record.references)
    if messages == record.messages and references == record.references:
        return record
    return replace(record, messages=messages, references=references)


@stage("drop_empty", "check")
def drop_empty(record: Record) -> str | None:
    """``empty_answer`` (the last), ``empty_prompt`` (no word before it) or ``empty_turn`` (user or assistant)."""
    empty = [_is_empty(message) for message in record.messages]
    answer = max((k for k, message in enumerate(record.messages) if message.role == "assistant"), default=None)
    if answer is not None and empty[answer]:
        return "empty_answer"
    if record.prompt and all(empty[: len(record.prompt)]):
        return "empty_prompt"
    spoken = [k for k, message in enumerate(record.messages) if message.role in ("user", "assistant")]
    return "empty_turn" if any(empty[k] for k in spoken) else None


@stage("drop_short", "check")
def drop_short(record: Record, *, min_prompt_words: Annotated[int, Field(ge=1)] = 3) -> str | None:
    """``short_prompt`` where all that is said before the answer has fewer words: "Do it." tells nobody what to do.

    Words are runs of characters between white space, and of a script without spaces two characters are one (as most
    words of Chinese have). A text to continue has no prompt and is kept.
    """
    num_words = sum(map(_num_words, (message.content for message in record.prompt)))
    return "short_prompt" if record.prompt and num_words < min_prompt_words else None


@stage("drop_bad_order", "check")
def drop_bad_order(record: Record) -> str | None:
    """The first breach of order: an optional system message, then user and assistant in turn, tool results only after
    tool calls, the assistant last. A lone assistant message (text to continue) is in order."""
    roles = [message.role for message in record.messages]
    turns = roles[1:] if roles[:1] == ["system"] else roles
    if "system" in turns:
        return "system_not_first"
    if turns == ["assistant"] and turns == roles:
        return None
    if turns[:1] != ["user"]:
        return "starts_without_user"
    return _bad_step(record.messages[len(roles) - len(turns) :]) or (
        "ends_without_answer" if turns[-1] != "assistant" else None
    )


def clean_text(text: str) -> str:
    """The text in the form `normalize_text` gives it. One with 200 accents on one letter stays out of NFC."""
    if not text.isascii() and MANY_MARKS.search(text) is None:
        text = unicodedata.normalize("NFC", text)
    if UNCLEAN.search(text):
        text = INVISIBLE.sub("", LINE_END.sub("\n", text))
        text = text if RIGHT_TO_LEFT.search(text) else DIRECTION.sub("", text)
    text = text.rstrip()
    text = re.sub(r"\A[^\S\n]*\n(\s*\n)?", "", text) if text[:1].isspace() else text
    return text if "\n" in text and text[:2].isspace() else text.lstrip()


def _num_words(text: str) -> int:
    return len(text.split()) + (0 if text.isascii() else len(SPACELESS.findall(text)) // 2)


def _normalize_message(message: Message) -> Message:
    content = clean_text(message.content)
    if message.role == "assistant":
        content = _strip_end_marker(content)
    reasoning = clean_text(message.reasoning) if message.reasoning else ""
    is_clean = content == message.content and reasoning == message.reasoning
    return message if is_clean else replace(message, content=content, reasoning=reasoning)


def _strip_end_marker(text: str) -> str:
    for marker in END_MARKERS:
        if text.endswith(marker) and not (marker == "</s>" and "<s>" in text):  # <s> … </s> is struck-through text
            return text.removesuffix(marker).rstrip()
    return text


def _is_empty(message: Message) -> bool:
    return not message.content.strip() and not message.tool_calls


def _bad_step(turns: tuple[Message, ...]) -> str | None:
    for before, after in zip(turns, turns[1:]):
        if after.role == "tool" and before.role != "tool" and not before.tool_calls:
            return "tool_without_call"
        if before.role == "tool" and after.role == "user":
            return "tool_without_answer"
        if before.role == after.role != "tool":
            return "same_role_twice"
    return None
