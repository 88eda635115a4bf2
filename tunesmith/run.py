"""The run folder: where everything of a run lies, who may write to it, and what its folder says about it afterwards.

runs/NAME/
  recipe.yaml  provenance.json  metrics.jsonl  training.json  judgements.jsonl  report.html  report.md
  data/{train,validation,test,dropped,changes}.jsonl  data/card.md  data/funnel.json  data/ledger.json
  checkpoints/step-000500/  model/  eval/SYSTEM/TASK.jsonl  eval/summary.json
  .curation/   only until the data is written: what of it is finished (see curation/work.py)
  run.lock     only while a process works on it: which one, where and since when
"""

from __future__ import annotations

import errno
import json
import math
import os
import shutil
import socket
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from tunesmith.errors import DataError, Interrupted, ResourceError, StopNow, UsageError
from tunesmith.files import missing_path, read_json, write_json, write_text
from tunesmith.provenance import now
from tunesmith.recipe import Recipe
from tunesmith.recipe_files import dump_recipe, load_recipe, recipe_differences
from tunesmith.system_errors import OUTPUT_DIR, explained_writing, resource_error

try:
    import fcntl
except ImportError:  # Windows: the process id in the lock file decides alone
    fcntl = None

# What `--overwrite` may delete: exactly what we write. A file that is not listed stays.
LAYOUT = (
    "recipe.yaml", "provenance.json", "metrics.jsonl", "training.json", "judgements.jsonl", "report.html", "report.md",
    "data/train.jsonl", "data/validation.jsonl", "data/test.jsonl", "data/dropped.jsonl", "data/changes.jsonl",
    "data/card.md", "data/funnel.json", "data/ledger.json", "data/profile.json", "data/decontamination.json", "checkpoints/step-*", "model/*", "model.tmp",
    "eval/*/*.jsonl", "eval/*/system.json", "eval/*/answers.partial", "eval/novelty.jsonl", "eval/rephrasings.jsonl", "eval/summary.json", ".curation",
    "eval/*/*/*.jsonl", "eval/*/*/system.json", "eval/*/*/answers.partial", "eval/*/summary.json",
)  # fmt: skip
# A resumed run may change these: how often something is written, how it is tested, and for how long it goes on.
FREE_ON_RESUME = (
    "output_dir", "data.num_workers", "evaluate.", "train.logging_steps", "train.save_steps", "train.max_steps", "train.num_train_epochs",
    "train.num_threads",
)  # fmt: skip
# `list_runs` looks at a lock by holding it for a moment; a run that starts just then waits so long.
LOCK_PATIENCE_S = 0.3

_explained_writing = partial(explained_writing, elsewhere=OUTPUT_DIR)


class Run:
    """One run folder. `create` and `with run:` hold its lock; `open` only reads."""

    def __init__(self, path: str | os.PathLike[str]):
        self.path = Path(path)
        self._lock: int | None = None
        self._is_new = False  # made by this object, not found

    recipe_file = property(lambda self: self.path / "recipe.yaml")
    provenance_file = property(lambda self: self.path / "provenance.json")
    metrics_file = property(lambda self: self.path / "metrics.jsonl")
    training_file = property(lambda self: self.path / "training.json")
    judgements_file = property(lambda self: self.path / "judgements.jsonl")
    report_html = property(lambda self: self.path / "report.html")
    report_md = property(lambda self: self.path / "report.md")
    lock_file = property(lambda self: self.path / "run.lock")
    data_dir = property(lambda self: self.path / "data")
    curation_dir = property(lambda self: self.path / ".curation")  # only until the data is written
    train_file = property(lambda self: self.data_dir / "train.jsonl")
    validation_file = property(lambda self: self.data_dir / "validation.jsonl")
    test_file = property(lambda self: self.data_dir / "test.jsonl")
    dropped_file = property(lambda self: self.data_dir / "dropped.jsonl")
    changes_file = property(lambda self: self.data_dir / "changes.jsonl")
    card_file = property(lambda self: self.data_dir / "card.md")
    funnel_file = property(lambda self: self.data_dir / "funnel.json")
    ledger_file = property(lambda self: self.data_dir / "ledger.json")
    checkpoints_dir = property(lambda self: self.path / "checkpoints")
    model_dir = property(lambda self: self.path / "model")
    eval_dir = property(lambda self: self.path / "eval")
    summary_file = property(lambda self: self.eval_dir / "summary.json")

    @property
    def name(self) -> str:
        return self.path.resolve().name

    @property
    def recipe(self) -> Recipe:
        return load_recipe(self.recipe_file)

    @property
    def is_finished(self) -> bool:
        return self.provenance_file.exists() and read_json(self.provenance_file).get("finished_at") is not None

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        recipe: Recipe,
        *,
        resume: bool = False,
        overwrite: bool = False,
        inputs: Iterable[str] = (),
    ) -> Run:
        """A folder to write a run into, locked, with recipe.yaml in it.

        ``resume`` goes on in a run that is there (and begins one where none is); ``overwrite`` deletes what an earlier
        run wrote, and nothing else, unless one of ``inputs`` lies in it.

        Raises:
            UsageError: something else, or an earlier run, is there; or it was started with another recipe.
            ResourceError: another process works on it, or it cannot be written.
        """
        run = cls(path)
        run.refuse(recipe, resume=resume, overwrite=overwrite)
        with _explained_writing(run.path):
            run.path.mkdir(parents=True, exist_ok=True)
        run.acquire()
        try:
            run.refuse(recipe, resume=resume, overwrite=overwrite)
            run._prepare(recipe, resume, overwrite, inputs)
        except BaseException:
            if run._is_new:
                run._leave_nothing_begun()
            run.release()
            raise
        return run

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Run:
        """The run that lies there. Raises `DataError` when there is none."""
        run = cls(path)
        if not run.path.exists():
            raise missing_path(run.path)
        if not run.exists():
            raise DataError(
                f"{run.path}: not a run folder (no recipe.yaml with provenance.json)."
                " List the runs with: tunesmith runs"
            )
        return run

    def exists(self) -> bool:
        """Whether a run was begun here. A recipe.yaml alone is somebody's recipe, not a run."""
        return self.recipe_file.is_file() and (self.provenance_file.exists() or self.lock_file.exists())

    def refuse(self, recipe: Recipe, *, resume: bool = False, overwrite: bool = False) -> None:
        """Raise what `create` would, without touching anything: asked before the slow libraries are loaded, too."""
        self._refuse_strangers()
        self._refuse_closed_places()
        if self._lock is None and self._stays_locked():
            raise self._in_use()
        if not self.recipe_file.is_file():
            return
        if resume:
            self._refuse_other_recipe(recipe)
        elif not overwrite and self.is_finished:
            raise UsageError(
                f"{self.path}: already holds a finished run."
                " Choose another --output-dir, or begin anew with --overwrite."
            )
        elif not overwrite:
            raise UsageError(
                f"{self.path}: already holds a run that has not finished."
                " Go on with --resume, or begin anew with --overwrite."
            )

    def _refuse_strangers(self) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise UsageError(f"{self.path}: a file, where the run folder is to be. Choose another --output-dir.")
        with _explained_writing(self.path):
            inside = sorted(os.listdir(self.path)) if self.path.is_dir() else []
        if self._lock is None and self.lock_file.name in inside:
            return  # somebody is writing it at this moment; looked at again once the lock is ours
        ours = {self.lock_file.name, self.curation_dir.name, *(path.name for path in self._half_written())}
        if set(inside) - ours and not self.exists():
            some = ", ".join(inside[:3]) + (" …" if len(inside) > 3 else "")
            raise UsageError(
                f"{self.path}: not empty and no run folder (it holds {some}). Choose another --output-dir."
            )

    def _refuse_closed_places(self) -> None:
        there = next(path for path in (self.path, *self.path.parents) if path.exists())
        problem = None
        if not there.is_dir():
            problem = errno.ENOTDIR
        elif not os.access(there, os.W_OK | os.X_OK):
            problem = errno.EROFS if os.statvfs(there).f_flag & os.ST_RDONLY else errno.EACCES
        if problem is not None:
            raise resource_error(OSError(problem, os.strerror(problem), str(there)), self.path, elsewhere=OUTPUT_DIR)

    def _prepare(self, recipe: Recipe, resume: bool, overwrite: bool, inputs: Iterable[str]) -> None:
        known = self.recipe_file.is_file()
        self._is_new = not known
        if known and overwrite and not resume:
            self._clear(inputs)
        self._remove_half_written()
        write_text(self.recipe_file, dump_recipe(recipe))
        if not self.provenance_file.exists():
            write_json(self.provenance_file, {"started_at": now(), "finished_at": None})

    def _refuse_other_recipe(self, recipe: Recipe) -> None:
        differences = [line for line in recipe_differences(self.recipe, recipe) if not line.startswith(FREE_ON_RESUME)]
        if differences:
            more = f" (and {len(differences) - 3} more)" if len(differences) > 3 else ""
            told = "; ".join(differences[:3])
            raise UsageError(
                f"{self.path}: was started with another recipe, so going on would mix two runs: {told}{more}."
                f" Resume with {self.recipe_file}, or choose another --output-dir."
            )
        saved = [int(path.name[5:]) for path in self.checkpoints_dir.glob("step-*") if path.name[5:].isdigit()]
        trained = read_json(self.training_file) if self.training_file.exists() else {}
        steps = max([trained.get("num_steps", 0), *saved])
        wanted = recipe.train.max_steps
        if wanted is not None and wanted < steps:
            raise UsageError(
                f"{self.path}: was trained for {steps} steps, and train.max_steps is now {wanted}."
                " Raise it, or choose another --output-dir."
            )

    def _clear(self, inputs: Iterable[str]) -> None:
        """Delete what a run wrote; folders only when that leaves them empty, links but never what they point to.

        First what says that something is complete, last what says that this is a run: stopped half-way, it can be done again.
        """
        found = [path for pattern in LAYOUT for path in sorted(self.path.glob(pattern))]
        ends = [self.ledger_file, self.training_file, self.provenance_file, self.recipe_file]
        found.sort(key=lambda path: (-1, 1)[ends.index(path) > 1] if path in ends else 0)
        for source in inputs:
            taken = os.path.exists(source) and Path(source).resolve()
            if taken and any(
                taken.is_relative_to(path.resolve()) or path.resolve().is_relative_to(taken) for path in found
            ):
                raise UsageError(
                    f"{self.path}: --overwrite would delete {source}, which this recipe reads."
                    " Choose another --output-dir."
                )
        with _explained_writing(self.path):
            for path in found:
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
            for folder in [
                *self.eval_dir.glob("*/*/"),
                *self.eval_dir.glob("*/"),
                self.eval_dir,
                self.data_dir,
                self.checkpoints_dir,
                self.model_dir,
            ]:
                if folder.is_dir() and not folder.is_symlink() and not os.listdir(folder):
                    folder.rmdir()

    def _half_written(self) -> list[Path]:
        """What a killed process was about to write (see `files.write_text`): nobody will finish it."""
        patterns = (Path(pattern) for pattern in LAYOUT)
        found = [
            path for pattern in patterns for path in self.path.glob(str(pattern.with_name(f".{pattern.name}.*.tmp")))
        ]
        return [path for path in found if path.is_file()]

    def _remove_half_written(self) -> None:
        with _explained_writing(self.path):
            for path in self._half_written():
                path.unlink()

    # ── lock ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def acquire(self) -> None:
        """Hold the folder until `release` or the end of the process. Raises `ResourceError` when another one does.

        The kernel's lock decides, and ends with its process, so a dead one leaves nothing to clean up; the text in the
        file is for people, and decides only where the file system knows no locks.
        """
        if self._lock is not None:
            return
        deadline = time.monotonic() + LOCK_PATIENCE_S
        while (descriptor := self._try_lock()) is None:
            if time.monotonic() > deadline:
                raise self._in_use()
            time.sleep(0.05)
        owner = {"pid": os.getpid(), "host": socket.gethostname(), "started_at": now()}
        with _explained_writing(self.lock_file):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, (json.dumps(owner) + "\n").encode(), 0)
        self._lock = descriptor
        os.register_at_fork(after_in_child=self._forget)

    def _try_lock(self) -> int | None:
        """A descriptor that holds the lock, or None when another process does."""
        with _explained_writing(self.lock_file):
            descriptor = os.open(self.lock_file, os.O_RDWR | os.O_CREAT, 0o644)
        if _take(descriptor, self._owner()) and _same_file(descriptor, self.lock_file):
            return descriptor
        os.close(descriptor)
        return None

    def release(self) -> None:
        if self._lock is not None:
            self.lock_file.unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = None

    def _forget(self) -> None:
        # A forked worker shares the descriptor; if it outlives us it must not hold the folder.
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _stays_locked(self) -> bool:
        deadline = time.monotonic() + LOCK_PATIENCE_S
        while locked := self.is_running():
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)
        return locked

    def is_running(self) -> bool:
        """Whether a process holds the folder at this moment."""
        if self._lock is not None:
            return True
        try:
            descriptor = os.open(self.lock_file, os.O_RDWR)
        except OSError:
            return False
        free = _take(descriptor, self._owner())
        os.close(descriptor)
        return not free

    def _owner(self) -> dict[str, Any]:
        try:
            owner = json.loads(self.lock_file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return owner if isinstance(owner, dict) else {}

    def _in_use(self) -> ResourceError:
        owner = self._owner()
        pid, host, since = (owner.get(key, "n/a") for key in ("pid", "host", "started_at"))
        return ResourceError(
            f"{self.path}: in use by process {pid} on {host} since {since}. Wait for it, stop it, or choose another "
            "--output-dir."
        )

    def __enter__(self) -> Run:
        self.acquire()
        return self

    def __exit__(self, kind: object, *exc_info: object) -> None:
        if kind not in (None, Interrupted, StopNow) and self._is_new:
            self._leave_nothing_begun()
        self.release()

    def _leave_nothing_begun(self) -> None:
        """Take back a run that failed before it wrote any data: the next attempt, with another recipe, begins anew.

        What was curated stays for it, and counts only where data and stages are the same.
        """
        begun = {self.recipe_file.name, self.provenance_file.name, self.lock_file.name, self.curation_dir.name}
        with suppress(OSError):
            if set(os.listdir(self.path)) <= begun:
                self.provenance_file.unlink(missing_ok=True)
                self.recipe_file.unlink(missing_ok=True)  # stopped before this, it is a run that has only begun
                self.lock_file.unlink(missing_ok=True)
                self.path.rmdir()

    # ── metrics and provenance ──────────────────────────────────────────────────────────────────────────────────────

    def append_metrics(self, row: Mapping[str, Any]) -> None:
        """Add one line to metrics.jsonl, in a single write; a number that is not finite is written as null."""
        finite = {
            key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in row.items()
        }
        line = (json.dumps(finite, ensure_ascii=False) + "\n").encode()
        with _explained_writing(self.metrics_file):
            descriptor = os.open(self.metrics_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                if os.write(descriptor, line) < len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            finally:
                os.close(descriptor)

    def sync_metrics(self) -> None:
        """Bring metrics.jsonl to the disk: a checkpoint that survives a power cut must find its lines there."""
        with _explained_writing(self.metrics_file), suppress(FileNotFoundError):
            descriptor = os.open(self.metrics_file, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def read_metrics(self) -> list[dict[str, Any]]:
        """The lines of metrics.jsonl, without a torn last one. Raises `DataError` for a broken one before it."""
        return self._whole(self._metrics())

    def truncate_metrics(self, step: int, validated_step: int | None = None) -> None:
        """Cut metrics.jsonl back to what was known at a checkpoint: lines up to ``step``, which were on the disk before it.

        Of validations only those up to ``validated_step`` were known, which may be the one before: the checkpoint of a run that
        was asked to stop has none of its own step. What a power cut made of the lines after them goes unread. Raises `DataError` for a broken line among them.
        """
        rows = self._metrics()
        is_known = [row is not None and row.get("step", 0) <= step for row in rows]
        end = len(rows) - is_known[::-1].index(True) if any(is_known) else 0
        validated = step if validated_step is None else validated_step
        kept = [
            row
            for row in self._whole(rows[:end])
            if row.get("step", 0) <= (validated if "validation_loss" in row else step)
        ]
        if self.metrics_file.exists():
            write_text(self.metrics_file, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in kept))

    def _metrics(self) -> list[dict[str, Any] | None]:
        """A row for each line that ends, None for what is no JSON object."""
        text = self.metrics_file.read_text(encoding="utf-8", errors="replace") if self.metrics_file.exists() else ""
        return [_object_or_none(line) for line in text.split("\n")[:-1]]

    def _whole(self, rows: Sequence[dict[str, Any] | None]) -> list[dict[str, Any]]:
        if None in rows:
            where = f"{self.metrics_file}:{rows.index(None) + 1}"
            raise DataError(f"{where}: not valid JSON. Delete the line, or start the run anew.")
        return list(rows)

    def write_provenance(self, value: Mapping[str, Any]) -> None:
        write_json(self.provenance_file, value)

    def mark_finished(self) -> None:
        """Note the time in provenance.json: from now on the run counts as finished."""
        self.write_provenance({**read_json(self.provenance_file), "finished_at": now()})

    def mark_unfinished(self) -> None:
        """Take back that the run is trained and finished, before its model becomes another one than was judged."""
        self.training_file.unlink(missing_ok=True)
        self.write_provenance({**read_json(self.provenance_file), "finished_at": None})


def _object_or_none(line: str) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _take(descriptor: int, owner: Mapping[str, Any]) -> bool:
    """Whether the lock on an open file is ours now."""
    if fcntl is not None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            return False
        except OSError:  # a file system without locks
            pass
    return not _is_alive(owner)


def _is_alive(owner: Mapping[str, Any]) -> bool:
    """Whether the process a lock file names may still be there; one on another machine always may."""
    pid = owner.get("pid")
    if not isinstance(pid, int) or pid == os.getpid():
        return False
    if owner.get("host") != socket.gethostname():
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _same_file(descriptor: int, path: Path) -> bool:
    """Whether the locked file is still the one at the path: its last owner may have deleted it just before."""
    try:
        there = os.stat(path)
    except FileNotFoundError:
        return False
    ours = os.fstat(descriptor)
    return (ours.st_dev, ours.st_ino) == (there.st_dev, there.st_ino)
