"""What the system says when a file cannot be written, in one line: what, where, and what to do."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from tunesmith.errors import ResourceError

# What the system says, in words; and how the advice goes on where another place would do.
PROBLEMS = {
    errno.ENOSPC: ("the disk is full. Make room", ", or choose another"),
    errno.EDQUOT: ("the disk quota is used up. Make room", ", or choose another"),
    errno.EFBIG: ("larger than the system allows a file to be (ulimit -f). Raise the limit", ""),
    errno.EACCES: ("no permission. Change its owner or mode", ", or choose another"),
    errno.EPERM: ("not permitted. Change its owner or mode", ", or choose another"),
    errno.EROFS: ("the file system is read-only", ". Choose another"),
    errno.EMFILE: ("too many open files (ulimit -n). Raise the limit", ""),
    errno.ENAMETOOLONG: ("the name is too long. Choose a shorter one", ""),
    errno.ENOTDIR: ("a part of the path is a file, not a folder", ". Choose another"),
    errno.EEXIST: ("a part of the path is a file, not a folder", ". Choose another"),
    errno.EISDIR: ("a folder, where a file is to be", ". Choose another"),
    errno.EIO: ("the disk fails (input/output error). Check the disk", ""),
}
OUTPUT_DIR = "--output-dir"


def is_resource(error: OSError) -> bool:
    """Whether an error is about what the machine has or allows, and not about a mistake of ours."""
    return error.errno in PROBLEMS


def resource_error(
    error: OSError, path: str | os.PathLike[str] | None = None, *, elsewhere: str = "path"
) -> ResourceError:
    """What the system could not do, in one line with the path and the fix.

    ``path`` is what was to be written, and ``elsewhere`` what to say otherwise to have it written in another place.
    """
    where = error.filename if error.filename is not None else path
    problem, advice = PROBLEMS.get(error.errno, (f"cannot be written ({error.strerror or error})", ". Choose another"))
    text = f"{problem}{f'{advice} {elsewhere}' if advice and path is not None else ''}."
    return ResourceError(
        f"{os.fspath(where)}: {text}" if isinstance(where, (str, os.PathLike)) else text[0].upper() + text[1:]
    )


@contextmanager
def explained_writing(path: str | os.PathLike[str], *, elsewhere: str = "path") -> Iterator[None]:
    """Turn an `OSError` into a `ResourceError` that names the path (see `resource_error`)."""
    try:
        yield
    except OSError as error:
        raise resource_error(error, path, elsewhere=elsewhere) from error
