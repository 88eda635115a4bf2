"""Exact duplicates, and when two prompts are the same question."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterator, Sequence

from tunesmith.curation.stages import stage
from tunesmith.records import Drop, Message, Record, canonical_json


@stage("drop_duplicates", "select")
def drop_duplicates(records: Sequence[Record]) -> Iterator[Record | Drop]:
    """Keep the first of records that say the same to the letter, white space aside; the drop names where it is."""
    first: dict[bytes, str] = {}
    for record in records:
        key = content_key(record)
        if key in first:
            yield Drop(record.id, record.source, "drop_duplicates", "duplicate", f"says the same as {first[key]}.")
        else:
            first[key] = record.source
            yield record


def content_key(record: Record) -> bytes:
    """Digest of prompt, answer and tools, with every run of whitespace taken as one space."""
    said = [(m.role, " ".join(m.content.split()), " ".join(m.reasoning.split()), m.tool_calls) for m in record.messages]
    return _digest(canonical_json([said, record.tools]))


def prompt_key(record: Record) -> bytes:
    """Digest of the question, case, accents, punctuation and spacing aside; of the text where there is no question."""
    return _digest("\n".join(f"{m.role}:{_bare(m)}" for m in record.prompt or record.messages))


def _bare(message: Message) -> str:
    """Letters and digits, folded; the text itself where it holds none ("+", "?"), so that such prompts stay apart."""
    folded = unicodedata.normalize("NFKD", message.content).casefold()
    return "".join(character for character in folded if character.isalnum()) or message.content.strip()


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16]
