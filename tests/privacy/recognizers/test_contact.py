"""E-mail addresses and URLs with a password."""

from __future__ import annotations

import pytest

from tests.privacy.recognizers.table import found


@pytest.mark.parametrize(
    "email",
    [
        "ann@example.com",
        "ann.o'hara+news@mail.example.co.uk",
        "a_b-c@sub-domain.example.museum",
        "x@y.io",
        "ANN@EXAMPLE.COM",
        "josé@correo.es",
        "иван@почта.рф",
        '"ann lee"@example.com',
        "ann [at] example [dot] com",
        "ann(at)example.com",
        "ann@exa\u200bmple.com",
        "root@[192.168.10.20]",
    ],
)
def test_a_mailbox_is_found(email):
    assert found(f"Write to {email}, or call.", "EMAIL_ADDRESS") == [email]
    assert found(f"<{email}>", "EMAIL_ADDRESS") == [email]


@pytest.mark.parametrize(
    "text",
    [
        "@ann and @app.route('/x')",
        "a @ b.c",
        "icon@2x.png",
        "git@github.com:a/b.git",
        "x@y",
        "npm i left@1.2.3",
        "A@B.T",
        "the at sign (@) is old",
        "meet (at) noon",
        "a@@b.com@",
    ],
)
def test_an_at_sign_alone_makes_no_mailbox(text):
    assert found(text, "EMAIL_ADDRESS") == []


@pytest.mark.parametrize(
    "url",
    [
        "https://ann:s3cret@example.com/x?y=1",
        "postgres://app:pa%40ss@db:5432/main",
        "redis://:hunter2@cache.local:6379",
    ],
)
def test_a_url_with_a_password_is_found_whole(url):
    assert found(f"use {url} now", "URL_CREDENTIALS", "EMAIL_ADDRESS") == [url]


@pytest.mark.parametrize(
    "text",
    [
        "https://example.com:8080/a@b",
        "https://user:<password>@example.com",
        "postgres://user:$PASSWORD@db/x",
        "https://ann@example/",
        "ssh://host:22/x",
        "see http://a.b: c@d",
    ],
)
def test_a_url_without_one_stays(text):
    assert found(text, "URL_CREDENTIALS") == []
