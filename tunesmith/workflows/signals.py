"""Being asked to stop: at once where nothing would be lost, after a complete checkpoint while training."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from tunesmith.errors import Interrupted, StopNow

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
REPEAT_S = 1.0
"""A second SIGINT sooner than this is the first one once more: a terminal and a parent often both send it."""
SOON_S, AGAIN_S = 0.02, 2.0
"""An exception raised while some object is being deleted is lost, and the request with it. In a ``__del__`` it therefore waits
this short time; where it was lost all the same, it is raised again after the longer one."""


class StopRequest:
    """SIGINT, SIGTERM and SIGHUP (the terminal is gone) while a run is on.

    Outside `patiently` a signal raises where it arrives, and `Interrupted` comes out of `listening`: every file is written whole or not at all, so the
    run can be resumed. Inside, it is remembered for the loop to ask about. A second Ctrl-C does not wait; a second SIGTERM
    does, as whoever sends it and cannot wait has SIGKILL.
    """

    def __init__(self) -> None:
        self.signal_number: int | None = None
        self.is_ending = False
        self._arrived_at = 0.0
        self._patient = False

    def requested(self) -> int | None:
        """The signal that asked to stop, or None."""
        return self.signal_number

    @contextmanager
    def patiently(self) -> Iterator[StopRequest]:
        """While the body runs, the first signal only sets `requested`; one it did not act on is raised after it."""
        self._raise_what_is_left()  # an exception lost on the way here
        self._patient = True
        try:
            yield self
        finally:
            self._patient = False
        self._raise_what_is_left()

    def _raise_what_is_left(self) -> None:
        if self.signal_number is not None:
            raise self.interruption()

    def _arrived(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        first, since_s = self.signal_number is None, now - self._arrived_at
        if number != signal.SIGALRM:
            self.signal_number, self._arrived_at = number, now if first else self._arrived_at
        if not self._patient:
            is_deleting = any(name == "__del__" for name in _names_of(frame))
            signal.setitimer(signal.ITIMER_REAL, SOON_S if is_deleting else AGAIN_S)
            if not is_deleting:
                self._end()
        elif first:
            _tell("Stopping after this step and a checkpoint. Ctrl-C once more stops at once.\n")
        elif number == signal.SIGINT and since_s > REPEAT_S:
            self._end()

    def _end(self) -> None:
        self.is_ending = True
        raise StopNow

    def interruption(self) -> Interrupted:
        """What to raise for the signal that arrived."""
        return Interrupted("Stopped; continue with --resume.", self.signal_number)


def _names_of(frame: FrameType | None) -> Iterator[str]:
    """The functions under way, innermost first."""
    while frame is not None:
        yield frame.f_code.co_name
        frame = frame.f_back


def _tell(text: str) -> None:
    """Straight to the file: whatever was interrupted may be half-way through writing to the stream."""
    with suppress(OSError):
        os.write(2, text.encode())


@contextmanager
def listening() -> Iterator[StopRequest]:
    """Handle the signals for the length of the body; only the main thread can, elsewhere nothing is changed.

    One that was ignored before stays so: that is what ``nohup`` and a shell's background jobs rely on.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    heard = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, request._arrived) for number in (*heard, signal.SIGALRM)}
    try:
        yield request
    except BaseException as error:
        if request.is_ending:  # whatever was raised while what was interrupted fell apart
            raise request.interruption() from error
        raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)
