"""What a person sees while work goes on: bars on a terminal, a line now and then elsewhere. All of it on stderr."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any, TextIO

from tunesmith.progress import Bar, Progress

LINES_PER_BAR = 10
FILE_WIDTH = 110
QUIET_S = 60.0  # without a terminal, say something at least this often


def make_progress() -> Progress:
    """Bars where stderr is a terminal, plain lines elsewhere."""
    return TerminalProgress() if sys.stderr.isatty() else PlainProgress(Lasting(sys.stderr))


class Lasting:
    """A stream whose reader may leave (a closed terminal, ``| head``, a full disk under a log file): what is said from then
    on goes nowhere, and the work goes on."""

    def __init__(self, stream: TextIO):
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except OSError:
            self._silence()
        return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError:
            self._silence()

    def _silence(self) -> None:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), self._stream.fileno())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def print_json(value: Any) -> None:
    """The result for a machine: one JSON object on stdout."""
    print(json.dumps(value, ensure_ascii=False, indent=2, default=str))


@contextlib.contextmanager
def results_only() -> Iterator[None]:
    """Send what libraries print to stderr, so that stdout holds nothing but the result."""
    with contextlib.redirect_stdout(sys.stderr):
        yield


@contextlib.contextmanager
def ending_at_once(*numbers: int) -> Iterator[None]:
    """While nothing is begun yet, end the process at one of these signals, with its exit code and without a traceback. Those
    that were ignored before (``nohup``, background jobs) stay so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, _end_now) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def importing() -> contextlib.AbstractContextManager[None]:
    """While the slow libraries are imported: an exception raised while some object of theirs is being deleted would be
    lost, and the request to stop with it."""
    return ending_at_once(signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _end_now(number: int, _frame: FrameType | None) -> None:
    os.write(2, b"Interrupted.\n")
    os._exit(128 + number)


def figures(fields: dict[str, Any]) -> str:
    """``loss 1.932 · 840 tokens/s``: the figures beside a bar."""
    told = []
    for name, value in fields.items():
        word = name.replace("_per_second", "/s").replace("_", " ")
        number = (
            "n/a"
            if value is None
            else value
            if isinstance(value, str)
            else f"{value:,.0f}"
            if abs(value) >= 100
            else f"{value:.4g}"
        )
        told.append(f"{number} {word}" if name.endswith("_per_second") else f"{word} {number}")
    return " · ".join(told)


def clock(seconds: float) -> str:
    """``0:42``, ``1:02:03``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class PlainProgress:
    """Lines for a log file."""

    def __init__(self, stream: TextIO):
        self._stream = stream

    def say(self, text: str) -> None:
        print(text, file=self._stream, flush=True)

    def notice(self, text: str) -> None:
        self.say(f"note: {text}")

    def warn(self, text: str) -> None:
        self.say(f"warning: {text}")

    def bar(self, description: str, total: float | None = None, unit: str = "") -> Bar:
        return PlainBar(self, description, total, unit)


class PlainBar:
    """About ten lines from start to end, more only when one takes longer than a minute."""

    def __init__(self, progress: PlainProgress, description: str, total: float | None, unit: str):
        self._progress, self._description, self._total, self._unit = progress, description, total, unit
        self._done, self._fields, self._told = 0.0, {}, -1.0
        self._start = self._last = time.monotonic()

    def advance(self, n: float = 1) -> None:
        self._done += n
        tenth = int(self._done * LINES_PER_BAR / self._total) if self._total else 0
        last_tenth = int(max(self._told, 0) * LINES_PER_BAR / self._total) if self._total else 0
        now = time.monotonic()
        if (tenth > last_tenth and now - self._last > 1) or now - self._last > QUIET_S:
            self._tell()

    def update(self, **fields: float | int | str | None) -> None:
        self._fields.update(fields)

    def _tell(self) -> None:
        self._told, self._last = self._done, time.monotonic()
        spent = self._last - self._start
        of = f"/{self._total:,.0f}" if self._total else ""
        parts = [f"{self._description} {self._done:,.0f}{of} {self._unit}".rstrip(), figures(self._fields)]
        if self._total and 0 < self._done < self._total:
            parts.append(f"{clock(spent * (self._total - self._done) / self._done)} left")
        else:
            parts.append(clock(spent))
        self._progress.say(" · ".join(part for part in parts if part))

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._told != self._done and self._done:
            self._tell()


class TerminalProgress:
    """Bars with rich; one display shared by all bars, so that bars within bars work."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        self.console = Console(file=Lasting(sys.stderr), highlight=False)
        self._display = Progress(
            TextColumn("{task.description}"), BarColumn(bar_width=24),
            TextColumn("{task.fields[count]}"), TextColumn("[dim]{task.fields[told]}"),
            TimeElapsedColumn(), TextColumn("[dim]left"), TimeRemainingColumn(), console=self.console,
        )  # fmt: skip
        self._num_open = 0

    def say(self, text: str) -> None:
        self.console.print(text, markup=False)

    def notice(self, text: str) -> None:
        self.console.print(f"note: {text}", markup=False, style="cyan")

    def warn(self, text: str) -> None:
        self.console.print(f"warning: {text}", markup=False, style="yellow")

    def bar(self, description: str, total: float | None = None, unit: str = "") -> Bar:
        if self._num_open == 0:
            self._display.start()
        self._num_open += 1
        return TerminalBar(self, description, total, unit)

    def _close(self, task: Any) -> None:
        """Leave the last finished bar on the screen; one within another goes (else every validation left a line)."""
        self._num_open -= 1
        if self._num_open == 0:
            self._display.stop()
        self._display.remove_task(task)


class TerminalBar:
    """One rich task."""

    def __init__(self, progress: TerminalProgress, description: str, total: float | None, unit: str):
        self._progress, self._unit, self._fields = progress, unit, {}
        self._display = progress._display
        self._task = self._display.add_task(description, total=total, count="", told="")
        self._count()

    def _count(self) -> None:
        task = self._display.tasks[self._display.task_ids.index(self._task)]
        of = f"/{task.total:,.0f}" if task.total else ""
        self._display.update(self._task, count=f"{task.completed:,.0f}{of} {self._unit}".rstrip())

    def advance(self, n: float = 1) -> None:
        self._display.advance(self._task, n)
        self._count()

    def update(self, **fields: float | int | str | None) -> None:
        self._fields.update(fields)
        self._display.update(self._task, told=figures(self._fields))

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._progress._close(self._task)


def result_console() -> Any:
    """A rich console on stdout; elsewhere than on a terminal it is 110 columns wide at most, and pads nothing."""
    from rich.console import Console

    class ResultConsole(Console):
        def on_broken_pipe(
            self,
        ) -> None:  # rich would end the process with 1; that a reader has seen enough is no error
            raise BrokenPipeError

    if sys.stdout.isatty():
        return ResultConsole(highlight=False)
    return ResultConsole(file=Unpadded(sys.stdout), highlight=False, width=FILE_WIDTH)


class Unpadded:
    """A stream without the blanks that a table puts behind its lines."""

    def __init__(self, stream: TextIO):
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(re.sub(r"[ \t]+(?=\n)", "", text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
