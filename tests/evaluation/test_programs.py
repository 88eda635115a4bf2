"""Programs a model wrote pass their tests or fail with a reason; whatever they try, nothing of them is left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from tunesmith.errors import UsageError
from tunesmith.evaluation import program_worker
from tunesmith.evaluation.programs import Limits, program_of, run_program
from tunesmith.evaluation.questions import file_samples
from tunesmith.evaluation.scorers import with_scores
from tunesmith.progress import SilentProgress

QUICK = Limits(wall_s=20, cpu_s=1, memory_bytes=512 * 2**20, file_bytes=2**20, disk_bytes=8 * 2**20)
LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the operating system's walls are Linux's")


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path, monkeypatch):
    """After each test: no process of its own, no folder, no file beside it."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield
    assert [process for process in psutil.process_iter() if is_worker(process, tmp_path)] == []
    assert list(tmp_path.glob("tunesmith-program-*")) == []


def is_worker(process: psutil.Process, folder: Path) -> bool:
    """Whether it runs a program in a folder below this one; those of other tests at the same time do not."""
    try:
        home = process.environ().get("HOME", "")
        return program_worker.__file__ in process.cmdline() and home.startswith(f"{folder}/")
    except psutil.Error:
        return False


def test_a_program_that_ends_well_passes():
    outcome = run_program("assert sum(range(5)) == 10")
    assert outcome.passed and outcome.reason == ""


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("assert 1 == 2, 'not\\nequal'", "answer.py:1: AssertionError: not equal"),
        ("def f(:", r"SyntaxError: invalid syntax"),
        ("x = 1\nx.y", "answer.py:2: AttributeError: 'int' object has no attribute 'y'"),
        ("import sys; sys.exit(0)", "the program ended itself before its tests were through"),
        ("import os; os._exit(0)", "it ended before its tests were through"),
        ("raise KeyboardInterrupt", "answer.py:1: KeyboardInterrupt"),
        ("def f(): f()\nf()", "answer.py:1: RecursionError"),
        ("input()", "answer.py:1: EOFError"),
        ("import ctypes; ctypes.string_at(0)", "it died of SIGSEGV"),
        ("class E(Exception):\n  def __str__(self): raise E\nraise E", "answer.py:3: E"),
        ("x = 'a' * 10**10", "answer.py:1: MemoryError"),
        ("import os\nos.close(3); [os.close(k) for k in range(4, 40)]", "answer.py:2: OSError|it ended before"),
    ],
)
def test_a_program_that_goes_wrong_fails_with_a_reason(program, reason):
    outcome = run_program(program, QUICK)
    assert not outcome.passed
    assert any(part in outcome.reason for part in reason.split("|")), outcome.reason
    assert "\n" not in outcome.reason


@pytest.mark.parametrize(
    "program",
    [
        "while True: pass",
        "import time; time.sleep(60)",
        "import signal, time\nfor s in (1, 2, 15, 24): signal.signal(s, signal.SIG_IGN)\nwhile True: pass",
        "import threading\ndef f():\n  while True: pass\nthreading.Thread(target=f).start()\nf()",
        "def f():\n  while True:\n    try: f()\n    except BaseException: pass\nf()",
        "9**9**9",
    ],
)
def test_a_program_without_end_is_stopped_in_time(program):
    started = time.monotonic()
    outcome = run_program(program, Limits(wall_s=0.7, cpu_s=1))
    assert (outcome.passed, outcome.reason) == (False, "stopped after 0.7 s")
    assert time.monotonic() - started < 15


def test_processor_time_is_limited_apart_from_the_time_on_the_clock():
    outcome = run_program("while True: pass", Limits(wall_s=20, cpu_s=1))
    assert outcome.reason == "it used up its processor time" and outcome.wall_s < 15


def test_threads_that_are_left_do_not_hold_up_a_program_that_passed():
    program = "import threading, time\nthreading.Thread(target=time.sleep, args=(60,)).start()"
    outcome = run_program(program, QUICK)
    assert outcome.passed and outcome.wall_s < 15


@pytest.mark.parametrize(
    ("program", "what"),
    [
        ("import os; os.fork()", "start a process"),
        ("import os\nwhile True: os.fork()", "start a process"),
        ("import subprocess; subprocess.run(['true'])", "start a program"),
        ("import os; os.system('true')", "start a program"),
        ("import os; os.execv('/bin/true', ['true'])", "start a program"),
        ("import os; os.posix_spawn('/bin/true', ['true'], {})", "start a program"),
        ("import multiprocessing as m\nm.get_context('fork').Process(target=print).start()", "start a process"),
        ("import socket; socket.socket()", "open a socket"),
        ("import socket; socket.create_connection(('127.0.0.1', 9))", "open a socket"),
        ("import urllib.request as u; u.urlopen('http://127.0.0.1:9')", "open a socket"),
        ("import os; os.kill(os.getppid(), 9)", "send a signal"),
        ("import os; os.killpg(0, 9)", "send a signal"),
    ],
)
def test_a_program_that_reaches_out_is_told_no(program, what):
    outcome = run_program(program, QUICK)
    assert not outcome.passed and what in outcome.reason


@LINUX
@pytest.mark.parametrize(
    "call",
    [
        "c.fork() == -1",
        "c.vfork() == -1",
        "c.socket(2, 1, 0) == -1",
        "c.kill(os.getppid(), 9) == -1",
        "c.kill(-1, 9) == -1",
        "c.kill(1, 9) == -1",
        "c.setrlimit(0, (ctypes.c_ulong * 2)(-1, -1)) == -1",
        "c.unlink(outside) == -1",
        "c.truncate(outside, 0) == -1",
        "c.chmod(outside, 0o777) == -1",
        "c.open(outside, 1) == -1",
        "c.open(outside, 0o1000) == -1",
        "c.rename(outside, b'here') == -1",
        "c.link(outside, b'here') == -1",
        "c.creat(outside + b'2', 0o600) == -1",
        "c.mkdir(outside + b'3', 0o700) == -1",
        "c.unshare(0x10000000) == -1",
        "c.ptrace(16, os.getppid(), 0, 0) == -1",
        "c.memfd_create(b'x', 0) == -1",
        "c.shmget(0, 4096, 0o1600) == -1",
        "c.syscall(425, 8, ctypes.create_string_buffer(120)) == -1",
        "c.execve(b'/bin/true', None, None) == -1",
    ],
)
def test_the_walls_hold_below_python_too(call, tmp_path):
    """What an audit hook cannot see: the calls of the C library."""
    if programs_walls() != ("landlock", "seccomp"):
        pytest.skip("this kernel, or this processor, has not both walls")
    outside = tmp_path / "outside.txt"
    outside.write_text("untouched")
    outside.chmod(0o600)
    program = f"import ctypes, os\nc = ctypes.CDLL(None)\noutside = {os.fsencode(outside)!r}\nassert {call}"
    outcome = run_program(program, QUICK)
    assert outcome.passed, outcome.reason
    assert outside.read_text() == "untouched" and outside.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["outside.txt"]


def programs_walls() -> tuple[str, ...]:
    return run_program("pass").layers


@pytest.mark.parametrize(
    "program",
    [
        "open({outside!r}, 'w')",
        "import os; os.remove({outside!r})",
        "import os; os.rename({outside!r}, 'x')",
        "import shutil; shutil.rmtree(os.path.dirname({outside!r})) if (os := __import__('os')) else 0",
        "import pathlib; pathlib.Path({outside!r}).write_text('x')",
        "open('/dev/shm/left-by-a-program', 'w')",
        "open('/tmp/left-by-a-program', 'w')",
    ],
)
def test_a_program_writes_nowhere_but_in_its_folder(program, tmp_path):
    outside = tmp_path / "outside.txt"
    outside.write_text("untouched")
    outcome = run_program(program.format(outside=str(outside)), QUICK)
    assert not outcome.passed and ("may not" in outcome.reason or "Permission" in outcome.reason)
    assert outside.read_text() == "untouched"
    assert not any(Path(folder, "left-by-a-program").exists() for folder in ("/tmp", "/dev/shm"))


def test_in_its_folder_a_program_may_write_and_read():
    program = "import tempfile\nopen('a', 'w').write('x' * 1000)\nassert len(open('a').read()) == 1000\n"
    program += (
        "with tempfile.TemporaryFile('w') as f: f.write('x')\nimport os\nassert os.getcwd() == os.environ['HOME']"
    )
    assert run_program(program, QUICK).reason == ""


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("open('a', 'wb').write(bytes(2**22))", "OSError"),
        ("k = 0\nwhile True:\n  k += 1\n  open(str(k), 'wb').write(bytes(2**19))", "its files are more than"),
        ("k = 0\nwhile True:\n  k += 1\n  open(str(k), 'wb').close()", "its files are more than"),
        ("import os\nwhile True:\n  os.mkdir('d'); os.chdir('d')", "its folders are nested|its files are more"),
        ("held = [open(str(k), 'w') for k in range(100)]", "Too many open files"),
    ],
)
def test_a_program_that_fills_the_disk_is_stopped_and_cleared_away(program, reason):
    outcome = run_program(program, replace(QUICK, cpu_s=10))
    assert not outcome.passed
    assert any(part in outcome.reason for part in reason.split("|")), outcome.reason


def test_what_a_program_prints_goes_nowhere(capfd):
    loud = "import sys\nfor _ in range(2000):\n  print('x' * 10**5)\n  sys.stderr.write('y' * 10**5)"
    assert run_program(loud, QUICK).passed
    assert capfd.readouterr() == ("", "")


def test_a_program_that_writes_to_every_descriptor_is_stopped_and_does_not_pass():
    loud = "import os\nfor _ in range(10**6):\n  for k in range(3, 30):\n    try: os.write(k, b'x' * 4096)\n    except OSError: pass"
    outcome = run_program(loud, QUICK)
    assert (outcome.passed, outcome.reason) == (False, "it wrote where only its worker may")


def test_nothing_of_the_environment_is_handed_down(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    program = "import os, sys\nassert set(os.environ) <= {'LANG', 'HOME', 'TMPDIR', 'OMP_NUM_THREADS', 'LC_CTYPE'}\n"
    assert run_program(program + "assert sys.stdin.read() == '' and len(sys.argv) == 2", QUICK).reason == ""


@LINUX
def test_a_program_dies_with_the_evaluation_it_belongs_to(tmp_path):
    code = "from tunesmith.evaluation.programs import run_program; run_program('import time; time.sleep(60)')"
    parent = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "TMPDIR": str(tmp_path)})
    deadline = time.monotonic() + 20
    while not (children := [c for c in psutil.Process(parent.pid).children() if is_worker(c, tmp_path)]):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(0.5)  # for it to lock itself down
    parent.kill()
    parent.wait()
    assert psutil.wait_procs(children, timeout=5)[1] == []
    for folder in tmp_path.glob("tunesmith-program-*"):
        folder.rmdir()


# -- from an answer to a program ---------------------------------------------------------------------------------------

PROMPT = 'from typing import List\n\n\ndef total(numbers: List[int]) -> int:\n    """The sum."""\n'
TESTS = "def check(candidate):\n    assert candidate([1, 2]) == 3\n"
RIGHT = "    return sum(numbers)\n"


@pytest.mark.parametrize(
    "answer",
    [
        RIGHT,
        PROMPT + RIGHT,
        f"Here you are:\n```python\n{PROMPT}{RIGHT}```\nIt sums them.",
        f"```\n{RIGHT}```",
        "```python\ndef total(numbers: List[int]) -> int:\n    return sum(numbers)\n```",
        "```bash\npip install it\n```\n```python\ndef total(n): return sum(n)\n```",
        "```python\ntotal = lambda numbers: sum(numbers)\n```",
        f"```python\n{PROMPT}{RIGHT}",
    ],
)
def test_the_program_is_found_in_the_usual_forms_of_an_answer(answer):
    assert run_program(program_of(answer, TESTS, "total", PROMPT)).reason == ""


@pytest.mark.parametrize(
    "answer", ["    return 0\n", "", "I cannot do that.", "```python\ndef sum_up(n): return 3\n```"]
)
def test_a_wrong_answer_does_not_pass(answer):
    assert not run_program(program_of(answer, TESTS, "total", PROMPT)).passed


def test_tests_without_an_entry_point_are_run_as_they_are():
    line = {"prediction": "```python\ndef f(x): return x + 1\n```", "references": []}
    line["expected"] = {
        "tests": {"code": "assert f(1) == 2\nassert f(2) == 3", "entry_point": "", "prompt": "Add one."}
    }
    [scored] = with_scores([line], run_code=True)
    assert scored["scores"] == {"pass_at_1": 1.0} and "details" not in scored


def test_no_program_is_run_unless_somebody_said_so():
    line = {"prediction": "x", "references": [], "source": "he.jsonl:3", "expected": {"tests": {"code": "pass"}}}
    with pytest.raises(UsageError, match=r"^he.jsonl:3: .*programs that a model wrote. Say --run-code") as error:
        with_scores([line])
    assert "\n" not in str(error.value)


# -- HumanEval ---------------------------------------------------------------------------------------------------------


def humaneval(shared: Path):
    path = shared / "data/tasks/humaneval.jsonl"
    [samples] = file_samples([path], SilentProgress()).values()
    return samples, [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def passed(samples, answers) -> list[float]:
    lines = [{**sample.to_dict(), "prediction": answer} for sample, answer in zip(samples, answers)]
    return [line["scores"]["pass_at_1"] for line in with_scores(lines, run_code=True)]


def test_solutions_of_humaneval_pass_and_broken_ones_fail(shared):
    samples, rows = humaneval(shared)
    some = slice(0, 164, 12)
    assert set(passed(samples[some], [row["canonical_solution"] for row in rows[some]])) == {1.0}
    assert set(passed(samples[some], ["    return 'wrong'\n" for _ in rows[some]])) == {0.0}


@pytest.mark.slow
def test_all_164_solutions_of_humaneval_pass_and_all_164_broken_ones_fail(shared):
    samples, rows = humaneval(shared)
    assert passed(samples, [row["canonical_solution"] for row in rows]) == [1.0] * 164
    fenced = [f"Sure:\n```python\n{row['prompt']}{row['canonical_solution']}\n```" for row in rows]
    assert passed(samples, fenced) == [1.0] * 164
    assert passed(samples, ["    return 'wrong'\n" for _ in rows]) == [0.0] * 164
