"""The data card."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tunesmith.curation.card import draw_bar, render_card, say_after, say_key
from tunesmith.curation.data_folder import write_prepared
from tunesmith.curation.pipeline import prepare
from tunesmith.files import file_sha256, read_json
from tunesmith.recipe import DataSection


def write_rows(path: Path, rows) -> Path:
    path.write_text(
        "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), encoding="utf-8"
    )
    return path


def card_of(tmp_path, rows, curate="basic", **source):
    """The card, the folder and the source of some rows."""
    path = write_rows(tmp_path / "x|y.jsonl", rows)
    prepared = prepare(DataSection(sources=[{"path": str(path), **source}]), curate)
    folder = write_prepared(prepared, tmp_path / "data")
    return (folder / "card.md").read_text(encoding="utf-8"), folder, path


def clean_rows(count=40, **fields):
    return [
        {"instruction": f"What comes after {k} there?", "output": f"It is {k + 1}.", **fields} for k in range(count)
    ]


def test_the_card_tells_sources_licence_funnel_tasks_lengths_and_drops(tmp_path):
    rows = [{"instruction": f"xyzzy{k}", "output": f"plugh {k}", "task": "ta|sk" if k % 2 else ""} for k in range(40)]
    bad = ["{broken xyzzy", {"instruction": "xyzzy", "output": ""}]
    card, _, path = card_of(tmp_path, [*rows, *bad], license="CC-BY-4.0")
    for part in (
        "40 records: 34 train, 2 validation, 4 test.",
        file_sha256(path),
        "| alpaca | 42 | 41 | 1 | 41 |",
        "| read | broken_json | 1 | 2.4% |",
        "| drop_empty | empty_answer | 1 | 2.4% |",
        "| CC-BY-4.0 |",
        "| ta\\|sk | ",
        "| (none) | ",
        "| prompt, words | 1 | 1 | 1 | 1 |",
        "`` {broken xyzzy ``",
        "`` user: xyzzy assistant: (empty) ``",
    ):
        assert part in card
    assert "plugh" not in card, "records that were kept are not shown"


def test_the_numbers_behind_the_card_lie_beside_it_and_give_the_same_card(tmp_path):
    card, folder, _ = card_of(tmp_path, clean_rows())
    facts = read_json(folder / "profile.json")
    assert (facts["num_records"], facts["splits"]["train"]) == (40, 34)
    assert render_card(facts, read_json(folder / "funnel.json")) == card


def test_a_card_of_clean_data_says_so(tmp_path):
    card, _, _ = card_of(tmp_path, clean_rows())
    assert "Nothing was dropped." in card


def test_many_tasks_are_cut_and_counted(tmp_path):
    rows = [{"prompt": f"q{k}", "completion": "a", "task": f"t{k}"} for k in range(40)]
    assert "40 tasks in all, of 1 to 1 records; half of them have at most 1." in card_of(tmp_path, rows)[0]


def test_personal_data_of_dropped_rows_is_masked_and_of_kept_ones_only_counted(tmp_path):
    rows = [*clean_rows(), {"instruction": "Who is jane.roe@example.org?", "output": ""}]
    rows.append({"instruction": "Say it to me.", "output": "Write to john.doe@example.org today."})
    card, _, _ = card_of(tmp_path, rows)
    assert "jane.roe" not in card and "john.doe" not in card
    assert "Who is <EMAIL_ADDRESS>?" in card and "| email address | " in card


def test_what_was_masked_is_counted_and_no_longer_found(tmp_path):
    rows = [*clean_rows(), {"instruction": "Say it to me.", "output": "Write to john.doe@example.org today."}]
    card, folder, _ = card_of(tmp_path, rows, ["mask_personal_data"])
    assert read_json(folder / "profile.json")["changes"]["mask_personal_data"]["spans"]["EMAIL_ADDRESS"] == 1
    [line] = [line for line in card.splitlines() if line.startswith("| email address")]
    assert line == "| email address |  | 0 | 0 | 1 |  |" and ", after masking" in card
    assert "| mask_personal_data | ████████████████████ | 41 | 0 | 1 | 41 |" in card, "and how many records it changed"


def test_no_text_of_a_row_can_be_more_than_text(tmp_path):
    rows = [*clean_rows(), {"instruction": "`` ![x](http://a.b) | <script> \u202e", "output": ""}]
    card, _, _ = card_of(tmp_path, rows)
    [line] = [line for line in card.splitlines() if "script" in line]
    assert line.strip().startswith("`` ") and line.endswith(" ``") and line.count("``") == 2
    assert "⟨U+202E⟩" in line and "\u202e" not in card


@pytest.mark.parametrize(
    "count, largest, bar", [(0, 8, ""), (1, 10_000, "▏"), (8, 8, "████"), (4, 8, "██"), (3, 8, "█▌"), (0, 0, "")]
)
def test_bars_show_whatever_is_more_than_nothing(count, largest, bar):
    assert draw_bar(count, largest, width=4) == bar


@pytest.mark.parametrize(
    "step, told",
    [
        ({"stage": "mask_personal_data", "mode": "surrogate", "key": "run"}, "made up for this run"),
        ({"stage": "mask_personal_data", "mode": "surrogate", "key": "project"}, "key of the project"),
        ({"stage": "mask_personal_data", "mode": "placeholder", "key": "run"}, ""),
        ({"stage": "read"}, ""),
    ],
)
def test_the_card_says_what_surrogates_rest_on(step, told):
    assert told in say_key([step]) and bool(say_key([step])) == bool(told)


def test_surrogates_that_are_found_again_are_not_taken_for_leaks():
    assert "the surrogates themselves" in say_after([{"stage": "mask", "mode": "surrogate"}], True)
    assert (
        say_after([{"stage": "mask", "mode": "placeholder"}], True) == ", after masking" and say_after([], False) == ""
    )
