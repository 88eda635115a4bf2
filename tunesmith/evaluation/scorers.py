"""Scores of one answer against its references.

Scores are on 0..1, except `bleu` and `chrf`, which are on 0..100 as sacrebleu prints them. With several references the
best one counts (exact and verbatim match, F1, ROUGE); BLEU and chrF have their own rules for that.

Equal to the SQuAD 2.0 script, to rouge-score and to sacrebleu, except where those have nothing to measure: an answer
that the SQuAD script normalizes to nothing (``(A)``, ``a``, ``] }``), and texts whose letters they take for spaces (see
`Writing`).
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from rouge_score.rouge_scorer import RougeScorer
from rouge_score.tokenizers import DefaultTokenizer, Tokenizer
from sacrebleu.metrics import BLEU, CHRF

ROUGE_TYPES = ("rouge1", "rouge2", "rougeL")
SAMPLE_METRICS = ("exact_match", "verbatim_match", "f1", *ROUGE_TYPES)
ARTICLES = re.compile(r"\b(a|an|the)\b")
PUNCTUATION = str.maketrans("", "", string.punctuation)
HAN = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
KANA_TO_KHMER = r"\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff"
# Han, kana, Thai, Lao, Tibetan, Myanmar and Khmer: words are not divided by spaces.
UNSPACED = re.compile(f"[{HAN}{KANA_TO_KHMER}]")
NOT_CHINESE = re.compile(f"[{KANA_TO_KHMER}]")


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
        letters = [character for text in references for character in text if character.isalnum()]
        num_unspaced = len(UNSPACED.findall("".join(letters)))
        unspaced = 2 * num_unspaced >= max(len(letters), 1)
        num_ascii = sum(character.isascii() for character in letters)
        num_others = len(NOT_CHINESE.findall("".join(letters)))
        tokenizer = "13a" if not unspaced else "char" if 10 * num_others >= num_unspaced else "zh"
        return cls(unspaced, 2 * num_ascii >= len(letters), tokenizer)


def normalize_answer(text: str, writing: Writing | None = None) -> str:
    """The answer in lower case without punctuation, articles (a, an, the) and extra spaces, as in the SQuAD script.

    Where nothing would be left, the articles stay, and then the punctuation: the choice ``(A)`` is not the empty
    answer. Like the script it drops signs and decimal points too: ``-5`` and ``5`` are one answer.
    """
    lowered = text.lower()
    bare = lowered.translate(PUNCTUATION)
    if writing is not None and writing.unspaced:
        bare = "".join(character for character in bare if not unicodedata.category(character).startswith("P"))
    without_articles = ARTICLES.sub(" ", bare)
    return next((joined for kept in (without_articles, bare, lowered) if (joined := " ".join(kept.split()))), "")


def answer_tokens(text: str, writing: Writing | None = None) -> list[str]:
    """The words of the normalized answer; its characters where the references are written without spaces."""
    normalized = normalize_answer(text, writing)
    if writing is not None and writing.unspaced:
        return words(normalized)
    return normalized.split()


def words(text: str) -> list[str]:
    """Runs of letters, marks and digits of any script; single characters where words are not divided by spaces."""
    cut = (" " if unicodedata.category(character)[0] in "PSZC" else character for character in text)
    return UNSPACED.sub(r" \g<0> ", "".join(cut)).split()


def exact_match(prediction: str, references: Sequence[str], writing: Writing | None = None) -> float:
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


def token_f1(prediction: str, references: Sequence[str], writing: Writing | None = None) -> float:
    """Harmonic mean of precision and recall of the answer's tokens, against the best reference."""
    answer = answer_tokens(prediction, writing)
    return max(_overlap_f1(answer, answer_tokens(reference, writing)) for reference in references)


def _overlap_f1(answer: list[str], reference: list[str]) -> float:
    if not answer or not reference:
        return float(answer == reference)
    num_same = (Counter(answer) & Counter(reference)).total()
    if num_same == 0:
        return 0.0
    precision, recall = num_same / len(answer), num_same / len(reference)
    return 2 * precision * recall / (precision + recall)


class _UnicodeWords(Tokenizer):
    """rouge-score's tokenizer for other alphabets: words of any script, characters where there are no spaces."""

    def tokenize(self, text: str) -> list[str]:
        return words(text.lower())


@lru_cache(maxsize=2)
def _rouge_scorer(ascii_only: bool) -> RougeScorer:
    tokenizer = DefaultTokenizer(use_stemmer=False) if ascii_only else _UnicodeWords()
    return RougeScorer(list(ROUGE_TYPES), tokenizer=tokenizer)


def rouge(prediction: str, references: Sequence[str], writing: Writing | None = None) -> dict[str, float]:
    """F-measure of ROUGE-1, ROUGE-2 and ROUGE-L (Lin 2004), without stemming, against the best reference for each."""
    scorer = _rouge_scorer(writing is None or writing.ascii)
    return {name: float(score.fmeasure) for name, score in scorer.score_multi(references, prediction).items()}


@lru_cache(maxsize=8)
def _sentence_bleu(tokenizer: str) -> BLEU:
    return BLEU(tokenize=tokenizer, effective_order=True)


_sentence_chrf = CHRF()


def score_answer(prediction: str, references: Sequence[str], bleu_tokenizer: str = "13a") -> dict[str, float]:
    """Every score of one answer: those of `SAMPLE_METRICS`, and sentence-level bleu and chrf.

    Sentence BLEU stops at the longest n-gram the answer has (sacrebleu's ``effective_order``). It and sentence chrF are
    for reading one sample; the scores of a task are corpus-level, and computed from the texts.
    """
    writing = Writing.of(references)
    return {
        "exact_match": exact_match(prediction, references, writing),
        "verbatim_match": verbatim_match(prediction, references),
        "f1": token_f1(prediction, references, writing),
        **rouge(prediction, references, writing),
        "bleu": _sentence_bleu(bleu_tokenizer).sentence_score(prediction, references).score,
        "chrf": _sentence_chrf.sentence_score(prediction, references).score,
    }


def score_answers(predictions: Sequence[str], references: Sequence[Sequence[str]]) -> list[dict[str, float]]:
    """`score_answer` of each answer of a task, whose references together choose BLEU's tokenizer."""
    tokenizer = Writing.of([text for texts in references for text in texts]).bleu_tokenizer
    return [score_answer(*pair, tokenizer) for pair in zip(predictions, references, strict=True)]
