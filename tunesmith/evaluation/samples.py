"""A question as systems are asked it, with what its answers are held against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tunesmith.records import Message

NO_TASK = "all"


@dataclass(frozen=True)
class Sample:
    """One question with its acceptable answers.

    Attributes:
        id: the record's.
        prompt: the turns before the answer.
        references: the answers that count as right; the first is the record's own.
        task: what its answers are counted under: GROUP/FAMILY for a sample of a group.
        key: the name the row has in its own file (its ``id`` or ``key`` column), or empty.
        family: what the training records call its task, or empty: where baselines and worked examples come from.
        group: the test file it is from; empty for a run's own test split.
        expected: what is asked of the answer beside the references, by kind (see `tunesmith.evaluation.scorers`).
        variant_of: the id of the question this one is a rephrasing of, its own for the original; empty where there are none.
        variant: how it was rephrased: `original`, `formal`, `typos` …; empty where there are no rephrasings.
    """

    id: str
    prompt: tuple[Message, ...]
    references: tuple[str, ...]
    task: str = NO_TASK
    source: str = ""
    key: str = ""
    tools: tuple[Mapping[str, Any], ...] = ()
    family: str = ""
    group: str = ""
    expected: Mapping[str, Any] = field(default_factory=dict)
    variant_of: str = ""
    variant: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The part of a line in ``eval/SYSTEM/TASK.jsonl`` that is known before the answer."""
        row: dict[str, Any] = {"id": self.id, "task": self.task, "source": self.source}
        row |= {"prompt": [turn.to_dict() for turn in self.prompt], "references": list(self.references)}
        optional = {"key": self.key, "tools": [dict(tool) for tool in self.tools], "group": self.group}
        optional |= {"expected": dict(self.expected), "variant_of": self.variant_of, "variant": self.variant}
        return row | {name: value for name, value in optional.items() if value}
