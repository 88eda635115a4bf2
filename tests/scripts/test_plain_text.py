"""The made-up plain text of the pretraining: what it says is true, and it is the same every time."""

from __future__ import annotations

import json
import random
import re
from itertools import islice

import plain_text
import pytest
from plain_text import NUMBERS, Words, documents

COMMON = ["table", "house", "river", "morning", "garden", "window"]
NAMES = ["Anna", "Tom"]


def made(kind, number: int = 300) -> list[str]:
    words = Words(random.Random(3), COMMON, NAMES)
    return [kind(words) for _ in range(number)]


def test_the_same_seed_gives_the_same_documents_and_another_seed_others():
    first, again, other = (list(islice(documents(seed, COMMON, NAMES), 20)) for seed in (0, 0, 1))
    assert first == again
    assert not set(first) & set(other)


def test_sums_are_right():
    number = {word: value for value, word in enumerate(NUMBERS)}
    checked = 0
    for text in made(plain_text.sums):
        for a, sign, b, result in re.findall(
            r"(\w+) (and|plus|minus|take away) (\w+) (?:makes?|is|leaves) (\w+)", text
        ):
            expected = number[a] + number[b] if sign in ("and", "plus") else number[a] - number[b]
            assert number[result] == expected, text
            checked += 1
    assert checked > 300


def test_json_says_what_the_lines_say():
    checked = 0
    for text in made(plain_text.ledger):
        *others, found = sorted(text.split("\n"), key=lambda line: line.startswith("{"))
        if not found.startswith("{") or len(others) < 2:
            continue
        lines = [line for line in others if re.match(r"\w+: ", line)]
        if lines:
            assert dict(line.split(": ") for line in lines) == {
                key: str(value) for key, value in json.loads(found).items()
            }
            checked += 1
    assert checked > 50


def test_code_is_true_when_it_is_run():
    checked = 0
    for text in made(plain_text.code):
        scope: dict = {}
        for line in text.split("\n"):
            if " == " in line:
                before = text[: text.index(line)]
                exec(before.replace("print", "str") if before.startswith("def") else "", scope)
                assert eval(line, scope), text
                checked += 1
    assert checked > 300


def test_alphabetical_lists_are_sorted():
    for text in made(plain_text.alphabet):
        ordered = re.search(r"(?:they stood |From a to z: |sorted \| )([^.|]+)", text).group(1).split(", ")
        assert ordered == sorted(ordered), text


def test_a_roll_call_reads_the_same_entries_each_time():
    for text in made(plain_text.roll_call):
        calls = re.split(r"\n\n|\.\n", text)
        entries = [sorted(re.split(r"\n|, |; |\. ", call)) for call in calls]
        assert len(calls) >= 2 and all(other == entries[0] for other in entries), text


def test_an_echo_says_the_same_words_again():
    for text in made(plain_text.echo):
        words = text.split()
        assert any(words[:3] == words[k : k + 3] for k in range(3, len(words) - 2)), text


@pytest.mark.parametrize("kind", sorted({kind.__name__ for kind in plain_text.KINDS + plain_text.COPYING}))
def test_nothing_asks_for_anything(kind):
    """A base model must not have seen instructions: no imperative opens a text, no role marker stands in it."""
    for text in made(getattr(plain_text, kind)):
        assert not re.search(r"\b(Instruction|Response|User|Assistant|Question|Answer)\b", text), text
        assert not re.match(r"(Write|Name|Sort|Translate|List|Give|Replace|Find|What|Which|Who)\b", text), text
