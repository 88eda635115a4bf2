"""Many chunks in several processes: in order, few at a time, and errors where they belong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import closing

import psutil
import pytest

from tunesmith.curation import workers
from tunesmith.curation.workers import ordered_map
from tunesmith.errors import ResourceError, RowError


def job(item: int) -> tuple[int, int]:
    if item == 5:
        raise RowError("bad", "it is five.", "x.jsonl:5")
    if item == 7:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.01 * (item % 3))
    return item, os.getpid()


def test_a_few_items_or_one_worker_stay_in_this_process():
    assert {pid for _, pid in ordered_map(job, range(5), num_workers=2)} == {os.getpid()}
    assert {pid for _, pid in ordered_map(job, [1] * 50, num_workers=1)} == {os.getpid()}


def test_results_of_processes_come_in_order_and_few_items_are_taken_ahead(monkeypatch):
    monkeypatch.setattr(workers, "FEW", 2)
    taken = []

    def items():
        for k in range(40):
            taken.append(k)
            yield k + 10

    with closing(ordered_map(job, items(), num_workers=2)) as results:
        first = next(results)
        assert len(taken) <= 6
        results = [first, *results]
    assert [item for item, _ in results] == list(range(10, 50))
    assert os.getpid() not in {pid for _, pid in results}


def test_an_error_comes_at_the_place_of_its_item_whole(monkeypatch):
    monkeypatch.setattr(workers, "FEW", 0)
    results = ordered_map(job, [*range(6), *range(10, 50)], num_workers=2)
    assert [next(results)[0] for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(RowError) as raised:
        next(results)
    assert (raised.value.reason, raised.value.source) == ("bad", "x.jsonl:5")


def test_a_worker_that_is_killed_is_told_and_leaves_nobody_behind(monkeypatch):
    monkeypatch.setattr(workers, "FEW", 0)
    with pytest.raises(ResourceError, match=r"A worker process ended .* Set data.num_workers: 1"):
        list(ordered_map(job, [6, 7, *range(10, 30)], num_workers=2))


def test_workers_do_not_outlive_a_parent_that_is_killed(tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(
        "import time\n"
        "from tunesmith.curation import workers\n"
        "if __name__ == '__main__':\n"
        "    workers.FEW = 0\n"
        "    results = workers.ordered_map(time.sleep, [0.01] * 3 + [0.2] * 500, num_workers=2)\n"
        "    next(results), print('up', flush=True), list(results)\n"
    )
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout.readline() == "up\n"
    children = psutil.Process(parent.pid).children(recursive=True)
    assert len(children) >= 2
    parent.kill()
    parent.wait()
    _, alive = psutil.wait_procs(children, timeout=20)
    for child in alive:
        child.kill()
    assert alive == []
