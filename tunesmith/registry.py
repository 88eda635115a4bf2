"""Names for exactly what users extend: stages, templates, tasks, checks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from tunesmith.errors import UsageError, did_you_mean

Thing = TypeVar("Thing")


class Registry(Generic[Thing]):
    """Things of one kind by name.

    ``kind`` is what a person calls them ("stage"); it stands in the error for a name that is not there.
    """

    def __init__(self, kind: str):
        self.kind = kind
        self._things: dict[str, Thing] = {}

    def register(self, name: str) -> Callable[[Thing], Thing]:
        """A decorator that files what it decorates under the name. Raises `UsageError` where the name is taken."""

        def file(thing: Thing) -> Thing:
            if name in self._things:
                raise UsageError(f"{self.kind} `{name}` is registered twice. Choose another name.")
            self._things[name] = thing
            return thing

        return file

    def get(self, name: str) -> Thing:
        """The thing of that name. Raises `UsageError` with the nearest name where there is none."""
        if name not in self._things:
            near = did_you_mean(name, self._things) or f" Choose one of: {', '.join(self.names())}."
            raise UsageError(f"no such {self.kind} `{name}`.{near}")
        return self._things[name]

    def names(self) -> list[str]:
        """Every name, sorted."""
        return sorted(self._things)
