"""Answers that are programs: whether they pass their tests, each run in a process of its own that can do no harm.

What a sample brings is ``expected["tests"]``: the tests as code, the function they call (``entry_point``; HumanEval's
``check`` is called with it), and the prompt that an unfinished program goes on from. A program passes when it and its tests
run to their end. Everything else is a failed sample with a reason: an error, an endless loop, too much memory or disk, a
socket, a process of its own (`tunesmith.evaluation.program_worker` says which layer of the operating system holds what).

Limits are per sample. Nothing of the environment is handed down, standard input is empty, what is printed is thrown away,
and the folder the program runs in is new, empty and removed afterwards. A process that outstays its time is killed with
its group. What this does not protect from is reading: a program can read what the user can, but has no way to tell anybody.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from tunesmith.errors import ResourceError, UsageError
from tunesmith.evaluation import program_worker
from tunesmith.evaluation.lines import Line, Scored, expected

FENCE = re.compile(r"```[ \t]*[\w+-]*[ \t]*\n(.*?)(?:\n[ \t]*```|\Z)", re.DOTALL)
MAX_RESULT_BYTES = 4096
LOOK_S = 0.05  # how often the folder is looked at
LAST_S = 0.5  # for a process that has said its last to end by itself
MAX_ENTRIES, MAX_DEPTH = 2000, 20  # files and folders a program may make, and folders in one another


@dataclass(frozen=True)
class Limits:
    """What one program may use. ``disk_bytes`` is of all its files together, looked at 20 times a second."""

    wall_s: float = 10.0
    cpu_s: int = 8
    memory_bytes: int = 2**30
    file_bytes: int = 16 * 2**20
    disk_bytes: int = 64 * 2**20
    open_files: int = 64


@dataclass(frozen=True)
class Outcome:
    """How a program ended. ``reason`` is empty where it passed; ``layers`` are those of the operating system that held."""

    passed: bool
    reason: str
    wall_s: float
    layers: tuple[str, ...] = ()


def refuse_unless_allowed(lines: Sequence[Line], run_code: bool) -> None:
    """Stop before a program of a model's is run that nobody said may be.

    Raises:
        UsageError: some lines ask for programs.
    """
    asked = [line for line in lines if expected(line, "tests") is not None]
    if asked and not run_code:
        where = asked[0].get("source") or asked[0].get("id") or "a sample"
        raise UsageError(
            f"{where}: scoring it means running programs that a model wrote. Say --run-code (evaluate.run_code: true) if "
            "you want that: each runs in a process without network, with limits on time, memory and files."
        )


# -- from an answer to a program ---------------------------------------------------------------------------------------


def program_of(answer: str, code: str, entry_point: str, prompt: str) -> str:
    """The program to be run: what the answer gives, and its tests.

    Of an answer with fenced code the first block that defines the entry point counts, or the first at all. Where it
    defines the entry point, the prompt still comes before it, for its imports and helpers; else the answer continues the
    prompt, letter by letter.
    """
    blocks = FENCE.findall(answer)
    defines = re.compile(
        rf"^(?:async\s+)?(?:def|class)\s+{re.escape(entry_point)}\b|^{re.escape(entry_point)}\s*=", re.M
    )
    given = next((block for block in blocks if entry_point and defines.search(block)), blocks[0] if blocks else answer)
    if entry_point and not defines.search(given) and _is_code(prompt):
        body = prompt + given
    elif entry_point and _is_code(prompt):
        body = prompt.rstrip() + "\n    pass\n\n" + given
    else:
        body = given
    call = f"\ncheck({entry_point})\n" if entry_point and re.search(r"^def check\(", code, re.M) else "\n"
    return f"{body}\n\n{code}{call}"


def _is_code(prompt: str) -> bool:
    """Whether a prompt is a program to be finished, as HumanEval's are, and no request in words."""
    return re.search(r"^(?:async\s+)?def \w+\(", prompt, re.M) is not None and "```" not in prompt


# -- running it --------------------------------------------------------------------------------------------------------


def run_program(program: str, limits: Limits = Limits()) -> Outcome:
    """Run a program to its end or its limits, in a process and a folder of its own, of which nothing is left.

    Raises:
        ResourceError: the process could not be started.
    """
    folder = tempfile.mkdtemp(prefix="tunesmith-program-")
    try:
        return _run_in(Path(folder), program, limits)
    finally:
        _remove(folder)


def _run_in(folder: Path, program: str, limits: Limits) -> Outcome:
    word = secrets.token_hex(16)
    request = json.dumps({"program": program, "word": word, "limits": asdict(limits)}) + "\n"
    started = time.monotonic()
    process, results = _start(folder)
    stopped = ""
    try:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(request.encode("ascii"))
            process.stdin.close()
        said, stopped = _listen(results, folder, started + limits.wall_s, limits)
        if not stopped:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(LAST_S)
    finally:
        os.close(results)
        _kill(process)
    layers, _, last = said.partition("\n")
    passed = last == word and not stopped
    reason = "" if passed else stopped or last.replace(word, "") or _why_it_died(process.returncode)
    return Outcome(passed, reason, time.monotonic() - started, tuple(layers.split()))


def _start(folder: Path) -> tuple[subprocess.Popen, int]:
    reading, writing = os.pipe()
    # -I: neither our folder nor the user's settings.
    command = [sys.executable, "-I", "-B", program_worker.__file__, str(writing)]
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env={"LANG": "C.UTF-8", "HOME": str(folder), "TMPDIR": str(folder), "OMP_NUM_THREADS": "1"},
            pass_fds=(writing,),
            start_new_session=True,
        )
    except OSError as error:
        os.close(reading)
        raise ResourceError(f"no process for a program to run in: {error}. Close other programs.") from None
    finally:
        os.close(writing)
    return process, reading


def _listen(results: int, folder: Path, deadline: float, limits: Limits) -> tuple[str, str]:
    """What the worker says until it ends, and why it was stopped, if it was."""
    said = b""
    while len(said) < MAX_RESULT_BYTES:
        left = deadline - time.monotonic()
        if left <= 0:
            return said.decode("utf-8", "replace"), f"stopped after {limits.wall_s:g} s"
        if select.select([results], [], [], min(left, LOOK_S))[0]:
            piece = os.read(results, MAX_RESULT_BYTES)
            if not piece:
                return said.decode("utf-8", "replace"), ""
            said += piece
        if (size := _size(folder, limits)) is not None:
            return said.decode("utf-8", "replace"), size
    return said.decode("utf-8", "replace"), "it wrote where only its worker may"


def _size(folder: Path, limits: Limits) -> str | None:
    """Why the files a program made are too many, too large or too deep; None where they are not."""
    size, number, waiting = 0, 0, [(str(folder), 0)]
    while waiting:
        path, depth = waiting.pop()
        if depth > MAX_DEPTH:
            return f"its folders are nested more than {MAX_DEPTH} deep"
        with contextlib.suppress(OSError), os.scandir(path) as entries:  # an error: gone between two looks
            for entry in entries:
                number += 1
                size += entry.stat(follow_symlinks=False).st_blocks * 512
                if number > MAX_ENTRIES or size > limits.disk_bytes:
                    return f"its files are more than {MAX_ENTRIES} or {limits.disk_bytes // 2**20} MiB"
                if entry.is_dir(follow_symlinks=False):
                    waiting.append((entry.path, depth + 1))
    return None


def _kill(process: subprocess.Popen) -> None:
    """End the process and all of its group; it leads one of its own, so nobody else is in it."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    with contextlib.suppress(OSError):
        process.stdin.close()


def _why_it_died(status: int) -> str:
    if status == -signal.SIGXCPU:
        return "it used up its processor time"
    if status < 0:
        return f"it died of {signal.Signals(-status).name}"
    return "it ended before its tests were through"


def _remove(folder: str) -> None:
    """Remove a folder whatever is in it, however deep: rm goes down without recursion and without long paths."""
    try:
        subprocess.run(["/bin/rm", "-rf", folder], check=False, stderr=subprocess.DEVNULL)
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)


# -- scores ------------------------------------------------------------------------------------------------------------


def score_programs(lines: Sequence[Line], *, limits: Limits = Limits(), num_workers: int = 0) -> list[Scored]:
    """``pass_at_1`` of each answer, and in its details why it failed; as many at a time as there are processors."""
    with ThreadPoolExecutor(num_workers or os.cpu_count() or 1) as pool:
        return list(pool.map(lambda line: _score(line, limits), lines))


def _score(line: Line, limits: Limits) -> Scored:
    tests = expected(line, "tests")
    program = program_of(line["prediction"], tests["code"], tests.get("entry_point", ""), tests.get("prompt", ""))
    outcome = run_program(program, limits)
    return Scored({"pass_at_1": float(outcome.passed)}, {"program": outcome.reason} if outcome.reason else {})
