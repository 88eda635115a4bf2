"""The work folder: what is finished survives any end, and nothing in it tells the key."""

from __future__ import annotations

import json
import os
import shutil

import pytest

from tunesmith.curation import work as work_module
from tunesmith.curation.work import Journal, Work, code_sha256
from tunesmith.errors import ResourceError, UsageError


def test_the_same_work_goes_on_and_another_begins_anew(tmp_path):
    with Work(tmp_path / "w", "one") as work:
        assert not work.goes_on
        (work.step("00-read") / "x").write_text("done")
    with Work(tmp_path / "w", "one") as work:
        assert work.goes_on and (work.step("00-read") / "x").read_text() == "done"
    with Work(tmp_path / "w", "two") as work:
        assert not work.goes_on and not (work.step("00-read") / "x").exists()
        work.remove()
    assert not (tmp_path / "w").exists()


def test_a_folder_half_deleted_counts_for_nothing(tmp_path):
    with Work(tmp_path / "w", "one") as work:
        (work.step("00-read") / "x").write_text("done")
    (tmp_path / "w" / "work.json").unlink()
    with Work(tmp_path / "w", "one") as work:
        assert not work.goes_on and not (work.step("00-read") / "x").exists()


def test_another_key_is_refused_and_the_key_stands_nowhere(tmp_path):
    key = bytes(range(100, 132))
    for _ in range(2):
        with Work(tmp_path / "w", "one", key):
            pass
    for other in (b"another key, just as long as it.", None):
        with pytest.raises(UsageError, match="begun with another key"):
            Work(tmp_path / "w", "one", other)
    written = b"".join(path.read_bytes() for path in (tmp_path / "w").rglob("*") if path.is_file())
    assert key not in written and key.hex().encode() not in written
    assert len(json.loads((tmp_path / "w" / "work.json").read_text())["key"]["check"]) == 8


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path):
    (tmp_path / "w" / "00-read").mkdir(parents=True)
    (tmp_path / "w" / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match="holds thesis.txt, which is no work of ours. Move it"):
        Work(tmp_path / "w", "one")
    assert (tmp_path / "w" / "thesis.txt").exists() and (tmp_path / "w" / "00-read").exists()


def test_a_folder_deleted_while_its_lock_was_waited_for_is_made_again(tmp_path, monkeypatch):
    flock, deleted = work_module.fcntl.flock, []

    def slow_flock(descriptor, flags):
        if not deleted:
            deleted.append(shutil.rmtree(tmp_path / "w"))
        flock(descriptor, flags)

    monkeypatch.setattr(work_module.fcntl, "flock", slow_flock)
    with Work(tmp_path / "w", "one") as work:
        assert deleted and not work.goes_on and (tmp_path / "w" / "work.lock").exists()


def test_the_code_of_a_stage_and_all_of_ours_is_part_of_what_is_done(tmp_path, monkeypatch):
    before = code_sha256([])
    assert before == code_sha256([Work]) != code_sha256([test_the_same_work_goes_on_and_another_begins_anew])
    found = []
    for limit in (3, 3, 4):
        folder = tmp_path / str(len(found))
        (folder / "privacy" / "names").mkdir(parents=True)
        (folder / "privacy" / "names" / "find.py").write_text(f"LIMIT = {limit}")
        monkeypatch.setattr(work_module, "PACKAGE", folder)
        found.append(code_sha256([]))
    assert found[0] == found[1] != found[2]


def test_two_processes_do_not_work_in_one_folder(tmp_path):
    with Work(tmp_path / "w", "one"), pytest.raises(ResourceError, match="another process is at work"):
        Work(tmp_path / "w", "one")
    with Work(tmp_path / "w", "one"):
        pass


@pytest.fixture
def journal(tmp_path):
    journal = Journal(tmp_path)
    journal.add({"a": b"1\n", "b": b""}, {"chunk": 0})
    journal.add({"a": b"2\n", "b": b"x\n"}, {"chunk": 1})
    journal.close()
    return tmp_path


@pytest.mark.parametrize(
    ("crash", "left"),
    [
        ("nothing", 2),
        ("part written, not entered", 2),
        ("entry torn", 1),
        ("entry without its end", 1),
        ("file shorter than told", 1),
        ("file gone", 0),
        ("journal gone", 0),
    ],
)
def test_files_are_as_long_as_the_last_whole_entry_says(journal, crash, left):
    if crash == "part written, not entered":
        (journal / "a").write_bytes(b"1\n2\n3")
        (journal / "c").write_bytes(b"new")
    elif crash == "entry torn":
        os.truncate(journal / "journal.jsonl", (journal / "journal.jsonl").stat().st_size - 9)
    elif crash == "entry without its end":
        os.truncate(journal / "journal.jsonl", (journal / "journal.jsonl").stat().st_size - 1)
    elif crash == "file shorter than told":
        os.truncate(journal / "b", 1)
    elif crash == "file gone":
        (journal / "a").unlink()
    elif crash == "journal gone":
        (journal / "journal.jsonl").unlink()
    again = Journal(journal)
    assert [entry["chunk"] for entry in again.entries] == list(range(left))
    for chunk in range(left, 3):
        again.add({"a": b"%d\n" % (chunk + 1), "b": b"x\n" * (chunk > 0)}, {"chunk": chunk})
    again.close()
    assert (journal / "a").read_bytes() == b"1\n2\n3\n" and (journal / "b").read_bytes() == b"x\nx\n"
    assert [entry["chunk"] for entry in Journal(journal).entries] == [0, 1, 2]
