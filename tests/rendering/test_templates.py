"""Which template is used, what is refused, and that the text is the one plain transformers gives."""

from __future__ import annotations

import random

import pytest
from transformers import PreTrainedTokenizerFast

from tests.rendering.conftest import (
    BRACKETS,
    FORGETFUL,
    GEMMA,
    LLAMA2,
    LLAMA3,
    QWEN3,
    SILENT_ABOUT_SYSTEM,
    random_talk,
    talk,
)
from tunesmith.errors import ModelError
from tunesmith.records import Message
from tunesmith.rendering.render import render, render_prompt
from tunesmith.rendering.templates import BUILT_IN, NEEDED, load_template

OWN = {
    "llama3": LLAMA3,
    "qwen3": QWEN3,
    "gemma": GEMMA,
    "llama2": LLAMA2,
    "silent": SILENT_ABOUT_SYSTEM,
    "brackets": BRACKETS,
    "forgetful": FORGETFUL,
}


def as_dicts(record):
    return [message.to_dict() for message in record.messages]


def test_auto_takes_the_models_own_template_and_plain_where_there_is_none(byte_level, own):
    assert load_template("auto", tokenizer=byte_level).name == "plain"
    assert load_template("auto", tokenizer=own(byte_level, BRACKETS)).name == "own"


def test_own_is_found_in_chat_template_jinja_of_the_folder(byte_level, tmp_path):
    (tmp_path / "chat_template.jinja").write_text(BRACKETS, encoding="utf-8")
    assert load_template("own", tokenizer=byte_level, folder=tmp_path).source == BRACKETS


def test_a_template_file_is_found_by_its_path(byte_level, tmp_path):
    path = tmp_path / "mine.jinja"
    path.write_text(BRACKETS, encoding="utf-8")
    template = load_template(str(path), tokenizer=byte_level)
    assert render(talk("a", "b"), template)[0].text == "[user]\na\n[assistant]\nb<|endoftext|>\n"
    assert not template.trusted


REFUSED = {
    "own": (
        None,
        "the model has no chat template of its own. Set template.name to chatml, alpaca, plain, inline or bare",
    ),
    "chatmm": (None, "template.name: no template `chatmm` (No such file or directory). Did you mean `chatml`?"),
    "does not compile": ("{% for m in messages %}", "does not compile: line 1: Unexpected end of template"),
    "no stop token": (
        "{% for m in messages %}{{ m.content }}{% endfor %}",
        "does not end the assistant's turn with a stop token",
    ),
    "raises": ("{{ raise_exception('never') }}", "cannot render a question and an answer: never"),
    "fails": ("{{ messages[7].content }}", "cannot render a question and an answer: UndefinedError"),
    "drops content": (
        "{% for m in messages %}{{ m.role }}{{ eos_token }}{% endfor %}",
        "leaves out the content of the messages",
    ),
    "no generation prompt": (
        "{% for m in messages %}{{ '[' + m.role + ']' + m.content + eos_token }}{% endfor %}",
        "ignores add_generation_prompt",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_template_that_cannot_be_used_is_refused_in_one_line_with_the_fix(name, byte_level, tmp_path):
    source, message = REFUSED[name]
    path = name
    if source is not None:
        path = tmp_path / "mine.jinja"
        path.write_text(source, encoding="utf-8")
    with pytest.raises(ModelError) as caught:
        load_template(str(path), tokenizer=byte_level)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert any(word in str(caught.value) for word in ("chatml, alpaca", "Correct it", "Write {{ eos_token }}"))


def test_a_template_file_that_is_not_utf8_is_refused(byte_level, tmp_path):
    path = tmp_path / "mine.jinja"
    path.write_bytes("{{ 'é' }}".encode("latin-1"))
    with pytest.raises(ModelError, match="must be UTF-8 text, byte 4 is not"):
        load_template(str(path), tokenizer=byte_level)


def test_a_tokenizer_without_eos_is_refused_with_the_fix(byte_level):
    bare = PreTrainedTokenizerFast(tokenizer_object=byte_level.backend_tokenizer)
    with pytest.raises(ModelError, match="this tokenizer has none. Add eos_token to its tokenizer_config.json"):
        load_template("plain", tokenizer=bare)


def test_no_tokenizer_and_no_fast_tokenizer_are_refused():
    with pytest.raises(ModelError, match="needs a tokenizer"):
        load_template("plain")
    with pytest.raises(ModelError, match="object is not a fast tokenizer. Put a tokenizer.json beside the model"):
        load_template("plain", tokenizer=object())


def test_chatml_ends_a_turn_with_im_end_only_where_that_is_one_token(byte_level, with_chatml_tokens):
    assert load_template("chatml", tokenizer=byte_level).stop_tokens == ("<|endoftext|>",)
    template = load_template("chatml", tokenizer=with_chatml_tokens)
    assert template.stop_tokens == ("<|im_end|>", "<|endoftext|>")
    assert render(talk("a", "b"), template)[0].supervised_text == "b<|im_end|>"


def test_the_stop_token_is_the_one_the_template_writes_even_where_eos_is_another(with_chatml_tokens, own):
    template = load_template("own", tokenizer=own(with_chatml_tokens, GEMMA.replace("{{ bos_token }}", "")))
    assert template.stop_tokens == ("<end_of_turn>", "<|endoftext|>")
    assert render(talk("a", "b"), template)[0].supervised_text == "b<end_of_turn>"


ABILITIES = {
    "llama3": {"system"},
    "qwen3": {"system", "tool_calls", "several_calls", "calls_with_text", "reasoning"},
    "gemma": set(),
    "llama2": {"system"},
    "silent": set(),
    "brackets": {"system"},
    "forgetful": {"system", "tool_calls"},
}


@pytest.mark.parametrize("name", ABILITIES)
def test_what_a_template_has_a_place_for_is_found_by_trying(name, with_chatml_tokens, own):
    template = load_template("own", tokenizer=own(with_chatml_tokens, OWN[name].replace("bos_token", "''")))
    assert template.abilities == ABILITIES[name]


@pytest.mark.parametrize("name, space", [("plain", ""), ("inline", " "), ("bare", ""), ("chatml", ""), ("alpaca", "")])
def test_the_white_space_an_answer_begins_with_is_known(name, space, byte_level):
    assert load_template(name, tokenizer=byte_level).answer_space == space


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_templates_have_a_place_for_everything(name, byte_level):
    assert load_template(name, tokenizer=byte_level).abilities == set(NEEDED)


@pytest.mark.parametrize("name", [*BUILT_IN, *OWN])
def test_the_text_is_the_one_plain_transformers_gives_with_the_saved_template(name, with_chatml_tokens, own):
    if name not in BUILT_IN:
        own(with_chatml_tokens, OWN[name].replace("bos_token", "''"))
    template = load_template(name if name in BUILT_IN else "own", tokenizer=with_chatml_tokens)
    own(with_chatml_tokens, template.source)
    chance = random.Random(1)
    for number in range(60):
        record = random_talk(chance, number)
        if name in ("gemma", "silent"):
            record = record.with_messages(m for m in record.messages if m.role != "system")
        rows = as_dicts(record)
        expected = with_chatml_tokens.apply_chat_template(rows, tokenize=False)
        renderings = render(record, template)
        assert renderings[-1].text == expected
        prompt = with_chatml_tokens.apply_chat_template(rows[:-1], tokenize=False, add_generation_prompt=True)
        assert render_prompt(record.messages[:-1], template) == prompt


@pytest.mark.parametrize("name", BUILT_IN)
def test_plain_transformers_shows_tools_calls_and_reasoning_with_the_saved_built_in_template_too(name, byte_level, own):
    template = load_template(name, tokenizer=byte_level)
    record = talk("weather?", "It rains.", tools=({"name": "look", "description": "look out"},))
    call = Message("assistant", "", reasoning="I look.", tool_calls=({"name": "look", "arguments": {"where": "out"}},))
    record = record.with_messages((record.messages[0], call, Message("tool", "rain", name="look"), record.messages[1]))
    expected = own(byte_level, template.source).apply_chat_template(
        as_dicts(record), tools=list(record.tools), tokenize=False
    )
    assert render(record, template)[0].text == expected
    for part in ("I look.", '{"name": "look", "arguments": {"where": "out"}}', "look:\nrain", "look out", "It rains."):
        assert part in expected


def test_a_saved_built_in_template_is_known_again_with_its_stop_strings(byte_level, own):
    template = load_template("alpaca", tokenizer=byte_level)
    again = load_template("auto", tokenizer=own(byte_level, template.source))
    assert again == template
    assert again.stop_strings == ("\n### Instruction:",)


def test_a_changed_built_in_template_is_not_trusted(byte_level, own):
    source = load_template("alpaca", tokenizer=byte_level).source.replace("Instruction", "Task")
    assert not load_template("auto", tokenizer=own(byte_level, source)).trusted


def test_bos_is_written_by_the_template_where_the_tokenizer_would_add_it(metaspace, own):
    for name in BUILT_IN:
        assert render(talk("a", "b"), load_template(name, tokenizer=metaspace))[0].text.count("<s>") == 1
    without = "\n  {% for m in messages %}{{ m.content + eos_token }}{% endfor %}"
    template = load_template("own", tokenizer=own(metaspace, without))
    assert render(talk("a", "b"), template)[0].text == "<s>\n" + "a</s>b</s>"
    own(metaspace, template.source)
    assert load_template("own", tokenizer=metaspace).source == template.source


def test_variants_of_a_template_by_name_fall_back_to_the_default_one(byte_level, own):
    own(byte_level, {"tool_use": "{{ 1 }}", "default": BRACKETS})
    assert load_template("own", tokenizer=byte_level).source == BRACKETS


def test_bare_writes_nothing_but_the_words_and_is_what_an_encoder_decoder_gets(byte_level):
    template = load_template("auto", tokenizer=byte_level, kind="seq2seq")
    assert template.name == "bare"
    assert load_template("auto", tokenizer=byte_level).name == "plain"
    asked = [Message("system", "Be brief."), Message("user", "Hot?")]
    assert render_prompt(asked[1:], template) == f"{template.bos_token or ''}Hot?\n"
    assert render_prompt(asked, template).endswith("Be brief.\n\nHot?\n")
