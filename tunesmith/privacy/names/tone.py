"""Whether a passage speaks privately or like an encyclopedia: the same name is personal data in one and not in the other."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from enum import IntEnum
from functools import lru_cache

from tunesmith.privacy.names.tokens import Left, right_of
from tunesmith.privacy.names.words import (
    ENCYCLOPEDIC_TONE,
    EVERYDAY,
    FAMED,
    FAMING,
    FAMOUS,
    FIRST_PERSON,
    LANGUAGES,
    LEARNED_THINGS,
    LEARNED_TONE,
    SPEAKING,
    WORLD_TONE,
)

# Above zero for a private word, below for a learned one; years weigh at most three times two.
_WEIGHTS = (
    dict.fromkeys((name for name in LEARNED_THINGS | FAMOUS if " " not in name), -3)
    | dict.fromkeys(LEARNED_TONE, -1)
    | dict.fromkeys(ENCYCLOPEDIC_TONE, -2)
    | dict.fromkeys(WORLD_TONE, -3)
    | dict.fromkeys(EVERYDAY, 1)
    | dict.fromkeys(FIRST_PERSON, 2)
)
_TELLING = frozenset(_WEIGHTS) | {str(year) for year in range(1000, 2030)}
_PRIVATE = frozenset(word for word, weight in _WEIGHTS.items() if weight > 0)
_QUIZ = re.compile(
    r"\s*+(?:(?:who|what|which|when|where|why|how(?: many| much| old| long)?+) (?:is|was|are|were|did|does|do|has|had|year|country"
    r"|countries|city|state|team|band|album|movie|film|of|the|in|people|[a-z]+ed|wrote|won|sang|plays?)|name|list|in (?:what|which)"
    r"|tell me|give me|identify|classify|summarize|extract|from the|based on|according to (?:the|this)|given (?:a|the|this)|describe|explain"
    r"|categorize|which|why|write|provide|create|generate|suggest|recommend|rewrite|translate|compare|split|sort|separate)\b(?!:)",
    re.IGNORECASE,
)
_LATE_QUIZ = re.compile(r"[^.?!\n]{0,200}?, (?:who|what|which|when|where|why|how)\b[^.?!\n]{0,200}\?", re.IGNORECASE)
_QUESTION = re.compile(
    r"[^.!?\n]{0,300}\?|\s*(?:(?:to|for|in|of|by|from|with) )?(?:who|whom|whose|what|which|when|where|why|how)\b[^.!\n]{0,300}$",
    re.IGNORECASE,
)
_ANSWERED = re.compile(r"[^\n]{0,500}\?\s*\n\s*\S")
_YES_OR_NO = re.compile(r"\s*+(?:was|were|will|would)\b", re.IGNORECASE)
_INVENTION = re.compile(
    r"\s*+(?:please )?(?:write|create|compose|generate|tell|make up|invent|come up with|give)(?: [\w'-]+){0,5}? (?:story|stories|tale|poem|haiku"
    r"|limerick|song|rap|conversation|dialogue|dialog|script|scene|fable|joke|jokes|essay|plot|characters?|fictional|imaginary)\b",
    re.IGNORECASE,
)
_ADVICE = re.compile(
    r"\s*+(?:(?:how|where|what|which|when|why)(?: [\w']+){0,3}? (?:can|do|does|should|could|would|must) (?:i|we|you|one|a|the)"
    r"|how to|(?:can|should|could|do) (?:i|we|you|one))\b",
    re.IGNORECASE,
)
_PUNCTUATION = b'.,;:!?()[]{}"*_<>/|'
_AS_SPACES = bytes.maketrans(_PUNCTUATION, b" " * len(_PUNCTUATION))
_DEFINED = re.compile(
    r" ?\([^)\d]{0,24}[12][0-9]{3}|, (?:born|died|an? |the (?!one))| (?:is|was|were|are) (?:an? |the |one of |born|known|famous|best|considered)"
)
_TITLE_BY = re.compile(r"(?:[A-Z][\w'’]*[^\Wd]|[\"'”’*_)])\s{1,2}by\s$")
_WORK_OF = re.compile(r"['’]s? [\"“]?[A-Z]")
WINDOW, MARGIN = 1500, 200
"""Characters judged together, and how many before and behind them are read too."""
QUIZ = 10
ADVICE = 5
"""How much a question for knowledge ("who wrote …") or advice ("how can I …") at the start of a text counts."""
INVENTION = 16
"""How much a request for a story counts: its people are nobody."""
SHORT = 40
"""Different words up to which a passage that says nothing learned is plain: it may be a message."""


class Tone(IntEnum):
    """How a passage speaks."""

    PRIVATE = 0
    PLAIN = 1
    NEUTRAL = 2
    ENCYCLOPEDIC = 3


class Tones:
    """The tone at each place of a text; each window is judged once, and only when asked for.

    ``setting`` are texts said together with this one, such as the other fields of a record: an answer that is a bare
    name speaks like its question.
    """

    def __init__(self, text: str, setting: Sequence[str] = ()):
        self.text = text
        self.setting = setting
        self._known: dict[int, Tone] = {}
        self._asked: int | None = None
        self._openings = [other[:WINDOW] for other in setting]

    def at(self, position: int) -> Tone:
        """The tone of the window around ``position``."""
        number = position // WINDOW
        tone = self._known.get(number)
        if tone is None:
            tone = self._known[number] = self._judge(number * WINDOW)
        return tone

    @staticmethod
    def end_of_window(position: int) -> int:
        """Up to where the tone is that of ``position``."""
        return (position // WINDOW + 1) * WINDOW

    def _judge(self, start: int) -> Tone:
        """Weighs the different words of a window: a first person and a learned word count twice, a question for
        knowledge at the start of the text four times."""
        passages = self.passages(start)
        private, learned, years = 3 * ("@" in self.text[start : start + WINDOW]), 0, 0
        for word in union_of(_telling_words, passages):
            weight = _WEIGHTS.get(word)
            if weight is None:
                years += 1
            elif weight > 0:
                private += weight
            else:
                learned -= weight
        if self._asked is None:
            self._asked = self._weigh_questions()
        learned += 2 * min(3, years) + self._asked
        if learned >= 5 and learned > private:
            return Tone.ENCYCLOPEDIC
        if learned >= 3 and not private:
            return Tone.NEUTRAL
        words = union_of(words_of, passages)
        num_words = len(words)
        if private > num_words / 40 and private >= learned:
            return Tone.PRIVATE
        if num_words <= SHORT and learned < 3:
            return Tone.PLAIN if SPEAKING.isdisjoint(words) else Tone.PRIVATE
        return Tone.NEUTRAL

    def passages(self, start: int) -> list[str]:
        """What is read to judge the window that begins at ``start``: it, its margins, and the openings of the setting."""
        return [self.text[max(0, start - MARGIN) : start + WINDOW + MARGIN], *self._openings]

    def _weigh_questions(self) -> int:
        """How learned the question is that opens the text or its setting."""
        if not self.setting:
            return _weigh_question(self.text[:WINDOW], _ANSWERED.match(self.text) is not None)
        return max([_weigh_question(opening, True) for opening in (self.text[:WINDOW], *self._openings)])


@lru_cache(maxsize=16)
def _weigh_question(opening: str, is_answered: bool) -> int:
    """How learned its opening makes a text: a story asked for most of all, then knowledge, then advice.

    A plain question that nothing answers may be one from person to person.
    """
    if _INVENTION.match(opening):
        return INVENTION
    is_quiz = _QUIZ.match(opening) or ("?" in opening and _LATE_QUIZ.match(opening))
    if is_quiz and FIRST_PERSON.isdisjoint(words_of(opening)):
        return QUIZ
    if _ADVICE.match(opening):
        return ADVICE if is_answered else 0
    if not is_answered or not _QUESTION.match(opening) or not _PRIVATE.isdisjoint(words_of(opening)):
        return 0
    return QUIZ if opening.lstrip()[:1] in "Ww" and not _YES_OR_NO.match(opening) else ADVICE


def is_famed(text: str, start: int, end: int, left: Left) -> bool:
    """Whether one reads about this person: who was she, by whom was it written, when did he live."""
    word = right_of(text, end)[1]
    if word in FAMED and text[end : end + 7] != " wrote:":
        return True
    if left.one in FAMING or left.two in FAMING or left.one in LANGUAGES:
        return True
    if left.one == "by" and _TITLE_BY.search(text, max(0, start - 40), start):
        return True
    following = text[end : end + 1]
    if following in ("'", "’"):
        return _WORK_OF.match(text, end) is not None
    return following in (" ", ",", "(") and _DEFINED.match(text, end) is not None


def union_of(find: Callable[[str], frozenset[str]], passages: Sequence[str]) -> frozenset[str]:
    """What is found in some of the passages."""
    found = find(passages[0])
    return found.union(*map(find, passages[1:])) if len(passages) > 1 else found


@lru_cache(maxsize=16)
def _telling_words(passage: str) -> frozenset[str]:
    """The words that say how the passage speaks."""
    return words_of(passage) & _TELLING


@lru_cache(maxsize=16)
def words_of(passage: str) -> frozenset[str]:
    """The words in lower case, parted by spaces and punctuation; as bytes, which translate faster than characters."""
    data = passage.lower().encode("utf-8", "surrogatepass").translate(_AS_SPACES)
    return frozenset(data.decode("utf-8", "surrogatepass").split())
