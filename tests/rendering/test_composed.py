"""Texts put together from pieces are what the template writes, and whatever looks at a content is rendered."""

from __future__ import annotations

import itertools
import random

import pytest

from tests.rendering.conftest import (
    BRACKETS,
    FORGETFUL,
    GEMMA,
    LLAMA2,
    LLAMA3,
    QWEN3,
    SILENT_ABOUT_SYSTEM,
    random_text,
)
from tunesmith.rendering import composed
from tunesmith.rendering.composed import MARK, Composer, Dependent, Shape, Unknown, Value
from tunesmith.rendering.jinja import compile_template
from tunesmith.rendering.sandbox import Job, render_jobs
from tunesmith.rendering.sandbox_worker import render_job
from tunesmith.rendering.templates import BUILT_IN, _built_in

HARD = ["", " ", "\n", "\u00a0", " a", "a ", "\n\na\n", "{{ x }}", "{% if %}", "</think>a", MARK, "\ue000", "None", "0",
        "'", '"', "\\", "\ud800", "\x00", "<|im_end|>", "<|endoftext|>", "User:\n", "a" * 3000, "é\u200b", "%s"]  # fmt: skip
FAMILIES = [LLAMA3, LLAMA2, QWEN3, GEMMA, SILENT_ABOUT_SYSTEM, BRACKETS, FORGETFUL]
VARIABLES = {"bos_token": "<s>", "eos_token": "</s>"}


def sources(tokenizer) -> list[str]:
    return [*FAMILIES, *(_built_in(name, tokenizer).source for name in BUILT_IN)]


def conversation(*contents: str, system: bool = False) -> list[dict[str, str]]:
    roles = ["system"] * system + ["user", "assistant"] * len(contents)
    return [{"role": role, "content": content} for role, content in zip(roles, contents)]


def job(messages: list[dict]) -> dict:
    cuts = [cut for i, m in enumerate(messages) if m["role"] == "assistant" for cut in ((i, True), (i + 1, False))]
    return {"messages": messages, "tools": None, "cuts": [*cuts, (len(messages), False)]}


def rendered(source: str, one: dict, variables=VARIABLES) -> list:
    return render_job(Composer(source, variables), one)  # a new one has nothing to put together


def test_what_is_put_together_is_what_the_template_writes_for_any_content(byte_level):
    chance = random.Random(5)
    for source in sources(byte_level):
        composer, num_composed = Composer(source, VARIABLES), 0
        for number in range(250):
            contents = [
                chance.choice(HARD) if chance.random() < 0.4 else random_text(chance)
                for _ in range(chance.randint(1, 5))
            ]
            one = job(conversation(*contents, system=chance.random() < 0.4))
            num_composed += composer.write(one) is not None
            assert render_job(composer, one) == rendered(source, one), (source[:60], number, contents)
        assert num_composed > 50, source


def test_every_pair_of_hard_contents_comes_out_as_rendered(byte_level):
    for source in sources(byte_level):
        composer = Composer(source, VARIABLES)
        for contents in itertools.product(HARD, HARD):
            one = job(conversation(*contents))
            assert render_job(composer, one) == rendered(source, one)


LOOKING = {
    "compares": "{% if m.content == 'b' %}!{% endif %}",
    "compares with a number of characters": "{% if m.content | length > 3 %}!{% endif %}",
    "searches": "{% if 'b' in m.content %}!{% endif %}",
    "is searched for": "{% if m.content in 'abc' %}!{% endif %}",
    "is searched for in what it says itself": "{% if m.content in ['b', 'c'] %}!{% endif %}",
    "begins": "{% if m.content.startswith('b') %}!{% endif %}",
    "is the beginning": "{% if 'bcd'.startswith(m.content) %}!{% endif %}",
    "is joined": "{% if ','.join([m.content]) == 'b' %}!{% endif %}",
    "is joined by a filter": "{% if [m.content] | join(',') == 'b' %}!{% endif %}",
    "is joined by a tilde": "{% if m.content ~ '' == 'b' %}!{% endif %}",
    "is formatted": "{% if '%s' % m.content == 'b' %}!{% endif %}",
    "is formatted in a tuple": "{% if '%s' % (m.content,) == 'b' %}!{% endif %}",
    "is formatted by a method": "{% if '{}'.format(m.content) == 'b' %}!{% endif %}",
    "is formatted by a filter": "{% if '%s' | format(m.content) == 'b' %}!{% endif %}",
    "is cut": "{{ m.content[:1] }}",
    "is split": "{{ m.content.split('b') | last }}",
    "is quoted": "{{ m.content | tojson }}",
    "is quoted in a list": "{{ [m.content] }}",
    "is a key": "{{ {'b': '!'}[m.content] }}",
    "is a key of a literal": "{{ {m.content: '!'}['b'] }}",
    "is got": "{{ {'b': '!'}.get(m.content, '') }}",
    "is an attribute": "{{ messages[m.content] is defined }}",
    "is upper case": "{{ m.content | upper }}",
    "is replaced": "{{ m.content | replace('b', '') }}",
    "replaces": "{{ 'abc' | replace(m.content, '') }}",
    "strips": "{{ 'abc' | trim(m.content) }}",
    "strips by a method": "{{ 'abc'.strip(m.content) }}",
    "is stripped after it was joined": "{{ ('b' + m.content).strip() }}",
    "is looped over": "{% for c in m.content %}{{ c }},{% endfor %}",
    "is counted with": "{{ m.content * 2 }}",
    "is tested": "{% if m.content is eq('b') %}!{% endif %}",
    "is selected by": "{{ messages | selectattr('content', 'equalto', 'b') | list | length }}",
    "is sorted by": "{{ (messages | sort(attribute='content'))[0].role }}",
    "is noticed when it changes": "{% if loop.changed(m.content) %}!{% endif %}",
    "is set and compared": "{% set c %}{{ m.content }}{% endset %}{% if c == 'b' %}!{% endif %}",
    "is kept and compared": "{% set ns = namespace(c=m.content) %}{% if ns.c == 'b' %}!{% endif %}",
    "is returned and compared": "{% macro f(x) %}{{ x }}{% endmacro %}{% if f(m.content) == 'b' %}!{% endif %}",
    "is joined and compared": "{% if '<' + m.content == '<b' %}!{% endif %}",
    "is escaped": "{% autoescape true %}{{ m.content }}{% endautoescape %}",
    "is filtered": "{% filter upper %}{{ m.content }}{% endfilter %}",
    "is as long as a number": "{% if m.content.__len__() == 1 %}!{% endif %}",
    "equals another": "{% if m.content == messages[0].content %}!{% endif %}",
    "stripped of more, may be empty": "{% if m.content.strip('b') %}!{% endif %}",
}  # fmt: skip


@pytest.mark.parametrize("name", LOOKING)
def test_a_template_that_looks_at_what_a_content_says_is_rendered(name):
    """Contents of one shape, for which it writes different things."""
    source = "{% for m in messages %}" + LOOKING[name] + "{{ m.content }}{% endfor %}"
    composer = Composer(source, {})
    for content in ("zz", "zz", "zz", "b", "<b", "append", "bcd", "&", "a b"):
        one = job(conversation("a", content))
        assert render_job(composer, one) == rendered(source, one, {})
    assert composer.write(job(conversation("a", "b"))) is None


PLAIN = {
    "written": ("{{ m.content }}", "[b]"),
    "joined": ("{{ '<' + m['content'] + '>' }}", "[<b>]"),
    "stripped": ("{{ m.content | trim }}", "[b]"),
    "stripped on one side": ("{{ m.content.rstrip('\\n').lstrip() }}", "[b]"),
    "left out when empty": ("{{ m.content if m.content else 'nothing' }}", "[b]"),
    "left out when blank": ("{% if m.content | trim %}{{ m.content.strip() }}{% endif %}", "[b]"),
    "or something else": ("{{ (m.content or '-') | string }}", "[b]"),
    "none is nothing": ("{% if m.content is not none and m.content != none %}{{ m.content }}{% endif %}", "[b]"),
    "a text": ("{% if m.content is string and m.content != '' %}{{ m.content }}{% endif %}", "[b]"),
    "through a macro and a block": (
        "{% macro f(x) %}({{ x }}){% endmacro %}{% set c %}{{ f(m.content) }}{% endset %}{{ c }}",
        "[(b)]",
    ),
    "beside what is not reached": ("{{ m.tools | tojson if m.tools else m.content }}", "[b]"),
    "by its role": ("{% if m.role in ['user', 'tool'] and 'tools' not in m %}{{ m.content }}{% endif %}", "[b]"),
    "at an odd place": ("{% if loop.index0 % 2 == 0 %}{{ m.get('content') }}{% endif %}", "[b]"),
    "with its name": ("{% for key, value in m.items() if key == 'content' %}{{ value }}{% endfor %}", "[b]"),
}


@pytest.mark.parametrize("name", PLAIN)
def test_a_template_that_only_writes_strips_and_asks_for_emptiness_is_put_together(name):
    body, expected = PLAIN[name]
    source = "{% for m in messages %}[" + body + "]{% endfor %}"
    composer = Composer(source, {})
    for content in ("a", "a", "b"):
        one = job(conversation(content))
        known, texts = composer.write(one), render_job(composer, one)
        assert texts == rendered(source, one, {})
    assert known == texts == [expected]


def test_a_conversation_that_is_refused_is_refused_each_time():
    composer = Composer(GEMMA, VARIABLES)
    refused = {"kind": "refused", "message": "Conversation roles must alternate user/assistant"}
    for _ in range(4):
        assert render_job(composer, job(conversation("a", "b")[1:]))[-1] == refused


def test_messages_with_more_than_a_role_and_a_content_have_no_shape(byte_level):
    source = _built_in("plain", byte_level).source
    for message in (
        {"role": "assistant", "content": "b", "reasoning_content": "c"},
        {"role": "assistant", "content": "b", "name": "c"},
        {"role": "assistant", "content": "b", "tool_calls": [{"function": {"name": "f", "arguments": {}}}]},
    ):
        composer = Composer(source, VARIABLES)
        one = job([*conversation("a"), message])
        assert [render_job(composer, one) for _ in range(3)] == [rendered(source, one)] * 3
        assert not composer.shapes
    one = {**job(conversation("a", "b")), "tools": [{"type": "function", "function": {"name": "f"}}]}
    assert [render_job(composer, one) for _ in range(3)] == [rendered(source, one)] * 3 and not composer.shapes


def test_a_shape_is_given_up_where_the_first_conversation_comes_out_otherwise(monkeypatch):
    monkeypatch.setattr(Shape, "write", lambda shape, contents: ["wrong"])
    composer = Composer(BRACKETS, VARIABLES)
    one = job(conversation("a", "b"))
    assert [render_job(composer, one) for _ in range(4)] == [rendered(BRACKETS, one)] * 4
    assert list(composer.shapes.values()) == [False]


def test_shapes_are_forgotten_when_they_are_many(monkeypatch):
    monkeypatch.setattr(composed, "MOST_SHAPES", 3)
    composer = Composer(BRACKETS, VARIABLES)
    for length in itertools.chain(range(1, 9), range(1, 9)):
        one = job(conversation(*"abcdefgh"[:length]))
        assert render_job(composer, one) == rendered(BRACKETS, one)
        assert len(composer.shapes) <= 3


def test_a_foreign_templates_worker_puts_texts_together_within_its_limits():
    jobs = [Job(conversation(text, "b"), None, ((1, True), (2, False))) for text in ("a", "c", "d", "e" * 5_000_000)]
    template = compile_template(LLAMA3)
    answers = render_jobs("x", LLAMA3, VARIABLES, jobs, trusted=False)
    for one, texts in zip(jobs, answers, strict=True):
        assert texts == [
            template.render(messages=one.messages[:end], add_generation_prompt=asking, **VARIABLES)
            for end, asking in one.cuts
        ]


def test_a_text_that_would_be_too_long_is_not_put_together():
    composer, one = Composer(LLAMA3, VARIABLES), job(conversation("a", "b"))
    for _ in range(3):
        render_job(composer, one)
    assert composer.write(one) is not None
    assert render_job(composer, one, most=20)[0] == {"kind": "limit", "message": "it writes more than 20 characters"}


ALLOWED = {"strip", "lstrip", "rstrip"}


@pytest.mark.parametrize("name", sorted(set(dir(str)) - set(dir(object)) - ALLOWED - {"__add__"}))
def test_an_unknown_text_has_no_method_of_a_text_that_tells_something(name):
    with pytest.raises(Dependent):
        getattr(Unknown([Value(0, 2)]), name)()


def test_an_unknown_text_can_be_neither_hashed_nor_shown_nor_ordered():
    text = Unknown([Value(0, 2)])
    looks = (hash, repr, len, list, lambda t: f"{t:>3}", lambda t: t < "a", lambda t: t >= "a", lambda t: t == "a")
    for look in looks:
        with pytest.raises(Dependent):
            look(text)
