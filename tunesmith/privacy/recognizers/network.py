"""Addresses of machines: IPv4, IPv6, MAC."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from tunesmith.privacy.recognizers.page import WORD, Page, latin, words
from tunesmith.privacy.recognizers.patterns import matches
from tunesmith.privacy.spans import Span

_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4 = latin(rf"(?:^|[^{WORD}.]|[^{WORD}]\.)({_OCTET}(?:\.{_OCTET}){{3}})(?:[^{WORD}._-]|[.-][^{WORD}]|[.-]?\z|_)")
_IPV6 = latin(
    rf"(?:^|[^{WORD}:.])((?:[0-9A-Fa-f]{{0,4}}:){{2,8}}(?:{_OCTET}(?:\.{_OCTET}){{3}}|[0-9A-Fa-f]{{1,4}})?)(?:[^{WORD}:]|:[^{WORD}:]|:?\z)"
)
_MAC = latin(
    rf"(?:^|[^{WORD}:.-])((?:[0-9A-Fa-f]{{2}}:){{5}}[0-9A-Fa-f]{{2}}|(?:[0-9A-Fa-f]{{2}}-){{5}}[0-9A-Fa-f]{{2}}|"
    rf"(?:[0-9A-Fa-f]{{4}}\.){{2}}[0-9A-Fa-f]{{4}}|(?:[0-9A-Fa-f]{{2}}:){{7}}[0-9A-Fa-f]{{2}})(?:[^{WORD}:.-]|[:.-][^{WORD}:-]|[:.-]?\z)"
)
GATE = r"[0-9]\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]|::|(?:[0-9A-Fa-f]{1,4}:){3}|(?:[0-9A-Fa-f]{2}-){5}|[0-9a-fA-F]{4}\.[0-9a-fA-F]{4}\.[0-9a-fA-F]{4}"
_VERSION = words(
    r"(?:\bv|version|versions|release|released|build|firmware|driver|sdk|update|upgrade[d]?(?: to)?|section|sect\.|chapter|clause|"
    r"paragraph|§|article|table|figure|fig\.|rule|oid|package|chrome/|safari/|edg/|opr/|kernel|==|>=|<=|~=|\^)[\s:=(\"'`]*(?:is |to |from )?$"
)
SCORE = 0.95


def find_machines(page: Page) -> Iterator[Span]:
    """Every IP and MAC address that can be somebody's: not the loopback, the unspecified or a mask, not a version."""
    for pattern, name, is_one in ((_IPV4, "ipv4", is_host), (_IPV6, "ipv6", is_host_v6)):
        for start, end in matches(pattern, page.data):
            end -= page.data[start:end].endswith(b":") and not page.data[start:end].endswith(b"::")
            if is_one(page.said(start, end)) and not _is_version(page, start, end):
                yield Span(*page.place(start, end), "IP_ADDRESS", SCORE, name)
    for start, end in matches(_MAC, page.data):
        if is_interface(page.said(start, end)):
            yield Span(*page.place(start, end), "MAC_ADDRESS", SCORE, "mac")


def is_host(said: str) -> bool:
    """Whether an IPv4 address can belong to somebody: not 0.x, 127.x, 224.x and above (masks, broadcast, multicast)."""
    return 1 <= int(said.partition(".")[0]) < 224 and not said.startswith("127.") and not _is_count(said)


def _is_count(said: str) -> bool:
    """A numbered heading or version: 1.2.3.4, 2.0.0.0."""
    return all(len(part) == 1 for part in said.split(".")) and said not in _RESOLVERS


_RESOLVERS = ("1.1.1.1", "8.8.8.8", "8.8.4.4", "9.9.9.9", "1.0.0.1")


def is_host_v6(said: str) -> bool:
    """Whether it is an IPv6 address of somebody and no C++ name, time of day or analogy (``a::b``)."""
    groups = [group for group in said.split(":") if group]
    is_plain = "::" not in said and len(groups) < 6
    is_short = len(groups) < 3 and not any(len(group) >= 3 for group in groups)
    if is_plain or is_short or not any(character.isdigit() for character in said):
        return False
    try:
        address = ipaddress.IPv6Address(said)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified or address.is_multicast)


def is_interface(said: str) -> bool:
    """Whether it is the address of one interface: not all zeros or ones, and with some hexadecimal letter unless
    colons set it apart, since digits alone are as well a date and a time."""
    digits = "".join(character for character in said if character.isalnum())
    return len(set(digits)) > 1 and (":" in said or not digits.isdigit())


def _is_version(page: Page, start: int, end: int) -> bool:
    before, _ = page.around(start, end, before=24)
    return _VERSION.search(before) is not None
