"""The first lines of a conversation in a terminal, and whether it remembers."""

from __future__ import annotations

import sys

import pytest

from tests.cli.doubles import Workflow, call, install
from tests.cli.test_verbs import Echo, Typed
from tunesmith.cli.chat import introduction_text
from tunesmith.workflows.introduction import Introduction


@pytest.fixture
def talk(monkeypatch, capsys):
    """Type lines to a model that is introduced so; what was asked, and stderr."""

    def start(known, *lines):
        model, left = Echo(), iter(lines)
        install(monkeypatch, "tunesmith.workflows.chat", "open_chat", Workflow(model))
        install(monkeypatch, "tunesmith.workflows.introduction", "introduce", Workflow(known))

        def type_line(prompt):
            line = next(left, None)
            if line is None:
                raise EOFError
            return line

        monkeypatch.setattr(sys, "stdin", Typed())
        monkeypatch.setattr("builtins.input", type_line)
        code, _, err = call(capsys, "chat", "m")
        assert code == 0
        return [[message for _, message in turns] for turns, _ in model.asked], err

    return start


def test_a_model_trained_on_single_requests_is_asked_each_on_its_own_and_that_is_told(talk):
    asked, err = talk(Introduction(("sort", "upper"), ("Sort: b a",), True), "one", "two")
    assert asked == [["one"], ["two"]]
    lines = err.splitlines()[1:4]
    assert lines == [
        "Trained for sort, upper.",
        "Try: Sort: b a",
        "Each request is answered on its own, as it was trained: what was said before is not remembered.",
    ]


@pytest.mark.parametrize("known", [None, Introduction((), (), False)])
def test_any_other_remembers(talk, known):
    asked, err = talk(known, "one", "two")
    assert len(asked[1]) == 3
    assert "Trained" not in err and "Try" not in err and "\n\n" not in err.replace("\n\n›", "")


def test_of_many_tasks_the_first_are_named():
    text = introduction_text(Introduction(tuple("abcdefgh"), (), False))
    assert text == "Trained for a, b, c, d, e, f and 2 more."
