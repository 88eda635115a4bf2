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

from tunesmith.errors import DataError, ModelError
from tunesmith.evaluation.answer_store import AnswerStore, question_keys
from tunesmith.evaluation.expectations import expectations_of, reference_answers
from tunesmith.evaluation.programs import refuse_unless_allowed
from tunesmith.evaluation.rephrasings import given_variants, join_given
from tunesmith.evaluation.samples import NO_TASK, Sample
from tunesmith.evaluation.scorers import is_scored, with_scores
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
from tunesmith.lm import FAILED, Completion, LanguageModel, NoAnswers, OnAnswer, Sampling
from tunesmith.records import Record, canonical_json, last_request

OVERALL = "overall"
PREDICTION_KEYS = ("prediction", "response", "completion", "output", "answer", "text")


AnswerFunction = Callable[[Sequence[Sample], OnAnswer], list[Completion]]
"""Answers samples, in their order, and may tell each answer as it comes, which is then kept whatever happens."""
PARTIAL = "answers.partial"


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
        tasks[sample.task] += given_variants(sample, record.meta)
    return {task: choose_samples(join_given(tasks[task]), max_samples, seed) for task in sorted(tasks)}


def _sample(record: Record, group: str) -> Sample:
    references, expected = reference_answers(record), expectations_of(record)
    if not references and not expected:
        raise DataError(f"{record.source or record.id}: no answer to compare with. Add one, or leave the row out.")
    family = record.task or group
    task = f"{group}/{record.task}" if group and record.task else family or NO_TASK
    task = f"{OVERALL} (task)" if task == OVERALL else task
    key = str(_own_name(record.meta, ""))
    origin = {"source": record.source, "key": key, "tools": record.tools, "family": family, "group": group}
    return Sample(record.id, record.prompt, references, task, **origin, expected=expected)


def _own_name(row: Mapping[str, Any], default: Any) -> Any:
    return next((row[column] for column in ("id", "key") if isinstance(row.get(column), str | int)), default)


def choose_samples(samples: Sequence[Sample], max_samples: int | None, seed: int) -> list[Sample]:
    """At most so many of the questions, in their order: those with the lowest hash of (seed, id).

    The wordings of one question stay together, and count as one.
    """
    names = [sample.variant_of or f"\n{position}" for position, sample in enumerate(samples)]
    first = {name: sample.variant_of or sample.id for name, sample in zip(names, samples)}
    if max_samples is None or len(first) <= max_samples:
        return list(samples)
    ranks = {name: _digest(f"{seed}\n{identity}") for name, identity in first.items()}
    chosen = set(sorted(ranks, key=ranks.__getitem__)[:max_samples])
    return [sample for name, sample in zip(names, samples) if name in chosen]


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
    run_code: bool = False,
) -> None:
    """Write ``eval/SYSTEM/TASK.jsonl`` for each task: the sample, the prediction, its scores and why it ended.

    A task file is kept when it answers exactly these samples (ids, prompts, references) and was written with the same
    ``sampling`` and ``identity``. Answers are kept as they come, so whatever stops an evaluation, the next one asks only
    what has no answer yet; and only what is new where samples are added or their references change.

    Args:
        on_done: called with n when n more samples are answered, or found answered.
        identity: what decides the answers beside the sampling, e.g. a hash of weights and template.
        run_code: whether answers that are programs may be run.

    Raises:
        UsageError: programs are asked for, and they may not be run.
    """
    refuse_unless_allowed(_plain_questions(samples), run_code)
    folder = Path(eval_dir) / system
    _claim(folder, {"system": system, "identity": identity, "sampling": _plain(asdict(sampling))})
    done, has_answered = on_done or (lambda count: None), False
    with AnswerStore(folder / PARTIAL) as store:
        for task, name in task_file_names(samples).items():
            if _is_answered(folder / name, samples[task]):
                done(len(samples[task]))
                has_answered = True
                continue
            store.answers |= _answers_in(folder / name, task)
            answers = _ask(lm, task, samples[task], sampling, store, done, has_answered=has_answered)
            _write_answers(folder / name, samples[task], answers, run_code=run_code)
    store.remove()


def _plain_questions(samples: Mapping[str, Sequence[Sample]]) -> list[dict[str, Any]]:
    return [{"expected": sample.expected, "source": sample.source} for task in samples.values() for sample in task]


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
    for stale in (*sorted(folder.glob("*.jsonl")), folder / PARTIAL):
        stale.unlink(missing_ok=True)
    write_json(path, description)


def _is_answered(path: Path, samples: Sequence[Sample]) -> bool:
    try:
        rows = read_jsonl(path) if path.is_file() else None
    except DataError:
        return False
    asked = [_plain(sample.to_dict()) for sample in samples]
    return rows is not None and len(rows) == len(asked) and all(map(_answers, rows, asked))


def _answers(row: Mapping[str, Any], sample: Mapping[str, Any]) -> bool:
    is_answer = "prediction" in row and row.get("finish_reason") != FAILED
    return all(row.get(name) == sample[name] for name in sample) and is_answer and is_scored(row)


def _plain(value: dict[str, Any]) -> dict[str, Any]:
    """The value as JSON gives it back: lists for tuples."""
    return {name: list(part) if isinstance(part, tuple) else part for name, part in value.items()}


def _answers_in(path: Path, task: str) -> dict[str, Completion]:
    """The answers in an older file of the task, by the names of their questions; none in a file that is damaged."""
    try:
        rows = [row for row in read_jsonl(path) if _is_answer(row)] if path.is_file() else []
    except DataError:
        return {}
    return dict(zip(question_keys(task, map(_question, rows)), map(_completion, rows), strict=True))


def _is_answer(row: Mapping[str, Any]) -> bool:
    said = isinstance(row.get("prediction"), str) and row.get("finish_reason") not in (None, FAILED)
    return said and {"id", "prompt"} <= row.keys() and not (row.get("expected") or {}).get("likelihood")


def _completion(row: Mapping[str, Any]) -> Completion:
    counts = {name: row.get(name, 0) for name in ("num_prompt_tokens", "num_completion_tokens")}
    return Completion(row["prediction"], row["finish_reason"], **counts)


def _question(row: Mapping[str, Any]) -> dict[str, Any]:
    """What of a line decides its answer, beside the system and the task."""
    is_scored_only = bool((row.get("expected") or {}).get("likelihood"))
    return {name: row.get(name) or None for name in ("id", "prompt", "tools", "variant")} | {"given": is_scored_only}


def _ask(
    lm: LanguageModel | AnswerFunction,
    task: str,
    samples: Sequence[Sample],
    sampling: Sampling,
    store: AnswerStore,
    on_done: Callable[[int], None],
    *,
    has_answered: bool,
) -> list[Completion]:
    """The answers to the samples: those that are kept, and the others asked. ``has_answered``: the system, other tasks."""
    keys = question_keys(task, [_question(_plain(sample.to_dict())) for sample in samples])
    missing = store.missing(keys)
    on_done(len(keys) - len(missing))
    told: set[int] = set()

    def keep(number: int, completion: Completion) -> None:
        if number not in told:
            told.add(number)
            store.add(keys[missing[number]], completion)
            on_done(1)

    try:
        some = [samples[position] for position in missing]
        asked = _answers_of(lm, some, sampling, keep, may_fail=has_answered or bool(store.answers))
    except ModelError as error:
        num_kept = len(keys) - len(store.missing(keys))
        raise ModelError(
            f"{error} {num_kept} of {len(keys)} answers are kept: the same command asks the rest."
        ) from error
    for number, completion in enumerate(asked):
        keep(number, completion)
    answers = store.answers | {keys[place]: completion for place, completion in zip(missing, asked, strict=True)}
    return [answers[key] for key in keys]


def _answers_of(
    lm: LanguageModel | AnswerFunction, samples: Sequence[Sample], sampling: Sampling, keep: OnAnswer, *, may_fail: bool
) -> list[Completion]:
    """``may_fail``: all of these questions, since others were answered."""
    if not samples:
        return []
    tools = [sample.tools for sample in samples] if any(sample.tools for sample in samples) else None
    try:
        if not hasattr(lm, "generate"):
            return lm(samples, keep)
        return lm.generate([sample.prompt for sample in samples], sampling, tools=tools, on_answer=keep)
    except NoAnswers as error:
        if not may_fail:
            raise
        return error.completions


def _write_answers(
    path: Path,
    samples: Sequence[Sample],
    completions: Sequence[Completion],
    names: Sequence[Any] | None = None,
    *,
    run_code: bool = False,
) -> None:
    rows = scored_lines(samples, completions, run_code=run_code)
    for row, name in zip(rows, names or ()):
        row.update({"id": name, "record_id": row["id"]} if name is not None else {})
    write_jsonl(path, rows)


def scored_lines(
    samples: Sequence[Sample], completions: Sequence[Completion], *, run_code: bool = False
) -> list[dict[str, Any]]:
    """The lines of a task: each sample with its answer and the scores of it."""
    answers = [
        {
            **sample.to_dict(),
            "prediction": completion.text,
            "finish_reason": completion.finish_reason,
            **_counted(completion),
        }
        for sample, completion in zip(samples, completions, strict=True)
    ]
    return with_scores(answers, run_code=run_code)


def _counted(completion: Completion) -> dict[str, Any]:
    """The tokens that went in and came out, where they are known; of a text that was only scored, its likelihood; why
    there is no answer, where it failed.
    """
    counts = {
        "num_prompt_tokens": completion.num_prompt_tokens,
        "num_completion_tokens": completion.num_completion_tokens,
    }
    found, row = completion.likelihood, {name: count for name, count in counts.items() if count}
    row |= {"failure": completion.note} if completion.note else {}
    if found is None or not found.num_tokens:
        return row
    return row | {"scores": {"nll": -found.logprob, "num_tokens": found.num_tokens, "num_bytes": found.num_bytes}}


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
    run_code: bool = False,
) -> None:
    """Write ``eval/SYSTEM/TASK.jsonl`` from answers somebody else's model gave, one row per sample.

    A row is joined by its ``id`` or ``key`` (the sample's, or the one its own file has), else by its ``prompt``: the
    text of the last user turn, or the list of messages. The answer is its first of `PREDICTION_KEYS`. The lines written
    carry the row's own name as ``id``, and the record's as ``record_id``.

    Raises:
        DataError: a sample has no prediction, a row fits no sample or two different ones, or a sample has two rows.
        UsageError: the predictions lie where they would be written over; programs are asked for, and may not be run.
    """
    refuse_unless_allowed(_plain_questions(samples), run_code)
    predictions = [_prediction(row) for row in read_rows(predictions_path)]
    joined = _join(predictions, [sample for task in samples.values() for sample in task], str(predictions_path))
    folder = Path(eval_dir) / system
    refuse_overwriting([predictions_path], folder.glob("*.jsonl"))
    _claim(folder, {"system": system, "identity": file_sha256(predictions_path), "sampling": None})
    found = iter(joined)
    for task, name in task_file_names(samples).items():
        mine = [next(found) for _ in samples[task]]
        completions = [Completion(prediction.text, "stop") for prediction in mine]
        names = [prediction.name for prediction in mine]
        _write_answers(folder / name, samples[task], completions, names, run_code=run_code)


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
        for prompt in (canonical_json(last_request(sample.prompt) or ""), _prompt_text(sample)):
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
        raise DataError(
            f"{prediction.source}: fits no sample by `id`, `key` or exact `prompt`; a question without a right "
            "answer is none. Correct or remove it."
        )
    if len({_prompt_text(samples[position]) for position in candidates}) > 1:
        raise DataError(f"{prediction.source}: fits {len(candidates)} different samples. Give `prompt` beside `id`.")
    return candidates
