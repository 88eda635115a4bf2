"""The data card: what a person needs to know about the records of a run, without any of their text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from tunesmith.curation.lengths import summarize_lengths
from tunesmith.files import Pathlike, write_text

if TYPE_CHECKING:
    from tunesmith.curation.pipeline import Prepared

MAX_TASKS = 30


def write_card(prepared: Prepared, path: Pathlike) -> None:
    """Write the card of prepared data as Markdown."""
    write_text(path, render_card(prepared))


def render_card(prepared: Prepared) -> str:
    """The card: sources with hashes, the funnel, splits, tasks, lengths, and where to see what was dropped."""
    sections = [
        "# Data card",
        _sizes(prepared),
        "## Sources",
        *_sources(prepared),
        "## What became of the rows",
        _funnel(prepared.funnel),
        *_drops(prepared),
        "## Tasks",
        _tasks(prepared),
        "## Lengths of the training records",
        _lengths(prepared),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _sizes(prepared: Prepared) -> str:
    sizes = [f"{len(getattr(prepared, name))} {name}" for name in ("train", "validation", "test")]
    return f"Records: {', '.join(sizes)}."


def _sources(prepared: Prepared) -> list[str]:
    rows = [
        (report.source, report.format, report.rows_in, report.kept, report.dropped.total(), report.records)
        for report in prepared.reports
    ]
    files = [
        (file["path"], file.get("size_bytes", "n/a"), file.get("sha256") or file.get("fingerprint"))
        for report in prepared.reports
        for file in report.files
    ]
    return [
        _table(("source", "format", "rows", "kept", "dropped", "records"), rows),
        _table(("file", "bytes", "sha256"), files),
        "\n".join(f"- {line}" for line in prepared.notices),
    ]


def _funnel(funnel: Sequence[dict[str, Any]]) -> str:
    rows = [
        (step["stage"], step["unit"], step["num_in"], step["num_out"], step["num_dropped"], _counts(step["reasons"]))
        for step in funnel
    ]
    return _table(("stage", "counts", "in", "out", "dropped", "why"), rows)


def _drops(prepared: Prepared) -> list[str]:
    if not prepared.drops:
        return ["Nothing was dropped."]
    first: dict[tuple[str, str], str] = {}
    for drop in prepared.drops:
        first.setdefault((drop.stage, drop.reason), drop.source)
    counts = Counter((drop.stage, drop.reason) for drop in prepared.drops)
    rows = [(stage, reason, count, first[stage, reason]) for (stage, reason), count in counts.most_common()]
    listed = (
        f"Each is listed in `dropped.jsonl`; {len(prepared.changes)} changes by rewriting stages in `changes.jsonl`."
    )
    return [_table(("stage", "reason", "number", "first at"), rows), listed]


def _tasks(prepared: Prepared) -> str:
    counts = {
        name: Counter(record.task for record in getattr(prepared, name)) for name in ("train", "validation", "test")
    }
    tasks = [task for task, _ in sum(counts.values(), Counter()).most_common()]
    rows = [(task or "(none)", *(counts[name][task] for name in counts)) for task in tasks[:MAX_TASKS]]
    more = f"\n\n… and {len(tasks) - MAX_TASKS} more." if len(tasks) > MAX_TASKS else ""
    return _table(("task", *counts), rows) + more


def _lengths(prepared: Prepared) -> str:
    lengths = summarize_lengths(prepared.train)
    rows = [
        (f"{part}, {unit}", *(values.values() if values is not None else ["n/a"] * 4))
        for part, units in lengths.items()
        for unit, values in units.items()
    ]
    return _table(("", "min", "median", "95 %", "max"), rows)


def _counts(reasons: dict[str, int]) -> str:
    return ", ".join(f"{reason} {count}" for reason, count in reasons.items())


def _table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(_cell(value) for value in line) + " |" for line in lines)


def _cell(value: Any) -> str:
    return " ".join(str(value).replace("|", "\\|").split())
