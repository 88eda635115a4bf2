"""Rows out of a file and back into one of the same format, each in its place."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import itertools
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow
import pyarrow.parquet

from tunesmith.errors import DataError, RowError, UsageError
from tunesmith.files import SUFFIXES, WRAPPERS, RawLine, Row, json_line, read_json, read_raw_rows, read_rows

Value = dict[str, Any] | bytes | None
"""A masked row: its columns, its own bytes where nothing changed, or None for one that could not be read."""
BATCH_ROWS = 256


@dataclass(frozen=True)
class Format:
    """How a type of file is read and written: ``write(input, rows)`` gives the bytes of the output."""

    read: Callable[[Path], Iterator[RawLine | Row | RowError]]
    write: Callable[[Path, Iterator[Value]], Iterator[bytes]]


def _some(path: Path, values: Iterator[Value]) -> Iterator[Value]:
    """The values, at least one. Raises `DataError` where there is none."""
    first = next(values, ...)
    if first is ...:
        raise DataError(f"{path}: has no rows.")
    return itertools.chain([first], values)


# ── JSON lines ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _write_jsonl(path: Path, values: Iterator[Value]) -> Iterator[bytes]:
    for value in _some(path, values):
        yield value if isinstance(value, bytes) else json_line(value or {})


# ── JSON ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _write_json(path: Path, values: Iterator[Value]) -> Iterator[bytes]:
    """An array, an object around an array, one object; or lines, where the file holds lines."""
    try:
        whole = read_json(path)
    except DataError:
        yield from _write_jsonl(path, values)
        return
    rows = _some(path, values)
    if isinstance(whole, list):
        yield from _array(rows)
        return
    wrapper = _wrapper(whole)
    if wrapper is None:
        yield json_line(next(rows) or {})
        for _ in rows:  # the one row was the only one; let the reader end
            pass
        return
    beside = {key: value for key, value in whole.items() if key != wrapper}
    if beside:
        raise DataError(
            f"{path}: beside the rows in `{wrapper}` it holds {', '.join(f'`{key}`' for key in beside)}, which would not be"
            " masked. Put the rows into a file of their own (.jsonl)."
        )
    yield json_line({wrapper: None})[: -len(b"null}\n")]
    yield from _array(rows, end=b"]}\n")


def _array(rows: Iterable[Value], end: bytes = b"]\n") -> Iterator[bytes]:
    yield b"[\n"
    for number, value in enumerate(rows):
        yield (b",\n" if number else b"") + json_line(value or {}).rstrip(b"\n")
    yield b"\n" + end


def _wrapper(whole: dict[str, Any]) -> str | None:
    """The name under which an object holds its rows, as `read_rows` takes it."""
    for name in WRAPPERS:
        if isinstance(whole.get(name), list) and any(isinstance(item, dict) for item in whole[name]):
            return name
    return None


# ── CSV and TSV ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _write_csv(path: Path, values: Iterator[Value]) -> Iterator[bytes]:
    yield from _write_table(path, values, max(",;\t", key=_first_line(path).count))


def _write_tsv(path: Path, values: Iterator[Value]) -> Iterator[bytes]:
    yield from _write_table(path, values, "\t")


def _write_table(path: Path, values: Iterator[Value], delimiter: str) -> Iterator[bytes]:
    header: list[str] = []
    num_early = 0
    yield codecs.BOM_UTF8 if _first_line(path).startswith("\ufeff") else b""  # spreadsheets know UTF-8 by it
    for value in _some(path, values):
        if not header and value is None:
            num_early += 1
            continue
        if not header:
            header = list(value)
            yield _table_line(header, delimiter)
            yield _table_line([""] * len(header), delimiter) * num_early
        yield _table_line([value[name] for name in header] if value is not None else [""] * len(header), delimiter)
    if not header:
        raise DataError(f"{path}: none of its rows can be read.")


def _table_line(cells: list[str], delimiter: str) -> bytes:
    line = io.StringIO()
    csv.writer(line, delimiter=delimiter, lineterminator="\n").writerow(cells)
    return line.getvalue().encode()


def _first_line(path: Path) -> str:
    """The header, read roughly: of UTF-16 every other byte is a zero."""
    with gzip.open(path) if path.name.lower().endswith(".gz") else open(path, "rb") as stream:
        return stream.readline(2**20).replace(b"\0", b"").decode("utf-8", "replace")


# ── Parquet ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _read_parquet(path: Path) -> Iterator[Row | RowError]:
    """Rows with the columns that hold text, and those of whole numbers, which are only looked at."""
    bad = next((row for row in read_rows(path) if isinstance(row, RowError)), None)
    if bad is not None:
        raise DataError(f"{bad} Nothing was written. Fix the row: a Parquet file has no place for an empty one.")
    number = 0
    with _open_parquet(path) as file:
        fields = [
            field for field in file.schema_arrow if _holds_text(field.type) or pyarrow.types.is_integer(field.type)
        ]
        names = [field.name for field in fields]
        for batch in file.iter_batches(BATCH_ROWS, columns=names):
            for value in batch.to_pylist() if names else [{}] * batch.num_rows:
                number += 1
                yield Row(value, str(path), number)


def _write_parquet(path: Path, values: Iterator[Value]) -> Iterator[bytes]:
    """The file with other texts: the same schema, all other columns as they are."""
    values = _some(path, values)
    with _open_parquet(path) as file, tempfile.TemporaryFile() as made:
        with pyarrow.parquet.ParquetWriter(made, file.schema_arrow, compression="zstd") as writer:
            for batch in file.iter_batches(BATCH_ROWS):
                rows = list(itertools.islice(values, batch.num_rows))
                writer.write_batch(_with_columns(batch, rows))
        made.seek(0)
        yield from iter(lambda: made.read(2**20), b"")
    for _ in values:
        raise AssertionError("as many rows as were read")


def _with_columns(batch: pyarrow.RecordBatch, rows: list[dict[str, Any]]) -> pyarrow.RecordBatch:
    columns = [
        pyarrow.array([row[field.name] for row in rows], type=field.type) if _holds_text(field.type) else column
        for field, column in zip(batch.schema, batch.columns)
    ]
    return pyarrow.RecordBatch.from_arrays(columns, schema=batch.schema)


def _holds_text(kind: pyarrow.DataType) -> bool:
    if pyarrow.types.is_dictionary(kind):
        return _holds_text(kind.value_type)
    is_text = pyarrow.types.is_string(kind) or pyarrow.types.is_large_string(kind) or pyarrow.types.is_string_view(kind)
    return is_text or any(_holds_text(kind.field(k).type) for k in range(kind.num_fields))


def _open_parquet(path: Path) -> pyarrow.parquet.ParquetFile:
    if not path.name.lower().endswith(".gz"):
        return pyarrow.parquet.ParquetFile(path)
    unzipped: BinaryIO = tempfile.TemporaryFile()
    with gzip.open(path) as stream:
        shutil.copyfileobj(stream, unzipped)
    unzipped.seek(0)
    return pyarrow.parquet.ParquetFile(unzipped)


FORMATS = {
    ".jsonl": Format(read_raw_rows, _write_jsonl),
    ".json": Format(read_rows, _write_json),
    ".csv": Format(read_rows, _write_csv),
    ".tsv": Format(read_rows, _write_tsv),
    ".parquet": Format(_read_parquet, _write_parquet),
}


def format_of(path: Path, output: Path) -> Format:
    """How the file is read and written.

    Raises:
        DataError: it is none that can be read.
        UsageError: the output has another format.
    """
    suffix = _known_suffix(path)
    if suffix is None or not path.is_file():
        next(read_rows(path), None)  # says what is wrong with it
    if _known_suffix(output) != suffix:
        raise UsageError(f"{output}: the output keeps the format of {path}. Give it a name that ends in {suffix}.")
    return FORMATS[suffix]


def _known_suffix(path: Path) -> str | None:
    return next((suffix for suffix in SUFFIXES if path.name.lower().removesuffix(".gz").endswith(suffix)), None)
