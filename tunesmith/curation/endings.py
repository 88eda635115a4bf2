"""Answers that break off: cut by a token limit, a scraper or a copy that was not finished."""

from __future__ import annotations

import re

from tunesmith.curation.prose import answers, is_code_line
from tunesmith.curation.stages import stage
from tunesmith.records import Record

MIN_CHARACTERS = 60
"""A shorter answer may be a fragment by right: a title, a label, a part of a sentence."""
LONG = 200
"""Characters from which on a stub of a sentence is taken for a cut. A missing period is not: people forget it, and of 30
such answers read in four data sets 24 were whole."""
# What ends a sentence, a quote, a list, a formula, a code block: whatever follows none of these is a letter or a joint.
CLOSED = tuple("""…!?。！？"”'’»)]}>）】》」』*_|`~^%°$€£♪0123456789""")
# Words that no sentence ends with, in the languages with most instruction data.
_OPEN = """
    a an the and or of but nor than because although whose into onto upon between among during if whether unless
    every my your our their i'm you're we're they're it's i've we've they've i'll we'll
    der das ein eine einen einem eines und oder dem den des zum zur beim vom weil dass wenn sowie
    le la les un une du des et ou mais dont leur leurs au aux
    el los las una unos unas del pero sus il gli dei della delle ed nel nella
    os uma umas dos das ao aos na nas que"""
_STARTS = """
    A An The This These Those It They We I You He She There In On At By To For From With As If When While Then Also And
    But So However Additionally Furthermore Moreover Finally Although Because Since After Before Its Their His Her Your
    Our"""
OPEN_WORDS, STARTS = frozenset(_OPEN.split()), frozenset(_STARTS.split())
LIST_ITEM = re.compile(r"\s*(?:[-*•+>#|]|\(?\d{1,3}[.):]|\(?[a-zA-Z][.)]\s)")
SENTENCE_END = re.compile(r"[.!?…][\"”'’)\]]*\s|[。！？]")
SPACELESS = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
# "The list follows:", cut before it; a form ("Name:") ends so by right.
ANNOUNCES = re.compile(
    r"\b(?:follow(?:s|ing)|below|here (?:is|are)|such as|includ(?:es?|ing)|例如|如下|以下)[^.!?。\n]{0,80}[:：]\Z", re.I
)


@stage("drop_truncated", "check")
def drop_truncated(record: Record) -> str | None:
    """``cut_off_answer`` where an answer of some length (60 characters) ends in the middle of its prose:

    on a comma, an opening bracket, a dash or a word that no sentence ends with ("of the"); on a colon that announces
    what does not come; on the first words of one more sentence. Lists, code, tables, verses, signatures and links end as
    they like, and a missing last period alone is no cut. So what is dropped is cut, but by no means all that is cut is dropped.
    """
    return "cut_off_answer" if any(is_cut_off(text) for _, text in answers(record)) else None


def is_cut_off(text: str) -> bool:
    """Whether a text breaks off in the middle of its prose."""
    text = text.rstrip()
    if len(text) < MIN_CHARACTERS or text.endswith((".", *CLOSED)):
        return False
    last = text.rpartition("\n")[2]
    if is_code_line(last) or text.count("```") % 2 or not SENTENCE_END.search(text):
        return False
    if text[-1] in ":：":
        return ANNOUNCES.search(last) is not None
    if not (text[-1].isalpha() or text[-1] in ",，、;；([{（【-–—&"):
        return False
    return _ends_open(last) or _stops_within_a_sentence(text, last)


def _ends_open(last: str) -> bool:
    """Whether a line ends on a joint or on a word that none ends with."""
    words = last.split()
    if len(words) < 8 and not SPACELESS.search(last):
        return False  # "Looking forward to seeing you," and "- Option A"
    if last[-1] in ",，、([{（【":
        return True
    *_, before, final = (word.lower().replace("’", "'") for word in ["", *words])
    return ((final in OPEN_WORDS and words[-1] != "A") or (before in OPEN_WORDS and len(final) == 1)) and not _is_title(
        words
    )


def _is_title(words: list[str]) -> bool:
    return sum(word[:1].isupper() for word in words) > len(words) / 2


def _stops_within_a_sentence(text: str, last: str) -> bool:
    """Whether a line of sentences ends on the first three words, or fewer, of one more: "… of the list. Then we"."""
    if len(text) < LONG or LIST_ITEM.match(last) or not last[-1].isalpha():
        return False
    *before, stub = SENTENCE_END.split(last)
    words = stub.split()
    is_start = bool(words) and (words[0] in STARTS or "which" in words)
    return len(words) <= 3 and is_start and len(" ".join(before).split()) >= 8
