"""`data unmask`: what the vault holds comes back where it stood, or nothing is written."""

from __future__ import annotations

import json

import pyarrow
import pyarrow.parquet
import pytest

from tunesmith.errors import DataError, UsageError
from tunesmith.workflows.mask import mask_file
from tunesmith.workflows.unmask import unmask_file

MAIL, NAME = "anna.weber@acme.org", "Anna Weber"
ROWS = [
    {"text": f"My name is {NAME}, mail {MAIL} or {MAIL}.", "turns": ["x", f"to {MAIL}"]},
    {"text": "What is 2 + 2?", "turns": []},
    {"text": MAIL, "turns": ["Ω 😀"]},
]


@pytest.fixture
def here(keys_here):
    (keys_here / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return keys_here


def mask(name: str, **options) -> None:
    mask_file(name, f"m-{name}", "audit.json", vault="v", vault_key_file="vault-key", **options)


def unmask(name: str, output: str = "back.jsonl") -> dict:
    return unmask_file(name, output, "v", vault_key_file="vault-key")


@pytest.mark.parametrize("options", [{}, {"mode": "surrogate", "key_file": "key"}], ids=["placeholder", "surrogate"])
def test_every_value_comes_back_where_it_stood(here, options):
    mask("in.jsonl", **options)
    assert MAIL not in (here / "m-in.jsonl").read_text()
    found = unmask("m-in.jsonl")
    assert [json.loads(line) for line in (here / "back.jsonl").read_text().splitlines()] == ROWS
    assert (found["num_rows"], found["num_rows_changed"], found["num_spans"]) == (3, 2, 5)


def test_tables_and_parquet_come_back_too(here):
    (here / "in.csv").write_bytes(f'\ufeffid;text\n1;{MAIL}\n2;\n3;"{NAME} is my name; x"\n'.encode())
    mask("in.csv")
    unmask("m-in.csv", "back.csv")
    assert (here / "back.csv").read_bytes() == (here / "in.csv").read_bytes()
    (here / "v").unlink()
    table = pyarrow.table({"text": [MAIL, None, "plain"], "n": [1, 2, 3], "turns": [[{"a": MAIL}], [], [{"a": None}]]})
    pyarrow.parquet.write_table(table, here / "in.parquet")
    mask("in.parquet")
    unmask("m-in.parquet", "back.parquet")
    assert pyarrow.parquet.read_table(here / "back.parquet").equals(table)


@pytest.mark.parametrize(
    "change, told",
    [
        (lambda lines: lines[1:], "m-in.jsonl:1: no PERSON was masked at this place of text. Restore the file as"),
        (lambda lines: lines[:1], "m-in.jsonl: has 1 rows, v values of row 2. Restore"),
        (lambda lines: [lines[0].replace("mail", "e-mail"), *lines[1:]], "no EMAIL_ADDRESS was masked at this place"),
        (lambda lines: [lines[0].replace('"turns"', '"said"'), *lines[1:]], r"of turns\[1\]"),
        (lambda lines: ["{", *lines[1:]], "m-in.jsonl:1: .*Restore the file as"),
    ],
    ids=["a row gone", "the end gone", "edited", "another column", "broken"],
)
def test_a_file_that_was_changed_since_is_refused_and_nothing_written(here, change, told):
    mask("in.jsonl")
    lines = (here / "m-in.jsonl").read_text().splitlines()
    (here / "m-in.jsonl").write_text("\n".join(change(lines)) + "\n")
    with pytest.raises(DataError, match=told):
        unmask("m-in.jsonl")
    assert not (here / "back.jsonl").exists()


def test_without_its_key_or_with_another_a_vault_stays_shut(here):
    mask("in.jsonl")
    with pytest.raises(UsageError, match="a vault needs a key of its own: --vault-key-file FILE"):
        unmask_file("m-in.jsonl", "back.jsonl", "v")
    with pytest.raises(DataError, match="v:2: cannot be decrypted: another key"):
        unmask_file("m-in.jsonl", "back.jsonl", "v", vault_key_file="key")
    with pytest.raises(DataError, match="no-vault: no such file"):
        unmask_file("m-in.jsonl", "back.jsonl", "no-vault", vault_key_file="key")
    with pytest.raises(DataError, match="is a folder where a file is expected. Name the vault in it"):
        unmask_file("m-in.jsonl", "back.jsonl", here, vault_key_file="key")


def test_the_output_is_none_of_the_inputs_and_keeps_the_format(here):
    mask("in.jsonl")
    for output in ("m-in.jsonl", "v", "vault-key"):
        with pytest.raises(UsageError):
            unmask("m-in.jsonl", output)
    with pytest.raises(UsageError, match="the output keeps the format of m-in.jsonl"):
        unmask("m-in.jsonl", "back.csv")


def test_a_vault_is_not_packed(here):
    with pytest.raises(UsageError, match="v.gz: what is encrypted cannot be packed. Name the vault without .gz"):
        mask_file("in.jsonl", "m.jsonl", "audit.json", vault="v.gz", vault_key_file="vault-key")
