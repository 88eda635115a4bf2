"""The only way from a record to text: segments that are learned and segments that are only read.

What is learned is decided here, while rendering, never by looking for marker strings afterwards. For the assistant's
turn ``i``

    prefix_i = template(messages before i, with the generation prompt)      what the model sees when it is asked
    turn_i   = template(messages up to and with i)

and what is learned is ``turn_i`` from the end of ``prefix_i`` to the end of the stop token. Where the text of the
whole conversation begins with every ``turn_i``, one `Rendering` holds all turns. Where it does not, because a
template treats the last turn differently (Qwen3 strips the reasoning of earlier turns), each turn is rendered by
itself as the last one, which is how it is seen at inference.

A segment is also the unit of tokenization: the answers of earlier turns are segments of their own in a prompt as
well, so that a prompt has the same ids in training and at inference.

What a template has no place for is written into the text of the messages, so that nothing is lost:

    system message    in front of the first user message, with an empty line between
    tools             in the system message: a sentence, then one JSON object per line
    reasoning         ``<think>\\n…\\n</think>\\n\\n`` in front of the answer
    tool calls        ``{"name": …, "arguments": …}`` after the answer, one per line
    tool results      a user message, ``name:\\n`` in front; joined with a user message that follows
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from tunesmith.errors import RowError
from tunesmith.records import Message, Record
from tunesmith.rendering.sandbox import Job, Refusal
from tunesmith.rendering.templates import ChatTemplate

TOOLS_SENTENCE = (
    "You may call these tools. To call one, answer with a JSON object with its "
    '"name" and "arguments", one call per line:'
)


@dataclass(frozen=True)
class Segment:
    """A piece of the text: learned, or only read."""

    text: str
    supervised: bool


@dataclass(frozen=True)
class Rendering:
    """A text to train on, in segments that tile it.

    ``num_escaped`` counts the control tokens that stood in the record's own text and were made harmless.
    """

    record_id: str
    segments: tuple[Segment, ...]
    num_escaped: int = 0
    task: str = ""
    source: str = ""

    @property
    def text(self) -> str:
        return "".join(segment.text for segment in self.segments)

    @property
    def supervised_text(self) -> str:
        return "".join(segment.text for segment in self.segments if segment.supervised)

    @property
    def prompt_text(self) -> str:
        """The text before the first segment that is learned; all of it where none is."""
        first = next((i for i, segment in enumerate(self.segments) if segment.supervised), len(self.segments))
        return "".join(segment.text for segment in self.segments[:first])


def render(
    record: Record, template: ChatTemplate, *, shots: Sequence[Record] = (), per_turn: bool = False
) -> list[Rendering]:
    """The texts one record is trained on: one, or one per assistant turn (``per_turn``, or where it must be so).

    ``shots`` become earlier turns, which are read but not learned.

    Raises:
        RowError: the template cannot show this conversation (``wrong_role_order``, ``template_refused``), would lose
            a part of it (``template_drops_content``), or shows an answer otherwise than it asks for it
            (``template_rewrites_turns``).
    """
    (result,) = render_all([record], template, shots=[shots], per_turn=per_turn)
    if isinstance(result, RowError):
        raise result
    return result


def render_all(
    records: Sequence[Record],
    template: ChatTemplate,
    *,
    shots: Sequence[Sequence[Record]] | None = None,
    per_turn: bool = False,
) -> list[list[Rendering] | RowError]:
    """`render` for many records at once, errors in their place; a foreign template costs one round trip per batch."""
    shots = [()] * len(records) if shots is None else shots
    prepared = [_or_error(record, _prepare, record, template, given) for record, given in zip(records, shots)]
    texts = iter(template.texts([one.job() for one in prepared if not isinstance(one, RowError)]))
    return [
        one if isinstance(one, RowError) else _or_error(record, _assemble, record, template, one, next(texts), per_turn)
        for record, one in zip(records, prepared)
    ]


def render_prompt(
    messages: Sequence[Message],
    template: ChatTemplate,
    *,
    tools: Sequence[Mapping[str, Any]] = (),
    shots: Sequence[Record] = (),
) -> str:
    """The text a model is asked with; it ends with the generation prompt. Raises `RowError` as `render` does."""
    return "".join(segment.text for segment in render_prompts([messages], template, tools=[tools], shots=[shots])[0])


def render_prompts(
    conversations: Sequence[Sequence[Message]],
    template: ChatTemplate,
    *,
    tools: Sequence[Sequence[Mapping[str, Any]]] | None = None,
    shots: Sequence[Sequence[Record]] | None = None,
) -> list[tuple[Segment, ...]]:
    """The prompts of many conversations, in segments cut where the same conversation would be cut in training."""
    tools = [()] * len(conversations) if tools is None else tools
    shots = [()] * len(conversations) if shots is None else shots
    records = [
        Record(id="", messages=tuple(messages), tools=tuple(given)) for messages, given in zip(conversations, tools)
    ]
    prepared = [_prepare(record, template, given) for record, given in zip(records, shots)]
    return [
        _prompt_segments(record, template, one, answers)
        for record, one, answers in zip(records, prepared, template.texts([one.job(asking=True) for one in prepared]))
    ]


def _or_error(record: Record, function, *arguments) -> Any:
    try:
        return function(*arguments)
    except RowError as error:
        return RowError(error.reason, error.detail, record.source)


# From a record to what the template is given


@dataclass(frozen=True)
class Prepared:
    """Messages as the template is given them, and which of them are answers to learn."""

    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]] | None
    turns: tuple[int, ...]
    num_escaped: int

    def job(self, asking: bool = False) -> Job:
        """Prefix and turn for every answer, then everything: with the generation prompt when an answer is asked for."""
        cuts = [cut for turn in self.turns for cut in ((turn, True), (turn + 1, False))]
        return Job(self.messages, self.tools, (*cuts, (len(self.messages), asking)))


def _prepare(record: Record, template: ChatTemplate, shots: Sequence[Record]) -> Prepared:
    defuser = Defuser(template.control_tokens)
    messages, tools = defuser.messages(record.messages), [_wrapped(tool) for tool in defuser.value(list(record.tools))]
    num_escaped = defuser.num_escaped
    head = messages[:1] if messages and messages[0].role == "system" else []
    earlier = [message for shot in shots for message in _fold_system(defuser.messages(shot.messages))]
    body = messages[len(head) :]
    if tools and "tools" not in template.abilities:
        text = "\n".join([TOOLS_SENTENCE, *(json.dumps(tool["function"], ensure_ascii=False) for tool in tools)])
        head, tools = [Message("system", "\n\n".join(part for part in (*(m.content for m in head), text) if part))], []
    earlier, body = _fold_tools(earlier, template), _fold_tools(body, template)
    folded = [*head, *earlier, *body]
    if "system" not in template.abilities:
        folded = _fold_system(folded)
    first = len(folded) - len(body)
    turns = tuple(i for i, message in enumerate(folded) if i >= first and message.role == "assistant")
    return Prepared(_to_dicts(folded), tools or None, turns, num_escaped)


def _wrapped(tool: Mapping[str, Any]) -> dict[str, Any]:
    """A tool as the OpenAI convention, which templates read, has it."""
    return dict(tool) if isinstance(tool.get("function"), Mapping) else {"type": "function", "function": dict(tool)}


class Defuser:
    """Puts a space into every control token in somebody's text, everywhere in the same way, and counts them."""

    def __init__(self, control_tokens: tuple[str, ...]) -> None:
        self.pattern = _control_pattern(control_tokens)
        self.num_escaped = 0

    def text(self, text: str) -> str:
        if self.pattern is None or self.pattern.search(text) is None:
            return text
        for _ in range(8):  # two tokens can overlap: <|a|>b|> holds <|a|> and, after a space, may hold another
            text, count = self.pattern.subn(lambda match: f"{match[0][0]} {match[0][1:]}", text)
            self.num_escaped += count
            if not count:
                break
        return text

    def value(self, value: Any) -> Any:
        """The same for every text inside a JSON value."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.value(item) for key, item in value.items()}
        return [self.value(item) for item in value] if isinstance(value, (list, tuple)) else value

    def messages(self, messages: Iterable[Message]) -> list[Message]:
        return [self._message(message) for message in messages]

    def _message(self, message: Message) -> Message:
        if not (message.reasoning or message.name or message.tool_calls):
            content = self.text(message.content)
            return message if content is message.content else replace(message, content=content)
        before = self.num_escaped
        content, reasoning, name = self.text(message.content), self.text(message.reasoning), self.text(message.name)
        calls = tuple(self.value(list(message.tool_calls)))
        return message if self.num_escaped == before else Message(message.role, content, reasoning, calls, name)


@lru_cache(maxsize=64)
def _control_pattern(control_tokens: tuple[str, ...]) -> re.Pattern[str] | None:
    longest_first = sorted(control_tokens, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first))) if longest_first else None


def _fold_system(messages: Sequence[Message]) -> list[Message]:
    """A leading system message written in front of the user message that follows it."""
    if not messages or messages[0].role != "system":
        return list(messages)
    if len(messages) < 2 or messages[1].role != "user":
        raise RowError(
            "wrong_role_order",
            "the template has no place for a system message, and no user message follows it to take it in.",
        )
    text = "\n\n".join(part for part in (messages[0].content, messages[1].content) if part)
    return [replace(messages[1], content=text), *messages[2:]]


def _fold_tools(messages: Sequence[Message], template: ChatTemplate) -> list[Message]:
    """Reasoning, tool calls and tool results written as text, where the template has no place for them."""
    folded: list[Message] = []
    calls_are_text, result_before = "tool_calls" not in template.abilities, False
    for message in messages:
        if message.role == "assistant":
            calls_are_text = not _has_place_for_calls(message, template)
            message = _fold_answer(message, template, calls_are_text)
        is_result = message.role == "tool" and calls_are_text
        if is_result:
            message = Message("user", (f"{message.name}:\n" if message.name else "") + message.content)
        if message.role == "user" and folded and folded[-1].role == "user" and (is_result or result_before):
            message = replace(message, content=f"{folded.pop().content}\n\n{message.content}")
        folded.append(message)
        result_before = is_result
    return folded


def _has_place_for_calls(message: Message, template: ChatTemplate) -> bool:
    """Whether the template shows the calls of this turn: some know only one call, some forget the text beside it."""
    needed = {"tool_calls"}
    needed |= {"several_calls"} if len(message.tool_calls) > 1 else set()
    has_text = message.content or (message.reasoning and "reasoning" not in template.abilities)
    needed |= {"calls_with_text"} if message.tool_calls and has_text else set()
    return needed <= template.abilities


def _fold_answer(message: Message, template: ChatTemplate, calls_are_text: bool) -> Message:
    if message.tool_calls and calls_are_text:
        lines = [json.dumps(_call(call), ensure_ascii=False) for call in message.tool_calls]
        message = replace(
            message, content="\n".join([message.content, *lines] if message.content else lines), tool_calls=()
        )
    if message.reasoning and "reasoning" not in template.abilities:
        content = f"<think>\n{message.reasoning}\n</think>\n\n{message.content}"
        message = replace(message, content=content, reasoning="")
    return message


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    """Name and arguments of a tool call; arguments given as JSON text are parsed, as templates expect."""
    call = call.get("function", call)
    arguments = call.get("arguments", {})
    if isinstance(arguments, str):
        try:
            parsed = json.loads(arguments)
        except ValueError:
            parsed = arguments
        arguments = parsed if isinstance(parsed, Mapping) else arguments
    return {"name": call.get("name", ""), "arguments": arguments}


def _to_dicts(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Messages as templates know them. Calls are numbered, with nine characters as Mistral's templates insist on."""
    rows, open_calls = [], []
    number = 0
    for message in messages:
        row: dict[str, Any] = {"role": message.role, "content": message.content}
        if message.reasoning:
            row |= {
                "reasoning_content": message.reasoning,
                "thinking": message.reasoning,
                "reasoning": message.reasoning,
            }
        if message.tool_calls:
            open_calls = [f"call{number + i:05d}" for i in range(len(message.tool_calls))]
            number += len(open_calls)
            row["tool_calls"] = [
                {"id": name, "type": "function", "function": _call(call)}
                for name, call in zip(open_calls, message.tool_calls)
            ]
        if message.name:
            row["name"] = message.name
        if message.role == "tool":
            row["tool_call_id"] = open_calls.pop(0) if open_calls else "call00000"
        rows.append(row)
    return rows


# From texts to segments


@dataclass(frozen=True)
class Turn:
    """An answer inside a text: ``turn[start:end]`` is learned, and ``turn[:start]`` is what the model is asked with."""

    text: str
    start: int
    end: int

    @property
    def prompt(self) -> str:
        return self.text[: self.start]

    @property
    def answer(self) -> str:
        return self.text[self.start : self.end]


def _assemble(
    record: Record, template: ChatTemplate, prepared: Prepared, answers: list[str | Refusal], per_turn: bool
) -> list[Rendering]:
    turns = _turns(record, template, prepared, answers)
    full = answers[-1]
    _check_messages(template, prepared, full)
    if turns and (per_turn or len(_tiles(full, turns)) < len(turns)):
        texts = [
            (
                *_cut(turn.prompt, turns[:i], learned=False),
                Segment(turn.answer, True),
                Segment(turn.text[turn.end :], False),
            )
            for i, turn in enumerate(turns)
        ]
    else:
        texts = [_cut(full, turns, learned=True)]
    return [
        Rendering(record.id, tuple(s for s in segments if s.text), prepared.num_escaped, record.task, record.source)
        for segments in texts
    ]


def _prompt_segments(
    record: Record, template: ChatTemplate, prepared: Prepared, answers: list[str | Refusal]
) -> tuple[Segment, ...]:
    turns = _turns(record, template, prepared, answers, learning=False)
    _check_messages(template, prepared, answers[-1])
    return _cut(answers[-1], turns, learned=False)


def _turns(
    record: Record, template: ChatTemplate, prepared: Prepared, answers: list[str | Refusal], learning: bool = True
) -> list[Turn]:
    refusal = next((answer for answer in answers if isinstance(answer, Refusal)), None)
    if refusal is not None:
        raise _refused(record, template, refusal)
    turns = []
    for index, prefix, text in zip(prepared.turns, answers[0:-1:2], answers[1:-1:2]):
        turn = _turn(template, prefix, text)
        if turn is not None and learning:
            _check_answer(template, prepared.messages[index], turn.answer)
        if turn is None and learning:
            raise _no_turn(template, prefix, text)
        if turn is not None:
            turns.append(turn)
    return turns


def _turn(template: ChatTemplate, prefix: str, text: str) -> Turn | None:
    if not text.startswith(prefix):
        return None
    ends = [found + len(token) for token in template.stop_tokens if (found := text.find(token, len(prefix))) >= 0]
    return Turn(text, len(prefix), min(ends)) if ends else None


def _no_turn(template: ChatTemplate, prefix: str, text: str) -> RowError:
    if text.startswith(prefix):
        return RowError(
            "no_stop_token", f"template `{template.name}` does not end this assistant turn with a stop token."
        )
    return RowError(
        "template_rewrites_turns",
        f"template `{template.name}` asks for the answer with another text than it puts before the finished answer, "
        "so what is learned would never be asked for.",
    )


def _tiles(text: str, turns: Sequence[Turn]) -> list[Turn]:
    """The turns that stand in the text as they did when they were the last; others belong to what surrounds them."""
    tiles, position = [], 0
    for turn in turns:
        if turn.start >= position and text.startswith(turn.text[: turn.end]):
            tiles.append(turn)
            position = turn.end
    return tiles


def _cut(text: str, turns: Sequence[Turn], *, learned: bool) -> tuple[Segment, ...]:
    segments, position = [], 0
    for turn in _tiles(text, turns):
        segments += [Segment(text[position : turn.start], False), Segment(turn.answer, learned)]
        position = turn.end
    segments.append(Segment(text[position:], False))
    return tuple(segment for segment in segments if segment.text)


def _refused(record: Record, template: ChatTemplate, refusal: Refusal) -> RowError:
    if not has_usual_order(record.messages):
        return RowError(
            "wrong_role_order", f"template `{template.name}` does not take these roles: {_roles(record.messages)}."
        )
    texts = [text for message in record.messages for text in (message.content, message.reasoning, message.name)]
    told = "" if any(text and text in refusal.message for text in texts) else f": {refusal.message}"
    return RowError("template_refused", f"template `{template.name}` does not take this conversation{told}.")


def _roles(messages: Sequence[Message]) -> str:
    shown = [message.role for message in messages[:8]]
    return ", ".join([*shown, "…"] if len(messages) > 8 else shown) or "no messages"


def has_usual_order(messages: Sequence[Message]) -> bool:
    """Whether roles are: a system message or none, then user and assistant in turn, tool results after an assistant."""
    roles = "".join(message.role[0] for message in messages)
    return re.fullmatch(r"s?(ua(t+a)*)*(u(at+)*)?", roles) is not None and "u" in roles


def _check_answer(template: ChatTemplate, message: Mapping[str, Any], learned: str) -> None:
    parts = [message["content"], message.get("reasoning_content", "")]
    parts += [call["function"]["name"] for call in message.get("tool_calls", ())]
    if not all(_holds(learned, part) for part in parts):
        raise RowError("template_drops_content", f"template `{template.name}` leaves out a part of an assistant turn.")


def _check_messages(template: ChatTemplate, prepared: Prepared, full: str) -> None:
    for message in prepared.messages:
        content = message["content"]
        quoted = message["role"] == "tool" and _holds(full, json.dumps(content, ensure_ascii=False)[1:-1])
        if message["role"] != "assistant" and not quoted and not _holds(full, content):
            raise RowError(
                "template_drops_content", f"template `{template.name}` leaves out a {message['role']} message."
            )


def _holds(text: str, part: str) -> bool:
    """Whether the part stands in the text, white space aside: many templates trim it."""
    return part in text or "".join(part.split()) in "".join(text.split())
