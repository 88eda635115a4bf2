"""Ten thousand malformed files through the reading path: no traceback, no hang, every lost row counted and named.

    python benchmarks/malformed.py [--files 10000] [--seed 0] [--curate 2000] [--cli 50] [--folder DIR] [--json]

Each file is made by one of the makers below from rows that were good, and tells, where lines define rows, how many rows
a reader must meet. Asked of every file: it is read or refused in one line that names it (a `TunesmithError`), within 5 s
of processor time (an alarm ends what takes five minutes, however it waits); ``rows_in == kept + dropped``; ``rows_in`` is the
independent count; every drop has the file's ``path:line`` and a reason. The first ``--curate`` files also go through
``curate: default`` with all its stages: no record may be lost on the way, and the drops of reading must be the same. The
first ``--cli`` files go through ``tunesmith data inspect`` as well: exit code 0, 2, 3 or 5 and no traceback. Peak memory
is the whole process's, the making of the large files included. Exit code 1 where anything was found.
"""

from __future__ import annotations

import argparse
import codecs
import gzip
import io
import json
import os
import random
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow
import pyarrow.parquet

from tunesmith.curation.inspect import inspect_file
from tunesmith.curation.pipeline import prepare
from tunesmith.curation.sources import ReadReport, read_source
from tunesmith.errors import TunesmithError
from tunesmith.recipe import DataSection, Source
from tunesmith.records import Drop

MAX_SECONDS, ALARM_SECONDS = 5.0, 300.0
RSS_UNIT = 1 if sys.platform == "darwin" else 1024
EXIT_CODES = (0, 2, 3, 5)


@dataclass
class Made:
    """A malformed file: where it is, and how many rows a reader must meet (None where no count is defined)."""

    kind: str
    path: Path
    rows: int | None = None


@dataclass
class Findings:
    """What went wrong, a line each, and what was seen."""

    files: int = 0
    rows: int = 0
    kept: int = 0
    refused: int = 0
    counted: int = 0
    slowest: tuple[float, str] = (0.0, "")
    curated: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    tracebacks: list[str] = field(default_factory=list)
    hangs: list[str] = field(default_factory=list)
    miscounts: list[str] = field(default_factory=list)
    unnamed: list[str] = field(default_factory=list)
    cli_runs: int = 0
    cli: list[str] = field(default_factory=list)

    @property
    def problems(self) -> list[str]:
        return [*self.tracebacks, *self.hangs, *self.miscounts, *self.unnamed, *self.cli]


# ── makers: each writes one file ──────────────────────────────────────────────────────────────────

Maker = Callable[[random.Random, Path], Made]
MAKERS: dict[str, Maker] = {}


def maker(function: Maker) -> Maker:
    MAKERS[function.__name__] = function
    return function


def good_line(rng: random.Random) -> bytes:
    row = {"instruction": f"Say {rng.randrange(10**6)} in Grüße 漢字 😀", "output": "x" * rng.randrange(1, 60)}
    return json.dumps(row, ensure_ascii=rng.random() < 0.5).encode()


def good_lines(rng: random.Random) -> list[bytes]:
    return [good_line(rng) for _ in range(rng.randrange(1, 8))]


def put(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def with_bad_lines(kind: str, bad: Callable[[random.Random], bytes]) -> None:
    """A maker of JSON lines, some of them as ``bad`` makes them; none holds a line end."""

    def make(rng: random.Random, folder: Path) -> Made:
        lines = good_lines(rng)
        for _ in range(rng.randrange(1, 4)):
            lines.insert(rng.randrange(len(lines) + 1), bad(rng).replace(b"\n", b" "))
        path = put(folder / "x.jsonl", b"\n".join(lines) + rng.choice([b"", b"\n", b"\n\n \n"]))
        return Made(kind, path, sum(bool(line.strip()) for line in lines))

    MAKERS[kind] = make


def cut(rng: random.Random) -> bytes:
    line = good_line(rng)
    return line[: rng.randrange(1, len(line) - 1)]


def flipped(rng: random.Random) -> bytes:
    line = bytearray(good_line(rng))
    for _ in range(rng.randrange(1, 5)):
        line[rng.randrange(len(line))] = rng.randrange(256)
    return bytes(line)


def deep(rng: random.Random) -> bytes:
    depth = rng.choice([101, 500, 5_000, 200_000])
    opening, closing = rng.choice([(b"[", b"]"), (b'{"a":', b"}")])
    end = closing * depth if rng.random() < 0.5 else b""
    return b'{"instruction": ' + opening * depth + b"1" + end + (b"}" if end else b"")


def wrong_schema(rng: random.Random) -> bytes:
    values = [None, 1, -0.5, True, "", [], {}, [[]], {"a": {"b": None}}, ["x", 1], [{"role": 3}], "text", 10**400]
    names = ["instruction", "output", "messages", "conversations", "prompt", "chosen", "rejected", "text", "question"]
    names += [
        "answer",
        "choices",
        "instances",
        "turns",
        "label",
        "tools",
        "references",
        "history",
        "context",
        "role",
        "",
        "id",
    ]
    names += [
        "content_sha256",
        "completion",
        "response",
        "input",
        "system",
        "task",
        "source",
        "target",
        "meta",
        "kto_tag",
    ]
    turns = [{"role": rng.choice(["user", "king", None, 7]), "content": rng.choice(values)} for _ in range(3)]
    row = {
        rng.choice(names): rng.choice([*values, turns, json.dumps(turns), {"prompt": turns, "replies": 3}])
        for _ in range(5)
    }
    return json.dumps(row).encode()


with_bad_lines("broken_json", cut)
with_bad_lines("flipped_bytes", flipped)
with_bad_lines("nul_bytes", lambda rng: good_line(rng).replace(b"Say", b"S\0y"))
with_bad_lines("lone_surrogates", lambda rng: b'{"instruction": "\\ud83d %d", "output": "\\udc00"}' % rng.randrange(99))
with_bad_lines("encoded_surrogates", lambda rng: b'{"instruction": "\xed\xa0\xbd", "output": "a"}')
with_bad_lines(
    "invalid_utf8", lambda rng: good_line(rng).replace(b"Say", rng.choice([b"\xff", b"\xc3", b"\xf5\x80", b"\xc0\xaf"]))
)
with_bad_lines("deep_nesting", deep)
with_bad_lines(
    "not_a_number",
    lambda rng: b'{"instruction": %s, "output": "a"}' % rng.choice([b"NaN", b"Infinity", b"-Infinity", b"1e999"]),
)
with_bad_lines(
    "huge_numbers", lambda rng: b'{"instruction": "a", "output": %s}' % (b"9" * rng.choice([400, 5_000, 100_000]))
)
with_bad_lines("duplicate_keys", lambda rng: b'{"instruction": "a", "output": "b", "output": "c"}')
with_bad_lines("wrong_schema", wrong_schema)
with_bad_lines(
    "not_objects", lambda rng: rng.choice([b"1", b"null", b'"text"', b"[]", b"[{}]", b"true", b"-", b"'a'", b"{}"])
)
with_bad_lines("random_bytes", lambda rng: rng.randbytes(rng.randrange(1, 400)).replace(b"\r", b"x"))
with_bad_lines("python_repr", lambda rng: repr({"instruction": "a", "output": None}).encode())
with_bad_lines(
    "escapes",
    lambda rng: rng.choice(
        [rb'{"a": "\x41"}', rb'{"a": "\u12"}', b'{"a": "\t"}', rb'{"a": "\u0000", "text": "\u0000"}']
    ),
)


@maker
def encodings(rng: random.Random, folder: Path) -> Made:
    lines = good_lines(rng)
    text = b"\n".join(lines).decode()
    name = rng.choice(
        ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp1251", "shift_jis", "utf-7"]
    )
    content = text.encode(name, "replace")
    if rng.random() < 0.3:
        content = content[: len(content) - rng.randrange(1, 4)]
    counts = name in ("utf-8-sig", "latin-1")
    return Made("encodings", put(folder / "x.jsonl", content), len(lines) if counts else None)


@maker
def byte_order_marks(rng: random.Random, folder: Path) -> Made:
    mark = rng.choice([codecs.BOM_UTF8 * 2, codecs.BOM_UTF16_LE, codecs.BOM_UTF32_BE, b"\xff\xfe\x00", b"\xef\xbb"])
    return Made("byte_order_marks", put(folder / "x.jsonl", mark + b"\n".join(good_lines(rng))))


@maker
def line_ends(rng: random.Random, folder: Path) -> Made:
    lines = good_lines(rng)
    content = b"".join(line + rng.choice([b"\n", b"\r\n", b"\n\n", b"\r\n\r\n", b"\n \t\n"]) for line in lines)
    return Made("line_ends", put(folder / "x.jsonl", content), len(lines))


@maker
def documents(rng: random.Random, folder: Path) -> Made:
    """JSON documents: broken, cut, nested too deep, wrapped strangely."""
    array = b"[" + b",".join(good_lines(rng)) + b"]"
    content = rng.choice(
        [
            array[: rng.randrange(len(array))],
            array + array,
            array.replace(b",", b"", 1),
            b"[" * rng.choice([50, 2_000, 300_000]),
            b'{"data": ' + rng.choice([array, b"3", b"[]", b"[1, NaN]", b"null"]) + b"}",
            b'{"data": {"data": ' + array + b"}}",
            b'[{"instruction": "a", "instruction": "b"}, 3, null, {"text": "\\ud800"}]',
            b"\n".join(good_lines(rng)) + b"\n{",
            rng.randbytes(200),
        ]
    )
    return Made("documents", put(folder / "x.json", content))


@maker
def tables(rng: random.Random, folder: Path) -> Made:
    """CSV and TSV with broken quotes, ragged rows, NUL bytes and strange headers."""
    cells = ["a", '"b"', '"', 'x"y', '"x"y', "", '"multi\nline"', "\0", "é", '"a,b"', "\t", "=1+1", '"""', ";", "\r"]
    header = rng.choice(
        [
            "instruction,output",
            "instruction;output",
            "a,a",
            "",
            ",",
            '"instruction,output',
            "instruction,output,\0",
            "x",
        ]
    )
    rows = [",".join(rng.choice(cells) for _ in range(rng.choice([1, 2, 2, 2, 3, 9]))) for _ in range(rng.randrange(6))]
    content = "\n".join([header, *rows]).encode(rng.choice(["utf-8", "utf-8", "utf-16", "latin-1"]), "replace")
    return Made("tables", put(folder / rng.choice(["x.csv", "x.tsv"]), content))


@maker
def ragged_tables(rng: random.Random, folder: Path) -> Made:
    rows = [",".join("abc"[: rng.randrange(1, 4)]) for _ in range(rng.randrange(1, 9))]
    return Made("ragged_tables", put(folder / "x.csv", "\n".join(["instruction,output", *rows]).encode()), len(rows))


@maker
def parquet_garbage(rng: random.Random, folder: Path) -> Made:
    buffer = io.BytesIO()
    rows = [
        {"instruction": "a" * k, "output": "b", "n": float(k), "nested": [{"x": k}]}
        for k in range(rng.randrange(1, 40))
    ]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), buffer)
    content = bytearray(buffer.getvalue())
    way = rng.randrange(5)
    if way == 0:
        content = content[: rng.randrange(len(content))]
    elif way == 1:
        content = bytearray(b"PAR1" + rng.randbytes(rng.randrange(300)) + b"PAR1")
    elif way == 2:
        content[-8:-4] = rng.randbytes(4)
    else:
        for _ in range(rng.randrange(1, 12)):
            content[rng.randrange(len(content))] = rng.randrange(256)
    return Made("parquet_garbage", put(folder / "x.parquet", bytes(content)))


@maker
def parquet_values(rng: random.Random, folder: Path) -> Made:
    """Whole Parquet files with values no JSON has: not UTF-8, dates beyond year 9999, NaN."""
    days = pyarrow.array([rng.randrange(-(10**9), 10**9) for _ in range(3)], pyarrow.int32()).cast(pyarrow.date32())
    broken = (
        pyarrow.array([b"\xff\xfe", b"ok", b"\xc3"]).view(pyarrow.string())
        if rng.random() < 0.5
        else pyarrow.array(["a"] * 3)
    )
    table = pyarrow.table(
        {"instruction": broken, "output": pyarrow.array(["a"] * 3), "day": days, "n": [float("nan")] * 3}
    )
    path = folder / "x.parquet"
    folder.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(table, path)
    return Made("parquet_values", path, 3)


@maker
def gzip_damage(rng: random.Random, folder: Path) -> Made:
    content = bytearray(gzip.compress(b"\n".join(good_lines(rng)), mtime=0))
    way = rng.randrange(4)
    if way == 0:
        content = content[: rng.randrange(len(content))]
    elif way == 1:
        content[rng.randrange(len(content))] ^= 255
    elif way == 2:
        content += rng.randbytes(30)
    else:
        content = bytearray(good_line(rng))
    return Made(
        "gzip_damage", put(folder / rng.choice(["x.jsonl.gz", "x.csv.gz", "x.json.gz", "x.parquet.gz"]), bytes(content))
    )


@maker
def other_files(rng: random.Random, folder: Path) -> Made:
    """Archives, pictures and nothing at all under a name that promises rows."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("x.jsonl", good_line(rng))
    content = rng.choice(
        [
            buffer.getvalue(),
            b"\x89PNG\r\n\x1a\n" + rng.randbytes(200),
            b"",
            b"\n",
            b" \n\t\n",
            b"<html></html>",
            b"\x1f\x8b",
        ]
    )
    return Made(
        "other_files", put(folder / rng.choice(["x.jsonl", "x.json", "x.csv", "x.parquet", "x.jsonl.gz"]), content)
    )


@maker
def names_and_links(rng: random.Random, folder: Path) -> Made:
    """Folders named like files, loops of links, links to nothing, devices, pipes, strange names."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / rng.choice(["x.jsonl", "x.parquet", "x.csv.gz"])
    way = rng.randrange(7)
    if way == 0:
        path.mkdir()
    elif way == 1:
        path.symlink_to(path)
    elif way == 2:
        path.symlink_to(folder / "nothing.jsonl")
    elif way == 3:
        path.symlink_to(rng.choice(["/dev/zero", "/dev/null", "/dev/urandom"]))
    elif way == 4:
        (folder / "inner").mkdir()
        (folder / "inner" / "loop").symlink_to(folder)
        path = folder
    else:
        path = put(
            folder
            / rng.choice(["a\nb.jsonl", "*.jsonl", "[x].jsonl", "x.JSONL", "x.jsonl.bak", "é.jsonl", "-x.jsonl"]),
            good_line(rng),
        )
    return Made("names_and_links", path)


def large_files(folder: Path) -> Iterator[Made]:
    """The few that are large: a line of 100 MB (alone and amid others), bombs, and nesting of a million levels."""
    line, huge = good_line(random.Random(0)), b'{"instruction": "' + b"x" * 100_000_000 + b'", "output": "a"}'
    yield Made("long_line", put(folder / "long" / "x.jsonl", b"\n".join([line, huge, line])), 3)
    yield Made("long_line", put(folder / "long" / "broken.jsonl", b"\n".join([line, huge[:-9], line])), 3)
    yield Made(
        "long_line", put(folder / "long" / "x.csv", b"instruction,output\na,b\n" + b"x" * 100_000_000 + b",c\na,b\n")
    )
    yield Made("long_line", put(folder / "long" / "x.json", b"[" + huge + b"]"))
    yield Made("long_line", put(folder / "long" / "spaces.jsonl", b" " * 100_000_000 + b"\n" + line), None)
    bomb = _bomb()
    for name in ("x.jsonl.gz", "x.json.gz", "x.csv.gz", "x.parquet.gz"):
        yield Made("gzip_bomb", put(folder / "bomb" / name, bomb))
    yield Made("parquet_bomb", _parquet_bomb(folder / "bomb" / "x.parquet"))
    yield Made("deep_nesting", put(folder / "deep" / "x.jsonl", line + b"\n" + b"[" * 1_000_000), 2)
    yield Made("deep_nesting", put(folder / "deep" / "x.json", b'{"a":' * 1_000_000))


def _parquet_bomb(path: Path) -> Path:
    table = pyarrow.table({"instruction": ["a", "b"], "output": ["x" * 300_000_000, "y"]})
    pyarrow.parquet.write_table(table, path, compression="zstd")
    return path


def _bomb(gibibytes: int = 2) -> bytes:
    """So many GiB of spaces, in members of 64 MiB each, as gzip allows; small to make and to keep."""
    return gzip.compress(b" " * 2**26, mtime=0) * (16 * gibibytes)


# ── reading ───────────────────────────────────────────────────────────────────────────────────────


class Hang(BaseException):
    """The alarm; nothing that catches exceptions catches it."""


@contextmanager
def watched(made: Made, what: str, findings: Findings) -> Iterator[None]:
    """Note how long the body takes and what escapes it; end it after five minutes."""
    start = time.process_time()
    signal.setitimer(signal.ITIMER_REAL, ALARM_SECONDS)
    try:
        yield
    except TunesmithError as error:
        findings.refused += what == "read"
        _check_refusal(made, str(error), findings)
    except Hang:
        findings.hangs.append(f"{made.kind} {made.path}: {what} still ran after {ALARM_SECONDS:.0f} s")
    except Exception:  # noqa: BLE001  (this is what is looked for)
        findings.tracebacks.append(f"{made.kind} {made.path}: {what}: {traceback.format_exc()[-700:]}")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    seconds = time.process_time() - start
    findings.slowest = max(findings.slowest, (seconds, f"{what} {made.kind} {made.path.name}"))
    if seconds > MAX_SECONDS:
        findings.hangs.append(f"{made.kind} {made.path}: {what} took {seconds:.1f} s")


def _raise_hang(*_: object) -> None:
    raise Hang


def _check_refusal(made: Made, error: str, findings: Findings) -> None:
    if "\n" in error.strip() and "\n" not in str(made.path):
        findings.unnamed.append(f"{made.kind} {made.path}: refused in more than one line: {error[:200]!r}")
    if made.path.name not in error:
        findings.unnamed.append(f"{made.kind} {made.path}: refused without its name: {error[:200]}")


def check_file(made: Made, findings: Findings) -> list[Drop]:
    """Read one file as curation does, and look at what became of its rows; the rows that were lost."""
    findings.files += 1
    report, drops = ReadReport(str(made.path)), []
    with watched(made, "read", findings):
        for part in read_source(Source(path=str(made.path)), report, require_answer=False):
            if isinstance(part, Drop):
                drops.append(part)
    with watched(made, "inspect", findings):
        inspect_file(str(made.path)).to_dict()
    _check_counts(made, report, drops, findings)
    return drops


def check_curation(made: Made, drops: list[Drop], findings: Findings) -> None:
    """The same file through ``curate: default``: each record comes out or is named among the drops."""
    findings.curated += 1
    data = DataSection(sources=[Source(path=str(made.path))], validation_fraction=0, test_fraction=0)
    with watched(made, "curate", findings):
        prepared = prepare(data, "default")
        lost = [drop for drop in prepared.drops if drop.stage not in ("read", "read_part")]
        if prepared.reports[0].records != len(prepared.train) + len(lost):
            findings.miscounts.append(
                f"{made.kind} {made.path}: {prepared.reports[0].records} records, {len(prepared.train)} left, {len(lost)} named"
            )
        unanswered = [drop for drop in prepared.drops if drop.stage == "read" and drop.reason != "no_answer"]
        if unanswered != [drop for drop in drops if drop.stage == "read"]:
            findings.miscounts.append(f"{made.kind} {made.path}: reading and curation drop other rows")


def _check_counts(made: Made, report: ReadReport, drops: list[Drop], findings: Findings) -> None:
    findings.rows += report.rows_in
    findings.kept += report.kept
    findings.reasons += report.dropped
    if report.rows_in != report.kept + report.dropped.total():
        findings.miscounts.append(
            f"{made.kind} {made.path}: {report.rows_in} != {report.kept} + {report.dropped.total()}"
        )
    if made.rows is not None:
        findings.counted += 1
        if report.rows_in != made.rows:
            findings.miscounts.append(f"{made.kind} {made.path}: {report.rows_in} rows met, {made.rows} written")
    rows = [drop for drop in drops if drop.stage == "read"]
    if len(rows) != report.dropped.total():
        findings.miscounts.append(f"{made.kind} {made.path}: {report.dropped.total()} dropped, {len(rows)} named")
    for drop in drops:
        if not re.fullmatch(r".+:\d+", drop.source, re.DOTALL) or not drop.reason or not drop.detail:
            findings.unnamed.append(
                f"{made.kind} {made.path}: a drop without path:line, reason and detail: {drop.to_dict()}"
            )


def check_command_line(made: Made, findings: Findings) -> None:
    """The same file through ``tunesmith data inspect``, as a person would."""
    findings.cli_runs += 1
    command = [sys.executable, "-m", "tunesmith", "data", "inspect", "--json", "--", str(made.path)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=60, env={**os.environ, "OMP_NUM_THREADS": "1"})
    except subprocess.TimeoutExpired:
        findings.cli.append(f"{made.kind} {made.path}: `data inspect` still runs after 60 s")
        return
    said = done.stderr.decode("utf-8", "replace")
    if done.returncode not in EXIT_CODES or "Traceback" in said:
        findings.cli.append(f"{made.kind} {made.path}: `data inspect` ended with {done.returncode}: {said[-400:]}")


def main(arguments: list[str] | None = None) -> int:
    """Make and read the files; the exit code."""
    options = _parser().parse_args(arguments)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        findings = run(Path(folder), options.files, options.seed, num_curated=options.curate, num_cli=options.cli)
    _print(findings, options.json)
    return 1 if findings.problems else 0


def run(folder: Path, num_files: int, seed: int, *, num_curated: int, num_cli: int, large: bool = True) -> Findings:
    """Every file made, read and removed again; kinds take turns, so that each has its share."""
    findings, kinds = Findings(), list(MAKERS)
    signal.signal(signal.SIGALRM, _raise_hang)
    big = list(large_files(folder)) if large else []
    for made in big:
        check_file(made, findings)
    for number in range(num_files - len(big)):
        rng = random.Random(f"{seed}:{number}")
        made = MAKERS[kinds[number % len(kinds)]](rng, folder / str(number))
        drops = check_file(made, findings)
        if number < num_curated:
            check_curation(made, drops, findings)
        if number < num_cli:
            check_command_line(made, findings)
        if not findings.problems:
            _remove(folder / str(number))
    return findings


def _remove(folder: Path) -> None:
    for root, names, files in os.walk(folder, topdown=False):
        for name in files:
            os.unlink(os.path.join(root, name))
        for name in names:
            path = os.path.join(root, name)
            os.unlink(path) if os.path.islink(path) else os.rmdir(path)
    os.rmdir(folder)


def _print(findings: Findings, as_json: bool) -> None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT
    numbers = {
        "files": findings.files,
        "refused": findings.refused,
        "rows": findings.rows,
        "kept": findings.kept,
        "dropped": dict(findings.reasons.most_common()),
        "files_with_independent_count": findings.counted,
        "tracebacks": len(findings.tracebacks),
        "hangs": len(findings.hangs),
        "miscounts": len(findings.miscounts),
        "unnamed": len(findings.unnamed),
        "curated": findings.curated,
        "cli_runs": findings.cli_runs,
        "cli_problems": len(findings.cli),
        "slowest_cpu_s": round(findings.slowest[0], 2),
        "slowest": findings.slowest[1],
        "peak_rss_mb": round(peak / 1e6),
    }
    if as_json:
        print(json.dumps({**numbers, "problems": findings.problems}))
        return
    for name, value in numbers.items():
        print(f"{name:30} {value}")
    for problem in findings.problems[:40]:
        print(f"- {problem}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=10_000, help="how many files")
    parser.add_argument("--seed", type=int, default=0, help="another seed makes other files")
    parser.add_argument("--curate", type=int, default=2_000, help="how many also go through curate: default")
    parser.add_argument("--cli", type=int, default=50, help="how many also go through the command line")
    parser.add_argument("--folder", help="where to write the files (default: the system's temporary folder)")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    return parser


if __name__ == "__main__":
    sys.exit(main())
