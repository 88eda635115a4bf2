"""What was masked, told without any of it: counts and places, never a value and never a hash of one."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from tunesmith.privacy.mask import Found


@dataclass
class Audit:
    """Counts over all rows.

    Attributes:
        num_rows: rows read, and so rows written.
        num_rows_changed: rows in which something was found.
        types, fields, recognizers: how many spans of each; of fields the place in a list is left out.
        rows_by_type: in how many rows each type was found.
        bad_rows: {path:line, reason} of rows that could not be read and were left empty.
    """

    num_rows: int = 0
    num_rows_changed: int = 0
    types: Counter[str] = field(default_factory=Counter)
    rows_by_type: Counter[str] = field(default_factory=Counter)
    fields: Counter[str] = field(default_factory=Counter)
    recognizers: Counter[str] = field(default_factory=Counter)
    bad_rows: list[dict[str, str]] = field(default_factory=list)

    def add(self, found: Sequence[Found]) -> None:
        """Count one row."""
        self.num_rows += 1
        self.num_rows_changed += bool(found)
        self.rows_by_type.update({one.span.type for one in found})
        for one in found:
            self.types[one.span.type] += 1
            self.fields[re.sub(r"\[\d+\]", "[]", one.field)] += 1
            self.recognizers[one.span.recognizer] += 1

    def to_dict(self) -> dict[str, Any]:
        """Counts, the largest first."""
        counts = {
            name: dict(sorted(getattr(self, name).items(), key=lambda item: (-item[1], item[0])))
            for name in ("types", "rows_by_type", "fields", "recognizers")
        }
        numbers = {"num_rows": self.num_rows, "num_rows_changed": self.num_rows_changed}
        return {**numbers, "num_spans": self.types.total(), **counts, "bad_rows": self.bad_rows}


def finding(row: int, found: Found) -> dict[str, Any]:
    """Where one span stood (rows count from 0, characters in the text before), what found it and how surely."""
    recognizer, score = found.span.recognizer, round(found.span.score, 3)
    return {"row": row, **found.to_dict(), "recognizer": recognizer, "score": score}


def audit_lines(summary: dict[str, Any], findings: Iterable[bytes], *, as_lines: bool) -> Iterator[bytes]:
    """The audit as a file: one JSON document with ``findings`` last, one a line; or JSON lines, the summary first."""
    if as_lines:
        yield json.dumps({"summary": summary}, ensure_ascii=False).encode() + b"\n"
        yield from findings
        return
    yield json.dumps(summary, ensure_ascii=False, indent=2)[:-2].encode() + b',\n  "findings": [\n'
    for number, line in enumerate(findings):
        yield (b",\n    " if number else b"    ") + line.rstrip(b"\n")
    yield b"\n  ]\n}\n"
