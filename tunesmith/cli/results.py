"""The verbs on results: report, evaluate, runs."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from tunesmith.cli.console import clock, importing, make_progress, print_json, result_console, results_only
from tunesmith.cli.data import column_map
from tunesmith.cli.options import Json, argument, value
from tunesmith.errors import UsageError

DEFAULT_FOLDER = Path("runs")
UP_TO_100 = ("bleu", "chrf")


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


def evaluate(
    model: Annotated[
        str | None, argument("MODEL|RUN", help="A model folder, a run, a hub id or openai:MODEL@URL.")
    ] = None,
    tasks: Annotated[
        list[Path] | None, value("--tasks", metavar="FILE", help="Questions with answers. May be repeated.")
    ] = None,
    output: Annotated[
        Path | None, value("--output", "-o", metavar="DIR", help="Where the answers and scores go.")
    ] = None,
    predictions: Annotated[
        Path | None, value("--predictions", metavar="FILE", help="Score these answers instead of asking a model.")
    ] = None,
    max_samples: Annotated[
        int | None,
        typer.Option("--max-samples", min=1, metavar="N", help="At most so many samples per task.", show_default=False),
    ] = None,
    num_shots: Annotated[
        int, typer.Option("--num-shots", min=0, metavar="K", help="Worked examples before each question.")
    ] = 0,
    metric: Annotated[
        str | None, value("--metric", metavar="NAME", help="The metric of the headline, e.g. verbatim_match.")
    ] = None,
    columns: Annotated[
        list[str] | None,
        value("--columns", metavar="OURS=THEIRS", help="Name a column that is not recognized, e.g. output=label."),
    ] = None,
    json: Json = False,
) -> None:
    """Score a model, a run or given answers on your own questions."""
    if (model is None) == (predictions is None):
        raise UsageError(
            "Give either a model (or run) to ask, or --predictions FILE with answers. See: tunesmith evaluate --help"
        )
    if not tasks or output is None:
        missing = "--tasks FILE" if not tasks else "--output DIR"
        raise UsageError(
            f"{missing} is missing. For example:"
            f" tunesmith evaluate {model or 'MODEL'} --tasks questions.jsonl --output scores"
        )
    with importing():
        from tunesmith.workflows.evaluate import evaluate_model

    with results_only():
        summary = evaluate_model(
            model,
            tasks=tasks,
            output_dir=output,
            predictions=predictions,
            max_samples=max_samples,
            num_shots=num_shots,
            metric=metric,
            columns=column_map(columns or []),
            console=make_progress(),
        )
    if json:
        print_json(summary)
        return
    result_console().print(score_table(summary))
    if summary.get("verdict"):
        print(summary["verdict"])
    print(f"Answers and scores: {shlex.quote(str(output))}")


def runs(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the runs lie.")] = DEFAULT_FOLDER,
    json: Json = False,
) -> None:
    """List the runs in a folder, with their scores."""
    from tunesmith.run import list_runs

    found = list_runs(folder) if folder != DEFAULT_FOLDER or folder.is_dir() else []
    if json:
        print_json([run.to_dict() for run in found])
    elif not found:
        print(f"No runs in {folder}. Begin one with: tunesmith run RECIPE")
    else:
        result_console().print(runs_table(found, folder))
        for run in found:
            if run.problem is not None:
                print(f"{run.path}: cannot be read in full: {run.problem}")


def score_table(summary: dict[str, Any]) -> Any:
    """Task, metric, and for each system the score with its 95 % interval."""
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
    if len(summary["tasks"]) > 1:
        for index, (metric, scores) in enumerate(summary.get("overall", {}).items()):
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
    for title, _ in facts.score_columns:
        table.add_column(title, justify="right")
    lines = [(split.title, _learned_text(split), split.overall) for split in facts.splits]
    lines += [("all together", "", facts.results.overall)] if len(lines) > 1 else []
    for title, learned, result in lines:
        scores = [number(best_of(result, systems).value, facts.results.metric) for _, systems in facts.score_columns]
        table.add_row(title, learned, *scores)
    return table


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
    return "n/a" if value is None else f"{value:.1f}" if metric in UP_TO_100 else f"{value:.3f}"


def runs_table(found: list, folder: Path) -> Any:
    """One line per run."""
    from rich.table import Table
    from rich.text import Text

    colors = {
        "better": "green",
        "worse": "red",
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
        name = run.path.name if run.path.parent == folder else str(run.path.relative_to(folder))
        name = run.path.resolve().name if name == "." else name
        scores = f"{number(run.base, run.metric)} → {number(run.tuned, run.metric)}" if run.metric else "n/a"
        verdict = run.verdict or ("damaged" if run.problem is not None else "n/a")
        cells = [name, run.state, _short(run.model), run.method or "n/a", run.metric or "n/a", scores, verdict]
        cells += ["n/a" if run.step is None else f"{run.step:,}", "n/a" if run.seconds is None else clock(run.seconds)]
        table.add_row(*(Text(cell, style=colors.get(cell.split(" (")[0], "")) for cell in cells))
    return table


def _short(model: str | None) -> str:
    return "n/a" if model is None else "/".join(model.rstrip("/").split("/")[-2:]) if len(model) > 30 else model
