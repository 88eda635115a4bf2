"""Some of many: those whose hash is smallest, so that the order they come in makes no difference."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Generic, TypeVar

Value = TypeVar("Value")
EVERY = 2**64


def hash_of(text: str) -> int:
    """64 bits that only depend on the text."""
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little")


class HashSample(Generic[Value]):
    """The values of the ``size`` keys that are smallest. Up to twice as many are held."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: dict[int, Value] = {}
        self._bound = EVERY

    def admits(self, key: int) -> bool:
        """Whether a key belongs to the smallest so far."""
        return key < self._bound

    def put(self, key: int, value: Value) -> None:
        """Take a value in; of two with one key the smaller one stays."""
        old = self._values.get(key)
        self._values[key] = value if old is None else min(old, value)
        if len(self._values) > 2 * self._size:
            self._cut()

    @property
    def is_whole(self) -> bool:
        """Whether nothing was left out."""
        self._cut()
        return self._bound == EVERY

    def __len__(self) -> int:
        self._cut()
        return len(self._values)

    def __iter__(self) -> Iterator[Value]:
        """The values in the order of their keys."""
        self._cut()
        return (self._values[key] for key in sorted(self._values))

    def _cut(self) -> None:
        """Leave out what does not belong."""
        kept = sorted(key for key in self._values if key < self._bound)
        if len(kept) > self._size:
            self._bound = kept[self._size]
        self._values = {key: self._values[key] for key in kept[: self._size]}
