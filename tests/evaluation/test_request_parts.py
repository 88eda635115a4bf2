"""A request in its parts."""

from __future__ import annotations

import pytest

from tunesmith.evaluation.request_parts import Request


@pytest.mark.parametrize(
    ("text", "instruction", "rest"),
    [
        ("Name it.", "Name it.", ""),
        ("Sort these words.\n\nb, a", "Sort these words.", "\n\nb, a"),
        ("Upper case, please: buy page", "Upper case, please:", " buy page"),
        ("At 10:30 what is it?", "At 10:30 what is it?", ""),
        ("word " * 61 + "\n\nWhat is it?", "", "word " * 61 + "\n\nWhat is it?"),
    ],
)
def test_a_request_is_divided_into_instruction_and_text_to_work_on(text, instruction, rest):
    request = Request.of(text)
    assert (request.instruction, request.rest) == (instruction, rest)
