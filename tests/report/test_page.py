from __future__ import annotations

import base64
import hashlib
import json
import math
import re
import shutil
import subprocess
import sys
from pathlib import Path

import lxml.html
import pytest
import yaml

from tests.run_folder import TASKS, Skill, write_evaluation, write_run
from tunesmith.errors import DataError
from tunesmith.evaluation.summary import summarize
from tunesmith.evaluation.verdict import verdict_sentence
from tunesmith.report import write_report
from tunesmith.report.charts import Interval, Series, draw_bullet, draw_lines, fit_axis
from tunesmith.report.facts import Facts
from tunesmith.report.folder import Figure, open_run
from tunesmith.report.render import FORMATS
from tunesmith.report.results import format_system, title_system
from tunesmith.report.text import (
    escape_markdown,
    fence,
    format_bytes,
    format_count,
    format_delta,
    format_duration,
    format_number,
    format_p_value,
    format_percent,
    format_score,
    format_setting,
    visible,
)

SCRIPT = "<script>alert(1)</script>"
NASTY = (
    f"{SCRIPT} \x1b[31mred \u202egnp.exe \u2066x\u2069 & \"quote\" 'q' </pre><img src=x onerror=alert(1)> "
    "```` `b` | {{ 7 * 7 }}"
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A finished run with every file; tests that change it take a copy."""
    run = write_run(tmp_path_factory.mktemp("runs") / "dolly-lora")
    write_report(run)
    return run


@pytest.fixture
def run(finished, tmp_path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "dolly-lora"))


FAMILIES = ("sentiment", "sorting", "json_record", "names", "translation")
RIVALS = {"base": 0.02, "base_3_shot": 0.05, "nearest_example": 0.2, "majority_answer": 0.1}


@pytest.fixture(scope="module")
def learned_some(tmp_path_factory) -> Path:
    """A run tested on new wordings, new values (much weaker) and a family that was never trained."""
    reached = {"sentiment": 1.0, "sorting": 0.95, "translation": 0.9, "json_record": 0.25, "names": 0.15}
    skills = {name: Skill(tuned=value, **RIVALS) for name, value in reached.items()}
    skills |= {f"unseen_values/{name}": Skill(tuned=0.5 * value, **RIVALS) for name, value in reached.items()}
    skills["riddles"] = Skill(tuned=0.0, **RIVALS)
    return write_run(
        tmp_path_factory.mktemp("runs") / "quickstart",
        tasks=FAMILIES, samples_per_task=40, skills=skills, metric="verbatim_match",
        test_files={"unseen_phrasings": FAMILIES, "unseen_values": FAMILIES, "unseen_families": ("riddles",)},
    )  # fmt: skip


@pytest.fixture
def quickstart(learned_some, tmp_path) -> Path:
    return Path(shutil.copytree(learned_some, tmp_path / "quickstart"))


def page_of(run: Path):
    html, _ = write_report(run)
    return lxml.html.fromstring(html.read_text(encoding="utf-8"))


def select(element, selector: str) -> list:
    """Descendants by a CSS selector of tags, #ids, .classes and [attributes]; lxml's own needs one more package."""
    return element.xpath(" | ".join(".//" + "//".join(map(_to_xpath, one.split())) for one in selector.split(",")))


def _to_xpath(step: str) -> str:
    tag = re.match(r"[\w-]*", step)[0] or "*"
    tests = [f'[@id="{name}"]' for name in re.findall(r"#([\w-]+)", step)]
    tests += [f'[contains(concat(" ", @class, " "), " {name} ")]' for name in re.findall(r"\.([\w-]+)", step)]
    tests += [
        f'[@{name}="{value}"]' if value else f"[@{name}]"
        for name, value in re.findall(r"\[([\w-]+)(?:=['\"]?([^'\"\]]+)['\"]?)?\]", step)
    ]
    return tag + "".join(tests)


def words_of(element) -> str:
    return " ".join(element.text_content().split())


def edit_json(path: Path, change) -> None:
    value = json.loads(path.read_text(encoding="utf-8"))
    change(value)
    path.write_text(json.dumps(value), encoding="utf-8")


def edit_lines(path: Path, change) -> None:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    path.write_text("".join(json.dumps(change(row) or row) + "\n" for row in rows), encoding="utf-8")


def advice_of(run: Path) -> dict[str, str]:
    """Title → the whole text of each piece of advice on the page."""
    return {
        words_of(item.find(".//b")): words_of(item)
        for item in select(page_of(run), "ol.advice li")
        if item.find(".//b") is not None
    }


# -- every number has a source -----------------------------------------------------------------------------------------


def resolve(run: Path, origin: str):
    """The value at an origin such as ``eval/summary.json#/overall/f1`` or ``metrics.jsonl:12#/loss``."""
    place, _, pointer = origin.partition("#")
    name, _, line = place.partition(":")
    text = (run / name).read_text(encoding="utf-8")
    value = (
        json.loads(text.splitlines()[int(line) - 1])
        if line
        else yaml.safe_load(text)
        if name.endswith(".yaml")
        else json.loads(text)
    )
    for key in pointer.split("/")[1:]:
        key = key.replace("~1", "/").replace("~0", "~")
        value = value[int(key)] if isinstance(value, list) else value[key]
    return value


def test_every_figure_on_the_page_stands_in_the_file_it_names(finished):
    figures = select(page_of(finished), "data")
    assert len(figures) > 150
    for figure in figures:
        exact, _, origin = figure.get("title").partition(" · ")
        assert exact == figure.get("value")
        if " (" in origin:  # worked out from a file: the file is there, the sum is checked in the tests below
            assert all((finished / part).exists() for part in re.findall(r"[\w./-]+\.(?:jsonl?|yaml)\b", origin)), (
                origin
            )
            continue
        value = resolve(finished, origin)
        assert str(value) == exact, origin
        assert figure.text_content() in {write(value) for write in FORMATS.values()}, origin


def test_every_number_in_a_table_cell_is_a_figure(finished):
    cells = select(page_of(finished), "td.n")
    assert len(cells) > 100
    bare = [words_of(cell) for cell in cells if re.search(r"\d", cell.text_content()) and not select(cell, "data")]
    assert bare == []


def test_worked_out_numbers_are_right(finished):
    page, facts = page_of(finished), Facts(open_run(finished))
    funnel = json.loads((finished / "data/funnel.json").read_text())
    assert facts.funnel.num_rejected.value == sum(
        stage["num_dropped"] for stage in funnel[:-1]
    )  # the last is render: too long
    training = json.loads((finished / "training.json").read_text())
    assert facts.trained_share.value == training["num_trainable_parameters"] / training["num_parameters"]
    scores = {}
    for system in ("base", "tuned"):
        for file in sorted((finished / "eval" / system).glob("*.jsonl")):
            for row in map(json.loads, file.read_text().splitlines()):
                scores.setdefault(row["id"], {})[system] = row["scores"]["rougeL"]
    better = sum(pair["tuned"] > pair["base"] for pair in scores.values())
    worse = sum(pair["tuned"] < pair["base"] for pair in scores.values())
    told = words_of(page.get_element_by_id("examples"))
    assert (
        f"Of {len(scores)} samples, tuned scored higher than base on {better}, lower on {worse}, "
        f"the same on {len(scores) - better - worse}." in told
    )


def test_the_numbers_of_the_verdict_stand_in_the_summary(finished):
    summary = json.loads((finished / "eval/summary.json").read_text())
    lead = words_of(select(page_of(finished), ".exact")[0])
    numbers: set[str] = set()

    def collect(value) -> None:
        if isinstance(value, dict | list):
            for part in value.values() if isinstance(value, dict) else value:
                collect(part)
        elif isinstance(value, float):
            numbers.add(f"{abs(value):.3f}")

    collect(summary)
    decimals = re.findall(r"\d+\.\d{3}", lead)
    assert len(decimals) >= 6 and set(decimals) <= numbers
    assert lead.lower().replace("%", " %") == verdict_sentence(summary).lower()


# -- the verdict -------------------------------------------------------------------------------------------------------

VERDICTS = {
    "better": (Skill(), "Better than base (one training run)", "better"),
    "worse": (Skill(tuned=0.0, base=0.95), "Worse than base (one training run)", "worse"),
    "better than base only": (
        Skill(tuned=0.3, base=0.05, nearest_example=0.8),
        "Better than base, but not than a trivial answer (one training run)",
        "mixed",
    ),
    "no difference": (Skill(tuned=0.95, base=0.95), "No difference shown (one training run)", "same"),
}


@pytest.mark.parametrize("case", VERDICTS)
def test_the_verdict_says_no_more_than_was_shown(case, tmp_path):
    skill, title, tone = VERDICTS[case]
    run = tmp_path / "run"
    write_evaluation(
        run / "eval",
        tasks=TASKS[:3],
        samples_per_task=25,
        skill=skill,
        systems=("base", "tuned", "majority_answer", "nearest_example"),
    )
    page = page_of(run)
    assert words_of(select(page, "h1")[0]) == title
    assert tone in select(page, ".verdict")[0].get("class").split()
    assert (run / "report.md").read_text(encoding="utf-8").startswith(f"# {title}\n")


def test_two_systems_that_never_score_cannot_be_told_apart(run):
    for system in ("base", "tuned"):
        for file in (run / "eval" / system).glob("*.jsonl"):
            edit_lines(file, lambda row: {**row, "prediction": "zzz", "scores": dict.fromkeys(row["scores"], 0.0)})
    summarize(run / "eval", num_resamples=200)
    page = page_of(run)
    assert words_of(select(page, "h1")[0]) == "Cannot tell (one training run)"
    assert "Nothing: no sample scored lower." in words_of(page)
    assert words_of(select(page, ".lead")[0]).endswith("Where neither gets anything right, nothing can be told.")


def test_the_markdown_has_the_same_headline_and_scores_as_the_page(finished):
    page, text = page_of(finished), (finished / "report.md").read_text(encoding="utf-8")
    assert text.startswith(f"# {words_of(select(page, 'h1')[0])}\n")
    for told in (".lead", ".story", ".exact"):
        assert words_of(select(page, told)[0]).replace("<", "\\<") in text
    for row in select(page.get_element_by_id("systems"), "tbody tr"):
        system = words_of(select(row, "th .key")[0])
        value, low_to_high = (
            words_of(part) for part in (select(row, "td.n data")[0], select(row, "td.n .interval")[0])
        )
        assert f"| {system} | {value} | {low_to_high} |" in text


@pytest.mark.parametrize(
    ("system", "name", "title"),
    [
        ("tuned", "tuned", "Tuned"),
        ("base_3_shot", "base with 3 examples", "Base with 3 examples"),
        ("base_1_shot", "base with 1 example", "Base with 1 example"),
        ("nearest_example", "answer of the nearest training example", "Answer of the nearest training example"),
        ("stories260K", "stories260K", "stories260K"),
        ("my_model_5_shot", "my_model with 5 examples", "my_model with 5 examples"),
        ("shots/base_3_shot", "base with 3 examples", "Base with 3 examples"),
    ],
)
def test_a_model_s_own_name_is_never_changed(system, name, title):
    assert format_system(system) == name and title_system(system.removeprefix("shots/")) == title


def test_rows_left_out_held_back_and_trained_add_up_in_the_first_lines(quickstart):
    story = words_of(select(page_of(quickstart), ".story")[0]).partition(" Training changed")[0]
    rows_in, *rest = (int(number.replace(",", "")) for number in re.findall(r"[\d,]*\d", story))
    assert rows_in == sum(rest) and len(rest) == 4


# -- losses by task ----------------------------------------------------------------------------------------------------


def edit_recipe(run: Path, **train) -> None:
    path = run / "recipe.yaml"
    recipe = yaml.safe_load(path.read_text("utf-8"))
    recipe["train"] |= train
    path.write_text(yaml.safe_dump(recipe), "utf-8")


def task_rows(run: Path) -> list[list[str]]:
    (table,) = [t for t in select(page_of(run), "table") if "Loss by task" in t.getparent().get("aria-label", "")]
    return [[words_of(cell) for cell in row.iter("th", "td")] for row in select(table, "tbody tr")]


def test_each_task_has_its_losses_at_first_and_at_the_end_the_highest_first(run):
    rows = task_rows(run)
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text("utf-8").splitlines()]
    told = [[line["task_losses"] for line in lines if name in line] for name in ("loss", "validation_loss")]
    expected = sorted(TASKS, key=lambda task: -told[1][-1][task])
    assert [row[0] for row in rows] == expected
    for task, _records, _plot, train, validation in rows:
        for said, losses in zip((train, validation), told):
            assert said == f"{format_number(losses[0][task])} → {format_number(losses[-1][task])}"
    assert "before its weight" not in words_of(page_of(run).get_element_by_id("training"))
    text = (run / "report.md").read_text("utf-8")
    assert f"| {rows[0][0]} | {rows[0][1]} | {rows[0][3]} | {rows[0][4]} |" in text
    assert "| Loss by task | Records | Training | Validation |" in text


def test_weights_of_tasks_stand_beside_them(run):
    edit_recipe(run, task_weights={"open_qa": 2.0})
    rows = {row[0]: row[2] for row in task_rows(run)}
    assert rows == dict.fromkeys(TASKS, "1") | {"open_qa": "2"}
    assert "| Loss by task | Records | Weight | Training | Validation |" in (run / "report.md").read_text("utf-8")


def test_a_run_that_told_no_tasks_apart_says_nothing_of_them(run):
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text("utf-8").splitlines()]
    text = "".join(json.dumps({k: v for k, v in line.items() if k != "task_losses"}) + "\n" for line in lines)
    (run / "metrics.jsonl").write_text(text, "utf-8")
    write_report(run)
    assert "Loss by task" not in (run / "report.html").read_text("utf-8") + (run / "report.md").read_text("utf-8")


def test_tasks_that_were_not_told_apart_are_counted_and_records_of_no_task_are_called_so(run):
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text("utf-8").splitlines()]
    for line in lines:
        line["task_losses"] = {"open_qa": 1.0, "": 2.0, SCRIPT: None}
    (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    rows = task_rows(run)
    assert [row[0] for row in rows] == ["(no task)", "open_qa"]
    assert f"{len(TASKS) - 1} smaller tasks are not told apart" in words_of(page_of(run).get_element_by_id("training"))


def test_what_is_not_always_used_is_told_where_it_was(run):
    edit_recipe(
        run, optimizer="schedule_free", neftune_noise_alpha=5.0, freeze=["embed_tokens", "layers.0"], ema_decay=None
    )
    page_of(run)
    assert "| Optimizer | schedule_free, freeze embed_tokens, layers.0, neftune noise alpha 5 |" in (
        (run / "report.md").read_text("utf-8")
    )


# -- self-contained, safe, equal ---------------------------------------------------------------------------------------


def test_the_page_loads_nothing_and_links_only_into_the_run_folder(finished):
    text = (finished / "report.html").read_text(encoding="utf-8")
    page = lxml.html.fromstring(text)
    links = [
        value
        for element in page.iter()
        for name, value in element.attrib.items()
        if name in ("href", "src", "srcset", "action", "data", "poster")
    ]
    assert links and all(link.startswith("#") or (finished / link).exists() for link in links)
    assert "http://" not in text and "https://" not in text and "@import" not in text and "url(" not in text
    for link in (link for link in links if link.startswith("#")):
        assert page.get_element_by_id(link[1:]) is not None


def test_the_policy_allows_exactly_the_style_and_the_script_of_the_page(finished):
    page = lxml.html.fromstring((finished / "report.html").read_text(encoding="utf-8"))
    policy = select(page, "meta[http-equiv=Content-Security-Policy]")[0].get("content")
    assert policy.startswith("default-src 'none';")
    for tag in ("style", "script"):
        (element,) = select(page, tag)
        assert base64.b64encode(hashlib.sha256(element.text.encode()).digest()).decode() in policy
    assert "unsafe" not in policy
    assert not [name for element in page.iter() for name in element.attrib if name.startswith("on") or name == "style"]


def test_text_of_records_and_models_can_only_be_read(run):
    def poison(row):
        return {
            **row,
            "task": NASTY,
            "prompt": [{"role": "user", "content": NASTY}],
            "prediction": NASTY,
            "references": [NASTY],
        }

    for file in (run / "eval").glob("*/closed_qa.jsonl"):
        edit_lines(file, poison)
    edit_json(run / "eval/summary.json", lambda value: value["tasks"].update({NASTY: value["tasks"].pop("closed_qa")}))
    edit_json(run / "eval/summary.json", lambda value: value["groups"]["test"].update(tasks=[*value["tasks"]]))
    edit_json(run / "eval/summary.json", lambda value: value["groups"].update({NASTY: value["groups"].pop("test")}))
    edit_json(run / "eval/summary.json", lambda value: value["metrics"]["rougeL"].update(title=NASTY))
    edit_lines(run / "data/train.jsonl", lambda row: {**row, "task": NASTY})
    edit_lines(run / "data/dropped.jsonl", lambda row: {**row, "source": NASTY, "reason": NASTY, "detail": NASTY})
    edit_json(run / "data/funnel.json", lambda value: value[0]["reasons"].update({NASTY: 1}))
    edit_json(run / "provenance.json", lambda value: value.update(command=NASTY, cpu=NASTY))
    page = page_of(run)
    text, markdown = ((run / name).read_text(encoding="utf-8") for name in ("report.html", "report.md"))
    assert len(select(page, "script")) == 1 and not select(page, "img")
    assert SCRIPT not in text and "&lt;script&gt;" in text
    for content in (text, markdown):
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", content)
        assert "⟨U+202E⟩" in content and "⟨U+001B⟩" in content and "{{ 7 * 7 }}" in content
    outside = re.sub(r"(?ms)^(`{3,})text\n.*?^\1$", "", markdown)
    assert "\\<script\\>" in outside and not re.search(r"(?<!\\)<script", outside)


def test_equal_folders_give_equal_bytes(finished, tmp_path):
    twin = write_run(tmp_path / "elsewhere" / "dolly-lora")
    for _ in range(2):  # the second time its own report lies in the folder
        for path in write_report(twin):
            assert path.read_bytes() == (finished / path.name).read_bytes()


def test_the_report_imports_no_torch():
    script = "import sys, tunesmith.report; sys.exit(bool({'torch', 'transformers', 'datasets'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0


def test_charts_and_scrolling_tables_tell_what_they_are(finished):
    page = page_of(finished)
    for picture in select(page, "svg[role=img], .scroll"):
        assert picture.get("aria-label")
    assert all(select(table, "thead th[scope=col]") for table in select(page, "table"))
    assert page.get("lang") == "en"


# -- runs that are not finished ----------------------------------------------------------------------------------------


def test_a_killed_run_says_so_and_how_to_go_on(run):
    shutil.rmtree(run / "eval")
    (run / "training.json").unlink()
    with open(run / "metrics.jsonl", "a", encoding="utf-8") as file:
        file.write('{"step": 241, "lo')
    page = page_of(run)
    assert words_of(select(page, "h1")[0]) == "Training has not finished"
    assert "--resume" in advice_of(run)["Finish the training"]
    num_lines = len((run / "metrics.jsonl").read_text().splitlines())
    assert f"left out: metrics.jsonl:{num_lines}." in words_of(page.get_element_by_id("sources"))
    assert page.get_element_by_id("training") is not None


def test_a_run_that_has_not_validated_yet_is_not_said_to_have_no_validation_split(run):
    (run / "training.json").unlink()
    edit_lines(run / "metrics.jsonl", lambda row: {"step": row["step"], "loss": row.get("loss")})
    told = words_of(page_of(run).get_element_by_id("training"))
    assert "The validation loss was not measured so far." in told and "No validation split" not in told


def test_a_run_without_evaluation_shows_the_rest(run):
    shutil.rmtree(run / "eval")
    page = page_of(run)
    assert words_of(select(page, "h1")[0]) == "Trained, not evaluated"
    assert "Compare it with the base model" in advice_of(run)
    assert not select(page, "#scores, #examples, #systems, a[href='#scores']")


def test_an_evaluation_alone_is_reported_without_a_run(tmp_path):
    write_evaluation(tmp_path / "eval", tasks=TASKS[:2], samples_per_task=10, systems=("tuned",))
    page = page_of(tmp_path)
    assert words_of(select(page, "h1")[0]) == "Evaluated, nothing to compare with"
    assert not select(page, "#run, #data, #training, #examples")


def test_answers_of_other_models_are_compared_under_their_own_names(tmp_path):
    write_evaluation(tmp_path / "eval", tasks=TASKS[:2], samples_per_task=20, systems=("base", "tuned"))
    (tmp_path / "eval/base").rename(tmp_path / "eval/model_a")
    (tmp_path / "eval/tuned").rename(tmp_path / "eval/model_b")
    summarize(tmp_path / "eval", num_resamples=400)
    page = page_of(tmp_path)
    assert words_of(select(page, "h1")[0]) == "model_b is better than model_a"
    assert "one training run" not in page.text_content()
    assert "model_b scored higher than model_a" in words_of(page.get_element_by_id("examples"))


PARTS = (
    "recipe.yaml",
    "provenance.json",
    "data/funnel.json",
    "data/ledger.json",
    "data/dropped.jsonl",
    "metrics.jsonl",
    "training.json",
    "eval/summary.json",
    "eval/base",
    "eval/tuned",
    "data",
)


@pytest.mark.parametrize("part", PARTS)
def test_a_run_without_one_of_its_parts_is_reported(part, run):
    shutil.rmtree(run / part) if (run / part).is_dir() else (run / part).unlink()
    page = page_of(run)
    assert "nan" not in page.text_content().lower().split()
    if (Path(part).suffix and part != "data/dropped.jsonl") or part == "data":
        assert part in words_of(page.get_element_by_id("sources"))


def test_metrics_without_a_line_and_runs_without_validation_are_reported(run, tmp_path):
    (run / "metrics.jsonl").write_text("")
    assert not select(page_of(run), "#training")
    seq2seq = write_run(tmp_path / "t5", tasks=TASKS[:1], kind="seq2seq", validation=False, num_steps=3)
    page = page_of(seq2seq)
    assert "encoder-decoder" in words_of(page.get_element_by_id("run"))
    assert "No validation split" in words_of(page.get_element_by_id("training"))
    assert "Hold out a validation split" in advice_of(seq2seq)
    assert not select(page, "table.families, table.splits")


def test_undefined_numbers_are_printed_as_not_available(run):
    def forget(summary):
        for scores in summary["overall"].values():
            scores["tuned"].update(value=None, low=None, high=None)
        for row in summary["comparisons"]:
            row.update(delta=None, low=None, high=None, p=None, p_adjusted=None, verdict=None)

    edit_json(run / "eval/summary.json", forget)
    edit_lines(run / "metrics.jsonl", lambda row: {**row, "loss": None, "validation_loss": None})
    edit_json(run / "training.json", lambda value: dict.update(value, dict.fromkeys(value)))
    page = page_of(run)
    assert words_of(select(page, "h1")[0]) == "Evaluated, without a score"
    assert "n/a" in words_of(page.get_element_by_id("systems"))
    for word in ("None", "nan", "inf", "null"):
        assert not re.search(
            rf"\b{word}\b(?!:)", words_of(page.find(".//main")).replace("evaluate.max_samples: null", "")
        )


def test_sixty_tasks_are_folded_and_seen_at_a_glance(tmp_path):
    tasks = [f"{task}_{k:02d}" for task in TASKS for k in range(10)]
    run = tmp_path / "t0"
    write_evaluation(run / "eval", tasks=tasks, samples_per_task=4, systems=("base", "tuned"), num_resamples=200)
    page = page_of(run)
    [fold] = select(page, "details.split")
    assert fold.get("open") is None and words_of(select(fold, "summary")[0]).startswith(
        "Own test split: learned 0 of 60"
    )
    assert sorted(words_of(select(row, "th")[0]) for row in select(fold, "tbody tr")) == sorted(tasks)
    assert len(select(page, ".glance tbody i.pip")) == 60
    [search] = select(fold, "input.filter[hidden]")  # shown by the script: without it there would be nothing behind it
    assert page.get_element_by_id(search.get("aria-controls")) is not None
    shown = select(page.get_element_by_id("examples"), "details.family")
    assert len(shown) == 24 and "36 more families are in eval/tuned/." in words_of(page)


# -- split by split, family by family ----------------------------------------------------------------------------------


def learned_of(run: Path) -> dict[str, bool]:
    return {
        task: found["learned"] for task, found in json.loads((run / "eval/summary.json").read_text())["learned"].items()
    }


def test_each_test_file_is_told_apart_with_how_many_families_were_learned(quickstart):
    learned, page = learned_of(quickstart), page_of(quickstart)
    rows = {select(row, "th")[0].text: words_of(row) for row in select(page, "table.splits tbody tr")}
    assert list(rows) == ["Own test split", "Unseen phrasings", "Unseen values", "Unseen families"]
    for title, prefix in (("Unseen phrasings", "unseen_phrasings/"), ("Unseen values", "unseen_values/")):
        count = sum(learned[prefix + name] for name in FAMILIES)
        assert f"learned {count} of 5" in rows[title]
    assert "learned" not in rows["Unseen families"] and "1 never trained" in rows["Unseen families"]
    summary = json.loads((quickstart / "eval/summary.json").read_text())
    group = summary["groups"]["unseen_values"]["metrics"]["verbatim_match"]["tuned"]["value"]
    assert f"{group:.3f}" in rows["Unseen values"]


def test_a_family_is_marked_in_every_test_file(quickstart):
    learned, page = learned_of(quickstart), page_of(quickstart)
    cross = {words_of(select(row, "th")[0]): row for row in select(page, "table.cross tbody tr")}
    assert set(cross) == set(FAMILIES)  # a family that stands in one file alone is told beside
    for name, row in cross.items():
        marks = [pip.get("title") for pip in select(row, "i.pip")]
        tasks = (name, f"unseen_phrasings/{name}", f"unseen_values/{name}")
        assert marks == ["learned" if learned[task] else "not learned" for task in tasks]
    assert {"learned", "not learned"} == {pip.get("title") for row in cross.values() for pip in select(row, "i.pip")}


def test_a_split_s_table_has_every_system_and_the_best_first(quickstart):
    page = page_of(quickstart)
    [table] = select(select(page, "details.split")[1], "table.families")
    heads = [words_of(head) for head in select(table, "thead th")]
    assert heads[0] == "Family" and heads[2:8] == [
        "Tuned", "Base", "Base with 3 examples", "Most frequent training answer", "Answer of the nearest training example", "n"
    ]  # fmt: skip
    tuned = [float(select(row, "td.ours data")[0].get("value")) for row in select(table, "tbody tr")]
    assert len(tuned) == 5 and tuned == sorted(tuned, reverse=True)


def test_of_several_numbers_of_examples_the_best_is_shown(tmp_path):
    write_evaluation(tmp_path / "eval", tasks=TASKS[:2], samples_per_task=20, systems=("base", "tuned", "base_3_shot"))
    shutil.copytree(tmp_path / "eval/base", tmp_path / "eval/base_5_shot")
    summarize(tmp_path / "eval", num_resamples=200)
    [table] = select(page_of(tmp_path), "table.families")
    assert "Base with examples, the best number of them" in [words_of(head) for head in select(table, "thead th")]
    summary = json.loads((tmp_path / "eval/summary.json").read_text())
    for row in select(table, "tbody tr"):
        found = summary["tasks"][words_of(select(row, "th")[0])]["metrics"][summary["primary_metric"]]
        best = max(found["base_3_shot"]["value"], found["base_5_shot"]["value"])
        [cell] = [
            cell
            for cell in select(row, "td")
            if cell.get("data-label") == "Base with examples, the best number of them"
        ]
        assert float(select(cell, "data")[0].get("value")) == best


def test_families_never_trained_are_told_honestly(quickstart):
    rows = [row for row in select(page_of(quickstart), "table.families tbody tr") if "never trained" in words_of(row)]
    assert len(rows) == 1 and words_of(select(rows[0], "th")[0]) == "unseen families: riddles"


def test_a_whole_file_of_untrained_families_says_that_families_were_learned_and_not_instructions(tmp_path):
    skills = {name: Skill(tuned=0.0, **RIVALS) for name in ("riddles", "rhymes")}
    run = write_run(
        tmp_path / "run",
        tasks=TASKS[:2],
        skills=skills,
        test_files={"new": ("riddles", "rhymes")},
        metric="exact_match",
    )
    told = words_of(page_of(run).get_element_by_id("scores"))
    assert "No family here was ever trained, and tuned scores 0 on average: as is to be expected." in told
    assert "It learned families of tasks, not to follow instructions in general." in told
    better = write_run(
        tmp_path / "better", tasks=TASKS[:2], test_files={"new": ("riddles", "rhymes")}, metric="exact_match",
        skill=Skill(tuned=0.98, **RIVALS), samples_per_task=40,
    )  # fmt: skip
    told = words_of(page_of(better).get_element_by_id("scores"))
    assert "better than all that takes no training in 2 of 2, so something carried over" in told
    assert "as is to be expected" not in told


def test_where_training_records_name_no_tasks_none_is_called_untrained(quickstart):
    edit_lines(quickstart / "data/train.jsonl", lambda row: {**row, "task": ""})
    assert "never trained" not in words_of(page_of(quickstart))


def test_test_files_of_one_task_each_share_a_table(tmp_path):
    files = {f"file_{k}": (f"open_qa_{k}",) for k in range(4)}
    run = write_run(tmp_path / "run", tasks=TASKS[:3], test_files=files, samples_per_task=12)
    page = page_of(run)
    tables = select(page, "table.families")
    assert [len(select(table, "tbody tr")) for table in tables] == [3, 4] and not select(page, "table.cross")
    assert [words_of(select(row, "th")[0]) for row in select(tables[1], "tbody tr")] == [
        f"file {k}: open_qa_{k}" for k in range(4)
    ]


# -- in plain words ----------------------------------------------------------------------------------------------------


def test_the_first_lines_say_in_plain_words_what_was_reached_and_what_was_done(quickstart):
    page, summary = page_of(quickstart), json.loads((quickstart / "eval/summary.json").read_text())
    overall = summary["overall"]["verbatim_match"]
    share = {name: FORMATS["percent"](found["value"]) for name, found in overall.items()}
    assert words_of(select(page, ".lead")[0]) == (
        f"The tuned model answers {share['tuned']} of the test questions right; the base model {share['base']}, on average"
        " over 6 families of tasks in 4 sets of test questions. The best that takes no model at all, the answer of the"
        f" nearest training example, reaches {share['nearest_example']}."
    )
    assert words_of(select(page, ".story")[0]) == (
        "5,037 rows came in, 212 were left out (most often: “duplicate” and “no answer”), 257 held back for validation,"
        " 200 held back for the test and 4,368 were used to train."
        " Training changed 2,359,296 of the 162,417,408 weights of models/llama-160m in 3 passes over them, which took"
        " 1 h 12 min. Then the base model and the tuned model answered the same 640 questions."
    )


def test_training_every_weight_in_one_pass_is_said_so(run):
    edit_json(run / "training.json", lambda v: v.update(num_trainable_parameters=v["num_parameters"], num_epochs=1.0))
    assert "Training changed all 162,417,408 weights of models/llama-160m in 1 pass over them" in words_of(page_of(run))


def test_a_score_that_is_no_share_of_right_answers_is_not_called_one(finished):
    lead = words_of(select(page_of(finished), ".lead")[0])
    assert lead.startswith("The tuned model scores 0.") and "on ROUGE-L; the base model 0." in lead and "%" not in lead


def test_the_first_screen_names_what_to_do_next(run):
    [told] = select(page_of(run), ".try")
    first, second = list(advice_of(run))[:2]
    assert words_of(told).lower() == f"what to try next: {first}, {second}. why and how".lower()


# -- data --------------------------------------------------------------------------------------------------------------


def test_rows_add_up_in_sight_and_every_reason_is_named_with_its_count_and_place(run):
    page = page_of(run)
    data = words_of(page.get_element_by_id("data"))
    assert "5,017 rows in = 4,979 read + 38 that could not be used. After all stages there were left:" in data
    assert "train" in data and "4,368" in data
    reasons = {
        select(row, "th")[0].text.strip(): words_of(row)
        for row in select(select(page.get_element_by_id("data"), "table")[1], "tbody tr")
    }
    assert set(reasons) == {
        "no answer",
        "broken json",
        "content not text",
        "empty part",
        "empty answer",
        "duplicate",
        "too long",
    }
    first = next(
        row
        for row in map(json.loads, (run / "data/dropped.jsonl").read_text().splitlines())
        if row["reason"] == "duplicate"
    )
    assert "140" in reasons["duplicate"] and first["source"] in reasons["duplicate"]
    assert first["detail"] in reasons["duplicate"]


def test_rows_that_do_not_add_up_are_called_out(run):
    edit_json(run / "data/funnel.json", lambda value: value[0].update(num_kept=4000))
    assert (
        "5,017 rows in ≠ 4,000 read + 38 that could not be used: the counts of the first stage do not add up."
        in words_of(page_of(run).get_element_by_id("data"))
    )


# -- what to do next ---------------------------------------------------------------------------------------------------

ADVICE = {
    "Use a template whose end of turn is trained": (
        "data/ledger.json",
        lambda v: v["train"].update(stop_token_supervised=False),
        "template.name",
    ),
    "Make room for long records": (
        "data/ledger.json",
        lambda v: v["train"].update(num_truncated=400),
        "train.max_length: 2048",
    ),
    "Let answers end": (
        "eval/summary.json",
        lambda v: v["answers"]["tuned"].update(num_cut=18),
        "18 of 180 answers were cut",
    ),
    "Find out why answers do not end": (
        "eval/summary.json",
        lambda v: v["answers"]["tuned"].update(num_cut=170),
        "170 of 180 answers ran to the length limit",
    ),
    "Find out why answers are empty": (
        "eval/summary.json",
        lambda v: v["answers"]["tuned"].update(num_empty=9),
        "9 of 180 answers are empty",
    ),
    "Look at what was dropped": ("data/funnel.json", lambda v: v[1].update(num_dropped=600), "data/dropped.jsonl"),
    "Steady the training": ("training.json", lambda v: v.update(num_skipped_steps=3), "3 steps were skipped"),
}


def test_families_that_were_not_learned_are_named_with_what_may_be_the_reason(quickstart):
    title = "Help the families it did not learn"
    told = advice_of(quickstart)[title]
    assert re.search(r"No test shows these as learned: names \(0.\d+\), json_record \(0.\d+\)\.", told)
    assert "they may just be harder" in told and "more steps or a larger model" in told
    for path in (quickstart / "eval/tuned").glob("*json_record.jsonl"):
        edit_lines(path, lambda row: {**row, "finish_reason": "length"})
    told = advice_of(quickstart)[title]
    assert "Of json_record, 120 of 120 answers were cut at the length limit." in told
    assert "a larger evaluate.max_new_tokens" in told and "harder" not in told
    rows = [json.loads(line) for line in (quickstart / "data/train.jsonl").read_text().splitlines()]
    kept = [row for row in rows if row["task"] != "names"] + [row for row in rows if row["task"] == "names"][:1]
    (quickstart / "data/train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in kept))
    told = advice_of(quickstart)[title]
    assert "names has 1 training records; 5 are usual." in told and "more records of these families" in told


def test_a_test_file_far_below_another_of_the_same_families_asks_for_more_variety(quickstart):
    summary = json.loads((quickstart / "eval/summary.json").read_text())
    values = [group["metrics"]["verbatim_match"]["tuned"]["value"] for group in summary["groups"].values()]
    told = advice_of(quickstart)["Make the training records more varied"]
    assert (
        f"On “unseen values” it scores {values[2]:.3f}" in told and "more variety of the kind “unseen values”" in told
    )
    alike = {name: values for name, values in summary["groups"].items() if name in ("test", "unseen_families")}
    edit_json(quickstart / "eval/summary.json", lambda v: v.update(groups=alike))
    assert "Make the training records more varied" not in advice_of(quickstart)


@pytest.mark.parametrize("title", ADVICE)
def test_advice_appears_when_its_fact_does_and_not_before(title, run):
    name, change, words = ADVICE[title]
    assert title not in advice_of(run)
    edit_json(run / name, change)
    assert words in advice_of(run)[title]


def test_no_more_length_is_advised_than_the_model_takes(run):
    edit_json(run / "data/ledger.json", lambda v: v["train"].update(num_truncated=400))
    for context_length, words in (
        (1500, "train.max_length: 1500"),
        (1024, "a model that takes more than 1,024 tokens"),
    ):
        edit_json(run / "training.json", lambda v, most=context_length: v.update(context_length=most))
        assert words in advice_of(run)["Make room for long records"]


def test_an_unknown_smallest_difference_is_not_printed_as_n_a(run):
    def undecided(summary):
        for row in summary["comparisons"]:
            row["verdict"] = "no difference"
        summary["smallest_detectable_difference"] = dict.fromkeys(summary["smallest_detectable_difference"])

    edit_json(run / "eval/summary.json", undecided)
    assert "a true difference may go unseen" in advice_of(run)["Test on more rows"]


@pytest.mark.parametrize(
    "losses, title",
    [
        ([2.0, 1.5, 1.4, 1.6], "Stop earlier"),
        ([2.0, 1.8, 1.6, 1.4], "Train longer"),
        ([2.0, 1.5, 1.4, 1.401], None),
        ([2.0, 1.5, 1.4, 1.399], None),
        ([1.4, 1.6], None),
    ],
)
def test_the_validation_curve_decides_between_more_and_less_training(losses, title, run):
    rows = [{"step": 10 * k, "validation_loss": loss} for k, loss in enumerate(losses, 1)]
    (run / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert set(advice_of(run)) & {"Stop earlier", "Train longer"} == ({title} if title else set())


def test_a_run_that_has_not_seen_every_record_is_asked_to_go_on(run):
    edit_json(run / "training.json", lambda v: v.update(num_epochs=0.35))
    assert "Training ended after 35% of its records" in advice_of(run)["Train longer"]


def test_a_gain_that_trivial_answers_or_prompting_reach_too_is_questioned(tmp_path):
    skill = Skill(tuned=0.4, base=0.05, nearest_example=0.9, base_3_shot=0.9)
    run = write_run(tmp_path / "run", tasks=TASKS[:2], samples_per_task=40, skill=skill)
    found = advice_of(run)
    assert (
        "nearest training example" in found["Beat the trivial answers first"]
        and "most frequent" not in found["Beat the trivial answers first"]
    )
    assert "base with 3 examples" in found["Consider prompting instead of tuning"]
    assert "--set train.seed=8" in found["Repeat with another seed"]


def test_no_difference_on_few_samples_asks_for_more(tmp_path):
    run = write_run(
        tmp_path / "run",
        tasks=TASKS[:1],
        samples_per_task=12,
        skill=Skill(tuned=0.5, base=0.9),
        systems=("base", "tuned"),
    )
    found = advice_of(run)
    assert "With 12 samples" in found["Test on more rows"]
    assert "Repeat with another seed" not in found


# -- examples ----------------------------------------------------------------------------------------------------------


def score_of(example, system: str) -> float:
    """The score that stands beside the answer of a system."""
    return float(select(select(example, f".said.role-{system}")[0], "data")[0].get("value"))


def test_what_tuning_lost_is_shown_first_spread_over_tasks(run):
    found = Facts(open_run(run)).examples
    shown = select(page_of(run), "article.example")[:4]
    assert len(shown) == len(found.lost) == 4
    deltas = [score_of(example, "focus") - score_of(example, "rival") for example in shown]
    assert deltas == sorted(deltas) and deltas[-1] < 0
    assert len({words_of(select(example, "h4 span")[0]) for example in shown}) > 2


def test_every_family_shows_one_of_its_best_and_one_of_its_worst_answers(quickstart):
    page, scores = page_of(quickstart), {}
    for path in (quickstart / "eval/tuned").glob("*.jsonl"):
        for row in map(json.loads, path.read_text().splitlines()):
            scores.setdefault(row["task"].split("/")[-1], []).append(row["scores"]["verbatim_match"])
    folds = select(page.get_element_by_id("examples"), "details.family")
    told = {words_of(select(fold, "summary b")[0]): fold for fold in folds}
    trained = [name for name in told if name != "riddles"]
    assert set(told) == set(scores) and list(told)[-1] == "riddles"  # never trained, so after all others
    means = [sum(scores[name]) / len(scores[name]) for name in trained]
    assert means == sorted(means)
    for name, fold in told.items():
        assert f"{sum(scores[name]):.0f} of {len(scores[name])} right" in words_of(select(fold, "summary")[0])
        marks = [words_of(select(example, "h4 b")[0]) for example in select(fold, "article.example")]
        expected = [mark for mark, score in (("Wrong", 0.0), ("Right", 1.0)) if score in scores[name]]
        assert marks == expected
        assert [score_of(example, "focus") for example in select(fold, "article.example")] == [
            float(mark == "Right") for mark in marks
        ]


def test_the_choice_of_answers_does_not_depend_on_their_order(run):
    chosen = [(f.best.ours.at("id").value, f.worst.ours.at("id").value) for f in Facts(open_run(run)).examples.families]
    for path in (run / "eval").glob("*/*.jsonl"):
        path.write_text("".join(reversed(path.read_text(encoding="utf-8").splitlines(keepends=True))), encoding="utf-8")
    again = [(f.best.ours.at("id").value, f.worst.ours.at("id").value) for f in Facts(open_run(run)).examples.families]
    assert again == chosen


def test_a_long_text_is_folded_and_a_very_long_one_is_cut_with_a_count(run):
    for file in (run / "eval/tuned").glob("*.jsonl"):
        edit_lines(file, lambda row: {**row, "prediction": "word " * 5000})
    page = page_of(run)
    answer = select(page, ".said.role-focus")[0]
    assert len(select(answer, "pre")[0].text) < 430 and select(answer, "details pre")
    assert "5,000 more characters are in the file." in words_of(answer)
    assert "… (23,000 more characters)" in (run / "report.md").read_text(encoding="utf-8")


# -- wrong input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda path: None, r"no such run folder. Give the folder that `tunesmith run` printed"),
        (lambda path: path.mkdir(), r"not a run folder: it has no recipe.yaml, metrics.jsonl, data/ or eval/"),
        (
            lambda path: (path.mkdir(), (path / "recipe.yaml").write_text("a: [1")),
            r"recipe.yaml: not readable as YAML .* Restore the recipe",
        ),
    ],
)
def test_a_folder_that_is_no_run_is_refused_with_a_way_out(make, message, tmp_path):
    make(tmp_path / "run")
    with pytest.raises(DataError, match=message):
        write_report(tmp_path / "run")


def test_a_summary_of_another_shape_is_refused(run):
    edit_json(run / "eval/summary.json", lambda value: value.pop("primary_metric"))
    with pytest.raises(
        DataError, match=r"eval/summary.json: no primary_metric in it. Write it again with `tunesmith evaluate`."
    ):
        write_report(run)


# -- how values are written --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "write, value, text",
    [
        (format_number, 0.04123, "0.0412"),
        (format_number, 0.5, "0.500"),
        (format_number, 9.999, "10.0"),
        (format_number, 0.09996, "0.100"),
        (format_number, 0.9996, "1.00"),
        (format_number, 12.345, "12.3"),
        (format_number, 1234.5, "1,234"),
        (format_number, 0, "0"),
        (format_number, 1.0, "1"),
        (format_number, -0.5, "−0.500"),
        (format_number, 0.00002, "2.00e−5"),
        (format_number, 0.0009999, "1.00e−3"),
        (format_number, math.nan, "n/a"),
        (format_number, math.inf, "n/a"),
        (format_number, None, "n/a"),
        (format_number, "3", "n/a"),
        (format_score, 0.00588, "0.006"),
        (format_score, 0.00012, "1.20e−4"),
        (format_score, 48.62, "48.6"),
        (format_score, 1.0, "1"),
        (format_score, None, "n/a"),
        (format_delta, 0.1, "+0.100"),
        (format_delta, -0.1, "−0.100"),
        (format_delta, 0.0, "0"),
        (format_count, 15011, "15,011"),
        (format_count, 142.0, "142"),
        (format_count, True, "n/a"),
        (format_percent, 0.285, "28.5%"),
        (format_percent, 1.0, "100%"),
        (format_percent, 0.99999, ">99.9%"),
        (format_percent, 0.00001, "<0.1%"),
        (format_percent, 0, "0%"),
        (format_p_value, 0.0004, "<0.001"),
        (format_p_value, 0.03, "0.0300"),
        (format_duration, 42.31, "42.3 s"),
        (format_duration, 59.99, "60.0 s"),
        (format_duration, 125, "2 min 5 s"),
        (format_duration, 11520, "3 h 12 min"),
        (format_bytes, 512, "512 B"),
        (format_bytes, 3_250_586, "3.10 MiB"),
        (format_setting, 2e-4, "0.0002"),
        (format_setting, 2e-5, "2e-05"),
        (format_setting, False, "no"),
    ],
)
def test_numbers_are_written_for_people(write, value, text):
    assert write(value) == text


@pytest.mark.parametrize(
    "text, shown",
    [
        ("plain", "plain"),
        ("tab\tand\nline", "tab\tand\nline"),
        ("dos\r\nline", "dos\nline"),
        ("\x1b[31m", "⟨U+001B⟩[31m"),
        ("a\u202eb", "a⟨U+202E⟩b"),
        ("\ud800", "⟨U+D800⟩"),
        ("\u2028", "⟨U+2028⟩"),
        ("👩\u200d🚀", "👩\u200d🚀"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("naïve 日本語", "naïve 日本語"),
    ],
)
def test_controls_are_spelled_out_and_writing_is_left_alone(text, shown):
    assert visible(text) == shown
    visible(text).encode("utf-8")


@pytest.mark.parametrize(
    "text, shown",
    [
        ("exact_match", "exact_match"),
        ("_it_ *b*", r"\_it\_ \*b\*"),
        ("a | b\nc", r"a \| b c"),
        ("<b>", r"\<b\>"),
        ("[x](y)", r"\[x\](y)"),
    ],
)
def test_markdown_shows_text_literally(text, shown):
    assert escape_markdown(text) == shown


def test_a_fence_is_longer_than_any_in_the_text():
    assert fence("a ```` b") == "`````text\na ```` b\n`````"


# -- charts ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values", [[0.3], [0.0, 0.0], [-0.02, 0.31], [1e-9, 3e-9], [5, 1000], [2.71, 2.72], [-3, -3], [-5, -2]]
)
@pytest.mark.parametrize("from_zero", [True, False])
def test_an_axis_holds_its_values_between_round_ticks(values, from_zero):
    axis = fit_axis(values, from_zero=from_zero)
    assert axis.low <= min(values) and axis.high >= max(values) and axis.low < axis.high
    assert 2 <= len(axis.ticks) <= 8 and (not from_zero or 0 in axis.ticks)


def test_a_long_curve_keeps_its_spikes_and_stays_small():
    points = [
        (Figure(k, f"metrics.jsonl:{k}"), Figure(99.0 if k == 5001 else 1.0, f"metrics.jsonl:{k}#/loss"))
        for k in range(20_000)
    ]
    chart = draw_lines([Series("loss", points)], "loss", height=200)
    assert len(chart) < 60_000
    (line,) = re.findall(r'points="([^"]+)"', chart)
    assert min(float(point.split(",")[1]) for point in line.split()) < 12


def test_one_step_and_no_step_can_be_drawn():
    point = (Figure(1, "metrics.jsonl:1#/step"), Figure(2.0, "metrics.jsonl:1#/loss"))
    assert "<circle" in draw_lines([Series("loss", [point])], "loss")
    assert draw_lines([Series("loss", [])], "loss") == ""
    axis = fit_axis([0, 1], from_zero=True)
    assert draw_bullet(axis, [Interval("focus", "tuned", None, None, None)], "nothing").count("<g") == 0


def test_a_bullet_draws_the_focus_as_a_bar_and_the_others_as_marks_over_it():
    axis = fit_axis([0, 1], from_zero=True)
    systems = [Interval("rival", "base", 0.25, 0.2, 0.3), Interval("focus", "tuned", 0.5, 0.4, 0.6)]
    drawn = draw_bullet(axis, systems, "task")
    assert 'x="0.0%" y="6" width="50.000%"' in drawn and 'class="tick" x1="25.0%"' in drawn
    assert drawn.index("role-focus") < drawn.index("role-rival")  # so that no mark is hidden under the bar
    assert "tuned: 0.500 (95% interval 0.400 to 0.600)" in drawn
