"""A run folder belongs to one process at a time, is never written over by accident, and tells what happened in it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tunesmith import run as run_module
from tunesmith.errors import DataError, ResourceError, UsageError
from tunesmith.files import write_json
from tunesmith.recipe import Recipe
from tunesmith.run import LAYOUT, Run
from tunesmith.runs import list_runs

RECIPE = Recipe.model_validate({"model": {"name_or_path": "gpt2"}, "data": {"sources": ["a.jsonl"]}})
as_root = pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")


def other(**changes) -> Recipe:
    return Recipe.model_validate({**RECIPE.model_dump(), **changes})


# ── creating and opening ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_new_run_holds_its_recipe_and_a_start_time_and_no_lock_once_it_is_left(tmp_path):
    with Run.create(tmp_path / "deep" / "a", RECIPE) as run:
        assert run.lock_file.exists() and json.loads(run.lock_file.read_text())["pid"] == os.getpid()
    assert sorted(os.listdir(run.path)) == ["provenance.json", "recipe.yaml"]
    assert Run.open(run.path).recipe == RECIPE and not run.is_finished and run.name == "a"


def test_every_path_of_the_layout_is_a_property(tmp_path):
    run = Run(tmp_path)
    named = {
        getattr(run, name)
        for name in dir(Run)
        if isinstance(getattr(Run, name), property) and name.endswith(("_file", "_dir", "_html", "_md"))
    }
    for pattern in LAYOUT:
        parts = pattern.removesuffix(".tmp").split("/")
        assert tmp_path / pattern in named or tmp_path / parts[0] in named


def test_a_folder_that_is_no_run_is_refused_and_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(
        UsageError, match=r"not empty and no run folder \(it holds notes\.txt\)\. Choose another --output-dir\."
    ):
        Run.create(tmp_path, RECIPE, overwrite=True, resume=True)
    assert os.listdir(tmp_path) == ["notes.txt"]


def test_a_folder_with_only_somebodys_recipe_is_no_run(tmp_path):
    (tmp_path / "recipe.yaml").write_text("model: gpt2 # mine")
    with pytest.raises(UsageError, match="not empty and no run folder"):
        Run.create(tmp_path, RECIPE, overwrite=True)
    assert "mine" in (tmp_path / "recipe.yaml").read_text()
    with pytest.raises(
        DataError,
        match=r"not a run folder \(no recipe\.yaml with provenance\.json\)\. List the runs with: tunesmith runs",
    ):
        Run.open(tmp_path)


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "a").write_text("")
    with pytest.raises(UsageError, match="a file, where the run folder is to be. Choose another --output-dir."):
        Run.create(tmp_path / "a", RECIPE)


def test_opening_what_is_not_there_names_the_near_folder(tmp_path):
    Run.create(tmp_path / "dolly", RECIPE).release()
    with pytest.raises(DataError, match="no such file or folder. Did you mean `dolly`?"):
        Run.open(tmp_path / "dolyl")


def test_an_empty_folder_is_a_fine_place(tmp_path):
    Run.create(tmp_path, RECIPE, resume=True).release()
    assert Run(tmp_path).exists()


def test_an_earlier_run_is_refused_with_the_way_on(tmp_path):
    run = Run.create(tmp_path / "a", RECIPE)
    run.release()
    with pytest.raises(
        UsageError,
        match="already holds a run that has not finished. Go on with --resume, or begin anew with --overwrite.",
    ):
        Run.create(run.path, RECIPE)
    run.mark_finished()
    with pytest.raises(
        UsageError, match="already holds a finished run. Choose another --output-dir, or begin anew with --overwrite."
    ):
        Run.create(run.path, RECIPE)
    assert not run.lock_file.exists()


def test_a_run_that_fails_before_it_wrote_any_data_leaves_nothing(tmp_path):
    with pytest.raises(DataError), Run.create(tmp_path / "a", RECIPE):
        raise DataError("no rows")
    assert not (tmp_path / "a").exists()
    with pytest.raises(DataError), Run.create(tmp_path / "b", RECIPE) as run:
        write_json(run.funnel_file, [])
        raise DataError("no rows")
    assert run.exists()
    Run.create(tmp_path / "c", RECIPE).release()
    with pytest.raises(DataError), Run.create(tmp_path / "c", RECIPE, resume=True) as run:
        raise DataError("no rows")
    assert run.exists()  # it was there before


def test_a_run_that_cannot_be_begun_leaves_nothing(tmp_path, monkeypatch):
    """The disk is full after recipe.yaml: that alone would be no run, and in the way of one."""

    def full(path, value):
        raise ResourceError("the disk is full")

    monkeypatch.setattr(run_module, "write_json", full)
    with pytest.raises(ResourceError, match="the disk is full"):
        Run.create(tmp_path / "a", RECIPE)
    assert not (tmp_path / "a").exists()


def test_overwriting_deletes_what_a_run_wrote_and_nothing_else(tmp_path):
    run = Run.create(tmp_path / "a", RECIPE)
    run.release()
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious.bin").write_text("x")
    written = ["data/train.jsonl", "checkpoints/step-000500/weights.safetensors", "model/config.json",
               "eval/base/all.jsonl",
               "eval/summary.json", "metrics.jsonl", "report.html", "training.json"]  # fmt: skip
    mine = ["notes.txt", "data/my-notes.md", "eval/base/picture.png", "checkpoints/best/README"]
    for name in written + mine:
        (run.path / name).parent.mkdir(parents=True, exist_ok=True)
        (run.path / name).write_text("x")
    (run.path / "model" / "link").symlink_to(outside)
    run.mark_finished()
    with Run.create(run.path, other(curate="none"), overwrite=True) as again:
        assert not again.is_finished and again.recipe.curate == "none"
        left = sorted(str(path.relative_to(run.path)) for path in run.path.rglob("*") if path.is_file())
    assert left == sorted([*mine, "recipe.yaml", "provenance.json", "run.lock"])
    assert (outside / "precious.bin").exists() and not (run.path / "model").exists()


def test_a_folder_that_is_no_run_is_refused_also_when_a_lock_file_lies_in_it(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "run.lock").write_text("")
    with pytest.raises(UsageError, match="not empty and no run folder"):
        Run.create(tmp_path, RECIPE, overwrite=True)
    assert (tmp_path / "notes.txt").exists() and not (tmp_path / "recipe.yaml").exists()


@pytest.mark.parametrize("source", ["model", "data/train.jsonl", "."])
def test_overwriting_never_deletes_what_the_recipe_reads(tmp_path, source):
    run = Run.create(tmp_path / "a", RECIPE)
    run.release()
    for name in ("model/config.json", "data/train.jsonl"):
        (run.path / name).parent.mkdir(exist_ok=True)
        (run.path / name).write_text("x")
    with pytest.raises(
        UsageError, match=r"--overwrite would delete .*, which this recipe reads\. Choose another --output-dir\."
    ):
        Run.create(run.path, RECIPE, overwrite=True, inputs=[str(run.path / source), "gpt2"])
    assert (run.path / "model/config.json").exists() and not run.lock_file.exists()


def test_a_run_is_resumed_only_with_its_own_recipe(tmp_path):
    Run.create(tmp_path / "a", RECIPE).release()
    train = RECIPE.train.model_copy(update={"seed": 3})
    with pytest.raises(
        UsageError, match=r"was started with another recipe, .*: train\.seed: 0 and 3\. Resume with .*recipe\.yaml"
    ):
        Run.create(tmp_path / "a", other(train=train), resume=True)
    assert Run.open(tmp_path / "a").recipe == RECIPE


@pytest.mark.parametrize(
    "changes", [{"output_dir": "x"}, {"evaluate": {"max_samples": 3}}, {"train": {"logging_steps": 1, "save_steps": 5}}]
)
def test_what_does_not_touch_the_weights_may_change_on_resume(tmp_path, changes):
    Run.create(tmp_path / "a", RECIPE).release()
    with Run.create(tmp_path / "a", other(**changes), resume=True) as run:
        assert run.recipe == other(**changes)


def test_a_run_is_not_resumed_to_fewer_steps_than_are_done(tmp_path):
    Run.create(tmp_path / "a", RECIPE).release()
    for name in ("step-000007", "step-000009.damaged", "step-000012.tmp"):
        (tmp_path / "a/checkpoints" / name).mkdir(parents=True)
    with pytest.raises(UsageError, match="was trained for 7 steps, and train.max_steps is now 5. Raise it"):
        Run.create(tmp_path / "a", other(train={"max_steps": 5}), resume=True)
    Run.create(tmp_path / "a", other(train={"max_steps": 7}), resume=True).release()


def test_what_a_killed_process_was_about_to_write_is_removed_and_no_obstacle(tmp_path):
    (tmp_path / ".recipe.yaml.77.tmp").write_text("model:")  # killed before anything else was there
    run = Run.create(tmp_path, RECIPE, resume=True)
    run.release()
    for name in ("data/.train.jsonl.77.tmp", "eval/base/.all.jsonl.78.tmp", "eval/.summary.json.78.tmp"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{")
    mine = ["data/.notes.tmp", ".mine.77.tmp"]
    for name in mine:
        (tmp_path / name).write_text("mine")
    Run.create(tmp_path, RECIPE, resume=True).release()
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {*mine, "recipe.yaml", "provenance.json"}


@pytest.mark.parametrize("number", range(6))
def test_overwriting_that_is_stopped_half_way_can_be_done_again(tmp_path, monkeypatch, number):
    """What says that something is complete goes first, what says that this is a run goes last."""
    run = Run.create(tmp_path / "a", RECIPE)
    run.release()
    for name in ("data/train.jsonl", "data/ledger.json", "model/config.json", "training.json", "metrics.jsonl"):
        (run.path / name).parent.mkdir(parents=True, exist_ok=True)
        (run.path / name).write_text("{}")
    unlink, calls = Path.unlink, iter(range(100))

    def killed(path, missing_ok=False):
        if path.name != "run.lock" and next(calls) == number:
            raise KeyboardInterrupt
        unlink(path, missing_ok)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Path, "unlink", killed)
        Run.create(run.path, RECIPE, overwrite=True)
    assert run.data_dir.joinpath("train.jsonl").exists() or not run.ledger_file.exists()
    Run.create(run.path, RECIPE, overwrite=True).release()
    assert sorted(os.listdir(run.path)) == ["provenance.json", "recipe.yaml"]


def test_a_run_that_is_taken_back_half_way_can_still_be_resumed(tmp_path, monkeypatch):
    unlink, gone = Path.unlink, []

    def killed(path, missing_ok=False):
        if gone:
            os._exit(9)
        gone.append(path.name)
        unlink(path, missing_ok)

    child = os.fork()
    if child == 0:
        monkeypatch.setattr(Path, "unlink", killed)
        with contextlib.suppress(DataError), Run.create(tmp_path / "a", RECIPE):
            raise DataError("no rows")
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    Run.create(tmp_path / "a", RECIPE, resume=True).release()
    assert Run(tmp_path / "a").exists()


def test_what_would_be_refused_is_refused_without_touching_anything(tmp_path):
    """Asked before the slow libraries are loaded."""
    run = Run.create(tmp_path / "a", RECIPE)
    run.release()
    before = sorted(os.listdir(run.path))
    with pytest.raises(UsageError, match="has not finished. Go on with --resume"):
        Run(run.path).refuse(RECIPE)
    with pytest.raises(UsageError, match="was started with another recipe"):
        Run(run.path).refuse(other(curate="none"), resume=True)
    Run(run.path).refuse(RECIPE, resume=True)
    Run(run.path).refuse(RECIPE, overwrite=True)
    Run(tmp_path / "new").refuse(RECIPE, resume=True)
    assert sorted(os.listdir(run.path)) == before and not (tmp_path / "new").exists()


def test_a_run_whose_model_changes_is_trained_and_finished_no_more(tmp_path):
    with Run.create(tmp_path / "a", RECIPE) as run:
        write_json(run.training_file, {"num_steps": 4})
        run.mark_finished()
        run.mark_unfinished()
        assert not run.is_finished and not run.training_file.exists()


# ── lock, with real processes ───────────────────────────────────────────────────────────────────────────────────────

HOLD = """
import sys, time
from tunesmith.recipe_files import load_recipe
from tunesmith.run import Run
run = Run.create(sys.argv[1], load_recipe(sys.argv[2]), resume=True)
if len(sys.argv) > 3:
    import os
    if os.fork() == 0:
        time.sleep(60)
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Start a process that holds a run folder, and end it with the test."""
    recipe = tmp_path / "r.yaml"
    recipe.write_text("model: gpt2\ndata: a.jsonl\n")
    started: list[subprocess.Popen] = []

    def start(folder: Path, *more: str) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(folder), str(recipe), *more],
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_a_second_process_is_refused_in_less_than_a_second_and_told_who_holds_the_folder(tmp_path, holder):
    process = holder(tmp_path / "a")
    start = time.monotonic()
    with pytest.raises(ResourceError) as caught:
        Run.create(tmp_path / "a", RECIPE, resume=True)
    assert time.monotonic() - start < max(1.0, os.getloadavg()[0])  # on an idle machine a second
    assert f"in use by process {process.pid} on {socket.gethostname()} since 20" in str(caught.value)
    with pytest.raises(ResourceError, match="in use by process"):
        Run(tmp_path / "a").refuse(RECIPE, resume=True)
    assert caught.value.exit_code == 5 and Run(tmp_path / "a").is_running()
    assert [run.state for run in list_runs(tmp_path)] == ["running"]


def test_the_lock_of_a_killed_process_is_recovered_at_once(tmp_path, holder):
    process = holder(tmp_path / "a")
    process.kill()
    process.wait()
    assert Run(tmp_path / "a").lock_file.exists() and not Run(tmp_path / "a").is_running()
    with Run.create(tmp_path / "a", RECIPE, resume=True) as run:
        assert json.loads(run.lock_file.read_text())["pid"] == os.getpid()


def test_a_worker_that_outlives_its_killed_parent_does_not_hold_the_folder(tmp_path, holder):
    process = holder(tmp_path / "a", "with a forked worker")
    process.kill()
    process.wait()
    with Run.create(tmp_path / "a", RECIPE, resume=True) as run:
        assert json.loads(run.lock_file.read_text())["pid"] == os.getpid()


def test_of_many_processes_that_start_together_exactly_one_gets_the_folder(tmp_path):
    recipe = tmp_path / "r.yaml"
    recipe.write_text("model: gpt2\ndata: a.jsonl\n")
    script = HOLD.replace("time.sleep(60)\n", "time.sleep(1.5)\n")
    command = [sys.executable, "-c", script, str(tmp_path / "a"), str(recipe)]
    racing = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    told = [process.communicate() for process in racing]
    assert sorted(out for out, _ in told) == ["", "", "", "held\n"]
    assert all("in use by process" in err for out, err in told if not out)


def test_without_kernel_locks_the_process_id_decides(tmp_path, monkeypatch, holder):
    process = holder(tmp_path / "a")
    monkeypatch.setattr(run_module, "fcntl", None)
    with pytest.raises(ResourceError, match=f"in use by process {process.pid}"):
        Run.create(tmp_path / "a", RECIPE, resume=True)
    process.kill()
    process.wait()
    with Run.create(tmp_path / "a", RECIPE, resume=True) as run:
        assert json.loads(run.lock_file.read_text())["pid"] == os.getpid()


def test_a_garbled_lock_file_is_no_obstacle(tmp_path):
    Run.create(tmp_path / "a", RECIPE).release()
    Run(tmp_path / "a").lock_file.write_bytes(b"\xff\x00 not json")
    with Run.create(tmp_path / "a", RECIPE, resume=True) as run:
        assert json.loads(run.lock_file.read_text())["pid"] == os.getpid()


# ── the machine says no ─────────────────────────────────────────────────────────────────────────────────────────────


@as_root
def test_a_folder_without_permission_is_told_in_one_line(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(ResourceError, match="no permission. Change its owner or mode, or choose another --output-dir."):
        Run.create(tmp_path / "a", RECIPE)


def test_a_path_through_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ResourceError, match="a part of the path is a file, not a folder"):
        Run.create(tmp_path / "file" / "a", RECIPE)


def test_a_full_disk_while_logging_is_told_and_the_torn_line_is_cut_on_resume(tmp_path, monkeypatch):
    run = Run.create(tmp_path / "a", RECIPE)
    run.append_metrics({"step": 1})
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, line: real(descriptor, line[: len(line) // 2]))
    with pytest.raises(ResourceError, match=r"metrics\.jsonl: the disk is full\. Make room"):
        run.append_metrics({"step": 2})
    monkeypatch.undo()
    assert run.metrics_file.read_bytes().endswith(b'{"step')
    run.truncate_metrics(1)
    assert run.metrics_file.read_text() == '{"step": 1}\n'
    run.release()


# ── metrics ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_metrics_are_cut_back_to_a_checkpoint_and_keep_what_was_known_then(tmp_path):
    run = Run.create(tmp_path / "a", RECIPE)
    for step in range(1, 6):
        run.append_metrics({"step": step, "loss": 1 / step})
        run.append_metrics({"step": step, "validation_loss": 2.0})
    run.truncate_metrics(3)
    assert [row["step"] for row in run.read_metrics()] == [1, 1, 2, 2, 3, 3]
    run.truncate_metrics(0)
    assert run.read_metrics() == [] and run.metrics_file.exists()
    run.release()


def test_a_validation_the_checkpoint_does_not_know_is_cut_though_it_is_of_its_step(tmp_path):
    """A run asked to stop saves before it validates; resumed and stopped again, it would tell that validation twice."""
    run = Run(tmp_path)
    for step in (1, 2):
        run.append_metrics({"step": step, "loss": 1.0})
        run.append_metrics({"step": step, "validation_loss": 2.0})
    run.truncate_metrics(2, validated_step=1)
    assert [(row["step"], "loss" in row) for row in run.read_metrics()] == [(1, True), (1, False), (2, True)]


def test_what_a_power_cut_made_of_lines_after_the_checkpoint_is_cut_unread(tmp_path):
    """Lines up to the checkpoint were on the disk before it; of those after them nothing is sure."""
    run = Run(tmp_path)
    run.metrics_file.write_bytes(b'{"step": 1}\n{"step": 2}\n\0\0\0\n17\n{"step": 4}\n')
    run.truncate_metrics(2)
    assert [row["step"] for row in run.read_metrics()] == [1, 2]
    run.metrics_file.write_bytes(b'{"step": 1}\n\0\0\n{"step": 2}\n')
    with pytest.raises(DataError, match=r"metrics\.jsonl:2: not valid JSON"):
        run.truncate_metrics(2)


def test_metrics_are_synced_where_there_are_some(tmp_path, monkeypatch):
    run, synced = Run(tmp_path), []
    monkeypatch.setattr(os, "fsync", synced.append)
    run.sync_metrics()
    run.append_metrics({"step": 1})
    run.sync_metrics()
    assert len(synced) == 1


def test_metrics_that_do_not_exist_yet_are_an_empty_list(tmp_path):
    run = Run(tmp_path)
    run.truncate_metrics(3)
    assert run.read_metrics() == [] and not run.metrics_file.exists()


def test_a_number_that_is_not_finite_is_written_as_null(tmp_path):
    run = Run(tmp_path)
    run.append_metrics({"step": 1, "loss": float("nan"), "grad_norm": float("inf"), "learning_rate": 0.0})
    assert run.metrics_file.read_text() == '{"step": 1, "loss": null, "grad_norm": null, "learning_rate": 0.0}\n'


def test_a_broken_line_before_the_last_is_named_with_its_line(tmp_path):
    run = Run(tmp_path)
    run.metrics_file.write_text('{"step": 1}\n{"st\n{"step": 3}\n')
    with pytest.raises(DataError, match=r"metrics\.jsonl:2: not valid JSON\. Delete the line"):
        run.read_metrics()


def test_lines_of_several_writers_are_never_mixed(tmp_path):
    script = "import sys\nfrom tunesmith.run import Run\nfor k in range(300):\n"
    script += "    Run(sys.argv[1]).append_metrics({'step': k, 'who': sys.argv[2] * 50})"
    writers = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path), who]) for who in "ab"]
    assert [writer.wait() for writer in writers] == [0, 0]
    rows = Run(tmp_path).read_metrics()
    assert len(rows) == 600 and {row["who"] for row in rows} == {"a" * 50, "b" * 50}


def test_importing_the_run_folder_does_not_import_torch():
    heavy = ("torch", "transformers", "datasets", "peft")
    script = f"import sys, tunesmith.run; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"
