"""The same request in other words: given by the user, by rules, or by a language model that is checked.

A cluster is an original and its variants. They share ``variant_of`` (the original's id) and its references, and each
says in ``variant`` how it was worded. What a rephrasing must leave alone, whoever made it: the text to work on (what
stands after a blank line, a line break or a colon), quoted text, code, numbers, names, and every word of a reference.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tunesmith.evaluation.samples import Sample
from tunesmith.lm import LanguageModel, Sampling
from tunesmith.records import Message

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

MAX_TYPOS = 3
MIN_TYPO_LETTERS = 5
WORDS_PER_TYPO = 10
MAX_INSTRUCTION_WORDS = 60  # a longer paragraph is taken for the text to work on


def axis_of(variant: str) -> str | None:
    """The axis a variant differs along; None for the original and for repeated requests."""
    if variant == ORIGINAL or variant.startswith(REPEAT):
        return None
    return AXES.get(variant, variant if variant in AXES.values() else GIVEN)


# -- a request in its parts --------------------------------------------------------------------------------------------

PROTECTED = re.compile(
    r"""```.*?```|`[^`]*`|"[^"]*"|“[^”]*”|«[^»]*»|(?<!\w)'[^']*'(?!\w)|‘[^’]*’|\{[^}]*\}|<[^>]*>|\[[^\]]*\]
    |\S*(?://|@|\\|_|=)\S*|\S*\d\S*""",
    re.VERBOSE | re.DOTALL,
)
WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
COMMON_ENGLISH = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "do",
        "does",
        "for",
        "from",
        "give",
        "how",
        "in",
        "is",
        "it",
        "list",
        "me",
        "my",
        "of",
        "on",
        "please",
        "tell",
        "that",
        "the",
        "this",
        "to",
        "what",
        "when",
        "where",
        "which",
        "who",
        "why",
        "with",
        "write",
        "you",
        "your",
    ]
)


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
        end = re.search(r":(?=\s)|\n", content)
        cut = len(content) if end is None else end.end() if end.group() == ":" else end.start()
        head, rest = content[:cut], content[cut:]
        if len(head.split()) > MAX_INSTRUCTION_WORDS:
            head, rest = "", content
        return cls(head, rest, frozenset(_words(rest)) | {word for text in references for word in _words(text)})

    def places(self) -> list[re.Match[str]]:
        """The words of the instruction that may be written otherwise."""
        spans = [match.span() for match in PROTECTED.finditer(self.instruction)]
        found = [
            match
            for match in WORD.finditer(self.instruction)
            if not any(a < match.end() and match.start() < b for a, b in spans)
        ]
        return [match for match in found if match.group().casefold() not in self.kept]

    @property
    def is_english(self) -> bool:
        return not COMMON_ENGLISH.isdisjoint(_words(self.instruction or self.rest))

    @property
    def text(self) -> str:
        return self.instruction + self.rest


def _words(text: str) -> list[str]:
    return [word.casefold() for word in WORD.findall(text)]


# -- rules -------------------------------------------------------------------------------------------------------------

Rule = Callable[[Request, random.Random], str | None]

FORMAL = (
    "I would like to request your assistance with the following. ",
    "Kindly attend to the request below. ",
    "I am writing to ask for your help with the matter stated here. ",
)
CASUAL = ("Hey, quick one: ", "So here's what I need: ", "Hi! Got a small thing for you: ")
ELABORATE = (
    "Once you have read everything that follows and are sure what it is that is being asked, give your reply: ",
    "What I want you to do, after you have gone through all of it from beginning to end, is stated here: ",
)
EXACT = (
    "Your reply should be exactly what is asked for here, and nothing besides it: ",
    "Reply to this request with what it asks for, no more and no less: ",
)
POLITE = (
    "Could you please help me with this? ",
    "I would be very grateful if you could do this for me, please. ",
    "If you do not mind, please help me with the following. ",
)
LONG_FORMS = {
    "don't": "do not", "doesn't": "does not", "didn't": "did not", "isn't": "is not", "aren't": "are not", "can't": "cannot",
    "won't": "will not", "shouldn't": "should not", "i'm": "I am", "you're": "you are", "what's": "what is", "there's": "there is",
    "let's": "let us", "who's": "who is", "where's": "where is", "how's": "how is",
}  # fmt: skip
SHORT_FORMS = {"do not": "don't", "does not": "doesn't", "did not": "didn't", "is not": "isn't", "are not": "aren't"}
SAYS_WHERE = re.compile(
    r"\b(?:above|after|before|below|beneath|earlier|first|follow(?:s|ing)?|here|last|next|preceding|previous|then|under)\b",
    re.I,
)
# Swapping two letters of these gives another word.
TWINS = frozenset(
    [
        "angel",
        "angle",
        "being",
        "begin",
        "casual",
        "causal",
        "dairy",
        "diary",
        "quiet",
        "quite",
        "silver",
        "sliver",
        "there",
        "three",
        "trail",
        "trial",
        "unite",
        "untie",
        "united",
        "untied",
    ]
)


def formal(request: Request, chance: random.Random) -> str | None:
    """Said to a stranger: a formal opening, and short forms written out ("don't" → "do not")."""
    return chance.choice(FORMAL) + _with_forms(request, LONG_FORMS)


def casual(request: Request, chance: random.Random) -> str | None:
    """Said to a friend: a casual opening, and long forms drawn together ("do not" → "don't")."""
    text = request.instruction
    for long, short in SHORT_FORMS.items():
        text = re.sub(rf"\b{long}\b", short, text) if not PROTECTED.search(text) else text
    return chance.choice(CASUAL) + text + request.rest


def elaborate(request: Request, chance: random.Random) -> str | None:
    """Wrapped in a sentence with subordinate clauses."""
    return chance.choice(ELABORATE) + request.text


def exact(request: Request, chance: random.Random) -> str | None:
    """Says in so many words that the reply should be what is asked for, and nothing besides."""
    return chance.choice(EXACT) + request.text


def polite(request: Request, chance: random.Random) -> str | None:
    """A polite request in front of it."""
    return chance.choice(POLITE) + request.text


def typos(request: Request, chance: random.Random) -> str | None:
    """One slip of the fingers for every ten words of the instruction, at most three: two inner letters change places, or
    one is typed twice; never in a word of fewer than five letters, with a capital, or that the answer or the text to work
    on has."""
    places = [match for match in request.places() if _may_be_mistyped(match.group())]
    num_typos = min(MAX_TYPOS, max(1, len(request.instruction.split()) // WORDS_PER_TYPO), len(places))
    text = request.instruction
    for match in sorted(chance.sample(places, num_typos), key=lambda match: -match.start()):
        text = text[: match.start()] + _mistyped(match.group(), chance) + text[match.end() :]
    return text + request.rest


def reordered(request: Request, _chance: random.Random) -> str | None:
    """The text to work on first, then the instruction; only where a blank line divides them, and no word ("below",
    "following") says where the other stands."""
    says_where = request.instruction.endswith(":") or SAYS_WHERE.search(request.instruction)
    if not request.rest.startswith("\n\n") or not request.rest.strip() or says_where:
        return None
    return f"{request.rest.strip()}\n\n{request.instruction.strip()}"


RULES: dict[str, Rule] = {rule.__name__: rule for rule in (formal, casual, elaborate, exact, polite, typos, reordered)}


def _with_forms(request: Request, forms: Mapping[str, str]) -> str:
    text = request.instruction
    for match in reversed(request.places()):
        word = match.group().replace("’", "'")
        form = forms.get(word.lower())
        if form is not None:
            form = form[0].upper() + form[1:] if word[0].isupper() else form
            text = text[: match.start()] + form + text[match.end() :]
    return text + request.rest


def _may_be_mistyped(word: str) -> bool:
    return len(word) >= MIN_TYPO_LETTERS and word.isascii() and word.isalpha() and word.islower() and word not in TWINS


def _mistyped(word: str, chance: random.Random) -> str:
    swaps = [k for k in range(1, len(word) - 2) if word[k] != word[k + 1]]
    if swaps and chance.random() < 0.5:
        k = chance.choice(swaps)
        return word[:k] + word[k + 1] + word[k] + word[k + 2 :]
    k = chance.randrange(1, len(word) - 1)
    return word[:k] + word[k] + word[k:]


# -- clusters of samples -----------------------------------------------------------------------------------------------


def original_of(sample: Sample) -> Sample:
    """The sample as the first of its cluster."""
    return replace(sample, variant_of=sample.id, variant=ORIGINAL)


def reworded(sample: Sample, variant: str, content: str) -> Sample:
    """The sample asked in these words: its last user turn is replaced, and nothing else."""
    last = max(k for k, turn in enumerate(sample.prompt) if turn.role == "user")
    prompt = (*sample.prompt[:last], replace(sample.prompt[last], content=content), *sample.prompt[last + 1 :])
    return replace(sample, id=f"{sample.id}~{variant}", key="", prompt=prompt, variant_of=sample.id, variant=variant)


def last_request(sample: Sample) -> str | None:
    """The text of the last user turn, or None where there is none."""
    return next((turn.content for turn in reversed(sample.prompt) if turn.role == "user"), None)


def by_rules(sample: Sample, *, seed: int) -> list[Sample]:
    """The variants that rules make of a sample: a pure function of it and the seed; none where a rule does not apply.

    The rules know English alone; a request in another language is only put in another order. One with checks on its
    answer (``expected``) is left as it is, for a rule cannot know which words they hang on.
    """
    content = last_request(sample)
    if not content or not content.strip() or sample.expected:
        return []
    request = Request.of(content, sample.references)
    rules = RULES if request.is_english else {"reordered": reordered}
    made = {name: rule(request, random.Random(f"{seed}:{name}:{sample.id}")) for name, rule in rules.items()}
    return [reworded(sample, name, text) for name, text in made.items() if text is not None and text != content]


def by_phrasings(sample: Sample, phrasings: Sequence[str]) -> list[Sample]:
    """The sample in each phrasing of the user's: a text in which ``{prompt}`` stands for the request."""
    content = last_request(sample)
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
    if isinstance(wordings, (list, tuple)) and wordings and all(isinstance(text, str) for text in wordings):
        texts = [text for text in dict.fromkeys(wordings) if text.strip()]
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


# -- by a language model -----------------------------------------------------------------------------------------------

WISHES = {
    "formal": "in a formal tone",
    "casual": "in a casual tone, as to a friend",
    "elaborate": "as one longer sentence with subordinate clauses",
    "exact": "so that it says more precisely what is wanted",
    "polite": "more politely",
}
LIMITS = frozenset(
    [
        "all",
        "at",
        "below",
        "each",
        "every",
        "exactly",
        "except",
        "fewer",
        "least",
        "less",
        "more",
        "most",
        "must",
        "never",
        "no",
        "not",
        "only",
        "than",
        "without",
    ]
)
MIN_LENGTH, MAX_LENGTH = 0.4, 4.0  # of a rewriting, in words of the original


@dataclass(frozen=True)
class Rewriting:
    """What a language model made of some requests: the variants that passed the checks, and why others did not."""

    samples: list[Sample]
    dropped: Counter[str]


def by_model(lm: LanguageModel, samples: Sequence[Sample], wishes: Sequence[str] = tuple(WISHES)) -> Rewriting:
    """Ask a model to rephrase the instruction of each sample in each way; what fails a check is dropped and counted.

    Only the instruction is shown, never the text to work on, so that this cannot change. Checked: that it is another
    text of a fitting length, without talk around it; that numbers, quoted texts, names and words that limit ("exactly",
    "not") are as before; and that it does not give the answer away.
    """
    asked = [
        (sample, Request.of(last_request(sample) or "", sample.references), wish)
        for sample in samples
        for wish in wishes
    ]
    asked = [item for item in asked if item[1].instruction.strip() and not item[0].expected]
    prompts = [[Message("user", _wish(request, wish))] for _, request, wish in asked]
    answers = lm.generate(prompts, Sampling(max_new_tokens=256)) if prompts else []
    kept: list[Sample] = []
    dropped: Counter[str] = Counter()
    for (sample, request, wish), answer in zip(asked, answers, strict=True):
        text = answer.text.strip()
        reason = "cut short" if answer.finish_reason == "length" else problem_of(request, text, sample.references)
        if reason is None:
            kept.append(reworded(sample, wish, text + request.rest))
        else:
            dropped[reason] += 1
    return Rewriting(kept, dropped)


def _wish(request: Request, wish: str) -> str:
    return (
        f"Rewrite the request below {WISHES[wish]}. Keep its meaning, and keep every number, name and quoted text as it is."
        " Do not answer it. Reply with the rewritten request and nothing else.\n\n" + request.instruction
    )


def problem_of(request: Request, text: str, references: Sequence[str] = ()) -> str | None:
    """Why a rewriting of an instruction cannot stand for it, or None."""
    before = request.instruction
    length = len(text.split()) / max(1, len(before.split()))
    if not text or not MIN_LENGTH <= length <= MAX_LENGTH:
        return "too short or too long"
    if _words(text) == _words(before):
        return "the same words"
    if "\n" in text or re.match(r"(?:sure|certainly|of course|here(?:'s| is| are)|rewritten)\b", text, re.I):
        return "talk around it"
    if Counter(PROTECTED.findall(before)) != Counter(PROTECTED.findall(text)):
        return "numbers or quoted text changed"
    if not _names(before) <= set(re.findall(r"\w+", text)):
        return "a name is missing"
    if LIMITS.intersection(_words(before)) - set(_words(text)):
        return "a limit is missing"
    if before.endswith(":") and not text.endswith(":"):
        return "the colon before the text is missing"
    if any(
        len(reference) > 3 and reference.casefold() in text.casefold() and reference.casefold() not in before.casefold()
        for reference in references
    ):
        return "gives the answer away"
    return None


def _names(text: str) -> set[str]:
    """Words with a capital that do not begin a sentence."""
    return {match.group() for match in re.finditer(r"(?<=[\w,;] )[A-Z]\w+", text)}
