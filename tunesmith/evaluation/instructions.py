"""Instruction following: prompt files in IFEval's and IFBench's shape, and the scores of an answer.

A row has ``key``, ``prompt``, ``instruction_id_list`` and ``kwargs`` (one object for each id; null values count as
missing). It becomes a `Sample` without references, with

    expected={"checks": [{"id": "length_constraints:number_words", "kwargs": {"relation": "at least", "num_words": 300}}, …]}

and `score_checks` gives for an answer

    scores   prompt_level_strict, prompt_level_loose      1 where every check is followed, else 0
             inst_level_strict, inst_level_loose          the share of this prompt's checks that are followed
             num_followed_strict, num_followed_loose, num_asked
    details  {"checks": [{"id": …, "strict": bool, "loose": bool, "assumed": {argument: value}}, …]}

A task's instruction-level accuracy is the sum of ``num_followed_…`` over the sum of ``num_asked``, as in the paper (Zhou
et al. 2023, arXiv:2311.07911), and not the mean of the shares. ``assumed`` says what was taken for arguments that the row
does not give; IFEval's checker draws those at random.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tunesmith.checks import BoundCheck, bind_check, follows_loosely
from tunesmith.checks.columns import ARGUMENTS, IDS, checks_of_row
from tunesmith.errors import DataError, UsageError
from tunesmith.evaluation.samples import Sample
from tunesmith.files import Row, read_rows
from tunesmith.records import Message, row_id

COLUMNS = ("key", "prompt", IDS, ARGUMENTS)
CHECK_SCORES = (
    *("prompt_level_strict", "prompt_level_loose", "inst_level_strict", "inst_level_loose"),
    *("num_followed_strict", "num_followed_loose", "num_asked"),
)


def is_instruction_row(row: Mapping[str, Any]) -> bool:
    """Whether a row is one of a prompt file."""
    return row.get(IDS) is not None


def instruction_samples(path: str | Path, *, task: str = "", group: str = "") -> list[Sample]:
    """The prompts of a file, in order; all of them in one task, called after the file where no name is given.

    Raises:
        DataError: a row that cannot be asked or checked, two rows with one key, or no row at all.
    """
    group = group or Path(path).name.split(".")[0]
    samples: dict[str, Sample] = {}
    for row in read_rows(path):
        if not isinstance(row, Row):
            raise DataError(f"{row} Correct the line.")
        sample = _sample(row, task or group, group)
        if sample.key in samples:
            first = samples[sample.key].source
            raise DataError(f"{row.source}: the key {sample.key} is taken by {first}. Give each prompt its own key.")
        samples[sample.key] = sample
    if not samples:
        raise DataError(f"{path}: no prompts in it. A row needs {', '.join(f'`{name}`' for name in COLUMNS)}.")
    return list(samples.values())


def _sample(row: Row, task: str, group: str) -> Sample:
    prompt, key = row.value.get("prompt"), row.value.get("key", row.line)
    if not isinstance(prompt, str) or not prompt.strip():
        raise DataError(f"{row.source}: no prompt in this row. Put the text that is asked under `prompt`.")
    if isinstance(key, bool) or not isinstance(key, str | int):
        raise DataError(f"{row.source}: `key` must be a number or a text, got {type(key).__name__}.")
    return Sample(
        row_id(row.value),
        (Message("user", prompt),),
        references=(),
        task=task,
        source=row.source,
        key=str(key),
        group=group,
        expected={"checks": read_checks(row.value, row.source)},
    )


def read_checks(row: Mapping[str, Any], source: str) -> list[dict[str, Any]]:
    """``[{"id", "kwargs"}]`` from the columns of a row. Raises `DataError` with its place where they cannot be read."""
    try:
        return checks_of_row(row)
    except UsageError as error:
        raise DataError(f"{source}: {error}") from None


def assumed_arguments(samples: Sequence[Sample]) -> str | None:
    """A line that says where checks miss arguments and what stands in for them; None where all are given."""
    found = [
        f"{sample.source}: {bound.id} with {', '.join(f'{name} {bound.arguments[name]!r}' for name in bound.assumed)}"
        for sample in samples
        for bound in (bind_check(check["id"], check["kwargs"]) for check in sample.expected["checks"])
        if bound.assumed
    ]
    if not found:
        return None
    return (
        f"arguments are missing (checks: {len(found)}); IFEval's checker draws them at random, here they are always the same."
        f" The first: {found[0]}."
    )


def score_checks(
    prompt: str, prediction: str, checks: Sequence[Mapping[str, Any]]
) -> tuple[dict[str, float], dict[str, Any]]:
    """``(scores, details)`` of one answer to ``prompt``, see the top of this file.

    Raises:
        UsageError: an unknown check or argument.
    """
    details = [_verdict(bind_check(check["id"], check.get("kwargs")), prompt, prediction) for check in checks]
    strict, loose = ([bool(verdict[way]) for verdict in details] for way in ("strict", "loose"))
    scores = {
        "prompt_level_strict": float(all(strict)),
        "prompt_level_loose": float(all(loose)),
        "inst_level_strict": sum(strict) / len(strict),
        "inst_level_loose": sum(loose) / len(loose),
        "num_followed_strict": sum(strict),
        "num_followed_loose": sum(loose),
        "num_asked": len(details),
    }
    return scores, {"checks": details}


def _verdict(bound: BoundCheck, prompt: str, prediction: str) -> dict[str, Any]:
    strict = bound.follows(prompt, prediction)
    verdict = {"id": bound.id, "strict": strict, "loose": strict or follows_loosely(bound, prompt, prediction)}
    assumed = {name: bound.arguments[name] for name in bound.assumed}
    return {**verdict, "assumed": assumed} if assumed else verdict
