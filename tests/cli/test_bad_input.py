"""What goes wrong, provoked through the real command line: one message with the place, the documented exit code, no
traceback, and nothing half-written that a later --resume would stumble over."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import signal
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from tests.cli.doubles import call
from tests.workflows.recipes import write_rows
from tunesmith import files
from tunesmith.recipe_files import load_recipe
from tunesmith.run import Run

GOOD = json.dumps({"instruction": "Is it late?", "context": "", "response": "No", "category": "yes_no"})
BROKEN = '{"instruction": "x", '
NO_ANSWER = json.dumps({"instruction": "Is it late?"})
SETTINGS = """
adapter: {method: lora, r: 2}
train: {max_steps: 2, max_length: 128, logging_steps: 1, save_steps: 1}
evaluate: {max_new_tokens: 2, max_samples: 2}
"""


@pytest.fixture
def here(tmp_path, monkeypatch, model_folders) -> Path:
    """A folder with sixty good rows, a model ``m`` and a recipe ``r.yaml`` over both."""
    monkeypatch.chdir(tmp_path)
    write_rows(tmp_path / "rows.jsonl")
    shutil.copytree(model_folders["llama"], tmp_path / "m")
    write_recipe("rows.jsonl")
    return tmp_path


def write_recipe(source: str, model: str = "m", more: str = "") -> None:
    data = f"data: {{sources: [{source}], validation_fraction: 0.1, test_fraction: 0.2{more}}}"
    Path("r.yaml").write_text(f"model: {{name_or_path: {model}}}\n{data}\n{SETTINGS}")


def refused(capsys, *words: str) -> tuple[int, str]:
    """Exit code and last line of a command that fails: no traceback, nothing on stdout."""
    code, out, err = call(capsys, *words)
    assert code != 0 and "Traceback" not in err and "Unexpected" not in err, err
    assert out == "", out
    return code, err.rstrip("\n").rpartition("\n")[2]


# ── data ────────────────────────────────────────────────────────────────────────────────────────────────────────────

UNUSABLE = [
    ("nosuch.jsonl", None, r"nosuch\.jsonl: no such file or folder\."),
    ("row.jsonl", None, r"row\.jsonl: no such file or folder\. Did you mean `rows\.jsonl`\?"),
    ("empty.jsonl", b"", r"empty\.jsonl: there are no rows in it\. Give a file"),
    ("blank.jsonl", b"\n \n", r"blank\.jsonl: there are no rows in it"),
    ("nul.jsonl", b"\0" * 99, r"its only row cannot be used \(nul_byte 1\)\. nul\.jsonl:1: .*NUL byte"),
    ("numbers.jsonl", b"1\n2\n", r"none of its 2 rows .*numbers\.jsonl:1: a row must be an object"),
    ("asked.jsonl", f"{NO_ANSWER}\n".encode(), r"asked\.jsonl:1: there is a question but no answer\."),
    (
        "odd.jsonl",
        b'{"text": "a", "label": "b"}\n',
        r"odd\.jsonl:1: the columns \(text, label\) fit no known convention",
    ),
    ("x.txt", b"hello", r"x\.txt: unknown file type\. Use one of \.jsonl"),
    ("x.parquet", b"PAR1 cut short", r"x\.parquet: not a readable Parquet file .* Write it again"),
    ("x.jsonl.gz", b"no gzip", r"x\.jsonl\.gz: damaged or not gzip"),
    ("x.csv", b"a,a\n1,2\n", r"x\.csv:1: the column `a` appears twice"),
    ("x.json", b'[{"a": ', r"x\.json: not valid JSON \(.*line 1 column \d+\)"),
]


@pytest.mark.parametrize("verb", ["data inspect", "preview"])
@pytest.mark.parametrize("name, content, message", UNUSABLE, ids=[name for name, *_ in UNUSABLE])
def test_a_file_without_a_good_row_is_exit_code_3_and_its_place(here, capsys, verb, name, content, message):
    if content is not None:
        (here / name).write_bytes(content)
    write_recipe(name)
    if verb == "preview":
        code, last = refused(capsys, "preview", "r.yaml")
    elif content is not None and name == "asked.jsonl":
        return  # questions alone are worth looking at
    else:
        code, _, err = call(capsys, "data", "inspect", name)
        last = err.rstrip("\n")
        assert "\n" not in last
    assert code == 3 and re.search(message, last), last


BAD_ROWS = [
    (
        "broken_json",
        BROKEN.encode(),
        r"not valid JSON \(expecting property name enclosed in double quotes, column \d+\)",
    ),
    ("nul_byte", GOOD.encode().replace(b"late", b"la\0te"), "NUL byte"),
    ("not_utf8", GOOD.encode().replace(b"late", b"caf\xe9"), "not valid UTF-8"),
    ("unknown_role", b'{"messages": [{"role": "wizard", "content": "x"}]}', "unknown role 'wizard'. Use one of system"),
    ("unknown_format", b'{"foo": "bar"}', r"the columns \(foo\) fit no known convention"),
    ("not_an_object", b"[1]", "a row must be an object"),
]


@pytest.mark.parametrize("reason, line, detail", BAD_ROWS, ids=[reason for reason, *_ in BAD_ROWS])
def test_a_bad_row_in_the_middle_is_dropped_counted_and_named_or_stopped_at(here, capsys, reason, line, detail):
    lines = (here / "rows.jsonl").read_bytes().splitlines()
    (here / "bad.jsonl").write_bytes(b"\n".join([*lines[:30], line, *lines[30:]]) + b"\n")
    code, out, _ = call(capsys, "data", "inspect", "bad.jsonl", "--json")
    found = json.loads(out)
    assert (code, found["rows_in"], found["kept"], found["dropped"]) == (0, 61, 60, {reason: 1})
    write_recipe("bad.jsonl")
    code, _, err = call(capsys, "preview", "r.yaml", "--limit", "0")
    assert code == 0 and "61 rows in = 60 kept + 1 dropped\n" in err
    assert f"warning: read: 1 of 61 rows dropped ({reason} 1), the first at bad.jsonl:31\n" in err
    code, last = refused(capsys, "preview", "r.yaml", "--set", "data.on_bad_row=raise")
    assert code == 3 and re.match(
        rf"bad\.jsonl:31: .*{detail}.* Correct the row, or set data\.on_bad_row: drop", last
    ), last


def parquet(rows: list[dict]) -> bytes:
    stream = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), stream, compression="zstd")
    return stream.getvalue().to_pybytes()


UNUSUAL = [
    ("bom.jsonl", lambda text, rows: b"\xef\xbb\xbf" + text.encode()),
    ("crlf.jsonl", lambda text, rows: text.replace("\n", "\r\n").encode()),
    ("utf16.jsonl", lambda text, rows: text.encode("utf-16")),
    ("zstd.parquet", lambda text, rows: parquet(rows)),
    ("lines.json", lambda text, rows: text.encode()),
]


@pytest.mark.parametrize("name, write", UNUSUAL, ids=[name for name, _ in UNUSUAL])
def test_what_is_only_unusual_loses_no_row(here, capsys, name, write):
    text = (here / "rows.jsonl").read_text()
    (here / name).write_bytes(write(text, [json.loads(line) for line in text.splitlines()]))
    code, out, err = call(capsys, "data", "inspect", name, "--json")
    found = json.loads(out)
    assert (code, err, found["rows_in"], found["kept"], found["dropped"]) == (0, "", 60, 60, {})


def test_conventions_may_be_mixed_and_a_wrong_order_of_roles_is_told(here, capsys):
    turns = [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}, {"role": "assistant", "content": "c"}]
    more = [json.dumps({"messages": turns}), json.dumps({"question": "Is it early?", "answer": "Yes"})]
    (here / "rows.jsonl").write_text((here / "rows.jsonl").read_text() + "\n".join(more) + "\n")
    code, _, err = call(capsys, "preview", "r.yaml", "--limit", "0")
    assert code == 0 and "62 rows in = 62 kept + 0 dropped\n" in err
    assert "warning: drop_bad_order: 1 of 62 records dropped (same_role_twice 1), the first at rows.jsonl:61\n" in err
    assert "\n61 records left: " in err


SPLITS = [
    ("{path: rows.jsonl, split: test}", "", r"data: the train split has no records\. Add rows or sources"),
    ("{path: rows.jsonl, columns: {input: nosuch}}", "", r"rows\.jsonl:1: there is no column `nosuch` for `input`"),
    ("two.jsonl", "", r"data: 2 records are too few for a training split .* set data\.validation_fraction"),
    ("rows.jsonl, rows.jsonl", "", r"data\.sources: .*rows\.jsonl is read by two sources\. Name it once"),
    ("folder", "", r"folder: no file to read there\. Put \.jsonl"),
]


@pytest.mark.parametrize("source, more, message", SPLITS, ids=[source for source, *_ in SPLITS])
def test_a_source_that_fills_no_split_is_exit_code_3(here, capsys, source, more, message):
    (here / "two.jsonl").write_text("\n".join((here / "rows.jsonl").read_text().splitlines()[:2]) + "\n")
    (here / "folder").mkdir()
    write_recipe(source, more=more)
    code, last = refused(capsys, "preview", "r.yaml")
    assert code == 3 and re.search(message, last), last


def test_a_folder_nobody_may_look_into_is_exit_code_3(here, capsys, monkeypatch):
    def walk(folder, onerror):
        onerror(PermissionError(errno.EACCES, "Permission denied", str(folder)))

    (here / "locked").mkdir()
    monkeypatch.setattr("tunesmith.curation.sources.os.walk", walk)
    message = "locked: no permission to look there. Change its mode or owner (chmod u+rx)."
    assert refused(capsys, "data", "inspect", "locked") == (3, message)


# ── recipe ──────────────────────────────────────────────────────────────────────────────────────────────────────────

OVERRIDES = [
    ("trian.max_steps=3", "--set trian.max_steps=3: trian: no such field. Did you mean `train`?"),
    ("train.max_steps=yes", "--set train.max_steps=yes: must be a whole number, got true."),
    ("train.max_length=4", "--set train.max_length=4: must be at least 8, got 4."),
    ("train.over_length=cut", "--set train.over_length=cut: must be drop, truncate or raise, got 'cut'."),
    (
        "adapter.method=loraa",
        "--set adapter.method=loraa: must be full, lora, qlora, lora-8bit, prefix, prompt or bottleneck, got 'loraa'. Did you mean `lora`?",
    ),
    ("data.sources=[]", "--set data.sources=[]: must hold at least 1, got 0."),
    ("train", "--set train: write it as key=value, for example"),
    (
        "curate=[drop_emty]",
        "--set curate=[drop_emty]: curate[0].use: no such stage `drop_emty`. Did you mean `drop_empty`?",
    ),
    (
        "curate=[{use: drop_empty, n: 1}]",
        "--set curate=[{use: drop_empty, n: 1}]: curate[0].n: stage `drop_empty` has no such setting.",
    ),
]


def test_a_run_that_fails_before_it_begins_can_be_corrected_and_tried_again(here, capsys):
    assert refused(capsys, "train", "r.yaml", "--set", "curate=[drop_emty]")[0] == 2
    assert refused(capsys, "train", "r.yaml", "--set", "train.max_length=8")[0] == 4
    assert call(capsys, "train", "r.yaml")[0] == 0


@pytest.mark.parametrize("override, message", OVERRIDES, ids=[override for override, _ in OVERRIDES])
def test_a_wrong_override_is_exit_code_2_and_its_key(here, capsys, override, message):
    code, last = refused(capsys, "run", "r.yaml", "--set", override)
    assert code == 2 and last.strip().startswith(message), last
    assert not (here / "runs").exists() or not list((here / "runs" / "r").glob("data/*"))


# ── models and templates ────────────────────────────────────────────────────────────────────────────────────────────


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def more_tokens(path: Path) -> None:
    tokenizer = json.loads(path.read_text())
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    tokenizer["added_tokens"] += [{"id": 384 + k, "content": f"<x{k}>", **flags} for k in range(5)]
    path.write_text(json.dumps(tokenizer))


MODELS = [
    ("tokenizer.json", Path.unlink, r"m: no tokenizer that can be loaded"),
    ("config.json", Path.unlink, r"m: no config\.json, so this is no model folder\. Name a folder"),
    ("model.safetensors", Path.unlink, r"m: no weights \(model\.safetensors\)"),
    ("model.safetensors", cut_short, r"m: a safetensors file is damaged"),
    ("tokenizer.json", more_tokens, r"m: the tokenizer has 389 tokens but the model only 384 embeddings"),
]


@pytest.mark.parametrize(
    "name, damage, message", MODELS, ids=[f"{name}-{damage.__name__}" for name, damage, _ in MODELS]
)
def test_a_damaged_model_is_exit_code_4_and_its_folder(here, capsys, name, damage, message):
    damage(here / "m" / name)
    code, last = refused(capsys, "run", "r.yaml", "--dry-run")
    assert code == 4 and re.search(message, last), last


def test_a_model_without_a_pad_token_is_trained_all_the_same(here, capsys):
    path = here / "m" / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "pad_token": None}))
    assert call(capsys, "run", "r.yaml", "--dry-run")[0] == 0


TEMPLATES = [
    ("own", None, r"the model has no chat template of its own\. Set template\.name to chatml"),
    ("chatlm", None, r"template\.name: no template `chatlm` .*Did you mean `chatml`\?"),
    ("x.jinja", "{% for m in messages %}{{ m.content }", r"template `x\.jinja` does not compile: line 1"),
    (
        "x.jinja",
        "{% for m in messages %}{{ m.content }}{% endfor %}",
        r"does not end the assistant's turn with a stop token",
    ),
    ("x.jinja", "", r"template `x\.jinja` leaves out the content"),
    ("x.jinja", "{% for i in range(999999999) %}x{% endfor %}", r"cannot render a question and an answer"),
]


@pytest.mark.parametrize("name, text, message", TEMPLATES, ids=[f"{name}-{text}" for name, text, _ in TEMPLATES])
def test_a_bad_template_is_exit_code_4_and_its_name(here, capsys, name, text, message):
    if text is not None:
        (here / name).write_text(text)
    code, last = refused(capsys, "preview", "r.yaml", "--set", f"template.name={name}")
    assert code == 4 and re.search(message, last), last


@pytest.mark.parametrize(
    "policy, code, message",
    [
        ("drop", 4, r"nothing supervised: .*\(too_long 42\).* larger train\.max_length"),
        ("truncate", 4, r"nothing supervised: .*\(prompt_too_long 42\)"),
        ("raise", 3, r"rows\.jsonl:\d+: \d+ tokens, and train\.max_length is 8\. Raise it, or set train\.over_length"),
    ],
)
def test_a_length_below_every_prompt_starts_nothing(here, capsys, policy, code, message):
    words = ("--set", "train.max_length=8", "--set", f"train.over_length={policy}")
    found, last = refused(capsys, "run", "r.yaml", "--dry-run", *words)
    assert found == code and re.search(message, last), last


# ── files to be tested on ───────────────────────────────────────────────────────────────────────────────────────────

TASKS = [
    ("nosuch.jsonl", None, 3, r"nosuch\.jsonl: no such file or folder"),
    (
        "asked.jsonl",
        NO_ANSWER,
        3,
        r"asked\.jsonl: none of its 1 rows says what a right answer is.* asked\.jsonl:1: add",
    ),
    ("empty.jsonl", "", 3, r"empty\.jsonl: there are no rows in it"),
    ("rows.jsonl, rows.jsonl", None, 2, r"rows\.jsonl: named twice among the tasks, so its samples would count double"),
]


@pytest.mark.parametrize("name, text, code, message", TASKS, ids=[name for name, *_ in TASKS])
def test_a_test_file_nobody_can_use_is_told_before_any_training(here, capsys, name, text, code, message):
    if text is not None:
        (here / name).write_text(text)
    found, last = refused(capsys, "run", "r.yaml", "--set", f"evaluate.tasks=[{name}]")
    assert found == code and re.search(message, last) and not (here / "runs").exists(), last
    asked = [word for task in name.split(", ") for word in ("--tasks", task)]
    found, last = refused(capsys, "evaluate", "m", *asked, "--output", "out")
    assert found == code and re.search(message, last) and not (here / "out").exists(), last


PREDICTIONS = [
    (lambda rows: rows[:-1], r"p\.jsonl: no prediction for 1 of 3 samples, the first of them q\.jsonl:3"),
    (lambda rows: [*rows, rows[0]], r"p\.jsonl:4: a second prediction for the sample that p\.jsonl:1 answers"),
    (lambda rows: [*rows, {"prompt": "zz", "prediction": "x"}], r"p\.jsonl:4: fits no sample"),
    (lambda rows: [{"prompt": row["prompt"]} for row in rows], r"p\.jsonl:1: no prediction in this row"),
]


@pytest.mark.parametrize("change, message", PREDICTIONS, ids=["missing", "twice", "foreign", "without"])
def test_predictions_that_do_not_fit_are_exit_code_3_and_their_line(here, capsys, change, message):
    questions = [{"question": f"Is it {word}?", "answer": "No"} for word in ("late", "early", "dark")]
    (here / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in questions))
    rows = change([{"prompt": row["question"], "prediction": "No"} for row in questions])
    (here / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    code, last = refused(capsys, "evaluate", "--predictions", "p.jsonl", "--tasks", "q.jsonl", "--output", "out")
    assert code == 3 and re.search(message, last), last


def test_what_cannot_be_asked_is_told(here, capsys):
    (here / "q.jsonl").write_text(f"{GOOD}\n{BROKEN}\n{NO_ANSWER}\n")
    code, out, err = call(capsys, "evaluate", "m", "--tasks", "q.jsonl", "--output", "out", "--json")
    told = "warning: q.jsonl: 3 rows in = 1 kept + 2 dropped (broken_json 1, no_answer 1), the first at q.jsonl:2\n"
    assert code == 0 and told in err and json.loads(out)["systems"] == ["m"]


# ── results that are not there ──────────────────────────────────────────────────────────────────────────────────────

RESULTS = [
    ("report nosuch", 3, r"nosuch: no such run folder"),
    ("report m", 3, r"m: not a run folder"),
    ("runs rows.jsonl", 3, r"rows\.jsonl: is a file\. Name the folder the runs lie in"),
    ("chat rows.jsonl", 4, r"rows\.jsonl: is a file, but a model is a folder"),
    ("chat m --adapter other", 2, r"--adapter is switched to by hand, in a terminal"),
    ("chat ./nosuch", 4, r"\./nosuch: no such model folder"),
    (
        "evaluate m --tasks rows.jsonl --output out --num-shots 2",
        2,
        r"--num-shots takes its worked examples from a run",
    ),
    ("run rows.jsonl", 2, r"rows\.jsonl: a data file, not a recipe"),
    ("run r.yaml --output-dir m", 2, r"m: not empty and no run folder .* Choose another --output-dir"),
    ("run r.yaml --output-dir rows.jsonl", 2, r"rows\.jsonl: a file, where the run folder is to be"),
    ("run r.yaml --output-dir /proc/x", 5, r"/proc/x: .*"),
]


@pytest.mark.parametrize("words, code, message", RESULTS, ids=[words for words, *_ in RESULTS])
def test_a_wrong_name_is_one_line_and_its_exit_code(here, capsys, words, code, message):
    found, last = refused(capsys, *words.split())
    assert found == code and re.match(message, last), last


def test_an_unknown_stage_is_told_with_the_recipe_and_the_field_before_any_work(here, capsys):
    Path("r.yaml").write_text(Path("r.yaml").read_text() + "curate: [drop_empty, {use: drop_shrt}]\n")
    for verb in ("run", "train", "preview", "doctor"):
        code, _, err = call(capsys, verb, "r.yaml")
        assert code == 2
        assert err == "r.yaml:7: curate[1].use: no such stage `drop_shrt`. Did you mean `drop_short`?\n"


@pytest.mark.parametrize("verb", ["preview", "doctor"])
def test_a_folder_that_is_no_model_is_told_as_such_without_its_weights_too(here, capsys, verb):
    (here / "notes").mkdir()
    code, last = refused(capsys, verb, "r.yaml", "--set", "model.name_or_path=notes")
    assert code == 4 and last.endswith(
        "notes: no config.json, so this is no model folder. Name a folder that save_pretrained() wrote."
    )


@pytest.mark.parametrize("verb", ["preview", "train", "doctor"])
def test_a_weight_for_an_unknown_task_is_told_before_the_model_is_loaded(here, capsys, verb):
    output = ("--output-dir", "out") if verb == "train" else ()
    code, _, err = call(capsys, verb, "r.yaml", "--set", "train.task_weights={colour: 2}", *output)
    assert code == 4 and err.rstrip("\n").endswith(
        "train.task_weights: no training record has the task `colour`. Did you mean `color`? There are: color, yes_no."
    )
    assert "Loading" not in err and "Trying" not in err


# ── a full disk ─────────────────────────────────────────────────────────────────────────────────────────────────────

FULL = ["data/train.jsonl", "data/ledger.json", "training.json", "eval/summary.json", "report.html"]


@pytest.mark.parametrize("name", FULL)
def test_a_disk_that_fills_up_is_exit_code_5_and_a_resume_completes_the_run(here, capsys, monkeypatch, name):
    replace = os.replace

    def full(source, target):
        if str(target).endswith(name):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replace(source, target)

    monkeypatch.setattr(files.os, "replace", full)
    code, last = refused(capsys, "run", "r.yaml", "--output-dir", "out")
    assert (code, last) == (
        5,
        f"out/{name}: the disk is full. Make room, or choose another path.",
    )
    assert not list(Path("out").rglob("*.tmp")) and not (here / "out" / "run.lock").exists()
    monkeypatch.setattr(files.os, "replace", replace)
    code, out, _ = call(capsys, "run", "r.yaml", "--output-dir", "out", "--resume", "--json")
    assert code == 0 and Path(json.loads(out)["report"]).is_file()
    [read, *_] = json.loads(Path("out/data/funnel.json").read_text())
    assert (read["num_in"], read["num_kept"] + read["num_dropped"]) == (60, 60)


def test_a_tokenizer_that_finds_the_disk_full_is_exit_code_5(here, capsys, monkeypatch):
    def save_model(*arguments, **settings):
        raise Exception("No space left on device (os error 28)")  # what the tokenizers library raises

    monkeypatch.setattr("tunesmith.workflows.tune.save_model", save_model)
    code, last = refused(capsys, "train", "r.yaml", "--output-dir", "out")
    assert code == 5 and last.startswith(
        "out/model: could not be written (No space left on device (os error 28)). Free space"
    )


# ── being stopped, and being second ─────────────────────────────────────────────────────────────────────────────────

PHASES = ["read_data", "open_model", "_write_data", "tune", "compare_base_and_tuned", "write_report"]


@pytest.mark.parametrize(
    "phase, number",
    [*((phase, signal.SIGTERM) for phase in PHASES), ("read_data", signal.SIGINT), ("tune", signal.SIGINT)],
)
def test_a_run_stopped_in_any_phase_says_so_and_is_completed_by_a_resume(here, capsys, monkeypatch, phase, number):
    def stopped(*arguments, **settings):
        os.kill(os.getpid(), number)
        raise AssertionError("the signal did not arrive")

    with monkeypatch.context() as patched:
        patched.setattr(f"tunesmith.workflows.run.{phase}", stopped)
        found, last = refused(capsys, "run", "r.yaml", "--output-dir", "out")
    assert (found, last) == (128 + number, "Stopped; continue with --resume.")
    assert not (here / "out" / "run.lock").exists()
    found, out, _ = call(capsys, "run", "r.yaml", "--output-dir", "out", "--resume", "--json")
    assert found == 0 and Path(json.loads(out)["report"]).is_file()


def test_a_folder_in_use_is_exit_code_5_and_names_the_process(here, capsys):
    with Run.create("out", load_recipe("r.yaml")):
        code, last = refused(capsys, "run", "r.yaml", "--output-dir", "out", "--resume")
    assert code == 5 and last.startswith(f"out: in use by process {os.getpid()} on ")


# ── going on ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_finished_run_goes_on_only_to_where_it_has_not_been(here, capsys):
    words = ("r.yaml", "--output-dir", "out")
    assert call(capsys, "train", *words)[0] == 0
    code, last = refused(capsys, "train", *words)
    assert code == 2 and last.startswith("out: already holds a run that has not finished. Go on with --resume")
    code, last = refused(capsys, "train", *words, "--resume", "--set", "train.max_steps=1")
    assert code == 2 and last.startswith("out: was trained for 2 steps, and train.max_steps is now 1. Raise it")
    shutil.rmtree(here / "out" / "model")
    assert call(capsys, "train", *words, "--resume")[0] == 0 and (here / "out" / "model").is_dir()
    longer = ("--resume", "--set", "train.max_steps=null", "--set", "train.num_train_epochs=1")
    assert call(capsys, "train", *words, *longer)[0] == 0
    assert json.loads(Path("out/training.json").read_text())["num_steps"] == 6


def test_the_next_command_keeps_what_was_asked_for(here, capsys):
    words = ("r.yaml", "--set", "train.max_length=64")
    out = call(capsys, "train", *words, "--output-dir", "a b", "--dry-run")[1]
    assert out.endswith("Next: tunesmith train r.yaml --set train.max_length=64 --output-dir 'a b'\n")
    assert call(capsys, "preview", *words)[1].endswith("Next: tunesmith run r.yaml --set train.max_length=64\n")
