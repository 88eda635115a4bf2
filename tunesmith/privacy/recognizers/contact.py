"""E-mail addresses and URLs that carry a password."""

from __future__ import annotations

from collections.abc import Iterator

from tunesmith.privacy.recognizers.page import WORD, Page
from tunesmith.privacy.recognizers.patterns import PatternRecognizer
from tunesmith.privacy.spans import Span

_LOCAL = rf"[{WORD}_](?:[{WORD}_!#$%&'*+/=?^`{{|}}~.-]{{0,80}}[{WORD}_+-])?"
_LABEL = rf"[{WORD}](?:[{WORD}-]{{0,62}}[{WORD}])?"
# What ends like a domain and is not one: icon@2x.png, a.b@c.py
_FILES = (
    "png",
    "jpg",
    "jpeg",
    "gif",
    "svg",
    "webp",
    "css",
    "js",
    "ts",
    "json",
    "html",
    "php",
    "txt",
    "pdf",
    "t",
    "dot",
)


def is_address(said: str) -> bool:
    """Whether it can be a mailbox: no file name, no two dots in a row, not the account of a code host."""
    local, _, domain = said.rpartition("@")
    if ".." in said or domain.rpartition(".")[2].lower() in _FILES or local.lower() == "git":
        return False
    return not local.startswith(("//", "'")) and "://" not in local


EMAIL = PatternRecognizer(
    "email",
    "EMAIL_ADDRESS",
    pattern=rf"({_LOCAL} ?@ ?(?:{_LABEL}\.)+[A-Za-zÀ-ÖØ-öø-ÿ]{{2,24}})(?:[^{WORD}_@]|\z)".replace(" ?", ""),
    check=is_address,
    score=0.95,
)
QUOTED_EMAIL = PatternRecognizer(
    "email_quoted",
    "EMAIL_ADDRESS",
    pattern=rf'("[^"@\n]{{1,60}}"@(?:{_LABEL}\.)+[A-Za-z]{{2,24}})(?:[^{WORD}_@]|\z)',
    score=0.9,
)
NUMERIC_HOST_EMAIL = PatternRecognizer(
    "email_host",
    "EMAIL_ADDRESS",
    pattern=rf"({_LOCAL}@\[?[0-9]{{1,3}}(?:\.[0-9]{{1,3}}){{3}}\]?)(?:[^{WORD}_@]|\z)",
    check=is_address,
    score=0.9,
)
SPELLED_EMAIL = PatternRecognizer(
    "email_spelled",
    "EMAIL_ADDRESS",
    pattern=rf"([{WORD}_.+-]{{2,60}} ?[(\[{{] ?at ?[)\]}}] ?[{WORD}-]{{2,60}}(?: ?(?:[(\[{{] ?dot ?[)\]}}]|\.) ?[A-Za-z]{{2,12}}){{1,3}})"
    rf"(?:[^{WORD}]|\z)",
    score=0.8,
    ignore_case=True,
)
URL = PatternRecognizer(
    "url_credentials",
    "URL_CREDENTIALS",
    pattern=r"([A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s/@:\"'<>]{0,100}:[^\s@/\"'<>]{1,200}@[^\s\"'<>`(){}|\\^\[\],;]{1,300})",
    check=lambda said: is_with_password(said),
    score=0.95,
)


def is_with_password(url: str) -> bool:
    """Whether a password stands before the host, and not a name for one, such as ``<password>`` or ``$PASSWORD``."""
    secret = url.partition("://")[2].rpartition("@")[0].partition(":")[2]
    return bool(secret) and secret[0] not in "${<%[*" and set(secret) not in ({"x"}, {"."})


def find_contacts(page: Page) -> Iterator[Span]:
    """E-mail addresses and URLs with a password; cheap where there is no sign of either."""
    if b"@" in page.data:
        for recognizer in (EMAIL, QUOTED_EMAIL, NUMERIC_HOST_EMAIL):
            yield from recognizer.find(page)
        if b"://" in page.data:
            yield from URL.find(page)
    if b"at]" in page.data or b"at)" in page.data or b"at}" in page.data or b"AT]" in page.data or b"AT)" in page.data:
        yield from SPELLED_EMAIL.find(page)
