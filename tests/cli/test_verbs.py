"""What a person reads from each verb: previews with marks, inspections, tables, a chat, a doctor's findings."""

from __future__ import annotations

import io
import json
import re
import sys

import pytest

from tests.cli.doubles import Workflow, call, install
from tunesmith.cli import doctor as doctor_module
from tunesmith.cli.doctor import Check, _package
from tunesmith.cli.preview_text import CLOSE, OPEN, judgement, marked_text, split_text
from tunesmith.errors import ModelError
from tunesmith.files import write_json
from tunesmith.recipe import Recipe
from tunesmith.run import Run

RECIPE = Recipe.model_validate({"model": {"name_or_path": "gpt2"}, "data": {"sources": ["a.jsonl"]}})


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "r.yaml").write_text("model: {name_or_path: gpt2}\ndata: {sources: [a.jsonl]}\n")
    (tmp_path / "a.jsonl").write_text('{"instruction": "a", "output": "b"}\n')
    return tmp_path


# ── preview ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class Letters:
    """A tokenizer of single characters that loses a leading space, as SentencePiece ones do."""

    def decode(self, ids, **settings):
        return "".join(map(chr, ids)).removeprefix(" ")


def shown(**changes) -> dict:
    text, flags = "Q: a A: b. Q: c A: d.", "0000000011100000000011"
    row = {
        "id": "r1",
        "input_ids": [ord(letter) for letter in text],
        "supervised": [flag == "1" for flag in flags[: len(text)]],
        "truncated": False,
    }
    ledger = {
        "num_records": 10,
        "num_tokens": 200,
        "num_supervised_tokens": 50,
        "num_truncated": 0,
        "num_dropped": 0,
        "stop_token_supervised": True,
    }
    return {**ledger, "dropped": {}, "num_answers_cut": 0, "rows": [row], **changes}


def test_learned_text_stands_between_marks_wherever_it_begins():
    row = shown()["rows"][0]
    text = marked_text(split_text(row["input_ids"], row["supervised"], Letters()))
    assert text.plain == f"Q: a A: {OPEN}b. {CLOSE}Q: c A: d{OPEN}.{CLOSE}"
    assert {str(span.style) for span in text.spans} == {"bold green", "green"}


def test_a_space_before_learned_text_is_not_lost():
    ids = [ord(letter) for letter in "a b c"]
    segments = split_text(ids, [False, True, True, False, False], Letters())
    assert "".join(text for text, _ in segments) == "a b c" and segments[1] == (" b", True)


@pytest.mark.parametrize(
    "changes, told",
    [
        ({}, "Ready: 25% of the tokens are learned, and the answers end with the stop token."),
        ({"num_supervised_tokens": 0}, "Not ready: no token would be learned."),
        ({"num_supervised_tokens": 3}, "Ready: 1.5% of the tokens are learned"),
        ({"stop_token_supervised": False}, "Careful: the model would not learn to stop"),
        ({"num_dropped": 2, "dropped": {"too_long": 2}}, "Careful: 17% of the records are dropped (too_long 2)."),
        ({"num_dropped": 1}, "Ready"),
        ({"num_answers_cut": 3}, "Careful: 3 answers are cut off. Raise train.max_length, or say `over_length: drop`."),
        ({"num_records": 0, "num_tokens": 0, "num_supervised_tokens": 0}, "Not ready"),
    ],
)
def test_a_preview_ends_with_one_judgement(changes, told):
    assert judgement(shown(**changes)).startswith(told)


def test_preview_shows_the_rows_the_ledger_and_the_next_command(here, capsys, monkeypatch):
    work = install(
        monkeypatch,
        "tunesmith.workflows.preview",
        "preview",
        Workflow(shown(num_dropped=3, dropped={"too_long": 2, "no_answer": 1})),
    )
    install(monkeypatch, "tunesmith.model.load", "load_tokenizer", Workflow((Letters(), "causal")))
    code, out, _ = call(capsys, "preview", "r.yaml", "--limit", "1")
    assert code == 0 and work.calls[0][1]["limit"] == 1
    assert re.search(r"^r1 · 21 tokens, 4 learned ─", out, re.MULTILINE) and f"A: {OPEN}b. {CLOSE}Q" in out
    assert re.search(r"^dropped +3 +too_long 2, no_answer 1", out, re.MULTILINE) and re.search(
        r"^learned tokens +50 +25%", out, re.MULTILINE
    )
    assert out.splitlines()[-1] == "Next: tunesmith run r.yaml"


def test_preview_json_is_what_the_workflow_gave(here, capsys, monkeypatch):
    install(monkeypatch, "tunesmith.workflows.preview", "preview", Workflow(shown()))
    code, out, err = call(capsys, "preview", "r.yaml", "--json")
    assert (code, json.loads(out), err) == (0, shown(), "")


# ── data inspect ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_inspect_tells_what_is_in_a_file_and_what_is_wrong_with_it(here, capsys):
    rows = [
        '{"instruction": "q\\u001b[31m", "output": "a", "category": "x"}',
        "{broken",
        '{"foo": 1}',
        '{"instruction": "q2", "output": ""}',
    ]
    (here / "a.jsonl").write_text("\n".join(rows * 2) + "\n")
    code, out, err = call(capsys, "data", "inspect", "a.jsonl")
    assert (code, err) == (0, "")
    assert re.search(r"^rows +8 in · 4 kept · 4 dropped", out, re.MULTILINE) and "broken_json 2" in out
    assert re.search(r"^a\.jsonl:2: not valid JSON", out, re.MULTILINE) and re.search(
        r"^duplicates +2 exact", out, re.MULTILINE
    )
    assert re.search(r"^answers +2 empty", out, re.MULTILINE) and re.search(r"^tasks +1: x 2", out, re.MULTILINE)
    assert "\x1b" not in out and "assistant  (empty)" in out
    assert "Can be trained on: 2 of 4 records have an answer. 4 of 8 rows are lost" in out
    assert out.splitlines()[-1] == "Next: tunesmith init --data a.jsonl"


def test_inspect_json_has_the_fixed_names(here, capsys):
    (here / "a.jsonl").write_text('{"instruction": "q", "output": "a"}\n{broken\n')
    code, out, _ = call(capsys, "data", "inspect", "a.jsonl", "--json")
    found = json.loads(out)
    assert code == 0 and (found["format"], found["rows_in"], found["kept"], found["dropped"]) == (
        "alpaca",
        2,
        1,
        {"broken_json": 1},
    )


def test_inspect_takes_columns_that_are_not_recognized(here, capsys):
    (here / "a.jsonl").write_text('{"frage": "q", "antwort": "a"}\n')
    code, out, _ = call(
        capsys, "data", "inspect", "a.jsonl", "--columns", "instruction=frage", "--columns", "output=antwort", "--json"
    )
    assert code == 0 and json.loads(out)["kept"] == 1


def test_inspect_of_a_file_nobody_can_use_says_what_to_add(here, capsys):
    (here / "a.jsonl").write_text('{"foo": 1}\n')
    code, out, err = call(capsys, "data", "inspect", "a.jsonl")
    assert (code, err.count("\n")) == (3, 1) and "length" not in out and "0 kept · 1 dropped" in out
    assert err.startswith(
        "a.jsonl: its only row cannot be used (unknown_format 1). a.jsonl:1: the columns (foo) fit no"
    )
    code, out, err = call(capsys, "data", "inspect", "a.jsonl", "--json")
    assert code == 3 and json.loads(out)["dropped"] == {"unknown_format": 1} and err.count("\n") == 1


def test_inspect_of_questions_without_answers_says_what_they_are_good_for(here, capsys):
    (here / "a.jsonl").write_text('{"messages": [{"role": "user", "content": "q"}]}\n')
    assert "No record has an answer: good for being tested on" in call(capsys, "data", "inspect", "a.jsonl")[1]


@pytest.mark.parametrize("width", [80, 110])
def test_sample_rows_fit_the_width_also_in_chinese(here, capsys, width, monkeypatch):
    from rich.cells import cell_len

    (here / "a.jsonl").write_text(
        json.dumps({"instruction": "颜色空间" * 99, "output": "a\tb\n" + "x" * 999}, ensure_ascii=False) + "\n"
    )
    out = call(capsys, "data", "inspect", "a.jsonl")[1]
    assert max(cell_len(line) for line in out.splitlines()) <= 110 and "…" in out


@pytest.mark.parametrize(
    "name, code, told",
    [("nosuch.jsonl", 3, "nosuch.jsonl: no such file or folder."), ("empty.jsonl", 3, "empty.jsonl: ")],
)
def test_inspect_of_nothing_is_one_line(here, capsys, name, code, told):
    (here / "empty.jsonl").write_text("")
    found, out, err = call(capsys, "data", "inspect", name)
    assert (found, out, err.count("\n")) == (code, "", 1) and err.startswith(told)


# ── evaluate, report, runs ──────────────────────────────────────────────────────────────────────────────────────────


def score(value, low=None, high=None) -> dict:
    return {"value": value, "low": low, "high": high, "n": 9}


SUMMARY = {
    "systems": ["base", "tuned"],
    "tasks": {
        "qa": {
            "n": 9,
            "metrics": {
                "f1": {"base": score(0.2, 0.1, 0.3), "tuned": score(None)},
                "bleu": {"base": score(12.34, 1, 20), "tuned": score(0.0)},
            },
        },
        "sum": {"n": 1200, "metrics": {"f1": {"base": score(0.5, 0.4, 0.6), "tuned": score(0.55, 0.5, 0.6)}}},
    },
    "overall": {"f1": {"base": score(0.35, 0.3, 0.4), "tuned": score(0.55, 0.5, 0.6)}},
    "verdict": "Better.",
}


def test_evaluate_prints_scores_with_intervals_and_undefined_ones_as_n_a(here, capsys, monkeypatch):
    work = install(monkeypatch, "tunesmith.workflows.evaluate", "evaluate_model", Workflow(SUMMARY))
    code, out, _ = call(
        capsys,
        "evaluate",
        "m",
        "--tasks",
        "q.jsonl",
        "--tasks",
        "p.jsonl",
        "--output",
        "out dir",
        "--max-samples",
        "9",
        "--num-shots",
        "2",
    )
    (target,), settings = work.calls[0]
    assert code == 0 and target == "m" and [str(path) for path in settings["tasks"]] == ["q.jsonl", "p.jsonl"]
    assert (settings["max_samples"], settings["num_shots"], str(settings["output_dir"])) == (9, 2, "out dir")
    lines = out.splitlines()
    assert re.match(r"qa +9 +f1 +0\.200 \[0\.100, 0\.300\] +n/a", lines[1]) and re.match(
        r" +bleu +12\.3 \[1\.0, 20\.0\] +0\.0", lines[2]
    )
    assert re.match(r"sum +1,200 +f1", lines[3]) and re.match(r"overall +f1 +0\.350", lines[4])
    assert lines[5:] == ["Better.", "Answers and scores: 'out dir'"]


def test_evaluate_scores_given_answers_without_a_model(here, capsys, monkeypatch):
    work = install(monkeypatch, "tunesmith.workflows.given", "score_given", Workflow(SUMMARY))
    code, out, _ = call(capsys, "evaluate", "--predictions", "p.jsonl", "--tasks", "q.jsonl", "--output", "o", "--json")
    assert code == 0 and json.loads(out) == SUMMARY and list(map(str, work.calls[0][0])) == ["p.jsonl"]


def test_report_names_the_files_it_wrote(here, capsys, monkeypatch):
    install(monkeypatch, "tunesmith.report", "write_report", Workflow(("r/report.html", "r/report.md")))
    assert call(capsys, "report", "r") == (0, "Report: r/report.html\n        r/report.md\n", "")
    assert json.loads(call(capsys, "report", "r", "--json")[1]) == {
        "report": "r/report.html",
        "markdown": "r/report.md",
    }


def test_runs_are_a_table_with_model_scores_verdict_steps_time_and_state(here, capsys):
    with Run.create("runs/dolly", RECIPE) as run:
        scores = {"f1": {"base": score(0.2), "tuned": score(0.31)}}
        verdict = {"a": "base", "b": "tuned", "task": "overall", "metric": "f1", "verdict": "better (one training run)"}
        write_json(run.training_file, {"num_steps": 1200, "seconds": 3723})
        write_json(run.summary_file, {"systems": [], "tasks": {}, "overall": scores, "comparisons": [verdict]})
        run.mark_finished()
    Run.create("runs/deep/er", RECIPE).release()
    (here / "runs" / "deep" / "er" / "metrics.jsonl").write_text("x\n{}\n")
    code, out, err = call(capsys, "runs")
    assert (code, err) == (0, "")
    assert out.splitlines()[0].split() == [
        "run",
        "state",
        "model",
        "method",
        "metric",
        "base",
        "→",
        "tuned",
        "verdict",
        "steps",
        "time",
    ]
    assert re.search(
        r"^dolly +finished +gpt2 +full +f1 +0\.200 → 0\.310 +better \(one training run\) +1,200 +1:02:03",
        out,
        re.MULTILINE,
    )
    assert re.search(r"^deep/er +interrupted +n/a", out, re.MULTILINE) and out.endswith(
        "runs/deep/er: cannot be read in full: runs/deep/er/metrics.jsonl:1: not valid JSON."
        " Delete the line, or start the run anew.\n"
    )
    found = json.loads(call(capsys, "runs", "--json")[1])
    assert {run["path"] for run in found} == {"runs/dolly", "runs/deep/er"}


def test_no_runs_yet_is_no_error(here, capsys):
    assert call(capsys, "runs") == (0, "No runs in runs. Begin one with: tunesmith run RECIPE\n", "")
    assert json.loads(call(capsys, "runs", "--json")[1]) == []


# ── chat ────────────────────────────────────────────────────────────────────────────────────────────────────────────


class Echo:
    """Answers with the number of turns and the last of them; fails on "fail"."""

    def __init__(self):
        self.asked = []

    def stream(self, messages, sampling):
        self.asked.append(([(message.role, message.content) for message in messages], sampling))
        if messages[-1].content == "fail":
            raise ModelError("the server fails")
        yield f"{len(messages)}:"
        yield f" {messages[-1].content}\nand \\ more"


@pytest.fixture
def echo(here, monkeypatch):
    model = Echo()
    install(monkeypatch, "tunesmith.workflows.chat", "open_chat", Workflow(model))
    return model


class Typed(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_in_a_pipe_line_k_of_the_output_answers_line_k_each_on_its_own(echo, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("one\n\r\n\ntwo"))
    code, out, err = call(capsys, "chat", "m", "--system", "be kind", "--max-new-tokens", "5", "--temperature", "0.5")
    assert (code, out, err) == (0, "2: one\\nand \\\\ more\n\n\n2: two\\nand \\\\ more\n", "")
    turns, sampling = echo.asked[1]
    assert turns == [("system", "be kind"), ("user", "two")] and (sampling.max_new_tokens, sampling.temperature) == (
        5,
        0.5,
    )


def test_a_failure_in_a_pipe_ends_with_its_exit_code(echo, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("fail\n"))
    assert call(capsys, "chat", "m") == (4, "", "the server fails\n")


def test_a_line_that_is_not_utf_8_is_named(echo, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("one\ncaf\udce9\n"))
    code, out, err = call(capsys, "chat", "m")
    assert (code, len(out.splitlines())) == (3, 1)
    assert err == "stdin:2: not valid UTF-8. Convert the input, for example with iconv.\n"


def test_a_closed_stdin_asks_nothing(echo, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    assert call(capsys, "chat", "m") == (0, "", "")


def test_in_a_terminal_the_conversation_goes_on_until_ctrl_d(echo, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", Typed())
    lines = iter(["hi", "", "/system short", "more", "fail", "again", "/reset", "new", "/what", "/system", "bare"])

    def type_line(prompt):
        line = next(lines, None)
        if line is None:
            raise EOFError
        return line

    monkeypatch.setattr("builtins.input", type_line)
    code, out, err = call(capsys, "chat", "m")
    assert code == 0 and "1: hi\nand \\ more\n" in out and "the server fails" in err and "Ctrl-D quits" in err
    conversations = [[role for role, _ in turns] for turns, _ in echo.asked]
    assert conversations == [
        ["user"], ["system", "user"], ["system", "user", "assistant", "user"], ["system", "user", "assistant", "user"],
        ["system", "user"], ["user"],
    ]  # fmt: skip


def test_ctrl_c_stops_an_answer_and_keeps_what_was_said(echo, capsys, monkeypatch):
    def stream(messages, sampling):
        echo.asked.append([message.content for message in messages])
        yield "half"
        raise KeyboardInterrupt

    echo.stream = stream
    lines = iter(["one", KeyboardInterrupt, "two"])

    def type_line(prompt):
        line = next(lines, EOFError)
        if isinstance(line, type):
            raise line
        return line

    monkeypatch.setattr(sys, "stdin", Typed())
    monkeypatch.setattr("builtins.input", type_line)
    code, out, err = call(capsys, "chat", "m")
    assert code == 0 and "half …" in out and "(Ctrl-D quits)" in err and echo.asked[-1] == ["one", "half", "two"]


def test_chat_opens_what_was_asked_for(here, capsys, monkeypatch):
    opened = install(monkeypatch, "tunesmith.workflows.chat", "open_chat", Workflow(Echo()))
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    call(capsys, "chat", "openai:m@http://h/v1", "--shots", "s.jsonl", "--num-shots", "2", "--template", "chatml")
    call(capsys, "chat", "m", "--shots", "s.jsonl")
    (target,), settings = opened.calls[0]
    assert target == "openai:m@http://h/v1" and (
        settings["template"],
        str(settings["shots"]),
        settings["num_shots"],
    ) == ("chatml", "s.jsonl", 2)
    assert opened.calls[1][1]["num_shots"] == 3


# ── doctor ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_doctor_tells_versions_hardware_and_a_step_of_torch(capsys):
    code, out, err = call(capsys, "doctor")
    assert (code, err) == (0, "") and out.splitlines()[-1] == "Everything needed works."
    for word in ("tunesmith", "python", "processor", "memory", "disk", "gpu", "torch works"):
        assert re.search(rf"^[✓!] +{word} ", out, re.MULTILINE), word
    found = json.loads(call(capsys, "doctor", "--json")[1])
    assert found["ok"] is True and {"name", "state", "value", "fix"} == set(found["checks"][0])


def test_what_does_not_work_is_told_with_the_fix_and_exit_code_6(capsys, monkeypatch):
    monkeypatch.setattr(
        doctor_module, "_torch_works", lambda: Check("torch works", "broken", "OSError: no lib", "pip install torch")
    )
    code, out, err = call(capsys, "doctor")
    assert code == 6 and "✗  torch works" in out and "pip install torch" in out
    assert err == "doctor: torch works does not work; the table says how to fix it.\n"
    code, out, _ = call(capsys, "doctor", "--json")
    assert code == 6 and json.loads(out)["ok"] is False


@pytest.mark.parametrize(
    "requirement, extra, state, fix",
    [
        ("pytest>=1", "", "ok", ""),
        ("nosuch-package>=3", "", "broken", "pip install 'nosuch-package>=3'"),
        ("nosuch-package>=3", "pii", "missing", "pip install 'tunesmith[pii]'"),
        ("pytest>=999", "", "careful", "needs >=999: pip install 'pytest>=999'"),
    ],
)
def test_a_package_is_ok_missing_too_old_or_part_of_an_extra(requirement, extra, state, fix):
    from packaging.requirements import Requirement

    check = _package(Requirement(requirement), extra)
    assert (check.state, check.fix) == (state, fix)


def test_too_little_memory_or_disk_is_pointed_out(monkeypatch):
    monkeypatch.setattr("tunesmith.hardware.free_memory_bytes", lambda: 2**30)
    memory = next(check for check in doctor_module._hardware() if check.name == "memory")
    assert (memory.state, memory.value) == ("careful", "1.0 GiB free") and "smaller model" in memory.fix
