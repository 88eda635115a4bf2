"""The verdict in words, and the color it is said in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from tunesmith.evaluation.summary import BASELINES, TUNED, verdict_sentence
from tunesmith.report.facts import Facts
from tunesmith.report.results import Results, format_system
from tunesmith.report.text import is_number

Tone = Literal["better", "mixed", "worse", "same", "none"]
NOT_JUDGED = {
    "trained": (
        "Trained, not evaluated",
        "Nothing has been compared yet, so nothing is said about whether the model got better.",
    ),
    "interrupted": ("Training has not finished", "There is no result to judge yet; what was written so far follows."),
    "prepared": ("Nothing trained yet", "The run folder holds no more than what follows."),
}


@dataclass(frozen=True)
class Verdict:
    """``title`` is the verdict in a few words, ``aside`` what limits it, ``lead`` the sentence with its numbers."""

    tone: Tone
    title: str
    aside: str
    lead: str


def tell_verdict(facts: Facts) -> Verdict:
    """What the run showed, and no more than that."""
    results = facts.results
    if results is None:
        title, lead = NOT_JUDGED[facts.state]
        return Verdict("none", title, "", lead)
    if not _has_numbers(results):
        return Verdict(
            "none",
            "Evaluated, without a score",
            "",
            "The evaluation gave no number to judge by; the tables below say n/a where one is missing.",
        )
    # A sentence begins with a capital here, also with a system's name; percentages are set as on the rest of the page.
    lead = re.sub(
        r"(^|\. )([a-z])", lambda match: match[1] + match[2].upper(), verdict_sentence(facts.run.summary.value)
    ).replace(" %", "%")
    tone, title = _title(results)
    return Verdict(
        tone, title, "(one training run)" if results.focus == TUNED and results.rival is not None else "", lead
    )


def _has_numbers(results: Results) -> bool:
    needed = [
        results.overall.scores[system].at(end)
        for system in (results.focus, results.rival)
        if system in results.overall.scores
        for end in ("value", "low", "high")
    ]
    needed += (
        [results.overall.comparison.at(name) for name in ("delta", "low", "high", "p")]
        if results.rival is not None
        else []
    )
    return all(is_number(figure.value) for figure in needed) and results.focus in results.overall.scores


def _title(results: Results) -> tuple[Tone, str]:
    overall, rival = results.overall, format_system(results.rival)
    if results.rival is None:
        return "none", "Evaluated, nothing to compare with"
    if overall.scores[results.focus].at("value").value == overall.scores[results.rival].at("value").value == 0:
        return "same", "Cannot tell"
    if overall.verdict == "worse":
        return "worse", f"Worse than {rival}"
    if overall.verdict != "better":
        return "same", "No difference shown"
    unbeaten = [
        name for name in BASELINES if name in overall.against and overall.against[name].at("verdict").value != "better"
    ]
    return (
        ("mixed", f"Better than {rival}, but not than a trivial answer")
        if unbeaten
        else ("better", f"Better than {rival}")
    )
