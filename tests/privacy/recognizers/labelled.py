"""Text with checksummed personal data at known places, made up from number rules, formats and frames."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import NamedTuple

from stdnum import luhn

from tunesmith.privacy.recognizers.bank_accounts import LENGTHS
from tunesmith.privacy.recognizers.national_ids import NUMBERS

FRAMES = (
    "{label} {value}",
    "{label}: {value}.",
    "Hi, {label} is {value}, can you check it?",
    "Please note {label} ({value}) for later.",
    "- {label} = {value}\n- done",
    "Question: why was {value} refused? It is {label}, after all.",
    '{{"{label}": "{value}", "n": 3}}',
    "I wrote down {label} {value} on 12/05/2021 at 10:30.",
    "{label}\t{value}\t2019\n",
    "«{value}» – {label} – déjà vu, 日本語 and 7 more.",
)
LABELS = {
    "CREDIT_CARD": ("my card", "the Visa card number", "credit card", "tarjeta", "Kreditkarte", "payment by", "the number", "it"),
    "IBAN_CODE": ("IBAN", "my account", "pay to", "Konto", "the number", "compte"),
    "US_SSN": ("SSN", "my social security number", "social"),
}  # fmt: skip
ID_LABELS = {
    "id_ar_cuit": "CUIT", "id_at_vnr": "SVNR", "id_au_tfn": "TFN", "id_be_nn": "rijksregisternummer", "id_br_cpf": "CPF",
    "id_ca_sin": "SIN", "id_ch_ahv": "AHV", "id_cn_ric": "身份证", "id_cz_rc": "rodné číslo", "id_de_idnr": "Steuer-ID",
    "id_dk_cpr": "CPR", "id_fr_nir": "numéro de sécurité sociale", "id_gb_nhs": "NHS number", "id_in_aadhaar": "Aadhaar",
    "id_jp_my_number": "My Number", "id_kr_rrn": "resident registration", "id_nl_bsn": "BSN", "id_no_fodselsnummer": "fødselsnummer",
    "id_pl_pesel": "PESEL", "id_pt_nif": "NIF", "id_ro_cnp": "CNP", "id_se_personnummer": "personnummer", "id_za_idnr": "South African ID",
    "id_tr_tckimlik": "TC kimlik", "id_hr_oib": "OIB", "id_il_idnr": "teudat zehut",
}  # fmt: skip
CARDS = (("4", 16), ("4", 13), ("4", 19), ("51", 16), ("55", 16), ("2221", 16), ("2720", 16), ("34", 15), ("37", 15), ("300", 14),
         ("36", 14), ("38", 14), ("6011", 16), ("65", 16), ("644", 16), ("3528", 16), ("3589", 16), ("62", 16), ("62", 19),
         ("5018", 12), ("6304", 12), ("6759", 13), ("5020", 16), ("6763", 19), ("2200", 16), ("1800", 15), ("2131", 15))  # fmt: skip
GROUPS = {16: (4, 4, 4, 4), 15: (4, 6, 5), 14: (4, 6, 4), 13: (4, 4, 4, 1), 19: (4, 4, 4, 4, 3), 12: (4, 4, 4)}
NEAR_MISSES: tuple[Callable[[random.Random], str], ...] = (
    lambda r: f"ISBN 978-{r.randint(0, 9)}-{r.randint(10, 99)}-{r.randint(100000, 999999)}-{r.randint(0, 9)}",
    lambda r: f"version {r.randint(1, 20)}.{r.randint(0, 30)}.{r.randint(0, 300)}.{r.randint(0, 9999)}",
    lambda r: f"about {r.randint(1, 999)},{r.randint(100, 999)},{r.randint(100, 999)} people",
    lambda r: f"part no. {r.randint(10**7, 10**8)}-{r.randint(100, 999)}",
    lambda r: f"order number {_with_luhn(r, '4', 16)}",
    lambda r: f"{r.random():.15f} and {r.randint(1000, 9999)}.{r.randint(10**11, 10**12)}",
    lambda r: (
        f"from {r.randint(1500, 2020)}-{r.randint(1500, 2020)} on {r.randint(2000, 2030)}-{r.randint(10, 12)}-{r.randint(10, 28)}"
    ),
    lambda r: f"the card {_spoil(_with_luhn(r, '4', 16))} is misspelled",
    lambda r: f"IBAN {_iban(r, spoiled=True)}",
    lambda r: f"commit {r.getrandbits(160):040x} at {r.randint(1_500_000_000, 1_800_000_000)}",
    lambda r: f"SKU {''.join(r.choices('ABCDEFGHJK', k=3))}-{r.randint(1000, 9999)}-{r.randint(10, 99)}",
    lambda r: f"x = {r.randint(10**5, 10**6)} * {r.randint(10**5, 10**6)} + {r.randint(0, 99)}",
)


class Labelled(NamedTuple):
    """A text and what stands in it: (start, end, type)."""

    text: str
    spans: tuple[tuple[int, int, str], ...]


def labelled_texts(number: int, seed: int) -> Iterator[Labelled]:
    """Texts with one value each, and as many of near-misses with none."""
    rng = random.Random(seed)
    for _ in range(number):
        kind, label, value = rng.choice((_card, _card, _bank_account, _ssn, _national_id, _national_id))(rng)
        before, after = rng.choice(FRAMES).format(label=label, value="\x00").split("\x00")
        yield Labelled(before + value + after, ((len(before), len(before) + len(value), kind),))
        yield Labelled(f"Consider {rng.choice(NEAR_MISSES)(rng)}, then answer.", ())


def _card(rng: random.Random) -> tuple[str, str, str]:
    prefix, length = rng.choice(CARDS)
    return (
        "CREDIT_CARD",
        rng.choice(LABELS["CREDIT_CARD"]),
        _dress(rng, _with_luhn(rng, prefix, length), GROUPS[length]),
    )


def _dress(rng: random.Random, digits: str, groups: tuple[int, ...]) -> str:
    """The digits as people write them: together, in groups, in other digits, with invisible characters between."""
    way = rng.choice(("plain", " ", "-", ".", " ", "-", "each", "wide", "arabic", "hidden", "hidden_groups"))
    if way in ("plain", "each", "hidden"):
        return {"plain": "", "each": " ", "hidden": rng.choice("\u200b\u200c\u2060\ufeff")}[way].join(digits)
    sign = "\u200b" if way == "hidden_groups" else way if len(way) == 1 else " "
    parts, at = [], 0
    for size in groups:
        parts.append(digits[at : at + size])
        at += size
    zero = {"wide": "０", "arabic": "٠"}.get(way)
    spelled = sign.join(parts)
    return spelled.translate({ord("0") + k: chr(ord(zero) + k) for k in range(10)}) if zero else spelled


def _bank_account(rng: random.Random) -> tuple[str, str, str]:
    number = _iban(rng)
    sign = rng.choice(("", " ", " ", "-", "."))
    grouped = sign.join(number[k : k + 4] for k in range(0, len(number), 4))
    return "IBAN_CODE", rng.choice(LABELS["IBAN_CODE"]), grouped.lower() if rng.random() < 0.1 else grouped


def _iban(rng: random.Random, *, spoiled: bool = False) -> str:
    country = rng.choice(sorted(LENGTHS))
    body = "".join(rng.choices("0123456789", k=LENGTHS[country] - 4))
    if country in ("GB", "NL", "MT"):
        body = "".join(rng.choices("ABCDEFGH", k=4)) + body[4:]
    as_digits = "".join(str(int(letter, 36)) for letter in body + country + "00")
    check = 98 - int(as_digits) % 97
    return f"{country}{(check + (7 if spoiled else 0)) % 100:02d}{body}"


def _ssn(rng: random.Random) -> tuple[str, str, str]:
    area = rng.choice([k for k in range(1, 900) if k != 666])
    sign = rng.choice("-- ")
    value = f"{area:03d}{sign}{rng.randint(1, 99):02d}{sign}{rng.randint(1, 9999):04d}"
    return "US_SSN", rng.choice(LABELS["US_SSN"]), value


def _national_id(rng: random.Random) -> tuple[str, str, str]:
    recognizer = rng.choice([one for one in NUMBERS if one.name in ID_LABELS])
    spelling = rng.choice(f"{recognizer.strong} {recognizer.weak}".split()).replace("_", " ")
    digits = _valid_digits(rng, recognizer, sum(map(int, _sizes(spelling))))
    value, at, sign = "", 0, rng.choice(" -.")
    for part in _tokens(spelling):
        value += digits[at : at + int(part)] if part.isdigit() else sign if part == "~" else part
        at += int(part) if part.isdigit() else 0
    return "NATIONAL_ID", ID_LABELS[recognizer.name], value


_POOL: dict[tuple[str, int], list[str]] = {}
POOL_SIZE = 8


def _valid_digits(rng: random.Random, recognizer, size: int) -> str:
    """Digits that pass: a date where one is asked for, then whatever the check digits allow."""
    pool = _POOL.setdefault((recognizer.name, size), [])
    while len(pool) < POOL_SIZE:
        digits = _with_date(rng, "".join(rng.choices("0123456789", k=size)))
        found = [f"{digits[:-2]}{tail:02d}" for tail in range(100) if recognizer.check(f"{digits[:-2]}{tail:02d}")]
        pool += found[:1]
    return rng.choice(pool)


def _with_date(rng: random.Random, digits: str) -> str:
    """The digits with a date of birth at one of the places and in one of the orders that numbers have it."""
    day, month, year = f"{rng.randint(1, 28):02d}", f"{rng.randint(1, 12):02d}", f"{rng.randint(50, 99)}"
    at = rng.choice((0, 1, 6)) if len(digits) > 12 else rng.choice((0, 0, 1, 4))
    date = rng.choice((year + month + day, day + month + year, "19" + year + month + day))
    head = {13: rng.choice("1267") if at == 1 else digits[0], 15: rng.choice("12"), 18: "1"}.get(
        len(digits), digits[:1]
    )
    if len(digits) == 13 and rng.random() < 0.3:
        return "756" + digits[3:]  # the Swiss number has no date
    digits = head + digits[1:]
    return (digits[:at] + date + digits[at + len(date) :])[: len(digits)]


def _tokens(spelling: str) -> list[str]:
    tokens: list[str] = []
    for character in spelling:
        if tokens and character.isdigit() and tokens[-1].isdigit():
            tokens[-1] += character
        else:
            tokens.append(character)
    return tokens


def _sizes(spelling: str) -> list[str]:
    return [token for token in _tokens(spelling) if token.isdigit()]


def _with_luhn(rng: random.Random, prefix: str, length: int) -> str:
    body = prefix + "".join(rng.choices("0123456789", k=length - len(prefix) - 1))
    return body + luhn.calc_check_digit(body)


def _spoil(digits: str) -> str:
    return digits[:-1] + str((int(digits[-1]) + 1) % 10)
