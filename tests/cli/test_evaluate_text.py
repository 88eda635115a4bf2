"""What the verb evaluate says beside its tables."""

from tunesmith.cli.evaluate import area_table, cut_answers


def test_answers_cut_at_the_length_limit_are_told():
    answers = {"mine": {"n": 1200, "num_cut": 1100, "num_empty": 0}}
    summary = {"systems": ["mine"], "comparisons": [], "answers": answers}
    told = "mine: 1,100 of 1,200 answers were cut at the length limit, so they may score too low."
    assert cut_answers(summary) == [told]
    assert cut_answers({**summary, "answers": {"mine": {"n": 3, "num_cut": 0}}}) == []
    assert cut_answers({"systems": ["mine"], "comparisons": []}) == []


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
    assert [str(cell) for cell in columns[3]] == ["0.400", "0.600"]
