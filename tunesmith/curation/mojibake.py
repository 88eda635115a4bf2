"""Text that was decoded with the wrong encoding: ``CafÃ©`` for ``Café``."""

from __future__ import annotations

import functools
import importlib
import re
from dataclasses import replace
from types import ModuleType

from tunesmith.curation.prose import rewrite_prose
from tunesmith.curation.stages import stage
from tunesmith.records import Message, Record

# The encodings UTF-8 is most often mistaken for.
MISTAKEN_FOR = (
    "latin-1",
    "cp1252",
    "cp1250",
    "cp1251",
    "cp1253",
    "cp1254",
    "cp1257",
    "iso8859-2",
    "mac-roman",
    "cp437",
)
# Such text is its own subject: "What does â€™ mean in my file?"
SUBJECT = re.compile(
    r"mojibake|encoding|utf-?(?:8|16)|unicode|latin-?1|iso.?8859|(?:cp|windows).?125\d|charset|garbled", re.I
)


def _first_two_bytes_misread() -> re.Pattern[str]:
    """A lead byte of UTF-8 and one that continues it, as each of the encodings shows them; or a C1 control character."""
    pairs = []
    for encoding in MISTAKEN_FOR:
        lead, following = (_characters(encoding, *span) for span in ((0xC2, 0xF4), (0x80, 0xBF)))
        pairs.append(f"[{re.escape(lead)}][{re.escape(following)}]")
    return re.compile("|".join([*dict.fromkeys(pairs), "[\x80-\x9f]"]))


def _characters(encoding: str, first: int, last: int) -> str:
    return "".join(bytes([byte]).decode(encoding, "ignore") for byte in range(first, last + 1))


TRIGGER = _first_two_bytes_misread()


@stage("fix_text", "rewrite")
def fix_text(record: Record) -> Record:
    """The record with mojibake undone, line by line, where ftfy is sure of it (Speer 2019).

    Code stays as it is, and so does a record that speaks of encodings. Must come before `normalize_text`, which removes
    the control characters that tell what a text was. Nothing else of ftfy is used: quotes, ligatures and widths stay.
    """
    if not any(TRIGGER.search(text) for text in _texts(record) if not text.isascii()):
        return record
    if any(SUBJECT.search(text) for text in _texts(record)):
        return record
    messages = tuple(_fix_message(message) for message in record.messages)
    references = tuple(fix_mojibake(text) for text in record.references)
    if messages == record.messages and references == record.references:
        return record
    return replace(record, messages=messages, references=references)


def fix_mojibake(text: str) -> str:
    """The text with mojibake undone outside code; the same text where there is none."""
    if text.isascii() or TRIGGER.search(text) is None:
        return text
    return rewrite_prose(text, lambda prose: "\n".join(map(_fix_line, prose.split("\n"))))


def _fix_line(line: str) -> str:
    return line if line.isascii() or TRIGGER.search(line) is None else _ftfy().fix_encoding(line)


def _fix_message(message: Message) -> Message:
    content, reasoning = fix_mojibake(message.content), fix_mojibake(message.reasoning)
    is_right = content == message.content and reasoning == message.reasoning
    return message if is_right else replace(message, content=content, reasoning=reasoning)


def _texts(record: Record) -> list[str]:
    spoken = [text for message in record.messages for text in (message.content, message.reasoning)]
    return [*spoken, *record.references]


@functools.cache
def _ftfy() -> ModuleType:
    # Loaded at the first suspicious line: importing it takes longer than reading most files.
    return importlib.import_module("ftfy")
