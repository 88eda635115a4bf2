"""Scoring given answers on one core: processor seconds for a number of them, apart from statistics and from files.

    python benchmarks/scoring.py [--num-answers 100000] [--kinds short,long,labels] [--shared ../shared] [--json]

What is timed is what `tunesmith evaluate --predictions` does between reading and writing (`with_scores`: exact and verbatim
match, F1, ROUGE, sentence BLEU and chrF of each answer) and the rows of the task that its statistics start from
(`measure_task`, corpus BLEU and chrF among them). Answers are made from real references, words dropped or swapped:

    short    Natural Questions, with all their references     2 words
    labels   SST-2                                            1 word
    long     Dolly's answers of 52 to 80 words                about 60 words

With fewer real references than answers, references come again with other answers made from them.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Sequence
from pathlib import Path

from tunesmith.evaluation.measurements import measure_task
from tunesmith.evaluation.scorers import with_scores

FILES = {
    "short": ("tasks/nq_open_dev.jsonl", "answer"),
    "labels": ("tasks/sst2_dev.jsonl", "label"),
    "long": ("instructions/dolly_5k.jsonl", "response"),
}
LONG_WORDS = range(52, 81)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--num-answers", type=int, default=100_000)
    parser.add_argument("--kinds", default=",".join(FILES))
    parser.add_argument("--shared", type=Path, default=Path(__file__).resolve().parents[2] / "shared")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = {kind: measure(kind, options.num_answers, options.shared) for kind in options.kinds.split(",")}
    if options.json:
        print(json.dumps(found))
        return
    for kind, result in found.items():
        print(
            f"{kind:7} {options.num_answers:,} answers of {result['words']:.1f} words: scores {result['score_s']:.1f} s, "
            f"rows of the task {result['measure_s']:.1f} s, together {result['total_s']:.1f} s of processor time"
        )


def measure(kind: str, num_answers: int, shared: Path) -> dict[str, float]:
    """Mean words of an answer, and processor seconds of scoring and of making the rows."""
    references = read_references(kind, shared)
    references = [references[k % len(references)] for k in range(num_answers)]
    answers = spoiled(references)
    lines = [{"prediction": answer, "references": texts} for answer, texts in zip(answers, references)]
    start = time.process_time()
    scored = with_scores(lines)
    between = time.process_time()
    measure_task({"predictions": scored})
    end = time.process_time()
    num_words = sum(len(answer.split()) for answer in answers) / num_answers
    return {"words": num_words, "score_s": between - start, "measure_s": end - between, "total_s": end - start}


def read_references(kind: str, shared: Path) -> list[list[str]]:
    file, column = FILES[kind]
    with open(shared / "data" / file, encoding="utf-8") as rows:
        values = [json.loads(row)[column] for row in rows]
    texts = [value if isinstance(value, list) else [value] for value in values]
    return [part for part in texts if kind != "long" or len(part[0].split()) in LONG_WORDS]


def spoiled(references: Sequence[Sequence[str]], seed: int = 0) -> list[str]:
    """An answer for each: one of its references, some words dropped and some swapped for others'."""
    rng = random.Random(seed)
    pool = [word for texts in references[:5000] for word in texts[0].split()]
    return [
        " ".join(
            word if rng.random() < 0.6 else rng.choice(pool) for word in rng.choice(texts).split() if rng.random() < 0.9
        )
        for texts in references
    ]


if __name__ == "__main__":
    main()
