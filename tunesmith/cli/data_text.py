"""What a person reads after data was made ready, or compared."""

from __future__ import annotations

import shlex
from typing import Any

from tunesmith.cli.console import clock, result_console


def print_curation(found: dict[str, Any]) -> None:
    """The funnel, the splits, where the data is, and the next command."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in ("stage", "in", "out", "changed", "dropped", "why"):
        table.add_column(title, justify="left" if title in ("stage", "why") else "right", overflow="fold")
    for entry in found["funnel"]:
        changed = f"{entry['num_changed']:,}" if entry.get("num_changed") else ""
        table.add_row(
            *(entry["stage"], f"{entry['num_in']:,}", f"{entry['num_out']:,}", changed),
            *(f"{entry['num_dropped']:,}", _why(entry)),
        )
    result_console().print(table)
    splits = ", ".join(f"{count:,} {split}" for split, count in found["splits"].items())
    print(f"\n{found['kept']:,} records kept: {splits}")
    speed = found["rows_per_second"]
    told = f"{speed:,.0f} rows/s" if speed is not None else "some of them done before"
    print(f"{clock(found['seconds'])} for {found['rows_in']:,} rows, {told}")
    data = found["data"]
    print(f"Data: {data}\nCard: {found['card']}\nDropped: {data}/dropped.jsonl, each with its reason and path:line")
    print(f"Next: tunesmith init --data {shlex.quote(data)}")


def _why(entry: dict[str, Any]) -> str:
    """The reasons of a stage's drops, the most frequent first; parts of rows that were kept; records that are repeated."""
    told = sorted(entry["reasons"].items(), key=lambda item: -item[1])
    told += [(f"in part {name}", count) for name, count in entry.get("part_reasons", {}).items()]
    told += [("repeated", entry["num_repeated"])] if entry.get("num_repeated") else []
    return ", ".join(f"{name} {count:,}" for name, count in told)


def print_difference(one: str, other: str, found: dict[str, Any]) -> None:
    """A line for each kind of difference, with what it is made of and where the first rows stand."""
    print(f"{one} → {other}, rows matched by {found['by']}: {found['same']:,} the same")
    for name in ("added", "removed", "changed", "moved"):
        rows = found[name]
        print(f"{name}: {rows['count']:,}")
        for what in ("why", "split", "path", "task", "words"):
            counts = rows[f"by_{what}"]
            if counts and not (what == "path" and len(counts) == 1):
                print(f"  by {what}: " + ", ".join(f"{key}: {count:,}" for key, count in list(counts.items())[:8]))
        for example in rows["examples"]:
            print(f"  {example['id']}  {example['source']}  {example['why']}".rstrip())
