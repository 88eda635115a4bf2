"""An answer that follows given constraints: the proof that a fresh prompt can be satisfied, and text to train on.

Constraints that decide on everything have a writer of their own. The others add to one draft: what it must hold, how it
opens and closes, how its sentences are shaped. The draft is then made longer, sentence by sentence, until every minimum is
reached. The text speaks of the topic, but it is a specimen, no good answer to the request.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

from tunesmith.checks.catalog import BoundCheck, bind_check
from tunesmith.checks.ifbench_count import PERSON_NAMES, TIMES
from tunesmith.checks.requests import Request
from tunesmith.checks.splitting import sentences

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
MAX_FILLERS = 60  # the largest minimum, 300 words, takes fifty
DETECTS_LANGUAGE = ("change_case:english_capital", "change_case:english_lowercase")
PALINDROMES = "level radar civic refer rotor kayak madam tenet stats racecar"
PRONOUN_CLAUSE = "they told us what we should ask them"
CONJUNCTION_SENTENCE = "Read and rest but move or wait so grow yet look nor stop for now."
CAPITAL_WORDS = [
    "THIS",
    "MATTERS",
    "MUCH",
    "MORE",
    "THAN",
    "ONE",
    "WOULD",
    "THINK",
    "AND",
    "THAT",
    "WILL",
    "STAY",
    "TRUE",
]
LANGUAGE_TEXTS = {
    "de": "Das ist ein schöner Text über ein Thema, das viele Menschen jeden Tag beschäftigt und das uns alle angeht.",
    "es": "Este es un texto sobre un tema que interesa a muchas personas todos los días y que nos importa a todos.",
    "fr": "Voici un texte sur un sujet qui intéresse beaucoup de personnes chaque jour et qui nous concerne tous.",
    "it": "Questo è un testo su un argomento che interessa molte persone ogni giorno e che riguarda tutti noi.",
    "pt": "Este é um texto sobre um assunto que interessa a muitas pessoas todos os dias e que diz respeito a todos nós.",
    "nl": "Dit is een tekst over een onderwerp dat veel mensen elke dag bezighoudt en dat ons allemaal aangaat.",
}


@dataclass
class Draft:
    """What an answer is put together from.

    Attributes:
        opening: lines before the text.
        sentences: the text.
        lists: lines after the text.
        closing: the last line.
        parts: how many parts the text falls into.
        labels: what stands before each part, `{}` for its number; divider: between them.
        rewrites: functions of the finished text, in order.
    """

    opening: list[str] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)
    lists: list[str] = field(default_factory=list)
    closing: str = ""
    parts: int = 1
    labels: str = ""
    divider: str = "\n\n"
    first_words: dict[int, str] = field(default_factory=dict)
    at: dict[int, str] = field(default_factory=dict)
    rewrites: list[Callable[[str], str]] = field(default_factory=list)

    def text(self, fillers: Sequence[str]) -> str:
        """The answer, with some more sentences at its end."""
        inner = [*self.sentences, *fillers]
        num_before = len(sentences("\n".join((*self.opening, inner[0])))) - 1
        for position, sentence in sorted(self.at.items()):
            inner.insert(position - 1 - num_before, sentence)
        text = self.divider.join(self._part(number, inner) for number in range(1, self.parts + 1))
        text = "\n".join(line for line in (*self.opening, text, *self.lists, self.closing) if line)
        for rewrite in self.rewrites:
            text = rewrite(text)
        return text

    def _part(self, number: int, sentences: Sequence[str]) -> str:
        """Every n-th sentence would break the order: parts are runs, the first ones longest."""
        size = -(-len(sentences) // self.parts)
        own = " ".join(sentences[size * (number - 1) : size * number]) or FILLERS[-number]
        word = self.first_words.get(number)
        own = f"{word.capitalize()} {own}" if word else own
        return f"{self.labels.format(number)}\n{own}" if self.labels else own


Arguments = Mapping[str, Any]
WHOLE: dict[str, Callable[[Arguments, Request], str]] = {}
PARTIAL: dict[str, Callable[[Draft, Arguments, Request], None]] = {}


def example_answer(checks: Sequence[tuple[str, Arguments]], request: Request) -> str:
    """An answer that follows every check, where they go together (see `constraints`)."""
    alone = next(((WHOLE[id], arguments) for id, arguments in checks if id in WHOLE), None)
    if alone:
        return alone[0](alone[1], request)
    draft = Draft(sentences=[f"People like to talk about {request.topic}.", FILLERS[0]])
    for id, arguments in checks:
        if id in PARTIAL:
            PARTIAL[id](draft, arguments, request)
    slow_last = sorted(checks, key=lambda check: check[0] in DETECTS_LANGUAGE)
    return _lengthen(draft, [bind_check(id, arguments) for id, arguments in slow_last], request.text)


def _lengthen(draft: Draft, checks: Sequence[BoundCheck], prompt: str) -> str:
    """The first text, with more and more sentences, that follows all; the longest where none does."""
    fillers: list[str] = []
    source = cycle(FILLERS[1:] + FILLERS[:1])
    for _ in range(MAX_FILLERS):
        text = draft.text(fillers)
        if all(check.follows(prompt, text) for check in checks):
            break
        fillers.append(next(source))
    return text


def _whole(id: str) -> Callable[[Any], Any]:
    def file(function: Callable[[Arguments, Request], str]) -> Callable[[Arguments, Request], str]:
        WHOLE[id] = function
        return function

    return file


def _partial(id: str) -> Callable[[Any], Any]:
    def file(function: Callable[[Draft, Arguments, Request], None]) -> Callable[[Draft, Arguments, Request], None]:
        PARTIAL[id] = function
        return function

    return file


@_partial("length_constraints:number_paragraphs")
def _divide_by_asterisks(draft: Draft, arguments: Arguments, request: Request) -> None:
    draft.parts, draft.divider = arguments["num_paragraphs"], "\n***\n"


@_partial("length_constraints:nth_paragraph_first_word")
def _begin_paragraph(draft: Draft, arguments: Arguments, request: Request) -> None:
    draft.parts = arguments["num_paragraphs"]
    draft.first_words[arguments["nth_paragraph"]] = arguments["first_word"]


@_partial("detectable_format:multiple_sections")
def _label_sections(draft: Draft, arguments: Arguments, request: Request) -> None:
    draft.parts, draft.labels = arguments["num_sections"], arguments["section_spliter"] + " {}"


@_partial("keywords:existence")
def _name_keywords(draft: Draft, arguments: Arguments, request: Request) -> None:
    draft.sentences.append(f"Think of {' and '.join(arguments['keywords'])}.")


@_partial("keywords:frequency")
def _repeat_keyword(draft: Draft, arguments: Arguments, request: Request) -> None:
    if arguments["relation"] == "at least":
        draft.sentences.append(f"Picture {' or '.join([arguments['keyword']] * arguments['frequency'])}.")


@_partial("count:keywords_multiple")
def _repeat_keywords(draft: Draft, arguments: Arguments, request: Request) -> None:
    words = [word for name, times in zip(sorted(arguments), TIMES, strict=True) for word in [arguments[name]] * times]
    draft.sentences.append(f"Say after me {' '.join(words)}.")


@_partial("keywords:letter_frequency")
def _repeat_letter(draft: Draft, arguments: Arguments, request: Request) -> None:
    if arguments["let_relation"] == "at least":
        draft.sentences.append(f"It goes {arguments['letter'] * arguments['let_frequency']}.")


@_partial("sentence:keyword")
def _place_keyword(draft: Draft, arguments: Arguments, request: Request) -> None:
    draft.at[arguments["N"]] = f"Here the word {arguments['word']} comes to mind."


@_partial("words:keywords_specific_position")
def _place_keyword_in_sentence(draft: Draft, arguments: Arguments, request: Request) -> None:
    before = ["Very", *["much"] * (arguments["m"] - 2)]
    draft.at[arguments["n"]] = " ".join([*before, arguments["keyword"], "for everybody here."])


@_partial("detectable_format:number_bullet_lists")
def _add_bullets(draft: Draft, arguments: Arguments, request: Request) -> None:
    draft.lists += [f"* {_point(number)}" for number in range(arguments["num_bullets"])]


@_partial("detectable_format:number_highlighted_sections")
def _highlight(draft: Draft, arguments: Arguments, request: Request) -> None:
    points = (f"*{_point(number).lower()}*" for number in range(arguments["num_highlights"]))
    draft.sentences.append(f"Remember {' and '.join(points)} above all.")


@_partial("detectable_format:title")
def _entitle(draft: Draft, arguments: Arguments, request: Request) -> None:
    draft.opening.append(f"<<All about {request.topic}>>")


@_partial("format:list")
def _add_marked_list(draft: Draft, arguments: Arguments, request: Request) -> None:
    draft.lists += [f"{arguments['sep']} {_point(number)}" for number in range(3)]


@_partial("format:sub-bullets")
def _add_nested_list(draft: Draft, arguments: Arguments, request: Request) -> None:
    draft.lists += [line for number in (0, 1) for line in (f"* {_point(number)}", f"  - {_point(number + 2)}")]


@_partial("format:no_bullets_bullets")
def _add_two_bullets(draft: Draft, arguments: Arguments, request: Request) -> None:
    draft.lists += [f"* {_point(0)}", f"* {_point(1)}"]


@_partial("format:emoji")
def _add_emoji(draft: Draft, arguments: Arguments, request: Request) -> None:
    draft.rewrites.append(lambda text: text.replace(".", " 🙂."))


@_partial("format:thesis")
def _state_thesis(draft: Draft, arguments: Arguments, request: Request) -> None:
    draft.opening.append(f"<i>It pays to know about {request.topic}.</i>")


@_partial("format:title_case")
def _capitalize(draft: Draft, arguments: Arguments, request: Request) -> None:
    draft.rewrites.append(str.title)


@_partial("format:output_template")
def _fill_template(draft: Draft, arguments: Arguments, request: Request) -> None:
    draft.opening.append(
        "My Answer: It is worth a look.\nMy Conclusion: Try it.\nFuture Outlook: It will stay with us."
    )


@_partial("format:parentheses")
def _nest_brackets(draft: Draft, arguments: Arguments, request: Request) -> None:
    draft.sentences.append("It has layers (one [two {three (four [five])}]).")


@_partial("format:quotes")
def _nest_quotes(draft: Draft, arguments: Arguments, request: Request) -> None:
    draft.sentences.append('My aunt says "he told me \'she calls it "grand" too\' once" to everybody.')


@_partial("format:quote_unquote")
def _explain_quote(draft: Draft, arguments: Arguments, request: Request) -> None:
    draft.sentences.append('They call it "slow magic" which means that it takes a while.')


@_partial("detectable_content:number_placeholders")
def _leave_blanks(draft: Draft, arguments: Arguments, request: Request) -> None:
    draft.sentences.append(f"Fill in {' '.join(['[detail]'] * arguments['num_placeholders'])} first.")


@_partial("detectable_content:postscript")
def _add_postscript(draft: Draft, arguments: Arguments, request: Request) -> None:
    draft.closing = f"{arguments['postscript_marker']} Greetings to all."


@_partial("change_case:english_capital")
def _write_large(draft: Draft, arguments: Arguments, request: Request) -> None:
    draft.rewrites.append(str.upper)


@_partial("change_case:english_lowercase")
def _write_small(draft: Draft, arguments: Arguments, request: Request) -> None:
    draft.rewrites.append(str.lower)


@_partial("change_case:capital_word_frequency")
def _shout(draft: Draft, arguments: Arguments, request: Request) -> None:
    if arguments["capital_relation"] == "at least":
        draft.sentences.append(f"Listen: {' '.join(CAPITAL_WORDS[: arguments['capital_frequency']])}.")


@_partial("count:punctuation")
def _use_every_mark(draft: Draft, arguments: Arguments, request: Request) -> None:
    draft.sentences += ["Well, is it so; truly: who knows?", "Wonderful!", "Really?!"]


@_partial("startend:end_checker")
def _end(draft: Draft, arguments: Arguments, request: Request) -> None:
    draft.closing = arguments["end_phrase"]


@_partial("startend:quotation")
def _quote(draft: Draft, arguments: Arguments, request: Request) -> None:
    draft.rewrites.append('"{}"'.format)


@_partial("combination:repeat_prompt")
def _repeat_request(draft: Draft, arguments: Arguments, request: Request) -> None:
    draft.opening.append(arguments["prompt_to_repeat"])


@_partial("combination:two_responses")
def _answer_twice(draft: Draft, arguments: Arguments, request: Request) -> None:
    draft.parts, draft.divider = 2, "\n******\n"


@_partial("ratio:sentence_type")
def _ask_half_as_often(draft: Draft, arguments: Arguments, request: Request) -> None:
    draft.rewrites.append(_ask_for_every_two_statements)


@_partial("ratio:sentence_balance")
def _balance(draft: Draft, arguments: Arguments, request: Request) -> None:
    draft.rewrites.append(lambda text: text + " Why is that? How good it is!" * _num_statements(text))


@_partial("words:words_position")
def _put_keyword_at_both_ends(draft: Draft, arguments: Arguments, request: Request) -> None:
    draft.opening.append(f"One {arguments['keyword']} opens the text.")
    draft.closing = f"It closes with a {arguments['keyword']} too."


@_partial("words:start_verb")
def _start_with_verb(draft: Draft, arguments: Arguments, request: Request) -> None:
    draft.opening.append("Consider the following.")


@_partial("count:conjunctions")
def _add_conjunctions(draft: Draft, arguments: Arguments, request: Request) -> None:
    draft.sentences.append(CONJUNCTION_SENTENCE)


@_partial("count:person_names")
def _name_people(draft: Draft, arguments: Arguments, request: Request) -> None:
    draft.sentences.append(f"{' and '.join(PERSON_NAMES[: arguments['N']])} agree.")


@_partial("count:numbers")
def _count(draft: Draft, arguments: Arguments, request: Request) -> None:
    draft.sentences.append(f"The numbers are {' and '.join(str(number + 3) for number in range(arguments['N']))}.")


@_partial("count:pronouns")
def _add_pronouns(draft: Draft, arguments: Arguments, request: Request) -> None:
    draft.sentences.append(f"{' and '.join([PRONOUN_CLAUSE] * (arguments['N'] // 5 + 1))}.")


@_partial("words:palindrome")
def _add_palindromes(draft: Draft, arguments: Arguments, request: Request) -> None:
    draft.sentences.append(f"Read these backwards: {PALINDROMES}.")


@_whole("detectable_format:json_format")
def _write_json(arguments: Arguments, request: Request) -> str:
    return json.dumps({"topic": request.topic, "notes": FILLERS[:3]}, indent=1)


@_whole("format:newline")
def _write_words_below_each_other(arguments: Arguments, request: Request) -> str:
    return "\n".join(f"{request.topic} {FILLERS[0]}".split())


@_whole("format:line_indent")
def _write_stairs(arguments: Arguments, request: Request) -> str:
    return "\n".join(" " * step + line for step, line in enumerate([request.topic, *FILLERS[:4]]))


@_whole("format:no_whitespace")
def _write_without_spaces(arguments: Arguments, request: Request) -> str:
    return "".join(word.capitalize() for word in request.topic.split())


@_whole("repeat:repeat_change")
def _change_first_word(arguments: Arguments, request: Request) -> str:
    return " ".join(["Now", *arguments["prompt_to_repeat"].split()[1:]])


@_whole("repeat:repeat_span")
def _copy_span(arguments: Arguments, request: Request) -> str:
    return " ".join(arguments["prompt_to_repeat"].split()[arguments["n_start"] : arguments["n_end"] + 1])


@_whole("language:response_language")
def _write_in_language(arguments: Arguments, request: Request) -> str:
    return LANGUAGE_TEXTS[arguments["language"]]


@_whole("ratio:sentence_words")
def _write_three_alike(arguments: Arguments, request: Request) -> str:
    return "Cats nap here. Dogs run fast. Fish swim low."


@_whole("sentence:increment")
def _write_longer_sentences(arguments: Arguments, request: Request) -> str:
    words = ["It", "is", *["very"] * 40]
    counts = [3 + step * arguments["small_n"] for step in range(4)]
    return " ".join(f"{' '.join([*words[: count - 1], 'good'])}." for count in counts)


@_whole("sentence:alliteration_increment")
def _alliterate(arguments: Arguments, request: Request) -> str:
    return "This helps. Some seeds grow. Big blue birds appear. Tall trees take time."


@_whole("words:last_first")
def _chain(arguments: Arguments, request: Request) -> str:
    return "Good work takes time. Time teaches patience. Patience helps everybody."


@_whole("words:paragraph_last_first")
def _close_paragraphs(arguments: Arguments, request: Request) -> str:
    return "Work leads to more work.\nRest follows after rest.\nTime heals with time."


@_whole("count:words_japanese")
def _mix_in_japanese(arguments: Arguments, request: Request) -> str:
    words = " ".join(FILLERS[:5]).split()
    return " ".join("水" if place % arguments["N"] == 0 else word for place, word in enumerate(words, 1))


@_whole("ratio:stop_words")
def _write_densely(arguments: Arguments, request: Request) -> str:
    return "Patient hands make light work. Small steps lead further. Good tools last longer. Fresh air helps."


@_whole("words:alphabet")
def _write_alphabet(arguments: Arguments, request: Request) -> str:
    return "All bees can dance every fine golden hour. It just keeps life merry."


@_whole("words:vowel")
def _write_three_vowels(arguments: Arguments, request: Request) -> str:
    return "All that matters is the start and the finish."


@_whole("words:consonants")
def _write_clusters(arguments: Arguments, request: Request) -> str:
    return "Small plants prosper. Friends help. Strong hands build things."


@_whole("words:prime_lengths")
def _write_primes(arguments: Arguments, request: Request) -> str:
    return "The small river is not far. It comes to the ocean. Water moves."


@_whole("words:repeats")
def _repeat_nothing(arguments: Arguments, request: Request) -> str:
    return "Small steps lead further than grand plans. Good light helps us."


@_whole("words:no_consecutive")
def _change_letters(arguments: Arguments, request: Request) -> str:
    return "Small plans lead far. Good tools help everybody. Rest comes after work."


@_whole("words:odd_even_syllables")
def _alternate_syllables(arguments: Arguments, request: Request) -> str:
    return "Good water keeps people well. Every dog happens past."


def _point(number: int) -> str:
    return ("Patience first", "Good tools", "Fresh air", "Clear notes", "Warm meals", "Long walks", "Quiet hours")[
        number % 7
    ]


def _num_statements(text: str) -> int:
    return sum(sentence.endswith(".") for sentence in sentences(text))


def _ask_for_every_two_statements(text: str) -> str:
    even = text if _num_statements(text) % 2 == 0 else f"{text} It helps."
    return even + " Why is that?" * (_num_statements(even) // 2)
