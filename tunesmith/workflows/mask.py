"""Mask a data file: the same rows in the same order and the same format, with personal data and secrets replaced.

Every text at any depth of a row is looked at, also ids and URLs; numbers, dates and truth values, the names of columns and
everything else stay. Where a number or a name of a column looks personal, that is told. A row that cannot be read stops
the work before anything is written (or is left empty where that is asked for): nothing passes unseen.
"""

from __future__ import annotations

import functools
import json
import os
import secrets
import tempfile
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

from tunesmith.curation.workers import ordered_map
from tunesmith.errors import DataError, RowError, UsageError
from tunesmith.files import (
    Pathlike,
    RawLine,
    Row,
    json_line,
    parse_raw,
    refuse_overwriting,
    write_lines,
)
from tunesmith.privacy.audit import Audit, audit_lines, finding
from tunesmith.privacy.find import check_types, find_spans
from tunesmith.privacy.keys import KEY_FILE_VARIABLE, read_key
from tunesmith.privacy.mask import Found, Masking, Mode, mask_texts
from tunesmith.privacy.ner import load_model
from tunesmith.privacy.spans import NAMES, TYPES
from tunesmith.privacy.texts import label_of, texts_in, with_texts
from tunesmith.privacy.vault import Vault, vault_entry
from tunesmith.progress import Progress, SilentProgress
from tunesmith.workflows.mask_formats import format_of

VAULT_KEY_FILE_VARIABLE = "TUNESMITH_VAULT_KEY_FILE"
ROWS_PER_CHUNK = 100
# What a run folder is known by: the key must not lie in one.
RUN_FILES = ("recipe.yaml", "provenance.json")
LEAST_LONG_NUMBER = 10**8


@dataclass(frozen=True)
class MaskedRow:
    """A row that was masked: its value, or its own line where nothing was found in it."""

    value: dict[str, Any] | bytes
    found: tuple[Found, ...]
    left: tuple[tuple[str, str], ...]


def mask_file(
    path: Pathlike,
    output: Pathlike,
    audit: Pathlike,
    *,
    spans: Pathlike | None = None,
    mode: Mode = "placeholder",
    types: Collection[str] | None = None,
    min_score: float = 0.5,
    key_file: Pathlike | None = None,
    vault: Pathlike | None = None,
    vault_key_file: Pathlike | None = None,
    on_bad_row: Literal["raise", "blank"] = "raise",
    ner: str | None = None,
    num_workers: int = 1,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Mask a file and return what the audit says, without its list of findings.

    Args:
        output: of the same type as the input (``.csv`` for ``.csv``), each also gzipped.
        audit: counts and places; one JSON document, or JSON lines where the name ends in ``.jsonl``.
        spans: ``{row, field, start, end, type}``, one a line; rows count from 0, offsets are those of the text before.
        key_file, vault_key_file: see `read_key`; without the first one surrogates hold for this run only.
        vault: an encrypted file with what stood where; needs ``vault_key_file``.
        on_bad_row: ``blank`` leaves an empty row in the place of one that cannot be read.
        ner: a model of spaCy that finds further names; needs the extra ``pii-ner``.

    Raises:
        DataError: the file cannot be read, has no rows, or has a bad row.
        UsageError: an output is the input or another output, has another format, a type does not exist, a key is missing,
            too weak, or lies in a run folder, or a model cannot be had.
    """
    progress = progress or SilentProgress()
    check_types(types or ())
    if ner is not None:
        load_model(ner)
    form = format_of(Path(path), Path(output))
    outputs = [name for name in (output, audit, spans, vault) if name is not None]
    _check_outputs([name for name in (path, key_file, vault_key_file) if name is not None], outputs, vault)
    key, key_kind = _surrogate_key(mode, key_file, outputs, progress)
    key_of_vault = vault_key(vault, vault_key_file, outputs) if vault is not None else None
    if key_of_vault is not None and key_of_vault == key:
        raise UsageError(f"{vault_key_file}: the same key as that of the surrogates. A vault needs another one.")
    masking = Masking(mode, tuple(types) if types is not None else None, min_score, key, ner)
    with ExitStack() as stack:
        kept = _Kept(stack, key_of_vault)
        rows = _masked_rows(form.read(Path(path)), masking, on_bad_row, num_workers)
        with progress.bar("Mask", None, "rows") as bar:
            write_lines(output, form.write(Path(path), kept.noted(rows, bar.advance)))
        settings = {"mode": mode, "key": key_kind, "types": list(masking.types or TYPES), "min_score": min_score}
        settings |= {"ner": ner} if ner is not None else {}
        places = {"input": str(path), "output": str(output), "audit": str(audit)}
        places |= {name: str(file) for name, file in (("spans", spans), ("vault", vault)) if file is not None}
        summary = {**places, **settings, **kept.audit.to_dict(), "left_as_is": kept.left_as_is()}
        kept.write(summary, audit, spans, vault)
    return summary


# ── before the work ───────────────────────────────────────────────────────────────────────────────────────────────────


def _check_outputs(inputs: list[Pathlike], outputs: list[Pathlike], vault: Pathlike | None) -> None:
    refuse_overwriting(inputs, outputs)
    places = [os.path.realpath(name) for name in outputs]
    for number, name in enumerate(outputs):
        if places[number] in places[:number]:
            raise UsageError(f"{name}: two outputs would be this one file. Give each a name of its own.")
    if vault is not None and Path(vault).exists():
        raise UsageError(
            f"{vault}: a vault is there already, and what it holds could never be put back. Choose another --vault."
        )


def _surrogate_key(
    mode: Mode, key_file: Pathlike | None, outputs: list[Pathlike], progress: Progress
) -> tuple[bytes | None, str | None]:
    """The key, and what it holds for: ``project`` or ``run``."""
    if mode == "placeholder":
        return None, None
    key = read_key(key_file, outside=_handed_on(outputs))
    if key is not None:
        return key, "project"
    progress.notice(
        "no key: these surrogates hold for this run only; another run gives the same person another name."
        f" --key-file FILE or {KEY_FILE_VARIABLE} makes them the same everywhere."
    )
    return secrets.token_bytes(32), "run"


def vault_key(vault: Pathlike, key_file: Pathlike | None, outputs: list[Pathlike]) -> bytes:
    """The key of a vault. Raises `UsageError` where none is given, it is handed on with the outputs, or for a packed vault."""
    if str(vault).lower().endswith(".gz"):
        raise UsageError(f"{vault}: what is encrypted cannot be packed. Name the vault without .gz.")
    key = read_key(key_file, variable=VAULT_KEY_FILE_VARIABLE, outside=_handed_on(outputs))
    if key is None:
        raise UsageError(
            f"{vault}: a vault needs a key of its own: --vault-key-file FILE or {VAULT_KEY_FILE_VARIABLE}."
        )
    return key


def _handed_on(outputs: list[Pathlike]) -> list[Path]:
    """The outputs, and the run folders they lie in."""
    parents = {parent for output in outputs for parent in Path(output).resolve().parents}
    return [*map(Path, outputs), *(p for p in parents if any((p / name).is_file() for name in RUN_FILES))]


# ── the work ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _masked_rows(
    rows: Iterable[RawLine | Row | RowError], masking: Masking, on_bad_row: str, num_workers: int
) -> Iterator[MaskedRow | RowError]:
    for chunk in ordered_map(functools.partial(_mask_chunk, masking), _chunks(rows), num_workers=num_workers):
        for row in chunk:
            if isinstance(row, RowError) and on_bad_row == "raise":
                raise DataError(
                    f"{row} Nothing was written. Fix the row, or leave an empty one in its place with --on-bad-row blank."
                )
            yield row


def _chunks(rows: Iterable[Any]) -> Iterator[list[Any]]:
    chunk: list[Any] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == ROWS_PER_CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _mask_chunk(masking: Masking, chunk: list[RawLine | Row | RowError]) -> list[MaskedRow | RowError]:
    return [_mask_row(masking, raw) for raw in chunk]


def _mask_row(masking: Masking, raw: RawLine | Row | RowError) -> MaskedRow | RowError:
    row = parse_raw(raw)
    if isinstance(row, RowError):
        return row
    named = list(texts_in(row.value))
    masked, found = mask_texts(named, masking)
    left = tuple(_left_as_is(row.value))
    if not found and isinstance(raw, RawLine):
        return MaskedRow(raw.text.rstrip(b"\r\n") + b"\n", (), left)
    return MaskedRow(with_texts(row.value, iter(masked)) if found else row.value, tuple(found), left)


def _left_as_is(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """(where, type) of numbers and names of columns that look personal: they stay, so a person must know."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            for type_ in _types_in_key(str(key)):
                yield f"a name in {path or 'the row'}", type_
            yield from _left_as_is(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for item in value:
            yield from _left_as_is(item, f"{path}[]")
    elif isinstance(value, int) and not isinstance(value, bool) and value >= LEAST_LONG_NUMBER:
        for span in find_spans(f"{label_of(path)}: {value}"):
            yield f"numbers in {path}", span.type


@functools.lru_cache(maxsize=10_000)
def _types_in_key(key: str) -> tuple[str, ...]:
    """Types in the name of a column, but names: a column may be called Paris."""
    return tuple(span.type for span in find_spans(key) if span.type not in NAMES)


class _Kept:
    """What is noted while rows go by: counts in memory, places in a temporary file, values only in the vault."""

    def __init__(self, stack: ExitStack, vault_key: bytes | None):
        self.audit = Audit()
        self._left: Counter[tuple[str, str]] = Counter()
        self._findings: BinaryIO = stack.enter_context(tempfile.TemporaryFile())
        self._vault = Vault(vault_key, stack.enter_context(tempfile.TemporaryFile())) if vault_key else None

    def noted(self, rows: Iterable[MaskedRow | RowError], advance: Any) -> Iterator[dict[str, Any] | bytes | None]:
        """The values of the rows, None for a bad one."""
        for number, row in enumerate(rows):
            if isinstance(row, RowError):
                self.audit.add(())
                self.audit.bad_rows.append({"source": row.source, "reason": row.reason})
                yield None
                continue
            self.audit.add(row.found)
            self._left.update(row.left)
            for one in row.found:
                self._findings.write(json_line(finding(number, one)))
                if self._vault is not None:
                    self._vault.add(vault_entry(number, one))
            advance()
            yield row.value

    def left_as_is(self) -> list[dict[str, Any]]:
        return [{"where": where, "type": type_, "count": n} for (where, type_), n in self._left.most_common()]

    def write(self, summary: dict[str, Any], audit: Pathlike, spans: Pathlike | None, vault: Pathlike | None) -> None:
        if vault is not None and self._vault is not None:
            write_lines(vault, self._vault.lines())
        if spans is not None:
            write_lines(spans, map(_place_line, self._again()))
        as_lines = str(audit).lower().removesuffix(".gz").endswith(".jsonl")
        write_lines(audit, audit_lines(summary, self._again(), as_lines=as_lines))

    def _again(self) -> Iterator[bytes]:
        self._findings.seek(0)
        yield from self._findings


def _place_line(line: bytes) -> bytes:
    found = json.loads(line)
    return json_line({name: found[name] for name in ("row", "field", "start", "end", "type")})
