"""Fresh constraint prompts as questions of one task, so that its shares are of all prompts and of all constraints.

How well each kind of constraint is followed is told from the checks of every answer.
"""

from __future__ import annotations

from collections.abc import Sequence

from tunesmith.checks.fresh import FreshPrompt, fresh_prompts
from tunesmith.evaluation.samples import Sample
from tunesmith.records import Message, row_id

GROUP = "instructions"


def fresh_instruction_samples(
    num: int, *, seed: int = 0, num_checks: int | tuple[int, int] = (1, 3), kinds: Sequence[str] = ()
) -> dict[str, list[Sample]]:
    """``num`` questions under the name of their task.

    Raises:
        UsageError: see `fresh_prompts`.
    """
    prompts = fresh_prompts(num, num_checks=num_checks, kinds=kinds, seed=seed)
    return {GROUP: [_sample(prompt, key, seed) for key, prompt in enumerate(prompts)]}


def _sample(prompt: FreshPrompt, key: int, seed: int) -> Sample:
    checks = [{"id": id, "kwargs": arguments} for id, arguments in zip(prompt.ids, prompt.kwargs, strict=True)]
    return Sample(
        row_id(prompt.to_row(key)),
        (Message("user", prompt.text),),
        references=(),
        task=GROUP,
        source=f"fresh prompts, seed {seed}",
        key=str(key),
        group=GROUP,
        expected={"checks": checks},
    )
