"""The verb evaluate: a model, a run or given answers, on suites of questions and on files of one's own."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from tunesmith.cli.console import importing, make_progress, print_json, result_console, results_only
from tunesmith.cli.data import column_map
from tunesmith.cli.options import (
    Columns,
    Json,
    MaxNewTokens,
    MaxSamples,
    MetricName,
    NumShots,
    RunCode,
    Shots,
    Tasks,
    Template,
    argument,
    flag,
    value,
)
from tunesmith.cli.results import number, score_table, score_text, starred_notes, verdict_text
from tunesmith.errors import UsageError

MAX_TASKS_SHOWN = 6
"""Of more tasks than these only their groups are shown; all of them stand in the summary and in the report."""
FURTHER = ("mean_of_k", "similarity", "inst_level_loose", "prompt_level_loose")
"""Figures of suites that the report has and the terminal leaves out."""


def evaluate(
    model: Annotated[
        str | None, argument("MODEL|RUN", help="A run, a model folder, a hub id or openai:MODEL@URL.")
    ] = None,
    suite: Annotated[
        list[str] | None,
        value(
            "--suite", metavar="NAME", help="What to ask: quick, full, or a suite of --list-suites. May be repeated."
        ),
    ] = None,
    tasks: Tasks = None,
    against: Annotated[
        str | None, value("--against", metavar="MODEL", help="Compare with this model instead of a run's base.")
    ] = None,
    rephrase_with: Annotated[
        str | None,
        value(
            "--rephrase-with", metavar="MODEL", help="Suite consistency: a model that words questions otherwise too."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        value("--output", "-o", metavar="DIR", help="Where answers and scores go; for a RUN by default into the run."),
    ] = None,
    predictions: Annotated[
        Path | None, value("--predictions", metavar="FILE", help="Score these answers instead of asking a model.")
    ] = None,
    max_samples: MaxSamples = None,
    max_new_tokens: MaxNewTokens = None,
    shots: Shots = None,
    num_shots: NumShots = None,
    template: Template = None,
    metric: MetricName = None,
    metrics: Annotated[
        str | None,
        value("--metrics", metavar="NAME,…", help="The metrics to show; by default they follow from what is asked."),
    ] = None,
    run_code: RunCode = False,
    columns: Columns = None,
    list_suites: Annotated[bool, flag("--list-suites", help="Say what each suite asks and tells, and stop.")] = False,
    json: Json = False,
) -> None:
    """Judge a run, a model or given answers: on test questions, wordings, checked instructions and general text."""
    if list_suites:
        _print_suites(json)
        return
    _refuse_incomplete(model, predictions, tasks)
    wishes = {
        "tasks": tasks or (),
        "suites": suite or (),
        "against": against,
        "rephrase_with": rephrase_with,
        "max_samples": max_samples,
        "max_new_tokens": max_new_tokens,
        "shots": shots or (),
        "num_shots": num_shots,
        "template": template,
        "metric": metric,
        "metrics": [name.strip() for name in (metrics or "").split(",") if name.strip()],
        "run_code": run_code,
        "columns": column_map(columns or []),
    }
    summary = _evaluated(model, predictions, output_dir=output, **wishes)
    if json:
        print_json(summary)
    else:
        _print_result(summary, output)


def _evaluated(model: str | None, predictions: Path | None, **wishes: Any) -> dict[str, Any]:
    """The summary of a model, or of given answers: these without torch."""
    if predictions is not None:
        from tunesmith.workflows.given import score_given

        with results_only():
            return score_given(predictions, console=make_progress(), **wishes)
    with importing():
        from tunesmith.workflows.evaluate import evaluate_model

    with results_only():
        return evaluate_model(model, console=make_progress(), **wishes)


def _refuse_incomplete(model: str | None, predictions: Path | None, tasks: list[Path] | None) -> None:
    if (model is None) == (predictions is None):
        raise UsageError(
            "Give either a model (or run) to ask, or --predictions FILE with answers. See: tunesmith evaluate --help"
        )
    if predictions is not None and not tasks:
        raise UsageError(
            "--tasks FILE is missing. For example:"
            f" tunesmith evaluate --predictions {predictions} --tasks questions.jsonl --output scores"
        )


def _print_result(summary: dict[str, Any], output: Path | None) -> None:
    """Tables, the verdict, what makes a score too low, how the systems were asked, and where the rest is."""
    from tunesmith.evaluation.answers import asked_sentence, cautions

    console, curve = result_console(), summary.get("shots") or {}
    if len(summary["tasks"]) <= MAX_TASKS_SHOWN:
        console.print(score_table(summary))
    if len(summary.get("groups", ())) > 1:
        console.print(area_table(summary))
        for text in starred_notes(row for _, _, _, row in _area_rows(summary) if row is not None):
            print(text)
    if summary.get("generalization"):
        console.print(novelty_table(summary))
    if curve:
        console.print(curve_table(curve))
    told = [*summary.get("undefined", ()), summary.get("forgetting"), curve.get("sentence"), summary.get("verdict")]
    told += [*cautions(summary), *(f"Over worked examples, {text}" for text in cautions(curve))]
    told.append(asked_sentence(summary.get("asked", {})))
    for text in dict.fromkeys(told):
        if text:
            print(text)
    where = Path(summary["output"]) if "output" in summary else output
    print(f"Answers and scores: {shlex.quote(str(where))}")
    if "report" in summary:
        print(f"Report: {shlex.quote(summary['report'])}")
    if summary.get("next"):
        print(f"Next: {summary['next']}")


def area_table(summary: dict[str, Any]) -> Any:
    """A line for each figure of each group of tasks: of the two systems that are compared, and what became of it; of one
    system alone, its interval."""
    from rich.table import Table
    from rich.text import Text

    pair = _compared(summary)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("area", "n", "figure"):
        table.add_column(name, justify="right" if name == "n" else "left", no_wrap=name != "figure")
    told = [*pair, "difference (95 %)", "verdict"] if len(pair) > 1 else [f"{pair[0]} (95 %)"]
    for name in told:
        table.add_column(name, justify="left" if name == "verdict" else "right", no_wrap=True)
    for area, metric, scores, row in _area_rows(summary):
        title = summary["metrics"].get(metric, {}).get("title", metric)
        cells = [Text(cell) for cell in (area, num_scored(scores, pair), title)]
        if len(pair) > 1:
            cells += [Text(number((scores.get(system) or {}).get("value"), metric)) for system in pair]
            cells += [Text(_difference(row, metric)), verdict_text(row)]
        else:
            cells.append(Text(score_text(scores.get(pair[0]), metric)))
        table.add_row(*cells)
    return table


def num_scored(scores: dict[str, Any], pair: list[str]) -> str:
    """n, or that of each system where they differ, as they do of what only right answers have: ``20 · 53``."""
    known = [scores[system]["n"] for system in pair if (scores.get(system) or {}).get("value") is not None]
    return " · ".join(f"{n:,}" for n in (known if len(set(known)) > 1 else known[-1:])) or "n/a"


def _area_rows(summary: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any], dict[str, Any] | None]]:
    """(area on its first line, metric, its scores, its comparison or difference) of each line of the table."""
    pair = _compared(summary)
    for area, found in _areas(summary):
        rows = {
            row["metric"]: row
            for row in (*found["comparisons"], *found.get("differences", ()))
            if [row["a"], row["b"]] == pair
        }
        for place, metric in enumerate(_shown(summary, found)):
            yield area if place == 0 else "", metric, found["metrics"][metric], rows.get(metric)


def _areas(summary: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(title, metrics and comparisons) of each group; of its tasks where they ask different things: wordings, repeats."""
    for group, found in summary["groups"].items():
        title = "test split" if group == "test" else group.replace("_", " ")
        if group not in found["tasks"] or len(found["tasks"]) == 1:
            yield title, found
            continue
        for task in found["tasks"]:
            rows = {
                kind: [row for row in summary.get(kind, ()) if row["task"] == task]
                for kind in ("comparisons", "differences")
            }
            name = title if task == group else f"{title}, {task.removeprefix(f'{group}/')}"
            yield name, {"metrics": summary["tasks"][task]["metrics"], **rows}


def _shown(summary: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """The figures of a group that a person is shown: all of a suite's own, and of test questions the one of the verdict."""
    metrics, primary = list(found["metrics"]), summary["primary_metric"]
    if primary in metrics:
        return [primary]
    return [name for name in metrics if name not in FURTHER] or metrics[:1]


def _compared(summary: dict[str, Any]) -> list[str]:
    """The two systems of the headline; the one there is where nothing is compared."""
    from tunesmith.evaluation.systems import main_pair

    pairs = list(dict.fromkeys((row["a"], row["b"]) for row in summary["comparisons"]))
    pair = main_pair(pairs)
    return list(pair) if pair is not None else summary["systems"][:1]


def _difference(row: dict[str, Any] | None, metric: str) -> str:
    if row is None or row["delta"] is None:
        return "n/a"
    low, high = row["low"], row["high"]
    interval = "" if low is None else f" [{_signed(low, metric)}, {_signed(high, metric)}]"
    return f"{_signed(row['delta'], metric)}{interval}"


def _signed(value: float, metric: str) -> str:
    return ("+" if value >= 0 else "-") + number(abs(value), metric)


def novelty_table(summary: dict[str, Any]) -> Any:
    """The user's own questions by what is new about them to the model."""
    from rich.table import Table

    found, pair = summary["generalization"], _compared(summary)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column(f"test questions with … ({found['title']})")
    table.add_column("n", justify="right")
    for system in pair:
        table.add_column(f"{system} (95 %)", justify="right", no_wrap=True)
    for name, part in found["classes"].items():
        scores = [score_text(part["metrics"].get(system), found["metric"]) for system in pair]
        table.add_row(name, f"{part['n']:,}", *scores)
    return table


def curve_table(curve: dict[str, Any]) -> Any:
    """A line for each number of worked examples: what each system scores with them, and its tokens of context a request."""
    from rich.table import Table

    points = {(point["system"], point["num_shots"]): point for point in curve["curve"]}
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    num = max((point["n"] for point in curve["curve"]), default=0)
    table.add_column(f"worked examples ({curve['title']}, n = {num:,})")
    for system in curve["systems"]:
        for name in (f"{system} (95 %)", "tokens"):
            table.add_column(name, justify="right", no_wrap=True)
    for num_shots in curve["num_shots"]:
        cells = []
        for system in curve["systems"]:
            point = points[system, num_shots]
            tokens = (point["tokens"] or {}).get("value")
            cells += [score_text(point, curve["metric"]), "n/a" if tokens is None else f"{tokens:,.0f}"]
        table.add_row(str(num_shots), *cells)
    return table


def _print_suites(json: bool) -> None:
    from tunesmith.evaluation.suites import SETS, SUITES

    suites = [SUITES.get(name) for name in SUITES.names()]
    if json:
        print_json(
            {
                "suites": {suite.name: {"title": suite.title, "meaning": suite.meaning} for suite in suites},
                "sets": {name: list(parts) for name, parts in SETS.items()},
            }
        )
        return
    for suite in suites:
        print(f"{suite.name:<14}{suite.title}. {suite.meaning}")
    for name, parts in SETS.items():
        print(f"{name:<14}all of: {', '.join(parts)}.")
