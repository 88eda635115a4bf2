"""Telephone numbers."""

from __future__ import annotations

import pytest

from tests.privacy.recognizers.table import found


@pytest.mark.parametrize(
    "phone",
    [
        "+44 20 7946 0958",
        "+1 (212) 736-5000",
        "+1-212-736-5000",
        "+12127365000",
        "+49 30 901820",
        "+49 (0)30 901820",
        "+33 1 42 68 53 00",
        "+86 138 0013 8000",
        "+91 98765 43210",
        "+55 11 91234-5678",
        "0044 20 7946 0958",
        "(212) 736-5000",
        "212-736-5000",
        "212.736.5000",
        "1-212-736-5000",
        "(212) 736-5000 x123",
        "001-212-736-5000x12345",
        "020 7946 0958",
        "030 901820",
        "01 42 68 53 00",
        "+\u0664\u0664 \u0662\u0660 \u0667\u0669\u0664\u0666 \u0660\u0669\u0665\u0668",
    ],
)
def test_a_number_in_a_known_shape_is_found_in_any_sentence(phone):
    assert found(f"You may try {phone}, thanks.", "PHONE_NUMBER") == [phone]


@pytest.mark.parametrize(
    "text, phone",
    [
        ("phone: 555-0134", "555-0134"),
        ("Call me at 736 5000 tonight", "736 5000"),
        ("tel. 912345678", "912345678"),
        ("móvil: 612 34 56 78", "612 34 56 78"),
        ("电话13800138000。", "13800138000"),
        ("whatsapp 2127365000", "2127365000"),
        ("668 5702 - office", "668 5702"),
        ("699 956 915 (mobile)", "699 956 915"),
        ("my number is 78 651 450", "78 651 450"),
        ("082 490 1693-Office", "082 490 1693"),
        ("Fax 0221 / 3456789", "0221 / 3456789"),
    ],
)
def test_an_announced_number_is_found_in_any_shape(text, phone):
    assert found(text, "PHONE_NUMBER") == [phone]


@pytest.mark.parametrize(
    "text",
    [
        "It was 1914-1918 and 1939-1945.",
        "On 2020-01-02 and 02.01.2020",
        "ISBN 978-3-16-148410-0, ISBN 0-306-40615-2",
        "version 10.0.19041.1288",
        "12 + 123456789 = 123456801",
        "x+123456789",
        "pi is 3.14159265358979",
        "1,000,000,000 stars; 1 000 000 000 more",
        "part number 212-736-5000",
        "doi:10.1000/182.736.5000",
        "Call the function 3 times with 100 items in 2020",
        "score 21-14-3, C++11, +10 points",
        "40.7128, -74.0060",
        "chapters 100-200",
        "timestamp 1609459200",
        "The Fellowship of the Ring (2001) 8.8",
        "the phone was sold on 05/12/2021",
        "The number is 123 456 789",
        "domestic years: 2006 -- 08 2004 2002 -- 03",
        "Birmingham 0121, Aylesbury 01296",
    ],
)
def test_other_numbers_stay(text):
    assert found(text, "PHONE_NUMBER") == []
