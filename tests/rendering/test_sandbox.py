"""A template is a program of somebody else's: it cannot reach out, run on, or fill the memory."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest

from tests.rendering.conftest import BRACKETS, talk
from tunesmith.errors import ModelError
from tunesmith.rendering import sandbox
from tunesmith.rendering.render import render
from tunesmith.rendering.sandbox import Job, Refusal, render_jobs
from tunesmith.rendering.templates import load_template


def repeat(start: str, change: str) -> str:
    """Sixty times the same change of a value."""
    loop = f"{{% for i in range(60) %}}{{% set ns.s = {change} %}}{{% endfor %}}"
    return f"{{% set ns = namespace(s={start}) %}}{loop}{{{{ ns.s }}}}"


def twice(body: str) -> str:
    """A loop of 10^5 rounds inside another."""
    return f"{{% for i in range(99999) %}}{{% for j in range(99999) %}}{body}{{% endfor %}}{{% endfor %}}"


MALICIOUS = {
    "string repeated": "{{ 'a' * 10**8 }}",
    "string repeated at run time": "{{ messages[0].role * 10**9 }}",
    "list repeated": "{{ ([0] * 10**9) | length }}",
    "nested ranges": twice(""),
    "nested ranges with output": twice("aaaaaaaaaa"),
    "big range": "{{ range(10**9) | list }}",
    "exponential macros": "{% macro a() %}ha{% endmacro %}"
    + "".join(f"{{% macro {b}() %}}{{{{ {a}() * 9 }}}}{{% endmacro %}}" for a, b in zip("abcdefghijkl", "bcdefghijklm"))
    + "{{ m() }}",
    "macro that calls itself": "{% macro a() %}{{ a() }}{{ a() }}{% endmacro %}{{ a() }}",
    "string doubled": repeat("'a'", "ns.s + ns.s"),
    "list doubled": repeat("[1]", "ns.s + ns.s"),
    "huge power": "{{ 10 ** (10 ** 10) }}",
    "huge power modulo": "{{ (7 ** (10 ** 8)) % 3 }}",
    "huge width": "{{ 'a'.ljust(10 ** 10) }}",
    "huge center": "{{ 'a' | center(10 ** 10) }}",
    "huge format": "{{ '%0999999999d' | format(1) }}",
    "huge format method": "{{ '{:>9999999999}'.format(1) }}",
    "huge indent": "{{ 'a\nb' | indent(10 ** 10) }}",
    "huge json indent": "{{ messages | tojson(indent=10 ** 10) }}",
    "huge batch": "{{ [1] | batch(10 ** 9, 'x') | list }}",
    "huge strftime": "{{ strftime_now('%999999999d') }}",
    "replace in a loop": repeat("'aa'", "ns.s | replace('a', 'aa')"),
    "join in a loop": repeat("'aa'", "ns.s.join(ns.s)"),
    "lorem ipsum": "{{ lipsum(n=10**7) }}",
    "cycler": "{% set c = cycler(*range(99999)) %}" + twice("{{ c.next() }}"),
    "deep expression": "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}",
    "deep nesting": "{% if true %}" * 3000 + "{% endif %}" * 3000,
    "class": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "class by filter": "{{ '' | attr('__class__') }}",
    "class by item": "{{ ''['__class__'] }}",
    "class by format": "{{ '{0.__class__.__init__.__globals__}'.format(messages) }}",
    "class by format_map": "{{ '{a.__class__}'.format_map({'a': 1}) }}",
    "class by stored format (CVE-2024-56326)": "{% set f = '{0.__class__}'.format %}{{ f(1) }}",
    "class by attr and format (CVE-2025-27516)": "{{ ('{0.__class__}' | attr('format'))(1) }}",
    "class by map": "{{ [''] | map(attribute='__class__') | list }}",
    "globals of a function": "{{ raise_exception.__globals__ }}",
    "globals of lipsum": "{{ lipsum.__globals__['os'].popen('id').read() }}",
    "globals of cycler": "{{ cycler.__init__.__globals__.os.system('id') }}",
    "globals of joiner": "{{ joiner.__init__.__globals__ }}",
    "namespace as class": "{{ namespace.__init__.__globals__ }}",
    "namespace with underscores": "{% set ns = namespace(__class__=1) %}{{ ns.__class__ }}",
    "self": "{{ self._TemplateReference__context.environment }}",
    "config": "{{ self.__init__.__globals__.__builtins__.open('/etc/passwd').read() }}",
    "generator frame": "{{ (messages | map('upper')).gi_frame.f_globals }}",
    "include": "{% include '/etc/passwd' %}",
    "import": "{% import 'os' as os %}{{ os.system('id') }}",
    "extends": "{% extends '/etc/passwd' %}",
    "change of the input": "{% set _ = messages.append(messages) %}{{ messages }}",
    "change of a message": "{% set _ = messages[0].update(content='forged') %}{{ messages[0].content }}",
}
ORDINARY = BRACKETS
CHILDREN_SECONDS = 2.5  # of wall-clock time at most, on a machine others work on too; alone it is 1.1 s


@pytest.mark.parametrize("name", MALICIOUS)
def test_a_malicious_template_is_refused_soon_and_in_one_line(name, byte_level, own):
    start = time.perf_counter()
    used = time.process_time()
    with pytest.raises(ModelError) as caught:
        load_template("own", tokenizer=own(byte_level, MALICIOUS[name]))
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 600
    assert time.process_time() - used < 0.5, "the work was done in this process"
    assert time.perf_counter() - start < CHILDREN_SECONDS * max(1.0, os.getloadavg()[0])


ESCAPES = list(MALICIOUS)[list(MALICIOUS).index("class") :]


@pytest.mark.parametrize("name", ESCAPES)
def test_a_template_reaches_nothing_of_python_and_changes_nothing(name):
    """A refused template could have done its work before: what it makes of a conversation is empty or an error."""
    job = Job([{"role": "user", "content": "a"}], None, ((1, True),))
    try:
        ((result,),) = render_jobs("x", MALICIOUS[name], {}, [job], trusted=False)
    except ModelError as error:
        assert "unsafe" in str(error) or "underscore" in str(error)
    else:
        assert isinstance(result, Refusal) or result in ("", "[Undefined]")


def test_a_malicious_part_that_only_some_conversations_reach_is_stopped_too(byte_level, own):
    template = load_template(
        "own",
        tokenizer=own(
            byte_level, BRACKETS + "{% if messages[0].content == 'go' %}{{ messages[0].role * 10**8 }}{% endif %}"
        ),
    )
    assert render(talk("a", "b"), template)
    with pytest.raises(
        ModelError, match="template `own` was stopped: MemoryError. A chat template has no need of that"
    ):
        render(talk("go", "b"), template)
    assert render(talk("a", "b"), template)


def test_after_a_template_was_stopped_honest_ones_go_on(byte_level, own):
    for name in ("nested ranges", "string repeated", "class"):
        with pytest.raises(ModelError):
            load_template("own", tokenizer=own(byte_level, MALICIOUS[name]))
        assert load_template("own", tokenizer=own(byte_level, ORDINARY)).stop_tokens == ("<|endoftext|>",)


def test_a_template_that_writes_without_end_is_stopped_at_a_multiple_of_what_it_was_given(byte_level, own):
    with pytest.raises(ModelError, match="was stopped: it writes more than 10[0-9]+ characters"):
        load_template(
            "own", tokenizer=own(byte_level, "{% for i in range(90000) %}{{ 'aaaaaaaaaaaaaaaaaaaaaaaa' }}{% endfor %}")
        )


def test_no_template_makes_its_worker_hold_more_than_200_mb():
    """Peak resident size of the largest worker; asked by a process without torch, whose size would count too."""
    program = """
        import json, resource, sys
        from tunesmith.errors import ModelError
        from tunesmith.rendering import sandbox
        job = sandbox.Job([{"role": "user", "content": "a"}], None, ((1, True),))
        for source in json.load(sys.stdin):
            try:
                sandbox.render_jobs("x", source, {}, [job], trusted=False)
            except ModelError:
                pass
        sandbox._close_worker()
        print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
    """
    quick = [
        source
        for name, source in MALICIOUS.items()
        if "ranges" not in name and "power" not in name and "cycler" not in name
    ]
    command = [sys.executable, "-c", textwrap.dedent(program)]
    result = subprocess.run(command, input=json.dumps(quick), capture_output=True, text=True, check=True)
    assert 20 < int(result.stdout) < 200


def test_a_conversation_of_many_megabytes_is_no_attack(byte_level, own):
    template = load_template("own", tokenizer=own(byte_level, ORDINARY))
    long = "word " * 1_000_000
    (rendering,) = render(talk(long, long), template)
    assert len(rendering.text) > 10_000_000


def test_lone_surrogates_and_control_characters_come_back_as_they_went(byte_level, own):
    template = load_template("own", tokenizer=own(byte_level, ORDINARY))
    odd = "\ud800 \x00 \u2028 \r\n \N{GRINNING FACE}"
    (rendering,) = render(talk(odd, odd), template)
    assert rendering.supervised_text == odd + "<|endoftext|>"


def test_a_template_that_refuses_and_one_that_fails_are_told_apart():
    job = Job([{"role": "user", "content": "a"}], None, ((1, True),))
    assert render_jobs("x", "{{ raise_exception('no\n tools') }}", {}, [job], trusted=False) == [
        [Refusal("refused", "no tools")]
    ]
    assert render_jobs("x", "{{ a.b.c }}", {}, [job], trusted=True) == [
        [Refusal("failed", "UndefinedError: 'a' is undefined")]
    ]


def test_the_worker_is_started_once_and_only_for_templates_that_are_not_ours(byte_level, own, monkeypatch):
    monkeypatch.setattr(sandbox, "_worker", None)
    render(talk("a", "b"), load_template("plain", tokenizer=byte_level))
    assert sandbox._worker is None
    template = load_template("own", tokenizer=own(byte_level, ORDINARY))
    first = sandbox._worker
    render(talk("a", "b"), template)
    assert sandbox._worker is first and first.usable
    os.kill(first.process.pid, signal.SIGKILL)
    first.process.wait()
    render(talk("a", "b"), template)
    assert sandbox._worker is not first


def test_a_worker_killed_while_it_works_is_reported_and_replaced(byte_level, own, monkeypatch):
    monkeypatch.setattr(sandbox, "WALL_SECONDS", 0.2)
    with pytest.raises(ModelError, match="no answer within 0 s"):
        load_template("own", tokenizer=own(byte_level, MALICIOUS["nested ranges"]))
    monkeypatch.undo()
    assert load_template("own", tokenizer=own(byte_level, ORDINARY))


def test_threads_do_not_get_each_others_answers(byte_level, own):
    template = load_template("own", tokenizer=own(byte_level, ORDINARY))
    right = []

    def ask(number: int) -> None:
        for i in range(50):
            text = f"{number} {i}"
            right.append(render(talk(text, text), template)[0].supervised_text == f"{text}<|endoftext|>")

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert right == [True] * 200


def test_a_forked_process_gets_a_worker_of_its_own(byte_level, own):
    template = load_template("own", tokenizer=own(byte_level, ORDINARY))
    child = os.fork()
    if child == 0:
        good = render(talk("child", "c"), template)[0].supervised_text == "c<|endoftext|>"
        os._exit(0 if good and sandbox._worker.pid_of_owner == os.getpid() else 1)
    assert render(talk("parent", "p"), template)[0].supervised_text == "p<|endoftext|>"
    assert os.waitpid(child, 0)[1] == 0


def test_the_worker_ends_with_its_owner_even_when_that_is_killed():
    program = """
        import os, signal
        from tunesmith.rendering import sandbox
        sandbox.render_jobs("x", "a", {}, [sandbox.Job([], None, ((0, True),))], trusted=False)
        print(sandbox._worker.process.pid, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    result = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True)
    pid = int(result.stdout)
    deadline = time.monotonic() + 60
    while os.path.exists(f"/proc/{pid}") and "State:\tZ" not in open(f"/proc/{pid}/status").read():
        assert time.monotonic() < deadline, "the worker outlives its owner"
        time.sleep(0.02)


def test_the_worker_can_open_no_file():
    """What the sandbox of Jinja would let through by mistake still finds no file to open."""
    program = """
        from tunesmith.rendering import sandbox_worker
        sandbox_worker._limit_process()
        try:
            open("/etc/passwd")
        except OSError as error:
            print(error.errno)
    """
    result = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True)
    assert result.stdout.strip() == "24"


def test_batches_keep_order_and_size():
    jobs = [
        Job([{"role": "user", "content": str(i) * (300_000 if i % 50 == 0 else 1)}], None, ((1, False),))
        for i in range(200)
    ]
    texts = render_jobs("x", "{{ messages[0].content }}", {}, jobs, trusted=False)
    assert [text for (text,) in texts] == [job.messages[0]["content"] for job in jobs]


def test_peak_memory_of_this_process_is_not_the_templates(byte_level, own):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ModelError):
        load_template("own", tokenizer=own(byte_level, MALICIOUS["string repeated"]))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20 * 1024
