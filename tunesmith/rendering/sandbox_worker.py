"""The Jinja environment chat templates run in, and the program that runs untrusted ones inside limits.

Imports nothing but the standard library and Jinja, so that the program starts in a tenth of a second. The environment
gives the same text as `transformers` does: trimmed blocks, loop controls, ``raise_exception``, ``strftime_now``, a
``tojson`` that leaves HTML characters alone, and ``{% generation %}`` blocks, which mean nothing here.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

import jinja2
import jinja2.debug  # Jinja imports it when a template first fails, and by then no file can be opened
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment, SecurityError

CPU_SECONDS = 1.0  # processor time of one rendering, plus one second per MiB of conversation
MEMORY_BYTES = 128 * 2**20  # on top of what the interpreter needs, plus 32 bytes per byte of request
FATAL = ("syntax", "security", "limit")  # kinds of failure after which the template is not asked again
OUTPUT_CHARACTERS = 1_000_000  # of one rendering, plus eight times the request


class Refused(jinja2.TemplateError):
    """The template called ``raise_exception``: it does not take this conversation."""


class OutputTooLong(Exception):
    """The template writes far more than it was given."""


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


@lru_cache(maxsize=16)
def compile_template(source: str) -> jinja2.Template:
    """The compiled template. Raises `jinja2.TemplateSyntaxError`."""
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[GenerationBlock, loopcontrols]
    )
    environment.filters["tojson"] = _tojson
    environment.globals["raise_exception"] = _raise_exception
    environment.globals["strftime_now"] = lambda form: datetime.now().strftime(form)
    environment.globals["namespace"] = Names
    return environment.from_string(source)


def render_job(
    source: str, variables: Mapping[str, Any], job: Mapping[str, Any], most: float = float("inf")
) -> list[str | dict[str, str]]:
    """One text of at most so many characters per cut: ``[number of messages, with generation prompt]``.

    Where the template does not give a text, ``{"kind", "message"}`` says why: ``refused`` (it called
    ``raise_exception``), ``failed`` (it cannot handle the conversation), or ``syntax``, ``security``, ``limit``
    (nobody should use it: no further cuts).
    """
    texts: list[str | dict[str, str]] = []
    known: dict[tuple[int, bool], str | dict[str, str]] = {}  # the last turn is, as a rule, the whole conversation
    for cut in map(tuple, job["cuts"]):
        if cut not in known:
            known[cut] = _render_cut(source, variables, job, cut, most)
        texts.append(known[cut])
        if isinstance(texts[-1], dict) and texts[-1]["kind"] in FATAL:
            break
    return texts


def _render_cut(
    source: str, variables: Mapping, job: Mapping, cut: tuple[int, bool], most: float
) -> str | dict[str, str]:
    end, add_generation_prompt = cut
    values = {"messages": job["messages"][:end], "tools": job["tools"], "documents": None}
    values |= {"add_generation_prompt": add_generation_prompt, **variables}
    try:
        template = compile_template(source)
        return template.render(values) if most == float("inf") else _join_up_to(template.generate(values), most)
    except SecurityError as error:
        return {"kind": "security", "message": str(error)}
    except Refused as error:
        return {"kind": "refused", "message": str(error)}
    except jinja2.TemplateSyntaxError as error:
        return {"kind": "syntax", "message": f"line {error.lineno}: {error.message}"}
    except (MemoryError, RecursionError, OutputTooLong) as error:
        return {"kind": "limit", "message": str(error) or type(error).__name__}
    except Exception as error:  # a template can raise anything Python's operators and string methods can
        return {"kind": "failed", "message": f"{type(error).__name__}: {error}"}


def _join_up_to(pieces: Iterable[str], most: float) -> str:
    kept, length = [], 0
    for piece in pieces:
        length += len(piece)
        if length > most:
            raise OutputTooLong(f"it writes more than {most} characters")
        kept.append(piece)
    return "".join(kept)


def _limit_process() -> int:
    """No new file, no bytes into files, no core dump; gives the address space in use, in bytes."""
    time.tzset()  # what Python opens late (the time zone, codecs of string literals) must be opened before the limit
    for source in (
        r"{{ 'a\n' | tojson }}{{ strftime_now('%c') }}{% for i in range(2) %}{{ loop.index }}{% endfor %}",
        "{{ a.b.c }}",
        "{% if",
    ):
        render_job(source, {}, {"messages": [], "tools": None, "cuts": [(0, False)]})
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    used = 2**30  # what a system without /proc is granted: its limit on address space is a rough one
    if os.path.exists("/proc/self/statm"):
        with open("/proc/self/statm") as statm:
            used = int(statm.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
    return used


def serve() -> None:
    """Answer requests, one JSON line each, until standard input ends: one line per job, in order.

    Processor time is limited by a profiling timer whose signal keeps its default action: the kernel ends the process
    even in the middle of ``10**10**8``, and a busy machine does not make an honest template look slow, as wall-clock
    time would.
    """
    sys.setrecursionlimit(600)
    used = _limit_process()
    for line in sys.stdin.buffer:
        most = used + MEMORY_BYTES + 32 * len(line)
        resource.setrlimit(resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))
        for answer in _answers(json.loads(line), len(line)):
            sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _answers(request: Mapping[str, Any], size: int) -> Iterator[list[str | dict[str, str]]]:
    fatal = False
    for job in request["jobs"]:
        signal.setitimer(signal.ITIMER_PROF, (CPU_SECONDS + size / 2**20) * max(1, len(job["cuts"]) / 8))
        answer = [] if fatal else render_job(request["source"], request["variables"], job, OUTPUT_CHARACTERS + 8 * size)
        signal.setitimer(signal.ITIMER_PROF, 0)
        fatal = fatal or any(isinstance(item, dict) and item["kind"] in FATAL for item in answer)
        yield answer


if __name__ == "__main__":
    serve()
