"""What differs between two sets of records."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tunesmith.curation.data_folder import write_prepared
from tunesmith.curation.difference import compare
from tunesmith.curation.pipeline import prepare
from tunesmith.errors import DataError
from tunesmith.recipe import DataSection


def put(path: Path, rows) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


ROWS = [{"instruction": f"question {k}", "output": f"answer {k}"} for k in range(30)]


def counts(one: str, other: str) -> dict[str, int]:
    told = compare(one, other).to_dict()
    return {name: told[name]["count"] for name in ("added", "removed", "changed", "moved")} | {"same": told["same"]}


def test_rows_are_matched_by_id_and_what_curation_changed_is_told(tmp_path):
    path = put(tmp_path / "a.jsonl", [*ROWS, ROWS[4], {"instruction": "q  ", "output": "b "}])
    write_prepared(prepare(DataSection(sources=[path])), tmp_path / "run" / "data")
    assert counts(path, str(tmp_path / "run")) == {"added": 0, "removed": 1, "changed": 1, "moved": 0, "same": 30}
    assert counts(str(tmp_path / "run"), path) == {"added": 1, "removed": 0, "changed": 1, "moved": 0, "same": 30}
    removed = compare(path, str(tmp_path / "run")).to_dict()["removed"]
    assert removed["examples"][0]["source"] == f"{path}:31" and removed["by_words"] == {"up to 10 words": 1}


def test_what_a_curation_dropped_or_changed_is_told_with_the_stage(tmp_path):
    path = put(tmp_path / "a.jsonl", [*ROWS, ROWS[4], {"instruction": "q  ", "output": "b "}])
    write_prepared(prepare(DataSection(sources=[path])), tmp_path / "run" / "data")
    told = compare(path, str(tmp_path / "run")).to_dict()
    assert told["removed"]["by_why"] == {"drop_duplicates: duplicate": 1}
    assert told["removed"]["examples"][0]["why"] == "drop_duplicates: duplicate"
    assert told["changed"]["by_why"] == {"normalize_text": 1}
    assert compare(str(tmp_path / "run"), path).to_dict()["added"]["by_why"] == {}


def test_columns_that_are_not_recognized_are_named(tmp_path):
    rows = [{"q": f"question {k}", "a": f"answer {k}"} for k in range(9)]
    one, other = put(tmp_path / "a.jsonl", rows), put(tmp_path / "b.jsonl", rows[2:])
    told = compare(one, other, {"instruction": "q", "output": "a"}).to_dict()
    assert (told["same"], told["removed"]["count"]) == (7, 2)
    with pytest.raises(DataError, match="there is no column `qq` for `instruction`. Did you mean `q`?"):
        compare(one, other, {"instruction": "qq", "output": "a"})


def test_rows_in_another_split_have_moved(tmp_path):
    path = put(tmp_path / "a.jsonl", ROWS)
    for seed in (0, 1):
        write_prepared(prepare(DataSection(sources=[path], seed=seed)), tmp_path / str(seed))
    told = compare(str(tmp_path / "0"), str(tmp_path / "1")).to_dict()
    assert told["moved"]["count"] > 0 and told["moved"]["count"] + told["same"] == 30
    assert sum(told["moved"]["by_split"].values()) == told["moved"]["count"]


def test_files_that_share_no_id_are_compared_by_content(tmp_path):
    one = put(tmp_path / "a.jsonl", ROWS)
    other = put(
        tmp_path / "b.jsonl", [{"prompt": f"question {k}", "completion": f"answer {k}", "n": k} for k in range(5, 40)]
    )
    assert compare(one, other).by == "content"
    assert counts(one, other) == {"added": 10, "removed": 5, "changed": 0, "moved": 0, "same": 25}


def test_a_folder_without_data_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"no data in it \(data/train.jsonl\)"):
        compare(str(tmp_path), str(tmp_path))
    with pytest.raises(DataError, match="no such file or folder"):
        compare(str(tmp_path / "a.jsonl"), str(tmp_path))
