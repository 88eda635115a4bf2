"""Personal data in the fields of one record: what one field gives away is found in the others too."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from tunesmith.privacy.find import check_types, find_spans
from tunesmith.privacy.names.words import PARTICLES
from tunesmith.privacy.people import (
    POSSESSIVE,
    TITLES,
    UNSPACED,
    WORD,
    fold,
    is_known_name,
    is_ordinary,
    is_well_known_place,
    split_name,
)
from tunesmith.privacy.spans import NAMES, Span

RECOGNIZER = "same_record"
# A short text under such a name ("phone": "030 1234567") is read with the name before it, which is context.
TELLING_LABEL = re.compile(
    r"(?i)(name|phone|mobile|tel|fax|ssn|social.?security|birth|dob|passport|licen[cs]e|iban|account|card|address|street"
    r"|e?.?mail|customer|patient|employee|client|contact|sender|recipient|tax.?id|national.?id|password|token|secret)"
)
MAX_LABELED_TEXT = 120
MIN_VALUE_LENGTH = 6
# What is less sure than this is not taken as a reason to see a name in one more word: a wrong guess would spread.
SURE_ENOUGH = 0.6
# Of how many persons with the same first name it is told which word goes on naming whom.
MAX_SHARING = 20
# Up to so many names are looked for as they are before the words of a text are gone through.
FEW = 16
# Whatever stands around them, these are found wherever they are.
TELLING_ALONE = ("EMAIL_ADDRESS", "IBAN_CODE", "IP_ADDRESS", "MAC_ADDRESS", "URL_CREDENTIALS", "PRIVATE_KEY")
_PARTICLE = "|".join(re.escape(word) for word in sorted(PARTICLES, key=len, reverse=True))
# Between two words of one name: "Anna Weber", "Weber, Anna", "Anna M. Weber", "Anna van der Berg", "anna.weber".
_JOIN = re.compile(rf"[._-]|,?\s{{1,3}}(?:[^\W\d_]\.?[ ]|(?:{_PARTICLE})[ ]){{0,3}}", re.IGNORECASE)
_INITIALS_BEFORE = re.compile(r"(?<![^\W\d_])(?:[^\W\d_]\.[ ]?){1,2}$")
_SENTENCE_START = re.compile(r"(?:^|[.!?:;…\n\"“„«(\[{>*#|•-])[\s\"“„«'‘(*_-]*$")
_BEFORE_MONTH = re.compile(r"(?:\d|\b(?:in|of|since|by|until|from|last|next|early|late|mid))[ -]$", re.IGNORECASE)
_TITLE_BEFORE = re.compile(rf"\b(?:{'|'.join(re.escape(title) for title in sorted(TITLES))})\.?\s$", re.IGNORECASE)


def find_in_fields(
    texts: Sequence[str],
    *,
    types: Collection[str] | None = None,
    min_score: float = 0.5,
    labels: Sequence[str] | None = None,
    ner: str | None = None,
) -> list[list[Span]]:
    """The spans of each text of one record (`find_spans`), and every further mention of what they say.

    A person found in one field is found in all of them: in other case, by first name or surname alone, as "Weber,
    Anna", "A. Weber" or "anna.weber", with a possessive. A lone word that is also an ordinary one ("Will", "Rose") is
    taken for the person only where it is written as a name inside a sentence. Any other value of at least six
    characters is found wherever it stands in the same letters. ``labels`` are the names of the fields: where one tells
    what a short text is (``phone``, ``first_name``), it counts as context.

    Raises:
        UsageError: where a type does not exist, or the model ``ner`` cannot be had.
    """
    if types is not None:
        check_types(types)
    labels = labels or [""] * len(texts)
    how = {"types": types, "min_score": min_score, "ner": ner}
    said = [at for at, text in enumerate(texts) if text]
    found: list[list[Span]] = [[] for _ in texts]
    for number, at in enumerate(said):
        setting = [texts[other] for other in _around(number, said)]
        found[at] = _find_labeled(texts[at], labels[at], setting=setting, **how)
    if not any(found):
        return found
    values = {(span.type, text[span.start : span.end]): span for text, spans in zip(texts, found) for span in spans}
    known = _known_parts(values)
    for number, text in enumerate(texts):
        further = [*(_mentions(text, known) if known else ()), *_same_values(text, values)]
        if further:
            found[number] = _joined(found[number], further)
    return found


def _around(number: int, said: Sequence[int]) -> list[int]:
    """Of texts that say something, those that tell how this one speaks: the first, the one before it and the one behind."""
    return [said[n] for n in sorted({0, number - 1, number + 1}) if n != number and 0 <= n < len(said)]


def _find_labeled(text: str, label: str, **how: Any) -> list[Span]:
    """The spans of a text, with the name of its field before it where that is telling and the text is short."""
    prefix = _telling_prefix(label) if len(text) <= MAX_LABELED_TEXT else ""
    if not prefix:
        return find_spans(text, **how)
    spans = find_spans(prefix + text, **how)
    size = len(prefix)
    return [
        Span(span.start - size, span.end - size, span.type, span.score, span.recognizer)
        for span in spans
        if span.start >= size
    ]


@lru_cache(maxsize=1024)
def _telling_prefix(label: str) -> str:
    """What stands before a text where the name of its field tells something, else nothing: "home phone: "."""
    if not TELLING_LABEL.search(label):
        return ""
    return re.sub(r"[\W_]+", " ", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", label)).strip().lower() + ": "


# ── persons ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Part:
    """A word of a person's name: which one of the name, and whose."""

    key: str
    position: int
    person: int
    score: float


@dataclass(frozen=True, slots=True)
class _Hit:
    """A word of a text that is a part of some persons' names."""

    start: int
    end: int
    parts: tuple[_Part, ...]


def _known_parts(values: Mapping[tuple[str, str], Span]) -> dict[str, tuple[_Part, ...]]:
    """The telling words of every person of the record, by their folded form."""
    known: dict[str, list[_Part]] = {}
    for person, ((type_, value), span) in enumerate(values.items()):
        words = [word for word in split_name(value) if word.kind == "name"] if type_ == "PERSON" else []
        for position, word in enumerate(words):
            sharing = known.setdefault(word.key, [])
            if len(sharing) < MAX_SHARING:
                sharing.append(_Part(word.key, position, person, span.score))
    return {key: tuple(parts) for key, parts in known.items()}


def _mentions(text: str, known: Mapping[str, tuple[_Part, ...]]) -> Iterator[Span]:
    """Every run of words in the text that names one of the persons."""
    for run in _runs(text, _hits(text, known)):
        is_sure = len(run) > 1 or any(part.score >= SURE_ENOUGH for part in run[0].parts)
        if is_sure and _is_name(text, run):
            start = _with_initials(text, run, known)
            yield Span(start, run[-1].end, "PERSON", run[0].parts[0].score, RECOGNIZER)


def _runs(text: str, hits: Iterable[_Hit]) -> Iterator[list[_Hit]]:
    """Neighboring hits that name one person together."""
    run: list[_Hit] = []
    is_backwards = False
    for hit in hits:
        join = text[run[-1].end : hit.start] if run else ""
        # "met Weber, Anna Weber said": after a comma the second name may begin anew.
        if run and _goes_on(join, run[-1:] if is_backwards else run, hit):
            if is_backwards:
                yield run[:-1]
                run = run[-1:]
            run.append(hit)
            is_backwards = "," in join
        else:
            yield from [run] if run else []
            run, is_backwards = [hit], False
    yield from [run] if run else []


def _hits(text: str, known: Mapping[str, tuple[_Part, ...]]) -> Iterator[_Hit]:
    unspaced = {key: parts for key, parts in known.items() if UNSPACED.match(key)}
    if unspaced:
        yield from _unspaced_hits(text, unspaced)
    if len(unspaced) == len(known):
        return
    for match in _words_like(text, known):
        word = match[0]
        end = match.end()
        if word[-2:-1] in "'’" or word[-1] in "'’":
            end = match.start() + len(POSSESSIVE.sub("", word))
            word = text[match.start() : end]
        parts = known.get(word.lower()) or (None if word.isascii() else known.get(fold(word)))
        if parts and not UNSPACED.match(word) and _is_whole(text, match.start(), end):
            yield _Hit(match.start(), end, parts)


def _words_like(text: str, keys: Collection[str]) -> Iterator[re.Match[str]]:
    """The words of the text, where that is quick to see only those that begin like one of the keys."""
    if len(keys) > FEW or not text.isascii():
        return WORD.finditer(text)
    low = text.lower()
    starts = {at for key in keys for at in _places(low, key) if _begins_word(text, at)}
    return (match for at in sorted(starts) if (match := WORD.match(text, at)) is not None)


def _places(text: str, piece: str) -> Iterator[int]:
    """Where a piece stands; places inside one another are left out, since no word begins inside a word."""
    at = text.find(piece) if piece else -1
    while at >= 0:
        yield at
        at = text.find(piece, at + len(piece))


def _begins_word(text: str, at: int) -> bool:
    """Whether no letter stands before a place, nor a letter with an apostrophe ("Brien" of "O'Brien")."""
    before = text[max(0, at - 2) : at]
    return not before[-1:].isalpha() and not (before[-1:] == "'" and before[0].isalpha())


def _unspaced_hits(text: str, known: Mapping[str, tuple[_Part, ...]]) -> Iterator[_Hit]:
    """Names in a script without spaces: wherever their characters stand, the longest name first."""
    names = "|".join(re.escape(key) for key in sorted(known, key=len, reverse=True) if len(key) > 1)
    for match in re.finditer(names, text) if names else ():
        yield _Hit(match.start(), match.end(), known[match[0]])


def _is_whole(text: str, start: int, end: int) -> bool:
    """Whether nothing is cut out of a longer word, number or hyphenated name ("Anna" of "Anna-Lena")."""
    before, after = text[start - 1 : start] if start else "", text[end : end + 1]
    if before.isalnum() or after.isalnum():
        return False
    is_first_half = after == "-" and text[end + 1 : end + 2].isupper()
    return not (is_first_half or (before == "-" and start > 1 and text[start - 2].isalpha()))


def _goes_on(join: str, run: Sequence[_Hit], hit: _Hit) -> bool:
    """Whether the next known word goes on naming the person of the run: another part, none of those named already."""
    if len(join) > 24 or not _JOIN.fullmatch(join):
        return False
    backwards = "," in join  # "Weber, Anna" is one person, "Anna, Weber" and "Anna, Bob" are two
    named = {part.key for earlier in run[-8:] for part in earlier.parts}
    return any(
        after.person == before.person
        and (after.position < before.position if backwards else after.position != before.position)
        for after in hit.parts
        for before in run[-1].parts
        if after.key not in named
    )


def _is_name(text: str, run: Sequence[_Hit]) -> bool:
    """Whether a run of known words is written as a name; several words of one person always are."""
    start, end, key = run[0].start, run[0].end, run[0].parts[0].key
    word = text[start:end]
    if len(run) > 1 or UNSPACED.match(word):
        return True
    if word.islower():
        return len(key) > 2 and not is_ordinary(key) and (is_known_name(key) or _is_without_capitals(text))
    if not is_ordinary(key):
        return True
    before = text[max(0, start - 24) : start]
    is_elsewise_capital = (
        word.isupper()
        or _SENTENCE_START.search(before)
        or _BEFORE_MONTH.search(before)
        or _is_heading(text, start, end, before)
    )
    return bool(_TITLE_BEFORE.search(before)) or not is_elsewise_capital


def _is_heading(text: str, start: int, end: int, before: str) -> bool:
    """Whether a word beside it is capitalized too, so that its capital tells nothing ("the Rose Garden")."""
    if text[end : end + 1] == " " and text[end + 1 : end + 2].isupper():
        return True
    word = re.search(r"(\w+)[ ]$", before)
    return word is not None and word[1][0].isupper() and not _SENTENCE_START.search(before[: word.start()])


def _is_without_capitals(text: str) -> bool:
    return not any(character.isupper() for character in text[:2000])


def _with_initials(text: str, run: Sequence[_Hit], known: Mapping[str, tuple[_Part, ...]]) -> int:
    """Where the run begins once the person's initials before it are counted in ("A. Weber")."""
    start, persons = run[0].start, {part.person for part in run[0].parts}
    found = _INITIALS_BEFORE.search(text[max(0, start - 8) : start]) if len(run) == 1 else None
    if found is None:
        return start
    others = {key[:1] for key, parts in known.items() for part in parts if part.person in persons}
    return start - len(found[0]) if fold(found[0][0]) in others else start


# ── other values ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _same_values(text: str, values: Mapping[tuple[str, str], Span]) -> Iterator[Span]:
    """Every place where a value that only its surroundings gave away stands in the same letters."""
    for (type_, value), span in values.items():
        if type_ == "PERSON" or type_ in TELLING_ALONE:
            continue
        if not _is_telling(type_, value, span.score):
            continue
        start = text.find(value)
        while start >= 0:
            end = start + len(value)
            if UNSPACED.match(value) or _is_whole(text, start, end):
                yield Span(start, end, type_, span.score, RECOGNIZER)
            start = text.find(value, end)


def _is_telling(type_: str, value: str, score: float) -> bool:
    """Whether a value is worth looking for elsewhere: long enough, and of names sure, and none that everybody knows."""
    if type_ not in NAMES:
        return len(value) >= MIN_VALUE_LENGTH
    return score >= SURE_ENOUGH and len(value) >= 3 and not is_ordinary(fold(value)) and not is_well_known_place(value)


def _joined(found: Sequence[Span], further: Iterable[Span]) -> list[Span]:
    """What was found and what was found again, in order. A further mention stands where nothing else does, or in the
    place of shorter spans of its type that it covers whole."""
    kept: list[Span] = []
    for span in sorted([*found, *further], key=lambda span: (span.start, -span.end, span.recognizer == RECOGNIZER)):
        if not kept or kept[-1].end <= span.start:
            kept.append(span)
        elif span.recognizer != RECOGNIZER and span.end > kept[-1].end:  # the mention cuts into what was found
            kept[-1:] = [*_head(kept[-1], span.start), span]
    return kept


def _head(span: Span, end: int) -> list[Span]:
    return [span._replace(end=end)] if span.start < end else []
