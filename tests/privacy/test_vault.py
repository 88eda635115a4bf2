"""The vault: what was replaced comes back with the key, and only whole."""

from __future__ import annotations

import io

import pytest

from tunesmith.errors import DataError
from tunesmith.privacy.mask import Found
from tunesmith.privacy.spans import Span
from tunesmith.privacy.vault import ENTRIES_PER_BLOCK, Vault, open_vault, vault_entry

KEY = bytes(range(32))


def sealed(count: int) -> bytes:
    vault = Vault(KEY, io.BytesIO())
    for row in range(count):
        vault.add(vault_entry(row, Found("a", Span(0, 4, "PERSON", 0.9, "x"), "Anna\ud800", "Dorle")))
    return b"".join(vault.lines())


@pytest.mark.parametrize("count", [0, 1, ENTRIES_PER_BLOCK, 2 * ENTRIES_PER_BLOCK + 1])
def test_every_entry_comes_back(tmp_path, count):
    path = tmp_path / "vault"
    path.write_bytes(sealed(count))
    entries = list(open_vault(path, KEY))
    assert [entry["row"] for entry in entries] == list(range(count))
    assert all(
        (entry["value"], entry["replacement"], entry["type"]) == ("Anna\ud800", "Dorle", "PERSON") for entry in entries
    )


def test_nothing_is_readable_in_a_vault():
    assert b"Anna" not in sealed(3) and b"PERSON" not in sealed(3)


def damaged(lines: list[bytes], how: str) -> list[bytes]:
    if how == "cut":
        return lines[:-1]
    if how == "swapped":
        return [lines[0], lines[2], lines[1], *lines[3:]]
    return [lines[0], lines[1][:50] + b"A" + lines[1][51:], *lines[2:]]


@pytest.mark.parametrize(
    "how, told", [("cut", "cut short"), ("swapped", "out of place"), ("changed", "cannot be decrypted")]
)
def test_a_vault_that_was_touched_is_refused(tmp_path, how, told):
    path = tmp_path / "vault"
    path.write_bytes(b"".join(damaged(sealed(ENTRIES_PER_BLOCK + 1).splitlines(keepends=True), how)))
    with pytest.raises(DataError, match=told):
        list(open_vault(path, KEY))


def test_another_key_or_another_file_is_told(tmp_path):
    path = tmp_path / "vault"
    path.write_bytes(sealed(1))
    with pytest.raises(DataError, match="vault:2: cannot be decrypted: another key"):
        list(open_vault(path, bytes(32)))
    path.write_bytes(b"{}\n")
    with pytest.raises(DataError, match="is no vault"):
        list(open_vault(path, KEY))
