"""What a fresh prompt may ask for: checks with arguments drawn at random, said in several ways, and which go together.

Each constraint claims the aspects of an answer that it decides on (how it opens, its size, its letter case …). Two
constraints go together where they claim nothing in common: "no commas" and "every punctuation mark" never meet, and one
that decides on everything stands alone. IFBench's ``custom`` checks, ``format:options`` and IFEval's
``constrained_response`` belong to questions of their own, and ``ratio:overlap`` to a text of its own: none is drawn here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from tunesmith.checks.ifbench_count import PERSON_NAMES
from tunesmith.checks.requests import Request
from tunesmith.errors import UsageError, did_you_mean

# Words that neither the topics nor the example answers use otherwise.
KEYWORDS = [
    "lantern",
    "harbor",
    "velvet",
    "compass",
    "orchard",
    "marble",
    "thunder",
    "saddle",
    "amber",
    "canyon",
    "feather",
    "copper",
    "meadow",
    "ribbon",
    "anchor",
    "willow",
    "ember",
    "falcon",
    "granite",
    "hollow",
    "island",
    "jasmine",
    "kettle",
    "lagoon",
    "magnet",
    "nectar",
    "oyster",
    "pepper",
    "raven",
    "silk",
    "timber",
    "umbrella",
    "valley",
    "walnut",
    "zephyr",
    "blanket",
    "candle",
    "drum",
    "elbow",
    "ferry",
    "glove",
    "hammer",
    "ivory",
    "ladder",
    "mitten",
    "needle",
    "parcel",
    "rabbit",
    "scarf",
    "trumpet",
]
FIRST_WORDS = ["Today", "Often", "Outside", "Meanwhile", "Suddenly", "Tomorrow", "Elsewhere", "Finally"]
END_PHRASES = (
    "That is all for today.",
    "Ask me for more whenever you like.",
    "And so it goes.",
    "Let me know what you think.",
    "There is always more to learn.",
    "Thank you for reading.",
)
LANGUAGES = {"de": "German", "es": "Spanish", "fr": "French", "it": "Italian", "pt": "Portuguese", "nl": "Dutch"}
EVERYTHING = "everything"

Arguments = Mapping[str, Any]
Draw = Callable[[Random, Request], dict[str, Any]]


@dataclass(frozen=True)
class Constraint:
    """A check that can be asked for.

    Attributes:
        kind: what a person calls its family.
        claims: the aspects of an answer it decides on; `EVERYTHING` for one that stands alone.
        wordings: ways to say it, with ``{argument}`` in them.
        draw: arguments for a request.
    """

    id: str
    kind: str
    claims: frozenset[str]
    wordings: tuple[str, ...]
    draw: Draw

    def say(self, arguments: Arguments, random: Random) -> str:
        """What is asked, as one sentence."""
        shown = {name: LANGUAGES[value] if name == "language" else _shown(value) for name, value in arguments.items()}
        return random.choice(self.wordings).format(**shown)

    def goes_with(self, other: Constraint) -> bool:
        """Whether an answer can follow both, whatever their arguments."""
        return EVERYTHING not in self.claims | other.claims and not self.claims & other.claims


CONSTRAINTS: dict[str, Constraint] = {}


def constraint(id: str, kind: str, claims: str, *wordings: str, **draws: Any) -> None:
    """File a constraint; each argument is a value, a list to choose from, a range, or a function (random, request)."""

    def draw(random: Random, request: Request) -> dict[str, Any]:
        return {name: _drawn(how, random, request) for name, how in draws.items()}

    CONSTRAINTS[id] = Constraint(id, kind, frozenset(claims.split()), wordings, draw)


def choose_constraints(kinds: Sequence[str] = ()) -> list[Constraint]:
    """Those of the given kinds (`length`), families (`change_case`) or ids (`punctuation:no_comma`); all where none is given.

    A name that is both is the kind: `format` leaves out ``format:title_case``, which is of the kind `case`.

    Raises:
        UsageError: there is no such kind.
    """
    names = {c.kind for c in CONSTRAINTS.values()}
    families = {id.split(":")[0] for id in CONSTRAINTS} - names
    known = names | families | set(CONSTRAINTS)
    for kind in kinds:
        if kind not in known:
            near = did_you_mean(kind, known) or f" Choose from {', '.join(sorted(names))}, or name checks by id."
            raise UsageError(f"no fresh prompts of the kind `{kind}`.{near}")
    wanted = set(kinds or names)
    return [c for c in CONSTRAINTS.values() if wanted & {c.kind, c.id, *({c.id.split(":")[0]} & families)}]


def _drawn(how: Any, random: Random, request: Request) -> Any:
    if callable(how):
        return how(random, request)
    return random.choice(how) if isinstance(how, list | tuple | range) else how


def _shown(value: Any) -> str:
    """A value as it stands in a sentence: words of a list in quotes, with "and" before the last."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        return str(value)
    quoted = [f'"{word}"' for word in value]
    return " and ".join((", ".join(quoted[:-1]), quoted[-1])) if len(quoted) > 1 else quoted[0]


def _some_keywords(low: int, high: int) -> Draw:
    return lambda random, _: sorted(random.sample(KEYWORDS, random.randint(low, high)))


def _five_keywords(random: Random, request: Request) -> dict[str, str]:
    return {f"keyword{n}": word for n, word in enumerate(random.sample(KEYWORDS, 5), 1)}


def _number_words(random: Random, request: Request) -> dict[str, Any]:
    relation = random.choice(("at least", "less than"))
    return {
        "relation": relation,
        "num_words": random.randrange(*(60, 301) if relation == "at least" else (100, 401), 10),
    }


def _number_sentences(random: Random, request: Request) -> dict[str, Any]:
    relation = random.choice(("at least", "less than"))
    return {"relation": relation, "num_sentences": random.randint(*(4, 15) if relation == "at least" else (10, 20))}


def _word_range(random: Random, request: Request) -> dict[str, int]:
    low = random.randrange(80, 301, 10)
    return {"min_words": low, "max_words": low + random.randrange(20, 61, 10)}


def _letter(random: Random, request: Request) -> dict[str, Any]:
    if random.random() < 0.5:
        return {
            "letter": random.choice("aeinorst"),
            "let_relation": "at least",
            "let_frequency": random.randint(10, 40),
        }
    return {"letter": random.choice("jqxz"), "let_relation": "less than", "let_frequency": random.randint(8, 12)}


def _capitals(random: Random, request: Request) -> dict[str, Any]:
    relation = random.choice(("at least", "less than"))
    return {
        "capital_relation": relation,
        "capital_frequency": random.randint(*(3, 12) if relation == "at least" else (6, 15)),
    }


def _paragraph_and_word(random: Random, request: Request) -> dict[str, Any]:
    count = random.randint(2, 5)
    word = random.choice(FIRST_WORDS).lower()
    return {"num_paragraphs": count, "nth_paragraph": random.randint(1, count), "first_word": word}


def _span(random: Random, request: Request) -> dict[str, Any]:
    last = len(request.text.split()) - 1
    start = random.randint(0, last - 1)
    return {"prompt_to_repeat": request.text, "n_start": start, "n_end": random.randint(start + 1, last)}


def _request(random: Random, request: Request) -> str:
    return request.text


def _together(id: str, kind: str, claims: str, draw: Draw, *wordings: str) -> None:
    """File a constraint whose arguments are drawn together."""
    CONSTRAINTS[id] = Constraint(id, kind, frozenset(claims.split()), wordings, draw)


_together(
    *("length_constraints:number_words", "length", "size", _number_words),
    "Use {relation} {num_words} words.",
    "The answer should have {relation} {num_words} words.",
    "Word count: {relation} {num_words}.",
)
_together(
    *("length_constraints:number_sentences", "length", "size sentences", _number_sentences),
    "Write {relation} {num_sentences} sentences.",
    "The number of sentences must be {relation} {num_sentences}.",
    "I want {relation} {num_sentences} sentences.",
)
constraint(
    *("length_constraints:number_paragraphs", "length", "parts stars lists"),
    "Write exactly {num_paragraphs} paragraphs and put a line with *** between one and the next.",
    "There should be {num_paragraphs} paragraphs, divided by the markdown divider ***.",
    num_paragraphs=range(2, 7),
)
_together(
    *("length_constraints:nth_paragraph_first_word", "length", "parts opening lists ending", _paragraph_and_word),
    'Write {num_paragraphs} paragraphs with one empty line between them; paragraph {nth_paragraph} must begin with the word "{first_word}".',
    'I need {num_paragraphs} paragraphs, set apart by two line breaks and nothing else. Let number {nth_paragraph} start with "{first_word}".',
)
_together(
    *("count:word_count_range", "length", "size", _word_range),
    "Stay between {min_words} and {max_words} words.",
    "The answer must have no fewer than {min_words} and no more than {max_words} words.",
)
constraint(
    *("count:unique_word_count", "length", "size"),
    "Use at least {N} different words.",
    "The vocabulary of the answer should come to {N} different words or more.",
    N=range(40, 121, 5),
)
constraint(
    *("keywords:existence", "keywords", ""),
    "Include the words {keywords}.",
    "Make sure that each of these appears: {keywords}.",
    "Work in {keywords} somewhere.",
    keywords=_some_keywords(2, 4),
)
constraint(
    *("keywords:frequency", "keywords", "frequency"),
    'Use the word "{keyword}" {relation} {frequency} times.',
    'The word "{keyword}" should appear {relation} {frequency} times.',
    keyword=KEYWORDS,
    relation=("at least", "less than"),
    frequency=range(2, 6),
)
constraint(
    *("keywords:forbidden_words", "keywords", "forbidden"),
    "Do not use the words {forbidden_words}.",
    "These words are off limits: {forbidden_words}.",
    "Leave out {forbidden_words}.",
    forbidden_words=_some_keywords(2, 4),
)
_together(
    *("keywords:letter_frequency", "keywords", "letters", _letter),
    'The letter "{letter}" should appear {let_relation} {let_frequency} times.',
    'Use the letter "{letter}" {let_relation} {let_frequency} times in all.',
)
_together(
    *("count:keywords_multiple", "keywords", "frequency", _five_keywords),
    'Use "{keyword1}" once, "{keyword2}" twice, "{keyword3}" three times, "{keyword4}" five times and "{keyword5}" seven times.',
    "How often each word must appear: {keyword1} 1, {keyword2} 2, {keyword3} 3, {keyword4} 5, {keyword5} 7.",
)
constraint(
    *("sentence:keyword", "keywords", "order"),
    'Sentence number {N} has to contain the word "{word}".',
    'Put the word "{word}" into sentence {N}.',
    word=KEYWORDS,
    N=range(2, 7),
)
constraint(
    *("detectable_format:number_bullet_lists", "format", "stars lists parts ending marks"),
    "Include exactly {num_bullets} bullet points in markdown, such as: * This is a point.",
    "Close with {num_bullets} bullet points, no more and no fewer, each on a line that begins with an asterisk.",
    num_bullets=range(2, 8),
)
constraint(
    *("detectable_format:number_highlighted_sections", "format", "stars"),
    "Highlight at least {num_highlights} passages with markdown, such as *this one*.",
    "Mark {num_highlights} or more phrases with single asterisks, *like this*.",
    num_highlights=range(2, 5),
)
constraint(
    *("detectable_format:title", "format", "opening"),
    "Give the answer a title in double angular brackets, such as <<a title>>.",
    "Begin with a title and wrap it like this: <<title>>.",
)
constraint(
    *("detectable_format:json_format", "format", EVERYTHING),
    "The whole answer must be valid JSON; a markdown code block around it is fine.",
    "Return JSON and nothing but JSON.",
)
constraint(
    *("detectable_format:multiple_sections", "format", "parts opening case numbers lists ending"),
    "Divide the answer into {num_sections} sections and mark the beginning of each with {section_spliter} X, such as {section_spliter} 1.",
    'Make {num_sections} sections. Each opens with "{section_spliter}" and its number.',
    section_spliter=("Section", "Part", "Chapter", "SECTION"),
    num_sections=range(2, 6),
)
constraint(
    *("format:list", "format", "lists parts ending marks"),
    "Add a list whose items begin with {sep} instead of a bullet.",
    "Close with two or more items, each introduced by {sep}.",
    sep=("~~", ">>>", "=>", "#+#", "@@"),
)
constraint(
    *("format:newline", "format", EVERYTHING),
    "Write each word on a new line.",
    "Put every single word on a line of its own.",
)
constraint(
    *("format:line_indent", "format", EVERYTHING),
    "Indent each line more than the one before, like a staircase.",
    "Let the lines form stairs: every new line is indented further.",
)
constraint(
    *("format:no_whitespace", "format", EVERYTHING),
    "The answer must not contain any whitespace.",
    "Write without a single space, tab or line break.",
)
constraint(
    *("format:emoji", "format", "marks ending lists parts opening sentences quotes"),
    "End every sentence with an emoji.",
    "No sentence without an emoji at its end.",
)
constraint(
    *("format:thesis", "format", "opening case"),
    "Open with a thesis statement in italics, made with HTML tags.",
    "Put a thesis in <i>HTML italics</i> in front, then go on in plain text.",
)
constraint(
    *("format:sub-bullets", "format", "stars lists parts ending marks"),
    "Use bullet points that begin with * and at least one sub-bullet with - under each of them.",
    "Add a list with * for the points; each point needs one or more sub-points with -.",
)
constraint(
    *("format:no_bullets_bullets", "format", "stars lists parts ending marks opening quotes"),
    "Write at least two sentences that end in a period, then at least two bullet points with *.",
    "First two or more full sentences, after them two or more lines that begin with *, and nothing else.",
)
constraint(
    *("format:title_case", "case", "case opening quotes ending lists parts keywords"),
    "Write the Entire Answer in Title Case.",
    "Every word of the answer begins with a capital and goes on small, as in a title.",
)
constraint(
    *("format:output_template", "format", "opening case parts lists order"),
    "Use this template: My Answer: [answer] My Conclusion: [conclusion] Future Outlook: [outlook]",
    'Structure the answer by the labels "My Answer:", "My Conclusion:" and "Future Outlook:".',
)
constraint(
    *("format:parentheses", "format", "brackets"),
    "Nest brackets at least five levels deep somewhere, such as (a [b {{c}}]) and further.",
    "Somewhere put brackets in brackets, five deep or more.",
)
constraint(
    *("format:quotes", "format", "quotes"),
    "Include quotes within quotes within quotes, with double and single quotation marks by turns.",
    "Nest quotations three levels deep and alternate \" and '.",
)
constraint(
    *("format:quote_unquote", "format", "quotes"),
    "Explain every quoted phrase right after it, outside the quotation marks.",
    "Each quotation must be followed by an explanation without quotation marks.",
)
constraint(
    *("detectable_content:number_placeholders", "content", "brackets"),
    "Include at least {num_placeholders} placeholders in square brackets, such as [address].",
    "Leave {num_placeholders} or more blanks to fill in, written like [name].",
    num_placeholders=range(2, 6),
)
constraint(
    *("detectable_content:postscript", "content", "ending"),
    "At the end add a postscript that starts with {postscript_marker}",
    "Close with a postscript, introduced by {postscript_marker}",
    postscript_marker=("P.S.", "P.P.S"),
)
constraint(
    *("change_case:english_capital", "case", "case sentences order"),
    "Write in English and in capital letters only.",
    "The whole answer is to be in English, ALL CAPITALS.",
)
constraint(
    *("change_case:english_lowercase", "case", "case sentences order"),
    "Write in English and in lowercase letters only.",
    "no capital letters anywhere, please, and in English.",
)
_together(
    *("change_case:capital_word_frequency", "case", "case", _capitals),
    "Words in all capitals should appear {capital_relation} {capital_frequency} times.",
    "Write {capital_relation} {capital_frequency} words in capital letters.",
)
constraint(
    *("punctuation:no_comma", "punctuation", "commas"),
    "Do not use any commas.",
    "Write without a single comma.",
    "No commas, please.",
)
constraint(
    *("count:punctuation", "punctuation", "commas marks sentences"),
    "Use every standard punctuation mark at least once, including semicolon, colon and the interrobang (?!).",
    "Each of . , ! ? ; : must appear, and an interrobang (?!) too.",
)
constraint(
    *("startend:end_checker", "ending", "ending"),
    'Finish with exactly this: "{end_phrase}" Nothing may come after it.',
    'The very last words must be "{end_phrase}"',
    end_phrase=END_PHRASES,
)
constraint(
    *("startend:quotation", "ending", "opening ending quotes"),
    "Wrap the whole answer in double quotation marks.",
    "Put a double quotation mark before the first and after the last word of the answer.",
)
constraint(
    *("combination:repeat_prompt", "repetition", "opening case commas quotes sentences size order marks parts letters"),
    'First repeat this request word for word, then answer it: "{prompt_to_repeat}"',
    'Before the answer, say again without any change: "{prompt_to_repeat}"',
    prompt_to_repeat=_request,
)
constraint(
    *("combination:two_responses", "repetition", "opening ending parts lists stars quotes"),
    "Give two different answers, with six asterisks between them: ******.",
    "Answer twice, differently; put ****** between the first answer and the second, and nowhere else.",
)
constraint(
    *("repeat:repeat_change", "repetition", EVERYTHING),
    'Do not answer. Only repeat the following with another first word: "{prompt_to_repeat}"',
    'Say this again, with its first word changed and nothing before or after: "{prompt_to_repeat}"',
    prompt_to_repeat=_request,
)
_together(
    *("repeat:repeat_span", "repetition", EVERYTHING, _span),
    'Do not answer. Only copy words {n_start} to {n_end} of the following, both included, counted from 0 by white space: "{prompt_to_repeat}"',
    'Just give me the words from index {n_start} up to and with index {n_end} (the first word has index 0) of this: "{prompt_to_repeat}"',
)
constraint(
    *("language:response_language", "language", EVERYTHING),
    "Write the whole answer in {language}.",
    "Use no other language than {language}.",
    language=list(LANGUAGES),
)
constraint(
    *("ratio:sentence_type", "sentences", "sentences marks parts lists opening ending"),
    "Write twice as many statements as questions.",
    "For every question there must be two sentences that end in a period.",
)
constraint(
    *("ratio:sentence_balance", "sentences", "sentences marks parts lists opening ending"),
    "Write equally many statements, questions and exclamations.",
    "Sentences that end in a period, in a question mark and in an exclamation mark must be equal in number.",
)
constraint(
    *("ratio:sentence_words", "sentences", EVERYTHING),
    "Answer in three sentences of equally many characters, and use no word twice.",
    "Three sentences, all of the same length in characters, all of different words.",
)
constraint(
    *("sentence:increment", "sentences", EVERYTHING),
    "Each sentence must have exactly {small_n} more words than the one before.",
    "Let every sentence be {small_n} words longer than the last.",
    small_n=range(1, 5),
)
constraint(
    *("sentence:alliteration_increment", "sentences", EVERYTHING),
    "Each sentence must have a longer run of alliterating words than the one before.",
    "Let the alliteration grow: from sentence to sentence, more words in a row share their first letter.",
)
constraint(
    *("words:last_first", "sentences", EVERYTHING),
    "The last word of each sentence must be the first word of the next.",
    "Chain the sentences: each begins with the word that ended the one before.",
)
constraint(
    *("words:paragraph_last_first", "sentences", EVERYTHING),
    "Each paragraph must end with the word it began with; one newline between paragraphs.",
    "Write paragraphs, a line each, whose first and last word are the same.",
)
constraint(
    *("words:keywords_specific_position", "position", "order opening parts lists commas sentences quotes"),
    'In sentence {n} the {m}th word must be "{keyword}".',
    'Word {m} of sentence {n} is to be "{keyword}".',
    keyword=KEYWORDS,
    n=range(2, 6),
    m=range(4, 9),
)
constraint(
    *("words:words_position", "position", "opening ending parts lists"),
    'The second word and the second to last word of the answer must both be "{keyword}".',
    'Make "{keyword}" the second word, and the last but one as well.',
    keyword=KEYWORDS,
)
constraint(
    *("words:start_verb", "position", "opening"),
    "The first word of the answer must be a verb.",
    "Start with a verb.",
)
constraint(
    *("count:conjunctions", "words", "order"),
    "Use at least {small_n} different coordinating conjunctions.",
    "Work in {small_n} or more of the conjunctions and, but, for, nor, or, so, yet.",
    small_n=range(2, 7),
)
constraint(
    *("count:person_names", "words", "case names"),
    f"Mention at least {{N}} of these people: {', '.join(PERSON_NAMES)}.",
    f"At least {{N}} different names from this list must appear: {', '.join(PERSON_NAMES)}.",
    N=range(2, 9),
)
constraint(
    *("count:numbers", "words", "numbers"),
    "Include exactly {N} numbers, in digits.",
    "There must be {N} numbers in the answer, written in digits, no more and no fewer.",
    N=range(2, 10),
)
constraint(
    *("count:pronouns", "words", "pronouns"),
    "Use at least {N} pronouns.",
    "Pronouns must appear {N} times or more.",
    N=range(5, 21),
)
constraint(
    *("count:words_japanese", "words", EVERYTHING),
    "Word number {N} and every {N}th word after it must be Japanese.",
    "Let each {N}th word be in Japanese script.",
    N=range(3, 10),
)
constraint(
    *("ratio:stop_words", "words", EVERYTHING),
    "At most {percentage}% of the words may be stop words such as the, of and is.",
    "Keep stop words down to {percentage}% of all words or less.",
    percentage=range(20, 51, 5),
)
constraint(
    *("words:alphabet", "words", EVERYTHING),
    "Each word must begin with the next letter of the alphabet, with A after Z.",
    "Go through the alphabet with the first letters of your words, one after the other.",
)
constraint(
    *("words:vowel", "words", EVERYTHING),
    "Write one paragraph in which no more than three of the vowels a, e, i, o, u appear.",
    "Choose three vowels and do without the others, in a single paragraph.",
)
constraint(
    *("words:consonants", "words", EVERYTHING),
    "Every word must have two consonants side by side.",
    "Use only words with a cluster of consonants, such as st or ng.",
)
constraint(
    *("words:palindrome", "words", "palindromes"),
    "Include at least ten palindromes of five letters or more.",
    "Ten or more words must read the same backwards; each of them has at least five letters.",
)
constraint(
    *("words:prime_lengths", "words", EVERYTHING),
    "Use only words whose number of letters is prime.",
    "Each word must be 2, 3, 5, 7, 11 or 13 letters long.",
)
constraint(
    *("words:repeats", "words", EVERYTHING),
    "Use no word more than {small_n} times.",
    "No word may appear more often than {small_n} times.",
    small_n=range(1, 5),
)
constraint(
    *("words:no_consecutive", "words", EVERYTHING),
    "No two words in a row may begin with the same letter.",
    "Neighboring words must differ in their first letter.",
)
constraint(
    *("words:odd_even_syllables", "words", EVERYTHING),
    "Let words with an odd and an even number of syllables take turns.",
    "After a word with an odd number of syllables comes one with an even number, and the other way round.",
)
