"""Judging runs, models and APIs on suites: base beside tuned, nothing overwritten, and n/a where a figure is undefined."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.workflows.recipes import recipe, write_rows
from tunesmith.errors import DataError, MissingExtra, UsageError
from tunesmith.evaluation.questions import file_samples
from tunesmith.evaluation.runner import Sample
from tunesmith.evaluation.summary import summarize_answers
from tunesmith.evaluation.systems import system_name
from tunesmith.files import read_json, read_jsonl
from tunesmith.lm import Completion, Sampling, ScriptedModel
from tunesmith.progress import SilentProgress
from tunesmith.recipe import EvaluateSection
from tunesmith.records import Message, Record
from tunesmith.workflows import asking, compare, evaluate
from tunesmith.workflows.asking import Manner, System, open_system
from tunesmith.workflows.evaluate import evaluate_model
from tunesmith.workflows.run import run_recipe

SMALL = {"max_new_tokens": 3, "max_samples": 4, "num_shots": [0, 2]}


@dataclass
class Told(SilentProgress):
    lines: list[str] = field(default_factory=list)

    def say(self, text: str) -> None:
        self.lines.append(text)

    notice = warn = say


@pytest.fixture(scope="module")
def finished(model_folders, tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("evaluate")
    made = recipe(model_folders["llama"], write_rows(root / "rows.jsonl"), train={"max_steps": 2}, evaluate=SMALL)
    run_recipe(made, root / "run", console=SilentProgress())
    return root / "run"


@pytest.fixture
def run(finished, tmp_path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "run"))


@pytest.fixture(scope="module")
def full(finished, tmp_path_factory):
    """A run that was asked everything, what was told, and what it gave."""
    folder = Path(shutil.copytree(finished, tmp_path_factory.mktemp("full") / "run"))
    told = Told()
    return folder, told.lines, evaluate_model(str(folder), suites=["full"], console=told)


def questions(folder: Path, name: str = "mine.jsonl") -> Path:
    rows = [
        {"id": k, "question": f"Is the {thing} late?", "answer": "Yes"}
        for k, thing in enumerate(["bus", "tram", "car"])
    ]
    (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder / name


# -- a run -------------------------------------------------------------------------------------------------------------


def test_a_run_is_asked_every_suite_and_its_base_beside_it(full):
    folder, _, summary = full
    assert summary["systems"][:2] == ["base", "tuned"] and summary["output"] == str(folder)
    assert set(summary["groups"]) == {"test", "instructions", "consistency", "general"}
    assert set(summary["suites"]) == {"own", "instructions", "consistency", "general", "shots"}
    values = summary["groups"]["general"]["metrics"]["bits_per_byte"]
    assert values["base"]["value"] > 0 and values["tuned"]["value"] > 0
    assert summary["metrics"]["bits_per_byte"]["higher_is_better"] is False
    assert "worst_of_k" in summary["groups"]["consistency"]["metrics"]
    assert "prompt_level_strict" in summary["groups"]["instructions"]["metrics"]
    assert read_json(folder / "eval/summary.json")["shots"] == summary["shots"]


def test_the_headline_is_about_the_users_own_questions_alone(full):
    folder, _, summary = full
    own = read_json(folder / "eval/summary.json")["groups"]["test"]["tasks"]
    assert [task for task, found in summary["tasks"].items() if summary["primary_metric"] in found["metrics"]] == own


def test_before_it_starts_it_says_what_is_asked(full):
    lines = "\n".join(full[1])
    assert re.search(r"own \(your own test questions\): 8 questions; .*right answers", lines) or "too few" in lines
    assert re.search(r"consistency \(.*\): \d+ requests about \d+ questions\.", lines)
    assert "shots (worked examples in the prompt): 4 questions, each with 0 and 2 worked examples" in lines


def test_baselines_answer_the_users_questions_alone(full):
    folder, _, summary = full
    assert "majority_answer" in summary["overall"][summary["primary_metric"]]
    assert "majority_answer" not in summary["groups"]["consistency"]["metrics"]["worst_of_k"]
    assert not list((folder / "eval/majority_answer").glob("general*"))


def test_repeated_requests_are_answered_with_chance_and_stay_different_answers(full):
    rows = read_jsonl(next((full[0] / "eval/tuned").glob("consistency_repeated*.jsonl")))
    clusters = {row["variant_of"]: set() for row in rows}
    for row in rows:
        clusters[row["variant_of"]].add(row["prediction"])
    assert all(len(answers) > 1 for answers in clusters.values())


def test_the_curve_has_its_own_folder_and_the_tokens_of_each_request(full):
    folder, _, summary = full
    rows = {
        name: read_jsonl(next((folder / "eval/shots" / name).glob("color*.jsonl"))) for name in ("base", "base_2_shot")
    }
    assert all(one["num_prompt_tokens"] < other["num_prompt_tokens"] for one, other in zip(*rows.values(), strict=True))
    assert [row["num_shots"] for row in summary["shots"]["comparisons"]] == [0, 2]
    assert "base_2_shot" not in summary["systems"]


def test_the_users_questions_are_told_apart_by_what_is_new_about_them(full):
    folder, _, summary = full
    found = summary["generalization"]
    rows = read_jsonl(folder / "eval/novelty.jsonl")
    assert sum(part["n"] for part in found["classes"].values()) == len(rows) == 8
    assert {row["class"] for row in rows} == set(found["classes"])


def test_asking_again_asks_nothing_and_gives_the_same(full, monkeypatch):
    folder, _, summary = full
    monkeypatch.setattr("tunesmith.model.generate.LocalModel.generate", None)
    again = evaluate_model(str(folder), suites=["full"])
    assert again == summary


def test_one_suite_more_keeps_what_the_run_was_asked_before(run):
    before = read_json(run / "eval/summary.json")
    summary = evaluate_model(str(run), suites=["general"])
    for metric, values in before["overall"].items():
        assert summary["overall"][metric] == values
    assert summary["next"] == f"tunesmith gate {run} --no-regression general"
    assert summary["report"] == str(run / "report.html")


def test_a_run_without_more_is_asked_its_own_test_split(run):
    before = read_json(run / "eval/summary.json")
    summary = evaluate_model(str(run))
    assert summary["tasks"] == before["tasks"] and summary["systems"] == before["systems"]
    assert summary["next"].endswith("--suite quick")


@pytest.mark.parametrize("option", [{"max_samples": 2}, {"num_shots": 1}, {"against": "somebody"}, {"metrics": ["f1"]}])
def test_what_would_change_the_runs_own_figures_needs_a_folder(run, option):
    flag = "--" + next(iter(option)).replace("_", "-")
    with pytest.raises(UsageError, match=f"{flag} would change the run's own figures. Give .*--output DIR"):
        evaluate_model(str(run), **option)


def test_files_go_into_a_folder_of_their_own_or_beside_the_runs_questions(run, tmp_path):
    path = questions(tmp_path)
    apart = evaluate_model(str(run), tasks=[path], output_dir=tmp_path / "out")
    assert list(apart["groups"]) == ["mine"] and apart["systems"][:2] == ["base", "tuned"]
    inside = evaluate_model(str(run), tasks=[path])
    assert list(inside["groups"]) == ["test", "mine"]
    alone = evaluate_model(str(run), tasks=[path], output_dir=tmp_path / "alone", alone=True)
    assert alone["systems"] == ["tuned"]


def test_a_run_whose_base_is_gone_is_asked_alone_and_says_so(run, tmp_path, monkeypatch):
    text = (run / "recipe.yaml").read_text()
    (run / "recipe.yaml").write_text(re.sub(r"name_or_path: .*", "name_or_path: ./nowhere", text))
    monkeypatch.chdir(tmp_path)
    told = Told()
    summary = evaluate_model(str(run), output_dir=tmp_path / "out", tasks=[questions(tmp_path)], console=told)
    assert summary["systems"] == ["tuned", "majority_answer", "nearest_example"]
    assert any("The base is not asked" in line and "--against MODEL" in line for line in told.lines)


def test_a_run_against_another_model_gives_the_paired_verdict(run, model_folders, tmp_path):
    summary = evaluate_model(str(run), against=str(model_folders["gpt2"]), output_dir=tmp_path / "out")
    assert summary["systems"][:2] == ["gpt2", "tuned"]
    assert {(row["a"], row["b"]) for row in summary["comparisons"]} >= {("gpt2", "tuned")}
    stops = [read_json(tmp_path / f"out/eval/{name}/system.json")["sampling"]["stop"] for name in ("gpt2", "tuned")]
    assert stops[0] == stops[1] != []


def test_metrics_may_be_chosen(run, tmp_path):
    path = questions(tmp_path)
    summary = evaluate_model(str(run), tasks=[path], output_dir=tmp_path / "out", metrics=["f1", "chrf"], alone=True)
    assert list(summary["tasks"]["mine"]["metrics"]) == ["f1", "chrf"]


# -- other models ------------------------------------------------------------------------------------------------------


def test_an_encoder_decoder_has_no_likelihood_and_says_so(model_folders, tmp_path):
    summary = evaluate_model(str(model_folders["t5"]), suites=["general"], output_dir=tmp_path)
    assert summary["undefined"] == ["t5: n/a on general text, as an API and an encoder-decoder give no likelihood."]
    assert summary["tasks"]["general"]["metrics"] == {}


def test_a_model_and_another_on_general_text_are_compared_paragraph_by_paragraph(model_folders, tmp_path):
    summary = evaluate_model(
        str(model_folders["llama"]), against=str(model_folders["gpt2"]), suites=["general"], output_dir=tmp_path
    )
    assert summary["systems"] == ["gpt2", "llama"]
    [row] = [row for row in summary["groups"]["general"]["comparisons"] if row["metric"] == "bits_per_byte"]
    assert (row["a"], row["b"], row["n"], row["higher_is_better"]) == ("gpt2", "llama", 40, False)


def test_perplexities_of_different_tokenizers_are_not_compared():
    def line(nll: float, num_tokens: int) -> dict:
        scores = {"nll": nll, "num_tokens": num_tokens, "num_bytes": 30}
        return {
            "id": "p", "task": "general", "group": "general", "prediction": "", "references": [],
            "expected": {"likelihood": True}, "scores": scores,
        }  # fmt: skip

    answered = {"a": {"general": [line(9.0, 3)] * 9}, "b": {"general": [line(10.0, 9)] * 9}}
    summary = summarize_answers(answered, num_resamples=100)
    assert {row["metric"] for row in summary["comparisons"]} == {"bits_per_byte"}
    assert summary["tasks"]["general"]["metrics"]["perplexity"].keys() == {"a", "b"}
    [note] = compare._undefined(summary, {"a": ["general"], "b": ["general"]})
    assert note.startswith("a and b count tokens of different tokenizers, so their perplexities are not compared")


def test_two_models_of_one_name_are_told_apart(model_folders, tmp_path):
    folder = str(model_folders["llama"])
    summary = evaluate_model(folder, against=folder, suites=["general"], output_dir=tmp_path)
    assert summary["systems"] == ["llama_2", "llama"]
    assert {row["verdict"] for row in summary["comparisons"]} == {"no difference"}


class Api:
    """What an API can do: answer, and nothing else."""

    def __init__(self):
        self.asked = []

    def generate(self, conversations, sampling=None, *, tools=None, on_answer=None):
        self.asked += conversations
        return [Completion("Yes", "stop", 5, 1) for _ in conversations]

    def text_loglikelihood(self, texts):
        return [None] * len(texts)


def test_an_api_is_asked_all_that_needs_no_likelihood(monkeypatch, tmp_path):
    api = Api()
    monkeypatch.setattr(asking.RemoteModel, "from_target", classmethod(lambda cls, target: api))
    told = Told()
    summary = evaluate_model(
        "openai:gpt@http://localhost:9/v1",
        tasks=[questions(tmp_path)],
        suites=["own", "consistency", "general"],
        output_dir=tmp_path / "out",
        console=told,
    )
    assert summary["systems"] == ["gpt"] and api.asked
    assert summary["tasks"]["mine"]["metrics"]["exact_match"]["gpt"]["value"] == 1.0
    assert summary["groups"]["consistency"]["metrics"]["worst_of_k"]["gpt"]["value"] == 1.0
    assert "gpt: n/a on general text" in summary["undefined"][0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "--tasks FILE is missing. For example: tunesmith evaluate MODEL --tasks questions.jsonl"),
        (
            {"suites": ["general"]},
            "--output DIR is missing. For example: tunesmith evaluate MODEL --suite general --output scores",
        ),
        ({"output_dir": "out", "suites": ["own"]}, "None of these suites has a question to ask. Give --tasks FILE"),
        ({"output_dir": "out", "suites": ["shots"]}, "--suite shots takes its worked examples from a run's training"),
        ({"output_dir": "out", "suites": ["generl"]}, "no such suite `generl`. Did you mean `general`?"),
        (
            {"output_dir": "out", "suites": ["own"], "num_shots": 2},
            "--num-shots takes its worked examples from a run's",
        ),
        (
            {"output_dir": "out", "suites": ["own"], "metrics": ["bleuu"]},
            "--metrics: no such metric `bleuu`. Did you mean",
        ),
    ],
)
def test_a_model_that_cannot_be_asked_is_told_how_in_one_line(model_folders, tmp_path, options, message):
    name = str(model_folders["llama"])
    options = options | ({"output_dir": tmp_path / "out"} if "output_dir" in options else {})
    with pytest.raises(UsageError, match=re.escape(message.replace("MODEL", name))):
        evaluate_model(name, **options)


@pytest.mark.parametrize(
    ("target", "name"),
    [("openai:gpt-4.1@https://a.b/v1", "gpt-4.1"), ("org/model-7b", "model-7b"), ("runs/a b/", "a_b"), ("/", "model")],
)
def test_a_system_is_called_by_the_last_part_of_its_name(target, name):
    assert system_name(target) == name


def test_a_model_that_rephrases_is_asked_once_and_its_wordings_are_kept(monkeypatch, tmp_path):
    api = ScriptedModel(lambda turns: "Might it be late, the bus or tram?" if "Rewrite" in turns[0].content else "Yes")
    monkeypatch.setattr(asking.RemoteModel, "from_target", classmethod(lambda cls, target: api))
    section = EvaluateSection(suites=("consistency",), rephrase_with="openai:x@http://localhost:9/v1")
    own = file_samples([questions(tmp_path)], SilentProgress())
    first = compare.questions_of(section, own, [], 0, SilentProgress(), tmp_path / "eval")
    num_asked = len(api.asked)
    again = compare.questions_of(section, own, [], 0, SilentProgress(), tmp_path / "eval")
    assert first.tasks == again.tasks and num_asked == len(api.asked) > 0
    kept = [sample for sample in first.tasks["consistency"] if sample.id.endswith("-model")]
    assert len(kept) == num_asked // 5  # it says the same to all five wishes


def test_a_model_of_anybodys_may_be_asked_in_the_words_of_another(monkeypatch, tmp_path):
    api = ScriptedModel(lambda turns: "Might it be late, the bus or tram?" if "Rewrite" in turns[0].content else "Yes")
    monkeypatch.setattr(asking.RemoteModel, "from_target", classmethod(lambda cls, target: api))
    monkeypatch.setattr(evaluate, "refuse_no_model", lambda target: None)
    asked = {"tasks": [questions(tmp_path)], "output_dir": tmp_path / "out", "rephrase_with": "openai:x@http://a/v1"}
    with pytest.raises(UsageError, match="--rephrase-with: only the suite consistency asks in other words"):
        evaluate_model("openai:y@http://a/v1", **asked)
    evaluate_model("openai:y@http://a/v1", suites=["consistency"], **asked)
    lines = read_jsonl(tmp_path / "out/eval/y/consistency.jsonl")
    assert any(line["id"].endswith("-model") for line in lines)


def test_worked_examples_reach_an_api_as_earlier_turns():
    shot = Record("r", (Message("system", "Hush."), Message("user", "Is it?"), Message("assistant", "Yes")))
    model = ScriptedModel(lambda turns: "No")
    sample = Sample("s", (Message("system", "Be brief."), Message("user", "Was it?")), ("No",))
    asking.generate(model, [sample], Sampling(), [[shot]])
    assert [turn.content for turn in model.asked[0]] == ["Be brief.", "Is it?", "Yes", "Was it?"]


@pytest.mark.parametrize(("stop", "used"), [((), ("###",)), (("End",), ("End",))])
def test_a_model_beside_an_api_keeps_its_own_stop_strings(stop, used):
    rival = System("plain", ScriptedModel(str), "", ("###",))
    assert rival.like(Manner(None, stop, 2)) == replace(rival, stop=used, num_shots=2)


def test_a_model_without_a_template_is_asked_with_that_of_the_first_unless_one_is_given(model_folders, tmp_path):
    folder, other = str(model_folders["llama"]), str(model_folders["gpt2"])
    options = {"tasks": [questions(tmp_path)], "max_new_tokens": 2}
    summary = evaluate_model(folder, against=other, template="alpaca", output_dir=tmp_path / "a", **options)
    assert {how["template"] for how in summary["asked"].values()} == {"alpaca"}
    summary = evaluate_model(folder, against=other, output_dir=tmp_path / "b", **options)
    assert len({how["template_sha256"] for how in summary["asked"].values()}) == 1


def test_worked_examples_come_from_a_file_and_never_ask_what_a_question_asks(monkeypatch, tmp_path):
    api = Api()
    monkeypatch.setattr(asking.RemoteModel, "from_target", classmethod(lambda cls, target: api))
    rows = [{"question": f"Is the {thing} late?", "answer": "No"} for thing in ("boat", "TRAM", "van")]
    examples = tmp_path / "examples.jsonl"
    examples.write_text("".join(json.dumps(row) + "\n" for row in rows))
    told = Told()
    summary = evaluate_model(
        "openai:gpt@http://localhost:9/v1",
        tasks=[questions(tmp_path)],
        suites=["own"],
        shots=[examples],
        num_shots=2,
        output_dir=tmp_path / "out",
        console=told,
    )
    assert {len(turns) for turns in api.asked} == {5} and summary["asked"]["gpt"]["num_shots"] == 2
    texts = {turn.content for turns in api.asked for turn in turns[:-1]}
    assert texts == {"Is the boat late?", "Is the van late?", "No"}
    assert any("1 of its records left out as examples" in line for line in told.lines)


@pytest.mark.parametrize(
    ("shots", "num_shots", "message"),
    [
        (["mine.jsonl"], 1, "holds the questions, and an example must not be one of them"),
        (["a.jsonl", "b.jsonl"], 1, "--shots: 2 files for 1 of --tasks. Give one for all, or one for each."),
        (["few.jsonl"], 3, "--num-shots 3: .*few.jsonl has 1 records that make an example. Lower it."),
    ],
)
def test_examples_that_cannot_be_are_refused_in_one_line(model_folders, tmp_path, shots, num_shots, message):
    (tmp_path / "few.jsonl").write_text('{"question": "Is the boat late?", "answer": "No"}\n')
    options = {"tasks": [questions(tmp_path)], "shots": [tmp_path / name for name in shots], "num_shots": num_shots}
    with pytest.raises(UsageError, match=message):
        evaluate_model(str(model_folders["llama"]), output_dir=tmp_path / "out", **options)


def test_a_runs_template_is_that_of_its_training(run):
    with pytest.raises(UsageError, match="--template: a run is asked as it was trained. To ask its model otherwise: "):
        evaluate_model(str(run), template="alpaca")


def test_given_answers_without_a_folder_are_told_the_whole_command(tmp_path):
    with pytest.raises(UsageError) as error:
        evaluate_model(None, predictions=Path("a.jsonl"), tasks=[Path("q.jsonl")])
    assert str(error.value) == (
        "--output DIR is missing. For example: tunesmith evaluate --predictions a.jsonl --tasks q.jsonl --output scores"
    )


def test_an_engine_that_is_not_there_is_one_line(model_folders, tmp_path):
    section = EvaluateSection(engine="vllm")
    with pytest.raises(MissingExtra, match="evaluate.engine: vllm"):
        open_system(str(model_folders["llama"]), section, SilentProgress())
    assert open_system(str(model_folders["llama"]), EvaluateSection(), SilentProgress()).name == "llama"


def test_the_longest_answer_can_be_chosen_and_is_a_page_where_no_recipe_says(model_folders, tmp_path):
    write_rows(tmp_path / "q.jsonl")
    lengths = []
    for given in ({"max_new_tokens": 2}, {}):
        output = tmp_path / f"out{len(lengths)}"
        evaluate_model(
            str(model_folders["llama"]), tasks=[tmp_path / "q.jsonl"], output_dir=output, max_samples=2, **given
        )
        lengths.append(read_json(output / "eval" / "llama" / "system.json")["sampling"]["max_new_tokens"])
    assert lengths == [2, 512]


def test_files_of_questions_that_are_not_where_the_run_is_looked_at_are_named(run):
    recipe_file = run / "recipe.yaml"
    recipe_file.write_text(recipe_file.read_text().replace("tasks: []", "tasks: [gone.jsonl]"))
    with pytest.raises(DataError, match=r"recipe.yaml: evaluate.tasks names gone.jsonl, .*--tasks FILE --output DIR"):
        evaluate_model(str(run), suites=["general"])
