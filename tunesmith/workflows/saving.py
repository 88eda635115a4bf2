"""A folder that is there whole or not at all: how a trained and a merged model are written."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from tunesmith.errors import ResourceError
from tunesmith.training.checkpoint import sync_files


@contextmanager
def written_whole(folder: Path, fix: str, *, replace: bool = False) -> Iterator[Path]:
    """A folder beside ``folder`` to write into, which takes its name when the block has ended well and all is on the disk.

    However else the block ends, what was written is removed and ``folder`` is as it was. With ``replace`` what was in it
    goes; without, it must be missing or empty.

    Raises:
        ResourceError: something could not be written; ``fix`` says what to do.
    """
    staging = folder.with_name(f"{folder.name}.tmp")
    shutil.rmtree(staging, ignore_errors=True)
    try:
        yield staging
        sync_files(staging)
        if replace:
            shutil.rmtree(folder, ignore_errors=True)
        staging.rename(folder)
    except Exception as error:
        if not _is_about_writing(error):
            raise
        raise ResourceError(f"{folder}: could not be written ({error}). {fix}") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _is_about_writing(error: Exception) -> bool:
    """Whether the system refused: tokenizers tells it in a bare Exception, "No space left on device (os error 28)"."""
    return isinstance(error, (OSError, SafetensorError)) or "os error" in str(error)
