"""The way back from a masked file, for whoever has its vault and the key of the vault: the same rows with what stood there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from tunesmith.errors import DataError, RowError
from tunesmith.files import Pathlike, RawLine, Row, missing_path, parse_raw, refuse_overwriting, write_lines
from tunesmith.privacy.texts import texts_in, with_texts
from tunesmith.privacy.vault import open_vault
from tunesmith.progress import Progress, SilentProgress
from tunesmith.workflows.mask import vault_key
from tunesmith.workflows.mask_formats import Value, format_of

Entry = dict[str, Any]
NOT_AS_MASKED = "Restore the file as `tunesmith data mask` wrote it, before rows are edited, sorted or dropped."


def unmask_file(
    path: Pathlike,
    output: Pathlike,
    vault: Pathlike,
    *,
    vault_key_file: Pathlike | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Put back what `mask_file` replaced, and return how much that was.

    Every replacement must stand where the vault says: a file that was changed since is refused, and nothing written.
    Rows that were left empty because they could not be read stay empty, as the vault never saw them.

    Args:
        path: the masked file.
        output: of the same type.
        vault: what `mask_file` wrote beside it.
        vault_key_file: the key of the vault, see `read_key`.

    Raises:
        DataError: a file cannot be read, the key is another one, or file and vault do not belong together.
        UsageError: the output is an input or has another format, or there is no key.
    """
    progress = progress or SilentProgress()
    form = format_of(Path(path), Path(output))
    if Path(vault).is_dir():
        raise DataError(f"{vault}: is a folder where a file is expected. Name the vault in it.")
    if not Path(vault).is_file():
        raise missing_path(Path(vault))
    refuse_overwriting([name for name in (path, vault, vault_key_file) if name is not None], [output])
    restored = _Restored(open_vault(vault, vault_key(vault, vault_key_file, [output])), Path(path), Path(vault))
    with progress.bar("Unmask", None, "rows") as bar:
        write_lines(output, form.write(Path(path), restored.rows(form.read(Path(path)), bar.advance)))
    counts = {name: getattr(restored, name) for name in ("num_rows", "num_rows_changed", "num_spans")}
    return {"input": str(path), "output": str(output), "vault": str(vault), **counts}


class _Restored:
    """Rows with their values put back, and the counts of that."""

    def __init__(self, entries: Iterable[Entry], path: Path, vault: Path):
        self._groups = groupby(entries, key=itemgetter("row"))
        self._path, self._vault = path, vault
        self.num_rows = self.num_rows_changed = self.num_spans = 0

    def rows(self, raws: Iterable[RawLine | Row | RowError], advance: Any) -> Iterator[Value]:
        number, entries = next(self._groups, (None, iter(())))
        for raw in raws:
            if self.num_rows == number:
                yield self._restored(raw, list(entries))
                number, entries = next(self._groups, (None, iter(())))
            else:
                yield _as_it_is(raw)
            self.num_rows += 1
            advance()
        if number is not None:
            raise DataError(
                f"{self._path}: has {self.num_rows} rows, {self._vault} values of row {number}. {NOT_AS_MASKED}"
            )

    def _restored(self, raw: RawLine | Row | RowError, entries: list[Entry]) -> Value:
        row = _readable(raw)
        texts = [_with_values(text, _of_field(entries, field), row.source) for field, text in texts_in(row.value)]
        if entries:
            raise _differs(row.source, entries[0])
        self.num_rows_changed += 1
        self.num_spans += sum(count for _, count in texts)
        return with_texts(row.value, iter([text for text, _ in texts]))


def _as_it_is(raw: RawLine | Row | RowError) -> Value:
    return raw.text.rstrip(b"\r\n") + b"\n" if isinstance(raw, RawLine) else _readable(raw).value


def _readable(raw: RawLine | Row | RowError) -> Row:
    row = parse_raw(raw)
    if isinstance(row, RowError):
        raise DataError(f"{row} {NOT_AS_MASKED}")
    return row


def _of_field(entries: list[Entry], field: str) -> list[Entry]:
    """The entries of a text, taken from the front of the list: they stand in the order of the texts."""
    count = next((k for k, entry in enumerate(entries) if entry["field"] != field), len(entries))
    taken = entries[:count]
    del entries[:count]
    return taken


def _with_values(text: str, entries: list[Entry], source: str) -> tuple[str, int]:
    """The text with the values in it again, and their number; offsets of entries are those in the text before."""
    pieces, place, before = [], 0, 0
    for entry in entries:
        begin = place + entry["start"] - before
        end = begin + len(entry["replacement"])
        if text[begin:end] != entry["replacement"]:
            raise _differs(source, entry)
        pieces += [text[place:begin], entry["value"]]
        place, before = end, entry["end"]
    return "".join([*pieces, text[place:]]), len(entries)


def _differs(source: str, entry: Entry) -> DataError:
    return DataError(f"{source}: no {entry['type']} was masked at this place of {entry['field']}. {NOT_AS_MASKED}")
