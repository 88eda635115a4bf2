"""Asking systems the questions of suites: who is asked, how, and with which worked examples."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tunesmith.evaluation.answer_store import AnswerStore, question_keys
from tunesmith.evaluation.baselines import majority_answer, nearest_example
from tunesmith.evaluation.rephrasings import sampling_of
from tunesmith.evaluation.runner import Sample, answer_samples
from tunesmith.evaluation.shot_curve import shot_system
from tunesmith.evaluation.suites import Context, Suite, Tasks, askable
from tunesmith.evaluation.suites.consistency import REPEAT_TEMPERATURE
from tunesmith.evaluation.suites.suite import OWN
from tunesmith.evaluation.systems import system_name
from tunesmith.lm import FAILED, Completion, LanguageModel, NoAnswers, OnAnswer, Sampling
from tunesmith.model.generate import LocalModel
from tunesmith.model.load import locate
from tunesmith.model.remote import RemoteModel
from tunesmith.progress import Progress
from tunesmith.recipe import EvaluateSection, ModelSection
from tunesmith.records import Message, Record
from tunesmith.rendering.fewshot import ShotPool, choose_shots
from tunesmith.rendering.templates import ChatTemplate
from tunesmith.stats import smallest_detectable_proportion_difference
from tunesmith.workflows.opening import explained_memory, fair_template, model_sha256, open_to_ask


@dataclass(frozen=True)
class Manner:
    """How a system is asked: its chat template (None behind an API, which applies its own), the strings its answers are
    cut before, and how many worked examples stand before each request."""

    template: ChatTemplate | None
    stop: tuple[str, ...]
    num_shots: int

    def to_dict(self) -> dict[str, Any]:
        """As the summary has it: the template by its name and the hash of its source."""
        name = source = None
        if self.template is not None:
            name, source = self.template.name, hashlib.sha256(self.template.source.encode()).hexdigest()
        return {"template": name, "template_sha256": source, "stop": list(self.stop), "num_shots": self.num_shots}


@dataclass(frozen=True)
class System:
    """A model, the name its answers go by, and how it is asked.

    Attributes:
        identity: what decides its answers beside the sampling, e.g. the hash of its weights.
        stop: the strings its answers are cut before; the same for all systems that are compared.
        num_shots: worked examples before each request.
    """

    name: str
    model: LanguageModel
    identity: str
    stop: tuple[str, ...] = ()
    num_shots: int = 0

    @property
    def manner(self) -> Manner:
        """How it is asked."""
        template = self.model.template if isinstance(self.model, LocalModel) else None
        return Manner(template, self.stop, self.num_shots)

    def like(self, other: Manner, *, same_template: bool = False) -> System:
        """Asked as another is: its answers end at the same strings, and at its own where the other names none, as an API;
        and its prompts are in its own chat template where it has one, else in the other's. ``same_template``: as they are.
        """
        found = replace(self, stop=other.stop or self.stop, num_shots=other.num_shots)
        if same_template or other.template is None or not isinstance(self.model, LocalModel):
            return found
        template = fair_template(self.model.loaded, other.template)
        return replace(found, model=replace(self.model, template=template))

    def with_shots(self, num_shots: int) -> System:
        """The same model asked with so many worked examples; without any it keeps its plain name."""
        return replace(self, name=shot_system(self.name, num_shots), num_shots=num_shots)


@dataclass
class Questions:
    """What is to be asked.

    Attributes:
        tasks: of all suites but the curves, by task; ``own``: the user's among them.
        curves: each curve with its tasks: asked again with every number of worked examples.
        metrics: suite → the metrics its tasks show, where a suite says so.
        max_new_tokens: task → length of its longest answer, where a suite needs more room than the recipe gives.
        notes: what the suites told: what they left out, and why; each begins with a suite's name and a colon.
    """

    suites: list[Suite] = field(default_factory=list)
    tasks: Tasks = field(default_factory=dict)
    own: Tasks = field(default_factory=dict)
    curves: list[tuple[Suite, Tasks]] = field(default_factory=list)
    metrics: dict[str, Sequence[str]] = field(default_factory=dict)
    max_new_tokens: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def all_groups(self) -> list[str]:
        return [suite.name for suite in self.suites if suite.name != OWN and suite.num_shots is None]


def gather(suites: Sequence[Suite], context: Context, console: Progress) -> Questions:
    """The questions of the suites, told in a line each: how many, and which difference so many can show."""
    found = Questions()

    def tell(text: str) -> None:
        found.notes.append(text)
        context.tell(text)

    for suite, tasks in askable(suites, replace(context, tell=tell)):
        found.suites.append(suite)
        if suite.num_shots is not None:
            found.curves.append((suite, tasks))
        else:
            found.tasks |= tasks
            found.own |= tasks if suite.name == OWN else {}
            found.metrics |= {suite.name: suite.metrics} if suite.metrics else {}
            if suite.max_new_tokens is not None:
                found.max_new_tokens |= dict.fromkeys(tasks, suite.max_new_tokens)
        console.say(f"{suite.name} ({suite.title}): {_extent(suite, tasks, context.section)}")
    return found


def _extent(suite: Suite, tasks: Tasks, section: EvaluateSection) -> str:
    samples = [sample for asked in tasks.values() for sample in asked]
    num_units = len({sample.variant_of or sample.id for sample in samples})
    times = "" if suite.num_shots is None else f", each with {_listed(suite.num_shots(section))} worked examples"
    asked = f"{len(samples):,} requests about " if num_units < len(samples) else ""
    told = f"{asked}{num_units:,} question{'s' * (num_units != 1)}{times}"
    if suite.metrics:
        return f"{told}."
    smallest = smallest_detectable_proportion_difference(num_units)
    if smallest is None:
        return f"{told}; too few to tell two systems apart by right and wrong answers."
    return f"{told}; a true difference of {smallest:.3f} in right answers is found 4 times in 5."


def _listed(numbers: Sequence[int]) -> str:
    *first, last = map(str, numbers)
    return f"{', '.join(first)} and {last}" if first else last


class Asker:
    """Asks one system after another, and remembers what each was asked, and how.

    ``train`` are the training records of a run, ``shots`` where worked examples come from: those by default.
    """

    def __init__(
        self,
        section: EvaluateSection,
        questions: Questions,
        train: Sequence[Record],
        eval_dir: Path,
        seed: int,
        console: Progress,
        shots: Sequence[Record] | None = None,
    ):
        self.section, self.questions, self.train, self.eval_dir = section, questions, train, eval_dir
        self.seed, self.console = seed, console
        self.curved: list[str] = []  # the systems that were asked with several numbers of worked examples
        self.answered: dict[str, list[str]] = {}  # system → the tasks it was asked, in the order of the tables
        self.asked: dict[str, Manner] = {}
        self.pool = ShotPool.of(train if shots is None else shots)
        self._pool_name = "" if shots is None else f" of {_content_sha256(self.pool.records)}"

    def ask_all(self, system: System) -> None:
        """Every question there is, and each of a curve with every number of worked examples."""
        self.ask(system, self.questions.tasks)
        self._remember(system, self.questions.tasks)
        for suite, tasks in self.questions.curves:
            assert suite.num_shots is not None
            for num_shots in suite.num_shots(self.section):
                self.ask(system.with_shots(num_shots), tasks, self.eval_dir / suite.name)
            self.curved.append(system.name)

    def ask_own(self, system: System) -> None:
        """The user's own questions alone."""
        self.ask(system, self.questions.own)
        self._remember(system, self.questions.own)

    def _remember(self, system: System, tasks: Tasks) -> None:
        self.answered[system.name], self.asked[system.name] = list(tasks), system.manner

    def ask(self, system: System, tasks: Tasks, eval_dir: Path | None = None) -> None:
        """Write the answers of a system to some tasks."""
        if not tasks:
            return
        sampling = Sampling(max_new_tokens=self.section.max_new_tokens, stop=system.stop)

        def answer(samples: Sequence[Sample], keep: OnAnswer) -> list[Completion]:
            with explained_memory():
                return self._answers(system, samples, sampling, keep)

        template = f", template {system.manner.template.source}" if system.manner.template is not None else ""
        identity = f"{system.identity}, {system.num_shots} shots{self._pool_name}{template}"
        total = sum(len(samples) for samples in tasks.values())
        folder = eval_dir or self.eval_dir
        with self.console.bar(f"Asking {system.name}", total, "sample") as bar:
            answer_samples(
                system.name,
                answer,
                tasks,
                sampling,
                folder,
                on_done=bar.advance,
                identity=identity,
                run_code=self.section.run_code,
            )

    def ask_baselines(self) -> None:
        """Answers no model is needed for: each task's most frequent one, and the nearest training record's."""
        if not self.questions.own or not self.train:
            return
        identity = _content_sha256(self.train)
        own, run_code = self.questions.own, self.section.run_code
        for name, make in (("majority_answer", majority_answer), ("nearest_example", nearest_example)):
            function: Callable = make(self.train)
            answer_samples(name, function, own, Sampling(), self.eval_dir, identity=identity, run_code=run_code)
            self.answered[name] = list(self.questions.own)

    def answers(self, system: System, samples: Sequence[Sample]) -> list[Completion]:
        """Answers that are written nowhere."""
        sampling = Sampling(max_new_tokens=self.section.max_new_tokens, stop=system.stop)
        return self._answers(system, samples, sampling, lambda number, completion: None)

    def put_first(self, *systems: str) -> None:
        """These systems before the others in the tables, where they were asked."""
        order = {name: place for place, name in enumerate(systems)}
        self.answered = dict(sorted(self.answered.items(), key=lambda item: order.get(item[0], len(order))))
        self.curved.sort(key=lambda name: order.get(name, len(order)))

    def _answers(
        self, system: System, samples: Sequence[Sample], sampling: Sampling, keep: OnAnswer
    ) -> list[Completion]:
        """Answers in the order of the samples; those that are sampled, longer or only scored are asked apart."""
        rounds: dict[Sampling | None, list[int]] = {}
        for position, sample in enumerate(samples):
            rounds.setdefault(self._sampling_of(sample, sampling), []).append(position)
        answers: dict[int, Completion] = {}
        failures: list[NoAnswers] = []
        for how, positions in rounds.items():
            try:
                found = self._round(system, [samples[place] for place in positions], how, _at(positions, keep))
            except NoAnswers as error:
                failures.append(error)
                found = error.completions
            answers.update(zip(positions, found, strict=True))
        told = [answers[position] for position in range(len(samples))]
        if rounds and len(failures) == len(rounds):
            raise NoAnswers(str(failures[0]), told) from failures[0]
        return told

    def _round(
        self, system: System, samples: Sequence[Sample], how: Sampling | None, keep: OnAnswer
    ) -> list[Completion]:
        if how is None:
            return score_texts(system.model, samples)
        shots = [self.shots(sample, system.num_shots) for sample in samples]
        return generate(system.model, samples, how, shots, keep)

    def _sampling_of(self, sample: Sample, sampling: Sampling) -> Sampling | None:
        """How a sample is answered; None where its text is only scored."""
        if sample.expected.get("likelihood"):
            return None
        room = self.questions.max_new_tokens.get(sample.task, 0)
        longer = replace(sampling, max_new_tokens=max(sampling.max_new_tokens, room))
        return sampling_of(sample, longer, REPEAT_TEMPERATURE)

    def shots(self, sample: Sample, num_shots: int) -> tuple[Record, ...]:
        """The worked examples for a sample: of its family first, and never the sample itself."""
        record = Record(sample.variant_of or sample.id, sample.prompt, task=sample.family, source=sample.source)
        return choose_shots(record, self.pool, num_shots, seed=self.seed) if num_shots else ()


def _content_sha256(records: Sequence[Record]) -> str:
    return hashlib.sha256(
        "".join(sorted(record.content_sha256 + record.task for record in records)).encode()
    ).hexdigest()


def _at(positions: Sequence[int], keep: OnAnswer) -> OnAnswer:
    """``keep`` for some of the samples: the n-th of them stands at the n-th of these positions."""
    return lambda number, completion: keep(positions[number], completion)


def score_texts(model: LanguageModel, samples: Sequence[Sample]) -> list[Completion]:
    """How probable the model finds the text of each sample; nothing is generated."""
    found = model.text_loglikelihood([sample.prompt[-1].content for sample in samples])
    return [Completion("", "stop", likelihood=likelihood) for likelihood in found]


def generate(
    model: LanguageModel,
    samples: Sequence[Sample],
    sampling: Sampling,
    shots: Sequence[Sequence[Record]],
    on_answer: OnAnswer | None = None,
) -> list[Completion]:
    """Answers to the samples after their worked examples: as the template puts them, or as earlier turns of the chat."""
    tools = [sample.tools for sample in samples] if any(sample.tools for sample in samples) else None
    if isinstance(model, LocalModel):
        conversations = [sample.prompt for sample in samples]
        return model.generate(conversations, sampling, tools=tools, shots=shots, on_answer=on_answer)
    conversations = [_as_turns(sample.prompt, examples) for sample, examples in zip(samples, shots, strict=True)]
    return model.generate(conversations, sampling, tools=tools, on_answer=on_answer)


def _as_turns(prompt: Sequence[Message], shots: Sequence[Record]) -> list[Message]:
    start = sum(turn.role == "system" for turn in prompt[:1])
    turns = [turn for shot in shots for turn in shot.messages if turn.role != "system"]
    return [*prompt[:start], *turns, *prompt[start:]]


def open_system(target: str, section: EvaluateSection, console: Progress, template: str = "auto") -> System:
    """A model by its name, behind a template; an API as it is."""
    name = system_name(target)
    if target.startswith("openai:"):
        return System(name, RemoteModel.from_target(target), target)
    model = ModelSection(name_or_path=target)
    opened = open_to_ask(model, template, section, console)
    return System(name, opened, model_sha256(model), opened.template.stop_strings)


def refuse_no_model(target: str) -> None:
    """Raise where a name stands for no model, before any work; whether a hub or a server has it shows later."""
    if target.startswith("openai:"):
        RemoteModel.from_target(target).close()
    else:
        locate(target)


class Rephraser:
    """A model that is asked for other wordings, and whose wordings are kept: asking again gives the same questions."""

    def __init__(self, target: str, section: EvaluateSection, path: Path, console: Progress):
        self.target, self.section, self.path, self.console = target, section, path, console

    def generate(self, conversations: Sequence[Sequence[Message]], sampling: Sampling = Sampling()) -> list[Completion]:
        """Answers to each conversation; the model is opened only where one is not kept yet."""
        asked = [{"prompt": [turn.to_dict() for turn in conversation]} for conversation in conversations]
        keys = question_keys(self.target, asked)
        with AnswerStore(self.path) as store:
            missing = store.missing(keys)
            if missing:
                model = open_system(self.target, self.section, self.console).model
                self.console.say(f"Asking {self.target} for {len(missing):,} other wordings")
                found = model.generate([conversations[place] for place in missing], sampling)
                for place, completion in zip(missing, found, strict=True):
                    store.add(keys[place], completion)
            failed = Completion("", FAILED)
            return [store.answers.get(key, failed) for key in keys]


def base_with_shots(base: System, section: EvaluateSection) -> list[System]:
    """The base with more worked examples than every system has, as the recipe asks for."""
    return [base.with_shots(num_shots) for num_shots in section.base_num_shots if num_shots not in (0, base.num_shots)]
