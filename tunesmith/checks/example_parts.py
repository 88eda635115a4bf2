"""What an example answer is made of: plain sentences, and what each constraint adds to them or writes in their place."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from tunesmith.checks.ifbench_count import PERSON_NAMES, TIMES
from tunesmith.checks.requests import Request
from tunesmith.checks.splitting import sentences

Arguments = Mapping[str, Any]

# Plain sentences of nine words at most: no commas, no digits, no word of `constraints.KEYWORDS`, hardly a j, q, x or z.
FILLERS = """
Most of us meet it sooner than we think.
A patient hand makes the work lighter.
Small steps lead further than grand plans.
Many people learned the basics from a neighbor.
Old habits can be useful here.
Good light and fresh air help a lot.
There are several ways to begin.
Every season brings a new detail.
Some mistakes turn out to be lucky.
It takes practice and a calm mind.
Careful readers will notice the pattern.
Friends often share their best advice for free.
Nothing here needs costly gear.
Simple tools last longer than fancy ones.
Ask whoever did this before you.
Time is the main ingredient.
Results show after a few weeks.
Keep notes and compare them later.
Local shops sell almost everything required.
Children understand the idea at once.
Curious visitors tend to stay for hours.
The past offers plenty of good stories.
Weather plays a larger role than expected.
Slow progress is still progress.
A warm meal rewards the effort.
Trust grows when promises are kept.
Books cover the theory in depth.
Real understanding comes from doing things.
Write down what surprised you most.
Music fits such an evening well.
Clear rules prevent most arguments.
Empty rooms carry every sound.
Do not hurry the final part.
Rest matters as much as effort.
Winter nights leave room for planning.
Modern methods save both money and water.
Teachers tell the same tale differently.
Maps and photos make the matter concrete.
Strangers become partners along the way.
Even experts keep learning about it.
""".strip().split("\n")
POINTS = ("Patience first", "Good tools", "Fresh air", "Clear notes", "Warm meals", "Long walks", "Quiet hours")
PALINDROMES = "level radar civic refer rotor kayak madam tenet stats racecar"
PRONOUN_CLAUSE = "they told us what we should ask them"
CAPITAL_WORDS = "THIS MATTERS MUCH MORE THAN ONE WOULD THINK AND THAT WILL STAY TRUE"
TEMPLATE = "My Answer: It is worth a look.\nMy Conclusion: Try it.\nFuture Outlook: It will stay with us."
LANGUAGE_TEXTS = {
    "de": "Das ist ein schöner Text über ein Thema, das viele Menschen jeden Tag beschäftigt und das uns alle angeht.",
    "es": "Este es un texto sobre un tema que interesa a muchas personas todos los días y que nos importa a todos.",
    "fr": "Voici un texte sur un sujet qui intéresse beaucoup de personnes chaque jour et qui nous concerne tous.",
    "it": "Questo è un testo su un argomento che interessa molte persone ogni giorno e che riguarda tutti noi.",
    "pt": "Este é um texto sobre um assunto que interessa a muitas pessoas todos os dias e que diz respeito a todos nós.",
    "nl": "Dit is een tekst over een onderwerp dat veel mensen elke dag bezighoudt en dat ons allemaal aangaat.",
}

# Constraint → what it adds to the fields of a draft (see `examples.Draft`).
ADDED: dict[str, Callable[[Arguments, Request], dict[str, Any]]] = {
    "length_constraints:number_paragraphs": lambda a, _: {"parts": a["num_paragraphs"], "divider": "\n***\n"},
    "length_constraints:nth_paragraph_first_word": lambda a, _: {
        "parts": a["num_paragraphs"],
        "first_words": {a["nth_paragraph"]: a["first_word"]},
    },
    "detectable_format:multiple_sections": lambda a, _: {
        "parts": a["num_sections"],
        "labels": a["section_spliter"] + " {}",
    },
    "combination:two_responses": lambda a, _: {"parts": 2, "divider": "\n******\n"},
    # sentences
    "keywords:existence": lambda a, _: {"sentences": [f"Think of {' and '.join(a['keywords'])}."]},
    "keywords:frequency": lambda a, _: {
        "sentences": [f"Picture {' or '.join([a['keyword']] * a['frequency'])}."] * (a["relation"] == "at least")
    },
    "count:keywords_multiple": lambda a, _: {"sentences": [f"Say after me {' '.join(_repeated_keywords(a))}."]},
    "keywords:letter_frequency": lambda a, _: {
        "sentences": [f"It goes {a['letter'] * a['let_frequency']}."] * (a["let_relation"] == "at least")
    },
    "detectable_format:number_highlighted_sections": lambda a, _: {
        "sentences": [
            f"Remember {' and '.join(f'*{point.lower()}*' for point in _points(a['num_highlights']))} above all."
        ]
    },
    "format:parentheses": lambda a, _: {"sentences": ["It has layers (one [two {three (four [five])}])."]},
    "format:quotes": lambda a, _: {
        "sentences": ['My aunt says "he told me \'she calls it "grand" too\' once" to everybody.']
    },
    "format:quote_unquote": lambda a, _: {
        "sentences": ['They call it "slow magic" which means that it takes a while.']
    },
    "detectable_content:number_placeholders": lambda a, _: {
        "sentences": [f"Fill in {' '.join(['[detail]'] * a['num_placeholders'])} first."]
    },
    "change_case:capital_word_frequency": lambda a, _: {
        "sentences": [f"Listen: {' '.join(CAPITAL_WORDS.split()[: a['capital_frequency']])}."]
        * (a["capital_relation"] == "at least")
    },
    "count:punctuation": lambda a, _: {"sentences": ["Well, is it so; truly: who knows?", "Wonderful!", "Really?!"]},
    "count:conjunctions": lambda a, _: {
        "sentences": ["Read and rest but move or wait so grow yet look nor stop for now."]
    },
    "count:person_names": lambda a, _: {"sentences": [f"{' and '.join(PERSON_NAMES[: a['N']])} agree."]},
    "count:numbers": lambda a, _: {
        "sentences": [f"The numbers are {' and '.join(str(number + 3) for number in range(a['N']))}."]
    },
    "count:pronouns": lambda a, _: {"sentences": [f"{' and '.join([PRONOUN_CLAUSE] * (a['N'] // 5 + 1))}."]},
    "words:palindrome": lambda a, _: {"sentences": [f"Read these backwards: {PALINDROMES}."]},
    # sentences at a place of their own
    "sentence:keyword": lambda a, _: {"at": {a["N"]: f"Here the word {a['word']} comes to mind."}},
    "words:keywords_specific_position": lambda a, _: {
        "at": {a["n"]: " ".join(["Very", *["much"] * (a["m"] - 2), a["keyword"], "for everybody here."])}
    },
    # lines before and after the text
    "detectable_format:title": lambda _, request: {"opening": [f"<<All about {request.topic}>>"]},
    "format:thesis": lambda _, request: {"opening": [f"<i>It pays to know about {request.topic}.</i>"]},
    "format:output_template": lambda a, _: {"opening": [TEMPLATE]},
    "combination:repeat_prompt": lambda a, _: {"opening": [a["prompt_to_repeat"]]},
    "words:start_verb": lambda a, _: {"opening": ["Consider the following."]},
    "words:words_position": lambda a, _: {
        "opening": [f"One {a['keyword']} opens the text."],
        "closing": f"It closes with a {a['keyword']} too.",
    },
    "detectable_format:number_bullet_lists": lambda a, _: {
        "lists": [f"* {point}" for point in _points(a["num_bullets"])]
    },
    "format:list": lambda a, _: {"lists": [f"{a['sep']} {point}" for point in _points(3)]},
    "format:sub-bullets": lambda a, _: {
        "lists": [f"* {POINTS[0]}", f"  - {POINTS[2]}", f"* {POINTS[1]}", f"  - {POINTS[3]}"]
    },
    "format:no_bullets_bullets": lambda a, _: {"lists": [f"* {point}" for point in _points(2)]},
    "detectable_content:postscript": lambda a, _: {"closing": f"{a['postscript_marker']} Greetings to all."},
    "startend:end_checker": lambda a, _: {"closing": a["end_phrase"]},
    # the finished text, written otherwise
    "format:emoji": lambda a, _: {"rewrites": [lambda text: text.replace(".", " 🙂.")]},
    "format:title_case": lambda a, _: {"rewrites": [str.title]},
    "change_case:english_capital": lambda a, _: {"rewrites": [str.upper]},
    "change_case:english_lowercase": lambda a, _: {"rewrites": [str.lower]},
    "startend:quotation": lambda a, _: {"rewrites": ['"{}"'.format]},
    "ratio:sentence_type": lambda a, _: {"rewrites": [_ask_for_every_two_statements]},
    "ratio:sentence_balance": lambda a, _: {
        "rewrites": [lambda text: text + " Why is that? How good it is!" * _num_statements(text)]
    },
}

# Constraint that decides on everything → the whole answer, or what writes it.
WHOLE: dict[str, str | Callable[[Arguments, Request], str]] = {
    "detectable_format:json_format": lambda _, request: json.dumps(
        {"topic": request.topic, "notes": FILLERS[:3]}, indent=1
    ),
    "format:newline": lambda _, request: "\n".join(f"{request.topic} {FILLERS[0]}".split()),
    "format:line_indent": lambda _, request: "\n".join(
        " " * step + line for step, line in enumerate([request.topic, *FILLERS[:4]])
    ),
    "format:no_whitespace": lambda _, request: "".join(word.capitalize() for word in request.topic.split()),
    "repeat:repeat_change": lambda a, _: " ".join(["Now", *a["prompt_to_repeat"].split()[1:]]),
    "repeat:repeat_span": lambda a, _: " ".join(a["prompt_to_repeat"].split()[a["n_start"] : a["n_end"] + 1]),
    "language:response_language": lambda a, _: LANGUAGE_TEXTS[a["language"]],
    "sentence:increment": lambda a, _: " ".join(f"It is {'very ' * (step * a['small_n'])}good." for step in range(4)),
    "count:words_japanese": lambda a, _: " ".join(
        "水" if place % a["N"] == 0 else word for place, word in enumerate(" ".join(FILLERS[:5]).split(), 1)
    ),
    "ratio:sentence_words": "Cats nap here. Dogs run fast. Fish swim low.",
    "sentence:alliteration_increment": "This helps. Some seeds grow. Big blue birds appear. Tall trees take time.",
    "words:last_first": "Good work takes time. Time teaches patience. Patience helps everybody.",
    "words:paragraph_last_first": "Work leads to more work.\nRest follows after rest.\nTime heals with time.",
    "ratio:stop_words": "Patient hands make light work. Small steps lead further. Good tools last longer. Fresh air helps.",
    "words:alphabet": "All bees can dance every fine golden hour. It just keeps life merry.",
    "words:vowel": "All that matters is the start and the finish.",
    "words:consonants": "Small plants prosper. Friends help. Strong hands build things.",
    "words:prime_lengths": "The small river is not far. It comes to the ocean. Water moves.",
    "words:repeats": "Small steps lead further than grand plans. Good light helps us.",
    "words:no_consecutive": "Small plans lead far. Good tools help everybody. Rest comes after work.",
    "words:odd_even_syllables": "Good water keeps people well. Every dog happens past.",
}


def _points(count: int) -> list[str]:
    return [POINTS[number % len(POINTS)] for number in range(count)]


def _repeated_keywords(arguments: Arguments) -> list[str]:
    return [word for name, times in zip(sorted(arguments), TIMES, strict=True) for word in [arguments[name]] * times]


def _num_statements(text: str) -> int:
    return sum(sentence.endswith(".") for sentence in sentences(text))


def _ask_for_every_two_statements(text: str) -> str:
    even = text if _num_statements(text) % 2 == 0 else f"{text} It helps."
    return even + " Why is that?" * (_num_statements(even) // 2)
