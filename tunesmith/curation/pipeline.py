"""The way from sources to a run folder's data: read → stages → choose → split → mix, every record accounted for."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tunesmith.curation import clean, dedup  # noqa: F401  (they file their stages)
from tunesmith.curation.card import write_card
from tunesmith.curation.dedup import prompt_key
from tunesmith.curation.mix import choose, repeat_by_weight
from tunesmith.curation.sources import ReadReport, read_source
from tunesmith.curation.split import HELD_OUT, split_records
from tunesmith.curation.stages import bind_stages, run_stage
from tunesmith.errors import DataError
from tunesmith.files import Pathlike, read_jsonl, refuse_overwriting, write_json, write_jsonl
from tunesmith.recipe import DataSection
from tunesmith.records import Drop, Record

SPLITS = ("train", "validation", "test")


@dataclass
class Prepared:
    """Records ready to be rendered, and what became of all others.

    Attributes:
        train, validation, test: the splits; a record weighted above 1 stands in ``train`` several times.
        drops: every row, part or record that was left out, in the order of the stages.
        changes: ``{id, source, stage, fields}`` of every rewritten record.
        funnel: one entry per stage: read, the curation stages, max_records, split, mix.
        reports: one per source.
    """

    train: list[Record] = field(default_factory=list)
    validation: list[Record] = field(default_factory=list)
    test: list[Record] = field(default_factory=list)
    drops: list[Drop] = field(default_factory=list)
    changes: list[dict[str, Any]] = field(default_factory=list)
    funnel: list[dict[str, Any]] = field(default_factory=list)
    reports: list[ReadReport] = field(default_factory=list)

    @property
    def notices(self) -> list[str]:
        """What a person should know before training on it, a line each."""
        return [line for report in self.reports for line in report.notices]


def prepare(data: DataSection, curate: str | Sequence[str | Mapping[str, Any]] = "basic") -> Prepared:
    """Read, clean, choose, split and mix the records of a recipe.

    Duplicates go before the split. Sources with a ``split`` fill that split alone: the fraction of the same name is
    then not taken from the others. What a held-out source asks is dropped everywhere else (``held_out_prompt``).

    Raises:
        DataError: a source that cannot be read or has no good row, nothing left after a stage, a split without records.
        RecipeError: a stage or setting that does not exist.
    """
    stages = bind_stages(curate)
    prepared = Prepared()
    records, origin = _read(data, prepared)
    for bound in stages:
        kept, drops, changes = run_stage(bound, records, seed=data.seed)
        _note(prepared, bound.stage.name, records, kept, drops)
        prepared.changes += changes
        records = kept
    records = _limit(prepared, records, data)
    _split(prepared, records, data, origin)
    _mix(prepared, data, origin)
    return prepared


def write_prepared(prepared: Prepared, folder: Pathlike) -> Path:
    """Write the splits, ``dropped.jsonl``, ``changes.jsonl``, ``funnel.json`` and ``card.md`` into a folder; return it.

    Raises:
        UsageError: one of the files would overwrite a source.
        ResourceError: no permission, disk full …
    """
    folder = Path(folder)
    names = [*(f"{split}.jsonl" for split in SPLITS), "dropped.jsonl", "changes.jsonl", "funnel.json", "card.md"]
    inputs = [file["path"] for report in prepared.reports for file in report.files if "sha256" in file]
    refuse_overwriting(inputs, [folder / name for name in names])
    for split in SPLITS:
        write_jsonl(folder / f"{split}.jsonl", (record.to_dict() for record in getattr(prepared, split)))
    write_jsonl(folder / "dropped.jsonl", (drop.to_dict() for drop in prepared.drops))
    write_jsonl(folder / "changes.jsonl", prepared.changes)
    write_json(folder / "funnel.json", prepared.funnel)
    write_card(prepared, folder / "card.md")
    return folder


def read_split(path: Pathlike) -> list[Record]:
    """The records of a split that `write_prepared` wrote. Raises `DataError` where the file is missing or damaged."""
    return [Record.from_dict(row) for row in read_jsonl(path)]


def _read(data: DataSection, prepared: Prepared) -> tuple[list[Record], dict[str, int]]:
    """All records, held-out sources first (of duplicates the first stays), and the source of each ``path:line``."""
    order = sorted(range(len(data.sources)), key=lambda k: SPLITS[::-1].index(data.sources[k].split or "train"))
    records: list[Record] = []
    origin: dict[str, int] = {}
    prepared.reports = [ReadReport(source.path) for source in data.sources]
    for number in order:
        for part in read_source(data.sources[number], prepared.reports[number], on_bad_row=data.on_bad_row):
            if isinstance(part, Drop):
                prepared.drops.append(part)
            else:
                _refuse_second_source(part, number, origin)
                records.append(part)
    prepared.funnel.append(_read_entry(prepared.reports))
    return records, origin


def _refuse_second_source(record: Record, number: int, origin: dict[str, int]) -> None:
    if origin.setdefault(record.source, number) != number:
        path = record.source.rpartition(":")[0]
        raise DataError(f"data.sources: {path} is read by two sources. Name it once; `weight` repeats its records.")


def _read_entry(reports: Iterable[ReadReport]) -> dict[str, Any]:
    reports = list(reports)
    dropped = sum((report.dropped for report in reports), Counter())
    parts = sum((report.dropped_parts for report in reports), Counter())
    rows, kept = sum(report.rows_in for report in reports), sum(report.kept for report in reports)
    assert rows == kept + dropped.total(), "rows in == kept + dropped"
    counts = {
        "num_in": rows,
        "num_kept": kept,
        "num_out": sum(report.records for report in reports),
        "num_dropped": dropped.total(),
    }
    return {
        "stage": "read",
        "unit": "rows",
        **counts,
        "reasons": dict(dropped),
        "num_dropped_parts": parts.total(),
        "part_reasons": dict(parts),
    }


def _note(
    prepared: Prepared, stage: str, before: Sequence[Record], kept: Sequence[Record], drops: Sequence[Drop]
) -> None:
    """Enter a stage into the funnel. Raises `DataError` where it left nothing."""
    assert len(before) == len(kept) + len(drops), f"stage {stage}: records in == kept + dropped"
    reasons = Counter(drop.reason for drop in drops)
    counts = {"num_in": len(before), "num_out": len(kept), "num_dropped": len(drops)}
    prepared.funnel.append({"stage": stage, "unit": "records", **counts, "reasons": dict(reasons)})
    prepared.drops += drops
    if not kept:
        named = ", ".join(f"{reason} {count}" for reason, count in reasons.most_common())
        raise DataError(
            f"curate: stage {stage} dropped all {len(before)} records ({named})."
            f" First: {drops[0].source}. Leave it out, or fix the rows."
        )


def _limit(prepared: Prepared, records: list[Record], data: DataSection) -> list[Record]:
    if data.max_records is None:
        return records
    chosen = choose(records, data.max_records, seed=data.seed, purpose="max_records")
    kept = [record for record, is_chosen in zip(records, chosen) if is_chosen]
    drops = [
        Drop(r.id, r.source, "max_records", "not_chosen") for r, is_chosen in zip(records, chosen) if not is_chosen
    ]
    _note(prepared, "max_records", records, kept, drops)
    return kept


def _split(prepared: Prepared, records: list[Record], data: DataSection, origin: Mapping[str, int]) -> None:
    fixed: dict[str | None, list[Record]] = defaultdict(list)
    for record in records:
        fixed[data.sources[origin[record.source]].split].append(record)
    drops: list[Drop] = []
    held_out: set[bytes] = set()
    for name in (*HELD_OUT, "train", None):
        fixed[name] = _not_asked(fixed[name], held_out, drops)
        held_out |= {prompt_key(record) for record in fixed[name]} if name in HELD_OUT else set()
    given = {source.split for source in data.sources}
    fractions = {name: 0.0 if name in given else getattr(data, f"{name}_fraction") for name in HELD_OUT}
    free = fixed.pop(None)
    named = {f"{name}_fraction": fraction for name, fraction in fractions.items()}
    for record, split in zip(free, split_records(free, seed=data.seed, **named) if free else []):
        fixed[split].append(record)
    prepared.train, prepared.validation, prepared.test = (fixed[name] for name in SPLITS)
    prepared.drops += drops
    _note_split(
        prepared, len(records), drops, {"train", *(name for name in HELD_OUT if name in given or fractions[name] > 0)}
    )


def _not_asked(records: list[Record], held_out: set[bytes], drops: list[Drop]) -> list[Record]:
    """Records that ask nothing of what is held out already; the others go to the drops."""
    if not held_out:
        return records
    asked = [prompt_key(record) in held_out for record in records]
    drops += [Drop(r.id, r.source, "split", "held_out_prompt") for r, is_held_out in zip(records, asked) if is_held_out]
    return [record for record, is_held_out in zip(records, asked) if not is_held_out]


def _note_split(prepared: Prepared, num_in: int, drops: Sequence[Drop], expected: set[str]) -> None:
    sizes = {name: len(getattr(prepared, name)) for name in SPLITS}
    counts = {"num_in": num_in, "num_out": sum(sizes.values()), "num_dropped": len(drops)}
    reasons = dict(Counter(drop.reason for drop in drops))
    prepared.funnel.append({"stage": "split", "unit": "records", **counts, "reasons": reasons, **sizes})
    empty = next((name for name in SPLITS if sizes[name] == 0 and name in expected), None)
    if empty is not None:
        raise DataError(f"data: the {empty} split has no records. Add rows or sources for it, or change the fractions.")


def _mix(prepared: Prepared, data: DataSection, origin: Mapping[str, int]) -> None:
    """Repeat or thin out the training records of each source by its weight."""
    if all(source.weight == 1 for source in data.sources):
        return
    by_source: dict[int, list[int]] = defaultdict(list)
    for position, record in enumerate(prepared.train):
        by_source[origin[record.source]].append(position)
    copies: list[list[Record]] = [[] for _ in prepared.train]
    for number, positions in by_source.items():
        records = [prepared.train[position] for position in positions]
        for position, repeated in zip(
            positions, repeat_by_weight(records, data.sources[number].weight, seed=data.seed)
        ):
            copies[position] = repeated
    drops = [Drop(r.id, r.source, "mix", "not_chosen") for r, repeated in zip(prepared.train, copies) if not repeated]
    num_in, prepared.train = len(prepared.train), [record for repeated in copies for record in repeated]
    counts = {
        "num_in": num_in,
        "num_out": len(prepared.train),
        "num_dropped": len(drops),
        "num_repeated": len(prepared.train) - num_in + len(drops),
    }
    prepared.funnel.append(
        {"stage": "mix", "unit": "records", **counts, "reasons": {"not_chosen": len(drops)} if drops else {}}
    )
    prepared.drops += drops
