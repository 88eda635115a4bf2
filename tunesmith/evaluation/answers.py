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
from tunesmith.lm import FAILED

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


def count_answers(tasks: Answers) -> dict[str, Any]:
    """How many answers a system gave, and of how many that is not the whole truth: a text only scored is no answer.

    ``num_cut`` at the length limit, ``num_empty``; of the empty ones ``num_failed``, which a server did not give (the most
    frequent reason: ``failure``), and ``num_too_long``, to prompts that left no room for one.
    """
    rows = [row for lines in tasks.values() for row in lines if not expected(row, "likelihood")]
    ends = Counter(row.get("finish_reason") for row in rows)
    reasons = Counter(row.get("failure", "") for row in rows if row.get("finish_reason") == FAILED)
    counts = {
        "n": len(rows),
        "num_cut": ends["length"],
        "num_empty": sum(not row["prediction"].strip() for row in rows),
        "num_failed": ends[FAILED],
        "num_too_long": ends["prompt_too_long"],
    }
    return counts | ({"failure": reasons.most_common(1)[0][0]} if reasons else {})


def cautions(summary: Mapping[str, Any]) -> list[str]:
    """A sentence for whatever makes a system score lower than it deserves, with the number of answers."""
    told = []
    for system, found in summary.get("answers", {}).items():
        of, were = f"of {found['n']:,}", "was" if found.get("num_cut") == 1 else "were"
        if found.get("num_failed"):
            told.append(
                f"{system}: {found['num_failed']:,} {of} samples failed and count as wrong ({found['failure'].rstrip('.')}). "
                "The same command asks them again."
            )
        if found.get("num_too_long"):
            told.append(
                f"{system}: {found['num_too_long']:,} {of} prompts were longer than the model's context and count as wrong."
            )
        if found.get("num_cut"):
            told.append(
                f"{system}: {found['num_cut']:,} {of} answers {were} cut at the length limit, so the score may be too low."
            )
    return told


def asked_sentence(asked: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Whether systems were asked alike, in words; None where fewer than two were asked, or it is not known how.

    ``asked``: system → ``template`` (its name; None behind an API), ``template_sha256``, ``stop``, ``num_shots``.
    """
    if len(asked) < 2:
        return None
    ways = {(how["template_sha256"], how["num_shots"]) for how in asked.values()}
    if len(ways) == 1:
        how = next(iter(asked.values()))
        return f"All were asked alike: {_manner_words(how)}."
    told = "; ".join(f"{system} {_manner_words(how)}" for system, how in asked.items())
    hint = "" if TUNED in asked else " To ask all with one template: --template NAME."
    return f"Not all were asked alike: {told}.{hint}"


def _manner_words(how: Mapping[str, Any]) -> str:
    names = {None: "through an API, which applies its own template", "own": "with its own chat template"}
    words = names.get(how["template"], f"with the template {how['template']}")
    shots = how["num_shots"]
    return words + (f" and {shots} worked example{'s' * (shots != 1)}" if shots else "")
