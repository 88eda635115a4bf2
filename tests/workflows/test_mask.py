"""`data mask`: every row in its place, in the file's own format, and nothing personal in anything but the vault."""

from __future__ import annotations

import csv
import gzip
import json
import re

import pyarrow
import pyarrow.parquet
import pytest

from tunesmith.errors import DataError, UsageError
from tunesmith.privacy.keys import read_key
from tunesmith.privacy.vault import open_vault
from tunesmith.progress import SilentProgress
from tunesmith.workflows import mask
from tunesmith.workflows.mask import mask_file

MAIL, CARD, NAME = "anna.weber@acme.org", "4539 5787 6362 1486", "Anna Weber"
ROWS = [
    {"instruction": f"My name is {NAME}. Mail {MAIL}.", "output": "Hi Anna!", "n": 1, "tags": ["x", f"card {CARD}"]},
    {"instruction": "What is 2 + 2?", "output": "4", "n": 1.50, "tags": []},
    {"instruction": f"{MAIL}", "output": "", "n": None, "tags": [{"a": {"b": MAIL}}]},
]
SECRETS = (MAIL, CARD, NAME)


@pytest.fixture
def here(keys_here):
    return keys_here


def jsonl(rows) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def read(path) -> list:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_rows_keep_their_order_their_number_and_everything_that_is_not_text(here):
    (here / "in.jsonl").write_text(jsonl(ROWS))
    found = mask_file("in.jsonl", "out.jsonl", "audit.json")
    rows = read(here / "out.jsonl")
    assert rows[0] == {
        "instruction": "My name is <PERSON>. Mail <EMAIL_ADDRESS>.", "output": "Hi <PERSON>!", "n": 1,
        "tags": ["x", "card <CREDIT_CARD>"],
    }  # fmt: skip
    assert rows[2] == {
        "instruction": "<EMAIL_ADDRESS>",
        "output": "",
        "n": None,
        "tags": [{"a": {"b": "<EMAIL_ADDRESS>"}}],
    }
    assert (found["num_rows"], found["num_rows_changed"], found["num_spans"]) == (3, 2, 6)
    assert found["types"] == {"EMAIL_ADDRESS": 3, "PERSON": 2, "CREDIT_CARD": 1}


def test_a_row_without_personal_data_keeps_its_bytes(here):
    line = '{"a":  1.50, "b": "\\u00e9 \\/", "big": 12345678901234567890}'
    (here / "in.jsonl").write_text(f"{line}\r\n{line}")
    mask_file("in.jsonl", "out.jsonl", "audit.json")
    assert (here / "out.jsonl").read_bytes() == f"{line}\n{line}\n".encode()


def test_spans_and_audit_say_where_and_never_what(here):
    (here / "in.jsonl").write_text(jsonl(ROWS))
    summary = mask_file("in.jsonl", "out.jsonl", "audit.json", spans="spans.jsonl")
    spans = read(here / "spans.jsonl")
    assert all(list(span) == ["row", "field", "start", "end", "type"] for span in spans)
    assert [(span["row"], span["field"]) for span in spans] == [
        (0, "instruction"), (0, "instruction"), (0, "output"), (0, "tags[1]"), (2, "instruction"), (2, "tags[0].a.b")
    ]  # fmt: skip
    assert ROWS[0]["instruction"][spans[1]["start"] : spans[1]["end"]] == MAIL
    audit = json.loads((here / "audit.json").read_text())
    assert {key: audit[key] for key in summary} == summary and len(audit["findings"]) == 6
    assert set(audit["findings"][0]) == {"row", "field", "start", "end", "type", "recognizer", "score"}
    for name in ("audit.json", "spans.jsonl", "out.jsonl"):
        assert not any(secret in (here / name).read_text() for secret in SECRETS)


def test_an_audit_named_jsonl_is_lines(here):
    (here / "in.jsonl").write_text(jsonl(ROWS))
    mask_file("in.jsonl", "out.jsonl", "audit.jsonl")
    first, *rest = read(here / "audit.jsonl")
    assert first["summary"]["num_rows"] == 3 and len(rest) == 6


@pytest.mark.parametrize("delimiter, name", [(",", "t.csv"), (";", "t.csv"), ("\t", "t.tsv")])
def test_a_table_stays_a_table(here, delimiter, name):
    with open(here / name, "w", newline="") as stream:
        out = csv.writer(stream, delimiter=delimiter)
        out.writerows([["id", "text"], ["1", f'a "b", {MAIL}; x\ny'], ["2", ""], ["3", "plain"]])
    mask_file(name, f"out-{name}", "audit.json")
    with open(here / f"out-{name}", newline="") as stream:
        assert list(csv.reader(stream, delimiter=delimiter)) == [
            ["id", "text"], ["1", 'a "b", <EMAIL_ADDRESS>; x\ny'], ["2", ""], ["3", "plain"]
        ]  # fmt: skip


def test_a_gzipped_file_stays_one(here):
    with gzip.open(here / "in.jsonl.gz", "wt") as stream:
        stream.write(jsonl(ROWS))
    mask_file("in.jsonl.gz", "out.jsonl.gz", "audit.json")
    with gzip.open(here / "out.jsonl.gz", "rt") as stream:
        assert MAIL not in stream.read()


@pytest.mark.parametrize("value", [ROWS, {"data": ROWS}, {"text": MAIL, "n": 2}], ids=["array", "wrapped", "object"])
def test_a_json_document_keeps_its_shape(here, value):
    (here / "in.json").write_text(json.dumps(value))
    mask_file("in.json", "out.json", "audit.json")
    made = json.loads((here / "out.json").read_text())
    assert type(made) is type(value) and (made.keys() == value.keys() if isinstance(value, dict) else len(made) == 3)
    assert not any(secret in json.dumps(made) for secret in SECRETS) and "<EMAIL_ADDRESS>" in json.dumps(made)


def test_what_stands_beside_the_rows_of_a_document_is_not_passed_on_unseen(here):
    (here / "in.json").write_text(json.dumps({"data": ROWS, "author": MAIL}))
    with pytest.raises(DataError, match="beside the rows in `data` it holds `author`, which would not be masked"):
        mask_file("in.json", "out.json", "audit.json")
    assert not (here / "out.json").exists()


@pytest.mark.parametrize("name", ["in.parquet", "in.parquet.gz"])
def test_parquet_keeps_its_schema(here, name):
    schema = pyarrow.schema(
        {
            "text": pyarrow.large_string(),
            "kind": pyarrow.dictionary(pyarrow.int8(), pyarrow.string()),
            "turns": pyarrow.list_(pyarrow.struct({"role": pyarrow.string(), "at": pyarrow.timestamp("us")})),
            "when": pyarrow.timestamp("ns"),
            "raw": pyarrow.binary(),
        }
    )
    rows = [
        {
            "text": MAIL if k % 2 else None,
            "kind": f"{MAIL}",
            "turns": [{"role": MAIL, "at": None}],
            "when": k,
            "raw": b"\xff",
        }
        for k in range(600)
    ]
    table = pyarrow.Table.from_pylist(rows, schema=schema)
    pyarrow.parquet.write_table(table, here / "in.parquet")
    if name.endswith(".gz"):
        (here / name).write_bytes(gzip.compress((here / "in.parquet").read_bytes()))
    mask_file(name, f"out-{name}", "audit.json")
    data = (here / f"out-{name}").read_bytes()
    made = pyarrow.parquet.read_table(pyarrow.BufferReader(gzip.decompress(data) if name.endswith(".gz") else data))
    assert made.schema.equals(table.schema) and made.num_rows == 600
    assert made["when"].equals(table["when"]) and made["raw"].equals(table["raw"])
    assert made["text"].to_pylist() == [("<EMAIL_ADDRESS>" if k % 2 else None) for k in range(600)]
    assert made["turns"].to_pylist()[0] == [{"role": "<EMAIL_ADDRESS>", "at": None}]
    assert set(made["kind"].to_pylist()) == {"<EMAIL_ADDRESS>"}


def test_whole_numbers_of_parquet_that_look_personal_are_told_and_stay(here):
    table = pyarrow.table({"text": ["x", "y"], "phone": [2127365000, 2127365001]})
    pyarrow.parquet.write_table(table, here / "in.parquet")
    found = mask_file("in.parquet", "out.parquet", "audit.json")
    assert found["left_as_is"] == [{"where": "numbers in phone", "type": "PHONE_NUMBER", "count": 2}]
    assert pyarrow.parquet.read_table(here / "out.parquet")["phone"].equals(table["phone"])


def test_a_model_that_cannot_be_had_stops_the_work_before_anything_is_written(here, monkeypatch):
    (here / "in.jsonl").write_text(f'{{"a": "{MAIL}"}}\n')

    def refuse(name):
        raise UsageError("ner: no such model")

    monkeypatch.setattr(mask, "load_model", refuse)
    with pytest.raises(UsageError, match="no such model"):
        mask_file("in.jsonl", "out.jsonl", "audit.json", ner="nowhere")
    assert not (here / "out.jsonl").exists()


# ── bad rows ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_row_that_cannot_be_read_stops_the_work_and_nothing_is_written(here):
    (here / "in.jsonl").write_text(f'{{"a": "x"}}\n{{"a": "{MAIL}"\n')
    with pytest.raises(DataError, match=r"^in\.jsonl:2: not valid JSON .*Nothing was written.*--on-bad-row blank"):
        mask_file("in.jsonl", "out.jsonl", "audit.json", spans="spans.jsonl")
    assert sorted(path.name for path in here.iterdir()) == ["in.jsonl", "key", "vault-key"]


def test_a_blank_row_can_stand_in_the_place_of_a_bad_one(here):
    (here / "in.jsonl").write_text(f'{{"a": "x"}}\n{{"a": "{MAIL}"\n{{"a": "y"}}\n')
    found = mask_file("in.jsonl", "out.jsonl", "audit.json", on_bad_row="blank")
    assert read(here / "out.jsonl") == [{"a": "x"}, {}, {"a": "y"}]
    assert found["bad_rows"] == [{"source": "in.jsonl:2", "reason": "broken_json"}] and found["num_rows"] == 3
    (here / "in.csv").write_text(f"a,b\n{MAIL},1,2\nx,y\n")
    mask_file("in.csv", "out.csv", "audit.json", on_bad_row="blank")
    assert (here / "out.csv").read_text() == "a,b\n,\nx,y\n"


@pytest.mark.parametrize(
    "name, content, told",
    [
        ("none.jsonl", None, "no such file"),
        ("in.txt", "x", "unknown file type"),
        ("in.jsonl", "", "has no rows"),
        ("in.json", "[]", "has no rows"),
        ("in.csv", "a,b\n", "has no rows"),
        ("in.parquet", "PAR1", "not a readable Parquet file"),
        ("in.json", "[1, 2]", "must be an object"),
    ],
)
def test_a_file_that_cannot_be_masked_is_one_line(here, name, content, told):
    if content is not None:
        (here / name).write_text(content)
    with pytest.raises(DataError, match=told):
        mask_file(name, f"out-{name}", "audit.json")
    assert not (here / f"out-{name}").exists() and not (here / "audit.json").exists()


def test_no_output_is_an_input_or_another_output(here):
    (here / "in.jsonl").write_text(jsonl(ROWS))
    before = (here / "in.jsonl").read_bytes()
    for settings in (
        {"output": "in.jsonl", "audit": "audit.json"},
        {"output": "out.jsonl", "audit": "./in.jsonl"},
        {"output": "out.jsonl", "audit": "out.jsonl"},
        {"output": "out.jsonl", "audit": "audit.json", "spans": "audit.json"},
        {"output": "out.jsonl", "audit": "key", "key_file": "key", "mode": "surrogate"},
    ):
        with pytest.raises(UsageError, match="would overwrite it|two outputs would be this one file"):
            mask_file("in.jsonl", **settings)
    (here / "vault").write_text("kept")
    with pytest.raises(UsageError, match="vault: a vault is there already, and what it holds could never be put back"):
        mask_file("in.jsonl", "out.jsonl", "audit.json", vault="vault", vault_key_file="key")
    assert (here / "vault").read_text() == "kept"
    with pytest.raises(UsageError, match="keeps the format of in.jsonl. Give it a name that ends in .jsonl"):
        mask_file("in.jsonl", "out.csv", "audit.json")
    assert (here / "in.jsonl").read_bytes() == before


# ── surrogates, keys, vault ───────────────────────────────────────────────────────────────────────────────────────────


def test_with_a_key_two_files_name_the_same_person_alike_and_the_key_is_nowhere(here):
    (here / "a.jsonl").write_text(jsonl([{"text": f"My name is {NAME}."}]))
    (here / "b.csv").write_text(f"text\nMy name is {NAME.upper()}.\n")
    for name in ("a.jsonl", "b.csv"):
        found = mask_file(name, f"out-{name}", f"audit-{name}.json", mode="surrogate", key_file="key")
        assert found["key"] == "project"
    made = re.search(r"name is (.*)\.", (here / "out-a.jsonl").read_text())[1]
    assert made != NAME and made.upper() in (here / "out-b.csv").read_text()
    key = read_key("key")
    for path in here.iterdir():
        content = path.read_bytes()
        assert path.name == "key" or (
            b"an example of a project key" not in content and key.hex().encode() not in content
        )


def test_without_a_key_surrogates_hold_for_one_run_and_that_is_told(here):
    (here / "in.jsonl").write_text(jsonl([{"a": MAIL, "b": f"to {MAIL}"}]))
    told: list[str] = []

    class Listening(SilentProgress):
        def notice(self, text: str) -> None:
            told.append(text)

    for name in ("one", "two"):
        found = mask_file("in.jsonl", f"{name}.jsonl", "audit.json", mode="surrogate", progress=Listening())
    one, two = (read(here / f"{name}.jsonl")[0] for name in ("one", "two"))
    assert one["b"] == f"to {one['a']}" and one != two and found["key"] == "run"
    assert len(told) == 2 and "hold for this run only" in told[0]


def test_a_key_in_a_run_folder_is_refused(here):
    (here / "in.jsonl").write_text(jsonl(ROWS))
    run = here / "run"
    (run / "data").mkdir(parents=True)
    (run / "recipe.yaml").write_text("")
    (run / "key").write_text("an example of a project key, long enough")
    with pytest.raises(UsageError, match="run/key: the key lies in .*run, which is handed on"):
        mask_file("in.jsonl", "run/data/out.jsonl", "audit.json", mode="surrogate", key_file="run/key")


def test_a_vault_gives_back_what_was_replaced(here):
    (here / "in.jsonl").write_text(jsonl(ROWS))
    mask_file("in.jsonl", "out.jsonl", "audit.json", vault="v.vault", vault_key_file="vault-key")
    entries = list(open_vault(here / "v.vault", read_key("vault-key")))
    assert [entry["value"] for entry in entries if entry["row"] == 0] == [NAME, MAIL, "Anna", CARD]
    assert MAIL.encode() not in (here / "v.vault").read_bytes()


def test_a_vault_needs_a_key(here):
    (here / "in.jsonl").write_text(jsonl(ROWS))
    with pytest.raises(UsageError, match="a vault needs a key of its own: --vault-key-file"):
        mask_file("in.jsonl", "out.jsonl", "audit.json", vault="v.vault")


# ── size, and what is left ────────────────────────────────────────────────────────────────────────────────────────────


def test_two_workers_write_the_same_bytes(here):
    (here / "in.jsonl").write_text(jsonl(ROWS * 500))
    for count in (1, 2):
        mask_file(
            "in.jsonl", f"{count}.jsonl", f"{count}.json", spans=f"{count}.s.jsonl", mode="surrogate", key_file="key",
            num_workers=count,
        )  # fmt: skip
    assert (here / "1.jsonl").read_bytes() == (here / "2.jsonl").read_bytes()
    assert (here / "1.s.jsonl").read_bytes() == (here / "2.s.jsonl").read_bytes()


def test_numbers_and_names_of_columns_that_look_personal_are_told(here):
    (here / "in.jsonl").write_text(
        jsonl([{"phone": 15551234567, MAIL: {"card": [4539578763621486]}, "n": 12345678901}] * 2)
    )
    left = mask_file("in.jsonl", "out.jsonl", "audit.json")["left_as_is"]
    told = {(one["where"], one["type"], one["count"]) for one in left}
    assert ("a name in the row", "EMAIL_ADDRESS", 2) in told
    assert any(where.endswith("card[]") and type_ == "CREDIT_CARD" for where, type_, _ in told)
    assert MAIL not in json.dumps([one for one in left if "name" in one["where"]])


def test_only_the_types_and_scores_asked_for(here):
    (here / "in.jsonl").write_text(jsonl(ROWS[:1]))
    assert mask_file("in.jsonl", "out.jsonl", "audit.json", types=["CREDIT_CARD"])["types"] == {"CREDIT_CARD": 1}
    assert mask_file("in.jsonl", "out.jsonl", "audit.json", min_score=1.0)["types"] == {}
    with pytest.raises(UsageError, match="Did you mean `CREDIT_CARD`"):
        mask_file("in.jsonl", "out.jsonl", "audit.json", types=["CREDITCARD"])
