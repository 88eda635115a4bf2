"""Texts as numbers, thousands at a time: a hash per word and per shingle, alike in every process and on every machine.

A word is what stands between white space; case, accents and all that is no letter or digit are set aside ("left-handed"
is one word, "3.14" another). A Chinese or Japanese character is a word of its own. Everything here is one pass of numpy over many texts: no loop over words in Python.
"""

from __future__ import annotations

import hashlib
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

MAX_CHARACTERS = 2**20  # of a longer text only the beginning is looked at
SPOOL_BYTES = 2**26  # words beyond this go to a temporary file
CHUNK_CHARACTERS = 2**17
UNKNOWN, BREAK, LETTER, DIGIT, ALONE, IGNORED = range(6)
NUM_CODES = 0x110000
END = 0xFF  # after each of several ASCII texts
_P = 0x9E3779B97F4A7C15  # odd, so that it has an inverse modulo 2**64
_P_INVERSE = pow(_P, -1, 2**64)

_kind = np.zeros(NUM_CODES, dtype=np.uint8)
_value = np.zeros(NUM_CODES, dtype=np.uint64)
_alone = np.zeros(NUM_CODES, dtype=np.uint32)  # the hash of a word that is one character


@dataclass(frozen=True)
class Words:
    """Words of several texts, one after another; those of text k stand at ``offsets[k]:offsets[k + 1]``."""

    hashes: np.ndarray  # (num_words,) uint32
    has_digit: np.ndarray  # (num_words,) bool
    offsets: np.ndarray  # (num_texts + 1,) int64

    @property
    def lengths(self) -> np.ndarray:
        return np.diff(self.offsets)


def hash_words(texts: Sequence[str]) -> Words:
    """The words of each text."""
    texts = [text[:MAX_CHARACTERS] for text in texts]
    is_ascii = np.fromiter((text.isascii() for text in texts), dtype=bool, count=len(texts))
    if is_ascii.all():
        return _hash_ascii(texts)
    others = _hash_any([text for text, plain in zip(texts, is_ascii) if not plain])
    return _woven(_hash_ascii([text for text, plain in zip(texts, is_ascii) if plain]), others, is_ascii)


def _hash_ascii(texts: Sequence[str]) -> Words:
    """`hash_words` of texts of ASCII alone, where a character is a byte."""
    data = chr(END).join([*texts, ""]).encode("latin-1").translate(_ascii_values, _ascii_ignored)
    codes = np.frombuffer(data, dtype=np.uint8)
    ends = np.flatnonzero(codes == END)
    values = codes.astype(np.uint64)
    values[ends] = 0
    is_start = values != 0
    is_start[1:] &= ~is_start[:-1]
    starts = np.flatnonzero(is_start)
    digits = np.flatnonzero(codes - np.uint8(ord("0")) < 10)
    return _words(_summed(values, starts), starts, digits, np.append(0, ends))


def _hash_any(texts: Sequence[str]) -> Words:
    codes = np.frombuffer("\n".join([*texts, ""]).encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.intp)
    kind = _kinds(codes)
    begins = np.cumsum([0, *(len(text) + 1 for text in texts)])
    stays = kind != IGNORED
    begins = np.append(0, np.cumsum(stays))[begins]
    codes, kind = codes[stays], kind[stays]
    is_break, is_alone = kind == BREAK, kind == ALONE
    is_start = ~is_break
    is_start[1:] &= is_break[:-1] | is_alone[1:] | is_alone[:-1]
    starts = np.flatnonzero(is_start)
    hashes = _alone.take(codes[starts])
    spelled = ~is_alone
    hashes[spelled[starts]] = _summed(_value.take(codes[spelled]), np.flatnonzero(is_start[spelled]))
    return _words(hashes, starts, np.flatnonzero(kind == DIGIT), begins)


def _summed(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """A hash per word from the value of each character (0 of a break) and the places of first characters."""
    powers, inverses = _powers(len(values))
    total = np.zeros(len(values) + 1, dtype=np.uint64)
    np.cumsum(values * powers[: len(values)], out=total[1:])
    # A break has value 0, so that a sum up to the next start is a sum over the word.
    return _word_hashes(np.diff(total[np.append(starts, len(values))]) * inverses[starts])


def _word_hashes(sums: np.ndarray) -> np.ndarray:
    return (mixed(sums) >> np.uint64(32)).astype(np.uint32)


def _words(hashes: np.ndarray, starts: np.ndarray, digits: np.ndarray, begins: np.ndarray) -> Words:
    """Words from their hashes and the places where they start, where digits stand and where texts begin."""
    has_digit = np.zeros(len(starts), dtype=bool)
    has_digit[np.searchsorted(starts, digits, side="right") - 1] = True
    return Words(hashes, has_digit, np.searchsorted(starts, begins).astype(np.int64))


def _woven(ones: Words, others: Words, is_one: np.ndarray) -> Words:
    """The words of two lists of texts in the order of the texts, ``is_one`` of which are of the first list."""
    lengths = np.zeros(len(is_one), dtype=np.int64)
    lengths[is_one], lengths[~is_one] = ones.lengths, others.lengths
    offsets = np.append(0, np.cumsum(lengths))
    hashes, has_digit = np.zeros(offsets[-1], dtype=np.uint32), np.zeros(offsets[-1], dtype=bool)
    for found, chosen in ((ones, is_one), (others, ~is_one)):
        place = np.arange(len(found.hashes)) + np.repeat(offsets[:-1][chosen] - found.offsets[:-1], found.lengths)
        hashes[place], has_digit[place] = found.hashes, found.has_digit
    return Words(hashes, has_digit, offsets)


def shingles(hashes: np.ndarray, offsets: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Hashes (uint64) of every ``size`` consecutive words of each text, and where those of each text begin.

    A text with fewer words, but at least one, has one shingle: all of it.
    """
    lengths = np.diff(offsets)
    words = hashes.astype(np.uint64)
    words += np.uint64(1)
    values, stays, factor = words.copy(), np.ones(len(words), dtype=bool), 1
    begins, ends = offsets[:-1][lengths > 0], offsets[1:][lengths > 0]
    for k in range(1, size):
        factor = factor * _P % 2**64
        values[:-k] += words[k:] * np.uint64(factor)
        stays[np.maximum(ends - k, begins)] = False
    short = np.flatnonzero((lengths < size) & (lengths > 0))
    values[offsets[short]] = _sums_of_short(words, offsets[short], lengths[short])
    stays[offsets[short]] = True
    counts = np.maximum(lengths - size + 1, lengths > 0)
    return mixed(values[stays]), np.concatenate([[0], np.cumsum(counts)])


def _sums_of_short(words: np.ndarray, begins: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """What a shingle of each whole text sums up to."""
    values, factor = words[begins], 1
    for k in range(1, int(lengths.max(initial=1))):
        factor = factor * _P % 2**64
        longer = lengths > k
        values[longer] += words[begins[longer] + k] * np.uint64(factor)
    return values


def shingle_starts(offsets: np.ndarray, size: int) -> np.ndarray:
    """The first word of each shingle that `shingles` gives."""
    counts = np.maximum(np.diff(offsets) - size + 1, np.diff(offsets) > 0)
    ends = np.cumsum(counts)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(offsets[:-1] - (ends - counts), counts)


def sums_by_text(values: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """The sum (modulo 2**64) of the values of each text."""
    total = np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(values, dtype=np.uint64)])
    return total[offsets[1:]] - total[offsets[:-1]]


def sequence_hashes(hashes: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """One number per text that tells which words it holds, and in what order; 0 of a text without words."""
    powers, inverses = _powers(len(hashes) + 1)
    sums = sums_by_text((hashes.astype(np.uint64) + np.uint64(1)) * powers[: len(hashes)], offsets)
    return mixed(sums * inverses[offsets[:-1]])


def halves(hashes: np.ndarray, offsets: np.ndarray, salts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two numbers (2, num_texts) of the first half of each text, and two of the last.

    Two texts of the same salt that differ by one word at most have one of the first or one of the last in common; two
    numbers, because half of a text of eleven words may have five words or, beside one of twelve, six.
    """
    powers, inverses = _powers(len(hashes) + 1)
    value = (hashes.astype(np.uint64) + np.uint64(1)) * powers[: len(hashes)]
    total = np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(value, dtype=np.uint64)])
    lengths = np.diff(offsets)
    sizes = np.stack([lengths // 2, np.maximum(lengths - 1, 0) // 2])
    first, last = (
        mixed((total[begins + sizes] - total[begins]) * inverses[begins] ^ mixed(salts))
        for begins in (np.stack([offsets[:-1]] * 2), offsets[1:] - sizes)
    )
    return first, last


def variants(hashes: np.ndarray, offsets: np.ndarray, salts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each text the number of the whole and of the text without its first word, second word …; and the text's place.

    Two texts of the same salt with such a number in common differ by one word at most: put in, left out or exchanged.
    """
    lengths = np.diff(offsets)
    powers, inverses = _powers(len(hashes) + 1)
    value = (hashes.astype(np.uint64) + np.uint64(1)) * powers[: len(hashes)]
    total = np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(value, dtype=np.uint64)])
    begin, end = total[np.repeat(offsets[:-1], lengths)], total[np.repeat(offsets[1:], lengths)]
    without = (total[:-1] - begin) + (end - total[1:]) * np.uint64(_P_INVERSE)
    without *= inverses[np.repeat(offsets[:-1], lengths)]
    whole = sums_by_text(value, offsets) * inverses[offsets[:-1]]
    place = np.concatenate([np.arange(len(lengths)), np.repeat(np.arange(len(lengths)), lengths)])
    return mixed(np.concatenate([whole, without]) ^ mixed(salts)[place]), place


def mixed(values: np.ndarray) -> np.ndarray:
    """The numbers (uint64) well stirred (splitmix64 of Steele, Lea and Flood 2014); 0 stays 0."""
    values = values ^ (values >> np.uint64(30))
    values *= np.uint64(0xBF58476D1CE4E5B9)
    values ^= values >> np.uint64(27)
    values *= np.uint64(0x94D049BB133111EB)
    values ^= values >> np.uint64(31)
    return values


def text_number(text: str) -> int:
    """A 64-bit number for a text."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


class WordFile:
    """Word hashes of many texts, put away in order and read back by number: 4 bytes a word on disk, 8 a text in memory."""

    def __init__(self) -> None:
        self._stream = tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES)
        self._offsets: list[np.ndarray] = [np.zeros(1, dtype=np.int64)]
        self._joined: np.ndarray | None = None

    @property
    def offsets(self) -> np.ndarray:
        """Where the words of each text begin, and the end."""
        if self._joined is None:
            self._joined = np.concatenate(self._offsets)
            self._offsets = [self._joined]
        return self._joined

    def append(self, words: Words) -> None:
        """Put more texts at the end."""
        self._stream.seek(0, 2)
        self._stream.write(words.hashes.tobytes())
        self._offsets.append(words.offsets[1:] + self._offsets[-1][-1])
        self._joined = None

    def read(self, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
        """The words (uint32) of texts ``first`` to before ``last``, and their offsets from 0."""
        offsets = self.offsets[first : last + 1]
        self._stream.seek(int(offsets[0]) * 4)
        data = self._stream.read(int(offsets[-1] - offsets[0]) * 4)
        return np.frombuffer(data, dtype=np.uint32), offsets - offsets[0]

    def chunks(self, num_texts: int = 8192) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """All texts, some at a time: the number of the first, their words and their offsets."""
        for first in range(0, len(self.offsets) - 1, num_texts):
            yield first, *self.read(first, min(first + num_texts, len(self.offsets) - 1))

    def close(self) -> None:
        self._stream.close()

    def __enter__(self) -> WordFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def chunked(texts: Iterable[tuple[str, ...]]) -> Iterator[list[tuple[str, ...]]]:
    """Tuples of texts in lists that hold about as much text as one pass of numpy likes."""
    chunk: list[tuple[str, ...]] = []
    size = 0
    for parts in texts:
        chunk.append(parts)
        size += sum(map(len, parts)) + len(parts)
        if size >= CHUNK_CHARACTERS:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _kinds(codes: np.ndarray) -> np.ndarray:
    """What each character is; those that were not met before are entered into the tables."""
    kind = _kind.take(codes)
    if (kind == UNKNOWN).any():
        new = np.unique(codes[kind == UNKNOWN])
        for code in new.tolist():
            _kind[code], _value[code] = _character(chr(code))
        _alone[new] = _word_hashes(_value[new])
        kind = _kind.take(codes)
    return kind


def _character(character: str) -> tuple[int, int]:
    """(kind, number) of one character: that of an ASCII letter or digit is its code, of others a hash."""
    category = unicodedata.category(character)
    if character.isspace() or category == "Cc":
        return BREAK, 0
    if category[0] not in "LNM" or "\u0300" <= character <= "\u036f":
        return IGNORED, 0
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold())
    folded = "".join(part for part in plain if not "\u0300" <= part <= "\u036f") or character
    value = ord(folded) if len(folded) == 1 and folded.isascii() else text_number(folded) | 2**63
    is_alone = "\u2e80" <= character <= "\u9fff" or "\uf900" <= character <= "\ufaff" or character >= "\U00020000"
    return DIGIT if folded.isdigit() else ALONE if is_alone else LETTER, value


_ascii_ignored = bytes(code for code in range(128) if _character(chr(code))[0] == IGNORED)
_ascii_values = bytes(_character(chr(code))[1] if code < 128 else code for code in range(256))
_power_tables: list[np.ndarray] = []


def _powers(length: int) -> tuple[np.ndarray, np.ndarray]:
    """Powers of the multiplier and of its inverse, at least ``length`` of each."""
    if not _power_tables or len(_power_tables[0]) < length:
        size = max(length, 2 * CHUNK_CHARACTERS)
        tables = []
        for base in (_P, _P_INVERSE):
            factors = np.full(size, base, dtype=np.uint64)
            factors[0] = 1
            tables.append(np.cumprod(factors, dtype=np.uint64))
        _power_tables[:] = tables
    return _power_tables[0], _power_tables[1]
