"""How long prompts and answers are, in words and characters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tunesmith.records import Record


def summarize_lengths(records: Iterable[Record]) -> dict[str, dict[str, dict[str, float] | None]]:
    """``{"prompt" | "answer": {"words" | "characters": {min, median, p95, max}}}``; None where nothing can be measured.

    A prompt is all the text before the last answer. Words are runs of characters between white space, so that Chinese
    has few: look at the characters there.
    """
    prompts, answers = [], []
    for record in records:
        if record.prompt:
            prompts.append("\n".join(message.content for message in record.prompt))
        if record.answer is not None:
            answers.append(record.answer)
    return {"prompt": _lengths(prompts), "answer": _lengths(answers)}


def _lengths(texts: Sequence[str]) -> dict[str, dict[str, float] | None]:
    return {
        "words": _quantiles([len(text.split()) for text in texts]),
        "characters": _quantiles([len(text) for text in texts]),
    }


def _quantiles(values: list[int]) -> dict[str, float] | None:
    """Minimum, median, 95th percentile (nearest rank) and maximum."""
    if not values:
        return None
    values = sorted(values)
    ranks = {"min": 0.0, "median": 0.5, "p95": 0.95, "max": 1.0}
    return {name: values[max(0, -(-int(share * 100) * len(values) // 100) - 1)] for name, share in ranks.items()}
