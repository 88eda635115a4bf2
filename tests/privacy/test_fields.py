"""What one field of a record gives away is found in the others: names in every form, and no ordinary words."""

from __future__ import annotations

import time

import pytest

from tests.privacy.found import finder
from tunesmith.privacy import fields
from tunesmith.privacy.fields import find_in_fields


def further(monkeypatch, said: str, text: str, type_: str = "PERSON", score: float = 0.8) -> list[str]:
    """What is found in a text once another field has said a value."""
    find = finder({said: type_}, score)
    monkeypatch.setattr(fields, "find_spans", lambda text, **wanted: find(text) if text[0] == "(" else [])
    _, spans = find_in_fields([f"({said})", text])
    return [text[span.start : span.end] for span in spans]


@pytest.mark.parametrize(
    "said, text, found",
    [
        ("Dr. Anna Weber", "Anna called.", ["Anna"]),
        ("Dr. Anna Weber", "Ask Weber, she knows.", ["Weber"]),
        ("Dr. Anna Weber", "ANNA WEBER and anna weber", ["ANNA WEBER", "anna weber"]),
        ("Dr. Anna Weber", "Anna's bag, Weber’s car", ["Anna", "Weber"]),
        ("Dr. Anna Weber", "WEBER, ANNA; A. Weber; Anna M. Weber", ["WEBER, ANNA", "A. Weber", "Anna M. Weber"]),
        ("Dr. Anna Weber", "the login anna.weber or anna_weber", ["anna.weber", "anna_weber"]),
        ("Dr. Anna Weber", "please tell anna", ["anna"]),
        ("Anna van der Berg", "Anna Berg met Ms van der Berg", ["Anna Berg", "Berg"]),
        ("José García", "jose garcia, JOSÉ, Garcia's", ["jose garcia", "JOSÉ", "Garcia"]),
        ("Siobhan O'Brien", "O'Brien's and O’Brien", ["O'Brien", "O’Brien"]),
        ("王小明", "他说王小明来了", ["王小明"]),
        ("Иван Петров", "Петров ушёл, ИВАН ПЕТРОВ пришёл", ["Петров", "ИВАН ПЕТРОВ"]),
        ("Will Young", "I asked Will. Mr. Young said so.", ["Will", "Young"]),
        ("Rose Dunn", "I gave Rose a book.", ["Rose"]),
    ],
)
def test_a_person_of_one_field_is_found_in_the_others_in_every_form(monkeypatch, said, text, found):
    assert further(monkeypatch, said, text) == found


@pytest.mark.parametrize(
    "said, text",
    [
        ("Will Young", "Will you go? Young people will, and YOUNG people too."),
        ("Rose Dunn", "A rose is a rose. Rose petals. The Rose Garden is open."),
        ("Mark Price", "Mark the best price. The Price Index rose."),
        ("April May", "It rains in April, and until May 3. May I?"),
        ("Anna Weber", "Anna-Lena, Annabel, Webern, Hannah and Joanna are others."),
        ("Grace Hill", "say grace on the hill"),
        ("Dr. Will Smith", "The dr. is in; he will come."),
        ("Jean de la Cruz", "de la playa"),
    ],
)
def test_ordinary_words_are_not_turned_into_names(monkeypatch, said, text):
    assert further(monkeypatch, said, text) == []


def test_a_comma_joins_a_name_only_when_it_stands_backwards(monkeypatch):
    assert further(monkeypatch, "Anna Weber", "Anna, Weber") == ["Anna", "Weber"]
    assert further(monkeypatch, "Anna Weber", "Weber, Anna Weber") == ["Weber", "Anna Weber"]


def test_two_persons_are_not_joined_into_one(monkeypatch):
    monkeypatch.setattr(fields, "find_spans", finder({"Anna Weber": "PERSON", "Bob Stein": "PERSON"}))
    text = "Anna and Bob met Weber Bob"
    spans = find_in_fields(["Anna Weber, Bob Stein", text])[1]
    assert [text[span.start : span.end] for span in spans] == ["Anna", "Bob", "Weber", "Bob"]


def test_a_guess_spreads_as_a_whole_but_not_word_by_word(monkeypatch):
    assert further(monkeypatch, "Olga Marathon", "a Marathon", score=0.55) == []
    assert further(monkeypatch, "Olga Marathon", "OLGA MARATHON", score=0.55) == ["OLGA MARATHON"]


@pytest.mark.parametrize(
    "type_, said, text, found",
    [
        ("PHONE_NUMBER", "555 010 9988", "or 555 010 9988.", ["555 010 9988"]),
        ("NATIONAL_ID", "12345678Z", "id 12345678Z, not 112345678Z", ["12345678Z"]),
        ("DATE_OF_BIRTH", "1985", "in 1985", []),
        ("LOCATION", "Kleinmachnow", "in Kleinmachnow", ["Kleinmachnow"]),
        ("LOCATION", "France", "The capital of France", []),
        ("LOCATION", "Tokyo", "Tokyo is large", []),
        ("ORGANIZATION", "Acme Tools", "at Acme Tools' office", ["Acme Tools"]),
    ],
)
def test_other_values_are_found_again_in_the_same_letters(monkeypatch, type_, said, text, found):
    assert further(monkeypatch, said, text, type_) == found


def test_a_longer_mention_takes_the_place_of_a_shorter_span(monkeypatch):
    monkeypatch.setattr(fields, "find_spans", finder({"Dr. Anna Weber": "PERSON", "Weber": "PERSON"}))
    text = "anna Weber, and anna.weber@x.org"
    assert [(s.start, s.end) for s in find_in_fields(["Dr. Anna Weber", text])[1]][0] == (0, 10)


def test_what_was_found_for_another_reason_stays(monkeypatch):
    monkeypatch.setattr(fields, "find_spans", finder({"Anna Weber": "PERSON", "anna.weber@x.org": "EMAIL_ADDRESS"}))
    spans = find_in_fields(["Anna Weber", "anna.weber@x.org"])[1]
    assert [(span.type, span.start, span.end) for span in spans] == [("EMAIL_ADDRESS", 0, 16)]


def test_nothing_is_looked_for_again_where_nothing_was_found():
    assert find_in_fields(["plain", "text"]) == [[], []]
    assert find_in_fields([]) == []


def test_the_name_of_a_field_tells_what_a_short_text_is():
    text = "5551234567"
    assert find_in_fields([text]) == [[]]
    (span,) = find_in_fields([text], labels=["homePhone"])[0]
    assert (span.type, span.start, span.end) == ("PHONE_NUMBER", 0, 10)
    assert find_in_fields([text], labels=["count"]) == [[]]


def test_many_mentions_in_a_long_text_take_time_in_proportion(monkeypatch):
    monkeypatch.setattr(fields, "find_spans", finder({"Anna Weber": "PERSON"}))

    def seconds(count: int) -> float:
        start = time.process_time()
        find_in_fields(["Anna Weber", "Weber, Anna Weber Anna and " * count])
        return time.process_time() - start

    seconds(10)
    assert seconds(8000) < 16 * seconds(1000) + 0.5


def test_empty_fields_do_not_stand_between_a_question_and_its_answer():
    turns = ["Hi!", "Hello.", "Which novelist wrote the play?", "John Weber"]
    plain = find_in_fields(turns)
    spread = find_in_fields([text for turn in turns for text in (turn, "", "")])
    assert spread[::3] == plain and not any(spread[1::3] + spread[2::3])
