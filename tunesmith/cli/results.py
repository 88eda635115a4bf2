"""The verbs on results: report and runs; and how scores are shown."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from tunesmith.cli.console import clock, print_json, result_console
from tunesmith.cli.options import Json, argument

DEFAULT_FOLDER = Path("runs")
UP_TO_100 = ("bleu", "chrf")
COLORS = {"better": "green", "worse": "red"}


def report(
    run: Annotated[Path, argument("RUN", help="A run folder.")],
    json: Json = False,
) -> None:
    """Write report.html and report.md of a run anew, from the files in its folder."""
    from tunesmith.report import write_report

    html, markdown = write_report(run)
    print_json({"report": str(html), "markdown": str(markdown)}) if json else print(
        f"Report: {html}\n        {markdown}"
    )


def runs(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the runs lie.")] = DEFAULT_FOLDER,
    json: Json = False,
) -> None:
    """List the runs in a folder with their scores, and how these moved from run to run."""
    from tunesmith.report.trend import read_trend
    from tunesmith.runs import list_runs

    found = list_runs(folder) if folder != DEFAULT_FOLDER or folder.is_dir() else []
    trends = read_trend(found)
    if json:
        print_json(
            [{**run.to_dict(), "trend": trend.to_dict() if trend else None} for run, trend in zip(found, trends)]
        )
    elif not found:
        print(f"No runs in {folder}. Begin one with: tunesmith run RECIPE")
    else:
        result_console().print(runs_table(found, folder))
        _print_trend(found, trends, folder)
        for run in found:
            if run.problem is not None:
                print(f"{run.path}: cannot be read in full: {run.problem}")


def _print_trend(found: list, trends: list, folder: Path) -> None:
    """What became of the result from run to run, where any two answered the same samples."""
    told = [(run, trend) for run, trend in zip(found, trends) if trend is not None]
    if any(trend.before is not None for _, trend in told):
        print()
        result_console().print(trend_table(told, folder))
    for run, trend in told:
        if trend.note:
            print(f"{run_name(run.path, folder)}: {trend.note}")


def trend_table(told: list, folder: Path) -> Any:
    """A line per run that shares its test samples with another: its score, and the difference to the run before."""
    from rich.table import Table
    from rich.text import Text

    from tunesmith.report.trend import spark

    shared = {trend.samples for _, trend in told if trend.before is not None}
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("same test samples", "metric", "n", "tuned (95 %)", "less the run before (95 %)", "verdict", "trend"):
        is_number = "95" in name or name == "n"
        table.add_column(
            name, justify="right" if is_number else "left", no_wrap=is_number or name in ("verdict", "trend")
        )
    for run, trend in told:
        if trend.samples not in shared:
            continue
        score = score_text({"value": trend.value, "low": trend.low, "high": trend.high}, run.metric)
        verdict = Text(trend.verdict or "", style=COLORS.get(trend.verdict or "", ""))
        n = "n/a" if trend.n is None else f"{trend.n:,}"
        cells = [run_name(run.path, folder), run.metric, n, score, _change_text(trend, run.metric), verdict]
        table.add_row(*cells, spark(trend.values))
    return table


def _change_text(trend: Any, metric: str) -> str:
    if trend.before is None:
        return ""
    if trend.delta is None:
        return "n/a"
    ends = [trend.delta, trend.delta_low, trend.delta_high]
    delta, low, high = ("n/a" if end is None else f"{'+' if end >= 0 else ''}{number(end, metric)}" for end in ends)
    return f"{delta} [{low}, {high}]"


def verdict_text(row: dict[str, Any] | None) -> Any:
    """The verdict of a comparison in its color; a star where p or the interval alone would say otherwise."""
    from rich.text import Text

    if row is None or row["delta"] is None:
        return Text("n/a")
    verdict = row.get("verdict", "not judged")
    return Text(f"{verdict}{' *' if row.get('note') else ''}", style=COLORS.get(verdict, ""))


def starred_notes(rows: Iterable[dict[str, Any]]) -> list[str]:
    """What each star means: a line for each note, with the comparisons it is of."""
    places: dict[str, list[str]] = {}
    for row in rows:
        if row.get("note"):
            places.setdefault(row["note"], []).append(f"{row['metric']} on {row['task']}")
    return [f"* {note} ({', '.join(dict.fromkeys(where))})" for note, where in places.items()]


def score_table(summary: dict[str, Any]) -> Any:
    """Task, metric, and for each system the score with its 95 % interval; the mean of a metric that several tasks have."""
    from rich.table import Table

    systems = summary["systems"]
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("task", "n", "metric"):
        table.add_column(name, justify="right" if name == "n" else "left", no_wrap=True)
    for system in systems:
        table.add_column(f"{system} (95 %)", justify="right", no_wrap=True)
    for task, found in summary["tasks"].items():
        for index, (metric, scores) in enumerate(found["metrics"].items()):
            first = (task, f"{found['n']:,}") if index == 0 else ("", "")
            table.add_row(*first, metric, *(score_text(scores.get(system), metric) for system in systems))
    count = Counter(metric for found in summary["tasks"].values() for metric in found["metrics"])
    shared = {metric: scores for metric, scores in summary.get("overall", {}).items() if count[metric] > 1}
    for index, (metric, scores) in enumerate(shared.items()):
        cells = [score_text(scores.get(system), metric) for system in systems]
        table.add_row("overall" if index == 0 else "", "", metric, *cells, style="bold")
    return table


def splits_table(run_dir: Path) -> Any | None:
    """A line per test file of a run: what was learned of it, and the score of each system by the metric of the verdict.

    None where nothing was compared.
    """
    from rich.table import Table

    from tunesmith.report.facts import Facts
    from tunesmith.report.folder import open_run
    from tunesmith.report.splits import best_of

    facts = Facts(open_run(run_dir))
    if facts.results is None or facts.results.rival is None:
        return None
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("test questions")
    table.add_column("families learned")
    for _, systems in facts.score_columns:
        table.add_column(_short_name(systems), justify="right")
    lines = [(split.title, _learned_text(split), split.overall) for split in facts.splits]
    lines += [("all together", "", facts.results.overall)] if len(lines) > 1 else []
    for title, learned, result in lines:
        scores = [number(best_of(result, systems).value, facts.results.metric) for _, systems in facts.score_columns]
        table.add_row(title, learned, *scores)
    return table


def _short_name(systems: Sequence[str]) -> str:
    """The head of a narrow column: ``base, 3-shot``, ``nearest example``; of several numbers of examples, the best one."""
    shots = re.fullmatch(r"(.+)_(\d+)_shot", systems[0])
    if shots is None:
        return systems[0].replace("_", " ")
    return f"{shots[1]}, {shots[2] if len(systems) == 1 else 'k'}-shot"


def _learned_text(split: Any) -> str:
    """``11 of 14``, with what was never trained."""
    parts = [f"{split.num_learned.value} of {split.num_trained.value}"] if split.trained and split.is_judged else []
    return ", ".join([*parts, *([f"{len(split.untrained)} never trained"] if split.untrained else [])])


def score_text(score: dict[str, Any] | None, metric: str) -> str:
    """``0.412 [0.360, 0.460]``; metrics that go to 100 with one decimal."""
    if score is None or score.get("value") is None:
        return "n/a"
    low, high = score.get("low"), score.get("high")
    interval = "" if low is None else f" [{number(low, metric)}, {number(high, metric)}]"
    return f"{number(score['value'], metric)}{interval}"


def number(value: float | None, metric: str | None) -> str:
    return "n/a" if value is None else f"{value:.1f}" if metric in UP_TO_100 or abs(value) >= 100 else f"{value:.3f}"


def runs_table(found: list, folder: Path) -> Any:
    """One line per run."""
    from rich.table import Table
    from rich.text import Text

    colors = COLORS | {
        "running": "cyan",
        "trained": "cyan",
        "interrupted": "yellow",
        "damaged": "red",
    }
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("run", "state", "model", "method", "metric", "base → tuned", "verdict", "steps", "time"):
        table.add_column(
            name,
            justify="right" if name in ("steps", "time") else "left",
            no_wrap=name in ("state", "method", "steps", "time"),
        )
    for run in found:
        name = run_name(run.path, folder)
        scores = f"{number(run.base, run.metric)} → {number(run.tuned, run.metric)}" if run.metric else "n/a"
        verdict = run.verdict or ("damaged" if run.problem is not None else "n/a")
        cells = [name, run.state, _short(run.model), run.method or "n/a", run.metric or "n/a", scores, verdict]
        cells += ["n/a" if run.step is None else f"{run.step:,}", "n/a" if run.seconds is None else clock(run.seconds)]
        table.add_row(*(Text(cell, style=colors.get(cell.split(" (")[0], "")) for cell in cells))
    return table


def run_name(path: Path, folder: Path) -> str:
    """What a run is called below the folder that is listed."""
    name = path.name if path.parent == folder else str(path.relative_to(folder))
    return path.resolve().name if name == "." else name


def _short(model: str | None) -> str:
    return "n/a" if model is None else "/".join(model.rstrip("/").split("/")[-2:]) if len(model) > 30 else model
