"""A text as patterns read it."""

from __future__ import annotations

import pytest

from tunesmith.privacy.recognizers.page import Page, any_of, latin


@pytest.mark.parametrize(
    "text, data",
    [
        ("plain 12", b"plain 12"),
        ("é\u00a01", b"\xe9 1"),
        ("\u0661\u0662\uff13", b"123"),
        ("1\u200b2\u00ad3\ufeff", b"123"),
        ("a\u2013b\u2019s\u2003", b"a-b's "),
        ("\uff21\uff20", b"A@"),
        ("Жж中", b"\xde\xfe\x80"),
        ("", b""),
    ],
)
def test_a_page_has_a_byte_for_each_visible_character(text, data):
    assert Page(text).data == data


def test_places_lead_back_to_the_text_across_invisible_characters():
    text = "\u200b\u200bé 4\u200b\u200b1 \U0001f600 x\u200b"
    page = Page(text)
    start, end = latin("[0-9]+").search(page.data).span()
    assert text[slice(*page.place(start, end))] == "4\u200b\u200b1"
    assert page.said(start, end) == "41"
    end = len(page.data)
    assert text[slice(*page.place(end - 1, end))] == "x"


def test_lone_surrogates_and_other_oddities_are_read():
    assert len(Page("\ud800a\x00\U000e0001").data) == 3


def test_one_pass_tells_which_of_several_patterns_stand_on_a_page():
    standing = any_of(["[0-9]{3}", "é", "(?i:born)"])
    assert standing(Page("Born at 12, caf\u00e9").data) == [1, 2]
    assert standing(Page("nothing of it").data) == []
