"""How well personal data is found in a labelled file, beside Presidio on the same text, and how often in clean text.

    python benchmarks/privacy_quality.py LABELLED [--presidio-python PYTHON] [--clean FILE ...] [--json]

LABELLED has a row {"text", "spans": [{"type", "start", "end"}]} per line. Other names of a type are mapped (GPE is a
LOCATION); types that ours does not have are listed and left out on all sides. F2 weighs recall four times:
5 P R / (4 P + R). Intervals are 95 % bootstrap percentiles over rows. "overall" is over all spans together. The rules:

- "overlap": a found span is right where its type is the labelled one and it overlaps the label by half of what both
  cover together (intersection over union >= 0.5); each label and each found span counts once.
- "exact": the same, with the same characters.
- "joined" and "joined tight": as Presidio's own evaluation counts (the SpanEvaluator of presidio-research, which its
  published figures come from). Spans of one type with nothing but punctuation and skip words ("and", "the", "street")
  between them are one span, among the labels and among what was found; skip words and punctuation at their ends do not
  count; several found spans that share a label count together. IoU >= 0.5, and >= 0.9, which is its default. "untyped"
  asks only whether it is personal data: there all spans are of one type. That is what Presidio calls the overall figure.

Presidio runs out of the box with a blank NLP engine (no model): its patterns alone, so it finds no names; its own
published figures with a model are another measurement. --clean counts the rows of files without personal data in which
something is found, per 1,000 rows, per type: as `tunesmith data mask` reads a row, its fields together (an answer speaks
like its question), and once more with every text alone.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tunesmith.errors import TunesmithError, UsageError
from tunesmith.privacy import find_spans
from tunesmith.privacy.fields import find_in_fields
from tunesmith.privacy.spans import TYPES
from tunesmith.privacy.texts import label_of, texts_in

SAME_TYPE = {"GPE": "LOCATION", "LOC": "LOCATION", "ORG": "ORGANIZATION", "NAME": "PERSON", "IBAN": "IBAN_CODE"}
"""Labels of other tools and files, by ours."""
PRESIDIO = Path(__file__).with_name("presidio_spans.py")
OVERALL, UNTYPED = "overall", "untyped"
APART = {"overlap": 0.5, "exact": 1.0}
JOINED = {"joined": 0.5, "joined tight": 0.9}
"""The least intersection over union of each rule."""
SKIPPED = frozenset(
    """
    a about after again ago all also always am an and another any are around as at be because been before being both but
    by can could day days did do does doing down during each either else ever every few first for from had has have he her
    here hers him his how however i if in into is it its itself just last least less many may me might mine month months
    more most mr mrs ms miss much must my never no none nor not now of off often old on once one only onto or other our
    ours out over own per please quite rather same she should since so some still such than that the their them then there
    these they this those through thus to together too toward towards under until up upon us very via was we week weeks
    well were what when where whether which while who whom whose why will with within without would year years yet you
    your yours s m re ve ll d t morning noon afternoon evening night weekend age address street st rue de city state
    country zip po box apt unit suite corner inc ltd
    """.split()  # noqa: SIM905
)
"""Words that neither part two spans nor count at the end of one; like those of Presidio's evaluation, of our own list."""
_TOKEN = re.compile(r"[^\W_]+|[^\w\s]|_")


class Mark(NamedTuple):
    """A labelled or found span."""

    type: str
    start: int
    end: int


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n\n")[0], formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("labelled", type=Path)
    parser.add_argument("--presidio-python", metavar="PYTHON", help="a python that has presidio-analyzer")
    parser.add_argument("--clean", type=Path, nargs="*", default=[], metavar="FILE")
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    try:
        result = measure(options.labelled, options.presidio_python, options.resamples, options.seed)
        result["false_alarms"] = {str(path): false_alarms(path) for path in options.clean}
    except TunesmithError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(json.dumps(result, indent=1) if options.json else render(result))
    return 0


def measure(path: Path, presidio_python: str | None, resamples: int, seed: int) -> dict[str, Any]:
    """Counts, precision, recall and F2 of each system and type, with intervals."""
    texts, labels, left_out = read_labelled(path)
    compared = sorted({mark.type for row in labels for mark in row})
    found = {"tunesmith": [[Mark(s.type, s.start, s.end) for s in find_spans(text)] for text in texts]}
    if presidio_python:
        found["presidio"] = ask_presidio(presidio_python, texts)
    how = {"resamples": resamples, "seed": seed}
    systems = {}
    for name, rows in found.items():
        apart = {rule: count_apart(labels, rows, compared, least) for rule, least in APART.items()}
        joined = {rule: count_joined(texts, labels, rows, compared, least) for rule, least in JOINED.items()}
        systems[name] = {rule: scores(counts, [*compared, OVERALL], **how) for rule, counts in apart.items()}
        systems[name] |= {rule: scores(counts, [*compared, OVERALL, UNTYPED], **how) for rule, counts in joined.items()}
    return {"rows": len(texts), "compared": compared, "left_out": left_out, "systems": systems}


def read_labelled(path: Path) -> tuple[list[str], list[list[Mark]], dict[str, int]]:
    """(texts, labels of our types, how many spans of each other type).

    Raises:
        UsageError: for a row that has no text and spans.
    """
    texts, labels, left_out = [], [], Counter()
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        row = json.loads(line)
        if not isinstance(row.get("text"), str) or not isinstance(row.get("spans"), list):
            raise UsageError(
                f'{path}:{number}: not a labelled row. Give {{"text", "spans": [{{"type", "start", "end"}}]}}.'
            )
        marks = [Mark(SAME_TYPE.get(s["type"], s["type"]), s["start"], s["end"]) for s in row["spans"]]
        left_out.update(mark.type for mark in marks if mark.type not in TYPES)
        texts.append(row["text"])
        labels.append([mark for mark in marks if mark.type in TYPES])
    return texts, labels, dict(left_out)


def ask_presidio(python: str, texts: list[str]) -> list[list[Mark]]:
    """What Presidio finds, by another python, of overlapping spans the one with the best score.

    Raises:
        UsageError: where that python cannot run it.
    """
    done = subprocess.run([python, str(PRESIDIO)], input=json.dumps(texts), capture_output=True, text=True)
    if done.returncode != 0:
        raise UsageError(f"{python} cannot run Presidio: {done.stderr.strip().splitlines()[-1]}")
    return [_strongest(row) for row in json.loads(done.stdout)]


def _strongest(row: list[dict[str, Any]]) -> list[Mark]:
    kept: list[Mark] = []
    for span in sorted(row, key=lambda span: (-span["score"], span["start"] - span["end"])):
        if all(span["end"] <= other.start or other.end <= span["start"] for other in kept):
            kept.append(Mark(SAME_TYPE.get(span["type"], span["type"]), span["start"], span["end"]))
    return kept


def count_apart(
    labels: Sequence[Sequence[Mark]], found: Sequence[Sequence[Mark]], compared: Sequence[str], least_overlap: float
) -> np.ndarray:
    """(rows, types and overall, [labels, found, right]): each span by itself."""
    counts = np.array([[_count(a, b, name, least_overlap) for name in compared] for a, b in zip(labels, found)])
    return np.concatenate([counts, counts.sum(1, keepdims=True)], axis=1)


def count_joined(
    texts: Sequence[str],
    labels: Sequence[Sequence[Mark]],
    found: Sequence[Sequence[Mark]],
    compared: Sequence[str],
    least_overlap: float,
) -> np.ndarray:
    """(rows, types, overall and untyped, [labels, found, right]): neighbors of one type joined."""
    counts = []
    for text, wanted, given in zip(texts, labels, found):
        given = [mark for mark in given if mark.type in compared]
        by_type = _count_row(join(text, wanted), join(text, given), least_overlap)
        untyped = _count_row(join(text, _untyped(wanted)), join(text, _untyped(given)), least_overlap)
        rows = np.array([by_type[name] for name in compared])
        counts.append([*rows, rows.sum(0), untyped[UNTYPED]])
    return np.array(counts)


def _untyped(marks: Sequence[Mark]) -> list[Mark]:
    return [mark._replace(type=UNTYPED) for mark in marks]


def join(text: str, marks: Sequence[Mark]) -> list[Mark]:
    """The spans without skip words and punctuation at their ends, those of one type joined over nothing else."""
    joined: list[Mark] = []
    for mark in sorted(marks, key=lambda mark: mark.start):
        words = [match.span() for match in _TOKEN.finditer(text, mark.start, mark.end) if not _is_skipped(match[0])]
        if not words:
            continue
        mark = mark._replace(start=words[0][0], end=words[-1][1])
        last = joined[-1] if joined else None
        if last is not None and last.type == mark.type and _is_nothing(text[last.end : mark.start]):
            joined[-1] = last._replace(end=max(last.end, mark.end))
        else:
            joined.append(mark)
    return joined


def _is_nothing(between: str) -> bool:
    return all(map(_is_skipped, _TOKEN.findall(between)))


def _is_skipped(token: str) -> bool:
    return not token.isalnum() or token.lower() in SKIPPED


def _count_row(labels: Sequence[Mark], found: Sequence[Mark], least_overlap: float) -> dict[str, list[int]]:
    """[labels, found, right] by type. What shares characters with a label is one found span for each type it is of; it is
    right where the type is the label's and what it covers together overlaps enough."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    is_used = [False] * len(found)
    for label in labels:
        counts[label.type][0] += 1
        covering: dict[str, set[int]] = defaultdict(set)
        for at, mark in enumerate(found):
            if _overlap(label, mark):
                is_used[at] = True
                covering[mark.type].update(range(mark.start, mark.end))
        for type_, characters in covering.items():
            wanted = set(range(label.start, label.end))
            is_enough = len(characters & wanted) / len(characters | wanted) >= least_overlap
            counts[type_][1] += 1
            counts[type_][2] += type_ == label.type and is_enough
    for mark, was_used in zip(found, is_used):
        counts[mark.type][1] += not was_used
    return counts


def scores(counts: np.ndarray, names: Sequence[str], *, resamples: int, seed: int) -> dict[str, dict[str, Any]]:
    """Of each column of the counts: labels, found, right, and (value, low, high) of precision, recall and F2."""
    draws = np.random.default_rng(seed).multinomial(len(counts), np.full(len(counts), 1 / len(counts)), resamples)
    samples = np.einsum("sr,rtk->stk", draws, counts)
    result = {}
    for at, name in enumerate(names):
        num_labels, num_found, num_right = (int(n) for n in counts[:, at].sum(0))
        entry: dict[str, Any] = {"labels": num_labels, "found": num_found, "right": num_right}
        values = _rates(counts[:, at].sum(0)[None])
        resampled = _rates(samples[:, at])
        for metric, value in values.items():
            low, high = np.nanpercentile(resampled[metric], (2.5, 97.5)) if np.isfinite(value[0]) else (np.nan, np.nan)
            entry[metric] = [None if np.isnan(x) else round(float(x), 4) for x in (value[0], low, high)]
        result[name] = entry
    return result


def _count(labels: Sequence[Mark], found: Sequence[Mark], name: str, least_overlap: float) -> tuple[int, int, int]:
    """(labels, found, right) of one type in one row; each label and each found span is used once, best overlap first."""
    wanted = [mark for mark in labels if mark.type == name]
    given = [mark for mark in found if mark.type == name]
    pairs = sorted(((_overlap(a, b), i, j) for i, a in enumerate(wanted) for j, b in enumerate(given)), reverse=True)
    used_wanted, used_given = set(), set()
    for overlap, i, j in pairs:
        if overlap >= least_overlap and i not in used_wanted and j not in used_given:
            used_wanted.add(i)
            used_given.add(j)
    return len(wanted), len(given), len(used_wanted)


def _overlap(a: Mark, b: Mark) -> float:
    shared = max(0, min(a.end, b.end) - max(a.start, b.start))
    return shared / (max(a.end, b.end) - min(a.start, b.start)) if shared else 0.0


def _rates(counts: np.ndarray) -> dict[str, np.ndarray]:
    """Precision, recall and F2 of (…, [labels, found, right]); nan where there is nothing to divide by."""
    labels, found, right = (counts[..., k].astype(float) for k in range(3))
    with np.errstate(invalid="ignore", divide="ignore"):
        return {"precision": right / found, "recall": right / labels, "f2": 5 * right / (4 * labels + found)}


def false_alarms(path: Path) -> dict[str, Any]:
    """Rows of a file in which something is found, per 1,000, by type: with the fields of a row together, and alone."""
    num_rows, together, alone = 0, Counter(), Counter()
    for line in path.read_text("utf-8").splitlines():
        num_rows += 1
        labels, texts = zip(*((label_of(place), text) for place, text in texts_in(json.loads(line))))
        for counter, found in (
            (together, find_in_fields(texts, labels=labels)),
            (alone, [find_spans(text) for text in texts]),
        ):
            types = {span.type for spans in found for span in spans}
            counter.update(types)
            counter["any"] += bool(types)
    return {
        "rows": num_rows,
        "per_1000": {name: round(1000 * n / num_rows, 1) for name, n in together.most_common()},
        "per_1000_texts_alone": {name: round(1000 * n / num_rows, 1) for name, n in alone.most_common()},
    }


def render(result: dict[str, Any]) -> str:
    """The tables as text."""
    left_out = ", ".join(f"{name} ({n})" for name, n in sorted(result["left_out"].items())) or "none"
    lines = [f"{result['rows']} rows. Types of the labels that ours does not have, left out: {left_out}."]
    for system, rules in result["systems"].items():
        for rule, types in rules.items():
            lines += ["", f"{system}, {rule}" + f" (IoU >= {(APART | JOINED)[rule]})"]
            lines.append(
                f"  {'type':16s}{'labels':>7s}{'found':>7s}{'right':>7s}  precision            recall               F2"
            )
            for name, entry in types.items():
                rates = "  ".join(_interval(entry[metric]) for metric in ("precision", "recall", "f2"))
                lines.append(f"  {name:16s}{entry['labels']:7d}{entry['found']:7d}{entry['right']:7d}  {rates}")
    for path, alarms in result["false_alarms"].items():
        lines += ["", f"{path}: {alarms['rows']} rows; rows with something found, per 1,000"]
        for rule, rates in (("as masked", alarms["per_1000"]), ("texts alone", alarms["per_1000_texts_alone"])):
            lines.append(f"  {rule:12s}" + ", ".join(f"{name} {rate}" for name, rate in rates.items()))
    return "\n".join(lines)


def _interval(value: Sequence[float | None]) -> str:
    if value[0] is None:
        return f"{'n/a':19s}"
    return f"{value[0]:.3f} [{value[1]:.3f} {value[2]:.3f}]"


if __name__ == "__main__":
    sys.exit(main())
