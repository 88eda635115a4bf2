"""Made-up plain text for pretraining: stories, lists, tables and ledgers that say the same thing in several forms.

Books hardly ever show a word in capitals beside itself, a sum in words, or a line of JSON beside the sentence it came from.
A small model that is to copy a name it has never met needs to see many names once. Nothing here asks or answers anything.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence

NUMBERS = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
]
ONSETS = [
    "b",
    "bl",
    "br",
    "c",
    "ch",
    "cl",
    "d",
    "dr",
    "f",
    "fl",
    "fr",
    "g",
    "gl",
    "gr",
    "h",
    "j",
    "k",
    "kl",
    "l",
    "m",
    "n",
    "p",
    "pl",
    "pr",
    "qu",
    "r",
    "s",
    "sh",
    "sk",
    "sl",
    "st",
    "t",
    "th",
    "tr",
    "v",
    "w",
    "y",
    "z",
]
VOWELS = ["a", "a", "a", "e", "e", "e", "i", "i", "o", "o", "u", "ai", "ea", "ee", "ie", "oa", "ou"]
CODAS = ["", "", "", "l", "m", "n", "r", "s", "t", "d", "k", "nd", "rn", "st", "ll", "th", "x"]
PLACE_ENDINGS = ["", "", "ton", "ham", "ford", "wick", "bury", "dale", "burg", "mouth", "field"]
COLORS = ["red", "blue", "green", "white", "black", "brown", "yellow", "gray", "golden", "silver"]
SIZES = ["small", "big", "old", "new", "long", "short", "round", "heavy", "light", "warm", "cold", "soft"]
GOOD = [
    "good",
    "fine",
    "lovely",
    "wonderful",
    "delightful",
    "sweet",
    "pleasant",
    "bright",
    "splendid",
    "excellent",
    "beautiful",
    "perfect",
]
BAD = ["bad", "poor", "dreadful", "terrible", "dull", "bitter", "awful", "nasty", "broken", "sad", "ugly", "horrible"]
THINGS = [
    "bread",
    "lamp",
    "rope",
    "apple",
    "basket",
    "boat",
    "book",
    "bell",
    "stone",
    "cup",
    "coat",
    "key",
    "ring",
    "chair",
    "letter",
    "candle",
    "horse",
    "cake",
    "hat",
    "flower",
    "shoe",
    "drum",
    "ladder",
    "blanket",
    "kettle",
    "mirror",
    "wagon",
    "kite",
    "spoon",
    "barrel",
]
ANIMALS = [
    "dog",
    "cat",
    "fox",
    "hen",
    "goat",
    "cow",
    "bear",
    "wolf",
    "mouse",
    "crow",
    "duck",
    "lion",
    "owl",
    "frog",
    "sheep",
    "pig",
]
JOBS = [
    "baker",
    "farmer",
    "miller",
    "teacher",
    "sailor",
    "doctor",
    "weaver",
    "hunter",
    "tailor",
    "painter",
    "singer",
    "smith",
]
VERBS = ["saw", "found", "carried", "painted", "lost", "sold", "bought", "washed", "hid", "wanted"]


class Words:
    """Where a text takes its words from; every draw goes through one generator."""

    def __init__(self, rng: random.Random, common: Sequence[str], names: Sequence[str]):
        self.rng = rng
        self.common = common
        self.names = names

    def pick(self, choices: Sequence[str]) -> str:
        return self.rng.choice(choices)

    def some(self, choices: Sequence[str], low: int, high: int) -> list[str]:
        """Different words, at least ``low`` and at most ``high``."""
        return self.rng.sample(choices, self.rng.randint(low, high))

    def syllable(self) -> str:
        return self.pick(ONSETS) + self.pick(VOWELS) + self.pick(CODAS)

    def made_up(self) -> str:
        """A word nobody has used: one syllable or two."""
        return "".join(self.syllable() for _ in range(self.rng.choice((1, 1, 2, 2, 2))))

    def name(self) -> str:
        return self.pick(self.names) if self.rng.random() < 0.3 else self.made_up().capitalize()

    def place(self) -> str:
        """One syllable or two, and sometimes an ending as places have."""
        return (self.made_up() + self.pick(PLACE_ENDINGS)).capitalize()

    def word(self) -> str:
        return self.pick(self.common) if self.rng.random() < 0.8 else self.made_up()

    def phrase(self) -> str:
        return f"{self.pick(COLORS + SIZES)} {self.pick(THINGS + ANIMALS)}"

    def sentence(self) -> str:
        """Somebody does something somewhere."""
        who = self.pick([self.name(), f"the {self.pick(ANIMALS)}", f"the {self.pick(JOBS)}"])
        what = f"{self.pick(VERBS)} the {self.phrase()}"
        where = self.pick(["", "", f" in {self.place()}", f" near {self.place()}", " by the river", " after dinner"])
        return f"{who[0].upper()}{who[1:]} {what}{where}."


def listed(items: Sequence[str]) -> str:
    """One, two and three."""
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1]


def story(w: Words) -> str:
    """People with names and places that come back."""
    a, b, town, thing = w.name(), w.name(), w.place(), w.phrase()
    job, beast = w.pick(JOBS), w.pick(ANIMALS)
    lines = [
        f"{a} was a {job} in {town}, and {b} came to {town} with a {thing}.",
        f'"{b}," said {a}, "where did you find the {thing}?"',
        f"The {thing} belonged to {b}, who had brought it from {w.place()} for {a}.",
        f"{a} had a {beast}. The {beast} of {a} knew {b} well.",
        f'"My name is {b}," said {b}. "And mine is {a}," said {a}.',
        f"In {town} everybody knew {a} the {job} and the {beast}.",
        f"So {a} and {b} stayed in {town}, and the {thing} stayed with {a}.",
    ]
    return " ".join(lines[i] for i in sorted(w.rng.sample(range(len(lines)), w.rng.randint(3, 6))))


def alphabet(w: Words) -> str:
    """Words as they come and as the alphabet has them."""
    words = [w.word() for _ in range(w.rng.randint(3, 5))]
    ordered = sorted(set(words))
    return w.pick(
        [
            f"The shelves held {listed(words)}. In the order of the alphabet they stood {', '.join(ordered)}.",
            f"On the list: {', '.join(words)}. From a to z: {', '.join(ordered)}. Backwards: {', '.join(ordered[::-1])}.",
            f"{', '.join(words)} | sorted | {', '.join(ordered)}",
        ]
    )


def capitals(w: Words) -> str:
    """The same words small and in capitals, sometimes letter by letter."""
    words = " ".join(w.word() for _ in range(w.rng.randint(1, 5)))
    one = w.word()
    return w.pick(
        [
            f"{words.upper()}\n\n{words.capitalize()}, that was the name of the chapter.",
            f'Over the door stood "{words.upper()}", and under it in small letters "{words}".',
            f'The painter wrote "{words}" in capitals: {words.upper()}.',
            f"{one} {one.upper()} {one.capitalize()} {' '.join(one)} {' '.join(one.upper())}",
            f"{one}: {'-'.join(one)}. {one.upper()}: {'-'.join(one.upper())}. It has {count(len(one))} letters.",
            f'"{words.upper()}!" cried {w.name()}. "Why do you shout {words}?" said {w.name()}.',
            "\n".join(f"{item} {item.upper()}" for item in (w.word() for _ in range(5))),
        ]
    )


def count(number: int) -> str:
    """A number as a word, up to twenty."""
    return NUMBERS[number] if number < len(NUMBERS) else str(number)


def sums(w: Words) -> str:
    """Small sums in words and in figures."""
    lines = []
    for _ in range(w.rng.randint(2, 5)):
        a, b = w.rng.randint(0, 10), w.rng.randint(0, 10)
        more, less = max(a, b), min(a, b)
        thing = w.pick(THINGS)
        lines.append(
            w.pick(
                [
                    f"{count(a)} and {count(b)} make {count(a + b)}.",
                    f"{count(a)} plus {count(b)} is {count(a + b)}.",
                    f"{count(more)} minus {count(less)} is {count(more - less)}.",
                    f"{count(more)} take away {count(less)} leaves {count(more - less)}.",
                    f"{a} + {b} = {a + b}; {more} - {less} = {more - less}.",
                    f"{w.name()} had {count(a)} {thing}s and got {count(b)} more, which made {count(a + b)} {thing}s.",
                    f"{count(more)} is more than {count(less)}." if more > less else f"{a} is {count(a)}.",
                ]
            )
        )
    return " ".join(lines)


def counting(w: Words) -> str:
    """The numbers in a row, forwards or backwards."""
    start = w.rng.randint(0, 12)
    row = list(range(start, start + w.rng.randint(4, 8)))
    row = row[::-1] if w.rng.random() < 0.3 else row
    return ", ".join(count(n) for n in row) + ". " + ", ".join(map(str, row)) + "."


def ledger(w: Words) -> str:
    """A record as a sentence, as lines and as JSON."""
    name, town, age = w.name(), w.place(), w.rng.randint(5, 90)
    job, thing, color = w.pick(JOBS), w.pick(THINGS), w.pick(COLORS)
    fields = {"name": name, "town": town, "age": age, "job": job, "item": thing, "color": color}
    kept = {key: fields[key] for key in w.some(list(fields), 2, 4)}
    says = {
        "name": f"the name is {name}",
        "town": f"the town is {town}",
        "age": f"the age is {age}",
        "job": f"the job is {job}",
        "item": f"the item is a {thing}",
        "color": f"the color is {color}",
    }
    sentence = listed([says[key] for key in kept])
    sentence = sentence[0].upper() + sentence[1:] + "."
    as_lines = "\n".join(f"{key}: {value}" for key, value in kept.items())
    return "\n".join(w.some([sentence, as_lines, json.dumps(kept)], 2, 3))


def bullets(w: Words) -> str:
    """Things in a sentence, and one to a line."""
    items = [w.pick([w.phrase(), w.pick(THINGS), w.word()]) for _ in range(w.rng.randint(2, 5))]
    mark = w.pick(["- ", "- ", "- ", "* "])
    lines = "\n".join(mark + item for item in items)
    intro = w.pick([f"{w.name()} packed {listed(items)}:", f"They carried {listed(items)}.", f"{', '.join(items)}"])
    numbered = "\n".join(f"{k}. {item}" for k, item in enumerate(items, start=1))
    return f"{intro}\n{w.pick([lines, lines, numbered])}"


def refrain(w: Words) -> str:
    """A line that comes again to the letter."""
    line = w.pick([w.sentence(), f"{w.made_up()} {w.made_up()} {w.made_up()}", f"{w.word()} {w.word()} {w.word()}"])
    other = w.sentence()
    return "\n".join(w.pick([[line, other, line], [line, line, other, other], [other, line, other, line]]))


def roll_call(w: Words) -> str:
    """A few names or phrases, read out again and again in another order."""
    entry = w.pick(
        [
            lambda: f"{w.name()} {w.made_up().capitalize()}",
            lambda: f"{w.name()} of {w.place()}",
            lambda: " ".join(w.word() for _ in range(w.rng.randint(2, 4))),
            lambda: f"{w.name()} {w.pick(VERBS)} the {w.word()} {w.made_up()}",
        ]
    )
    entries = [entry() for _ in range(w.rng.randint(2, 6))]
    between, after = w.pick([("\n", "\n\n"), (", ", ".\n"), ("; ", ".\n"), (". ", ".\n")])
    orders = (w.rng.sample(entries, len(entries)) for _ in range(w.rng.randint(2, 5)))
    return after.join(between.join(order) for order in orders)


def echo(w: Words) -> str:
    """Words in no order at all, said again to the letter, at once or after something else."""
    words = " ".join(w.word() for _ in range(w.rng.randint(3, 14)))
    between = w.pick(["\n", " - ", f"\n{w.sentence()}\n", f" {w.sentence()} "])
    return between.join([words] * w.rng.randint(2, 4))


def change(w: Words) -> str:
    """A sentence before and after one word is changed."""
    first, second = w.pick(COLORS + SIZES), w.pick(COLORS + SIZES)
    thing, other = w.some(THINGS, 2, 2)
    before = f"the {first} {thing} by the {w.pick(ANIMALS)}"
    old, new = w.pick([(first, second), (thing, other)])
    after = " ".join(new if word == old else word for word in before.split())
    return w.pick(
        [
            f'First the sign read "{before}". Then {old} became {new}, and it read "{after}".',
            f"{before}\n{after}\nOnly {old} had turned into {new}.",
            f'{w.name()} crossed out {old} and put {new} in its place: "{before}" was now "{after}".',
        ]
    )


def opinion(w: Words) -> str:
    """What somebody thought of something."""
    good = w.rng.random() < 0.5
    first, second = w.some(GOOD if good else BAD, 2, 2)
    name, thing = w.name(), w.pick(THINGS)
    feeling = w.pick(["happy", "pleased", "glad"] if good else ["unhappy", "angry", "sorry"])
    deed = w.pick(["loved", "liked", "praised"] if good else ["hated", "disliked", "blamed"])
    return w.pick(
        [
            f"The {thing} was {first} and {second}. {name} {deed} it and was {feeling}.",
            f"{name} was {feeling}, for the {thing} was {first}. A {second} {thing} indeed!",
            f"{name} {deed} the {thing}: it was {first}, even {second}.",
        ]
    )


def order(w: Words) -> str:
    """Who is taller than whom, followed to the end."""
    names = [w.name() for _ in range(3)]
    more, most, least = w.pick(
        [("taller", "tallest", "shortest"), ("older", "oldest", "youngest"), ("faster", "fastest", "slowest")]
    )
    facts = [f"{names[0]} is {more} than {names[1]}.", f"{names[1]} is {more} than {names[2]}."]
    w.rng.shuffle(facts)
    ends = [f"{names[0]} is the {most}.", f"{names[2]} is the {least}.", f"{names[0]} is {more} than {names[2]}."]
    return " ".join([*facts, *w.some(ends, 1, 2)])


def code(w: Words) -> str:
    """Tiny programs and what they give."""
    a, b, c = (w.rng.randint(0, 9) for _ in range(3))
    x, y = w.some(list("abnxyz"), 2, 2)
    word = w.pick(THINGS)
    return w.pick(
        [
            f"{x} = {a}\n{y} = {x} + {b}\nprint({y})  # {a + b}",
            f"max({a}, {b}) == {max(a, b)}\nmin({a}, {b}) == {min(a, b)}",
            f"len('{word}') == {len(word)}\n'{word}'.upper() == '{word.upper()}'",
            f"sorted([{a}, {b}, {c}]) == {sorted([a, b, c])}\nsum([{a}, {b}, {c}]) == {a + b + c}",
            f"def add({x}, {y}):\n    return {x} + {y}\n\nadd({a}, {b}) == {a + b}",
            f"'{word}'[0] == '{word[0]}'\n'{word}'[-1] == '{word[-1]}'\n'{word}'[::-1] == '{word[::-1]}'",
            f"{a} > {b} is {a > b}\n{a} * {b} == {a * b}",
        ]
    )


def tongue(w: Words) -> str:
    """A language that lasts one paragraph: each word keeps its meaning."""
    english = w.some(THINGS + ANIMALS + COLORS, 3, 5)
    foreign = {word: w.made_up() for word in english}
    pairs = [f"{theirs} means {ours}" for ours, theirs in foreign.items()]
    said = w.some(english, 2, min(3, len(english)))
    return w.pick(
        [
            f'In the old tongue {listed(pairs)}. "{" ".join(foreign[word] for word in said)}", they said: {" ".join(said)}.',
            "\n".join(f"{ours} = {theirs}" for ours, theirs in foreign.items())
            + f"\n{' '.join(said)} = {' '.join(foreign[word] for word in said)}",
        ]
    )


def ends(w: Words) -> str:
    """The first and the last of some words, and how many there are."""
    words = [w.word() for _ in range(w.rng.randint(3, 6))]
    return w.pick(
        [
            f"{' '.join(words)}: {count(len(words))} words, the first is {words[0]} and the last is {words[-1]}.",
            f"Of {listed(words)} the first was {words[0]}, the second {words[1]}, the last {words[-1]}.",
            f"{' '.join(words)} | {' '.join(words[: len(words) // 2])} | {' '.join(words[::-1])}",
        ]
    )


def digest(w: Words) -> str:
    """Sentences about several people, and the one that matters again."""
    sentences = [w.sentence() for _ in range(w.rng.randint(2, 4))]
    again = w.pick(sentences)
    return " ".join(sentences) + w.pick([" Above all, ", " In short, ", " What people remembered: "]) + again


KINDS: tuple[Callable[[Words], str], ...] = (
    *(story, capitals, ledger, sums, refrain, tongue, change, order, digest, bullets),
    *(alphabet, opinion, code, ends, counting, story, capitals, ledger, refrain, change),
)
COPYING: tuple[Callable[[Words], str], ...] = (roll_call, roll_call, echo)


def documents(
    seed: int,
    common: Sequence[str],
    names: Sequence[str],
    every: Sequence[Callable[[Words], str]] = KINDS,
) -> Iterator[str]:
    """Texts without end, each a few paragraphs of one kind or of several, with everyday words and names to draw from."""
    rng = random.Random(seed)
    words = Words(rng, common, names)
    while True:
        num = rng.randint(2, 4)
        kinds = [rng.choice(every)] * num if rng.random() < 0.6 else rng.choices(every, k=num)
        yield "\n\n".join(kind(words) for kind in kinds)
