"""Records far longer or shorter than others: by limits that are set, or by how far they stand from the rest."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Annotated

from pydantic import Field

from tunesmith.curation.stages import stage
from tunesmith.records import Drop, Record

Limit = Annotated[int, Field(ge=0)]


@stage("drop_lengths", "check")
def drop_lengths(
    record: Record,
    *,
    min_prompt_characters: Limit = 0,
    max_prompt_characters: Limit = 200_000,
    min_answer_characters: Limit = 0,
    max_answer_characters: Limit = 100_000,
) -> str | None:
    """``short_prompt``, ``long_prompt``, ``short_answer`` or ``long_answer``, counted in characters.

    A prompt is all that is said before the last answer; a text to continue has none. The usual limit is `max_length`,
    in tokens, at training; these are for what should not be there at all, such as a whole book in one field.
    """
    if record.prompt:
        num_characters = sum(len(message.content) for message in record.prompt)
        if not min_prompt_characters <= num_characters <= max_prompt_characters:
            return "short_prompt" if num_characters < min_prompt_characters else "long_prompt"
    num_characters = len(record.answer or "")
    if record.answer is None or min_answer_characters <= num_characters <= max_answer_characters:
        return None
    return "short_answer" if num_characters < min_answer_characters else "long_answer"


@stage("drop_length_outliers", "select")
def drop_length_outliers(
    records: Sequence[Record], *, max_deviations: Annotated[float, Field(gt=0)] = 5.0
) -> Iterator[Record | Drop]:
    """Drop records much longer than others of their task: ``long_outlier``.

    The logarithm of a record's characters is compared with the median of its task (at least 50 records, else of all), in
    units of 1.4826 times the median absolute deviation, which outliers cannot move (Leys et al. 2013) and which is not
    taken below 0.1. Short ones stay: a label is a good answer.
    """
    sizes: dict[str, array[float]] = {}
    everything = array("d")
    for record in records:
        size = _log_size(record)
        everything.append(size)
        sizes.setdefault(record.task, array("d")).append(size)
    limits = {
        task: _limit(values if len(values) >= 50 else everything, max_deviations) for task, values in sizes.items()
    }
    for record in records:
        if _log_size(record) <= limits[record.task]:
            yield record
        else:
            detail = f"more than {math.exp(limits[record.task]):,.0f} characters, the most others of its task lead to expect."
            yield Drop(record.id, record.source, "drop_length_outliers", "long_outlier", detail)


def _log_size(record: Record) -> float:
    return math.log1p(sum(len(message.content) for message in record.messages))


def _limit(values: array[float], max_deviations: float) -> float:
    middle = median(values)
    spread = 1.4826 * median(abs(value - middle) for value in values)
    return middle + max_deviations * max(spread, 0.1)
