"""What stands in a run folder, each value with the place it stands at."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from tunesmith.errors import DataError, RowError
from tunesmith.files import read_json, read_rows


@dataclass(frozen=True)
class Figure:
    """A value and where it comes from: ``eval/summary.json#/overall/f1/tuned/value``, ``metrics.jsonl:12``.

    The part after ``#`` is a JSON pointer (RFC 6901). A figure worked out from others names the file and says how in
    brackets: ``data/funnel.json (sum of num_dropped)``. A value that is missing or not finite is None.
    """

    value: Any
    origin: str

    @property
    def known(self) -> bool:
        return self.value is not None

    def at(self, *keys: str | int) -> Figure:
        """The value inside this one; an unknown figure where there is none."""
        found = self
        for key in keys:
            found = Figure(
                _child(found.value, key), f"{found.origin}{'' if '#' in found.origin else '#'}/{_pointer(key)}"
            )
        return found

    def entries(self) -> list[tuple[str | int, Figure]]:
        """The keys of an object or the positions of a list, with what stands there; nothing for anything else."""
        if isinstance(self.value, dict):
            return [(key, self.at(key)) for key in self.value]
        return [(k, self.at(k)) for k in range(len(self.value))] if isinstance(self.value, list) else []

    def items(self) -> list[Figure]:
        """What stands in an object or a list, in order."""
        return [item for _, item in self.entries()]


@dataclass(frozen=True)
class Sentence:
    """Our words around others' values: ``{0}`` in the text stands for the first of the (format, value) parts."""

    text: str
    parts: tuple[tuple[str, Figure | str], ...] = ()

    def __add__(self, other: Sentence) -> Sentence:
        """Both, one after the other."""
        first = len(self.parts)
        later = re.sub(r"\{(\d+)\}", lambda match: f"{{{int(match[1]) + first}}}", other.text)
        return Sentence(self.text + later, (*self.parts, *other.parts))


def _child(value: Any, key: str | int) -> Any:
    if isinstance(value, dict):
        found = value.get(key)
    elif isinstance(value, list) and isinstance(key, int) and key < len(value):
        found = value[key]
    else:
        found = None
    return None if isinstance(found, float) and not math.isfinite(found) else found


def _pointer(key: str | int) -> str:
    return str(key).replace("~", "~0").replace("/", "~1")


@dataclass(frozen=True)
class RunFolder:
    """A run folder as the report sees it. What a run has not written (yet) is an unknown `Figure` or an empty list."""

    path: Path
    unreadable: list[str] = field(default_factory=list)
    _answers: dict[str, list[Figure]] = field(default_factory=dict, repr=False)

    @property
    def name(self) -> str:
        return self.path.resolve().name

    @cached_property
    def recipe(self) -> Figure:
        return self._document("recipe.yaml", _read_yaml)

    @cached_property
    def provenance(self) -> Figure:
        return self._document("provenance.json", read_json)

    @cached_property
    def funnel(self) -> Figure:
        return self._document("data/funnel.json", read_json)

    @cached_property
    def profile(self) -> Figure:
        return self._document("data/profile.json", read_json)

    @cached_property
    def ledger(self) -> Figure:
        return self._document("data/ledger.json", read_json)

    @cached_property
    def training(self) -> Figure:
        return self._document("training.json", read_json)

    @cached_property
    def summary(self) -> Figure:
        return self._document("eval/summary.json", read_json)

    @cached_property
    def metrics(self) -> list[Figure]:
        return list(self.rows("metrics.jsonl"))

    @cached_property
    def systems(self) -> list[str]:
        """Names of the systems that have answers in ``eval/``, sorted."""
        return sorted({path.parent.name for path in (self.path / "eval").glob("*/*.jsonl")})

    def answers(self, system: str) -> list[Figure]:
        """Every line a system answered, task files in the order of their names; read once."""
        if system not in self._answers:
            paths = sorted((self.path / "eval" / system).glob("*.jsonl"))
            self._answers[system] = [row for path in paths for row in self.rows(f"eval/{system}/{path.name}")]
        return self._answers[system]

    @cached_property
    def num_records_of(self) -> Counter[str]:
        """Task → how many training records have it; those that name none have the empty one."""
        return Counter(str(row.at("task").value or "") for row in self.rows("data/train.jsonl"))

    def _document(self, name: str, read: Callable[[Path], Any]) -> Figure:
        path = self.path / name
        return Figure(read(path) if path.is_file() else None, name)

    def rows(self, name: str) -> Iterator[Figure]:
        """The lines of a JSONL file; a broken one (a killed run can leave half a line) goes to ``unreadable``."""
        path = self.path / name
        if not path.is_file():
            return
        for row in read_rows(path):
            if isinstance(row, RowError):
                self.unreadable.append(f"{name}:{row.source.rpartition(':')[2]}")
            else:
                yield Figure(row.value, f"{name}:{row.line}")


class InspectedFile(RunFolder):
    """A file as `tunesmith data inspect` sees it, in the shape of a run folder that holds nothing but data."""

    def __init__(self, found: Mapping[str, Any]) -> None:
        super().__init__(Path(found["source"]))
        object.__setattr__(self, "_found", found)

    def _document(self, name: str, read: Callable[[Path], Any]) -> Figure:
        kept = {"data/funnel.json": "funnel", "data/profile.json": "profile"}
        key = kept.get(name)
        return Figure(self._found[key], f"--json#/{key}") if key else Figure(None, name)

    def rows(self, name: str) -> Iterator[Figure]:
        """The first drops of each reason; nothing else was written."""
        examples = self._found["profile"]["examples"] if name == "data/dropped.jsonl" else []
        return (Figure(row, f"--json#/profile/examples/{k}") for k, row in enumerate(examples))


def _read_yaml(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(
            f"{path}: not readable as YAML ({reason}). Restore the recipe of the run, or remove the file."
        ) from error


def open_run(run_dir: Path | str) -> RunFolder:
    """The run folder at a path.

    Raises:
        DataError: there is no such folder, or nothing in it was written by a run.
    """
    path = Path(run_dir)
    if not path.is_dir():
        raise DataError(f"{path}: no such run folder. Give the folder that `tunesmith run` printed, such as runs/NAME.")
    if not any(
        (path / name).exists() for name in ("recipe.yaml", "metrics.jsonl", "training.json", "eval", "data/funnel.json")
    ):
        raise DataError(
            f"{path}: not a run folder: it has no recipe.yaml, metrics.jsonl, data/ or eval/. "
            "Give one that `tunesmith run` wrote."
        )
    return RunFolder(path)
