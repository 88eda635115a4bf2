"""Scores of one answer against the texts of its references.

Scores are on 0..1, except `bleu` and `chrf`, which are on 0..100 as sacrebleu prints them. With several references the
best one counts (exact and verbatim match, F1, ROUGE); BLEU and chrF have their own rules for that.

Equal to the SQuAD 2.0 script, to rouge-score and to sacrebleu, except where those have nothing to measure: an answer
that the SQuAD script normalizes to nothing (``(A)``, ``a``, ``] }``), and texts whose letters they take for spaces (see
`Writing`). They are counted here, and not by those libraries, because a hundred thousand answers take them minutes.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from tunesmith.evaluation.ngrams import bleu_rows, chrf_rows, chrf_score, sentence_bleu_score

ROUGE_TYPES = ("rouge1", "rouge2", "rougeL")
ROUGE_VERSION = "0.1.2"  # the release of rouge-score whose values these are
TEXT_SCORES = ("exact_match", "verbatim_match", "f1", *ROUGE_TYPES)
ARTICLES = re.compile(r"\b(a|an|the)\b")
ARTICLE_WORDS = frozenset(("a", "an", "the"))
PUNCTUATION = str.maketrans("", "", string.punctuation)
HAN = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
KANA_TO_KHMER = r"\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff"
# Han, kana, Thai, Lao, Tibetan, Myanmar and Khmer: words are not divided by spaces.
UNSPACED = re.compile(f"[{HAN}{KANA_TO_KHMER}]")
NOT_CHINESE = re.compile(f"[{KANA_TO_KHMER}]")
NOT_ASCII = re.compile(r"[^\x00-\x7f]+")
ASCII_SIGNS = bytes(code for code in range(128) if not chr(code).isalnum())
ASCII_WORD = re.compile(r"[a-z0-9]+")


@dataclass(frozen=True)
class Writing:
    """How the references of a sample or a task are written, which decides how they are cut into tokens.

    It is read off the references alone, so every system is measured alike.

    Attributes:
        unspaced: at least half of the letters belong to scripts without spaces. F1 then counts characters, and drops
            all Unicode punctuation (what the MLQA script does for Chinese).
        ascii: at least half of the letters and digits are a-z0-9, all that rouge-score keeps. Otherwise ROUGE counts
            words of any script, and characters where there are no spaces.
        bleu_tokenizer: sacrebleu's ``13a``; ``zh`` for Chinese, ``char`` for Japanese, Thai and their neighbors.
    """

    unspaced: bool
    ascii: bool
    bleu_tokenizer: str

    @classmethod
    def of(cls, references: Sequence[str]) -> Writing:
        text = "".join(references)
        letters = "".join(filter(str.isalnum, "".join(NOT_ASCII.findall(text))))
        if not letters:
            return PLAIN
        num_ascii = len(text.encode("ascii", "ignore").translate(None, ASCII_SIGNS))
        num_letters, num_unspaced = num_ascii + len(letters), len(UNSPACED.findall(letters))
        unspaced = 2 * num_unspaced >= num_letters
        num_others = len(NOT_CHINESE.findall(letters))
        tokenizer = "13a" if not unspaced else "char" if 10 * num_others >= num_unspaced else "zh"
        return cls(unspaced, 2 * num_ascii >= num_letters, tokenizer)


PLAIN = Writing(unspaced=False, ascii=True, bleu_tokenizer="13a")


def normalize_answer(text: str, writing: Writing = PLAIN) -> str:
    """The answer in lower case without punctuation, articles (a, an, the) and extra spaces, as in the SQuAD script.

    Where nothing would be left, the articles stay, and then the punctuation: the choice ``(A)`` is not the empty
    answer. Like the script it drops signs and decimal points too: ``-5`` and ``5`` are one answer.
    """
    lowered = text.lower()
    bare = lowered.translate(PUNCTUATION)
    if writing.unspaced:
        bare = "".join(character for character in bare if not unicodedata.category(character).startswith("P"))
    kept = [word for word in bare.split() if word not in ARTICLE_WORDS]
    if not "".join(kept).isalnum():  # signs that are not ASCII divide words too: the–cat
        kept = ARTICLES.sub(" ", bare).split()
    return " ".join(kept) or " ".join(bare.split()) or " ".join(lowered.split())


def answer_tokens(text: str, writing: Writing = PLAIN) -> list[str]:
    """The words of the normalized answer; its characters where the references are written without spaces."""
    return _tokens(normalize_answer(text, writing), writing)


def _tokens(normalized: str, writing: Writing) -> list[str]:
    return words(normalized) if writing.unspaced else normalized.split()


def words(text: str) -> list[str]:
    """Runs of letters, marks and digits of any script; single characters where words are not divided by spaces."""
    cut = (" " if unicodedata.category(character)[0] in "PSZC" else character for character in text)
    return UNSPACED.sub(r" \g<0> ", "".join(cut)).split()


def exact_match(prediction: str, references: Sequence[str], writing: Writing = PLAIN) -> float:
    """1.0 where the normalized answer equals a normalized reference."""
    answer = normalize_answer(prediction, writing)
    return float(any(answer == normalize_answer(reference, writing) for reference in references))


def verbatim_match(prediction: str, references: Sequence[str]) -> float:
    """1.0 where the answer is a reference letter by letter: case, punctuation and the space between words count.

    White space around the text and at the ends of its lines does not, nor how lines end. For answers whose form is the
    task (upper case, JSON, a list), which `exact_match` would not see.
    """
    answer = _without_outer_space(prediction)
    return float(any(answer == _without_outer_space(reference) for reference in references))


def _without_outer_space(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def token_f1(prediction: str, references: Sequence[str], writing: Writing = PLAIN) -> float:
    """Harmonic mean of precision and recall of the answer's tokens, against the best reference."""
    answer = answer_tokens(prediction, writing)
    return max(_token_f1(answer, answer_tokens(reference, writing)) for reference in references)


def _token_f1(answer: list[str], reference: list[str]) -> float:
    return (
        _f_measure(_num_shared(answer, reference), answer, reference)
        if answer and reference
        else float(answer == reference)
    )


def _num_shared(one: Sequence[Hashable], other: Sequence[Hashable]) -> int:
    """How many tokens two texts share, each as often as both have it."""
    if one == other:
        return len(one)
    counts, shared = Counter(other), 0
    for token in one:
        if counts.get(token, 0) > 0:
            counts[token] -= 1
            shared += 1
    return shared


def _f_measure(num_same: int, answer: Sequence, reference: Sequence) -> float:
    if num_same == 0:
        return 0.0
    precision, recall = num_same / len(answer), num_same / len(reference)
    return 2 * precision * recall / (precision + recall)


# -- ROUGE -------------------------------------------------------------------------------------------------------------


def rouge(prediction: str, references: Sequence[str], writing: Writing = PLAIN) -> dict[str, float]:
    """F-measure of ROUGE-1, ROUGE-2 and ROUGE-L (Lin 2004), without stemming, against the best reference for each."""
    answer = _rouge_tokens(prediction, writing)
    found = [_rouge(answer, _rouge_tokens(reference, writing)) for reference in references]
    return dict(zip(ROUGE_TYPES, map(max, zip(*found))))


def _rouge_tokens(text: str, writing: Writing) -> list[str]:
    """rouge-score's words, runs of a-z and 0-9; where they would be few, words of any script."""
    return ASCII_WORD.findall(text.lower()) if writing.ascii else words(text.lower())


def _rouge(answer: list[str], reference: list[str]) -> tuple[float, float, float]:
    pairs, others = list(zip(answer, answer[1:])), list(zip(reference, reference[1:]))
    return (
        _f_measure(_num_shared(answer, reference), answer, reference),
        _f_measure(_num_shared(pairs, others), pairs, others),
        _f_measure(longest_common_subsequence(answer, reference), answer, reference),
    )


def longest_common_subsequence(one: Sequence[Hashable], other: Sequence[Hashable]) -> int:
    """Its length, a bit for each token of ``other`` (Hyyrö 2004, Bit-parallel LCS-length computation revisited)."""
    places: dict[Hashable, int] = {}
    for position, token in enumerate(other):
        places[token] = places.get(token, 0) | 1 << position
    full = (1 << len(other)) - 1
    rows = full
    for token in one:
        found = rows & places.get(token, 0)
        rows = ((rows + found) | (rows - found)) & full
    return len(other) - rows.bit_count()


# -- all of them -------------------------------------------------------------------------------------------------------


def score_texts(
    predictions: Sequence[str], references: Sequence[Sequence[str]], bleu_tokenizer: str = "13a"
) -> list[dict[str, float]]:
    """Every score of some answers: those of `TEXT_SCORES`, and sentence-level bleu and chrf.

    Sentence BLEU stops at the longest n-gram the answer has (sacrebleu's ``effective_order``). It and sentence chrF are
    for reading one sample; the scores of a task are corpus-level, and computed from the texts.
    """
    bleu = sentence_bleu_score(bleu_rows(predictions, references, bleu_tokenizer)).tolist()
    chrf = chrf_score(chrf_rows(predictions, references)).tolist()
    return [
        {**_score(answer, texts), "bleu": one, "chrf": other}
        for answer, texts, one, other in zip(predictions, references, bleu, chrf, strict=True)
    ]


def _score(prediction: str, references: Sequence[str]) -> dict[str, float]:
    writing = Writing.of(references)
    answer, wanted = normalize_answer(prediction, writing), [normalize_answer(text, writing) for text in references]
    tokens = _tokens(answer, writing)
    return {
        "exact_match": float(answer in wanted),
        "verbatim_match": verbatim_match(prediction, references),
        "f1": max(_token_f1(tokens, _tokens(text, writing)) for text in wanted),
        **rouge(prediction, references, writing),
    }
