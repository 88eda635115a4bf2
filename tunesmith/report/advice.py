"""What to do next: each rule looks at the facts of a run and says at most one thing, with its reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from tunesmith.evaluation.systems import BASE, BASELINES, TUNED
from tunesmith.report.examples import FamilyAnswers
from tunesmith.report.facts import Facts, share
from tunesmith.report.folder import Figure, Sentence
from tunesmith.report.text import is_number

MANY_DROPPED = 0.1
MANY_OVER_LENGTH = 0.02
MANY_CUT = 0.1
NEARLY_ALL_CUT = 0.9
MANY_EMPTY = 0.05
FEW_RECORDS = 0.5  # of what is usual
NUM_NAMED = 4
RISE_OF_VALIDATION = 0.02
STILL_FALLING = 0.01


@dataclass(frozen=True)
class Advice:
    """One next step: what to do, why, and the command or setting that does it."""

    title: str
    why: Sentence
    setting: str = ""


def advise(facts: Facts) -> list[Advice]:
    """What the facts suggest, the most pressing first."""
    return [advice for rule in RULES if (advice := rule(facts)) is not None]


def _exceeds(figure: Figure, limit: float) -> bool:
    return figure.known and figure.value > limit


def _go_on_after_a_stop(facts: Facts) -> Advice | None:
    if facts.state != "interrupted":
        return None
    why = Sentence("Training is not done; the last step written down is {0}.", (("count", facts.last_step),))
    return Advice("Finish the training", why, f"tunesmith train RECIPE --output-dir {facts.place} --resume")


def _evaluate(facts: Facts) -> Advice | None:
    if facts.state != "trained" or facts.results is not None:
        return None
    return Advice(
        "Compare it with the base model",
        Sentence("The model is trained, but nothing says yet whether it got better."),
        f"tunesmith evaluate {facts.place}",
    )


def _train_the_stop_token(facts: Facts) -> Advice | None:
    if facts.ledgers.of("train").at("stop_token_supervised").value is not False:
        return None
    why = Sentence(
        "The token that ends an answer is not among the tokens trained on, so the model does not learn when to stop."
    )
    return Advice("Use a template whose end of turn is trained", why, "template.name: chatml")


def _recover_from_worse(facts: Facts) -> Advice | None:
    if facts.verdict != "worse":
        return None
    delta = facts.results.overall.comparison.at("delta")
    why = Sentence(
        "It differs by {0}. Read the losses above first: wrong format, wrong language and cut answers look different.",
        (("delta", delta),),
    )
    return Advice("Find out why it got worse", why, "train.learning_rate: a third of it; train.num_train_epochs: 1")


def _beat_the_trivial_answers(facts: Facts) -> Advice | None:
    if facts.results is None or facts.results.focus != TUNED:
        return None
    overall = facts.results.overall
    names = [name for name in BASELINES if name in overall.against]
    unbeaten = [name for name in names if overall.against[name].at("verdict").value != "better"]
    if not unbeaten:
        return None
    parts = tuple(
        part for name in unbeaten for part in (("system", name), ("delta", overall.against[name].at("delta")))
    )
    names_with_deltas = " and ".join(f"the {{{2 * k}}} (difference {{{2 * k + 1}}})" for k in range(len(unbeaten)))
    why = Sentence(
        f"Tuned is not shown to be better than {names_with_deltas}, which "
        f"{'takes' if len(unbeaten) == 1 else 'take'} no model; until it is, a gain over base means little.",
        parts,
    )
    return Advice("Beat the trivial answers first", why, "a larger model, more data or more steps")


def _test_on_more(facts: Facts) -> Advice | None:
    if facts.verdict != "no difference":
        return None
    samples, smallest = facts.results.num_samples, facts.results.overall.smallest
    unseen = "a true difference below {1} often goes unseen" if smallest.known else "a true difference may go unseen"
    why = Sentence(
        f"With {{0}} samples, {unseen}: “no difference” here means “cannot tell”, not “equal”.",
        (("count", samples), ("score", smallest)) if smallest.known else (("count", samples),),
    )
    return Advice("Test on more rows", why, "data.test_fraction: 0.2; evaluate.max_samples: null")


def _let_answers_end(facts: Facts) -> Advice | None:
    found = _answers(facts, "num_cut", MANY_CUT)
    if found is None:
        return None
    if _answers(facts, "num_cut", NEARLY_ALL_CUT) is not None:
        why = Sentence(
            "{0} of {1} answers ran to the length limit: a model that is not tuned to answer, or is asked with another "
            "template than it was trained with, does not say that it is done. More room would change little.",
            found,
        )
        return Advice("Find out why answers do not end", why, "another --template, or a tuned model")
    why = Sentence(
        "{0} of {1} answers were cut at the length limit, and a cut answer scores lower than it deserves.", found
    )
    if not facts.is_run:
        return Advice("Let answers end", why, "tunesmith evaluate with a larger --max-new-tokens")
    limit = facts.run.recipe.at("evaluate", "max_new_tokens").value
    return Advice("Let answers end", why, f"evaluate.max_new_tokens: {2 * limit if is_number(limit) else 256}")


def _look_at_empty_answers(facts: Facts) -> Advice | None:
    found = _answers(facts, "num_empty", MANY_EMPTY)
    if found is None:
        return None
    why = Sentence(
        "{0} of {1} answers are empty. A preview shows whether prompt and end of turn look as the model knows them.",
        found,
    )
    return Advice("Find out why answers are empty", why, "tunesmith preview RECIPE")


def _answers(facts: Facts, name: str, limit: float) -> tuple | None:
    """(how many, of how many) as parts of a sentence, where at least such a share of the answers is like that."""
    counts = facts.answers_of(facts.results.focus) if facts.results is not None else Figure(None, "eval/summary.json")
    part = share(counts.at(name), counts.at("n"))
    return (("count", counts.at(name)), ("count", counts.at("n"))) if part.known and part.value >= limit else None


def _help_weak_families(facts: Facts) -> Advice | None:
    """Families that no test file shows as learned, beside others that one does; with what may be the reason."""
    weak = _weak_families(facts)
    if not weak:
        return None
    shown, num_more = weak[:NUM_NAMED], len(weak) - NUM_NAMED
    names = ", ".join(f"{{{2 * k}}} ({{{2 * k + 1}}})" for k in range(len(shown)))
    said = Sentence(
        f"No test shows these as learned: {names}{f' and {num_more} more' if num_more > 0 else ''}.",
        tuple(part for family in shown for part in (("text", family.name), ("score", family.score))),
    )
    cut, few = _cut_families(weak), _small_families(facts, weak)
    hard = Sentence(" Their answers end, and their records are no fewer than others': they may just be harder.")
    why = said + cut[0] if cut else said
    why = why + few[0] if few else why if cut else why + hard
    limit, rows = "a larger evaluate.max_new_tokens", "more records of these families"
    settings = [*([limit] if cut else []), rows if few else "more steps or a larger model"]
    return Advice("Help the families it did not learn", why, ", ".join(settings))


def _weak_families(facts: Facts) -> list[FamilyAnswers]:
    """The lowest first; none where nothing was learned, for then other advice is due."""
    marks: dict[str, set[str | None]] = {}
    for family in (family for split in facts.splits for family in split.trained):
        marks.setdefault(family.name, set()).add(family.mark)
    if facts.examples is None or not any("learned" in found for found in marks.values()):
        return []
    return [family for family in facts.examples.families if marks.get(family.name) == {"not learned"}]


def _cut_families(weak: Sequence[FamilyAnswers]) -> list[Sentence]:
    """Of each weak family with many answers cut: how many."""
    return [
        Sentence(
            " Of {0}, {1} of {2} answers were cut at the length limit.",
            (("text", family.name), ("count", family.num_cut), ("count", family.num_samples)),
        )
        for family in weak
        if family.num_cut.value >= MANY_CUT * family.num_samples.value
    ]


def _small_families(facts: Facts, weak: Sequence[FamilyAnswers]) -> list[Sentence]:
    """Of each weak family with few training records: how many, and how many are usual."""
    known = facts.num_records_of or {}
    usual = Figure(median(count.value for count in known.values()) if known else 0, "data/train.jsonl (median family)")
    return [
        Sentence(
            " {0} has {1} training records; {2} are usual.",
            (("text", family.name), ("count", known[family.name]), ("count", usual)),
        )
        for family in weak
        if family.name in known and known[family.name].value < FEW_RECORDS * usual.value
    ]


def _vary_the_training_rows(facts: Facts) -> Advice | None:
    """Two test files of the same families, and tuned clearly lower on the one than on the other."""
    if facts.results is None or facts.results.focus != TUNED:
        return None
    scored = [(split, split.overall.scores[TUNED]) for split in facts.splits if split.trained]
    pairs = [
        (high, ours, low, theirs)
        for high, ours in scored
        for low, theirs in scored
        if high.family_names == low.family_names and _exceeds(ours.at("low"), theirs.at("high").value)
    ]
    if not pairs:
        return None
    high, ours, low, theirs = max(pairs, key=lambda pair: pair[1].at("value").value - pair[3].at("value").value)
    why = Sentence(
        "On “{0}” it scores {1}, on “{2}” {3}: part of what it learned holds only for what is like its records.",
        (("text", low.title), ("score", theirs.at("value")), ("text", high.title), ("score", ours.at("value"))),
    )
    return Advice("Make the training records more varied", why, f"more variety of the kind “{low.title}” holds back")


def _make_room_for_long_records(facts: Facts) -> Advice | None:
    ledger = facts.ledgers.of("train")
    cut, dropped = ledger.at("num_truncated"), ledger.at("dropped", "too_long")
    lost = cut if _exceeds(share(cut, ledger.at("num_records")), MANY_OVER_LENGTH) else dropped
    if not _exceeds(share(lost, ledger.at("num_records")), MANY_OVER_LENGTH):
        return None
    happened = "truncated" if lost is cut else "dropped"
    why = Sentence(
        f"{{0}} of {{1}} training records are longer than the limit and were {happened}.",
        (("count", lost), ("count", ledger.at("num_records"))),
    )
    limit = facts.run.recipe.at("train", "max_length").value
    most = facts.run.training.at("context_length").value
    if is_number(limit) and is_number(most) and limit >= most:
        return Advice(
            "Make room for long records", why, f"a model that takes more than {most:,} tokens, or shorter records"
        )
    wanted = 2 * limit if is_number(limit) else 2048
    return Advice(
        "Make room for long records", why, f"train.max_length: {min(wanted, most) if is_number(most) else wanted}"
    )


def _look_at_drops(facts: Facts) -> Advice | None:
    dropped, rows_in = facts.funnel.num_rejected, facts.funnel.rows_in
    if not _exceeds(share(dropped, rows_in), MANY_DROPPED):
        return None
    why = Sentence(
        "{0} of {1} were left out. Every one is listed with its line and reason.",
        (("count", dropped), ("count", rows_in)),
    )
    return Advice("Look at what was dropped", why, "data/dropped.jsonl")


def _stop_earlier(facts: Facts) -> Advice | None:
    losses = facts.losses.validation
    if len(losses) < 3:
        return None
    best = min(losses, key=lambda point: point[1].value)
    if best is losses[-1] or losses[-1][1].value <= best[1].value * (1 + RISE_OF_VALIDATION):
        return None
    parts = (("number", best[1]), ("count", best[0]), ("number", losses[-1][1]))
    why = Sentence(
        "The validation loss was lowest ({0}) at step {1} and rose to {2}: "
        "after that the model learned its rows by heart.",
        parts,
    )
    return Advice("Stop earlier", why, "train.early_stopping_patience: 2, or fewer train.num_train_epochs")


def _train_longer(facts: Facts) -> Advice | None:
    num_epochs = facts.run.training.at("num_epochs")
    if facts.state == "trained" and is_number(num_epochs.value) and num_epochs.value < 1:
        why = Sentence("Training ended after {0} of its records, and never saw the others.", (("percent", num_epochs),))
        return Advice("Train longer", why, "train.num_train_epochs: 3, and no train.max_steps")
    losses = facts.losses.validation or facts.losses.quarters
    if facts.state != "trained" or len(losses) < 2 or facts.run.training.at("stopped_early").value:
        return None
    (_, before), (_, last) = losses[-2:]
    if last.value > before.value * (1 - STILL_FALLING) or last.value > min(loss.value for _, loss in losses):
        return None
    why = Sentence(
        "The loss was still falling at the end, from {0} to {1}, so there is more to learn from these rows.",
        (("number", before), ("number", last)),
    )
    return Advice("Train longer", why, "more train.num_train_epochs, or a higher train.learning_rate")


def _look_at_skipped_steps(facts: Facts) -> Advice | None:
    skipped = facts.run.training.at("num_skipped_steps")
    if not _exceeds(skipped, 0):
        return None
    why = Sentence("{0} steps were skipped because their gradient was not finite.", (("count", skipped),))
    return Advice("Steady the training", why, "a lower train.learning_rate, or train.precision: fp32")


def _hold_out_a_validation_split(facts: Facts) -> Advice | None:
    if facts.state != "trained" or facts.losses.validation or facts.ledgers.has_validation:
        return None
    return Advice(
        "Hold out a validation split",
        Sentence("Nothing shows when the model begins to learn its rows by heart."),
        "data.validation_fraction: 0.05",
    )


def _compare_with_examples_in_the_prompt(facts: Facts) -> Advice | None:
    if facts.verdict != "better" or facts.results.focus != TUNED:
        return None
    overall = facts.results.overall
    shots = [system for system in overall.against if system.startswith(f"{BASE}_")]
    if not shots:
        why = Sentence(
            "Base was asked without examples. "
            "A few worked examples in its prompt may bring it as far, without any training."
        )
        return Advice("Check that prompting alone does not do it", why, "evaluate.base_num_shots: [0, 3]")
    unbeaten = [system for system in shots if overall.against[system].at("verdict").value != "better"]
    if not unbeaten:
        return None
    why = Sentence(
        "Tuned is not shown to be better than {0} in the prompt (difference {1}).",
        (("system", unbeaten[0]), ("delta", overall.against[unbeaten[0]].at("delta"))),
    )
    return Advice(
        "Consider prompting instead of tuning",
        why,
        f"tunesmith chat {facts.run.recipe.at('model', 'name_or_path').value}",
    )


def _repeat_with_another_seed(facts: Facts) -> Advice | None:
    if facts.verdict not in ("better", "worse") or facts.results.focus != TUNED:
        return None
    seed = facts.run.recipe.at("train", "seed").value
    why = Sentence(
        "The interval covers the choice of test samples, not the luck of one training run. "
        "Three seeds tell how much a run varies."
    )
    return Advice("Repeat with another seed", why, f"--set train.seed={seed + 1 if is_number(seed) else 1}")


def _talk_to_it(facts: Facts) -> Advice | None:
    if facts.state != "trained":
        return None
    return Advice(
        "Talk to it", Sentence("Ten of your own questions show what no score does."), f"tunesmith chat {facts.place}"
    )


RULES: tuple[Callable[[Facts], Advice | None], ...] = (
    _go_on_after_a_stop,
    _evaluate,
    _train_the_stop_token,
    _recover_from_worse,
    _beat_the_trivial_answers,
    _test_on_more,
    _let_answers_end,
    _look_at_empty_answers,
    _help_weak_families,
    _vary_the_training_rows,
    _make_room_for_long_records,
    _look_at_drops,
    _stop_earlier,
    _train_longer,
    _look_at_skipped_steps,
    _hold_out_a_validation_split,
    _compare_with_examples_in_the_prompt,
    _repeat_with_another_seed,
    _talk_to_it,
)
