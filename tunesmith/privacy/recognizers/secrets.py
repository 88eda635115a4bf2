"""Keys, tokens, passwords and private keys: issuers' prefixes, and what is assigned to a name that says it is secret."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator

from tunesmith.privacy.recognizers.page import WORD, Page, latin
from tunesmith.privacy.recognizers.patterns import PatternRecognizer, matches
from tunesmith.privacy.spans import Span

MIN_ENTROPY = 2.8
"""Bits a character; words and names have fewer over so few characters, random keys more."""
PEM_SCORE, SURE_SCORE, ASSIGNED_SCORE = 0.99, 0.95, 0.75


def entropy(text: str) -> float:
    """Bits a character of the text, by how often each of its characters stands in it."""
    return sum(count / len(text) * math.log2(len(text) / count) for count in Counter(text).values())


def is_random(key: str) -> bool:
    """Whether the part after a known prefix is no example such as ``sk-xxxxxxxx`` or ``ghp_your_token_here``."""
    tail = re.split(r"[-_.]", key)[-1] if key.count("-") + key.count("_") + key.count(".") else key
    return entropy(key) > MIN_ENTROPY and (any(map(str.isdigit, key)) or len(tail) > 20)


# Name and shape of what issuers hand out; each begins with letters that nothing else begins with.
ISSUED = (
    ("aws_access_key", r"(?:AKIA|ASIA|AGPA|AIDA|AROA|ANPA|ANVA|AIPA)[A-Z2-7]{16}|(?:AKIA|ASIA)[A-Z0-9]{16}"),
    ("github", r"gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{22,}"),
    ("gitlab", r"gl(?:pat|dt|rt|cbt|ptt|ft|soat)-[A-Za-z0-9_-]{20,64}"),
    ("slack", r"xox[abeoprs]-[A-Za-z0-9-]{10,}|xapp-[0-9]-[A-Za-z0-9-]{20,}"),
    ("slack_webhook", r"https://hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9/]{20,120}"),
    ("discord_webhook", r"https://discord(?:app)?\.com/api/webhooks/[0-9]{17,20}/[A-Za-z0-9_-]{60,80}"),
    ("stripe", r"(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{10,}|whsec_[A-Za-z0-9+/=]{24,80}"),
    ("google", r"AIza[A-Za-z0-9_-]{35}|ya29\.[A-Za-z0-9_-]{20,}|GOCSPX-[A-Za-z0-9_-]{24,40}"),
    ("openai", r"sk-(?:proj-|svcacct-|admin-|ant-(?:api|admin)?[0-9]{0,2}-?|or-v1-|lf-)?[A-Za-z0-9_-]{20,}"),
    ("huggingface", r"(?:hf|api_org)_[A-Za-z0-9]{30,64}"),
    ("npm", r"npm_[A-Za-z0-9]{36}"),
    ("pypi", r"pypi-[A-Za-z0-9_-]{50,}"),
    ("sendgrid", r"SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{16,64}"),
    ("twilio", r"(?:SK|AC)[0-9a-f]{32}"),
    ("mailgun", r"key-[0-9a-f]{32}|[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8}"),
    ("mailchimp", r"[0-9a-f]{32}-us[0-9]{1,2}"),
    ("telegram", r"[0-9]{8,10}:A[A-Za-z0-9_-]{34}"),
    ("discord", r"[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,40}"),
    ("shopify", r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"),
    ("square", r"sq0(?:atp|csp|idp)-[A-Za-z0-9_-]{22,43}|EAAA[A-Za-z0-9_-]{60}"),
    ("databricks", r"dapi[0-9a-f]{32}(?:-[0-9])?"),
    ("digitalocean", r"do[opr]_v1_[0-9a-f]{64}"),
    ("postman", r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}"),
    ("linear", r"lin_api_[A-Za-z0-9]{32,48}"),
    ("notion", r"ntn_[A-Za-z0-9]{40,60}|secret_[A-Za-z0-9]{43}"),
    ("vault", r"hv[sbr]\.[A-Za-z0-9_-]{24,200}"),
    ("groq", r"gsk_[A-Za-z0-9]{48,56}"),
    ("replicate", r"r8_[A-Za-z0-9]{37}"),
    ("figma", r"fig[dou]_[A-Za-z0-9_-]{40,64}"),
    ("airtable", r"pat[A-Za-z0-9]{14}\.[0-9a-f]{64}"),
    ("new_relic", r"NRAK-[A-Z0-9]{27}"),
    ("sentry", r"sntry[su]_[A-Za-z0-9+/=_-]{40,}"),
    ("facebook", r"EAA[A-Za-z0-9]{60,}"),
    ("age", r"AGE-SECRET-KEY-1[A-Z0-9]{58}"),
    ("azure", r"AccountKey=[A-Za-z0-9+/]{40,88}={0,2}"),
    ("jwt", r"ey[JI][A-Za-z0-9_-]{10,}\.ey[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{10,}"),
)
ISSUED_GATE = (
    r"A(?:KIA|SIA|GPA|IDA|ROA|NPA|NVA|IPA|Iza)|gh[pousr]_|github_pat_|gl[a-z]{2,4}-|xox[a-z]-|xapp-|hooks\.slack|api/webhooks|"
    r"[sr]k_(?:live|test)_|pk_(?:live|test)_|whsec_|ya29\.|GOCSPX|sk-[A-Za-z0-9_-]{20}|hf_|api_org_|npm_|pypi-|SG\.|"
    r"(?:SK|AC)[0-9a-f]{32}|[0-9a-f]{32}-|key-[0-9a-f]{32}|[0-9]{8}:A|[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.|shp[acps]{2}_|sq0|EAA|"
    r"dapi[0-9a-f]{32}|do[opr]_v1|PMAK|lin_api_|ntn_|secret_|hv[sbr]\.|gsk_|r8_|fig[dou]_|pat[A-Za-z0-9]{14}\.|NRAK|sntry|"
    r"AGE-SECRET|AccountKey=|ey[JI][A-Za-z0-9_-]{10}"
)
ISSUED_KEYS = tuple(
    PatternRecognizer(
        f"key_{name}", "API_KEY", rf"(?:^|[^{WORD}_-])({shape})(?:[^{WORD}_]|\z)", SURE_SCORE, check=is_random
    )
    for name, shape in ISSUED
)

_SECRET_NAME = (
    r"(?:api|access|secret|private|auth|client|account|app|application|service|master|encryption|signing|session|bearer|refresh|"
    r"consumer|webhook|deploy|license|subscription|admin|root|db|database|user|login|smtp|ftp|wifi|aws|id)"
)
NAMED = latin(
    rf"(?:{_SECRET_NAME}[ _.-]?(?:access[ _.-]?)?(?:key|token|secret|password|passwd|pwd|pass|credential)s?(?:[ _.-]?(?:id|value))?|"
    r"passw(?:or)?d|passwort|passphrase|contrase[ñn]a|mot de passe|pwd|\bpin|secret|token|apikey|credentials?|bearer|authorization)"
    r"[\"'`\])]{0,2}(?: (?:is|was|to|=>?|:=))?[ \t]{0,3}(?::=|=>|[:= ])[ \t]{0,3}(?:(?:Bearer|Basic|Token|token|basic|bearer) )?[\"'`]{0,3}"
    r"([^\s\"'`<>,;(){}\[\]]{6,})",
    ignore_case=True,
)
NAMED_GATE = r"(?i:key|token|secret|pass|pwd|contrase|credential|bearer|authorization)"
_IS_NAME = latin(
    r"\A(?:[A-Za-z_]+(?:\.[A-Za-z_]+)+|[A-Za-z]+|[A-Z]+(?:[_-][A-Z]+)+|[a-z]+(?:[_-][a-z]+)+|(?:https?|file):.*|\$.*|%.*%|/.*)\z"
)
_EXAMPLE = latin(
    r"your|example|placeholder|changeme|xxxx|\*\*\*|\.\.\.|dummy|insert|redacted|1234567890|abcdef", ignore_case=True
)
PEM_BEGIN = latin(r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----")
_PEM_BODY = latin(r"[A-Za-z0-9+/=\s\\:,-]*")
_SHORTEST_BODY = 24


def find_private_keys(page: Page) -> Iterator[Span]:
    """Private keys in PEM; one without its last line reaches as far as its letters."""
    if b"-----BEGIN" not in page.data:
        return
    at, has_end = 0, True
    while (match := PEM_BEGIN.search(page.data, at)) is not None:
        begin, end = match.start(), page.data.find(b"-----END ", match.end()) if has_end else -1
        has_end = end >= 0
        if has_end:
            close = page.data.find(b"-----", end + 9, end + 60)
            at = close + 5 if close >= 0 else end + 9
        else:
            at = _PEM_BODY.match(page.data, match.end()).end()
        if at - match.end() >= _SHORTEST_BODY:
            yield Span(*page.place(begin, at), "PRIVATE_KEY", PEM_SCORE, "pem")


def find_named_keys(page: Page) -> Iterator[Span]:
    """Random-looking values of names such as ``api_key`` or ``password``."""
    for start, end in matches(NAMED, page.data):
        value = page.data[start:end].rstrip(b".:!?")
        if is_secret(value.decode("latin-1")):
            yield Span(*page.place(start, start + len(value)), "API_KEY", ASSIGNED_SCORE, "key_named")


def is_secret(value: str) -> bool:
    """Whether a value looks drawn at random or made up as a password, and not like code, a name or an example."""
    data = value.encode("latin-1")
    if len(value) < 8 or _IS_NAME.search(data) or _EXAMPLE.search(data):
        return False
    kinds = (str.islower, str.isupper, str.isdigit, lambda letter: not letter.isalnum())
    num_kinds = sum(any(map(kind, value)) for kind in kinds)
    if num_kinds < 2 or not any(map(str.isdigit, value)) or _is_number(value):
        return False
    return entropy(value) >= (MIN_ENTROPY if len(value) >= 12 else 2.5) and (len(value) >= 16 or num_kinds >= 3)


def _is_number(value: str) -> bool:
    return not any(map(str.isalpha, value))
