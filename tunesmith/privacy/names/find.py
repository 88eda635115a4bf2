"""Names of persons, places and organizations in running text, from tables and context; no model is needed.

Each run of capitalized words is judged three times: what the words look like (`likeness_of_person` and its siblings, 0 to
3), what the words around them say (`cues`, 0 to 3), and how the passage speaks (`tone`). The type with the highest sum is
taken; the sum and the tone give the score.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tunesmith.privacy.names.cues import CUED, FOLLOWED
from tunesmith.privacy.names.judge import judge
from tunesmith.privacy.names.kinds import FIRST, NAMED, TOWN
from tunesmith.privacy.names.persons import find_inverted
from tunesmith.privacy.names.segments import find_segments
from tunesmith.privacy.names.tables import Tables, load_tables
from tunesmith.privacy.names.tokens import find_runs, is_sentence_start, right_of, split_run, word_before
from tunesmith.privacy.names.tone import Tone, Tones
from tunesmith.privacy.names.uncased import find_uncased, with_capitals
from tunesmith.privacy.names.unspaced import find_unspaced
from tunesmith.privacy.names.words import GREETINGS, INTRODUCING
from tunesmith.privacy.spans import Span

SURE_CUE = 0.8
"""From here on the context said that this is a private mention."""
BELOW = 0.45
LIST, PRIVATE_LIST, MAX_SENDER = 3, 7, 5
_GAP = re.compile(
    r"(?:[\s,;:•*\-–&/|().\"']|\d|and|or){1,8}|[^.!?a-z]{0,4}(?:[^.!?\n]{0,40}[,;\n]| and | or )[^.!?a-z]{0,4}"
)
_HOUSE = re.compile(r"\n[0-9]{1,5}[A-Za-z]? (?=[A-Z])")


def find_names(text: str, *, setting: Sequence[str] = ()) -> list[Span]:
    """The names in ``text``, with scores; they may overlap.

    A score says how private the mention is as much as how sure the name: "Albert Einstein developed the theory" and a
    capital in a lesson stay below 0.5, a customer, a signature and the town one lives in do not. Time grows with the
    length of the text, whatever it holds. ``setting`` are the other texts of the record: they help to tell the two apart.
    """
    tables = load_tables()
    if text.islower() or text.isupper():
        text = with_capitals(text, tables)
    tones = Tones(text, setting)
    spans: list[Span] = []
    dull, tone, judged = tables.dull, Tone.NEUTRAL, 0
    for match in find_runs(text):
        run = match.group()
        if run in dull:
            continue
        start = match.start()
        if start >= judged:
            tone, judged = tones.at(start), Tones.end_of_window(start)
        if " " in run:
            if tone is Tone.ENCYCLOPEDIC and not _is_personal(text, start, run):
                continue
        elif tone is Tone.ENCYCLOPEDIC or _is_idle(text, start, match.end(), run, tone, tables):
            continue
        tokens = split_run(run, start, tables.kinds)
        if len(tokens) == 1 and text.startswith(", ", tokens[0].end):
            spans += find_inverted(text, start, tables)
        for segment, is_titled in find_segments(text, tokens, tables):
            spans += judge(text, segment, is_titled, tone, tables)
    spans += find_uncased(text, tables, tones)
    if not text.isascii():
        spans += find_unspaced(text)
    return _weigh(text, spans, tones) if spans else spans


def _is_personal(text: str, start: int, run: str) -> bool:
    """Whether a name in an encyclopedic passage may be private all the same: labelled, introduced, greeted."""
    before = word_before(text, start)
    if before[-1:] in ("", ":") or before.strip(",.!") in INTRODUCING:
        return True
    return " " in run and run.partition(" ")[0].lower() in GREETINGS


def _is_idle(text: str, start: int, end: int, run: str, tone: Tone, tables: Tables) -> bool:
    """Whether nothing is to be learned about a single word: a word that begins a sentence, or one that no table knows,
    and neither the word before it nor what follows says what it could be."""
    if run in tables.faint:
        return is_sentence_start(text, start) and not _is_personal(text, start, run)
    if tone is Tone.PRIVATE or "-" in run:
        return False
    low = run.lower().removesuffix("'s").removesuffix("’s")
    if tables.kinds.get(low, 0) & (FIRST | TOWN if tone is Tone.NEUTRAL else NAMED):
        return False
    before = word_before(text, start)
    if before[-1:] in ("", ":") or before.strip(",.!(\"'") in CUED:
        return False
    return text[end : end + 1] not in (",", "&") and right_of(text, end)[1] not in FOLLOWED


def _weigh(text: str, spans: list[Span], tones: Tones) -> list[Span]:
    """The spans with what stands beside them counted in: names in a row, or nothing at all, are those of a lesson."""
    if len(spans) == 1:
        span = spans[0]
        is_whole = span.end - span.start == len(text.strip(" \n.\"'*"))
        return [_lowered(span)] if is_whole and span.score < SURE_CUE else spans
    listed = _listed(text, spans, tones) if len(spans) >= LIST else ()
    return [_lowered(span) if span in listed else span for span in spans] if listed else spans


def _lowered(span: Span) -> Span:
    return span._replace(score=min(span.score, BELOW))


def _listed(text: str, spans: list[Span], tones: Tones) -> set[Span]:
    """Bare names of which at least three follow one another with nothing but commas, bullets or "and" between them."""
    listed: set[Span] = set()
    chain: list[Span] = []
    for span in sorted(spans, key=lambda span: span.start):
        if chain and not _is_gap(text, chain[-1].end, span.start):
            listed.update(_encyclopedic(chain, tones))
            chain = []
        chain.append(span)
    listed.update(_encyclopedic(chain, tones))
    return listed


def _is_gap(text: str, start: int, end: int) -> bool:
    """Whether a list goes on between two names: no house number is there."""
    return _GAP.fullmatch(text, start, end) is not None and _HOUSE.search(text, start, end + 1) is None


def _encyclopedic(chain: list[Span], tones: Tones) -> list[Span]:
    if len(chain) < LIST:
        return []
    least = PRIVATE_LIST if tones.at(chain[0].start) is Tone.PRIVATE else LIST
    if len(chain) < least or chain[0].score >= SURE_CUE or _is_sender(chain):
        return []
    return [span for span in chain if span.score < SURE_CUE]


def _is_sender(chain: list[Span]) -> bool:
    """Whether one person comes with her firm, town or country, as on an envelope: no list."""
    return len(chain) <= MAX_SENDER and sum(span.type == "PERSON" for span in chain) == 1
