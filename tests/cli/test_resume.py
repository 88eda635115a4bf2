"""`--resume` on what cannot be resumed: one line with the way on, the right exit code, no traceback."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.workflows.recipes import recipe, write_rows
from tunesmith import run as run_module
from tunesmith.cli import console, main
from tunesmith.recipe_files import dump_recipe

STEADY = {"lr_scheduler_type": "constant", "warmup_ratio": 0.0}


@pytest.fixture(scope="module")
def trained(model_folders, tmp_path_factory) -> Path:
    """A folder with ``r.yaml`` and a run of it in ``run``, trained for 4 steps and not yet judged."""
    folder = tmp_path_factory.mktemp("trained")
    made = recipe(
        model_folders["llama"],
        write_rows(folder / "rows.jsonl"),
        data={"test_fraction": 0.0},
        train={**STEADY, "max_steps": 4},
    )
    (folder / "r.yaml").write_text(dump_recipe(made))
    assert main(["train", str(folder / "r.yaml"), "--output-dir", str(folder / "run")]) == 0
    return folder


def resumed(trained: Path, folder: Path, capsys, *words: str, with_recipe: Path | None = None) -> tuple[int, str]:
    """The exit code of ``train --resume``, and the last line it said."""
    capsys.readouterr()
    code = main(["train", str(with_recipe or trained / "r.yaml"), "--output-dir", str(folder), "--resume", *words])
    error = capsys.readouterr().err
    assert "Traceback" not in error
    return code, error.strip().rpartition("\n")[2]


def untrained(folder: Path) -> Path:
    """The same run, stopped before its model was written."""
    (folder / "training.json").unlink()
    return folder


def damage_all(folder: Path) -> None:
    for manifest in untrained(folder).glob("checkpoints/*/manifest.json"):
        manifest.unlink()


def edit_data(folder: Path) -> None:
    file = untrained(folder) / "data/train.jsonl"
    file.write_text(file.read_text().replace("red", "blue"))


def edit_recipe(folder: Path) -> None:
    file = untrained(folder) / "recipe.yaml"
    file.write_text(file.read_text().replace("learning_rate: 0.01", "learning_rate: 0.5"))


def break_metrics(folder: Path) -> None:
    (untrained(folder) / "metrics.jsonl").write_text('{"step": 1}\n{"step"\n{"step": 2}\n')


CHANGES = [
    (["train.learning_rate=0.5"], 2, "train.learning_rate: 0.01 and 0.5. Resume with "),
    (["adapter.r=8", "train.seed=3"], 2, "adapter.r: 4 and 8; train.seed: 0 and 3. Resume with "),
    (["train.max_steps=3"], 2, "was trained for 4 steps, and train.max_steps is now 3. Raise it"),
    (["train.max_steps=null", "train.num_train_epochs=0.1"], 0, ""),  # trained, and not asked for more
]


@pytest.mark.parametrize(("changes", "code", "message"), CHANGES)
def test_a_changed_recipe_is_refused_by_field(trained, tmp_path, capsys, changes, code, message):
    folder = shutil.copytree(trained / "run", tmp_path / "run")
    sets = [word for change in changes for word in ("--set", change)]
    found, line = resumed(trained, folder, capsys, *sets)
    assert found == code
    assert message in line


FOLDERS = [
    (damage_all, 4, "checkpoints: no checkpoint in it is whole. Start again with --overwrite."),
    (edit_data, 4, "the checkpoint belongs to another recipe (examples was"),
    (break_metrics, 3, "metrics.jsonl:2: not valid JSON. Delete the line, or start the run anew."),
    (lambda folder: (folder / "training.json").write_text("{"), 3, "training.json: not valid JSON"),
    (lambda folder: (folder / "recipe.yaml").write_text("model: ["), 2, "recipe.yaml:1:9: not YAML"),
    (lambda folder: (folder / "data/train.jsonl").unlink(), 3, "data/train.jsonl: no such file"),
    (lambda folder: (folder / "data/train.jsonl").write_text('{"id"'), 3, "data/train.jsonl:1: not valid JSON"),
]


@pytest.mark.parametrize(("change", "code", "message"), FOLDERS)
def test_a_run_folder_that_was_damaged_or_edited_is_told_in_one_line(trained, tmp_path, capsys, change, code, message):
    folder = shutil.copytree(trained / "run", tmp_path / "run")
    change(folder)
    found, line = resumed(trained, folder, capsys)
    assert (found, message in line) == (code, True), line


def test_a_recipe_edited_in_the_run_folder_itself_is_noticed_by_the_checkpoint(trained, tmp_path, capsys):
    folder = shutil.copytree(trained / "run", tmp_path / "run")
    edit_recipe(folder)
    code, line = resumed(trained, folder, capsys, with_recipe=folder)
    assert code == 4
    assert "another recipe (train.learning_rate was 0.01, now 0.5). Undo that change" in line


def test_a_run_whose_checkpoints_were_deleted_begins_anew_on_its_data(trained, tmp_path, capsys):
    folder = untrained(Path(shutil.copytree(trained / "run", tmp_path / "run")))
    shutil.rmtree(folder / "checkpoints")
    assert resumed(trained, folder, capsys)[0] == 0
    names = ["model/adapter_model.safetensors", "data/train.jsonl"]
    assert all((folder / name).read_bytes() == (trained / "run" / name).read_bytes() for name in names)


def test_where_nothing_is_a_run_begins_and_says_so(trained, tmp_path, capsys):
    assert main(["train", str(trained / "r.yaml"), "--output-dir", str(tmp_path / "new"), "--resume"]) == 0
    assert f"note: {tmp_path / 'new'}: no run to go on with, so one begins there." in capsys.readouterr().err


def test_a_folder_that_is_no_run_and_a_file_are_refused(trained, tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("mine")
    code, line = resumed(trained, tmp_path, capsys)
    assert (code, "not empty and no run folder (it holds notes.txt)" in line) == (2, True)
    code, line = resumed(trained, tmp_path / "notes.txt", capsys)
    assert (code, "a file, where the run folder is to be" in line) == (2, True)
    code, line = resumed(trained, tmp_path / "notes.txt" / "run", capsys)
    assert (code, "a part of the path is a file, not a folder. Choose another --output-dir." in line) == (5, True)


@pytest.mark.parametrize(("read_only", "words"), [(True, "the file system is read-only."), (False, "no permission.")])
def test_a_folder_that_cannot_be_written_is_told_before_anything_is_loaded(
    trained, tmp_path, capsys, monkeypatch, read_only, words
):
    access = os.access
    monkeypatch.setattr(run_module.os, "access", lambda path, mode: not mode & os.W_OK and access(path, mode))
    flags = type("Flags", (), {"f_flag": os.ST_RDONLY if read_only else 0})
    monkeypatch.setattr(run_module.os, "statvfs", lambda _: flags)
    code, line = resumed(trained, tmp_path / "run", capsys)
    assert (code, words in line) == (5, True)
    assert not (tmp_path / "run").exists()


REFUSED = """
import sys
from tunesmith.cli import main
code = main(["train", sys.argv[1], "--output-dir", sys.argv[2], "--resume"])
print(code, "torch" in sys.modules)
"""


def test_a_second_run_on_one_folder_is_refused_before_torch_is_imported(trained, tmp_path):
    """In less than a second: importing torch alone takes longer."""
    folder = shutil.copytree(trained / "run", tmp_path / "run")
    with run_module.Run(folder):
        words = [sys.executable, "-c", REFUSED, str(trained / "r.yaml"), str(folder)]
        ended = subprocess.run(words, capture_output=True, text=True)
    assert ended.stdout == "5 False\n"
    assert f"in use by process {os.getpid()}" in ended.stderr
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize("number", [errno.EIO, errno.EPIPE, errno.ENOSPC])
def test_what_is_said_to_a_terminal_that_is_gone_does_not_stop_the_work(number):
    reader, writer = os.pipe()

    class Gone:
        def write(self, text):
            raise OSError(number, os.strerror(number))

        flush = property(lambda self: lambda: self.write(""))

        def fileno(self):
            return writer

    stream = console.Lasting(Gone())
    assert stream.write("text") == 4
    stream.flush()
    os.write(writer, b"nowhere")  # what the stream had still to write would go there too
    os.close(writer)
    assert os.read(reader, 9) == b""
    os.close(reader)


def test_a_closed_terminal_is_an_interruption_with_a_checkpoint(trained, tmp_path):
    """SIGHUP while a real process trains, its stderr already broken."""
    reader, writer = os.pipe()
    os.close(reader)
    words = [sys.executable, "-m", "tunesmith", "train", str(trained / "r.yaml"), "--set", "train.max_steps=2000"]
    process = subprocess.Popen([*words, "--output-dir", str(tmp_path / "run")], stderr=writer, stdout=writer)
    os.close(writer)
    deadline = time.monotonic() + 300
    while not list((tmp_path / "run/checkpoints").glob("step-*[0-9]")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGHUP)
    assert process.wait(timeout=300) == 129
    steps = [path.name for path in (tmp_path / "run/checkpoints").glob("step-*")]
    assert steps and not any(name.endswith(".tmp") for name in steps)
