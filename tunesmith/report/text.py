"""How a value is written: numbers people can read, and text that cannot do anything but be read."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

NOT_AVAILABLE = "n/a"
MINUS = "\u2212"
LONG_PATH = 40

# What changes how a page or a terminal behaves rather than what it says: control characters but tab and newline, line
# and paragraph separators, bidirectional overrides and isolates (CVE-2021-42574), byte order mark, surrogates, tags.
# Zero-width joiners stay: Persian, Indic scripts and emoji need them.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff\U000e0000-\U000e007f]"
)
_MARKDOWN_SPECIAL = re.compile(r"[\\`*\[\]<>#|~&$]|(?<![0-9A-Za-z])_|_(?![0-9A-Za-z])")


def visible(text: str) -> str:
    """The text with every control, override and surrogate spelled out as ``⟨U+202E⟩``; CRLF becomes a newline."""
    return _INVISIBLE.sub(lambda match: f"⟨U+{ord(match[0]):04X}⟩", text.replace("\r\n", "\n"))


def escape_markdown(text: str) -> str:
    """The text as Markdown that shows it literally, on one line."""
    return _MARKDOWN_SPECIAL.sub(lambda match: "\\" + match[0], re.sub(r"\s+", " ", visible(text)))


def code(text: str) -> str:
    """The text as Markdown code within a line."""
    return f"`{' '.join(visible(text).split()).replace('`', chr(0x2019))}`"


def fence(text: str) -> str:
    """A Markdown code block holding the text; the fence is longer than any run of backticks inside."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    ticks = "`" * max(3, longest + 1)
    return f"{ticks}text\n{visible(text)}\n{ticks}"


def join_places(places: Iterable[str]) -> str:
    """``path:line``s as ``data/a.jsonl:3, :34``; of a path with many folders only the last one is named."""
    told, last = [], None
    for place in places:
        path, _, line = place.rpartition(":")
        told.append(f":{line}" if path == last else f"{_shortened(path)}:{line}")
        last = path
    return ", ".join(told)


def _shortened(path: str) -> str:
    return path if len(path) <= LONG_PATH else "…/" + "/".join(path.split("/")[-2:])


def is_number(value: object) -> bool:
    """Whether the value can be printed as a number: finite, and not a bool."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def format_count(value: object) -> str:
    """``15,011``."""
    return f"{value:,.0f}".replace("-", MINUS) if is_number(value) else NOT_AVAILABLE


def format_number(value: object) -> str:
    """Three significant digits: ``0.0412``, ``12.3``, ``15,011``, ``2.00e−5``."""
    if not is_number(value):
        return NOT_AVAILABLE
    return _three_digits(abs(value)) if value >= 0 else MINUS + _three_digits(-value)


def _three_digits(size: float) -> str:
    if size == 0 or size == int(size) and size >= 1:
        return f"{size:,.0f}"
    if size < 0.001:
        mantissa, exponent = f"{size:.2e}".split("e")
        return f"{mantissa}e{MINUS}{-int(exponent)}"
    # Rounded first: 0.09996 is 0.100 and 9.999 is 10.0, so the number of decimals follows from the rounded size.
    rounded = float(f"{size:.2e}")
    return f"{size:,.{max(0, 2 - math.floor(math.log10(rounded)))}f}"


def format_score(value: object) -> str:
    """A score with as many decimals as its neighbors: ``0.039``, ``48.6``; a tiny one keeps its three digits."""
    if not is_number(value) or not 0.0005 <= abs(value) < 1:
        return format_number(value)
    return f"{value:.3f}".replace("-", MINUS)


def format_delta(value: object) -> str:
    """A difference of scores with its sign: ``+0.041``, ``−1.23``, ``0``."""
    text = format_score(value)
    return f"+{text}" if is_number(value) and value > 0 else text


def format_tick(value: float, largest: float) -> str:
    """A round number on an axis to ``largest``: ``0.25``, ``1,500``, ``−2``; ``1.5e−4`` where that is below 0.001."""
    tiny = 0 < abs(largest) < 0.001 and value != 0
    text = re.sub(r"\.?0*e-0*", "e-", f"{value:.2e}") if tiny else f"{value:,.6g}"
    return text.replace("-", MINUS)


def format_percent(value: object) -> str:
    """A share as a percentage: ``41.2%``; whole at 0 and 100, and never rounded up to 100."""
    if not is_number(value):
        return NOT_AVAILABLE
    if 0 < value < 0.0005:
        return "<0.1%"
    if 0.9995 <= value < 1:
        return ">99.9%"
    return f"{value * 100:.1f}".removesuffix(".0").replace("-", MINUS) + "%"


def format_p_value(value: object) -> str:
    """``0.0312``, or ``<0.001``."""
    if not is_number(value):
        return NOT_AVAILABLE
    return "<0.001" if value < 0.001 else format_number(value)


def format_duration(value: object) -> str:
    """Seconds as ``42.3 s``, ``12 min 5 s`` or ``3 h 12 min``."""
    if not is_number(value):
        return NOT_AVAILABLE
    if value < 60:
        return f"{format_number(value)} s"
    minutes, seconds = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes} min" if hours else f"{minutes} min {seconds} s"


def format_bytes(value: object) -> str:
    """``512 B``, ``3.10 MiB``, ``1.20 GiB``."""
    if not is_number(value):
        return NOT_AVAILABLE
    size, unit = float(value), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if size < 1024:
            break
        size, unit = size / 1024, larger
    return f"{format_number(size)} {unit}"


def format_setting(value: object) -> str:
    """A value as a recipe gives it: ``0.05``, ``0.0002``, ``all-linear``, ``yes``."""
    if value is None or isinstance(value, bool):
        return format_flag(value)
    if isinstance(value, list | tuple):
        return ", ".join(format_setting(item) for item in value) or NOT_AVAILABLE
    return f"{value:,.6g}" if is_number(value) else str(value)


def format_flag(value: object) -> str:
    """``yes``, ``no`` or ``n/a``."""
    return NOT_AVAILABLE if value is None else "yes" if value else "no"


def format_words(value: object) -> str:
    """A machine's name as words: ``no_answer`` is ``no answer``."""
    return NOT_AVAILABLE if value in (None, "") else str(value).replace("_", " ")
