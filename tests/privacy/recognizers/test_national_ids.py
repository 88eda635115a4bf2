"""National numbers of persons, and the American social security number."""

from __future__ import annotations

import random

import pytest

from tests.privacy.recognizers.table import found
from tunesmith.privacy.recognizers.national_ids import NUMBERS, is_hkid, is_nric_sg, is_snils


@pytest.mark.parametrize(
    "label, number",
    [
        ("CUIT", "20-05536168-2"),
        ("TFN", "123 456 782"),
        ("rijksregisternummer", "85.07.30-033.28"),
        ("CPF", "529.982.247-25"),
        ("CPF", "52998224725"),
        ("SIN", "130 692 544"),
        ("AHV", "756.9217.0769.85"),
        ("身份证号", "11010519491231002X"),
        ("Steuer-ID", "36 574 261 809"),
        ("numéro de sécu", "2 95 10 99 126 111 93"),
        ("NHS number", "943 476 5919"),
        ("NI number", "AB 12 34 56 C"),
        ("Aadhaar", "2341 2341 2346"),
        ("PAN", "ABCPE1234F"),
        ("DNI", "54362315K"),
        ("NIE", "X-2482300W"),
        ("codice fiscale", "RSSMRA85T10A562S"),
        ("BSN", "111222333"),
        ("PESEL", "44051401359"),
        ("personnummer", "880320-0016"),
        ("HETU", "131052-308T"),
        ("CPR", "211062-5629"),
        ("fødselsnummer", "15108695088"),
        ("NIF", "501964843"),
        ("CURP", "BOXW310820HNERXN09"),
        ("주민등록번호", "971013-9019902"),
        ("South African identity number", "7503305044089"),
        ("RUT", "12.531.909-2"),
        ("T.C. kimlik no", "10000000146"),
        ("OIB", "33392005961"),
        ("CNP", "1630615123457"),
        ("NRIC", "S1234567D"),
        ("SNILS", "112-233-445 95"),
    ],
)
def test_a_number_is_found_beside_its_name(label, number):
    assert found(f"My {label}: {number}.", "NATIONAL_ID") == [number]


@pytest.mark.parametrize(
    "text",
    [
        "CPF 529.982.247-26",
        "PESEL 44051401358",
        "codice fiscale RSSMRA85T10A562T",
        "DNI 54362315L",
        "NHS number 943 476 5918",
        "There were 44051401359 atoms.",  # right digits, but nothing says that it is a number of a person
        "943476591 people",
        "Part 111222333 fits.",
        "personnummer 881320-0016",
        "2024-01-15 and 1234567890",
        "GB123456C",
        "section 12345678A",
    ],
)
def test_a_wrong_check_digit_or_a_bare_number_stays(text):
    assert found(text, "NATIONAL_ID", "US_SSN") == []


@pytest.mark.parametrize(
    "text", ["My SSN is 536-90-4399.", "ssn 536904399", "Social security: 536 90 4399", "It is 536-90-4399"]
)
def test_a_social_security_number_is_found(text):
    assert len(found(text, "US_SSN")) == 1


@pytest.mark.parametrize("text", ["SSN 000-12-3456", "SSN 666-12-3456", "SSN 536-00-4399", "SSN 536-90-0000", "SSN 936-90-4399",
                                  "part no. 536-90-4399", "536-90-43990", "score 536904399"])  # fmt: skip
def test_numbers_never_given_out_are_no_social_security_numbers(text):
    assert found(text, "US_SSN") == []


def test_checks_of_our_own_hold_on_published_examples():
    assert is_snils("11223344595") and not is_snils("11223344596")
    assert is_nric_sg("S1234567D") and is_nric_sg("G1234567X") and not is_nric_sg("S1234567A")
    assert is_hkid("A123456(3)") and not is_hkid("A123456(4)")


def test_no_check_fails_on_any_digits():
    rng = random.Random(0)
    for recognizer in NUMBERS:
        for spelling in f"{recognizer.strong} {recognizer.weak}".split():
            size = sum(map(int, "".join(c if c.isdigit() else " " for c in spelling).split()))
            for _ in range(30):
                assert recognizer.check("".join(rng.choices("0123456789", k=size))) in (True, False)
