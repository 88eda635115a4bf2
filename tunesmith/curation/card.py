"""The data card: where records come from, what became of them, what they are like, what to fix next.

Both `card.md` and the data page of the report are written from ``funnel.json`` and ``profile.json`` beside them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tunesmith.curation.advice import Advice, advise, has_surrogates, is_unspaced, percent, say_type
from tunesmith.curation.clean import DIRECTIONS, NOTHING, TAGS
from tunesmith.curation.examples import FirstDrops, show_examples
from tunesmith.curation.language_names import name_language
from tunesmith.curation.profile import Profile
from tunesmith.curation.sources import ReadReport
from tunesmith.errors import RowError
from tunesmith.files import Pathlike, read_json, read_rows, write_json, write_text
from tunesmith.privacy import TYPES

MAX_TASKS, MAX_LANGUAGES, MAX_FILES, BAR_WIDTH = 12, 10, 50, 20
UNSEEN = re.compile(f"[{NOTHING}{DIRECTIONS}{TAGS}]")
EIGHTHS = " ▏▎▍▌▋▊▉█"


def write_card(folder: Pathlike, profile: Profile, reports: Iterable[ReadReport]) -> None:
    """Write ``profile.json`` and ``card.md`` into the data folder of a run, as the last of its files.

    Reads ``funnel.json``, ``dropped.jsonl`` and ``changes.jsonl`` there, and of the sources the few dropped rows that are
    shown.
    """
    folder = Path(folder)
    drops = FirstDrops()
    for drop in _lines(folder / "dropped.jsonl"):
        drops.add(drop)
    facts = gather_facts(profile, reports, drops, _lines(folder / "changes.jsonl"))
    write_json(folder / "profile.json", facts)
    write_text(folder / "card.md", render_card(facts, read_json(folder / "funnel.json")))


def gather_facts(
    profile: Profile,
    reports: Iterable[ReadReport],
    drops: FirstDrops,
    changes: Iterable[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """The content of ``profile.json``: the profile with its sources, changes by stage, and examples of drops."""
    reports = list(reports)
    files = [file for report in reports for file in report.files]
    sources = [{**report.to_dict(), "license": report.license, "notices": report.notices} for report in reports]
    examples = show_examples(drops.chosen, files)
    return {**profile.to_dict(), "sources": sources, "changes": _count_changes(changes), "examples": examples}


def render_card(facts: Mapping[str, Any], funnel: Sequence[Mapping[str, Any]]) -> str:
    """The card as Markdown."""
    sections = [
        "# Data card",
        _sizes(facts),
        _conversations(facts),
        "## What to fix next",
        _advice(advise(facts, funnel)),
        "## What became of the rows",
        _funnel(funnel, facts["changes"]),
        *_drops(funnel, facts["examples"]),
        "## Where they come from",
        *_sources(facts),
        "## What they are like",
        *_tasks(facts),
        *_languages(facts),
        *_lengths(facts),
        "## Personal data",
        *_personal_data(facts, funnel),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def draw_bar(count: float, largest: float, width: int = BAR_WIDTH) -> str:
    """A bar of block characters, in eighths; what is more than nothing shows at least an eighth."""
    eighths = max(round(8 * width * count / largest), int(count > 0)) if largest else 0
    whole, part = divmod(eighths, 8)
    return "█" * whole + (EIGHTHS[part] if part else "")


def _lines(path: Path) -> Iterator[Mapping[str, Any]]:
    """The rows of one of our own files; nothing where it was not written."""
    for row in read_rows(path) if path.is_file() else ():
        if not isinstance(row, RowError):
            yield row.value


def _count_changes(changes: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """By stage: ``num_changes`` (records rewritten), and ``spans``, what was masked, by type."""
    counts: Counter[str] = Counter()
    spans: dict[str, Counter[str]] = {}
    for change in changes:
        counts[change["stage"]] += 1
        spans.setdefault(change["stage"], Counter()).update(span["type"] for span in change.get("spans", ()))
    return {stage: {"num_changes": count, "spans": dict(spans[stage].most_common())} for stage, count in counts.items()}


def _sizes(facts: Mapping[str, Any]) -> str:
    sizes = ", ".join(f"{count:,} {name}" for name, count in facts["splits"].items())
    count = facts["num_records"]
    return f"{count:,} {'record' if count == 1 else 'records'}{': ' + sizes if sizes else ''}."


def _conversations(facts: Mapping[str, Any]) -> str:
    """Answers, turns and tools in a sentence each."""
    unanswered, turns = facts["num_without_answer"], {int(number): n for number, n in facts["turns"].items()}
    several = sum(count for number, count in turns.items() if number > 1)
    messages = ", ".join(f"{count:,} {role}" for role, count in facts["roles"].items())
    told = [
        f"{unanswered:,} have no answer: they can be tested on, not learned." if unanswered else "",
        f"{several:,} have more than one answer (messages: {messages})." if several else "",
        f"{facts['num_with_tools']:,} come with tools." if facts["num_with_tools"] else "",
    ]
    return " ".join(filter(None, told))


def _advice(advice: Sequence[Advice]) -> str:
    lines = [
        f"{number}. **{item.title}.** {item.why}" + (f"\n   `{item.setting}`" if item.setting else "")
        for number, item in enumerate(advice, start=1)
    ]
    return "\n".join(lines) or "Nothing stands out."


def _funnel(funnel: Sequence[Mapping[str, Any]], changes: Mapping[str, Mapping[str, Any]]) -> str:
    largest = max((max(step["num_in"], step["num_out"]) for step in funnel), default=0)
    rows = [
        (
            step["stage"],
            draw_bar(step["num_out"], largest) + "░" * round(BAR_WIDTH * step["num_dropped"] / (largest or 1)),
            f"{step['num_in']:,}" + (" rows" if step["unit"] == "rows" else ""),
            f"{step['num_dropped']:,}",
            *((f"{changes[step['stage']]['num_changes']:,}" if step["stage"] in changes else "",) if changes else ()),
            f"{step['num_out']:,}",
        )
        for step in funnel
    ]
    header = ("stage", "left and dropped", "in", "dropped", *(("changed",) if changes else ()), "records out")
    return _table(header, rows)


def _drops(funnel: Sequence[Mapping[str, Any]], examples: Sequence[Mapping[str, Any]]) -> list[str]:
    rows = [
        (step["stage"] + told, reason, f"{count:,}", percent(count, step["num_in"]) if not told else "")
        for step in funnel
        for kind, told in (("reasons", ""), ("part_reasons", " (parts of rows)"))
        for reason, count in sorted(step.get(kind, {}).items(), key=lambda item: (-item[1], item[0]))
    ]
    if not rows:
        return ["Nothing was dropped."]
    told = "Each is listed in `dropped.jsonl`." + (
        " Examples as they were read, personal data masked, the middle of long texts left out:" if examples else ""
    )
    shown = [
        f"- `{item['stage']}`, {item['reason']}, {_inline(item['source'])}"
        f"{': ' + _inline(item['detail']) if item['detail'] else ''}\n  {_code(item['text'])}"
        for item in examples
    ]
    return [_table(("stage", "reason", "number", "of what came in"), rows), told, "\n".join(shown)]


def _sources(facts: Mapping[str, Any]) -> list[str]:
    sources = [
        (
            item["source"],
            item["format"],
            *(f"{item[key]:,}" for key in ("rows_in", "kept")),
            _lost(item),
            f"{item['records']:,}",
        )
        for item in facts["sources"]
    ]
    files = [
        (file["path"], _licenses(facts, file["path"]), f"{file['size_bytes']:,}" if "size_bytes" in file else "n/a",
         file.get("sha256") or file.get("fingerprint"))
        for item in facts["sources"]
        for file in item["files"]
    ]  # fmt: skip
    counts = {path: sum(file["splits"].values()) for path, file in facts["files"].items()}
    return [
        _table(("source", "format", "rows", "kept", "dropped", "records"), sources),
        _table(("file", "licence of the records left", "bytes", "sha256"), files[:MAX_FILES]),
        f"… and {len(files) - MAX_FILES:,} more files, in `profile.json`." if len(files) > MAX_FILES else "",
        *_bars("records left of", counts, facts),
        *_bars("licence", count_licenses(facts), facts),
        "\n".join(f"- {line}" for item in facts["sources"] for line in item["notices"]),
    ]


def count_licenses(facts: Mapping[str, Any]) -> Counter[str]:
    """Records by licence, over all files."""
    counts: Counter[str] = Counter()
    for file in facts["files"].values():
        counts.update(file["licenses"])
    return counts


def _bars(title: str, counts: Mapping[str, int], facts: Mapping[str, Any]) -> list[str]:
    """How the records divide, where they do."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:MAX_TASKS]
    rows = [
        (name, draw_bar(count, ordered[0][1]), f"{count:,}", percent(count, facts["num_records"]))
        for name, count in ordered
    ]
    return [_table((title, "", "records", ""), rows)] if len(counts) > 1 else []


def _lost(source: Mapping[str, Any]) -> str:
    return f"{source['rows_in'] - source['kept']:,}"


def _licenses(facts: Mapping[str, Any], path: str) -> str:
    found = facts["files"].get(path, {"licenses": {}})["licenses"]
    return ", ".join(f"{name} {count:,}" if len(found) > 1 else name for name, count in found.items()) or "none left"


def _tasks(facts: Mapping[str, Any]) -> list[str]:
    counts, splits = facts["tasks"]["counts"], list(facts["splits"]) or [""]
    totals = {task: sum(found.values()) for task, found in counts.items()}
    without = facts["num_records"] - sum(totals.values()) - facts["tasks"]["num_other"]
    if not counts:
        return []
    named = [*list(totals.items())[:MAX_TASKS], *([("(none)", without)] if without else [])]
    largest = max(count for _, count in named)
    rows = [
        (task, draw_bar(count, largest), *(_by_split(counts.get(task), split, count) for split in splits))
        for task, count in named
    ]
    return [_table(("task", "", *(split or "records" for split in splits)), rows), say_more_tasks(totals)]


def say_more_tasks(totals: Mapping[str, int]) -> str:
    """Of many tasks: how many there are, and how large; nothing of a few."""
    if len(totals) <= MAX_TASKS:
        return ""
    sizes = sorted(totals.values())
    return (
        f"{len(sizes):,} tasks in all, of {sizes[0]:,} to {sizes[-1]:,} records; half of them have at most"
        f" {sizes[(len(sizes) - 1) // 2]:,}."
    )


def _by_split(counts: Mapping[str, int] | None, split: str, total: int) -> str:
    return f"{counts.get(split, 0):,}" if counts is not None else f"{total:,}" if not split else ""


def _languages(facts: Mapping[str, Any]) -> list[str]:
    found = facts["languages"]
    counts, sampled = found["counts"], found["num_sampled"]
    if not counts:
        return []
    largest = max(counts.values())
    rows = [
        (name_language(name), draw_bar(count, largest), percent(count, sampled))
        for name, count in list(counts.items())[:MAX_LANGUAGES]
    ]
    return [_table(("language", "", f"of {say_sampled(facts, sampled)}"), rows)]


def say_sampled(facts: Mapping[str, Any], sampled: int) -> str:
    """What was looked through: a part of the records, all, or all but repeated ones."""
    if not facts["sample_is_whole"]:
        return f"{sampled:,} sampled records"
    return f"{sampled:,} records" if sampled == facts["num_records"] else f"{sampled:,} different records"


def _lengths(facts: Mapping[str, Any]) -> list[str]:
    rows = [
        (f"{part}, {unit}", *(f"{found[name]:,}" if found else "n/a" for name in ("min", "median", "p95", "max")))
        for part, units in facts["lengths"].items()
        for unit, found in units.items()
    ]
    unit = "characters" if is_unspaced(facts) else "words"
    charts = [
        _histogram(f"{part}, {unit}", facts["lengths"][part][unit]["bins"])
        for part in ("prompt", "answer")
        if facts["lengths"][part][unit]
    ]
    return [_table(("length", "min", "median", "95 %", "max"), rows), *charts]


def _histogram(title: str, bins: Sequence[Mapping[str, int]]) -> str:
    largest = max(item["count"] for item in bins)
    rows = [(_range(item), draw_bar(item["count"], largest), f"{item['count']:,}") for item in bins]
    return _table((title, "", "records"), rows)


def _range(item: Mapping[str, int]) -> str:
    return f"{item['from']:,}" if item["from"] == item["to"] else f"{item['from']:,}–{item['to']:,}"


def _personal_data(facts: Mapping[str, Any], funnel: Sequence[Mapping[str, Any]]) -> list[str]:
    found, masked = facts["personal_data"], Counter()
    for change in facts["changes"].values():
        masked.update(change["spans"])
    told = (
        f"{found['num_records']:,} of {say_sampled(facts, found['num_sampled'])} hold something that looks personal"
        f"{say_after(funnel, bool(masked))} (the first 2,000 characters of prompt and of answer were looked through)."
    )
    none = {"num_records": 0, "num_spans": 0, "places": []}
    rows = [
        (
            say_type(name),
            draw_bar(item["num_records"], found["num_sampled"]),
            f"{item['num_records']:,}",
            f"{item['num_spans']:,}",
            *((f"{masked[name]:,}",) if masked else ()),
            ", ".join(item["places"]),
        )
        for name in order_types({*found["types"], *masked})
        for item in [found["types"].get(name, none)]
    ]
    header = ("type", "", "records with it", "found", *(("masked",) if masked else ()), "the first of them")
    return [told, _table(header, rows) if rows else "", say_key(funnel)]


def order_types(names: Iterable[str]) -> list[str]:
    """Types of personal data, what is worst first."""
    return sorted(names, key=lambda name: (TYPES.index(name) if name in TYPES else len(TYPES), name))


def say_after(funnel: Sequence[Mapping[str, Any]], is_masked: bool) -> str:
    """How what was found has to be read: surrogates are made to look real, and are found again."""
    if has_surrogates(funnel):
        return ", most of it the surrogates themselves: they are made to look real"
    return ", after masking" if is_masked else ""


def say_key(funnel: Sequence[Mapping[str, Any]]) -> str:
    """What the surrogates of a run rest on; nothing where there are none."""
    keys = {step.get("key") for step in funnel if step.get("mode") == "surrogate"}
    if "run" in keys:
        return (
            "Surrogates were made with a key that was made up for this run and not kept: a person has one name in this"
            " data, and another in the next run."
        )
    if "project" in keys:
        return "Surrogates were made with the key of the project: the same person has the same name in all of its data."
    return ""


def _table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(_cell(value) for value in line) + " |" for line in lines)


def _cell(value: Any) -> str:
    return _inline(str(value)).replace("|", "\\|")


def _inline(text: str) -> str:
    """On one line, with what would turn or hide it spelled out: ``⟨U+202E⟩``."""
    return UNSEEN.sub(lambda match: f"⟨U+{ord(match[0]):04X}⟩", " ".join(text.split()))


def _code(text: str) -> str:
    """A text of the data as Markdown code, on one line: nothing in it can be a link, markup or the end of the code."""
    return f"`` {_inline(text).replace('``', '‵‵')} ``"
