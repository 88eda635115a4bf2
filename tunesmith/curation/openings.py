"""Which questions cannot be the same, told from how their words begin: many pairs in a few passes of numpy.

Two questions whose answers are short are the same only if every word of one that says something stands in the other, be
it with another ending (see `sameness.same_question`). Words that differ in their ending begin with the same three
letters. So a question with a word whose three first letters begin no word of the other asks something else. Nothing is
decided the other way round: what may agree is to be compared word by word. Texts with characters beyond ASCII may agree
with all.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np

from tunesmith.curation.sameness import COMMON, LONG_ANSWER

NUM_BITS = 2048  # three letters are told by one bit of so many
FIRST_DIGIT, OTHER, NUM_CODES = (
    27,
    28,
    29,
)  # 1 to 26 are letters, 0 ends a word; others (’, é) neither end nor begin one
MAX_LOOKED_AT = 400  # characters of an answer
PIECE = re.compile(r"[^\W\d_]+|\S")  # every token of `sameness` holds one or more
ACCENTS = re.compile("[\u0300-\u036f]+")


def has_few_tokens(answer: str) -> bool:
    """Is this certainly no answer that two rows do not give by chance? False says nothing."""
    if len(answer) > MAX_LOOKED_AT:
        return False
    said = unicodedata.normalize("NFKC", answer)
    return len(said) < LONG_ANSWER or len(PIECE.findall(said)) < LONG_ANSWER


class Openings:
    """What the words of several texts begin with.

    Attributes:
        asks: (num_texts, NUM_BITS / 64) uint64, the beginnings of words that another text must have to be the same.
        has: the beginnings of all words.
    """

    def __init__(self, texts: Sequence[str]):
        said = [(text if text.isascii() else _plain(text)).encode("utf-8", "surrogatepass") for text in texts]
        codes = np.frombuffer(b"\n".join([*said, b"\n\n\n"]).translate(_codes), dtype=np.uint8)
        is_word = (codes != 0) & (codes != OTHER)
        is_word[1:] &= ~is_word[:-1]
        starts = np.flatnonzero(is_word)
        begins = np.cumsum([0, *(len(text) + 1 for text in said)])
        owners = np.repeat(np.arange(len(texts)), np.diff(np.searchsorted(starts, begins)))
        first, second, third, fourth = (codes[starts + k].astype(np.uint32) for k in range(4))
        opening = _joined(first, second, third)
        has = np.zeros((len(texts), NUM_BITS), dtype=bool)
        has[owners, _bit(opening)] = True
        for spelling, letter in _RESPELLED:  # "tours" may be a form of "tore"
            chosen = _joined(second, third, fourth) == spelling
            has[owners[chosen], _bit(_joined(first[chosen], second[chosen], letter))] = True
        is_asked = _tells[opening] & ((starts == 0) | (codes[starts - 1] == 0))
        asks = np.zeros_like(has)
        asks[owners[is_asked], _bit(opening[is_asked])] = True
        self.asks, self.has = (np.packbits(bits, axis=1).view(np.uint64) for bits in (asks, has))

    def may_agree(self, ones: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Which of the pairs of texts are not told apart."""
        tells = (self.asks[ones] & ~self.has[others]).any(axis=1) | (self.asks[others] & ~self.has[ones]).any(axis=1)
        return ~tells


def _plain(text: str) -> str:
    return ACCENTS.sub("", unicodedata.normalize("NFKD", text).casefold())


def _joined(first: Any, second: Any, third: Any) -> Any:
    """Three letters as one number."""
    return (first * NUM_CODES + second) * NUM_CODES + third


def _bit(opening: np.ndarray) -> np.ndarray:
    return (opening * np.uint32(0x9E3779B1) >> np.uint32(32 - NUM_BITS.bit_length() + 1)).astype(np.int64)


def _code(byte: int) -> int:
    character = chr(byte).lower()
    if byte >= 128 or character == "'":
        return OTHER
    return ord(character) - ord("a") + 1 if character.isalpha() else FIRST_DIGIT if character.isdigit() else 0


def _number(letters: str) -> int:
    return _joined(*(_codes[ord(letter)] for letter in letters))


_codes = bytes(map(_code, range(256)))
# What `sameness` spells in one way; where it begins at the second letter the third becomes another.
_RESPELLED = [(_number(old), np.uint32(_codes[ord(new)])) for old, new in (("our", "r"), ("ise", "z"), ("isa", "z"))]
_tells = np.zeros((NUM_CODES,) * 3, dtype=bool)
_tells[1:FIRST_DIGIT, 1:FIRST_DIGIT, 1:FIRST_DIGIT] = True
for _one, _two in ("ou", "is"):  # such words may be spelled otherwise
    _tells[_codes[ord(_one)], _codes[ord(_two)], :] = False
    _tells[:, _codes[ord(_one)], _codes[ord(_two)]] = False
_tells = _tells.ravel()
_tells[[_number(word[:3]) for word in COMMON if len(word) > 2]] = False
