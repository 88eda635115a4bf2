"""What a fresh prompt may ask for: checks with arguments drawn at random, said in several ways, and which go together.

Each constraint claims the aspects of an answer that it decides on (how it opens, its size, its letter case …). Two
constraints go together where they claim nothing in common: "no commas" and "every punctuation mark" never meet, and one
that decides on everything stands alone. IFBench's ``custom`` checks, ``format:options`` and IFEval's
``constrained_response`` belong to questions of their own, and ``ratio:overlap`` to a text of its own: none is drawn here.
What each one claims and how it is said stands in ``constraints.txt``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from random import Random
from typing import Any

from tunesmith.checks.ifbench_count import PERSON_NAMES
from tunesmith.checks.requests import Request
from tunesmith.errors import UsageError, did_you_mean

# Words that neither the topics nor the example answers use otherwise.
_KEYWORDS = """
lantern harbor velvet compass orchard marble thunder saddle amber canyon feather copper meadow ribbon anchor willow ember
falcon granite hollow island jasmine kettle lagoon magnet nectar oyster pepper raven silk timber umbrella valley walnut
zephyr blanket candle drum elbow ferry glove hammer ivory ladder mitten needle parcel rabbit scarf trumpet
"""
FIRST_WORDS = ("today", "often", "outside", "meanwhile", "suddenly", "tomorrow", "elsewhere", "finally")
END_PHRASES = (
    "That is all for today.",
    "Ask me for more whenever you like.",
    "And so it goes.",
    "Let me know what you think.",
    "There is always more to learn.",
    "Thank you for reading.",
)
KEYWORDS = _KEYWORDS.split()
LANGUAGES = {"de": "German", "es": "Spanish", "fr": "French", "it": "Italian", "pt": "Portuguese", "nl": "Dutch"}
RELATIONS = ("at least", "less than")
LETTERS = (("aeinorst", "at least", range(10, 41)), ("jqxz", "less than", range(8, 13)))
PEOPLE = ", ".join(PERSON_NAMES)
EVERYTHING = "everything"

Arguments = Mapping[str, Any]
Draw = Callable[[Random, Request], Any]


@dataclass(frozen=True)
class Constraint:
    """A check that can be asked for.

    Attributes:
        kind: what a person calls its family.
        claims: the aspects of an answer it decides on; `EVERYTHING` for one that stands alone.
        wordings: ways to say it, with ``{argument}`` in them.
    """

    id: str
    kind: str
    claims: frozenset[str]
    wordings: tuple[str, ...]

    def draw(self, random: Random, request: Request) -> dict[str, Any]:
        """Arguments for a request."""
        how = ARGUMENTS.get(self.id, {})
        return (
            how(random, request) if callable(how) else {name: _drawn(of, random, request) for name, of in how.items()}
        )

    def say(self, arguments: Arguments, random: Random) -> str:
        """What is asked, as one sentence."""
        shown = {name: LANGUAGES[value] if name == "language" else _shown(value) for name, value in arguments.items()}
        return random.choice(self.wordings).format(**shown, people=PEOPLE)

    def goes_with(self, other: Constraint) -> bool:
        """Whether an answer can follow both, whatever their arguments."""
        return EVERYTHING not in self.claims | other.claims and not self.claims & other.claims


def choose_constraints(kinds: Sequence[str] = ()) -> list[Constraint]:
    """Those of the given kinds (`length`), families (`change_case`) or ids (`punctuation:no_comma`); all where none is given.

    A name that is both is the kind: `format` leaves out ``format:title_case``, which is of the kind `case`.

    Raises:
        UsageError: there is no such kind.
    """
    names = {c.kind for c in CONSTRAINTS.values()}
    families = {id.split(":")[0] for id in CONSTRAINTS} - names
    known = names | families | set(CONSTRAINTS)
    for kind in kinds:
        if kind not in known:
            near = did_you_mean(kind, known) or f" Choose from {', '.join(sorted(names))}, or name checks by id."
            raise UsageError(f"no fresh prompts of the kind `{kind}`.{near}")
    wanted = set(kinds or names)
    return [c for c in CONSTRAINTS.values() if wanted & {c.kind, c.id, *({c.id.split(":")[0]} & families)}]


def _read_constraints() -> Iterator[Constraint]:
    text = files("tunesmith.checks").joinpath("constraints.txt").read_text(encoding="utf-8")
    for paragraph in text.strip().split("\n\n")[1:]:
        first, *wordings = paragraph.split("\n")
        id, kind, claims = (part.strip() for part in first.split("|"))
        yield Constraint(id, kind, frozenset(claims.split()), tuple(wordings))


CONSTRAINTS = {constraint.id: constraint for constraint in _read_constraints()}


# -- arguments ---------------------------------------------------------------------------------------------------------


def _drawn(how: Any, random: Random, request: Request) -> Any:
    return how(random, request) if callable(how) else random.choice(how)


def _shown(value: Any) -> str:
    """A value as it stands in a sentence: words of a list in quotes, with "and" before the last."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        return str(value)
    quoted = [f'"{word}"' for word in value]
    return " and ".join((", ".join(quoted[:-1]), quoted[-1])) if len(quoted) > 1 else quoted[0]


def _request_text(random: Random, request: Request) -> str:
    return request.text


def _some_keywords(random: Random, request: Request) -> list[str]:
    return sorted(random.sample(KEYWORDS, random.randint(2, 4)))


def _five_keywords(random: Random, request: Request) -> dict[str, str]:
    return {f"keyword{n}": word for n, word in enumerate(random.sample(KEYWORDS, 5), 1)}


def _related(relation: str, number: str, at_least: range, less_than: range) -> Draw:
    """A relation, and a number that suits it."""

    def draw(random: Random, request: Request) -> dict[str, Any]:
        chosen = random.choice(RELATIONS)
        return {relation: chosen, number: random.choice(at_least if chosen == "at least" else less_than)}

    return draw


def _word_range(random: Random, request: Request) -> dict[str, int]:
    low = random.randrange(80, 301, 10)
    return {"min_words": low, "max_words": low + random.randrange(20, 61, 10)}


def _letter(random: Random, request: Request) -> dict[str, Any]:
    """A common letter at least so often, or a rare one less often."""
    letters, relation, counts = LETTERS[random.random() >= 0.5]
    return {"letter": random.choice(letters), "let_relation": relation, "let_frequency": random.choice(counts)}


def _paragraph_and_word(random: Random, request: Request) -> dict[str, Any]:
    count = random.randint(2, 5)
    word = random.choice(FIRST_WORDS)
    return {"num_paragraphs": count, "nth_paragraph": random.randint(1, count), "first_word": word}


def _span(random: Random, request: Request) -> dict[str, Any]:
    last = len(request.text.split()) - 1
    start = random.randint(0, last - 1)
    return {"prompt_to_repeat": request.text, "n_start": start, "n_end": random.randint(start + 1, last)}


# Of each constraint that has some: a function of all of them, or of each one a function or what it is chosen from.
ARGUMENTS: dict[str, Draw | dict[str, Any]] = {
    "length_constraints:number_words": _related("relation", "num_words", range(60, 301, 10), range(100, 401, 10)),
    "length_constraints:number_sentences": _related("relation", "num_sentences", range(4, 16), range(10, 21)),
    "length_constraints:number_paragraphs": {"num_paragraphs": range(2, 7)},
    "length_constraints:nth_paragraph_first_word": _paragraph_and_word,
    "count:word_count_range": _word_range,
    "count:unique_word_count": {"N": range(40, 121, 5)},
    "keywords:existence": {"keywords": _some_keywords},
    "keywords:frequency": {"keyword": KEYWORDS, "relation": RELATIONS, "frequency": range(2, 6)},
    "keywords:forbidden_words": {"forbidden_words": _some_keywords},
    "keywords:letter_frequency": _letter,
    "count:keywords_multiple": _five_keywords,
    "sentence:keyword": {"word": KEYWORDS, "N": range(2, 7)},
    "detectable_format:number_bullet_lists": {"num_bullets": range(2, 8)},
    "detectable_format:number_highlighted_sections": {"num_highlights": range(2, 5)},
    "detectable_format:multiple_sections": {
        "section_spliter": ("Section", "Part", "Chapter", "SECTION"),
        "num_sections": range(2, 6),
    },
    "format:list": {"sep": ("~~", ">>>", "=>", "#+#", "@@")},
    "detectable_content:number_placeholders": {"num_placeholders": range(2, 6)},
    "detectable_content:postscript": {"postscript_marker": ("P.S.", "P.P.S")},
    "change_case:capital_word_frequency": _related("capital_relation", "capital_frequency", range(3, 13), range(6, 16)),
    "startend:end_checker": {"end_phrase": END_PHRASES},
    "combination:repeat_prompt": {"prompt_to_repeat": _request_text},
    "repeat:repeat_change": {"prompt_to_repeat": _request_text},
    "repeat:repeat_span": _span,
    "language:response_language": {"language": list(LANGUAGES)},
    "sentence:increment": {"small_n": range(1, 5)},
    "words:keywords_specific_position": {"keyword": KEYWORDS, "n": range(2, 6), "m": range(4, 9)},
    "words:words_position": {"keyword": KEYWORDS},
    "count:conjunctions": {"small_n": range(2, 7)},
    "count:person_names": {"N": range(2, 9)},
    "count:numbers": {"N": range(2, 10)},
    "count:pronouns": {"N": range(5, 21)},
    "count:words_japanese": {"N": range(3, 10)},
    "ratio:stop_words": {"percentage": range(20, 51, 5)},
    "words:repeats": {"small_n": range(1, 5)},
}
