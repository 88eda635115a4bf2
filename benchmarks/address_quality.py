"""How well postal addresses of many countries are found: made-up addresses in made-up texts, no labelled file needed.

    python benchmarks/address_quality.py [--locales LOCALE ...] [--per-locale 40] [--misses 0] [--json]

Faker writes addresses as its locales have them; they are put, on one line or on several, with and without country, into
the frames below. An address counts as found where one span of ours overlaps it by half of what both cover together
(intersection over union >= 0.5), as tight from 0.9 on. A town named alone behind a street, without code, region or
country, is no part of the address: it is a LOCATION. Wrong are spans of type STREET_ADDRESS that overlap no address by half.
The grammar was written against the locales of ``DEVELOPED``; ``HELD_OUT`` were kept for judging.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from faker import Faker

from tunesmith.privacy import find_spans

DEVELOPED = [
    "en_US", "en_GB", "en_AU", "en_CA", "en_IN", "en_PH", "de_DE", "de_AT", "de_CH", "fr_FR", "fr_CA", "es_ES",
    "es_MX", "es_AR", "es_CL", "nl_NL", "sv_SE", "da_DK", "fi_FI", "pl_PL", "pt_BR", "cs_CZ", "sk_SK", "hr_HR",
    "az_AZ", "en_IE", "es_CO", "fr_CH", "ru_RU", "el_GR", "ja_JP", "zh_CN", "ko_KR"
]  # fmt: skip
HELD_OUT = ["en_NZ", "it_IT", "hu_HU", "no_NO", "pt_PT", "ro_RO", "sl_SI", "nl_BE", "id_ID", "uk_UA", "zh_TW"]
FRAMES = (
    "Please send the parcel to {} before Friday.",
    "She has lived at {} since 2015.",
    "Our new office: {}",
    "Name: A. Buyer\nAddress: {}\nPhone: see above",
    "The invoice goes to {}, the goods to the depot.",
    "{}",
    "Is {} the right address for complaints?",
    "Deliveries:\n\n{}\n\nThank you!",
    '{{"id": 17, "address": "{}", "paid": true}}',
    "Le colis est parti pour {} hier.",
    "We met near {} and talked for 3 hours.",
    "Ship-to | {} | express",
)
FOUND, TIGHT = 0.5, 0.9


class Case(NamedTuple):
    """A text with one address in it."""

    text: str
    start: int
    end: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--locales", nargs="*", default=[*DEVELOPED, *HELD_OUT])
    parser.add_argument("--per-locale", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--misses", type=int, default=0, help="show so many misses of each locale")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    table = {name: measure(cases(name, options.per_locale, options.seed), options.misses) for name in options.locales}
    for group, names in (("developed", DEVELOPED), ("held out", HELD_OUT)):
        rows = [table[name] for name in names if name in table]
        if rows:
            table[group] = {key: sum(row[key] for row in rows) for key in ("addresses", "found", "tight", "wrong")}
    print(json.dumps(table) if options.json else "\n".join(_line(name, row) for name, row in table.items()))


def cases(locale: str, number: int, seed: int) -> Iterator[Case]:
    """Addresses of a locale, each in one of the frames."""
    faker, rng = Faker(locale), random.Random(f"{locale} {seed}")
    faker.seed_instance(rng.randrange(2**32))
    for _ in range(number):
        (address, town), frame = _address(faker, rng), rng.choice(FRAMES)
        before, after = frame.format("\0").split("\0")
        yield Case(before + address + town + after, len(before), len(before) + len(address))


def _address(faker: Faker, rng: random.Random) -> tuple[str, str]:
    """A whole address as the locale writes it, or the street alone, or the parts put together in another way; and the town
    that is named alone behind it."""
    way = rng.choice(
        ("whole", "whole", "one line", "one line", "street", "street, city", "with country", "with country, lines")
    )
    whole = faker.address().strip()
    if way == "whole":
        return whole, ""
    one_line = ", ".join(line.strip().rstrip(",") for line in whole.splitlines() if line.strip())
    if way == "one line":
        return one_line, ""
    if way == "street":
        return faker.street_address().strip(), ""
    if way == "street, city":
        return faker.street_address().strip(), f", {faker.city().strip()}"
    country = faker.current_country() if rng.random() < 0.5 else faker.country()
    return (f"{one_line}, {country}" if way == "with country" else f"{whole}\n{country}"), ""


def measure(some: Iterator[Case], num_misses: int) -> dict[str, int]:
    """Addresses, how many were found and found tightly, and how many spans were wrong."""
    counts: Counter[str] = Counter(addresses=0, found=0, tight=0, wrong=0)
    for case in some:
        spans = [span for span in find_spans(case.text) if span.type == "STREET_ADDRESS"]
        overlaps = [_overlap(case, span.start, span.end) for span in spans]
        best = max(overlaps, default=0.0)
        counts.update(addresses=1, found=best >= FOUND, tight=best >= TIGHT, wrong=sum(o < FOUND for o in overlaps))
        if best < TIGHT and num_misses:
            num_misses -= 1
            print(repr(case.text[case.start : case.end]), [case.text[span.start : span.end] for span in spans])
    return dict(counts)


def _overlap(case: Case, start: int, end: int) -> float:
    shared = max(0, min(case.end, end) - max(case.start, start))
    return shared / (max(case.end, end) - min(case.start, start))


def _line(name: str, row: dict[str, Any]) -> str:
    total = row["addresses"]
    return (
        f"{name:<10} {total:5} found {row['found'] / total:.3f}  tight {row['tight'] / total:.3f}  wrong {row['wrong']}"
    )


if __name__ == "__main__":
    main()
