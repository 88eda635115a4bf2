"""How fast personal data is found: MB a second and core, beside Presidio, and the worst of 500 adversarial texts.

    python benchmarks/privacy_speed.py FILE.jsonl [--limit 2000] [--presidio PYTHON] [--adversarial] [--json]

Every text of every row of the file is searched with all recognizers on, names included; times are CPU time of one
process, the best of three rounds. ``records`` are the rows as ``data mask`` reads them, each with all of its texts.
``--presidio`` names a Python that has presidio-analyzer: its default recognizers then search the same texts with a blank
spaCy model, in a process of its own. ``--adversarial`` times texts of 100,000 characters made of repeated pieces that
have made pattern matchers hang.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import time
from collections.abc import Callable, Iterable
from typing import Any

from tunesmith.curation.personal_data import record_texts
from tunesmith.curation.sources import read_records
from tunesmith.privacy import find_spans
from tunesmith.privacy.fields import find_in_fields
from tunesmith.privacy.names import find_names
from tunesmith.privacy.recognizers import find_patterns
from tunesmith.privacy.texts import label_of

ROUNDS = 3
LENGTH, NUM_ADVERSARIAL = 100_000, 500
PRESIDIO = """
import json, sys, time
import spacy
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
from presidio_analyzer.nlp_engine import SpacyNlpEngine

class Blank(SpacyNlpEngine):
    def __init__(self):
        super().__init__()
        self.nlp = {"en": spacy.blank("en")}

texts = json.load(sys.stdin)
registry = RecognizerRegistry()
registry.load_predefined_recognizers(languages=["en"])
engine = AnalyzerEngine(registry=registry, nlp_engine=Blank(), supported_languages=["en"])
engine.analyze("warm up 4111 1111 1111 1111", language="en")
begin = time.process_time()
found = sum(len(engine.analyze(text, language="en")) for text in texts)
print(json.dumps({"seconds": time.process_time() - begin, "found": found}))
"""
PIECES = ('1 ', '1', '12 ', '4111 ', '123-', '1.', '1-1', '1:', 'a:', '::', '@', 'a@', 'a.', '@a.', '.a', '(', '((1)', '+', '+1', '+1 ', '+44 20 ', '(0', '(020) ', '0', '00', '0 ', 'x1', '-', '--', '-----BEGIN ', '-----BEGIN PRIVATE KEY-----', '-----END ', 'eyJ', 'eyJaaaaaaaaaa.', 'sk-', 'sk-a1', 'key=', 'key=a1', 'password: ', 'token:a1b2c3d4e5f6g7h8 ', '://', 'a://b:', 'a://b:c@', '\u200b', '1\u200b', '\u200b1 ', '４', '４1', 'é', 'é1', '中', '中1', '号', '路1', '市路', 'ул. ', 'ул. А 1', 'A ', 'Aa ', 'Aa 1 ', '1 Aa ', '1 Aa, ', 'Aa 1, ', '1 Main ', '1 Main Street ', '1 Main St, ', '1 Main Street, Aa, ', 'Street ', 'rue de ', '1 rue de ', 'Via Aa ', 'Calle de la ', 'straße ', 'Astraße 1 ', 'born ', 'born 1', 'DOB: 1/1/1990 ', '1990-01-01 ', 'Jan 1 ', 'GB', 'GB82', 'GB82 ', 'GB82 WEST ', 'DE89 3704 0044 0532 0130 0', 'AB12', '12345678A ', 'ABCDE1234', 'RSSMRA85T10', '"', '"a@', '<', '{', '[', 'at)', 'a (at) b (dot) ', 'a[at]b[dot]c ', '\n', '1\n', '\n1 Aa\n', '\t', '%', '= ', ' ', '  1', ',', '1, ', ',1', '#1 ', 'P.O. Box 1 ', 'Flat 1, ', '0.1', 'ff:', 'ffff.', '1.1.1.', '::1', 'fe80::', '\x00', '😀', 'tel 1', 'phone: 1 ', 'call 12', 'card 4', 'card 4111111111111111 ', '1/', '1/1/19', '+1(', '+ (', 'Mr. ', 'Dr. A. ', 'van der ', 'Anna ', 'Paris ', 'Mr. Smith and ', 'McA', "O'", 'A.B.', 'Inc. ', 'of the ', 'University of ')  # fmt: skip
ALPHABET = '0123456789 .-/()+@:aAbzZ,\n"é中\u200b\uff14'


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--limit", type=int, default=2000, help="rows of the file")
    parser.add_argument("--presidio", metavar="PYTHON", help="a Python with presidio-analyzer")
    parser.add_argument("--adversarial", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    texts = read_texts(options.file, options.limit)
    result = measure(texts)
    result["records"] = measure_records(options.file, options.limit)
    if options.presidio:
        result["presidio"] = measure_presidio(texts, options.presidio)
    if options.adversarial:
        result["adversarial"] = measure_adversarial(adversarial_texts())
    print(json.dumps(result) if options.json else json.dumps(result, indent=2, ensure_ascii=False))


def read_texts(path: str, limit: int) -> list[str]:
    """Every text of more than one word in the first rows of a JSONL file."""
    with open(path, encoding="utf-8") as file:
        rows = [json.loads(line) for line, _ in zip(file, range(limit))]
    return [text for row in rows for text in row.values() if isinstance(text, str) and " " in text]


def measure(texts: list[str]) -> dict[str, Any]:
    """Texts, their size, and MB a second of all together, of the patterns alone and of the names alone."""
    size_mb = size_in_mb(texts)
    speeds = {
        name: size_mb / best_seconds(find, texts)
        for name, find in (("all", find_spans), ("patterns", find_patterns), ("names", find_names))
    }
    return {"num_texts": len(texts), "size_mb": size_mb, "mb_per_second": speeds}


def measure_records(path: str, limit: int) -> dict[str, Any]:
    """Records, the size of their texts, and MB a second with the texts of a record searched together."""
    records, _, _ = read_records(path, require_answer=False)
    named = [list(record_texts(record)) for record in records[:limit]]
    size_mb = size_in_mb(text for record in named for _, text in record)
    return {
        "num_records": len(named),
        "size_mb": size_mb,
        "mb_per_second": size_mb / best_seconds(find_in_record, named),
    }


def find_in_record(named: list[tuple[str, str]]) -> None:
    find_in_fields([text for _, text in named], labels=[label_of(path) for path, _ in named])


def measure_presidio(texts: list[str], python: str) -> dict[str, Any]:
    """The same texts through Presidio."""
    out = subprocess.run([python, "-c", PRESIDIO], input=json.dumps(texts), capture_output=True, text=True, check=True)
    told = json.loads(out.stdout.splitlines()[-1])
    return {"mb_per_second": size_in_mb(texts) / told["seconds"], "found": told["found"]}


def measure_adversarial(texts: Iterable[str]) -> dict[str, Any]:
    """The number of texts, how many took a second or longer, and the ten worst with the piece they repeat."""
    times = sorted(((seconds_of(find_spans, [text]), text[:24]) for text in texts), reverse=True)
    return {"num_texts": len(times), "num_over_1_s": sum(seconds >= 1 for seconds, _ in times), "worst": times[:10]}


def adversarial_texts() -> Iterable[str]:
    """500 texts of 100,000 characters: a piece again and again."""
    rng = random.Random(0)
    pieces = list(dict.fromkeys(PIECES))
    pieces += [one + two for one in pieces[:30] for two in ("1", "-", "Aa ", "\n", "é")]
    while len(pieces) < NUM_ADVERSARIAL:
        pieces.append("".join(rng.choices(ALPHABET, k=rng.randint(2, 30))))
    for piece in pieces[:NUM_ADVERSARIAL]:
        yield (piece * (LENGTH // len(piece) + 1))[:LENGTH]


def best_seconds(find: Callable[[Any], Any], texts: list[Any]) -> float:
    """CPU seconds of the fastest round."""
    return min(seconds_of(find, texts) for _ in range(ROUNDS))


def seconds_of(find: Callable[[Any], Any], texts: Iterable[Any]) -> float:
    """CPU seconds over all texts, or all records."""
    begin = time.process_time()
    for text in texts:
        find(text)
    return time.process_time() - begin


def size_in_mb(texts: Iterable[str]) -> float:
    return sum(len(text.encode("utf-8", "surrogatepass")) for text in texts) / 1e6


if __name__ == "__main__":
    main()
