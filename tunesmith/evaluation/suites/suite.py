"""What a suite is: a named source of questions, and the sets of suites that go by one word."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tunesmith.errors import UsageError, did_you_mean
from tunesmith.evaluation.runner import Sample, choose_samples
from tunesmith.lm import LanguageModel
from tunesmith.recipe import EvaluateSection
from tunesmith.records import Record
from tunesmith.registry import Registry

Tasks = dict[str, list[Sample]]

OWN, INSTRUCTIONS, CONSISTENCY, GENERAL, SHOTS = "own", "instructions", "consistency", "general", "shots"
SETS = {"quick": (OWN, INSTRUCTIONS, CONSISTENCY, GENERAL), "full": (OWN, INSTRUCTIONS, CONSISTENCY, GENERAL, SHOTS)}
NUM_QUESTIONS = {"quick": 40, "full": 200}
"""About so many questions a suite asks where it chooses them itself."""


@dataclass(frozen=True)
class Context:
    """What a suite draws its questions from.

    Attributes:
        own: the user's own questions, by task: a run's test split and the test files.
        shots: records that worked examples may be drawn from; a run's training records.
        num_questions: about how many a suite asks where it chooses them itself.
        rephraser: a model that may be asked for other wordings, or None.
        tell: where a suite says what it left out, and why.
    """

    own: Mapping[str, Sequence[Sample]]
    shots: Sequence[Record] = ()
    section: EvaluateSection = EvaluateSection()
    seed: int = 0
    num_questions: int = NUM_QUESTIONS["full"]
    rephraser: LanguageModel | None = None
    tell: Callable[[str], None] = field(default=lambda text: None)

    def most(self, share: float = 1.0) -> int:
        """About how many questions to choose: a share of ``num_questions``, and no more than ``evaluate.max_samples``."""
        num = int(self.num_questions * share)
        return num if self.section.max_samples is None else min(num, self.section.max_samples)


@dataclass(frozen=True)
class Suite:
    """A named source of questions.

    Attributes:
        title, meaning: for people: a few words, and the sentence that says what its figures tell.
        samples: the questions, by task. A suite's own tasks carry its name as group, so that a gate can name them.
        needs_own: it asks the user's own questions in another way, so it is left out where there are none.
        num_shots: of a curve: with how many worked examples each question is asked, one number after another. Its
            answers lie in a folder of their own, ``eval/NAME``, and its figures under NAME in the summary.
        metrics: the metrics its tasks show, where they do not follow from the questions.
        max_new_tokens: the room its answers need, where a recipe gives less.
    """

    name: str
    title: str
    meaning: str
    samples: Callable[[Context], Tasks]
    needs_own: bool = False
    num_shots: Callable[[EvaluateSection], tuple[int, ...]] | None = None
    metrics: tuple[str, ...] = ()
    max_new_tokens: int | None = None


SUITES: Registry[Suite] = Registry("suite")


def is_own(group: str) -> bool:
    """Whether a group of tasks is the user's: a test file, or a run's own split."""
    return group == OWN or group not in SUITES.names()


def choose_suites(names: Sequence[str]) -> tuple[list[Suite], int]:
    """The suites that were named, each once, sets spelled out; and about how many questions each is to ask.

    A curve is told beside the user's questions as they are, so `own` is asked with it.

    Raises:
        UsageError: a name that is neither a suite nor a set.
    """
    known = [*SETS, *SUITES.names()]
    for name in names:
        if name not in known:
            near = did_you_mean(name, known) or f" Choose one of: {', '.join(known)}."
            raise UsageError(f"no such suite `{name}`.{near}")
    single = list(dict.fromkeys(one for name in names for one in SETS.get(name, (name,))))
    only_quick = "quick" in names and all(name in SETS["quick"] or name == "quick" for name in names)
    if OWN not in single and any(SUITES.get(name).num_shots is not None for name in single):
        single = [OWN, *single]
    return [SUITES.get(name) for name in single], NUM_QUESTIONS["quick" if only_quick else "full"]


def choose_evenly(tasks: Mapping[str, Sequence[Sample]], num_questions: int, seed: int) -> Tasks:
    """About so many of the samples, as many of each task as there are; at least one of every task."""
    each = max(1, -(-num_questions // max(1, len(tasks))))
    return {task: choose_samples(samples, each, seed) for task, samples in tasks.items()}


def askable(suites: Sequence[Suite], context: Context) -> Iterator[tuple[Suite, Tasks]]:
    """Each suite that has something to ask, with its questions; of the others it is told why not.

    Raises:
        UsageError: two suites call a task by the same name.
    """
    taken: dict[str, str] = {}
    for suite in suites:
        if suite.needs_own and not any(context.own.values()):
            context.tell(f"{suite.name}: asks your own questions, and there are none. Give --tasks FILE, or a run.")
            continue
        if suite.num_shots is not None and not context.shots:
            context.tell(f"{suite.name}: needs records to take worked examples from. Give --shots FILE, or a run.")
            continue
        tasks = {task: list(samples) for task, samples in suite.samples(context).items() if samples}
        for task in tasks if suite.num_shots is None else ():
            if taken.setdefault(task, suite.name) != suite.name:
                raise UsageError(
                    f"{suite.name}: the suite {taken[task]} has a task called {task} too. Rename the file."
                )
        if tasks:
            yield suite, tasks
