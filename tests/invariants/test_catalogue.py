"""Every bug of the catalogue has an invariant here, or says why it has none."""

from __future__ import annotations

import ast
import re
from pathlib import Path

HERE = Path(__file__).parent
CATALOGUE = [*(f"L{n}" for n in range(1, 25)), *(f"P{n}" for n in range(1, 15)), *(f"D{n}" for n in range(1, 12))]

ELSEWHERE = {
    "D4": "workflows/test_tune.py::test_a_checkpoint_belongs_to_the_very_examples_it_was_trained_on",
    "D9": "evaluation/test_metrics.py",
    "D10": "evaluation/test_runner.py",
    "D11": "curation/test_split.py",
}
"""Invariants of other rooms, tested there; ids are never cached, so a stale cache can only be a stale checkpoint (D4)."""

NOT_BUILT = {
    "L2": "training runs in one process so far",
    "L6": "evaluation runs in one process so far",
    "L23": "preference objectives are not built yet",
}


def cited(folder: Path) -> dict[str, list[str]]:
    """Catalogue number → the tests in the folder whose docstring begins with it (or with several)."""
    found: dict[str, list[str]] = {}
    for file in sorted(folder.glob("test_*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            text = ast.get_docstring(node) if isinstance(node, ast.FunctionDef) else None
            numbers = re.match(r"[LPD]\d+(?:, [LPD]\d+)*\b", text or "")
            for number in numbers[0].split(", ") if numbers else ():
                found.setdefault(number, []).append(f"{file.name}::{node.name}")
    return found


def test_every_number_of_the_catalogue_is_cited_or_explained():
    known = cited(HERE).keys() | ELSEWHERE.keys() | NOT_BUILT.keys()
    assert [number for number in CATALOGUE if number not in known] == []
    assert not cited(HERE).keys() - set(CATALOGUE)
    assert not NOT_BUILT.keys() & cited(HERE).keys()


def test_every_invariant_cites_the_catalogue():
    tests = {
        f"{file.name}::{node.name}"
        for file in HERE.glob("test_*.py")
        if file.name != Path(__file__).name
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }
    assert sorted(tests - {test for tests in cited(HERE).values() for test in tests}) == []


def test_the_tests_of_other_rooms_are_there():
    for test in ELSEWHERE.values():
        file, _, name = test.partition("::")
        assert f"def {name}" in (HERE.parent / file).read_text("utf-8")
