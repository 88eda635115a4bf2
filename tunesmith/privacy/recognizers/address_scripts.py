"""Postal addresses in Chinese, Japanese, Korean, Cyrillic and Greek letters: a street or block with its number, and the
parts around it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tunesmith.privacy.recognizers.address_words import countries
from tunesmith.privacy.recognizers.page import Page, words
from tunesmith.privacy.spans import Span

SCORE = 0.7
_DIGITS = "[0-9０-９]"
_HAN_PLACE = r"[\p{Han}]{1,8}(?:省|自治区|特别行政区|市|区|區|县|縣|都|府|道|郡|州|镇|鎮|街道|乡|鄉|町|村|里)"
_CHINESE = (
    rf"(?:{_DIGITS}{{3,6}} ?)?(?:{_HAN_PLACE}){{0,5}}[\p{{Han}}A-Z0-9]{{1,12}}(?:路|街|道|巷|弄|大道|胡同|段)[\p{{Han}}0-9０-９]{{0,6}}"
    rf"(?:{_DIGITS}{{1,5}}(?:号|號|弄)(?:院|之{_DIGITS}{{1,3}})?|[A-Za-z]座)"
    rf"(?:[\p{{Han}}]{{0,8}}[0-9０-９A-Z-]{{1,6}}(?:号楼|栋|幢|座|单元|室|楼|层|號|樓)(?:之{_DIGITS}{{1,3}})?){{0,4}}(?: ?{_DIGITS}{{6}})?"
)
_JAPANESE = (
    rf"(?:〒? ?{_DIGITS}{{3}}-{_DIGITS}{{4}}\s?)?(?:{_HAN_PLACE}){{1,5}}[\p{{Han}}\p{{Hiragana}}\p{{Katakana}}ー々ヶ]{{0,16}}"
    rf"(?:[0-9０-９一二三四五六七八九十]{{1,3}}丁目{_DIGITS}{{1,4}}(?:[-番－]{_DIGITS}{{1,4}}){{0,2}}(?:番地|号)?|{_DIGITS}{{1,4}}[-－]{_DIGITS}{{1,4}}(?:[-－]{_DIGITS}{{1,4}})?)"
    rf"(?: [\p{{Han}}\p{{Hiragana}}\p{{Katakana}}ー々ヶA-Z]{{1,20}}{_DIGITS}{{1,4}}(?:号室|号|F|階)?)?"
)
_KOREAN = (
    r"(?:[\p{Hangul}]{1,8}(?:특별자치시|특별자치도|특별시|광역시|시|도|군|구|읍|면) ?){1,4}[\p{Hangul}0-9]{1,14}(?:로|길|가|거리) ?[0-9]{1,4}(?:-[0-9]{1,4})?"
    r"(?: ?\([\p{Hangul}0-9 ,]{2,20}\))?(?:,? ?[0-9]{1,4}동)?(?: ?[0-9]{1,4}호)?"
)
_CYRILLIC_NAME = (
    r"(?:[0-9]{1,3}(?:-[а-я]{1,2})? )?[А-ЯЁІЇЄҐ][\p{Cyrillic}.'’-]{0,24}(?: [А-ЯЁІЇЄҐ0-9][\p{Cyrillic}.'’-]{0,24}){0,3}"
)
_CYRILLIC_STREET = (
    r"(?:ул|улица|пр|пр-т|просп|проспект|пер|переулок|б-р|бул|бульвар|ш|шоссе|наб|набережная|набережна|майдан|проїзд|пл|площадь|алл|аллея|туп|тупик|проезд|пр-д|"
    r"вул|вулиця|провулок|пров|узвіз|алея|линия|тракт|площа|бул\.|шосе|трг|улица)\.?"
)
_CYRILLIC_PLACE = r"(?:г|гор|город|пос|п|с|село|д|деревня|ст|х|к|клх|аул|пгт|р-н|обл|край|респ|мкр|м|місто|смт)\.?"
_CYRILLIC_AREA = (
    rf"(?:{_CYRILLIC_PLACE} ?{_CYRILLIC_NAME}|{_CYRILLIC_NAME} (?:обл|область|р-н|район|край|району|области)\.?)"
)
_CYRILLIC = (
    rf"(?:[0-9]{{5,6}}, ?)?(?:(?:{_CYRILLIC_AREA}|Россия|Москва|Санкт-Петербург|Київ|Киев|Минск), ?){{0,4}}"
    rf"(?:{_CYRILLIC_STREET} ?{_CYRILLIC_NAME}|{_CYRILLIC_NAME} (?:ул|пр-т|просп|пер|бул|наб|пл|вул)\.?),? ?(?:(?:д|дом|буд|№)\.? ?)?[0-9]{{1,4}}[\p{{Cyrillic}}]?(?:/[0-9]{{1,4}})?"
    r"(?:,? ?(?:корп|корпус|к|стр|строение|кв|квартира|оф|офис|п|под|эт)\.? ?[0-9]{1,5}(?:/[0-9]{1,3})?){0,3}"
    rf"(?:, ?{_CYRILLIC_AREA}){{0,3}}(?:(?:, ?{_CYRILLIC_NAME}){{0,2}}, ?[0-9]{{5,6}}\b(?: {_CYRILLIC_NAME})?)?"
)
_GREEK = (
    r"(?:Λεωφόρος|Λεωφ\.|Οδός|οδός|Πλατεία|Πάροδος|Πλ\.|Λ\.) ?[\p{Greek}.]{2,24}(?: [\p{Greek}.]{2,24}){0,3} [0-9]{1,4}(?:-[0-9]{1,4})?"
    r"(?:, ?\s?(?:Τ\.?Κ\.? ?)?[0-9]{3} ?[0-9]{2} \p{Greek}{3,24}(?: \p{Greek}{3,24})?)?"
)
# A sign without which none of them stands, and what to look for then.
_SCRIPTS = (
    (("号", "號", "丁目", "座", "市", "都", "路", "街"), words(f"({_JAPANESE}|{_CHINESE})")),
    (("로", "길", "가", "거리"), words(f"({_KOREAN})")),
    (
        (
            "ул",
            "пр",
            "пер",
            "ш.",
            "шоссе",
            "наб",
            "площ",
            "пл.",
            "алл",
            "алея",
            "бул",
            "б-р",
            "вулиц",
            "узв",
            "Ул",
            "Пр",
        ),
        words(rf"(?:^|[^\p{{L}}\p{{N}}])({_CYRILLIC})"),
    ),
    (("Λ", "δός", "Π"), words(rf"(?:^|[^\p{{L}}\p{{N}}])({_GREEK})")),
)
_LETTERS = re.compile("[\u0370-\u052f\u3040-\u9fff\uac00-\ud7a3]")
_WORDS_AFTER = re.compile(r"(?:, ?|\n|，)([^\d\n,.;|\"。，]{2,48})")


def find_in_other_scripts(page: Page) -> Iterator[Span]:
    """Street addresses with a number; nothing in a text of Latin letters is looked at."""
    text = page.text
    if _LETTERS.search(text) is None:
        return
    for signs, pattern in _SCRIPTS:
        if any(sign in text for sign in signs):
            for match in pattern.finditer(text):
                start, end = match.span(1)
                yield Span(start, _with_country(text, end), "STREET_ADDRESS", SCORE, "address_other_script")


def _with_country(text: str, end: int) -> int:
    """The end of a country's name after the address, if there is one."""
    after = _WORDS_AFTER.match(text[end : end + 64])
    said = after[1].rstrip().split(" ") if after is not None else []
    for number in range(min(len(said), 5), 0, -1):
        name = " ".join(said[:number])
        if name.lower() in countries():
            return end + after.start(1) + len(name)
    return end
