"""Names written without capitals, as people type them: "my name is maria lopez", "hi maria", "call maria lopez"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from tunesmith.privacy.names.kinds import AMBIGUOUS, FIRST, LAST, ORDINARY, THING
from tunesmith.privacy.names.tables import Tables, load_tables
from tunesmith.privacy.names.tokens import left_of
from tunesmith.privacy.names.tone import WINDOW, Tone, Tones, union_of, words_of
from tunesmith.privacy.names.words import (
    FIRST_PERSON_OWN,
    GREETINGS,
    KIN,
    NAMING,
    PARTICLES,
    REACHING,
    REACHING_PAIRS,
    RESIDENCE,
    SELF,
    TITLES,
)
from tunesmith.privacy.spans import Span

_WORD = re.compile(r"(?<![\w'’@./:=-])[^\W\d_]++(?:['’\-][^\W\d_]++)*+(?![\w@/=])")
_LETTERS = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]{2,}+)?+")
MAX_PARTICLES, MAX_PARTS = 2, 5


def with_capitals(text: str, tables: Tables) -> str:
    """A text all in small or all in capital letters, with capitals where the tables know a name, or a stranger follows a
    first name."""
    low = text.lower()
    if len(low) != len(text):
        return text
    end_of_first = -2

    def write(match: re.Match[str]) -> str:
        nonlocal end_of_first
        word = match[0]
        is_stranger = match.start() == end_of_first + 1 and len(word) > 3 and word not in tables.common
        is_name = word in tables.capitalized or is_stranger
        if word in tables.uncased_first and text[match.end() : match.end() + 1] == " ":
            end_of_first = match.end()
        return word.title() if is_name else word

    return _LETTERS.sub(write, low)


def find_uncased(text: str, tables: Tables, tones: Tones) -> list[Span]:
    """Persons in lower case: full names, and first names behind a cue; towns behind "i live in"."""
    for start in range(0, len(text), WINDOW):
        names = union_of(_first_names_in, tones.passages(start))
        if names and _has_name(text[start : start + WINDOW], names):
            return list(_find(text, tables, tones))
    return []


@lru_cache(maxsize=16)
def _first_names_in(passage: str) -> frozenset[str]:
    """First names among the words of a passage, whatever their case."""
    return words_of(passage) & load_tables().uncased_first


def _has_name(window: str, names: frozenset[str]) -> bool:
    """Whether a name stands in lower case in a window of the text; cheap, and may be wrong with a yes."""
    return any(name in window for name in names)


def _find(text: str, tables: Tables, tones: Tones) -> Iterator[Span]:
    taken = 0
    for match in _WORD.finditer(text):
        word = match[0]
        if word not in tables.uncased_first and (word[-1] != "s" or _bare(word) not in tables.uncased_first):
            continue
        if match.start() < taken or not word[0].islower():
            continue
        end, is_full = _extend(text, match, tables)
        score = _score(text, match.start(), is_full, tones)
        if score:
            taken = end
            yield Span(match.start(), end, "PERSON", score, "person_uncased")


def _bare(word: str) -> str:
    return word.removesuffix("'s").removesuffix("’s")


def _extend(text: str, first: re.Match[str], tables: Tables) -> tuple[int, bool]:
    """The end of the name that begins with a first name, and whether a last name is part of it."""
    matches = [first]
    end = first.start() + len(_bare(first[0]))
    is_full, num_particles = False, 0
    while len(matches) < MAX_PARTS and end == matches[-1].end() and (match := _next_word(text, end)) is not None:
        matches.append(match)
        word = _bare(match[0])
        if word in PARTICLES and num_particles < MAX_PARTICLES:
            num_particles += 1
            if is_full:
                break
            end = match.end()
            continue
        if len(word) < 3 or not _may_go_on(tables.kinds.get(word, 0)):
            break
        end, is_full = match.start() + len(word), True
    return (end, True) if is_full else (matches[-1 - num_particles].end(), False)


def _next_word(text: str, end: int) -> re.Match[str] | None:
    """The word in lower case behind one space."""
    match = _WORD.match(text, end + 1) if text.startswith(" ", end) else None
    return match if match is not None and match[0][0].islower() else None


def _may_go_on(kind: int) -> bool:
    """Whether a word is somebody's name and nothing else."""
    return bool(kind & (FIRST | LAST)) and not kind & (ORDINARY | AMBIGUOUS | THING)


def _score(text: str, start: int, is_full: bool, tones: Tones) -> float:
    left = left_of(text, start)
    named = left.two in NAMING or left.three in NAMING
    addressed = left.one in GREETINGS or left.one in SELF or left.two in SELF or left.one in TITLES
    kin = left.one in KIN and left.two.split(" ")[0] in FIRST_PERSON_OWN
    reached = left.one in REACHING or left.two in REACHING_PAIRS
    if named or kin or (addressed and left.mark in ("", ",", ".")):
        return 0.8
    if left.two in RESIDENCE or left.three in RESIDENCE:
        return 0.0
    if is_full:
        return (0.75, 0.7, 0.6, 0.35)[tones.at(start)]
    return 0.6 if reached and tones.at(start) is not Tone.ENCYCLOPEDIC else 0.0
