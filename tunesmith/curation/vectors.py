"""Vectors that somebody made of the records, read from a file, and which of them point the same way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tunesmith.errors import DataError, did_you_mean
from tunesmith.files import Row, missing_path, read_rows

BLOCK = 1024
ID_COLUMN, VECTOR_COLUMN = "id", "vector"


def read_vectors(path: str, ids: Sequence[str]) -> np.ndarray:
    """The vector of each id as a row of length 1, (num_ids, size), float32.

    The file has rows ``{"id": …, "vector": [numbers]}`` (.jsonl, .parquet …), or is a .npy with one row per vector and,
    beside it, ``NAME.ids.txt`` with the id of each row in a line.

    Raises:
        DataError: no such file, no such column (with the nearest), ids without a vector, vectors of several lengths or
            that are no direction (zeros, NaN).
    """
    file = Path(path).expanduser()
    if not file.exists():
        raise missing_path(file)
    found_ids, table = _read_array(file) if file.suffix == ".npy" else _read_rows(file)
    place = {name: k for k, name in enumerate(found_ids)}
    missing = [name for name in ids if name not in place]
    if missing:
        raise DataError(
            f"{path}: {len(missing):,} of {len(ids):,} records have no vector, first id {missing[0]}."
            " Make vectors for all of them, keyed by the ids in data/*.jsonl."
        )
    chosen = table[[place[name] for name in ids]]
    lengths = np.linalg.norm(chosen, axis=1)
    wrong = np.flatnonzero(~(np.isfinite(lengths) & (lengths > 0)))
    if len(wrong):
        raise DataError(f"{path}: the vector of id {ids[wrong[0]]} is zero or not finite. Make it again.")
    return chosen / lengths[:, None]


def alike(table: np.ndarray, threshold: float) -> Iterator[tuple[int, int]]:
    """Pairs of rows whose cosine is at least the threshold, the smaller number first."""
    for first in range(0, len(table), BLOCK):
        for second in range(first, len(table), BLOCK):
            cosines = table[first : first + BLOCK] @ table[second : second + BLOCK].T
            for one, other in np.argwhere(cosines >= threshold - 1e-6).tolist():
                if first + one < second + other:
                    yield first + one, second + other


def _read_array(file: Path) -> tuple[list[str], np.ndarray]:
    names = file.with_suffix(".ids.txt")
    if not names.exists():
        raise DataError(f"{names}: missing. It must hold the record id of each row of {file.name}, one a line.")
    try:
        table = np.load(file, allow_pickle=False)
    except (ValueError, OSError, EOFError):
        raise DataError(f"{file}: not an array that numpy can read. Save one with numpy.save.") from None
    ids = names.read_text("utf-8").split()
    if table.ndim != 2 or len(table) != len(ids):
        raise DataError(f"{file}: its shape is {table.shape}, for {len(ids)} ids it must be ({len(ids)}, size).")
    return ids, table.astype(np.float32)


def _read_rows(file: Path) -> tuple[list[str], np.ndarray]:
    ids: list[str] = []
    vectors: list[list[float]] = []
    for row in read_rows(file):
        if not isinstance(row, Row):
            raise row
        ids.append(str(_column(row, ID_COLUMN)))
        vectors.append(_numbers(row, vectors[0] if vectors else None))
    return ids, np.array(vectors, dtype=np.float32).reshape(len(ids), -1)


def _column(row: Row, name: str) -> Any:
    if name not in row.value:
        raise DataError(
            f"{row.source}: no column `{name}`.{did_you_mean(name, row.value)} Its columns: {', '.join(row.value)}."
        )
    return row.value[name]


def _numbers(row: Row, first: list[float] | None) -> list[float]:
    value = _column(row, VECTOR_COLUMN)
    if not isinstance(value, list) or not all(isinstance(x, int | float) for x in value):
        raise DataError(f"{row.source}: `{VECTOR_COLUMN}` must be a list of numbers.")
    if first is not None and len(value) != len(first):
        raise DataError(f"{row.source}: a vector of {len(value)} numbers, where the first has {len(first)}.")
    return value
