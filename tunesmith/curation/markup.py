"""What web pages and Markdown leave behind: entities and tags in prose, code fences that are never closed."""

from __future__ import annotations

import html
import re
from dataclasses import replace

from tunesmith.curation.prose import answers, rewrite_prose
from tunesmith.curation.stages import stage
from tunesmith.records import Message, Record

ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,30});")
# White space before a tag is looked at from where it begins and never twice, so that a long run of it costs no time.
BREAK = re.compile(r"(?:(?<![ \t])[ \t]++)?<br\b[^<>]{0,20}>[ \t]*\n?", re.I)
BLOCK = re.compile(r"(?:(?<!\s)\s++)?</?(?:p|div|center)(?:[\s/][^<>]{0,200})?>\s*+", re.I)
# A pair of tags that only says how its words look, and a link.
FENCE = re.compile(r"[ \t>]*+(?:[-*+]|\d++[.)])?[ \t]*+(`{3,})([^`]*)$")
INLINE = re.compile(r"<(b|i|em|strong|u|span|font|a)(?:\s[^<>]{0,500})?>([^<>]*)</\1\s*>", re.I)
RESIDUE = re.compile(r"&(?:#\w|\w{2,30};)|</?(?:br|p|div|center|b|i|em|strong|u|span|font|a)\b[^<>]{0,500}>", re.I)
# A page, not its leftovers: it has a structure, or somebody speaks of it.
PAGE = re.compile(
    r"<!doctype|</?(?:html|head|body|table|tr|td|th|form|input|button|label|select|option|script|style|svg|nav|header|footer"
    r"|section|article|main|img|link|meta|iframe|canvas|video|ul|ol|h[1-6]|template|textarea|code|pre|xml|audio|source|object|embed)\b[^<>]{0,500}>"
    r"|<(?:div|p|span|a)\s[^<>]{0,300}\b(?:class|id|style|onclick)\s*=|/>\s*\)|className=|\?>|return \(\s*<|\A\s*<a\s",
    re.I,
)
SPOKEN_OF = re.compile(
    r"\b(?:x?html5?|xml|css|jsx|php|javascript|markup|markdown|web ?pages?|(?:html|closing|opening) tags?|tags|entit(?:y|ies)"
    r" (?:code|reference|name)s?|(?:un)?escaped?|beautifulsoup|regex|regular expressions?|bold(?:ed|face)|italic(?:s|i[sz]ed?)?|underlined?"
    r"|hyperlinks?)\b|\b(?:in|make \w+) bold\b|^\W*bold\b",
    re.I,
)


@stage("strip_markup", "rewrite")
def strip_markup(record: Record) -> Record:
    """The record without the residue of web pages in its prose: ``&apos;`` becomes its character, ``<br />`` a line end,
    ``<p>`` and ``<div>`` an empty line; ``<b>``, ``<i>``, ``<span>``, ``<font>`` and ``<a>`` around words go.

    Left alone: code, what tools said, and every record that holds a page (``<table>``, ``<html>``, a class or style) or
    speaks of HTML, tags or escaping, where markup is what it is about. Tags that mean something (``<sub>``) stay.
    """
    texts = [*(message.content for message in record.messages), *record.references]
    if not any(RESIDUE.search(text) for text in texts if "<" in text or "&" in text) or _is_about_markup(texts):
        return record
    messages = tuple(_strip_message(message) for message in record.messages)
    references = tuple(strip_residue(text) for text in record.references)
    if messages == record.messages and references == record.references:
        return record
    return replace(record, messages=messages, references=references)


@stage("drop_unclosed_code", "check")
def drop_unclosed_code(record: Record) -> str | None:
    """``unclosed_code_fence`` where an answer opens a code block with three backticks and never closes it."""
    return "unclosed_code_fence" if any(has_open_fence(text) for _, text in answers(record)) else None


def strip_residue(text: str) -> str:
    """The text with entities decoded and the tags of `strip_markup` replaced, outside code."""
    if "<" not in text and "&" not in text:
        return text
    stripped = rewrite_prose(text, _strip)
    return text if stripped == text else stripped.strip("\n")


def has_open_fence(text: str) -> bool:
    """Whether the last code fence of a text is left open (CommonMark 4.5, three or more backticks)."""
    if text.count("```") % 2 == 0 and "````" not in text:
        return False
    opened = 0
    for line in text.split("\n"):
        fence = FENCE.match(line)
        if fence is None:
            opened = 0 if opened and line.rstrip().endswith("`" * opened) else opened
        elif not opened:
            opened = len(fence[1])
        elif len(fence[1]) >= opened and not fence[2].strip():
            opened = 0
    return opened > 0


def _strip(prose: str) -> str:
    decoded = ENTITY.sub(_character, ENTITY.sub(_character, prose)) if "&" in prose else prose
    if "<" not in decoded:
        return decoded
    unbroken = BLOCK.sub("\n\n", BREAK.sub("\n", decoded))
    inner = INLINE.sub(r"\2", INLINE.sub(r"\2", unbroken))
    return re.sub(r"\n{3,}", "\n\n", inner) if inner != decoded else decoded


def _character(entity: re.Match[str]) -> str:
    """What an entity stands for; itself where it stands for nothing that can be read."""
    character = html.unescape(entity[0]).replace("\xa0", " ")
    return character if character.isprintable() else entity[0]


def _strip_message(message: Message) -> Message:
    if message.role == "tool":
        return message
    content = strip_residue(message.content)
    return message if content == message.content else replace(message, content=content)


def _is_about_markup(texts: list[str]) -> bool:
    return any(PAGE.search(text) or SPOKEN_OF.search(text) for text in texts)
