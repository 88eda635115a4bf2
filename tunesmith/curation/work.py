"""The work folder of a curation under way: what is finished in it survives the end of the process, whatever ended it.

.curation/
  work.json          what is being done (a hash of inputs, stages, settings, code); without it the rest counts for nothing
  work.lock          held by the process at work
  00-read/           one folder a step: its files, and journal.jsonl or, for a step that is done at once, step.json
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import secrets
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from tunesmith.errors import ResourceError, UsageError
from tunesmith.files import file_sha256, json_line, read_json, write_json

try:
    import fcntl
except ImportError:  # Windows has no such lock: two processes in one folder are then not kept apart
    fcntl = None

JOURNAL = "journal.jsonl"
OURS = re.compile(r"work\.json|work\.lock|\.work\.json\..*|\d\d-\w+|data")
PACKAGE = Path(__file__).parents[1]
CODE = ("curation/**/*.py", "privacy/**/*.py", "files.py", "records.py")


class Work:
    """A locked work folder.

    Raises:
        ResourceError: another process works in it.
        UsageError: it was begun with another key, or holds what is not ours.
    """

    def __init__(self, folder: Path, fingerprint: str, key: bytes | None = None):
        self.folder = folder
        _refuse_foreign(folder)
        self._lock = _locked(folder / "work.lock")
        try:
            self.goes_on = self._is_same(fingerprint, key)
            if not self.goes_on:
                self._begin(fingerprint, key)
        except BaseException:
            self.close()
            raise

    def step(self, name: str) -> Path:
        """The folder of a step."""
        path = self.folder / name
        path.mkdir(exist_ok=True)
        return path

    def close(self) -> None:
        """Let go of the folder; what is finished in it stays."""
        os.close(self._lock)

    def remove(self) -> None:
        """Delete the folder, first of all what says that its content counts."""
        remove_work(self.folder)

    def __enter__(self) -> Work:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _is_same(self, fingerprint: str, key: bytes | None) -> bool:
        path = self.folder / "work.json"
        if not path.exists():
            return False
        begun = read_json(path)
        if begun["fingerprint"] != fingerprint:
            return False
        if begun["key"] != _key_check(key, begun["key"]):
            raise UsageError(
                f"{self.folder}: this work was begun with another key, and half of the surrogates would differ."
                " Give the same key, or delete that folder to begin anew."
            )
        return True

    def _begin(self, fingerprint: str, key: bytes | None) -> None:
        for path in self.folder.iterdir():
            if path.name == "work.json":
                path.unlink()
        for path in self.folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.name == "work.lock" or path.unlink()
        write_json(self.folder / "work.json", {"fingerprint": fingerprint, "key": _key_check(key, None)})


class Journal:
    """Files that grow together, a part each at a time: after any crash they are as long as the last whole entry says."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.entries: list[dict[str, Any]] = []
        self._sizes: dict[str, int] = {}
        self._streams: dict[str, BinaryIO] = {}
        self._read()

    def add(self, files: Mapping[str, bytes], facts: Mapping[str, Any]) -> None:
        """Append to each file, then say that it is done."""
        for name, content in files.items():
            self._append(name, content)
            self._sizes[name] = self._sizes.get(name, 0) + len(content)
        self._append(JOURNAL, json_line({"facts": facts, "sizes": self._sizes}))

    def close(self) -> None:
        for stream in self._streams.values():
            stream.close()

    def _append(self, name: str, content: bytes) -> None:
        if name not in self._streams:
            self._streams[name] = open(self.folder / name, "ab")
        self._streams[name].write(content)
        self._streams[name].flush()

    def _read(self) -> None:
        """Take the whole entries, and cut off what came after them."""
        path, length = self.folder / JOURNAL, 0
        path.touch()
        for line in path.read_bytes().splitlines(keepends=True):
            entry = _entry(line)
            if entry is None or not self._are_there(entry["sizes"]):
                break
            self.entries.append(entry["facts"])
            self._sizes = entry["sizes"]
            length += len(line)
        for file in self.folder.iterdir():
            os.truncate(file, length if file == path else self._sizes.get(file.name, 0))

    def _are_there(self, sizes: Mapping[str, int]) -> bool:
        found = {file.name: file.stat().st_size for file in self.folder.iterdir()}
        return all(found.get(name, -1) >= size for name, size in sizes.items())


def _entry(line: bytes) -> dict[str, Any] | None:
    try:
        return json.loads(line) if line.endswith(b"\n") else None
    except ValueError:
        return None


def fingerprint(value: Any) -> str:
    """Hash of a JSON value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def code_sha256(functions: Iterable[Callable[..., Any]]) -> str:
    """Hash of the code the result depends on: ours, as it was when first asked for, and the files that the functions of
    others stand in."""
    modules = (sys.modules.get(function.__module__) for function in functions)
    paths = {Path(path) for module in modules if (path := getattr(module, "__file__", None)) is not None}
    others = [path for path in paths if path.is_file() and not path.is_relative_to(PACKAGE)]
    return fingerprint([_package_sha256(PACKAGE), *sorted(file_sha256(path) for path in others)])


@functools.cache
def _package_sha256(package: Path) -> str:
    paths = sorted(path for pattern in CODE for path in package.glob(pattern))
    return fingerprint([(str(path.relative_to(package)), file_sha256(path)) for path in paths])


def _key_check(key: bytes | None, known: Mapping[str, str] | None) -> dict[str, str] | None:
    """What tells this key from another without telling what it is: 4 bytes of a slow salted hash, which 2**(n - 32) of
    all keys of n bits share."""
    if key is None:
        return None
    salt = bytes.fromhex(known["salt"]) if known is not None else secrets.token_bytes(16)
    digest = hashlib.scrypt(key, salt=salt, n=2**14, r=8, p=1, dklen=4)
    return {"salt": salt.hex(), "check": digest.hex()}


def remove_work(folder: Path) -> None:
    """Delete a work folder, first of all what says that its content counts."""
    (folder / "work.json").unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def _refuse_foreign(folder: Path) -> None:
    """What is not ours is never deleted."""
    names = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
    foreign = [name for name in names if not OURS.fullmatch(name)]
    if foreign:
        raise UsageError(
            f"{folder}: holds {foreign[0]}, which is no work of ours. Move it, or choose another --output."
        )


def _locked(path: Path) -> int:
    """A descriptor that holds the lock until it is closed or the process ends; the folder is made where it is missing."""
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            if fcntl is None:
                return descriptor
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.exists() and os.path.samestat(os.fstat(descriptor), os.stat(path)):
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            raise ResourceError(
                f"{path.parent}: another process is at work there. Wait for it, stop it, or choose another --output."
            ) from None
        os.close(descriptor)  # whoever held it has ended and deleted the folder meanwhile
