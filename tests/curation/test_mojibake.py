"""Text decoded with the wrong encoding, and text that is as it should be."""

from __future__ import annotations

import pytest

from tunesmith.curation.mojibake import fix_mojibake, fix_text
from tunesmith.records import Message, Record

BROKEN = [
    ("CafÃ© au lait", "Café au lait"),
    ("5 Ã— 2 = 10", "5 × 2 = 10"),
    ("100 â€“ 82 = 18", "100 – 82 = 18"),
    ("a fine of Â£500", "a fine of £500"),
    ("ÐŸÑ€Ð¸Ð²ÐµÑ‚, Ð¼Ð¸Ñ€", "Привет, мир"),
    ("songs \x97 a few", "songs — a few"),
    ("right “é”\nCafÃ©", "right “é”\nCafé"),
]
RIGHT = [
    "Café, naïve, Ångström, Ærø, «Ça va»",
    "SÃO PAULO",
    "Â is a letter with a circumflex",
    "Всё хорошо, ещё раз",
    "漢字かな交じり文",
    "x ∈ ℝ, α ≤ β, √2 ≈ 1.41, A ∪ B",
    "`CafÃ©`",
    "```\nCafÃ©\n```",
    "plain",
]


@pytest.mark.parametrize(("broken", "right"), BROKEN)
def test_mojibake_is_undone(broken, right):
    assert fix_mojibake(broken) == right
    assert fix_mojibake(right) == right


@pytest.mark.parametrize("text", RIGHT)
def test_right_text_math_and_code_stay(text):
    assert fix_mojibake(text) == text


def test_every_text_of_a_record_is_fixed_and_a_right_record_is_the_same_object():
    broken = Record("1", (Message("user", "q"), Message("assistant", "Ã©tÃ©", reasoning="Â£5")), references=("cafÃ©",))
    fixed = fix_text(broken)
    assert (fixed.answer, fixed.messages[1].reasoning, fixed.references) == ("été", "£5", ("café",))
    assert fix_text(fixed) is fixed


def test_a_record_about_encodings_keeps_its_examples():
    record = Record(
        "1", (Message("user", "My file shows CafÃ©: which encoding is it?"), Message("assistant", "Latin-1."))
    )
    assert fix_text(record) is record
