"""Re-introduce bugs that others shipped, one at a time, and see whether the invariants notice.

    python -m tests.mutations.run              every mutant, and the score
    python -m tests.mutations.run --quick      the quick ones
    python -m tests.mutations.run NAME …       those named

The heavy libraries are imported once. Each mutant then has a forked process of its own, in which one module of ours is read with
the mutant's text in place of the original's and the tests the mutant names are run. It is killed when one of them fails by
an assertion; an error of another kind counts where the mutant says so, and a mutant that only breaks the code is none.
"""

from __future__ import annotations

import argparse
import gc
import importlib.machinery
import importlib.util
import json
import os
import resource
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.mutations.table import MUTANTS, Mutant

ROOT = Path(__file__).parents[2]
SECONDS = 120
"""A mutant that computes longer hangs."""
BY_ASSERTION = {"AssertionError", "Failed"}
"""What an assertion and a `pytest.raises` that saw nothing fail with."""


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant: ``killed``, or ``survived``, ``broken`` (it failed otherwise) and why."""

    name: str
    verdict: str
    why: str
    seconds: float


def mutated(mutant: Mutant) -> str:
    """The text of its module with every edit made. Raises `ValueError` where a text to replace is not there exactly once."""
    path = ROOT / "tunesmith" / mutant.file
    if not path.is_file():
        raise ValueError(f"{mutant.name}: there is no tunesmith/{mutant.file} any more; find where its code went.")
    text = path.read_text("utf-8")
    for old, new in mutant.edits:
        if text.count(old) != 1:
            found = "no longer" if old not in text else f"{text.count(old)} times"
            raise ValueError(
                f"{mutant.name}: {old!r} is {found} in tunesmith/{mutant.file}; bring the mutant up to date."
            )
        text = text.replace(old, new)
    return text


def misfit_of(mutant: Mutant) -> str | None:
    """Why a mutant does not fit the source, or None where it does."""
    try:
        compile(mutated(mutant), mutant.file, "exec")
    except (ValueError, SyntaxError) as error:
        return f"{mutant.name}: {error}" if isinstance(error, SyntaxError) else str(error)
    return None


def preload() -> None:
    """Import what is slow to import and is not ours; nothing here starts a thread, so that a fork is safe.

    What is imported is out of the garbage collector's sight: collecting in a child would copy all of it.
    """
    os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false", OMP_NUM_THREADS="1")
    for name in ("torch", "transformers", "peft", "pytest", "numpy", "safetensors.torch", "pydantic", "tests.models"):
        importlib.import_module(name)
    for name in ("bitsandbytes", "scipy.stats"):
        if importlib.util.find_spec(name.partition(".")[0]):
            importlib.import_module(name)
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer

    torch.set_num_threads(1)
    assert AutoModelForCausalLM and AutoModelForSeq2SeqLM and AutoTokenizer
    gc.collect()
    gc.freeze()
    ours = sorted(name for name in sys.modules if name.partition(".")[0] == "tunesmith")
    assert not ours, f"imported before any mutant could be put in its place: {ours[0]}"


class MutantFinder:
    """Reads one module from the mutant's text."""

    def __init__(self, mutant: Mutant):
        path = ROOT / "tunesmith" / mutant.file
        parts = Path("tunesmith", mutant.file).with_suffix("").parts
        self.is_package = parts[-1] == "__init__"
        self.name = ".".join(parts[:-1] if self.is_package else parts)
        self.path, self.text = path, mutated(mutant)

    def find_spec(self, name, path=None, target=None):
        if name != self.name:
            return None
        loader = MutantLoader(name, str(self.path), self.text)
        folders = [str(self.path.parent)] if self.is_package else None
        return importlib.util.spec_from_file_location(
            name, self.path, loader=loader, submodule_search_locations=folders
        )


class MutantLoader(importlib.machinery.SourceFileLoader):
    """A loader whose source is the mutant's."""

    def __init__(self, name: str, path: str, text: str):
        super().__init__(name, path)
        self.text = text

    def get_code(self, fullname):
        return compile(self.text, self.path, "exec", dont_inherit=True)


class Watch:
    """A pytest plugin that writes down what failed, and with what."""

    def __init__(self) -> None:
        self.num_run = 0
        self.failures: list[tuple[str, str, str]] = []

    def pytest_runtest_logreport(self, report) -> None:
        self.num_run += report.when == "call"

    def pytest_exception_interact(self, node, call, report) -> None:
        kind = "at import" if report.when == "collect" else call.excinfo.typename
        self.failures.append((node.nodeid.partition("tests/")[2], kind, str(call.excinfo.value).split("\n")[0][:120]))


def run_tests(tests: list[str], scratch: Path, *, to_the_end: bool) -> dict:
    """Run tests in this process, silently; what failed (first, unless ``to_the_end``), and how many were run."""
    import pytest

    watch = Watch()
    options = ["-q", "-m", "", "--no-header", "-p", "no:cacheprovider", "-p", "no:xdist", f"--basetemp={scratch}"]
    options += [] if to_the_end else ["-x"]
    pytest.main([*options, f"--rootdir={ROOT}", *(f"tests/{test}" for test in tests)], plugins=[watch])
    return {"num_run": watch.num_run, "failures": watch.failures}


def in_child(mutant: Mutant | None, tests: list[str], scratch: Path) -> int:
    """Fork; the child runs the tests with the mutant in place and leaves its findings in ``scratch``. Returns its id."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        if mutant is not None:
            resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        os.chdir(ROOT)
        output = os.open(scratch / "output", os.O_WRONLY | os.O_CREAT)
        os.dup2(output, 1), os.dup2(output, 2)
        if mutant is not None:
            sys.meta_path.insert(0, MutantFinder(mutant))
        found = run_tests(tests, scratch / "pytest", to_the_end=mutant is None)
        (scratch / "found.json").write_text(json.dumps(found))
        code = 0
    finally:
        os._exit(code)


def findings(scratch: Path) -> dict | None:
    """What a child left, or None where it was killed before it could."""
    file = scratch / "found.json"
    return json.loads(file.read_text()) if file.is_file() else None


def judge(mutant: Mutant, found: dict | None, seconds: float) -> Outcome:
    """What the findings of a mutant's child say of it."""
    if found is None:
        return Outcome(mutant.name, "broken", f"no result within {SECONDS} s of computing", seconds)
    if not found["failures"]:
        verdict = "survived" if found["num_run"] else "broken"
        return Outcome(mutant.name, verdict, f"{found['num_run']} tests passed", seconds)
    test, kind, message = found["failures"][0]
    killed = kind in BY_ASSERTION or kind == mutant.raises
    return Outcome(mutant.name, "killed" if killed else "broken", f"{test}: {kind}: {message}", seconds)


def run_mutants(mutants: list[Mutant], *, num_workers: int = 2, with_control: bool = True) -> list[Outcome]:
    """Every mutant in a process of its own, a few at a time; with the control, all their tests without any mutant too.

    Raises `ValueError` where a mutant does not fit the source, or a test fails without one.
    """
    misfits = [misfit for mutant in mutants if (misfit := misfit_of(mutant)) is not None]
    if misfits:
        raise ValueError("\n".join(misfits))
    preload()
    root = Path(tempfile.mkdtemp(prefix="mutants-"))
    waiting: list[Mutant | None] = [*([None] if with_control else []), *mutants]
    running: dict[int, tuple[Mutant | None, Path, float]] = {}
    outcomes: dict[str, Outcome] = {}
    control = None
    while waiting or running:
        while waiting and len(running) < num_workers:
            mutant = waiting.pop(0)
            scratch = root / (mutant.name if mutant else "none")
            scratch.mkdir()
            tests = list(mutant.tests) if mutant else sorted({test for m in mutants for test in m.tests})
            running[in_child(mutant, tests, scratch)] = (mutant, scratch, time.perf_counter())
        pid, _ = os.wait()
        mutant, scratch, started = running.pop(pid)
        if mutant is None:
            control = findings(scratch)
            continue
        outcome = judge(mutant, findings(scratch), time.perf_counter() - started)
        outcomes[mutant.name] = outcome
        print(
            f"{outcome.verdict:9}{mutant.number:5}{outcome.name}: {outcome.why} ({outcome.seconds:.1f} s)", flush=True
        )
    if with_control and (control is None or control["failures"]):
        told = "it gave no result" if control is None else control["failures"]
        raise ValueError(f"without any mutant tests fail: {told} (see {root / 'none' / 'output'})")
    shutil.rmtree(root, ignore_errors=True)
    return [outcomes[mutant.name] for mutant in mutants]


def chosen(names: list[str], quick: bool) -> list[Mutant]:
    unknown = set(names) - {mutant.name for mutant in MUTANTS}
    if unknown:
        raise SystemExit(f"no such mutant: {', '.join(sorted(unknown))}")
    return [m for m in MUTANTS if (m.quick or not quick) and (not names or m.name in names)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    started = time.perf_counter()
    try:
        mutants = chosen(arguments.names, arguments.quick)
        outcomes = run_mutants(mutants, num_workers=arguments.workers, with_control=not arguments.quick)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    killed = sum(outcome.verdict == "killed" for outcome in outcomes)
    print(f"mutation score: {killed} of {len(outcomes)} killed in {time.perf_counter() - started:.0f} s")
    for outcome in outcomes:
        if outcome.verdict != "killed":
            print(f"  {outcome.name} {outcome.verdict}: {outcome.why}")
    return 0 if killed == len(outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
