"""The invariants would notice the bugs others shipped: each is put back, and a test has to fail."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutations.run import ROOT, mutated
from tests.mutations.table import MUTANTS, Mutant


def score(*options: str) -> str:
    """What the runner prints, from a process of its own: nothing of ours may be imported before a mutant is."""
    command = [sys.executable, "-m", "tests.mutations.run", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1200)
    print(done.stdout, done.stderr[-2000:])
    return done.stdout + done.stderr


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_fits_the_source_and_is_code(mutant: Mutant):
    """The source moved: the table has to move with it."""
    text = mutated(mutant)
    compile(text, mutant.file, "exec")
    assert text != (ROOT / "tunesmith" / mutant.file).read_text("utf-8")


def test_every_mutant_has_a_name_of_its_own_a_number_of_the_catalogue_and_somebody_who_shipped_it():
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)
    assert all(re.fullmatch(r"[LPD]\d{1,2}", mutant.number) for mutant in MUTANTS)
    assert all(mutant.shipped_by and mutant.tests for mutant in MUTANTS)
    assert len({(mutant.file, mutant.edits) for mutant in MUTANTS}) == len(MUTANTS)


def test_the_table_is_as_long_as_it_should_be():
    assert len(MUTANTS) >= 60
    assert len({mutant.number for mutant in MUTANTS}) >= 30
    assert 8 <= sum(mutant.quick for mutant in MUTANTS) <= 12


def test_the_tests_a_mutant_names_are_there():
    for name in {test.partition("::")[0] for mutant in MUTANTS for test in mutant.tests}:
        assert Path(ROOT, "tests", name).is_file(), name


def test_a_mutant_that_does_not_fit_the_source_is_an_error():
    with pytest.raises(ValueError, match="is no longer in tunesmith/errors.py; bring the mutant up to date"):
        mutated(Mutant("L1", "gone", "nobody", "errors.py", (("this text is not there", ""),), ("x",)))
    with pytest.raises(ValueError, match="there is no tunesmith/nowhere.py any more"):
        mutated(Mutant("L1", "gone", "nobody", "nowhere.py", (("a", "b"),), ("x",)))


def test_the_quick_mutants_are_killed():
    count = sum(mutant.quick for mutant in MUTANTS)
    assert f"mutation score: {count} of {count} killed" in score("--quick")


@pytest.mark.slow
def test_every_mutant_is_killed():
    assert f"mutation score: {len(MUTANTS)} of {len(MUTANTS)} killed" in score()
