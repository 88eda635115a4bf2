"""Answers on disk the moment they come, so that an evaluation that is killed asks nothing twice."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from tunesmith.files import json_line
from tunesmith.lm import FAILED, Completion, TextLikelihood
from tunesmith.records import canonical_json
from tunesmith.system_errors import explained_writing

SYNC_EVERY_S = 1.0
"""A killed process loses nothing, a machine that loses power the answers of about this long."""


def question_keys(task: str, questions: Iterable[Mapping[str, Any]]) -> list[str]:
    """A name for each question of a task, by all that decides its answer beside the system; equal ones are numbered."""
    seen: Counter[str] = Counter()
    keys = []
    for question in questions:
        text = canonical_json({"task": task, **question})
        keys.append(hashlib.sha256(f"{text}\n{seen[text]}".encode("utf-8", "surrogatepass")).hexdigest()[:32])
        seen[text] += 1
    return keys


class AnswerStore:
    """The answers one system has given so far, in a file that only grows: ``{"key", …, the completion}`` a line.

    A line that was cut short by a kill, and whatever else is no answer, counts as not answered. Attempts that failed are
    not kept.
    """

    def __init__(self, path: Path):
        self.path = path
        self.answers: dict[str, Completion] = dict(_read(path))
        self._stream: BinaryIO | None = None
        self._synced_at = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None):
        if self._stream is not None:
            with explained_writing(self.path):
                self._sync()
                self._stream.close()
            self._stream = None

    def add(self, key: str, completion: Completion) -> None:
        """Keep an answer. Raises `ResourceError` where it cannot be written."""
        if completion.finish_reason == FAILED:
            return
        self.answers[key] = completion
        with explained_writing(self.path):
            if self._stream is None:
                self._stream = _opened(self.path)
            self._stream.write(json_line({"key": key, **_without_none(asdict(completion))}))
            self._stream.flush()
            if time.monotonic() - self._synced_at >= SYNC_EVERY_S:
                self._sync()

    def missing(self, keys: Sequence[str]) -> list[int]:
        """Positions of the keys that have no answer."""
        return [position for position, key in enumerate(keys) if key not in self.answers]

    def remove(self) -> None:
        """Forget everything: the answers are elsewhere now."""
        self.__exit__(None, None, None)
        self.answers.clear()
        self.path.unlink(missing_ok=True)

    def _sync(self) -> None:
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._synced_at = time.monotonic()


def _read(path: Path) -> Iterator[tuple[str, Completion]]:
    if not path.is_file():
        return
    with open(path, "rb") as stream:
        for line in stream:
            try:
                row = json.loads(line)
                key, likelihood = row.pop("key"), row.pop("likelihood", None)
                completion = Completion(**row, likelihood=TextLikelihood(**likelihood) if likelihood else None)
            except (ValueError, TypeError, KeyError, AttributeError):
                continue
            if isinstance(completion.text, str) and line.endswith(b"\n"):
                yield key, completion


def _opened(path: Path) -> BinaryIO:
    """The file at its end, without the half line a kill may have left there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    stream = open(path, "ab+")
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - 1))
    if size and stream.read(1) != b"\n":
        stream.seek(0)
        stream.truncate(stream.read().rfind(b"\n") + 1)
    return stream


def _without_none(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}
