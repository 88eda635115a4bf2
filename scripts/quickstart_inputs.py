"""What the two input files of the quickstart set hold: phrasings and lexicon, read from YAML and checked."""

from __future__ import annotations

import string
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model, field_validator

from tunesmith.errors import DataError, did_you_mean
from tunesmith.validation import Where, dotted, problems_in
from tunesmith.yaml_text import describe_yaml_error, parse_yaml

Side = Literal["train", "held_out"]
# What each family's phrasings must say, and what they may say besides {text}.
REQUIRED_SLOTS = {"translate": {"language"}, "first_words": {"n"}, "replace_word": {"old", "new"}}
OPTIONAL_SLOTS = {"answer_question": {"question"}, "reason": {"question"}}
TRAINED = (
    "answer_question", "arithmetic", "bullets", "find_person", "find_place", "first_words", "json_object", "reason",
    "replace_word", "sentiment", "sort_words", "summarize", "translate", "upper_case", "write_code", "write_story",
)  # fmt: skip
UNTRAINED = ("find_animal", "reverse_list")


class Checked(BaseModel):
    """A section whose unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Phrasing(Checked):
    """One way to ask; see the head of phrasings.yaml for the meaning of the tags."""

    text: Annotated[str, Field(min_length=1)]
    formality: Literal["casual", "neutral", "formal"]
    complexity: Literal["simple", "compound"]
    specificity: Literal["open", "plain", "exact"]

    @cached_property
    def slots(self) -> frozenset[str]:
        return frozenset(name for _, name, _, _ in string.Formatter().parse(self.text) if name is not None)

    @field_validator("text")
    @classmethod
    def _must_be_a_template(cls, text: str) -> str:
        try:
            list(string.Formatter().parse(text))
        except ValueError:
            raise ValueError("a brace that opens no slot. Write {text} for a slot and {{ for a brace.") from None
        return text


Phrasings = Annotated[tuple[Phrasing, ...], Field(min_length=1)]


class TrainedFamily(Checked):
    """The phrasings of a family that is trained."""

    train: Annotated[Phrasings, Field(description="List the phrasings of the training rows.")]
    held_out: Annotated[Phrasings, Field(description="List the phrasings that only the test has.")]


class UntrainedFamily(Checked):
    """The phrasings of a family that is only tested."""

    held_out: Annotated[Phrasings, Field(description="List the phrasings that only the test has.")]


def _word(text: str) -> str:
    if not text.isalpha():
        raise ValueError(f"must be one word of letters, got {text!r}. Take another value.")
    return text


Words = Annotated[tuple[str, ...], Field(min_length=8)]


class Pool(Checked):
    """Values of one kind."""

    train: Annotated[Words, Field(description="List the values of the training rows.")]
    held_out: Annotated[Words, Field(description="List the values that only the test has.")]

    @field_validator("train", "held_out")
    @classmethod
    def _must_be_single_words(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_word(value) for value in values)


class Actions(Checked):
    """Verbs, each as base form and past form."""

    train: Annotated[tuple[tuple[str, ...], ...], Field(min_length=4, description="List [base, past] pairs.")]
    held_out: Annotated[tuple[tuple[str, ...], ...], Field(min_length=4, description="List [base, past] pairs.")]

    @field_validator("train", "held_out")
    @classmethod
    def _must_be_pairs(cls, values: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
        for forms in values:
            if len(forms) != 2:
                raise ValueError(f"must be pairs of base form and past form, got {list(forms)}. Write [find, found].")
        return tuple((_word(base), _word(past)) for base, past in values)


class Numbers(Checked):
    """Whole numbers in code."""

    train: Annotated[tuple[int, ...], Field(min_length=4, description="List the numbers of the training rows.")]
    held_out: Annotated[tuple[int, ...], Field(min_length=4, description="List the numbers that only the test has.")]


class Language(Checked):
    """A constructed language: English word to its word, and the ending of plural nouns."""

    name: str
    article: str
    plural: str
    nouns: Annotated[dict[str, str], Field(min_length=5)]
    adjectives: Annotated[dict[str, str], Field(min_length=5)]
    verbs: Annotated[dict[str, str], Field(min_length=5)]


class Lexicon(Checked):
    """Every value; see the head of lexicon.yaml."""

    names: Pool
    towns: Pool
    spots: Pool
    animals: Pool
    things: Pool
    descriptions: Pool
    good: Pool
    bad: Pool
    words: Pool
    variables: Pool
    actions: Actions
    code_numbers: Numbers
    language: Language

    def values(self, side: Side) -> list[str]:
        """All single-word values of a side, as written."""
        pools = [value for value in dict(self).values() if isinstance(value, Pool)]
        forms = [form for forms in getattr(self.actions, side) for form in forms]
        return [value for pool in pools for value in getattr(pool, side)] + forms


Book = Mapping[str, TrainedFamily | UntrainedFamily]


def read_phrasings(path: Path) -> Book:
    """Phrasings by family.

    Raises:
        DataError: not readable, not of the schema, a slot that the family does not have or needs, or one phrasing both
            trained and held out; all problems in one line each.
    """
    sections: dict[str, Any] = dict.fromkeys(TRAINED, (TrainedFamily, ...))
    sections |= dict.fromkeys(UNTRAINED, (UntrainedFamily, ...))
    book = _read(path, create_model("Book", __base__=Checked, **sections), "family")
    families = dict(book)
    _refuse(path, [problem for name, family in families.items() for problem in _phrasing_problems(name, family)])
    return families


def read_lexicon(path: Path) -> Lexicon:
    """The values. Raises `DataError`: not readable, not of the schema, or a value both trained and held out."""
    lexicon = _read(path, Lexicon, "pool")
    known = {value.casefold() for value in lexicon.values("train")}
    known |= {word for part in ("nouns", "adjectives", "verbs") for word in getattr(lexicon.language, part)}
    both = sorted(known & {value.casefold() for value in lexicon.values("held_out")})
    numbers = sorted(set(lexicon.code_numbers.train) & set(lexicon.code_numbers.held_out))
    problems = [f"`{value}` is a train and a held_out value. Keep one." for value in [*both, *numbers]]
    problems += [
        f"words.{side}: begin with fewer than 4 different letters, too few to sort. Add words."
        for side, words in dict(lexicon.words).items()
        if len({word[0] for word in words}) < 4
    ]
    _refuse(path, problems)
    return lexicon


def _phrasing_problems(name: str, family: TrainedFamily | UntrainedFamily) -> list[str]:
    required = REQUIRED_SLOTS.get(name, set())
    known = {"text", *required, *OPTIONAL_SLOTS.get(name, set())}
    problems, trained = [], {_bare(phrasing) for phrasing in getattr(family, "train", ())}
    for side, phrasings in dict(family).items():
        for number, phrasing in enumerate(phrasings):
            where = f"{name}.{side}[{number}].text"
            problems += [
                f"{where}: no such slot {{{slot}}}.{did_you_mean(slot, known)}"
                f" {name} has {', '.join(f'{{{one}}}' for one in sorted(known))}."
                for slot in sorted(phrasing.slots - known)
            ]
            problems += [f"{where}: must say {{{slot}}}. Add it." for slot in sorted(required - phrasing.slots)]
            if side == "held_out" and _bare(phrasing) in trained:
                problems.append(f"{where}: stands among the train phrasings, too. Keep one.")
    return problems


def _bare(phrasing: Phrasing) -> str:
    return "".join(character for character in phrasing.text.casefold() if character.isalnum())


def _read(path: Path, model: type[BaseModel], key: str) -> Any:
    try:
        values = parse_yaml(path.read_text("utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path}: no such file. The ready ones are in recipes/quickstart/.") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}). Is it a YAML file?") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text (byte {error.start}). Save the file as UTF-8.") from None
    except yaml.YAMLError as error:
        raise DataError(f"{path}:{describe_yaml_error(error)}") from None
    if not isinstance(values, dict):
        raise DataError(
            f"{path}: must be a mapping with one section per {key}. See recipes/quickstart/ for the schema."
        )
    try:
        return model.model_validate(values)
    except ValidationError as error:
        found = [f"{dotted(where)}: {text}" for where, text in problems_in(error, model, _advise)]
        # A misspelled key is also a missing one: the first says how to mend both.
        _refuse(path, sorted(found, key=lambda problem: "no such field" not in problem))


def _advise(where: Where, known: list[str]) -> str:
    return did_you_mean(str(where[-1]), known) or f" There is: {', '.join(known)}."


def _refuse(path: Path, problems: list[str]) -> None:
    """One problem is told in one line; of more the first and how many there are."""
    if problems:
        more = f" ({len(problems) - 1} more.)" if len(problems) > 1 else ""
        raise DataError(f"{path}: {problems[0]}{more}")
