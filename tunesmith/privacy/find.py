"""Find personal data: every recognizer and the names, without overlaps."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from tunesmith.errors import UsageError, did_you_mean
from tunesmith.privacy.names import find_names
from tunesmith.privacy.ner import find_entities
from tunesmith.privacy.recognizers import find_patterns
from tunesmith.privacy.spans import NAMES, TYPES, Span, resolve_overlaps

_NAMES = frozenset(NAMES)


def find_spans(
    text: str,
    *,
    types: Collection[str] | None = None,
    min_score: float = 0.5,
    setting: Sequence[str] = (),
    ner: str | None = None,
) -> list[Span]:
    """What in the text is personal or secret, in order and without overlaps; time grows linearly with the text.

    All types are looked for even where only some are wanted, so that a card number is never taken for a telephone
    number; only names are left out where none is wanted.

    Args:
        types: which to give, of `TYPES`; all by default.
        min_score: spans less sure than this are left out, before overlaps are resolved.
        setting: other texts of the same record; they tell whether a name is private ("Who invented it?", "Ann Lee").
        ner: a model of spaCy that looks for names too (`tunesmith.privacy.ner`).

    Raises:
        UsageError: where a type does not exist, or the model cannot be had.
    """
    if types is not None:
        check_types(types)
    spans = find_patterns(text)
    if types is None or not _NAMES.isdisjoint(types):
        spans += find_names(text, setting=setting)
        if ner is not None:
            spans += find_entities(text, ner, setting=setting)
    if not spans:
        return spans
    kept = resolve_overlaps([span for span in spans if span.score >= min_score])
    return kept if types is None else [span for span in kept if span.type in types]


def check_types(types: Collection[str]) -> None:
    """Make sure that the types exist. Raises `UsageError` with the nearest one."""
    for name in types:
        if name not in TYPES:
            near = did_you_mean(name, TYPES) or f" Use some of: {', '.join(TYPES)}."
            raise UsageError(f"types: there is no type `{name}` of personal data.{near}")
