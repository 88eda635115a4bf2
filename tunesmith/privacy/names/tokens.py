"""Capitalized words that stand together, and what stands around them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

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
_PARTICLE_ENDS = (
    "van ",
    "der ",
    "den ",
    "de ",
    "von ",
    "la ",
    "del ",
    "di ",
    "da ",
    "dos ",
    "bin ",
    "ibn ",
    "'",
    "’",
    "-",
)
_POSSESSIVE = ("'s", "'S")
find_runs = _RUN.finditer


@dataclass(slots=True)
class Token:
    """A word of a run, without its possessive. (Frozen ones take seven times as long to make.)

    ``low`` is its lower case without final dot, ``kind`` what it is known as: a sum of bits of `kinds`.
    """

    word: str
    start: int
    end: int
    low: str
    kind: int


def start_with_particles(text: str, start: int) -> int:
    """Where "van der Berg" or "al-Rashid" begins, of which "Berg" or "Rashid" stands at ``start``."""
    if not text.endswith(_PARTICLE_ENDS, 0, start):
        return start
    match = _PARTICLES_BEFORE.search(text[max(0, start - 9) : start])
    return start if match is None else start - len(match[0])


def split_run(run: str, start: int, kinds: Mapping[str, int]) -> list[Token]:
    """The words of a run that begins at ``start``; ``kinds`` knows them."""
    if run.isalpha():
        low = run.lower()
        return [Token(run, start, start + len(run), low, kinds.get(low, 0))]
    tokens = []
    for word in run.replace("\u00a0", " ").replace("’", "'").split(" "):
        bare, form = word, 0
        if word[-2:] in _POSSESSIVE:
            bare, form = word[:-2], OWNER
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


@dataclass(slots=True)
class Left:
    """The end of what stands before a name, in lower case: the last word bare, the last two, the last three.

    ``mark`` is the punctuation behind the last word; ``is_new_line`` says that a line end lies between; ``before`` are
    up to two words before the last one, as they are written.
    """

    one: str
    mark: str
    is_new_line: bool
    before: list[str]

    @property
    def two(self) -> str:
        return f"{self.before[-1].strip(_MARKS)} {self.one}" if self.before else self.one

    @property
    def three(self) -> str:
        return f"{self.before[-2].strip(_MARKS)} {self.two}" if len(self.before) > 1 else self.two


_NOTHING = Left("", "", True, [])
_MARKS = " .,:;!?\"'“”‘’()[]{}*_<>-–—#|=\n\t\r"


def left_of(text: str, start: int) -> Left:
    """The words before ``start``, from at most 40 characters."""
    tail = text[max(0, start - 40) : start]
    words = tail.lower().rsplit(None, 3)[-3:]
    if not words:
        return _NOTHING
    last = words.pop()
    if last.isalpha():
        return Left(last, "", tail[-1] == "\n", words)
    one = last.strip(_MARKS)
    if not one and words:
        before = words.pop()
        last, one = before + last, before.strip(_MARKS)
    mark = last[-1] if last[-1] in _MARKS else ""
    return Left(one, mark, tail[-1] == "\n" or (mark != "" and "\n" in tail[-3:]), words)


def word_before(text: str, start: int) -> str:
    """The word before ``start`` in lower case, with its punctuation; cheaper than `left_of`."""
    before = text[max(0, start - 16) : start].rsplit(None, 1)
    return before[-1].lower() if before else ""


def right_of(text: str, end: int) -> tuple[str, str]:
    """(what is attached to a name or the space behind it, the word after it in lower case)."""
    tail = text[end : end + 24]
    words = tail.split(None, 2)
    if not words:
        return "", ""
    if tail[0] in " \n" or tail[0].isspace():
        return " ", words[0].lower().strip(_MARKS)
    return words[0], words[1].lower().strip(_MARKS) if len(words) > 1 else ""


def is_sentence_start(text: str, start: int) -> bool:
    """Whether a capital letter at ``start`` would stand there whatever the word."""
    before = text[max(0, start - 4) : start].rstrip(" \"'“‘(*#-\t")
    return not before or before[-1] in ".!?\n:;|>"
