"""Which language a text is in, without any network (py3langid; Lui and Baldwin 2012), and answers in the wrong one."""

from __future__ import annotations

import functools
import importlib
import re
from typing import Annotated, Any

from pydantic import Field

from tunesmith.curation.prose import answers, is_code_line, prose_of, said_before
from tunesmith.curation.stages import stage
from tunesmith.records import Record

UNKNOWN = "unknown"
MIN_LETTERS, MIN_SPACELESS = 60, 20
"""Letters below which a language is anybody's guess, and below which it is in a script without spaces."""
SAMPLE_CHARACTERS = 400
MIN_PROBABILITY = 0.9
# What lists of species, elements and names, and code, are taken for.
IMPOSTORS = ("la", "pcm", "zxx")
# One written language, which the model takes for three.
CHINESE = ("zh", "wuu", "yue")
# Words of every English sentence: those that no other language has, and all of them.
_ENGLISH = """
    the and that with are you this from which their they would can has your these when how what we have been our not there
    into about than also who because could should its by"""
_ENGLISH_TOO = "of to is in a for was as it on or be an he i at"
ENGLISH_ONLY = frozenset(_ENGLISH.split())
ENGLISH = ENGLISH_ONLY.union(_ENGLISH_TOO.split())
SPACELESS = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f]")
NOT_WORDS = re.compile(r"[^\w\s'’-]+|[\d_]+")
# A question that names a language, or translation, may be answered in any.
NAMES_A_LANGUAGE = re.compile(
    r"translat|\bin (?:to )?[A-Z][a-z]+(?:ese|ish|ian|man|ch|an|ic|in|i|ek|du|ew)\b|\b(?:english|french|german|spanish|italian|portuguese|dutch|russian"
    r"|chinese|mandarin|cantonese|japanese|korean|arabic|hebrew|hindi|urdu|bengali|turkish|polish|swedish|danish|norwegian|finnish|greek|latin|czech"
    r"|hungarian|romanian|ukrainian|vietnamese|thai|indonesian|malay|swahili|persian|farsi|language)\b"
    r"|übersetz|auf (?:deutsch|englisch|französisch|spanisch)|tradu[izc]|en (?:español|inglés|francés|anglais|français)|перевед|翻译|翻譯|译成|英文|英语|中文|法语|德语|日语|日文|翻訳",
    re.I,
)

# A question in Chinese or Japanese about words of another language may be answered with a sentence that has them.
QUOTES_WORDS = re.compile(r"[“\"'「『][A-Za-zÀ-ÿ][A-Za-zÀ-ÿ ]*[”\"'」』]")


@stage("drop_language", "check")
def drop_language(record: Record, *, languages: Annotated[list[str], Field(min_length=1)]) -> str | None:
    """``language_xx`` where an answer is in the language xx and ``languages`` (ISO 639-1: ``[en, de]``) does not have it.

    Kept: answers too short or too unclear to tell (`identify_language` says "unknown"), code, and answers to whoever
    asks for a translation or names a language, as far as the question is in one of the languages (or unclear).
    """
    for position, text in answers(record):
        found = identify_language(text)
        if found not in (UNKNOWN, *languages) and not _is_wanted(said_before(record, position), languages):
            return f"language_{found}"
    return None


def identify_language(text: str) -> str:
    """ISO 639-1 code of the language of a text, or "unknown" where it is short (60 letters) its odds below 9 to 1, or
    where it looks like Latin or Nigerian Pidgin, which lists of names do. English tells itself by its small words, at a
    twentieth of what the model costs."""
    words = _sample(text)
    if len(words) < (MIN_SPACELESS if SPACELESS.search(words) else MIN_LETTERS):
        return UNKNOWN
    if _is_english(words.lower().split()):
        return "en"
    return _most_likely(words)


def _sample(text: str) -> str:
    """The first words of a text, without code, addresses, numbers and punctuation."""
    lines = prose_of(text[: 3 * SAMPLE_CHARACTERS]).split("\n")
    words = " ".join(line for line in lines if not is_code_line(line)).split()
    prose = " ".join(word for word in words if "@" not in word and "://" not in word)
    return " ".join(NOT_WORDS.sub(" ", prose).split())[:SAMPLE_CHARACTERS]


def _is_english(words: list[str]) -> bool:
    """Whether three words in ten are small ones of English, and two or more different ones of no other language."""
    only = {word for word in words if word in ENGLISH_ONLY}
    return len(only) >= 2 and sum(word in ENGLISH for word in words) >= 0.3 * len(words)


def _most_likely(words: str) -> str:
    code, probability = _identifier().classify(words)
    if code in CHINESE:
        code, probability = "zh", sum(share for name, share in _identifier().rank(words) if name in CHINESE)
    return str(code) if probability >= MIN_PROBABILITY and code not in IMPOSTORS else UNKNOWN


def _is_wanted(asked: str, languages: list[str]) -> bool:
    quotes = SPACELESS.search(asked) is not None and QUOTES_WORDS.search(asked) is not None
    return (quotes or NAMES_A_LANGUAGE.search(asked) is not None) and identify_language(asked) in (UNKNOWN, *languages)


def release_languages() -> None:
    """Let go of the tables that `identify_language` reads (some 90 MB) until it is asked again."""
    _identifier.cache_clear()


@functools.cache
def _identifier() -> Any:
    # Loaded when first asked: its tables take a second, and most runs name no language.
    langid = importlib.import_module("py3langid.langid")
    return langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE, norm_probs=True)
