"""When two records ask the same and answer the same: the last word on a near-duplicate, said on their texts.

Two rows can share nine tenths of their words and still teach different things: one passage under two questions, one
template with another number in it, "is" and "is not". So whatever differs between two texts is looked at word by word:

- a number, sign of calculation, name, negation, question word or opposite makes another text;
- case, accents, spacing, sentence punctuation, articles and endings ("dogs", "dog") do not;
- any other word does, save in a long answer (one in forty words), and in a long question whose long answer is the same
  to the word: two rows with so much in common are one row under two templates.

What is not covered: texts that say the same in other words are kept, both.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property
from itertools import compress, count
from operator import ne

LONG_ANSWER = 16  # tokens; two rows do not give the same so long an answer by chance
TOKENS_PER_TEMPLATE_WORD = 10  # a long question may differ in one word for every so many tokens
TOKENS_PER_CHANGE = 40  # an answer may differ in one common word for every so many tokens
TEXT_TOKENS_PER_CHANGE = 20  # the same for text without a question
MAX_ALIGNED = 400_000  # product of the lengths of what differs; beyond it two texts are not compared word by word
# Every alternative begins with a character that no other but the last two begins with, which makes the search faster by half.
SIGNS_AND_WORDS = (
    r"[^\W\d_]+(?:'[^\W\d_]+)*"  # a word
    r"|[-*/^](?:(?<=[\d)].)|(?<=[\d)]\s.))(?=\s*[-\d(])"  # of a calculation
    r"|[-+](?<![\w.].)\d+(?:[.,:]\d+)*[%!]?"  # a number with its sign
    r"|\d(?<![\w.].)\d*(?:[.,:]\d+)*[%!]?"
    r"|\d+(?:[.,:]\d+)*"
)
PUNCTUATION = ".,;:!?\"'()[]{}-`*_#|•·…«»„“”‘’¿¡。、，；：？！「」（）"
TOKEN = re.compile(SIGNS_AND_WORDS + rf"|[^\s{re.escape(PUNCTUATION)}]")
CODE_TOKEN = re.compile(SIGNS_AND_WORDS + r"|\S")
BEGINNING = re.compile(r"[.!?:;\n\"(][\s\"'(\[*#=-]*\Z")  # what stands before the first word of a sentence
SPACES = {code: " " for code in (*range(128), *map(ord, PUNCTUATION)) if not chr(code).isalnum() and chr(code) != "'"}
PLAIN = bytes(SPACES.get(code, chr(code).lower()).encode("latin-1")[0] for code in range(256))  # the same for ASCII
DASHES = str.maketrans("‐‑‒–—−’ʼ", "------''")
CODE = re.compile(
    r"```|[{};]\s*$|^\s*(?:def|class|import|from|return|for|while|if|SELECT|#include)\b.*[:;({]|</\w|[=!]=|->|=>", re.M
)
ASKS_FOR_CASE = re.compile(r"\b(?:upper|lower|title|camel|snake)[ -]?case|\bcapital|\bcase\b", re.I)
COMMON_WORDS = (
    "a an the of please kindly is are was were be been has have had just also very really so then there this that"
    " these those it its in on at s"
)
TELLING_WORDS = (
    "no not never none nothing nobody neither nor without cannot can't don't doesn't didn't isn't aren't wasn't weren't"
    " won't wouldn't shouldn't couldn't hasn't haven't hadn't false true yes"
    " who whom whose what which when where why how all any some every each only except both either and or but"
    " more most less least fewer fewest first second third last next previous before after above below over under up"
    " down left right from to into out since until same different other another i you he she we they him her"
    " his their my your our me us them one two three four five six seven eight nine ten eleven twelve hundred thousand"
    " million billion half twice increase decrease maximum minimum max min highest lowest largest smallest longest"
    " shortest best worst positive negative correct incorrect right wrong true false male female man woman"
    " monday tuesday wednesday thursday friday saturday sunday january february march april may june july august"
    " september october november december"
)
COMMON = frozenset(COMMON_WORDS.split())
TELLING = frozenset(TELLING_WORDS.split())


class Said:
    """A text cut into words, numbers and signs; sentence punctuation is left out, save in code."""

    def __init__(self, text: str):
        self.text = text

    def __len__(self) -> int:
        return len(self.folded)

    @cached_property
    def _text(self) -> str:
        return self.text if self.text.isascii() else unicodedata.normalize("NFKC", self.text).translate(DASHES)

    @cached_property
    def _token(self) -> re.Pattern[str]:
        return TOKEN if CODE.search(self._text) is None else CODE_TOKEN

    @cached_property
    def written(self) -> tuple[str, ...]:
        """The tokens as they stand in the text."""
        return tuple(self._token.findall(self._text))

    @cached_property
    def folded(self) -> tuple[str, ...]:
        """The tokens, case and accents aside, save in code."""
        if self._token is CODE_TOKEN:
            return self.written
        return tuple(TOKEN.findall(self._text.lower()) if self._text.isascii() else map(_fold, self.written))

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        """What stands between punctuation and white space, in small letters: told faster than the tokens."""
        if self._text.isascii():
            return frozenset(self._text.encode().translate(PLAIN).decode().split())
        return frozenset(self._text.lower().translate(SPACES).split())

    @cached_property
    def counts(self) -> Counter[str]:
        """How often each token stands in the text."""
        return Counter(self.folded)

    @cached_property
    def _starts(self) -> list[int]:
        return [match.start() for match in self._token.finditer(self._text)]

    def is_name(self, k: int) -> bool:
        """Does a token name something? It has a capital letter and no sentence begins with it."""
        return self.written[k][:1].isupper() and not _begins_sentence(self._text, self._starts[k])


def same_question(one: Said, other: Said, *, answers: tuple[Said, Said]) -> bool:
    """Do two prompts ask the same? ``answers`` are what they are answered with, which is the same in all but details."""
    is_one_row = len(answers[0]) >= LONG_ANSWER and _is_equal(*answers)
    alone = _alone(one, other)
    if not is_one_row and not _differs_slightly(one, other, alone):
        return False
    allowed = min(len(one), len(other)) // TOKENS_PER_TEMPLATE_WORD
    most = max(1, allowed)
    if max(map(len, alone)) > most or max(_num_other(one, other), _num_other(other, one)) > most:
        return False
    changes = _changes(one, other, most)
    if changes is None or all(change.is_slight for change in changes):
        return changes is not None
    return is_one_row and len(changes) <= allowed and not any(change.is_of_fact for change in changes)


def _alone(one: Said, other: Said) -> tuple[set[str], set[str]]:
    """The words of each text that the other has not: told without an alignment, which most pairs are thus spared."""
    ours, theirs = (
        {_fold(word.strip("'")) for word in a.vocabulary - b.vocabulary} for a, b in ((one, other), (other, one))
    )
    return ours - theirs, theirs - ours


def _is_equal(one: Said, other: Said) -> bool:
    return one.text == other.text or one.folded == other.folded


def _num_other(one: Said, other: Said) -> int:
    """How many tokens of the first text have no equal in the second: no alignment leaves fewer changes."""
    return sum(max(0, count - other.counts[token]) for token, count in one.counts.items() - other.counts.items())


def _differs_slightly(one: Said, other: Said, alone: tuple[set[str], set[str]]) -> bool:
    """May all changes be slight? Not where a word of one text alone says something and has no other ending in the other."""
    return all(
        word in COMMON or any(_is_slight(word, near) for near in said.vocabulary if near[:2] == word[:2])
        for words, said in zip(alone, (other, one))
        for word in words
    )


def same_answer(one: Said, other: Said, *, is_text: bool = False) -> bool:
    """Do two answers say the same? ``is_text``: they answer nothing, they are all there is of the record."""
    shorter = min(len(one), len(other))
    changes = _changes(one, other, shorter // TOKENS_PER_TEMPLATE_WORD)
    if changes is None:
        return False
    others = [change for change in changes if not change.is_slight]
    allowed = shorter // (TEXT_TOKENS_PER_CHANGE if is_text else TOKENS_PER_CHANGE)
    return len(others) <= allowed and not any(change.is_of_fact or change.is_telling for change in others)


@dataclass(frozen=True)
class Change:
    """A word of one text that stands where the other has another word, or none.

    Attributes:
        is_slight: it says nothing, or is the same word with another ending.
        is_of_fact: a number, sign or name.
        is_telling: one of `TELLING`.
    """

    is_slight: bool
    is_of_fact: bool
    is_telling: bool


def _changes(one: Said, other: Said, most: int) -> list[Change] | None:
    """What differs, a word at a time; None where it is more than ``most``, or too much to be compared."""
    if _is_equal(one, other):
        return []
    start, end = _shared_ends(one.folded, other.folded)
    a, b = one.folded[start : len(one) - end], other.folded[start : len(other) - end]
    if len(a) * len(b) > MAX_ALIGNED:
        return None
    aligned = SequenceMatcher(None, a, b, autojunk=False).get_opcodes()
    differing = [places for tag, *places in aligned if tag != "equal"]
    if sum(j - i if j - i == m - k else j - i + m - k for i, j, k, m in differing) > most:
        return None
    changes: list[Change] = []
    for i, j, k, m in differing:
        ones = [(a[n], one.is_name(start + n)) for n in range(i, j)]
        others = [(b[n], other.is_name(start + n)) for n in range(k, m)]
        changes += _replaced(ones, others) if len(ones) == len(others) else map(_put_in, ones + others)
    return changes


def _replaced(ones: Sequence[tuple[str, bool]], others: Sequence[tuple[str, bool]]) -> list[Change]:
    pairs = [(_put_in(a), _put_in(b), _is_slight(a[0], b[0])) for a, b in zip(ones, others)]
    return [Change(slight, a.is_of_fact or b.is_of_fact, a.is_telling or b.is_telling) for a, b, slight in pairs]


def _put_in(word: tuple[str, bool]) -> Change:
    token, is_name = word
    is_of_fact = is_name or not token[:1].isalpha()
    return Change(token in COMMON and not is_name, is_of_fact, token in TELLING)


def _is_slight(one: str, other: str) -> bool:
    """Another ending or spelling of the same word, or two words that say nothing."""
    return (one in COMMON and other in COMMON) or _stem(one) == _stem(other) and len(min(one, other)) > 3


def _stem(word: str) -> str:
    word = word.replace("isation", "ization").replace("ise", "ize").replace("our", "or")
    return re.sub(r"(?<=\w{3})(?:'s|e?s|e?d|ing|e)$", "", word)


def _begins_sentence(text: str, start: int) -> bool:
    """Does a sentence begin here? Told by the few characters before."""
    return start == 0 or BEGINNING.search(text[max(0, start - 8) : start]) is not None


def _shared_ends(a: Sequence[str], b: Sequence[str]) -> tuple[int, int]:
    """How many tokens are equal at the beginning and, after those, at the end."""
    most = min(len(a), len(b))
    start = next(compress(count(), map(ne, a, b)), most)
    most -= start
    return start, next(compress(range(most), map(ne, reversed(a), reversed(b))), most)


def _fold(token: str) -> str:
    if token.isascii():
        return token.lower()
    plain = unicodedata.normalize("NFKD", token).casefold()
    return "".join(character for character in plain if not "\u0300" <= character <= "\u036f")
