"""Suites are named sources of questions; their own tasks stand apart from the user's."""

from __future__ import annotations

import re

import pytest

from tunesmith.errors import DataError, UsageError
from tunesmith.evaluation.runner import Sample
from tunesmith.evaluation.suites import SETS, SUITES, Context, Suite, askable, choose_suites
from tunesmith.evaluation.suites.suite import choose_evenly
from tunesmith.lm import ScriptedModel
from tunesmith.recipe import EvaluateSection
from tunesmith.records import Message, Record


def question(
    number: int, task: str = "qa", text: str = "Which color is the river?\n\nThe river is blue.", **fields
) -> Sample:
    return Sample(f"{task}{number}", (Message("user", text),), ("blue",), task, family=task, **fields)


OWN = {"qa": [question(k) for k in range(6)], "sum": [question(k, "sum") for k in range(3)]}


def ask(name: str, **fields):
    return SUITES.get(name).samples(Context(**({"own": OWN, "num_questions": 4} | fields)))


def test_a_set_stands_for_its_suites_and_each_is_asked_once():
    suites, num_questions = choose_suites(["general", "quick", "own"])
    assert [suite.name for suite in suites] == ["general", "own", "instructions", "consistency"]
    assert num_questions == 40
    assert [suite.name for suite in choose_suites(["full"])[0]] == list(SETS["full"])
    assert choose_suites(["full", "quick"])[1] == choose_suites(["general"])[1] == 200


def test_an_unknown_suite_is_told_with_the_nearest():
    with pytest.raises(UsageError, match=re.escape("no such suite `genral`. Did you mean `general`?")):
        choose_suites(["genral"])


def test_every_suite_has_a_title_and_a_sentence_for_people():
    for name in SUITES.names():
        assert SUITES.get(name).title and SUITES.get(name).meaning.endswith(".")


def test_a_suite_of_the_users_can_be_added_and_asked():
    mine = Suite("mine", "mine", "Mine.", lambda context: {"mine": [question(1, "mine", group="mine")]})
    SUITES.register("mine")(mine)
    try:
        assert choose_suites(["mine"])[0] == [mine]
        assert [tasks for _, tasks in askable([mine], Context({}))] == [{"mine": [question(1, "mine", group="mine")]}]
    finally:
        SUITES._things.pop("mine")


def test_a_suite_that_needs_own_questions_is_left_out_without_any_and_says_why():
    told = []
    suites = choose_suites(["own", "consistency", "general"])[0]
    found = [suite.name for suite, _ in askable(suites, Context({}, tell=told.append))]
    assert found == ["general"]
    assert told[0].startswith("own: asks your own questions, and there are none. Give --tasks FILE")


def test_a_curve_is_left_out_without_records_to_take_examples_from_and_says_so():
    told = []
    suites = choose_suites(["shots"])[0]
    assert [suite.name for suite in suites] == ["own", "shots"]
    assert [suite.name for suite, _ in askable(suites, Context(OWN, tell=told.append))] == ["own"]
    assert told == ["shots: needs records to take worked examples from. Give --shots FILE, or a run."]
    example = Record("r", (Message("user", "Is it?"), Message("assistant", "yes")))
    assert [suite.name for suite, _ in askable(suites, Context(OWN, [example]))] == ["own", "shots"]


def test_two_suites_cannot_have_one_task():
    suite = Suite("mine", "mine", "Mine.", lambda context: {"qa": [question(1)]})
    with pytest.raises(UsageError, match="mine: the suite own has a task called qa too"):
        list(askable([SUITES.get("own"), suite], Context(OWN)))


def test_own_questions_are_the_users_as_they_are():
    assert ask("own") == OWN


def test_samples_are_chosen_evenly_over_tasks_and_alike_every_time():
    chosen = choose_evenly(OWN, 4, seed=1)
    assert {task: len(samples) for task, samples in chosen.items()} == {"qa": 2, "sum": 2}
    assert chosen == choose_evenly(OWN, 4, seed=1)


def test_fresh_instructions_have_checks_and_another_seed_has_others():
    def asked(seed: int) -> list[Sample]:
        return [sample for samples in ask("instructions", seed=seed).values() for sample in samples]

    samples = asked(3)
    assert len(samples) == 4 and {sample.group for sample in samples} == {"instructions"}
    assert all(sample.task == "instructions" and sample.expected["checks"] for sample in samples)
    assert not {sample.prompt for sample in samples} & {sample.prompt for sample in asked(4)}


# -- general text ------------------------------------------------------------------------------------------------------


def test_general_text_comes_along_in_paragraphs_that_are_only_scored():
    samples = ask("general", num_questions=200)["general"]
    assert len(samples) == 40 and len({sample.id for sample in samples}) == 40
    assert all(sample.expected == {"likelihood": True} and sample.references == () for sample in samples)
    assert 3000 <= sum(len(sample.prompt[0].content.split()) for sample in samples) <= 4000
    assert len(ask("general", num_questions=5)["general"]) == 5


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("mine.txt", "One paragraph\nin two lines.\n\n\nAnother one.\n"),
        ("mine.jsonl", '{"text": "One paragraph in two lines."}\n{"text": " "}\n{"text": "Another one."}\n'),
    ],
)
def test_a_file_of_the_users_replaces_it(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    samples = ask("general", section=EvaluateSection(general=str(tmp_path / name)))["general"]
    assert [sample.prompt[0].content for sample in samples] == ["One paragraph in two lines.", "Another one."]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.txt", "\n \n", "empty.txt: no text in it. Write paragraphs with a blank line between"),
        ("bad.jsonl", '{"text": "a"}\n{"txt": "b"}\n', "bad.jsonl:2: no text in this row. Put it under `text`."),
        ("latin.txt", b"caf\xe9", "latin.txt: cannot be read as UTF-8 text"),
    ],
)
def test_a_file_without_text_is_refused_in_one_line(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=re.escape(message)):
        ask("general", section=EvaluateSection(general=str(tmp_path / name)))
    with pytest.raises(DataError, match="nowhere.txt: no such file or folder"):
        ask("general", section=EvaluateSection(general=str(tmp_path / "nowhere.txt")))


# -- consistency -------------------------------------------------------------------------------------------------------


def test_consistency_asks_each_question_in_other_words_and_some_again():
    tasks = ask("consistency")
    words = tasks["consistency"]
    clusters = {sample.variant_of: [] for sample in words}
    for sample in words:
        clusters[sample.variant_of].append(sample.variant)
    assert len(clusters) == 2 and all(variants[0] == "original" and len(variants) > 4 for variants in clusters.values())
    again = tasks["consistency/repeated"]
    assert [sample.variant for sample in again] == [f"repeat-{k}" for k in (1, 2, 3, 4)]
    assert {sample.group for sample in (*words, *again)} == {"consistency"}
    assert {sample.references for sample in words} == {("blue",)}


def test_phrasings_of_the_recipe_are_asked_too():
    section = EvaluateSection(phrasings=("Hello! {prompt}",))
    given = [sample for sample in ask("consistency", section=section)["consistency"] if sample.variant == "given-1"]
    assert len(given) == 2 and all(sample.prompt[0].content.startswith("Hello! Which") for sample in given)


def test_given_variants_of_a_question_are_kept_as_they_are():
    given = [question(1, variant_of="qa1", variant="original"), question(2, variant_of="qa1", variant="formal")]
    asked = ask("consistency", own={"qa": given})["consistency"]
    assert [(sample.id, sample.variant) for sample in asked] == [("qa1", "original"), ("qa2", "formal")]


def test_a_wording_of_a_question_that_is_not_there_is_left_out_and_told():
    given = [question(1, variant_of="qa9", variant="short", source="q.jsonl:1"), question(2), question(3)]
    told: list[str] = []
    asked = ask("consistency", own={"qa": given}, tell=told.append)["consistency"]
    assert "qa1" not in {sample.id for sample in asked}
    assert told == ["consistency: 1 row left out whose `variant_of` names no other row; the first: q.jsonl:1 (`qa9`)."]


def test_a_model_may_rephrase_and_what_it_spoils_is_counted():
    answers = {"formal": "Which color does the river have?", "casual": "Sure! What color?"}
    wish = lambda turns: answers["formal" if "formal tone" in turns[0].content else "casual"]  # noqa: E731
    told = []
    asked = ask("consistency", rephraser=ScriptedModel(wish), tell=told.append)["consistency"]
    made = [sample for sample in asked if sample.id.endswith("-model")]
    assert {sample.variant for sample in made} == {"formal"}
    assert made[0].prompt[0].content == "Which color does the river have?\n\nThe river is blue."
    assert told == ["consistency: 2 wordings of the model kept, 8 left out (talk around it 8)."]


# -- worked examples ---------------------------------------------------------------------------------------------------


def test_the_curve_is_over_the_numbers_of_the_recipe():
    suite = SUITES.get("shots")
    assert suite.num_shots(EvaluateSection()) == (0, 1, 3, 5)
    assert suite.num_shots(EvaluateSection(num_shots=(0, 2))) == (0, 2)
    assert {task: len(samples) for task, samples in ask("shots").items()} == {"qa": 2, "sum": 2}


def test_questions_in_other_languages_are_counted_where_rules_leave_them_out():
    german = [question(k, "de", "Wie nennt man die Farbe von diesem Fluss?") for k in range(2)]
    told: list[str] = []
    tasks = ask("consistency", own={"qa": OWN["qa"], "de": german}, num_questions=8, tell=told.append)
    assert {sample.variant for sample in tasks["consistency"] if sample.id.startswith("de")} == {"original", "typos"}
    assert told[0].startswith("consistency: 2 of 4 questions are not in English, as far as a program can tell (de 2)")
    assert "`variants`, evaluate.phrasings" in told[0] and len(told) == 1


def test_a_question_nothing_words_otherwise_is_counted_and_named():
    lone = [
        question(1, "zh", "河是什么颜色？", source="q.jsonl:1"),
        question(2, "zh", expected={"checks": []}, source="q.jsonl:2"),
    ]
    told: list[str] = []
    ask("consistency", own={"zh": lone}, tell=told.append)
    assert told[-1] == (
        "consistency: 2 of 2 questions have no other wording and are left out (their answers are checked for what a rule"
        " could change: 1, no rule fits: 1); the first: q.jsonl:1."
    )


def test_max_samples_counts_questions_before_they_are_rephrased():
    section = EvaluateSection(max_samples=3)
    tasks = ask("consistency", section=section, num_questions=40, own={"qa": [question(k) for k in range(30)]})
    assert len({sample.variant_of for sample in tasks["consistency"]}) == 3
    assert len({sample.variant_of for sample in tasks["consistency/repeated"]}) == 2
    assert sum(map(len, ask("instructions", section=section, num_questions=40).values())) == 3
    assert len(ask("general", section=section, num_questions=40)["general"]) == 3
