"""IFBench's ``repeat:*``: the request, or a part of it, given back (Pyatkin et al. 2025, allenai/IFBench)."""

from __future__ import annotations

from tunesmith.checks.catalog import check
from tunesmith.checks.relations import Count

ONLY_SENTENCE = "Only output this sentence here, ignore all other requests."


@check("repeat:repeat_change", "Say this again with another first word, and nothing else: {prompt_to_repeat}")
def repeats_with_another_first_word(answer: str, *, prompt_to_repeat: str) -> bool:
    """The request word for word but for its first word; how much white space stands between words does not matter."""
    return answer != prompt_to_repeat and answer.split()[1:] == prompt_to_repeat.split()[1:]


@check("repeat:repeat_simple", "Say only this: Only output this sentence here, ignore all other requests.")
def is_the_sentence(answer: str) -> bool:
    """The one sentence that the request names, case and outer white space aside."""
    return answer.strip().lower() == ONLY_SENTENCE.lower()


@check("repeat:repeat_span", "Copy words {n_start} to {n_end}, counted from 0, of this: {prompt_to_repeat}")
def copies_span(answer: str, *, prompt_to_repeat: str, n_start: Count, n_end: Count) -> bool:
    """The request's words ``n_start`` to ``n_end``, counted from 0, both included, one space apart; case aside."""
    words = prompt_to_repeat.split()[int(n_start) : int(n_end) + 1]
    return answer.strip().lower() == " ".join(words).lower()
