"""General text that no tuning is about: how well a model still predicts it tells what tuning made it forget."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from tunesmith.errors import DataError
from tunesmith.evaluation.runner import Sample, choose_samples
from tunesmith.evaluation.suites.suite import GENERAL, SUITES, Context, Suite, Tasks
from tunesmith.files import missing_path, read_jsonl
from tunesmith.records import Message, row_id

MAX_CHARACTERS = 2000
"""A longer paragraph is cut: a text far beyond the context a model was trained with says nothing of its abilities."""


def general_text(context: Context) -> Tasks:
    """Paragraphs of plain text, one sample each: nothing is generated, the text itself is scored.

    They are ours, or those of ``evaluate.general``: a text file with blank lines between paragraphs, or JSONL rows with
    ``text``.
    """
    path = context.section.general
    paragraphs = _built_in() if path is None else general_paragraphs(Path(path))
    samples = [_sample(text, number, path or "built-in") for number, text in enumerate(paragraphs, start=1)]
    return {GENERAL: choose_samples(samples, context.most(), context.seed)}


def _sample(text: str, number: int, source: str) -> Sample:
    prompt = (Message("user", text[:MAX_CHARACTERS]),)
    name = f"{GENERAL}-{number:03d}-{row_id(text)[:8]}"
    return Sample(name, prompt, (), GENERAL, f"{source}:{number}", group=GENERAL, expected={"likelihood": True})


def _built_in() -> list[str]:
    text = files("tunesmith.evaluation.suites").joinpath("general.txt").read_text(encoding="utf-8")
    return _paragraphs(text)


def _paragraphs(text: str) -> list[str]:
    return [" ".join(part.split()) for part in text.split("\n\n") if part.strip()]


def general_paragraphs(path: Path) -> list[str]:
    """The texts of a file of the user's. Raises `DataError` where there is none in it."""
    if ".jsonl" in path.suffixes:
        rows = list(enumerate(read_jsonl(path), start=1))
        bad = next((number for number, row in rows if not isinstance(row.get("text"), str)), None)
        if bad is not None:
            raise DataError(f"{path}:{bad}: no text in this row. Put it under `text`.")
        texts = [row["text"].strip() for _, row in rows]
    else:
        texts = _paragraphs(_text_of(path))
    texts = [text for text in texts if text]
    if not texts:
        raise DataError(
            f"{path}: no text in it. Write paragraphs with a blank line between, or JSONL rows with `text`."
        )
    return texts


def _text_of(path: Path) -> str:
    if not path.is_file():
        raise missing_path(path)
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as UTF-8 text ({error}). Save it as UTF-8.") from error


SUITES.register(GENERAL)(
    Suite(
        GENERAL,
        "general text",
        "What the model has forgotten: how well it still predicts plain English that the tuning is not about.",
        general_text,
        metrics=("bits_per_byte", "perplexity"),
    )
)
