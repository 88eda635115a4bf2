"""A data file for the eye: what it is, how much, what is wrong, and a few rows."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tunesmith.cli.console import result_console
from tunesmith.cli.preview_text import reasons
from tunesmith.curation.advice import percent, say_type
from tunesmith.curation.card import count_licenses, say_sampled
from tunesmith.curation.language_names import name_language
from tunesmith.files import refuse_overwriting, write_text

NUM_TASKS, NUM_LANGUAGES, NUM_TYPES, NUM_LINES_PER_MESSAGE = 8, 4, 6, 3
COLUMNS = " ▁▂▃▄▅▆▇█"


def write_page(path: Path, found: dict[str, Any]) -> None:
    """Write the page of an inspection. Raises `UsageError` where it would overwrite what was inspected."""
    from tunesmith.report.render import render_inspection

    refuse_overwriting([file["path"] for file in found["files"] if "sha256" in file], path)
    write_text(path, render_inspection(found))


def print_inspection(path: str, found: dict[str, Any], page: Path | None = None) -> None:
    console = result_console()
    console.print(Text(path, style="bold"), Text(f" {_size(found)}", style="dim"), soft_wrap=True)
    console.print(_facts(found))
    if found["records"]:
        console.print()
        console.print(_lengths(found["lengths"]))
        _print_advice(console, found["advice"])
    console.print()
    for line in _first_dropped(found):
        console.print(line, soft_wrap=True)
    for row in found["rows"]:
        _print_row(console, row)
        console.print()
    if page is not None:
        console.print(Text(f"The page: {page}"), soft_wrap=True)
    if not found["problem"]:
        console.print(_judgement(path, found), soft_wrap=True)


def _facts(found: dict[str, Any]) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    table.add_row("format", Text(found["format"] or "not recognized"))
    num_dropped = sum(found["dropped"].values())
    table.add_row("rows", f"{found['rows_in']:,} in · {found['kept']:,} kept · {num_dropped:,} dropped")
    if found["dropped"]:
        table.add_row("dropped", Text(reasons(found["dropped"]), style="yellow"))
    if found["dropped_parts"]:
        table.add_row("parts dropped", Text(reasons(found["dropped_parts"]), style="yellow"))
    table.add_row(
        "records", f"{found['records']:,} with {found['num_messages']:,} messages: {reasons(found['roles']) or 'none'}"
    )
    table.add_row("duplicates", _duplicates(found))
    table.add_row(
        "answers", f"{found['num_empty_answers']:,} empty · {found['num_without_answer']:,} records without one"
    )
    forecast = found["profile"]["forecast"]
    if forecast["stages"]:
        table.add_row(f"curate: {forecast['curate']}", Text(_forecast(forecast), style="yellow"))
    if found["num_with_tools"]:
        table.add_row("tools", f"in {found['num_with_tools']:,} records")
    if found["tasks"]:
        table.add_row("tasks", Text(_tasks(found["tasks"])))
    if found["records"]:
        table.add_row("languages", _languages(found["profile"]))
        table.add_row("personal data", _personal_data(found["profile"]))
        table.add_row("licence", Text(_licenses(found["profile"])))
    return table


def _duplicates(found: dict[str, Any]) -> str:
    profile = found["profile"]
    again = max(0, profile["num_repeated_prompts"] - profile["num_exact_duplicates"])
    about = "" if profile["repeats_are_exact"] else "about "
    return f"{about}{profile['num_exact_duplicates']:,} exact · {about}{again:,} ask the same and answer differently"


def _forecast(forecast: dict[str, Any]) -> str:
    counts = {reason: n for stage in forecast["stages"] for reason, n in stage["reasons"].items()}
    changed = {stage["stage"]: stage["num_changed"] for stage in forecast["stages"] if stage["num_changed"]}
    told = [f"would drop {forecast['num_dropped']:,} of {forecast['num_tried']:,}: {reasons(counts)}"] if counts else []
    told += [f"would change {reasons(changed)}"] if changed else []
    return "; ".join(told)


def _languages(profile: dict[str, Any]) -> str:
    counts, sampled = profile["languages"]["counts"], profile["languages"]["num_sampled"]
    told = [f"{name_language(code)} {percent(count, sampled)}" for code, count in list(counts.items())[:NUM_LANGUAGES]]
    more = ", …" if len(counts) > NUM_LANGUAGES else ""
    return (
        ", ".join(told) + more + (f" (of {say_sampled(profile, sampled)})" if sampled < profile["num_records"] else "")
    )


def _personal_data(profile: dict[str, Any]) -> str:
    found = profile["personal_data"]
    sampled = say_sampled(profile, found["num_sampled"])
    ordered = sorted(found["types"].items(), key=lambda item: -item[1]["num_records"])
    told = [f"{say_type(name)} {count['num_records']:,}" for name, count in ordered[:NUM_TYPES]]
    more = ", …" if len(ordered) > NUM_TYPES else ""
    return f"in {found['num_records']:,} of {sampled}: {', '.join(told)}{more}" if told else f"none seen in {sampled}"


def _licenses(profile: dict[str, Any]) -> str:
    counts = count_licenses(profile).most_common(4)
    return ", ".join(f"{_fit(name, 40)} {count:,}" if len(counts) > 1 else name for name, count in counts)


def _print_advice(console: Console, advice: list[dict[str, str]]) -> None:
    for number, item in enumerate(advice, start=1):
        if number == 1:
            console.print(Text("\nWhat to fix", style="bold"))
        console.print(
            Text(f"{number} ", style="dim").append(item["title"], style="bold").append(f": {item['why']}", "")
        )
        if item["setting"]:
            console.print(Text(f"  {item['setting']}", style="cyan"), soft_wrap=True)


def _tasks(tasks: dict[str, int]) -> str:
    shown = [f"{_fit(name, 40)} {count:,}" for name, count in list(tasks.items())[:NUM_TASKS]]
    return f"{len(tasks):,}: {', '.join(shown)}{', …' if len(tasks) > NUM_TASKS else ''}"


def _lengths(lengths: dict[str, Any]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("length", style="dim", no_wrap=True)
    for name in ("min", "median", "95 %", "max"):
        table.add_column(name, justify="right")
    table.add_column("how many")
    for part, units in lengths.items():
        for unit, values in units.items():
            if values is None:
                table.add_row(f"{part}, {unit}", *["n/a"] * 4, "")
            else:
                cells = [f"{values[key]:,.0f}" for key in ("min", "median", "p95", "max")]
                table.add_row(f"{part}, {unit}", *cells, _sketch(values["bins"]))
    return table


def _sketch(bins: list[dict[str, int]]) -> str:
    """``▁▂█▄``: a column for each bin of length; what holds anything is seen."""
    largest = max(item["count"] for item in bins)
    heights = [max(round(8 * item["count"] / largest), int(item["count"] > 0)) for item in bins]
    return "".join(COLUMNS[height] for height in heights)


def _first_dropped(found: dict[str, Any]) -> list[Text]:
    """The first rows that were lost, where they stand and why."""
    lines = [Text(f"note: {notice}", style="cyan") for notice in found["notices"]]
    for drop in found["first_dropped"]:
        lines.append(
            Text(f"{drop['source']}: ", style="yellow").append(f"{drop['detail'] or drop['reason']}", style="")
        )
    return lines


def _print_row(console: Console, row: dict[str, Any]) -> None:
    """One record, a few lines per message, cut to the width there is."""
    task = f" · {row['task']}" if row["task"] else ""
    console.rule(Text(f"{row['source']}{task}", style="dim"), align="left", style="dim", characters="─")
    for message in row["messages"]:
        content = message["content"] or (
            f"calls {', '.join(call.get('name', '?') for call in message['tool_calls'])}"
            if "tool_calls" in message
            else ""
        )
        _print_message(console, message["role"], content)


def _print_message(console: Console, role: str, content: str) -> None:
    width = max(20, console.width - 12)
    lines = [line for line in content.splitlines() if line.strip()] or ["(empty)"]
    for index, line in enumerate(lines[:NUM_LINES_PER_MESSAGE]):
        more = index == NUM_LINES_PER_MESSAGE - 1 and len(lines) > NUM_LINES_PER_MESSAGE
        told = _fit(f"{line} …" if more else line, width)
        console.print(
            Text(f"{role if index == 0 else '':<10} ", style="dim"),
            Text(told, overflow="crop", no_wrap=True),
            sep="",
            overflow="crop",
            no_wrap=True,
        )


def _fit(text: str, width: int) -> str:
    """A text on one line of at most so many cells (a Chinese character takes two)."""
    line = Text(" ".join("".join(character if character.isprintable() else " " for character in text).split()))
    line.truncate(width, overflow="ellipsis")
    return line.plain


def _judgement(path: str, found: dict[str, Any]) -> Text:
    # An answer that only calls a tool has no text, but is learned; what cleaning would drop is not.
    answered = found["records"] - found["num_without_answer"] - found["would_be_dropped"].get("empty_answer", 0)
    lost = sum(found["dropped"].values())
    if not answered:
        return Text(
            "No record has an answer: good for being tested on by hand or by a judge, not for training.", style="yellow"
        )
    careful = f" {lost:,} of {found['rows_in']:,} rows are lost; see above where and why." if lost else ""
    return Text(
        f"Can be trained on: {answered:,} of {found['records']:,} records have an answer.{careful}\n"
        f"Next: tunesmith init --data {shlex.quote(path)}"
    )


def _size(found: dict[str, Any]) -> str:
    size = sum(file["size_bytes"] for file in found["files"])
    files = f"{len(found['files'])} files, " if len(found["files"]) != 1 else ""
    return f"({files}{size / 1e6:.1f} MB)" if size >= 1e5 else f"({files}{size / 1e3:.1f} kB)"
