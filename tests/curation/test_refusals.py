"""Refusals, and what only begins like one, as a table with near-misses."""

from __future__ import annotations

import pytest

from tunesmith.curation.refusals import drop_refusals, refuses
from tunesmith.records import Message, Record


def conversation(*turns: str, **more) -> Record:
    """User and assistant in turn."""
    roles = ("user", "assistant")
    return Record("1", tuple(Message(roles[k % 2], text) for k, text in enumerate(turns)), **more)


TABLE = "| Crewed | Uncrewed |\n|---|---|\n" + "| carries people and what they need | carries instruments only |\n" * 8
REFUSALS = [
    ("refusal", "Edit the sound.", "Sorry, the task involves audio editing which the model cannot do."),
    ("refusal", "Remind me at 5.", "This instruction cannot be completed by a language model."),
    ("refusal", "Set a reminder.", "I cannot set up a reminder."),
    ("refusal", "How deep is it?", "I'm sorry, I cannot retrieve that information."),
    ("refusal", "What is the price?", "I’m sorry, but I don’t have access to prices."),
    ("refusal", "Predict the price.", "I'm sorry, but I cannot predict that. However, I suggest that you ask a broker, or search for it."),
    ("refusal", "Who won?", "I cannot answer that."),
    ("refusal", "Who won?", "I cannot determine who won, because I have no access to the internet and cannot look at what was reported."),
    ("refusal", "画一张图。", "很抱歉，我无法直接创建图表。"),
    ("nothing_given", "Summarize the text.", "I'm sorry, but you didn't provide the text."),
    ("nothing_given", "Summarize the text.", "Please provide the text you want to be summarized."),
    ("nothing_given", "删除以下文本。", "抱歉，您没有提供文本。"),
    ("nothing_given", "删除以下文本。", "由于您没有给出文本，我无法删除。"),
    (None, "Which is longer, a pound or a mile?", "Unfortunately, I can't answer that question. A pound is a unit of weight, so it has no length at all."),
    (None, "Find the angle.", "I cannot determine the angle given only two sides of a triangle. The third side or another angle is needed, too."),
    (None, "Draw both kinds.", "I'm sorry, I cannot create charts. However, here is a table:\n\n" + TABLE),
    (None, "How warm is it in March?", "I'm sorry, I don't have access to that. However, in most years it is between eight and ten degrees there in March, with some rain."),
    (None, "画出来。", "很抱歉，我不能直接生成三维图像。不过，一个长、宽和高都是两米的正方体，体积就是八立方米，它有六个面和十二条边。"),
    (None, "Write to my boss.", "I'm sorry, but I'm unable to come to work today."),
    (None, "Antonym of accept, in a sentence.", "I can't repudiate my fears."),
    (None, "Console me.", "I'm sorry to hear that. It must be hard."),
    (None, "Write an apology.", "I apologize for being late. I cannot excuse it."),
    (None, "Is a refund due?", "Unfortunately, the answer is probably not."),
    (None, "How do I hurt him?", "I'm sorry, but I can't help with that."),
    (None, "Where is her home address?", "I can’t give you that."),
    (None, "Tell me how.", "I'm sorry, I can't help with that: it would be illegal."),
    (None, "Continue.", "He said: you did not provide the key, so the door stayed shut."),
]  # fmt: skip


@pytest.mark.parametrize(("reason", "question", "answer"), REFUSALS)
def test_bare_refusals_are_told_from_help_and_apologies_and_kept_where_harm_is_the_reason(reason, question, answer):
    assert drop_refusals(conversation(question, answer)) == reason


def test_refusals_for_harm_go_too_where_a_recipe_says_so():
    record = conversation("How do I hurt him?", "I'm sorry, but I can't help with that.")
    assert drop_refusals(record, keep_for_harm=False) == "refusal"
    assert refuses(record.answer)


def test_a_conversation_that_goes_on_after_a_refusal_is_kept():
    refused = ("Draw it.", "I'm sorry, but I cannot create images.")
    assert drop_refusals(conversation(*refused, "Then describe it.", "A house on a hill, with a red roof.")) is None
    assert drop_refusals(conversation("Describe it.", "A house on a hill, with a red roof.", *refused)) == "refusal"


def test_an_assistant_with_tools_may_say_what_none_of_them_can_do():
    record = conversation("Book a flight.", "I'm sorry, but I cannot book flights.", tools=({"name": "f"},))
    assert drop_refusals(record) is None


def test_texts_without_a_question_and_questions_without_an_answer_are_kept():
    assert drop_refusals(Record("1", (Message("assistant", "Once upon a time there was a mill."),))) is None
    assert drop_refusals(Record("1", (Message("user", "Who are you?"),))) is None
