"""Workflows that do no work: what the command line asks for, and what it makes of the answer."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from tunesmith.cli import main


class Workflow:
    """Stands for one function of ``tunesmith.workflows``; remembers how it was called."""

    def __init__(self, answer=None, error: BaseException | None = None):
        self.answer, self.error, self.calls = answer, error, []

    def __call__(self, *arguments, **settings):
        self.calls.append((arguments, settings))
        if self.error is not None:
            raise self.error
        return self.answer(*arguments, **settings) if callable(self.answer) else self.answer


def install(monkeypatch: pytest.MonkeyPatch, module: str, name: str, workflow: Workflow) -> Workflow:
    """Put a double where the command imports the real function from."""
    stand_in = ModuleType(module)
    setattr(stand_in, name, workflow)
    monkeypatch.setitem(sys.modules, module, stand_in)
    return workflow


def call(capsys, *words: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of one command."""
    code = main([str(word) for word in words])
    told = capsys.readouterr()
    return code, told.out, told.err
