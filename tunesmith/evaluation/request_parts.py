"""A request in its parts: what is asked in words, the text to work on, and what no rephrasing may touch.

What stands after a blank line, a line break or a colon is the text to work on. Quoted text, code, numbers, names, and every
word of a reference stay as they are, whoever rephrases.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from tunesmith.evaluation.languages import WORD, language_of, num_words, words_of

MAX_INSTRUCTION_WORDS = 60  # a longer paragraph is taken for the text to work on
PROTECTED = re.compile(
    r"""```.*?```|`[^`]*`|"[^"]*"|“[^”]*”|«[^»]*»|(?<!\w)'[^']*'(?!\w)|‘[^’]*’|\{[^}]*\}|<[^>]*>|\[[^\]]*\]
    |\S*(?://|@|\\|_|=)\S*|\S*\d\S*""",
    re.VERBOSE | re.DOTALL,
)
END_OF_INSTRUCTION = re.compile(r":(?=\s)|：|\n")


@dataclass(frozen=True)
class Request:
    """A request: what is asked in words, and what follows it (text to work on), unchanged by every rule but the order."""

    instruction: str
    rest: str
    kept: frozenset[str]

    @classmethod
    def of(cls, content: str, references: Iterable[str] = ()) -> Request:
        """Divide the text of a user's turn.

        The instruction ends before the first line break or after the first colon; all that follows is the text to work
        on. Where what stands first is longer than an instruction is, everything is.
        """
        end = END_OF_INSTRUCTION.search(content)
        cut = len(content) if end is None else end.start() if end.group() == "\n" else end.end()
        head, rest = content[:cut], content[cut:]
        if num_words(head) > MAX_INSTRUCTION_WORDS:
            head, rest = "", content
        return cls(head, rest, frozenset(words_of(rest)) | {word for text in references for word in words_of(text)})

    def places(self) -> list[re.Match[str]]:
        """The words of the instruction that may be written otherwise."""
        spans = [match.span() for match in PROTECTED.finditer(self.instruction)]
        found = [
            match
            for match in WORD.finditer(self.instruction)
            if not any(a < match.end() and match.start() < b for a, b in spans)
        ]
        return [match for match in found if match.group().casefold() not in self.kept]

    @cached_property
    def language(self) -> str:
        """The language it is asked in, see `language_of`."""
        return language_of(self.instruction if self.instruction.strip() else self.rest)

    @property
    def text(self) -> str:
        return self.instruction + self.rest
