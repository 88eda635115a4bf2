"""The task families of the quickstart set: how a question is made up and what its right answers are.

A family is a function from a `Draw` (where values come from) to an `Item` (the text, what fills the slots of its
phrasings, and the right answers).
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from quickstart_inputs import Lexicon, Side

NUMBERS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty",
)  # fmt: skip
# Sentences with one person, one town and one thing; which of them comes first varies.
SCENES = (
    "{name} took the train to {town} with a {color} {thing}.",
    "Yesterday {town} was cold when {name} came home with a {color} {thing}.",
    "On Monday {name} sent a {color} {thing} to a friend in {town}.",
    "In {town} lived a baker called {name} who had a {thing}.",
    "A {color} {thing} was all that {name} brought from {town}.",
    "{name} has an uncle in {town} who makes a {color} {thing} every day.",
    "Last year {name} moved to {town} and sold a {color} {thing}.",
    "{town} is where {name} lost a {thing}.",
    "Then {name} came back from {town} with a {thing}.",
    "Everyone in {town} knows {name} and the {color} {thing}.",
    "{town} was far away, but {name} walked there with a {thing}.",
    "{name} was glad to get a {color} {thing} from {town}.",
)
ANIMAL_SCENES = (
    "{name} saw a {animal} in {town}.",
    "A {animal} sat beside {name} on the way to {town}.",
    "{name} from {town} has a {animal} and a {thing}.",
    "In {town} a {animal} ran away with a {thing}.",
    "The {thing} of {name} fell on a {animal}.",
)
SIDE_REMARKS = (
    "The sun was warm.", "It was a cold morning.", "The wind was strong.", "Some children were playing.",
    "A band was singing.", "It had rained all night.", "There were many people.", "Nobody else was about.",
    "The day was nearly over.", "It was quiet as ever.",
)  # fmt: skip
COMPARISONS = (
    ("taller", "tallest", "shortest"),
    ("older", "oldest", "youngest"),
    ("faster", "fastest", "slowest"),
    ("stronger", "strongest", "weakest"),
    ("richer", "richest", "poorest"),
)
STORY_OPENINGS = (
    "One day {name} met a {animal} at the {spot}.",
    "Once a {animal} came to the {spot} and looked for {name}.",
    "Long ago {name} and a {animal} lived by the {spot}.",
    "At the {spot} there was a {animal} that only {name} could see.",
)
OPINIONS = (
    "{name} said that the {thing} from {town} was {how}.",
    "The {thing} at the {spot} was {how}, {name} said.",
    "{name} went to the {spot}, and it was {how}.",
    "It was {how} to be in {town} with {name}.",
    "My {thing} is {how}, and {name} at the {spot} thinks so too.",
    "That {how} {thing} is for {name} at the {spot}.",
)
LIST_OPENINGS = ("{name} needs", "Please bring", "We need", "{name} has", "The {spot} sells", "Pack")
# Slot of a sentence, or key of a record, to the pool of its values.
POOLS = {
    "name": "names", "town": "towns", "spot": "spots", "animal": "animals", "thing": "things", "color": "descriptions",
}  # fmt: skip


@dataclass(frozen=True)
class Item:
    """A question without its phrasing.

    Attributes:
        text: what is worked on.
        answers: the right answers; the first is the usual form.
        slots: what fills the phrasing's slots beside {text}.
        question: what follows the text where the phrasing does not hold it.
    """

    text: str
    answers: tuple[str, ...]
    slots: dict[str, str] = field(default_factory=dict)
    question: str = ""


@dataclass(frozen=True)
class Draw:
    """Values of one side of the lexicon, at random; ``turn`` is the number of the question in its family and split."""

    lexicon: Lexicon
    side: Side
    random: random.Random
    turn: int

    def one(self, pool: str) -> Any:
        return self.random.choice(getattr(getattr(self.lexicon, pool), self.side))

    def some(self, pool: str, count: int) -> list[Any]:
        """``count`` different values."""
        return self.random.sample(getattr(getattr(self.lexicon, pool), self.side), count)

    def pairs(self, ones: range, others: range) -> list[tuple[int, int]]:
        """Every combination of positions (or numbers) that belongs to this side: every fifth is held out."""
        is_held_out = self.side == "held_out"
        return [(one, other) for one in ones for other in others if ((one + 2 * other) % 5 == 0) == is_held_out]

    def fill(self, template: str) -> tuple[str, dict[str, str]]:
        """A template with a value in each slot, and the values."""
        values = {slot: self.one(pool) for slot, pool in POOLS.items() if f"{{{slot}}}" in template}
        text = template
        for slot, value in values.items():
            text = text.replace(f"a {{{slot}}}", with_article(value)).replace(f"A {{{slot}}}", _capital_article(value))
            text = text.replace(f"{{{slot}}}", value)
        return text, values


def with_article(words: str) -> str:
    """``an old hat``, ``a hat``."""
    return f"{'an' if words[0].lower() in 'aeiou' else 'a'} {words}"


def _capital_article(words: str) -> str:
    return with_article(words).replace("a", "A", 1)


def answer_question(draw: Draw) -> Item:
    names, things, colors = draw.some("names", 2), draw.some("things", 2), draw.some("descriptions", 2)
    actions = draw.some("actions", 2)
    owned = [with_article(f"{color} {thing}") for color, thing in zip(colors, things)]
    text = " ".join(f"{name} {past} {what}." for name, (_, past), what in zip(names, actions, owned))
    asked = draw.random.randrange(2)
    if draw.random.random() < 0.7:
        return Item(text, (owned[asked],), question=f"What did {names[asked]} {actions[asked][0]}?")
    return Item(text, (names[asked],), question=f"Who {actions[asked][1]} {owned[asked]}?")


ADDITIONS = (
    "{name} has {first} {things} and gets {second} more.",
    "At the {spot} are {first} {things}. {name} brings {second} more.",
)
SUBTRACTIONS = (
    "{name} has {first} {things} and loses {second}.",
    "At the {spot} are {first} {things}. {name} takes {second} away.",
)


def arithmetic(draw: Draw) -> Item:
    """Additions and subtractions in turn, and all results in turn, so that no answer is much more frequent than others."""
    pairs = draw.pairs(range(1, 11), range(1, 11))
    if draw.turn % 2:
        stories = ADDITIONS
        sums = [(a, b, a + b) for a, b in pairs if a > 1]  # "one pots" is no English
    else:
        stories = SUBTRACTIONS
        sums = [(a + b, b, a) for a, b in pairs]
    results = sorted({result for _, _, result in sums})
    wanted = results[draw.turn // 2 % len(results)]
    first, second, result = draw.random.choice([numbers for numbers in sums if numbers[-1] == wanted])
    values = {"name": draw.one("names"), "spot": draw.one("spots")}
    things = f"{draw.one('descriptions')} {draw.one('things')}s"
    story = draw.random.choice(stories).format(**values, things=things, first=NUMBERS[first], second=NUMBERS[second])
    return Item(story, (NUMBERS[result],))


def bullets(draw: Draw) -> Item:
    things = [with_article(thing) for thing in draw.some("things", draw.random.choice((2, 3, 3, 4)))]
    opening, _ = draw.fill(draw.random.choice(LIST_OPENINGS))
    listed = f"{', '.join(things[:-1])} and {things[-1]}"
    return Item(f"{opening} {listed}.", ("\n".join(f"- {thing}" for thing in things),))


def find_animal(draw: Draw) -> Item:
    text, values = draw.fill(draw.random.choice(ANIMAL_SCENES))
    return Item(text, (values["animal"],))


def find_person(draw: Draw) -> Item:
    text, values = draw.fill(draw.random.choice(SCENES))
    return Item(text, (values["name"],))


def find_place(draw: Draw) -> Item:
    text, values = draw.fill(draw.random.choice(SCENES))
    return Item(text, (values["town"],))


def first_words(draw: Draw) -> Item:
    text, _ = draw.fill(draw.random.choice(SCENES))
    count = draw.random.randint(2, 5)
    return Item(text, (" ".join(text.split()[:count]).strip(",."),), {"n": NUMBERS[count]})


def json_object(draw: Draw) -> Item:
    values = {key: draw.one(POOLS[key]) for key in draw.random.sample(sorted(POOLS), 2)}
    fields = ", ".join(f'"{key}": "{value}"' for key, value in values.items())
    return Item(" ".join(f"{key}={value}" for key, value in values.items()), (f"{{{fields}}}",))


def reason(draw: Draw) -> Item:
    kind = draw.random.choice((_compare_two, _compare_three, _apply_rule))
    return kind(draw)


def _compare_two(draw: Draw) -> Item:
    more, less = draw.some("names", 2)
    comparative, _, _ = draw.random.choice(COMPARISONS)
    text, question = f"{more} is {comparative} than {less}.", f"Who is {comparative}?"
    if draw.random.random() < 0.5:
        text = f"{less} is not as {comparative.removesuffix('er')} as {more}."
    return Item(text, (more,), question=question)


def _compare_three(draw: Draw) -> Item:
    first, second, third = draw.some("names", 3)
    comparative, most, least = draw.random.choice(COMPARISONS)
    facts = [f"{first} is {comparative} than {second}.", f"{second} is {comparative} than {third}."]
    draw.random.shuffle(facts)
    wanted, answer = draw.random.choice(((most, first), (least, third)))
    return Item(" ".join(facts), (answer,), question=f"Who is the {wanted}?")


def _apply_rule(draw: Draw) -> Item:
    names, colors, thing = draw.some("names", 2), draw.some("descriptions", 2), draw.one("things")
    rules = [f"If the {thing} is {color}, {name} wins." for color, name in zip(colors, names)]
    asked = draw.random.randrange(2)
    return Item(f"{' '.join(rules)} The {thing} is {colors[asked]}.", (names[asked],), question="Who wins?")


def replace_word(draw: Draw) -> Item:
    text, values = draw.fill(draw.random.choice(SCENES))
    fitting = {old: _replacements(draw, slot, old) for slot, old in sorted(values.items())}
    old = draw.random.choice([old for old in fitting if fitting[old]])
    new = draw.random.choice(fitting[old])
    return Item(text, (re.sub(rf"\b{old}\b", new, text),), {"old": old, "new": new})


def _replacements(draw: Draw, slot: str, old: str) -> list[str]:
    """Other values of the slot that the same article can stand before."""
    known = getattr(getattr(draw.lexicon, POOLS[slot]), draw.side)
    return [new for new in known if new != old and (new[0] in "aeiou") == (old[0] in "aeiou")]


def reverse_list(draw: Draw) -> Item:
    words = draw.some("words", 3)
    return Item(", ".join(words), (", ".join(reversed(words)),))


def sentiment(draw: Draw) -> Item:
    label = ("positive", "negative")[draw.turn % 2]
    negated = draw.random.random() < 0.3
    word = draw.one("good" if (label == "positive") != negated else "bad")
    template = draw.random.choice(OPINIONS[:-1] if negated else OPINIONS)
    text, _ = draw.fill(template)
    return Item(text.replace("{how}", f"not {word}" if negated else word), (label,))


def sort_words(draw: Draw) -> Item:
    known = getattr(draw.lexicon.words, draw.side)
    letters = draw.random.sample(sorted({word[0] for word in known}), draw.random.choice((3, 3, 4)))
    words = [draw.random.choice([word for word in known if word[0] == letter]) for letter in letters]
    return Item(", ".join(words), (", ".join(sorted(words)),))


def summarize(draw: Draw) -> Item:
    name, spot, thing, (_, past) = draw.one("names"), draw.one("spots"), draw.one("things"), draw.one("actions")
    described = with_article(f"{draw.one('descriptions')} {thing}")
    told = [draw.random.choice(SIDE_REMARKS), f"{name} {past} {described} there."]
    draw.random.shuffle(told)
    summary = f"{name} {past} {with_article(thing)} at the {spot}."
    return Item(f"{name} went to the {spot}. {' '.join(told)}", (summary,))


def translate(draw: Draw) -> Item:
    language = draw.lexicon.language
    nouns, adjectives, verbs = (list(part) for part in (language.nouns, language.adjectives, language.verbs))
    adjective, subject = draw.random.choice(draw.pairs(range(len(adjectives)), range(len(nouns))))
    verb, thing = draw.random.choice(draw.pairs(range(len(verbs)), range(len(nouns))))
    plurals = [draw.random.random() < 0.5 for _ in range(2)]
    english = ["the", adjectives[adjective], nouns[subject], verbs[verb], "the", nouns[thing]]
    words = language.adjectives | language.nouns | language.verbs | {"the": language.article}
    translated = [words[word] for word in english]
    for position, is_plural in zip((2, 5), plurals):
        english[position] += "s" if is_plural else ""
        translated[position] += language.plural if is_plural else ""
    return Item(" ".join(english), (" ".join(translated),), {"language": language.name})


def upper_case(draw: Draw) -> Item:
    text = " ".join(draw.some("words", draw.random.choice((1, 2, 2))))
    return Item(text, (text.upper(),))


CODE = (
    ("adds {n} to {v}", "{v} + {n}", "{n} + {v}"),
    ("takes {n} from {v}", "{v} - {n}"),
    ("multiplies {v} by {n}", "{v} * {n}", "{n} * {v}"),
    ("checks if {v} is more than {n}", "{v} > {n}", "{n} < {v}"),
    ("checks if {v} is less than {n}", "{v} < {n}", "{n} > {v}"),
    ("checks if {v} equals {n}", "{v} == {n}", "{n} == {v}"),
    ("gives the larger of {v} and {n}", "max({v}, {n})", "max({n}, {v})"),
    ("gives the smaller of {v} and {n}", "min({v}, {n})", "min({n}, {v})"),
    ("adds {v} and {w}", "{v} + {w}", "{w} + {v}"),
    ("takes {w} from {v}", "{v} - {w}"),
)


def write_code(draw: Draw) -> Item:
    described, *expressions = draw.random.choice(CODE)
    variable, other = draw.some("variables", 2)
    values = {"v": variable, "w": other, "n": draw.one("code_numbers")}
    return Item(described.format(**values), tuple(expression.format(**values) for expression in expressions))


def write_story(draw: Draw) -> Item:
    name, animal, spot = draw.one("names"), draw.one("animals"), draw.one("spots")
    values = {"name": name, "a": with_article(animal), "spot": spot}
    openings = tuple(opening.replace("a {animal}", "{a}").format(**values) for opening in STORY_OPENINGS)
    return Item(f"{name}, {with_article(animal)}, the {spot}", openings)


FAMILIES: dict[str, Callable[[Draw], Item]] = {
    function.__name__: function
    for function in (
        answer_question, arithmetic, bullets, find_animal, find_person, find_place, first_words, json_object, reason,
        replace_word, reverse_list, sentiment, sort_words, summarize, translate, upper_case, write_code, write_story,
    )
}  # fmt: skip
