"""Dates of birth: a date of the last 120 years right beside a word that says somebody was born on it."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator

from tunesmith.privacy.names.tone import Tone, Tones
from tunesmith.privacy.recognizers.page import WORD, Page, latin
from tunesmith.privacy.recognizers.patterns import matches
from tunesmith.privacy.spans import Span

OLDEST_YEARS = 120
LABEL_SCORE, BORN_SCORE, ENCYCLOPEDIC_SCORE = 0.9, 0.75, 0.4
_MONTH = (
    r"(?:jan(?:uary|vier|uar|uari|eiro)?|feb(?:ruary|ruar|ruari|brero|brer|braio|rero)?|f[ée]v(?:rier|ereiro)?|febrero|mar(?:ch|s|zo|[çc]o|et)?|"
    r"m[äa]rz|m(?:aa)?rt|apr(?:il|ile)?|avr(?:il)?|abr(?:il)?|may|mai|maj|mei|mayo|maio|maggio|jun[ei]?|juin|junio|junho|giugno|juni|"
    r"jul[yi]?|juil(?:let)?|julio|julho|luglio|juli|aug(?:ust|usti|ustus)?|ao[ûu]t|agosto|ago|sep(?:t(?:ember|embre|iembre)?|tember)?|"
    r"set(?:tembre|embro)?|oct(?:ober|obre|ubre)?|okt(?:ober)?|ottobre|outubro|out|nov(?:ember|embre|iembre|embro)?|"
    r"dec(?:ember)?|d[ée]c(?:embre)?|dez(?:ember|embro)?|dic(?:iembre|embre)?|gennaio|gen|enero|ene|januar)\.?"
)
_DAY = r"(?:0?[1-9]|[12][0-9]|3[01])"
_YEAR = r"(?:19[0-9]{2}|20[0-9]{2})"
_DATE = (
    rf"(?:{_YEAR}[-/.](?:0?[1-9]|1[0-2])[-/.]{_DAY}|{_DAY}[-/. ]{{1,2}}(?:0?[1-9]|1[0-2])[-/. ]{{1,2}}(?:{_YEAR}|[0-9]{{2}})|"
    rf"(?:0?[1-9]|1[0-2])[-/.]{_DAY}[-/.](?:{_YEAR}|[0-9]{{2}})|"
    rf"{_DAY}(?:st|nd|rd|th|er|\.|º)?(?:[ -]|(?: of| de| di)? ){_MONTH},?(?:[ -]|(?: of| de| del| di)? ){_YEAR}|"
    rf"{_DAY}-{_MONTH}-[0-9]{{2}}|{_MONTH} {_DAY}(?:st|nd|rd|th)?,? {_YEAR}|{_YEAR},? {_MONTH} {_DAY})"
)
_LABEL = (
    r"d\.?o\.?b\.?|date[ _]of[ _]birth|birth[ _-]?date|birth[ -]?day|birth day|bday|geburtsdatum|geboortedatum|date de naissance|fecha de nacimiento|"
    r"data di nascita|data de nascimento|f[öo]delsedatum|f[øo]dselsdato|data urodzenia|syntym[äa]aika|geb\.?"
)
_BORN = (
    r"born(?: (?:on|in [A-Z][\w. ]{1,30} on|at [A-Z][\w. ]{1,30} on|the))?|geboren(?: am| op)?|né(?:e|\(e\))? le|nacid[oa](?: el)?|"
    r"nat[oa] il|nascid[oa](?: em)?|född(?: den)?|født(?: den)?|birth(?:ed)?"
)
_BIRTH = latin(
    rf"(?:^|[^{WORD}])(?:{_LABEL}|{_BORN})(?:['\"`*)\]]{{0,3}}(?: ?[:=|>-]{{1,2}}|,| is| was|:? (?:is|was)?| \((?:[A-Za-z/.-]{{6,14}})\):?)?"
    rf"[\s*'\"]{{0,4}}(?:(?:on|the|le|el|il|am|den)\s)?(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day,? )?)({_DATE})(?:[^0-9{WORD}]|\z)",
    ignore_case=True,
)
_BIRTH_AFTER = latin(
    rf"(?:^|[^0-9{WORD}/.-])({_DATE})(?:\)|,)?\s(?:\((?:{_LABEL})\)|is (?:my|his|her|their|the) (?:{_LABEL})|(?:is when|as (?:my|his|her|their) (?:{_LABEL})))",
    ignore_case=True,
)
_CJK_DATE = re.compile(
    r"(?:(?:19|20)\d{2})\s?[年년]\s?\d{1,2}\s?[月월]\s?\d{1,2}\s?[日일]?|(?:19|20)\d{2}[-/.]\d{1,2}[-/.]\d{1,2}"
)
_CJK_BIRTH = re.compile("出生|生日|生年月日|誕生日|생년월일|生于|生於|출생|дата рождения|родил|Дата рождения")
GATE = r"(?i:\bborn|birth|\bd\.?o\.?b|bday|\bgeb|nasc|nacid|nacim|naissance|\bné|nat[oa] il|fød|föd|urodz|syntym)"
_PARENTHESIS = re.compile(r"[(;] ?(?:born|b\.)(?: on)? ?$")
_ENDS_IN_BORN = re.compile(r"\bborn(?: (?:(?:at home )?on|(?:in|at) [\w. ]{1,40} on|the))? ?$")
_IS_A = re.compile(r"[^.\n]{0,60}?[),] ?(?:is|was) (?:an? |the |one of |known )")


def find_births(page: Page) -> Iterator[Span]:
    """Dates beside words for being born; a year alone and dates of people long dead are none."""
    for pattern in (_BIRTH, _BIRTH_AFTER):
        for start, end in matches(pattern, page.data):
            if is_of_the_living(page.said(start, end)):
                yield Span(*page.place(start, end), "DATE_OF_BIRTH", _score(page, start, end), "birth")


def is_of_the_living(said: str) -> bool:
    """Whether the year, where it has four digits, is one of the last 120."""
    year = re.search(r"(?:19|20)\d\d", said)
    now = datetime.date.today().year
    return year is None or now - OLDEST_YEARS <= int(year[0]) <= now


def _score(page: Page, start: int, end: int) -> float:
    """A label says that the date is somebody's; "born" says so too, but not in what reads like an encyclopedia."""
    before, after = page.around(start, end, before=60, after=80)
    if not _ENDS_IN_BORN.search(before):
        return LABEL_SCORE
    tone = Tones(page.text).at(page.place(start, end)[0])
    is_introduced = _PARENTHESIS.search(before) or _IS_A.match(after)  # "Name (born 1 May 1970) is a …"
    is_encyclopedic = tone is Tone.ENCYCLOPEDIC or (is_introduced and tone is not Tone.PRIVATE)
    return ENCYCLOPEDIC_SCORE if is_encyclopedic else BORN_SCORE


def find_births_in_other_scripts(page: Page) -> Iterator[Span]:
    """The same in Chinese, Japanese, Korean and Russian."""
    if _CJK_BIRTH.search(page.text) is None:
        return
    for match in _CJK_DATE.finditer(page.text):
        around = page.text[max(0, match.start() - 12) : match.start()] + "|" + page.text[match.end() : match.end() + 6]
        if _CJK_BIRTH.search(around):
            yield Span(*match.span(), "DATE_OF_BIRTH", LABEL_SCORE, "birth")
