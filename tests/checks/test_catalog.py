import string

import pytest

from tunesmith.checks import CHECKS, bind_check, check, follows
from tunesmith.checks.catalog import argument_model
from tunesmith.errors import UsageError

IFEVAL = [
    "change_case:capital_word_frequency",
    "change_case:english_capital",
    "change_case:english_lowercase",
    "combination:repeat_prompt",
    "combination:two_responses",
    "detectable_content:number_placeholders",
    "detectable_content:postscript",
    "detectable_format:constrained_response",
    "detectable_format:json_format",
    "detectable_format:multiple_sections",
    "detectable_format:number_bullet_lists",
    "detectable_format:number_highlighted_sections",
    "detectable_format:title",
    "keywords:existence",
    "keywords:forbidden_words",
    "keywords:frequency",
    "keywords:letter_frequency",
    "language:response_language",
    "length_constraints:nth_paragraph_first_word",
    "length_constraints:number_paragraphs",
    "length_constraints:number_sentences",
    "length_constraints:number_words",
    "punctuation:no_comma",
    "startend:end_checker",
    "startend:quotation",
]


@pytest.fixture
def echo(monkeypatch):
    """A check of its own that is gone after the test: the answer must name the prompt."""
    monkeypatch.setattr(CHECKS, "_things", dict(CHECKS._things))

    @check("test:echo", "Say {times} times what you were asked.")
    def echo(answer: str, *, prompt: str, times: int = 1) -> bool:
        return answer.count(prompt) >= times

    return "test:echo"


def test_every_instruction_of_ifeval_has_a_check():
    assert len(IFEVAL) == 25
    assert set(IFEVAL) <= set(CHECKS.names())


@pytest.mark.parametrize("id", CHECKS.names())
def test_the_sentence_of_a_check_names_only_its_arguments(id):
    named = {name for _, name, _, _ in string.Formatter().parse(CHECKS.get(id).template) if name}
    assert named <= set(argument_model(CHECKS.get(id)).model_fields)


def test_a_check_is_asked_for_in_a_sentence():
    bound = bind_check("length_constraints:number_words", {"num_words": 300, "relation": "less than"})
    assert bound.describe() == "Use less than 300 words."
    assert (
        bind_check("keywords:existence", {"keywords": ["mill", "river"]}).describe() == "Use these words: mill, river."
    )


def test_the_prompt_is_given_to_a_check_that_asks_for_it(echo):
    assert follows(echo, {"times": 2}, "Who?", "Who? Who?")
    assert not follows(echo, {"times": 2}, "Who?", "Who?")


@pytest.mark.parametrize("answer", ["", " ", "\n\t\n"])
def test_a_blank_answer_follows_nothing(answer):
    assert not follows("punctuation:no_comma", {}, "", answer)
    assert not follows("length_constraints:number_words", {"num_words": 5, "relation": "less than"}, "", answer)


def test_arguments_that_are_null_count_as_missing():
    exported = {"num_words": 2, "relation": "at least", "keywords": None, "letter": None}
    assert follows("length_constraints:number_words", exported, "", "two words")


@pytest.mark.parametrize("id", IFEVAL)
def test_a_missing_argument_is_the_same_at_every_run_and_is_told(id):
    needed = {"prompt_to_repeat": "Say hi."} if id == "combination:repeat_prompt" else {}
    bound = bind_check(id, needed)
    assert bound.arguments == bind_check(id, needed).arguments
    assert set(bound.assumed) == set(bound.arguments) - set(needed)


def test_numbers_written_as_text_or_with_a_point_are_numbers():
    assert bind_check("length_constraints:number_words", {"num_words": "7"}).arguments["num_words"] == 7
    assert bind_check("length_constraints:number_words", {"num_words": 7.0}).arguments["num_words"] == 7


@pytest.mark.parametrize(
    ("id", "kwargs", "message"),
    [
        ("keywords:existance", {}, r"no such check `keywords:existance`. Did you mean `keywords:existence`\?"),
        ("xyz", {}, "no such check `xyz`. The ids are those of IFEval and IFBench"),
        (
            "keywords:frequency",
            {"keywrd": "a"},
            r"`keywords:frequency` has no argument `keywrd`. Did you mean `keyword`\?",
        ),
        ("punctuation:no_comma", {"number": 3}, "has no argument `number`. It has: none."),
        ("combination:repeat_prompt", {}, "check `combination:repeat_prompt` needs `prompt_to_repeat`."),
        (
            "length_constraints:number_words",
            {"relation": "more than"},
            "`relation`: input should be 'less than' or 'at least'",
        ),
        (
            "length_constraints:number_words",
            {"num_words": -1},
            "`num_words`: input should be greater than or equal to 0, got -1",
        ),
        ("keywords:letter_frequency", {"letter": "ab"}, "`letter`: string should have at most 1 character, got 'ab'"),
        ("keywords:existence", {"keywords": []}, "`keywords`: "),
        ("keywords:existence", {"keywords": "mill"}, "`keywords`: input should be a valid tuple, got 'mill'"),
        ("length_constraints:nth_paragraph_first_word", {"nth_paragraph": 0}, "`nth_paragraph`: "),
    ],
)
def test_what_does_not_fit_a_check_is_one_line(id, kwargs, message):
    with pytest.raises(UsageError, match=message) as caught:
        bind_check(id, kwargs)
    assert "\n" not in str(caught.value)
