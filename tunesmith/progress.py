"""How long work tells a person where it is, without knowing whether that person has a terminal."""

from __future__ import annotations

from typing import Protocol


class Bar(Protocol):
    """One piece of work under way; also a context manager, left when the work is done or given up."""

    def advance(self, n: float = 1) -> None:
        """Say that n more units are done."""
        ...

    def update(self, **fields: float | int | str | None) -> None:
        """Show the latest value of a few figures, such as ``loss=1.9, tokens_per_second=840``; None prints ``n/a``."""
        ...

    def __enter__(self) -> Bar: ...

    def __exit__(self, *exc_info: object) -> None: ...


class Progress(Protocol):
    """Where a workflow says what it does: a terminal, a log, or nowhere. All of it on stderr, results never."""

    def say(self, text: str) -> None:
        """Tell what happens now: one plain line."""
        ...

    def notice(self, text: str) -> None:
        """Tell something decided for the person that they may want otherwise."""
        ...

    def warn(self, text: str) -> None:
        """Tell something that is probably not what the person wants; work goes on."""
        ...

    def bar(self, description: str, total: float | None = None, unit: str = "") -> Bar:
        """Show work of ``total`` units (None: unknown): ``with console.bar("Train", 120, "step") as bar:``."""
        ...


class SilentBar:
    """A bar nobody sees."""

    def advance(self, n: float = 1) -> None:
        pass

    def update(self, **fields: float | int | str | None) -> None:
        pass

    def __enter__(self) -> SilentBar:
        return self

    def __exit__(self, *exc_info: object) -> None:
        pass


class SilentProgress:
    """A progress that says nothing: the default of every workflow called from Python, and of tests."""

    def say(self, text: str) -> None:
        pass

    def notice(self, text: str) -> None:
        pass

    def warn(self, text: str) -> None:
        pass

    def bar(self, description: str, total: float | None = None, unit: str = "") -> SilentBar:
        return SilentBar()
