"""What the system says becomes one line that a person can act on."""

from __future__ import annotations

import errno
import os

import pytest

from tunesmith.errors import ResourceError
from tunesmith.system_errors import OUTPUT_DIR, explained_writing, is_resource, resource_error


@pytest.mark.parametrize(
    "number, words",
    [
        (errno.ENOSPC, "the disk is full. Make room"),
        (errno.EACCES, "no permission. Change its owner or mode"),
        (errno.EROFS, "the file system is read-only."),
        (errno.EDQUOT, "the disk quota is used up."),
        (errno.EFBIG, "larger than the system allows"),
        (errno.EIO, "the disk fails"),
        (errno.ENOTDIR, "a part of the path is a file"),
    ],
)
def test_what_the_system_says_becomes_one_line_with_path_and_fix(number, words):
    told = resource_error(OSError(number, os.strerror(number), "runs/a/metrics.jsonl"))
    assert str(told).startswith(f"runs/a/metrics.jsonl: {words}") and told.exit_code == 5
    assert "\n" not in str(told)
    assert str(resource_error(OSError(number, "x"))).startswith(words[0].upper() + words[1:])


def test_another_place_is_advised_only_where_something_is_written():
    error = PermissionError(errno.EACCES, "Permission denied", "models/m/recipe.yaml")
    assert str(resource_error(error)) == "models/m/recipe.yaml: no permission. Change its owner or mode."
    assert str(resource_error(error, "runs/a")).endswith("owner or mode, or choose another path.")
    told = resource_error(error, "runs/a", elsewhere=OUTPUT_DIR)
    assert str(told).endswith("owner or mode, or choose another --output-dir.")


def test_what_has_no_words_of_ours_is_told_in_the_words_of_the_system_and_is_no_resource_error_by_itself():
    error = FileNotFoundError(errno.ENOENT, "No such file or directory")
    assert not is_resource(error)
    words = r"^a/b: cannot be written \(No such file or directory\)\. Choose another path\.$"
    with pytest.raises(ResourceError, match=words), explained_writing("a/b"):
        raise error
