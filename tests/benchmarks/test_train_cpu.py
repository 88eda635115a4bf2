"""The benchmark beside TRL: both tools do the same work, and what is wrong is told in one line."""

from __future__ import annotations

import importlib.util
import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "train_cpu.py"
WORDS = [
    "name",
    "the",
    "capital",
    "of",
    "the",
    "country",
    "and",
    "sort",
    "these",
    "words",
    "pear",
    "apple",
    "plum",
    "is",
    "that",
    "right",
    "yes",
    "it",
]


def benchmark(*arguments: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess:
    command = [sys.executable, str(SCRIPT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Forty questions and answers of different lengths."""
    choice, path = random.Random(0), tmp_path_factory.mktemp("rows") / "rows.jsonl"
    lengths = [(choice.randint(3, 25), choice.randint(1, 9)) for _ in range(40)]
    texts = [[" ".join(choice.choices(WORDS, k=length)) for length in pair] for pair in lengths]
    lines = [json.dumps({"instruction": asked, "output": answer}) for asked, answer in texts]
    path.write_text("\n".join(lines))
    return str(path)


def test_both_tools_see_the_same_loss_on_the_same_rows(rows, model_folders):
    pytest.importorskip("trl", reason="the benchmark compares with TRL")
    cases = ("ours/packed/fp32/full", "trl/packed/fp32/full")
    done = benchmark(
        "--rows", rows, "--model", str(model_folders["llama"]), "--steps", "2", "--rows-per-step", "8", "--json",
        "--cases", *cases,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert [(case["tool"], case["batching"]) for case in result["cases"]] == [("ours", "packed"), ("trl", "packed")]
    ours, theirs = result["cases"]
    assert ours["loss_first_step"] == pytest.approx(theirs["loss_first_step"], abs=1e-3)
    assert 4 < ours["loss_first_step"] < 8  # nats of a random model of 384 tokens
    for case in result["cases"]:
        assert case["tokens_per_second"] > case["supervised_tokens_per_second"] > 0
        assert case["peak_memory_bytes"] > 2**26
    [ratio] = result["ratios"]
    assert ratio["tokens_per_second"] == ours["tokens_per_second"] / theirs["tokens_per_second"]
    assert result["warnings"] == []
    assert result["threads"] == 1 and set(result["versions"]) == {"transformers", "peft", "accelerate", "trl"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"--cases": "ours/padding/*"}, "--cases ours/padding/*: no such case. Names are like ours/sorted/fp32/full."),
        ({"--rows-per-step": "100"}, "40 usable rows of 200. Lower --rows-per-step."),
        ({"--model": "t5"}, "SFTTrainer trains no encoder-decoder. Name a decoder-only model."),
        ({"--steps": "0"}, "--steps and --rows-per-step must be at least 1"),
    ],
)
def test_what_cannot_be_compared_is_told_in_one_line(rows, model_folders, changes, said, monkeypatch, capsys):
    script = load_script()
    monkeypatch.setattr(script.importlib.util, "find_spec", lambda name: object())
    given = {"--rows": rows, "--model": "llama"} | changes
    given["--model"] = str(model_folders[given["--model"]])
    arguments = [word for pair in given.items() for word in pair]
    if "--steps" in changes:
        with pytest.raises(SystemExit) as ended:
            script.main(arguments)
        code = ended.value.code
    else:
        code = script.main(arguments)
    assert code == 2
    assert said in capsys.readouterr().err


def test_without_trl_one_line_says_how_to_get_it(rows, model_folders, monkeypatch, capsys):
    script = load_script()
    monkeypatch.setattr(script.importlib.util, "find_spec", lambda name: None)
    assert script.main(["--rows", rows, "--model", str(model_folders["llama"])]) == 2
    assert capsys.readouterr().err.strip().endswith("which is not installed. Get it with: pip install trl")


def test_the_cost_of_more_tokens_is_measured_and_a_cost_that_is_not_linear_is_an_error(rows, model_folders, capsys):
    script = load_script()
    script.NUM_TRIES, script.LINEAR_TOLERANCE = 1, 100.0  # a machine that tests run on is not idle
    arguments = ["--rows", rows, "--model", str(model_folders["llama"]), "--rows-per-step", "4", "--max-length", "64"]
    assert script.main([*arguments, "--steps", "1", "--linear", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    repeated, cut = found["cases"][:4], found["cases"][4:]
    assert [case["tokens"] // repeated[0]["tokens"] for case in repeated] == [1, 2, 4, 8]
    assert all(case["loss"] == pytest.approx(repeated[0]["loss"], abs=1e-5) for case in repeated)
    assert [case["case"] for case in cut] == [f"length {length}" for length in (8, 16, 32, 64)]
    assert len({case["tokens"] for case in cut}) == 1
    script.LINEAR_TOLERANCE = -1.0
    assert script.show_cost(found, as_json=False) == 6
    assert "furthest from it" in capsys.readouterr().out


def test_a_tokenizer_without_its_files_is_told_in_one_line(tmp_path, capsys):
    assert load_script().main(["--make-model", str(tmp_path / "model"), "--tokenizer", str(tmp_path)]) == 2
    said = f"--tokenizer {tmp_path}: no vocab.json and no merges.txt. Name a folder with those of GPT-2."
    assert said in capsys.readouterr().err


def test_a_case_that_fails_is_named_with_what_it_said(rows, tmp_path, monkeypatch):
    script = load_script()
    work = tmp_path / "work.json"
    work.write_text(json.dumps(dict(model="no/such/folder", rows=[], rows_per_step=1, packed_rows_per_step=1,
                                    max_length=8, num_threads=1)))  # fmt: skip
    with pytest.raises(script.TrainingError, match="ours/sorted/fp32/full failed: .*no/such/folder"):
        script.run_apart("ours/sorted/fp32/full", work)


def test_different_losses_are_shouted_and_never_hidden():
    script = load_script()
    case = dict(precision="fp32", method="full", tokens_per_second=2.0, peak_memory_bytes=3, loss_first_step=4.0)
    ours, theirs = case | dict(tool="ours", batching="packed"), case | dict(tool="trl", batching="packed")
    [same] = script.compare([ours, theirs])
    [other] = script.compare([ours, theirs | dict(tokens_per_second=1.0, loss_first_step=4.01)])
    assert (same["tokens_per_second"], other["tokens_per_second"]) == (1.0, 2.0)
    assert script.disagreement(same) is None
    assert "NOT THE SAME WORK: ours/packed and trl/packed (fp32, full) differ by -0.0100" in script.disagreement(other)
    assert "see each other" in script.disagreement(other)


def load_script():
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("train_cpu", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules["train_cpu"] = module  # where its dataclasses look up their annotations
    spec.loader.exec_module(module)
    return module
