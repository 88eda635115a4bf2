"""Count the English words that are none of a name: the list `tunesmith/privacy/names/english.txt`.

    python scripts/english_words.py TEXT ... > tunesmith/privacy/names/english.txt

A word is kept where it stands in small letters at least `LEAST` times and in `FILES` files, and more often so than with a
capital letter inside a sentence. What comes out is a list of words, no sentence of the texts; first names that books
write small by mistake are left out by hand. The list at hand was counted from public-domain books, the inaugural
addresses of US presidents, the African Storybook (CC BY), pieces of Wikipedia and C4, and the customer questions of
BANKING77 (CC BY).
"""

from __future__ import annotations

import re
import sys
import textwrap
from collections import Counter
from pathlib import Path

from tunesmith.privacy.names.words import words

LEAST, FILES, WIDTH = 8, 3, 118
NAMES = words("""
    juan jose pedro carlos maria ana ivan elena anna anne jean hans karl erik olga omar ali ahmed jim joe sam tom bob ben dan
    tim ted jenny betty annie kate lizzie billy johnny tommy jimmy polly molly peggy fanny li wang claude
""")
# Not behind the end of a sentence, nor a part of an address, a path or a contraction.
WORD = re.compile(r"(?<![.!?\"“] )(?<![\w'’\\@/.-])[A-Za-z]{2,}(?![\w'’@/-])")


def count_words(texts: list[str]) -> list[str]:
    """The words of the texts that are written small, in order."""
    small, large, num_files = Counter(), Counter(), Counter()
    for text in texts:
        found = WORD.findall(text)
        lower = Counter(word for word in found if word.islower())
        small += lower
        large += Counter(word.lower() for word in found if not word.islower())
        num_files.update(lower.keys())
    return sorted(
        word
        for word, count in small.items()
        if count >= LEAST and num_files[word] >= FILES and count > large[word] and word not in NAMES
    )


def main() -> None:
    """Print the list, with a line that says where it is from."""
    texts = [Path(name).read_text("utf-8").replace("\\n", " ") for name in sys.argv[1:]]
    found = " ".join(count_words(texts))
    print("# English words that are no names, counted by scripts/english_words.py in public-domain books, US inaugural")
    print(
        "# addresses, the African Storybook, BANKING77, and pieces of Wikipedia and C4; sources and rule stand there."
    )
    print(textwrap.fill(found, WIDTH, break_on_hyphens=False))


if __name__ == "__main__":
    main()
