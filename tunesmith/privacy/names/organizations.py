"""Whether capitalized words can be the name of an organization: legal forms, heads such as "Bank of", partners."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tunesmith.privacy.names.kinds import (
    AMBIGUOUS,
    COUNTRY,
    FIRST,
    GROUP_HEAD,
    HEAD_FIRST,
    HEAD_OF,
    LANGUAGE,
    LAST,
    LEGAL,
    LEGAL_DOTTED,
    METROPOLIS,
    ORDINARY,
    PLACE,
    PUBLIC_HEAD,
    SHORT_FORM,
    SMALL,
    THING,
)
from tunesmith.privacy.names.persons import LIKELY, MAYBE, NO, SURE, parts_of
from tunesmith.privacy.names.tables import Tables
from tunesmith.privacy.names.tokens import Token
from tunesmith.privacy.names.words import EXTRA_FIRST_NAMES, EXTRA_LAST_NAMES, PARTNERS, QUESTIONS

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
    if goes_on and not tokens[-1].kind & LEGAL and (legal := _LEGAL_AFTER.match(text, end)) is not None:
        return SURE, _joined_start(text, start), legal.end()
    if goes_on and len(tokens) == 1 and (partners := _partners(text, tokens[0], tables)) is not None:
        return partners[0], start, partners[1]
    if (headed := _headed(tokens)) is not None:
        return LIKELY, *headed
    if len(tokens) == 1:
        return _likeness_of_one(tokens[0], tables), start, end
    if _is_joint(tokens):
        return LIKELY, start, end
    return (MAYBE if _may_be_one(tokens) else NO), start, end


def _likeness_of_one(token: Token, tables: Tables) -> int:
    low = token.low
    if "-" in low and not token.word.isupper():
        parts = parts_of(low, tables)
        is_double = len(parts) == 2 and all(part & LAST for part in parts)
        return LIKELY if is_double and not all(part & FIRST for part in parts) else MAYBE
    if token.kind & (FIRST | LAST | AMBIGUOUS) == FIRST or token.kind & (THING | LANGUAGE | COUNTRY | METROPOLIS):
        return NO
    return NO if len(low) < 2 else MAYBE


def _may_be_one(tokens: Sequence[Token]) -> bool:
    if len(tokens) > MAX_WORDS or tokens[-1].kind & SMALL:
        return False
    is_person = tokens[0].kind & (FIRST | AMBIGUOUS) == FIRST and not tokens[-1].kind & PUBLIC_HEAD
    is_thing = tokens[-1].kind & (THING | GROUP_HEAD | PUBLIC_HEAD) == THING
    return not is_person and not is_thing


def _is_joint(tokens: Sequence[Token]) -> bool:
    """ "Dalgaard & Trevor": two names that are no words."""
    if not any(token.low == "&" for token in tokens[1:-1]):
        return False
    return not (tokens[0].kind & (ORDINARY | FIRST) or tokens[-1].kind & ORDINARY)


def _legal_form(tokens: Sequence[Token]) -> int | None:
    """Where the legal form of a name stands; a form alone is none."""
    for at in range(len(tokens) - 1, 0, -1):
        token = tokens[at]
        if token.kind & (LEGAL | LEGAL_DOTTED):
            is_written_so = not token.kind & SHORT_FORM or token.word.rstrip(".").isupper() or token.word == "Co."
            if is_written_so or (token.low in ("company", "limited") and at == len(tokens) - 1):
                return at
    return None


def _joined_start(text: str, start: int) -> int:
    """The start of "Lopez, Garcia and Smith Ltd", whose last name begins at ``start``."""
    before = _JOINED.search(text[max(0, start - 80) : start])
    if before is None or before[0].partition(" ")[0].strip(",").lower() in QUESTIONS:
        return start
    return start - len(before[0])


def _partners(text: str, first: Token, tables: Tables) -> tuple[int, int] | None:
    """(how likely, the end) of "Lopez, Garcia and Smith", "Lopez & Sons" or "Lopez and Sons"; that may be people too."""
    if not _is_partner(first.kind) or _PARTNER.match(text, first.end) is None:
        return None
    end, names, closes, low = first.end, [first.low], False, ""
    while len(names) < 4 and (match := _PARTNER.match(text, end)) is not None:
        low = match[1].lower()
        if low not in PARTNERS and not _is_partner(tables.kinds.get(low, 0)):
            return None
        closes = match[0][0] == " " or " and " in match[0]
        end = match.end()
        names.append(low)
        if closes:
            break
    if not closes or text[end : end + 2].strip()[:1].isupper():
        return None
    if "&" in text[first.end : end] or low in PARTNERS:
        return LIKELY, end
    num_first = sum(name in tables.first and name not in EXTRA_LAST_NAMES for name in names)
    is_people = num_first > 1 or not EXTRA_FIRST_NAMES.isdisjoint(names)
    num_known = sum(name in tables.last for name in names)
    if len(names) < 3 or num_known < 2:
        return None
    return MAYBE if is_people else LIKELY, end


def _is_partner(kind: int) -> bool:
    """A last name, or a word that is nothing else."""
    return bool(kind & LAST) or not kind & (FIRST | PLACE | ORDINARY | LANGUAGE | THING)


def _headed(tokens: Sequence[Token]) -> tuple[int, int] | None:
    """(start, end) of "University of …", "… Hospital"."""
    if len(tokens) == 1:
        return None
    if tokens[0].kind & HEAD_FIRST and not tokens[-1].kind & SMALL:
        return tokens[0].start, tokens[-1].end
    for at, token in enumerate(tokens):
        if token.kind & HEAD_OF and at + 2 < len(tokens) and tokens[at + 1].word in ("of", "de", "di", "do", "der"):
            return tokens[0].start, tokens[-1].end
        if at and token.kind & GROUP_HEAD and at == len(tokens) - 1:
            names = [name for name in tokens[:at] if not name.kind & SMALL]
            is_named = any(not name.kind & (ORDINARY | AMBIGUOUS) for name in names)
            return (tokens[0].start, token.end) if is_named and len(names) < 5 else None
    return None
