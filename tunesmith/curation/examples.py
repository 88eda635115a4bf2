"""A few of the rows and records that were left out, from the source file, masked and cut: so that a person can judge."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tunesmith.curation.formats import record_from_row
from tunesmith.errors import DataError, RowError
from tunesmith.files import RawLine, Row, file_sha256, parse_raw, read_raw_rows
from tunesmith.privacy.mask import Masking, mask_texts
from tunesmith.privacy.texts import texts_in, with_texts
from tunesmith.records import Record

PER_REASON, MAX_REASONS = 2, 40
NOT_SHOWN = ("not_chosen",)
# A row is looked through for personal data before it is cut, but no further than this.
LOOKED_AT, SHOWN_OF_VALUE, SHOWN_OF_TURN, SHOWN_OF_ROW, SHOWN_ITEMS = 20_000, 160, 280, 600, 4
SPLIT_WORD_AT_END, SPLIT_WORD_AT_START = re.compile(r"(?<=\s)\S{1,20}\Z"), re.compile(r"\A\S{1,20}(?=\s)")


class FirstDrops:
    """The first `PER_REASON` drops of every stage and reason that have a ``path:line``, in the order they came."""

    def __init__(self) -> None:
        self._chosen: dict[tuple[str, str], list[dict[str, Any]]] = {}

    def add(self, drop: Mapping[str, Any]) -> None:
        key = drop["stage"], drop["reason"]
        if drop["reason"] in NOT_SHOWN or (key not in self._chosen and len(self._chosen) == MAX_REASONS):
            return
        found = self._chosen.setdefault(key, [])
        is_new = all(other["source"] != drop["source"] for other in found)  # parts of one row say the same twice
        if len(found) < PER_REASON and drop["source"] and is_new:
            found.append({name: drop.get(name, "") for name in ("id", "stage", "reason", "source", "detail")})

    @property
    def chosen(self) -> list[dict[str, Any]]:
        return [drop for found in self._chosen.values() for drop in found]


def show_examples(chosen: Sequence[Mapping[str, Any]], files: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The chosen drops, each with the ``text`` of its record or row: personal data replaced by ``<TYPE>``, long values cut.

    Only files that are still what they were when they were read (size and SHA-256) are looked into; a drop whose row
    cannot be shown is left out.
    """
    places: dict[str, dict[int, list[Mapping[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for drop in chosen:
        path, _, line = drop["source"].rpartition(":")
        places[path][int(line)].append(drop)
    known = {file["path"]: file for file in files}
    texts = {
        (drop["source"], drop["id"]): text
        for path, drops in places.items()
        if path in known and _is_unchanged(known[path])
        for drop, text in _texts_of(path, drops)
    }
    found = ((drop, texts.get((drop["source"], drop["id"]))) for drop in chosen)
    return [{**drop, "text": text} for drop, text in found if text is not None]


def show_row(raw: RawLine | Row | RowError, id: str = "") -> str | None:
    """The record of an id that a row gives, else the row, as masked, cut text; the line itself where it could not be
    parsed; None where there is no text of it."""
    row = parse_raw(raw)
    if isinstance(row, Row):
        record = _record_of(row, id)
        return show_record(record) if record is not None else _show_value(row.value)
    if not isinstance(raw, RawLine):
        return None
    line = raw.text[:LOOKED_AT].decode("utf-8", "replace").strip()
    return _cut(mask_row({"line": line})["line"], SHOWN_OF_ROW)


def show_record(record: Record) -> str:
    """``user: …`` and ``assistant: …``; of many turns the first and the last ones."""
    named = [(f"messages[{k}].content", message.content[:LOOKED_AT]) for k, message in enumerate(record.messages)]
    masked, _ = mask_texts(named, Masking())
    turns = [
        f"{message.role}: {_cut(text, SHOWN_OF_TURN) or '(empty)'}" for message, text in zip(record.messages, masked)
    ]
    num_left_out = len(turns) - SHOWN_ITEMS
    if num_left_out > 0:
        turns[1 : 1 + num_left_out] = [f"… {num_left_out} more turns"]
    return "\n\n".join(turns)


def mask_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row with typed placeholders for all personal data; a person of one text is found in the others too. Texts are
    cut to `LOOKED_AT` characters first."""
    named = [(path, text[:LOOKED_AT]) for path, text in texts_in(row)]
    masked, _ = mask_texts(named, Masking())
    return with_texts(row, iter(masked))


def _is_unchanged(file: Mapping[str, Any]) -> bool:
    path = Path(file["path"])
    try:
        return path.stat().st_size == file.get("size_bytes") and file_sha256(path) == file.get("sha256")
    except OSError:
        return False


def _texts_of(
    path: str, drops: Mapping[int, Sequence[Mapping[str, Any]]]
) -> Iterator[tuple[Mapping[str, Any], str | None]]:
    """Drops by line of a file, each with its text; reading ends with the last of them."""
    left = set(drops)
    try:
        for raw in read_raw_rows(path):
            number = _number_of(raw)
            if number in left:
                left.remove(number)
                yield from ((drop, show_row(raw, drop["id"])) for drop in drops[number])
            if not left:
                break
    except DataError:
        pass  # a file that ends in the middle: what could be read is shown


def _record_of(row: Row, id: str) -> Record | None:
    """The record of a row that was read without columns of its own."""
    _, parts = record_from_row(row.value, source=row.source)
    return next((part for part in parts if isinstance(part, Record) and part.id == id), None)


def _show_value(value: Mapping[str, Any]) -> str:
    return _cut(json.dumps(_shortened(mask_row(value)), ensure_ascii=False), SHOWN_OF_ROW)


def _number_of(raw: RawLine | Row | RowError) -> int:
    if isinstance(raw, RawLine):
        return raw.number
    return raw.line if isinstance(raw, Row) else int(raw.source.rpartition(":")[2] or 0)


def _shortened(value: Any) -> Any:
    """The value with the middle of long texts left out, and only the first items of long lists."""
    if isinstance(value, str):
        return _cut(value, SHOWN_OF_VALUE)
    if isinstance(value, dict):
        return {key: _shortened(item) for key, item in value.items()}
    if isinstance(value, list):
        more = [f"… {len(value) - SHOWN_ITEMS} more"] if len(value) > SHOWN_ITEMS else []
        return [_shortened(item) for item in value[:SHOWN_ITEMS]] + more
    return value


def _cut(text: str, limit: int) -> str:
    """A long text without its middle, between words where there are any: what is wrong often stands at the end."""
    if len(text) <= limit:
        return text
    start, end = text[: limit - limit // 3], text[-(limit // 3) :]
    start, end = SPLIT_WORD_AT_END.sub("", start), SPLIT_WORD_AT_START.sub("", end)
    return f"{start.rstrip()} … {end.lstrip()}"
