"""Names found by a model of spaCy, for those who have one: more of them than the tables know, in more than one language.

Off unless a model is named. Needs the extra ``pii-ner`` and the model itself, a package (``en_core_web_md``) or a folder;
nothing is downloaded. A model tells names, not whose business they are: how private the passage is decides the score, as
it does for our own names.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from tunesmith.errors import MissingExtra, UsageError
from tunesmith.privacy.names.tone import Tone, Tones
from tunesmith.privacy.spans import Span

RECOGNIZER = "ner"
# Labels of spaCy's models (OntoNotes and WikiNER), by our types.
TYPES_BY_LABEL = {
    "PERSON": "PERSON", "PER": "PERSON", "GPE": "LOCATION", "LOC": "LOCATION", "FAC": "LOCATION", "ORG": "ORGANIZATION",
}  # fmt: skip
SCORES = {Tone.PRIVATE: 0.8, Tone.PLAIN: 0.7, Tone.NEUTRAL: 0.6, Tone.ENCYCLOPEDIC: 0.4}
UNUSED = ("parser", "tagger", "lemmatizer", "attribute_ruler", "morphologizer", "textcat")
MAX_LENGTH = 100_000
"""Characters read at a time; spaCy refuses a million, and its memory grows with them."""


@lru_cache(maxsize=2)
def load_model(name: str) -> Any:
    """The model, loaded once a process.

    Raises:
        MissingExtra: spaCy is not installed.
        UsageError: there is no such model, or it finds no names.
    """
    try:
        spacy = importlib.import_module("spacy")
    except ImportError:
        raise MissingExtra(f"Finding names with the model `{name}`", "spacy", "pii-ner") from None
    try:
        model = spacy.load(name, exclude=UNUSED)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"ner: spaCy cannot load `{name}` ({str(error).splitlines()[0]}). Install it with: python -m spacy download"
            f" {name}, or name the folder of a model."
        ) from None
    if not {"ner", "entity_ruler"} & set(model.pipe_names):
        raise UsageError(f"ner: the model `{name}` finds no names: its pipeline has neither `ner` nor `entity_ruler`.")
    return model


def find_entities(text: str, name: str, *, setting: Sequence[str] = ()) -> Iterator[Span]:
    """Persons, places and organizations that the model finds. Raises as `load_model` does."""
    model, tones = load_model(name), Tones(text, setting)
    for begin in range(0, len(text), MAX_LENGTH):
        for entity in model(text[begin : begin + MAX_LENGTH]).ents:
            type_ = TYPES_BY_LABEL.get(entity.label_)
            if type_ is not None:
                start, end = begin + entity.start_char, begin + entity.end_char
                yield Span(start, end, type_, SCORES[tones.at(start)], RECOGNIZER)
