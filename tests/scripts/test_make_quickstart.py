"""The quickstart's instruction set: the same every time, honest in its splits, right in its answers, dirty as planned."""

from __future__ import annotations

import json
import re
import string
import subprocess
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import corpus_overlap
import pytest
import yaml
from corpus_overlap import words
from make_quickstart import NUM_TRAIN, READY, main
from quickstart_dirt import count_dirt
from quickstart_inputs import TRAINED, UNTRAINED, read_lexicon, read_phrasings

from tunesmith.curation.dedup import prompt_key
from tunesmith.curation.formats import record_from_row
from tunesmith.curation.pipeline import prepare
from tunesmith.curation.prepared import Prepared
from tunesmith.errors import DataError
from tunesmith.evaluation.baselines import nearest_example
from tunesmith.evaluation.runner import samples_from_records
from tunesmith.files import read_jsonl
from tunesmith.recipe import DataSection

SCRIPT = Path(__file__).parents[2] / "scripts" / "make_quickstart.py"
TESTS = ("unseen_phrasings", "unseen_values", "unseen_families")
CURATE = ["normalize_text", "drop_empty", "drop_bad_order", "drop_short", "drop_duplicates"]
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
BOOK = read_phrasings(READY / "phrasings.yaml")
LEXICON = read_lexicon(READY / "lexicon.yaml")
PERSONAL = re.compile(r"(Write to \S+@example\.(com|org)|Call [^.]+|My address is \S+, my number [^.]+)\. ")


@dataclass(frozen=True)
class Question:
    """A row as a test sees it: where it stands, its phrasing's slots, and the text and answers."""

    task: str
    slots: dict[str, str]
    text: str
    answers: tuple[str, ...]
    phrasing: str


@pytest.fixture(scope="session")
def prepared() -> Prepared:
    data = DataSection(sources=[str(READY / "raw.jsonl")], validation_fraction=0.0, test_fraction=0.0)
    return prepare(data, CURATE)


@pytest.fixture(scope="session")
def held_back() -> dict[str, list[dict]]:
    return {name: read_jsonl(READY / f"{name}.jsonl") for name in TESTS}


@pytest.fixture(scope="session")
def trained(prepared) -> dict[str, list[Question]]:
    return by_family(
        question(record.task, record.messages[0].content, (record.answer,), "train") for record in prepared.train
    )


@pytest.fixture(scope="session")
def judged(held_back) -> dict[str, list[Question]]:
    def asked(name):
        side = "train" if name == "unseen_values" else "held_out"
        for row in held_back[name]:
            text = "\n\n".join(part for part in (row["instruction"], row["input"]) if part)
            yield question(row["task"], text, tuple(row.get("references", [row["output"]])), side)

    return by_family(one for name in TESTS for one in asked(name))


def by_family(questions) -> dict[str, list[Question]]:
    families = defaultdict(list)
    for one in questions:
        families[one.task].append(one)
    return dict(families)


def question(task: str, prompt: str, answers: tuple[str, ...], side: str) -> Question:
    """The phrasing found again among those of the side, so that a wrong slot or a foreign phrasing fails."""
    instruction, _, given = prompt.replace("  ", " ").partition("\n\n")  # of duplicates the wider may be the first
    for phrasing in getattr(BOOK[task], side):
        found = pattern(phrasing.text).fullmatch(instruction)
        if found and bool(given) != ("text" in found.groupdict()):
            slots = found.groupdict()
            text = slots.pop("text", PERSONAL.sub("", given))
            return Question(task, slots, text, answers, phrasing.text)
    raise AssertionError(f"no {side} phrasing of {task} gives {prompt!r}")


def pattern(template: str) -> re.Pattern[str]:
    parts = (
        re.escape(text) + (f"(?P<{slot}>.+)" if slot else "") for text, slot, _, _ in string.Formatter().parse(template)
    )
    return re.compile("".join(parts), re.DOTALL)


# ── what the right answer is, worked out again ─────────────────────────────────────────────────


def whole(one: Question) -> str:
    """The text with the question behind it, wherever the phrasing has it."""
    return f"{one.text} {one.slots.get('question', '')}"


def answer_question(one: Question) -> str:
    facts = re.findall(r"([A-Z]\w+) (\w+) (an? \w+ \w+)\.", whole(one))
    what = re.search(r"What did (\w+) (\w+)\?", whole(one))
    if what:
        (answer,) = [owned for name, _, owned in facts if name == what[1]]
        return answer
    past, wanted = re.search(r"Who (\w+) (an? \w+ \w+)\?", whole(one)).groups()
    (answer,) = [name for name, did, owned in facts if (did, owned) == (past, wanted)]
    return answer


def arithmetic(one: Question) -> str:
    first, second = (NUMBERS.index(word) for word in words(one.text) if word in NUMBERS)
    return NUMBERS[first - second if re.search(r"loses|away", one.text) else first + second]


def bullets(one: Question) -> str:
    return "\n".join(f"- {thing}" for thing in re.findall(r"\ban? \w+", one.text))


def only_one_of(pool: str):
    def find(one: Question) -> str:
        known = {value for side in ("train", "held_out") for value in getattr(getattr(LEXICON, pool), side)}
        (found,) = [word for word in re.findall(r"\w+", one.text) if word in known]
        return found

    return find


def first_words(one: Question) -> str:
    return " ".join(re.findall(r"\w+,?", one.text)[: NUMBERS.index(one.slots["n"])]).rstrip(",")


def json_object(one: Question) -> str:
    return json.dumps(dict(pair.split("=") for pair in one.text.split()))


def reason(one: Question) -> str:
    text = whole(one)
    opposites = {"shortest": "tall", "youngest": "old", "slowest": "fast", "weakest": "strong", "poorest": "rich"}
    above = [(a, b) for a, b in re.findall(r"(\w+) is \w+er than (\w+)", text)]
    above += [(b, a) for a, b in re.findall(r"(\w+) is not as \w+ as (\w+)", text)]
    if "wins" in text:
        (color,) = re.findall(r"(?<!If )[Tt]he \w+ is (\w+)\.", text)
        return re.search(rf"is {color}, (\w+) wins", text)[1]
    asked = re.search(r"Who is (?:the )?(\w+)\?", text)[1]
    names = {name for pair in above for name in pair}
    side = 0 if asked in opposites else 1
    (answer,) = names - {pair[side] for pair in above}
    return answer


def replace_word(one: Question) -> str:
    old, new = one.slots["old"], one.slots["new"]
    assert old in re.findall(r"\w+", one.text)
    return "".join(new if part == old else part for part in re.split(r"(\W)", one.text))


def sentiment(one: Question) -> str:
    found = words(one.text)
    good = {value for side in ("train", "held_out") for value in getattr(LEXICON.good, side)}
    bad = {value for side in ("train", "held_out") for value in getattr(LEXICON.bad, side)}
    (is_good,) = [word in good for word in found if word in good | bad]
    return "positive" if is_good != ("not" in found) else "negative"


def sort_words(one: Question) -> str:
    return ", ".join(sorted(one.text.split(", ")))


def summarize(one: Question) -> str:
    name, spot = re.search(r"(\w+) went to the (\w+)\.", one.text).groups()
    past, thing = re.search(rf"\. {name} (\w+) an? \w+ (\w+) there\.", one.text).groups()
    return f"{name} {past} {'an' if thing[0] in 'aeiou' else 'a'} {thing} at the {spot}."


def translate(one: Question) -> str:
    language = LEXICON.language
    known = {"the": language.article, **language.adjectives, **language.nouns, **language.verbs}
    known |= {f"{noun}s": word + language.plural for noun, word in language.nouns.items()}
    return " ".join(known[word] for word in one.text.split())


def upper_case(one: Question) -> str:
    return one.text.upper()


def reverse_list(one: Question) -> str:
    return ", ".join(one.text.split(", ")[::-1])


EXPECTED = {
    function.__name__: function
    for function in (
        answer_question, arithmetic, bullets, first_words, json_object, reason, replace_word, reverse_list, sentiment,
        sort_words, summarize, translate, upper_case,
    )
} | {"find_person": only_one_of("names"), "find_place": only_one_of("towns"), "find_animal": only_one_of("animals")}  # fmt: skip


@pytest.mark.parametrize("family", EXPECTED)
def test_every_answer_is_what_another_way_of_working_it_out_gives(family, trained, judged):
    questions = [*trained.get(family, []), *judged[family]]
    assert len(questions) > 20
    wrong = [one for one in questions if one.answers != (EXPECTED[family](one),)]
    assert wrong == []


CODE = {
    "adds (.+) to (.+)": lambda a, b: b + a,
    "adds (.+) and (.+)": lambda a, b: a + b,
    "takes (.+) from (.+)": lambda a, b: b - a,
    "multiplies (.+) by (.+)": lambda a, b: a * b,
    "checks if (.+) is more than (.+)": lambda a, b: a > b,
    "checks if (.+) is less than (.+)": lambda a, b: a < b,
    "checks if (.+) equals (.+)": lambda a, b: a == b,
    "gives the larger of (.+) and (.+)": max,
    "gives the smaller of (.+) and (.+)": min,
}


def test_code_gives_what_its_description_says(trained, judged):
    for one in [*trained["write_code"], *judged["write_code"]]:
        (parts, compute) = next(
            (found.groups(), compute) for text, compute in CODE.items() if (found := re.fullmatch(text, one.text))
        )
        for values in ((3, 8), (8, 3), (5, 5)):
            known = {part: value for part, value in zip(parts, values) if not part.isdigit()}
            wanted = compute(*(known.get(part, int(part) if part.isdigit() else None) for part in parts))
            results = [eval(answer, {"max": max, "min": min}, known) for answer in one.answers]
            assert results == [wanted] * len(results), one


def test_a_story_holds_what_it_is_to_be_about_and_a_test_accepts_every_opening(trained, judged):
    for one in [*trained["write_story"], *judged["write_story"]]:
        given = [part.split()[-1] for part in one.text.split(", ")]
        assert all(set(given) <= set(re.findall(r"\w+", answer)) for answer in one.answers)
    assert {len(set(one.answers)) for one in judged["write_story"]} == {4}
    openings = Counter(one.answers[0].split()[0] for one in trained["write_story"])
    assert set(openings) == {"One", "Once", "Long", "At"} and min(openings.values()) > 150


# ── the files ──────────────────────────────────────────────────────────────────────────────


def test_the_committed_files_are_what_the_script_writes_by_default(tmp_path, capsys):
    assert main(["--output", str(tmp_path)]) == 0
    for name in ("raw", *TESTS):
        assert (tmp_path / f"{name}.jsonl").read_bytes() == (READY / f"{name}.jsonl").read_bytes()
    assert "raw.jsonl: 14,630 lines, 14,000 of them clean rows\n" in capsys.readouterr().out


def make(folder: Path, *options: str) -> dict[str, bytes]:
    assert main(["--output", str(folder), "--num-train", "400", "--num-test", "3", *options]) == 0
    return {name: (folder / f"{name}.jsonl").read_bytes() for name in ("raw", *TESTS)}


def test_the_same_seed_gives_the_same_files_and_another_seed_others(tmp_path):
    first, again, other = (make(tmp_path / seed, "--seed", seed[0]) for seed in ("1a", "1b", "2"))
    assert first == again
    assert all(first[name] != other[name] for name in first)


def test_making_the_set_loads_no_torch():
    code = f"import runpy, sys; sys.path.insert(0, {str(SCRIPT.parent)!r}); runpy.run_path({str(SCRIPT)!r})"
    code += "; print(sorted({'torch', 'transformers', 'datasets'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_every_family_has_as_many_rows_as_the_others(trained, held_back):
    sizes = [len(trained[family]) for family in TRAINED]
    assert sum(sizes) == NUM_TRAIN and max(sizes) - min(sizes) < 40 and set(trained) == set(TRAINED)
    for name, count in (("unseen_phrasings", 40), ("unseen_values", 25), ("unseen_families", 25)):
        families = UNTRAINED if name == "unseen_families" else TRAINED
        assert Counter(row["task"] for row in held_back[name]) == dict.fromkeys(families, count)


def test_phrasings_are_many_and_of_every_kind():
    for family in TRAINED:
        assert len(BOOK[family].train) >= 12 and len(BOOK[family].held_out) >= 6
        for side in (BOOK[family].train, BOOK[family].held_out):
            assert {one.formality for one in side} == {"casual", "neutral", "formal"}
            assert {one.complexity for one in side} == {"simple", "compound"}
        assert len({one.specificity for one in (*BOOK[family].train, *BOOK[family].held_out)}) >= 2
    assert all(len(BOOK[family].held_out) >= 6 for family in UNTRAINED)


# ── honest splits ──────────────────────────────────────────────────────────────────────────


def records(rows: list[dict], name: str):
    return [record_from_row(row, source=f"{name}:{k}")[1][0] for k, row in enumerate(rows)]


def test_no_question_is_asked_twice_anywhere(prepared, held_back):
    keys = [prompt_key(record) for record in prepared.train]
    keys += [prompt_key(record) for name in TESTS for record in records(held_back[name], name)]
    assert len(set(keys)) == len(keys)


def test_held_out_values_never_occur_in_training_and_are_all_that_the_test_of_unseen_values_asks_about(
    prepared, held_back
):
    trained = {word for record in prepared.train for message in record.messages for word in words(message.content)}
    held_out = {value.casefold() for value in LEXICON.values("held_out")} | {
        str(number) for number in LEXICON.code_numbers.held_out
    }
    assert not trained & held_out
    by_combination = ("arithmetic", "translate")
    for row in held_back["unseen_values"]:
        said = words(f"{row['instruction']} {row['input']}")
        assert row["task"] in by_combination or held_out & set(said), row


def test_every_combination_of_a_translation_or_a_sum_in_the_test_of_unseen_values_is_new(trained, held_back):
    asked = [row for row in held_back["unseen_values"] if row["task"] in ("translate", "arithmetic")]
    known = {family: {pair for one in trained[family] for pair in combinations(one.text)} for family in trained}
    assert len(asked) == 50
    for row in asked:
        pairs = set(combinations(f"{row['instruction']} {row['input']}"))
        assert pairs and not pairs & known[row["task"]], row


def combinations(text: str) -> list[tuple[str, ...]]:
    """Adjective with noun and verb with noun, without plurals; or the two numbers that are added, and those of which the
    one is taken from the sum."""
    found = [word.removesuffix("s") for word in words(text)]
    language = LEXICON.language
    heads = [word for word in found if word in {**language.adjectives, **language.verbs}]
    nouns = [word for word in found if word in language.nouns]
    if len(heads) == len(nouns) == 2 and found.count("the") >= 2:
        return list(zip(heads, nouns))
    numbers = [NUMBERS.index(word) for word in words(text) if word in NUMBERS]
    if re.search(r"loses|away\.", text):
        return [("-", str(numbers[0] - numbers[1]), str(numbers[1]))]
    return [("+", *map(str, numbers))] if len(numbers) == 2 else []


def test_no_answer_can_be_guessed_from_how_often_it_is_given_or_how_it_is_asked_for(trained, judged):
    for family, questions in (*trained.items(), *judged.items()):
        share = Counter(one.answers[0] for one in questions).most_common(1)[0][1] / len(questions)
        assert share < (0.55 if family == "sentiment" else 0.16), (family, share)
    for phrasing, labels in answers_by_phrasing(trained["sentiment"]).items():
        assert 0.3 < labels["positive"] / labels.total() < 0.7, phrasing


def answers_by_phrasing(questions: list[Question]) -> dict[str, Counter[str]]:
    labels: dict[str, Counter[str]] = defaultdict(Counter)
    for one in questions:
        labels[one.phrasing][one.answers[0]] += 1
    return labels


def test_copying_the_answer_of_the_nearest_training_row_is_mostly_wrong(prepared, held_back):
    nearest = nearest_example(prepared.train[::4])
    for name in ("unseen_phrasings", "unseen_values"):
        for family, samples in samples_from_records(records(held_back[name], name)).items():
            answers = [completion.text for completion in nearest(samples)]
            right = sum(answer in sample.references for answer, sample in zip(answers, samples)) / len(samples)
            assert right < (0.75 if family == "sentiment" else 0.5), (name, family, right)


# ── dirt ───────────────────────────────────────────────────────────────────────────────────


def test_curation_finds_exactly_the_dirt_that_was_planted(prepared):
    planted = count_dirt(NUM_TRAIN)
    dropped = Counter((drop.stage, drop.reason) for drop in prepared.drops)
    assert dropped == {
        ("read", "broken_json"): planted["broken_lines"],
        ("drop_empty", "empty_answer"): planted["empty_answers"],
        ("drop_short", "short_prompt"): planted["vague"],
        ("drop_duplicates", "duplicate"): planted["duplicates"],
    }
    assert len(prepared.train) == NUM_TRAIN
    with_personal_data = [
        r for r in prepared.train if re.search(r"@example\.(com|org)\b|555-01\d\d", r.messages[0].content)
    ]
    assert len(with_personal_data) == planted["personal_data"]
    dropped_sources = {drop.source for drop in prepared.drops}
    cleaned = {change["source"] for change in prepared.changes} - dropped_sources
    assert planted["stray_characters"] <= len(cleaned) <= planted["stray_characters"] + planted["duplicates"] // 2


def test_a_test_file_is_clean(held_back):
    for rows in held_back.values():
        for row in rows:
            texts = [row["instruction"], row["input"], row["output"], *row.get("references", [])]
            assert all(text == text.strip() and text.isprintable() or "\n" in text for text in texts), row
            assert row["instruction"] and row["output"]


# ── other people's files ───────────────────────────────────────────────────────────────────


def changed(tmp_path: Path, name: str, old: str, new: str) -> list[str]:
    """Options for a copy of an input file with one change."""
    text = (READY / f"{name}.yaml").read_text("utf-8")
    assert text.count(old) >= 1
    path = tmp_path / f"{name}.yaml"
    path.write_text(text.replace(old, new, 1), "utf-8")
    return [f"--{name}", str(path), "--output", str(tmp_path / "out")]


def test_other_phrasings_and_values_give_other_splits(tmp_path):
    options = changed(tmp_path, "phrasings", "Find the answer in the text. {question}", "Hidden words here. {question}")
    options += changed(tmp_path, "lexicon", "held_out: [Jack, Emily", "held_out: [Gwendolen, Emily")[:2]
    made = make(tmp_path / "out", *options)
    assert b"Hidden words here." in made["unseen_phrasings"] and b"Hidden words here." not in made["raw"]
    assert b"Jack" not in b"".join(made.values())


PROBLEMS = [
    ("phrasings", "\nsentiment:\n", "\nsentimant:\n",
     "sentimant: no such field. Did you mean `sentiment`?"),
    ("phrasings", "{text} {question}", "{txet} {question}",
     "answer_question.train[2].text: no such slot {txet}. Did you mean `text`? answer_question has {question}, {text}."),
    ("phrasings", "Replace {old} with {new}.", "Replace {old}.",
     "replace_word.train[0].text: must say {new}. Add it."),
    ("phrasings", "Sort the words.", "Sort the {words.",
     "sort_words.train[0].text: a brace that opens no slot. Write {text} for a slot and {{ for a brace."),
    ("phrasings", 'Sort the words.", formality: neutral', 'Sort the words.", formality: neutrall',
     "sort_words.train[0].formality: must be casual, neutral or formal, got 'neutrall'. Did you mean `neutral`?"),
    ("phrasings", "Arrange this list by the alphabet.", "Sort the words!",
     "sort_words.held_out[0].text: stands among the train phrasings, too. Keep one."),
    ("phrasings", "\nanswer_question:\n  train:", "\nanswer_question:\n  trian:",
     "answer_question.trian: no such field. Did you mean `train`? (1 more.)"),
    ("lexicon", "\nnames:\n", "\npersons:\n", "persons: no such field. There is: names, towns, "),
    ("lexicon", "held_out: [Jack, ", "held_out: [Tom, ", "`tom` is a train and a held_out value. Keep one."),
    ("lexicon", "held_out: [Jack, ", "held_out: [New York, ",
     "names.held_out: must be one word of letters, got 'New York'. Take another value."),
    ("lexicon", "[find, found]", "[find]",
     "actions.train: must be pairs of base form and past form, got ['find']. Write [find, found]."),
    ("lexicon", "held_out: [Jack, ", "held_out: [Summarize, ",
     "held_out values that occur in training rows: Summarize. Take other values, or other words in the train phrasings of "),
    ("lexicon", "train: [0, 1,", "train: [0, one,", "code_numbers.train[1]: must be a whole number, got 'one'."),
    ("lexicon", "names:\n  train: [", "names:\n  train: [[",
     "not YAML: "),
]  # fmt: skip


@pytest.mark.parametrize(("name", "old", "new", "message"), PROBLEMS)
def test_a_wrong_input_file_is_told_in_one_line(name, old, new, message, tmp_path, capsys):
    assert main(changed(tmp_path, name, old, new)) == 3
    told = capsys.readouterr().err
    assert message in told and told.count("\n") == 1 and told.startswith(str(tmp_path))
    assert not (tmp_path / "out").exists()


def test_a_missing_file_and_impossible_numbers_are_told_in_one_line(tmp_path, capsys):
    assert main(["--lexicon", str(tmp_path / "no.yaml")]) == 3
    assert f"{tmp_path}/no.yaml: no such file. The ready ones are in recipes/quickstart/.\n" == capsys.readouterr().err
    (tmp_path / "list.yaml").write_text("- a\n")
    assert main(["--phrasings", str(tmp_path / "list.yaml")]) == 3
    assert "list.yaml: must be a mapping with one section per family." in capsys.readouterr().err
    assert main(["--lexicon", str(tmp_path)]) == 3
    assert f"{tmp_path}: cannot be read (Is a directory). Is it a YAML file?\n" == capsys.readouterr().err
    (tmp_path / "latin.yaml").write_bytes(b"names: \xe9")
    assert main(["--lexicon", str(tmp_path / "latin.yaml")]) == 3
    assert "latin.yaml: not UTF-8 text (byte 7). Save the file as UTF-8.\n" in capsys.readouterr().err
    assert main(["--num-train", "10"]) == 2
    assert capsys.readouterr().err == "--num-train: must be at least 100, got 10.\n"


def test_too_few_values_for_the_rows_that_are_wanted_are_told_in_one_line(tmp_path, capsys):
    lexicon = yaml.safe_load((READY / "lexicon.yaml").read_text("utf-8"))
    phrasings = yaml.safe_load((READY / "phrasings.yaml").read_text("utf-8"))
    lexicon["words"]["held_out"] = lexicon["words"]["held_out"][:8]
    phrasings["upper_case"]["train"] = phrasings["upper_case"]["train"][:1]
    for name, value in (("lexicon", lexicon), ("phrasings", phrasings)):
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(value), "utf-8")
    options = [f"--{name}={tmp_path}/{name}.yaml" for name in ("lexicon", "phrasings")]
    assert main([*options, "--num-train", "100", "--num-test", "100", "--output", str(tmp_path / "out")]) == 3
    assert capsys.readouterr().err == (
        "upper_case: only 64 of 100 different questions can be made."
        " Add values to the lexicon, or lower --num-train or --num-test.\n"
    )


# ── the pretraining text ───────────────────────────────────────────────────────────────────


def check(*paths: Path) -> int:
    return main(["--check-corpus", *map(str, paths)])


def test_thirteen_words_of_the_set_in_a_corpus_are_found_whatever_their_case_and_lines(tmp_path, held_back, capsys):
    row = next(row for row in held_back["unseen_phrasings"] if len(words(row["input"])) >= 13)
    said = words(row["input"])[:13]
    (tmp_path / "book.txt").write_text(f"First line.\nAnd {' '.join(said[:6]).upper()},\n{'! '.join(said[6:])}.\n")
    (tmp_path / "stories.jsonl").write_text(json.dumps({"id": "1", "text": f"He said: {row['input']}"}) + "\n")
    (tmp_path / "ignored.md").write_text(row["input"])
    assert check(tmp_path) == 6
    told = capsys.readouterr().err
    assert told.startswith("2 files, ") and f"first at {tmp_path}/book.txt:3. Take that text out" in told
    assert check(tmp_path / "stories.jsonl") == 6
    assert f"first at {tmp_path}/stories.jsonl:1." in capsys.readouterr().err


def test_a_corpus_with_only_twelve_words_of_the_set_passes(tmp_path, held_back, capsys):
    row = next(row for row in held_back["unseen_phrasings"] if len(words(row["input"])) >= 13)
    said = words(row["input"])
    (tmp_path / "a.txt").write_text(" ".join([*said[:12], "elsewhere", *said[1:12]]))
    half = {"text": " ".join(said[:7]), "more": " ".join(said[7:])}
    (tmp_path / "b.jsonl").write_text(json.dumps(half) + "\n{broken\n")
    assert check(tmp_path / "a.txt", tmp_path / "b.jsonl") == 0
    assert re.match(
        r"2 files, \d+ words: 0 times 13 words of the set \(\d+,\d+ different 13-grams\)\.\n", capsys.readouterr().out
    )


def test_a_corpus_that_is_not_there_or_holds_no_text_is_told_in_one_line(tmp_path, capsys):
    assert check(tmp_path / "no.txt") == 3
    assert f"{tmp_path}/no.txt: no such file or folder." in capsys.readouterr().err
    assert check(tmp_path) == 3
    assert (
        f"{tmp_path}: no .txt or .jsonl to look through. Name text files, or a folder of them.\n"
        == capsys.readouterr().err
    )


def test_a_corpus_that_may_not_be_read_is_told_in_one_line(tmp_path, monkeypatch, capsys):
    (tmp_path / "a.txt").write_text("text")

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(corpus_overlap.Path, "open", refuse)
    with pytest.raises(DataError, match=r"a.txt: cannot be read \(Permission denied\). Check its permissions."):
        corpus_overlap.check_corpus(["some text"], [tmp_path])
