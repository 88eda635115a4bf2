"""Reading other people's rows without ever falling over, and writing our own files without ever losing one.

Reading: JSON lines, JSON, CSV, TSV and Parquet, each also gzipped, in UTF-8 (with or without BOM) or UTF-16. A bad row
is yielded as a `RowError` that knows its ``path:line``; only a file that cannot be read at all raises `DataError`.
Writing: into a temporary file beside the target, synced, then renamed, so that a file is whole or not there.
"""

from __future__ import annotations

import base64
import codecs
import csv
import datetime
import decimal
import gzip
import hashlib
import io
import json
import math
import os
import stat
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import pyarrow
import pyarrow.parquet

from tunesmith.errors import DataError, RowError, UsageError, did_you_mean
from tunesmith.system_errors import resource_error

SUFFIXES = (".jsonl", ".json", ".csv", ".tsv", ".parquet")
MAX_LINE_BYTES = 64 * 2**20
MAX_DOCUMENT_BYTES = 256 * 2**20
MAX_DEPTH = 100
# Deflate shrinks to 1/1032 at most; real text stays above 1/50. Small files may be as repetitive as they like.
MAX_RATIO, GUARD_BYTES = 200, 256 * 2**20
CHUNK_BYTES = 2**20
WRAPPERS = ("data", "rows", "records", "examples", "items", "samples", "train")

Pathlike = str | os.PathLike[str]


@dataclass(frozen=True)
class Row:
    """One parsed row and where it stands.

    ``line`` counts from 1: the physical line of a text file (for CSV the first line of the row), the element of a JSON
    array, the row of a Parquet file.
    """

    value: dict[str, Any]
    path: str
    line: int

    @property
    def source(self) -> str:
        return f"{self.path}:{self.line}"


def read_rows(path: Pathlike) -> Iterator[Row | RowError]:
    """Yield every row of one file, in order; a bad one as a `RowError` with its ``path:line`` and the reason.

    Text is read as a stream. Reasons: ``broken_json``, ``not_an_object``, ``not_utf8``, ``nul_byte``,
    ``duplicate_key``, ``not_a_number``, ``nested_too_deep``, ``lone_surrogate``, ``line_too_long``, ``ragged_row``,
    ``broken_csv``, ``unreadable_value``.

    Raises:
        DataError: the file is missing, a folder, not readable, of an unknown type, damaged, or a decompression bomb.
    """
    path = Path(path)
    reader = READERS[_suffix(path)]
    with _explained_reading(path), _open_binary(path) as stream:
        yield from reader(path, stream)


class RawLine(NamedTuple):
    """A line of a JSON-lines file, to be parsed later or by another process (see `parse_raw`)."""

    path: str
    number: int
    text: bytes


def read_raw_rows(path: Pathlike) -> Iterator[RawLine | Row | RowError]:
    """What `read_rows` yields, with the lines of a JSON-lines file not parsed yet. Raises `DataError` as it does."""
    path = Path(path)
    if READERS[_suffix(path)] is not _read_jsonl:
        yield from read_rows(path)
        return
    with _explained_reading(path), _open_binary(path) as stream:
        for number, line in _lines(stream):
            if line.strip():
                yield RawLine(str(path), number, line)


def count_lines(path: Pathlike) -> int:
    """How many lines a file has, the last one with or without its end. Raises `DataError` where it cannot be read."""
    count, block = 0, b"\n"
    with _explained_reading(Path(path)), _open_regular(Path(path)) as stream:
        while more := stream.read(CHUNK_BYTES):
            count, block = count + more.count(b"\n"), more
    return count + (not block.endswith(b"\n"))


def parse_raw(raw: RawLine | Row | RowError) -> Row | RowError:
    """The row of a raw line; what is parsed already stays as it is."""
    return _row_of_line(Path(raw.path), raw.number, raw.text) if isinstance(raw, RawLine) else raw


def checked_row(value: Any, path: str, line: int) -> Row | RowError:
    """A row from Python values (of a hub dataset), with the same care as one from a file."""
    return _row(_plain(value), path, line)


def is_supported(path: Pathlike) -> bool:
    """Whether `read_rows` knows this type of file by its name."""
    return _bare_name(Path(path)).endswith(SUFFIXES)


def read_jsonl(path: Pathlike) -> list[dict[str, Any]]:
    """All rows of a JSON-lines file of our own. Raises `DataError` with ``path:line`` at the first bad one."""
    path = Path(path)
    with _explained_reading(path), _open_binary(path) as stream:
        return [_own_row(f"{path}:{number}", line) for number, line in _lines(stream) if line.strip()]


def _own_row(source: str, line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        raise DataError(f"{source}: not valid JSON. Was the file cut short or edited?") from None
    if not isinstance(value, dict):
        raise DataError(f"{source}: a row must be an object, got {_json_type(value)}. Was the file edited?")
    return value


def read_json(path: Pathlike) -> Any:
    """The value in a JSON file of our own. Raises `DataError` where it is missing or broken."""
    path = Path(path)
    with _explained_reading(path), _open_binary(path) as stream:
        text = _document(path, stream)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not valid JSON ({_json_problem(error)}). Was the file cut short or edited?") from None


def write_jsonl(path: Pathlike, rows: Iterable[Mapping[str, Any]]) -> int:
    """Write one JSON object per line and return how many; gzipped where the name ends in .gz. Whole or not at all."""
    count = 0
    with _atomic(Path(path)) as stream:
        for row in rows:
            stream.write(json_line(row))
            count += 1
    return count


def json_line(row: Mapping[str, Any]) -> bytes:
    """A row as it stands in a JSON-lines file of ours, line feed included."""
    return _json_bytes(row) + b"\n"


def write_lines(path: Pathlike, lines: Iterable[bytes]) -> None:
    """Write lines that are made already, as they are. Whole or not at all."""
    with _atomic(Path(path)) as stream:
        stream.writelines(lines)


def write_json(path: Pathlike, value: Any) -> None:
    """Write a value as indented JSON, whole or not at all. NaN and infinity become null: they are no numbers."""
    with _atomic(Path(path)) as stream:
        stream.write(_json_bytes(value, indent=2) + b"\n")


def write_text(path: Pathlike, text: str) -> None:
    """Write text as UTF-8, whole or not at all."""
    with _atomic(Path(path)) as stream:
        stream.write(text.encode("utf-8", "backslashreplace"))


def file_sha256(path: Pathlike) -> str:
    """SHA-256 of a file's bytes, in hex."""
    with _explained_reading(Path(path)), _open_regular(Path(path)) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def refuse_overwriting(inputs: Iterable[Pathlike], outputs: Pathlike | Iterable[Pathlike]) -> None:
    """Make sure that no output is one of the inputs, under whatever name or link. Raises `UsageError` naming it."""
    written = [outputs] if isinstance(outputs, (str, os.PathLike)) else list(outputs)
    for source in inputs:
        for output in written:
            if _is_same_file(source, output):
                raise UsageError(
                    f"{output}: this output is the input {source} and would overwrite it. Choose another output."
                )


def missing_path(path: Pathlike) -> DataError:
    """The error for a path that does not exist, with the nearest name in the last folder that does."""
    path = Path(path)
    missing, there = path.name, path
    while not there.exists() and there != there.parent:
        missing, there = there.name, there.parent
    names = os.listdir(there) if there.is_dir() else []
    if path.is_symlink():
        return DataError(f"{path}: a link to {os.readlink(path)}, which is not there. Check the path.")
    stem = Path(missing).stem  # the ending alone makes no two names alike
    near = did_you_mean(missing, [name for name in names if did_you_mean(stem, [Path(name).stem])])
    known = f" The folder {there} is there." if there != path.parent and there != Path(".") else ""
    return DataError(f"{path}: no such file or folder.{near or known or ' Check the path.'}")


# ── opening ────────────────────────────────────────────────────────────────────────────────


def _bare_name(path: Path) -> str:
    return path.name.lower().removesuffix(".gz")


def _suffix(path: Path) -> str:
    for suffix in SUFFIXES:
        if _bare_name(path).endswith(suffix):
            return suffix
    if path.is_dir():
        raise DataError(f"{path}: is a folder where a file is expected. Name one file in it.")
    if not path.exists():
        raise missing_path(path)
    raise DataError(f"{path}: unknown file type. Use one of {' '.join(SUFFIXES)}, each also with .gz.")


@contextmanager
def _explained_reading(path: Path) -> Iterator[None]:
    """Turn what the system or a decoder says about an unreadable file into one line."""
    try:
        yield
    except FileNotFoundError:
        raise missing_path(path) from None
    except IsADirectoryError:
        raise DataError(f"{path}: is a folder where a file is expected. Name one file in it.") from None
    except PermissionError:
        raise DataError(f"{path}: no permission to read it. Change its mode or owner (chmod u+r).") from None
    except EOFError:
        raise DataError(f"{path}: the compressed file ends too early. Download or compress it again.") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path}: damaged or not gzip ({error}). Download or compress it again.") from None
    except (pyarrow.ArrowException, UnicodeDecodeError) as error:  # texts are decoded so that they cannot fail
        raise DataError(f"{path}: not a readable Parquet file ({_first_line(error)}). Write it again.") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or _first_line(error)}).") from None


def _open_regular(path: Path) -> BinaryIO:
    """The file, opened. Raises `DataError` for a device, which may never end, and a pipe, which may never open."""
    mode = os.stat(path).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise DataError(f"{path}: is not a regular file. Copy its content into one first.")
    return open(path, "rb")


@contextmanager
def _open_binary(path: Path) -> Iterator[BinaryIO]:
    with _open_regular(path) as raw:
        if path.name.lower().endswith(".gz"):
            with gzip.GzipFile(fileobj=raw) as unzipped:
                yield _Guarded(path, unzipped, os.fstat(raw.fileno()).st_size)
        else:
            yield raw


class _Guarded(io.RawIOBase):
    """A gzip stream that stops at a decompression bomb instead of filling memory or disk."""

    def __init__(self, path: Path, stream: gzip.GzipFile, compressed_bytes: int):
        self._path, self._stream, self._num_bytes = path, stream, 0
        self._limit = max(GUARD_BYTES, MAX_RATIO * compressed_bytes)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        chunk = self._stream.read(size if size >= 0 else CHUNK_BYTES)
        self._num_bytes += len(chunk)
        if self._num_bytes > self._limit:
            raise _bomb_error(self._path)
        return chunk


def _bomb_error(path: Path) -> DataError:
    return DataError(
        f"{path}: unpacks to more than {MAX_RATIO} times its size, which no text does."
        " If it is what you want, store it without compression."
    )


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")


# ── text: chunks → UTF-8 → lines ──────────────────────────────────────────────────────────────────


def _utf8_chunks(stream: BinaryIO) -> Iterator[bytes]:
    """The file's bytes without BOM, transcoded to UTF-8 where they are UTF-16 or UTF-32."""
    first = stream.read(CHUNK_BYTES)
    encoding, skip = _encoding(first)
    chunks = _chunks(first[skip:], stream)
    yield from chunks if encoding is None else _transcoded(chunks, encoding)


def _chunks(first: bytes, stream: BinaryIO) -> Iterator[bytes]:
    chunk = first
    while chunk:
        yield chunk
        chunk = stream.read(CHUNK_BYTES)


def _encoding(start: bytes) -> tuple[str | None, int]:
    """The encoding if it is not UTF-8, and the length of the BOM. Without BOM the zeros tell (RFC 4627, section 3)."""
    for bom, encoding in BOMS:
        if start.startswith(bom):
            return encoding, len(bom)
    zeros = tuple(byte == 0 for byte in start[:4])
    return {(False, True, False, True): "utf-16-le", (True, False, True, False): "utf-16-be"}.get(zeros), 0


# UTF-32 first: its little-endian BOM begins with the one of UTF-16.
BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, None),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def _transcoded(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """UTF-8 bytes; what is not valid stays not valid, so that it is found on its own line."""
    decoder = codecs.getincrementaldecoder(encoding)("surrogatepass")
    try:
        for chunk in chunks:
            yield decoder.decode(chunk).encode("utf-8", "surrogatepass")
        yield decoder.decode(b"", final=True).encode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        yield b"\xff"


def _lines(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Number (from 1) and bytes of each line, line end included; a line over the limit is cut just behind it."""
    number, kept, length = 1, [], 0
    for chunk in _utf8_chunks(stream):
        *ended, rest = chunk.split(b"\n")
        for part in ended:
            kept.append(part[: max(0, MAX_LINE_BYTES + 1 - length)])
            yield number, b"".join(kept) + b"\n"
            number, kept, length = number + 1, [], 0
        kept.append(rest[: max(0, MAX_LINE_BYTES + 1 - length)])
        length += len(rest)
    if length:
        yield number, b"".join(kept)


def _line_text(line: bytes) -> str:
    """Text of a line; invalid bytes survive as lone surrogates, which no valid text holds."""
    return line.decode("utf-8", "surrogateescape")


# ── JSON ────────────────────────────────────────────────────────────────────────────────


class _Flaw:
    """Stands in a parsed value for what JSON allows but would be lost in silence (an equal key) or is no value."""

    def __init__(self, reason: str, detail: str):
        self.reason, self.detail = reason, detail


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | _Flaw:
    value = dict(pairs)
    if len(value) == len(pairs):
        return value
    return _Flaw("duplicate_key", "an object holds the same key twice, so one of the values would be lost.")


def _constant(word: str) -> _Flaw:
    return _Flaw("not_a_number", f"{word} is not JSON. Write null for a missing value.")


def _float(text: str) -> float | _Flaw:
    value = float(text)
    return value if math.isfinite(value) else _Flaw("not_a_number", "a number is too large. Write it as text.")


DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant, parse_float=_float)


def _read_jsonl(path: Path, stream: BinaryIO) -> Iterator[Row | RowError]:
    return _rows_of_lines(path, _lines(stream))


def _rows_of_lines(path: Path, lines: Iterable[tuple[int, bytes]]) -> Iterator[Row | RowError]:
    for number, line in lines:
        if line.strip():
            yield _row_of_line(path, number, line)


def _row_of_line(path: Path, number: int, line: bytes) -> Row | RowError:
    source = f"{path}:{number}"
    if len(line) > MAX_LINE_BYTES:
        return RowError("line_too_long", f"the line is longer than {MAX_LINE_BYTES // 2**20} MiB.", source)
    if b"\0" in line:
        return RowError("nul_byte", "the line holds a NUL byte; the file may be damaged or binary.", source)
    try:
        return _row(_parse(_line_text(line), source), str(path), number)
    except RowError as error:
        return error


def _parse(text: str, source: str) -> Any:
    """The value of one JSON text. Raises `RowError`."""
    try:
        return DECODER.decode(text.rstrip())
    except json.JSONDecodeError as error:
        if _has_surrogate(text):
            raise RowError("not_utf8", "the line is not valid UTF-8. Save the file as UTF-8.", source) from None
        problem = f"{error.msg[0].lower()}{error.msg[1:].rstrip(':')}, column {error.colno}"
        raise RowError("broken_json", f"not valid JSON ({problem}).", source) from None
    except RecursionError:
        raise RowError("nested_too_deep", f"nested deeper than {MAX_DEPTH} levels.", source) from None
    except ValueError:  # an integer of more than 4300 digits
        raise RowError("not_a_number", "a number is too large. Write it as text.", source) from None


def _json_problem(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg[0].lower()}{error.msg[1:].rstrip(':')}, line {error.lineno} column {error.colno}"
    return "nested too deep" if isinstance(error, RecursionError) else "not UTF-8, or a number too large"


def _row(value: Any, path: str, number: int) -> Row | RowError:
    """The row, once nothing in it can hurt later: depth, flaws, text that no UTF-8 file can hold."""
    source = f"{path}:{number}"
    flaw = _flaw(value)
    if flaw is not None:
        return RowError(flaw.reason, flaw.detail, source)
    if not isinstance(value, dict):
        return RowError(
            "not_an_object", f"a row must be an object with named columns, got {_json_type(value)}.", source
        )
    return Row(value, path, number)


def _flaw(value: Any) -> _Flaw | None:
    """The first flaw anywhere in a value, found without recursion."""
    level, depth = [value], 0
    while level:
        if depth > MAX_DEPTH:
            return _Flaw("nested_too_deep", f"nested deeper than {MAX_DEPTH} levels.")
        deeper: list[Any] = []
        for item in level:
            if isinstance(item, _Flaw):
                return item
            if isinstance(item, str) and _has_surrogate(item):
                return _surrogate_flaw(item)
            if isinstance(item, dict):
                deeper += item.values()
                deeper += item
            elif isinstance(item, list):
                deeper += item
        level, depth = deeper, depth + 1
    return None


def _has_surrogate(text: str) -> bool:
    if text.isascii():
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _surrogate_flaw(text: str) -> _Flaw:
    # Bytes that do not decode arrive as U+DC80..U+DCFF (PEP 383); an escaped half of a pair may be any surrogate.
    if any("\udc80" <= character <= "\udcff" for character in text):
        return _Flaw("not_utf8", "the row is not valid UTF-8. Save the file as UTF-8.")
    return _Flaw("lone_surrogate", "a text holds half of a surrogate pair (\\ud800 to \\udfff), which is no character.")


def _json_type(value: Any) -> str:
    names = {
        list: "a list",
        str: "a text",
        bool: "true or false",
        type(None): "null",
        int: "a number",
        float: "a number",
    }
    return names.get(type(value), type(value).__name__)


def _read_json(path: Path, stream: BinaryIO) -> Iterator[Row | RowError]:
    """Rows of a .json file: an array, ``{"data": [...]}``, one object, or JSON lines under the wrong name."""
    text = _document(path, stream)
    if not text.strip():
        return
    try:
        value = DECODER.decode(text)
    except RecursionError:
        raise DataError(
            f"{path}: nested too deep to be read. Write one row a line (.jsonl), so that only that row is lost."
        ) from None
    except ValueError as error:
        yield from _rows_of_broken_document(path, text, error)
        return
    for number, item in enumerate(_elements(value), start=1):
        yield _row(item, str(path), number)


def _document(path: Path, stream: BinaryIO) -> str:
    """The whole text of a JSON file."""
    parts, size = [], 0
    for chunk in _utf8_chunks(stream):
        parts.append(chunk)
        size += len(chunk)
        if size > MAX_DOCUMENT_BYTES:
            raise DataError(
                f"{path}: more than {MAX_DOCUMENT_BYTES // 2**20} MiB in one JSON document."
                " Write one row a line (.jsonl), which is read as a stream."
            )
    return _line_text(b"".join(parts))


def _rows_of_broken_document(path: Path, text: str, error: ValueError) -> Iterator[Row | RowError]:
    """JSON lines are no valid document; but an array that breaks off leaves no way to tell how many rows are lost."""
    lines = enumerate((line.encode("utf-8", "surrogateescape") for line in text.split("\n")), start=1)
    rows = [] if text.lstrip().startswith("[") else list(_rows_of_lines(path, lines))
    if not any(isinstance(row, Row) for row in rows):
        raise DataError(
            f"{path}: not valid JSON ({_json_problem(error)}). Fix it there,"
            " or write one row a line (.jsonl), where a broken row costs only itself."
        ) from None
    yield from rows


def _elements(value: Any) -> list[Any]:
    """The rows of a document. An object that holds a list of objects under a usual name stands for that list."""
    if isinstance(value, list):
        return value
    for name in WRAPPERS if isinstance(value, dict) else ():
        inner = value.get(name)
        if isinstance(inner, list) and any(isinstance(item, (dict, _Flaw)) for item in inner):
            return inner
    return [value]


# ── CSV and TSV ────────────────────────────────────────────────────────────────────────────────


def _read_csv(path: Path, stream: BinaryIO) -> Iterator[Row | RowError]:
    return _table_rows(path, stream, delimiter=None)


def _read_tsv(path: Path, stream: BinaryIO) -> Iterator[Row | RowError]:
    return _table_rows(path, stream, delimiter="\t")


def _table_rows(path: Path, stream: BinaryIO, delimiter: str | None) -> Iterator[Row | RowError]:
    csv.field_size_limit(MAX_LINE_BYTES)
    lines = (_line_text(line) for _, line in _lines(stream))
    first = next(lines, "")
    cells = csv.reader(_chain(first, lines), delimiter=delimiter or _delimiter(first), strict=True)
    header = _header(path, cells)
    while True:
        start = cells.line_num + 1
        try:
            values = next(cells)
        except StopIteration:
            return
        except csv.Error as error:
            yield _broken_csv(path, start, cells.line_num, error)
            continue
        if values:
            yield _table_row(path, start, header, values)


def _chain(first: str, rest: Iterable[str]) -> Iterator[str]:
    yield first
    yield from rest


def _delimiter(header: str) -> str:
    """What separates the columns of a .csv: a comma, or the semicolon or tab that some programs write instead."""
    return max(",;\t", key=header.count)


def _header(path: Path, cells: Iterator[list[str]]) -> list[str]:
    try:
        header = [name.strip() for name in next(cells, [])]
    except csv.Error as error:
        raise DataError(f"{path}:1: the header is not valid CSV ({error}). Fix the first line.") from None
    twice = next((name for name in header if header.count(name) > 1), None)
    if twice is not None:
        raise DataError(
            f"{path}:1: the column `{' '.join(twice.split())[:60]}` appears twice in the header. Rename one."
        )
    if any(_has_surrogate(name) or "\0" in name for name in header):
        raise DataError(f"{path}:1: the header is not valid UTF-8 text. Save the file as UTF-8.")
    return header


def _broken_csv(path: Path, start: int, end: int, error: csv.Error) -> RowError:
    lines = f", lines {start} to {end} were taken as one row" if end > start else ""
    return RowError("broken_csv", f"not valid CSV ({error}{lines}). Check the quotes.", f"{path}:{start}")


def _table_row(path: Path, number: int, header: list[str], values: list[str]) -> Row | RowError:
    source = f"{path}:{number}"
    if len(values) != len(header):
        return RowError("ragged_row", f"{len(values)} fields where the header has {len(header)}.", source)
    if any("\0" in value for value in values):
        return RowError("nul_byte", "the row holds a NUL byte; the file may be damaged or binary.", source)
    return _row(dict(zip(header, values)), str(path), number)


# ── Parquet ────────────────────────────────────────────────────────────────────────────────


def _read_parquet(path: Path, stream: BinaryIO) -> Iterator[Row | RowError]:
    if not path.name.lower().endswith(".gz"):
        yield from _parquet_rows(path, stream)
        return
    with tempfile.TemporaryFile() as unzipped:  # Parquet is read from its end, which a stream does not have yet.
        for chunk in _chunks(stream.read(CHUNK_BYTES), stream):
            unzipped.write(chunk)
        unzipped.seek(0)
        yield from _parquet_rows(path, unzipped)


def _parquet_rows(path: Path, stream: BinaryIO) -> Iterator[Row | RowError]:
    number, file = 0, pyarrow.parquet.ParquetFile(stream)
    if _is_bomb(file.metadata):
        raise _bomb_error(path)
    for batch in file.iter_batches(batch_size=256):
        for index in range(batch.num_rows):
            number += 1
            yield _parquet_row(path, number, batch, index)


def _is_bomb(metadata: pyarrow.parquet.FileMetaData) -> bool:
    """Whether one column of one row group is a decompression bomb."""
    groups = (metadata.row_group(number) for number in range(metadata.num_row_groups))
    columns = (group.column(number) for group in groups for number in range(group.num_columns))
    return any(
        column.total_uncompressed_size > max(GUARD_BYTES, MAX_RATIO * column.total_compressed_size)
        for column in columns
    )


def _parquet_row(path: Path, number: int, batch: pyarrow.RecordBatch, index: int) -> Row | RowError:
    try:
        values = {name: column[index].as_py() for name, column in zip(batch.schema.names, batch.columns)}
    except UnicodeDecodeError:
        return RowError("not_utf8", "the row is not valid UTF-8.", f"{path}:{number}")
    except (ValueError, OverflowError) as error:  # a date outside what Python can tell
        return RowError("unreadable_value", f"a value cannot be read ({_first_line(error)}).", f"{path}:{number}")
    return _row(_plain(values), str(path), number)


def _plain(value: Any) -> Any:
    """A Parquet value as JSON has it: dates as ISO 8601, bytes as text or base64, NaN (pandas' "missing") as null."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, bytes):
        return _bytes_as_text(value)
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, (decimal.Decimal, datetime.timedelta)):
        return str(value)
    return value


def _bytes_as_text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return base64.b64encode(value).decode()


READERS: dict[str, Callable[[Path, BinaryIO], Iterator[Row | RowError]]] = {
    ".jsonl": _read_jsonl,
    ".json": _read_json,
    ".csv": _read_csv,
    ".tsv": _read_tsv,
    ".parquet": _read_parquet,
}


# ── writing ────────────────────────────────────────────────────────────────────────────────


@contextmanager
def _atomic(path: Path) -> Iterator[BinaryIO]:
    """A stream that becomes the file only when the block ends well. Raises `ResourceError`."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "wb") as raw:
            yield from _maybe_gzipped(path, raw)
            raw.flush()
            os.fsync(raw.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except OSError as error:
        error.filename = str(path)  # and not that of the temporary file
        raise resource_error(error, path) from None
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _maybe_gzipped(path: Path, raw: BinaryIO) -> Iterator[BinaryIO]:
    if not path.name.lower().endswith(".gz"):
        yield raw
        return
    with gzip.GzipFile(fileobj=raw, mode="wb", filename="", mtime=0) as zipped:  # no date: equal rows, equal bytes
        yield zipped


def _sync_folder(folder: Path) -> None:
    """Make the rename itself survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _json_bytes(value: Any, indent: int | None = None) -> bytes:
    """JSON as UTF-8. Lone surrogates, which UTF-8 cannot hold, are escaped; NaN and infinity become null."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent)
    except ValueError:
        value = _without_nan(value)
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, ensure_ascii=True, indent=indent).encode()


def _without_nan(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _is_same_file(one: Pathlike, other: Pathlike) -> bool:
    if os.path.exists(one) and os.path.exists(other):
        return os.path.samefile(one, other)
    return os.path.realpath(one) == os.path.realpath(other)
