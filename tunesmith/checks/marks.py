"""Words without their punctuation marks, the several ways that IFBench's checks take them off.

Marks are those of ASCII (``string.punctuation``): curly quotes and dashes stay on.
"""

from __future__ import annotations

import string

from tunesmith.checks.splitting import tokens

MARKS = string.punctuation
_DELETE_MARKS = str.maketrans("", "", MARKS)


def spoken_tokens(text: str) -> list[str]:
    """The Treebank tokens that hold a letter or digit."""
    return [token for token in tokens(text) if any(map(str.isalnum, token))]


def without_marks(text: str) -> str:
    """The text with every mark deleted: "don't" becomes "dont", "3.14" becomes "314"."""
    return text.translate(_DELETE_MARKS)


def bare_words(text: str) -> list[str]:
    """What stands between white space once marks are deleted, in lower case."""
    return without_marks(text.lower()).split()


def trimmed(word: str) -> str:
    """A word without the marks and spaces at its two ends."""
    return word.strip(MARKS + " ")
