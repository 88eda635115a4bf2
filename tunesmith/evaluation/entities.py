"""Named entities of an answer, counted as seqeval and conlleval count them: one is right if its bounds and type are.

References are tags per token (IOB1, IOB2, IOBES or BILOU), as entities they are read the way conlleval reads them. An
answer may come in any of these forms:

    tags per token     O B-PER I-PER O, on one line or one a line, bare or after their tokens; a JSON list of them
    JSON               [{"text": "Oslo", "type": "LOC"}], [["Oslo", "LOC"]], {"LOC": ["Oslo"]}, {"entities": …}
    lines or a list    LOC: Oslo, Rome    Oslo (LOC)    Oslo: LOC    Oslo - LOC    - Oslo [LOC]    none

Tags say where an entity stands, so they are compared by position: exactly seqeval's numbers. The other forms do not: there
an entity is its type and its text (white space aside), and one that is named twice counts once, also in the reference.
What fits none of the forms names no entity. Types are compared without case, and PER is person, LOC location, ORG
organization.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tunesmith.evaluation.lines import Line, Scored, expected

OUTSIDE = "O"
TAG = re.compile(r"O|[BIESLU]-\S+")
ALIASES = {"per": "person", "people": "person", "loc": "location", "place": "location", "misc": "miscellaneous"}
ALIASES |= {"org": "organization", "organisation": "organization"}
TEXT_KEYS = ("text", "entity", "name", "word", "mention", "span", "value")
TYPE_KEYS = ("type", "label", "tag", "category", "entity_type", "entity_group", "class")
NOTHING = re.compile(r"\W*(?:none|no (?:named )?entit(?:y|ies)(?: (?:found|in .*))?|n/a)?\W*", re.IGNORECASE)
IN_BRACKETS = re.compile(r"\s*(.+?)\s*[(\[<]\s*([\w /-]+?)\s*[)\]>]\s*")
DIVIDED = re.compile(r"\s*(.+?)\s*(?:[:=|\t\u2013\u2014]|->|\u2192|\s-\s)\s*(.+?)\s*")
COMMA, BEHIND_BRACKET = re.compile(r"\s*[,;]\s+"), re.compile(r"(?<=[)\]>])\s*[,;]\s+")
BULLET = re.compile(r"^\s*(?:[-*\u2022+]|\d{1,3}[.)])\s+")
QUOTES = "\"'`\u201c\u201d\u2018\u2019*"

Span = tuple[str, int, int]  # type, first token, last token

# Which two neighboring tags start an entity, go on with it and end it: previous prefix, this prefix, and whether the
# types are the same (=), differ (!) or do not matter (*). Ramshaw & Marcus 1995 (IOB1), Ratinaparkhi 1998 (IOB2) …
_ANY = "BIOES"
SCHEMES = {
    "IOB1": ("OI* II! BI* IB= BB=", "BI= II=", "II! IO* IB* BO* BI! BB="),
    "IOB2": (" ".join(f"{previous}B*" for previous in _ANY), "BI= II=", "IO* II! IB* BO* BI! BB*"),
    "IOBES": (
        " ".join(f"{previous}{prefix}*" for previous in _ANY for prefix in "BS"),
        "BI= BE= II= IE=",
        " ".join(f"{previous}{prefix}*" for previous in "SE" for prefix in _ANY),
    ),
}


@dataclass(frozen=True)
class Entity:
    """A named entity: its type, its text, and the first and last of its tokens."""

    type: str
    text: str
    start: int
    end: int

    def to_dict(self) -> dict[str, Any]:
        return {"type": self.type, "text": self.text}


def is_tagged(row: Mapping[str, Any]) -> bool:
    """Whether a row has a list of tokens and a tag for each."""
    tokens, tags = row.get("tokens"), row.get("tags")
    return (
        isinstance(tokens, list | tuple)
        and isinstance(tags, list | tuple)
        and len(tokens) == len(tags) > 0
        and all(isinstance(token, str) for token in tokens)
        and all(isinstance(tag, str) and TAG.fullmatch(tag) for tag in tags)
    )


def entities_of(tokens: Sequence[str], tags: Sequence[str]) -> list[Entity]:
    """The entities that tags mark, in order; their text is their tokens with spaces between."""
    return [Entity(type, " ".join(tokens[start : end + 1]), start, end) for type, start, end in lenient_spans(tags)]


# -- tags → entities ---------------------------------------------------------------------------------------------------


def lenient_spans(tags: Sequence[str]) -> list[Span]:
    """Entities as conlleval, and seqeval without a scheme, read them: a change of type or an I after O starts one."""
    spans: list[Span] = []
    start, before = 0, (OUTSIDE, "")
    for position, here in enumerate([*map(_prefix_and_type, tags), (OUTSIDE, "")]):
        if before[0] != OUTSIDE and _ends(before, here):
            spans.append((before[1], start, position - 1))
        if here[0] != OUTSIDE and _starts(before, here):
            start = position
        before = here
    return spans


def _ends(before: tuple[str, str], here: tuple[str, str]) -> bool:
    return before[0] in "ES" or here[0] in "BSO" or before[1] != here[1]


def _starts(before: tuple[str, str], here: tuple[str, str]) -> bool:
    return here[0] in "BS" or before[0] in "OES" or before[1] != here[1]


def _prefix_and_type(tag: str) -> tuple[str, str]:
    """Prefix and type; BILOU's L and U are IOBES's E and S. What is no tag is outside."""
    if not TAG.fullmatch(tag) or tag == OUTSIDE:
        return OUTSIDE, ""
    return {"L": "E", "U": "S"}.get(tag[0], tag[0]), tag[2:]


def strict_spans(tags: Sequence[str], scheme: str) -> list[Span]:
    """Entities whose tags follow the scheme from start to end, as seqeval's strict mode reads them."""
    starts, insides, ends = (frozenset(part.split()) for part in SCHEMES[scheme])
    prefixes = {prefix for pattern in starts | insides for prefix in pattern[1]} | {OUTSIDE}
    read = [pair if pair[0] in prefixes else (OUTSIDE, "") for pair in map(_prefix_and_type, tags)]
    read.append((OUTSIDE, ""))
    spans, position = [], 0
    before = (OUTSIDE, "")
    while position < len(read):
        here = read[position]
        if not _is_among(starts, before, here):
            before, position = here, position + 1
            continue
        end = position + 1
        while end < len(read) and _is_among(insides, read[end - 1], read[end]):
            end += 1
        if end == len(read) or _is_among(ends, read[end - 1], read[end]):
            spans.append((here[1], position, end - 1))
        before, position = read[end - 1], end
    return spans


def _is_among(patterns: frozenset[str], before: tuple[str, str], here: tuple[str, str]) -> bool:
    same = "=" if before[1] == here[1] else "!"
    return before[0] + here[0] + same in patterns or before[0] + here[0] + "*" in patterns


def scheme_of(tags: Iterable[str]) -> str:
    """The scheme tags are written in: by the first that only one of them has; IOB2 where any would do."""
    before = (OUTSIDE, "")
    has_start, has_bare_inside = False, False
    for here in map(_prefix_and_type, tags):
        if here[0] in "ES":
            return "IOBES"
        has_start = has_start or here[0] == "B"
        has_bare_inside = has_bare_inside or (here[0] == "I" and (before[0] == OUTSIDE or before[1] != here[1]))
        before = here
    return "IOB1" if has_bare_inside else "IOB2"


# -- an answer → entities ----------------------------------------------------------------------------------------------


def read_tags(answer: str, num_tokens: int) -> list[str] | None:
    """The tags an answer gives the tokens, one each: missing ones are outside, further ones dropped; None if not tags."""
    found = _json_in(answer)
    items = found if isinstance(found, list) and all(isinstance(item, str) for item in found) else None
    if items is None:
        pieces = [line.split() for line in answer.strip().splitlines() if line.strip()]
        is_column = len(pieces) > 1 or num_tokens == 1
        items = [piece[-1].rpartition("/")[2] for piece in pieces] if is_column else answer.split()
    if not items or not all(TAG.fullmatch(item) for item in items):
        return None
    return [*items, *[OUTSIDE] * num_tokens][:num_tokens]


def read_mentions(answer: str, types: Iterable[str]) -> set[tuple[str, str]] | None:
    """The (type, text) pairs an answer names, both as they are compared; None where it fits no form.

    Args:
        types: the types there are: what tells ``LOC: Oslo`` from ``Oslo: LOC``.
    """
    if NOTHING.fullmatch(answer.strip()):
        return set()
    known = {_type_key(type) for type in types}
    found = _json_in(answer)
    if found is not None:
        pairs = list(_json_mentions(found, known))
        return {(_type_key(type), text_key(text)) for type, text in pairs} if pairs or found in ([], {}) else None
    pairs = [pair for line in answer.splitlines() for pair in _line_mentions(line, known)]
    return {(_type_key(type), text_key(text)) for type, text in pairs} or None


def _json_in(answer: str) -> Any:
    """The first JSON array or object of an answer, whatever stands around it; None where there is none."""
    start = min((at for at in (answer.find("["), answer.find("{")) if at >= 0), default=-1)
    if start < 0:
        return None
    try:
        return json.JSONDecoder().raw_decode(answer, start)[0]
    except (ValueError, RecursionError):
        return None


def _json_mentions(value: Any, known: set[str]) -> Iterator[tuple[str, str]]:
    """The (type, text) pairs that a JSON value names, in the order it does."""
    if isinstance(value, list) and len(value) == 2 and all(isinstance(part, str) for part in value):
        yield from _pair(value[0], value[1], known)
    elif isinstance(value, list):
        for item in value:
            yield from _json_mentions(item, known)
    elif isinstance(value, dict):
        text, type = (_first_text(value, keys) for keys in (TEXT_KEYS, TYPE_KEYS))
        named = [(type, text)] if text is not None and type is not None else None
        yield from named or (pair for name, part in value.items() for pair in _member_mentions(name, part, known))


def _member_mentions(name: str, part: Any, known: set[str]) -> Iterator[tuple[str, str]]:
    """Those of ``{"LOC": ["Oslo"]}``, ``{"Oslo": "LOC"}``, or of whatever else stands under a name."""
    if _type_key(name) in known:
        texts = part if isinstance(part, list) else [part]
        yield from ((name, text) for text in texts if isinstance(text, str))
    elif isinstance(part, list | dict):
        yield from _json_mentions(part, known)
    elif isinstance(part, str) and _type_key(part) in known:
        yield part, name


def _first_text(row: Mapping[str, Any], keys: Sequence[str]) -> str | None:
    return next((row[key] for key in keys if isinstance(row.get(key), str)), None)


def _pair(one: str, other: str, known: set[str]) -> Iterator[tuple[str, str]]:
    if _type_key(other) in known:
        yield other, one
    elif _type_key(one) in known:
        yield one, other


def _line_mentions(line: str, known: set[str]) -> Iterator[tuple[str, str]]:
    line = BULLET.sub("", line).strip()
    divided = DIVIDED.fullmatch(line)
    if divided and _type_key(divided[1]) in known:
        for text in COMMA.split(divided[2]):
            if not NOTHING.fullmatch(text):
                yield divided[1], text
        return
    # A name may hold a comma: where types stand in brackets, only one behind a bracket divides.
    line = line.rstrip(".,; ")
    comma = BEHIND_BRACKET if line.endswith((")", "]", ">")) else COMMA
    for part in comma.split(line):
        bracketed, pair = IN_BRACKETS.fullmatch(part), DIVIDED.fullmatch(part)
        if bracketed and _type_key(bracketed[2]) in known:
            yield bracketed[2], bracketed[1]
        elif pair:
            yield from _pair(pair[1], pair[2], known)


def _type_key(text: str) -> str:
    key = re.sub(r"[\s_-]+", "", text.strip(QUOTES + " ").casefold())
    return ALIASES.get(key, key)


def text_key(text: str) -> str:
    """An entity's text as it is compared: without white space, which tokens have where the text has none, and quotes."""
    return "".join(text.strip(QUOTES + " ").split()) or "".join(text.split())


# -- scores ------------------------------------------------------------------------------------------------------------


def score_entities(lines: Sequence[Line]) -> list[Scored]:
    """Of each answer: entities right, found and asked for, read leniently and by the scheme of the task's tags."""
    return [_score(line) for line in lines]


def _score(line: Line) -> Scored:
    asked = expected(line, "entities")
    tokens, gold = expected(line, "tokens"), expected(line, "tags")
    tags = read_tags(line["prediction"], len(tokens)) if tokens and gold else None
    if tags is not None:
        scheme = expected(line, "scheme") or scheme_of(gold)
        lenient = _counts(set(lenient_spans(tags)), set(lenient_spans(gold)))
        strict = _counts(set(strict_spans(tags, scheme)), set(strict_spans(gold, scheme)))
        return Scored(_columns(lenient, strict))
    types = expected(line, "types") or [entity["type"] for entity in asked]
    mentions = read_mentions(line["prediction"], types)
    wanted = {(_type_key(entity["type"]), text_key(entity["text"])) for entity in asked}
    counts = _counts(mentions or set(), wanted)
    return Scored(_columns(counts, counts), {} if mentions is not None else {"entities": "names none in a known form"})


def _counts(found: set, asked: set) -> tuple[int, int, int]:
    return len(found & asked), len(found), len(asked)


def _columns(lenient: tuple[int, int, int], strict: tuple[int, int, int]) -> dict[str, float]:
    names = ENTITY_COLUMNS
    return dict(zip(names, map(float, (*lenient, *strict))))


COUNTS = ("entities_right", "entities_found", "entities_asked")
ENTITY_COLUMNS = (*COUNTS, *(f"{name}_strict" for name in COUNTS))
