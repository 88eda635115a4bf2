"""Dirt on purpose: what a file of instruction data in the wild has, planted in known numbers."""

from __future__ import annotations

import json
import random
from typing import Any

from quickstart_inputs import Lexicon

Row = dict[str, Any]
# Kind to its share of the clean rows; make_quickstart.py says what each one is.
DIRT = {
    "duplicates": 0.02,
    "empty_answers": 0.01,
    "broken_lines": 0.005,
    "vague": 0.01,
    "personal_data": 0.015,
    "stray_characters": 0.02,
}
# Kinds that cost a row of their own, which no curation can bring back.
LOST = ("empty_answers", "broken_lines", "vague")
VAGUE = (
    "Do it.", "Fix this", "Help me", "Go on.", "Again please", "The usual.", "You know", "Improve", "Next one.", "Why?",
)  # fmt: skip
# Where a sentence more does not change the answer.
ROOM_FOR_PERSONAL_DATA = ("answer_question", "arithmetic", "find_place", "reason", "sentiment", "summarize")
STRAY = ("\u200b", "\ufeff", "\u2060", "\x07", "\x1b", "\x08")


def count_dirt(num_train: int) -> dict[str, int]:
    """How many of each kind go with so many clean rows."""
    return {kind: round(num_train * share) for kind, share in DIRT.items()}


def soil(rows: list[Row], lexicon: Lexicon, counts: dict[str, int], chance: random.Random) -> list[str]:
    """Lines of raw.jsonl in random order: the rows (which must be shuffled) with ``counts`` of each kind of dirt."""
    # Of different answers, so that no two vague rows are the same.
    chosen = set(list({row["output"]: k for k, row in enumerate(rows)}.values())[: counts["vague"]])
    vague = [rows[k] for k in sorted(chosen)]
    rest = [row for k, row in enumerate(rows) if k not in chosen]
    empty, broken, clean = _cut(rest, counts["empty_answers"], counts["broken_lines"])
    roomy = [k for k, row in enumerate(clean) if row["task"] in ROOM_FOR_PERSONAL_DATA and row["input"]]
    personal = chance.sample(roomy, counts["personal_data"])
    others = sorted(set(range(len(clean))) - set(personal))
    chance.shuffle(others)
    twice, stray, _ = _cut(others, counts["duplicates"], counts["stray_characters"])
    lines = [_line(row | {"output": chance.choice(("", "", " ", "\n"))}) for row in empty]
    lines += [_break(_line(row), chance) for row in broken]
    lines += [_line(row | {"instruction": VAGUE[k % len(VAGUE)], "input": ""}) for k, row in enumerate(vague)]
    lines += [_line(_respaced(clean[k]) if number % 2 else clean[k]) for number, k in enumerate(twice)]
    for k in personal:
        clean[k] = clean[k] | {"input": f"{_personal_sentence(lexicon, chance)} {clean[k]['input']}"}
    for k in stray:
        clean[k] = _with_stray_characters(clean[k], chance)
    lines += [_line(row) for row in clean]
    chance.shuffle(lines)
    return lines


def _cut(values: list[Any], *sizes: int) -> list[list[Any]]:
    """Pieces of these sizes from the start, and the rest."""
    pieces, start = [], 0
    for size in sizes:
        pieces.append(values[start : start + size])
        start += size
    return [*pieces, values[start:]]


def _line(row: Row) -> str:
    return json.dumps(row, ensure_ascii=False)


def _break(line: str, chance: random.Random) -> str:
    return line[: chance.randrange(len(line) // 3, len(line) - 1)]


def _respaced(row: Row) -> Row:
    return row | {"instruction": row["instruction"].replace(" ", "  ", 1), "output": f"{row['output']}\n"}


def _personal_sentence(lexicon: Lexicon, chance: random.Random) -> str:
    first, last = (chance.choice(lexicon.names.train) for _ in range(2))
    address = f"{first}.{last}@example.{chance.choice(('com', 'org'))}".lower()
    number = f"{chance.choice(('', '202-', '(303) '))}555-01{chance.randrange(100):02}"
    return chance.choice((f"Write to {address}.", f"Call {number}.", f"My address is {address}, my number {number}."))


def _with_stray_characters(row: Row, chance: random.Random) -> Row:
    column = chance.choice([name for name in ("instruction", "input", "output") if row[name]])
    text = row[column]
    last = "output" if column == "output" else "input" if row["input"] else "instruction"
    if column == last and chance.random() < 0.5:
        return row | {column: text + chance.choice((" ", "  \n", "\t", "\r\n"))}
    place = chance.randrange(len(text) + 1)
    return row | {column: text[:place] + chance.choice(STRAY) + text[place:]}
