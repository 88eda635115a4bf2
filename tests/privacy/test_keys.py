"""The key of a project: read from its own file, refused where it is weak or lies with the data."""

from __future__ import annotations

import pytest

from tunesmith.errors import UsageError
from tunesmith.privacy.keys import KEY_FILE_VARIABLE, read_key

SECRET = b"Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MA=="


@pytest.fixture
def key_file(tmp_path):
    path = tmp_path / "keys" / "project.key"
    path.parent.mkdir()
    path.write_bytes(SECRET + b"\n")
    return path


def test_a_key_is_32_bytes_that_follow_from_the_file(key_file, tmp_path):
    other = tmp_path / "other.key"
    other.write_bytes(b"  " + SECRET)
    key = read_key(key_file)
    assert len(key) == 32 and SECRET not in key and key == read_key(other)


def test_without_a_file_there_is_no_key(monkeypatch):
    monkeypatch.delenv(KEY_FILE_VARIABLE, raising=False)
    assert read_key() is None


def test_the_environment_can_name_the_file(key_file, monkeypatch):
    monkeypatch.setenv(KEY_FILE_VARIABLE, str(key_file))
    assert read_key() == read_key(key_file)


def test_a_key_inside_a_folder_that_is_handed_on_is_refused(key_file, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(key_file)
    for path in (key_file, link):
        with pytest.raises(UsageError, match="the key lies in .* which is handed on with the data. Move it"):
            read_key(path, outside=[key_file.parent])
    assert read_key(key_file, outside=[tmp_path / "runs"])


@pytest.mark.parametrize(
    "content, told", [(b"short", "too weak for a key"), (b"\0" * 64, "too weak"), (b"ab" * 40, "weak")]
)
def test_a_weak_key_is_refused_and_the_way_to_a_good_one_told(tmp_path, content, told):
    path = tmp_path / "key"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=f"{told}.*Make one with: .*urandom"):
        read_key(path)


def test_a_key_that_cannot_be_read_is_one_line(tmp_path):
    with pytest.raises(UsageError, match="the key cannot be read \\(no such file"):
        read_key(tmp_path / "none")
    with pytest.raises(UsageError, match="is no key file"):
        read_key(tmp_path)
