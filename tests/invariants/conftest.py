"""Every cell of the table in turn, or those a test names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.invariants.cells import CELLS, Cell, Tuned, tuned
from tests.models import SHAPES, save_tiny
from tunesmith.training import order


@pytest.fixture(scope="session")
def folders(tmp_path_factory) -> dict[str, Path]:
    """The three shapes, with logits further apart than as initialized, so that a small leak shows; T5's are already."""
    root = tmp_path_factory.mktemp("cells")
    return {shape: save_tiny(shape, root / shape, scale=0.8 if shape == "t5" else 2.0) for shape in SHAPES}


@pytest.fixture(params=CELLS, ids=str)
def cell(request) -> Cell:
    return request.param


@pytest.fixture
def fresh(cell: Cell, folders) -> Callable[..., Tuned]:
    """Makes copies of the cell's model with its method attached."""
    return lambda **options: tuned(folders[cell.shape], options.pop("section", cell.section), **options)


@pytest.fixture
def one(fresh) -> Tuned:
    """One such copy, its adapter doing something."""
    return fresh()


@pytest.fixture
def cut_small(monkeypatch) -> Callable[[int], None]:
    """Makes the loop's micro-batches so many tokens at most: those of a few short rows would all be in one."""
    return lambda num_tokens: monkeypatch.setattr(order, "cpu_tokens_per_batch", lambda width: num_tokens)
