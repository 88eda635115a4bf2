"""Being asked to stop: at once where nothing would be lost, after a complete checkpoint while training."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from tunesmith.errors import Interrupted

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """SIGINT and SIGTERM while a run is on.

    Outside `patiently` a signal raises `Interrupted` where it arrives: every file is written whole or not at all, so the
    run can be resumed. Inside, the first one is remembered for the loop to ask about; a second one does not wait.
    """

    def __init__(self) -> None:
        self.signal_number: int | None = None
        self._patient = False

    def requested(self) -> int | None:
        """The signal that asked to stop, or None."""
        return self.signal_number

    @contextmanager
    def patiently(self) -> Iterator[StopRequest]:
        """While the body runs, the first signal only sets `requested`; one it did not act on is raised after it."""
        self._patient = True
        try:
            yield self
        finally:
            self._patient = False
        if self.signal_number is not None:
            raise Interrupted("Stopped; continue with --resume.", self.signal_number)

    def _arrived(self, number: int, _frame: FrameType | None) -> None:
        wait = self._patient and self.signal_number is None
        self.signal_number = number
        if not wait:
            raise Interrupted("Stopped; continue with --resume.", number)


@contextmanager
def listening() -> Iterator[StopRequest]:
    """Handle both signals for the length of the body; only the main thread can, elsewhere nothing is changed."""
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {number: signal.signal(number, request._arrived) for number in SIGNALS}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
