"""A fair comparison: the same samples, the same stops, as many shots, and never a test record among them."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.workflows.recipes import recipe, write_rows
from tunesmith.errors import TunesmithError, UsageError
from tunesmith.evaluation.questions import file_samples
from tunesmith.files import read_json, read_jsonl
from tunesmith.progress import SilentProgress
from tunesmith.recipe import EvaluateSection, ModelSection
from tunesmith.records import Message, Record
from tunesmith.workflows import asking, compare
from tunesmith.workflows.evaluate import evaluate_model
from tunesmith.workflows.opening import model_sha256
from tunesmith.workflows.run import run_recipe

SYSTEMS = ("base", "base_2_shot", "tuned")


@pytest.fixture(scope="module")
def made(model_folders, tmp_path_factory):
    root = tmp_path_factory.mktemp("compare")
    data = write_rows(root / "rows.jsonl")
    return recipe(
        model_folders["llama"], data,
        template={"name": "alpaca", "num_shots": 1}, train={"max_steps": 2, "max_length": 400},
        evaluate={"base_num_shots": [0, 2], "max_samples": 4, "max_new_tokens": 4},
    )  # fmt: skip


@pytest.fixture(scope="module")
def asked(made, tmp_path_factory):
    """A finished run, and the pools that worked examples were chosen from while it was evaluated."""
    folder, pools = tmp_path_factory.mktemp("asked") / "run", []
    choose = asking.choose_shots

    def spy(record, pool, k, *, seed):
        pools.append((pool, k))
        return choose(record, pool, k, seed=seed)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asking, "choose_shots", spy)
        run_recipe(made, folder, console=SilentProgress())
    return folder, pools


def system(folder: Path, name: str):
    return read_json(folder / f"eval/{name}/system.json")


def test_worked_examples_come_from_the_training_records_alone(asked):
    folder, pools = asked
    train = {row["id"] for row in read_jsonl(folder / "data/train.jsonl")}
    assert {k for _, k in pools} == {1, 2}
    assert {record.id for pool, _ in pools for record in pool.records} <= train


def test_every_system_stops_at_the_same_strings_and_answers_the_same_samples(asked):
    folder, _ = asked
    [sampling] = {str(system(folder, name)["sampling"]) for name in SYSTEMS}
    assert "### Instruction" in sampling
    rows = {name: read_jsonl(folder / f"eval/{name}/color.jsonl") for name in SYSTEMS}
    asked_of = [[(row["id"], row["prompt"]) for row in rows[name]] for name in SYSTEMS]
    assert asked_of[0] == asked_of[1] == asked_of[2]


def test_base_and_tuned_see_as_many_examples_as_the_tuned_model_was_trained_with(asked):
    folder, _ = asked
    shots = {name: system(folder, name)["identity"].split(", ")[1] for name in ("base", "tuned")}
    assert shots == {"base": "1 shots", "tuned": "1 shots"}


def test_each_system_is_the_one_it_is_called(asked, model_folders):
    """Its identity begins with the hash of its weights, so answers of other weights are never kept."""
    folder, _ = asked
    base, tuned = (system(folder, name)["identity"].split(", ")[0] for name in ("base", "tuned"))
    assert base == model_sha256(ModelSection(name_or_path=str(model_folders["llama"])))
    assert tuned == model_sha256(ModelSection(name_or_path=str(folder / "model"))) != base


def test_the_weights_asked_are_the_weights_named(asked, made, monkeypatch, tmp_path):
    folder = Path(shutil.copytree(asked[0], tmp_path / "run"))
    shutil.rmtree(folder / "eval")
    original, names = compare.open_to_ask, []

    def spy(section, *args, **options):
        names.append(section.name_or_path)
        return original(section, *args, **options)

    monkeypatch.setattr(compare, "open_to_ask", spy)
    run_recipe(made, folder, resume=True, console=SilentProgress())
    assert names == [made.model.name_or_path, str(folder / "model")]


def test_two_files_that_would_make_one_task_are_refused(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.jsonl").write_text('{"question": "Is it late?", "answer": "No"}\n')
    with pytest.raises(UsageError, match="b/mine.jsonl: gives a task the same name as .*a/mine.jsonl does. Rename one"):
        file_samples([tmp_path / "a/mine.jsonl", tmp_path / "b/mine.jsonl"], SilentProgress())


def test_a_file_that_would_add_to_a_task_of_the_test_split_is_refused(tmp_path):
    (tmp_path / "color.jsonl").write_text('{"question": "Which is it?", "answer": "red"}\n')
    own = Record("x", (Message("user", "q"), Message("assistant", "a")), task="color")
    section = EvaluateSection(tasks=(str(tmp_path / "color.jsonl"),))
    with pytest.raises(UsageError, match="color.jsonl: the run's own test split has a task called color too. Rename"):
        compare.load_samples(section, [own], seed=0)


def test_worked_examples_and_baselines_of_a_test_file_are_those_of_its_family(tmp_path):
    """Its task is called STEM/TASK; the training records know it as TASK."""
    rows = [{"instruction": "Is snow white?", "output": "Yes", "task": "yes_no", "references": ["Yes.", "It is."]}]
    (tmp_path / "new.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    samples = file_samples([tmp_path / "new.jsonl"], SilentProgress())
    [[sample]] = samples.values()
    assert (sample.task, sample.family, sample.references) == ("new/yes_no", "yes_no", ("Yes", "Yes.", "It is."))
    train = [
        Record(f"{task}{k}", (Message("user", f"{task} {k}"), Message("assistant", task)), task=task)
        for task, count in (("color", 9), ("yes_no", 3))
        for k in range(count)
    ]
    questions = asking.Questions(tasks=samples, own=samples)
    asker = asking.Asker(EvaluateSection(), questions, train, tmp_path / "eval", 0, SilentProgress())
    assert {shot.task for shot in asker.shots(sample, 3)} == {"yes_no"}
    asker.ask_baselines()
    [row] = read_jsonl(next((tmp_path / "eval/majority_answer").glob("*.jsonl")))
    assert (row["group"], row["prediction"]) == ("new", "yes_no")


def test_the_metric_of_the_recipe_is_the_headline_of_the_run(asked, made, tmp_path):
    folder = Path(shutil.copytree(asked[0], tmp_path / "run"))
    assert read_json(folder / "eval/summary.json")["primary_metric"] != "verbatim_match"
    chosen = made.model_copy(update={"evaluate": made.evaluate.model_copy(update={"metric": "verbatim_match"})})
    run_recipe(chosen, folder, resume=True, console=SilentProgress())
    summary = read_json(folder / "eval/summary.json")
    assert summary["primary_metric"] == "verbatim_match"
    assert "verbatim match" in (folder / "report.md").read_text(encoding="utf-8").split("##")[0]


class Heard(SilentProgress):
    """Keeps what it was warned of."""

    def __init__(self):
        self.warnings = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)


def test_a_metric_no_task_has_is_told_and_an_unknown_one_refused(tmp_path):
    (tmp_path / "qa.jsonl").write_text('{"id": 1, "question": "Is it late?", "answer": "No"}\n')
    (tmp_path / "given.jsonl").write_text('{"id": 1, "prediction": "no"}\n')
    given = {"tasks": [tmp_path / "qa.jsonl"], "predictions": tmp_path / "given.jsonl", "output_dir": tmp_path / "out"}
    heard = Heard()
    summary = evaluate_model(None, **given, metric="accuracy", console=heard)
    assert heard.warnings == ["No task has accuracy, so the headline is exact_match."]
    assert summary["verdict"].startswith("predictions scores exact match 1.000")
    assert evaluate_model(None, **given, metric="verbatim_match")["verdict"].startswith(
        "predictions scores verbatim match 0.000"
    )
    with pytest.raises(UsageError, match="--metric: no such metric `verbatim`. Did you mean `verbatim_match`"):
        evaluate_model(None, **given, metric="verbatim")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metric": "verbatim"}, "evaluate.metric: no such metric `verbatim`. Did you mean `verbatim_match`?"),
        ({"metrics": {"color": ["rougel"]}}, "evaluate.metrics.color: no such metric `rougel`. Did you mean `rougeL`?"),
        ({"suites": ["owm"]}, "no such suite `owm`. Did you mean `own`?"),
    ],
)
def test_a_metric_or_a_suite_there_is_not_is_told_before_any_work(made, tmp_path, changes, message):
    wrong = made.model_copy(update={"evaluate": made.evaluate.model_copy(update=changes)})
    with pytest.raises(UsageError, match=re.escape(message)):
        run_recipe(wrong, tmp_path / "run", console=SilentProgress())
    assert not (tmp_path / "run").exists()


def test_given_answers_to_a_file_with_columns_of_its_own_are_scored(tmp_path):
    labels = ["positive", "negative"] * 12
    rows = "".join(f'{{"id": {k}, "text": "film {k}", "label": "{label}"}}\n' for k, label in enumerate(labels))
    (tmp_path / "reviews.jsonl").write_text(rows)
    given = "".join(f'{{"id": {k}, "prediction": "{label if k else "negative"}"}}\n' for k, label in enumerate(labels))
    (tmp_path / "given.jsonl").write_text(given)
    summary = evaluate_model(
        None,
        tasks=[tmp_path / "reviews.jsonl"],
        output_dir=tmp_path / "out",
        predictions=tmp_path / "given.jsonl",
        max_samples=5,
        columns={"input": "Is this positive or negative? {text}", "output": "label"},
    )
    assert summary["tasks"]["reviews"]["metrics"]["accuracy"]["predictions"]["value"] == pytest.approx(23 / 24)
    [first, *_] = read_jsonl(tmp_path / "out/eval/predictions/reviews.jsonl")
    assert first["prompt"][0]["content"] == "Is this positive or negative? film 0"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"general": "nope.txt"}, "nope.txt"),
        ({"rephrase_with": "/nope/model"}, "/nope/model"),
        ({"rephrase_with": "openai:m@nowhere"}, "openai:"),
    ],
)
def test_what_a_suite_needs_is_looked_for_before_any_work(fields, message):
    with pytest.raises(TunesmithError, match=message):
        compare.refuse_unknown(EvaluateSection(**fields))
