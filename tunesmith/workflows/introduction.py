"""What a run's folder tells of what its model can be asked, for the first lines of a conversation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from tunesmith.errors import TunesmithError
from tunesmith.evaluation.runner import task_file_names
from tunesmith.files import Row, read_json, read_rows
from tunesmith.run import Run

NUM_LOOKED_AT, NUM_EXAMPLES, LONGEST_EXAMPLE = 2_000, 3, 100


@dataclass(frozen=True)
class Introduction:
    """What the model of a run was taught.

    ``tasks`` are those of its training records, the most frequent first. ``examples`` are requests of its test, one of
    each of the trained tasks it did best. ``is_single_turn`` says that it never saw a second request.
    """

    tasks: tuple[str, ...]
    examples: tuple[str, ...]
    is_single_turn: bool


def introduce(target: str) -> Introduction | None:
    """What is known of the model that ``target`` names, from its run's first 2,000 training records and its answers.

    None where it is no run, or its files cannot be read: a conversation needs none of this.
    """
    run = Run(target)
    if not run.exists():
        return None
    try:
        rows = [row.value for row in islice(read_rows(run.train_file), NUM_LOOKED_AT) if isinstance(row, Row)]
        tasks = Counter(row["task"] for row in rows if row["task"])
        single = all(sum(turn["role"] == "user" for turn in row["messages"]) == 1 for row in rows)
        names = tuple(task for task, _ in tasks.most_common())
        return Introduction(names, _examples(run, names), single and bool(rows))
    except (TunesmithError, KeyError, TypeError):
        return None


def _examples(run: Run, trained: Sequence[str]) -> tuple[str, ...]:
    """Requests that fit on a line, of different tasks; a test file's task is STEM/TASK."""
    if not run.summary_file.is_file():
        return ()
    summary = read_json(run.summary_file)
    files = task_file_names(summary["tasks"])
    found: dict[str, str] = {}
    for task in sorted(summary["tasks"], key=lambda task: -_score(summary, task)):
        if task.rpartition("/")[2] not in trained:
            continue
        rows = read_rows(run.eval_dir / "tuned" / files[task])
        requests = [_request(row.value) for row in rows if isinstance(row, Row)]
        found.setdefault(task.rpartition("/")[2], next(filter(None, requests), ""))
    return tuple(filter(None, found.values()))[:NUM_EXAMPLES]


def _score(summary: Mapping[str, Any], task: str) -> float:
    """What the tuned model reached in a task, in the metric of the headline; -1 where that is not defined."""
    value = summary["tasks"][task]["metrics"].get(summary["primary_metric"], {}).get("tuned", {}).get("value")
    return -1.0 if value is None else value


def _request(row: Mapping[str, Any]) -> str:
    """The one request of a sample where a person could type it, else nothing."""
    texts = [turn["content"] for turn in row["prompt"]]
    return texts[0] if len(texts) == 1 and "\n" not in texts[0] and len(texts[0]) <= LONGEST_EXAMPLE else ""
