"""`tunesmith data mask` as a person meets it: what was found, what was left, where the files are."""

from __future__ import annotations

import json
import re

import pytest

from tests.cli.doubles import call

MAIL = "anna.weber@acme.org"


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TUNESMITH_PRIVACY_KEY_FILE", raising=False)
    rows = [{"q": f"Mail {MAIL}", "a": "Card 4539 5787 6362 1486", "n": 4539578763621486}, {"q": "2 + 2?", "a": "4"}]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def test_mask_tells_what_was_found_where_the_files_are_and_what_comes_next(here, capsys):
    code, out, err = call(capsys, "data", "mask", "in.jsonl", "--output", "out.jsonl", "--audit", "audit.json")
    assert code == 0 and MAIL not in out + err
    assert re.search(r"^EMAIL_ADDRESS +1 +1 *$", out, re.MULTILINE) and re.search(
        r"^CREDIT_CARD +1 +1 *$", out, re.MULTILINE
    )
    assert "2 read and written, 1 changed" in out and "output  out.jsonl" in out and "audit   audit.json" in out
    assert "numbers in n: 1 like CREDIT_CARD; only texts are masked." in out
    assert out.splitlines()[-1] == "Next: tunesmith data inspect out.jsonl"


def test_mask_json_is_one_object_on_stdout(here, capsys):
    code, out, _ = call(
        capsys, "data", "mask", "in.jsonl", "--output", "out.jsonl", "--audit", "audit.json", "--spans", "s.jsonl",
        "--types", "EMAIL_ADDRESS,PERSON", "--types", "IBAN_CODE", "--json",
    )  # fmt: skip
    found = json.loads(out)
    assert code == 0 and found["types"] == {"EMAIL_ADDRESS": 1} and found["num_rows"] == 2
    assert found["mode"] == "placeholder" and len((here / "s.jsonl").read_text().splitlines()) == 1


def test_mask_without_a_key_says_that_surrogates_hold_for_one_run(here, capsys):
    code, _, err = call(
        capsys, "data", "mask", "in.jsonl", "--output", "o.jsonl", "--audit", "a.json", "--mode", "surrogate"
    )
    assert code == 0 and "these surrogates hold for this run only" in err and "--key-file FILE" in err


@pytest.mark.parametrize(
    "words, code, told",
    [
        (("none.jsonl", "--output", "o.jsonl", "--audit", "a.json"), 3, "none.jsonl: no such file"),
        (("in.jsonl", "--output", "in.jsonl", "--audit", "a.json"), 2, "would overwrite it"),
        (("in.jsonl", "--output", "o.csv", "--audit", "a.json"), 2, "keeps the format"),
        (("in.jsonl", "--output", "o.jsonl", "--audit", "a.json", "--types", "EMAIL"), 2, "no type `EMAIL`"),
        (("in.jsonl", "--output", "o.jsonl"), 2, "--audit"),
        (("in.jsonl", "--output", "o.jsonl", "--audit", "a.json", "--mode", "hide"), 2, "hide"),
        (
            ("in.jsonl", "--output", "o.jsonl", "--audit", "a.json", "--mode", "surrogate", "--key-file", "no"),
            2,
            "no: the key cannot be read",
        ),
    ],
)
def test_mistakes_are_one_line_and_nothing_is_written(here, capsys, words, code, told):
    found, out, err = call(capsys, "data", "mask", *words)
    assert (found, out) == (code, "") and told in err and "Traceback" not in err
    assert [path.name for path in here.iterdir()] == ["in.jsonl"]


@pytest.mark.parametrize("columns", ["80", "120"])
def test_the_help_of_mask_explains_every_option(columns, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setattr("typer.rich_utils.MAX_WIDTH", None)
    code, out, _ = call(capsys, "data", "mask", "--help")
    assert code == 0 and all(len(line) <= int(columns) for line in out.splitlines())
    assert not re.search(r"^│ +--[\w-]+ +│$", out, re.MULTILINE)
