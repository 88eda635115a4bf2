"""Does a set of texts occur in a corpus? The test of Brown et al. 2020 for contamination: 13 consecutive words in common.

Words are lower-cased and without punctuation. Files are read as streams; what is kept is a hash per 13 words of the set.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

from tunesmith.errors import DataError, GateFailed
from tunesmith.files import Row, missing_path, read_rows

NUM_GRAM = 13


def words(text: str) -> list[str]:
    """Runs of letters and digits, lower-cased; an apostrophe does not divide a word."""
    return re.findall(r"[^\W_]+", text.casefold().replace("'", "").replace("\u2019", ""))


def num_grams(texts: Iterable[str]) -> set[int]:
    """Hashes (64 bits) of every 13 consecutive words of a text."""
    return {gram for text in texts for gram, _ in _windows((word, 0) for word in words(text)) if gram is not None}


def check_corpus(texts: Iterable[str], paths: Sequence[Path]) -> str:
    """Look for the texts in files (.txt, .jsonl) and folders of them; return one line that says how much was read.

    In a .txt file words go on over the ends of lines, in a .jsonl file every text of a row is a text of its own.

    Raises:
        DataError: a path that does not exist or cannot be read, a file that is neither .txt nor .jsonl, a folder without such files.
        GateFailed: 13 consecutive words of the set occur in a file; says how many and where the first are.
    """
    known = num_grams(texts)
    files = [file for path in paths for file in _text_files(path)]
    num_words, num_found, first = 0, 0, ""
    for file in files:
        for text in _located_texts(file):
            for gram, line in _windows(text):
                num_words += 1
                if gram in known:
                    num_found, first = num_found + 1, first or f"{file}:{line}"
    looked = (
        f"{len(files)} files, {num_words:,} words: {num_found:,} times {NUM_GRAM} words of the set"
        f" ({len(known):,} different {NUM_GRAM}-grams)"
    )
    if num_found:
        raise GateFailed(f"{looked}, first at {first}. Take that text out of the corpus, or change the phrasings.")
    return f"{looked}."


def _windows(located: Iterable[tuple[str, int]]) -> Iterator[tuple[int | None, int]]:
    """For each word the hash of the 13 words that end with it (None where there are fewer), and its line."""
    last: deque[str] = deque(maxlen=NUM_GRAM)
    for word, line in located:
        last.append(word)
        yield (hash(tuple(last)) if len(last) == NUM_GRAM else None), line


def _text_files(path: Path) -> list[Path]:
    if not path.exists():
        raise missing_path(path)
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    texts = [file for file in files if file.suffix in (".txt", ".jsonl") and file.is_file()]
    if not texts:
        raise DataError(f"{path}: no .txt or .jsonl to look through. Name text files, or a folder of them.")
    return texts


def _located_texts(file: Path) -> Iterator[Iterator[tuple[str, int]]]:
    """The texts of a file, each as its words with the lines they stand in."""
    if file.suffix == ".jsonl":
        for row in read_rows(file):
            values = row.value.values() if isinstance(row, Row) else ()
            yield from (((word, row.line) for word in words(value)) for value in values if isinstance(value, str))
    else:
        with _opened(file) as stream:
            yield ((word, number) for number, line in enumerate(stream, 1) for word in words(line))


def _opened(file: Path) -> TextIO:
    try:
        return file.open(encoding="utf-8", errors="replace")
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror}). Check its permissions.") from None
