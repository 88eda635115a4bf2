"""From the records that stayed to the splits: a random choice of them, held-out questions, fractions, weights."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tunesmith.curation.bench import Bench
from tunesmith.curation.dedup import prompt_key
from tunesmith.curation.mix import choose, repeats_by_weight
from tunesmith.curation.prepared import SPLITS
from tunesmith.curation.split import HELD_OUT, group_records, split_records
from tunesmith.curation.store import Records, WatchedRecords
from tunesmith.errors import DataError
from tunesmith.recipe import DataSection


def limit_records(bench: Bench, records: Records) -> Records:
    """At most ``max_records`` of them."""
    if bench.data.max_records is None:
        return records
    chosen = choose(records, bench.data.max_records, seed=bench.data.seed, purpose="max_records")
    kept = records.where(chosen)
    reasons = bench.drop("max_records", [("not_chosen", records.where(~chosen))])
    bench.note("max_records", {"num_in": len(records), "num_out": len(kept), "reasons": reasons})
    return kept


def divide_records(bench: Bench, records: Records, origin: Mapping[str, int]) -> None:
    """Fill the splits: from the sources that are for one, and from the others by fraction.

    ``origin`` is the number of the source of each path. What a held-out source asks, and what is like it, is dropped from
    all others. Raises `DataError` for a split that should have records and has none.
    """
    data, given = bench.data, {source.split for source in bench.data.sources}
    fixed = _by_split(data, records, origin)
    lost = _drop_what_is_held_out(records, fixed)
    fractions = {name: 0.0 if name in given else getattr(data, f"{name}_fraction") for name in HELD_OUT}
    free, splits = fixed[None], _split(bench, fixed[None], fractions)
    for name in SPLITS:
        order = np.concatenate([fixed[name].order, free.order[splits == SPLITS.index(name)]])
        bench.curated.splits[name] = records.take(order)
    reasons = bench.drop("split", lost)
    sizes = {name: len(bench.curated.splits[name]) for name in SPLITS}
    expected = {"train", *(name for name in HELD_OUT if name in given or fractions[name] > 0)}
    empty = next((name for name in SPLITS if sizes[name] == 0 and name in expected), None)
    if empty is not None:
        raise DataError(f"data: the {empty} split has no records. Add rows or sources for it, or change the fractions.")
    bench.note("split", {"num_in": len(records), "num_out": sum(sizes.values()), "reasons": reasons}, **sizes)


def mix_records(bench: Bench, origin: Mapping[str, int]) -> None:
    """Repeat or thin out the training records of each source by its weight."""
    data, train = bench.data, bench.curated.splits["train"]
    if all(source.weight == 1 for source in data.sources):
        return
    numbers, repeats = _source_numbers(train, origin), np.ones(len(train), dtype=np.int64)
    for number in np.unique(numbers).tolist():
        mine = numbers == number
        repeats[mine] = repeats_by_weight(train.where(mine), data.sources[number].weight, seed=data.seed)
    reasons = bench.drop("mix", [("not_chosen", train.where(repeats == 0))])
    mixed = bench.curated.splits["train"] = train.take(np.repeat(train.order, repeats))
    num_dropped = sum(reasons.values())
    counts = {"num_in": len(train), "num_out": len(mixed), "num_dropped": num_dropped}
    counts["num_repeated"] = len(mixed) - len(train) + num_dropped
    bench.curated.funnel.append({"stage": "mix", "unit": "records", **counts, "reasons": reasons})


def _split(bench: Bench, free: Records, fractions: Mapping[str, float]) -> np.ndarray:
    """The split of each record that no source decides for, as its place in `SPLITS`."""
    named = {f"{name}_fraction": fraction for name, fraction in fractions.items()}
    watched = WatchedRecords(free, bench.console, "split")
    splits = split_records(watched, seed=bench.data.seed, **named) if len(free) else []
    return np.fromiter(map(SPLITS.index, splits), dtype=np.int8, count=len(free))


def _by_split(data: DataSection, records: Records, origin: Mapping[str, int]) -> dict[str | None, Records]:
    """The records of the sources that are for one split, and under None the others."""
    if all(source.split is None for source in data.sources):
        return {**dict.fromkeys(SPLITS, records.take(records.order[:0])), None: records}
    numbers = _source_numbers(records, origin)
    return {
        name: records.where(np.isin(numbers, [k for k, source in enumerate(data.sources) if source.split == name]))
        for name in (*SPLITS, None)
    }


def _source_numbers(records: Records, origin: Mapping[str, int]) -> np.ndarray:
    paths = (record.source.rpartition(":")[0] for record in records)
    return np.fromiter((origin[path] for path in paths), dtype=np.int32, count=len(records))


def _drop_what_is_held_out(records: Records, fixed: dict[str | None, Records]) -> list[tuple[str, Records]]:
    """Take out of each split what one before it holds: a record with the same question, or one like it (see `split`).

    What was taken out, by reason.
    """
    names = (*HELD_OUT, "train", None)
    if not any(len(fixed[name]) for name in HELD_OUT):
        return []
    together = records.take(np.concatenate([fixed[name].order for name in names]))
    prompts = np.fromiter((prompt_key(record) for record in together), dtype="S16", count=len(together))
    kinds = {"held_out_prompt": prompts, "like_held_out": group_records(together).of}
    held_out = {reason: kind[:0] for reason, kind in kinds.items()}
    lost, start = [], 0
    for name in names:
        mine = slice(start, start + len(fixed[name]))
        stays = np.ones(len(fixed[name]), dtype=bool)
        for reason, kind in kinds.items():
            is_lost = stays & np.isin(kind[mine], held_out[reason])
            lost.append((reason, fixed[name].where(is_lost)))
            stays &= ~is_lost
        if name in HELD_OUT:
            held_out = {reason: np.union1d(held_out[reason], kind[mine][stays]) for reason, kind in kinds.items()}
        fixed[name], start = fixed[name].where(stays), mine.stop
    return lost
