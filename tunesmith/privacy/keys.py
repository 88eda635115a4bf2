"""The secret key of a project: read from a file of its own, kept out of everything that is written."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from tunesmith.errors import UsageError
from tunesmith.files import Pathlike

KEY_FILE_VARIABLE = "TUNESMITH_PRIVACY_KEY_FILE"
MIN_KEY_BYTES, MAX_KEY_BYTES = 16, 2**16
MAKE_ONE = "Make one with: (umask 077; head -c 32 /dev/urandom | base64 > FILE)"


def read_key(
    path: Pathlike | None = None, *, variable: str = KEY_FILE_VARIABLE, outside: Iterable[Pathlike] = ()
) -> bytes | None:
    """32 bytes made from a key file: ``path``, or what an environment variable names; None where neither is given.

    The file may hold anything of at least 16 bytes; outer white space does not count. ``outside`` are the folders and
    files that are written or handed on: a key among them would undo what it protects.

    Raises:
        UsageError: the file is not there, cannot be read, is too short, or lies in one of the folders.
    """
    path = path or os.environ.get(variable)
    if path is None or str(path) == "":
        return None
    _refuse_inside(Path(path), outside)
    content = _content(Path(path))
    if len(content) < MIN_KEY_BYTES or len(set(content)) < 6:
        raise UsageError(f"{path}: too weak for a key: at least {MIN_KEY_BYTES} random bytes are needed. {MAKE_ONE}")
    return hashlib.sha256(b"tunesmith key\0" + content).digest()


def _refuse_inside(path: Path, folders: Iterable[Pathlike]) -> None:
    real = Path(os.path.realpath(path))
    for folder in folders:
        place = Path(os.path.realpath(folder))
        if real == place or place in real.parents:
            raise UsageError(
                f"{path}: the key lies in {folder}, which is handed on with the data. Move it somewhere else, such as"
                " ~/.config/tunesmith/."
            )


def _content(path: Path) -> bytes:
    try:
        if path.is_dir() or path.stat().st_size > MAX_KEY_BYTES:
            raise UsageError(f"{path}: is no key file. {MAKE_ONE}")
        return path.read_bytes().strip()
    except OSError as error:
        raise UsageError(
            f"{path}: the key cannot be read ({(error.strerror or 'error').lower()}). {MAKE_ONE}"
        ) from None
