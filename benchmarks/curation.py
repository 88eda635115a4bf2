"""`tunesmith data curate` on made-up rows of 300 B to 2 KB: seconds, rows per second, peak memory of all processes, growth.

    python benchmarks/curation.py --rows 100000 1000000 [--num-workers 2] [--stages …] [--json]

The rows: made-up sentences, one in ten with personal data, one in twenty an exact copy, one in twenty a copy with one
word changed. Memory is the resident set of the command and all its children, summed, read ten times a second, so pages
that processes share count in each. The exponent is the slope of log seconds over log rows between the smallest and the
largest count; 1 is linear.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

STAGES = (
    "fix_text,normalize_text,drop_empty,drop_bad_order,drop_boilerplate,drop_refusals,drop_repetitive,"
    "mask_personal_data,drop_duplicates,drop_near_duplicates"
)
SYLLABLES = [a + b for a in ("br", "st", "tr", *"bcdfglmnprstv") for b in ("an", "el", "or", *"aeiou")]
INTERVAL_S = 0.1


def make_words(draw: random.Random, count: int = 20_000) -> list[str]:
    return ["".join(draw.choices(SYLLABLES, k=draw.choice((1, 2, 2, 3)))) for _ in range(count)]


def make_rows(num_rows: int, seed: int = 0) -> Iterator[dict[str, str]]:
    """Rows of about 300 B to 2 KB, most of them short."""
    draw = random.Random(seed)
    words = make_words(draw)
    recent: list[dict[str, str]] = []
    for k in range(num_rows):
        kind = draw.random()
        if kind < 0.1 and recent:
            row = dict(draw.choice(recent))
            row = _with_one_word_changed(row, words, draw) if kind < 0.05 else row
        else:
            row = _new_row(words, draw, personal=kind < 0.2)
        if len(recent) < 500:
            recent.append(row)
        else:
            recent[k % 500] = row
        yield row


def _new_row(words: list[str], draw: random.Random, *, personal: bool) -> dict[str, str]:
    size = int(300 * (2000 / 300) ** draw.random())
    text = _sentences(words, draw, size - 80)
    if personal:
        name = f"{draw.choice(words).title()}.{draw.choice(words)}"
        number = f"+1 202 555 {draw.randrange(100, 200):04}"
        text += f" Write to {name}@example.org or call {number}."
    cut = len(text) // 4
    return {"instruction": text[:cut].strip() + "?", "output": text[cut:].strip(), "category": draw.choice("abcd")}


def _sentences(words: list[str], draw: random.Random, size: int) -> str:
    told, length = [], 0
    while length < size:
        sentence = " ".join(draw.choices(words, k=draw.randrange(6, 15))).capitalize() + "."
        told.append(sentence)
        length += len(sentence) + 1
    return " ".join(told)


def _with_one_word_changed(row: dict[str, str], words: list[str], draw: random.Random) -> dict[str, str]:
    told = row["output"].split(" ")
    told[draw.randrange(len(told))] = draw.choice(words)
    return {**row, "output": " ".join(told)}


def measure(path: Path, output: Path, arguments: list[str]) -> dict[str, float]:
    """Run the command on a file; its seconds and the peak of all its processes."""
    command = [sys.executable, "-m", "tunesmith", "data", "curate", str(path), "--output", str(output), "--json"]
    start, before = time.monotonic(), _cpu_seconds()
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen([*command, *arguments], stdout=out)
        peak = 0
        while process.poll() is None:
            peak = max(peak, _resident(psutil.Process(process.pid)))
            time.sleep(INTERVAL_S)
        out.seek(0)
        told = json.loads(out.read() or b"null")
    if process.returncode != 0:
        raise SystemExit(f"the command ended with {process.returncode}")
    seconds = time.monotonic() - start
    assert told["rows_in"] == told["kept"] + told["num_dropped"], "rows in == kept + dropped"
    return {
        "rows": told["rows_in"],
        "kept": told["kept"],
        "bytes": path.stat().st_size,
        "seconds": round(seconds, 2),
        "cpu_seconds": round(_cpu_seconds() - before, 2),
        "rows_per_second": round(told["rows_in"] / seconds),
        "peak_rss_mb": round(peak / 1e6),
    }


def _cpu_seconds() -> float:
    """Of the commands that have ended and all their processes: what another program on the machine does not add to."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _resident(process: psutil.Process) -> int:
    total = 0
    try:
        for member in [process, *process.children(recursive=True)]:
            total += member.memory_info().rss
    except psutil.NoSuchProcess:
        pass
    return total


def exponent(results: list[dict[str, float]], of: str) -> float | None:
    """Slope of log time over log rows; None with one count alone."""
    first, last = results[0], results[-1]
    if first["rows"] == last["rows"]:
        return None
    return math.log(last[of] / first[of]) / math.log(last["rows"] / first["rows"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--num-workers", type=int, default=2)
    parser.add_argument("--stages", default=STAGES)
    parser.add_argument("--folder", type=Path, help="where the rows and results go; by default a temporary folder")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    folder = asked.folder or Path(tempfile.mkdtemp(prefix="curation-"))
    folder.mkdir(parents=True, exist_ok=True)
    results = []
    for num_rows in sorted(asked.rows):
        path = folder / f"rows-{num_rows}.jsonl"
        if not path.exists():
            with open(path, "w", encoding="utf-8") as file:
                file.writelines(json.dumps(row) + "\n" for row in make_rows(num_rows))
        arguments = ["--stages", asked.stages, "--num-workers", str(asked.num_workers)]
        results.append(measure(path, folder / f"out-{num_rows}", arguments))
        print(", ".join(f"{name} {value:,}" for name, value in results[-1].items()), file=sys.stderr, flush=True)
    exponents = {of: exponent(results, of) for of in ("seconds", "cpu_seconds")}
    for of, slope in exponents.items():
        print(f"exponent of {of}: {'n/a' if slope is None else f'{slope:.3f}'}", file=sys.stderr)
    if asked.json:
        print(json.dumps({"results": results, "exponents": exponents, "num_workers": asked.num_workers}))
    if asked.folder is None:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
