"""IFBench's ``custom:*``: one question each, whose answer is known (Pyatkin et al. 2025, allenai/IFBench)."""

from __future__ import annotations

import csv
import io
import re
import string
import unicodedata
from itertools import pairwise

from tunesmith.checks import splitting
from tunesmith.checks.catalog import check
from tunesmith.checks.marks import MARKS, trimmed, without_marks

# European capitals north of 45° N that the published code expects, from north to south.
_CAPITALS = """
Reykjavik Helsinki Oslo Tallinn Stockholm Riga Moscow Copenhagen Vilnius Minsk Dublin Berlin Amsterdam Warsaw London
Brussels Prague Luxembourg Paris Vienna Bratislava Budapest Vaduz Chisinau Bern Ljubljana Zagreb
"""
CAPITALS = tuple(_CAPITALS.split())
COUNTRIES_FROM, MIN_COUNTRIES = "Zimbabwe", 52
NUM_QUESTIONS, NUM_OPTIONS = 4, 5
QUESTION, OPTION = re.compile(r"\n*(?:Question \d+[\.|\):;]?\s*)"), re.compile(r"[A-Ea-e][\.|\)]\s*\w+")
DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
NAPOLEON = (1769, 1821)
MONTH_DAYS = {2: 29} | dict.fromkeys((4, 6, 9, 11), 30)


@check("custom:multiples", "Count from 10 to 50 in multiples of 7.")
def counts_sevens(answer: str) -> bool:
    """The numbers in the answer are 14, 21, 28, 35, 42 and 49, in that order, and no other."""
    return re.findall(r"\d+", answer) == [str(number) for number in range(14, 51, 7)]


@check("custom:mcq_count_length", "Ask four questions, each longer than the one before, with five options each.")
def asks_longer_and_longer(answer: str) -> bool:
    """From its first character "Question 1 …": four questions, each longer than the one before, with five options each.

    An option is a line of a letter A–E, "." or ")", and a word. A question's length is that of its lines before the first option.
    """
    if not answer.startswith("Question"):
        return False
    questions = [part.strip() for part in QUESTION.split(answer) if part.strip()]
    lengths = [_question_length(question) for question in questions]
    if len(questions) != NUM_QUESTIONS or None in lengths:
        return False
    return all(length < following for length, following in pairwise(lengths))


@check("custom:reverse_newline", "List Africa's countries from Z to A, one a line.")
def lists_countries_backwards(answer: str) -> bool:
    """From the line with Zimbabwe on, 52 lines or more, sorted from Z to A without accents.

    Which countries they are is not looked at, as in the published code.
    """
    lines = [line for line in map(trimmed, answer.split("\n")) if line]
    first = next((at for at, line in enumerate(lines) if COUNTRIES_FROM in line), len(lines))
    names = [_ascii(line) for line in lines[first:]]
    return len(names) >= MIN_COUNTRIES and names == sorted(names, reverse=True)


@check("custom:word_reverse", "Name the national animal of the USA in a sentence whose words stand in reverse order.")
def names_the_eagle_backwards(answer: str) -> bool:
    """With its words turned round the answer says "bald eagle", and it is one sentence."""
    text = " ".join(reversed(without_marks(answer.lower().strip()).split()))
    return "bald eagle" in text and text in splitting.sentences(text)


@check("custom:character_reverse", "Name the national animal of the USA in a sentence spelled backwards.")
def spells_the_eagle_backwards(answer: str) -> bool:
    """The answer holds "elgae dlab", in any case."""
    return "elgae dlab" in answer.lower()


@check("custom:sentence_alphabet", "Tell a story of 26 sentences that begin with A to Z.")
def tells_from_a_to_z(answer: str) -> bool:
    """Twenty-six sentences whose first letters are a to z in order, marks in front aside."""
    starts = [sentence.lstrip(MARKS + string.whitespace)[:1].lower() for sentence in splitting.sentences(answer)]
    return starts == list(string.ascii_lowercase)


@check(
    "custom:european_capitals_sort", "List Europe's capitals north of 45 degrees from north to south, apart by commas."
)
def lists_capitals(answer: str) -> bool:
    """The capitals from north to south, apart by commas, accents aside; nothing else, but an empty place."""
    return [name.strip() for name in _ascii(answer).split(",") if name.strip()] == list(CAPITALS)


@check("custom:csv_city", "Write CSV with the columns ID, Country, City, Year and Count and seven rows.")
def is_city_table(answer: str) -> bool:
    """CSV: the header ID, Country, City, Year, Count, then seven rows of five fields."""
    rows = _table(answer)
    return len(rows) == 8 and rows[0] == ["ID", "Country", "City", "Year", "Count"] and _has_five_columns(rows)


@check(
    "custom:csv_special_character",
    "Write CSV with the columns ProductID, Category, Brand, Price and Stock and fourteen rows; quote a field with a special character.",
)
def is_product_table(answer: str) -> bool:
    """CSV: the header ProductID, Category, Brand, Price, Stock, then fourteen rows; one field in quotes holds a mark.

    Rows after the first such field are not looked at for their number of fields, as in the published code.
    """
    rows = _table(_keep_quotes(answer))
    if not _is_header(answer, "ProductID Category Brand Price Stock", ",[ \\t]*") or len(rows) != 15:
        return False
    marked = (at for at, row in enumerate(rows[1:], 1) if any(re.match(r'".*[^\d\w\s].*"', field) for field in row))
    found = next(marked, None)
    return found is not None and _has_five_columns(rows[1 : found + 1])


@check(
    "custom:csv_quotes",
    "Write tab-separated columns StudentID, Subject, Grade, Semester and Score and three rows, every field quoted.",
)
def is_quoted_table(answer: str) -> bool:
    """Tab-separated: the header StudentID, Subject, Grade, Semester, Score and three rows, each field in double quotes."""
    rows = _table(_keep_quotes(answer), delimiter="\t")
    if not _is_header(answer, "StudentID Subject Grade Semester Score", "\t *") or len(rows) != 4:
        return False
    fields = [field.strip() for row in rows for field in row]
    return _has_five_columns(rows) and all(field.startswith('"') and field.endswith('"') for field in fields)


@check("custom:date_format_list", "List the dates of Napoleon's battles as YYYY-MM-DD, apart by commas.")
def lists_dates(answer: str) -> bool:
    """YYYY-MM-DD by commas and nothing else, each a day within Napoleon's years (1769–1821).

    Which battles they are of is not looked at. Month and day may be 00, and February has 29 days, as in the published code.
    """
    return all(_is_napoleonic(date.strip()) for date in answer.strip().split(","))


def _question_length(question: str) -> int | None:
    """Characters before a question's options; None where it has not five of them."""
    lines = [line.strip() for line in question.split("\n")]
    options = [at for at, line in enumerate(lines) if OPTION.match(line)]
    return len(" ".join(lines[: options[0]]).strip()) if len(options) == NUM_OPTIONS else None


def _ascii(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")


def _table(text: str, delimiter: str = ",") -> list[list[str]]:
    """The rows of CSV; none where it is broken (the published code stops with an error there)."""
    try:
        return list(csv.reader(io.StringIO(text), delimiter=delimiter))
    except csv.Error:
        return []


def _keep_quotes(text: str) -> str:
    """CSV whose quotes survive reading: each one doubled within quotes."""
    return text.replace('"', '"""')


def _is_header(text: str, names: str, separator: str) -> bool:
    columns = (f'({name}|"{name}")' for name in names.split())
    return re.match(f"^{separator.join(columns)}$", text.split("\n")[0].strip()) is not None


def _has_five_columns(rows: list[list[str]]) -> bool:
    return all(len(row) == 5 for row in rows)


def _is_napoleonic(date: str) -> bool:
    found = DATE.fullmatch(date)
    if not found:
        return False
    year, month, day = map(int, found.groups())
    return NAPOLEON[0] <= year <= NAPOLEON[1] and month <= 12 and day <= MONTH_DAYS.get(month, 31)
