"""What the verb evaluate says beside its tables."""

from tunesmith.cli.evaluate import area_table, curve_table, num_scored
from tunesmith.cli.results import score_table


def test_a_curve_of_worked_examples_has_a_line_for_each_number_of_them():
    points = [
        {"system": "m", "num_shots": k, "value": value, "low": None, "high": None, "n": 9, "tokens": tokens}
        for k, value, tokens in ((0, 0.25, {"value": 12.0}), (3, 0.5, None))
    ]
    curve = {"title": "exact match", "metric": "exact_match", "num_shots": [0, 3], "systems": ["m"], "curve": points}
    assert curve_table(curve).columns[0].header == "worked examples (exact match, n = 9)"
    assert [list(column.cells) for column in curve_table(curve).columns] == [
        ["0", "3"],
        ["0.250", "0.500"],
        ["12", "n/a"],
    ]


def test_wordings_and_repeats_have_lines_of_their_own_and_no_mean_of_both():
    def cell(value: float) -> dict:
        return {"agreement": {"tuned": {"value": value, "low": 0.1, "high": 0.9, "n": 9}}}

    tasks = {"consistency": 0.4, "consistency/repeated": 0.6}
    summary = {
        "systems": ["tuned"],
        "tasks": {task: {"n": 9, "metrics": cell(value)} for task, value in tasks.items()},
        "groups": {"consistency": {"tasks": [*tasks], "metrics": cell(0.5), "comparisons": []}},
        "metrics": {"agreement": {"title": "answers that agree"}},
        "comparisons": [],
        "primary_metric": "exact_match",
    }
    columns = [list(column.cells) for column in area_table(summary).columns]
    assert [str(cell) for cell in columns[0]] == ["consistency", "consistency, repeated"]
    assert [str(cell) for cell in columns[3]] == ["0.400 [0.100, 0.900]", "0.600 [0.100, 0.900]"]


def test_where_systems_were_scored_on_different_numbers_both_are_told():
    scores = {"base": {"value": 0.1, "n": 20}, "tuned": {"value": 0.6, "n": 53}, "undefined": {"value": None, "n": 9}}
    assert num_scored(scores, ["base", "tuned"]) == "20 · 53"
    assert num_scored(scores, ["undefined", "tuned"]) == "53" and num_scored(scores, ["undefined"]) == "n/a"


def test_a_mean_over_tasks_is_told_of_the_metrics_that_several_have():
    def cells(*names: str) -> dict:
        return {"n": 9, "metrics": {name: {"m": {"value": 0.5, "low": 0.1, "high": 0.9, "n": 9}} for name in names}}

    tasks = {"a": cells("exact_match", "f1"), "b": cells("exact_match"), "c": cells("perplexity")}
    overall = {name: {"m": {"value": 0.5}} for name in ("exact_match", "f1", "perplexity")}
    table = score_table({"systems": ["m"], "tasks": tasks, "overall": overall})
    assert list(table.columns[0].cells) == ["a", "", "b", "c", "overall"]
    assert list(table.columns[2].cells) == ["exact_match", "f1", "exact_match", "perplexity", "exact_match"]
