"""Payment cards: the issuer's range, a length it issues, and the Luhn check digit (ISO/IEC 7812-1)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from stdnum import luhn

from tunesmith.privacy.recognizers.numbers import NumberRecognizer, Window, judge
from tunesmith.privacy.recognizers.page import Page
from tunesmith.privacy.spans import Span

SURE_SCORE, LIKELY_SCORE, GUESS_SCORE = 0.9, 0.7, 0.3


class Brand(NamedTuple):
    """Numbers from ``low`` to ``high`` (first digits), the lengths issued, and how much the range alone says."""

    low: str
    high: str
    lengths: tuple[int, ...]
    score: float


def _lengths(first: int, last: int) -> tuple[int, ...]:
    return tuple(range(first, last + 1))


# Public issuer ranges. Long and unmistakable ones are sure; ranges that take a tenth of all numbers are guesses, which
# need groups of four or a word such as "card" beside them.
BRANDS = (
    Brand("4", "4", (13, 16, 19), SURE_SCORE),  # Visa, Electron, Dankort
    Brand("51", "55", (16,), SURE_SCORE),  # Mastercard
    Brand("2221", "2720", (16,), SURE_SCORE),  # Mastercard, second range
    Brand("34", "34", (15,), SURE_SCORE),  # American Express
    Brand("37", "37", (15,), SURE_SCORE),
    Brand("300", "305", _lengths(14, 19), SURE_SCORE),  # Diners Club
    Brand("3095", "3095", _lengths(14, 19), SURE_SCORE),
    Brand("309", "309", (14,), SURE_SCORE),
    Brand("36", "36", _lengths(14, 19), SURE_SCORE),
    Brand("38", "39", _lengths(14, 19), SURE_SCORE),
    Brand("6011", "6011", _lengths(16, 19), SURE_SCORE),  # Discover
    Brand("644", "649", _lengths(16, 19), SURE_SCORE),
    Brand("65", "65", _lengths(16, 19), SURE_SCORE),
    Brand("3528", "3589", _lengths(16, 19), SURE_SCORE),  # JCB
    Brand("35", "35", (16,), LIKELY_SCORE),  # JCB in lists of test numbers
    Brand("1800", "1800", (15,), LIKELY_SCORE),
    Brand("2131", "2131", (15,), LIKELY_SCORE),
    Brand("62", "62", _lengths(16, 19), SURE_SCORE),  # UnionPay
    Brand("81", "82", _lengths(16, 19), LIKELY_SCORE),  # UnionPay, RuPay
    Brand("60", "60", (16,), SURE_SCORE),  # RuPay, Hipercard
    Brand("508", "508", (16,), SURE_SCORE),
    Brand("353", "356", (16,), SURE_SCORE),
    Brand("2200", "2204", _lengths(16, 19), SURE_SCORE),  # Mir
    Brand("2205", "2205", (16,), LIKELY_SCORE),  # Borica
    Brand("506099", "506198", (16, 18, 19), SURE_SCORE),  # Verve
    Brand("650002", "650027", (16, 18, 19), SURE_SCORE),
    Brand("507865", "507964", (16, 18, 19), SURE_SCORE),
    Brand("636", "639", _lengths(16, 19), SURE_SCORE),  # InterPayment, InstaPayment, Maestro
    Brand("9792", "9792", (16,), LIKELY_SCORE),  # Troy
    Brand("8600", "8600", (16,), LIKELY_SCORE),  # UzCard
    Brand("9860", "9860", (16,), LIKELY_SCORE),  # Humo
    Brand("6304", "6304", _lengths(12, 19), LIKELY_SCORE),  # Maestro and Laser
    Brand("6706", "6706", _lengths(16, 19), LIKELY_SCORE),
    Brand("6709", "6709", _lengths(16, 19), LIKELY_SCORE),
    Brand("6771", "6771", _lengths(16, 19), LIKELY_SCORE),
    Brand("6759", "6763", _lengths(12, 19), LIKELY_SCORE),
    Brand("6333", "6334", (16, 18, 19), LIKELY_SCORE),  # Solo
    Brand("4903", "4905", (16, 18, 19), LIKELY_SCORE),  # Switch
    Brand("4911", "4911", (16, 18, 19), LIKELY_SCORE),
    Brand("4936", "4936", (16, 18, 19), LIKELY_SCORE),
    Brand("5018", "5018", _lengths(12, 19), LIKELY_SCORE),
    Brand("5020", "5020", _lengths(12, 19), LIKELY_SCORE),
    Brand("5038", "5038", _lengths(12, 19), LIKELY_SCORE),
    Brand("5893", "5893", _lengths(12, 19), LIKELY_SCORE),
    Brand("0604", "0604", _lengths(12, 19), LIKELY_SCORE),
    Brand("6390", "6390", _lengths(12, 19), LIKELY_SCORE),
    Brand("50", "50", _lengths(12, 19), LIKELY_SCORE),
    Brand("56", "58", _lengths(12, 19), LIKELY_SCORE),
    Brand("6", "6", _lengths(12, 19), GUESS_SCORE),
    Brand("1", "1", (15,), GUESS_SCORE),  # UATP
)
_GROUPINGS = frozenset(
    [
        "4~4~4~4",
        "4~6~5",
        "4~6~4",
        "4~4~4~4~3",
        "4~4~4~4~2",
        "4~4~4~4~1",
        "4~4~4",
        "4~4~4~1",
        "4~4~4~2",
        "4~4~4~3",
        "4~4~5",
        "4~5~4",
        "6~13",
        "8~8",
        "4~12",
        "4~3~3~3",
        "12",
        "13",
        "14",
        "15",
        "16",
        "17",
        "18",
        "19",
    ]
)

CARD = NumberRecognizer(
    "card",
    "CREDIT_CARD",
    check=luhn.is_valid,
    context=r"\b(?:cards?|visa|master ?card|maestro|amex|american express|diners|discover|jcb|union ?pay|mir|rupay|"
    r"credit|debit|payment|pay|paid|cvv2?|cvc|pan|expir\w*|kredit\w*|karten?\w*|carte|cb|tarjeta|carta|cart[ãa]o|kaart|"
    r"kort\w*|kart[aeyęą]\w*|kredi)\b|карт|卡|カード|카드",
)


def find_card(page: Page, window: Window) -> Iterator[Span]:
    """The number as a payment card: usual groups, or any where nothing else belongs to the number."""
    num_digits = len(window.digits)
    if num_digits < 12 or not (window.is_whole or window.even_spelling in _GROUPINGS) or _is_decimal(window):
        return
    score = max((brand.score for brand in _BY_DIGIT[window.digits[0]] if _issues(brand, window.digits)), default=None)
    if score is None or len(set(window.digits)) == 1 or not luhn.is_valid(window.digits):
        return
    is_grouped = num_digits >= 15 and window.even_spelling != str(num_digits) and window.even_spelling in _GROUPINGS
    yield from judge(page, window, CARD, max(score, LIKELY_SCORE) if is_grouped else score)


def _issues(brand: Brand, digits: str) -> bool:
    return len(digits) in brand.lengths and brand.low <= digits[: len(brand.low)] <= brand.high


def _is_decimal(window: Window) -> bool:
    """Whether it reads as a number with a fraction: 4.111111111111111."""
    whole, point, fraction = window.spelling.partition(".")
    return point == "." and whole.isdigit() and fraction.isdigit()


_BY_DIGIT = {
    digit: tuple(brand for brand in BRANDS if brand.low[0] <= digit <= brand.high[0]) for digit in "0123456789"
}
