"""Names found by a model, with a double of spaCy's documented interface (``spacy.load``, ``Doc.ents``)."""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from tunesmith.errors import MissingExtra, UsageError
from tunesmith.privacy import find_spans, ner

LABELS = {"Zorvath Quell": "PERSON", "Quell": "PER", "Brumvik": "GPE", "Quellworks": "ORG", "Monday": "DATE"}


@dataclass
class Entity:
    """As ``spacy.tokens.Span``."""

    start_char: int
    end_char: int
    label_: str


class Model:
    """As ``spacy.language.Language``, with a list for a network."""

    pipe_names = ("tok2vec", "ner")

    def __call__(self, text: str) -> SimpleNamespace:
        assert len(text) <= ner.MAX_LENGTH
        names = re.finditer(rf"\b(?:{'|'.join(LABELS)})\b", text)
        return SimpleNamespace(ents=tuple(Entity(*match.span(), LABELS[match[0]]) for match in names))


@pytest.fixture
def spacy(monkeypatch):
    """A module ``spacy`` that knows one model with names and one without."""

    def load(name, exclude=()):
        if name not in ("names", "tagger"):
            raise OSError(f"[E050] Can't find model '{name}'.\nMore lines")
        model = Model()
        model.pipe_names = ("ner",) if name == "names" else ("tagger",)
        return model

    module = SimpleNamespace(load=load)
    real = importlib.import_module
    monkeypatch.setattr(ner.importlib, "import_module", lambda name: module if name == "spacy" else real(name))
    ner.load_model.cache_clear()
    yield module
    ner.load_model.cache_clear()


def found(text: str, **how) -> list[tuple[str, str]]:
    return [(span.type, text[span.start : span.end]) for span in find_spans(text, **how) if span.recognizer == "ner"]


def test_a_model_adds_names_that_no_table_knows(spacy):
    text = "my colleague zorvath: Zorvath Quell of Quellworks called me on Monday."
    assert found(text) == []
    assert found(text, ner="names") == [("PERSON", "Zorvath Quell"), ("ORGANIZATION", "Quellworks")]


def test_names_of_a_model_stay_where_the_passage_is_encyclopedic(spacy):
    text = (
        "Zorvath Quell was a German philosopher of the 18th century. He was born in 1732, studied in 1751 and published"
        " his theory of the empire and its dynasty in 1766."
    )
    assert found(text, ner="names") == []


def test_only_the_types_that_are_asked_for_are_given(spacy):
    assert found("I met Zorvath Quell in Brumvik", ner="names", types=["EMAIL_ADDRESS"]) == []


def test_a_long_text_is_read_in_pieces(spacy):
    text = "my friend " * 12_000 + "Zorvath Quell, my friend"
    spans = list(ner.find_entities(text, "names"))
    assert [(span.type, text[span.start : span.end]) for span in spans] == [("PERSON", "Zorvath Quell")]


def test_without_the_extra_one_line_says_how_to_install_it(monkeypatch):
    ner.load_model.cache_clear()

    def refuse(name):
        raise ImportError(name)

    monkeypatch.setattr(ner.importlib, "import_module", refuse)
    with pytest.raises(MissingExtra, match=r"needs the package `spacy`.*pip install 'tunesmith\[pii-ner\]'"):
        find_spans("Anna", ner="en_core_web_sm")


def test_a_model_that_is_not_there_or_finds_no_names_is_told(spacy):
    with pytest.raises(UsageError, match=r"cannot load `nowhere`.*python -m spacy download nowhere"):
        find_spans("Anna", ner="nowhere")
    with pytest.raises(UsageError, match="`tagger` finds no names"):
        find_spans("Anna", ner="tagger")
