"""Records of a recipe, and examples to train on made from them: the part a preview, a dry run and a run share."""

from __future__ import annotations

import glob
import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from transformers import PreTrainedConfig

from tunesmith.curation.data_folder import read_split
from tunesmith.curation.pipeline import files_of_stages, prepare
from tunesmith.curation.prepared import SPLITS, Prepared
from tunesmith.curation.stages import bind_stages
from tunesmith.errors import DataError, RowError, TrainingError, did_you_mean
from tunesmith.files import Pathlike, read_json, read_jsonl
from tunesmith.model.load import Kind, kind_of, load_tokenizer
from tunesmith.model.support import room_for_text
from tunesmith.privacy.keys import read_key
from tunesmith.progress import Progress
from tunesmith.recipe import Recipe, TrainSection
from tunesmith.records import Drop, Record
from tunesmith.rendering.examples import Ledger, prepare_examples
from tunesmith.rendering.render import render_all
from tunesmith.rendering.templates import ChatTemplate, load_template
from tunesmith.rendering.tokenize import TOO_LONG, Encoded
from tunesmith.run import Run


@dataclass(frozen=True)
class Examples:
    """What is trained and validated on, and the ledgers of both."""

    train: list[Encoded]
    validation: list[Encoded]
    train_ledger: Ledger
    validation_ledger: Ledger

    def ledgers(self) -> dict[str, Any]:
        """The content of ``data/ledger.json``."""
        return {"train": self.train_ledger.to_dict(), "validation": self.validation_ledger.to_dict()}

    def sha256(self) -> str:
        """Hash of every id, flag and task: changes with the data, the template, the tokenizer and the settings of both."""
        digest = hashlib.sha256()
        for example in self.train:
            digest.update(repr((example.input_ids, example.supervised, example.target_ids, example.task)).encode())
        return digest.hexdigest()


def read_data(
    recipe: Recipe, console: Progress, *, outside: Iterable[Pathlike] = (), work: Path | None = None
) -> Prepared:
    """The recipe's records: read, cleaned and split. The key of surrogates, where one is set, must lie ``outside``;
    ``work`` is where to go on after an interruption (see `prepare`). Raises what `prepare` and `check_weights` do."""
    console.say(f"Reading {', '.join(source.path for source in recipe.data.sources)}")
    prepared = prepare(recipe.data, recipe.curate, key=read_key(outside=outside), work=work, console=console)
    for notice in prepared.notices:
        console.notice(notice)
    first, kept = prepared.funnel[0], {split: len(getattr(prepared, split)) for split in SPLITS}
    console.say(f"{first['num_in']:,} rows in = {first['num_kept']:,} kept + {first['num_dropped']:,} dropped")
    tell_losses(prepared, prepared.funnel, console)
    console.say(
        f"{sum(kept.values()):,} records left: " + ", ".join(f"{count:,} {split}" for split, count in kept.items())
    )
    check_weights(recipe.train.task_weights, (record.task for record in prepared.train))
    return prepared


def check_weights(weights: Mapping[str, float], tasks: Iterable[str]) -> None:
    """Raise `TrainingError` where a task is weighed that no training record has."""
    found = set(tasks) if weights else set()
    for task in weights:
        if task not in found:
            named = sorted(found - {""})
            raise TrainingError(
                f"train.task_weights: no training record has the task `{task}`.{did_you_mean(task, named)} "
                + (f"There are: {', '.join(named[:20])}." if named else "The records name no tasks.")
            )


def tell_losses(prepared: Prepared, stages: Sequence[Mapping[str, Any]], console: Progress) -> None:
    """A line for each of these stages of its funnel that dropped something: how many, why, where the first one stands.

    What the recipe leaves out on purpose (``max_records``, weights) is no warning.
    """
    for entry in stages:
        lost = [drop for drop in prepared.drops if drop.stage == entry["stage"]]
        parts = [drop for drop in prepared.drops if drop.stage == f"{entry['stage']}_part"]
        tell = console.say if {drop.reason for drop in lost} <= {"not_chosen"} else console.warn
        if lost:
            of = f"{len(lost):,} of {entry['num_in']:,} {entry['unit']}"
            fix = ". A larger train.max_length keeps them." if any(drop.reason == TOO_LONG for drop in lost) else ""
            tell(f"{entry['stage']}: {of} dropped ({_reasons(lost)}), the first at {lost[0].source}{fix}")
        if parts:
            told = f"{len(parts):,} parts of kept rows dropped ({_reasons(parts)}), the first at {parts[0].source}"
            console.warn(f"{entry['stage']}: {told}")


def saved_data(run: Run) -> Prepared | None:
    """The data of a run that already has it, or None."""
    if not run.ledger_file.is_file():
        return None
    splits = {split: read_split(run.data_dir / f"{split}.jsonl") for split in SPLITS}
    return Prepared(**splits, changes=read_jsonl(run.changes_file), funnel=read_json(run.funnel_file))


def fitting_length(section: TrainSection, context_length: int | None, console: Progress) -> int:
    """The longest example in tokens: what the recipe says, as far as the model has positions for it."""
    if context_length is None or section.max_length <= context_length:
        return section.max_length
    console.notice(
        f"train.max_length is {section.max_length:,}, the model takes {context_length:,}: {context_length:,} is used."
    )
    return context_length


def make_examples(
    recipe: Recipe, prepared: Prepared, tokenizer, template: ChatTemplate, kind: Kind, max_length: int
) -> tuple[Examples, Prepared]:
    """Examples of the training and validation records, and the data without the records that gave none.

    What is dropped here joins the data's drops and, as the stage ``render``, its funnel. Test records are only asked, so
    the length of their answers does not matter: they are dropped when they cannot be rendered.

    Raises:
        TrainingError: nothing is supervised.
        DataError: a split has nothing left.
    """
    settings = {"kind": kind, "max_length": max_length, "over_length": recipe.train.over_length}
    shots = {"num_shots": recipe.template.num_shots, "seed": recipe.train.seed}
    train, train_drops, train_ledger = _with_shots_from_what_is_left(
        prepared.train, tokenizer, template, settings | shots
    )
    pool = _learned(prepared.train, train)
    validation, validation_drops, validation_ledger = prepare_examples(
        prepared.validation, tokenizer, template, **settings, **shots, shot_pool=pool
    )
    drops = {"train": train_drops, "validation": validation_drops, "test": _cannot_be_rendered(prepared.test, template)}
    left = _without(prepared, drops, {"train": train, "validation": validation})
    return Examples(train, validation, train_ledger, validation_ledger), left


def examples_without_weights(recipe: Recipe, console: Progress) -> tuple[Examples, PreTrainedConfig, ChatTemplate, int]:
    """The examples a run would train on, made with the model's tokenizer and config alone; those, the template, and the most
    tokens an example may have."""
    prepared = read_data(recipe, console)
    tokenizer, config = load_tokenizer(recipe.model)
    template = load_template(recipe.template.name, tokenizer=tokenizer, kind=kind_of(config))
    room = room_for_text(recipe.adapter, config, recipe.model.name_or_path)
    max_length = fitting_length(recipe.train, room, console)
    examples, left = make_examples(recipe, prepared, tokenizer, template, kind_of(config), max_length)
    tell_losses(left, left.funnel[-1:], console)
    return examples, config, template, max_length


def _with_shots_from_what_is_left(
    records: Sequence[Record], tokenizer, template: ChatTemplate, settings: dict[str, Any]
) -> tuple[list[Encoded], list[Drop], Ledger]:
    """Training examples whose worked examples all come from records that are trained on.

    Repeated until nothing more is dropped: the run folder holds just these records, and a resumed run must choose the
    same worked examples from them.
    """
    left, drops = records, []
    while True:
        examples, dropped, ledger = prepare_examples(left, tokenizer, template, **settings, shot_pool=left)
        drops += dropped
        kept = _learned(left, examples)
        if settings["num_shots"] == 0 or len(kept) == len(left):
            break
        left = kept
    ledger.num_records, ledger.num_dropped = len(records), len(drops)
    ledger.dropped = dict(Counter(drop.reason for drop in drops).most_common())
    return examples, drops, ledger


def _learned(records: Sequence[Record], examples: Sequence[Encoded]) -> list[Record]:
    """The records something was made of."""
    learned = {example.record_id for example in examples}
    return [record for record in records if record.id in learned]


def _cannot_be_rendered(records: Sequence[Record], template: ChatTemplate) -> list[Drop]:
    results = render_all(records, template, per_turn=True)
    failed = [(record, result) for record, result in zip(records, results, strict=True) if isinstance(result, RowError)]
    drops = [Drop(record.id, record.source, "render", error.reason, error.detail) for record, error in failed]
    mute = [record for record in records if not record.prompt]
    return drops + [
        Drop(r.id, r.source, "render", "no_prompt", "A text without a question cannot be asked.") for r in mute
    ]


def _without(prepared: Prepared, drops: dict[str, list[Drop]], made: dict[str, list[Encoded]]) -> Prepared:
    """The data without the records nothing was made of, each of them accounted for."""
    kept: dict[str, list[Record]] = {}
    lost: list[Drop] = []
    for split in SPLITS:
        learned = {example.record_id for example in made[split]} if split in made else None
        gone = {drop.id for drop in drops[split] if learned is None or drop.id not in learned}
        kept[split] = [record for record in getattr(prepared, split) if record.id not in gone]
        drops[split] = [replace(drop, stage="render") for drop in drops[split]]
        lost += [drop for drop in _one_each(drops[split]) if drop.id in gone]
        if getattr(prepared, split) and not kept[split]:
            raise DataError(
                f"The {split} split has no records left: {_reasons(lost)}. Look at them with `tunesmith preview`; "
                "a larger train.max_length or another template.name may keep them."
            )
    told = set(lost)
    parts = [drop for split in SPLITS for drop in drops[split] if drop not in told]
    total = sum(len(getattr(prepared, split)) for split in SPLITS)
    sizes = {split: len(records) for split, records in kept.items()}
    stage = {"stage": "render", "unit": "records", "num_in": total, "num_out": sum(sizes.values())}
    stage |= {"num_dropped": total - sum(sizes.values()), "reasons": dict(Counter(drop.reason for drop in lost))}
    return Prepared(
        **kept,
        drops=[*prepared.drops, *lost, *parts],
        changes=prepared.changes,
        funnel=[*prepared.funnel, {**stage, "num_dropped_parts": len(parts), **sizes}],
        reports=prepared.reports,
    )


def _one_each(drops: Sequence[Drop]) -> list[Drop]:
    """The first drop of each record: an encoder-decoder's record may lose several turns."""
    return list({(drop.id, drop.source): drop for drop in reversed(drops)}.values())[::-1]


def _reasons(drops: Sequence[Drop]) -> str:
    return ", ".join(f"{reason} {count}" for reason, count in Counter(drop.reason for drop in drops).most_common())


def ledger_line(ledger: Ledger) -> str:
    """The ledger in one line, for a log."""
    share = "n/a" if ledger.supervised_share is None else f"{ledger.supervised_share:.0%}"
    lost = f"{ledger.num_dropped:,} dropped, {ledger.num_answers_cut:,} answers cut"
    stop = "stop token trained" if ledger.stop_token_supervised else "STOP TOKEN NOT TRAINED"
    return f"{ledger.num_examples:,} examples, {ledger.num_tokens:,} tokens ({share} supervised), {lost}, {stop}"


def files_of(prepared: Prepared) -> list[dict[str, Any]]:
    """Path, hash and size of every file that was read."""
    return [dict(file) for report in prepared.reports for file in report.files]


def recipe_inputs(recipe: Recipe) -> list[str]:
    """Every local path the recipe reads, patterns spelled out, so that nothing written can be one of them."""
    asked = recipe.evaluate
    named = [source.path for source in recipe.data.sources] + [*asked.tasks, asked.general, asked.rephrase_with]
    named += [recipe.model.name_or_path, recipe.template.name, *files_of_stages(bind_stages(recipe.curate))]
    paths = [os.path.expanduser(path) for path in named if path is not None]
    return [file for path in paths for file in ([path] if os.path.exists(path) else glob.glob(path, recursive=True))]
