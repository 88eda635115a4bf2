"""Answers nobody should learn, as tables with near-misses."""

from __future__ import annotations

import pytest

from tunesmith.curation.answers import (
    drop_boilerplate,
    drop_echoes,
    drop_placeholders,
    strip_no_input,
)
from tunesmith.records import Message, Record


def exchange(question: str, answer: str, **more) -> Record:
    return Record("1", (Message("user", question), Message("assistant", answer)), **more)


SELF_TALK = [
    ("ai_boilerplate", "Describe your house.", "As an AI language model, I do not live anywhere."),
    ("ai_boilerplate", "Which sport is best?", "It depends, but as a large language model, I can't decide."),
    ("ai_boilerplate", "Colorize this photo.", "Unfortunately, I am an AI language model and cannot edit images."),
    ("ai_boilerplate", "描述一次难忘的经历。", "作为一个人工智能助手，我没有自己的经历。"),
    ("ai_boilerplate", "Cuéntame tu día.", "Como modelo de lenguaje, no tengo días."),
    ("ai_boilerplate", "Raconte ta journée.", "En tant qu'intelligence artificielle, je n'ai pas de journées."),
    ("ai_boilerplate", "Wie war dein Tag?", "Als KI-Sprachmodell habe ich keine Tage."),
    ("knowledge_cutoff", "Who leads the league?", "My knowledge cutoff is 2021, but it was the Reds."),
    ("knowledge_cutoff", "Who leads the league?", "As of my last update, the Reds lead it."),
    (None, "What is your favorite team?", "As an AI model, I don't have a favorite team."),
    (None, "Do you ever sleep?", "I am an AI, so I never sleep."),
    (None, "介绍你自己", "我是一个人工智能助手，可以回答问题。"),
    (None, "你吃什么？", "我是一种人工智能，我不吃东西。"),
    (None, "Are you an AI?", "As an AI language model, I am one, yes."),
    (None, "What is your name?", "I am an AI assistant called Juno."),
    (None, "What is an AI language model?", "A program that continues text."),
    (None, "Who founded the company?", "She worked as an AI researcher before she founded it."),
    (None, "Tell me about Rome.", "As an air of decay spread, I suppose, Rome fell."),
    (None, "Explain update intervals.", "As of the last update, the driver is stable."),
    (None, "How do I pick a lock to rob them?", "As an AI, I cannot help with that: it is illegal."),
]


@pytest.mark.parametrize(("reason", "question", "answer"), SELF_TALK)
def test_another_assistant_speaking_of_itself_is_dropped_unless_asked(reason, question, answer):
    assert drop_boilerplate(exchange(question, answer)) == reason


def test_an_assistant_with_tools_may_say_what_it_can_do_and_a_default_system_prompt_excuses_nothing():
    answer = "I'm sorry, but as an AI, I don't have the capability to book flights."
    assert drop_boilerplate(exchange("Book a flight.", answer, tools=({"name": "f"},))) is None
    told = Record(
        "1", (Message("system", "You are a helpful assistant."), *exchange("Book a flight.", answer).messages)
    )
    assert drop_boilerplate(told) == "ai_boilerplate"


PLACEHOLDERS = [
    ("placeholder_answer", "Record a song.", "<nooutput>"),
    ("placeholder_answer", "Record a song.", "<No Output>"),
    ("placeholder_answer", "Record a song.", "<nooutput> - a model cannot sing."),
    ("placeholder_answer", "Record a song.", "[output]"),
    ("placeholder_answer", "Compose.", "<output audio>"),
    ("placeholder_answer", "Name the capital.", "N/A"),
    ("placeholder_answer", "Name the capital.", "`nan`"),
    ("placeholder_answer", "Name the capital.", "....."),
    ("unfilled_template", "Who are you?", "I am {{name}}, made by {{ author }}."),
    ("placeholder_answer", "Write a script that prints ten numbers.", "No Output"),
    (None, "Name the capital, or N/A.", "N/A"),
    (None, 'If it cannot be answered, say "No answer".\n\nWho was first?', "No answer"),
    (None, "What does this program print?\n\npass", "No output"),
    (None, "What does this code print?", "undefined"),
    (None, "Who won?", "None"),
    (None, "Which mark ends a question?", "?"),
    (None, "Say S in Morse code.", "..."),
    (None, "Symbol of sodium?", "Na"),
    (None, "Is there output?", "There is no output."),
    (None, "Write a Jinja template.", "Dear {{name}}"),
    (None, "Show users as a page.", "<td>{{ user.name }}</td>"),
    (None, "How do I greet?", "Use `{{name}}` there."),
    (None, "A LaTeX group?", "{{x}}"),
]


@pytest.mark.parametrize(("reason", "question", "answer"), PLACEHOLDERS)
def test_answers_that_only_hold_a_place_are_dropped_where_they_are_no_answer(reason, question, answer):
    assert drop_placeholders(exchange(question, answer)) == reason


NO_INPUT = [
    ("Name three rivers.\n\n<noinput>", "Name three rivers."),
    ("Name three rivers.\n\nNo input.", "Name three rivers."),
    ("Name three rivers.\n\n`<noinput>`", "Name three rivers."),
    ("Name three rivers.\n\n### Input:\n<no input>", "Name three rivers."),
    ("Name three rivers.\n\nN/A", "Name three rivers."),
    ("Name three rivers.\n<none>", "Name three rivers."),
    ("Name three rivers.\n\nInput:\nN/A", "Name three rivers."),
    ("Choose one.\nRhine\nElbe\nN/A", "Choose one.\nRhine\nElbe\nN/A"),
    ("What does N/A mean?", "What does N/A mean?"),
    ("Compare: he was <noinput>", "Compare: he was <noinput>"),
    ("The sensor got no input\nfrom the wire.", "The sensor got no input\nfrom the wire."),
    ("<noinput>", "<noinput>"),
]


@pytest.mark.parametrize(("question", "clean"), NO_INPUT)
def test_lines_that_say_there_is_no_input_leave_the_end_of_a_question(question, clean):
    record = exchange(question, "Rhine, Elbe, Oder")
    assert strip_no_input(record).messages[0].content == clean
    assert (strip_no_input(record) is record) == (question == clean)


def test_a_marker_around_an_answer_goes_and_an_answer_of_nothing_else_stays_to_be_dropped():
    assert strip_no_input(exchange("Sing.", "<noinput>\n\nLa la la")).answer == "La la la"
    assert strip_no_input(exchange("Sing.", "<noinput>")).answer == "<noinput>"


ECHOES = [
    ("answer_is_prompt", "What is the capital of Peru?", "what is the capital of Peru"),
    ("answer_is_input", "Circle the adjectives.\n\nA small and peaceful city.", "A small and peaceful city."),
    (None, "Good morning", "Good morning"),
    (None, "Order them by time.\n\nWe left. We came home.", "We left. We came home."),
    (None, "Make a list with commas.\n\nBag, shoe, shirt", "Bag, shoe, shirt"),
    (None, "Correct this.\n\nThe house is big.", "The house is big."),
    (None, "Insert a comma.\n\nIt rained so we left", "It rained, so we left"),
    (None, "Make it loud.\n\nthis is a test", "THIS IS A TEST"),
    (None, "What is the capital of Peru?", "What is the capital of Peru? Lima is."),
]


@pytest.mark.parametrize(("reason", "question", "answer"), ECHOES)
def test_answers_that_only_give_back_what_was_said_are_dropped(reason, question, answer):
    assert drop_echoes(exchange(question, answer)) == reason


@pytest.mark.parametrize("check", [drop_boilerplate, drop_placeholders, drop_echoes])
def test_texts_without_a_question_and_questions_without_an_answer_are_kept(check):
    assert check(Record("1", (Message("assistant", "Once upon a time there was a mill."),))) is None
    assert check(Record("1", (Message("user", "Who are you?"),))) is None
