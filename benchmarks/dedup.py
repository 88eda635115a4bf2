"""Near-duplicates: rows a second of `drop_near_duplicates` beside rensa alone and datasketch, on the same rows in one run.

    python benchmarks/dedup.py FILE… [--rows 20000] [--repeats 3] [--num-perm 64] [--json]
    python benchmarks/dedup.py FILE… --planted 2000 [--rows 20000] [--json]

The others do what their pages show: a set of word pairs per row (question and answer joined), MinHash, an LSH index at
0.8, each row asked for and then put in. They verify nothing and only say how many rows have a candidate. Ours starts
from records in memory, as theirs from texts, and ends with every row kept or dropped. Rounds alternate, so that other
work on the machine strikes all alike; the ratio is the median of the rounds'. Time is that of the processor, as all
three keep to one thread. datasketch is left out where it is missing.

With ``--planted`` quality is measured instead: so many rows get a copy in other case, in other punctuation or with one
word put in, left out or exchanged, in the question, the answer or both. Counted are the rows without a copy that
de-duplication loses, and the copies that stay and land in another split than their row, over `SEEDS`.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import random
import re
import statistics
import string
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rensa import RMinHash, RMinHashLSH

from tunesmith.curation.dedup import drop_duplicates, drop_near_duplicates, question_and_answer
from tunesmith.curation.sources import ReadReport, read_source
from tunesmith.curation.split import split_records
from tunesmith.recipe import Source
from tunesmith.records import Drop, Record

THRESHOLD = 0.8
ROWS_PER_BAND = 4
SEEDS = (0, 1, 2)
FRACTION = 0.1  # of each held-out split
NEW_WORDS = ["quite", "apple", "seven", "London", "not", "really", "blue", "42", "walks", "good"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--num-perm", type=int, default=64)
    parser.add_argument("--planted", type=int, metavar="N", help="plant N near-duplicates and say what becomes of them")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    records = read_all(given.files)[: given.rows]
    if given.planted is not None:
        print_fate(tell_fate(records, given.planted), as_json=given.json)
        return
    texts = ["\n".join(question_and_answer(record)) for record in records]
    ways: dict[str, Callable[[], int]] = {
        "tunesmith": lambda: sum(
            isinstance(part, Drop)
            for part in drop_near_duplicates(records, threshold=THRESHOLD, num_perm=given.num_perm)
        ),
        "rensa": lambda: with_rensa(texts, given.num_perm),
    }
    if importlib.util.find_spec("datasketch") is not None:
        ways["datasketch"] = lambda: with_datasketch(texts, given.num_perm)
    print_result(measure(ways, len(records), given.repeats), as_json=given.json)


def measure(ways: dict[str, Callable[[], int]], num_rows: int, repeats: int) -> dict[str, dict[str, float]]:
    """Rows a second (median of the rounds), the ratio to rensa, and what was found."""
    rates: dict[str, list[float]] = {name: [] for name in ways}
    found: dict[str, int] = {}
    for _ in range(repeats):
        for name, way in ways.items():
            start = time.process_time()
            found[name] = way()
            rates[name].append(num_rows / (time.process_time() - start))
    ratios = {name: statistics.median(a / b for a, b in zip(rates[name], rates["rensa"])) for name in ways}
    return {
        name: {
            "rows_per_second": round(statistics.median(rates[name])),
            "ratio_to_rensa": round(ratios[name], 2),
            "rows_found": found[name],
            "rows": num_rows,
        }
        for name in ways
    }


def with_rensa(texts: Sequence[str], num_perm: int) -> int:
    """How many rows have a candidate among those before them."""
    index, found = RMinHashLSH(THRESHOLD, num_perm, num_perm // ROWS_PER_BAND), 0
    for k, text in enumerate(texts):
        sketch = RMinHash(num_perm, 42)
        sketch.update(word_pairs(text))
        found += bool(index.query(sketch))
        index.insert(k, sketch)
    return found


def with_datasketch(texts: Sequence[str], num_perm: int) -> int:
    datasketch = importlib.import_module("datasketch")
    index, found = datasketch.MinHashLSH(threshold=THRESHOLD, num_perm=num_perm), 0
    for k, text in enumerate(texts):
        sketch = datasketch.MinHash(num_perm=num_perm, seed=42)
        sketch.update_batch([pair.encode() for pair in word_pairs(text)])
        found += bool(index.query(sketch))
        index.insert(k, sketch)
    return found


def word_pairs(text: str) -> list[str]:
    words = text.casefold().split()
    return [f"{one} {other}" for one, other in zip(words, words[1:])] or words


@dataclass(frozen=True)
class Planted:
    """A copy of a record with a small change, of what kind, and the record it was made of."""

    record: Record
    kind: str
    original: Record


def plant(records: Sequence[Record], count: int, draw: random.Random) -> list[Planted]:
    """Copies of so many records, a third of each kind."""
    return [
        Planted(_changed(original, kind, draw, number), kind, original)
        for number, original in enumerate(draw.sample(records, count))
        for kind in [("case", "punctuation", "word")[number % 3]]
    ]


def tell_fate(records: Sequence[Record], count: int, seed: int = 7) -> dict[str, Any]:
    """What becomes of planted near-duplicates, and of all other rows; those that were duplicates before are set aside."""
    rows = _left(drop_near_duplicates(_left(drop_duplicates(records))))
    planted = plant(rows, count, random.Random(seed))
    left = _left(drop_near_duplicates([*rows, *(item.record for item in planted)]))
    stays = {record.source for record in left}
    touched = {item.original.source for item in planted}
    pairs = [item for item in planted if {item.record.source, item.original.source} <= stays]
    lost = sum(record.source not in stays for record in rows if record.source not in touched)
    crossing = Counter()
    for number in SEEDS:
        splits = split_records(left, validation_fraction=FRACTION, test_fraction=FRACTION, seed=number)
        where = {record.source: name for record, name in zip(left, splits)}
        crossing.update(item.kind for item in pairs if where[item.record.source] != where[item.original.source])
    return {
        "rows": len(rows),
        "planted": count,
        "dropped": dict(Counter(item.kind for item in planted) - Counter(item.kind for item in pairs)),
        "both_lost": sum(not {item.record.source, item.original.source} & stays for item in planted),
        "unrelated": len(rows) - count,
        "unrelated_lost": lost,
        "split_pairs": len(pairs) * len(SEEDS),
        "crossing": dict(crossing),
    }


def print_fate(fate: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(fate))
        return
    print(f"{fate['planted']:,} near-duplicates planted in {fate['rows']:,} rows; dropped: {fate['dropped']}")
    print(
        f"unrelated rows lost: {fate['unrelated_lost']:,} of {fate['unrelated']:,}; both of a pair: {fate['both_lost']}"
    )
    print(f"of {fate['split_pairs']:,} pairs left, in {len(SEEDS)} splits: {sum(fate['crossing'].values())} cross")


def _left(parts: Iterable[Record | Drop]) -> list[Record]:
    return [part for part in parts if isinstance(part, Record)]


def _changed(original: Record, kind: str, draw: random.Random, number: int) -> Record:
    change = {"case": _in_other_case, "punctuation": _in_other_punctuation, "word": _with_other_word}[kind]
    messages = list(original.messages)
    for k in [draw.randrange(len(messages))] if kind == "word" else range(len(messages)):
        messages[k] = replace(messages[k], content=change(messages[k].content, draw))
    return replace(original, messages=tuple(messages), id=f"{number:016x}", source=f"planted:{number + 1}")


def _in_other_case(text: str, draw: random.Random) -> str:
    return draw.choice((str.upper, str.lower, str.title, str.swapcase))(text)


def _in_other_punctuation(text: str, draw: random.Random) -> str:
    bare = "".join(character for character in text if character not in string.punctuation)
    ways = (bare, text.replace(".", "!").replace(",", ";") + "!!", text.replace(" ", "  ") + " ...", text.rstrip(".?!"))
    return draw.choice(ways)


def _with_other_word(text: str, draw: random.Random) -> str:
    words = re.split(r"(\s+)", text.strip())  # every other one is white space
    place, way, new = 2 * draw.randrange(len(words) // 2 + 1), draw.randrange(3), draw.choice(NEW_WORDS)
    if way == 0 and len(words) > 1:
        del words[max(place - 1, 0) : max(place - 1, 0) + 2]
    else:
        words[place] = new if way < 2 else f"{new} {words[place]}"
    return "".join(words)


def read_all(files: Sequence[str]) -> list[Record]:
    """The records of all files."""
    parts = [part for file in files for part in read_source(Source(path=file), ReadReport(file))]
    return [part for part in parts if isinstance(part, Record)]


def print_result(result: dict[str, dict[str, float]], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(result))
        return
    for name, row in result.items():
        print(
            f"{name:11} {row['rows_per_second']:>9,} rows/s   {row['ratio_to_rensa']:>5} × rensa"
            f"   {row['rows_found']:,} of {row['rows']:,} rows found"
        )


if __name__ == "__main__":
    main()
