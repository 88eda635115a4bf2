"""Kills, full disks, requests to stop and damage: whatever happens to a training run, it goes on and ends in the same bytes.

    python benchmarks/crash.py [--kinds full,lora,t5] [--kills 100] [--windows 100] [--points N] [--signals 100] [--full N]
                               [--disks 20] [--flips 1000] [--cuts 200] [--seed 0] [--minutes M] [--folder DIR] [--json]

A kind is a tiny random model with dropout, trained for 14 steps on one thread in float32, with validation, a checkpoint every
3 steps. Of each kind:

* ``kills``: SIGKILL at a random moment of the run. * ``windows``: SIGKILL while a checkpoint is written, at a random moment
of that. * ``points``: SIGKILL right after the k-th operation on files, and half-way through every write, for that many k
spread over the run (by default for every one). After each, every checkpoint in sight must be whole.
* ``signals``: SIGTERM, SIGINT or SIGHUP at a random moment of the whole job, evaluation included; every third comes twice.
The exit code must be 128 + signal, and no finished step may be lost.
* ``full``: the disk is full from the k-th operation on that needs room (by default every one). ``disks``: a real full disk, where
this process may mount one (otherwise a limit on the size of files): exit code 5, one line, no traceback.
* ``flips`` and ``cuts``: of every file of a checkpoint, each must be noticed, and the checkpoint before be used.

After each of the first five the same command with ``--resume`` must end with exit code 0 and in the same bytes as a run
nobody disturbed: model, weights and optimizer of the last checkpoint, data and metrics, and no file more. Importing torch takes
longer than such a run, so it is imported once and every run is a fork of this process. Faults are put into the fork, by
wrapping what writes; nothing in the package knows of them. Exit code 1 where anything failed.
"""

from __future__ import annotations

import argparse
import builtins
import errno
import gc
import hashlib
import io
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false", OMP_NUM_THREADS="1")

import safetensors.torch  # noqa: E402
import torch  # noqa: E402
from safetensors import SafetensorError  # noqa: E402

sys.path.insert(0, str(Path(__file__).parents[1]))  # for the tests' models
from tests.models import save_tiny  # noqa: E402
from tunesmith.cli import main as tunesmith  # noqa: E402
from tunesmith.errors import TunesmithError  # noqa: E402
from tunesmith.privacy.names.tables import load_tables  # noqa: E402
from tunesmith.recipe import Recipe  # noqa: E402
from tunesmith.recipe_files import dump_recipe  # noqa: E402
from tunesmith.training import loop  # noqa: E402
from tunesmith.training.checkpoint import load_checkpoint, newest_checkpoint  # noqa: E402
from tunesmith.workflows import run as _run  # noqa: E402, F401  (imported once, here)
from tunesmith.workflows.signals import REPEAT_S  # noqa: E402

NUM_STEPS, SAVE_EVERY, PATIENCE_S = 14, 3, 900
STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
HALVED = ("write", "serialize_file")
NEEDS_ROOM = ("open", "write", "half", "os.write", "os.pwrite", "fsync", "mkdir", "rename", "replace", "serialize_file")


@dataclass
class Kind:
    """A model and a method, its recipe, and what an undisturbed run of it ends in and takes."""

    name: str
    recipe: Path
    folder: Path
    expected: dict[str, str] = field(default_factory=dict)
    expected_after_evaluation: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    seconds_with_evaluation: float = 0.0
    save_seconds: float = 0.0
    operations: list[str] = field(default_factory=list)


@dataclass
class Ended:
    """How a child ended: its exit code (negative: the signal that ended it), what it said, and how long it took."""

    code: int
    said: str
    seconds: float


@dataclass
class Findings:
    """How often each thing was tried, what failed (a line each), and the longest from a signal to the end."""

    tried: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)
    codes: Counter[str] = field(default_factory=Counter)
    slowest_stop_s: float = 0.0


# ── models, rows and recipes ────────────────────────────────────────────────────────────────────────────────────────


DROPOUT = {
    "gpt2": {"resid_pdrop": 0.1, "embd_pdrop": 0.1, "attn_pdrop": 0.1},
    "llama": {},
    "t5": {"dropout_rate": 0.1},
}
"""What makes a lost random state show; LoRA has its own."""
KINDS = {
    "full": ("gpt2", {"method": "full"}, {}),
    "lora": ("llama", {"method": "lora", "r": 2, "lora_dropout": 0.1}, {}),
    "t5": ("t5", {"method": "full"}, {"early_stopping_patience": 9}),
}


def make_kind(name: str, folder: Path) -> Kind:
    """Its model, its rows and its recipe on disk."""
    shape, adapter, train = KINDS[name]
    folder.mkdir(parents=True)
    save_tiny(shape, folder / "base", **DROPOUT[shape])
    rows = [{"instruction": f"{n} + {n % 7}?", "response": f"{n + n % 7}."} for n in range(40)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    steps = {"max_steps": NUM_STEPS, "save_steps": SAVE_EVERY, "eval_steps": 4, "logging_steps": 1}
    batch = {
        "per_device_train_batch_size": 2,
        "gradient_accumulation_steps": 2,
        "learning_rate": 1e-2,
        "max_length": 256,
    }
    recipe = {
        "model": {"name_or_path": str(folder / "base")},
        "data": {"sources": [str(folder / "rows.jsonl")], "validation_fraction": 0.1, "test_fraction": 0.1},
        "adapter": adapter,
        "train": {**steps, **batch, **train},
        "evaluate": {"max_samples": 2, "max_new_tokens": 2},
    }
    (folder / "recipe.yaml").write_text(dump_recipe(Recipe.model_validate(recipe)))
    return Kind(name, folder / "recipe.yaml", folder)


# ── faults, in the child only ───────────────────────────────────────────────────────────────────────────────────────


class Operations:
    """Every operation on files a process does from `watch` on; ``act`` is asked after each, and half-way through a write.

    ``act(name, number)`` may kill the process. ``before(name, number)`` may raise what the operation is to fail with.
    """

    def __init__(self, act: Callable[[str, int], None], before: Callable[[str, int], None] = lambda name, number: None):
        self.names: list[str] = []
        self._act, self._before = act, before

    def watch(self, folder: Path) -> None:
        """Wrap what writes: the calls of `os`, files opened for writing below a folder, and what writes safetensors."""
        for name in ("fsync", "rename", "replace", "unlink", "remove", "rmdir", "mkdir", "ftruncate"):
            setattr(os, name, self._wrapped(name, getattr(os, name)))
        for name in ("write", "pwrite"):
            setattr(os, name, self._wrapped(f"os.{name}", getattr(os, name)))
        safetensors.torch.serialize_file = self._serializing(safetensors.torch.serialize_file)
        builtins.open = io.open = self._opening(io.open, str(folder))

    def done(self, name: str) -> None:
        """An operation, or the half of one, is done."""
        self.names.append(name)
        self._act(name, len(self.names) - 1)

    def begins(self, name: str) -> None:
        """An operation is about to be done."""
        self._before(name, len(self.names))

    def _wrapped(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def operation(*args, **kwargs):
            self.begins(name)
            result = original(*args, **kwargs)
            self.done(name)
            return result

        return operation

    def _serializing(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def serialize_file(tensors, filename, *args, **kwargs):
            try:
                self.begins("serialize_file")
            except OSError as error:
                Path(filename).touch()
                raise SafetensorError(f"Error while serializing: I/O error: {error.strerror} (os error 28)") from None
            original(tensors, filename, *args, **kwargs)
            whole = Path(filename).read_bytes()
            os.truncate(filename, len(whole) // 2)
            self.done("half")
            with WHOLE_OPEN(filename, "wb") as file:
                file.write(whole)
            self.done("serialize_file")

        return serialize_file

    def _opening(self, original: Callable[..., Any], folder: str) -> Callable[..., Any]:
        operations = self

        class Watched(io.FileIO):
            def write(self, data) -> int:
                operations.begins("write")
                half = len(data) // 2
                super().write(memoryview(data)[:half])
                operations.done("half")
                super().write(memoryview(data)[half:])
                operations.done("write")
                return len(data)

        def opened(file, mode="r", buffering=-1, encoding=None, errors=None, newline=None, closefd=True, opener=None):
            is_ours = isinstance(file, (str, os.PathLike)) and os.path.abspath(file).startswith(folder)
            if not (set(mode) & set("wax") and is_ours):
                return original(file, mode, buffering, encoding, errors, newline, closefd, opener)
            operations.begins("open")
            raw = Watched(file, mode.replace("b", "").replace("t", ""))
            operations.done("open")
            buffered = io.BufferedWriter(raw)
            return buffered if "b" in mode else io.TextIOWrapper(buffered, encoding or "utf-8", errors, newline)

        return opened


WHOLE_OPEN = io.open


def kill_at(number: int) -> Callable[[Path], None]:
    """SIGKILL right after an operation."""

    def act(name: str, current: int) -> None:
        if current == number:
            os.kill(os.getpid(), signal.SIGKILL)

    return Operations(act).watch


def full_from(number: int) -> Callable[[Path], None]:
    """No room from an operation on."""

    def before(name: str, current: int) -> None:
        if current >= number and name in NEEDS_ROOM:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    return Operations(lambda name, current: None, before).watch


def counting(report: Path) -> Callable[[Path], None]:
    """Write the names of all operations to a file, growing with them."""
    file = os.open(report, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    write = os.write
    return Operations(lambda name, current: write(file, f"{name}\n".encode())).watch


def telling_saves(pipe: int) -> Callable[[Path], None]:
    """Write a byte where a checkpoint begins to be written, and one where it ends."""

    def install(_folder: Path) -> None:
        save, write = loop.save_checkpoint, os.write

        def told(*args, **kwargs):
            write(pipe, b"(")
            saved = save(*args, **kwargs)
            write(pipe, b")")
            return saved

        loop.save_checkpoint = told

    return install


def limited_files(size_bytes: int) -> Callable[[Path], None]:
    """No file may be larger than this."""
    return lambda _folder: resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, size_bytes))


# ── a run in a child ────────────────────────────────────────────────────────────────────────────────────────────────


def start(kind: Kind, folder: Path, verb: str, fault: Callable[[Path], None] | None = None) -> int:
    """Fork a child that runs the command line in the run folder; its process id. What it says goes beside the folder."""
    words = [verb, str(kind.recipe), "--output-dir", str(folder), "--resume"]
    random.seed()
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        os.setpgid(0, 0)
        for number in STOPS:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        log = os.open(log_of(folder), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        for stream in (1, 2):
            os.dup2(log, stream)
        if fault is not None:
            fault(folder)
        code = tunesmith(words)
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def log_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.log")


def wait(child: int, folder: Path, began: float) -> Ended:
    """Wait for a child, not for ever."""
    deadline = time.monotonic() + PATIENCE_S
    while (found := os.waitpid(child, os.WNOHANG))[0] == 0:
        if time.monotonic() > deadline:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return Ended(124, "hangs", PATIENCE_S)
        time.sleep(0.001)
    code = os.waitstatus_to_exitcode(found[1])
    return Ended(code, log_of(folder).read_text(errors="replace"), time.monotonic() - began)


def run(kind: Kind, folder: Path, verb: str, fault: Callable[[Path], None] | None = None) -> Ended:
    """Run the command line in a child to its end."""
    began = time.monotonic()
    return wait(start(kind, folder, verb, fault), folder, began)


def result_of(folder: Path) -> dict[str, str]:
    """What must be the same whatever happened on the way: file → hash, and the names of all files."""
    checkpoints = sorted((folder / "checkpoints").glob("step-*[0-9]"))
    kept = [folder / "recipe.yaml", *sorted((folder / "model").rglob("*")), *sorted((folder / "data").glob("*.jsonl"))]
    kept += [checkpoints[-1] / f"{name}.safetensors" for name in ("weights", "optimizer", "generators")]
    kept += sorted((folder / "eval").glob("*/*.jsonl"))
    found = {str(path.relative_to(folder)): sha256(path.read_bytes()) for path in kept if path.is_file()}
    found["metrics"] = sha256(json.dumps(known_metrics(folder)).encode())
    training = json.loads((folder / "training.json").read_text())
    same = {key: value for key, value in training.items() if not re_timed(key)}
    found["training.json"] = sha256(json.dumps(same, sort_keys=True).encode())
    names = {
        str(path.relative_to(folder)) for path in folder.rglob("*") if path.parent.parent != folder / "checkpoints"
    }
    found["names"] = " ".join(sorted(name for name in names if not name.startswith("checkpoints/step-")))
    found["left over"] = " ".join(
        sorted(p.name for p in (folder / "checkpoints").iterdir() if not p.name[5:].isdigit())
    )
    return found


def re_timed(key: str) -> bool:
    return key in ("seconds", "tokens_per_second", "peak_memory_bytes")


def known_metrics(folder: Path) -> list[dict[str, Any]]:
    """The lines of metrics.jsonl without how long things took."""
    lines = (json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines())
    return [{key: value for key, value in line.items() if not re_timed(key)} for line in lines]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def problem_of(folder: Path, ended: Ended, codes: tuple[int, ...]) -> str | None:
    """What is wrong with how a disturbed run ended: another exit code, a traceback, a checkpoint in sight that is not whole."""
    if ended.code not in codes:
        return f"exit code {ended.code}, not {' or '.join(map(str, codes))}: {last_line(ended.said)}"
    if "Traceback" in ended.said:
        return f"a traceback: {ended.said[ended.said.index('Traceback') :][:2000]}"
    for path in sorted((folder / "checkpoints").glob("step-*[0-9]")):
        try:
            load_checkpoint(path.parent, int(path.name[5:]))
        except TunesmithError as error:
            return f"{path.name} is in sight and not whole: {error}"
    return None


def last_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[-1][:300]


def difference(kind: Kind, folder: Path, verb: str) -> str | None:
    """Resume to the end without help; what differs from the undisturbed run then."""
    ended = run(kind, folder, verb)
    if ended.code != 0:
        return f"the resumed run ends with {ended.code}: {last_line(ended.said)}"
    if "Traceback" in ended.said:
        return "the resumed run shows a traceback"
    expected = kind.expected if verb == "train" else kind.expected_after_evaluation
    found = result_of(folder)
    other = sorted(key for key in {*expected, *found} if expected.get(key) != found.get(key))
    return f"ends otherwise: {', '.join(other)}" if other else None


# ── the proofs ──────────────────────────────────────────────────────────────────────────────────────────────────────


def undisturbed(kind: Kind) -> None:
    """Run it whole, and remember what it ends in, what it does on the disk, and how long it takes."""
    for verb in ("train", "run"):
        folders = [kind.folder / f"whole-{verb}", kind.folder / f"again-{verb}"]
        ended = [run(kind, folder, verb) for folder in folders]
        if ended[0].code != 0 or result_of(folders[0]) != result_of(folders[1]):
            raise SystemExit(
                f"{kind.name}: the undisturbed run fails, or ends otherwise the next time: {ended[0].said}"
            )
        seconds = min(one.seconds for one in ended)  # a busy machine only adds
        if verb == "train":
            kind.expected, kind.seconds = result_of(folders[0]), seconds
        else:
            kind.expected_after_evaluation, kind.seconds_with_evaluation = result_of(folders[0]), seconds
    report = kind.folder / "operations.txt"
    run(kind, kind.folder / "counted", "train", counting(report))
    kind.operations = report.read_text().splitlines()
    reader, writer = os.pipe()
    child = start(kind, kind.folder / "timed", "train", telling_saves(writer))
    os.close(writer)
    times = []
    while os.read(reader, 1):
        times.append(time.monotonic())
    os.close(reader)
    os.waitpid(child, 0)
    kind.save_seconds = sum(end - begin for begin, end in zip(times[::2], times[1::2], strict=True)) / (len(times) // 2)


@contextmanager
def trial(kind: Kind, what: str, findings: Findings) -> Iterator[tuple[Path, list[str]]]:
    """A fresh folder to run in; what is appended to the list failed."""
    folder = kind.folder / "trial"
    problems: list[str] = []
    yield folder, problems
    findings.tried[f"{kind.name} {what.split()[0]}"] += 1
    findings.failed += [f"{kind.name}, {what}: {problem}" for problem in problems]
    for problem in problems:
        print(f"FAILED {kind.name}, {what}: {problem}", file=sys.stderr, flush=True)
    shutil.rmtree(folder, ignore_errors=True)


def finish(
    kind: Kind, folder: Path, ended: Ended, codes: tuple[int, ...], problems: list[str], verb: str = "train"
) -> None:
    """Judge how it ended, resume it, and judge the result."""
    for problem in (problem_of(folder, ended, codes), difference(kind, folder, verb)):
        if problem is not None:
            problems.append(problem)


def random_kill(kind: Kind, chosen: random.Random, findings: Findings) -> None:
    """SIGKILL at a random moment; every fourth time the resumed run is killed as well."""
    delays = [chosen.uniform(0, kind.seconds) for _ in range(2 if chosen.random() < 0.25 else 1)]
    with trial(kind, f"kills after {', '.join(f'{delay:.3f} s' for delay in delays)}", findings) as (folder, problems):
        for delay in delays:
            began = time.monotonic()
            child = start(kind, folder, "train")
            time.sleep(delay)
            os.kill(child, signal.SIGKILL)
            ended = wait(child, folder, began)
        finish(kind, folder, ended, (-signal.SIGKILL, 0), problems)


def kill_in_window(kind: Kind, chosen: random.Random, findings: Findings) -> None:
    """SIGKILL at a random moment while a checkpoint is written."""
    number, share = chosen.randrange(NUM_STEPS // SAVE_EVERY + 1), chosen.random()
    with trial(kind, f"windows {number}, {share:.2f} through", findings) as (folder, problems):
        reader, writer = os.pipe()
        began = time.monotonic()
        child = start(kind, folder, "train", telling_saves(writer))
        os.close(writer)
        begun = 0
        while (told := os.read(reader, 1)) and (begun := begun + (told == b"(")) <= number:
            pass
        time.sleep(share * kind.save_seconds)
        os.kill(child, signal.SIGKILL)
        os.close(reader)
        finish(kind, folder, wait(child, folder, began), (-signal.SIGKILL, 0), problems)


def kill_at_point(kind: Kind, number: int, findings: Findings) -> None:
    """SIGKILL right after an operation on files."""
    with trial(kind, f"points {number} ({kind.operations[number]})", findings) as (folder, problems):
        finish(kind, folder, run(kind, folder, "train", kill_at(number)), (-signal.SIGKILL, 0), problems)


def full_disk(kind: Kind, number: int, findings: Findings) -> None:
    """No room from an operation on. Where only what is not needed any more fails, the run may end well."""
    with trial(kind, f"full from {number} ({kind.operations[number]})", findings) as (folder, problems):
        ended = run(kind, folder, "train", full_from(number))
        findings.codes[f"full {ended.code}"] += 1
        finish(kind, folder, ended, (5, 0), problems)


def small_disk(kind: Kind, size_bytes: int, findings: Findings) -> None:
    """A disk of that size, which grows before the run is resumed; a limit on the size of files where none can be mounted."""
    with trial(kind, f"disks of {size_bytes:,} bytes", findings) as (folder, problems):
        folder.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", str(folder)]
        if os.geteuid() == 0 and subprocess.run(mount, capture_output=True).returncode == 0:
            try:
                ended = run(kind, folder, "train")
                subprocess.run(["mount", "-o", "remount,size=64m", str(folder)], check=True)
                finish(kind, folder, ended, (5, 0), problems)
            finally:
                subprocess.run(["umount", str(folder)], check=True)
        else:
            ended = run(kind, folder, "train", limited_files(size_bytes // 4))
            finish(kind, folder, ended, (5, 0), problems)
        findings.codes[f"disks {ended.code}"] += 1


def stop(kind: Kind, chosen: random.Random, findings: Findings) -> None:
    """A request to stop at a random moment of training and evaluation; every third comes twice."""
    number, delay = chosen.choice(STOPS), chosen.uniform(0, kind.seconds_with_evaluation)
    again = chosen.uniform(0, 0.2) if chosen.random() < 1 / 3 else None
    what = f"signals {signal.Signals(number).name} after {delay:.3f} s" + (
        "" if again is None else f" and {again:.3f} s"
    )
    with trial(kind, what, findings) as (folder, problems):
        began = time.monotonic()
        child = start(kind, folder, "run")
        time.sleep(delay)
        os.kill(child, number)
        sent = time.monotonic()
        if again is not None:
            time.sleep(again)
            os.kill(child, number)
        second_after_s = time.monotonic() - sent
        ended = wait(child, folder, began)
        findings.slowest_stop_s = max(findings.slowest_stop_s, time.monotonic() - sent)
        findings.codes[f"signals {ended.code}"] += 1
        is_impatient = number == signal.SIGINT and second_after_s >= REPEAT_S / 2  # this process was kept waiting
        lost = lost_steps(folder) if ended.code == 128 + number and not is_impatient else 0
        if lost:
            problems.append(f"{lost} steps that were done are lost")
        finish(kind, folder, ended, (128 + number, -number, 0), problems, "run")


def lost_steps(folder: Path) -> int:
    """Steps that have a line in metrics.jsonl and are in no checkpoint."""
    steps = [line["step"] for line in known_metrics(folder)] if (folder / "metrics.jsonl").exists() else []
    saved = [int(path.name[5:]) for path in (folder / "checkpoints").glob("step-*[0-9]")]
    return max(steps, default=0) - max(saved, default=0)


def damage(kind: Kind, num_flips: int, num_cuts: int, chosen: random.Random, findings: Findings) -> None:
    """Flip single bits and cut ends off every file of the last checkpoint; each time the one before must be used."""
    folder = kind.folder / "damaged"
    shutil.copytree(kind.folder / "whole-train/checkpoints", folder)
    *_, before, newest = sorted(folder.glob("step-*"))
    for path in sorted(newest.iterdir()):
        content = path.read_bytes()
        for number in range(num_flips + num_cuts):
            what = "flips" if number < num_flips else "cuts"
            damaged = flipped(content, chosen) if what == "flips" else content[: chosen.randrange(len(content))]
            path.write_bytes(damaged)
            told: list[str] = []
            used = newest_checkpoint(folder, on_damage=told.append)
            findings.tried[f"{kind.name} {what}"] += 1
            if used.step != int(before.name[5:]) or len(told) != 1 or "\n" in told[0]:
                findings.failed.append(f"{kind.name}, {what}: {path.name} not noticed ({told})")
            else:
                newest.with_name(f"{newest.name}.damaged").rename(newest)
        path.write_bytes(content)
    shutil.rmtree(folder)


def flipped(content: bytes, chosen: random.Random) -> bytes:
    damaged = bytearray(content)
    damaged[chosen.randrange(len(content))] ^= 1 << chosen.randrange(8)
    return bytes(damaged)


def spread(total: int, wanted: int | None) -> list[int]:
    """That many of the numbers below ``total``, evenly; all of them for None."""
    wanted = total if wanted is None else min(wanted, total)
    return [number * total // wanted for number in range(wanted)]


def attempts(
    kind: Kind, settings: argparse.Namespace, chosen: random.Random, findings: Findings
) -> list[Callable[[], None]]:
    """Everything that is asked for of one kind, but for the damage."""
    # A write fails as its first half begins.
    room = [number for number, name in enumerate(kind.operations) if name in NEEDS_ROOM and name not in HALVED]
    sizes = [4096 * (1 + number * 128 // settings.disks) for number in range(settings.disks)]
    return [
        *(partial(random_kill, kind, chosen, findings) for _ in range(settings.kills)),
        *(partial(kill_in_window, kind, chosen, findings) for _ in range(settings.windows)),
        *(partial(kill_at_point, kind, n, findings) for n in spread(len(kind.operations), settings.points)),
        *(partial(stop, kind, chosen, findings) for _ in range(settings.signals)),
        *(partial(full_disk, kind, room[n], findings) for n in spread(len(room), settings.full)),
        *(partial(small_disk, kind, size, findings) for size in sizes),
    ]


def prove(folder: Path, settings: argparse.Namespace, findings: Findings) -> dict[str, Kind]:
    """Everything that is asked for, in random order, so that what there is time for is a fair part of it."""
    chosen = random.Random(settings.seed)
    deadline = time.monotonic() + 60 * settings.minutes
    kinds = {name: make_kind(name, folder / name) for name in settings.kinds.split(",")}
    tries = []
    for kind in kinds.values():
        undisturbed(kind)
        damage(kind, settings.flips, settings.cuts, chosen, findings)
        tries += attempts(kind, settings, chosen, findings)
    chosen.shuffle(tries)
    for number, attempt in enumerate(tries):
        if time.monotonic() > deadline:
            break
        attempt()
        if number % 50 == 49:
            print(f"{number + 1} of {len(tries)} tried, {len(findings.failed)} failed", file=sys.stderr, flush=True)
    return kinds


def make_ready() -> None:
    """Get this process ready to be forked often: one thread, and nothing that a child would have to do again."""
    torch.set_num_threads(1)
    load_tables()
    gc.freeze()  # else collecting garbage in a child would copy most of this process


def main() -> int:
    """Run the proofs and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kinds", default=",".join(KINDS))
    numbers = {"kills": 100, "windows": 100, "points": None, "signals": 100, "full": None, "disks": 20}
    for name, default in {**numbers, "flips": 1000, "cuts": 200, "seed": 0, "minutes": 10**6}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--json", action="store_true")
    settings = parser.parse_args()
    make_ready()
    findings, began = Findings(), time.monotonic()
    with tempfile.TemporaryDirectory(dir=settings.folder) as folder:
        kinds = prove(Path(folder), settings, findings)
    result = {
        "tried": dict(findings.tried),
        "failed": findings.failed,
        "exit_codes": dict(findings.codes),
        "slowest_stop_s": round(findings.slowest_stop_s, 3),
        "operations": {name: len(kind.operations) for name, kind in kinds.items()},
        "seconds_a_run": {name: round(kind.seconds, 3) for name, kind in kinds.items()},
        "seconds": round(time.monotonic() - began, 1),
    }
    print(json.dumps(result, indent=2) if settings.json else table(result))
    return 1 if findings.failed else 0


def table(result: dict[str, Any]) -> str:
    """What was tried and what failed, a line each."""
    lines = [f"{what:24} {count:7,} tried" for what, count in result["tried"].items()]
    lines += [f"FAILED {failure}" for failure in result["failed"]]
    lines += [f"exit codes: {result['exit_codes']}", f"slowest stop: {result['slowest_stop_s']} s"]
    return "\n".join([*lines, f"{result['seconds']} s"])


if __name__ == "__main__":
    sys.exit(main())
