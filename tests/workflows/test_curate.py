"""`data curate` on its own: what is written where, what is refused, and going on after any end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tunesmith.curation import data_folder
from tunesmith.errors import DataError, UsageError
from tunesmith.files import read_jsonl
from tunesmith.recipe_files import make_recipe
from tunesmith.workflows.curate import curate_files


def put(path: Path, count: int = 60) -> str:
    rows = [{"instruction": f"What is {k} + {k}?", "output": f"It is {2 * k}."} for k in range(count)]
    path.write_text("".join(json.dumps(row) + "\n" for row in [*rows, rows[0], {"instruction": "x", "output": ""}]))
    return str(path)


def recipe(*sources: str, curate="basic", **data):
    return make_recipe({"model": {"name_or_path": "m"}, "data": {"sources": list(sources), **data}, "curate": curate})


def read_folder(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def test_the_folder_holds_splits_drops_changes_and_card_and_the_counts_add_up(tmp_path):
    found = curate_files(recipe(put(tmp_path / "a.jsonl")), tmp_path / "out")
    assert found["rows_in"] == 62 == found["kept"] + found["num_dropped"]
    assert found["dropped"] == {"empty_answer": 1, "duplicate": 1}
    assert found["splits"] == {"train": 51, "validation": 3, "test": 6}
    assert {name: len(read_jsonl(tmp_path / "out/data" / f"{name}.jsonl")) for name in found["splits"]} == found[
        "splits"
    ]
    names = ["card.md", "changes.jsonl", "dropped.jsonl", "funnel.json", "profile.json"]
    assert sorted(os.listdir(tmp_path / "out" / "data")) == sorted(
        [*names, "test.jsonl", "train.jsonl", "validation.jsonl"]
    )
    assert os.listdir(tmp_path / "out") == ["data"]


def test_the_same_command_again_makes_the_same_result_anew(tmp_path):
    path = put(tmp_path / "a.jsonl")
    curate_files(recipe(path), tmp_path / "out")
    before = read_folder(tmp_path / "out" / "data")
    curate_files(recipe(path), tmp_path / "out")
    assert read_folder(tmp_path / "out" / "data") == before


def test_an_input_or_something_that_is_not_ours_is_never_overwritten(tmp_path):
    (tmp_path / "data").mkdir()
    path = put(tmp_path / "data" / "train.jsonl")
    before = Path(path).read_bytes()
    for source in (path, str(tmp_path / "data"), str(tmp_path / "**/*.jsonl")):
        with pytest.raises(UsageError):
            curate_files(recipe(source), tmp_path)
    with pytest.raises(UsageError, match="holds train.jsonl, which is no result of ours"):
        curate_files(recipe(put(tmp_path / "b.jsonl")), tmp_path)
    (tmp_path / "recipe.yaml").touch()
    with pytest.raises(UsageError, match="is a run folder"):
        curate_files(recipe(put(tmp_path / "b.jsonl")), tmp_path)
    assert Path(path).read_bytes() == before and not (tmp_path / ".curation").exists()


def test_an_input_under_the_name_of_an_output_is_refused_by_its_link_too(tmp_path):
    path = put(tmp_path / "rows.jsonl")
    curate_files(recipe(path), tmp_path / "out")
    train = tmp_path / "out" / "data" / "train.jsonl"
    (tmp_path / "link.jsonl").symlink_to(train)
    with pytest.raises(UsageError, match="would overwrite it"):
        curate_files(recipe(str(tmp_path / "link.jsonl")), tmp_path / "out")


def test_an_input_in_the_work_folder_is_refused(tmp_path):
    (tmp_path / "out" / ".curation").mkdir(parents=True)
    path = put(tmp_path / "out" / ".curation" / "a.jsonl")
    with pytest.raises(UsageError, match="lies in .*curation, which is deleted in the end. Copy it"):
        curate_files(recipe(path), tmp_path / "out")
    assert Path(path).exists()


def test_an_earlier_result_stays_until_all_of_the_new_one_is_there(tmp_path, monkeypatch):
    path = put(tmp_path / "a.jsonl")
    curate_files(recipe(path), tmp_path / "out")
    (tmp_path / "out" / "data" / "notes.txt").write_text("mine")
    before = read_folder(tmp_path / "out" / "data")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(data_folder, "write_card", raise_interrupt)
        curate_files(recipe(path, seed=1), tmp_path / "out")
    assert read_folder(tmp_path / "out" / "data") == before
    curate_files(recipe(path, seed=1), tmp_path / "out")
    after = read_folder(tmp_path / "out" / "data")
    assert after["train.jsonl"] != before["train.jsonl"] and after["notes.txt"] == b"mine"


def raise_interrupt(*args):
    raise KeyboardInterrupt


def test_a_start_that_fails_leaves_nothing(tmp_path):
    (tmp_path / "bad.jsonl").write_text("{broken\n")
    with pytest.raises(DataError, match="its only row cannot be used"):
        curate_files(recipe(str(tmp_path / "bad.jsonl")), tmp_path / "out")
    assert not (tmp_path / "out").exists()


# A signal or kill -9 arrives while a slow stage works; the second start must give what an undisturbed one gives.
SLOW = """
import sys, time
from pathlib import Path
from tunesmith.cli import main
from tunesmith.curation import chunks, workers
from tunesmith.curation.stages import stage

workers.FEW = 0
chunks.CHUNK_ROWS = 5

@stage("dawdle", "check")
def dawdle(record):
    time.sleep(float(Path(__file__).with_name("pause").read_text()))

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def slow(tmp_path) -> list[str]:
    (tmp_path / "slow.py").write_text(SLOW)
    (tmp_path / "pause").write_text("0.04")
    command = ["data", "curate", put(tmp_path / "a.jsonl", 120), "--stages", "normalize_text,dawdle,drop_duplicates"]
    return [sys.executable, str(tmp_path / "slow.py"), *command]


def set_pause(folder: Path, seconds: str) -> None:
    (folder / "new").write_text(seconds)
    os.replace(folder / "new", folder / "pause")  # it is being read all the time


def start_and_wait_for_work(command: list[str], output: Path) -> subprocess.Popen:
    process = subprocess.Popen(
        [*command, "--output", str(output), "--num-workers", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    journal = output / ".curation" / "00-read" / "journal.jsonl"
    deadline = time.monotonic() + 240
    while not (journal.exists() and journal.stat().st_size) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    return process


def test_the_second_of_two_processes_in_one_folder_is_refused(tmp_path, slow):
    process = start_and_wait_for_work(slow, tmp_path / "out")
    set_pause(tmp_path, "2")  # however long the second takes to start, the first is still there
    second = subprocess.run([*slow, "--output", str(tmp_path / "out")], capture_output=True, text=True)
    assert second.returncode == 5, second.stderr
    assert "another process is at work there. Wait for it, stop it, or choose another --output." in second.stderr
    assert process.poll() is None
    set_pause(tmp_path, "0")
    process.communicate(timeout=240)
    assert process.returncode == 0 and os.listdir(tmp_path / "out") == ["data"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopped_in_any_way_the_second_start_goes_on_to_the_same_bytes(tmp_path, slow, number, code):
    process = start_and_wait_for_work(slow, tmp_path / "out")
    process.send_signal(number)
    _, told = process.communicate(timeout=240)
    assert process.returncode == code, told
    assert (tmp_path / "out" / ".curation").is_dir() and not (tmp_path / "out" / "data").exists()
    if number != signal.SIGKILL:
        assert told.splitlines()[-1] == "Stopped; the same command goes on from here."
    (tmp_path / "pause").write_text("0")
    for name in ("out", "fresh"):
        done = subprocess.run(
            [*slow, "--output", str(tmp_path / name), "--num-workers", "1"], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert ("Going on with the work" in done.stderr) == (name == "out")
    assert read_folder(tmp_path / "out" / "data") == read_folder(tmp_path / "fresh" / "data")
    assert os.listdir(tmp_path / "out") == ["data"]
