"""What to fix next in data: each piece of advice with the fact that calls for it, and the one that just does not."""

from __future__ import annotations

from copy import deepcopy

import pytest

from tunesmith.curation import pipeline  # noqa: F401  (it files the stages)
from tunesmith.curation.advice import add_stage, advise, percent, say_type
from tunesmith.curation.stages import LISTS, STAGES, bind_stages

READ = {"stage": "read", "unit": "rows", "num_in": 1000, "num_out": 1000, "num_dropped": 0, "reasons": {}}
FACTS = {
    "num_records": 1000,
    "splits": {"train": 850, "validation": 50, "test": 100},
    "files": {"a.jsonl": {"splits": {"train": 1000}, "licenses": {"MIT": 1000}}},
    "num_without_answer": 10,
    "num_empty_answers": 0,
    "num_short_prompts": 20,
    "num_exact_duplicates": 0,
    "num_repeated_prompts": 50,
    "languages": {"num_sampled": 1000, "counts": {"en": 784, "de": 16, "unknown": 200}},
    "lengths": {part: {"words": {"max": 2000, "p95": 30}} for part in ("prompt", "answer")},
    "personal_data": {"num_sampled": 1000, "types": {"PERSON": {"num_records": 400, "num_spans": 500}}},
}


def found(name: str) -> dict:
    return {"num_sampled": 1000, "types": {name: {"num_records": 3, "num_spans": 4, "places": ["a.jsonl:7"]}}}


def forecast(**counts: int) -> dict:
    stages = [{"stage": "drop_this", "num_changed": 0, "reasons": counts}]
    return {"curate": "default", "num_tried": 1000, "num_dropped": sum(counts.values()), "stages": stages}


def stage(name: str, num_in=1000, num_dropped=0, **more) -> dict:
    counts = {"num_in": num_in, "num_out": num_in - num_dropped, "num_dropped": num_dropped}
    return {"stage": name, "unit": "records", **counts, "reasons": {}, **more}


def advice_of(changes=(), funnel=(READ,)) -> dict[str, str]:
    facts = {**deepcopy(FACTS), **dict(changes)}
    return {item.title: f"{item.why} {item.setting}" for item in advise(facts, list(funnel))}


def test_good_data_needs_nothing():
    assert advice_of() == {}


@pytest.mark.parametrize(
    "title, changes, told",
    [
        ("Take out keys and passwords", {"personal_data": found("API_KEY")}, "3 with API key (see a.jsonl:7)"),
        ("Take out keys and passwords", {"personal_data": found("PRIVATE_KEY")}, "drop_personal_data, types: [PRIVATE_KEY]"),
        ("Mask personal data", {"personal_data": found("EMAIL_ADDRESS")}, "{use: mask_personal_data}"),
        ("Mask personal data", {"personal_data": found("US_SSN")}, "3 with US SSN"),
        ("Drop empty answers", {"num_empty_answers": 1}, "1 of 990 answers are empty"),
        ("Clean the records", {"forecast": forecast(refusal=2, cut_off_answer=3)}, "5 of 1,000 records (0.5%): cut off answer 3, refusal 2. curate: default"),
        ("Read what cleaning would drop", {"forecast": forecast(refusal=301)}, "Are they bad?"),
        ("Drop duplicates", {"num_exact_duplicates": 7}, "7 of 1,000 records say the same"),
        ("Decide between the answers to one question", {"num_repeated_prompts": 51}, "51 of 1,000 records ask what"),
        ("Choose the languages", {"languages": {"counts": {"en": 970, "de": 30}}}, "97% are English; also German 3%"),
        ("Choose the languages", {"languages": {"counts": {"zh": 899, "en": 101}}}, "If only one of them is meant: under"),
        ("Drop prompts that ask nothing", {"num_short_prompts": 21}, "{use: drop_short}"),
        (
            "Look at the longest records",
            {"lengths": {"prompt": {"words": None}, "answer": {"words": {"max": 2001, "p95": 30}}}},
            "The longest answer has 2,001 words",
        ),
        (
            "State the licences",
            {"files": {"b.jsonl": {"licenses": {"none stated": 9, "MIT": 991}}}},
            "9 of 1,000 records may be used. data.sources: [{path: b.jsonl, license: NAME}]",
        ),
        ("Hold out a validation split", {"splits": {"train": 900, "test": 100}}, "data.validation_fraction: 0.05"),
        ("Collect more records", {"splits": {"train": 199, "validation": 9}}, "199 records teach a style"),
        ("Collect more records", {"splits": {}, "num_records": 10, "num_short_prompts": 0}, "10 records teach"),
    ],
)  # fmt: skip
def test_a_number_calls_for_advice(title, changes, told):
    assert told in advice_of(changes)[title]


@pytest.mark.parametrize(
    "changes",
    [
        {"forecast": forecast()},
        {"forecast": forecast(), "num_empty_answers": 3},
        {"personal_data": found("LOCATION")},
        {"languages": {"counts": {"en": 980, "de": 20}}},
        {"languages": {"counts": {"unknown": 1000}}},
        {"lengths": {part: {"words": {"max": 2400, "p95": 300}} for part in ("prompt", "answer")}},
        {"splits": {"train": 200, "validation": 9}},
        {"splits": {}},
    ],
)
def test_near_misses_call_for_none(changes):
    assert advice_of(changes) == {}


@pytest.mark.parametrize(
    "title, funnel, told",
    [
        (
            "See why rows were lost",
            [{**READ, "num_dropped": 11, "reasons": {"broken_json": 2, "unknown_format": 9}}],
            "9 of them for `unknown_format`. data.sources[].columns",
        ),
        ("Check what `drop_refusals` drops", [READ, stage("drop_refusals", num_dropped=301)], "301 of 1,000 records"),
        (
            "Check what `drop_placeholders` drops",
            [READ, {**stage("drop_placeholders", num_dropped=301), "reasons": {"unfilled_template": 301}}],
            "fill in the {{names}}",
        ),
        (
            "Give a key of the project",
            [READ, stage("mask_personal_data", mode="surrogate", key="run")],
            "TUNESMITH_PRIVACY_KEY_FILE",
        ),
    ],
)
def test_a_funnel_calls_for_advice(title, funnel, told):
    assert told in advice_of(funnel=funnel)[title]


@pytest.mark.parametrize(
    "funnel",
    [
        [{**READ, "num_dropped": 10, "reasons": {"broken_json": 10}}],
        [READ, stage("drop_refusals", num_dropped=300)],
        [READ, stage("max_records", num_dropped=900)],
        [READ, stage("mask_personal_data", mode="surrogate", key="project")],
        [READ, stage("mask_personal_data", mode="placeholder", key="run")],
        [],
    ],
)
def test_a_funnel_as_it_should_be_calls_for_none(funnel):
    assert advice_of(funnel=funnel) == {}


def test_what_is_left_after_masking_is_not_advised_to_be_masked_again():
    masked = [READ, stage("mask_personal_data", mode="placeholder")]
    assert list(advice_of({"personal_data": found("EMAIL_ADDRESS")}, masked)) == [
        "Look at the personal data that is left"
    ]
    fakes = [READ, stage("mask_personal_data", mode="surrogate", key="project")]
    assert advice_of({"personal_data": found("EMAIL_ADDRESS")}, fakes) == {}


def test_records_repeated_by_weight_are_no_duplicates_to_drop():
    weighted = [READ, stage("mix", num_repeated=500)]
    assert advice_of({"num_exact_duplicates": 500, "num_repeated_prompts": 600}, weighted) == {}


@pytest.mark.parametrize(
    "name, settings",
    [
        ("drop_personal_data", {"types": ["API_KEY"]}),
        ("mask_personal_data", {}),
        ("drop_empty", {}),
        ("drop_duplicates", {}),
        ("drop_language", {"languages": ["en"]}),
        ("drop_short", {}),
    ],
)
def test_every_stage_that_is_advised_exists_with_its_settings(name, settings):
    assert name in STAGES.names() and bind_stages([{"use": name, **settings}])


def test_an_untouched_file_is_sent_to_the_default_list_where_that_has_the_stage():
    name = LISTS["default"][-1]
    assert add_stage(name, [READ]) == "curate: default"
    assert add_stage(name, [READ, stage("normalize_text")]) == f"under curate: - {{use: {name}}}"
    assert (
        add_stage("drop_short", [READ], "min_prompt_words: 2")
        == "under curate: - {use: drop_short, min_prompt_words: 2}"
    )


@pytest.mark.parametrize(
    "part, whole, text",
    [(0, 9, "0%"), (1, 10_000, "<0.1%"), (1, 200, "0.5%"), (3, 100, "3%"), (9999, 10_000, ">99.9%"), (9, 9, "100%"), (1, 0, "n/a")],
)  # fmt: skip
def test_shares_are_written_for_people(part, whole, text):
    assert percent(part, whole) == text


def test_types_are_written_as_people_write_them():
    assert [say_type(name) for name in ("IP_ADDRESS", "IBAN_CODE", "DATE_OF_BIRTH")] == [
        "IP address",
        "IBAN code",
        "date of birth",
    ]
