"""How an answer begins and ends, what it repeats, and which letters and marks it uses."""

from __future__ import annotations

from tunesmith.checks.catalog import check
from tunesmith.checks.languages import is_in_language
from tunesmith.checks.relations import Count, Relation, holds
from tunesmith.checks.splitting import tokens

SEPARATOR = "******"


@check("startend:end_checker", 'End with exactly these words: "{end_phrase}" Nothing may follow them.')
def end_checker(answer: str, *, end_phrase: str = "That is all.") -> bool:
    """The answer ends with the phrase; case, and quotation marks after it, do not matter."""
    return answer.strip().strip('"').lower().endswith(end_phrase.strip().lower())


@check("startend:quotation", "Put the whole answer in double quotation marks.")
def quotation(answer: str) -> bool:
    """The first and the last character are straight double quotation marks."""
    text = answer.strip()
    return len(text) > 1 and text.startswith('"') and text.endswith('"')


@check("combination:repeat_prompt", "Say this again, word for word, before anything else: {prompt_to_repeat}")
def repeat_prompt(answer: str, *, prompt_to_repeat: str) -> bool:
    """The answer begins with the text; case does not matter."""
    return answer.strip().lower().startswith(prompt_to_repeat.strip().lower())


@check("combination:two_responses", f"Give two different answers, with {SEPARATOR} between them.")
def two_responses(answer: str) -> bool:
    """Two parts that differ. A separator may open or close the answer; two may not follow each other."""
    first, *others = [part.strip() for part in answer.split(SEPARATOR)]
    if not all(others[:-1]):
        return False
    parts = [part for part in (first, *others) if part]
    return len(parts) == 2 and parts[0] != parts[1]


@check("change_case:english_capital", "Write in English, in capital letters only.")
def english_capital(answer: str) -> bool:
    """No lower-case letter, at least one capital, and English by `languages.detect_language`."""
    return answer.isupper() and is_in_language(answer, "en")


@check("change_case:english_lowercase", "Write in English, in lower-case letters only.")
def english_lowercase(answer: str) -> bool:
    """No capital, at least one lower-case letter, and English by `languages.detect_language`."""
    return answer.islower() and is_in_language(answer, "en")


@check("change_case:capital_word_frequency", "Write {capital_relation} {capital_frequency} words in capital letters.")
def capital_word_frequency(
    answer: str, *, capital_frequency: Count = 5, capital_relation: Relation = "at least"
) -> bool:
    """Tokens (see `splitting.tokens`) without a lower-case letter and with a capital: "I" and "A4" count."""
    return holds(sum(token.isupper() for token in tokens(answer)), capital_relation, capital_frequency)


@check("punctuation:no_comma", "Do not use any comma.")
def no_comma(answer: str) -> bool:
    """No comma of ASCII; those of other scripts are allowed."""
    return "," not in answer


@check("language:response_language", "Write the whole answer in this language: {language}.")
def response_language(answer: str, *, language: str = "en") -> bool:
    """The language, an ISO 639-1 code, is the one that `languages.detect_language` finds."""
    return is_in_language(answer, language)
