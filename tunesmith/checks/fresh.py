"""Fresh prompts with constraints, made from a seed: no model has seen them, and every one of them can be satisfied.

A prompt is a request on one of our topics (see `requests`) and one to five constraints that go together (see
`constraints`), with arguments, wording, order and layout drawn at random. Rows have IFEval's columns, so they are evaluated
as its own file is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from tunesmith.checks.constraints import EVERYTHING, Constraint, choose_constraints
from tunesmith.checks.examples import example_answer
from tunesmith.checks.requests import Request, draw_request
from tunesmith.errors import UsageError

MAX_CHECKS = 5
ATTEMPTS = 200  # in a row that give nothing new, before we say that there is no more


@dataclass(frozen=True)
class FreshPrompt:
    """A request with constraints.

    Attributes:
        text: what is asked, constraints included.
        kinds: the kind of each constraint, in the order of `ids` and `kwargs`.
    """

    text: str
    request: Request
    ids: tuple[str, ...]
    kwargs: tuple[dict[str, Any], ...]
    kinds: tuple[str, ...]

    def to_row(self, key: int) -> dict[str, Any]:
        """A row of a prompt file in IFEval's shape."""
        return {"key": key, "prompt": self.text, "instruction_id_list": list(self.ids), "kwargs": list(self.kwargs)}

    def example_answer(self) -> str:
        """A specimen that follows every constraint strictly."""
        return example_answer(list(zip(self.ids, self.kwargs, strict=True)), self.request)


def fresh_prompts(
    num: int, *, num_checks: int | tuple[int, int] = (1, 3), kinds: Sequence[str] = (), seed: int = 0
) -> list[FreshPrompt]:
    """``num`` prompts, no two alike; the first of them are the same whatever ``num`` is.

    Args:
        num_checks: constraints in a prompt: a number, or the lowest and the highest.
        kinds: kinds (`length`), families (`change_case`) or ids of the constraints to draw from; all where empty.
        seed: decides everything.

    Raises:
        UsageError: a number that is out of bounds, an unknown kind, constraints of which not so many go together, or more
            prompts than can be made of them.
    """
    low, high = (num_checks, num_checks) if isinstance(num_checks, int) else num_checks
    if num < 1:
        raise UsageError(f"the number of prompts must be at least 1, got {num}.")
    if not 1 <= low <= high <= MAX_CHECKS:
        got = f"{low}" if low == high else f"{low}-{high}"
        turned = " Write the lower number first." if low > high else ""
        raise UsageError(f"a prompt can have 1 to {MAX_CHECKS} checks, got {got}.{turned}")
    pool, found = choose_constraints(kinds), {}
    for prompt in _drawn_prompts(Random(seed), pool, low, high):
        if prompt is None:
            much = f"only {len(found):,} prompts" if found else f"no prompt with {high} check{'s' * (high > 1)}"
            raise UsageError(
                f"{much} can be made of {', '.join(kinds) or 'all kinds'}. Ask for fewer, or for more kinds."
            )
        found.setdefault(prompt.text, prompt)
        if len(found) == num:
            break
    return list(found.values())


def _drawn_prompts(random: Random, pool: Sequence[Constraint], low: int, high: int) -> Iterator[FreshPrompt | None]:
    """Prompts without end; None where `ATTEMPTS` in a row gave none that is new."""
    seen, failures = set(), 0
    while failures < ATTEMPTS:
        chosen = _draw_compatible(random, pool, random.randint(low, high))
        prompt = _draw_prompt(random, chosen) if chosen else None
        if prompt is None or prompt.text in seen:
            failures += 1
            continue
        failures = 0
        seen.add(prompt.text)
        yield prompt
    yield None


def _draw_compatible(random: Random, pool: Sequence[Constraint], count: int) -> list[Constraint]:
    """So many constraints that go together, or none where the draw comes to a dead end.

    Kinds are equally likely, however many constraints they have: the order is a weighted draw without replacement
    (Efraimidis & Spirakis 2006).
    """
    sizes, chosen = Counter(constraint.kind for constraint in pool), []
    candidates = [c for c in pool if count == 1 or EVERYTHING not in c.claims]
    ranks = {c.id: random.random() ** sizes[c.kind] for c in candidates}
    for candidate in sorted(candidates, key=lambda c: ranks[c.id], reverse=True):
        if all(candidate.goes_with(other) for other in chosen):
            chosen.append(candidate)
        if len(chosen) == count:
            return chosen
    return []


def _draw_prompt(random: Random, chosen: Sequence[Constraint]) -> FreshPrompt | None:
    """A prompt; None where two constraints drew the same words ("use thunder", "do not use thunder")."""
    request = draw_request(random)
    kwargs = tuple(constraint.draw(random, request) for constraint in chosen)
    words = [word for arguments in kwargs for word in _keywords(arguments)]
    if len(words) != len(set(words)):
        return None
    sentences = [constraint.say(arguments, random) for constraint, arguments in zip(chosen, kwargs, strict=True)]
    text = _lay_out(random, request.text, sentences)
    return FreshPrompt(text, request, tuple(c.id for c in chosen), kwargs, tuple(c.kind for c in chosen))


def _keywords(arguments: dict[str, Any]) -> Iterator[str]:
    for name, value in arguments.items():
        if "keyword" in name or name in ("word", "forbidden_words"):
            yield from [value] if isinstance(value, str) else value


def _lay_out(random: Random, request: str, sentences: Sequence[str]) -> str:
    """Request and constraints in one of several layouts."""
    listed = "\n".join(f"- {sentence}" for sentence in sentences)
    return random.choice(
        (
            f"{request} {' '.join(sentences)}",
            f"{request}\n\n{' '.join(sentences)}",
            f"{' '.join(sentences)}\n\n{request}",
            f"{request}\n\nPlease note:\n{listed}",
            f"{request}\nThe answer has to meet these conditions:\n{listed}",
        )
    )
