"""Postal addresses in other scripts."""

from __future__ import annotations

import pytest

from tests.privacy.recognizers.table import found


@pytest.mark.parametrize(
    "address",
    [
        "г. Москва, ул. Тверская, д. 13, кв. 5, 125032",
        "125009, Москва, Тверская ул., 9",
        "вул. Хрещатик, 36, Київ, 01001",
        "Λεωφόρος Αμαλίας 12, 105 57 Αθήνα",
        "北京市海淀区中关村大街27号",
        "台北市信義區信義路五段7號89樓",
        "〒100-0001 東京都千代田区千代田1-1",
        "神奈川県川崎市高津区今戸3丁目26番10号 コート277",
        "서울특별시 종로구 세종대로 209",
        "서울특별시 종로구 세종대로 209, South Korea",
    ],
)
def test_an_address_is_found_whole_between_other_words(address):
    assert found(f"Send it to {address} please.", "STREET_ADDRESS") == [address]


@pytest.mark.parametrize(
    "text",
    [
        "улица была пуста, 5 человек",
        "第3号",
        "東京都に住んでいます",
        "시로 100",
        "Πλατεία της πόλης",
        "1丁目の角",
        "市场有3个入口",
    ],
)
def test_streets_without_a_number_stay(text):
    assert found(text, "STREET_ADDRESS") == []
