"""Made-up values in the form of real ones: one function per type, ``(value, draw) → fake``.

Whatever can be is taken from what is set apart or never given out, so that no fake is anybody's: e-mail domains of RFC
2606, IP addresses of RFC 1112 and 3849, telephone numbers and social security numbers that do not exist, card numbers of
payment services' test ranges. Length, case, separators and the country stay.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import string
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import phonenumbers

from tunesmith.privacy.dates import read_date, write_date
from tunesmith.privacy.fake_names import FakeNames, load_fake_names, load_fake_places
from tunesmith.privacy.names.tables import load_tables
from tunesmith.privacy.names.words import words
from tunesmith.privacy.people import POSSESSIVE, WORD, fold, split_name


@dataclass(frozen=True)
class Real:
    """What a record really says, and so no fake of it may say.

    Attributes:
        words: every word of its names, folded.
        initials: initial (folded) → the initial of the name that stands for the person's ("A. Weber").
    """

    words: frozenset[str] = frozenset()
    initials: Mapping[str, str] = field(default_factory=dict)


class Draw:
    """Numbers that follow from a key and a value: the same ones in every process, none without the key."""

    def __init__(self, key: bytes, real: Real, *parts: str):
        self._key, self.real = key, real
        self._seed = hmac.new(key, "\x1f".join(parts).encode("utf-8", "surrogatepass"), hashlib.sha256).digest()
        self._block, self._used = self._seed, 0

    def again(self, *parts: str) -> Draw:
        """Other numbers, for another value of the same kind."""
        return Draw(self._key, self.real, *parts)

    def name(self, key: str, pool: Sequence[str]) -> str:
        """The name that stands for a word: always the same one, but where that is a name of the record the next."""
        mine = self.again("name", key)
        for _ in range(64):
            chosen = mine.choice(pool)
            if fold(chosen) != key and fold(chosen) not in self.real.words:
                break
        return chosen

    def below(self, limit: int) -> int:
        """A number from 0 to limit - 1."""
        if self._used == 4:
            self._block, self._used = hashlib.sha256(self._seed + self._block).digest(), 0
        number = int.from_bytes(self._block[8 * self._used : 8 * self._used + 8])
        self._used += 1
        return number % limit

    def choice(self, options: Sequence[str]) -> str:
        return options[self.below(len(options))]

    def digits(self, count: int) -> str:
        return "".join(str(self.below(10)) for _ in range(count))


Fake = Callable[[str, Draw], str]


# ── forms ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def in_case_of(value: str, fake: str) -> str:
    """The fake in capitals or lower case where the value is."""
    if value.isupper() and len(value) > 1:
        return fake.upper()
    return fake.lower() if value.islower() else fake


def in_form_of(value: str, characters: str) -> str:
    """The value with its digits and letters, from the left, replaced by these."""
    given = iter(characters)
    return "".join(next(given, character) if character.isalnum() else character for character in value)


def _digits_of(value: str) -> str:
    return "".join(str(unicodedata.digit(c)) for c in value if c.isdigit())


def _with_digits(value: str, digits: str) -> str:
    """The value with its digits replaced from the left; what is no digit stays."""
    given = iter(digits)
    return "".join(next(given, c) if c.isdigit() else c for c in value)


def fake_shape(value: str, draw: Draw) -> str:
    """Digits for digits, letters for letters of the same case; the checksum of an id is left to chance."""
    return "".join(_same_class(character, draw) for character in value)


def _same_class(character: str, draw: Draw) -> str:
    if character.isdigit():
        return str(draw.below(10))
    if character.isalpha():
        return draw.choice(string.ascii_uppercase if character.isupper() else string.ascii_lowercase)
    return character


# ── names ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def names_for(word: str) -> FakeNames:
    """The names in the script of a word."""
    return load_fake_names(unicodedata.name(word[0], "LATIN").split()[0])


def fake_person(value: str, draw: Draw) -> str:
    """Every word of the name by itself, so that "Dr. Anna Weber", "Weber" and "Anna" fit together in every text; titles,
    particles and suffixes stay. An initial becomes that of the name which stands for the person's, where it is known."""
    parts, end = [], 0
    for word in split_name(value):
        parts.append(value[end : word.start])
        written = value[word.start : word.end]
        end = word.end
        if word.kind == "name":
            parts.append(fake_name(written, draw))
        elif word.kind == "initial" and written.isascii():
            initial = draw.real.initials.get(word.key) or draw.again("initial", word.key).choice(string.ascii_uppercase)
            parts.append(in_case_of(f"{written}{written}", initial))
        else:
            parts.append(written)
    return "".join([*parts, value[end:]])


def fake_name(written: str, draw: Draw) -> str:
    """A name for a name: which one, and whether a first or a last one, follows from the word alone."""
    key = fold(written)
    names = names_for(written)
    if len(written) in (2, 3) and names is load_fake_names("CJK"):  # 王小明: one character of family, the rest given
        return draw.name(key[0], names.last) + draw.name(key[1:], names.pool(key[1:]) or names.last)
    return in_case_of(written, draw.name(key, names.pool(key) or names.last))


def fake_words(value: str, draw: Draw, keep: frozenset[str], *, codes: bool = False) -> str:
    """Names for words and digits for digits; words to keep and, beside capitalized ones, those in lower case stay."""
    has_capitals = any(character.isupper() for character in value)

    def replaced(match: re.Match[str]) -> str:
        word = POSSESSIVE.sub("", match[0])
        if fold(word) in keep or len(word) == 1 or (has_capitals and word.islower()) or (codes and is_code(word)):
            return match[0]
        return fake_last_name(word, draw) + match[0][len(word) :]

    return re.sub(r"\d+", lambda match: _number(match[0], draw), WORD.sub(replaced, value))


def is_code(word: str) -> bool:
    """Whether it is a code such as that of a state, in which millions live."""
    return len(word) == 2 and word.isupper()


def fake_last_name(word: str, draw: Draw) -> str:
    return in_case_of(word, draw.name(fold(word), names_for(word).last))


def _number(written: str, draw: Draw) -> str:
    """A number of as many digits that does not begin with 0."""
    mine = draw.again("number", written)
    return f"{1 + mine.below(9)}{mine.digits(len(written) - 1)}"


def fake_address(value: str, draw: Draw) -> str:
    return fake_words(value, draw, ADDRESS_WORDS, codes=True)


def fake_organization(value: str, draw: Draw) -> str:
    return fake_words(value, draw, ORGANIZATION_WORDS)


def fake_location(value: str, draw: Draw) -> str:
    """Another country, state or town; in other scripts than Latin a last name, as many places have."""
    first = next((character for character in value if character.isalpha()), "A")
    if unicodedata.name(first, "LATIN").split()[0] != "LATIN":
        return draw.name(fold(value), names_for(first).last)
    tables, key = load_tables(), value.lower()
    kind = "country" if key in tables.countries else "state" if key in tables.states else "town"
    return in_case_of(value, draw.name(fold(value), load_fake_places(kind)))


# Kinds of streets, buildings and their parts, and the small words between them.
ADDRESS_WORDS = frozenset(
    map(
        fold,
        words("""
    street st str road rd avenue ave av lane ln drive dr boulevard blvd court ct place pl square sq way parkway pkwy
    terrace ter circle cir trail trl highway hwy alley close crescent gardens grove hill row walk mews quay wharf
    route rte apt apartment suite ste unit floor fl room rm building bldg box po p o house flat block lot north south
    east west n s e w ne nw se sw no nr number strasse straße weg allee platz gasse ring ufer damm rue chemin impasse
    cours quai calle avenida plaza paseo carrera camino via viale piazza corso largo rua travessa praca straat laan
    plein gade vej gata gatan vagen väg veien vei katu tie ulica ul aleja utca út ut ulitsa sokak caddesi mah the of
    and de la le du des del el los las di da do dos der die das am an im zu zum zur von van den het c/o
"""),
    )
)
# Legal forms and what an organization is: they are no secret, and the sentence needs them.
ORGANIZATION_WORDS = frozenset(
    map(
        fold,
        words("""
    inc incorporated corp corporation co company llc llp lp ltd limited plc gmbh ag kg ohg ug se sa sas sarl srl spa
    bv nv ab as oy aps pty pte group holding holdings partners associates consulting services solutions systems
    technologies technology industries international global bank university college school institute hospital clinic
    center centre church museum library foundation trust society association union council ministry department office
    agency bureau studio studios restaurant hotel cafe bar airlines insurance pharmacy laboratory labs media press the
    of and for de la le du des del von van und et y e di der die das
"""),
    )
)


# ── contact and network ───────────────────────────────────────────────────────────────────────────────────────────────


def fake_email(value: str, draw: Draw) -> str:
    """``first.last83@example.org``: no domain under ``example`` can ever belong to anybody."""
    names = load_fake_names("LATIN")
    first = draw.choice(names.female if draw.below(2) else names.male)
    local = f"{first}.{draw.choice(names.last)}{draw.below(900) + 100}".lower()
    domain = f"example.{draw.choice(('com', 'org', 'net'))}"
    return f"{local.upper()}@{domain.upper()}" if value.isupper() else f"{local}@{domain}"


def fake_phone(value: str, draw: Draw) -> str:
    """Digits for digits: in North America an area code that is kept free (N9X), elsewhere a number that its country has
    not given out."""
    digits = _digits_of(value)
    country = _country_code(value)
    national = digits[len(country) :]
    if country in ("", "1") and len(national) == 10:
        return _with_digits(value, f"{country}{2 + draw.below(8)}9{draw.below(10)}{2 + draw.below(8)}{draw.digits(6)}")
    if country in ("", "1") and len(national) == 7:
        return _with_digits(value, f"{country}55501{draw.digits(2)}")
    for attempt in range(32):
        first = national[:1] if attempt < 8 else draw.digits(1)
        fake = first + draw.digits(len(national) - 1)
        if not _is_given_out(country, fake):
            break
    return _with_digits(value, country + fake)


def _is_given_out(country: str, national: str) -> bool:
    if not country or not national or len(national) > 17:
        return False
    zeros = len(national) - len(national.lstrip("0"))
    number = phonenumbers.PhoneNumber(int(country), int(national), None, zeros > 0, zeros or None)
    return phonenumbers.is_valid_number(number)


def _country_code(value: str) -> str:
    """The digits of the country's code, ``00`` before it included; empty where none is written."""
    digits = _digits_of(value)
    has_plus = bool(re.match(r"\s*\(?\s*[+＋]", value))
    if not has_plus and not digits.startswith("00"):
        return "1" if len(digits) == 11 and digits[0] == "1" else ""
    prefix = "" if has_plus else "00"
    rest = digits[len(prefix) :]
    known = phonenumbers.COUNTRY_CODE_TO_REGION_CODE
    size = next((size for size in (1, 2, 3) if rest[:size] and int(rest[:size]) in known), 0)
    return prefix + rest[:size]


def fake_ip(value: str, draw: Draw) -> str:
    """An address that is nobody's: of 240.0.0.0/4 (reserved, RFC 1112) or 2001:db8::/32 (RFC 3849); a suffix stays."""
    found = re.match(r"[0-9a-fA-F:.]+", value)
    address, rest = (found[0], value[found.end() :]) if found else (value, "")
    if ":" in address:
        groups = ":".join(f"{draw.below(0x10000):x}" for _ in range(6))
        return f"2001:db8:{groups}{rest}"
    return f"{240 + draw.below(15)}.{draw.below(256)}.{draw.below(256)}.{1 + draw.below(254)}{rest}"


def fake_mac(value: str, draw: Draw) -> str:
    """00-00-5E-00-53, the range for documentation (RFC 7042), is 256 addresses: locally administered ones instead."""
    upper = value.upper() == value
    octets = [0x02, *(draw.below(256) for _ in range(5))]
    characters = "".join(f"{octet:02x}" for octet in octets)
    return in_form_of(value, characters.upper() if upper else characters)


def fake_url(value: str, draw: Draw) -> str:
    """User and password in a URL; where only those were found, only those."""
    user, password = f"user{draw.below(9000) + 1000}", f"pass{draw.below(9000) + 1000}"
    found = re.fullmatch(r"([a-zA-Z][\w+.-]*://)([^/\s]*)@([^/\s?#]*)(.*)", value, re.DOTALL)
    if found is None:
        return f"{user}:{password}"
    return f"{found[1]}{user}:{password}@host{draw.below(900) + 100}.example.com"


# ── numbers with a checksum ───────────────────────────────────────────────────────────────────────────────────────────

# First digits → a range that payment services set apart for tests.
CARD_TESTS = (
    ("34", "371449"), ("37", "378282"), ("36", "362272"), ("38", "305693"), ("30", "305693"), ("35", "356600"),
    ("5", "555555"), ("2", "222300"), ("62", "620000"), ("60", "601111"), ("6", "601111"), ("4", "424242"),
)  # fmt: skip


def fake_card(value: str, draw: Draw) -> str:
    """A number of the brand's test range with a valid check digit (Luhn)."""
    digits = _digits_of(value)
    start = next((test for first, test in CARD_TESTS if digits.startswith(first)), digits[:1] + "00000")
    body = start + draw.digits(len(digits) - len(start) - 1)
    return _with_digits(_visible(value), body + luhn_digit(body))


def luhn_digit(body: str) -> str:
    """The digit that makes the sum of ISO/IEC 7812 a multiple of ten."""
    total = sum(d if k % 2 else (2 * d - 9 if d > 4 else 2 * d) for k, d in enumerate(map(int, reversed(body))))
    return str(-total % 10)


def _visible(value: str) -> str:
    """Without the zero-width characters that hide a number from a search."""
    return "".join(character for character in value if unicodedata.category(character) != "Cf")


def fake_iban(value: str, draw: Draw) -> str:
    """Country, length and kinds of characters stay; the check digits are right (ISO 13616). Bank 0…: there is none."""
    bare = re.sub(r"[^A-Z0-9]", "", unicodedata.normalize("NFKC", _visible(value)).upper())
    account = "".join("0" if k < 3 and c.isdigit() else _same_class(c, draw) for k, c in enumerate(bare[4:34]))
    number = "".join(str(int(c, 36)) for c in f"{account}{bare[:2]}00")
    written = f"{bare[:2]}{98 - int(number) % 97:02}{account}"
    return in_form_of(_visible(value), written.lower() if value.islower() else written)


def fake_ssn(value: str, draw: Draw) -> str:
    """Area 9 was never given out as a social security number; groups 01 to 49 are no taxpayer's either."""
    return _with_digits(value, f"9{draw.digits(2)}{1 + draw.below(49):02}{1 + draw.below(9999):04}")


# ── dates ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def fake_date(value: str, draw: Draw) -> str:
    """Another day and month, and a year up to four away, written as the value is. Where day and month cannot be told
    apart both stay below 13, so that it is a date whichever comes first."""
    year = (-4, -3, -2, -1, 1, 2, 3, 4)[draw.below(8)]
    known = read_date(value)
    if known is not None:
        return write_date(value, known[0] + year, 1 + draw.below(12), 1 + draw.below(9 if known[2] < 10 else 28))
    return re.sub(r"\d+", lambda match: _date_number(match[0], year, draw), value)


def _date_number(part: str, year: int, draw: Draw) -> str:
    if len(part) == 4:
        return f"{int(part) + year:04}"
    if len(part) == 8:
        return f"{int(part[:4]) + year:04}{1 + draw.below(12):02}{1 + draw.below(12):02}"
    if int(part) > 31:
        return f"{int(part) // 10}{(int(part) % 10 + 1 + draw.below(9)) % 10}"
    return f"{1 + draw.below(9 if len(part) == 1 else 12):0{len(part)}}"


FAKES: dict[str, Fake] = {
    "EMAIL_ADDRESS": fake_email,
    "PHONE_NUMBER": fake_phone,
    "CREDIT_CARD": fake_card,
    "IBAN_CODE": fake_iban,
    "US_SSN": fake_ssn,
    "NATIONAL_ID": fake_shape,
    "IP_ADDRESS": fake_ip,
    "MAC_ADDRESS": fake_mac,
    "URL_CREDENTIALS": fake_url,
    "DATE_OF_BIRTH": fake_date,
    "STREET_ADDRESS": fake_address,
    "PERSON": fake_person,
    "LOCATION": fake_location,
    "ORGANIZATION": fake_organization,
}
"""What has no entry (API_KEY, PRIVATE_KEY) keeps its placeholder: nothing is learned from the form of a secret."""
