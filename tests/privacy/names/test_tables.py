"""The name tables: read from the libraries once, kept, and the same when they cannot be kept."""

from __future__ import annotations

import pytest

from tunesmith.privacy.names import tables


@pytest.fixture
def fresh(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    tables.load_tables.cache_clear()
    yield tmp_path
    tables.load_tables.cache_clear()


def test_the_tables_are_kept_and_read_back_the_same(fresh):
    built = tables.load_tables()
    assert [path.suffix for path in fresh.rglob("*.gz")] == [".gz"]
    tables.load_tables.cache_clear()
    assert tables.load_tables() == built


def test_a_broken_cache_file_is_built_anew(fresh):
    path = tables._cache_file()
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\x1f\x8bbroken")
    assert "maria" in tables.load_tables().first


def test_without_a_writable_folder_the_tables_are_the_same(fresh, monkeypatch):
    built = tables.load_tables()
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null/nowhere")
    tables.load_tables.cache_clear()
    assert tables.load_tables() == built


@pytest.mark.parametrize(
    "word, forms",
    [
        ("José", {"josé", "jose"}),
        ("Jürgen", {"jürgen", "jurgen", "juergen"}),
        ("Łukasz", {"łukasz", "lukasz"}),
        ("Дмитрий", {"дмитрий", "dmitriy"}),
        ("Jean-Pierre", {"jean-pierre", "jean", "pierre"}),
    ],
)
def test_a_name_is_known_in_its_common_spellings(word, forms):
    assert forms <= tables.spellings(word)


@pytest.mark.parametrize(
    "surname, forms",
    [("kowalski", ("kowalska",)), ("ivanov", ("ivanova",)), ("smith", ()), ("yakovlev", ("yakovleva",))],
)
def test_the_women_of_a_slavic_family_are_known_too(surname, forms):
    assert tables.feminine(surname) == forms
