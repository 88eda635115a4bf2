"""A line of ``eval/SYSTEM/TASK.jsonl`` and what scoring it gives: the one shape every scorer and metric meets in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Line = Mapping[str, Any]  # prediction, references, expected (see `Sample`), and once scored: scores, details


@dataclass(frozen=True)
class Scored:
    """What one scorer found in one answer.

    Attributes:
        scores: column → number, of what applies to the sample; a column that does not apply is absent, never 0.
        details: for reading the sample: which checks failed, why a program was stopped …
    """

    scores: dict[str, float]
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Scorer:
    """Scores the answers it applies to. Whether it does follows from the question alone, never from the answer.

    Attributes:
        applies: whether a line asks for it.
        columns: the columns it gives every line it applies to; one that lacks them is of an older version.
        score: scores of lines of one task that it applies to, in their order.
    """

    applies: Callable[[Line], bool]
    columns: Callable[[Line], Sequence[str]]
    score: Callable[[Sequence[Line]], list[Scored]]


def expected(line: Line, kind: str) -> Any:
    """What is asked of the answer beside references, of one kind; None where nothing is."""
    return (line.get("expected") or {}).get(kind)
