"""An answer that follows given constraints: the proof that a fresh prompt can be satisfied, and text to train on.

Constraints that decide on everything have an answer of their own. The others add to one draft: what it must hold, how it
opens and closes, how its sentences are shaped. The draft is then made longer, sentence by sentence, until every minimum is
reached. The text speaks of the topic, but it is a specimen, no good answer to the request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

from tunesmith.checks.catalog import BoundCheck, bind_check
from tunesmith.checks.example_parts import ADDED, FILLERS, WHOLE, Arguments
from tunesmith.checks.requests import Request
from tunesmith.checks.splitting import sentences

MAX_FILLERS = 60  # the largest minimum, 300 words, takes fifty
DETECTS_LANGUAGE = ("change_case:english_capital", "change_case:english_lowercase")


@dataclass
class Draft:
    """What an answer is put together from.

    Attributes:
        opening: lines before the text.
        sentences: the text.
        lists: lines after the text.
        closing: the last line.
        parts: how many parts the text falls into.
        labels: what stands before each part, `{}` for its number; divider: between them; first_words: of some of them.
        at: sentences that have a number of their own.
        rewrites: functions of the finished text, in order.
    """

    opening: list[str] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)
    lists: list[str] = field(default_factory=list)
    closing: str = ""
    parts: int = 1
    labels: str = ""
    divider: str = "\n\n"
    first_words: dict[int, str] = field(default_factory=dict)
    at: dict[int, str] = field(default_factory=dict)
    rewrites: list[Callable[[str], str]] = field(default_factory=list)

    def add(self, changes: Mapping[str, Any]) -> None:
        """More of what a field lists, or another value for it."""
        for name, value in changes.items():
            present = getattr(self, name)
            if isinstance(present, list):
                present += value
            elif isinstance(present, dict):
                present |= value
            else:
                setattr(self, name, value)

    def text(self, fillers: Sequence[str]) -> str:
        """The answer, with some more sentences at its end."""
        inner = [*self.sentences, *fillers]
        num_before = len(sentences("\n".join((*self.opening, inner[0])))) - 1
        for position, sentence in sorted(self.at.items()):
            inner.insert(position - 1 - num_before, sentence)
        text = self.divider.join(self._part(number, inner) for number in range(1, self.parts + 1))
        text = "\n".join(line for line in (*self.opening, text, *self.lists, self.closing) if line)
        for rewrite in self.rewrites:
            text = rewrite(text)
        return text

    def _part(self, number: int, sentences: Sequence[str]) -> str:
        """Every n-th sentence would break the order: parts are runs, the first ones longest."""
        size = -(-len(sentences) // self.parts)
        own = " ".join(sentences[size * (number - 1) : size * number]) or FILLERS[-number]
        word = self.first_words.get(number)
        own = f"{word.capitalize()} {own}" if word else own
        return f"{self.labels.format(number)}\n{own}" if self.labels else own


def example_answer(checks: Sequence[tuple[str, Arguments]], request: Request) -> str:
    """An answer that follows every check, where they go together (see `constraints`)."""
    for id, arguments in checks:
        if id in WHOLE:
            whole = WHOLE[id]
            return whole if isinstance(whole, str) else whole(arguments, request)
    draft = Draft(sentences=[f"People like to talk about {request.topic}.", FILLERS[0]])
    for id, arguments in checks:
        if id in ADDED:
            draft.add(ADDED[id](arguments, request))
    slow_last = sorted(checks, key=lambda check: check[0] in DETECTS_LANGUAGE)
    return _lengthen(draft, [bind_check(id, arguments) for id, arguments in slow_last], request.text)


def _lengthen(draft: Draft, checks: Sequence[BoundCheck], prompt: str) -> str:
    """The first text, with more and more sentences, that follows all; the longest where none does."""
    fillers: list[str] = []
    source = cycle(FILLERS[1:] + FILLERS[:1])
    for _ in range(MAX_FILLERS):
        text = draft.text(fillers)
        if all(check.follows(prompt, text) for check in checks):
            break
        fillers.append(next(source))
    return text
