"""Ids and flags: seams, spaces, beginnings and ends of text, and what happens to what is too long."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest
from transformers import PreTrainedTokenizerFast

from tests.rendering.conftest import BRACKETS, GEMMA, LLAMA2, QWEN3, random_talk, random_text, talk
from tunesmith.errors import ModelError, RowError
from tunesmith.records import Drop
from tunesmith.rendering.render import Rendering, Segment, render, render_all
from tunesmith.rendering.templates import BUILT_IN, load_template
from tunesmith.rendering.tokenize import Encoded, encode, encode_prompt, encode_prompts


def encode_one(record, tokenizer, template, *, kind="causal", max_length=100_000, over_length="drop", **options):
    renderings = render(record, template, per_turn=kind == "seq2seq", **options)
    return encode(renderings, tokenizer, template, kind=kind, max_length=max_length, over_length=over_length)


def runs(example: Encoded) -> list[tuple[int, int]]:
    """Start and end of every stretch of learned tokens."""
    flags = [False, *example.supervised, False]
    edges = [i for i in range(len(flags) - 1) if flags[i] != flags[i + 1]]
    return list(zip(edges[::2], edges[1::2]))


def spell(tokenizer, ids) -> str:
    return tokenizer.decode(ids, clean_up_tokenization_spaces=False)


def spell_after(tokenizer, before, ids) -> str:
    """What ids spell in the place they stand in: a decoder may treat the first one of a text differently."""
    return spell(tokenizer, before + ids).removeprefix(spell(tokenizer, before))


@pytest.fixture(params=["byte_level", "with_chatml_tokens", "gpt2", "stories"])
def tokenizer(request) -> PreTrainedTokenizerFast:
    return request.getfixturevalue(request.param)


def unspelled_answers(tokenizer, template, records) -> list[str]:
    """Ids of the records whose learned tokens do not spell their answers, each with one stop token at its end."""
    stop_ids, wrong = set(tokenizer.convert_tokens_to_ids(list(template.stop_tokens))), []
    for record in records:
        (example,) = encode_one(record, tokenizer, template)
        ids, places = example.input_ids, runs(example)
        answers = [message.content for message in record.messages if message.role == "assistant"]
        spelled = [spell_after(tokenizer, ids[:start], ids[start:end]) for start, end in places]
        stops = [[i for i in range(start, end) if ids[i] in stop_ids] for start, end in places]
        as_a_whole = tokenizer(example.text, add_special_tokens=False)["input_ids"]
        is_right = (
            len(example.supervised) == len(ids)
            and len(answers) == example.num_turns == example.num_stops
            and spelled == [template.answer_space + answer + template.stop_tokens[0] for answer in answers]
            and stops == [[end - 1] for _, end in places]
            and spell(tokenizer, ids) == spell(tokenizer, as_a_whole)
        )
        wrong += [] if is_right else [record.id]
    return wrong


@pytest.mark.parametrize("name", BUILT_IN)
def test_learned_ids_spell_the_answer_and_one_stop_token_byte_for_byte(name, tokenizer):
    template, chance = load_template(name, tokenizer=tokenizer), random.Random(1)
    records = [random_talk(chance, number) for number in range(100)]
    assert unspelled_answers(tokenizer, template, records) == []


@pytest.mark.parametrize("name", BUILT_IN)
def test_learned_ids_spell_the_answer_on_tokenizers_that_put_a_space_first(name, metaspace):
    template, chance = load_template(name, tokenizer=metaspace), random.Random(1)
    records = [random_talk(chance, number) for number in range(100)]
    assert unspelled_answers(metaspace, template, records) == []


def unlike_prompts(tokenizer, template, records, kind="causal") -> list[str]:
    """Ids of the records whose prompts, when asked, are not the beginnings of what is trained on."""
    unlike = []
    for record, renderings in zip(records, render_all(records, template, per_turn=kind == "seq2seq")):
        examples = encode(renderings, tokenizer, template, kind=kind, max_length=10**6, over_length="raise")
        starts = (
            [(example, start) for example in examples for start, _ in runs(example)]
            if kind == "causal"
            else [(e, None) for e in examples]
        )
        ends = [i for i, message in enumerate(record.messages) if message.role == "assistant"]
        prompts = encode_prompts([record.messages[:end] for end in ends], tokenizer, template, kind=kind)
        if prompts != [example.input_ids[:start] for example, start in starts]:
            unlike.append(record.id)
    return unlike


@pytest.mark.parametrize(
    "name", [*BUILT_IN, BRACKETS, QWEN3, GEMMA, LLAMA2], ids=[*BUILT_IN, "brackets", "qwen3", "gemma", "llama2"]
)
def test_1000_random_conversations_have_the_same_prompt_ids_in_training_and_when_asked(name, with_chatml_tokens, own):
    if name not in BUILT_IN:
        own(with_chatml_tokens, name.replace("bos_token", "''"))
    template = load_template(name if name in BUILT_IN else "own", tokenizer=with_chatml_tokens)
    chance = random.Random(11)
    assert unlike_prompts(with_chatml_tokens, template, [random_talk(chance, number) for number in range(150)]) == []


def test_1000_random_conversations_on_the_real_tokenizers(tokenizer):
    chance = random.Random(12)
    records = [random_talk(chance, number) for number in range(1000)]
    assert unlike_prompts(tokenizer, load_template("plain", tokenizer=tokenizer), records) == []


def test_random_conversations_on_tokenizers_that_put_a_space_first(metaspace, t5_like, own):
    chance = random.Random(13)
    records = [random_talk(chance, number) for number in range(150)]
    assert unlike_prompts(metaspace, load_template("chatml", tokenizer=metaspace), records) == []
    assert unlike_prompts(metaspace, load_template("own", tokenizer=own(metaspace, LLAMA2)), records) == []
    assert unlike_prompts(t5_like, load_template("plain", tokenizer=t5_like), records, kind="seq2seq") == []


def test_a_history_in_which_a_turn_looks_otherwise_keeps_its_prompt_ids(byte_level, own):
    """The first turns tile the text and the third does not: the prompt of the second must not depend on the third."""
    source = BRACKETS.replace(
        "m['content'] + eos_token", "(m['content'] if loop.last else m['content'][:9]) + eos_token"
    )
    template = load_template("own", tokenizer=own(byte_level, source))
    record = talk("a", "\n\n b", "c", "\n\n d", "e", "a longer answer", "f", "g")
    assert len(render(record, template)) == 4
    assert unlike_prompts(byte_level, template, [record]) == []
    merged = byte_level(render(record, template)[1].prompt_text)["input_ids"]
    assert merged != encode_prompt(record.messages[:3], byte_level, template, kind="causal")


def broken_seams(tokenizer, num_texts, seed) -> list[str]:
    """Of prompts and answers whose text would merge across the seam if it could, the ids of those where it does."""
    broken = []
    template, chance = load_template("plain", tokenizer=tokenizer), random.Random(seed)
    for start in range(0, num_texts, 1000):
        records = [talk(random_text(chance), random_text(chance), id=str(start + i)) for i in range(1000)]
        renderings = [rendering for result in render_all(records, template) for rendering in result]
        examples = encode(renderings, tokenizer, template, kind="causal", max_length=10**6, over_length="raise")
        prompts = encode_prompts([record.messages[:1] for record in records], tokenizer, template, kind="causal")
        for record, example, prompt in zip(records, examples, prompts):
            ((begin, end),) = runs(example)
            learned = spell_after(tokenizer, prompt, example.input_ids[begin:end])
            if example.input_ids[:begin] != prompt or learned != record.answer + template.stop_tokens[0]:
                broken.append(record.id)
    return broken


def test_no_merge_reaches_across_a_seam_in_10000_texts_with_the_gpt2_tokenizer(gpt2):
    assert broken_seams(gpt2, 10_000, seed=14) == []


def test_no_merge_and_no_space_at_a_seam_in_3000_texts_with_the_stories_tokenizer(stories):
    assert broken_seams(stories, 3_000, seed=15) == []


def test_no_space_is_put_in_front_of_an_answer(metaspace, stories):
    for tokenizer in (metaspace, stories):
        (example,) = encode_one(talk("hi", "cat"), tokenizer, load_template("plain", tokenizer=tokenizer))
        ((start, _),) = runs(example)
        assert not tokenizer.convert_ids_to_tokens(example.input_ids[start]).startswith("▁")
        (spaced,) = encode_one(talk("hi", " cat"), tokenizer, load_template("plain", tokenizer=tokenizer))
        assert tokenizer.convert_ids_to_tokens(spaced.input_ids[start]).startswith("▁")


@pytest.mark.parametrize("name", [*BUILT_IN, BRACKETS], ids=[*BUILT_IN, "brackets"])
def test_ids_are_those_of_plain_transformers_with_the_saved_template(name, tokenizer, own):
    template = load_template(name if name in BUILT_IN else "own", tokenizer=own(tokenizer, name))
    own(tokenizer, template.source)
    words = ["cat", "the bird", "Paris is big.", "中文 here", "a\nb"]
    for question in words:
        for answer in words:
            record = talk(question, answer)
            (example,) = encode_one(record, tokenizer, template)
            rows = [message.to_dict() for message in record.messages]
            assert example.input_ids == tokenizer.apply_chat_template(rows, return_dict=False)
            prompt = tokenizer.apply_chat_template(rows[:1], add_generation_prompt=True, return_dict=False)
            assert encode_prompt(record.messages[:1], tokenizer, template, kind="causal") == prompt


def test_what_follows_a_special_token_is_tokenized_as_plain_transformers_does(metaspace, own):
    template = load_template(
        "own", tokenizer=own(metaspace, "{{ bos_token }}{% for m in messages %}{{ m.content + eos_token }}{% endfor %}")
    )
    own(metaspace, template.source)
    record = talk("cat", "the bird", "Paris", "cat")
    (example,) = encode_one(record, metaspace, template)
    assert example.input_ids == metaspace.apply_chat_template([m.to_dict() for m in record.messages], return_dict=False)


BOS_TEMPLATES = {
    "written by the template": "{{ bos_token }}" + BRACKETS,
    "not written by the template": BRACKETS,
    **dict.fromkeys(BUILT_IN),
}


@pytest.mark.parametrize("case", BOS_TEMPLATES)
def test_there_is_one_bos_where_the_tokenizer_adds_one(case, metaspace, own):
    template = load_template("own" if BOS_TEMPLATES[case] else case, tokenizer=own(metaspace, BOS_TEMPLATES[case]))
    record = talk("hi", "ho", "a", "b", system="s")
    (example,) = encode_one(record, metaspace, template)
    prompt = encode_prompt(record.messages[:2], metaspace, template, kind="causal")
    for ids in (example.input_ids, prompt):
        assert ids[0] == metaspace.bos_token_id and ids.count(metaspace.bos_token_id) == 1


def test_there_is_no_bos_where_nobody_wants_one_and_one_where_the_template_does(byte_level, own):
    (example,) = encode_one(talk("hi", "ho"), byte_level, load_template("plain", tokenizer=byte_level))
    assert example.input_ids.count(byte_level.eos_token_id) == 1
    other = PreTrainedTokenizerFast(
        tokenizer_object=byte_level.backend_tokenizer, eos_token="<|endoftext|>", bos_token="<|endoftext|>"
    )
    template = load_template("own", tokenizer=own(other, "{{ bos_token }}" + BRACKETS))
    (example,) = encode_one(talk("hi", "ho"), other, template)
    assert example.input_ids[0] == other.bos_token_id
    assert [flag for flag, token in zip(example.supervised, example.input_ids) if token == other.eos_token_id] == [
        False,
        True,
    ]


def test_a_pad_token_that_is_the_eos_token_changes_nothing(byte_level):
    assert byte_level.pad_token_id == byte_level.eos_token_id
    (example,) = encode_one(talk("a", "b", "c", "d"), byte_level, load_template("plain", tokenizer=byte_level))
    assert [example.input_ids[end - 1] for _, end in runs(example)] == [byte_level.eos_token_id] * 2


def test_a_seq2seq_prompt_has_its_own_eos_and_the_answer_has_one(t5_like):
    template = load_template("plain", tokenizer=t5_like)
    first, second = encode_one(talk("cat", "the bird", "Paris", "France"), t5_like, template, kind="seq2seq")
    assert not any(first.supervised) and len(first.supervised) == len(first.input_ids)
    assert first.input_ids == t5_like("User:\ncat\n\nAssistant:\n")["input_ids"]
    assert first.input_ids[-1] == t5_like.eos_token_id and first.input_ids.count(t5_like.eos_token_id) == 1
    assert first.target_ids == t5_like("the bird")["input_ids"] and first.target_ids.count(t5_like.eos_token_id) == 1
    assert second.target_ids == t5_like("France")["input_ids"]
    assert spell(t5_like, second.target_ids) == second.supervised_text == "France</s>"
    assert second.input_ids == encode_prompt(
        talk("cat", "the bird", "Paris").messages, t5_like, template, kind="seq2seq"
    )
    assert first.num_supervised_tokens == len(first.target_ids)


def test_a_seq2seq_prompt_has_one_bos_where_the_tokenizer_adds_one(metaspace):
    (example,) = encode_one(talk("cat", "bird"), metaspace, load_template("plain", tokenizer=metaspace), kind="seq2seq")
    assert example.input_ids.count(metaspace.bos_token_id) == 1


# Length


def test_exactly_max_length_fits_and_one_more_does_not(byte_level):
    template, record = load_template("plain", tokenizer=byte_level), talk("cat", "the bird")
    (whole,) = encode_one(record, byte_level, template)
    length = len(whole.input_ids)
    assert encode_one(record, byte_level, template, max_length=length) == [whole]
    (drop,) = encode_one(record, byte_level, template, max_length=length - 1)
    assert drop == Drop(
        "r", "data.jsonl:7", "tokenize", "too_long", f"{length} tokens, and train.max_length is {length - 1}."
    )
    with pytest.raises(
        RowError,
        match=rf"data.jsonl:7: {length} tokens, and train.max_length is {length - 1}. Raise it, or set train",
    ):
        encode_one(record, byte_level, template, max_length=length - 1, over_length="raise")


@pytest.mark.parametrize("room", range(-3, 12))
def test_truncating_keeps_the_prompt_and_cuts_the_end_of_the_answer(room, byte_level):
    template, record = load_template("plain", tokenizer=byte_level), talk("cat", "the bird sings")
    (whole,) = encode_one(record, byte_level, template)
    ((start, end),) = runs(whole)
    (cut,) = encode_one(record, byte_level, template, max_length=start + room, over_length="truncate")
    if room <= 0:
        assert cut.reason == "prompt_too_long" and f"in {start + room} tokens" in cut.detail
        return
    assert cut.input_ids == whole.input_ids[: start + room]
    assert cut.supervised == whole.supervised[: start + room]
    assert cut.answer_cut == (start + room < end)
    assert cut.truncated == (start + room < len(whole.input_ids))
    assert cut.num_stops == (0 if cut.answer_cut else 1) and cut.num_turns == 1
    assert whole.text.startswith(cut.text) and whole.supervised_text.startswith(cut.supervised_text)
    assert (byte_level.eos_token_id in cut.input_ids) != cut.answer_cut


def test_truncating_a_conversation_can_cut_off_whole_turns(byte_level):
    template, record = load_template("plain", tokenizer=byte_level), talk("a", "b", "c", "d")
    (whole,) = encode_one(record, byte_level, template)
    (_, first_end), (second, _) = runs(whole)
    (cut,) = encode_one(record, byte_level, template, max_length=second, over_length="truncate")
    assert cut.truncated and cut.answer_cut and runs(cut) == [(runs(whole)[0][0], first_end)]
    assert (cut.num_turns, cut.num_stops) == (1, 1)
    assert cut.supervised_text == "b<|endoftext|>"


def test_a_seq2seq_example_is_cut_at_the_answer_and_dropped_for_its_prompt(t5_like):
    template, record = (
        load_template("plain", tokenizer=t5_like),
        talk("cat", "once upon a time there was a small bird who could not sing " * 3),
    )
    (whole,) = encode_one(record, t5_like, template, kind="seq2seq")
    prompt = len(whole.input_ids)
    (cut,) = encode_one(record, t5_like, template, kind="seq2seq", max_length=prompt, over_length="truncate")
    assert cut.input_ids == whole.input_ids and cut.target_ids == whole.target_ids[:prompt]
    assert cut.truncated and cut.answer_cut and cut.num_stops == 0
    (drop,) = encode_one(record, t5_like, template, kind="seq2seq", max_length=prompt - 1, over_length="truncate")
    assert drop.reason == "prompt_too_long"


@pytest.mark.parametrize("kind", ["causal", "seq2seq"])
def test_a_row_without_an_answer_is_dropped(kind, byte_level):
    (drop,) = encode_one(talk("only a question"), byte_level, load_template("plain", tokenizer=byte_level), kind=kind)
    assert (drop.reason, drop.source) == ("nothing_supervised", "data.jsonl:7")
    assert "no assistant text" in drop.detail


def test_a_template_that_writes_a_stop_token_into_an_answer_loses_that_record(byte_level, own):
    """A template can write a stop token where no text of the record has one."""
    source = BRACKETS.replace("m['content'] + eos_token", "m['content'] | replace('STOP', eos_token) + eos_token")
    template = load_template("own", tokenizer=own(byte_level, source))
    (result,) = render_all([talk("a", "b STOP c")], template)
    assert isinstance(result, RowError) and result.reason == "template_drops_content"
    (example,) = encode_one(talk("a", "b c"), byte_level, template)
    assert isinstance(example, Encoded)


@pytest.mark.parametrize("kind", ["causal", "seq2seq"])
@pytest.mark.parametrize("answer", ["yes", "yes{stop}{stop}", "y{stop}es{stop}", "{stop}yes"])
def test_an_answer_must_end_with_its_stop_token_and_have_it_once(byte_level, kind, answer):
    """L9: the last guard, on ids, whatever the rendering let through."""
    template = load_template("plain", tokenizer=byte_level)
    text = answer.format(stop=template.stop_tokens[0])
    rendering = Rendering("r", (Segment("User: a", False), Segment(text, True)), source="data.jsonl:3")
    (drop,) = encode([rendering], byte_level, template, kind=kind, max_length=99, over_length="raise")
    assert (drop.reason, drop.source) == ("control_token_in_text", "data.jsonl:3")
    good = replace(rendering, segments=(rendering.segments[0], Segment("yes" + template.stop_tokens[0], True)))
    assert isinstance(encode([good], byte_level, template, kind=kind, max_length=99, over_length="raise")[0], Encoded)


def test_a_tokenizer_that_does_not_know_the_stop_token_is_refused(byte_level, metaspace):
    template = load_template("plain", tokenizer=metaspace)
    with pytest.raises(
        ModelError, match="has no stop token that this tokenizer knows. Load the template with this tokenizer"
    ):
        encode_one(talk("a", "b"), byte_level, template)


def test_tokens_added_later_are_known(metaspace):
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=type(metaspace.backend_tokenizer).from_str(metaspace.backend_tokenizer.to_str()),
        bos_token="<s>",
        eos_token="</s>",
    )
    template = load_template("plain", tokenizer=tokenizer)
    encode_one(talk("a", "before"), tokenizer, template)
    tokenizer.add_tokens(["<tool_call>"])
    (example,) = encode_one(talk("a", "x<tool_call>y"), tokenizer, template)
    assert tokenizer.convert_tokens_to_ids("<tool_call>") in example.input_ids


@pytest.mark.parametrize("name", BUILT_IN)
def test_real_rows_learn_exactly_their_responses(name, gpt2, shared):
    template = load_template(name, tokenizer=gpt2)
    with open(shared / "data/instructions/dolly_5k.jsonl", encoding="utf-8") as lines:
        rows = [json.loads(line) for line, _ in zip(lines, range(400))]
    for row in rows:
        (example,) = encode_one(talk(f"{row['instruction']}\n\n{row['context']}", row["response"]), gpt2, template)
        learned = [token for token, flag in zip(example.input_ids, example.supervised) if flag]
        answer = template.answer_space + row["response"]
        assert spell(gpt2, learned) == answer + "<|endoftext|>"
        # Counted by another way: the response alone, and its stop token.
        assert len(learned) == len(gpt2(answer)["input_ids"]) + 1
