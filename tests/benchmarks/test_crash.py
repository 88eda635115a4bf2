"""Some kills, and what the benchmark itself must notice; all of them: python benchmarks/crash.py."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import crash

ROOT = Path(__file__).parents[2]


COUNTS = {"kills": 1, "windows": 1, "points": 2, "signals": 1, "full": 2, "disks": 1, "flips": 20, "cuts": 5}
SCRIPT = """
import argparse, json, random, sys
from pathlib import Path
from benchmarks import crash
from tunesmith.training import checkpoint, loop

crash.make_ready()
settings = argparse.Namespace(**json.loads(sys.argv[2]), kinds="lora", seed=0, minutes=60)
found = crash.Findings()
kind = crash.prove(Path(sys.argv[1]), settings, found)["lora"]
told = {"found": vars(found), "operations": len(kind.operations)}
saves = [number for number, name in enumerate(kind.operations) if name == "serialize_file"]

def failures(point):
    found = crash.Findings()
    crash.kill_at_point(kind, point, found)
    return found.failed

restore, save = loop.restore_generators, loop.save_checkpoint
loop.restore_generators = lambda tensors: None
told["without the generators"] = failures(saves[7])
loop.restore_generators = restore

def in_place(folder, made, **_):
    path = folder / checkpoint.checkpoint_name(made.step)
    path.mkdir(parents=True)
    checkpoint._write_files(path, made)

loop.save_checkpoint = in_place
told["without the rename"] = failures(saves[4])
loop.save_checkpoint = save

checkpoint._verify = lambda path, **_: None
found = crash.Findings()
try:
    crash.damage(kind, 10, 0, random.Random(0), found)
except Exception:  # what safetensors says of a header it cannot read
    found.failed.append("raised")
told["without the check"] = found.failed
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory) -> dict:
    """What a process of its own found: the benchmark forks itself, which one with threads should not."""
    words = [sys.executable, "-c", SCRIPT, str(tmp_path_factory.mktemp("crash")), json.dumps(COUNTS)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])


def test_kills_full_disks_requests_to_stop_and_damage_lose_nothing(told):
    found = told["found"]
    assert found["failed"] == []
    files = {"flips": 5, "cuts": 5}
    assert found["tried"] == {f"lora {name}": count * files.get(name, 1) for name, count in COUNTS.items()}
    assert told["operations"] > 200
    assert found["codes"]["full 5"] > 0


def test_a_saver_that_forgets_something_is_found_out(told):
    assert "ends otherwise" in told["without the generators"][0]
    assert "is in sight and not whole" in told["without the rename"][0]
    assert told["without the check"]


def test_half_a_write_and_no_room_are_what_a_child_meets(tmp_path):
    """The faults themselves: a file cut in the middle, and a disk that is full from then on."""
    child = os.fork()
    if child == 0:
        crash.Operations(lambda name, number: name == "half" and os._exit(7)).watch(tmp_path)
        (tmp_path / "a.txt").write_text("0123456789")
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert (tmp_path / "a.txt").read_text() == "01234"


@pytest.mark.parametrize(("total", "wanted", "expected"), [(4, None, [0, 1, 2, 3]), (9, 3, [0, 3, 6]), (2, 5, [0, 1])])
def test_points_are_spread_over_the_run(total, wanted, expected):
    assert crash.spread(total, wanted) == expected
