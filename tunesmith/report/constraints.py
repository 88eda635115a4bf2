"""How well each kind of constraint was followed, counted from the checks of every answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tunesmith import stats
from tunesmith.evaluation.comparisons import explain, judge
from tunesmith.evaluation.summary import NUM_DECIMALS
from tunesmith.report.folder import Figure, RunFolder

Verdicts = dict[
    tuple, dict[str, tuple[bool, bool]]
]  # (task, sample, which check) → system → followed strictly, loosely


@dataclass(frozen=True)
class Kind:
    """One kind of constraint, such as ``length_constraints``.

    Attributes:
        strict: system → ``{"value", "low", "high", "n"}``: share followed to the letter, n constraints asked.
        loose: system → share followed loosely.
        comparison: as a row of the summary's comparisons, p adjusted for the number of kinds.
    """

    name: str
    strict: dict[str, Figure]
    loose: dict[str, Figure]
    comparison: Figure


def read_kinds(run: RunFolder, tasks: Sequence[str], pair: Sequence[str]) -> list[Kind]:
    """The kinds of constraint that the tasks ask for, the most frequent first; none where there are no checks."""
    found: dict[str, Verdicts] = {}
    for system in pair:
        for kind, key, verdict in _checks(run, system, set(tasks)):
            found.setdefault(kind, {}).setdefault(key, {})[system] = verdict
    rows = {kind: _comparison(verdicts, pair) for kind, verdicts in found.items()}
    adjusted = dict(zip(rows, stats.holm([row["p"] if row else None for row in rows.values()])))
    files = " and ".join(f"eval/{system}/" for system in pair)
    kinds = [
        Kind(
            kind,
            {system: _share(verdicts, system, 0, kind) for system in pair},
            {system: _share(verdicts, system, 1, kind).at("value") for system in pair},
            _judged(rows[kind], adjusted[kind], f"{files} (constraints of {kind} that both were asked)"),
        )
        for kind, verdicts in found.items()
    ]
    return sorted(kinds, key=lambda kind: (-len(found[kind.name]), kind.name))


def _checks(run: RunFolder, system: str, tasks: set[str]) -> Iterator[tuple[str, tuple, tuple[bool, bool]]]:
    """(kind, which check of which sample, followed strictly and loosely) of every check of a system."""
    for row in run.answers(system):
        task = row.at("task").value
        if task not in tasks:
            continue
        for place, check in row.at("details", "checks").entries():
            key = (task, row.at("id").value, place)
            kind = str(check.at("id").value).partition(":")[0]
            yield kind, key, (bool(check.at("strict").value), bool(check.at("loose").value))


def _share(verdicts: Verdicts, system: str, way: int, kind: str) -> Figure:
    followed = [found[system][way] for found in verdicts.values() if system in found]
    origin = f"eval/{system}/ (share of the constraints of {kind} followed, {('strict', 'loose')[way]})"
    if not followed:
        return Figure(None, origin)
    low, high = (round(end, NUM_DECIMALS) for end in stats.wilson_interval(sum(followed), len(followed)))
    value = {"value": sum(followed) / len(followed), "low": low, "high": high, "n": len(followed)}
    return Worked(value, origin)


class Worked(Figure):
    """An object worked out from files: what is inside of it has no place of its own."""

    def at(self, *keys: str | int) -> Figure:
        found = super().at(*keys)
        return Figure(found.value, self.origin)


def _comparison(verdicts: Verdicts, pair: Sequence[str]) -> dict | None:
    """The difference of the pair on the constraints both were asked, paired by constraint; None without a pair."""
    if len(pair) != 2:
        return None
    both = [(found[pair[0]][0], found[pair[1]][0]) for found in verdicts.values() if set(pair) <= found.keys()]
    if not both:
        return None
    only_a, only_b = sum(a and not b for a, b in both), sum(b and not a for a, b in both)
    low, high = stats.paired_proportion_interval(only_a, only_b, len(both))
    delta = (only_b - only_a) / len(both)
    return {"delta": delta, "low": low, "high": high, "n": len(both), "p": stats.mcnemar_p(only_a, only_b)}


def _judged(row: dict | None, p_adjusted: float | None, origin: str) -> Figure:
    if row is None:
        return Figure(None, origin)
    interval = (row["low"], row["high"])
    told = {"p_adjusted": p_adjusted, "verdict": judge(row["delta"], p_adjusted, interval)}
    note = explain(row["p"], p_adjusted, interval, row["n"])
    return Worked({**row, **told, "note": note or None}, origin)
