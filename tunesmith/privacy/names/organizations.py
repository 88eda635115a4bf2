"""Whether capitalized words can be the name of an organization: legal forms, heads such as "Bank of", partners."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tunesmith.privacy.names.persons import LIKELY, MAYBE, NO, SURE
from tunesmith.privacy.names.tables import Tables
from tunesmith.privacy.names.tokens import Token
from tunesmith.privacy.names.words import (
    AMBIGUOUS,
    EXTRA_FIRST_NAMES,
    EXTRA_LAST_NAMES,
    GROUP_HEADS,
    HEADS_FIRST,
    HEADS_OF,
    LANGUAGES,
    LEGAL_FORMS,
    PARTNERS,
    QUESTIONS,
    SHORT_FORMS,
    THINGS,
)

MAX_WORDS = 5
_JOINTS = (" ", ",")
_LEGAL_AFTER = re.compile(
    r",? (?:\(?[Pp][Tt][Yy]\.?\)? )?(?:(?:Pvt|Pte|Co|Sdn|Sp)\.?,? )?"
    r"(?:Inc|INC|Incorporated|Ltd|LTD|Limited|L\.?L\.?C|L\.?L\.?P|LP|PLC|plc|Corp|Corporation|Co|Bhd|GmbH(?: & Co\. KG)?|AG|KG|S\.A(?:\.S|\.B)?"
    r"|S\.p\.A|SpA|S\.r\.l|s\.r\.l|Srl|S\.L|S\.Coop|S\.C\.P|s\.r\.o|a\.s|d\.o\.o|z o\.o|[Ss]p\. ?[jkp]\.|s\.c|B\.V|N\.V|Oyj?|A/S|K\.K|S\.A\.R\.L|SARL|Ltda"
    r"|GbR|e\.V|[Ss]p\. z o\.o|[Ee]t [Ff]ils|[Yy] [Aa]sociados|e [Ff]igli|e [Ff]ilhos|en [Zz]onen|& Söhne|und Söhne|s\.p|d\.d|CommV|VOF|OG|GesbR|GesmbH|E\.?I\.?R\.?L|S[àaáÀ]rl|San|Tic|Limitada|Sociedad Anónima)(?![\w])\.?"
)
_PARTNER = re.compile(
    r"(?:, (?:and |& )?| and | & | e | y | en | et | und | och | og )([A-Z][^\W\d_]+(?:['’-][A-Z][^\W\d_]+)?)"
)
_JOINED = re.compile(
    r"(?:[A-Z][^\W\d_]{1,20}(?:-[A-Z][^\W\d_]{1,20})?(?:, | and | & |, and | e | y | en | et | und )){1,3}$"
)


def likeness_of_organization(text: str, tokens: Sequence[Token], tables: Tables) -> tuple[int, int, int]:
    """(how well the words can name one, where it starts, where it ends).

    `SURE` with a legal form, `LIKELY` with a head ("Bank of …", "… Hospital") or partners ("Lopez & Sons", "Lopez, Garcia
    and Smith", "Lopez-Garcia"), `MAYBE` for words that could be anything.
    """
    start, end = tokens[0].start, tokens[-1].end
    at = _legal_form(tokens)
    if at is not None:
        return SURE, _joined_start(text, start), tokens[at].end
    goes_on = text[end : end + 1] in _JOINTS
    if goes_on and tokens[-1].low not in LEGAL_FORMS and (legal := _LEGAL_AFTER.match(text, end)) is not None:
        return SURE, _joined_start(text, start), legal.end()
    if goes_on and len(tokens) == 1 and (partners := _partners(text, tokens, tables)) is not None:
        return partners[0], start, partners[1]
    if (headed := _headed(tokens, tables)) is not None:
        return LIKELY, *headed
    if len(tokens) == 1:
        return _likeness_of_one(tokens[0], tables), start, end
    return (MAYBE if _may_be_one(tokens, tables) else NO), start, end


def _likeness_of_one(token: Token, tables: Tables) -> int:
    low = token.low
    if "-" in low and not token.word.isupper():
        parts = low.split("-")
        is_double = len(parts) == 2 and all(part in tables.last for part in parts)
        return LIKELY if is_double and not all(part in tables.first for part in parts) else MAYBE
    if low in tables.first and low not in tables.last and low not in AMBIGUOUS:
        return NO
    if low in THINGS or low in LANGUAGES or low in tables.countries or low in tables.large:
        return NO
    return NO if len(low) < 2 else MAYBE


def _may_be_one(tokens: Sequence[Token], tables: Tables) -> bool:
    first, last = tokens[0].low, tokens[-1].low
    is_person = first in tables.first and first not in AMBIGUOUS
    is_thing = last in THINGS and last not in GROUP_HEADS
    return len(tokens) <= MAX_WORDS and not is_person and not is_thing and not tokens[-1].word.islower()


def _legal_form(tokens: Sequence[Token]) -> int | None:
    """Where the legal form of a name stands; a form alone is none."""
    for at in range(len(tokens) - 1, 0, -1):
        token = tokens[at]
        if token.low in LEGAL_FORMS or f"{token.low}." in LEGAL_FORMS:
            is_written_so = token.low not in SHORT_FORMS or token.word.rstrip(".").isupper() or token.word == "Co."
            if is_written_so or (token.low in ("company", "limited") and at == len(tokens) - 1):
                return at
    return None


def _joined_start(text: str, start: int) -> int:
    """The start of "Lopez, Garcia and Smith Ltd", whose last name begins at ``start``."""
    before = _JOINED.search(text[max(0, start - 80) : start])
    if before is None or before[0].partition(" ")[0].strip(",").lower() in QUESTIONS:
        return start
    return start - len(before[0])


def _partners(text: str, tokens: Sequence[Token], tables: Tables) -> tuple[int, int] | None:
    """(how likely, the end) of "Lopez, Garcia and Smith", "Lopez & Sons" or "Lopez and Sons"; that may be people too."""
    last = tokens[-1]
    if _PARTNER.match(text, last.end) is None or not _is_partner(last.low, tables):
        return None
    end, names, closes, low = last.end, [last.low], False, ""
    while len(names) < 4 and (match := _PARTNER.match(text, end)) is not None:
        low = match[1].lower()
        if low not in PARTNERS and not _is_partner(low, tables):
            return None
        closes = match[0][0] == " " or " and " in match[0]
        end = match.end()
        names.append(low)
        if closes:
            break
    if not closes or text[end : end + 2].strip()[:1].isupper():
        return None
    if "&" in text[last.end : end] or low in PARTNERS:
        return LIKELY, end
    is_people = any(
        name in EXTRA_FIRST_NAMES or (name in tables.first and name not in EXTRA_LAST_NAMES) for name in names
    )
    num_known = sum(name in tables.last for name in names)
    if len(names) < 3 or num_known < 2:
        return None
    return MAYBE if is_people else LIKELY, end


def _is_partner(low: str, tables: Tables) -> bool:
    """A last name, or a word that is nothing else."""
    if low in tables.last:
        return True
    return not (
        low in tables.first or low in tables.places or low in tables.ordinary or low in LANGUAGES or low in THINGS
    )


def _headed(tokens: Sequence[Token], tables: Tables) -> tuple[int, int] | None:
    """(start, end) of "University of …", "… Hospital"."""
    if len(tokens) > 1 and tokens[0].low in HEADS_FIRST and not tokens[-1].word.islower():
        return tokens[0].start, tokens[-1].end
    for at, token in enumerate(tokens):
        if token.low in HEADS_OF and at + 2 < len(tokens) and tokens[at + 1].word in ("of", "de", "di", "do", "der"):
            return tokens[0].start, tokens[-1].end
        if at and token.low in GROUP_HEADS and at == len(tokens) - 1:
            names = [name for name in tokens[:at] if not name.word.islower()]
            is_named = any(name.low not in tables.ordinary and name.low not in AMBIGUOUS for name in names)
            return (tokens[0].start, token.end) if is_named and len(names) < 5 else None
    return None
