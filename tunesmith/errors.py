"""Everything Tunesmith raises on purpose, and the exit code each one ends with.

    TunesmithError              1   unexpected
    ├── UsageError              2   wrong command line
    │   ├── RecipeError         2   wrong recipe, all problems at once
    │   └── MissingExtra        2   an optional package is not installed
    ├── DataError               3   a source, a file or its rows
    │   └── RowError            3   one row; carries the reason it would be dropped for
    ├── ModelError              4   a model, tokenizer, template or adapter
    │   └── CheckpointError     4   a checkpoint that is damaged or belongs to another run
    ├── TrainingError           4   training cannot go on: nothing supervised, loss not finite
    ├── ResourceError           5   memory, disk, permission, a folder in use
    └── GateFailed              6   a threshold was not met
    Interrupted       130/143/129   SIGINT, SIGTERM or SIGHUP (the terminal is gone) after a complete checkpoint

A message says what is wrong, where (``path:line`` or the recipe key) and how to fix it, in that order.
"""

from __future__ import annotations

import difflib
import signal
from collections.abc import Iterable, Sequence


class TunesmithError(Exception):
    """The root: catch this to catch everything Tunesmith raises on purpose."""

    exit_code = 1


class UsageError(TunesmithError):
    """The command line asks for something that does not exist or does not fit together."""

    exit_code = 2


class RecipeError(UsageError):
    """A recipe with one or more problems, all told at once."""

    def __init__(self, path: str, problems: Sequence[str]):
        self.path, self.problems = path, list(problems)
        if len(self.problems) == 1:
            told = problems[0] if problems[0].startswith((f"{path}:", "--")) else f"{path}: {problems[0]}"
        else:
            told = "\n  ".join([f"{path}: {len(self.problems)} problems", *self.problems])
        super().__init__(told)


class MissingExtra(UsageError):
    """A feature needs a package that is not installed; the message is the one line that installs it."""

    def __init__(self, feature: str, package: str, extra: str):
        super().__init__(f"{feature} needs the package `{package}`. Install it with: pip install 'tunesmith[{extra}]'")


class DataError(TunesmithError):
    """A source cannot be read, or what was read cannot be used."""

    exit_code = 3


class RowError(DataError):
    """One row cannot become a record.

    ``reason`` is a short machine-readable word (``broken_json``, ``no_answer``) that drops are counted by;
    ``detail`` is the sentence a person reads.
    """

    def __init__(self, reason: str, detail: str, source: str = ""):
        self.reason, self.detail, self.source = reason, detail, source
        super().__init__(f"{source}: {detail}" if source else detail)

    def __reduce__(self) -> tuple[type[RowError], tuple[str, str, str]]:
        """Travels between processes whole: exceptions are otherwise rebuilt from their message alone."""
        return type(self), (self.reason, self.detail, self.source)


class ModelError(TunesmithError):
    """A model, tokenizer, chat template or adapter cannot be used."""

    exit_code = 4


class CheckpointError(ModelError):
    """A checkpoint is damaged, incomplete or belongs to another run."""


class TrainingError(TunesmithError):
    """Training cannot start or go on."""

    exit_code = 4


class ResourceError(TunesmithError):
    """Memory, disk space, permission or a folder somebody else is using."""

    exit_code = 5


class GateFailed(TunesmithError):
    """A threshold the caller set was not met."""

    exit_code = 6


class Interrupted(TunesmithError):
    """The process was asked to stop and did so at a point from which it can be resumed."""

    def __init__(self, message: str, signal_number: int = signal.SIGINT):
        super().__init__(message)
        self.exit_code = 128 + int(signal_number)


class StopNow(BaseException):
    """What a signal raises where it arrives; whoever listens makes an `Interrupted` of it.

    No `Exception`: a library, or a row that cannot be rendered, would otherwise take it for a mistake of its own.
    """


def did_you_mean(word: str, options: Iterable[str]) -> str:
    """Return `` Did you mean `option`?`` for the nearest option, or an empty string when none is near."""
    near = difflib.get_close_matches(word, list(options), n=1, cutoff=0.6)
    return f" Did you mean `{near[0]}`?" if near else ""
