"""What to fix next in data: each rule looks at the numbers behind the card and says at most one thing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tunesmith.curation.language import UNKNOWN
from tunesmith.curation.language_names import name_language
from tunesmith.curation.profile import NONE_STATED
from tunesmith.curation.stages import LISTS

Facts = Mapping[str, Any]
Funnel = Sequence[Mapping[str, Any]]

SECRETS = ("API_KEY", "PRIVATE_KEY", "URL_CREDENTIALS")
NAMES = ("PERSON", "LOCATION", "ORGANIZATION")
MASKING = ("mask_personal_data", "drop_personal_data")
MANY_LOST, MANY_DROPPED, MANY_REPEATED, MANY_SHORT, OTHER_LANGUAGES, SHARED_LANGUAGES = 0.01, 0.3, 0.05, 0.02, 0.02, 0.9
FEW_RECORDS = 200
LONG_WORDS, LONG_TIMES = 2_000, 10
# What to do about rows that became no record, by the reason they are counted under.
AGAINST_LOSS = {
    "unknown_format": "data.sources[].columns: {instruction: THEIRS, output: THEIRS}",
    "no_answer": "rows without an answer can be tested on, not learned: evaluate.tasks",
    "broken_json": "one JSON object per line, with no line break inside it",
    "not_utf8": "save the file as UTF-8",
    "duplicate_key": "one value per key",
}
# And about records that a stage dropped.
AGAINST_DROPS = {
    "unfilled_template": "fill in the {{names}} of the template in the file",
}
ACRONYMS = ("API", "IBAN", "ID", "IP", "MAC", "SSN", "URL", "US")
CHOSEN = ("max_records", "split", "mix")


@dataclass(frozen=True)
class Advice:
    """One next step: what to do, the numbers that say so, and the setting or stage that does it."""

    title: str
    why: str
    setting: str = ""

    def to_dict(self) -> dict[str, str]:
        return asdict(self)


def advise(facts: Facts, funnel: Funnel) -> list[Advice]:
    """What the numbers of a profile and the funnel suggest, the most pressing first."""
    return [advice for rule in RULES if (advice := rule(facts, funnel)) is not None]


def percent(part: float, whole: float) -> str:
    """``0.4%`` of a whole, ``n/a`` of nothing; a part never shows as 0% and less than the whole never as 100%."""
    if not whole:
        return "n/a"
    share = 100 * part / whole
    if 0 < share < 0.1:
        return "<0.1%"
    if 99.9 < share < 100:
        return ">99.9%"
    return f"{share:.0f}%" if share >= 10 or share == 0 else f"{share:.1f}%".replace(".0%", "%")


def say_type(name: str) -> str:
    """A type of personal data as people write it: ``IP address``, ``date of birth``."""
    words = name.split("_")
    return " ".join(word if word in ACRONYMS else word.lower() for word in words)


def add_stage(name: str, funnel: Funnel, settings: str = "") -> str:
    """How a recipe asks for a stage: by the list that has it where nothing was curated yet, else by its name."""
    is_untouched = len(_stages(funnel)) <= 1
    named = f"under curate: - {{use: {name}{', ' + settings if settings else ''}}}"
    return "curate: default" if is_untouched and name in LISTS["default"] and not settings else named


def _stages(funnel: Funnel) -> list[str]:
    return [step["stage"] for step in funnel]


def has_surrogates(funnel: Funnel) -> bool:
    """Whether personal data was replaced by what only looks like it, so that it is found again."""
    return any(step.get("mode") == "surrogate" for step in funnel)


def _mask_secrets(facts: Facts, funnel: Funnel) -> Advice | None:
    found = _found(facts, SECRETS)
    if not found or has_surrogates(funnel):
        return None
    why = f"{_of_sample(facts, found)}. Whoever has the model can ask for them; change them where they are in use."
    return Advice("Take out keys and passwords", why, add_stage("drop_personal_data", funnel, f"types: {_list(found)}"))


def _mask_personal_data(facts: Facts, funnel: Funnel) -> Advice | None:
    found = _found(facts, [name for name in facts["personal_data"]["types"] if name not in (*SECRETS, *NAMES)])
    if not found or has_surrogates(funnel):
        return None
    if any(stage in MASKING for stage in _stages(funnel)):
        why = f"{_of_sample(facts, found)}, after masking: of types that were not asked for, or too unsure to mask."
        return Advice("Look at the personal data that is left", why, "types and min_score of mask_personal_data")
    return Advice("Mask personal data", f"{_of_sample(facts, found)}.", add_stage("mask_personal_data", funnel))


def _find_lost_rows(facts: Facts, funnel: Funnel) -> Advice | None:
    read = next((step for step in funnel if step["unit"] == "rows"), None)
    if read is None or read["num_dropped"] <= MANY_LOST * read["num_in"]:
        return None
    reason, count = max(read["reasons"].items(), key=lambda item: item[1])
    why = f"{read['num_dropped']:,} of {read['num_in']:,} rows became no record, {count:,} of them for `{reason}`."
    remedy = AGAINST_LOSS.get(reason, "")
    return Advice("See why rows were lost", why if remedy else f"{why} The examples show some.", remedy)


def _question_a_stage(facts: Facts, funnel: Funnel) -> Advice | None:
    stages = [step for step in funnel if step["unit"] == "records" and step["stage"] not in CHOSEN and step["num_in"]]
    hardest = max(stages, key=lambda step: step["num_dropped"] / step["num_in"], default=None)
    if hardest is None or hardest["num_dropped"] <= MANY_DROPPED * hardest["num_in"]:
        return None
    reason = max(hardest["reasons"], key=hardest["reasons"].__getitem__, default="")
    why = f"It dropped {hardest['num_dropped']:,} of {hardest['num_in']:,} records. Read the examples: are they bad?"
    setting = AGAINST_DROPS.get(reason, f"curate: milder settings, or no {hardest['stage']}")
    return Advice(f"Check what `{hardest['stage']}` drops", why, setting)


def _clean(facts: Facts, funnel: Funnel) -> Advice | None:
    """For data nobody has touched: what the default stages would do."""
    found = facts.get("forecast")
    if not found or not found["num_dropped"]:
        return None
    counts = Counter({reason: count for step in found["stages"] for reason, count in step["reasons"].items()})
    named = ", ".join(f"{reason.replace('_', ' ')} {count:,}" for reason, count in counts.most_common(4))
    more = ", …" if len(counts) > 4 else ""
    share = percent(found["num_dropped"], found["num_tried"])
    dropped, tried = f"{found['num_dropped']:,}", f"{found['num_tried']:,}"
    why = f"`curate: {found['curate']}` would drop {dropped} of {tried} records ({share}): {named}{more}."
    if found["num_dropped"] > MANY_DROPPED * found["num_tried"]:
        return Advice("Read what cleaning would drop", f"{why} Are they bad? Look at the examples.")
    return Advice("Clean the records", why, f"curate: {found['curate']}")


def _drop_empty_answers(facts: Facts, funnel: Funnel) -> Advice | None:
    if not facts["num_empty_answers"] or facts.get("forecast"):  # which counts them, too
        return None
    answers = facts["num_records"] - facts["num_without_answer"]
    why = f"{facts['num_empty_answers']:,} of {answers:,} answers are empty: a model learns to say nothing."
    return Advice("Drop empty answers", why, add_stage("drop_empty", funnel))


def _drop_duplicates(facts: Facts, funnel: Funnel) -> Advice | None:
    count = facts["num_exact_duplicates"]
    if not count or any(step.get("num_repeated") for step in funnel):  # repeated on purpose, by weight
        return None
    why = f"{count:,} of {facts['num_records']:,} records say the same as another, and may stand on both sides of a split."
    return Advice("Drop duplicates", why, add_stage("drop_duplicates", funnel))


def _look_at_repeated_prompts(facts: Facts, funnel: Funnel) -> Advice | None:
    count = facts["num_repeated_prompts"] - facts["num_exact_duplicates"]
    if count <= MANY_REPEATED * facts["num_records"] or any(step.get("num_repeated") for step in funnel):
        return None
    why = f"{count:,} of {facts['num_records']:,} records ask what another one asks and answer differently."
    return Advice("Decide between the answers to one question", why, "one row per question, or a preference data set")


def _sort_languages(facts: Facts, funnel: Funnel) -> Advice | None:
    counts = {name: count for name, count in facts["languages"]["counts"].items() if name != UNKNOWN}
    known = sum(counts.values())
    main = max(counts, key=counts.__getitem__, default=None)
    if main is None or known - counts[main] <= OTHER_LANGUAGES * known or "drop_language" in _stages(funnel):
        return None
    others = sorted(set(counts) - {main}, key=lambda name: -counts[name])[:3]
    named = ", ".join(f"{name_language(name)} {percent(counts[name], known)}" for name in others)
    why = f"Of {known:,} sampled records whose language is clear {percent(counts[main], known)} are {name_language(main)}; also {named}."
    if counts[main] < SHARED_LANGUAGES * known:
        why += " If only one of them is meant:"
    wanted = f"languages: [{main}]"
    return Advice("Choose the languages", why, add_stage("drop_language", funnel, wanted))


def _drop_short_prompts(facts: Facts, funnel: Funnel) -> Advice | None:
    count = facts["num_short_prompts"]
    if count <= MANY_SHORT * facts["num_records"] or "drop_short" in _stages(funnel):
        return None
    why = f"{count:,} of {facts['num_records']:,} prompts have fewer than 3 words, which tells nobody what to do."
    return Advice("Drop prompts that ask nothing", why, add_stage("drop_short", funnel))


def is_unspaced(facts: Facts) -> bool:
    """Whether most records are in a language that is written without spaces, so that words cannot be counted."""
    counts = facts["languages"]["counts"]
    return sum(counts.get(name, 0) for name in ("zh", "ja", "th", "lo", "km", "my")) > sum(counts.values()) / 2


def _make_room_for_long_records(facts: Facts, funnel: Funnel) -> Advice | None:
    lengths = [(part, facts["lengths"][part]["words"]) for part in ("prompt", "answer")]
    long = [
        (part, found) for part, found in lengths if found and found["max"] > max(LONG_WORDS, LONG_TIMES * found["p95"])
    ]
    if not long:
        return None
    part, found = max(long, key=lambda item: item[1]["max"])
    why = f"The longest {part} has {found['max']:,} words; 95% have at most {found['p95']:,}. It would be cut or left out."
    return Advice("Look at the longest records", why, "train.over_length: drop, or train.max_length for all of them")


def _state_licenses(facts: Facts, funnel: Funnel) -> Advice | None:
    silent = [path for path, file in facts["files"].items() if NONE_STATED in file["licenses"]]
    if not silent:
        return None
    count = sum(facts["files"][path]["licenses"][NONE_STATED] for path in silent)
    which = "these records" if count == facts["num_records"] else f"{count:,} of {facts['num_records']:,} records"
    why = f"Nothing says under what terms {which} may be used."
    return Advice("State the licences", why, f"data.sources: [{{path: {silent[0]}, license: NAME}}]")


def _hold_out_validation(facts: Facts, funnel: Funnel) -> Advice | None:
    if not facts["splits"] or facts["splits"].get("validation"):
        return None
    why = "Without validation records nothing shows when a model begins to learn its rows by heart."
    return Advice("Hold out a validation split", why, "data.validation_fraction: 0.05")


def _collect_more(facts: Facts, funnel: Funnel) -> Advice | None:
    count = facts["splits"].get("train", 0) if facts["splits"] else facts["num_records"]
    if count >= FEW_RECORDS:
        return None
    why = f"{count:,} records teach a style at best, and scores over the few held out are mostly luck."
    return Advice("Collect more records", why, "data.sources: more of them")


def _keep_surrogates_stable(facts: Facts, funnel: Funnel) -> Advice | None:
    if not any(step.get("mode") == "surrogate" and step.get("key") == "run" for step in funnel):
        return None
    why = "Surrogates were made with a key of this run only, so a second run gives the same person another name."
    return Advice("Give a key of the project", why, "TUNESMITH_PRIVACY_KEY_FILE=~/.config/tunesmith/key")


def _found(facts: Facts, types: Sequence[str]) -> dict[str, int]:
    """Records of the sample with each of some types."""
    found = facts["personal_data"]["types"]
    return {name: found[name]["num_records"] for name in types if name in found}


def _of_sample(facts: Facts, found: Mapping[str, int]) -> str:
    """How many records hold something of some types, as far as it can be told, and where one stands."""
    types = facts["personal_data"]["types"]
    named = ", ".join(f"{count:,} with {say_type(name)}" for name, count in found.items())
    first = types[next(iter(found))]["places"][0]
    return f"Of {facts['personal_data']['num_sampled']:,} records looked through, what looks like it: {named} (see {first})"


def _list(names: Mapping[str, int]) -> str:
    return f"[{', '.join(names)}]"


RULES: tuple[Callable[[Facts, Funnel], Advice | None], ...] = (
    _mask_secrets,
    _mask_personal_data,
    _find_lost_rows,
    _question_a_stage,
    _clean,
    _drop_empty_answers,
    _drop_duplicates,
    _look_at_repeated_prompts,
    _sort_languages,
    _drop_short_prompts,
    _make_room_for_long_records,
    _state_licenses,
    _hold_out_validation,
    _collect_more,
    _keep_surrogates_stable,
)
