"""What evaluation, curation and serving need of a language model, and nothing about how it is run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from tunesmith.records import Message

Conversation = Sequence[Message]


@dataclass(frozen=True)
class Sampling:
    """How to choose the next token. Temperature 0 is greedy; ``stop`` are strings the answer is cut before."""

    max_new_tokens: int = 128
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    stop: tuple[str, ...] = ()


@dataclass(frozen=True)
class Completion:
    """An answer: its text, why it ended, and how many tokens went in and came out."""

    text: str
    finish_reason: Literal["stop", "length", "prompt_too_long"]
    num_prompt_tokens: int = 0
    num_completion_tokens: int = 0


class LanguageModel(Protocol):
    """A model as a few methods over text: local, behind an API, or scripted for a test."""

    def generate(
        self,
        conversations: Sequence[Conversation],
        sampling: Sampling = Sampling(),
        *,
        tools: Sequence[Sequence[Mapping]] | None = None,
        on_done: Callable[[int], None] | None = None,
    ) -> list[Completion]:
        """Answer each conversation, in the order given. ``on_done(n)`` is called when n more are finished."""
        ...

    def loglikelihood(self, context: Conversation, continuations: Sequence[str]) -> list[float]:
        """Natural-log probability of each continuation as the assistant's next words after the context."""
        ...


@dataclass
class ScriptedModel:
    """A model for tests: answers with ``reply(conversation)`` and remembers what it was asked."""

    reply: Callable[[Conversation], str]

    def __post_init__(self) -> None:
        self.asked: list[Conversation] = []

    def generate(self, conversations, sampling=Sampling(), *, tools=None, on_done=None) -> list[Completion]:
        answers = []
        for conversation in conversations:
            self.asked.append(conversation)
            text = cut_at_stop(self.reply(conversation), sampling.stop)
            answers.append(Completion(text, "stop", num_completion_tokens=len(text.split())))
            if on_done is not None:
                on_done(1)
        return answers

    def loglikelihood(self, context, continuations) -> list[float]:
        answer = self.reply(context)
        return [0.0 if continuation == answer else float("-inf") for continuation in continuations]


def cut_at_stop(text: str, stop: Sequence[str]) -> str:
    """The text before the first of the stop strings."""
    ends = [position for marker in stop if marker and (position := text.find(marker)) >= 0]
    return text[: min(ends)] if ends else text
