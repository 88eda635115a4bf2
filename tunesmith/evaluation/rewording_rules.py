"""Rules that put a request in other words: pure functions of a request and a generator of chance.

What they say in front of a request is English, so those are for English requests. Two hold in other languages as well: slips
of the fingers, in any alphabet with small letters, and another order, in a language whose words for "below" we know.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping

from tunesmith.evaluation.languages import ENGLISH, LANGUAGES
from tunesmith.evaluation.request_parts import PROTECTED, Request

MAX_TYPOS = 3
MIN_TYPO_LETTERS = 5
WORDS_PER_TYPO = 10

Rule = Callable[[Request, random.Random], str | None]

FORMAL = (
    "I would like to request your assistance with the following. ",
    "Kindly attend to the request below. ",
    "I am writing to ask for your help with the matter stated here. ",
)
CASUAL = ("Hey, quick one: ", "So here's what I need: ", "Hi! Got a small thing for you: ")
ELABORATE = (
    "Once you have read everything that follows and are sure what it is that is being asked, give your reply: ",
    "What I want you to do, after you have gone through all of it from beginning to end, is stated here: ",
)
EXACT = (
    "Your reply should be exactly what is asked for here, and nothing besides it: ",
    "Reply to this request with what it asks for, no more and no less: ",
)
POLITE = (
    "Could you please help me with this? ",
    "I would be very grateful if you could do this for me, please. ",
    "If you do not mind, please help me with the following. ",
)
LONG_FORMS = {
    "don't": "do not", "doesn't": "does not", "didn't": "did not", "isn't": "is not", "aren't": "are not", "can't": "cannot",
    "won't": "will not", "shouldn't": "should not", "i'm": "I am", "you're": "you are", "what's": "what is", "there's": "there is",
    "let's": "let us", "who's": "who is", "where's": "where is", "how's": "how is",
}  # fmt: skip
SHORT_FORMS = {"do not": "don't", "does not": "doesn't", "did not": "didn't", "is not": "isn't", "are not": "aren't"}
# Swapping two letters of these gives another word.
_TWINS = """
angel angle being begin casual causal dairy diary quiet quite silver sliver there three trail trial unite untie united untied
"""
TWINS = frozenset(_TWINS.split())
VOWELS = frozenset("aeiou")


def formal(request: Request, chance: random.Random) -> str | None:
    """Said to a stranger: a formal opening, and short forms written out ("don't" → "do not")."""
    return chance.choice(FORMAL) + _with_forms(request, LONG_FORMS)


def casual(request: Request, chance: random.Random) -> str | None:
    """Said to a friend: a casual opening, and long forms drawn together ("do not" → "don't")."""
    text = request.instruction
    for long, short in SHORT_FORMS.items():
        text = re.sub(rf"\b{long}\b", short, text) if not PROTECTED.search(text) else text
    return chance.choice(CASUAL) + text + request.rest


def elaborate(request: Request, chance: random.Random) -> str | None:
    """Wrapped in a sentence with subordinate clauses."""
    return chance.choice(ELABORATE) + request.text


def exact(request: Request, chance: random.Random) -> str | None:
    """Says in so many words that the reply should be what is asked for, and nothing besides."""
    return chance.choice(EXACT) + request.text


def polite(request: Request, chance: random.Random) -> str | None:
    """A polite request in front of it."""
    return chance.choice(POLITE) + request.text


def typos(request: Request, chance: random.Random) -> str | None:
    """One slip of the fingers for every ten words of the instruction, at most three: two inner letters change places, or
    one is typed twice; never in a word of fewer than five letters, with a capital, or that the answer or the text to work
    on has. In other languages than English no letter is typed twice (Spanish *caro*, *carro*) and no vowel changes places
    with a vowel (German *weisen*, *wiesen*): that makes other words."""
    is_english = request.language == ENGLISH
    places = [match for match in request.places() if _may_be_mistyped(match.group(), is_english)]
    num_typos = min(MAX_TYPOS, max(1, len(request.instruction.split()) // WORDS_PER_TYPO), len(places))
    text = request.instruction
    for match in sorted(chance.sample(places, num_typos), key=lambda match: -match.start()):
        text = text[: match.start()] + _mistyped(match.group(), is_english, chance) + text[match.end() :]
    return text + request.rest


def reordered(request: Request, _chance: random.Random) -> str | None:
    """The text to work on first, then the instruction; only where a blank line divides them, and no word ("below",
    "following") says where the other stands: so only in a language whose words for that we know."""
    language = LANGUAGES.get(request.language)
    if language is None or request.instruction.endswith((":", "：")) or language.where.search(request.instruction):
        return None
    if not request.rest.startswith("\n\n") or not request.rest.strip():
        return None
    return f"{request.rest.strip()}\n\n{request.instruction.strip()}"


RULES: dict[str, Rule] = {rule.__name__: rule for rule in (formal, casual, elaborate, exact, polite, typos, reordered)}
NOT_ONLY_ENGLISH = {rule.__name__: rule for rule in (typos, reordered)}


def rules_for(language: str) -> dict[str, Rule]:
    """The rules that hold in a language (see `language_of`); each of them may still have nothing to change."""
    return RULES if language == ENGLISH else NOT_ONLY_ENGLISH


def _with_forms(request: Request, forms: Mapping[str, str]) -> str:
    text = request.instruction
    for match in reversed(request.places()):
        word = match.group().replace("’", "'")
        form = forms.get(word.lower())
        if form is not None:
            form = form[0].upper() + form[1:] if word[0].isupper() else form
            text = text[: match.start()] + form + text[match.end() :]
    return text + request.rest


def _may_be_mistyped(word: str, is_english: bool) -> bool:
    if len(word) < MIN_TYPO_LETTERS or not word.isalpha() or not word.islower():
        return False
    return word.isascii() and word not in TWINS if is_english else bool(_swaps(word, is_english))


def _swaps(word: str, is_english: bool) -> list[int]:
    """Where an inner letter may change places with the next."""
    places = [k for k in range(1, len(word) - 2) if word[k] != word[k + 1]]
    return places if is_english else [k for k in places if not {word[k], word[k + 1]} <= VOWELS]


def _mistyped(word: str, is_english: bool, chance: random.Random) -> str:
    swaps = _swaps(word, is_english)
    if not is_english or (swaps and chance.random() < 0.5):
        k = chance.choice(swaps)
        return word[:k] + word[k + 1] + word[k] + word[k + 2 :]
    k = chance.randrange(1, len(word) - 1)
    return word[:k] + word[k] + word[k:]
