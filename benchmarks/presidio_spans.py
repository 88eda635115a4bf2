"""What Presidio finds in texts, out of the box and without a language model: run by a python that has presidio-analyzer.

    PYTHON benchmarks/presidio_spans.py < texts.json > spans.json

In: a JSON list of texts. Out: for each text a list of {type, start, end, score}. The NLP engine is spaCy's blank English
(a tokenizer, no model, so no names of persons, places and organizations): what its pattern recognizers do alone.
"""

from __future__ import annotations

import json
import sys

import spacy
from presidio_analyzer import AnalyzerEngine
from presidio_analyzer.nlp_engine import SpacyNlpEngine


class BlankEngine(SpacyNlpEngine):
    """An engine with a tokenizer and nothing else."""

    def __init__(self):
        super().__init__()
        self.nlp = {"en": spacy.blank("en")}


def main() -> None:
    """Analyze every text of the list on stdin."""
    analyzer = AnalyzerEngine(nlp_engine=BlankEngine(), supported_languages=["en"])
    found = []
    for text in json.load(sys.stdin):
        results = analyzer.analyze(text, language="en")
        found.append([dict(type=r.entity_type, start=r.start, end=r.end, score=r.score) for r in results])
    json.dump(found, sys.stdout)


main()
