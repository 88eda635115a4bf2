"""Surrogates: the same person the same made-up name everywhere, in the form of the real value and never one of them."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import phonenumbers
import pytest
from stdnum import iban, luhn

from tests.privacy.found import spans_of
from tunesmith.privacy.dates import read_date
from tunesmith.privacy.fakes import FAKES, Draw, Real, luhn_digit
from tunesmith.privacy.people import fold
from tunesmith.privacy.redact import redact
from tunesmith.privacy.spans import TYPES
from tunesmith.privacy.surrogates import Surrogates

KEY, OTHER = b"k" * 32, b"o" * 32


def fake(value: str, type_: str = "PERSON", key: bytes = KEY, beside: tuple[str, ...] = ()) -> str:
    """The surrogate of a value in a record that also names others."""
    text = "\n".join([value, *beside])
    spans = spans_of(text, *((part, type_) for part in (value, *beside)))
    return Surrogates(key).of_record([text], [spans])(value, spans[0])


# ── names ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_same_person_has_the_same_name_in_every_form_field_and_case():
    title, first, last = fake("Dr. Anna Weber").split()
    assert title == "Dr." and first not in ("Anna", "Weber") and last not in ("Anna", "Weber")
    assert fake("Anna") == first and fake("Weber") == last
    assert fake("WEBER, ANNA") == f"{last.upper()}, {first.upper()}"
    assert fake("anna weber") == f"{first} {last}".lower()
    assert fake("Anna Weber Jr.") == f"{first} {last} Jr."
    assert fake("A. Weber", beside=("Anna Weber",)) == f"{first[0]}. {last}"


def test_another_process_makes_the_same_names():
    code = (
        "import json; from tests.privacy.test_surrogates import fake;"
        "print(json.dumps([fake('Dr. Anna Weber'), fake('a@b.org', 'EMAIL_ADDRESS'), fake('12 Oak Street', 'STREET_ADDRESS')]))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert json.loads(told) == [
        fake("Dr. Anna Weber"),
        fake("a@b.org", "EMAIL_ADDRESS"),
        fake("12 Oak Street", "STREET_ADDRESS"),
    ]


def test_another_key_makes_other_names():
    assert fake("Anna Weber") != fake("Anna Weber", key=OTHER)
    assert fake("a@b.org", "EMAIL_ADDRESS") != fake("a@b.org", "EMAIL_ADDRESS", key=OTHER)


def test_a_name_keeps_its_script_its_particles_and_its_accents_do_not_matter():
    assert re.fullmatch(r"\w+ van \w+", fake("Vincent van Gogh"))
    assert re.fullmatch(r"[А-Яа-яё]+ [А-Яа-яё]+", fake("Иван Петров"))
    assert re.fullmatch(r"[\u4e00-\u9fff]{2,4}", fake("王小明")) and fake("王小明") != "王小明"
    assert fake("José García") == fake("Jose Garcia")
    assert re.fullmatch(r"\w+-\w+", fake("Smith-Jones"))


def test_a_woman_stays_a_woman():
    from tunesmith.privacy.fake_names import load_fake_names

    names = load_fake_names("LATIN")
    assert fake("Anna") in names.female and fake("Robert") in names.male and fake("Weber") in names.last


def test_a_name_of_the_record_stands_for_nobody():
    taken = fake("Anna")
    other = fake("Anna", beside=(f"{taken} Stein",))
    assert fold(other) not in (fold(taken), "anna", "stein")


def test_a_thousand_persons_have_a_thousand_names():
    firsts, lasts = ["Anna", "Bob", "Eva", "Jan", "Olga", "Piotr", "Mehmet", "Aoife", "Luis", "Ingrid"], range(100)
    people = [f"{first} Weber{chr(97 + last // 26)}{chr(97 + last % 26)}" for first in firsts for last in lasts]
    assert len({fake(person) for person in people}) == 1000


# ── other values ──────────────────────────────────────────────────────────────────────────────────────────────────────


def shape(value: str) -> str:
    return re.sub(r"[A-Z]", "A", re.sub(r"[a-z]", "a", re.sub(r"\d", "0", value)))


@pytest.mark.parametrize(
    "type_, value",
    [
        ("PHONE_NUMBER", "+49 (30) 123-4567"),
        ("PHONE_NUMBER", "212.555.7788"),
        ("PHONE_NUMBER", "+1-212-555-7788 ext"),
        ("CREDIT_CARD", "4539 5787 6362 1486"),
        ("CREDIT_CARD", "3782-822463-10005"),
        ("CREDIT_CARD", "6011000990139424"),
        ("IBAN_CODE", "DE89 3704 0044 0532 0130 00"),
        ("IBAN_CODE", "GB29NWBK60161331926819"),
        ("US_SSN", "536-22-8726"),
        ("NATIONAL_ID", "12.345.678-Z"),
        ("MAC_ADDRESS", "3C:5A:B4:12:34:56"),
        ("MAC_ADDRESS", "3c5a.b412.3456"),
        ("DATE_OF_BIRTH", "1985-03-04"),
        ("DATE_OF_BIRTH", "4/3/85"),
    ],
)
def test_a_fake_has_the_form_of_the_value_and_is_another_one(type_, value):
    made = fake(value, type_)
    assert made != value
    kinds = (lambda text: re.sub(r"[0-9A-Fa-f]", "0", text)) if type_ == "MAC_ADDRESS" else shape
    assert kinds(made) == kinds(value)


@pytest.mark.parametrize(
    "value", ["4539 5787 6362 1486", "378282246310005", "5425233430109903", "2223000048400011", "30569309025904"]
)
def test_a_fake_card_is_valid_and_of_a_test_range(value):
    digits = re.sub(r"\D", "", fake(value, "CREDIT_CARD"))
    assert luhn.is_valid(digits) and digits[0] == value[0]
    assert digits[:6] in ("424242", "378282", "555555", "222300", "305693")


def test_the_check_digit_is_the_one_of_luhn():
    assert [luhn_digit(body) for body in ("7992739871", "411111111111111", "37828224631000")] == ["3", "1", "5"]


@pytest.mark.parametrize(
    "value",
    ["DE89370400440532013000", "GB29 NWBK 6016 1331 9268 19", "NO9386011117947", "MT84MALT011000012345MTLCAST001S"],
)
def test_a_fake_iban_is_valid_and_of_the_same_country(value):
    made = fake(value, "IBAN_CODE")
    assert iban.is_valid(made, check_country=False) and made[:2] == value[:2] and len(made) == len(value)


@pytest.mark.parametrize("value", ["+1 212 555 7788", "(650) 253-0000", "1-800-555-0199"])
def test_a_north_american_number_has_an_area_code_that_is_kept_free(value):
    assert re.sub(r"\D", "", fake(value, "PHONE_NUMBER"))[-9] == "9"


@pytest.mark.parametrize(
    "value", ["+49 30 901820", "+44 20 7946 0958", "+33 1 42 68 53 00", "+39 06 6982", "0044 20 7946 0958"]
)
def test_a_fake_number_is_nobodys(value):
    made = fake(value, "PHONE_NUMBER")
    number = phonenumbers.parse(made if made[0] == "+" else f"+{made[2:]}")
    assert not phonenumbers.is_valid_number(number)


def test_the_same_number_with_and_without_country_is_one_number():
    assert fake("+1 (212) 555-7788", "PHONE_NUMBER")[-8:] == fake("212-555-7788", "PHONE_NUMBER")[-8:]


def test_the_same_day_in_other_words_is_the_same_day():
    made = [
        fake(value, "DATE_OF_BIRTH") for value in ("1985-03-14", "March 14, 1985", "14 Mar. 1985", "14. MARCH 1985")
    ]
    days = {read_date(value) for value in made}
    assert len(days) == 1 and days != {(1985, 3, 14)} and None not in days


@pytest.mark.parametrize(
    "type_, value, form",
    [
        ("EMAIL_ADDRESS", "Anna.Weber@acme.de", r"[a-z]+\.[a-z]+\d{3}@example\.(com|org|net)"),
        ("IP_ADDRESS", "8.8.8.8", r"2[45]\d\.\d+\.\d+\.\d+"),
        ("IP_ADDRESS", "2001:470::1", r"2001:db8:[0-9a-f:]+"),
        ("URL_CREDENTIALS", "https://bob:pw@db.acme.com/x", r"https://user\d+:pass\d+@host\d+\.example\.com"),
        ("US_SSN", "536-22-8726", r"9\d\d-[0-4]\d-\d{4}"),
        ("STREET_ADDRESS", "12 Oak Street, Apt. 5", r"\d\d [A-Z][a-z]+ Street, Apt\. \d"),
        ("ORGANIZATION", "Acme Solutions Inc.", r"[A-Z][a-z]+ Solutions Inc\."),
        ("DATE_OF_BIRTH", "March 4, 1985", r"[A-Z][a-z]+ \d, 19\d\d"),
        ("DATE_OF_BIRTH", "4 Mar 1985", r"\d [A-Z][a-z]{2} 19\d\d"),
        ("LOCATION", "Springfield", r"[A-Z][a-z]+"),
    ],
)
def test_fakes_stand_where_nobody_lives(type_, value, form):
    made = fake(value, type_)
    assert re.fullmatch(form, made), made
    assert made != value and made == fake(value, type_)


@pytest.mark.parametrize("type_", ["API_KEY", "PRIVATE_KEY"])
def test_secrets_keep_their_placeholder(type_):
    assert fake("sk-live-1234567890", type_) == f"<{type_}>"


def test_every_type_has_a_fake_or_is_a_secret():
    assert set(TYPES) - set(FAKES) == {"API_KEY", "PRIVATE_KEY"}


@pytest.mark.parametrize("type_", FAKES)
@pytest.mark.parametrize("value", ["", " ", "٤٥٣٩", "é", "\u200b1", "x" * 3000, "1" * 200, "++", "\n"])
def test_odd_values_have_a_fake_too(type_, value):
    assert isinstance(FAKES[type_](value, Draw(KEY, Real(), type_, value)), str)


def test_a_text_is_replaced_alike_in_all_its_fields():
    texts = ["Anna Weber asks.", "Answer for anna: call WEBER."]
    spans = [spans_of(texts[0], ("Anna Weber", "PERSON")), spans_of(texts[1], ("anna", "PERSON"), ("WEBER", "PERSON"))]
    replace = Surrogates(KEY).of_record(texts, spans)
    first, last = fake("Anna Weber").split()
    assert [redact(text, some, replace) for text, some in zip(texts, spans)] == [
        f"{first} {last} asks.",
        f"Answer for {first.lower()}: call {last.upper()}.",
    ]
