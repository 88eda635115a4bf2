"""Dates of birth."""

from __future__ import annotations

import pytest

from tests.privacy.recognizers.table import found


@pytest.mark.parametrize(
    "text, date",
    [
        ("I was born on March 3, 1985.", "March 3, 1985"),
        ("She was born 3 March 1985 in Leeds", "3 March 1985"),
        ("DOB: 12/03/1985", "12/03/1985"),
        ("D.O.B. 1985-03-12", "1985-03-12"),
        ("Date of birth: 12.03.1985", "12.03.1985"),
        ("Date of Birth (DD/MM/YYYY): 12/03/1985", "12/03/1985"),
        ("date of birth is the 3rd of March 1985", "3rd of March 1985"),
        ('{"birth_date": "1985-03-12"}', "1985-03-12"),
        ("birthday: 12-Mar-85", "12-Mar-85"),
        ("geboren am 3. März 1985", "3. März 1985"),
        ("née le 3 mars 1985", "3 mars 1985"),
        ("fecha de nacimiento: 3 de marzo de 1985", "3 de marzo de 1985"),
        ("nato il 3 marzo 1985", "3 marzo 1985"),
        ("生日：1985年3月12日", "1985年3月12日"),
        ("出生于1985年3月12日", "1985年3月12日"),
        ("1985-03-12 is my date of birth", "1985-03-12"),
    ],
)
def test_a_date_beside_a_word_for_birth_is_found(text, date):
    assert found(text, "DATE_OF_BIRTH") == [date]


@pytest.mark.parametrize(
    "text",
    [
        "He was born in 1985.",
        "The treaty was signed on March 3, 1985.",
        "Galileo was born on 15 February 1564.",
        "Einstein was born on March 14, 1879.",
        "Ann Lee (born 3 March 1985) is a swimmer.",
        "Ann Lee (/æn/; born March 3, 1985) is a swimmer.",
        "The airborne unit left on March 3, 1985",
        "born of fire",
        "Ann Lee, born 8 August 1981, is a former tennis player.",
        "Ann Lee was a philosopher of the 20th century. She was born on 3 May 1931 and wrote on logic, theory and empire in 1951.",
        "The company was founded 1985-03-12",
        "Due date: 12/03/2025",
    ],
)
def test_other_dates_years_and_encyclopedic_lines_stay(text):
    assert found(text, "DATE_OF_BIRTH") == []
