"""The way back, for those who ask for it: what stood where, encrypted, in a file of its own under a key of its own.

Without a vault masking cannot be undone. A vault is as sensitive as the data: keep it, and its key, away from the masked
file. Format: a header line, then one Fernet token (AES-128-CBC with HMAC-SHA256) a line, each a block of entries that
knows its number, and an empty block at the end: what is cut off, put elsewhere or changed is noticed.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from cryptography.fernet import Fernet, InvalidToken

from tunesmith.errors import DataError
from tunesmith.files import Pathlike
from tunesmith.privacy.mask import Found

HEADER = b"tunesmith-vault-1\n"
ENTRIES_PER_BLOCK = 1000


def vault_entry(row: int, found: Found) -> dict[str, Any]:
    """``{row, field, start, end, type, value, replacement}``; offsets are those in the text before."""
    return {"row": row, **found.to_dict(), "value": found.value, "replacement": found.fake}


class Vault:
    """A vault under way: entries go in, lines of the finished file come out; nothing is kept in the clear on disk."""

    def __init__(self, key: bytes, stream: BinaryIO):
        self._cipher, self._stream = Fernet(base64.urlsafe_b64encode(key)), stream
        self._entries: list[dict[str, Any]] = []
        self._number = 0
        stream.write(HEADER)

    def add(self, entry: dict[str, Any]) -> None:
        self._entries.append(entry)
        if len(self._entries) == ENTRIES_PER_BLOCK:
            self._write_block()

    def lines(self) -> Iterator[bytes]:
        """Every line, the last block and the end mark included."""
        if self._entries:
            self._write_block()
        self._write_block()
        self._stream.seek(0)
        yield from self._stream

    def _write_block(self) -> None:
        text = json.dumps({"block": self._number, "entries": self._entries})
        self._stream.write(self._cipher.encrypt(text.encode()) + b"\n")
        self._number, self._entries = self._number + 1, []


def open_vault(path: Pathlike, key: bytes) -> Iterator[dict[str, Any]]:
    """The entries of a vault, in order.

    Raises:
        DataError: the file is no vault, the key is another one, or the file was cut short or changed.
    """
    cipher = Fernet(base64.urlsafe_b64encode(key))
    with open(path, "rb") as stream:
        if stream.readline() != HEADER:
            raise DataError(f"{path}: is no vault of `tunesmith data mask`.")
        is_whole = False
        for number, line in enumerate(stream):
            entries = _block(Path(path), cipher, number, line)
            is_whole = not entries
            yield from entries
    if not is_whole:
        raise DataError(f"{path}: the vault is cut short: its last block is missing.")


def _block(path: Path, cipher: Fernet, number: int, line: bytes) -> list[dict[str, Any]]:
    try:
        block = json.loads(cipher.decrypt(line.strip()).decode())
    except InvalidToken:
        raise DataError(f"{path}:{number + 2}: cannot be decrypted: another key, or the vault was changed.") from None
    if block["block"] != number:
        raise DataError(f"{path}:{number + 2}: a block of the vault is missing or out of place.")
    return block["entries"]
