"""One function for many chunks, in as many processes as wanted, the results in order."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from tunesmith.errors import ResourceError

Item = TypeVar("Item")
Result = TypeVar("Result")
# To start a process takes as long as this many chunks.
FEW = 12


def ordered_map(function: Callable[[Item], Result], items: Iterable[Item], *, num_workers: int) -> Iterator[Result]:
    """``function(item)`` for each item, in order, holding only a few items at a time.

    A few items, or one worker, are done in this process. Others are started with `spawn`, so the function must be
    importable, and end with this process, however it ends.

    Raises:
        ResourceError: a worker was ended from outside.
        Whatever the function raises, at the place of its item.
    """
    items = iter(items)
    head = list(itertools.islice(items, FEW)) if num_workers > 1 else []
    if len(head) < FEW:
        yield from map(function, itertools.chain(head, items))
    else:
        yield from _in_processes(function, itertools.chain(head, items), num_workers)


def _in_processes(function: Callable[[Item], Result], items: Iterable[Item], num_workers: int) -> Iterator[Result]:
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(num_workers, mp_context=context, initializer=_begin)
    waiting = deque()
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > 2 * num_workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool:
        raise ResourceError(
            "A worker process ended before its work was done: the system may have run out of memory, or the program that"
            ' calls this lacks `if __name__ == "__main__":`. Set data.num_workers: 1 to work in one process.'
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _begin() -> None:
    """In a worker: leave Ctrl-C to the parent, and do not outlive it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
