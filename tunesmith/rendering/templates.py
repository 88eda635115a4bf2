"""Chat templates: what turns a conversation into text, found by name and tried out before anything is trained on it.

A template is a Hugging Face chat template: Jinja over ``messages``, ``tools``, ``add_generation_prompt`` and the
tokenizer's special tokens. The built-in ones are written out in full (`ChatTemplate.source`), so that the
``chat_template.jinja`` saved with a model gives the same text through plain ``transformers``.

Loading renders a few short conversations and refuses a template that training could not use: one that does not end the
assistant's turn with a stop token teaches a model never to stop.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tunesmith.errors import ModelError, did_you_mean
from tunesmith.rendering.sandbox import Job, Refusal, render_jobs

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

BUILT_IN = ("chatml", "alpaca", "plain", "inline", "bare")
STOP_STRINGS = {
    "chatml": ("<|im_start|>", "<|im_end|>"),
    "alpaca": ("\n### Instruction:",),
    "plain": ("\nUser:",),
    "inline": ("\nUser:",),
    "bare": (),
}
MARKERS = {"chatml": ("<|im_start|>", "<|im_end|>")}
HOW_TO_CHANGE = "set template.name to chatml, alpaca, plain, inline or bare"


@dataclass(frozen=True)
class ChatTemplate:
    """A template that was tried out.

    Attributes:
        name: ``chatml``, ``alpaca``, ``plain``, ``inline``, ``bare``, ``own`` or the path of a file.
        source: the Jinja text, to be saved as ``chat_template.jinja``.
        variables: the tokenizer's special tokens, by the names templates know (``bos_token`` …).
        stop_tokens: texts of the special tokens that end an assistant's turn.
        stop_strings: how the next turn would begin, for a base model that does not stop by itself.
        control_tokens: texts that mean something to the tokenizer; inside a message they get a space.
        abilities: what the template has a place for: ``system``, ``tools``, ``tool_calls`` (and their results),
            ``several_calls`` and ``calls_with_text`` in one turn, ``reasoning``. What it has no place for is written
            into the text of the messages.
        trusted: ours, so it is rendered in this process.
        answer_space: white space that belongs to an answer as it is learned, and not to what it says: ``Assistant:`` is
            followed by `` Paris``, so that byte-level tokenizers spell the word as inside a sentence.
    """

    name: str
    source: str
    variables: Mapping[str, Any] = field(default_factory=dict)
    stop_tokens: tuple[str, ...] = ()
    stop_strings: tuple[str, ...] = ()
    control_tokens: tuple[str, ...] = ()
    abilities: frozenset[str] = frozenset()
    trusted: bool = False
    answer_space: str = ""

    @property
    def bos_token(self) -> str | None:
        return self.variables.get("bos_token")

    @property
    def eos_token(self) -> str | None:
        return self.variables.get("eos_token")

    def texts(self, jobs: Sequence[Job]) -> list[list[str | Refusal]]:
        """One text, or why there is none, per cut per job. Raises `ModelError` when the template must not be used."""
        return render_jobs(self.name, self.source, self.variables, jobs, trusted=self.trusted)


def load_template(
    name: str,
    *,
    tokenizer: PreTrainedTokenizerBase | None = None,
    folder: str | Path | None = None,
    kind: Literal["causal", "seq2seq"] = "causal",
) -> ChatTemplate:
    """The template of this name (``auto``, ``own``, ``chatml``, ``alpaca``, ``plain``, ``inline``,
    ``bare``) or path.

    ``auto`` is the model's own (the tokenizer's, or ``chat_template.jinja`` in ``folder``) where it has one; else
    ``plain``, or for an encoder-decoder ``bare``: T5 was pre-trained on requests without role markers.

    Raises:
        ModelError: there is no such template, it does not compile, it cannot render a question and an answer, or the
            assistant's turn does not end with a stop token.
    """
    if tokenizer is None:
        raise ModelError(
            f"template `{name}` needs a tokenizer, for the token that ends an answer. Put tokenizer.json beside "
            "the model."
        )
    if getattr(tokenizer, "backend_tokenizer", None) is None:
        raise ModelError(f"{type(tokenizer).__name__} is not a fast tokenizer. Put a tokenizer.json beside the model.")
    own = _own_source(tokenizer, folder) if name in ("auto", "own") else None
    if own is None and name == "own":
        raise ModelError(
            f"the model has no chat template of its own. {HOW_TO_CHANGE.capitalize()}, or to a .jinja file."
        )
    if own is not None:
        return _load_own(own, tokenizer)
    if name == "auto" or name in BUILT_IN:
        usual = "bare" if kind == "seq2seq" else "plain"
        return _try_out(_built_in(usual if name == "auto" else name, tokenizer), tokenizer)
    return _try_out(_foreign(name, _read_file(name), tokenizer), tokenizer)


def _load_own(source: str, tokenizer: PreTrainedTokenizerBase) -> ChatTemplate:
    """The model's own template; one that was saved with a run of ours is the built-in it was made from."""
    for name in BUILT_IN:
        if f"built-in template {name} #" in source[:200]:
            ours = _built_in(name, tokenizer)
            if ours.source == source:
                return _try_out(ours, tokenizer)
    return _try_out(_foreign("own", source, tokenizer), tokenizer)


def _own_source(tokenizer: PreTrainedTokenizerBase, folder: str | Path | None) -> str | None:
    own = getattr(tokenizer, "chat_template", None)
    if isinstance(own, Mapping):
        own = own.get("default", next(iter(own.values()), None))
    if own is None and folder is not None and (Path(folder) / "chat_template.jinja").is_file():
        own = _read_file(Path(folder) / "chat_template.jinja")
    return own


def _read_file(path: str | Path) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ModelError(
            f"{path}: a template must be UTF-8 text, byte {error.start} is not. Save the file as UTF-8."
        ) from None
    except OSError as error:
        hint = did_you_mean(str(path), ("auto", "own", *BUILT_IN))
        raise ModelError(
            f"template.name: no template `{path}` ({error.strerror}).{hint} It is auto, own, chatml, alpaca, "
            "plain, inline, bare, or the path of a .jinja file."
        ) from None


@lru_cache
def _built_in_text(name: str) -> str:
    folder = Path(__file__).parent / "templates"
    return "".join((folder / f"{part}.jinja").read_text(encoding="utf-8") for part in ("parts", name))


def _built_in(name: str, tokenizer: PreTrainedTokenizerBase) -> ChatTemplate:
    variables = _special_tokens(tokenizer)
    stop = "<|im_end|>" if name == "chatml" and _is_one_token(tokenizer, "<|im_end|>") else variables.get("eos_token")
    if stop is None:
        raise ModelError(
            f"template `{name}` ends an answer with the tokenizer's eos_token, and this tokenizer has none. "
            "Add eos_token to its tokenizer_config.json."
        )
    bos = variables["bos_token"] if _adds_bos(tokenizer) else ""
    constants = f"{{%- set bos = {_quote(bos)} %}}{{%- set stop = {_quote(stop)} %}}"
    source = f"{{#- Tunesmith's built-in template {name} #}}\n{constants}\n{_built_in_text(name)}"
    control_tokens = (*_control_tokens(tokenizer), *MARKERS.get(name, ()))
    return ChatTemplate(
        name,
        source,
        variables,
        stop_strings=STOP_STRINGS[name],
        control_tokens=tuple(dict.fromkeys(control_tokens)),
        trusted=True,
    )


def _quote(text: str) -> str:
    return json.dumps(text)


def _foreign(name: str, source: str, tokenizer: PreTrainedTokenizerBase) -> ChatTemplate:
    return ChatTemplate(name, source, _special_tokens(tokenizer), control_tokens=_control_tokens(tokenizer))


def _special_tokens(tokenizer: PreTrainedTokenizerBase) -> dict[str, Any]:
    values = {}
    for key, value in tokenizer.special_tokens_map.items():
        values[key] = [str(item) for item in value] if isinstance(value, (list, tuple)) else str(value)
    return values


def _control_tokens(tokenizer: PreTrainedTokenizerBase) -> tuple[str, ...]:
    """Special tokens, but not one-character ones: no space fits into those."""
    added = [token.content for token in tokenizer.added_tokens_decoder.values() if token.special]
    tokens = dict.fromkeys([*tokenizer.all_special_tokens, *added])
    return tuple(token for token in tokens if len(token) > 1)


def _is_one_token(tokenizer: PreTrainedTokenizerBase, text: str) -> bool:
    return len(tokenizer(text, add_special_tokens=False)["input_ids"]) == 1


def _adds_bos(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether the tokenizer begins a text with BOS by itself; then a prompt must begin with it too."""
    return tokenizer.bos_token_id is not None and tokenizer("a")["input_ids"][:1] == [tokenizer.bos_token_id]


# Trying out. Words that no template contains and that no filter for case or spaces changes.
ASKED, ANSWERED, SYSTEM, THOUGHT = "zqask", "zqanswer", "zqsystem", "zqthought"
TOOL, SECOND_TOOL, ARGUMENT, RESULT = "zqtool", "zqsecond", "zqargument", "zqresult"
_USER = {"role": "user", "content": ASKED}
_ASSISTANT = {"role": "assistant", "content": ANSWERED}
_CALL = {"id": "call00000", "type": "function", "function": {"name": TOOL, "arguments": {"word": ARGUMENT}}}
_SECOND_CALL = {
    "id": "call00001",
    "type": "function",
    "function": {"name": SECOND_TOOL, "arguments": {"word": ARGUMENT}},
}
_CALLING = {"role": "assistant", "content": "", "tool_calls": [_CALL]}
_CALLING_TWICE = {**_CALLING, "tool_calls": [_CALL, _SECOND_CALL]}
_CALLING_WITH_TEXT = {**_CALLING, "content": ANSWERED}
_RESULT = {"role": "tool", "content": RESULT, "name": TOOL, "tool_call_id": "call00000"}
_THINKING = {**_ASSISTANT, "reasoning_content": THOUGHT, "thinking": THOUGHT, "reasoning": THOUGHT}
_SCHEMA = {"type": "object", "properties": {"word": {"type": "string", "description": ARGUMENT}}, "required": ["word"]}
_TOOL = {"type": "function", "function": {"name": TOOL, "description": RESULT, "parameters": _SCHEMA}}
PROBES = {
    "plain": Job([_USER, _ASSISTANT], None, ((1, False), (1, True), (2, False))),
    "system": Job([{"role": "system", "content": SYSTEM}, _USER, _ASSISTANT], None, ((2, True), (3, False))),
    "tools": Job([_USER], [_TOOL], ((1, True),)),
    "tool_calls": Job([_USER, _CALLING, _RESULT, _ASSISTANT], [_TOOL], ((1, True), (2, False), (3, True), (4, False))),
    "several_calls": Job([_USER, _CALLING_TWICE], [_TOOL], ((2, False),)),
    "calls_with_text": Job([_USER, _CALLING_WITH_TEXT], [_TOOL], ((2, False),)),
    "reasoning": Job([_USER, _THINKING], None, ((2, False),)),
}
NEEDED = {
    "system": (SYSTEM, ASKED),
    "tools": (TOOL, ARGUMENT, RESULT),
    "tool_calls": (TOOL, ARGUMENT, RESULT),
    "several_calls": (TOOL, SECOND_TOOL),
    "calls_with_text": (TOOL, ANSWERED),
    "reasoning": (THOUGHT, ANSWERED),
}


def _try_out(template: ChatTemplate, tokenizer: PreTrainedTokenizerBase) -> ChatTemplate:
    """The template with its stop tokens and abilities, learned from what it makes of a few short conversations."""
    texts = dict(zip(PROBES, template.texts(list(PROBES.values()))))
    asked, prompt, full = _plain_texts(template, texts["plain"])
    if _adds_bos(tokenizer) and not full.startswith(tokenizer.bos_token):
        # As the tokenizer alone would begin the text and as the model was pre-trained; trim_blocks removes the newline.
        source = "{{ bos_token }}{# The tokenizer begins every text with it. #}\n" + template.source
        return _try_out(replace(template, source=source), tokenizer)
    _check_generation_prompt(template, asked, prompt, full)
    stop_tokens = _stop_tokens(template, tokenizer, full)
    abilities = {ability for ability in NEEDED if _has_place(texts[ability], NEEDED[ability])}
    if "tool_calls" in abilities:
        calling = texts["tool_calls"][1]
        stop_tokens = (*stop_tokens, *_stop_of_a_call(tokenizer, calling[calling.rindex(ARGUMENT) :], stop_tokens))
    opening = full.removeprefix(prompt).partition(ANSWERED)[0] if full.startswith(prompt) else ""
    space = opening if opening.isspace() else ""
    return replace(template, stop_tokens=stop_tokens, abilities=frozenset(abilities), answer_space=space)


def _plain_texts(template: ChatTemplate, texts: Sequence[str | Refusal]) -> Sequence[str]:
    failed = next((text for text in texts if isinstance(text, Refusal)), None)
    if failed is not None:
        raise ModelError(
            f"template `{template.name}` cannot render a question and an answer: {failed.message}. Correct it, "
            f"or {HOW_TO_CHANGE}."
        )
    if ASKED not in texts[1] or ANSWERED not in texts[2]:
        raise ModelError(
            f"template `{template.name}` leaves out the content of the messages. Correct it, or {HOW_TO_CHANGE}."
        )
    return texts


def _check_generation_prompt(template: ChatTemplate, asked: str, prompt: str, full: str) -> None:
    """Refuses a template that writes a header before an answer, but not when the answer is to be generated."""
    if asked == prompt and full.startswith(prompt) and full[len(prompt) : full.index(ANSWERED)].strip():
        raise ModelError(
            f"template `{template.name}` ignores add_generation_prompt, so a model would have to write the "
            "header of its own turn. "
            "End the template with {% if add_generation_prompt %} and that header, or " + f"{HOW_TO_CHANGE}."
        )


def _stop_tokens(template: ChatTemplate, tokenizer: PreTrainedTokenizerBase, full: str) -> tuple[str, ...]:
    """The first special token after the answer, and the eos token, which a base model stops with."""
    tail = full[full.index(ANSWERED) + len(ANSWERED) :]
    found = sorted((tail.index(token), -len(token), token) for token in _control_tokens(tokenizer) if token in tail)
    if not found:
        raise ModelError(
            f"template `{template.name}` does not end the assistant's turn with a stop token, so a model "
            "trained with it would never stop. "
            "Write {{ eos_token }} after the assistant's content, or " + f"{HOW_TO_CHANGE}."
        )
    return tuple(dict.fromkeys(token for token in (found[0][2], template.eos_token) if token))


def _stop_of_a_call(tokenizer: PreTrainedTokenizerBase, tail: str, known: Sequence[str]) -> list[str]:
    """The token that ends a turn with tool calls, where it is another one (Llama 3's ``<|eom_id|>``)."""
    if any(token in tail for token in known):
        return []
    return sorted((token for token in _control_tokens(tokenizer) if token in tail), key=tail.rindex)[-1:]


def _has_place(texts: Sequence[str | Refusal], words: Sequence[str]) -> bool:
    return all(isinstance(text, str) for text in texts) and all(word in texts[-1] for word in words)
