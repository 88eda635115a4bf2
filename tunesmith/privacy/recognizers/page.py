"""A text as patterns read it: one byte a character, other scripts' digits as digits, invisible characters left out."""

from __future__ import annotations

import codecs
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterable
from itertools import accumulate
from typing import Any

import re2

# Stand-ins for what Latin-1 cannot say.
INVISIBLE = 0x81
OTHER = 0x80  # letters of scripts written without case or without spaces, and symbols: never part of a word of ours
UPPER, LOWER = 0xDE, 0xFE  # letters of scripts with case
WORD = "A-Za-z0-9À-ÖØ-öø-ÿ"
"""What a word is made of, for the character classes of patterns."""

_LATIN_1 = bytes.maketrans(b"\xa0\xad\x85", bytes([0x20, INVISIBLE, 0x0A]))
_FIRST_LETTER = re.compile(rb"(?<![A-Za-z\xc0-\xd6\xd8-\xf6\xf8-\xfe'])[a-z\xe0-\xf6\xf8-\xfe]")
_INVISIBLE = frozenset("\u034f\u061c\u180e\u200b\u200c\u200d\u200e\u200f\ufeff")
_PUNCTUATION = {
    "‘": "'",
    "’": "'",
    "‚": "'",
    "′": "'",
    "“": '"',
    "”": '"',
    "„": '"',
    "−": "-",
    "。": ".",
    "、": ",",
    "€": "$",
}


class Page:
    """A text and its reading.

    Attributes:
        text: as it is.
        data: what patterns search: Latin-1, one byte a character.
    """

    def __init__(self, text: str):
        self.text = text
        self._starts: list[int] = []
        self.data = text.encode("latin-1", "tunesmith.page")
        if not text.isascii():
            self._tidy()

    def _tidy(self) -> None:
        data = self.data.translate(_LATIN_1)
        if INVISIBLE in data:
            pieces = data.split(bytes([INVISIBLE]))
            data = b"".join(pieces)
            self._starts = [0, *accumulate(map(len, pieces))][:-1]
        self.data = data

    def place(self, start: int, end: int) -> tuple[int, int]:
        """From a place in ``data`` to the place in ``text``."""
        if not self._starts:
            return start, end
        return self._original(start), self._original(end - 1) + 1

    @property
    def has_other_script(self) -> bool:
        """Whether there may be letters of a script other than Latin."""
        return not self.text.isascii() and any(byte in self.data for byte in (OTHER, UPPER, LOWER))

    def titled(self) -> Page:
        """The same page, to patterns every word with a capital: for texts in lower case."""
        page = Page.__new__(Page)
        page.text, page._starts = self.text, self._starts
        page.data = _FIRST_LETTER.sub(lambda match: bytes([match[0][0] - 0x20]), self.data)
        return page

    def _original(self, index: int) -> int:
        return index + bisect_right(self._starts, index) - 1

    def said(self, start: int, end: int) -> str:
        """What stands at a place in ``data``, digits as ASCII digits."""
        return self.data[start:end].decode("latin-1")

    def around(self, start: int, end: int, *, before: int, after: int = 0) -> tuple[str, str]:
        """The text before and after a place in ``data``, in lower case and in its own script."""
        start, end = self.place(start, end)
        return self.text[max(0, start - before) : start].lower(), self.text[end : end + after].lower()


class _StandIns(dict):
    """From a character beyond Latin-1 to its byte, worked out once."""

    def __missing__(self, character: str) -> int:
        self[character] = byte = _stand_in(character)
        return byte


def _stand_in(character: str) -> int:
    category = unicodedata.category(character)
    if category == "Cf" or character in _INVISIBLE or "\ufe00" <= character <= "\ufe0f":
        return INVISIBLE
    if category == "Nd":
        return ord("0") + unicodedata.decimal(character)
    if category[0] == "Z":
        return ord(" ")
    plain = _PUNCTUATION.get(character) or unicodedata.normalize("NFKC", character)
    if len(plain) == 1 and ord(plain) < 0x100:
        return ord(plain)
    return {"Pd": ord("-"), "Lu": UPPER, "Lt": UPPER, "Ll": LOWER, "Mn": LOWER}.get(category, OTHER)


_STAND_INS = _StandIns()


def _encode_rest(error: UnicodeError) -> tuple[bytes, int]:
    characters = error.object[error.start : error.end]
    return bytes(map(_STAND_INS.__getitem__, characters)), error.end


codecs.register_error("tunesmith.page", _encode_rest)


def latin(pattern: str, *, ignore_case: bool = False) -> Any:
    """A pattern for ``Page.data``, compiled by RE2, which takes linear time whatever the text."""
    return re2.compile(pattern.encode("latin-1"), _latin_options(ignore_case))


def any_of(patterns: Iterable[str]) -> Callable[[bytes], list[int]]:
    """What tells which of several patterns, by number and in order, stand in ``Page.data``, in one pass over it."""
    several = re2.Set.SearchSet(_latin_options(ignore_case=False))
    for pattern in patterns:
        several.Add(pattern.encode("latin-1"))
    several.Compile()
    return lambda data: sorted(several.Match(data) or ())


def _latin_options(ignore_case: bool) -> Any:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.case_sensitive = not ignore_case
    options.log_errors = False
    return options


def words(alternatives: str) -> Any:
    """A pattern that finds any of the words, in a piece of text given in lower case."""
    options = re2.Options()
    options.log_errors = False
    return re2.compile(alternatives, options)
