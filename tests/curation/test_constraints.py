import pytest

from tunesmith.curation import pipeline  # noqa: F401  (it files the stages)
from tunesmith.curation.constraints import require_checks
from tunesmith.curation.stages import Injected, bind_stages, run_stage
from tunesmith.errors import RecipeError
from tunesmith.records import Message, Record

SHORT = {"id": "length_constraints:number_words", "num_words": 4, "relation": "less than"}


def record(answer: str, **meta) -> Record:
    return Record("1", (Message("user", "Greet me."), Message("assistant", answer)), meta=meta)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("Good day.", None),
        ("Good day, sir.", "punctuation:no_comma"),
        ("A very good day to you.", "length_constraints:number_words"),
        ("", "length_constraints:number_words"),
    ],
)
def test_an_answer_that_breaks_a_check_is_dropped_with_its_id(answer, reason):
    assert require_checks(record(answer), checks=[SHORT, {"id": "punctuation:no_comma"}]) == reason


def test_a_record_brings_its_own_checks_along():
    ids, kwargs = ["punctuation:no_comma", "keywords:existence"], [{}, {"keywords": ["day"], "num_words": None}]
    assert require_checks(record("Good day", instruction_id_list=ids, kwargs=kwargs)) is None
    assert require_checks(record("Good", instruction_id_list=ids, kwargs=kwargs)) == "keywords:existence"
    assert require_checks(record("Good, bad", instruction_id_list=ids[:1])) == "punctuation:no_comma"


def test_the_stage_may_be_listed_by_its_name_alone_without_a_warning(recwarn):
    (bound,) = bind_stages(["require_checks"])
    assert not recwarn.list and not bound.settings["checks"]


def test_a_record_without_checks_is_kept():
    assert require_checks(record("Anything, at all")) is None
    assert require_checks(record("Anything, at all", instruction_id_list=None, kwargs=None)) is None


def test_a_record_without_an_answer_is_left_to_other_stages():
    assert require_checks(Record("1", (Message("user", "Hi"),)), checks=[SHORT]) is None


@pytest.mark.parametrize(
    "meta",
    [
        {"instruction_id_list": ["punctuation:no_coma"], "kwargs": [{}]},
        {"instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}, {}]},
        {"instruction_id_list": ["punctuation:no_comma"], "kwargs": [{"x": 1}]},
        {"instruction_id_list": [3], "kwargs": [{}]},
        {"instruction_id_list": 3},
        {"instruction_id_list": ["punctuation:no_comma"], "kwargs": [3]},
        {"instruction_id_list": ["punctuation:no_comma"], "kwargs": 3},
    ],
)
def test_checks_that_cannot_be_read_are_a_reason_of_their_own(meta):
    assert require_checks(record("Good day", **meta)) == "unreadable_checks"


def test_loosely_an_opening_line_does_not_count():
    chatty = record("Sure, here it is:\nGood day.")
    assert require_checks(chatty, checks=[{"id": "punctuation:no_comma"}]) == "punctuation:no_comma"
    assert require_checks(chatty, checks=[{"id": "punctuation:no_comma"}], loose=True) is None


def test_a_recipe_names_a_check_alone_or_with_its_arguments():
    (bound,) = bind_stages([{"use": "require_checks", "checks": ["punctuation:no_comma", SHORT]}])
    kept, drops, _ = run_stage(bound, [record("Good day."), record("Good, bad.")], Injected(seed=0))
    assert (len(kept), [drop.reason for drop in drops]) == (1, ["punctuation:no_comma"])


@pytest.mark.parametrize(
    ("check", "message"),
    [
        ({"id": "punctuation:no_coma"}, r"checks\[0\]: no such check `punctuation:no_coma`. Did you mean `punctuation:no_comma`\?$"),
        ("punctuation:no_coma", r"checks\[0\]: no such check `punctuation:no_coma`."),
        ({**SHORT, "words": 4}, r"checks\[0\]: check `length_constraints:number_words` has no argument `words`."),
        ({"num_words": 4}, r"checks\[0\]: a check needs an id: {id: punctuation:no_comma}.$"),
        (4, r"checks\[0\]: input should be a valid dictionary."),
    ],
)  # fmt: skip
def test_a_recipe_that_asks_for_what_no_check_is_gets_one_line(check, message):
    with pytest.raises(RecipeError, match=message):
        bind_stages([{"use": "require_checks", "checks": [check]}])
