"""Texts of conversations put together from pieces, where a template is known to write just those pieces.

Most conversations of a data set have one of a few shapes: the same roles in the same order, said or empty. What a
template writes for a shape is found out once, by rendering it with contents that are not known yet (`Unknown`): such
a content can be written, joined to other text, stripped of white space, and asked whether it is empty. Anything else
that a template does with it (compare, search, count, cut, quote it) ends the attempt, and conversations of that shape
are rendered one by one. So the attempt takes the same branches for every conversation of the shape, and its pieces,
with contents in their places, are the text that the template gives. The first conversation is rendered both ways
nevertheless, and the shape is given up where they differ.

Only messages of a role and a content have a shape; those with calls, reasoning or names, and tools, have none.
Imports nothing but the standard library and Jinja: it runs beside foreign templates, too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple, NoReturn

from jinja2 import Template, nodes
from jinja2.runtime import Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment

from tunesmith.rendering.jinja import Names, make_environment

EMPTY, BLANK, SAID = range(3)  # what is known of a content: nothing in it, white space alone, more than that
MOST_SHAPES = 4096  # of one template, before they are forgotten
FILTERS = ("trim", "default", "d", "string", "length", "count", "list")
TESTS = ("defined", "undefined", "none", "string", "mapping", "boolean", "true", "false", "number", "integer", "odd",
         "even", "eq", "equalto", "==", "ne", "!=")  # fmt: skip
MARK = "\ue000unknown\ue001"  # what code that reads an unknown text's characters behind its back would write


class Dependent(BaseException):
    """What is written depends on what a content says. No `Exception`: some of Jinja's tests swallow those."""


class Value(NamedTuple):
    """The content of a message, after these calls: ``("strip", None)`` …"""

    number: int
    state: int
    calls: tuple[tuple[str, str | None], ...] = ()

    @property
    def is_empty(self) -> bool:
        if any(characters is not None for _, characters in self.calls):
            raise Dependent
        return self.state == EMPTY or (self.state == BLANK and bool(self.calls))


def _refuse(*_: Any, **__: Any) -> NoReturn:
    raise Dependent


class Unknown(str):
    """A text some pieces of which are not known; every method of a string but those below ends the attempt."""

    def __new__(cls, pieces: Iterable[str | Value]) -> Unknown:
        text = super().__new__(cls, MARK)
        text._pieces = tuple(piece for piece in pieces if piece != "")
        if any(MARK in piece for piece in text._pieces if not isinstance(piece, Value)):
            raise Dependent
        return text

    def __str__(self) -> Unknown:
        return self

    def __bool__(self) -> bool:
        return any(not isinstance(piece, Value) or not piece.is_empty for piece in self._pieces)

    def __eq__(self, other: object) -> bool:
        return False if other is None else not self if type(other) is str and not other else _refuse()

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __add__(self, other: str) -> Unknown:
        return Unknown((*self._pieces, *_pieces(other)))

    def __radd__(self, other: str) -> Unknown:
        return Unknown((*_pieces(other), *self._pieces))

    def _stripped(self, name: str, characters: str | None) -> Unknown:
        value = self._pieces[0] if len(self._pieces) == 1 else None
        if not isinstance(value, Value) or type(characters) not in (str, type(None)):
            raise Dependent
        return Unknown([value._replace(calls=(*value.calls, (name, characters)))])

    def strip(self, characters: str | None = None) -> Unknown:
        return self._stripped("strip", characters)

    def lstrip(self, characters: str | None = None) -> Unknown:
        return self._stripped("lstrip", characters)

    def rstrip(self, characters: str | None = None) -> Unknown:
        return self._stripped("rstrip", characters)


for _name in set(dir(str)) - set(dir(object)) - set(vars(Unknown)) | {"__hash__", "__repr__", "__format__"}:
    setattr(Unknown, _name, _refuse)
for _name in ("__lt__", "__le__", "__gt__", "__ge__", "__rmod__"):
    setattr(Unknown, _name, _refuse)


def _pieces(text: Any) -> tuple[str | Value, ...]:
    if isinstance(text, Unknown):
        return text._pieces
    return (text,) if type(text) is str else _refuse()


class Watched(ImmutableSandboxedEnvironment):
    """An environment in which `Unknown` texts stay unknown, and nothing reads them that could tell."""

    @staticmethod
    def concat(pieces: Iterable[str]) -> str:
        pieces = list(pieces)
        if not any(isinstance(piece, Unknown) for piece in pieces):
            return "".join(pieces)
        return Unknown(part for piece in pieces for part in _pieces(piece))

    def getitem(self, obj: Any, argument: Any) -> Any:
        return _refuse() if isinstance(argument, Unknown) else super().getitem(obj, argument)

    def call(__self, __context, __callee, *args: Any, **kwargs: Any) -> Any:  # noqa: B902
        """A macro may be given anything, a method of a text or a list only what is known."""
        if not (isinstance(__callee, Macro) or __callee is Names):
            given = {name: value for name, value in kwargs.items() if name not in ("_loop_vars", "_block_vars")}
            _check_known(*args, **given)  # Jinja takes those two out again
        return super().call(__context, __callee, *args, **kwargs)


def _check_known(*args: Any, **kwargs: Any) -> None:
    if any(type(value) not in (str, int, float, bool, type(None)) for value in (*args, *kwargs.values())):
        raise Dependent


def _with_known_settings(call: Callable) -> Callable:
    def checked(value: Any, *args: Any, **kwargs: Any) -> Any:
        _check_known(*args, **kwargs)
        return call(value, *args, **kwargs)

    return checked


def _watch() -> Watched:
    environment = make_environment(Watched)
    for known, allowed in ((environment.filters, FILTERS), (environment.tests, TESTS)):
        known |= {name: _with_known_settings(known[name]) if name in allowed else _refuse for name in known}
    environment.globals |= {name: _refuse for name in environment.globals if name not in ("range", "namespace")}
    environment.optimized = False  # it would call filters while it compiles
    return environment


def _reads_behind_the_back(tree: nodes.Template) -> bool:
    """Whether it does what cannot be watched: ``~``, escaping, ``text % x`` and ``x in text`` with an x that is no constant."""
    if any(tree.find_all((nodes.Concat, nodes.EvalContextModifier))):
        return True
    if any(not isinstance(rest.right, nodes.Const) for rest in tree.find_all(nodes.Mod)):
        return True
    return any(
        operand.op in ("in", "notin")
        and not (isinstance(compare.expr, nodes.Const) and operand is compare.ops[0])
        and not isinstance(operand.expr, (nodes.List, nodes.Tuple))
        for compare in tree.find_all(nodes.Compare)
        for operand in compare.ops
    )


@dataclass(frozen=True)
class Shape:
    """What is written for the conversations of a shape.

    Attributes:
        stripped: the values beside the contents themselves.
        texts: per different text, the literals in it with a place between every two, and the values that go there.
        order: which of them is wanted, cut by cut.
    """

    stripped: tuple[Value, ...]
    texts: tuple[tuple[list[str], list[int]], ...]
    order: tuple[int, ...]

    def write(self, contents: list[str]) -> list[str]:
        """One text per cut."""
        values = contents + [_stripped(contents[value.number], value) for value in self.stripped]
        texts = []
        for literals, numbers in self.texts:
            pieces = literals.copy()
            pieces[1::2] = [values[number] for number in numbers]
            texts.append("".join(pieces))
        return [texts[number] for number in self.order]


def _stripped(content: str, value: Value) -> str:
    for name, characters in value.calls:
        content = getattr(content, name)(characters)
    return content


class Composer:
    """One template with its variables, and what it writes for the shapes it has seen. Make one with `composer_of`."""

    def __init__(self, source: str, variables: Mapping[str, Any]) -> None:
        self.source, self.variables = source, variables
        self.shapes: dict[tuple, Shape | bool] = {}

    def write(self, job: Mapping[str, Any]) -> list[str] | None:
        """One text per cut of the job, or None where that is not known."""
        shape = self.shapes.get(_key(job))
        return shape.write([message["content"] for message in job["messages"]]) if isinstance(shape, Shape) else None

    def learn(self, job: Mapping[str, Any], texts: Sequence[Any]) -> None:
        """Find out what is written for a job's shape, when it is seen a second time; ``texts`` is what was rendered."""
        key = _key(job)
        if key is None or self.shapes.get(key) is False:
            return
        if key not in self.shapes:
            if len(self.shapes) >= MOST_SHAPES:
                self.shapes.clear()
            self.shapes[key] = True
            return
        try:
            shape = _shape(self.watched, self.variables, job)
            same = shape.write([message["content"] for message in job["messages"]]) == texts
        except (Exception, Dependent):  # why, is told when the conversation is rendered as it is
            same = False
        self.shapes[key] = same and shape

    @cached_property
    def watched(self) -> Template:
        """The template in an environment that watches it. Raises `Dependent` where nothing could."""
        environment = _watch()
        if _reads_behind_the_back(environment.parse(self.source)):
            raise Dependent
        return environment.from_string(self.source)


@lru_cache(maxsize=16)
def composer_of(source: str, variables: str) -> Composer:
    """The composer of a template; the JSON of its variables is part of the key."""
    return Composer(source, json.loads(variables))


def _state(content: str) -> int:
    return SAID if content and not content.isspace() else BLANK if content else EMPTY


def _key(job: Mapping[str, Any]) -> tuple | None:
    """Roles, what is known of the contents, and the cuts; None for a conversation that has no shape."""
    if job["tools"] is not None:
        return None
    key: list[Any] = []
    for message in job["messages"]:
        content = message.get("content")
        if len(message) != 2 or type(content) is not str:
            return None
        key += (message.get("role"), _state(content))
    return (*key, *map(tuple, job["cuts"]))


def _shape(template: Template, variables: Mapping[str, Any], job: Mapping[str, Any]) -> Shape:
    messages = [
        {"role": message["role"], "content": Unknown([Value(number, _state(message["content"]))])}
        for number, message in enumerate(job["messages"])
    ]
    cuts = list(map(tuple, job["cuts"]))
    different = list(dict.fromkeys(cuts))
    written = []
    for end, asking in different:
        values = {"messages": messages[:end], "tools": None, "documents": None, "add_generation_prompt": asking}
        written.append(_pieces(template.render({**values, **variables})))
    stripped = tuple(
        dict.fromkeys(piece for pieces in written for piece in pieces if isinstance(piece, Value) and piece.calls)
    )
    places = {value: len(messages) + place for place, value in enumerate(stripped)}
    texts = tuple(_interleaved(pieces, places) for pieces in written)
    return Shape(stripped, texts, tuple(different.index(cut) for cut in cuts))


def _interleaved(pieces: Sequence[str | Value], places: Mapping[Value, int]) -> tuple[list[str], list[int]]:
    literals, numbers = [""], []
    for piece in pieces:
        if isinstance(piece, Value):
            numbers.append(places.get(piece, piece.number))
            literals += ("", "")
        else:
            literals[-1] += piece
    return literals, numbers
