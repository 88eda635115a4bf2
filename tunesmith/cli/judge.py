"""The verbs that judge what was answered: compare and gate."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
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
from tunesmith.cli.results import number, score_text, starred_notes, verdict_text
from tunesmith.errors import DataError, GateFailed, UsageError


def compare(
    targets: Annotated[
        list[str] | None,
        argument(
            "A B [C …]", help="Runs, folders of `evaluate`, models to ask, or with --predictions files of answers."
        ),
    ] = None,
    tasks: Tasks = None,
    predictions: Annotated[bool, flag("--predictions", help="A, B … are files of answers to the questions.")] = False,
    output: Annotated[
        Path | None,
        value("--output", "-o", metavar="DIR", help="Keep answers and scores here; needed where a model is asked."),
    ] = None,
    metric: MetricName = None,
    max_samples: MaxSamples = None,
    max_new_tokens: MaxNewTokens = None,
    shots: Shots = None,
    num_shots: NumShots = None,
    template: Template = None,
    run_code: RunCode = False,
    columns: Columns = None,
    seeds: Annotated[
        bool, flag("--seeds", help="A, B, C … are runs of one recipe with several seeds: judge the recipe.")
    ] = False,
    json: Json = False,
) -> None:
    """Hold systems against the first on the same samples: differences, how sure they are, and a verdict."""
    with importing():
        from tunesmith.workflows.side_by_side import compare_seeds, compare_systems

    how = {
        "tasks": tasks or (),
        "max_samples": max_samples,
        "max_new_tokens": max_new_tokens,
        "shots": shots or (),
        "num_shots": num_shots,
        "template": template,
        "run_code": run_code,
    }
    given = {**how, "predictions": predictions, "output": output, "columns": columns}
    if seeds:
        name = next((name for name, value in given.items() if value), None)
        if name is not None:
            option = f"--{name.replace('_', '-')}"
            raise UsageError(f"--seeds compares runs by the answers they hold, so {option} has no meaning beside it.")
        with results_only():
            summary = compare_seeds(targets or [], metric=metric, console=make_progress())
        print_json(summary) if json else _print_seeds(summary)
        return
    with results_only():
        summary = compare_systems(
            targets or [],
            predictions=predictions,
            output_dir=output,
            ask=_ask_models,
            console=make_progress(),
            metric=metric,
            columns=column_map(columns or []),
            **how,
        )
    print_json(summary) if json else _print_comparison(summary)


def _ask_models(*given: Any) -> dict[str, Any]:
    """`ask_models`, imported where a model is to be asked: it takes torch, and answers that are there do not."""
    with importing():
        from tunesmith.workflows.evaluate import ask_models

    return ask_models(*given)


def _print_comparison(summary: Mapping[str, Any]) -> None:
    from tunesmith.evaluation.answers import asked_sentence, cautions

    print(f"By {summary['metrics'][summary['primary_metric']]['title']}:")
    result_console().print(comparison_table(summary))
    told = [*starred_notes(_shown(summary)), *summary["verdict"].values(), *cautions(summary)]
    for sentence in (*told, asked_sentence(summary.get("asked", {}))):
        if sentence:
            print(sentence)
    if summary["output"] is not None:
        print(f"Answers and scores: {shlex.quote(summary['output'])}")
        print(f"Report: {shlex.quote(summary['report'])}")


def comparison_table(summary: Mapping[str, Any]) -> Any:
    """A line per pair and task, and one for their mean: both scores, the difference, how sure, and the verdict.

    Shown is the metric of the verdict, and on a task without it the first that was compared; p is adjusted for the number
    of comparisons; ``detectable``: the smallest true difference that would have been seen four times in five.
    """
    from rich.table import Table

    rows = _shown(summary)
    others = list(dict.fromkeys(row["b"] for row in rows))
    names = ["held against", ""] if len(others) > 1 else others
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="dim")
    table.add_column("task", overflow="fold")
    for name in ("n", rows[0]["a"], *names, "difference (95 %)", "adjusted p", "verdict", "detectable"):
        is_word = name in ("held against", "verdict")
        table.add_column(name, justify="left" if is_word else "right", no_wrap=name != "held against", overflow="fold")
    for row in rows:
        table.add_row(*_cells(summary, row, len(others) > 1), style="bold" if row["task"] == "overall" else "")
    return table


def _shown(summary: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    primary = summary["primary_metric"]
    rows = summary["comparisons"]
    compared = {task: [row["metric"] for row in rows if row["task"] == task] for task in summary["tasks"]}
    metric_of = {task: primary if primary in names else next(iter(names), "") for task, names in compared.items()}
    metric_of |= {"overall": primary} if len(metric_of) > 1 else {}
    return [row for row in rows if metric_of.get(row["task"]) == row["metric"]]


def _cells(summary: Mapping[str, Any], row: Mapping[str, Any], is_named: bool) -> list[Any]:
    metric, is_overall = row["metric"], row["task"] == "overall"
    place = summary["overall"] if is_overall else summary["tasks"][row["task"]]["metrics"]
    scores = [number(place[metric].get(row[end], {}).get("value"), metric) for end in ("a", "b")]
    other_metric = f" ({metric})" if metric != summary["primary_metric"] else ""
    return [
        f"{row['task']}{other_metric}",
        f"{row['n']:,}",
        scores[0],
        *([row["b"]] if is_named else []),
        scores[1],
        difference_text(row),
        p_text(row["p_adjusted"]),
        verdict_text(row),
        number(row["smallest_detectable_difference"], metric),
    ]


def difference_text(row: Mapping[str, Any]) -> str:
    """``+0.041 [-0.002, +0.083]``."""
    places = 1 if row["metric"] in ("bleu", "chrf") else 3
    if row["delta"] is None:
        return "n/a"
    interval = "" if row["low"] is None else f" [{row['low']:+.{places}f}, {row['high']:+.{places}f}]"
    return f"{row['delta']:+.{places}f}{interval}"


def p_text(p: float | None) -> str:
    return "n/a" if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}"


def _print_seeds(summary: Mapping[str, Any]) -> None:
    from rich.table import Table

    from tunesmith.evaluation.seeds import seeds_sentence

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("task", "n", *summary["runs"], "mean ± sd", "base", "difference (95 %)", "p", "verdict"):
        table.add_column(name, justify="left" if name in ("task", "verdict") else "right")
    rows = [row for row in summary["rows"] if row["metric"] == summary["primary_metric"]]
    for row in rows if len(rows) > 2 else rows[-1:]:
        metric = row["metric"]
        cells = [row["task"], f"{row['n']:,}", *(number(found, metric) for found in row["values"].values())]
        cells += [f"{number(row['mean'], metric)} ± {number(row['sd'], metric)}", number(row.get("base"), metric)]
        cells += [difference_text(row), p_text(row["p"]), row["verdict"]] if "delta" in row else ["n/a"] * 3
        table.add_row(*cells, style="bold" if row["task"] == "overall" else "")
    result_console().print(table)
    print(seeds_sentence(summary))


# -- gate --------------------------------------------------------------------------------------------------------------


def gate(
    run: Annotated[Path, argument("RUN", help="A run, or a folder that evaluate or compare wrote.")],
    minimum: Annotated[
        list[str] | None,
        value("--min", metavar="CONDITION", help='METRIC[@TASK_OR_GROUP]>=VALUE, e.g. "exact_match>=0.6".'),
    ] = None,
    maximum: Annotated[
        list[str] | None, value("--max", metavar="CONDITION", help='The same with <=, e.g. "perplexity@general<=20".')
    ] = None,
    no_regression: Annotated[
        list[str] | None,
        value(
            "--no-regression",
            metavar="GROUP|all",
            help="Nothing of the group, or of all, is significantly worse than base. METRIC@GROUP for one metric.",
        ),
    ] = None,
    system: Annotated[
        str | None, value("--system", metavar="NAME", help="Which system; by default tuned, or what was evaluated.")
    ] = None,
    sure: Annotated[
        bool, flag("--sure", help="Judge --min and --max on the end of the 95 % interval, not on the value.")
    ] = False,
    json: Json = False,
) -> None:
    """Exit with code 6 when a score is too low or something got worse: for use in CI."""
    from tunesmith.evaluation.gate import judge_all, parse_condition
    from tunesmith.files import missing_path, read_json

    conditions = [parse_condition(text, "--min") for text in minimum or ()]
    conditions += [parse_condition(text, "--max") for text in maximum or ()]
    if not conditions and not no_regression:
        raise UsageError('Nothing to judge by. Give a condition: --min "exact_match>=0.6" or --no-regression all.')
    path = run / "eval" / "summary.json"
    if not run.exists():
        raise missing_path(run)
    if not run.is_dir():
        raise DataError(f"{run}: is a file. Name a run, or a folder that evaluate or compare wrote.")
    if not path.is_file():
        raise DataError(f"{run}: not evaluated (no eval/summary.json). Run `tunesmith evaluate {run}` first.")
    found = judge_all(read_json(path), conditions, no_regression or (), system=system, sure=sure)
    failed = [judged for judged in found if not judged.holds]
    if json:
        print_json({"passed": not failed, "conditions": [judged.to_dict() for judged in found]})
    else:
        result_console().print(gate_table(found))
    if failed:
        raise GateFailed(f"{run}: {len(failed)} of {len(found)} conditions failed: {_listed(failed)}.")
    if not json:
        print(f"Passed: {'the condition holds' if len(found) == 1 else f'all {len(found)} conditions hold'}.")


def gate_table(found: Sequence[Any]) -> Any:
    """A line for each condition: what was found, and whether it holds."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("condition", "found (95 %)", "n", "", ""):
        table.add_column(name, justify="right" if name in ("found (95 %)", "n") else "left")
    for judged in found:
        is_figure = judged.found is not None
        cell = {"value": judged.found, "low": judged.low, "high": judged.high} if is_figure else None
        score = score_text(cell, judged.condition.split("@")[0].split(" ")[0]) if is_figure else ""
        holds = Text("holds" if judged.holds else "fails", style="green" if judged.holds else "red")
        table.add_row(judged.condition, score, "" if judged.n is None else f"{judged.n:,}", holds, judged.note)
    return table


def _listed(failed: Sequence[Any]) -> str:
    return "; ".join(f"{judged.condition}{f' ({judged.note})' if judged.note else ''}" for judged in failed)
