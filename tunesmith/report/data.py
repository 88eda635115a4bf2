"""The data of a run as its page shows it: sources, licences, lengths, tasks, languages, personal data, what to fix."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from tunesmith.curation.advice import Advice, advise, is_unspaced, say_type
from tunesmith.curation.card import count_licenses, order_types, say_after, say_key, say_more_tasks, say_sampled
from tunesmith.curation.language_names import name_language
from tunesmith.report.charts import Bin
from tunesmith.report.folder import Figure
from tunesmith.report.text import join_places

MAX_BARS, MAX_FILES = 12, 20
SPLITS = ("train", "validation", "test")
NO_TASK = "none named"


@dataclass(frozen=True)
class Bar:
    """A name, how many records have it in all, and how many in each split."""

    name: str
    total: Figure
    splits: tuple[tuple[str, Figure], ...] = ()

    @property
    def parts(self) -> list[tuple[str, float, str]]:
        """For `charts.draw_bar`: by split where there are any."""
        parts = self.splits or (("", self.total),)
        return [
            (f"part-{name}" if name else "keep", n.value or 0, f"{n.value or 0:,} {name}".strip()) for name, n in parts
        ]


@dataclass(frozen=True)
class File:
    """A file records come from."""

    path: str
    sha256: str
    size: Figure
    licenses: tuple[tuple[str, Figure], ...]


@dataclass(frozen=True)
class Personal:
    """What was found of a type of personal data in the sample, and how often the type was masked."""

    name: str
    records: Figure
    spans: Figure
    masked: Figure
    places: str


@dataclass(frozen=True)
class DataFacts:
    """``profile.json`` and ``funnel.json`` as figures; everything is empty where a run has not written them."""

    profile: Figure
    funnel: Figure

    @property
    def known(self) -> bool:
        return self.profile.known

    @cached_property
    def advice(self) -> list[Advice]:
        return advise(self.profile.value, self.funnel.value or []) if self.known else []

    @cached_property
    def sources(self) -> list[Figure]:
        return self.profile.at("sources").items()

    @cached_property
    def files(self) -> list[File]:
        """Every file that was read, with the licences of the records that are left of it."""
        licenses = {path: file.at("licenses").entries() for path, file in self.profile.at("files").entries()}
        return [
            File(
                str(file.at("path").value),
                str(file.at("sha256").value or file.at("fingerprint").value or ""),
                file.at("size_bytes"),
                tuple((str(name), count) for name, count in licenses.get(file.at("path").value, [])),
            )
            for source in self.sources
            for file in source.at("files").items()
        ]

    @cached_property
    def by_file(self) -> list[Bar]:
        """Records by file, where there are several."""
        entries = self.profile.at("files").entries()
        bars = [self._bar(str(path), file.at("splits")) for path, file in entries] if len(entries) > 1 else []
        return sorted(bars, key=lambda bar: (-bar.total.value, bar.name))

    @cached_property
    def by_license(self) -> list[Bar]:
        """Records by licence, where there are several."""
        counts = count_licenses(self.profile.value).most_common() if self.known else []
        origin = f"{self.profile.at('files').origin} (sum of its licenses over all files)"
        return [Bar(name, Figure(count, origin)) for name, count in counts] if len(counts) > 1 else []

    @property
    def task_note(self) -> str:
        return say_more_tasks({bar.name: bar.total.value for bar in self.tasks if bar.name != NO_TASK})

    @property
    def is_unspaced(self) -> bool:
        """Whether most records are in a language that is written without spaces."""
        return is_unspaced(self.profile.value)

    @cached_property
    def forecast(self) -> list[tuple[str, str, Figure]]:
        """(stage, reason, number of records): what the default stages would drop of data nobody has touched."""
        return [
            (stage.at("stage").value, str(reason), count)
            for stage in self.profile.at("forecast", "stages").items()
            for reason, count in stage.at("reasons").entries()
        ]

    @cached_property
    def rewrites(self) -> list[tuple[str, Figure]]:
        """(stage, number of records): what the default stages would change in it."""
        stages = self.profile.at("forecast", "stages").items()
        return [(s.at("stage").value, s.at("num_changed")) for s in stages if s.at("num_changed").value]

    @cached_property
    def tasks(self) -> list[Bar]:
        """Records by task, the largest first; those without one last."""
        counts = self.profile.at("tasks", "counts")
        bars = [self._bar(str(name), figure) for name, figure in counts.entries()]
        named = sum(bar.total.value for bar in bars) + (self.profile.at("tasks", "num_other").value or 0)
        without = (self.profile.at("num_records").value or 0) - named
        if bars and without:
            bars.append(Bar(NO_TASK, Figure(without, f"{counts.origin} (num_records without all named)")))
        return bars

    def _bar(self, name: str, figure: Figure) -> Bar:
        splits = tuple((split, figure.at(split)) for split in SPLITS if figure.at(split).known)
        total = sum(count.value for _, count in figure.entries())
        return Bar(name, Figure(total, f"{figure.origin} (sum over splits)"), splits)

    @cached_property
    def languages(self) -> list[Bar]:
        counts = self.profile.at("languages", "counts")
        return [Bar(name_language(str(name)), figure) for name, figure in counts.entries()]

    @cached_property
    def turns(self) -> list[Bar]:
        """Records by number of answers in them; empty where all have one."""
        entries = self.profile.at("turns").entries()
        if [name for name, _ in entries] in (["1"], ["0"], ["0", "1"]):
            return []
        return [Bar(f"{turns} {'answer' if turns == '1' else 'answers'}", count) for turns, count in entries]

    @cached_property
    def lengths(self) -> list[tuple[str, str, Figure]]:
        """(part, unit, quantiles and bins) of all that was measured."""
        return [
            (part, unit, self.profile.at("lengths", part, unit))
            for part in ("prompt", "answer")
            for unit in ("words", "characters")
            if self.profile.at("lengths", part, unit).known
        ]

    def bins(self, lengths: Figure) -> list[Bin]:
        return [Bin(item["from"], item["to"], item["count"]) for item in lengths.at("bins").value]

    @cached_property
    def personal(self) -> list[Personal]:
        """Every type that was found or masked."""
        masked = self.masked
        found = self.profile.at("personal_data", "types")
        names = [str(name) for name, _ in found.entries()]
        zero = "data/changes.jsonl (spans of no such type)"
        origin = f"{self.profile.at('changes').origin} (spans of the type)"
        return [
            Personal(
                say_type(name),
                *(
                    found.at(name, key) if name in names else Figure(0, f"{found.origin} (no such type in it)")
                    for key in ("num_records", "num_spans")
                ),
                Figure(masked[name], origin if masked[name] else zero),
                join_places(found.at(name, "places").value or ()),
            )
            for name in order_types({*names, *masked})
        ]

    @cached_property
    def masked(self) -> Counter[str]:
        """How often each type of personal data was replaced."""
        counts: Counter[str] = Counter()
        for stage in self.profile.at("changes").items():
            counts.update(stage.at("spans").value or {})
        return counts

    @property
    def after_note(self) -> str:
        return say_after(self.funnel.value or [], bool(self.masked))

    @property
    def key_note(self) -> str:
        return say_key(self.funnel.value or [])

    @property
    def sampled(self) -> str:
        """What was looked through for languages and personal data: ``2,000 sampled records``."""
        return say_sampled(self.profile.value, self.profile.at("personal_data", "num_sampled").value)

    def examples_of(self, stage: str, reason: str) -> list[Figure]:
        """Rows that were dropped for a reason, masked."""
        return [
            item
            for item in self.profile.at("examples").items()
            if item.at("stage").value in (stage, f"{stage}_part") and item.at("reason").value == reason
        ]
