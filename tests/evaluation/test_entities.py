"""Entities equal seqeval's, tag by tag; and answers in other forms are read as people write them."""

from __future__ import annotations

import json
import random
import warnings

import numpy as np
import pytest
from seqeval.metrics import f1_score, precision_score, recall_score
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import IOB1, IOB2, IOBES, Entities

from tunesmith.evaluation.entities import (
    entities_of,
    lenient_spans,
    read_mentions,
    read_tags,
    scheme_of,
    strict_spans,
)
from tunesmith.evaluation.measurements import measure_task
from tunesmith.evaluation.questions import file_samples
from tunesmith.evaluation.scorers import with_scores
from tunesmith.progress import SilentProgress

SCHEMES = {"IOB1": (IOB1, "IB"), "IOB2": (IOB2, "IB"), "IOBES": (IOBES, "IBES")}
FILES = {"wnut17_test": "IOB2", "wikigold_ner": "IOB1"}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_any_sequence_of_tags_is_read_as_seqeval_reads_it(scheme):
    official, prefixes = SCHEMES[scheme]
    rng = random.Random(scheme)
    choices = ["O", *(f"{prefix}-{kind}" for prefix in prefixes for kind in ("PER", "LOC"))]
    for _ in range(3000):
        tags = [rng.choice(choices) for _ in range(rng.randint(1, 9))]
        assert lenient_spans(tags) == get_entities(tags)
        expected = [(entity.tag, entity.start, entity.end - 1) for entity in Entities([tags], official).entities[0]]
        assert strict_spans(tags, scheme) == expected


@pytest.mark.parametrize("name", FILES)
def test_scores_of_predicted_tags_equal_seqevals(shared, name):
    samples = file_samples([shared / f"data/tasks/{name}.jsonl"], SilentProgress(), max_samples=300)[name]
    gold = [sample.expected["tags"] for sample in samples]
    types = sorted({tag for tags in gold for tag in tags})
    rng = random.Random(0)
    predicted = [[tag if rng.random() < 0.85 else rng.choice(types) for tag in tags] for tags in gold]
    lines = with_scores([{**s.to_dict(), "prediction": " ".join(tags)} for s, tags in zip(samples, predicted)])
    measured = {part.metric.name: part for part in measure_task({"tuned": lines})[0]}
    values = {name: float(part.score(part.rows["tuned"].sum(axis=0))) for name, part in measured.items()}
    official, _ = SCHEMES[FILES[name]]
    assert scheme_of(tag for tags in gold for tag in (*tags, "O")) == FILES[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert values == {
            "entity_f1": pytest.approx(f1_score(gold, predicted), abs=1e-9),
            "entity_precision": pytest.approx(precision_score(gold, predicted), abs=1e-9),
            "entity_recall": pytest.approx(recall_score(gold, predicted), abs=1e-9),
            "entity_f1_strict": pytest.approx(f1_score(gold, predicted, mode="strict", scheme=official), abs=1e-9),
        }
        draw = np.random.default_rng(0).integers(0, 300, 300)
        ours = float(measured["entity_f1"].score(measured["entity_f1"].rows["tuned"][draw].sum(axis=0)))
        assert ours == pytest.approx(f1_score([gold[k] for k in draw], [predicted[k] for k in draw]), abs=1e-9)


@pytest.mark.parametrize("name", FILES)
def test_the_reference_itself_scores_one_in_every_form(shared, name):
    [samples] = file_samples([shared / f"data/tasks/{name}.jsonl"], SilentProgress(), max_samples=100).values()
    forms = [
        lambda entities: json.dumps(entities),
        lambda entities: "Sure!\n```json\n" + json.dumps(entities, indent=1) + "\n```",
        lambda entities: json.dumps([[entity["text"], entity["type"]] for entity in entities]),
        lambda entities: "\n".join(f"- {entity['text']} ({entity['type'].upper()})" for entity in entities) or "none",
    ]
    for form in forms:
        answers = [{**s.to_dict(), "prediction": form(s.expected["entities"])} for s in samples]
        for line in with_scores(answers):
            scores = line["scores"]
            assert scores["entities_right"] == scores["entities_found"] == scores["entities_asked"], line["prediction"]


TYPES = ["LOC", "PER", "creative-work"]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ('[{"type": "LOC", "text": "New York"}]', {("location", "NewYork")}),
        ('{"entities": [{"entity_group": "PER", "word": "Ada"}]}', {("person", "Ada")}),
        ('{"LOC": ["Oslo", "Rome"], "PER": []}', {("location", "Oslo"), ("location", "Rome")}),
        ('{"Oslo": "LOC"}', {("location", "Oslo")}),
        ('[["Oslo", "LOC"], ["PER", "Ada"]]', {("location", "Oslo"), ("person", "Ada")}),
        ("LOC: Oslo, Rome\nPER: none", {("location", "Oslo"), ("location", "Rome")}),
        ("Oslo: LOC", {("location", "Oslo")}),
        ("1. Oslo - Location\n2. Ada \u2013 Person", {("location", "Oslo"), ("person", "Ada")}),
        ("Oslo (LOC), Ada [PER].", {("location", "Oslo"), ("person", "Ada")}),
        ("* **Star Wars** (creative work)", {("creativework", "StarWars")}),
        ("Oslo (LOC)\nOslo (LOC)", {("location", "Oslo")}),
        ("none", set()),
        ("No named entities.", set()),
        ("[]", set()),
        ("", set()),
        ("I like trains.", None),
        ("Oslo is nice: really", None),
        ('[{"text": "Oslo"', None),
    ],
)
def test_mentions_are_read_in_the_usual_forms(answer, expected):
    assert read_mentions(answer, TYPES) == expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("O B-PER O", ["O", "B-PER", "O"]),
        ('["O", "B-PER", "O"]', ["O", "B-PER", "O"]),
        ("I O\nsaw O\nAda B-PER", ["O", "O", "B-PER"]),
        ("I/O\nsaw/O\nAda/B-PER", ["O", "O", "B-PER"]),
        ("O B-PER", ["O", "B-PER", "O"]),
        ("O B-PER O O O", ["O", "B-PER", "O"]),
        ("Ada (PER)", None),
        ("O B-PER maybe", None),
        ("", None),
    ],
)
def test_tags_are_read_one_for_each_token(answer, expected):
    assert read_tags(answer, 3) == expected


def test_bilou_tags_are_iobes_tags_under_other_names():
    tags = ["B-PER", "I-PER", "L-PER", "U-LOC"]
    assert lenient_spans(tags) == strict_spans(tags, scheme_of(tags)) == [("PER", 0, 2), ("LOC", 3, 3)]


def test_an_entity_is_its_tokens():
    [entity] = entities_of(["in", "New", "York"], ["O", "B-LOC", "I-LOC"])
    assert (entity.type, entity.text, entity.start, entity.end) == ("LOC", "New York", 1, 2)


def test_an_answer_in_no_known_form_names_nothing_and_says_so():
    expected = {"entities": [{"type": "LOC", "text": "Oslo"}]}
    [line] = with_scores([{"prediction": "I like trains.", "references": [], "expected": expected}])
    assert line["scores"]["entities_found"] == 0.0 and line["scores"]["entities_asked"] == 1.0
    assert line["details"] == {"entities": "names none in a known form"}
