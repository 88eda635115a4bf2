"""The same bytes however the work is done: in one process or two, in whatever order named, in one go or in many."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from tunesmith.curation import chunks, data_folder, reading, selection, work, workers
from tunesmith.curation.data_folder import write_curated, write_prepared
from tunesmith.curation.pipeline import curated_in, prepare
from tunesmith.curation.prepared import SPLITS
from tunesmith.curation.stages import STAGES, stage
from tunesmith.errors import DataError, UsageError
from tunesmith.progress import SilentProgress
from tunesmith.recipe import DataSection
from tunesmith.records import Drop, Message, Record

KEY = b"0123456789abcdef0123456789abcdef"


@pytest.fixture
def stages(monkeypatch):
    """Stages of a user, forgotten after the test: a rewrite with the key, a selection that writes anew, a late check."""
    monkeypatch.setattr(STAGES, "_things", dict(STAGES._things))

    @stage("veil", "rewrite")
    def veil(record: Record, *, mode: str = "x", key: bytes | None = None) -> tuple[Record, list[dict]]:
        assert key is not None
        veiled = [replace(m, content=m.content.replace("secret", f"{key[0]:x}")) for m in record.messages]
        spans = [{"field": "messages[0].content", "start": 0, "end": 6, "type": "SECRET"}]
        return record.with_messages(veiled), spans

    @stage("number", "select")
    def number(records: Sequence[Record], *, seed: int) -> Iterator[Record | Drop]:
        for k, record in enumerate(records):
            if k % 7 == 3:
                yield Drop(record.id, record.source, "number", "seventh")
            elif k % 5 == 0:
                yield replace(record, meta={"number": k})
            else:
                yield record

    @stage("drop_thirteen", "check")
    def drop_thirteen(record: Record) -> str | None:
        return "thirteen" if "13" in record.answer else None


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK_ROWS", 7)


LISTED = ["normalize_text", "drop_empty", "veil", "drop_duplicates", "number", "drop_thirteen"]
BUILT_IN = ["normalize_text", "drop_empty", "drop_duplicates", "drop_bad_order"]


def put_files(folder: Path) -> list[str]:
    """Three files with broken rows, empty answers, and rows that stand in several files."""
    draw = random.Random(0)
    words = ["".join(draw.choices("abcdefghij", k=5)) for _ in range(400)]
    said = [(" ".join(draw.sample(words, 6)), f"{draw.choice(words)} {k % 40}") for k in range(200)]
    paths = []
    for name in ("b", "a", "c"):
        path = folder / f"{name}.jsonl"
        rows = [{"instruction": f" {q} secret", "output": a} for q, a in draw.choices(said, k=80)]
        rows[3]["output"], rows[9] = "", {"text": 1}
        lines = [json.dumps(row) for row in rows]
        lines[20] = "{broken"
        path.write_text("\n".join(lines) + "\n")
        paths.append(str(path))
    return paths


def curate(folder: Path, paths, listed=LISTED, *, key=KEY, into="out", **settings) -> dict[str, bytes]:
    data = DataSection(sources=paths, **settings)
    with curated_in(folder / f"{into}.work", data, listed, key=key) as curated:
        write_curated(curated, folder / into)
    assert not (folder / f"{into}.work").exists()
    return {file.name: file.read_bytes() for file in (folder / into).iterdir()}


def test_two_workers_and_another_order_of_the_files_give_the_same_bytes(tmp_path, monkeypatch):
    paths = put_files(tmp_path)
    once = curate(tmp_path, paths, BUILT_IN, num_workers=1)
    assert once == curate(tmp_path, paths[::-1], BUILT_IN, num_workers=1, into="turned")
    monkeypatch.setattr(workers, "FEW", 0)
    assert once == curate(tmp_path, [paths[1], paths[0], paths[2]], BUILT_IN, num_workers=2, into="two")
    assert once["dropped.jsonl"].count(b"broken_json") == 3 and once["changes.jsonl"]


def test_chunks_of_any_size_give_the_same_bytes(tmp_path, stages, monkeypatch):
    paths = put_files(tmp_path)
    once = curate(tmp_path, paths)
    monkeypatch.setattr(chunks, "CHUNK_ROWS", 100)
    assert once == curate(tmp_path, paths, into="large")
    monkeypatch.setattr(chunks, "CHUNK_BYTES", 1)
    assert once == curate(tmp_path, paths, into="small")


def test_what_is_written_from_files_is_what_is_written_from_memory(tmp_path, stages):
    paths = put_files(tmp_path)
    settings = {
        "sources": [{"path": paths[0], "weight": 1.5}, paths[1], {"path": paths[2], "split": "test"}],
        "max_records": 100,
    }
    data = DataSection(**settings)
    write_prepared(prepare(data, LISTED, key=KEY), tmp_path / "memory")
    with curated_in(tmp_path / "work", data, LISTED, key=KEY) as curated:
        write_curated(curated, tmp_path / "files")
    for file in (tmp_path / "memory").iterdir():
        assert file.read_bytes() == (tmp_path / "files" / file.name).read_bytes(), file.name


def test_the_ledger_adds_up_over_files_stages_and_parts(tmp_path, stages):
    prepared = prepare(DataSection(sources=put_files(tmp_path)), LISTED, key=KEY)
    read, *rest = prepared.funnel
    assert read["num_in"] == 240 == read["num_kept"] + read["num_dropped"]
    num = read["num_out"]
    for entry in rest:
        assert entry["num_in"] == num == entry["num_out"] + entry["num_dropped"]
        assert entry["num_dropped"] == sum(drop.stage == entry["stage"] for drop in prepared.drops)
        num = entry["num_out"]
    assert num == len(prepared.train) + len(prepared.validation) + len(prepared.test)
    order = [entry["stage"] for entry in prepared.funnel]
    assert [drop.stage for drop in prepared.drops] == sorted((d.stage for d in prepared.drops), key=order.index)
    veiled = next(entry for entry in prepared.funnel if entry["stage"] == "veil")
    num_changed = sum(change["stage"] == "veil" for change in prepared.changes)
    assert (veiled["key"], veiled["mode"], veiled["num_changed"]) == ("project", "x", num_changed)
    assert prepared.changes[-1]["spans"] == [{"field": "messages[0].content", "start": 0, "end": 6, "type": "SECRET"}]


class Told(SilentProgress):
    """Remembers what was said."""

    def __init__(self):
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


class Crash(BaseException):
    """The end of the process, as far as files can tell."""


def crash_after(monkeypatch, count: int) -> None:
    """Let the next curation end after so many things were written."""
    left = [count]

    def counted(original):
        def call(*args, **settings):
            left[0] -= 1
            if left[0] < 0:
                raise Crash
            return original(*args, **settings)

        return call

    monkeypatch.setattr(work.Journal, "add", counted(work.Journal.add))
    for module, name in (
        (selection, "json_line"),
        (selection, "write_json"),
        (data_folder, "write_lines"),
        (data_folder, "write_json"),
    ):
        monkeypatch.setattr(module, name, counted(getattr(module, name)))


def test_after_a_crash_at_any_moment_the_second_start_gives_the_same_bytes(tmp_path, stages):
    paths = put_files(tmp_path)
    once = curate(tmp_path, paths)
    went_on = 0
    for moment in (0, 1, 20, 37, 39, 45, 60, 75, 90, 110):
        with pytest.MonkeyPatch.context() as patch, suppress(Crash):
            crash_after(patch, moment)
            curate(tmp_path, paths, into="again")
        went_on += (tmp_path / "again.work").exists()
        assert once == curate(tmp_path, paths, into="again")
    assert went_on >= 8


def test_what_is_finished_is_not_done_again(tmp_path, stages, monkeypatch):
    paths = put_files(tmp_path)
    with pytest.MonkeyPatch.context() as patch, suppress(Crash):
        crash_after(patch, 20)
        curate(tmp_path, paths)
    done = []
    original = reading.Course.__call__
    monkeypatch.setattr(reading.Course, "__call__", lambda self, chunk: done.append(chunk) or original(self, chunk))
    curate(tmp_path, paths)
    assert 0 < len([chunk for chunk in done if chunk.source is not None]) < 36 - 15


def test_other_rows_settings_or_stages_begin_anew_and_another_key_is_refused(tmp_path, stages):
    paths = put_files(tmp_path)
    with pytest.MonkeyPatch.context() as patch, suppress(Crash):
        crash_after(patch, 20)
        curate(tmp_path, paths)
    with pytest.raises(UsageError, match="begun with another key"):
        curate(tmp_path, paths, key=KEY[::-1])
    assert all(KEY not in file.read_bytes() for file in (tmp_path / "out.work").rglob("*") if file.is_file())
    Path(paths[0]).write_text('{"instruction": "new", "output": "row"}\n' * 30)
    again, fresh = curate(tmp_path, paths), curate(tmp_path, paths, into="fresh")
    assert again == fresh


@pytest.mark.parametrize(("mode", "goes_on"), [("placeholder", True), ("surrogate", False)])
def test_work_without_a_key_is_gone_on_with_unless_it_would_mix_two_keys(tmp_path, mode, goes_on):
    paths, listed = put_files(tmp_path), [{"use": "mask_personal_data", "mode": mode}]
    with pytest.MonkeyPatch.context() as patch, suppress(Crash):
        crash_after(patch, 20)
        curate(tmp_path, paths, listed, key=None)
    console = Told()
    with curated_in(tmp_path / "out.work", DataSection(sources=paths), listed, console=console) as curated:
        assert [entry.get("key") for entry in curated.funnel[1:2]] == [None if goes_on else "run"]
    assert [line.startswith("Going on with the work") for line in console.lines] == [True] * goes_on


def test_the_order_of_the_rows_decides_nothing_either(tmp_path):
    """Which records stay, and in which split; where they stood is another line, of course."""
    path = tmp_path / "rows.jsonl"
    lines = [line for name in put_files(tmp_path) for line in Path(name).read_text().splitlines()]
    found = []
    for order in range(3):
        path.write_text("\n".join(random.Random(order).sample(lines, len(lines))) + "\n")
        prepared = prepare(DataSection(sources=[str(path)]), "default")
        found.append([sorted(record.id for record in getattr(prepared, split)) for split in SPLITS])
    assert found[0] == found[1] == found[2]


def test_without_a_key_one_holds_for_the_run(tmp_path, stages):
    prepared = prepare(DataSection(sources=put_files(tmp_path)), LISTED)
    assert next(entry["key"] for entry in prepared.funnel if entry["stage"] == "veil") == "run"


def test_a_stage_that_fails_is_named_with_the_row_and_without_its_text(tmp_path, stages):
    @stage("stumble", "check")
    def stumble(record: Record) -> str | None:
        raise KeyError(record.messages[0].content)

    path = put_files(tmp_path)[0]
    with pytest.raises(
        DataError, match=rf"{path}:1: stage stumble failed with KeyError at test_streaming.py:\d+"
    ) as raised:
        prepare(DataSection(sources=[path]), ["stumble"])
    assert "secret" not in str(raised.value)


def test_a_file_without_a_good_row_is_refused_whatever_the_others_hold(tmp_path):
    paths = put_files(tmp_path)
    Path(paths[1]).write_text("{broken\n" * 30)
    with pytest.raises(DataError, match=r"a\.jsonl: none of its 30 rows can be used \(broken_json 30\)\. .*a\.jsonl:1"):
        prepare(DataSection(sources=paths, num_workers=1))
    Path(paths[1]).write_text("")
    with pytest.raises(DataError, match=r"a\.jsonl: there are no rows in it"):
        prepare(DataSection(sources=paths, num_workers=1))


def test_files_of_every_kind_go_the_same_way(tmp_path):
    (tmp_path / "a.csv").write_text("instruction,output\n" + "".join(f"q{k},a{k}\n" for k in range(30)))
    (tmp_path / "b.json").write_text(json.dumps([{"prompt": f"p{k}", "completion": "c"} for k in range(30)]))
    prepared = prepare(DataSection(sources=[f"{tmp_path}/b.json", f"{tmp_path}/a.csv"], num_workers=1))
    everyone = prepared.train + prepared.validation + prepared.test
    assert len(everyone) == 60 and {type(record.messages[0]) for record in everyone} == {Message}
    assert [report.source.rpartition("/")[2] for report in prepared.reports] == ["a.csv", "b.json"]
