"""Capitalized words that stand together, and what stands around them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from tunesmith.privacy.names.kinds import OWNER, SMALL

_UPPER = "".join(letter for letter in map(chr, range(0x2000)) if letter.isupper())
# Letters in a row; the plain ones first, which are the quickest to see.
_LETTERS = "(?:[a-z]++|[^\\W\\d_]++|[\\u0300-\\u036f]++)"
_ABBREVIATED = re.split(
    " ", "Dr Mr Ms Mrs Mx Prof St Ste Jr Sr Rev Hon Capt Sgt Lt Fr Hr Sra Srta Mme Mlle Sig Inc Ltd Corp Co"
)
_DOT = "\\.(?:" + "|".join(f"(?<=\\b{word}\\.)" for word in _ABBREVIATED) + ")"
# What follows the first capital letter: the dots of initials, or a word and, of an abbreviation, its dot.
_REST = f"(?:\\.(?:-?[{_UPPER}]\\.)*+|{_LETTERS}*+(?:['’\\-‐‑]{_LETTERS}++)*+(?:{_DOT})?+)"
_LINK = (
    r"(?:(?:of the|of|van der|van den|van de|van|von der|von|de la|de las|de los|de|del|della|di|da|dos|das|do|du|den|der"
    r"|la|le|im|bei|sur|sous|nad|pod|upon|an der|ob der|degli|dell[ao]|delle|dei|(?<!\bI )am|bin|ibn|bint|abu|ben|ter|ten|zu|zur|al|el|y|e|af|av|&) )?+(?:(?:al|el|d|l)['’\-])?+"
)
# Possessive throughout: each character is read once or twice, so that no text can make it slow. It begins with a set of
# letters, which lets the search skip quickly.
_RUN = re.compile(f"[{_UPPER}](?<![\\w@#/].){_REST}(?>[ \u00a0]{_LINK}[{_UPPER}]{_REST})*+")
_PARTICLES_BEFORE = re.compile(
    r"(?:^|(?<=[\s(\"'“,:]))(?:(?:van der|van den|van de|van|von der|von|de la|del?|di|da|dos|bin|ibn) |(?:al|el|d|l)['’-])$"
)
_POSSESSIVE = ("'s", "'S")
find_runs = _RUN.finditer


class Token(NamedTuple):
    """A word of a run, without its possessive.

    ``low`` is its lower case without final dot, ``kind`` what it is known as: a sum of bits of `kinds`.
    """

    word: str
    start: int
    end: int
    low: str
    kind: int


def start_with_particles(text: str, start: int) -> int:
    """Where "van der Berg" or "al-Rashid" begins, of which "Berg" or "Rashid" stands at ``start``."""
    match = _PARTICLES_BEFORE.search(text[max(0, start - 9) : start])
    return start if match is None else start - len(match[0])


def split_run(run: str, start: int, kinds: Mapping[str, int]) -> list[Token]:
    """The words of a run that begins at ``start``; ``kinds`` knows them."""
    if "\u00a0" in run:
        run = run.replace("\u00a0", " ")
    if "’" in run:
        run = run.replace("’", "'")
    if "'" not in run and "." not in run and " " not in run:
        low = run.lower()
        return [Token(run, start, start + len(run), low, kinds.get(low, 0))]
    tokens = []
    for word in run.split(" "):
        bare, form = (word[:-2], OWNER) if word.endswith(_POSSESSIVE) else (word, 0)
        low = bare.lower()
        if bare.islower():
            form |= SMALL
        if low[-1:] == ".":
            low = low[:-1]
        tokens.append(Token(bare, start, start + len(bare), low, kinds.get(low, 0) | form))
        start += len(word) + 1
    return tokens


def kinds_in(tokens: Iterable[Token]) -> int:
    """All that some of the words are known as."""
    kinds = 0
    for token in tokens:
        kinds |= token.kind
    return kinds


class Left(NamedTuple):
    """The end of what stands before a name, in lower case: the last word bare, the last two, the last three.

    ``mark`` is the punctuation behind the last word; ``is_new_line`` says that a line end lies between.
    """

    one: str
    two: str
    three: str
    mark: str
    is_new_line: bool


_NOTHING = Left("", "", "", "", True)
_MARKS = " .,:;!?\"'“”‘’()[]{}*_<>-–—#|=\n\t\r"


def left_of(text: str, start: int) -> Left:
    """The words before ``start``, from at most 40 characters."""
    tail = text[max(0, start - 40) : start]
    parts = tail.lower().rsplit(None, 3)[-3:]
    if not parts:
        return _NOTHING
    last = parts[-1]
    one = last if last.isalpha() else last.strip(_MARKS)
    if not one and len(parts) > 1:
        parts.pop()
        last, one = parts[-1] + last, parts[-1].strip(_MARKS)
    mark = last[-1] if last[-1] in _MARKS else ""
    two = f"{parts[-2].strip(_MARKS)} {one}" if len(parts) > 1 else one
    three = f"{parts[-3].strip(_MARKS)} {two}" if len(parts) > 2 else two
    return Left(one, two, three, mark, tail[-1] == "\n" or (mark != "" and "\n" in tail[-3:]))


def word_before(text: str, start: int) -> str:
    """The word before ``start`` in lower case, with its punctuation; cheaper than `left_of`."""
    before = text[max(0, start - 16) : start].rsplit(None, 1)
    return before[-1].lower() if before else ""


def right_of(text: str, end: int) -> tuple[str, str]:
    """(what is attached to a name or the space behind it, the word after it in lower case)."""
    tail = text[end : end + 24]
    parts = tail.split(None, 2)
    if not parts:
        return "", ""
    if tail[0].isspace():
        return " ", parts[0].lower().strip(_MARKS)
    return parts[0], parts[1].lower().strip(_MARKS) if len(parts) > 1 else ""


def is_sentence_start(text: str, start: int) -> bool:
    """Whether a capital letter at ``start`` would stand there whatever the word."""
    before = text[max(0, start - 4) : start].rstrip(" \"'“‘(*#-\t")
    return not before or before[-1] in ".!?\n:;|>"
