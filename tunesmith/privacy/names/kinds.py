"""What a word is known as: one bit for each list it stands in, so that a word is looked up once however much is asked."""

from __future__ import annotations

from tunesmith.privacy.names import words

(
    FIRST,
    LAST,
    PLACE,
    TOWN,
    METROPOLIS,
    COUNTRY,
    STATE,
    PLACE_START,
    ORDINARY,
    AMBIGUOUS,
    EXTRA_FIRST,
    EXTRA_LAST,
    THING,
    KNOWN_THING,
    FAMOUS,
    LANGUAGE,
    GROUP_HEAD,
    HEAD_FIRST,
    HEAD_OF,
    LEGAL,
    LEGAL_DOTTED,
    SHORT_FORM,
    SUFFIX,
    STATELY,
    BEFORE_NAME,
    GRAMMAR,
    PLACE_BEGINNING,
    PLACE_HEAD,
    NO_PLACE,
    JOINT,
    ASIAN_SURNAME,
    SMALL,
    OWNER,
    PUBLIC_HEAD,
) = (1 << bit for bit in range(34))
NAMED = FIRST | LAST | PLACE
"""Somebody's name, or a place's."""
LARGE = METROPOLIS | COUNTRY | STATE
"""A place that everybody knows."""
WEAK = AMBIGUOUS | ORDINARY | PLACE
"""More than the name of a person."""
COMMON = AMBIGUOUS | ORDINARY | THING | COUNTRY

BITS = {
    AMBIGUOUS: words.AMBIGUOUS,
    EXTRA_FIRST: words.EXTRA_FIRST_NAMES,
    EXTRA_LAST: words.EXTRA_LAST_NAMES,
    THING: words.THINGS,
    KNOWN_THING: words.KNOWN_THINGS,
    FAMOUS: words.FAMOUS,
    LANGUAGE: words.LANGUAGES,
    GROUP_HEAD: words.GROUP_HEADS,
    PUBLIC_HEAD: words.PUBLIC_HEADS,
    HEAD_FIRST: words.HEADS_FIRST,
    HEAD_OF: words.HEADS_OF,
    LEGAL: words.LEGAL_FORMS,
    LEGAL_DOTTED: frozenset(form.removesuffix(".") for form in words.LEGAL_FORMS if form.endswith(".")),
    SHORT_FORM: words.SHORT_FORMS,
    SUFFIX: words.SUFFIXES,
    STATELY: words.STATELY,
    BEFORE_NAME: words.TITLES | words.STATELY | words.GREETINGS,
    GRAMMAR: words.QUESTIONS | words.CALENDAR,
    PLACE_BEGINNING: words.PLACE_BEGINNINGS,
    PLACE_HEAD: words.PLACE_HEADS,
    NO_PLACE: words.LANGUAGES | words.GROUP_HEADS | words.LEGAL_FORMS | (words.THINGS - words.PLACE_HEADS) | {"&"},
    JOINT: frozenset(("of", "&")),
    ASIAN_SURNAME: words.ASIAN_SURNAMES,
}
"""The lists of this project; those of libraries come from `tables`. `SMALL` (in lower case) and `OWNER` ("Maria's") are
seen in the text."""


def kinds_of(lists: dict[int, frozenset[str]]) -> dict[str, int]:
    """The bits of every word and phrase of the lists. Equal sums are one object: there are few of them."""
    kinds: dict[str, int] = {}
    for bit, members in lists.items():
        for word in members:
            kinds[word] = kinds.get(word, 0) | bit
    sums: dict[int, int] = {}
    return {word: sums.setdefault(bits, bits) for word, bits in kinds.items()}
