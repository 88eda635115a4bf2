"""`tunesmith data prompts`."""

from __future__ import annotations

import json

import pytest

from tunesmith.cli import main
from tunesmith.evaluation.instructions import instruction_samples


def test_rows_have_the_columns_of_ifevals_file_and_can_be_evaluated(tmp_path, capsys):
    path = tmp_path / "prompts.jsonl"
    options = ["--num", "12", "--checks", "1-2", "--kinds", "length,format", "--seed", "3"]
    assert main(["data", "prompts", *options, "-o", str(path)]) == 0
    assert "prompts  12" in capsys.readouterr().out
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert [list(row) for row in rows] == [["key", "prompt", "instruction_id_list", "kwargs"]] * 12
    assert [row["key"] for row in rows] == list(range(12))
    samples = instruction_samples(path)
    assert [sample.prompt[0].content for sample in samples] == [row["prompt"] for row in rows]


def test_json_counts_the_checks_by_kind(tmp_path, capsys):
    path = tmp_path / "prompts.jsonl"
    assert (
        main(["data", "prompts", "-n", "5", "--checks", "2", "--kinds", "length,case", "-o", str(path), "--json"]) == 0
    )
    found = json.loads(capsys.readouterr().out)
    assert set(found) == {"num_prompts", "num_checks", "output"}
    assert (found["num_prompts"], set(found["num_checks"]), sum(found["num_checks"].values())) == (
        5,
        {"case", "length"},
        10,
    )


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--checks", "many"], 2, "--checks: expected a number or a range such as 1-3, got `many`."),
        (["--checks", "9"], 2, "a prompt can have 1 to 5 checks, got 9."),
        (["--num", "0"], 2, "the number of prompts must be at least 1, got 0."),
        (["--kinds", ","], 2, "--kinds: names nothing, got `,`."),
        (["--kinds", "formt"], 2, "no fresh prompts of the kind `formt`. Did you mean `format`?"),
        (["-o", "prompts.txt"], 2, "--output prompts.txt: prompts are written one a line. Name a .jsonl file."),
        (["-o", "/proc/none/prompts.jsonl"], 5, "/proc/none/prompts.jsonl: cannot be written"),
    ],
)
def test_what_cannot_be_made_is_one_line_and_an_exit_code(options, code, message, tmp_path, capsys):
    output = [] if "-o" in options else ["-o", str(tmp_path / "prompts.jsonl")]
    assert main(["data", "prompts", *options, *output]) == code
    told = capsys.readouterr().err
    assert message in told
    assert len(told.strip().splitlines()) == 1
