"""Dates as they are written: which day is meant, and another day written the same way."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator

_MONTHS = {
    name.lower(): number
    for names in (calendar.month_name, calendar.month_abbr)
    for number, name in enumerate(names)
    if name
}
_PART = re.compile(r"\d+|[^\W\d_]+")


def read_date(value: str) -> tuple[int, int, int] | None:
    """(year, month, day) where the form leaves no doubt: a month by its name, or the year first; else None."""
    numbers = [int(part) for part in re.findall(r"\d+", value) if len(part) in (1, 2, 4)]
    months = [month for part in _PART.findall(value) if (month := _month(part)) is not None]
    if len(months) == 1 and len(numbers) == 2:
        year, day = max(numbers), min(numbers)
        return (year, months[0], day) if year > 999 and 1 <= day <= 31 else None
    iso = re.fullmatch(r"\s*(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})\s*", value)
    return (int(iso[1]), int(iso[2]), int(iso[3])) if iso and 1 <= int(iso[2]) <= 12 else None


def write_date(value: str, year: int, month: int, day: int) -> str:
    """Another date in the form of the value, whose date can be read."""
    numbers: Iterator[int] = iter((month, day) if re.match(r"\s*\d{4}\D\d", value) else (day,))

    def written(match: re.Match[str]) -> str:
        part = match[0]
        if part.isdigit():
            return f"{year:04}" if len(part) == 4 else f"{next(numbers):0{len(part)}}"
        if _month(part) is None:
            return part
        name = (calendar.month_abbr if len(part) <= 4 and part.lower() != "june" else calendar.month_name)[month]
        return name.upper() if part.isupper() else name.lower() if part.islower() else name

    return _PART.sub(written, value)


def _month(part: str) -> int | None:
    return _MONTHS.get(part.lower(), 9 if part.lower() == "sept" else None)
