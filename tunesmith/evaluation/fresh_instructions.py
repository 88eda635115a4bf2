"""Fresh constraint prompts as questions: a task for each kind of constraint, so that a report shows which kinds fail."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from tunesmith.checks.fresh import FreshPrompt, fresh_prompts
from tunesmith.evaluation.samples import Sample
from tunesmith.records import Message, row_id

GROUP = "instructions"
SEVERAL = "several kinds"


def fresh_instruction_samples(
    num: int, *, seed: int = 0, num_checks: int | tuple[int, int] = (1, 3), kinds: Sequence[str] = ()
) -> dict[str, list[Sample]]:
    """``num`` questions by task, tasks by name: instructions/KIND, and one more for prompts of several kinds.

    Raises:
        UsageError: see `fresh_prompts`.
    """
    tasks: dict[str, list[Sample]] = defaultdict(list)
    for key, prompt in enumerate(fresh_prompts(num, num_checks=num_checks, kinds=kinds, seed=seed)):
        sample = _sample(prompt, key, seed)
        tasks[sample.task].append(sample)
    return {task: tasks[task] for task in sorted(tasks)}


def _sample(prompt: FreshPrompt, key: int, seed: int) -> Sample:
    family = prompt.kinds[0] if len(set(prompt.kinds)) == 1 else SEVERAL
    checks = [{"id": id, "kwargs": arguments} for id, arguments in zip(prompt.ids, prompt.kwargs, strict=True)]
    return Sample(
        row_id(prompt.to_row(key)),
        (Message("user", prompt.text),),
        references=(),
        task=f"{GROUP}/{family}",
        source=f"fresh prompts, seed {seed}",
        key=str(key),
        family=family,
        group=GROUP,
        expected={"checks": checks},
    )
