"""Files of questions → samples by task: records with their answers, and what else an answer can be asked for.

    tokens, tags                  a text whose named entities are asked for
    instruction_id_list, kwargs   verifiable instructions (IFEval, IFBench)
    test, entry_point             a program to be finished (HumanEval), or tests of one (MBPP)
    json_schema                   an answer that fits it
    anything `read_records` reads a question and its answer

A column that is a record's task (``category``, ``task`` …) divides a file into tasks.
"""

from __future__ import annotations

import json
import re
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tunesmith.curation.sources import HubDataset, expand_paths, read_records
from tunesmith.errors import DataError, UsageError
from tunesmith.evaluation.entities import OUTSIDE, entities_of, is_tagged, scheme_of
from tunesmith.evaluation.expectations import expectations_of, reference_answers
from tunesmith.evaluation.instructions import assumed_arguments, instruction_samples, is_instruction_row
from tunesmith.evaluation.runner import choose_samples, samples_from_records
from tunesmith.evaluation.samples import Sample
from tunesmith.evaluation.suites import SUITES
from tunesmith.files import Pathlike, Row, read_rows
from tunesmith.progress import Progress
from tunesmith.records import Drop, Message, Record, row_id
from tunesmith.rendering import fewshot

TASK_COLUMNS = ("task", "category")
SUGGESTED_COLUMNS = re.compile(r"columns: \{(.*)\}")
NAMED_COLUMN = re.compile(r"(\w+): (?:\"([^\"]*)\"|([^,\"]+))")


def file_samples(
    paths: Sequence[Pathlike],
    console: Progress,
    *,
    columns: Mapping[str, str] | None = None,
    max_samples: int | None = None,
    seed: int = 0,
) -> dict[str, list[Sample]]:
    """The questions of test files, each file a group: its tasks are called STEM/TASK, or STEM where it names none.

    A file called like a suite goes by STEM_file.

    ``columns`` says what the columns are where they are not recognized.

    Raises:
        UsageError: a file, or a task, is named twice.
        DataError: a file without one question that can be scored, or with one name for two questions of a task.
    """
    _refuse_naming_twice(paths)
    samples: dict[str, list[Sample]] = {}
    for path in map(str, paths):
        group = _group_name(Path(path))
        first = None if columns else _first_row(path)
        if first is not None and is_instruction_row(first):
            found = {group: choose_samples(instruction_samples(path, group=group), max_samples, seed)}
            if (note := assumed_arguments(found[group])) is not None:
                console.warn(note)
        else:
            is_tagged_file = first is not None and is_tagged(first)
            records = _records_of(path, console, columns, is_tagged_file=is_tagged_file)
            found = samples_from_records(records, group=group, max_samples=max_samples, seed=seed)
        for asked in found.values():
            _refuse_one_name_for_two(asked)
        samples |= found
    return samples


def shot_records(
    paths: Sequence[Pathlike],
    tasks: Sequence[Pathlike],
    questions: Mapping[str, Sequence[Sample]],
    console: Progress,
    *,
    columns: Mapping[str, str] | None = None,
) -> list[Record]:
    """Records to take worked examples from: of one file for all the test files, or of one for each of them in order.

    Those that ask what one of the questions asks are left out, and that is told.

    Raises:
        UsageError: a file is one of questions too, or there are neither one nor as many as test files.
    """
    if len(paths) > 1 and len(paths) != len(tasks):
        raise UsageError(f"--shots: {len(paths)} files for {len(tasks)} of --tasks. Give one for all, or one for each.")
    of_questions = {Path(path).resolve() for path in tasks}
    twice = next((path for path in paths if Path(path).resolve() in of_questions), None)
    if twice is not None:
        raise UsageError(
            f"--shots {twice}: holds the questions, and an example must not be one of them. Give another file."
        )
    known = {text for samples in questions.values() for sample in samples for text in _asked(sample.prompt)}
    kept: list[Record] = []
    for path, task in zip(paths, tasks if len(tasks) == len(paths) else [None] * len(paths)):
        first = None if columns else _first_row(str(path))
        found = _records_of(str(path), console, columns, is_tagged_file=first is not None and is_tagged(first))
        others = [record for record in found if known.isdisjoint(_asked(record.messages))]
        if len(others) < len(found):
            num_left_out = len(found) - len(others)
            console.warn(
                f"{path}: {num_left_out:,} of its records left out as examples, for they ask what a question asks."
            )
        family = _group_name(Path(task)) if task is not None else ""
        kept += [replace(record, task=record.task or family) for record in others]
    return kept


def _asked(messages: Sequence[Message]) -> frozenset[str]:
    """What the user says in them, without differences of case and white space."""
    return fewshot.asked(Record("", tuple(messages)))


def _refuse_naming_twice(paths: Sequence[Pathlike]) -> None:
    seen: dict[str, Path] = {}
    for path in map(Path, paths):
        other = seen.setdefault(_group_name(path), path)
        if other is not path and other.resolve() == path.resolve():
            raise UsageError(f"{path}: named twice among the tasks, so its samples would count double. Name it once.")
        if other is not path:
            raise UsageError(f"{path}: gives a task the same name as {other} does. Rename one of the files.")


def _group_name(path: Path) -> str:
    """What the tasks of a file go by: its stem, which is not to be taken for the suite of that name."""
    stem = path.name.split(".")[0]
    return f"{stem}_file" if stem in SUITES.names() else stem


def _refuse_one_name_for_two(samples: Sequence[Sample]) -> None:
    """Rows of one task with the same ``id`` or ``key``: an answer could not be told to belong to one of them."""
    first: dict[str, Sample] = {}
    for sample in samples:
        other = first.setdefault(sample.key, sample)
        if sample.key and other is not sample:
            raise DataError(
                f"{sample.source}: the name {sample.key} (`id` or `key`) is already that of {other.source}. Name each "
                "question differently, or leave the row out."
            )


def _first_row(path: str) -> Mapping[str, Any] | None:
    """The first good row of the files a path stands for, which tells what is asked in them."""
    files = expand_paths(path)
    if isinstance(files, HubDataset):
        return None
    return next((row.value for row in read_rows(files[0]) if isinstance(row, Row)), None)


def _records_of(
    path: str, console: Progress, columns: Mapping[str, str] | None, *, is_tagged_file: bool
) -> list[Record]:
    """The records of one file that can be scored; what cannot is told."""
    if is_tagged_file:
        found, drops = _tagged_records(path)
    else:
        try:
            found, drops, _ = read_records(path, require_answer=False, columns=columns)
        except DataError as error:  # of no use at all; it names columns as a recipe does
            raise DataError(SUGGESTED_COLUMNS.sub(lambda named: _as_flags(named[0]), str(error))) from error
    kept = [record for record in found if _is_scorable(record)]
    lost = [Drop(record.id, record.source, "read", "no_answer", "") for record in found if not _is_scorable(record)]
    drops = [*drops, *lost]
    if not kept:
        raise _nothing_to_score(path, drops)
    if drops:
        reasons = ", ".join(f"{why} {count}" for why, count in Counter(drop.reason for drop in drops).most_common())
        counts = f"{len(kept) + len(drops):,} rows in = {len(kept):,} kept + {len(drops):,} dropped"
        first = min(drops, key=lambda drop: _line_number(drop.source))
        console.warn(f"{path}: {counts} ({reasons}), the first at {first.source}")
    return kept


def _nothing_to_score(path: str, drops: Sequence[Drop]) -> DataError:
    first = min(drops, key=lambda drop: _line_number(drop.source)) if drops else Drop("", path, "read", "", "")
    flags = _as_flags(first.detail) or "--columns output=NAME"
    return DataError(
        f"{path}: none of its {len(drops):,} rows says what a right answer is, so there is nothing to score. "
        f"{first.source}: add the answer (or references, json_schema, tests, instruction_id_list), or say which columns "
        f"hold question and answer: {flags}."
    )


def _as_flags(detail: str) -> str:
    """The column map that a reader suggests, ``columns: {input: a, output: b}``, as it is typed behind a verb."""
    suggested = SUGGESTED_COLUMNS.search(detail)
    pairs = NAMED_COLUMN.findall(suggested[1]) if suggested is not None else []
    return " ".join(f"--columns {shlex.quote(f'{ours}={quoted or plain}')}" for ours, quoted, plain in pairs)


def _is_scorable(record: Record) -> bool:
    return bool(reference_answers(record) or expectations_of(record))


def _line_number(source: str) -> tuple[str, int]:
    path, _, line = source.rpartition(":")
    return path, int(line) if line.isdigit() else 0


# -- named entities ----------------------------------------------------------------------------------------------------


def _tagged_records(path: str) -> tuple[list[Record], list[Drop]]:
    files = expand_paths(path)
    assert not isinstance(files, HubDataset), "only files are looked into"
    rows = [row for file in files for row in read_rows(file)]
    tagged = [row for row in rows if isinstance(row, Row) and is_tagged(row.value)]
    tags = [tag for row in tagged for tag in (*row.value["tags"], OUTSIDE)]
    types, scheme = sorted({tag[2:] for tag in tags if tag != OUTSIDE}), scheme_of(tags)
    drops = [_tagged_drop(row) for row in rows if not (isinstance(row, Row) and is_tagged(row.value))]
    return [_tagged_record(row, types, scheme) for row in tagged], drops


def _tagged_drop(row) -> Drop:
    if isinstance(row, Row):
        return Drop(row_id(row.value), row.source, "read", "no_tags", "no list of tokens with a tag for each.")
    return Drop("", row.source, "read", row.reason, row.detail)


def _tagged_record(row: Row, types: Sequence[str], scheme: str) -> Record:
    tokens, tags = row.value["tokens"], row.value["tags"]
    answer = json.dumps([entity.to_dict() for entity in entities_of(tokens, tags)], ensure_ascii=False)
    question = (
        "List the named entities of the text, in order, as a JSON list of objects with `type` and `text`; [] if there are "
        f"none. Types: {', '.join(types)}.\n\nText: {' '.join(tokens)}"
    )
    task = next((row.value[name] for name in TASK_COLUMNS if isinstance(row.value.get(name), str)), "")
    meta = {**row.value, "types": list(types), "scheme": scheme}
    messages = (Message("user", question), Message("assistant", answer))
    return Record(row_id(row.value), messages, task=task, source=row.source, meta=meta)
