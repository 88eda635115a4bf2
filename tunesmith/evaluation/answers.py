"""Reading answers: the lines of ``eval/SYSTEM/TASK.jsonl``, and which samples several systems have in common."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from tunesmith.errors import DataError, did_you_mean
from tunesmith.evaluation.lines import expected
from tunesmith.evaluation.scorers import is_scored
from tunesmith.evaluation.systems import BASE, BASELINES, TUNED
from tunesmith.files import read_jsonl

Row = dict[str, Any]  # a line of eval/SYSTEM/TASK.jsonl
Answers = Mapping[str, list[Row]]  # task → its lines


def systems_in(eval_dir: Path) -> list[str]:
    """The systems that answered, base and tuned first and baselines last."""
    names = sorted({path.parent.name for path in eval_dir.glob("*/*.jsonl")})
    if not names:
        raise DataError(f"{eval_dir}: no answers in it. Expected SYSTEM/TASK.jsonl; run `tunesmith evaluate` first.")
    return sorted(names, key=lambda name: (name != BASE, name != TUNED, name in BASELINES, name))


def read_answers(folder: Path, tasks: Collection[str] | None = None) -> dict[str, list[Row]]:
    """The lines of a system, by task."""
    rows: dict[str, list[Row]] = {}
    for path in sorted(folder.glob("*.jsonl")):
        for number, row in enumerate(read_jsonl(path), start=1):
            if not {"id", "task", "prediction", "references", "scores"} <= row.keys():
                raise DataError(f"{path}:{number}: not an answer of ours. Move the file away, or evaluate again.")
            if not is_scored(row):
                raise DataError(f"{path}:{number}: scored by an older version of Tunesmith. Evaluate again.")
            rows.setdefault(row["task"], []).append(row)
    if tasks is None and rows:
        return rows
    missing = [task for task in tasks or ("any task",) if task not in rows]
    if missing:
        hint = did_you_mean(missing[0], rows) or " Run `tunesmith evaluate` again."
        raise DataError(f"{folder}: no answers for {missing[0]}.{hint}")
    return {task: rows[task] for task in tasks or ()}


def refuse_unequal_samples(eval_dir: Path, answered: Mapping[str, Answers], *, may_differ: bool = False) -> None:
    """Raise where systems did not answer the same samples in the same order; ``may_differ``: the tasks, not the samples."""
    first, *others = answered
    for system in others:
        both = answered[first].keys() & answered[system].keys()
        for task in sorted(both if may_differ else answered[first].keys() | answered[system].keys()):
            asked, also_asked = (answered[name].get(task, ()) for name in (first, system))
            if [_named_question(row) for row in asked] != [_named_question(row) for row in also_asked]:
                raise DataError(
                    f"{eval_dir}: {first} and {system} did not answer the same samples of {task}. "
                    f"Delete {eval_dir / system} and run `tunesmith evaluate` again."
                )


def _named_question(row: Row) -> tuple[str, list[str]]:
    return row["id"], row["references"]


def common_samples(answered: Mapping[str, Answers]) -> tuple[dict[str, dict[str, list[Row]]], dict[str, int]]:
    """The lines on samples that every system answered, in the order of the first; and how many each has beside them.

    A sample is the same where task, request and references are; one that is asked k times is k samples.
    """
    keyed = {system: {task: _keyed(rows) for task, rows in tasks.items()} for system, tasks in answered.items()}
    first, *others = keyed
    shared = {
        task: [key for key in rows if all(key in keyed[system].get(task, ()) for system in others)]
        for task, rows in keyed[first].items()
    }
    common = {
        system: {task: [tasks[task][key] for key in keys] for task, keys in shared.items() if keys}
        for system, tasks in keyed.items()
    }
    num_common = sum(map(len, shared.values()))
    return common, {system: sum(map(len, tasks.values())) - num_common for system, tasks in answered.items()}


def _keyed(rows: Sequence[Row]) -> dict[tuple[str, int], Row]:
    """The lines by what they were asked, and how often that was asked before."""
    seen: Counter[str] = Counter()
    found: dict[tuple[str, int], Row] = {}
    for row in rows:
        question = json.dumps([row.get("prompt") or row["id"], row["references"], row.get("expected")], sort_keys=True)
        found[question, seen[question]] = row
        seen[question] += 1
    return found


def count_answers(tasks: Answers) -> dict[str, int]:
    """How many answers a system gave, how many were cut short, and how many are empty; a text only scored is no answer."""
    rows = [row for lines in tasks.values() for row in lines if not expected(row, "likelihood")]
    num_cut = sum(row.get("finish_reason") == "length" for row in rows)
    return {"n": len(rows), "num_cut": num_cut, "num_empty": sum(not row["prediction"].strip() for row in rows)}
