"""Mask the texts of one record: find in all of them, then put placeholders or surrogates there."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tunesmith.privacy.fields import find_in_fields
from tunesmith.privacy.redact import Placeholders, redact
from tunesmith.privacy.spans import Span
from tunesmith.privacy.surrogates import Surrogates
from tunesmith.privacy.texts import label_of

Mode = Literal["placeholder", "surrogate"]


@dataclass(frozen=True)
class Masking:
    """How to mask: the mode, the types (None: all), the least score, the key where the mode is ``surrogate``, and a model
    that finds further names (`tunesmith.privacy.ner`)."""

    mode: Mode = "placeholder"
    types: Collection[str] | None = None
    min_score: float = 0.5
    key: bytes | None = field(default=None, repr=False)
    ner: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A span, the field it stands in, and what was put in its place."""

    field: str
    span: Span
    value: str = field(repr=False)
    fake: str = field(repr=False)

    def to_dict(self) -> dict[str, str | int]:
        """``field, start, end, type``; never the value."""
        return {"field": self.field, "start": self.span.start, "end": self.span.end, "type": self.span.type}


def mask_texts(named: Sequence[tuple[str, str]], masking: Masking) -> tuple[list[str], list[Found]]:
    """The texts of one record, masked, and what was found; ``named`` are (path, text)."""
    texts = [text for _, text in named]
    labels = [label_of(path) for path, _ in named]
    spans = find_in_fields(texts, types=masking.types, min_score=masking.min_score, labels=labels, ner=masking.ner)
    if not any(spans):
        return texts, []
    if masking.mode == "surrogate":
        assert masking.key is not None, "surrogates need a key"
        replace = Surrogates(masking.key).of_record(texts, spans)
    else:
        replace = Placeholders(texts, spans)
    masked, found = [], []
    for (path, text), some in zip(named, spans):
        masked.append(redact(text, some, replace))
        found += [Found(path, s, value := text[s.start : s.end], replace(value, s)) for s in some]
    return masked, found
