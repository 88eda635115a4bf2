"""One turn of a conversation, in whatever shape it comes, as a `Message`.

Understood: ``{role, content}`` (OpenAI) and ``{from, value}`` (ShareGPT); content as text, as a list of typed parts
(text, reasoning, tool calls), or missing beside tool calls; reasoning in its own key; tool calls as OpenAI's
``tool_calls``, the older ``function_call``, or a whole ShareGPT turn of that name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tunesmith.errors import RowError, did_you_mean
from tunesmith.records import Message

ROLE_NAMES = {
    **dict.fromkeys(("system", "developer"), "system"),
    **dict.fromkeys(("user", "human", "prompter", "customer"), "user"),
    **dict.fromkeys(("assistant", "gpt", "chatgpt", "model", "bot", "ai", "bard", "bing"), "assistant"),
    **dict.fromkeys(("tool", "observation", "function", "function_response", "tool_response", "ipython"), "tool"),
    **dict.fromkeys(("function_call", "tool_call"), "tool_call"),
}
TEXT_PARTS = ("text", "input_text", "output_text")
REASONING_PARTS = ("reasoning", "thinking")
CALL_PARTS = ("tool_call", "tool_use", "function_call")
REASONING_KEYS = ("reasoning", "reasoning_content", "thinking")
READ_KEYS = {
    "role",
    "from",
    "content",
    "value",
    "text",
    "name",
    "tool_calls",
    "function_call",
    "weight",
    "train",
    *REASONING_KEYS,
}


def read_turns(turns: Any) -> tuple[list[Message], dict[str, Any]]:
    """The messages of a list of turns, and what else the turns hold: ``{"position": {key: value}}``.

    A ShareGPT ``function_call`` turn right after the assistant's words joins them: both are one turn of the assistant.

    Raises:
        RowError: ``no_messages``, ``message_not_object``, ``unknown_role``, ``content_not_text``, ``unsupported_part``,
            ``broken_tool_call``, ``untrained_turn``.
    """
    if not isinstance(turns, Sequence) or isinstance(turns, str) or not turns:
        raise RowError("no_messages", "the conversation must be a list with at least one message.")
    messages: list[Message] = []
    rest: dict[str, Any] = {}
    for position, turn in enumerate(turns):
        message, others = _read_turn(turn, f"message {position + 1}")
        if others:
            rest[str(position)] = others
        if _role(turn, "") == "tool_call" and messages and messages[-1].role == "assistant":
            said = messages.pop()
            message = replace(said, tool_calls=said.tool_calls + message.tool_calls)
        messages.append(_named(message, others, messages))
    return messages, rest


def read_calls(value: Any, where: str) -> tuple[dict[str, Any], ...]:
    """Tool calls as ``{"name", "arguments"}`` (and ``id``, if given), from a call, a list, or their JSON text."""
    value = parse_json(value)
    calls = value if isinstance(value, list) else [value]
    return tuple(_read_call(parse_json(call), where) for call in calls)


def read_tools(value: Any) -> tuple[dict[str, Any], ...]:
    """Tool descriptions in OpenAI's shape, ``{"type": "function", "function": {name, description, parameters}}``.

    Raises `RowError` ``broken_tools`` where they are neither a list of objects nor the JSON text of one.
    """
    value = parse_json(value)
    tools = [value] if isinstance(value, Mapping) else value
    if tools is None or tools == "":
        return ()
    if not isinstance(tools, list) or not all(isinstance(parse_json(tool), Mapping) for tool in tools):
        raise RowError("broken_tools", "`tools` must be a list of tool descriptions, or the JSON text of one.")
    return tuple(_openai_tool(parse_json(tool)) for tool in tools)


def read_transcript(text: str) -> list[Message] | None:
    """The turns of a text written as ``\\n\\nHuman: … \\n\\nAssistant: …`` (Bai et al. 2022); None for other text."""
    if not re.match(r"\s*(Human|Assistant):", text):
        return None
    pieces = re.split(r"(?:\A|\n\n)\s*(Human|Assistant):[ ]?", text)[1:]
    roles = {"Human": "user", "Assistant": "assistant"}
    return [Message(roles[speaker], said) for speaker, said in zip(pieces[::2], pieces[1::2])]


def plain_text(value: Any, where: str) -> str:
    """Text, or a number or truth value as JSON writes it. Raises `RowError` ``content_not_text`` for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, (bool, int, float)):
        return json.dumps(value)
    raise RowError("content_not_text", f"{where} must be text, got {type(value).__name__}.")


def parse_json(value: Any) -> Any:
    """The value of a text that is a JSON object or list; anything else as it is (CSV carries nested columns so)."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def parse_turns(value: Any) -> Any:
    """A list of turns from one turn, a list, or the JSON text of either; any other text stays text, brackets or not."""
    parsed = parse_json(value)
    turns = [parsed] if isinstance(parsed, Mapping) else parsed
    looks_like = (
        isinstance(turns, list)
        and turns
        and all(isinstance(t, Mapping) and ("role" in t or "from" in t) for t in turns)
    )
    return turns if looks_like else value


def _read_turn(turn: Any, where: str) -> tuple[Message, dict[str, Any]]:
    if not isinstance(turn, Mapping):
        raise RowError("message_not_object", f"{where} must be an object with a role and a content.")
    if turn.get("weight") == 0 or turn.get("train") is False:
        raise RowError(
            "untrained_turn", f"{where} is marked not to be trained on, which is not supported. Remove the mark."
        )
    role = _role(turn, where)
    others = {key: value for key, value in turn.items() if key not in READ_KEYS and value is not None}
    content = next((turn[key] for key in ("content", "value", "text") if turn.get(key) is not None), None)
    if role == "tool_call":
        return Message("assistant", "", tool_calls=read_calls(content, where)), others
    return _message(role, content, turn, where), others


def _role(turn: Mapping[str, Any], where: str) -> str:
    written = turn.get("role", turn.get("from"))
    role = ROLE_NAMES.get(written.strip().lower()) if isinstance(written, str) else None
    if role is None:
        ours = ("system", "user", "assistant", "tool")
        fix = did_you_mean(str(written)[:40], ours) or f" Use one of {', '.join(ours)}."
        raise RowError("unknown_role", f"{where} has the unknown role {str(written)[:40]!r}.{fix}")
    return role


def _message(role: str, content: Any, turn: Mapping[str, Any], where: str) -> Message:
    texts, thoughts, calls = _read_parts(content, where)
    thoughts += [plain_text(turn[key], f"{key} of {where}") for key in REASONING_KEYS if turn.get(key)]
    for key in ("tool_calls", "function_call"):
        if turn.get(key):
            calls += read_calls(turn[key], where)
    if content is None and not calls and not thoughts:
        raise RowError("content_not_text", f"{where} has no content.")
    name = plain_text(turn["name"], f"name of {where}") if turn.get("name") is not None else ""
    return Message(role, "\n".join(texts), "\n".join(thoughts), tuple(calls), name)


def _read_parts(content: Any, where: str) -> tuple[list[str], list[str], list[dict[str, Any]]]:
    """Texts, thoughts and calls of a content."""
    texts: list[str] = []
    thoughts: list[str] = []
    calls: list[dict[str, Any]] = []
    for part in content if isinstance(content, list) else [content]:
        kind = part.get("type", "text") if isinstance(part, Mapping) else "text"
        if kind in TEXT_PARTS:
            texts += [] if part is None else [plain_text(_part_value(part), where)]
        elif kind in REASONING_PARTS:
            thoughts.append(plain_text(_part_value(part), where))
        elif kind in CALL_PARTS:
            calls += read_calls(_part_value(part), where)
        else:
            raise RowError(
                "unsupported_part",
                f"{where} has a part of type {str(kind)[:40]!r}; text, reasoning and tool calls can be learned.",
            )
    return texts, thoughts, calls


def _part_value(part: Any) -> Any:
    if not isinstance(part, Mapping):
        return part
    for key in ("value", "text", "thinking", "content", part.get("type")):
        if part.get(key) is not None:
            return part[key]
    return {key: value for key, value in part.items() if key != "type"}


def _read_call(call: Any, where: str) -> dict[str, Any]:
    function = parse_json(call.get("function", call)) if isinstance(call, Mapping) else None
    name = function.get("name") if isinstance(function, Mapping) else None
    if not isinstance(name, str):
        raise RowError("broken_tool_call", f"a tool call of {where} must be an object with a name and arguments.")
    given = next((function[key] for key in ("arguments", "parameters", "input") if function.get(key) is not None), {})
    arguments = parse_json(given)
    read = {
        "name": name,
        "arguments": arguments if isinstance(arguments, dict) else plain_text(given, f"arguments of {where}"),
    }
    return {**read, "id": call["id"]} if isinstance(call.get("id"), str) else read


def _named(message: Message, others: Mapping[str, Any], before: Sequence[Message]) -> Message:
    """A tool's answer with the tool's name, found by the id of the call where the turn does not tell it."""
    if message.role != "tool" or message.name:
        return message
    calls = [call for earlier in before for call in earlier.tool_calls if call.get("id") == others.get("tool_call_id")]
    return replace(message, name=calls[-1]["name"]) if calls and "tool_call_id" in others else message


def _openai_tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    return dict(tool) if "function" in tool else {"type": "function", "function": dict(tool)}
