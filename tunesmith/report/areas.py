"""What was asked beside the user's own questions, area by area: its verdict in a sentence, and its tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from tunesmith.evaluation.metrics import METRICS, is_judged
from tunesmith.evaluation.runner import OVERALL
from tunesmith.evaluation.suites.suite import CONSISTENCY, GENERAL, INSTRUCTIONS, OWN, SHOTS
from tunesmith.evaluation.systems import BASELINES, TUNED
from tunesmith.report.charts import Axis, Interval, Role, fit_axis
from tunesmith.report.constraints import Kind, read_kinds
from tunesmith.report.folder import Figure, RunFolder, Sentence
from tunesmith.report.results import MEANINGS, Results, format_system, title_system
from tunesmith.report.text import is_number

SUMMARY = "eval/summary.json"
GENERALIZATION = "generalization"
SHORT = {
    INSTRUCTIONS: "Instructions",
    CONSISTENCY: "Consistency",
    GENERAL: "General text",
    SHOTS: "Examples",
    GENERALIZATION: "New to it",
}
TITLES = {
    INSTRUCTIONS: "Following instructions",
    CONSISTENCY: "The same request in other words",
    GENERAL: "General text",
    SHOTS: "Examples in the prompt instead",
    GENERALIZATION: "What is new about a question",
}
MEANING_OF_NOVELTY = (
    "Your own questions by how near they are to the training records, told from their words alone, never from answers."
)
MEANING_OF_GENERAL = "How well plain English is predicted, which no question is about."
"""Said of models that were not tuned here, of which nothing can have been forgotten."""
LATER = ("own", GENERALIZATION, INSTRUCTIONS, CONSISTENCY, GENERAL, SHOTS)
MAIN = ("prompt_level_strict", "worst_of_k", "bits_per_byte")
DROP = "drop_"
REPEATED = f"{CONSISTENCY}/repeated"


@dataclass(frozen=True)
class Line:
    """A line of a table: one figure of the systems that are compared.

    Attributes:
        scores: system → ``{"value", "low", "high", "n"}``; unknown where it is undefined.
        comparison: of the focus with its rival; unknown where there is none.
        is_judged: whether its difference can be better or worse; otherwise it only describes.
        also: system → a second figure told in small beside the first.
    """

    title: str
    note: str
    scores: dict[str, Figure]
    comparison: Figure
    higher_is_better: bool = True
    also: dict[str, Figure] = field(default_factory=dict)
    tasks: tuple[str, ...] = ()
    search: str = ""
    is_judged: bool = True

    @property
    def n(self) -> list[Figure]:
        """How many were scored: one figure, or one of each system where they differ, as they do of what only right
        answers have."""
        found = [score.at("n") for score in self.scores.values() if score.at("value").known]
        return found if len({n.value for n in found}) > 1 else found[-1:] or [Figure(None, SUMMARY)]

    @property
    def verdict(self) -> str | None:
        if not self.is_judged or not is_number(self.comparison.at("delta").value):
            return None
        return self.comparison.at("verdict").value

    @property
    def doubt(self) -> Figure:
        """Why there is no verdict where p or the interval alone would give one; unknown where they agree."""
        return self.comparison.at("note")


@dataclass(frozen=True)
class Table:
    """Lines under a title; ``also`` names the second figure of its cells."""

    title: str
    head: str
    lines: list[Line]
    note: str = ""
    also: str = ""


@dataclass(frozen=True)
class Area:
    """One area of the evaluation.

    Attributes:
        said: the verdict in a sentence; its numbers know where they stand.
        main: the figure the verdict is about; None where it is undefined.
        undefined: why figures are missing, in words.
    """

    name: str
    title: str
    meaning: str
    said: Sentence
    main: Line | None
    tables: list[Table]
    undefined: list[Figure] = field(default_factory=list)

    @property
    def short(self) -> str:
        return SHORT.get(self.name, self.title)

    @property
    def verdict(self) -> str | None:
        return self.main.verdict if self.main is not None else None


@dataclass(frozen=True)
class Curve:
    """The scores over the number of worked examples."""

    shots: Figure

    @property
    def systems(self) -> list[str]:
        return [system.value for system in self.shots.at("systems").items()]

    @property
    def numbers(self) -> list[int]:
        return [k.value for k in self.shots.at("num_shots").items()]

    @property
    def sentence(self) -> Figure:
        return self.shots.at("sentence")

    @cached_property
    def points(self) -> dict[tuple[str, int], Figure]:
        points = self.shots.at("curve").items()
        return {(point.at("system").value, point.at("num_shots").value): point for point in points}

    @cached_property
    def comparisons(self) -> dict[int, Figure]:
        """Number of examples → the last system without any, held against the first with so many."""
        return {row.at("num_shots").value: row for row in self.shots.at("comparisons").items()}

    def verdict(self, num_shots: int) -> str | None:
        row = self.comparisons.get(num_shots)
        return row.at("verdict").value if row is not None else None

    def role(self, system: str) -> Role:
        return "focus" if system == self.systems[-1] else "rival"

    @property
    def axis(self) -> Axis:
        ends = [point.at(end).value for point in self.points.values() for end in ("value", "low", "high")]
        return fit_axis([end for end in ends if is_number(end)] or [0.0, 1.0], from_zero=True)

    @property
    def intervals(self) -> list[tuple[int, Interval]]:
        """(number of examples, score) of each point that has one."""
        return [
            (
                k,
                Interval(
                    self.role(system), _in_words(system, k), *(point.at(e).value for e in ("value", "low", "high"))
                ),
            )
            for (system, k), point in self.points.items()
        ]


def _in_words(system: str, num_shots: int) -> str:
    return f"{format_system(system)} with {num_shots} example{'s' * (num_shots != 1)}"


def read_curve(run: RunFolder) -> Curve | None:
    shots = run.summary.at(SHOTS)
    return Curve(shots) if shots.known and shots.at("curve").items() else None


def read_areas(run: RunFolder, results: Results | None) -> list[Area]:
    """Every area that was asked: what the questions of the verdict do not tell, in the order of the suites."""
    if not run.summary.known:
        return []
    pair = _pair(run.summary, results)
    told = {group.name for group in results.groups} if results is not None else set()
    suites = run.summary.at("suites")
    names = [str(name) for name, _ in run.summary.at("groups").entries()]
    groups = [name for name in names if (name in SHORT and suites.at(name).known) or name not in told]
    found = [_Reader(run, pair).group(name) for name in groups]
    if run.summary.at(GENERALIZATION).known:
        found.append(_Reader(run, pair).novelty())
    order = {name: place for place, name in enumerate(LATER)}
    return sorted(found, key=lambda area: order.get(area.name, 0))


def _pair(summary: Figure, results: Results | None) -> list[str]:
    """The systems of the tables: rival and focus, with every other one that is no baseline where several were compared."""
    systems = [system.value for system in summary.at("systems").items()]
    if results is None:
        return [system for system in systems if system not in BASELINES]
    return [system for system in (results.rival, results.focus) if system is not None]


@dataclass(frozen=True)
class _Reader:
    run: RunFolder
    pair: list[str]

    @property
    def summary(self) -> Figure:
        return self.run.summary

    def group(self, name: str) -> Area:
        place = self.summary.at("groups", name)
        tasks = [task.value for task in place.at("tasks").items()]
        suite = self.summary.at("suites", name)
        tables = list(self._tables(name, place, tasks))
        main = _main(tables)
        title, meaning = TITLES.get(name) if suite.known else None, str(suite.at("meaning").value or "")
        if name == GENERAL and self.pair[-1] == TUNED:
            title = f"{title}: what was forgotten"
        elif name == GENERAL:
            meaning = MEANING_OF_GENERAL
        undefined = self.summary.at("undefined").items() if name == GENERAL else suite.at("notes").items()
        return Area(
            name,
            title or name.replace("_", " "),
            meaning if name != OWN else "",
            self._said(name, main),
            main,
            tables,
            undefined,
        )

    def _tables(self, name: str, place: Figure, tasks: Sequence[str]) -> Iterator[Table]:
        if name == CONSISTENCY:
            yield from self._wordings(tasks)
            return
        lines = [
            self._line(metric, scores, _row(place, OVERALL, metric, self.pair), tasks=tasks)
            for metric, scores in place.at("metrics").entries()
        ]
        if lines:
            yield Table("" if len(tasks) == 1 else "All of them", "Figure", lines)
        if len(tasks) > 1:
            yield Table("Task by task", "Task", [line for task in tasks for line in self._task_lines(task)[:1]])
        kinds = read_kinds(self.run, tasks, self.pair)
        if kinds:
            yield Table("By kind of constraint", "Kind", [_kind_line(kind, tasks) for kind in kinds], KINDS, "loose")

    def _wordings(self, tasks: Sequence[str]) -> Iterator[Table]:
        for task in tasks:
            lines = self._task_lines(task, in_task=True)
            title, note = WORDINGS_AND_REPEATS[task == REPEATED]
            steady = [line for line in lines if line.search == ""]
            axes = [line for line in lines if line.search]
            if steady:
                yield Table(title, "Figure", steady, f"{note} {STEADY}")
            if axes:
                yield Table("By kind of rewording", "Score lost by", axes, AXES)

    def _task_lines(self, task: str, *, in_task: bool = False) -> list[Line]:
        found = self.summary.at("tasks", task)
        lines = []
        for metric, scores in found.at("metrics").entries():
            row = _row(self.summary, task, metric, self.pair)
            lines.append(self._line(metric, scores, row, title=None if in_task else task, tasks=(task,)))
        return lines

    def _line(
        self,
        metric: str,
        scores: Figure,
        row: Figure,
        *,
        title: str | None = None,
        tasks: Sequence[str],
    ) -> Line:
        described = self.summary.at("metrics", metric)
        name = str(described.at("title").value or metric)
        axis = metric.removeprefix(DROP) if metric.startswith(DROP) else ""
        note = MEANINGS.get(metric, "") if title is None else name
        higher = described.at("higher_is_better").value is not False
        known = {system: scores.at(system) for system in self.pair}
        judged = metric not in METRICS or is_judged(metric)
        return Line(title or axis or name, note, known, row, higher or not judged, {}, tuple(tasks), axis, judged)

    def novelty(self) -> Area:
        place = self.summary.at(GENERALIZATION)
        lines = []
        for name, found in place.at("classes").entries():
            scores = {system: found.at("metrics", system) for system in self.pair}
            row = _row(found, name, place.at("metric").value, self.pair)
            lines.append(Line(str(name), "", scores, row, search=f"novelty:{name}"))
        table = Table("", f"Questions with … ({place.at('title').value})", lines)
        return Area(
            GENERALIZATION, TITLES[GENERALIZATION], MEANING_OF_NOVELTY, self._said_of_novelty(lines), None, [table]
        )

    def _said_of_novelty(self, lines: Sequence[Line]) -> Sentence:
        """What the focus reaches from class to class."""
        focus = self.pair[-1]
        known = [line for line in lines if line.scores[focus].at("value").known]
        told = "; ".join(
            f"{{{3 * k + 1}}} on {{{3 * k + 2}}} questions with {{{3 * k + 3}}}" for k in range(len(known))
        )
        parts = [
            part
            for line in known
            for part in (
                *((format, line.scores[focus].at(name)) for format, name in (("score", "value"), ("count", "n"))),
                ("text", line.title),
            )
        ]
        text = f"{{0}} reaches {told}." if known else "n/a: none of these questions has a score."
        return Sentence(text, (("text", title_system(focus)), *parts))

    def _said(self, name: str, main: Line | None) -> Sentence:
        """The verdict of an area, how large and how sure."""
        focus = self.pair[-1]
        if main is None or not is_number(main.scores[focus].at("value").value):
            return Sentence("n/a: {0} has no figure here, so nothing can be said.", (("text", format_system(focus)),))
        said = self._compared(main) if main.verdict is not None else self._alone(main)
        if name == GENERAL and main.verdict == "worse":
            return said + Sentence(
                " Some of what {0} could do may be forgotten.", (("text", format_system(self.pair[0])),)
            )
        return said

    def _alone(self, main: Line) -> Sentence:
        score = main.scores[self.pair[-1]]
        text = "{0} reaches {1} on {2} ({3} to {4}); there is nothing to compare it with."
        names = (("text", title_system(self.pair[-1])), ("score", score.at("value")), ("text", main.title))
        return Sentence(text, (*names, ("score", score.at("low")), ("score", score.at("high"))))

    def _compared(self, main: Line) -> Sentence:
        rival, focus = self.pair
        verb = {"better": "{0} is better than {1}: {2} ", "worse": "{0} is worse than {1}: {2} "}.get(
            main.verdict, "No difference between {0} and {1} could be shown: {2} "
        )
        shown = main.verdict in ("better", "worse")
        sure = (
            "{3} against {4} ({5}, 95% interval {6} to {7})"
            if main.comparison.at("low").known
            else "{3} against {4} ({5})"
        )
        lower = "" if main.higher_is_better else ", where lower is better"
        values = (("score", main.scores[system].at("value")) for system in (focus, rival))
        ends = (("delta", main.comparison.at(end)) for end in ("delta", "low", "high"))
        name = format_system(focus)
        parts = (("text", _capital(name) if shown else name), ("text", format_system(rival)), ("text", main.title))
        said = Sentence(f"{verb}{sure}{lower}.", (*parts, *values, *ends))
        return said + Sentence(" {0}", (("text", main.doubt),)) if main.doubt.known else said


KINDS = "Each constraint asked is one n. Strict is to the letter; loose forgives a first or last line and asterisks."
WORDINGS_AND_REPEATS = (
    ("The same request in several wordings", "n counts requests, each with all its wordings."),
    ("The same request again and again", "n counts requests, each with all its answers, which are drawn by chance."),
)
STEADY = (
    "Spread and flips describe and are not judged: they count only requests that went right at least once, so a model "
    "that is seldom right has little to lose."
)
AXES = (
    "Score of the original wording less the mean score of its rewordings along that axis: above 0 something was lost."
)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _row(place: Figure, task: str, metric: str, pair: Sequence[str]) -> Figure:
    """The comparison of the pair, or its difference by a figure that is not judged; unknown where there is none."""
    if len(pair) == 2:
        for row in (*place.at("comparisons").items(), *place.at("differences").items()):
            if [row.at(key).value for key in ("task", "metric", "a", "b")] == [task, metric, *pair]:
                return row
    return Figure(None, place.at("comparisons").origin)


def _main(tables: Sequence[Table]) -> Line | None:
    """The figure an area is judged by: of a suite its own, else the first."""
    titles = [METRICS[name].title for name in MAIN]
    lines = [line for table in tables[:1] for line in table.lines]
    return next((line for line in lines if line.title in titles), lines[0] if lines else None)


def _kind_line(kind: Kind, tasks: Sequence[str]) -> Line:
    title = kind.name.replace("_", " ").replace(":", ": ")
    return Line(
        title,
        "",
        kind.strict,
        kind.comparison,
        also=kind.loose,
        tasks=tuple(tasks),
        search=f"{kind.name}:",
    )
