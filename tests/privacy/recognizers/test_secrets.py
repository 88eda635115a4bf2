"""Keys, tokens, passwords and private keys. The keys are made up here, so that no scanner takes this file for a leak."""

from __future__ import annotations

import random
import string

import pytest

from tests.privacy.recognizers.table import found

LETTERS, HEX = string.ascii_letters + string.digits, "0123456789abcdef"


def drawn(alphabet: str, size: int) -> str:
    return "".join(random.Random(size).choices(alphabet, k=size))


KEYS = {
    "aws": "AKIA" + drawn("ABCDEFGHJKLMNPQ234567", 16),
    "github": "ghp_" + drawn(LETTERS, 36),
    "github fine": "github_pat_" + drawn(LETTERS, 60),
    "gitlab": "glpat-" + drawn(LETTERS, 20),
    "slack": "xoxb-" + drawn("0123456789", 12) + "-" + drawn(LETTERS, 24),
    "stripe": "sk_live_" + drawn(LETTERS, 24),
    "google": "AIza" + drawn(LETTERS, 35),
    "openai": "sk-" + drawn(LETTERS, 48),
    "openai project": "sk-proj-" + drawn(LETTERS, 60),
    "anthropic": "sk-ant-api03-" + drawn(LETTERS, 80),
    "hugging face": "hf_" + drawn(LETTERS, 34),
    "npm": "npm_" + drawn(LETTERS, 36),
    "sendgrid": "SG." + drawn(LETTERS, 22) + "." + drawn(LETTERS, 43),
    "twilio": "SK" + drawn(HEX, 32),
    "jwt": "eyJ" + drawn(LETTERS, 30) + ".eyJ" + drawn(LETTERS, 60) + "." + drawn(LETTERS, 43),
}


@pytest.mark.parametrize("name", KEYS)
def test_an_issued_key_is_found_wherever_it_stands(name):
    key = KEYS[name]
    for frame in ("{}", "use {} here", 'key="{}"', "Authorization: Bearer {}", "k={};", "(`{}`)", "{}."):
        assert found(frame.format(key), "API_KEY") == [key]


@pytest.mark.parametrize(
    "text, value",
    [
        ('api_key = "9f8a7b6c5d4e3f2a1b0c"', "9f8a7b6c5d4e3f2a1b0c"),
        ("API-KEY: 9f8a7b6c-5d4e-3f2a-1b0c", "9f8a7b6c-5d4e-3f2a-1b0c"),
        ("password: Tr0ub4dor&3", "Tr0ub4dor&3"),
        ("my password is Tr0ub4dor&3.", "Tr0ub4dor&3"),
        ("AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYzQ3kLm9Tw2", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzQ3kLm9Tw2"),
        ('{"client_secret": "a8Kd03jfLs92Mx0q"}', "a8Kd03jfLs92Mx0q"),
        ("auth_token => 'a8Kd03jfLs92Mx0q'", "a8Kd03jfLs92Mx0q"),
    ],
)
def test_what_is_assigned_to_a_secret_name_is_found(text, value):
    assert found(text, "API_KEY") == [value]


@pytest.mark.parametrize(
    "text",
    [
        "token = tokenizer.encode(text)",
        'api_key = os.getenv("OPENAI_API_KEY")',
        "api_key = YOUR_API_KEY_1234567890",
        'api_key="sk-xxxxxxxxxxxxxxxxxxxxxxxx"',
        "password: <password>",
        "password = ${DB_PASSWORD}",
        "The secret of 20th-century physics",
        "A key is 2048 bits long; tokens: 1024",
        "scikit-learn and sk-learn",
        "commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
        "id 123e4567-e89b-12d3-a456-426614174000",
        "md5 d41d8cd98f00b204e9800998ecf8427e",
        "max_tokens=4096, key=value123",
        "keyboard: qwerty123456",
        "the key idea is self-attention",
        "eyJust like that. eyJelly.",
    ],
)
def test_code_names_hashes_and_examples_stay(text):
    assert found(text, "API_KEY") == []


@pytest.mark.parametrize(
    "label", ["RSA PRIVATE KEY", "PRIVATE KEY", "EC PRIVATE KEY", "OPENSSH PRIVATE KEY", "ENCRYPTED PRIVATE KEY"]
)
def test_a_private_key_is_found_whole(label):
    key = f"-----BEGIN {label}-----\n{drawn(LETTERS, 64)}\n{drawn(LETTERS, 20)}==\n-----END {label}-----"
    assert found(f"Here:\n{key}\nKeep it.", "PRIVATE_KEY") == [key]


def test_a_private_key_on_one_line_or_without_its_end_is_found():
    key = f"-----BEGIN PRIVATE KEY-----\\n{drawn(LETTERS, 64)}\\n-----END PRIVATE KEY-----"
    assert found(f'"{key}"', "PRIVATE_KEY") == [key]
    assert found(f"-----BEGIN PRIVATE KEY-----\n{drawn(LETTERS, 64)}", "PRIVATE_KEY") != []


@pytest.mark.parametrize("text", ["-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
                                  "A PEM file begins with -----BEGIN PRIVATE KEY-----."])  # fmt: skip
def test_public_keys_and_talk_about_keys_stay(text):
    assert found(text, "PRIVATE_KEY") == []
