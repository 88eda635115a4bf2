"""Asks systems the same questions and keeps their answers: one line per sample, scored, in ``eval/SYSTEM/TASK.jsonl``.

A system is a `LanguageModel` or anything that answers samples (`AnswerFunction`): a baseline is one. What was answered
before is kept, so an evaluation that was killed goes on with the next task file.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tunesmith.errors import DataError
from tunesmith.evaluation.scorers import SAMPLE_METRICS, score_answers
from tunesmith.files import (
    Row,
    file_sha256,
    read_json,
    read_jsonl,
    read_rows,
    refuse_overwriting,
    write_json,
    write_jsonl,
)
from tunesmith.lm import Completion, LanguageModel, Sampling
from tunesmith.records import Message, Record, canonical_json

NO_TASK = "all"
OVERALL = "overall"
PREDICTION_KEYS = ("prediction", "response", "completion", "output", "answer", "text")


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

    def to_dict(self) -> dict[str, Any]:
        """The part of a line in ``eval/SYSTEM/TASK.jsonl`` that is known before the answer."""
        row: dict[str, Any] = {"id": self.id, "task": self.task, "source": self.source}
        row |= {"prompt": [turn.to_dict() for turn in self.prompt], "references": list(self.references)}
        optional = {"key": self.key, "tools": [dict(tool) for tool in self.tools], "group": self.group}
        return row | {name: value for name, value in optional.items() if value}


AnswerFunction = Callable[[Sequence[Sample]], list[Completion]]


def samples_from_records(
    records: Iterable[Record], *, group: str = "", max_samples: int | None = None, seed: int = 0
) -> dict[str, list[Sample]]:
    """The questions of each task, tasks by name, samples in the order of the records; a group's are named after it.

    Where a task has more than ``max_samples``, those with the lowest hash of (seed, id) are taken: adding
    records of another task, or reading them in another order, does not change the choice. Records without a task belong
    to `all`.

    Raises:
        DataError: a record has no answer to compare with.
    """
    tasks: dict[str, list[Sample]] = defaultdict(list)
    for record in records:
        sample = _sample(record, group)
        tasks[sample.task].append(sample)
    return {task: _choose(tasks[task], max_samples, seed) for task in sorted(tasks)}


def _sample(record: Record, group: str) -> Sample:
    if record.answer is None:
        raise DataError(f"{record.source or record.id}: no answer to compare with. Add one, or leave the row out.")
    references = tuple(dict.fromkeys((record.answer, *record.references)))
    family = record.task or group
    task = f"{group}/{record.task}" if group and record.task else family or NO_TASK
    task = f"{OVERALL} (task)" if task == OVERALL else task
    key = str(_own_name(record.meta, ""))
    return Sample(record.id, record.prompt, references, task, record.source, key, record.tools, family, group)


def _own_name(row: Mapping[str, Any], default: Any) -> Any:
    return next((row[column] for column in ("id", "key") if isinstance(row.get(column), str | int)), default)


def _choose(samples: list[Sample], max_samples: int | None, seed: int) -> list[Sample]:
    if max_samples is None or len(samples) <= max_samples:
        return samples
    ranks = [_digest(f"{seed}\n{sample.id}") for sample in samples]
    chosen = sorted(sorted(range(len(samples)), key=ranks.__getitem__)[:max_samples])
    return [samples[position] for position in chosen]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def answer_samples(
    system: str,
    lm: LanguageModel | AnswerFunction,
    samples: Mapping[str, Sequence[Sample]],
    sampling: Sampling,
    eval_dir: str | Path,
    *,
    on_done: Callable[[int], None] | None = None,
    identity: str = "",
) -> None:
    """Write ``eval/SYSTEM/TASK.jsonl`` for each task: the sample, the prediction, its scores and why it ended.

    A task file is kept when it answers exactly these samples (ids, prompts, references) and was written with the same
    ``sampling`` and ``identity``; everything else, a partial file too, is asked again.

    Args:
        on_done: called with n when n more samples are answered, or found answered.
        identity: what decides the answers beside the sampling, e.g. a hash of weights and template.
    """
    folder = Path(eval_dir) / system
    _claim(folder, {"system": system, "identity": identity, "sampling": _plain(asdict(sampling))})
    for task, name in task_file_names(samples).items():
        if _is_answered(folder / name, samples[task]):
            if on_done is not None:
                on_done(len(samples[task]))
            continue
        _write_answers(folder / name, samples[task], _ask(lm, samples[task], sampling, on_done))


def task_file_names(tasks: Iterable[str]) -> dict[str, str]:
    """A file name for each task: its own where that is safe and unlike the others on any system, else with a hash."""
    tasks = list(tasks)
    plain = {task: re.sub(r"[^\w.-]+", "_", task)[:60].lstrip(".") for task in tasks}
    taken = [name.casefold() for name in plain.values()]
    unsafe = {task for task in tasks if plain[task] != task or taken.count(plain[task].casefold()) > 1}
    return {task: f"{plain[task]}-{_digest(task)[:8]}.jsonl" if task in unsafe else f"{task}.jsonl" for task in tasks}


def _claim(folder: Path, description: dict[str, Any]) -> None:
    """Keep the answers in the folder if the system described gave them; otherwise remove them, and note the system."""
    path = folder / "system.json"
    try:
        if path.is_file() and read_json(path) == description:
            return
    except DataError:
        pass  # a damaged description describes nobody
    write_json(path, {})  # nobody's answers until the old ones are gone, should we be killed in between
    for stale in sorted(folder.glob("*.jsonl")):
        stale.unlink()
    write_json(path, description)


def _is_answered(path: Path, samples: Sequence[Sample]) -> bool:
    try:
        rows = read_jsonl(path) if path.is_file() else None
    except DataError:
        return False
    asked = [_plain(sample.to_dict()) for sample in samples]
    return rows is not None and len(rows) == len(asked) and all(map(_answers, rows, asked))


def _answers(row: Mapping[str, Any], sample: Mapping[str, Any]) -> bool:
    is_scored = isinstance(row.get("scores"), Mapping) and row["scores"].keys() >= set(SAMPLE_METRICS)
    return all(row.get(name) == sample[name] for name in sample) and "prediction" in row and is_scored


def _plain(value: dict[str, Any]) -> dict[str, Any]:
    """The value as JSON gives it back: lists for tuples."""
    return {name: list(part) if isinstance(part, tuple) else part for name, part in value.items()}


def _ask(
    lm: LanguageModel | AnswerFunction,
    samples: Sequence[Sample],
    sampling: Sampling,
    on_done: Callable[[int], None] | None,
) -> list[Completion]:
    if hasattr(lm, "generate"):
        tools = [sample.tools for sample in samples] if any(sample.tools for sample in samples) else None
        return lm.generate([sample.prompt for sample in samples], sampling, tools=tools, on_done=on_done)
    completions = lm(samples)
    if on_done is not None:
        on_done(len(samples))
    return completions


def _write_answers(
    path: Path, samples: Sequence[Sample], completions: Sequence[Completion], names: Sequence[Any] | None = None
) -> None:
    scores = score_answers([completion.text for completion in completions], [sample.references for sample in samples])
    rows = [
        {**sample.to_dict(), "prediction": completion.text, "scores": score, "finish_reason": completion.finish_reason}
        for sample, completion, score in zip(samples, completions, scores, strict=True)
    ]
    for row, name in zip(rows, names or ()):
        row.update({"id": name, "record_id": row["id"]} if name is not None else {})
    write_jsonl(path, rows)


# -- answers from a file -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Prediction:
    text: str
    name: str | int | None
    prompt: str | None
    source: str


def score_predictions(
    predictions_path: str | Path,
    samples: Mapping[str, Sequence[Sample]],
    eval_dir: str | Path,
    *,
    system: str = "predictions",
) -> None:
    """Write ``eval/SYSTEM/TASK.jsonl`` from answers somebody else's model gave, one row per sample.

    A row is joined by its ``id`` or ``key`` (the sample's, or the one its own file has), else by its ``prompt``: the
    text of the last user turn, or the list of messages. The answer is its first of `PREDICTION_KEYS`. The lines written
    carry the row's own name as ``id``, and the record's as ``record_id``.

    Raises:
        DataError: a sample has no prediction, a row fits no sample or two different ones, or a sample has two rows.
        UsageError: the predictions lie where they would be written over.
    """
    predictions = [_prediction(row) for row in read_rows(predictions_path)]
    joined = _join(predictions, [sample for task in samples.values() for sample in task], str(predictions_path))
    folder = Path(eval_dir) / system
    refuse_overwriting([predictions_path], folder.glob("*.jsonl"))
    _claim(folder, {"system": system, "identity": file_sha256(predictions_path), "sampling": None})
    found = iter(joined)
    for task, name in task_file_names(samples).items():
        mine = [next(found) for _ in samples[task]]
        completions = [Completion(prediction.text, "stop") for prediction in mine]
        _write_answers(folder / name, samples[task], completions, [prediction.name for prediction in mine])


def _prediction(row: Any) -> _Prediction:
    if not isinstance(row, Row):
        raise DataError(f"{row} Correct the line: every sample needs its prediction.")
    column = next((column for column in PREDICTION_KEYS if column in row.value), None)
    if column is None:
        raise DataError(f"{row.source}: no prediction in this row. Put the answer under `prediction`.")
    if not isinstance(row.value[column], str):
        kind = type(row.value[column]).__name__
        raise DataError(f'{row.source}: `{column}` must be text, got {kind}. Write an empty answer as "".')
    name, prompt = _own_name(row.value, None), row.value.get("prompt")
    return _Prediction(row.value[column], name, canonical_json(prompt) if prompt is not None else None, row.source)


def _join(predictions: Sequence[_Prediction], samples: Sequence[Sample], path: str) -> list[_Prediction]:
    index = _index(samples)
    joined: dict[int, _Prediction] = {}
    for prediction in predictions:
        candidates = _candidates(prediction, index, samples)
        free = [position for position in candidates if position not in joined]
        if not free:
            first = joined[candidates[0]].source
            raise DataError(f"{prediction.source}: a second prediction for the sample that {first} answers. Keep one.")
        joined[free[0]] = prediction
    missing = [sample for position, sample in enumerate(samples) if position not in joined]
    if missing:
        which = f"{len(missing)} of {len(samples)} samples, the first of them {missing[0].source or missing[0].id}"
        raise DataError(f"{path}: no prediction for {which}. Add a row for each.")
    return [joined[position] for position in range(len(samples))]


_Index = Mapping[tuple[str, str], list[int]]


def _index(samples: Sequence[Sample]) -> _Index:
    """Positions of the samples that go by a name or by a prompt."""
    index: dict[tuple[str, str], list[int]] = defaultdict(list)
    for position, sample in enumerate(samples):
        for name in sorted({sample.id, sample.key} - {""}):
            index["name", name].append(position)
        last_user = next((turn.content for turn in reversed(sample.prompt) if turn.role == "user"), "")
        for prompt in (canonical_json(last_user), _prompt_text(sample)):
            index["prompt", prompt].append(position)
    return index


def _prompt_text(sample: Sample) -> str:
    return canonical_json([turn.to_dict() for turn in sample.prompt])


def _candidates(prediction: _Prediction, index: _Index, samples: Sequence[Sample]) -> list[int]:
    by_prompt = index.get(("prompt", prediction.prompt or ""), [])
    by_name = index.get(("name", str(prediction.name)), []) if prediction.name is not None else []
    both = [position for position in by_name if position in by_prompt]
    candidates = both or by_name or by_prompt
    if not candidates:
        raise DataError(f"{prediction.source}: fits no sample by `id`, `key` or exact `prompt`. Correct or remove it.")
    if len({_prompt_text(samples[position]) for position in candidates}) > 1:
        raise DataError(f"{prediction.source}: fits {len(candidates)} different samples. Give `prompt` beside `id`.")
    return candidates
