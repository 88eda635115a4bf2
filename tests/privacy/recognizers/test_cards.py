"""Payment cards."""

from __future__ import annotations

import pytest

from tests.privacy.recognizers.table import found


@pytest.mark.parametrize(
    "card",
    [
        "4111111111111111",
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "4111.1111.1111.1111",
        "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
        "4111\u00a01111\u00a01111\u00a01111",
        "4111\u20131111\u20131111\u20131111",
        "4111\u200b1111\u200b1111\u200b1111",
        "4\u200d1\u200d1\u200d1\u200d1\u200d1\u200d1\u200d1\u200d1\u200d1\u200d1\u200d1\u200d1\u200d1\u200d1\u200d1",
        "\u0664\u0661\u0661\u0661 \u0661\u0661\u0661\u0661 \u0661\u0661\u0661\u0661 \u0661\u0661\u0661\u0661",
        "\uff14\uff11\uff11\uff11\uff11\uff11\uff11\uff11\uff11\uff11\uff11\uff11\uff11\uff11\uff11\uff11",
        "4222222222222",
        "378282246310005",
        "3782 822463 10005",
        "30569309025904",
        "3056 930902 5904",
        "6011111111111117",
        "3530111333300000",
        "5555555555554444",
        "2223003122003222",
        "6759649826438453",
        "6304000000000000",
        "501800000009",
        "6200000000000000000",
    ],
)
def test_every_brand_length_and_way_of_writing_is_found(card):
    assert found(f"Charge {card}, please.", "CREDIT_CARD") == [card]
    assert found(f"карта: {card}", "CREDIT_CARD") == [card]


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1112",  # check digit
        "card 4111111111111112",
        "9111111111111111",  # nobody's range
        "0000 0000 0000 0000",
        "1111 1111 1111 1111",
        "41111111111111111111111",  # too long
        "A4111111111111111",  # part of a code
        "4111111111111111_a",
        "3.141592653589793",
        "4.111111111111111",
        "order number 4111111111111111",
        "tracking no. 4111 1111 1111 1111",
        "1914-1918, 1939-1945",
        "ISBN 978-3-16-148410-0",
        "$4,111,111,111,111,111",
    ],
)
def test_what_only_looks_like_a_card_stays(text):
    assert found(text, "CREDIT_CARD") == []


def test_a_card_is_found_between_other_numbers():
    assert found("1. 4111 1111 1111 1111 12/25 cvv 123", "CREDIT_CARD") == ["4111 1111 1111 1111"]
