"""Real references with answers made from them, and the definitions the scorers are held against."""

from __future__ import annotations

import collections
import json
import random
import re
import string
from pathlib import Path

from tunesmith.evaluation.scorers import with_scores

FILES = {
    "long": ("instructions/dolly_5k.jsonl", "response"),
    "short": ("tasks/nq_open_dev.jsonl", "answer"),
    "many references": ("tasks/e2e_nlg_test.jsonl", "references"),
    "german": ("tasks/multi30k_test2016.jsonl", "de"),
    "labels": ("tasks/sst2_dev.jsonl", "label"),
    "dialogues": ("tasks/dialogsum_test.jsonl", "summaries"),
    "papers": ("tasks/scitldr_test.jsonl", "summaries"),
    "translations": ("tasks/wmt_en_de_opennmt_3k.jsonl", "de"),
}


WRITTEN = {  # answers that people wrote: of two summaries of one text, its title, the same sentence in another language
    "dialogues": lambda row: (row["summaries"][0], row["summaries"][1:]),
    "papers": lambda row: (row["title"], row["summaries"]),
    "translations": lambda row: (row["en"], [row["de"]]),
}


def read_file(shared: Path, name: str, limit: int) -> list[dict]:
    with open(shared / "data" / FILES[name][0], encoding="utf-8") as lines:
        return [json.loads(line) for line, _ in zip(lines, range(limit))]


def read_references(shared: Path, name: str, limit: int = 200) -> list[list[str]]:
    values = [row[FILES[name][1]] for row in read_file(shared, name, limit)]
    return [value if isinstance(value, list) else [value] for value in values]


def written_pairs(shared: Path, name: str, limit: int = 200) -> tuple[list[str], list[list[str]]]:
    """Answers and their references, both as people wrote them."""
    answers, references = zip(*(WRITTEN[name](row) for row in read_file(shared, name, limit)))
    return list(answers), list(references)


def streams(references: list[list[str]]) -> list[list[str | None]]:
    """References as sacrebleu takes them: the first of every sample, then the second …"""
    return [[texts[k] if k < len(texts) else None for texts in references] for k in range(max(map(len, references)))]


def make_predictions(references: list[list[str]], *, keep: float = 0.6, seed: int = 0) -> list[str]:
    """Answers between perfect and useless: words dropped or swapped for others', case changed, now and then empty."""
    rng = random.Random(seed)
    pool = [word for texts in references for word in texts[0].split()]
    return [_spoil(rng.choice(texts), pool, keep, rng) for texts in references]


def _spoil(text: str, pool: list[str], keep: float, rng: random.Random) -> str:
    fate = rng.random()
    if fate < 0.05:
        return ""
    if fate < 0.15:
        return text
    words = [word if rng.random() < keep else rng.choice(pool) for word in text.split() if rng.random() < 0.9]
    return " ".join(words).capitalize() + ("." if fate < 0.4 else "")


# The official evaluate-v2.0.py of SQuAD, its three functions.


def squad_normalize(s):
    def remove_articles(text):
        return re.sub(re.compile(r"\b(a|an|the)\b", re.UNICODE), " ", text)

    def remove_punctuation(text):
        return "".join(ch for ch in text if ch not in set(string.punctuation))

    return " ".join(remove_articles(remove_punctuation(s.lower())).split())


def squad_exact(gold, predicted):
    return int(squad_normalize(gold) == squad_normalize(predicted))


def squad_f1(gold, predicted):
    gold_tokens, predicted_tokens = squad_normalize(gold).split(), squad_normalize(predicted).split()
    num_same = sum((collections.Counter(gold_tokens) & collections.Counter(predicted_tokens)).values())
    if len(gold_tokens) == 0 or len(predicted_tokens) == 0:
        return int(gold_tokens == predicted_tokens)
    if num_same == 0:
        return 0
    precision, recall = num_same / len(predicted_tokens), num_same / len(gold_tokens)
    return (2 * precision * recall) / (precision + recall)


def lines_of(predictions, references, **fields) -> list[dict]:
    """Scored lines of one task, as they stand in ``eval/SYSTEM/TASK.jsonl``."""
    pairs = zip(predictions, references, strict=True)
    return with_scores([{"prediction": text, "references": texts, **fields} for text, texts in pairs])
