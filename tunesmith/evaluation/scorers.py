"""Scores of the answers of a task: every scorer that a line asks for, and the columns it leaves in the line.

    text        references                 exact and verbatim match, token F1, ROUGE, sentence BLEU and chrF
    numbers     references that end in a number     number_match
    json        a schema, or references in JSON     valid, fits the schema, equals a reference
    entities    tags of tokens           entities right, found, asked for
    checks      verifiable instructions  prompts and instructions followed, strictly and loosely
    programs    tests                    whether the program passes them (only where running it is allowed)

A scorer of another kind is one more entry of `SCORERS`: it says which lines it applies to, and scores them. What a task
then shows of the columns is decided in `tunesmith.evaluation.metrics`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tunesmith.evaluation.entities import ENTITY_COLUMNS, score_entities
from tunesmith.evaluation.instructions import CHECK_SCORES, score_checks
from tunesmith.evaluation.json_answers import json_columns, score_json
from tunesmith.evaluation.lines import Line, Scored, Scorer, expected
from tunesmith.evaluation.number_answers import number_match, references_are_numbers
from tunesmith.evaluation.programs import refuse_unless_allowed, score_programs
from tunesmith.evaluation.texts import TEXT_SCORES, Writing, score_texts


def _score_texts(lines: Sequence[Line]) -> list[Scored]:
    tokenizer = Writing.of([text for line in lines for text in line["references"]]).bleu_tokenizer
    predictions, references = [line["prediction"] for line in lines], [line["references"] for line in lines]
    return list(map(Scored, score_texts(predictions, references, tokenizer)))


def _score_numbers(lines: Sequence[Line]) -> list[Scored]:
    return [Scored({"number_match": number_match(line["prediction"], line["references"])}) for line in lines]


def _score_checks(lines: Sequence[Line]) -> list[Scored]:
    return [Scored(*score_checks(_asked(line), line["prediction"], expected(line, "checks"))) for line in lines]


def _asked(line: Line) -> str:
    """The last user turn, or empty."""
    return next((turn["content"] for turn in reversed(line.get("prompt", ())) if turn["role"] == "user"), "")


def _is_likelihood(line: Line) -> bool:
    return bool(expected(line, "likelihood"))


SCORERS: dict[str, Scorer] = {
    "text": Scorer(
        applies=lambda line: bool(line["references"]) and not _is_likelihood(line),
        columns=lambda line: TEXT_SCORES,
        score=_score_texts,
    ),
    "numbers": Scorer(
        applies=lambda line: not _is_likelihood(line) and references_are_numbers(line["references"]),
        columns=lambda line: ("number_match",),
        score=_score_numbers,
    ),
    "json": Scorer(
        applies=lambda line: not _is_likelihood(line) and bool(json_columns(line)),
        columns=json_columns,
        score=score_json,
    ),
    "entities": Scorer(
        applies=lambda line: expected(line, "entities") is not None,
        columns=lambda line: ENTITY_COLUMNS,
        score=score_entities,
    ),
    "checks": Scorer(
        applies=lambda line: bool(expected(line, "checks")), columns=lambda line: CHECK_SCORES, score=_score_checks
    ),
    "programs": Scorer(
        applies=lambda line: expected(line, "tests") is not None,
        columns=lambda line: ("pass_at_1",),
        score=score_programs,
    ),
}


def score_answers(lines: Sequence[Line], *, run_code: bool = False) -> list[Scored]:
    """What all scorers find in the answers of one task, in the order of the lines.

    Raises:
        UsageError: a line asks for a program, and nobody said with ``run_code`` that it may be run.
    """
    refuse_unless_allowed(lines, run_code)
    found = [Scored({}) for _ in lines]
    for scorer in SCORERS.values():
        asked = [position for position, line in enumerate(lines) if scorer.applies(line)]
        for position, scored in zip(asked, scorer.score([lines[position] for position in asked]) if asked else ()):
            found[position].scores.update(scored.scores)
            found[position].details.update(scored.details)
    return found


def with_scores(lines: Sequence[dict[str, Any]], *, run_code: bool = False) -> list[dict[str, Any]]:
    """The lines with ``scores``, and ``details`` where there are any: what stands in ``eval/SYSTEM/TASK.jsonl``."""
    return [
        {
            **line,
            "scores": found.scores | line.get("scores", {}),
            **({"details": found.details} if found.details else {}),
        }
        for line, found in zip(lines, score_answers(lines, run_code=run_code), strict=True)
    ]


def is_scored(line: Line) -> bool:
    """Whether a line has every score its question asks for; one of an older version may not."""
    scores = line.get("scores")
    return isinstance(scores, dict) and all(
        column in scores for scorer in SCORERS.values() if scorer.applies(line) for column in scorer.columns(line)
    )
