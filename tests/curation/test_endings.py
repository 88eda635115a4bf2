"""Answers that break off, and the many that only look so."""

from __future__ import annotations

import pytest

from tunesmith.curation.endings import drop_truncated, is_cut_off
from tunesmith.records import Message, Record

LONG = "Linked lists keep each value beside the place of the next one, so that they can grow. " * 3

CUT = [
    "There are many ways to gather what you need. You can read books, ask people who know, and",
    "The mill stood by the river for a hundred years. In the end it fell because nobody cared about the",
    "Both countries work together. They meet in many bodies such as the Council, the Union, and the G",
    "It has become easier and faster with every year of work. It is used in all of the world.[",
    "Der Ofen wird zuerst auf zweihundert Grad geheizt. Danach kommt der Teig in die Form und",
    "We looked at every house. What we found in the end is told in the list that follows below:",
    LONG + "Then we",
    LONG + "While Python",
    "爵士乐是一种非常丰富的音乐，爵士乐包含许多不同的元素。不同的乐器有不同的音色，例如钢琴、吉他、鼓和其他乐器都很重要。它的音色包括萨克斯、小号、",
]
WHOLE = [
    "There are many ways to gather what you need. You can read books and ask people who know.",
    "It is a small town by the sea. People forget the last period on what they write to each other",
    "Dear friends,\n\nI would be glad to see you all here. I cook your favorite dishes!\n\nLooking forward to seeing you,",
    "Thank you for all your help with this. It has meant a lot to us in the last years.\n\nWith love,",
    "These are the best ones. Choose what you like from them:\n- apples from the garden\n- bread of the",
    "There is one way. You can write it like this:\n\ndef add(a, b):\n    return a",
    "Our new lamp is light and easy to use. It is perfect for all your adventures! #lamp #outdoors",
    "Roses are red and violets are blue.\nThe river runs slowly\nAnd I think of you",
    "The order form has these fields. Please fill in all of them before you send it.\n* Name:\n* Address:",
    "Water boils at a lower temperature up there. It does so at a mere 71",
    "You will find more on this subject there. See https://example.org/a/long/path/of-the",
    "Take a vitamin with every meal of the day. The best one of them all for the eyes is Vitamin A",
    "short and",
    "What is this all for, he asked himself, and then he wrote to her: ```\nthe",
]


@pytest.mark.parametrize("text", CUT)
def test_an_answer_cut_in_its_prose_is_dropped(text):
    assert drop_truncated(Record("1", (Message("user", "q"), Message("assistant", text)))) == "cut_off_answer"


@pytest.mark.parametrize("text", WHOLE)
def test_an_answer_that_only_lacks_a_period_or_ends_as_its_kind_does_is_kept(text):
    assert not is_cut_off(text)
