"""Personal data in records: masked where it stands, or the record left out."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import Field

from tunesmith.curation.stages import stage
from tunesmith.privacy.fields import find_in_fields
from tunesmith.privacy.mask import Masking, mask_texts
from tunesmith.privacy.spans import TYPES
from tunesmith.privacy.texts import label_of, texts_in, with_texts
from tunesmith.records import Message, Record

Type = Literal[TYPES]
Score = Annotated[float, Field(ge=0, le=1)]
# Where nobody gives a key: surrogates then hold for this process, and so for one run with one worker.
PROCESS_KEY = secrets.token_bytes(32)


@stage("mask_personal_data", "rewrite")
def mask_personal_data(
    record: Record,
    *,
    mode: Literal["placeholder", "surrogate"] = "placeholder",
    types: list[Type] | None = None,
    min_score: Score = 0.5,
    ner: str | None = None,
    key: bytes | None = None,
) -> tuple[Record, list[dict[str, Any]]]:
    """The record with personal data and secrets replaced, and where they stood (``field, start, end, type``).

    Looked at are the messages (content, reasoning, arguments of tool calls, a speaker's name), the references and every
    text in ``meta``; id, source, task and the descriptions of tools stay. All of them are one text as far as names go: a
    person of the instruction is found, and replaced alike, in the answer. ``ner`` names a model of spaCy that finds
    further names (extra ``pii-ner``).
    """
    named = list(record_texts(record))
    masked, found = mask_texts(named, Masking(mode, types, min_score, key or PROCESS_KEY, ner))
    return (_with_texts(record, iter(masked)), [one.to_dict() for one in found]) if found else (record, [])


@stage("drop_personal_data", "check")
def drop_personal_data(
    record: Record, *, types: list[Type] | None = None, min_score: Score = 0.5, ner: str | None = None
) -> str | None:
    """``has_email_address``, ``has_person`` …: the first type that is found, in the order of `TYPES`."""
    named = list(record_texts(record))
    labels = [label_of(path) for path, _ in named]
    found = find_in_fields([text for _, text in named], types=types, min_score=min_score, labels=labels, ner=ner)
    types_found = {span.type for spans in found for span in spans}
    return next((f"has_{name.lower()}" for name in TYPES if name in types_found), None)


def record_texts(record: Record) -> Iterator[tuple[str, str]]:
    """(path, text) of every text of a record that may hold personal data."""
    for number, message in enumerate(record.messages):
        path = f"messages[{number}]"
        yield f"{path}.content", message.content
        yield f"{path}.reasoning", message.reasoning
        if message.role != "tool":
            yield f"{path}.name", message.name
        for index, call in enumerate(message.tool_calls):
            yield from texts_in(call.get("arguments"), f"{path}.tool_calls[{index}].arguments")
    yield from texts_in(record.references, "references")
    yield from texts_in(record.meta, "meta")


def _with_texts(record: Record, texts: Iterator[str]) -> Record:
    """The record with its texts replaced, in the order of `record_texts`."""
    messages = tuple(_message(message, texts) for message in record.messages)
    references, meta = with_texts(record.references, texts), with_texts(record.meta, texts)
    return replace(record, messages=messages, references=references, meta=meta)


def _message(message: Message, texts: Iterator[str]) -> Message:
    content, reasoning = next(texts), next(texts)
    name = message.name if message.role == "tool" else next(texts)
    calls = tuple(
        {**call, **({"arguments": with_texts(call["arguments"], texts)} if "arguments" in call else {})}
        for call in message.tool_calls
    )
    return replace(message, content=content, reasoning=reasoning, name=name, tool_calls=calls)
