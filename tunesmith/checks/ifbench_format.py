"""IFBench's ``format:*``: the shape of an answer (Pyatkin et al. 2025, allenai/IFBench).

Several are laxer in the published code than in the request they come with; the docstrings say where. We keep the code's verdicts.
"""

from __future__ import annotations

import re
import string
from itertools import pairwise
from typing import Annotated

import emoji
from pydantic import Field

from tunesmith.checks import splitting
from tunesmith.checks.catalog import check
from tunesmith.checks.marks import trimmed, without_marks

CLOSES = {")": "(", "]": "[", "}": "{"}
MIN_BRACKETS, MIN_QUOTES = 5, 3
TEMPLATE = ("My Answer:", "My Conclusion:", "Future Outlook:")
LETTERED = re.compile(r"\W*[aA]\W*[bB]\W*[cC]\W*")


@check("format:parentheses", "Nest brackets, ( ), [ ] or {{ }}, five levels deep.")
def nests_brackets(answer: str) -> bool:
    """Brackets of any of the three kinds open five deep, and the innermost closes; a wrong bracket starts over."""
    open_ones, deepest = [], 0
    for char in answer:
        if char in CLOSES.values():
            open_ones.append(char)
            deepest = max(deepest, len(open_ones))
        elif char in CLOSES and open_ones and open_ones[-1] == CLOSES[char]:
            if deepest >= MIN_BRACKETS:
                return True
            open_ones.pop()
        elif char in CLOSES:
            open_ones, deepest = [], 0
    return False


@check("format:quotes", "Nest quotations three levels deep, double and single quotation marks by turns.")
def nests_quotes(answer: str) -> bool:
    """Straight double and single quotes open three deep by turns, and all of them close. An apostrophe is a quote."""
    open_ones, deepest = [], 0
    for char in answer:
        if open_ones and char == open_ones[-1]:
            open_ones.pop()
            if deepest - len(open_ones) >= MIN_QUOTES:
                return True
        elif char in "\"'":
            open_ones.append(char)
            deepest = max(deepest, len(open_ones))
    return False


@check("format:options", "Answer only with one of these: {options}.")
def is_an_option(answer: str, *, options: str) -> bool:
    """The answer is one of the options, which stand apart by "/", else "or", else ",".

    Case and outer marks do not matter, but where the options are letters such as "a), b), c)" the answer is one exactly.
    """
    separator = next((mark for mark in ("/", "or") if mark in options), ",")
    choices = [option.strip() for option in options.split(separator)]
    if LETTERED.match(options):
        return answer in choices
    return trimmed(answer).lower() in {trimmed(choice).lower() for choice in choices}


@check("format:newline", "Write each word on a line of its own.")
def has_a_word_a_line(answer: str) -> bool:
    """As many lines that hold something as words, once marks are deleted."""
    text = without_marks(answer).strip()
    return sum(line != "" for line in text.split("\n")) == len(text.split())


@check("format:emoji", "End every sentence with an emoji.")
def ends_sentences_with_emoji(answer: str) -> bool:
    """Each sentence ends with an emoji, or the next begins with one (the cutter puts "Good. 🙂" there).

    Marks do not count, and one character may follow the emoji: the variation selector that many of them carry.
    """
    sentences = [without_marks(sentence).strip() for sentence in splitting.sentences(answer)]
    followed = [text[:1] for text in sentences[1:]] + [""]
    return all(
        text != "" and (any(map(emoji.is_emoji, text[-2:])) or emoji.is_emoji(following))
        for text, following in zip(sentences, followed, strict=True)
    )


@check("format:line_indent", "Indent each line more than the one before.")
def indents_like_stairs(answer: str) -> bool:
    """Each line begins with more spaces than the one before.

    Empty lines are left out, but of two in a row only the first: the published code removes from the list it walks through.
    """
    lines = answer.split("\n")
    for line in lines:
        if not line.strip():
            lines.remove(line)
    indents = [len(line) - len(line.lstrip(" ")) for line in lines]
    return all(following > indent for indent, following in pairwise(indents))


@check("format:quote_unquote", "After each quotation explain it, outside quotation marks.")
def explains_quotes(answer: str) -> bool:
    """No straight double quote follows another with nothing but space between, and the answer does not end with one.

    Curly quotes are no quotes to it; digits and marks at the end do not count as an explanation; '"' in single quotes is left out.
    """
    text = "".join(answer.replace("'\"'", "").split())
    return '""' not in text and not text.strip(string.digits + string.punctuation.replace('"', "")).endswith('"')


@check("format:list", "Answer with a list whose items begin with {sep}.")
def has_list_marker(answer: str, *, sep: Annotated[str, Field(min_length=1)]) -> bool:
    """The marker stands there twice or more, anywhere: not only where a line begins."""
    return answer.count(sep) >= 2


@check("format:thesis", "Begin each section with a thesis in HTML italics.")
def opens_with_thesis(answer: str) -> bool:
    """Something in ``<i>`` (else ``<em>``) tags, then text. One such place is enough, whatever the number of sections."""
    start = next((at for at in (answer.find("<i>"), answer.find("<em>")) if at >= 0), -1)
    text = answer[start:] if start >= 0 else ""
    end = next((at for at in (text.find("</i>"), text.find("</em>")) if at >= 0), -1)
    return end >= 0 and bool(text[3:end].strip()) and bool(text[end + 4 :].strip())


@check("format:sub-bullets", "Write bullet points with * and under each of them one or more with -.")
def has_sub_bullets(answer: str) -> bool:
    """A "-" stands between each "*" and the next, and after the last: anywhere, and no "*" at all will do as well."""
    return all("-" in part for part in answer.split("*")[1:])


@check("format:no_bullets_bullets", "Write two sentences or more, then two bullet points or more with *.")
def has_sentences_then_bullets(answer: str) -> bool:
    """Two sentences or more, then two lines or more that begin with "*", then nothing: not even an empty last line.

    Ends of sentences need no period, and an empty line before the bullets ends the sentences, as in the published code.
    """
    lines = [line.strip() for line in answer.split("\n")]
    first = next((at for at, line in enumerate(lines) if line.startswith("*")), len(lines))
    text, bullets = lines[:first], lines[first:]
    if any(line == "" for line in text[:-1]) or not all(line.startswith("*") for line in bullets):
        return False
    return len(bullets) >= 2 and sum(len(splitting.sentences(line)) for line in text) >= 2


@check("format:title_case", "Write Everything In Title Case.")
def is_in_title_case(answer: str) -> bool:
    """No Treebank token begins small and goes on in one case, "of" and "the" included; "iPhone" and "n't" may.

    A word that begins large may go on as it likes.
    """
    return not any(_is_small(token) for token in splitting.tokens(answer) if token[0].isalpha())


@check("format:output_template", "Fill in this template: My Answer: … My Conclusion: … Future Outlook: …")
def follows_template(answer: str) -> bool:
    """The three labels of the template stand there, in any order."""
    return all(label in answer for label in TEMPLATE)


@check("format:no_whitespace", "Use no white space.")
def has_no_whitespace(answer: str) -> bool:
    """Not one space, tab or line break of any kind, outer ones included."""
    return not any(map(str.isspace, answer))


def _is_small(token: str) -> bool:
    return token[0].islower() and (len(token) == 1 or token[1:].isupper() or token[1:].islower())
