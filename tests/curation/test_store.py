"""Records in files: a sequence like any other, of which only numbers are held."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tunesmith.curation import store
from tunesmith.curation.store import Records, Rows, WatchedRecords, place_of
from tunesmith.files import write_jsonl
from tunesmith.progress import SilentBar, SilentProgress
from tunesmith.records import Message, Record


def make(k: int) -> Record:
    return Record(
        f"id{k}", (Message("user", f"q\u2028{k}\r"), Message("assistant", "ä" * k)), source=f"x:{k}", meta={"k": [k]}
    )


MADE = [make(k) for k in range(7)]


@pytest.fixture
def records(tmp_path) -> Records:
    write_jsonl(tmp_path / "a", (record.to_dict() for record in MADE[:4]))
    write_jsonl(tmp_path / "b", (record.to_dict() for record in MADE[4:]))
    return Records([Rows.open(tmp_path / "a"), Rows.open(tmp_path / "b")])


def test_records_are_read_front_to_back_again_and_again_and_by_index(records):
    assert len(records) == 7
    assert list(records) == MADE == list(records)
    assert [records[k] for k in (6, 0, 3, 4, -1)] == [MADE[k] for k in (6, 0, 3, 4, -1)]
    assert list(records[2:5]) == MADE[2:5]
    with pytest.raises(IndexError):
        records[7]


def test_an_order_leaves_out_repeats_and_turns_around(records):
    assert list(records.take(np.array([6, 1, 1]))) == [MADE[6], MADE[1], MADE[1]]
    assert list(records.where(k % 3 == 0 for k in range(7))) == [MADE[0], MADE[3], MADE[6]]
    assert list(records.where([True] * 7).where([False] * 6 + [True])) == [MADE[6]]
    assert list(records.take(records.order[:0])) == []


def test_two_readers_at_a_time_do_not_disturb_each_other(records):
    assert [(one.id, other.id) for one, other in zip(records, records)] == [(record.id,) * 2 for record in MADE]


def test_a_record_knows_its_place_until_it_is_changed(records):
    read = records[5]
    assert place_of(read) == 5 and place_of(MADE[5]) is None
    assert place_of(replace(read, task="t")) is None
    assert read == MADE[5]


def test_every_reading_of_watched_records_shows_how_far_it_has_come(records, monkeypatch):
    monkeypatch.setattr(store, "SHOWN_EVERY", 3)
    shown = Shown()
    watched = WatchedRecords(records, shown, "look")
    assert [record.id for record in watched] == [record.id for record in watched] == [record.id for record in records]
    assert place_of(watched[2]) == place_of(records[2])
    assert shown.bars == [["look", 7, 3, 3, 1], ["look, reading 2", 7, 3, 3, 1]]


class Shown(SilentProgress):
    """Remembers what each bar was told."""

    def __init__(self):
        self.bars: list[list] = []

    def bar(self, description, total=None, unit=""):
        bar, told = SilentBar(), [description, total]
        bar.advance = told.append
        self.bars.append(told)
        return bar


def test_lines_are_handed_on_as_they_are(records, tmp_path):
    assert b"".join(records.lines()) == (tmp_path / "a").read_bytes() + (tmp_path / "b").read_bytes()


def test_an_empty_file_holds_no_records(tmp_path):
    (tmp_path / "none").touch()
    assert list(Records([Rows.open(tmp_path / "none")])) == []
