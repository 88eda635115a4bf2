"""Counts of n-grams that answers share with references, for many samples at once: what BLEU and chrF are computed from.

The counts equal sacrebleu's, sample by sample (a test compares them over every kind of text we have); they are made by
sorting integers instead of filling dictionaries, which is several times faster. An n-gram is packed into one integer
with the number of its sample in front, so one sort of all n-grams of a chunk of samples brings equal ones together.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain, count

import numpy as np
from numpy.typing import NDArray
from sacrebleu.metrics import BLEU, CHRF

from tunesmith.stats import Floats

BLEU_ORDER, CHRF_ORDER = 4, 6
CHUNK_TOKENS, CHUNK_UNITS = 8192, 1024  # whose n-grams are sorted together: few enough for the processor's cache
NUM_REMEMBERED, MOST_REMEMBERED = 64, 200_000  # counts, and of how many answers
BITS = 63

Ints = NDArray[np.int64]
Unit = Sequence[Ints]  # the tokens of an answer, then of each of its references


# -- clipped matches ---------------------------------------------------------------------------------------------------


def clipped_matches(units: Sequence[Unit], order: int) -> Ints:
    """For each unit, how many n-grams of the answer are matched, n = 1 to ``order``: ``(num_units, order)``.

    An n-gram counts as often as the answer has it, and at most as often as the reference that has it most.

    Args:
        units: tokens as small numbers from 0; texts of one chunk must be numbered alike.
    """
    return np.concatenate([_matches(chunk, order) for chunk in _chunks(units)]) if units else np.zeros((0, order), int)


def _chunks(units: Sequence[Unit]) -> Iterator[Sequence[Unit]]:
    start, num_tokens = 0, 0
    for end, unit in enumerate(units):
        if num_tokens > CHUNK_TOKENS or end - start >= CHUNK_UNITS:
            yield units[start:end]
            start, num_tokens = end, 0
        num_tokens += sum(map(len, unit))
    yield units[start:]


def _matches(units: Sequence[Unit], order: int) -> Ints:
    """`clipped_matches` of one chunk, halved until its n-grams fit into 63 bits."""
    # Behind each text as many zeros as an n-gram is long, so that none reaches into the next.
    gap = np.zeros(order, dtype=np.int64)
    texts = [part for unit in units for text in unit for part in (text + 1, gap)]
    tokens, num_kinds = _renumbered(np.concatenate(texts))
    bits, side_bits = max((num_kinds - 1).bit_length(), 1), (max(map(len, units)) - 1).bit_length()
    if order * bits + side_bits + len(units).bit_length() > BITS:
        if len(units) == 1:
            return np.array([_counted_matches(units[0], order)])
        half = len(units) // 2
        return np.concatenate([_matches(units[:half], order), _matches(units[half:], order)])
    lengths = [len(text) for unit in units for text in unit]
    unit_at = np.repeat(np.repeat(np.arange(len(units)), [len(unit) for unit in units]), lengths)
    side_at = np.repeat([side for unit in units for side in range(len(unit))], lengths)
    positions = np.flatnonzero(tokens)
    grams = unit_at
    for k in range(order):
        grams = (grams << bits) | tokens[positions + k]
    keys = (grams << side_bits) | side_at
    keys.sort()
    return _count_sorted(keys, order, bits, side_bits, len(units))


def _renumbered(tokens: Ints) -> tuple[Ints, int]:
    """The tokens as numbers below their number of kinds, which comes second; 0 stays 0."""
    seen = np.zeros(int(tokens.max()) + 1, dtype=np.int64)
    seen[tokens] = 1
    seen[0] = 1
    places = np.cumsum(seen)
    return places[tokens] - 1, int(places[-1])


def _count_sorted(keys: Ints, order: int, bits: int, side_bits: int, num_units: int) -> Ints:
    """Clipped matches from sorted keys (unit, ``order`` tokens, side).

    Sorted by their longest n-grams they are sorted by all shorter ones too, which stand in front of them.
    """
    matches = np.zeros((num_units, order), dtype=np.int64)
    if len(keys) == 0:
        return matches
    sides, grams = keys & ((1 << side_bits) - 1), keys >> side_bits
    before = [np.concatenate([[0], np.cumsum(sides == side)]) for side in range(int(sides.max()) + 1)]
    for n in range(1, order + 1):
        shorter = grams >> ((order - n) * bits)
        starts = np.flatnonzero(np.concatenate([[True], shorter[1:] != shorter[:-1]]))
        ends = np.append(starts[1:], len(keys))
        counts = [total[ends] - total[starts] for total in before]
        clipped = np.minimum(counts[0], np.max(counts[1:], axis=0) if counts[1:] else 0)
        firsts = shorter[starts]
        clipped[(firsts & ((1 << bits) - 1)) == 0] = 0  # the text ends within it
        matches[:, n - 1] = np.bincount(firsts >> (n * bits), weights=clipped, minlength=num_units)
    return matches


def _counted_matches(unit: Unit, order: int) -> list[int]:
    """The same by dictionaries, for one sample with too many kinds of tokens to be packed."""
    found = []
    for n in range(1, order + 1):
        answer, *references = (Counter(zip(*(text.tolist()[k:] for k in range(n)))) for text in unit)
        most: Counter = Counter()
        for reference in references:
            most |= reference
        found.append((answer & most).total())
    return found


# -- what was counted before -------------------------------------------------------------------------------------------

_counted: dict[bytes, Floats] = {}  # digest → rows: answers are counted when they are scored, and again as a task


def _remembered(
    name: str,
    count_rows: Callable[[Sequence[str], Sequence[Sequence[str]]], Floats],
    predictions: Sequence[str],
    references: Sequence[Sequence[str]],
) -> Floats:
    """The rows of some texts, counted unless the same texts were among the last; by digest, so no text is kept."""
    texts = "\0".join(chain([name], predictions, *(("\1", *texts) for texts in references)))
    digest = hashlib.sha256(texts.encode("utf-8", "surrogatepass")).digest()
    rows = _counted.pop(digest, None)
    if rows is None:
        rows = count_rows(predictions, references)
        rows.setflags(write=False)
    if len(rows) <= MOST_REMEMBERED:
        _counted[digest] = rows
    while len(_counted) > NUM_REMEMBERED:
        _counted.pop(next(iter(_counted)))
    return rows


# -- BLEU --------------------------------------------------------------------------------------------------------------


def bleu_rows(predictions: Sequence[str], references: Sequence[Sequence[str]], tokenizer: str) -> Floats:
    """``(n, 10)``: length of the answer, of the nearest reference, matched 1- to 4-grams, all 1- to 4-grams.

    Args:
        tokenizer: sacrebleu's name of it.
    """
    return _remembered(f"bleu {tokenizer}", lambda *texts: _count_bleu(*texts, tokenizer), predictions, references)


def _count_bleu(predictions: Sequence[str], references: Sequence[Sequence[str]], tokenizer: str) -> Floats:
    cut = _cutter(tokenizer)
    numbers: defaultdict[str, int] = defaultdict(count().__next__)
    rows = np.zeros((len(predictions), 2 + 2 * BLEU_ORDER))
    for part in _parts(len(predictions)):
        units = [
            [np.array([numbers[token] for token in cut(text)], dtype=np.int64) for text in (answer, *texts)]
            for answer, texts in zip(predictions[part], references[part])
        ]
        lengths = np.array([len(unit[0]) for unit in units])
        rows[part, 0] = lengths
        rows[part, 1] = [_nearest(len(unit[0]), map(len, unit[1:])) for unit in units]
        rows[part, 2 : 2 + BLEU_ORDER] = clipped_matches(units, BLEU_ORDER)
        rows[part, 2 + BLEU_ORDER :] = np.maximum(lengths[:, None] - np.arange(BLEU_ORDER), 0)
    return rows


def _parts(size: int) -> list[slice]:
    return [slice(start, start + CHUNK_UNITS) for start in range(0, size, CHUNK_UNITS)]


def _nearest(length: int, others: Iterable[int]) -> int:
    """The reference length nearest to the answer's; of two as near the shorter."""
    return min(others, key=lambda other: (abs(other - length), other))


@lru_cache(maxsize=8)
def _cutter(tokenizer: str) -> Callable[[str], list[str]]:
    if tokenizer == "13a":
        return tokens_13a
    cut = BLEU(tokenize=tokenizer)._preprocess_segment
    return lambda text: cut(text).split()


# mteval-v13a's rules for the signs it divides wherever they stand; a period, a comma and a dash need their neighbors.
SIGNS_13A = {ord(sign): f" {sign} " for sign in '{|}~[\\]^_` !"#$%&()*+:;<=>?@/'}
BEFORE_13A = re.compile(r"([^0-9])([.,])")
AFTER_13A = re.compile(r"([.,])([^0-9])")
DASH_13A = re.compile(r"([0-9])-")


def tokens_13a(text: str) -> list[str]:
    """The tokens of mteval-v13a, WMT's, as sacrebleu's ``13a`` cuts them."""
    line = text.rstrip().replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
    if "&" in line:
        line = line.replace("&quot;", '"').replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">")
    # No rule looks past white space, so a word is cut alike wherever it stands.
    return list(chain.from_iterable(map(_word_13a, line.split())))


@lru_cache(maxsize=2**16)
def _word_13a(word: str) -> tuple[str, ...]:
    cut = BEFORE_13A.sub(r"\1 \2 ", f" {word} ".translate(SIGNS_13A))
    return tuple(DASH_13A.sub(r"\1 - ", AFTER_13A.sub(r" \1 \2", cut)).split())


def bleu_score(sums: Floats) -> Floats:
    """Corpus BLEU (Papineni et al. 2002) from ``(…, 10)`` sums of `bleu_rows`, as sacrebleu with its default smoothing.

    A precision of 0 counts as 1 / (2^k total), k = 1, 2 …; no match at all, or no n-gram of some order, is 0.
    """
    total = sums[..., 2 + BLEU_ORDER :]
    return np.where((total > 0).all(axis=-1), sentence_bleu_score(sums), 0.0)


def sentence_bleu_score(sums: Floats) -> Floats:
    """The same over the orders of which there are n-grams at all: sacrebleu's ``effective_order``, for single answers."""
    length, reference_length = sums[..., 0], sums[..., 1]
    correct, total = sums[..., 2 : 2 + BLEU_ORDER], sums[..., 2 + BLEU_ORDER :]
    has_any = total > 0
    halvings = np.cumsum((correct == 0) & has_any, axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        precisions = 100 * np.where(correct > 0, correct / total, 1 / (2.0**halvings * total))
        brevity = np.where(length < reference_length, np.exp(1 - reference_length / length), 1.0)
        logarithms = np.where(has_any, np.log(precisions), 0.0).sum(axis=-1)
        score = brevity * np.exp(logarithms / has_any.sum(axis=-1))
    return np.where(correct.any(axis=-1), score, 0.0)


# -- chrF --------------------------------------------------------------------------------------------------------------


def chrf_rows(predictions: Sequence[str], references: Sequence[Sequence[str]]) -> Floats:
    """``(n, 18)``: n-grams of the answer, of its best reference, and matched ones; for each of 1 to 6 characters.

    White space is left out. The best reference is the one with the highest chrF, of equals the first.
    """
    return _remembered("chrf", _count_chrf, predictions, references)


def _count_chrf(predictions: Sequence[str], references: Sequence[Sequence[str]]) -> Floats:
    rows = np.zeros((len(predictions), 3 * CHRF_ORDER))
    for part in _parts(len(predictions)):
        asked, answers = references[part], [_characters(text) for text in predictions[part]]
        pairs = [(answer, _characters(text)) for answer, texts in zip(answers, asked) for text in texts]
        counts = _chrf_counts(pairs)
        firsts = np.cumsum([0, *map(len, asked)])
        best = firsts[:-1] if len(pairs) == len(asked) else _best(counts, firsts)
        rows[part] = counts[best]
    return rows


def _characters(text: str) -> Ints:
    whole = "".join(text.split()).encode("utf-32-le", "surrogatepass")
    return np.frombuffer(whole, dtype=np.uint32).astype(np.int64)


def _chrf_counts(pairs: Sequence[tuple[Ints, Ints]]) -> Floats:
    lengths = np.array([[len(answer), len(reference)] for answer, reference in pairs])
    whole = np.maximum(lengths[:, :, None] - np.arange(CHRF_ORDER), 0)
    counts = np.empty((len(pairs), CHRF_ORDER, 3))
    # sacrebleu counts an answer's n-grams only where the reference has some as long.
    counts[:, :, 0] = np.where(whole[:, 1] > 0, whole[:, 0], 0)
    counts[:, :, 1] = whole[:, 1]
    counts[:, :, 2] = clipped_matches(pairs, CHRF_ORDER)
    return counts.reshape(len(pairs), -1)


def _best(counts: Floats, firsts: Ints) -> list[int]:
    """Of each sample the row with the highest chrF, by sacrebleu's own arithmetic: a tie in the last bit stays one."""
    score = CHRF()._compute_f_score
    best = []
    for start, end in zip(firsts[:-1], firsts[1:]):
        rows = [list(map(int, row)) for row in counts[start:end]]
        best.append(int(start) + max(range(len(rows)), key=lambda k: (score(rows[k]), -k)))
    return best


def chrf_score(sums: Floats) -> Floats:
    """Corpus chrF2 (Popović 2015) from ``(…, 18)`` sums, as sacrebleu's ``CHRF``.

    Columns: n-grams of the answers, of the references, and matched ones; for each of 1 to 6 characters.
    """
    answer, reference, match = sums[..., 0::3], sums[..., 1::3], sums[..., 2::3]
    counted = (answer > 0) & (reference > 0)
    num_orders = np.maximum(counted.sum(axis=-1), 1)
    precision = np.where(counted, match / np.maximum(answer, 1), 0.0).sum(axis=-1) / num_orders
    recall = np.where(counted, match / np.maximum(reference, 1), 0.0).sum(axis=-1) / num_orders
    factor = CHRF.BETA**2
    weighted = factor * precision + recall
    return 100 * (1 + factor) * precision * recall / np.where(weighted > 0, weighted, 1.0)
