"""What an answer looks like: JSON, sections, bullets, highlights, a title, placeholders, a postscript."""

from __future__ import annotations

import json
import re

from tunesmith.checks.catalog import check
from tunesmith.checks.patterns import Word, pattern_of
from tunesmith.checks.relations import Count

OPTIONS = ("My answer is yes.", "My answer is no.", "My answer is maybe.")
FENCES = ("```json", "```Json", "```JSON", "```")
# White space before a marker stays within its line: over line ends the same bullets are found, only slowly.
BULLETS = (re.compile(r"^[^\S\n]*\*[^*].*$", re.MULTILINE), re.compile(r"^[^\S\n]*-.*$", re.MULTILINE))
HIGHLIGHT, BOLD = re.compile(r"\*[^\n*]*\*"), re.compile(r"\*\*[^\n*]*\*\*")
POSTSCRIPTS = {"P.S.": re.compile(r"p\.\s?s\."), "P.P.S": re.compile(r"p\.\s?p\.\s?s")}


@check("detectable_format:constrained_response", f"Answer with one of these sentences: {' / '.join(OPTIONS)}")
def constrained_response(answer: str) -> bool:
    """One of the three sentences is in the answer, letter by letter; more may be said."""
    return any(option in answer for option in OPTIONS)


@check("detectable_format:json_format", "Answer with JSON and nothing else; a Markdown code block around it is fine.")
def json_format(answer: str) -> bool:
    """The answer, without a code fence around it, is one JSON value (as Python reads it: NaN counts, too)."""
    text = answer.strip()
    for fence in FENCES:
        text = text.removeprefix(fence)
    try:
        json.loads(text.removesuffix("```").strip())
    except (ValueError, RecursionError):
        return False
    return True


@check(
    "detectable_format:multiple_sections",
    "Write {num_sections} sections and begin each with {section_spliter} and its number: {section_spliter} 1.",
)
def multiple_sections(answer: str, *, section_spliter: Word = "Section", num_sections: Count = 3) -> bool:
    """At least so many times the word with a number after it, wherever it stands. The word is a pattern of `re`, or
    stands for itself where it is no valid one."""
    marker = pattern_of(section_spliter.strip(), after=r"\s?\d+")
    return len(marker.split(answer)) - 1 >= num_sections


@check(
    "detectable_format:number_bullet_lists",
    "Give exactly {num_bullets} bullet points, each on a line that begins with *.",
)
def number_bullet_lists(answer: str, *, num_bullets: Count = 3) -> bool:
    """Exactly so many lines that begin with an asterisk and something else, or with a dash: a ruler of dashes counts, a
    line that begins with bold text does not."""
    return sum(len(bullet.findall(answer)) for bullet in BULLETS) == num_bullets


@check(
    "detectable_format:number_highlighted_sections", "Highlight at least {num_highlights} passages with *asterisks*."
)
def number_highlighted_sections(answer: str, *, num_highlights: Count = 2) -> bool:
    """Text between two asterisks, and once more text between two pairs of them: **bold** counts as one, for the empty
    text between the first two asterisks does not."""
    spans = [*HIGHLIGHT.findall(answer), *BOLD.findall(answer)]
    return sum(bool(span.strip("*").strip()) for span in spans) >= num_highlights


@check("detectable_format:title", "Give a title in double angle brackets: <<title>>.")
def title(answer: str) -> bool:
    """Something stands between << and >> on one line."""
    return any(_has_title(line) for line in answer.split("\n"))


def _has_title(line: str) -> bool:
    start, end = line.find("<<"), line.rfind(">>")
    return start >= 0 and end > start + 2 and bool(line[start:end].lstrip("<").rstrip(">").strip())


@check(
    "detectable_content:number_placeholders",
    "Leave at least {num_placeholders} placeholders in square brackets: [name].",
)
def number_placeholders(answer: str, *, num_placeholders: Count = 2) -> bool:
    """Pairs of square brackets, each on one line; with nothing between them, too."""
    return sum(_num_bracket_pairs(line) for line in answer.split("\n")) >= num_placeholders


def _num_bracket_pairs(line: str) -> int:
    """Pairs from left to right, none inside another; in time linear in the line, which a pattern is not."""
    count, start = 0, line.find("[")
    while start >= 0 and (end := line.find("]", start)) >= 0:
        count, start = count + 1, line.find("[", end)
    return count


@check("detectable_content:postscript", "Close with a postscript that begins with {postscript_marker}")
def postscript(answer: str, *, postscript_marker: Word = "P.S.") -> bool:
    """The marker is somewhere in the answer, in any case; space may stand after the first stops of P.S. and P.P.S. Another
    marker is a pattern of `re`, or stands for itself where it is no valid one."""
    marker = postscript_marker.strip()
    pattern = POSTSCRIPTS.get(marker) or pattern_of(marker.lower())
    return pattern.search(answer.lower()) is not None
