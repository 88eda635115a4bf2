"""Requests rephrased by a language model, each rephrasing checked: what does not ask the same is left out, and counted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tunesmith.evaluation.languages import ENGLISH, LANGUAGES, UNKNOWN, language_of, num_words, words_of
from tunesmith.evaluation.rephrasings import reworded
from tunesmith.evaluation.request_parts import PROTECTED, Request
from tunesmith.evaluation.samples import Sample
from tunesmith.lm import LanguageModel, Sampling
from tunesmith.records import Message, last_request

WISHES = {
    "formal": "in a formal tone",
    "casual": "in a casual tone, as to a friend",
    "elaborate": "as one longer sentence with subordinate clauses",
    "exact": "so that it says more precisely what is wanted",
    "polite": "more politely",
}
MIN_LENGTH, MAX_LENGTH = 0.4, 4.0  # of a rewriting, in words of the original
COLONS = (":", "：")


@dataclass(frozen=True)
class Rewriting:
    """What a language model made of some requests.

    Attributes:
        samples: the variants that passed the checks. dropped: why others did not.
        num_unchecked: of those that passed, in how many the words that limit could not be checked: see `languages`.
    """

    samples: list[Sample]
    dropped: Counter[str]
    num_unchecked: int = 0


def by_model(lm: LanguageModel, samples: Sequence[Sample], wishes: Sequence[str] = tuple(WISHES)) -> Rewriting:
    """Ask a model to rephrase the instruction of each sample in each way; what fails a check is dropped and counted.

    Only the instruction is shown, never the text to work on, so that this cannot change. Checked: that it is another
    text of a fitting length, without talk around it; that numbers, quoted texts, names and words that limit ("exactly",
    "not") are as before; that it is in the same language; and that it does not give the answer away.
    """
    asked = [
        (sample, Request.of(last_request(sample.prompt) or "", sample.references), wish)
        for sample in samples
        for wish in wishes
    ]
    asked = [item for item in asked if item[1].instruction.strip() and not item[0].expected]
    prompts = [[Message("user", _wish(request, wish))] for _, request, wish in asked]
    answers = lm.generate(prompts, Sampling(max_new_tokens=256)) if prompts else []
    kept: list[Sample] = []
    told: set[tuple[str, str]] = set()
    dropped: Counter[str] = Counter()
    num_unchecked = 0
    for (sample, request, wish), answer in zip(asked, answers, strict=True):
        text = answer.text.strip()
        reason = "cut short" if answer.finish_reason == "length" else problem_of(request, text, sample.references)
        if reason is None and (sample.id, text) in told:
            reason = "said before"
        told.add((sample.id, text))
        if reason is None:
            kept.append(reworded(sample, wish, text + request.rest))
            num_unchecked += request.language == UNKNOWN
        else:
            dropped[reason] += 1
    return Rewriting(kept, dropped, num_unchecked)


def _wish(request: Request, wish: str) -> str:
    return (
        f"Rewrite the request below {WISHES[wish]}. Keep its meaning and its language, and keep every number, name and"
        " quoted text as it is. Do not answer it. Reply with the rewritten request and nothing else.\n\n"
        + request.instruction
    )


def problem_of(request: Request, text: str, references: Sequence[str] = ()) -> str | None:
    """Why a rewriting of an instruction cannot stand for it, or None."""
    before = request.instruction
    language, opens = LANGUAGES.get(request.language), LANGUAGES[ENGLISH].talk
    if not text or not MIN_LENGTH <= num_words(text) / max(1, num_words(before)) <= MAX_LENGTH:
        return "too short or too long"
    if words_of(text) == words_of(before):
        return "the same words"
    if "\n" in text or opens.match(text) or (language is not None and language.talk.match(text)):
        return "talk around it"
    if Counter(PROTECTED.findall(before)) != Counter(PROTECTED.findall(text)):
        return "numbers or quoted text changed"
    if not _names(before) <= set(re.findall(r"\w+", text)):
        return "a name is missing"
    if language is not None and _found(language.limits, before) - _found(language.limits, text):
        return "a limit is missing"
    if before.endswith(COLONS) and not text.endswith(COLONS):
        return "the colon before the text is missing"
    if any(
        len(reference) > 3 and reference.casefold() in text.casefold() and reference.casefold() not in before.casefold()
        for reference in references
    ):
        return "gives the answer away"
    if language is not None and language_of(text) not in (request.language, UNKNOWN):
        return "another language"
    return None


def _found(pattern: re.Pattern[str], text: str) -> set[str]:
    return {word.casefold() for word in pattern.findall(text)}


def _names(text: str) -> set[str]:
    """Words with a capital that do not begin a sentence."""
    return {match.group() for match in re.finditer(r"(?<=[\w,;] )[A-Z]\w+", text)}
