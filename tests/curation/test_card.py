"""The data card."""

from __future__ import annotations

import json

from tunesmith.curation.card import render_card
from tunesmith.curation.pipeline import prepare
from tunesmith.files import file_sha256
from tunesmith.recipe import DataSection


def prepared_from(tmp_path, rows):
    path = tmp_path / "x|y.jsonl"
    path.write_text(
        "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), encoding="utf-8"
    )
    return prepare(DataSection(sources=[str(path)])), path


def test_the_card_tells_sources_funnel_tasks_lengths_and_drops_without_any_record_text(tmp_path):
    rows = [{"instruction": f"xyzzy{k}", "output": f"plugh {k}", "task": "ta|sk" if k % 2 else ""} for k in range(40)]
    prepared, path = prepared_from(tmp_path, [*rows, "{broken xyzzy", {"instruction": "xyzzy", "output": ""}])
    card = render_card(prepared)
    for part in (
        "34 train, 2 validation, 4 test",
        file_sha256(path),
        "| alpaca | 42 | 41 | 1 | 41 |",
        "| read | broken_json | 1 |",
        "| drop_empty | records | 41 | 40 | 1 | empty_answer 1 |",
        "ta\\|sk",
        "| prompt, words | 1 | 1 | 1 | 1 |",
    ):
        assert part in card
    assert ":41 |" in card and "xyzzy" not in card and "plugh" not in card


def test_a_card_of_clean_data_says_so(tmp_path):
    prepared, _ = prepared_from(tmp_path, [{"prompt": f"q{k}", "completion": "a"} for k in range(40)])
    assert "Nothing was dropped." in render_card(prepared)


def test_many_tasks_are_cut_and_counted(tmp_path):
    prepared, _ = prepared_from(tmp_path, [{"prompt": f"q{k}", "completion": "a", "task": f"t{k}"} for k in range(40)])
    assert "… and 10 more." in render_card(prepared)
