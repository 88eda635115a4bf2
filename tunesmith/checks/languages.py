"""Which language a text is in by langdetect (Shuyo 2010), the library that IFEval's checker asks.

There the library draws random samples of a text and is not seeded: short or mixed texts come out differently from run to
run. Here it is seeded for each text, and its profiles are read in order of their names.
"""

from __future__ import annotations

import functools
import importlib
from pathlib import Path
from typing import Any

SEED = 0


def is_in_language(text: str, code: str) -> bool:
    """Whether a text is in a language. One in which nothing can be told (figures, signs) is, as in IFEval's checker."""
    found = detect_language(text)
    return found is None or found == code


@functools.lru_cache(maxsize=1024)
def detect_language(text: str) -> str | None:
    """ISO 639-1 code of the language (`zh-cn` and `zh-tw` for Chinese), `unknown` where none is likely; None where the
    text has nothing to tell it by. Reads the first 10,000 characters."""
    detector = _factory().create()
    detector.append(text)
    try:
        return str(detector.detect())
    except importlib.import_module("langdetect").LangDetectException:
        return None


@functools.cache
def _factory() -> Any:
    # Loaded when first asked: 55 profiles take half a second.
    module = importlib.import_module("langdetect.detector_factory")
    profiles = sorted(path for path in Path(module.PROFILES_DIRECTORY).iterdir() if not path.name.startswith("."))
    factory = module.DetectorFactory()
    factory.load_json_profile([path.read_text("utf-8") for path in profiles])
    factory.seed = SEED
    return factory
