"""Renders a Jinja chat template: ours in this process, anybody else's in a worker that cannot hurt it.

A template that comes with a model is a program (CVE-2024-34359, CVE-2026-5760). Jinja's sandbox stops it from
reaching Python; it does not stop ``'a' * 10**8`` or a loop without end. So it runs in a small process with a limit on
processor time, memory, output and open files (`sandbox_worker`), which is started at the first use, answers JSON
lines and ends with this process.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunesmith.errors import ModelError
from tunesmith.rendering import sandbox_worker
from tunesmith.rendering.composed import composer_of

BATCH_JOBS, BATCH_CHARACTERS = 64, 2**20
PROGRAM = "import sys; sys.path.insert(0, sys.argv[1]); from tunesmith.rendering.sandbox_worker import serve; serve()"
WALL_SECONDS = 60.0  # for one answer; the limit on processor time comes first unless the machine stands still


@dataclass(frozen=True)
class Job:
    """A conversation and where to cut it: ``(number of messages, with generation prompt)`` per wanted text."""

    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]] | None
    cuts: tuple[tuple[int, bool], ...]


@dataclass(frozen=True)
class Refusal:
    """The template gave no text: ``refused`` (on purpose) or ``failed`` (it cannot handle the conversation)."""

    kind: str
    message: str


def render_jobs(
    name: str, source: str, variables: Mapping[str, Any], jobs: Sequence[Job], *, trusted: bool
) -> list[list[str | Refusal]]:
    """One text, or one `Refusal`, per cut per job.

    Raises:
        ModelError: the template does not compile, tries to leave the sandbox or exceeds a limit.
    """
    requests = [{"messages": job.messages, "tools": job.tools, "cuts": job.cuts} for job in jobs]
    if trusted:
        composer = composer_of(source, json.dumps(variables, sort_keys=True))
        answers = [sandbox_worker.render_job(composer, request) for request in requests]
        return [[_text_or_refusal(name, item) for item in answer] for answer in answers]
    texts: list[list[str | Refusal]] = []
    with _lock:
        for batch in _batches(requests):
            answers = _current_worker().ask(name, source, variables, batch)
            texts += [[_text_or_refusal(name, item) for item in answer] for answer in answers]
    return texts


def _text_or_refusal(name: str, item: str | dict[str, str]) -> str | Refusal:
    if isinstance(item, str):
        return item
    if item["kind"] == "syntax":
        raise ModelError(
            f"template `{name}` does not compile: {_one_line(item['message'])}. Correct it, or set "
            "template.name to a built-in one."
        )
    if item["kind"] in sandbox_worker.FATAL:
        raise _unusable(name, item["message"])
    return Refusal(item["kind"], _one_line(item["message"]))


def _one_line(message: str) -> str:
    return " ".join(message[:200].split()).rstrip(".")


def _unusable(name: str, why: str) -> ModelError:
    return ModelError(
        f"template `{name}` was stopped: {_one_line(why)}. A chat template has no need of that: do not trust "
        "where it comes from; "
        "set template.name to chatml, alpaca or plain."
    )


def _batches(requests: Sequence[dict]) -> Iterator[list[dict]]:
    batch, characters = [], 0
    for request in requests:
        batch.append(request)
        characters += sum(len(message["content"]) for message in request["messages"])
        if len(batch) == BATCH_JOBS or characters > BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


class Worker:
    """Owns the process untrusted templates run in."""

    def __init__(self) -> None:
        command = [sys.executable, "-I", "-c", PROGRAM, str(Path(__file__).parents[2])]
        self.pid_of_owner = os.getpid()
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,
        )
        self.buffer = bytearray()

    @property
    def usable(self) -> bool:
        return self.pid_of_owner == os.getpid() and self.process.poll() is None

    def ask(self, name: str, source: str, variables: Mapping, jobs: list[dict]) -> list[list]:
        """The answers to a batch of jobs. Raises `ModelError` when the template made the process die."""
        request = json.dumps({"source": source, "variables": variables, "jobs": jobs}) + "\n"
        deadline = time.monotonic() + WALL_SECONDS
        try:
            self._write(request.encode("ascii"))
            return [json.loads(self._read_line(deadline)) for _ in jobs]
        except (EOFError, BrokenPipeError, TimeoutError) as error:
            raise _unusable(name, self._why_it_died(error)) from None

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self.process.stdin.write(view) :]

    def _read_line(self, deadline: float) -> bytes:
        descriptor = self.process.stdout.fileno()
        searched = 0
        while (end := self.buffer.find(b"\n", searched)) < 0:
            searched = len(self.buffer)
            if not select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise TimeoutError
            piece = os.read(descriptor, 2**16)
            if not piece:
                raise EOFError
            self.buffer += piece
        line = bytes(self.buffer[:end])
        del self.buffer[: end + 1]
        return line

    def _why_it_died(self, error: Exception) -> str:
        if isinstance(error, TimeoutError):
            self.close()
            return f"no answer within {WALL_SECONDS:.0f} s"
        status = self.process.wait()
        self.close()
        return (
            "it takes too much processor time"
            if status == -signal.SIGPROF
            else f"it ended its process (status {status})"
        )

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


_lock = threading.Lock()
_worker: Worker | None = None


def _current_worker() -> Worker:
    global _worker
    if _worker is None or not _worker.usable:
        _worker = Worker()
    return _worker


@atexit.register
def _close_worker() -> None:
    if _worker is not None and _worker.usable:
        _worker.close()
