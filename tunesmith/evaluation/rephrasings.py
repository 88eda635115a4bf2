"""The same request in other words: given by the user, by rules, or by a language model that is checked (see `rewriting`).

A cluster is an original and its variants. They share ``variant_of`` (the original's id) and its references, and each
says in ``variant`` how it was worded.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tunesmith.evaluation.request_parts import Request
from tunesmith.evaluation.rewording_rules import rules_for
from tunesmith.evaluation.samples import Sample
from tunesmith.lm import Sampling
from tunesmith.records import last_request

ORIGINAL, REPEAT, GIVEN = "original", "repeat", "given"
AXES = {
    "formal": "formality",
    "casual": "formality",
    "elaborate": "complexity",
    "exact": "specificity",
    "polite": "politeness",
    "typos": "typos",
    "reordered": "order",
}
"""Each variant that a rule makes, and along which axis it differs from the original."""


def axis_of(variant: str) -> str | None:
    """The axis a variant differs along; None for the original and for repeated requests."""
    if variant == ORIGINAL or variant.startswith(REPEAT):
        return None
    return AXES.get(variant, variant if variant in AXES.values() else GIVEN)


def original_of(sample: Sample) -> Sample:
    """The sample as the first of its cluster."""
    return replace(sample, variant_of=sample.id, variant=ORIGINAL)


def reworded(sample: Sample, variant: str, content: str) -> Sample:
    """The sample asked in these words: its last user turn is replaced, and nothing else."""
    last = max(k for k, turn in enumerate(sample.prompt) if turn.role == "user")
    prompt = (*sample.prompt[:last], replace(sample.prompt[last], content=content), *sample.prompt[last + 1 :])
    return replace(sample, id=f"{sample.id}~{variant}", key="", prompt=prompt, variant_of=sample.id, variant=variant)


def request_language(sample: Sample) -> str:
    """The language of what is asked, see `language_of`."""
    return Request.of(last_request(sample.prompt) or "", sample.references).language


def by_rules(sample: Sample, *, seed: int) -> list[Sample]:
    """The variants that rules make of a sample: a pure function of it and the seed; none where a rule does not apply.

    A request in another language than English has typos and another order alone (see `rewording_rules`). One with checks
    on its answer (``expected``) is left as it is, for a rule cannot know which words they hang on.
    """
    content = last_request(sample.prompt)
    if not content or not content.strip() or sample.expected:
        return []
    request = Request.of(content, sample.references)
    rules = rules_for(request.language)
    made = {name: rule(request, random.Random(f"{seed}:{name}:{sample.id}")) for name, rule in rules.items()}
    return [reworded(sample, name, text) for name, text in made.items() if text is not None and text != content]


def by_phrasings(sample: Sample, phrasings: Sequence[str]) -> list[Sample]:
    """The sample in each phrasing of the user's: a text in which ``{prompt}`` stands for the request."""
    content = last_request(sample.prompt)
    texts = [phrasing.replace("{prompt}", content or "") for phrasing in phrasings]
    return [reworded(sample, f"{GIVEN}-{k}", text) for k, text in enumerate(texts, start=1) if content is not None]


def repeated(sample: Sample, times: int) -> list[Sample]:
    """The very same request so many times, to be answered with chance: see `sampling_of`."""
    return [
        replace(sample, id=f"{sample.id}~{REPEAT}-{k}", key="", variant_of=sample.id, variant=f"{REPEAT}-{k}")
        for k in range(1, times + 1)
    ]


def sampling_of(sample: Sample, sampling: Sampling, temperature: float) -> Sampling:
    """How a sample is to be answered: a repeated request with chance, each time another; all others as is said."""
    if not sample.variant.startswith(f"{REPEAT}-"):
        return sampling
    return replace(sampling, temperature=temperature, seed=int(sample.variant.removeprefix(f"{REPEAT}-")))


def given_variants(sample: Sample, row: Mapping[str, Any]) -> list[Sample]:
    """The sample of a row of the user's with the other wordings it gives, the original first.

    ``variants``: a list of other wordings of the request. ``variant_of``: the ``id`` of the row this one is a rephrasing
    of, with ``variant`` as its name. A row with neither stays alone.
    """
    wordings = row.get("variants")
    is_list = isinstance(wordings, (list, tuple)) and all(isinstance(text, str) for text in wordings)
    texts = [text for text in dict.fromkeys(wordings) if text.strip()] if is_list else []
    if texts:
        return [original_of(sample), *(reworded(sample, f"{GIVEN}-{k}", text) for k, text in enumerate(texts, start=1))]
    other = row.get("variant_of")
    if isinstance(other, str | int) and not isinstance(other, bool) and str(other).strip():
        name = row.get("variant")
        return [replace(sample, variant_of=str(other), variant=name if isinstance(name, str) and name else GIVEN)]
    return [sample]


def join_given(samples: Sequence[Sample]) -> list[Sample]:
    """The samples of a file with what a row calls ``variant_of`` found among them: its row is the original of a cluster."""
    by_key = {sample.key: sample for sample in samples if sample.key}
    named = {sample.variant_of for sample in samples if sample.variant_of}
    joined = []
    for sample in samples:
        other = by_key.get(sample.variant_of) if sample.variant_of else None
        if other is not None:
            joined.append(replace(sample, variant_of=other.id, variant=ORIGINAL if other is sample else sample.variant))
        else:
            joined.append(original_of(sample) if sample.key and sample.key in named and not sample.variant else sample)
    return joined
