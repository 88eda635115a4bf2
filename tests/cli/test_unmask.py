"""`tunesmith data unmask`: what a person reads, what a machine reads, and what is refused."""

from __future__ import annotations

import json

import pytest

from tests.cli.doubles import call

MASK = ("data", "mask", "a.jsonl", "-o", "m.jsonl", "--audit", "audit.json", "--vault", "v", "--vault-key-file", "key")
UNMASK = ("data", "unmask", "m.jsonl", "--output", "back.jsonl", "--vault", "v")


@pytest.fixture
def here(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TUNESMITH_VAULT_KEY_FILE", raising=False)
    (tmp_path / "key").write_text("an example of a key, long enough")
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": "Mail anna.weber@acme.org"}) + "\n")
    assert call(capsys, *MASK)[0] == 0
    return tmp_path


def test_unmask_tells_what_came_back_and_that_it_is_personal_again(here, capsys):
    code, out, _ = call(capsys, *UNMASK, "--vault-key-file", "key")
    assert code == 0 and (here / "back.jsonl").read_bytes() == (here / "a.jsonl").read_bytes()
    assert "rows    1 read and written, 1 changed" in out and "values  1 put back" in out and "back.jsonl" in out
    assert "holds personal data again" in out and "anna" not in out


def test_unmask_json_is_one_object_and_the_key_may_come_from_the_environment(here, capsys, monkeypatch):
    monkeypatch.setenv("TUNESMITH_VAULT_KEY_FILE", "key")
    code, out, _ = call(capsys, *UNMASK, "--json")
    assert code == 0 and json.loads(out) == {
        "input": "m.jsonl", "output": "back.jsonl", "vault": "v", "num_rows": 1, "num_rows_changed": 1, "num_spans": 1
    }  # fmt: skip


def test_without_a_key_nothing_is_written(here, capsys):
    code, out, err = call(capsys, *UNMASK)
    assert code == 2 and "--vault-key-file" in err and out == "" and not (here / "back.jsonl").exists()
