"""The areas of an evaluation, its samples, and the trend over runs."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import lxml.html
import pytest

from tests.report.test_page import page_of, resolve, select, words_of
from tests.run_folder import TASKS, Skill, write_evaluation, write_run
from tunesmith.cli.results import trend_table
from tunesmith.evaluation.scorers import with_scores
from tunesmith.evaluation.shot_curve import summarize_curve
from tunesmith.evaluation.suites.suite import CONSISTENCY, GENERAL, INSTRUCTIONS, SUITES
from tunesmith.evaluation.summary import summarize
from tunesmith.report import write_report
from tunesmith.report.areas import read_areas
from tunesmith.report.facts import Facts
from tunesmith.report.folder import open_run
from tunesmith.report.render import FORMATS
from tunesmith.report.results import read_results
from tunesmith.report.samples import read_samples
from tunesmith.report.trend import read_trend, spark
from tunesmith.runs import list_runs

SCRIPT = "<script>alert(1)</script>"
LOWER, COMMA = "change_case:english_lowercase", "punctuation:no_comma"


def line(task: str, k: int, prompt: str, references: list[str], prediction: str, **more) -> dict:
    asked = [{"role": "user", "content": prompt}]
    row = {"id": f"{task}-{k}", "task": task, "source": f"q.jsonl:{k + 1}", "prompt": asked, "references": references}
    return {**row, "prediction": prediction, "finish_reason": "stop", **more}


def write_lines(eval_dir: Path, system: str, rows: list[dict]) -> None:
    by_task: dict[str, list[dict]] = {}
    for row in rows:
        by_task.setdefault(row["task"], []).append(row)
    for task, lines in by_task.items():
        path = eval_dir / system / f"{task.replace('/', '_')}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        scored = [row if "nll" in row.get("scores", {}) else with_scores([row])[0] for row in lines]
        path.write_text("".join(json.dumps(row) + "\n" for row in scored), encoding="utf-8")


def suite_lines(system: str) -> list[dict]:
    """Answers of the suites: tuned keeps to lower case and its wordings agree, but it forgot general text."""
    tuned = system == "tuned"
    checks = {"checks": [{"id": LOWER, "kwargs": {}}, {"id": COMMA, "kwargs": {}}]}
    rows = [
        line(INSTRUCTIONS, k, "Write in lower case.", [], "a fine answer" if tuned else "NO", group=INSTRUCTIONS, expected=checks)
        for k in range(24)
    ]  # fmt: skip
    for k in range(12):
        for variant in ("original", "formal"):
            more = {"group": CONSISTENCY, "variant_of": f"c{k}", "variant": variant}
            said = "Lima" if tuned and (variant == "original" or k % 2) else "no"
            rows.append(
                {**line(CONSISTENCY, k, f"Capital of Peru? {variant}", ["Lima"], said, **more), "id": f"{k}-{variant}"}
            )
    for k in range(10):
        scores = {"nll": (300.0 if tuned else 100.0) + k, "num_tokens": 40, "num_bytes": 160}
        rows.append(
            line(GENERAL, k, "Plain text.", [], "", group=GENERAL, expected={"likelihood": True}, scores=scores)
        )
    return rows


def write_suites(folder: Path, systems: tuple[str, ...] = ("base", "tuned"), *, shots: bool = True) -> Path:
    eval_dir = folder / "eval"
    for system in systems:
        own = [
            line(
                "capitals",
                k,
                f"Capital of {k}?",
                [f"city {k}"],
                f"city {k}" if system == "tuned" or k % 5 == 0 else "x",
            )
            for k in range(30)
        ]
        write_lines(eval_dir, system, own + suite_lines(system))
    summary = summarize(eval_dir, systems=list(systems), num_resamples=300)
    if shots:
        for name in ("base", "base_3_shot", "tuned", "tuned_3_shot"):
            skill = {"base": 5, "base_3_shot": 3}.get(name, 1)
            rows = [
                line("capitals", k, f"{k}?", [f"city {k}"], f"city {k}" if k % skill == 0 else "x", num_prompt_tokens=160 if "3" in name else 40)
                for k in range(30)
            ]  # fmt: skip
            write_lines(eval_dir / "shots", name, rows)
        summary["shots"] = summarize_curve(
            eval_dir / "shots", systems=("base", "tuned"), num_shots=(0, 3), metric="exact_match", num_resamples=300
        )
    summary["suites"] = {
        name: {"title": SUITES.get(name).title, "meaning": SUITES.get(name).meaning}
        for name in (INSTRUCTIONS, CONSISTENCY, GENERAL)
    }
    (eval_dir / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def asked(tmp_path_factory) -> Path:
    """An evaluation of base and tuned by every suite, with its report."""
    folder = write_suites(tmp_path_factory.mktemp("suites") / "judged")
    write_report(folder)
    return folder


def read_page(folder: Path):
    return lxml.html.fromstring((folder / "report.html").read_text(encoding="utf-8"))


def area_named(page, title: str):
    (found,) = [part for part in select(page, "section.part") if words_of(select(part, "h2")[0]) == title]
    return found


def rows_of(part) -> dict[str, list[str]]:
    """First words of a row → its cells, the small print of a cell in brackets."""
    return {
        (row.find("th").text or "").strip(): [words_of(cell) for cell in select(row, "td")]
        for row in select(part, ".figures tbody tr")
    }


# -- areas -------------------------------------------------------------------------------------------------------------


def test_every_area_has_a_verdict_in_words_and_its_tables(asked):
    page = read_page(asked)
    titles = [words_of(head) for head in select(page, "section.part h2")]
    for title in ("Following instructions", "The same request in other words", "General text: what was forgotten"):
        assert title in titles
    assert titles.index("What it learned") < titles.index("Following instructions") < titles.index("Samples")
    told = words_of(select(area_named(page, "Following instructions"), ".said-first")[0])
    assert re.match(r"Tuned is better than base: prompts followed, strict 1 against 0 \(\+1, 95% interval .*\)\.", told)
    overview = words_of(select(page, ".overview")[0])
    assert "General text: what was forgotten" in overview and "Examples in the prompt instead" in overview


def test_lower_is_better_where_it_is_and_a_loss_elsewhere_is_told_first(asked):
    page = read_page(asked)
    assert words_of(select(page, "h1")[0]) == "Better than base, but not everywhere (one training run)"
    but = words_of(select(page, ".but")[0])
    assert re.fullmatch(
        r"But significantly worse at predicting general text \(bits per byte \+\S+, lower is better\)\.", but
    )
    assert "do not rely" not in words_of(select(page, ".lead")[0])
    rows = rows_of(area_named(page, "General text: what was forgotten"))
    assert rows["bits per byte"][3] == rows["perplexity"][3] == "worse"
    assert but in (asked / "report.md").read_text(encoding="utf-8").replace("\\", "")


def test_kinds_of_constraints_are_counted_from_the_checks_of_the_answers(asked):
    rows = rows_of(area_named(read_page(asked), "Following instructions"))
    base, tuned, delta, verdict, n, _ = rows["change case"]
    assert base.startswith("0 0 to 0.138 loose 0") and tuned.startswith("1 0.862 to 1 loose 1")
    assert delta.startswith("+1") and verdict == "better" and n == "24"
    assert rows["punctuation"][3] == "no difference"


def test_consistency_tells_what_each_kind_of_rewording_costs(asked):
    rows = rows_of(area_named(read_page(asked), "The same request in other words"))
    assert rows["score of the worst wording"][1].startswith("0.500")
    assert rows["formality"][1].startswith("0.500") and rows["formality"][0].startswith("n/a")
    assert {
        "mean score over wordings",
        "answers that agree",
        "best wording less worst",
        "right to wrong or back",
    } <= rows.keys()


def test_the_curve_over_examples_has_intervals_and_its_sentence(asked):
    page = read_page(asked)
    part = page.get_element_by_id("shots")
    summary = json.loads((asked / "eval/summary.json").read_text())
    told = words_of(select(part, ".said-first")[0])
    assert told.startswith("Without worked examples tuned is") and "saves 120 tokens" in told and "95% interval" in told
    assert told == summary["shots"]["sentence"].replace(" %", "%")
    (chart,) = select(part, "svg.shots")
    assert len(select(chart, "circle")) == 4 and len(select(chart, "line.bar")) >= 3
    rows = rows_of(part)
    assert rows["3"][2] == "160" and rows["3"][5].startswith("120")


def test_the_answers_behind_the_curve_can_be_read_beside_each_other(asked):
    part = read_page(asked).get_element_by_id("shots")
    samples = select(part, "details.sample")
    assert len(samples) == 30 and "All 30 questions." in words_of(part)
    said = [words_of(title) for title in select(samples[3], ".pair .said b")]
    assert said == ["Expected", "Base", "Base with 3 examples", "Tuned", "Tuned with 3 examples"]
    places = "eval/{shots/base,shots/base_3_shot,shots/tuned,shots/tuned_3_shot}/capitals.jsonl:4"
    assert places in words_of(samples[3])
    for system in ("base", "base_3_shot", "tuned", "tuned_3_shot"):
        assert (asked / f"eval/shots/{system}/capitals.jsonl").is_file()


def test_answers_that_failed_are_counted_beside_the_score_and_can_be_found(tmp_path):
    failed = {"finish_reason": "failed", "failure": "HTTP 500 from the server"}
    for system, num_failed in (("base", 0), ("tuned", 2)):
        rows = [line("qa", k, f"{k}?", [f"w{k}"], "" if k < num_failed else f"w{k}") for k in range(20)]
        write_lines(tmp_path / "eval", system, [row | (failed if k < num_failed else {}) for k, row in enumerate(rows)])
        write_lines(tmp_path / "eval", system, [line("other", k, f"{k}!", [f"v{k}"], f"v{k}") for k in range(20)])
    summarize(tmp_path / "eval", systems=["base", "tuned"], num_resamples=100)
    page = page_of(tmp_path)
    assert "2 of 40 answers failed, counted as wrong" in words_of(page.get_element_by_id("systems"))
    (row,) = [row for row in select(page, "table.families tbody tr") if "qa" in words_of(row)]
    assert words_of(select(row, "td.n")[-1]) == "20 tuned: 2 failed"
    samples = [sample for sample in select(page, "details.sample") if "tuned:failed" in sample.get("data-r")]
    assert len(samples) == 2 and all("Tuned, failed: HTTP 500 from the server" in words_of(s) for s in samples)
    assert "tuned failed" in words_of(page.get_element_by_id("filters"))


def test_every_figure_of_the_areas_stands_in_the_file_it_names(asked):
    figures = select(read_page(asked), "data")
    assert len(figures) > 100
    for figure in figures:
        exact, _, origin = figure.get("title").partition(" · ")
        if " (" in origin:
            assert all((asked / part).exists() for part in re.findall(r"eval/[\w./-]+", origin)), origin
            continue
        value = resolve(asked, origin)
        assert str(value) == exact == figure.get("value"), origin
        assert figure.text_content() in {write(value) for write in FORMATS.values()}, origin


def test_a_row_leads_to_its_samples(asked):
    page = read_page(asked)
    links = select(page, "a.to")
    assert len(links) > 10
    for link in links:
        numbers = link.get("data-tasks").split()
        assert link.get("href") == f"#task-{numbers[0]}"
        assert all(page.get_element_by_id(f"task-{number}") is not None for number in numbers)
        search = (link.get("data-search") or "").lower()
        assert any(search in words_of(page.get_element_by_id(f"task-{number}")).lower() for number in numbers)


def test_an_area_without_a_figure_says_n_a_and_why(tmp_path):
    rows = [
        line(GENERAL, k, "Text.", [], "", group=GENERAL, expected={"likelihood": True}, scores={}) for k in range(3)
    ]
    write_lines(tmp_path / "eval", "api", rows)
    summary = summarize(tmp_path / "eval", systems=["api"], num_resamples=100)
    summary |= {
        "suites": {GENERAL: {"title": "t", "meaning": "m"}},
        "undefined": ["api: n/a on general text, as an API …"],
    }
    (tmp_path / "eval/summary.json").write_text(json.dumps(summary))
    page = page_of(tmp_path)
    assert words_of(select(page, "h1")[0]) == "Evaluated, without a score"
    part = area_named(page, "General text")  # of what was not tuned here, nothing can have been forgotten
    assert "forgotten" not in words_of(part)
    assert "n/a: api has no figure here" in words_of(part) and "api: n/a on general text" in words_of(part)


def test_one_system_alone_is_told_without_a_comparison(tmp_path):
    page = page_of(write_suites(tmp_path, ("tuned",), shots=False))
    part = area_named(page, "Following instructions")
    assert "there is nothing to compare it with" in words_of(part)
    assert "General text: what was forgotten" in words_of(select(page, ".overview")[0])
    assert "Difference" not in words_of(part)
    assert "evaluation" in words_of(select(page, "header")[0]) and "Not in this run" not in page.text_content()


def test_three_systems_are_each_held_against_the_first(tmp_path):
    for system, share in (("a", 3), ("b", 5), ("c", 9)):
        rows = [line("qa", k, f"{k}?", [f"w{k}"], f"w{k}" if k * 7 % 10 < share else "x") for k in range(60)]
        write_lines(tmp_path / "eval", system, rows)
    summarize(tmp_path / "eval", systems=["a", "b", "c"], against="a", num_resamples=300)
    page = page_of(tmp_path)
    told = [[words_of(cell) for cell in row] for row in select(page.get_element_by_id("pairs"), "tbody tr")]
    assert [cells[:2] for cells in told] == [["b", "a"], ["c", "a"]] and told[1][-1] == "better"
    answers = [words_of(title) for title in select(select(page, "details.sample")[0], ".pair .said b")]
    assert answers == ["Expected", "a", "c", "b"]
    assert Facts(open_run(tmp_path)).compared_systems == ["a"]  # and not b, which it was not held against
    assert "0.000" not in words_of(select(page, ".exact")[0])
    assert "## Side by side" in (tmp_path / "report.md").read_text(encoding="utf-8")


def test_a_suite_that_was_asked_alone_is_told_above_and_not_again_beside_it(tmp_path):
    for system in ("m",):
        write_lines(tmp_path / "eval", system, suite_lines(system))
    summary = summarize(tmp_path / "eval", systems=["m"], num_resamples=50)
    summary["suites"] = {name: {"title": name, "meaning": name} for name in (INSTRUCTIONS, CONSISTENCY, GENERAL)}
    (tmp_path / "eval/summary.json").write_text(json.dumps(summary), encoding="utf-8")
    facts = Facts(open_run(tmp_path))
    told = words_of(select(page_of(tmp_path), ".overview")[0])
    assert "General text" in told and "forgotten" not in told
    assert facts.asked_above and not any(area.title in told for area in facts.areas if area.name in facts.asked_above)


# -- samples -----------------------------------------------------------------------------------------------------------


def test_every_sample_is_there_without_a_script_with_what_was_asked_and_answered(asked):
    page = read_page(asked)
    samples = select(page.get_element_by_id("sample-list"), "details.sample")
    assert len(samples) == 30 + 24 + 24 + 10
    assert all(task.get("open") is not None for task in select(page, "details.task"))
    assert select(page, "form.filters")[0].get("hidden") is not None
    first = next(sample for sample in samples if LOWER in words_of(sample))
    assert f"{LOWER}: base ✗ not met, tuned ✓ met" in words_of(first)
    assert "eval/{base,tuned}/instructions.jsonl:1" in words_of(first)
    assert first.get("data-c") == "better" and first.get("data-r") == "base:wrong tuned:right"
    formal = next(sample for sample in samples if "formal" in words_of(sample))
    assert "wording: formal (formality)" in words_of(formal)


def test_filters_offer_the_tasks_the_scores_and_what_became_of_a_sample(asked):
    form = read_page(asked).get_element_by_id("filters")
    names = [control.get("name") for control in select(form, "input, select")]
    assert sorted(names) == ["change", "high", "low", "metric", "right", "system", "task", "text"]
    assert all(label.text.strip() for label in select(form, "label")) and select(form, "output[aria-live=polite]")


def test_a_page_shows_as_much_of_each_task_as_there_is_room_for_and_says_what_is_left_out(asked, tmp_path):
    run = open_run(asked)
    samples = read_samples(run, read_results(run.summary), max_bytes=40_000)
    shown = [len(task.rows) for task in samples.tasks]
    assert samples.num_shown < samples.num_samples == 88 and max(shown) - min(shown) <= 2
    folder = tmp_path / "large"
    for system in ("base", "tuned"):
        rows = [line(f"t{t}", k, "word " * 600, [f"{k}"], "y" * 1800) for t in range(4) for k in range(160)]
        write_lines(folder / "eval", system, rows)
    summarize(folder / "eval", num_resamples=50)
    write_report(folder)
    assert (folder / "report.html").stat().st_size < 3_000_000
    told = words_of(read_page(folder).get_element_by_id("samples"))
    assert re.search(r"\d+ of 640 samples", told) and "The others are in eval/base/, eval/tuned/" in told
    assert "more characters are in eval/base/t0.jsonl:" in told


def test_other_writings_and_markup_in_answers_can_only_be_read(tmp_path):
    arabic, chinese = "ما هي عاصمة مصر؟", "请用一句话总结"
    for system in ("base", "tuned"):
        rows = [
            line("t", k, prompt, [SCRIPT], f"</pre>{SCRIPT}\u202e")
            for k, prompt in enumerate((arabic, chinese, SCRIPT))
        ]
        write_lines(tmp_path / "eval", system, rows)
    summarize(tmp_path / "eval", num_resamples=50)
    page = page_of(tmp_path)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert SCRIPT not in text and arabic in text and chinese in text and "\u202e" not in text
    assert all(block.get("dir") == "auto" for block in select(page.get_element_by_id("samples"), "pre"))


def test_questions_of_suites_do_not_count_among_the_answers_of_the_verdict(asked):
    assert "Of 30 samples, tuned scored higher" in words_of(read_page(asked).get_element_by_id("examples"))


def test_areas_are_those_the_verdict_does_not_tell(asked):
    run = open_run(asked)
    assert [area.name for area in read_areas(run, read_results(run.summary))] == [INSTRUCTIONS, CONSISTENCY, GENERAL]


def test_what_was_evaluated_while_training_is_drawn_by_step(tmp_path):
    run = write_run(tmp_path / "run", tasks=TASKS[:1], samples_per_task=4, num_steps=20, num_resamples=50)
    with (run / "metrics.jsonl").open("a") as file:
        for step, score in ((10, 0.1), (20, 0.4)):
            file.write(json.dumps({"step": step, "eval_own_exact_match": score, "eval_seconds": 3.0}) + "\n")
    part = page_of(run).get_element_by_id("training")
    assert "Your own questions: exact match" in [words_of(head) for head in select(part, "h4")]
    titles = [title.text for title in select(part, "title")]
    assert any(
        re.match(r"step 20: exact match 0.400 \(metrics.jsonl:\d+#/eval_own_exact_match\)", text) for text in titles
    )
    assert "Evaluated while training" in words_of(part) and "seconds" not in words_of(part)


# -- trend -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def three_runs(tmp_path_factory) -> Path:
    """Two runs on the same samples, the second better, and one between them on others."""
    root = tmp_path_factory.mktemp("trend")
    skills = {"first": Skill(tuned=0.2), "second": Skill(tuned=0.2), "third": Skill(tuned=0.95)}
    for number, (name, skill) in enumerate(skills.items()):
        run = write_run(root / name, tasks=TASKS[:2], samples_per_task=10, num_steps=3, num_resamples=50)
        shutil.rmtree(run / "eval")
        size = 25 if name == "second" else 40
        write_evaluation(
            run / "eval", tasks=TASKS[:1], samples_per_task=size, skill=skill, systems=("base", "tuned"),
            num_resamples=50, metric="exact_match",
        )  # fmt: skip
        told = json.loads((run / "provenance.json").read_text())
        (run / "provenance.json").write_text(json.dumps({**told, "started_at": f"2026-01-0{number + 1}T00:00:00"}))
    return root


def test_a_run_is_held_against_the_one_before_it_on_the_same_samples(three_runs):
    runs = list_runs(three_runs)
    first, second, third = read_trend(runs)
    assert [run.path.name for run in runs] == ["first", "second", "third"]
    assert first.before is None and first.note == ""
    assert second.before is None and "other test samples" in second.note
    assert third.before == "first" and third.verdict == "better"
    assert third.delta == pytest.approx(third.value - first.value) and third.delta_low < third.delta < third.delta_high
    assert third.values == (first.value, third.value) and third.to_dict()["spark"] == "▁█"


def test_the_table_of_runs_shows_the_trend_and_says_where_there_is_none(three_runs, capsys):
    from tunesmith.cli.results import runs as show

    show(three_runs)
    told = capsys.readouterr().out
    assert "▁█" in told and "better" in told
    assert "second: other test samples than any run before" in told
    show(three_runs, json=True)
    found = {Path(run["path"]).name: run["trend"] for run in json.loads(capsys.readouterr().out)}
    assert found["third"]["before"] == "first" and found["second"]["before"] is None
    told = [(run, trend) for run, trend in zip(list_runs(three_runs), read_trend(list_runs(three_runs)))]
    assert trend_table(told, three_runs).row_count == 2


def test_a_run_whose_answers_are_gone_is_told_and_stops_nothing(three_runs, tmp_path):
    root = Path(shutil.copytree(three_runs, tmp_path / "runs"))
    shutil.rmtree(root / "first/eval/tuned")
    first, _, third = read_trend(list_runs(root))
    assert first.note.startswith("cannot be compared") and first.value is not None
    assert third.before is None


@pytest.mark.parametrize(
    "values, bars", [((), ""), ((0.5,), ""), ((1, 1), "▄▄"), ((0, 1), "▁█"), ((0.0, 0.5, 1.0), "▁▅█"), (range(30), None)]
)  # fmt: skip
def test_a_spark_goes_from_the_lowest_to_the_highest(values, bars):
    assert len(spark(values)) == 12 if bars is None else spark(values) == bars
