"""The verdict in words, the color it is said in, and what was done, for somebody who has never tuned a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tunesmith.evaluation.suites.suite import CONSISTENCY, GENERAL, INSTRUCTIONS
from tunesmith.evaluation.systems import BASELINES, TUNED
from tunesmith.evaluation.verdict import verdict_sentence
from tunesmith.report.areas import Area
from tunesmith.report.facts import Facts
from tunesmith.report.folder import Figure, Sentence
from tunesmith.report.results import CALLED, Results, format_said, format_system, title_system
from tunesmith.report.splits import best_trivial
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
    """``title`` is the verdict in a few words, ``aside`` what limits it, ``lead`` the result in plain words, ``exact``
    the same with everything a statistician asks for, and ``but`` what got worse elsewhere."""

    tone: Tone
    title: str
    aside: str
    lead: Sentence
    exact: str = ""
    but: Sentence = Sentence("")


def tell_verdict(facts: Facts) -> Verdict:
    """What the run showed, and no more than that."""
    results = facts.results
    if results is None and not facts.run.summary.known:
        title, lead = NOT_JUDGED[facts.state]
        return Verdict("none", title, "", Sentence(lead))
    if results is None or not _has_numbers(results):
        return Verdict(
            "none",
            "Evaluated, without a score",
            "",
            Sentence("The evaluation gave no number to judge by; the tables below say n/a where one is missing."),
        )
    exact = format_said(verdict_sentence(facts.run.summary.value))
    tone, title = _title(results)
    lead = _lead(results, tone)
    if tone == "better" and facts.worse_areas:
        tone, title = "mixed", f"{title}, but not everywhere"
    aside = "(one training run)" if results.focus == TUNED and results.rival is not None else ""
    return Verdict(tone, title, aside, lead, exact, _but(facts))


def _but(facts: Facts) -> Sentence:
    """What got worse beside the questions of the verdict."""
    worse = facts.worse_areas
    if not worse:
        return Sentence("")
    told = [part for area in worse for part in (Sentence(", "), _worse_at(area))]
    return _joined(Sentence("But significantly worse at "), *told[1:], Sentence("."))


def _worse_at(area: Area) -> Sentence:
    """An area that got worse, by which figure, how much and how sure."""
    row = area.main.comparison
    interval = ", 95% interval {3} to {4}" if row.at("low").known else ""
    lower = "" if area.main.higher_is_better else ", lower is better"
    names = (("text", WORSE_AT.get(area.name, area.title)), ("text", area.main.title))
    ends = (("delta", row.at(end)) for end in ("delta", "low", "high"))
    return Sentence(f"{{0}} ({{1}} {{2}}{interval}{lower})", (*names, *ends))


WORSE_AT = {GENERAL: "predicting general text", INSTRUCTIONS: "following instructions", CONSISTENCY: "other wordings"}


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
        return "worse", _about(results, f"worse than {rival}")
    if overall.verdict != "better":
        return "same", "No difference shown"
    unbeaten = [
        name for name in BASELINES if name in overall.against and overall.against[name].at("verdict").value != "better"
    ]
    return (
        ("mixed", _about(results, f"better than {rival}, but not than a trivial answer"))
        if unbeaten
        else ("better", _about(results, f"better than {rival}"))
    )


def _about(results: Results, said: str) -> str:
    """The verdict with whose it is, which goes without saying for a tuned model."""
    return said[0].upper() + said[1:] if results.focus == TUNED else f"{title_system(results.focus)} is {said}"


# ── in plain words ──


def _lead(results: Results, tone: Tone) -> Sentence:
    """What the systems reached, and how to take it."""
    reached = _reached(results, results.focus)
    if results.rival is None:
        return _joined(reached, _spread(results), Sentence("; there is nothing to compare it with."))
    zero = all(best.value == 0 for best in (_value(results, name) for name in (results.focus, results.rival)))
    said = _joined(
        reached, Sentence("; "), _reached(results, results.rival, first=False), _spread(results), Sentence(".")
    )
    return _joined(said, *([] if zero else [_trivial(results)]), _taken(results, tone, zero))


def _spread(results: Results) -> Sentence:
    """Over what the scores are a mean."""
    num_tasks = Figure(len(results.tasks), "eval/summary.json#/tasks (number of them)")
    num_families = Figure(len({result.family for result in results.tasks}), "eval/summary.json#/groups (families)")
    num_groups = Figure(len(results.groups), "eval/summary.json#/groups (number of them)")
    if num_tasks.value == 1:
        return Sentence("")
    if num_groups.value == 1 or num_families.value == num_tasks.value:
        return Sentence(", on average over {0} families of tasks", (("count", num_tasks),))
    text = ", on average over {0} families of tasks in {1} sets of test questions"
    return Sentence(text, (("count", num_families), ("count", num_groups)))


def _reached(results: Results, system: str, *, first: bool = True) -> Sentence:
    name = CALLED.get(system, format_system(system))
    name = name[0].upper() + name[1:] if first and system in CALLED else name
    value = _value(results, system)
    if results.is_share:
        verb = DOES.get(results.metric, "answers {1} of the test questions right") if first else "{1}"
        return Sentence(f"{{0}} {verb}", (("text", name), ("percent", value)))
    verb = "scores {1} on {2}" if first else "{1}"
    return Sentence(f"{{0}} {verb}", (("text", name), ("score", value), ("text", results.title)))


DOES = {
    "prompt_level_strict": "does all that {1} of the requests ask, to the letter",
    "prompt_level_loose": "does all that {1} of the requests ask, a first or last line and asterisks forgiven",
}
"""What a share of requests says, where it is not one of right answers."""


def _value(results: Results, system: str) -> Figure:
    return results.overall.scores[system].at("value")


def _trivial(results: Results) -> Sentence:
    found = best_trivial(results.overall)
    if found is None or found[0] in (results.focus, results.rival):
        return Sentence("")
    format = "percent" if results.is_share else "score"
    text = f" The best that takes no model at all, {BASELINES[found[0]]}, reaches {{0}}."
    return Sentence(text, ((format, found[1]),))


def _taken(results: Results, tone: Tone, zero: bool) -> Sentence:
    if zero:
        return Sentence(" Where neither gets anything right, nothing can be told.")
    if tone == "mixed":
        return Sentence(" Until it is clearly above that, do not rely on it.")
    if tone == "worse":
        return Sentence(" Tuning made it worse." if results.focus == TUNED else "")
    if tone == "same":
        return Sentence(" On {0} questions that is too close to call.", (("count", results.num_samples),))
    return Sentence("")


def _joined(*sentences: Sentence) -> Sentence:
    return sum(sentences, Sentence(""))


def tell_story(facts: Facts) -> Sentence:
    """What was done, as far as the run has come: data in, training, questions asked."""
    told = [sentence for tell in (_data, _training, _asking) if (sentence := tell(facts)) is not None]
    return _joined(*(part for sentence in told for part in (sentence, Sentence(" "))))


HELD_BACK_FOR = {"validation": "validation", "test": "the test"}


def _data(facts: Facts) -> Sentence | None:
    if not facts.funnel.rows_in.known:
        return None
    said = Sentence("{0} rows came in", (("count", facts.funnel.rows_in),))
    whole = [drop for drop in facts.funnel.drop_reasons if not drop.is_part]
    reasons = sorted(whole, key=lambda drop: -(drop.count.value or 0))[:2]
    if facts.funnel.num_left_out.value and reasons:
        listed = " and ".join(f"“{{{k + 1}}}”" for k in range(len(reasons)))
        parts = (("count", facts.funnel.num_left_out), *(("words", drop.reason) for drop in reasons))
        said = _joined(said, Sentence(f", {{0}} were left out (most often: {listed})", parts))
    held_out = [(name, count) for name, count in facts.funnel.split if name != "train" and count.value]
    for name, count in held_out:
        said = _joined(said, Sentence(f", {{0}} held back for {HELD_BACK_FOR[name]}", (("count", count),)))
    train = dict(facts.funnel.split).get("train", Figure(None, "data/funnel.json"))
    return _joined(
        said, Sentence(" and {0} were used to train.", (("count", train),)) if train.known else Sentence(".")
    )


def _training(facts: Facts) -> Sentence | None:
    training, model = facts.run.training, facts.run.recipe.at("model", "name_or_path")
    if facts.state != "trained" or not all(training.at(name).known for name in ("num_epochs", "seconds")):
        return None
    name = ("text", model) if model.known else ("text", "the model")
    every, some = training.at("num_parameters"), training.at("num_trainable_parameters")
    which = "all {1}" if every.value == some.value else "{2} of the {1}"
    passes = "pass" if training.at("num_epochs").value == 1 else "passes"
    text = f"Training changed {which} weights of {{0}} in {{3}} {passes} over them, which took {{4}}."
    counts = (("count", every), ("count", some))
    return Sentence(text, (name, *counts, ("number", training.at("num_epochs")), ("duration", training.at("seconds"))))


def _asking(facts: Facts) -> Sentence | None:
    results = facts.results
    if results is None or results.rival is None:
        return None
    text = f"{'Then ' if facts.is_run else ''}{{0}} and {{1}} answered the same {{2}} questions."
    called = [CALLED.get(system, format_system(system)) for system in (results.rival, results.focus)]
    called[0] = called[0] if facts.is_run else called[0][0].upper() + called[0][1:]
    names = [("text", name) for name in called]
    return Sentence(text, (*names, ("count", results.num_samples)))
