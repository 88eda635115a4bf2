"""Every text inside a nested value, and the value with other texts in their places."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def texts_in(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """(path, text) of every string at any depth, in order: ``messages[0].content``. Names of columns are no texts."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from texts_in(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from texts_in(item, f"{path}[{number}]")


def with_texts(value: Any, texts: Iterator[str]) -> Any:
    """The same value with its strings taken from ``texts``, in the order of `texts_in`."""
    if isinstance(value, str):
        return next(texts)
    if isinstance(value, Mapping):
        return {key: with_texts(item, texts) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(with_texts(item, texts) for item in value)
    return value


def label_of(path: str) -> str:
    """The name that a text has where it stands: ``phone`` of ``meta.people[2].phone``."""
    return path.rpartition(".")[2].partition("[")[0]
