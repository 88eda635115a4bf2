"""A small share of the malformed files; all of them: python benchmarks/malformed.py."""

from __future__ import annotations

import random
import signal
import time

import pytest

from benchmarks import malformed
from tunesmith.curation.sources import read_source


@pytest.fixture(autouse=True)
def alarm():
    """The benchmark sets an alarm; whatever it was before comes back."""
    before = signal.getsignal(signal.SIGALRM)
    yield
    signal.signal(signal.SIGALRM, before)


def test_malformed_files_of_every_kind_are_read_or_refused_with_every_lost_row_named(tmp_path):
    kinds = len(malformed.MAKERS)
    found = malformed.run(tmp_path, 4 * kinds, seed=7, num_curated=kinds, num_cli=0, large=False)
    assert found.problems == []
    assert found.files == 4 * kinds and found.curated == kinds
    assert found.counted > kinds and found.reasons["broken_json"] > 0


def test_every_kind_makes_the_same_file_from_the_same_seed(tmp_path):
    for kind, make in malformed.MAKERS.items():
        made = [make(random.Random(f"3:{kind}"), tmp_path / f"{k}-{kind}") for k in range(2)]
        same = [path.path.read_bytes() if path.path.is_file() and not path.path.is_symlink() else b"" for path in made]
        assert same[0] == same[1] and made[0].rows == made[1].rows, kind


def broken(error: BaseException):
    def read(*args, **settings):
        raise error
        yield

    return read


def lossy(source, report, **settings):
    """Reads as it should, and forgets to name what is dropped."""
    yield from (part for part in read_source(source, report, **settings) if hasattr(part, "messages"))


def slow(source, report, **settings):
    end = time.process_time() + 0.05
    while time.process_time() < end:
        pass
    yield from read_source(source, report, **settings)


FAULTS = [
    ("tracebacks", broken(KeyError("x"))),
    ("hangs", broken(malformed.Hang())),
    ("hangs", slow),
    ("miscounts", lossy),
]


@pytest.mark.parametrize(("kind", "reader"), FAULTS)
def test_a_reader_that_falls_over_hangs_or_forgets_a_row_is_found_out(tmp_path, monkeypatch, kind, reader):
    made = malformed.MAKERS["duplicate_keys"](random.Random(1), tmp_path)
    monkeypatch.setattr(malformed, "read_source", reader)
    monkeypatch.setattr(malformed, "MAX_SECONDS", 0.04 if reader is slow else 5.0)
    found = malformed.Findings()
    malformed.check_file(made, found)
    assert getattr(found, kind)
