"""Answers that go round in circles: a line, a phrase or a word said again and again, as a model does that cannot stop."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from tunesmith.curation.prose import answers, is_code_line, prose_of, said_before
from tunesmith.curation.stages import stage
from tunesmith.records import Record

MIN_CHARACTERS = 100
PROBE_CHARACTERS, PROBE_DISTANCE, MAX_PROBES = 16, 160, 64
MAX_PERIOD = 40
"""Words (or characters of a script without spaces) of the longest phrase that is looked for."""
ONE_CHARACTER = re.compile(r"([^\W_])\1{79}")
ASKED_FOR = re.compile(
    r"repeat|\btimes\b|chorus|refrain|\bsong|lyric|poem|rap\b|verse|chant|mantra|pattern|binary|\bloop|draw|ascii|art\b|sequence|matrix|table|grid"
    r"|重复|遍|歌|诗",
    re.I,
)


@stage("drop_repetitive", "check")
def drop_repetitive(record: Record) -> str | None:
    """``repeated_phrase`` where a phrase of up to 40 words comes again and again with nothing between and fills a fifth of
    an answer or forty words of it, ``repeated_lines`` where most of its lines are copies of others.

    Marked code does not count. Songs, poems, tables and whatever is asked to be repeated are spared.
    """
    for position, text in answers(record):
        if len(text) < MIN_CHARACTERS or not _may_repeat(text):
            continue
        prose = prose_of(text) if "`" in text else text
        reason = repetition(prose)
        if reason is not None and not ASKED_FOR.search(said_before(record, position)):
            return reason
    return None


def repetition(text: str) -> str | None:
    """How a text repeats itself, or None."""
    lines = [line.strip() for line in text.split("\n") if len(line.strip()) > 3]
    if sum(map(is_code_line, lines)) > len(lines) / 2:
        return None
    if len(lines) >= 6 and _num_copied(lines) > len(lines) / 2:
        return "repeated_lines"
    if ONE_CHARACTER.search(text):
        return "repeated_phrase"
    words = text.split()
    if len(text) > 12 * len(words):  # written without spaces
        words = [character for character in text if not character.isspace()]
    longest = _longest_loop(words)
    return "repeated_phrase" if longest >= max(12, min(40, len(words) / 5)) else None


def _may_repeat(text: str) -> bool:
    """Whether one of some short pieces of the text stands in it three times: a look that costs next to nothing."""
    step = max(len(text) // MAX_PROBES, min(len(text) // 8, PROBE_DISTANCE))
    pieces = (text[start : start + PROBE_CHARACTERS] for start in range(step // 2, len(text) - PROBE_CHARACTERS, step))
    return any(text.count(piece) >= 3 for piece in pieces)


def _num_copied(lines: Sequence[str]) -> int:
    return sum(count - 1 for count in Counter(lines).values())


def _longest_loop(words: Sequence[str]) -> int:
    """The most words in a row that are each what stood a period before, for a phrase said at least four times."""
    numbers: dict[str, int] = {}
    said = np.array([numbers.setdefault(word, len(numbers)) for word in words], np.int64)
    is_word = np.array([any(character.isalpha() for character in word) for word in numbers], bool)[said]
    longest = 0
    for period in range(1, min(MAX_PERIOD, len(words) // 4) + 1):
        run = _longest_run((said[:-period] == said[period:]) & is_word[period:])
        longest = max(longest, run) if run >= 3 * period else longest
    return longest


def _longest_run(flags: np.ndarray) -> int:
    """How many true values stand in a row at most."""
    gaps = np.flatnonzero(~flags)
    return int(np.diff(gaps, prepend=-1, append=len(flags)).max()) - 1
