"""Gates on our own statistics, in simulation: equal systems are rarely called different, intervals hold the truth.

    python benchmarks/statistical_gates.py [--runs 1000] [--resamples 1000] [--sizes 20 50 …] [--only CASE] [--json]

A population of samples with two systems' answers is made once for each case; every run draws n of them and estimates as
an evaluation does (`tunesmith.evaluation.estimates`). In an A/A run each sample's two answers are shuffled, so that the
systems are equal. Printed: how often they are called different (at most 6.5 %), and how often the interval of a value and
of a difference hold those of the population (at least 93.5 %). Cases marked `x 8` are means over eight tasks; clustered
ones have questions of one to five rephrasings.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from tunesmith.evaluation.estimates import estimate, mean_difference, mean_estimate
from tunesmith.evaluation.measurements import Measurement, measure_task
from tunesmith.evaluation.metrics import METRICS
from tunesmith.evaluation.scorers import with_scores
from tunesmith.stats import ALPHA, Floats

SIZES = (20, 50, 100, 200, 500)
POPULATION = 4_000
PAIR = ("a", "b")
NUM_TASKS = 8
Population = Mapping[str, Measurement]  # case → rows of the whole population


def main(arguments: list[str] | None = None) -> int:
    """Print one line for each case and size; exit code 1 where a gate fails."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--only", default="", help="cases whose name holds this")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    found = []
    for case, measurement in populations().items():
        for n in options.sizes if options.only in case else ():
            row = {"case": case, "n": n, **simulate(measurement, n, options.runs, options.resamples)}
            found.append(row)
            if not options.json:
                print(told(row), flush=True)
    if options.json:
        print(json.dumps(found, indent=1))
    return int(any(row["false_alarms"] > 0.065 or min(row["value"], row["delta"]) < 0.935 for row in found))


def told(row: Mapping[str, float]) -> str:
    """One line of the table."""
    rates = "  ".join(f"{name} {100 * row[name]:5.1f} %" for name in ("false_alarms", "value", "delta"))
    return f"{row['case']:28} n = {row['n']:4}  {rates}  width {row['width']:.3f}"


# -- one case ----------------------------------------------------------------------------------------------------------


def simulate(population: Measurement, n: int, num_runs: int, num_resamples: int) -> dict[str, float]:
    """Share of A/A runs called different, and coverage of the interval of a value and of a difference."""
    rng = np.random.default_rng([n, num_runs])
    num_tasks = NUM_TASKS if population.metric.title.endswith("x 8") else 1
    score = population.score
    totals = {system: float(score(rows.sum(axis=0))) for system, rows in population.rows.items()}
    alarms, values, deltas, widths = [], [], [], []
    for _ in range(num_runs):
        value, delta, _ = _run(population, n, num_tasks, num_resamples, rng)
        values.append(value.interval[0] <= totals["a"] <= value.interval[1])
        deltas.append(delta.interval[0] <= totals["b"] - totals["a"] <= delta.interval[1])
        widths.append(delta.interval[1] - delta.interval[0])
        *_, p = _run(population, n, num_tasks, num_resamples, rng, shuffled=True)
        alarms.append(p < ALPHA)
    rates = {"false_alarms": alarms, "value": values, "delta": deltas, "width": widths}
    return {name: float(np.mean(found)) for name, found in rates.items()}


def _run(
    population: Measurement,
    n: int,
    num_tasks: int,
    num_resamples: int,
    rng: np.random.Generator,
    *,
    shuffled: bool = False,
):
    """Value, difference, and p: of one task, or of the mean over several; ``shuffled``, of equal systems."""
    values, deltas = [], []
    for _ in range(num_tasks):
        drawn = rng.integers(0, population.n, n)
        rows = {system: block[drawn] for system, block in population.rows.items()}
        rows = _shuffle(rows, rng) if shuffled else rows
        found, differences = estimate([replace(population, rows=rows)], [PAIR], rng.spawn(2), num_resamples)
        [[by_system], [difference]] = list(found.values()), list(differences.values())
        values.append(by_system["a"])
        deltas.append(difference)
    mean = mean_difference(deltas)
    return mean_estimate(values), mean.estimate, mean.p


def _shuffle(rows: Mapping[str, Floats], rng: np.random.Generator) -> dict[str, Floats]:
    """Each drawn sample's two answers in random order: a sample that is drawn twice may come in both."""
    a, b = (rows[system] for system in PAIR)
    swap = rng.integers(0, 2, (len(a), 1)).astype(bool)
    return {"a": np.where(swap, b, a), "b": np.where(swap, a, b)}


# -- populations -------------------------------------------------------------------------------------------------------


def populations() -> dict[str, Measurement]:
    """Case → the rows of a population of samples, answered by a and b."""
    rng = np.random.default_rng(0)
    found = dict(_plain(rng)) | dict(_ratios(rng)) | dict(_texts(rng))
    for name in ("share", "mean, skewed", "BLEU", "macro-F1"):
        metric = found[name].metric
        found[f"{name} x {NUM_TASKS}"] = replace(
            found[name], metric=replace(metric, title=f"{metric.title} x {NUM_TASKS}")
        )
    return found


def _plain(rng: np.random.Generator) -> Iterator[tuple[str, Measurement]]:
    """Shares and means, of scores that are mostly 0, mostly 1, or in between."""
    ones, size = np.ones(POPULATION), (2, POPULATION)
    skill = rng.beta(2, 2, POPULATION)
    right = rng.uniform(size=size) < np.array([skill, skill**0.8])
    parts = {
        "share": ("exact_match", right.astype(float)),
        "share, 3 %": ("exact_match", (rng.uniform(size=size) < 0.03).astype(float)),
        "mean, spread": ("f1", np.clip(skill + rng.normal(0, 0.2, size), 0, 1)),
        "mean, skewed": ("f1", rng.beta(0.5, 3, size)),
        "mean, mostly 0": ("f1", np.where(rng.uniform(size=size) < 0.1, rng.beta(2, 2, size), 0.0)),
        "mean, mostly 1": ("f1", np.where(rng.uniform(size=size) < 0.85, 1.0, rng.beta(2, 2, size))),
        "mean, few differ": ("f1", _few_differ(rng)),
    }
    for name, (metric, scores) in parts.items():
        rows = {system: np.stack([block, ones], axis=1) for system, block in zip(PAIR, scores)}
        yield name, Measurement(METRICS[metric], rows, METRICS[metric].score)
        if name in ("share", "mean, skewed"):
            yield f"{name}, clustered", _clustered(METRICS[metric], rows, skill, rng)


def _few_differ(rng: np.random.Generator) -> Floats:
    """Scores of which a third differ between the systems."""
    first = rng.beta(1, 1, POPULATION)
    return np.array([first, np.where(rng.uniform(size=POPULATION) < 0.7, first, rng.beta(1.3, 1, POPULATION))])


def _clustered(metric, rows: Mapping[str, Floats], skill: Floats, rng: np.random.Generator) -> Measurement:
    """Lines of like skill in groups of one to five: their scores go together, as those of rephrasings do."""
    order = np.argsort(skill + rng.normal(0, 0.02, len(skill)))
    ends = np.cumsum(rng.integers(1, 6, len(skill)))
    starts = np.concatenate([[0], ends[ends < len(skill)]])
    summed = {system: np.add.reduceat(block[order], starts, axis=0) for system, block in rows.items()}
    return Measurement(metric, summed, metric.score, "groups of rephrasings")


def _ratios(rng: np.random.Generator) -> Iterator[tuple[str, Measurement]]:
    """Instructions followed of those asked, entity F1, perplexity."""
    size, ones = (2, POPULATION), np.ones(POPULATION)
    num_asked = rng.integers(1, 4, POPULATION)
    skill = rng.beta(3, 1.5, size)
    followed = rng.binomial(num_asked, skill)
    yield "instructions followed", _direct("inst_level_strict", [(part, num_asked, ones) for part in followed])
    num_entities = rng.poisson(1.5, POPULATION)
    right = rng.binomial(num_entities, skill)
    found = right + rng.poisson(0.4, size)
    yield "entity F1", _direct("entity_f1", [(r, f, num_entities, ones) for r, f in zip(right, found)])
    num_tokens = np.ceil(rng.lognormal(4, 0.8, POPULATION))
    nll = num_tokens * rng.gamma(20, 0.15, size)
    yield "perplexity", _direct("perplexity", [(part, num_tokens, ones) for part in nll])


def _direct(name: str, columns) -> Measurement:
    rows = {system: np.stack(part, axis=1).astype(float) for system, part in zip(PAIR, columns)}
    return Measurement(METRICS[name], rows, METRICS[name].score)


def _texts(rng: np.random.Generator) -> Iterator[tuple[str, Measurement]]:
    """BLEU and chrF of sentences in which words were exchanged; macro-F1 of three labels, one of them rare."""
    words = np.array([f"{a}{b}{c}" for a in "bdgklmnprst" for b in "aeiou" for c in "lmnrst"])
    weights = 1 / np.arange(1, len(words) + 1)
    references = [list(rng.choice(words, rng.integers(4, 25), p=weights / weights.sum())) for _ in range(POPULATION)]
    answers = {system: [_garbled(text, words, rng) for text in references] for system in PAIR}
    measured = _measured(answers, [[" ".join(text)] for text in references])
    yield "BLEU", measured["bleu"]
    yield "chrF", measured["chrf"]
    labels = rng.choice(["left", "right", "straight on"], POPULATION, p=[0.5, 0.35, 0.15])
    guesses = {system: _guesses(labels, rng) for system in PAIR}
    yield "macro-F1", _measured(guesses, [[label] for label in labels])["macro_f1"]


def _garbled(text: list[str], words: Floats, rng: np.random.Generator) -> str:
    keep = rng.beta(4, 2)
    return " ".join(word if rng.uniform() < keep else str(rng.choice(words)) for word in text)


def _guesses(labels: Floats, rng: np.random.Generator) -> list[str]:
    return [str(label if rng.uniform() < 0.7 else rng.choice(["left", "right"])) for label in labels]


def _measured(answers: Mapping[str, list[str]], references: list[list[str]]) -> Population:
    lines = {
        system: with_scores([{"prediction": text, "references": found} for text, found in zip(texts, references)])
        for system, texts in answers.items()
    }
    return {measurement.metric.name: measurement for measurement in measure_task(lines)[0]}


if __name__ == "__main__":
    sys.exit(main())
