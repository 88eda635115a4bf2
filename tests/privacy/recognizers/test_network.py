"""IP and MAC addresses."""

from __future__ import annotations

import pytest

from tests.privacy.recognizers.table import found


@pytest.mark.parametrize(
    "address",
    ["192.168.10.20", "8.8.8.8", "203.0.113.255", "2001:db8::ff00:42:8329", "fe80::1ff:fe23:4567:890a", "2001:0db8:85a3:0000:0000:8a2e:0370:7334",
     "::ffff:192.0.2.128", "00:1A:2B:3C:4D:5E", "00-1a-2b-3c-4d-5e", "001a.2b3c.4d5e"],
)  # fmt: skip
def test_an_address_is_found(address):
    assert found(f"from {address}, twice", "IP_ADDRESS", "MAC_ADDRESS") == [address]
    assert found(f"[{address}]:", "IP_ADDRESS", "MAC_ADDRESS") == [address]
    assert found(f"It is {address}.", "IP_ADDRESS", "MAC_ADDRESS") == [address]


@pytest.mark.parametrize(
    "text",
    [
        "version 10.0.19.1",
        "Chrome/91.0.44.124",
        "v1.2.3.4 and 1.2.3.4.5",
        "256.1.1.1 and 1.2.3",
        "127.0.0.1, 0.0.0.0, 255.255.255.0, ::1",
        "section 4.12.13.14",
        "pip install x==10.2.11.13",
        "std::vector, a::b, Dec::Face, hot:cold::day:night, 1::2",
        "at 12:30:45, 10:20:30:40",
        "ff:ff:ff:ff:ff:ff, 00:00:00:00:00:00",
        "20-10-12-15-30-45",
        "aa:bb:cc:dd:ee:ff:00:11:22:33:44:55:66:77:88:99",
    ],
)
def test_versions_times_names_and_nobodys_addresses_stay(text):
    assert found(text, "IP_ADDRESS", "MAC_ADDRESS") == []
