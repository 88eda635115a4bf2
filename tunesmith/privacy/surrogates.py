"""Surrogates: made-up values that stand for real ones, the same for the same one wherever it is met.

Which fake stands for a value follows from HMAC-SHA256 of the project's key over the type and the folded value
(`fakes.Draw`): the same across fields, files, processes and resumes; unlinkable under another key; not to be turned back
without the key, and with it only by trying values (see `vault` for a way back that is asked for).

Names go word by word, and each word decides alone: "Dr. Anna Weber", "WEBER, ANNA", "Anna" and "A. Weber" become parts of
one made-up name. A fake is never a value that the record itself holds: there the next one is taken, in that record only.
Secrets (API_KEY, PRIVATE_KEY) keep their placeholder.
"""

from __future__ import annotations

from collections.abc import Sequence

from tunesmith.privacy.fakes import FAKES, Draw, Real, fake_name
from tunesmith.privacy.people import WORD, fold, identity, split_name
from tunesmith.privacy.redact import Placeholders, Replace
from tunesmith.privacy.spans import Span

WORDY = ("PERSON", "LOCATION", "ORGANIZATION", "STREET_ADDRESS")


class Surrogates:
    """Replacements under one key. ``of_record`` gives the function that `redact` takes."""

    def __init__(self, key: bytes):
        self._key = key

    def of_record(self, texts: Sequence[str], spans: Sequence[Sequence[Span]]) -> Replace:
        """The replacement for the values of one record: the texts of its fields, and what was found in each."""
        found = [(span.type, text[span.start : span.end]) for text, some in zip(texts, spans) for span in some]
        words = frozenset(fold(match[0]) for type_, value in found if type_ in WORDY for match in WORD.finditer(value))
        taken = frozenset(identity(type_, value) for type_, value in found)
        real = Real(words, self._initials([value for type_, value in found if type_ == "PERSON"], words))
        placeholders = Placeholders(texts, spans)
        made: dict[tuple[str, str], str] = {}

        def replace(value: str, span: Span) -> str:
            if span.type not in FAKES:
                return placeholders(value, span)
            if (span.type, value) not in made:
                made[span.type, value] = self._fake(span.type, value, real, taken)
            return made[span.type, value]

        return replace

    def _fake(self, type_: str, value: str, real: Real, taken: frozenset[str]) -> str:
        """The first fake that no value of the record equals."""
        meant = identity(type_, value)
        for attempt in range(16):
            fake = FAKES[type_](value, Draw(self._key, real, type_, meant, str(attempt)))
            if identity(type_, fake) not in taken:
                break
        return fake

    def _initials(self, persons: Sequence[str], words: frozenset[str]) -> dict[str, str]:
        """For the initials of the persons named, those of the names that stand for them."""
        found: dict[str, str] = {}
        for value in persons:
            for word in split_name(value):
                if word.kind == "name" and word.key[:1] not in found:
                    fake = fake_name(value[word.start : word.end], Draw(self._key, Real(words)))
                    found[word.key[:1]] = fake[:1].upper()
        return found
