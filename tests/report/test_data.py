"""The data of a run as its report shows it, and the page of a file nobody has touched."""

from __future__ import annotations

import json
from pathlib import Path

import lxml.html
import pytest

from tests.report.test_page import resolve, select, words_of
from tunesmith.cli import main
from tunesmith.curation.data_folder import write_prepared
from tunesmith.curation.inspect import inspect_file
from tunesmith.curation.pipeline import prepare
from tunesmith.recipe import DataSection
from tunesmith.report import write_report
from tunesmith.report.charts import Bin, draw_histogram
from tunesmith.report.render import _coded, render_inspection
from tunesmith.report.text import join_places

NASTY = "<script>alert(1)</script> \u202e </pre>"


def write_rows(path: Path, count: int = 60) -> Path:
    rows = [
        {
            "instruction": f"What comes after the number {k}?",
            "output": f"It is {k + 1}. " * (1 + k % 5),
            "task": f"t{k % 14}",
        }
        for k in range(count)
    ]
    rows += [rows[0], {"instruction": f"{NASTY} jane.roe@example.org", "output": "", "task": NASTY}]
    rows.append({"instruction": "Whom do I ask?", "output": "Write to john.doe@example.org.", "task": "t1"})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + "{broken\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    source = {"path": str(write_rows(folder / "rows.jsonl")), "license": "CC-BY-4.0"}
    curate = ["drop_empty", "mask_personal_data", "drop_duplicates"]
    write_prepared(prepare(DataSection(sources=[source]), curate), folder / "data")
    return folder


@pytest.fixture(scope="module")
def page(run):
    html, _ = write_report(run)
    return lxml.html.fromstring(html.read_text(encoding="utf-8"))


def inspected(tmp_path, count: int = 60):
    found = inspect_file(str(write_rows(tmp_path / "rows.jsonl", count))).to_dict()
    return found, lxml.html.fromstring(render_inspection(found))


def test_the_report_shows_licences_lengths_tasks_languages_and_what_was_masked(page):
    data = words_of(page.get_element_by_id("data"))
    for part in (
        "CC-BY-4.0 (61)",
        "Prompt, words: half have at most 6",
        "Tasks",
        "Languages",
        "after masking",
        "What to fix in the data",
        "2 more",  # of 14 tasks
        "14 tasks in all, of 4 to 6 records; half of them have at most 4.",
    ):
        assert part in data
    [row] = [row for row in select(page, "#data tbody tr") if words_of(row).startswith("email address")]
    assert [words_of(cell) for cell in row] == ["email address", "0", "0", "1", ""]


def test_dropped_rows_are_shown_masked_and_can_only_be_read(page):
    told = " ".join(words_of(item) for item in select(page, "#data .example"))
    assert "<EMAIL_ADDRESS>" in told and "{broken" in told and "jane.roe" not in told
    assert len(select(page, "script")) == 1 and "⟨U+202E⟩" in told


def test_every_figure_of_the_data_stands_in_the_file_it_names(run, page):
    checked = 0
    for cell in select(page, "#data data"):
        exact, _, origin = cell.get("title").partition(" · ")
        if "(" not in origin and "profile.json" in origin:
            assert str(resolve(run, origin)) == exact
            checked += 1
    assert checked > 15


def test_every_picture_says_what_it_is(page):
    pictures = select(page, "#data svg[role=img]")
    assert len(pictures) > 15 and all(picture.get("aria-label") for picture in pictures)


def test_an_older_run_without_a_profile_is_reported(run, tmp_path):
    older = tmp_path / "older" / "data"
    older.mkdir(parents=True)
    (older / "funnel.json").write_bytes((run / "data/funnel.json").read_bytes())
    html, _ = write_report(older.parent)
    assert "What to fix in the data" not in html.read_text(encoding="utf-8")


def test_equal_data_gives_equal_pages(run):
    first = write_report(run)[0].read_bytes()
    assert write_report(run)[0].read_bytes() == first


def test_the_page_of_a_file_tells_what_the_terminal_does(tmp_path):
    found, page = inspected(tmp_path)
    assert words_of(select(page, "h1")[0]) == "63 records of 64 rows"
    assert "62 have an answer and can be trained on; 1 row is lost" in words_of(select(page, ".lead")[0])
    titles = [words_of(item) for item in select(page, "#next b")]
    assert titles == [item["title"] for item in found["advice"]]
    assert "Mask personal data" in titles and "Clean the records" in titles
    assert "would drop 1 (1.6%)" in words_of(page.get_element_by_id("rows"))
    assert "1 more are in" not in words_of(page) and "none stated (63)" in words_of(page.get_element_by_id("origins"))


def test_the_page_of_a_file_masks_the_rows_it_shows_and_loads_nothing(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"instruction": f"{NASTY} to jane.roe@example.org", "output": "a"}) + "\n")
    text = render_inspection(inspect_file(str(path)).to_dict())
    assert "jane.roe" not in text and "<script>alert" not in text and "http" not in text.replace("http-equiv", "")


def test_a_file_without_a_usable_row_has_a_page_that_says_what_to_do(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"foo": 1}\n')
    page = lxml.html.fromstring(render_inspection(inspect_file(str(path)).to_dict()))
    told = words_of(page)
    assert "No row can be used as it stands." in told and "none of our formats" in told or "fit no" in told
    assert not select(page, "#likeness")


def test_the_command_writes_the_page_and_says_where(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_rows(tmp_path / "rows.jsonl")
    assert main(["data", "inspect", "rows.jsonl", "--html", "out.html"]) == 0
    out = capsys.readouterr().out
    assert "The page: out.html" in out and "What to fix" in out and "personal data" in out
    assert "63" in (tmp_path / "out.html").read_text(encoding="utf-8")


def test_the_page_never_takes_the_place_of_the_data(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = write_rows(tmp_path / "rows.jsonl").read_bytes()
    assert main(["data", "inspect", "rows.jsonl", "--html", "rows.jsonl"]) == 2
    assert (tmp_path / "rows.jsonl").read_bytes() == before and "rows.jsonl" in capsys.readouterr().err


def test_the_json_has_the_fixed_names_and_the_profile(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_rows(tmp_path / "rows.jsonl")
    assert main(["data", "inspect", "rows.jsonl", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["format"], found["rows_in"], found["kept"], found["dropped"]) == (
        "alpaca",
        64,
        63,
        {"broken_json": 1},
    )
    assert found["profile"]["num_records"] == 63 and found["advice"]


def test_a_histogram_has_a_column_for_each_bin_and_marks_the_largest():
    bins = [Bin(1, 1, 2), Bin(2, 4, 0), Bin(5, 9, 40), Bin(1000, 1999, 1)]
    drawn = lxml.html.fromstring(str(draw_histogram(bins, "words", "Records by length")))
    assert [words_of(title) for title in select(drawn, "title")] == [
        "1 words: 2 records",
        "2 to 4 words: 0 records",
        "5 to 9 words: 40 records",
        "1,000 to 1,999 words: 1 records",
    ]
    assert [words_of(text) for text in select(drawn, "text")] == ["1", "2", "5", "40", "1k"]
    assert draw_histogram([], "words", "x") == ""


def test_records_by_file_and_licence_are_drawn_where_there_are_several(tmp_path):
    sources = []
    for name, license in (("one", "MIT"), ("two", "CC0-1.0")):
        path = tmp_path / f"{name}.jsonl"
        rows = [{"instruction": f"What is {name} and {k}?", "output": f"It is {k}."} for k in range(30)]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        sources.append({"path": str(path), "license": license})
    folder = write_prepared(prepare(DataSection(sources=sources), "basic"), tmp_path / "data")
    write_report(tmp_path)
    page = lxml.html.fromstring((tmp_path / "report.html").read_text(encoding="utf-8"))
    rows = [[words_of(cell) for cell in row] for row in select(page, "#data .bars tbody tr")]
    counts = {row[0]: row[2:] for row in rows}
    assert counts["MIT"] == counts["CC0-1.0"] == counts[f"{tmp_path}/one.jsonl"] == ["30", "50%"]
    card = (folder / "card.md").read_text(encoding="utf-8")
    assert "| licence |  | records |  |" in card and "| MIT | ████████████████████ | 30 | 50% |" in card
    assert f"| {tmp_path}/two.jsonl | ████████████████████ | 30 | 50% |" in card


def test_what_would_be_dropped_is_told_with_examples_on_page_and_terminal(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_rows(tmp_path / "rows.jsonl")
    assert main(["data", "inspect", "rows.jsonl", "--html", "out.html"]) == 0
    assert "would drop 1 of 62: empty_answer 1" in " ".join(capsys.readouterr().out.split())
    page = lxml.html.fromstring((tmp_path / "out.html").read_text(encoding="utf-8"))
    rows = page.get_element_by_id("rows")
    assert "Tried on 62 different records that have an answer" in words_of(rows)
    told = " ".join(words_of(item) for item in select(rows, ".example"))
    assert "empty answer" in told and "<EMAIL_ADDRESS>" in told and "assistant: (empty)" in told


@pytest.mark.parametrize(
    "places, told",
    [
        ([], ""),
        (["a.jsonl:3", "a.jsonl:34", "b.jsonl:1"], "a.jsonl:3, :34, b.jsonl:1"),
        (["/data/with/many/folders/in/it/and/more/a.jsonl:3"], "…/more/a.jsonl:3"),
    ],
)
def test_places_are_told_in_short(places, told):
    assert join_places(places) == told


def test_code_in_advice_is_code_and_nothing_else_is():
    assert str(_coded("`curate: x` drops <b>")) == "<code>curate: x</code> drops &lt;b&gt;"
