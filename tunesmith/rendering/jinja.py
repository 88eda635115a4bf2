"""The Jinja environment chat templates run in; imports nothing but the standard library and Jinja.

It gives the same text as `transformers` does: trimmed blocks, loop controls, ``raise_exception``, ``strftime_now``, a
``tojson`` that leaves HTML characters alone, and ``{% generation %}`` blocks, which mean nothing here.
"""

from __future__ import annotations

import json
from datetime import datetime
from functools import lru_cache
from typing import Any

import jinja2
import jinja2.debug  # Jinja imports it when a template first fails, and by then no file can be opened
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment, SecurityError


class Refused(jinja2.TemplateError):
    """The template called ``raise_exception``: it does not take this conversation."""


class GenerationBlock(Extension):
    """``{% generation %}`` … ``{% endgeneration %}``: marks learned text elsewhere; here it is just written."""

    tags = {"generation"}

    def parse(self, parser: jinja2.parser.Parser) -> jinja2.nodes.Node:
        line = next(parser.stream).lineno
        return jinja2.nodes.Scope(parser.parse_statements(("name:endgeneration",), drop_needle=True), lineno=line)


class Names(jinja2.utils.Namespace):
    """``namespace()`` without the underscore names that lead out of a sandbox."""

    def __init__(*args: Any, **kwargs: Any) -> None:
        self, values = args[0], dict(*args[1:], **kwargs)
        for name in values:
            _refuse_underscore(name)
        jinja2.utils.Namespace.__init__(self, values)

    def __setitem__(self, name: str, value: Any) -> None:
        _refuse_underscore(name)
        jinja2.utils.Namespace.__setitem__(self, name, value)


def _refuse_underscore(name: Any) -> None:
    if isinstance(name, str) and name.startswith("_"):
        raise SecurityError("a template may not store a name that begins with an underscore")


def _raise_exception(message: Any) -> None:
    raise Refused(str(message))


def _tojson(value: Any, ensure_ascii=False, indent=None, separators=None, sort_keys=False) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def make_environment(
    kind: type[ImmutableSandboxedEnvironment] = ImmutableSandboxedEnvironment,
) -> ImmutableSandboxedEnvironment:
    """An environment of this class, with what chat templates expect to find in one."""
    environment = kind(trim_blocks=True, lstrip_blocks=True, extensions=[GenerationBlock, loopcontrols])
    environment.filters["tojson"] = _tojson
    environment.globals["raise_exception"] = _raise_exception
    environment.globals["strftime_now"] = lambda form: datetime.now().strftime(form)
    environment.globals["namespace"] = Names
    return environment


@lru_cache(maxsize=16)
def compile_template(source: str) -> jinja2.Template:
    """The compiled template. Raises `jinja2.TemplateSyntaxError`."""
    return make_environment().from_string(source)
