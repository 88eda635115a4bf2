"""What evaluation, curation and serving need of a language model, and nothing about how it is run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from tunesmith.errors import ModelError
from tunesmith.records import Message

Conversation = Sequence[Message]
FAILED = "failed"
"""Why an answer ended that there is none of: a server would not give it."""


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
    """An answer: its text, why it ended, and how many tokens went in and came out.

    ``likelihood`` is how probable a text is that was given and only scored; None for an answer. ``note`` says why there is
    no answer, where it failed.
    """

    text: str
    finish_reason: Literal["stop", "length", "prompt_too_long", "failed"]
    num_prompt_tokens: int = 0
    num_completion_tokens: int = 0
    likelihood: TextLikelihood | None = None
    note: str = ""


@dataclass(frozen=True)
class TextLikelihood:
    """How probable a model finds a text: natural-log probability of its ``num_tokens`` predicted tokens together.

    Perplexity per token is exp(-logprob / num_tokens); per byte, exp(-logprob / num_bytes), which may be compared between
    models with different tokenizers. A text of which nothing is predicted has ``num_tokens`` 0 and no perplexity.
    """

    logprob: float
    num_tokens: int
    num_bytes: int


class NoAnswers(ModelError):
    """Every question that was asked failed; ``completions`` are the failed answers, with the reasons."""

    def __init__(self, message: str, completions: Sequence[Completion]):
        super().__init__(message)
        self.completions = list(completions)


OnAnswer = Callable[[int, Completion], None]
"""Called with each answer the moment it is there, and the place of its question among those asked."""


class LanguageModel(Protocol):
    """A model as a few methods over text: local, behind an API, or scripted for a test."""

    def generate(
        self,
        conversations: Sequence[Conversation],
        sampling: Sampling = Sampling(),
        *,
        tools: Sequence[Sequence[Mapping]] | None = None,
        on_answer: OnAnswer | None = None,
    ) -> list[Completion]:
        """Answer each conversation, in the order given; ``on_answer`` is told each of them as it comes, in any order."""
        ...

    def loglikelihood(self, context: Conversation, continuations: Sequence[str]) -> list[float]:
        """Natural-log probability of each continuation as the assistant's next words after the context."""
        ...

    def text_loglikelihood(self, texts: Sequence[str]) -> list[TextLikelihood | None]:
        """Of each raw text, without template; None where it is undefined, as for an encoder-decoder or an API."""
        ...


@dataclass
class ScriptedModel:
    """A model for tests: answers with ``reply(conversation)`` and remembers what it was asked.

    ``text_logprob(text)`` is what it thinks of a raw text, whose tokens are its words; None where it is not said.
    """

    reply: Callable[[Conversation], str]
    text_logprob: Callable[[str], float] | None = None

    def __post_init__(self) -> None:
        self.asked: list[Conversation] = []

    def generate(self, conversations, sampling=Sampling(), *, tools=None, on_answer=None) -> list[Completion]:
        answers = []
        for conversation in conversations:
            self.asked.append(conversation)
            text = cut_at_stop(self.reply(conversation), sampling.stop)
            answers.append(Completion(text, "stop", num_completion_tokens=len(text.split())))
            if on_answer is not None:
                on_answer(len(answers) - 1, answers[-1])
        return answers

    def loglikelihood(self, context, continuations) -> list[float]:
        answer = self.reply(context)
        return [0.0 if continuation == answer else float("-inf") for continuation in continuations]

    def text_loglikelihood(self, texts) -> list[TextLikelihood | None]:
        if self.text_logprob is None:
            return [None] * len(texts)
        return [TextLikelihood(self.text_logprob(text), len(text.split()), len(text.encode())) for text in texts]


def cut_at_stop(text: str, stop: Sequence[str]) -> str:
    """The text before the first of the stop strings."""
    ends = [position for marker in stop if marker and (position := text.find(marker)) >= 0]
    return text[: min(ends)] if ends else text
