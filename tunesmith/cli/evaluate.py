"""The verb evaluate: a model, a run or given answers, on suites of questions and on files of one's own."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from tunesmith.cli.console import importing, make_progress, print_json, result_console, results_only
from tunesmith.cli.data import column_map
from tunesmith.cli.options import Json, argument, flag, value
from tunesmith.cli.results import number, score_table, score_text
from tunesmith.errors import UsageError

MAX_TASKS_SHOWN = 6
"""Of more tasks than these only their groups are shown; all of them stand in the summary and in the report."""
FURTHER = ("mean_of_k", "similarity", "inst_level_loose", "prompt_level_loose")
"""Figures of suites that the report has and the terminal leaves out."""
COLORS = {"better": "green", "worse": "red"}


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
    tasks: Annotated[
        list[Path] | None, value("--tasks", metavar="FILE", help="Questions with answers. May be repeated.")
    ] = None,
    against: Annotated[
        str | None, value("--against", metavar="MODEL", help="Compare with this model instead of a run's base.")
    ] = None,
    output: Annotated[
        Path | None,
        value("--output", "-o", metavar="DIR", help="Where answers and scores go; for a RUN by default into the run."),
    ] = None,
    predictions: Annotated[
        Path | None, value("--predictions", metavar="FILE", help="Score these answers instead of asking a model.")
    ] = None,
    max_samples: Annotated[
        int | None,
        typer.Option(
            "--max-samples",
            min=1,
            metavar="N",
            help="At most so many questions per task, before they are rephrased.",
            show_default=False,
        ),
    ] = None,
    max_new_tokens: Annotated[
        int | None,
        typer.Option(
            "--max-new-tokens",
            min=1,
            metavar="N",
            help="Longest answer, in tokens; by default a run's own, else 512.",
            show_default=False,
        ),
    ] = None,
    num_shots: Annotated[
        int | None,
        typer.Option(
            "--num-shots",
            min=0,
            metavar="K",
            help="Worked examples before each question; by default as a run was trained.",
            show_default=False,
        ),
    ] = None,
    metric: Annotated[
        str | None, value("--metric", metavar="NAME", help="The metric of the headline, e.g. verbatim_match.")
    ] = None,
    metrics: Annotated[
        str | None,
        value("--metrics", metavar="NAME,…", help="The metrics to show; by default they follow from what is asked."),
    ] = None,
    run_code: Annotated[
        bool, flag("--run-code", help="Run programs that a model wrote, to score them: in a limited process.")
    ] = False,
    columns: Annotated[
        list[str] | None,
        value("--columns", metavar="OURS=THEIRS", help="Name a column that is not recognized, e.g. output=label."),
    ] = None,
    list_suites: Annotated[bool, flag("--list-suites", help="Say what each suite asks and tells, and stop.")] = False,
    json: Json = False,
) -> None:
    """Judge a run, a model or given answers: on test questions, wordings, checked instructions and general text."""
    if list_suites:
        _print_suites(json)
        return
    if (model is None) == (predictions is None):
        raise UsageError(
            "Give either a model (or run) to ask, or --predictions FILE with answers. See: tunesmith evaluate --help"
        )
    if predictions is not None and not tasks:
        raise UsageError(
            "--tasks FILE is missing. For example:"
            f" tunesmith evaluate --predictions {predictions} --tasks questions.jsonl --output scores"
        )
    with importing():
        from tunesmith.workflows.evaluate import evaluate_model

    with results_only():
        summary = evaluate_model(
            model,
            tasks=tasks or (),
            suites=suite or (),
            against=against,
            output_dir=output,
            predictions=predictions,
            max_samples=max_samples,
            max_new_tokens=max_new_tokens,
            num_shots=num_shots,
            metric=metric,
            metrics=[name.strip() for name in (metrics or "").split(",") if name.strip()],
            run_code=run_code,
            columns=column_map(columns or []),
            console=make_progress(),
        )
    if json:
        print_json(summary)
    else:
        _print_result(summary, output)


def _print_result(summary: dict[str, Any], output: Path | None) -> None:
    """Tables, the verdict, and where the rest is."""
    console = result_console()
    if len(summary["tasks"]) <= MAX_TASKS_SHOWN:
        console.print(score_table(summary))
    if len(summary.get("groups", ())) > 1:
        console.print(area_table(summary))
    if summary.get("generalization"):
        console.print(novelty_table(summary))
    shots = (summary.get("shots") or {}).get("sentence")
    for text in (*summary.get("undefined", ()), summary.get("forgetting"), shots, summary.get("verdict")):
        if text:
            print(text)
    for text in cut_answers(summary):
        print(text)
    where = Path(summary["output"]) if "output" in summary else output
    print(f"Answers and scores: {shlex.quote(str(where))}")
    if "report" in summary:
        print(f"Report: {shlex.quote(summary['report'])}")
    if summary.get("next"):
        print(f"Next: {summary['next']}")


def cut_answers(summary: dict[str, Any]) -> list[str]:
    """A sentence for each system with answers that the length limit cut, which can score them too low."""
    return [
        f"{system}: {found['num_cut']:,} of {found['n']:,} answers were cut at the length limit, so they may score too low."
        for system, found in summary.get("answers", {}).items()
        if found.get("num_cut") and system in _compared(summary)
    ]


def area_table(summary: dict[str, Any]) -> Any:
    """A line for each figure of each group of tasks: of the two systems that are compared, and what became of it."""
    from rich.table import Table
    from rich.text import Text

    pair = _compared(summary)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("area", "n", "figure"):
        table.add_column(name, justify="right" if name == "n" else "left", no_wrap=name != "figure")
    for name in (*pair, *(["difference (95 %)", "verdict"] if len(pair) > 1 else [])):
        table.add_column(name, justify="left" if name == "verdict" else "right", no_wrap=True)
    for area, found in _areas(summary):
        for number_of_line, metric in enumerate(_shown(summary, found)):
            scores = found["metrics"][metric]
            title = summary["metrics"].get(metric, {}).get("title", metric)
            n = next((scores[system]["n"] for system in reversed(pair) if system in scores), None)
            cells = [area if number_of_line == 0 else "", "n/a" if n is None else f"{n:,}", title]
            cells += [number((scores.get(system) or {}).get("value"), metric) for system in pair]
            row = next(
                (row for row in found["comparisons"] if (row["metric"], row["a"], row["b"]) == (metric, *pair)), None
            )
            if len(pair) > 1:
                cells += [_difference(row, metric), "n/a" if row is None else row["verdict"]]
            table.add_row(*(Text(cell, style=COLORS.get(cell, "")) for cell in cells))
    return table


def _areas(summary: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(title, metrics and comparisons) of each group; of its tasks where they ask different things: wordings, repeats."""
    for group, found in summary["groups"].items():
        title = "test split" if group == "test" else group.replace("_", " ")
        if group not in found["tasks"] or len(found["tasks"]) == 1:
            yield title, found
            continue
        for task in found["tasks"]:
            rows = [row for row in summary["comparisons"] if row["task"] == task]
            name = title if task == group else f"{title}, {task.removeprefix(f'{group}/')}"
            yield name, {"metrics": summary["tasks"][task]["metrics"], "comparisons": rows}


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
