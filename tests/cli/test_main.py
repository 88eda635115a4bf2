"""The command line: quick help, one message per error, the right exit code, nothing but results on stdout."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.doubles import Workflow, call, install
from tests.run_folder import Skill, write_run
from tunesmith.cli import app
from tunesmith.errors import (
    CheckpointError,
    DataError,
    GateFailed,
    Interrupted,
    MissingExtra,
    ModelError,
    ResourceError,
    TrainingError,
    UsageError,
)

HEAVY = ("torch", "transformers", "datasets", "peft", "pyarrow", "numpy", "httpx", "yaml")
RECIPE = "model: {name_or_path: gpt2}\ndata: {sources: [a.jsonl]}\n"
COMMANDS = ("init", "data", "preview", "run", "train", "report", "evaluate", "chat", "runs", "doctor", "version")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "r.yaml").write_text(RECIPE)
    (tmp_path / "a.jsonl").write_text('{"instruction": "a", "output": "b"}\n')
    return tmp_path


def process(*words: str, **settings) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "tunesmith", *words], capture_output=True, text=True, **settings)


# ── help ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["data", "inspect", "--help"], ["version"], ["rnu"]])
def test_help_and_wrong_commands_answer_without_importing_anything_heavy(words):
    told = f"print('HEAVY', [name for name in {HEAVY} if name in sys.modules])"
    script = f"import sys; from tunesmith.cli import main; main({words!r}); {told}"
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout.splitlines()[-1] == "HEAVY []"


def test_help_lists_every_command_in_order_of_use_and_in_panels():
    told = process("--help", env={**os.environ, "COLUMNS": "100"}).stdout
    places = [re.search(rf"^│ {name} ", told, re.MULTILINE).start() for name in COMMANDS]
    assert places == sorted(places)
    assert list(re.findall(r"─ (\w+) ─", told)) == ["Options", "Prepare", "Train", "Judge", "Help"]
    assert "<bool>" not in told


@pytest.mark.parametrize("columns", ["80", "120"])
@pytest.mark.parametrize("command", [(), *((name,) for name in COMMANDS), ("data", "inspect")])
def test_every_help_fits_the_terminal_and_explains_every_option(command, columns, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setattr("typer.rich_utils.MAX_WIDTH", None)
    code, out, _ = call(capsys, *command, "--help")
    assert code == 0 and all(len(line) <= int(columns) for line in out.splitlines())
    assert not re.search(r"^│ +--[\w-]+ +│$", out, re.MULTILINE)


def test_h_is_help_too(capsys):
    assert call(capsys, "run", "-h")[0] == 0


def test_without_a_command_the_help_is_shown(capsys):
    code, out, err = call(capsys)
    assert code == 2 and "Prepare" in out + err and not err.startswith("tunesmith")


def test_the_version_is_ours(capsys):
    from tunesmith import __version__

    assert call(capsys, "version") == (0, f"tunesmith {__version__}\n", "")


def test_the_entry_point_of_the_package_is_main():
    from tunesmith import cli

    assert callable(cli.main) and app.info.name == "tunesmith"


# ── wrong command lines ─────────────────────────────────────────────────────────────────────────────────────────────

USAGE = [
    ("rnu", "tunesmith: No such command `rnu`. Did you mean `run`? See: tunesmith --help"),
    ("trian r.yaml", "tunesmith: No such command `trian`. Did you mean `train`?"),
    ("sft r.yaml", "tunesmith: No such command `sft`. Did you mean `train`?"),
    ("finetune", "tunesmith: No such command `finetune`. Did you mean `train`?"),
    ("eval x", "tunesmith: No such command `eval`. Did you mean `evaluate`?"),
    ("inspect a.jsonl", "tunesmith: No such command `inspect`. Did you mean `data inspect`?"),
    ("preprocess r.yaml", "tunesmith: No such command `preprocess`. Did you mean `preview`?"),
    ("env", "tunesmith: No such command `env`. Did you mean `doctor`?"),
    ("zzz", "tunesmith: No such command `zzz`. See: tunesmith --help"),
    ("data inspct a", "tunesmith data: No such command `inspct`. Did you mean `inspect`? See: tunesmith data --help"),
    ("--nosuch", "tunesmith: No such option --nosuch."),
    ("run r.yaml --resme", "tunesmith run: No such option --resme. Did you mean `--resume`? See: tunesmith run --help"),
    ("run r.yaml --ouput-dir x", "tunesmith run: No such option --ouput-dir. Did you mean `--output-dir`?"),
    ("train r.yaml --zzz", "tunesmith train: No such option --zzz. See: tunesmith train --help"),
    ("run", "tunesmith run: Missing argument 'RECIPE'."),
    ("run r.yaml more", "tunesmith run: Got unexpected extra argument(s) (more)."),
    ("run r.yaml --output-dir", "tunesmith run: Option '--output-dir' requires an argument."),
    ("run r.yaml --resume --overwrite", "--resume goes on with a run, --overwrite deletes it: give only one of them."),
    ("run r.yaml --resume=3", "tunesmith run: Option '--resume' does not take a value."),
    ("run nosuch.yaml", "nosuch.yaml: no such recipe. `tunesmith init` writes one to start from."),
    ("train R.yml", "R.yml: no such recipe. Did you mean `r.yaml`?"),
    ("preview .", ".: a folder without recipe.yaml. Name a recipe file or a run folder. Did you mean `r.yaml`?"),
    ("preview r.yaml --limit x", "tunesmith preview: Invalid value for '--limit'"),
    ("preview r.yaml --limit -1", "tunesmith preview: Invalid value for '--limit'"),
    ("preview r.yaml --set", "tunesmith preview: Option '--set' requires an argument."),
    ("preview r.yaml --set x", "--set x: write it as key=value"),
    (
        "run r.yaml --set train.seed=a --set foo=1",
        "r.yaml: 2 problems\n  --set train.seed=a: must be a whole number, got 'a'.",
    ),
    ("preview bad.yaml", "bad.yaml:1:5: not YAML: mapping values are not allowed here."),
    ("preview rows.jsonl", "rows.jsonl: a data file, not a recipe. Look at it with: tunesmith data inspect rows.jsonl"),
    ("preview empty.yaml", "empty.yaml: the recipe is empty."),
    ("init r.yaml", "r.yaml: already there, and not overwritten. Name another file: tunesmith init other.yaml"),
    ("evaluate", "Give either a model (or run) to ask, or --predictions FILE with answers."),
    ("evaluate m --predictions p.jsonl", "Give either a model (or run) to ask, or --predictions FILE"),
    (
        "evaluate m",
        "m: no run or model folder of this name here, so it is taken for a hub id. --tasks FILE is missing. For example: tunesmith evaluate m --tasks questions.jsonl --output scores",
    ),
    (
        "evaluate m --tasks q.jsonl",
        "m: no run or model folder of this name here, so it is taken for a hub id. --output DIR is missing. For example: tunesmith evaluate m --tasks",
    ),
    ("evaluate m --max-samples 0", "tunesmith evaluate: Invalid value for '--max-samples'"),
    ("data inspect", "tunesmith data inspect: Missing argument 'FILE'."),
    ("data inspect rows.jsonl --columns a", "--columns a: write it as OURS=THEIRS, for example"),
    ("data inspect rows.jsonl --columns =b", "--columns =b: write it as OURS=THEIRS"),
    ("chat", "tunesmith chat: Missing argument 'MODEL|RUN'."),
    ("chat m --num-shots 3", "--num-shots takes its examples from --shots FILE, which is missing."),
    ("chat m --temperature hot", "tunesmith chat: Invalid value for '--temperature'"),
    ("chat m --temperature -1", "tunesmith chat: Invalid value for '--temperature'"),
    ("report", "tunesmith report: Missing argument 'RUN'."),
    ("doctor x", "x: no such recipe."),
]


@pytest.mark.parametrize("words, message", USAGE, ids=[words or "nothing" for words, _ in USAGE])
def test_a_wrong_command_line_is_one_message_and_exit_code_2(here, capsys, words, message):
    (here / "bad.yaml").write_text("a: b: c\n")
    (here / "rows.jsonl").write_text("{}\n")
    (here / "empty.yaml").write_text("")
    code, out, err = call(capsys, *words.split())
    assert err.startswith(message) and (code, out) == (2, "")
    assert "Traceback" not in err and (err.count("\n") == 1 or re.match(r"\S+: \d+ problems?\n(  .*\n)+\Z", err))


@pytest.mark.parametrize(
    "words, message",
    [("report nosuch", "nosuch: no such run folder."), ("runs nosuch", "nosuch: no such file or folder.")],
)
def test_a_result_that_is_not_there_is_exit_code_3(here, capsys, words, message):
    code, out, err = call(capsys, *words.split())
    assert err.startswith(message) and (code, out, err.count("\n")) == (3, "", 1)


# ── errors from below ───────────────────────────────────────────────────────────────────────────────────────────────


class OutOfMemoryError(RuntimeError):
    """Named like the one of torch."""


RAISED = [
    (UsageError("wrong"), 2, "wrong\n"),
    (MissingExtra("X", "y", "z"), 2, "X needs the package `y`. Install it with: pip install 'tunesmith[z]'\n"),
    (DataError("a.jsonl:3: bad"), 3, "a.jsonl:3: bad\n"),
    (ModelError("no tokenizer"), 4, "no tokenizer\n"),
    (CheckpointError("cut short"), 4, "cut short\n"),
    (TrainingError("nothing supervised"), 4, "nothing supervised\n"),
    (ResourceError("in use"), 5, "in use\n"),
    (GateFailed("below"), 6, "below\n"),
    (Interrupted("Stopped; continue with --resume."), 130, "Stopped; continue with --resume.\n"),
    (Interrupted("Stopped.", signal.SIGTERM), 143, "Stopped.\n"),
    (KeyboardInterrupt(), 130, "Interrupted.\n"),
    (MemoryError(), 5, "Out of memory. Lower train.per_device_train_batch_size"),
    (OutOfMemoryError("CUDA out of memory. Tried …"), 5, "Out of memory. Lower"),
    (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried …"), 5, "Out of memory. Lower"),
    (OSError(errno.ENOSPC, "No space left on device", "runs/r/x"), 5, "runs/r/x: the disk is full. Make room"),
    (PermissionError(errno.EACCES, "Permission denied", "runs/r"), 5, "runs/r: no permission. Change its owner"),
    (OSError(errno.EROFS, "Read-only file system"), 5, "The file system is read-only."),
    (
        FileNotFoundError(errno.ENOENT, "No such file or directory", "x"),
        1,
        "Unexpected FileNotFoundError at doubles.py:",
    ),
    (KeyError("foo"), 1, "Unexpected KeyError at doubles.py:"),
    (ValueError("two\nlines " + "x" * 999), 1, "Unexpected ValueError at doubles.py:"),
    (AssertionError(), 1, "Unexpected AssertionError at doubles.py:"),
    (SystemExit("a library gave up"), 1, "a library gave up\n"),
]


@pytest.mark.parametrize(
    "error, code, message", RAISED, ids=[f"{type(error).__name__}-{code}" for error, code, _ in RAISED]
)
def test_whatever_is_raised_ends_in_one_line_and_its_exit_code(here, capsys, monkeypatch, error, code, message):
    install(monkeypatch, "tunesmith.workflows.run", "run_recipe", Workflow(error=error))
    found, out, err = call(capsys, "run", "r.yaml")
    assert (found, out) == (code, "") and err.startswith(message) and err.count("\n") == 1 and len(err) < 400
    if code == 1 and not isinstance(error, SystemExit):
        assert err.endswith("Run again with --debug for the traceback.\n")


@pytest.mark.parametrize("words", [["--debug", "run", "r.yaml"], ["run", "r.yaml", "--debug"]])
def test_debug_shows_the_traceback_wherever_it_stands(here, capsys, monkeypatch, words):
    install(monkeypatch, "tunesmith.workflows.run", "run_recipe", Workflow(error=KeyError("foo")))
    code, _, err = call(capsys, *words)
    assert code == 1 and "Traceback (most recent call last)" in err and "KeyError: 'foo'" in err


def test_an_interrupt_from_the_keyboard_ends_with_130(here):
    script = "import sys, time; from tunesmith.cli import app, main\n@app.command()\ndef wait():\n"
    script += "    print('on', flush=True); time.sleep(90)\nsys.exit(main(['wait']))"
    assert stopped_at_work(script, signal.SIGINT) == (130, "", "Interrupted.\n")


def stopped_at_work(script: str, number: int) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a process that is sent a signal once it has said that it is on."""
    started = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert started.stdout.readline() == "on\n"
    started.send_signal(number)
    out, err = started.communicate(timeout=60)
    return started.returncode, out, err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_request_to_stop_is_not_lost_while_libraries_are_imported(number):
    script = "import time\nfrom tunesmith.cli.console import importing\nclass Slow:\n    def __del__(self):\n"
    script += "        print('on', flush=True); time.sleep(90)\nwith importing():\n    Slow()\nprint('went on')"
    assert stopped_at_work(script, number) == (128 + number, "", "Interrupted.\n")


@pytest.mark.parametrize("words", [["init", "-"], ["data", "inspect", "big.jsonl"], ["runs", "--json"]])
def test_a_reader_that_has_seen_enough_is_no_error(here, words):
    (here / "big.jsonl").write_text('{"instruction": "a", "output": "b"}\n' * 50)
    command = [sys.executable, "-m", "tunesmith", *words]
    started = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    )
    started.stdout.close()
    assert (started.stderr.read(), started.wait()) == ("", 0)


def test_a_terminal_without_unicode_stops_nothing(here):
    told = process("--help", env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    assert told.returncode == 0 and "Traceback" not in told.stderr
    told = process("init", "-", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert told.returncode == 0 and "name_or_path" in told.stdout


def test_a_folder_without_permission_is_exit_code_5(here):
    told = process("init", "/proc/nosuch/r.yaml")
    assert told.returncode == 5 and told.stderr.count("\n") == 1 and told.stderr.startswith("/proc/nosuch/r.yaml: ")


# ── run and train ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_run_and_train_hand_on_what_was_asked_for(here, capsys, monkeypatch):
    work = install(
        monkeypatch,
        "tunesmith.workflows.run",
        "run_recipe",
        Workflow({"run_dir": "d", "report": "d/report.html", "verdict": "better"}),
    )
    words = ["r.yaml", "--output-dir", "d", "--set", "train.seed=3", "--set", "lr=1e-3", "--resume"]
    code, out, err = call(capsys, "run", *words)
    (recipe, folder), settings = work.calls[0]
    assert code == 0 and (recipe.train.seed, recipe.train.learning_rate, str(folder)) == (3, 1e-3, "d")
    assert (settings["resume"], settings["overwrite"], settings["dry_run"], settings["until"]) == (
        True,
        False,
        False,
        "report",
    )
    assert (
        out == "better\nReport: d/report.html\nNext:   tunesmith chat d\n"
        and err == "note: --set lr: read as `train.learning_rate`.\n"
    )
    call(capsys, "train", "r.yaml", "--overwrite")
    (_, folder), settings = work.calls[1]
    assert (settings["until"], settings["overwrite"], str(folder)) == ("train", True, "runs/r")


def test_a_run_ends_with_what_was_learned_of_each_test_file(here, capsys, monkeypatch):
    skills = {"riddles": Skill(tuned=0.0)}
    made = write_run(
        here / "runs/a", tasks=("sorting", "names"), samples_per_task=40, skill=Skill(tuned=0.9), skills=skills,
        test_files={"new_words": ("sorting", "names"), "new_tasks": ("riddles",)}, metric="verbatim_match",
    )  # fmt: skip
    answer = {"run_dir": "runs/a", "report": "runs/a/report.html", "verdict": "better", "summary": "…"}
    install(monkeypatch, "tunesmith.workflows.run", "run_recipe", Workflow(answer))
    lines = call(capsys, "run", "r.yaml")[1].splitlines()
    assert lines[:2] == ["better", ""] and lines[-2:] == ["Report: runs/a/report.html", "Next:   tunesmith chat runs/a"]
    heads, *rows = (re.split(r"\s{2,}", line.strip()) for line in lines[2:-3])
    assert heads == [
        "test questions", "families learned", "tuned", "base", "base, 3-shot", "majority answer", "nearest example"
    ]  # fmt: skip
    assert [row[:2] for row in rows[:3]] == [
        ["own test split", "2 of 2"], ["new words", "2 of 2"], ["new tasks", "1 never trained"]
    ]  # fmt: skip
    overall = json.loads((made / "eval/summary.json").read_text())["overall"]["verbatim_match"]["tuned"]["value"]
    assert rows[3][:2] == ["all together", f"{overall:.3f}"]


def test_a_run_that_compared_nothing_prints_no_table(here, capsys, monkeypatch):
    write_run(here / "runs/a", tasks=("names",), systems=("tuned",))
    answer = {"run_dir": "runs/a", "report": "r", "verdict": "tuned scores 1.", "summary": "…"}
    install(monkeypatch, "tunesmith.workflows.run", "run_recipe", Workflow(answer))
    assert call(capsys, "run", "r.yaml")[1] == "tuned scores 1.\nReport: r\nNext:   tunesmith chat runs/a\n"


def test_a_run_says_where_the_result_is_and_the_next_command(here, capsys, monkeypatch):
    install(monkeypatch, "tunesmith.workflows.run", "run_recipe", Workflow({"run_dir": "runs/a b", "verdict": None}))
    assert call(capsys, "train", "r.yaml")[1] == "Model:  'runs/a b'/model\nNext:   tunesmith chat 'runs/a b'\n"
    assert call(capsys, "run", "r.yaml", "--dry-run")[1].startswith(
        "Ready: model and data are loaded, and one step works."
    )


def test_json_is_the_only_thing_on_stdout_even_when_a_library_prints(here, capsys, monkeypatch):
    def noisy(*arguments, **settings):
        print("some library says hello")
        settings["console"].say("working")
        return {"run_dir": "d", "verdict": None}

    install(monkeypatch, "tunesmith.workflows.run", "run_recipe", Workflow(noisy))
    code, out, err = call(capsys, "run", "r.yaml", "--json")
    assert code == 0 and json.loads(out) == {"run_dir": "d", "verdict": None} and "hello" in err and "working" in err


def test_the_folder_of_a_run_is_the_recipes_else_the_run_itself_else_named_after_the_recipe(here, capsys, monkeypatch):
    work = install(monkeypatch, "tunesmith.workflows.run", "run_recipe", Workflow({}))
    (here / "named.yaml").write_text(RECIPE + "output_dir: out/there\n")
    (here / "old").mkdir()
    (here / "old" / "recipe.yaml").write_text(RECIPE)
    (here / "old" / "provenance.json").write_text("{}")
    for recipe in ("r.yaml", "named.yaml", "old"):
        call(capsys, "train", recipe, "--resume")
    assert [str(arguments[1]) for arguments, _ in work.calls] == ["runs/r", "out/there", "old"]


def test_the_command_is_kept_as_it_was_typed(here, capsys, monkeypatch):
    work = install(monkeypatch, "tunesmith.workflows.run", "run_recipe", Workflow({}))
    monkeypatch.setattr(sys, "argv", ["tunesmith", "run", "r.yaml", "--set", "curate=[{use: drop_empty}]"])
    from tunesmith.cli import main

    assert main() == 0 and work.calls[0][1]["command"] == "tunesmith run r.yaml --set 'curate=[{use: drop_empty}]'"


# ── init ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_init_writes_a_recipe_that_loads_once_filled_in(here, capsys):
    code, out, _ = call(capsys, "init", "new.yaml")
    assert (code, out) == (
        0,
        "Wrote new.yaml. Fill in model.name_or_path and data.sources.\nNext: tunesmith preview new.yaml\n",
    )
    code, out, _ = call(capsys, "init", "full.yaml", "--model", "gpt2", "--data", "a.jsonl", "--data", "b.jsonl")
    assert (code, out.splitlines()[0]) == (0, "Wrote full.yaml.")
    from tunesmith.recipe_files import load_recipe

    assert [source.path for source in load_recipe("full.yaml").data.sources] == ["a.jsonl", "b.jsonl"]
    code, out, _ = call(capsys, "init", "-", "--model", "gpt2")
    assert code == 0 and "name_or_path: gpt2" in out


def test_init_reads_a_curated_folder_by_its_splits_and_cleans_it_no_more(here, capsys):
    rows = [
        {"instruction": f"Write the number {n} as a word.", "output": f"It is {n}, spelled out."} for n in range(90)
    ]
    Path("rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert call(capsys, "data", "curate", "rows.jsonl", "-o", "clean", "--validation-fraction", "0")[0] == 0
    assert call(capsys, "init", "new.yaml", "--model", "m", "--data", "clean")[0] == 0
    from tunesmith.recipe_files import load_recipe

    recipe = load_recipe("new.yaml")
    assert [(source.path, source.split) for source in recipe.data.sources] == [
        ("clean/data/train.jsonl", "train"),
        ("clean/data/test.jsonl", "test"),  # that of the validation is empty
    ]
    assert recipe.curate == "none"


def test_the_version_is_an_option_too(capsys):
    code, out, _ = call(capsys, "--version")
    assert code == 0 and out.startswith("tunesmith ") and out == call(capsys, "version")[1]


def test_what_is_printed_into_a_file_is_not_padded(here, capsys):
    _, out, _ = call(capsys, "data", "inspect", "a.jsonl")
    assert len(out.splitlines()) > 5 and not any(line.endswith(" ") for line in out.splitlines())
