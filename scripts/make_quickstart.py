"""Make the quickstart's instruction set: ``python scripts/make_quickstart.py --output DIR``.

Written are ``raw.jsonl`` (training rows, deliberately dirty) and three clean tests that tell apart what is new in them:

- ``unseen_phrasings.jsonl``  trained families and values, asked for in held-out phrasings
- ``unseen_values.jsonl``     trained families and phrasings with held-out names, words, numbers, combinations
- ``unseen_families.jsonl``   two families that are never trained, with training values

A row is ``{"instruction", "input", "output", "task"}``, and ``"references"`` where several answers are right. The same
seed and files give the same bytes. No question of a test is asked in training, and no held-out value occurs there
(checked).

Dirt in raw.jsonl, as a share of the clean rows (of the 14,000 by default):

    duplicates        2.0%  280   the same again, every second with other white space; curation drops `duplicate`
    empty_answers     1.0%  140   dropped as `empty_answer`
    broken_lines      0.5%   70   JSON cut off; dropped as `broken_json`
    vague             1.0%  140   "Do it." without anything to do it to; dropped as `short_prompt`
    personal_data     1.5%  210   invented addresses (example.com, example.org) and numbers (555-01xx) in rows that stay
    stray_characters  2.0%  280   control and zero-width characters, outer white space in rows that stay

``--check-corpus`` writes nothing: it looks for 13 consecutive words (lower-cased, without punctuation) of the set in the
texts named, the test of Brown et al. 2020 for contamination, and ends with exit code 6 where there are any.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from corpus_overlap import check_corpus, words
from quickstart_dirt import LOST, count_dirt, soil
from quickstart_families import FAMILIES, Draw, Item
from quickstart_inputs import TRAINED, UNTRAINED, Book, Lexicon, Phrasing, Side, read_lexicon, read_phrasings

from tunesmith.errors import DataError, TunesmithError, UsageError
from tunesmith.files import write_jsonl, write_text

READY = Path(__file__).resolve().parents[1] / "recipes" / "quickstart"
NUM_TRAIN = 14_000
NUM_TEST = {"unseen_phrasings": 40, "unseen_values": 25, "unseen_families": 25}

Row = dict[str, Any]


@dataclass(frozen=True)
class Quickstart:
    """The whole set: training rows before they get dirty, lines of raw.jsonl, and rows of each test by its name."""

    train: list[Row]
    raw: list[str]
    tests: dict[str, list[Row]]

    def raw_texts(self) -> Iterator[str]:
        """The text of every line of raw.jsonl; a broken line as it stands."""
        for line in self.raw:
            try:
                yield _text(json.loads(line))
            except ValueError:
                yield line

    def test_texts(self) -> Iterator[str]:
        """The text of every row of every test, once for each of its right answers."""
        for row in (row for rows in self.tests.values() for row in rows):
            yield from (_text(row | {"output": answer}) for answer in row.get("references", [row["output"]]))


def make_quickstart(
    book: Book, lexicon: Lexicon, *, seed: int = 0, num_train: int = NUM_TRAIN, num_test: int | None = None
) -> Quickstart:
    """The set for these phrasings and values.

    Args:
        num_train: rows that are left when the dirt is removed, in equal parts of every trained family.
        num_test: rows of each family in each test; by default 40 of unseen phrasings and 25 of the others.

    Raises:
        DataError: the values do not give that many different questions.
    """
    counts = count_dirt(num_train)
    total = num_train + sum(counts[kind] for kind in LOST)
    writer = Writer(lexicon, seed)
    # Shares are alike to within one.
    rows = [
        row
        for place, family in enumerate(TRAINED)
        for row in writer.rows("train", family, book[family].train, (total + place) // len(TRAINED))
    ]
    tests = {name: _test(name, book, writer, num_test or count) for name, count in NUM_TEST.items()}
    chance = random.Random(f"{seed}/dirt")
    chance.shuffle(rows)
    return Quickstart(rows, soil(rows, lexicon, counts, chance), tests)


def _test(name: str, book: Book, writer: Writer, count: int) -> list[Row]:
    families = UNTRAINED if name == "unseen_families" else TRAINED
    side = "train" if name == "unseen_values" else "held_out"
    return [row for family in families for row in writer.rows(name, family, getattr(book[family], side), count)]


@dataclass(frozen=True)
class Writer:
    """Writes rows of which no two ask the same."""

    lexicon: Lexicon
    seed: int
    asked: set[str] = field(default_factory=set)

    def rows(self, split: str, family: str, phrasings: Sequence[Phrasing], count: int) -> list[Row]:
        """``count`` rows of one family for train or a test; phrasings take turns in an order that changes."""
        chance = random.Random(f"{self.seed}/{split}/{family}")
        side: Side = "held_out" if split == "unseen_values" else "train"
        rows: list[Row] = []
        order: list[Phrasing] = []
        for _ in range(20 * count + 100):
            if len(rows) == count:
                break
            order = order or chance.sample(phrasings, len(phrasings))
            item = FAMILIES[family](Draw(self.lexicon, side, chance, turn=len(rows)))
            row = _row(family, order[-1], item, None if split != "train" else chance)
            if (key := _question_key(row)) not in self.asked:
                self.asked.add(key)
                order.pop()
                rows.append(row)
        if len(rows) < count:
            raise DataError(
                f"{family}: only {len(rows)} of {count} different questions can be made."
                " Add values to the lexicon, or lower --num-train or --num-test."
            )
        return rows


def _row(family: str, phrasing: Phrasing, item: Item, chance: random.Random | None) -> Row:
    """A row for training, or without ``chance`` for a test. A story may begin in several ways: training shows any of
    them, a test accepts them all."""
    holds_question = "question" in phrasing.slots
    text = item.text if holds_question or not item.question else f"{item.text}\n{item.question}"
    instruction = phrasing.text.format(**item.slots, text=text, question=item.question)
    answer = chance.choice(item.answers) if family == "write_story" and chance is not None else item.answers[0]
    row: Row = {"instruction": instruction, "input": "" if "text" in phrasing.slots else text, "output": answer}
    row["task"] = family
    if chance is None and len(item.answers) > 1:
        row["references"] = list(item.answers)
    return row


def _question_key(row: Row) -> str:
    """The letters and digits of the question: what two equal questions share."""
    return "".join(character for character in f"{row['instruction']}{row['input']}".casefold() if character.isalnum())


def _text(row: Row) -> str:
    return f"{row['instruction']}\n{row['input']}\n{row['output']}"


def leaked_values(quickstart: Quickstart, lexicon: Lexicon) -> list[str]:
    """Held-out values that occur in training all the same."""
    trained = {word for row in quickstart.train for word in words(_text(row))}
    held_out = [*lexicon.values("held_out"), *map(str, lexicon.code_numbers.held_out)]
    return sorted(value for value in held_out if value.casefold() in trained)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the set (or check a corpus) and return the exit code; an error is one line on stderr."""
    chosen = _parser().parse_args(arguments)
    try:
        _run(chosen)
    except TunesmithError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--phrasings", type=Path, default=READY / "phrasings.yaml", help="how tasks are asked for")
    parser.add_argument("--lexicon", type=Path, default=READY / "lexicon.yaml", help="the values asked about")
    parser.add_argument("--output", type=Path, default=READY, help="folder for raw.jsonl and the three tests")
    parser.add_argument("--num-train", type=int, default=NUM_TRAIN, help="clean training rows")
    parser.add_argument("--num-test", type=int, help="rows of each family in each test (default: 40, 25 and 25)")
    parser.add_argument(
        "--check-corpus", type=Path, nargs="+", metavar="PATH", help="look for the set in these texts; write nothing"
    )
    return parser


def _run(chosen: argparse.Namespace) -> None:
    for name, least in (("num_train", 100), ("num_test", 1)):
        if (value := getattr(chosen, name)) is not None and value < least:
            raise UsageError(f"--{name.replace('_', '-')}: must be at least {least}, got {value}.")
    book, lexicon = read_phrasings(chosen.phrasings), read_lexicon(chosen.lexicon)
    quickstart = make_quickstart(book, lexicon, seed=chosen.seed, num_train=chosen.num_train, num_test=chosen.num_test)
    if leaked := leaked_values(quickstart, lexicon):
        raise DataError(
            f"{chosen.lexicon}: held_out values that occur in training rows: {', '.join(leaked)}."
            f" Take other values, or other words in the train phrasings of {chosen.phrasings}."
        )
    if chosen.check_corpus:
        print(check_corpus([*quickstart.raw_texts(), *quickstart.test_texts()], chosen.check_corpus))
        return
    write_text(chosen.output / "raw.jsonl", "".join(f"{line}\n" for line in quickstart.raw))
    print(f"{chosen.output / 'raw.jsonl'}: {len(quickstart.raw):,} lines, {chosen.num_train:,} of them clean rows")
    for name, rows in quickstart.tests.items():
        write_jsonl(chosen.output / f"{name}.jsonl", rows)
        print(f"{chosen.output / name}.jsonl: {len(rows):,} rows")


if __name__ == "__main__":
    sys.exit(main())
