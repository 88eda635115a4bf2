"""IFBench's ``ratio:*``: shares and balances (Pyatkin et al. 2025, allenai/IFBench)."""

from __future__ import annotations

from tunesmith.checks import splitting
from tunesmith.checks.catalog import check
from tunesmith.checks.marks import bare_words
from tunesmith.checks.relations import Count

TOLERANCE = 2  # percent points
# The stop words that nltk's English list names (198), by kind. Its halves of contractions ("don", "t", "ll") count too:
# words are runs of letters here, so "don't" is "don" and "t".
_WORDS = """
i me my myself we our ours ourselves you your yours yourself yourselves he him his himself she her hers herself it
its itself they them their theirs themselves what which who whom this that these those
am is are was were be been being have has had having do does did doing can will just should now
a an the and but if or because as until while of at by for with about against between into through during before
after above below to from up down in out on off over under again further then once here there when where why how
all any both each few more most other some such no nor not only own same so than too very
s t d ll m o re ve y ain aren couldn didn doesn don hadn hasn haven isn ma mightn mustn needn shan shouldn wasn weren
won wouldn
"""
STOP_WORDS = frozenset(_WORDS.split())


@check("ratio:stop_words", "Of all words let at most {percentage}% be stop words.")
def has_few_stop_words(answer: str, *, percentage: Count) -> bool:
    r"""At most ``percentage`` % of the words (``\w+``) are stop words; an answer without words fails."""
    words = splitting.words(answer)
    if not words:
        return False
    return sum(word.lower() in STOP_WORDS for word in words) / len(words) * 100 <= percentage


@check("ratio:overlap", "Let {percentage}% (±2%) of the trigrams stand in the reference text.")
def overlaps_reference(answer: str, *, reference_text: str, percentage: Count) -> bool:
    """``percentage`` ± 2 % of the answer's different trigrams of Treebank tokens stand in the reference too."""
    found = _trigrams(answer)
    if not found:
        return False
    share = len(found & _trigrams(reference_text)) / len(found) * 100
    return percentage - TOLERANCE <= share <= percentage + TOLERANCE


@check("ratio:sentence_type", "Write twice as many statements as questions.")
def states_twice_as_often_as_it_asks(answer: str) -> bool:
    """As many sentences ending in "." as twice those ending in "?"; none of either is in proportion too."""
    return _endings(answer, ".") == 2 * _endings(answer, "?")


@check("ratio:sentence_balance", "Write as many statements as questions and as exclamations.")
def balances_sentence_types(answer: str) -> bool:
    """Equally many sentences end in ".", "?" and "!"; none of each is a balance too, as in the published code."""
    return _endings(answer, ".") == _endings(answer, "?") == _endings(answer, "!")


@check("ratio:sentence_words", "Write three sentences with equally many characters and no word twice.")
def has_three_equal_sentences(answer: str) -> bool:
    """Three sentences of equally many characters, marks and spaces included, and no word twice in the whole answer."""
    sentences = splitting.sentences(answer)
    words = bare_words(" ".join(sentences))
    return len(sentences) == 3 and len({len(sentence) for sentence in sentences}) == 1 and len(words) == len(set(words))


def _trigrams(text: str) -> set[tuple[str, str, str]]:
    tokens = splitting.tokens(text)
    return set(zip(tokens, tokens[1:], tokens[2:], strict=False))


def _endings(text: str, mark: str) -> int:
    return sum(sentence.endswith(mark) for sentence in splitting.sentences(text))
