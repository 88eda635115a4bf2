"""All recognizers together."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from tunesmith.errors import UsageError
from tunesmith.privacy import TYPES, find_spans

TEXT = "Ann\u200b: ann@example.com, +44 20 7946 0958, card \uff14111 1111 1111 1111, 10.20.30.40 — 日本."


def test_spans_are_places_in_characters_in_order_and_apart():
    spans = find_spans(TEXT, types=["EMAIL_ADDRESS", "PHONE_NUMBER", "CREDIT_CARD", "IP_ADDRESS"])
    assert [(span.type, TEXT[span.start : span.end]) for span in spans] == [
        ("EMAIL_ADDRESS", "ann@example.com"),
        ("PHONE_NUMBER", "+44 20 7946 0958"),
        ("CREDIT_CARD", "\uff14111 1111 1111 1111"),
        ("IP_ADDRESS", "10.20.30.40"),
    ]


def test_types_that_are_not_wanted_still_keep_others_from_their_place():
    assert find_spans("card 4111 1111 1111 1111", types=["PHONE_NUMBER"]) == []


def test_a_higher_minimum_leaves_guesses_out():
    text = "Meet at 10 Downing Street, ann@example.com"
    assert {span.type for span in find_spans(text, min_score=0.9)} == {"EMAIL_ADDRESS"}


def test_an_unknown_type_is_refused_with_the_nearest():
    with pytest.raises(
        UsageError, match="there is no type `EMAIL_ADRESS` of personal data. Did you mean `EMAIL_ADDRESS`"
    ):
        find_spans("", types=["EMAIL_ADRESS"])
    assert len(TYPES) == len(set(TYPES)) == 16


@pytest.mark.parametrize(
    "text",
    [
        "What is the boiling point of water at 1,013.25 hPa in 2021?",
        "Python 3.11.7 came out on December 4, 2023; see PEP 8 and RFC 2616.",
        "ISBN 978-3-16-148410-0, ISSN 1234-5679, DOI 10.1000/182",
        "E = mc^2, a^2 + b^2 = c^2, H2O, C6H12O6, 6.02214076e23",
        "Model XJ-900-4521, SKU 88-1234-99, serial no. 123-45-6789",
        "range(100, 200, 3000); arr[1:10:2]; 0x7fff5fbff8c0; #ff00ff",
        "It rained on 12/05/2021 and 2021-05-12 at 10:30:45.",
        "The population grew from 1 234 567 to 12 345 678 between 1990-2000.",
    ],
)
def test_ordinary_numbers_stay(text):
    names = ("PERSON", "LOCATION", "ORGANIZATION")
    assert [span for span in find_spans(text) if span.type not in names] == []


@pytest.mark.parametrize(
    "piece",
    ["1 ", "4111 ", "12 1", "@", "a@a.", "1\u200b", "(", "Aa 1, ", "1 Main St, ", "Flat 1, ", "P.O. Box 1 ", "1 rue de ", "Astraße 1 ",
     "1 Main Street, Aa, ", "eyJaaaaaaaaaa.", "+1 ", "A1", "路1", "ул. А 1", "born 1", "1 \n> Apt 1\n"],
)  # fmt: skip
def test_time_does_not_explode_on_repeated_pieces(piece):
    text = (piece * 20_000)[:20_000]
    begin = time.process_time()
    find_spans(text)
    assert time.process_time() - begin < 2


def test_the_telephone_areas_of_the_world_are_not_loaded_for_the_names_of_countries():
    script = (
        "import sys\n"
        "from tunesmith.privacy import find_spans\n"
        "find_spans('Anna Lopez, 12 Main Street, Springfield, IL 62701, Uruguay')\n"
        "assert 'phonenumbers.geodata' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
