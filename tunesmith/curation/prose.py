"""Where a text is prose and where it is code: rules about words must leave code alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from tunesmith.records import Record

# A fenced block (CommonMark 4.5; one that is never closed runs to the end of the text), or code within a line.
CODE = re.compile(
    r"(^[ \t>]*(?P<fence>```+|~~~+)[^\n]*(?:\n.*?(?:^[ \t>]*(?P=fence)[`~]*[ \t]*$|\Z)|\Z)|(?<!`)(?P<ticks>`++)[^`\n]++(?P=ticks)(?!`))",
    re.MULTILINE | re.DOTALL,
)
# What hardly any sentence holds and hardly any program lacks.
CODE_LINE = re.compile(
    r"""[{};]\s*$ | ^\s*[)}\]]+[;,]?\s*$ | ^\s*// | \w\([^()]*+\)\s*+(?:[:{;]\s*+)?$ | ==|!=|=>|->|::|\+=|</\w
      | ^\s*(?:def|class|import|from\s+\w+\s+import|return|for|while|if|else|elif|try|except|print|var|let|const
      | public|private|static|function|SELECT|INSERT|UPDATE|CREATE|\#include|\$)\b.*[(){}\[\]=:;"']""",
    re.VERBOSE,
)


def rewrite_prose(text: str, rewrite: Callable[[str], str]) -> str:
    """The text with what lies outside code replaced by what ``rewrite`` makes of it."""
    if "`" not in text and "~~~" not in text:
        return rewrite(text)
    return "".join(piece if is_code else rewrite(piece) for piece, is_code in _pieces(text))


def prose_of(text: str) -> str:
    """The text without its marked code."""
    return rewrite_prose(text, str) if "`" not in text and "~~~" not in text else _without_code(text)


def is_code_line(line: str) -> bool:
    """Whether a line that is not marked as code looks like some."""
    return CODE_LINE.search(line) is not None


def answers(record: Record) -> Iterator[tuple[int, str]]:
    """Position and text of each turn of the assistant that says something."""
    return (
        (position, message.content)
        for position, message in enumerate(record.messages)
        if message.role == "assistant" and message.content
    )


def said_before(record: Record, position: int) -> str:
    """All that was said before a turn, a line each."""
    return "\n".join(message.content for message in record.messages[:position])


def _without_code(text: str) -> str:
    return "".join(piece for piece, is_code in _pieces(text) if not is_code)


def _pieces(text: str) -> Iterator[tuple[str, bool]]:
    end = 0
    for match in CODE.finditer(text):
        yield text[end : match.start()], False
        yield match[0], True
        end = match.end()
    yield text[end:], False
