"""What chat templates make of conversations, and the program that runs untrusted ones inside limits.

Imports nothing but the standard library and Jinja, so that the program starts in a tenth of a second.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import jinja2
from jinja2.sandbox import SecurityError

from tunesmith.rendering.composed import Composer, composer_of
from tunesmith.rendering.jinja import Refused, compile_template

CPU_SECONDS = 1.0  # processor time of one rendering, plus one second per MiB of conversation
MEMORY_BYTES = 128 * 2**20  # on top of what the interpreter needs, plus 32 bytes per byte of request
FATAL = ("syntax", "security", "limit")  # kinds of failure after which the template is not asked again
OUTPUT_CHARACTERS = 1_000_000  # of one rendering, plus eight times the request


class OutputTooLong(Exception):
    """The template writes far more than it was given."""


def render_job(composer: Composer, job: Mapping[str, Any], most: float = float("inf")) -> list[str | dict[str, str]]:
    """One text of at most so many characters per cut: ``[number of messages, with generation prompt]``.

    Where the template does not give a text, ``{"kind", "message"}`` says why: ``refused`` (it called
    ``raise_exception``), ``failed`` (it cannot handle the conversation), or ``syntax``, ``security``, ``limit``
    (nobody should use it: no further cuts).
    """
    known = composer.write(job)
    if known is not None and max(map(len, known)) <= most:
        return known
    texts = _render_cuts(composer, job, most)
    composer.learn(job, texts)
    return texts


def _render_cuts(composer: Composer, job: Mapping[str, Any], most: float) -> list[str | dict[str, str]]:
    texts: list[str | dict[str, str]] = []
    known: dict[tuple[int, bool], str | dict[str, str]] = {}  # the last turn is, as a rule, the whole conversation
    for cut in map(tuple, job["cuts"]):
        if cut not in known:
            known[cut] = _render_cut(composer.source, composer.variables, job, cut, most)
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
        render_job(Composer(source, {}), {"messages": [], "tools": None, "cuts": [(0, False)]})
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
    fatal, composer = False, composer_of(request["source"], json.dumps(request["variables"], sort_keys=True))
    for job in request["jobs"]:
        signal.setitimer(signal.ITIMER_PROF, (CPU_SECONDS + size / 2**20) * max(1, len(job["cuts"]) / 8))
        answer = [] if fatal else render_job(composer, job, OUTPUT_CHARACTERS + 8 * size)
        signal.setitimer(signal.ITIMER_PROF, 0)
        fatal = fatal or any(isinstance(item, dict) and item["kind"] in FATAL for item in answer)
        yield answer
