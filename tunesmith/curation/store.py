"""Records that lie in files: read again and again, front to back or by index, in constant memory."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np

from tunesmith.progress import Progress
from tunesmith.records import Record

BLOCK_BYTES = 2**20
SHOWN_EVERY = 500
PLACE = "_place"  # under this name a record that was read remembers its row; a record made from it does not


@dataclass(frozen=True)
class Rows:
    """A JSON-lines file and where each line begins: ``offsets`` has one number more than there are lines."""

    path: Path
    offsets: np.ndarray

    @classmethod
    def open(cls, path: Path) -> Rows:
        """Find the lines of a file of ours, every one of which ends in a line feed."""
        ends = [np.zeros(1, dtype=np.int64)]
        with open(path, "rb") as stream:
            start = 0
            while block := stream.read(BLOCK_BYTES):
                ends.append(np.flatnonzero(np.frombuffer(block, dtype=np.uint8) == ord("\n")) + (start + 1))
                start += len(block)
        return cls(path, np.concatenate(ends))

    def __len__(self) -> int:
        return len(self.offsets) - 1


class Records(Sequence[Record]):
    """Records of one or more files, in an order of their own: what a `select` stage looks at.

    Holds 8 bytes a line and 8 a record, never the records: each is parsed when it is asked for. Front to back is cheap,
    by index costs a read of its own.

    Args:
        files: where the records lie.
        order: number of each record, counted through the files; may name one twice or leave some out.
    """

    def __init__(self, files: Sequence[Rows], order: np.ndarray | None = None):
        self.files = tuple(files)
        self._starts = np.cumsum([0, *(len(rows) for rows in self.files)])
        self.order = np.arange(self._starts[-1], dtype=np.int64) if order is None else order

    def __len__(self) -> int:
        return len(self.order)

    def __iter__(self) -> Iterator[Record]:
        for place, line in zip(self.order.tolist(), self.lines()):
            yield _record(line, place)

    @overload
    def __getitem__(self, index: int) -> Record: ...

    @overload
    def __getitem__(self, index: slice) -> Records: ...

    def __getitem__(self, index: int | slice) -> Record | Records:
        if isinstance(index, slice):
            return self.take(self.order[index])
        place = int(self.order[index])
        return _record(next(self._read([place])), place)

    def take(self, order: np.ndarray) -> Records:
        """The records of these numbers (as in ``order``) alone."""
        return Records(self.files, order)

    def where(self, chosen: Iterable[bool]) -> Records:
        """The records that are chosen."""
        return self.take(self.order[np.fromiter(chosen, dtype=bool, count=len(self))])

    def lines(self) -> Iterator[bytes]:
        """Each record as it stands in its file, line feed included."""
        for start in range(0, len(self), 10_000):
            yield from self._read(self.order[start : start + 10_000].tolist())

    def _read(self, places: Sequence[int]) -> Iterator[bytes]:
        streams = {}
        try:
            for place in places:
                number = int(np.searchsorted(self._starts, place, side="right")) - 1 if len(self.files) > 1 else 0
                if number not in streams:
                    streams[number] = open(
                        self.files[number].path, "rb", buffering=BLOCK_BYTES if len(places) > 1 else 0
                    )
                yield _line(streams[number], self.files[number].offsets, place - int(self._starts[number]))
        finally:
            for stream in streams.values():
                stream.close()


class WatchedRecords(Records):
    """The same records, of which every reading from front to back shows how far it has come."""

    def __init__(self, records: Records, console: Progress, description: str):
        super().__init__(records.files, records.order)
        self._console, self._description, self._num_readings = console, description, 0

    def __iter__(self) -> Iterator[Record]:
        self._num_readings += 1
        again = f", reading {self._num_readings}" if self._num_readings > 1 else ""
        with self._console.bar(self._description + again, len(self), unit="records") as bar:
            for number, record in enumerate(super().__iter__(), start=1):
                yield record
                if number % SHOWN_EVERY == 0:
                    bar.advance(SHOWN_EVERY)
            bar.advance(len(self) % SHOWN_EVERY)


def place_of(record: Record) -> int | None:
    """The number of a record that was read from `Records` and has not been changed since; None of any other."""
    return record.__dict__.get(PLACE)


def _record(line: bytes, place: int) -> Record:
    record = Record.from_dict(json.loads(line))
    record.__dict__[PLACE] = place
    return record


def _line(stream, offsets: np.ndarray, number: int) -> bytes:
    start, end = int(offsets[number]), int(offsets[number + 1])
    if stream.tell() != start:
        stream.seek(start, os.SEEK_SET)
    return stream.read(end - start)
