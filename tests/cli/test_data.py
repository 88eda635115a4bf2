"""`tunesmith data curate | split | diff`: what a person reads, what a machine reads, and what is refused."""

from __future__ import annotations

import json

import pytest

from tests.cli.doubles import call
from tunesmith.curation import data_folder
from tunesmith.files import read_json, read_jsonl


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [{"instruction": f"What is {k} plus one?", "output": f"It is {k + 1}."} for k in range(40)]
    rows += [rows[0], {"instruction": "Say it.", "output": ""}]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "r.yaml").write_text("data: {sources: [a.jsonl], validation_fraction: 0.25}\ncurate: basic\n")
    return tmp_path


def test_curate_ends_with_the_funnel_where_the_result_is_and_the_next_command(here, capsys):
    code, out, err = call(capsys, "data", "curate", "a.jsonl", "--output", "clean")
    assert code == 0, err
    assert "drop_empty" in out and "empty_answer 1" in out and "duplicate 1" in out
    assert out.splitlines()[-1] == "Next: tunesmith init --data clean/data"
    assert "40 records kept: " in out and "Data: clean/data" in out and "Card: clean/data/card.md" in out
    assert len(read_jsonl("clean/data/dropped.jsonl")) == 2


def test_work_that_was_gone_on_with_tells_no_speed(here, capsys, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(data_folder, "write_lines", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        assert call(capsys, "data", "curate", "a.jsonl", "-o", "clean")[0] == 130
    code, out, err = call(capsys, "data", "curate", "a.jsonl", "-o", "clean")
    assert code == 0 and "Going on with the work in clean/.curation" in err
    assert "for 42 rows, some of them done before" in out


def test_help_names_every_verb_in_the_order_a_person_meets_them(capsys):
    code, out, err = call(capsys, "data", "--help")
    assert code == 0, err
    places = [out.index(f"│ {verb} ") for verb in ("inspect", "curate", "mask", "unmask", "split", "diff")]
    assert places == sorted(places)


def test_columns_that_are_not_recognized_are_named(here, capsys):
    (here / "odd.csv").write_text("q,a\n" + "".join(f"What is {k}?,It is number {k}.\n" for k in range(30)))
    named = ("--columns", "instruction=q", "--columns", "output=a", "--json")
    for verb in ("curate", "split"):
        code, out, err = call(capsys, "data", verb, "odd.csv", "-o", verb, *named)
        assert (code, json.loads(out)["rows_in"]) == (0, 30), err
    code, out, err = call(capsys, "data", "diff", "odd.csv", "split", *named)
    assert (code, json.loads(out)["same"]) == (0, 30), err


def test_curate_tells_a_machine_the_counts_of_a_ledger_that_adds_up(here, capsys):
    words = ("--stages", "basic", "--validation-fraction", "0.1", "--test-fraction", "0.2", "--seed", "3")
    code, out, _ = call(capsys, "data", "curate", "a.jsonl", "-o", "clean", *words, "--num-workers", "1", "--json")
    told = json.loads(out)
    assert code == 0 and told["splits"] == {"train": 28, "validation": 4, "test": 8}
    assert (told["rows_in"], told["kept"], told["dropped"]) == (42, 40, {"empty_answer": 1, "duplicate": 1})
    assert told["funnel"] == read_json("clean/data/funnel.json")


def test_a_recipe_gives_data_and_stages_and_options_change_it(here, capsys):
    code, out, err = call(capsys, "data", "curate", "--recipe", "r.yaml", "-o", "clean", "--json")
    assert code == 0, err
    assert json.loads(out)["splits"]["validation"] == 10
    words = ("--set", "data.validation_fraction=0.5", "--stages", "drop_empty", "--set", "data.max_records=20")
    code, out, err = call(capsys, "data", "curate", "--recipe", "r.yaml", "-o", "clean", *words, "--json")
    assert [entry["stage"] for entry in json.loads(out)["funnel"]] == ["read", "drop_empty", "max_records", "split"]
    assert json.loads(out)["splits"]["validation"] == 10


def test_split_divides_and_changes_nothing(here, capsys):
    code, out, err = call(capsys, "data", "split", "a.jsonl", "-o", "parts", "--test-fraction", "0.25", "--json")
    assert code == 0, err
    told = json.loads(out)
    assert told["kept"] == 42 and told["dropped"] == {} and told["splits"]["test"] == 10
    assert [entry["stage"] for entry in told["funnel"]] == ["read", "split"]


def test_diff_tells_what_came_went_and_changed(here, capsys):
    call(capsys, "data", "curate", "a.jsonl", "-o", "clean")
    code, out, _ = call(capsys, "data", "diff", "a.jsonl", "clean")
    assert code == 0
    assert out.splitlines()[:3] == ["a.jsonl → clean, rows matched by id: 40 the same", "added: 0", "removed: 2"]
    code, out, _ = call(capsys, "data", "diff", "clean", "a.jsonl", "--json", "-n", "1")
    told = json.loads(out)
    assert told["added"]["count"] == 2 and len(told["added"]["examples"]) == 1


@pytest.mark.parametrize(
    ("words", "code", "problem"),
    [
        (("curate", "a.jsonl"), 2, "--output DIR is missing"),
        (("curate", "-o", "x"), 2, "Name the data"),
        (("curate", "a.json", "-o", "x"), 3, "a.json: no such file or folder. Did you mean `a.jsonl`?"),
        (("curate", "b.jsonl", "-o", "x"), 3, "b.jsonl: no such file or folder. Check the path."),
        (("curate", "a.jsonl", "-o", "x", "--stages", "defualt"), 2, "Did you mean `default`?"),
        (("curate", "a.jsonl", "-o", "x", "--stages", "drop_emty,drop_short"), 2, "Did you mean `drop_empty`?"),
        (
            ("curate", "a.jsonl", "-o", "x", "--stages", "drop_emty"),
            2,
            "--stages drop_emty: curate[0].use: no such stage",
        ),
        (("curate", "a.jsonl", "-o", "x", "--stages", "basics,drop_short"), 2, "Did you mean `basic`?"),
        (("curate", "a.jsonl", "-o", "x", "--stages", "default,"), 2, "--stages 'default,': a name is missing"),
        (("curate", "a.jsonl", "-o", "x", "--stages", ""), 2, "--stages '': a name is missing"),
        (
            ("curate", "a.jsonl", "-o", "x", "--set", "curate=[drop_emty]"),
            2,
            "--set curate=[drop_emty]: curate[0].use: no such",
        ),
        (
            ("curate", "-o", "x", "--recipe", "r.yaml", "--set", "curate=[drop_emty]"),
            2,
            "--set curate=[drop_emty]: curate[0].use: no such",
        ),
        (("curate", "a.jsonl", "-o", "x", "--set", "data.validation_fractoin=0"), 2, "`validation_fraction`"),
        (("curate", "a.jsonl", "-o", "r.yaml"), 2, "r.yaml: a file, where a folder is to be. Choose another --output."),
        (
            ("curate", "a.jsonl", "-o", "x", "--set", "curate=[{use: drop_short, min_words: 2}]"),
            2,
            "`min_prompt_words`",
        ),
        (("curate", "a.jsonl", "-o", "x", "--test-fraction", "1.5"), 2, "--test-fraction: must be below 1, got 1.5."),
        (("split", "a.jsonl"), 2, "--output DIR is missing"),
        (("curate", "a.jsonl", "-o", "x", "--columns", "output=outptu"), 3, "no column `outptu` for `output`. Did you"),
        (("curate", "a.jsonl", "-o", "x", "--columns", "outptu=output"), 2, "Did you mean `output`?"),
        (("curate", "a.jsonl", "-o", "x", "--columns", "output"), 2, "write it as OURS=THEIRS"),
        (("curate", "--recipe", "r.yaml", "-o", "x", "--columns", "output=a"), 2, "--columns goes with the data"),
        (("diff", "a.jsonl", "a.json"), 3, "Did you mean `a.jsonl`?"),
    ],
)
def test_a_mistake_is_told_in_a_line_and_nothing_is_written(here, capsys, words, code, problem):
    found, _, err = call(capsys, "data", *words)
    assert (found, problem in err) == (code, True), err
    assert not (here / "x").exists()
