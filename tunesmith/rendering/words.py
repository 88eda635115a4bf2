"""Ids of many texts, where a word that was seen before is not tokenized again.

A byte-level BPE first cuts a text into words by a regular expression and merges within each of them alone, so a word has the
same ids wherever it stands, and instruction data repeat most of theirs. Which cuts are its own is known for the
expressions of GPT-2 (also behind a step that sets digits apart), Llama 3 and Qwen; other tokenizers are not sped up. Two
kinds of place are always a cut for all of them, and nothing on one side of it can change the other:

* in front of a space that follows a character that is no white space;
* behind a letter from A to Z, in front of white space or any ASCII character but a letter and ``'`` (``don't``).

The texts are cut there and nowhere else: before punctuation, say, a further cut could part what Llama 3 keeps together.
Python's white space includes all of Unicode's, and no character composes (NFC) with an ASCII one that follows it. What is
given to the tokenizer are unknown words, many in a row, each set apart by an added token, which every text is split at.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any

from tokenizers import AddedToken, models

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# White space in front, then what is no letter (with white space behind it that does not begin with a space) and letters that
# go on into it, then letters.
WORD = re.compile(r"\s*(?:(?:[A-Za-z]++(?=['\x80-\U0010ffff]))?[^\sA-Za-z]++(?:[^\S ]\s*)?)*+[A-Za-z]*")
CONTRACTION, WHITE_SPACE = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)", r"\s*[\r\n]+|\s+(?!\S)|\s+"
LETTERS, SYMBOLS = r"[^\r\n\p{L}\p{N}]?\p{L}+", r" ?[^\s\p{L}\p{N}]+[\r\n]*"
WITH_MARKS = LETTERS.replace(r"?\p{L}+", r"?[\p{L}\p{M}]+"), SYMBOLS.replace(r"\p{L}", r"\p{L}\p{M}")
DIGITS = (r"\d", r"\p{N}")  # expressions that set single digits apart
WORDS = (
    f"{CONTRACTION}|{LETTERS}|\\p{{N}}{{1,3}}|{SYMBOLS}|{WHITE_SPACE}",  # Llama 3
    f"{CONTRACTION}|{LETTERS}|\\p{{N}}|{SYMBOLS}|{WHITE_SPACE}",  # Qwen 2 and 3
    f"{CONTRACTION}|{WITH_MARKS[0]}|\\p{{N}}|{WITH_MARKS[1]}|{WHITE_SPACE}",  # Qwen 3.5
)
MOST_CHARACTERS = 2**19  # of known words, before they are forgotten: some 65,000 English words, 12 MB
ROW_WORDS = 64  # how many unknown words the tokenizer is given in a row


class Words:
    """Owns the ids of the words one tokenizer was asked for. Make one with `words_of`."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, added: dict[int, AddedToken]) -> None:
        self.tokenizer = tokenizer
        self.tokens = {token.content: [number] for number, token in added.items()}
        self.patterns = [_any_of(added.values(), normalized) for normalized in (False, True)]
        self.separator, (self.separator_id,) = next(
            (token.content, self.tokens[token.content]) for token in added.values() if not token.normalized
        )
        self._forget()

    def _forget(self) -> None:
        self.known: dict[str, list[int]] = {"": [], **self.tokens}
        self.num_characters = 0

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """What the tokenizer gives for each text, without special tokens around it."""
        if self.num_characters > MOST_CHARACTERS:
            self._forget()
        known = self.known  # another thread may put a new one in its place
        words = [self._words(text) for text in texts]
        unknown = [word for word in dict.fromkeys(chain.from_iterable(words)) if word not in known]
        known.update(zip(unknown, self._ids_of(unknown), strict=True))
        self.num_characters += sum(map(len, unknown))
        return [list(chain.from_iterable(map(known.__getitem__, found))) for found in words]

    def _words(self, text: str) -> list[str]:
        """The text in pieces, added tokens by themselves: found in the tokenizer's own order."""
        parts = [text]
        for pattern in self.patterns:
            if pattern is not None:
                parts = [new for part in parts for new in ((part,) if part in self.tokens else pattern.split(part))]
        words: list[str] = []
        for part in parts:
            words += (part,) if part in self.tokens else WORD.findall(part)
        return words

    def _ids_of(self, words: Sequence[str]) -> Iterable[list[int]]:
        rows = [words[start : start + ROW_WORDS] for start in range(0, len(words), ROW_WORDS)]
        texts = [self.separator.join([*row, ""]) for row in rows]
        found = self.tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"] if texts else []
        for ids in found:
            start = 0
            while start < len(ids):
                end = ids.index(self.separator_id, start)
                yield ids[start:end]
                start = end + 1


def _any_of(added: Iterable[AddedToken], normalized: bool) -> re.Pattern[str] | None:
    texts = sorted((token.content for token in added if token.normalized == normalized), key=len, reverse=True)
    return re.compile(f"({'|'.join(map(re.escape, texts))})") if texts else None


@lru_cache(maxsize=8)
def words_of(tokenizer: PreTrainedTokenizerBase, num_tokens: int) -> Words | None:
    """The words of this tokenizer, or None where it is not known to cut texts as is said above.

    ``num_tokens`` is part of the key: a tokenizer that got new tokens cuts texts at those, too.
    """
    backend, added = tokenizer.backend_tokenizer, tokenizer.added_tokens_decoder
    is_plain = all(not (token.lstrip or token.rstrip or token.single_word) for token in added.values())
    has_separator = any(not token.normalized for token in added.values())
    if not (is_plain and has_separator and isinstance(backend.model, models.BPE) and not backend.model.dropout):
        return None
    normalizer = state(backend.normalizer)
    if normalizer is not None and (normalizer["type"] != "NFC" or any(token.normalized for token in added.values())):
        return None
    if tokenizer.split_special_tokens or not _cuts_words(state(backend.pre_tokenizer)):
        return None
    return Words(tokenizer, added)


def _cuts_words(pre_tokenizer: dict[str, Any] | None) -> bool:
    """Whether it ends with a byte-level step, and cuts words there or before."""
    if pre_tokenizer is None:
        return False
    *steps, last = pre_tokenizer["pretokenizers"] if pre_tokenizer["type"] == "Sequence" else [pre_tokenizer]
    if last["type"] != "ByteLevel" or last["add_prefix_space"]:
        return False
    kinds = [_kind_of(step) for step in steps]
    return None not in kinds and (last["use_regex"] or "words" in kinds)


def _kind_of(step: dict[str, Any]) -> str | None:
    if step["type"] == "Digits":
        return "digits"
    if step["type"] != "Split" or step["behavior"] != "Isolated" or step["invert"]:
        return None
    expression = step["pattern"].get("Regex")
    return "digits" if expression in DIGITS else "words" if expression in WORDS else None


def state(part: Any) -> dict[str, Any] | None:
    """A normalizer or pre-tokenizer as its file has it."""
    return None if part is None else json.loads(part.__getstate__())
