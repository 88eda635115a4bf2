"""The table of conventions: how the columns of a row become the messages of records.

A convention is recognized per row, from the columns that are not null, so that one file may mix them. Whatever a
convention does not read stays in ``Record.meta``. Decisions that are ours:

- instruction and input (or context) are one user message, joined by an empty line; a context comes before its question.
- ``<noinput>`` (Alpaca's word for "none") is no input; the column stays in meta.
- a rationale comes before the answer in the same assistant message, on its own line (FLAN's chain of thought), because
  every template and model can learn that; the bare answer is kept among the references.
- several answers: the first is the assistant's turn, all are references; so are the texts of a ``references`` list
  beside the answer.
- choices are listed with letters under the question; an answer given as a number becomes its letter.
- a message tree gives one record for every assistant message that no other assistant message follows.
- of a preference only the chosen answer is learned, the rejected one stays in meta; of an unpaired label only what is
  marked desirable.
- a text alone is one assistant message: something to continue. Beside a label it is refused, not guessed at.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tunesmith.curation.columns import map_columns
from tunesmith.curation.turns import parse_json, parse_turns, plain_text, read_tools, read_transcript, read_turns
from tunesmith.errors import RowError
from tunesmith.records import Drop, Message, Record, row_id

ANSWERS = ("output", "response", "completion", "answer", "answers")
LABELS = (
    "label",
    "labels",
    "class",
    "intent",
    "sentiment",
    "tags",
    "ner_tags",
    "spans",
    "entities",
    "target",
    "targets",
)
UNKNOWN = "unknown"


class Columns:
    """A row that remembers which of its columns were read."""

    def __init__(self, row: Mapping[str, Any]):
        self._row = {name: value for name, value in row.items() if value is not None}
        self._read: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self._row

    def look(self, name: str) -> Any:
        """The value of a column, without counting it as read."""
        return self._row.get(name)

    def take(self, *names: str) -> Any:
        """The first of the columns that is there, or None."""
        for name in names:
            if name in self._row:
                self._read.add(name)
                return self._row[name]
        return None

    def text(self, *names: str) -> str:
        """The first of the columns that is there, as text, or an empty one. Raises `RowError` ``content_not_text``."""
        value = self.take(*names)
        return "" if value is None else plain_text(value, f"column `{names[0]}`")

    def unread(self) -> dict[str, Any]:
        return {name: value for name, value in self._row.items() if name not in self._read}


@dataclass
class Draft:
    """What one part of a row says, before it is a record."""

    messages: list[Message]
    references: tuple[str, ...] = ()
    meta: dict[str, Any] = field(default_factory=dict)
    id: str = ""
    parents: tuple[str, ...] = ()


Part = Draft | RowError


@dataclass(frozen=True)
class Convention:
    """One way to write down instruction data.

    Attributes:
        name: what reports call it.
        needs: groups of columns; of each group one must be there.
        read: from the row to its parts.
        fits: a further look at the values.
        beside: columns that must be there but are often empty.
    """

    name: str
    needs: tuple[tuple[str, ...], ...]
    read: Callable[[Columns], list[Part]]
    fits: Callable[[Mapping[str, Any]], bool] = lambda row: True
    beside: tuple[str, ...] = ()

    def matches(self, row: Mapping[str, Any], filled: bool) -> bool:
        """Whether the row has the columns; with ``filled`` none of them may be an empty text or list."""
        present = [name for name, value in row.items() if value is not None and not (filled and value in ("", [], {}))]
        has_all = all(any(name in present for name in group) for group in self.needs)
        return has_all and all(row.get(name) is not None for name in self.beside) and self.fits(row)


def record_from_row(
    row: Mapping[str, Any], *, source: str, columns: Mapping[str, str] | None = None, task: str | None = None
) -> tuple[str, list[Record | Drop]]:
    """The convention of a row and its records; parts that cannot be one are drops with stage ``read``.

    ``columns`` maps our names to the row's (see `map_columns`); ``task`` overrides what the row says.
    """
    try:
        mapped, rest = map_columns(row, columns) if columns else (dict(row), {})
    except RowError as error:
        return UNKNOWN, [_drop(row_id(row), source, error)]
    convention = recognize(mapped)
    if convention is None:
        return UNKNOWN, [_drop(row_id(row), source, unknown_format(row))]
    view = Columns(mapped)
    try:
        parts = convention.read(view)
        parts = _with_references(parts, view)
        tools = read_tools(view.take("tools", "functions"))
    except RowError as error:
        return convention.name, [_drop(row_id(row), source, error)]
    shared = {"task": _task(view, task), "source": source, "tools": tools}
    meta = {**rest, **view.unread()}
    ids = [row_id(row, part=str(k)) if len(parts) > 1 else row_id(row) for k in range(len(parts))]
    return convention.name, [_finish(part, id, shared, meta) for part, id in zip(parts, ids)]


def recognize(row: Mapping[str, Any]) -> Convention | None:
    """The first convention of the table that the row fits: with all its columns filled, else with them there."""
    for conventions, filled in ((CONVENTIONS, True), (CONVENTIONS, False), (FALLBACKS, False)):
        for convention in conventions:
            if convention.matches(row, filled):
                return convention
    return None


def unknown_format(row: Mapping[str, Any]) -> RowError:
    """The one line that says what to add for a row of no known convention."""
    present = [name for name, value in row.items() if value is not None]
    named = ", ".join(map(_shown, present[:8])) + (" …" if len(present) > 8 else "") or "none"
    return RowError("unknown_format", f"the columns ({named}) fit no known convention.{_suggestion(row)}")


def no_answer(row: Mapping[str, Any]) -> RowError:
    """The one line for a row that asks without an answer, where one is needed to learn from."""
    words = ("answer", "solution", "output", "response", "reference", "completion", "summar")
    near = [
        name
        for name, value in row.items()
        if any(word in name for word in words) and isinstance(value, (str, list)) and _shown(name) == name
    ]
    asked = next((name for name in ("prompt", "instruction", "question") if name in row), None)
    fix = (
        f" If column `{near[0]}` holds it, add columns: {{{asked}: {asked}, output: {near[0]}}}."
        if near and asked
        else ""
    )
    return RowError("no_answer", f"there is a question but no answer.{fix}")


def _shown(name: str) -> str:
    """A column name on one line, whatever is in it."""
    printable = "".join(character if character.isprintable() else " " for character in name[:60])
    return " ".join(printable.split()) + ("…" if len(name) > 60 else "")


def _suggestion(row: Mapping[str, Any]) -> str:
    """A column map to start from. Only names are looked at, and which values are texts."""
    usable = [name for name, value in row.items() if isinstance(value, str) and name and _shown(name) == name]
    texts = sorted((name for name in usable if name not in SIDE), key=_askedness)
    is_tagged = any(isinstance(row.get(name), list) for name in LABELS)
    if not texts or is_tagged:
        return " Turn it into instruction and output first, or into messages."
    answer = next((name for name in ANSWER_LIKE if row.get(name) is not None), texts[-1])
    asked = [name for name in texts if name != answer][:4]
    if not asked:
        return f" Say what it is, for example columns: {{prompt: {answer}}}."
    if all(len(name) == 2 for name in texts):  # one column per language
        asked, answer = texts[:1], texts[1]
    shown = asked[0] if len(asked) == 1 else '"' + " ".join(f"{{{name}}}" for name in asked) + '"'
    return f" Say what they are, for example columns: {{input: {shown}, output: {answer}}}."


SIDE = ("id", "idx", "key", "split", "task", "category", "source", "licence", "license", "author")
ANSWER_LIKE = ("label", "labels", "target", "best_answer", "summary", "summaries", "references", "topics")
ASKED_LIKE = ("context", "passage", "document", "dialogue", "premise", "hypothesis", "title", "description", "question")


def _askedness(name: str) -> int:
    return ASKED_LIKE.index(name) if name in ASKED_LIKE else len(ASKED_LIKE)


def _drop(id: str, source: str, error: RowError) -> Drop:
    return Drop(id, source, "read", error.reason, error.detail)


def _finish(part: Part, id: str, shared: Mapping[str, Any], meta: Mapping[str, Any]) -> Record | Drop:
    if isinstance(part, RowError):
        return _drop(id, shared["source"], part)
    meta = {**meta, **part.meta}
    return Record(
        part.id or id, tuple(part.messages), references=part.references, parents=part.parents, meta=meta, **shared
    )


def _with_references(parts: list[Part], view: Columns) -> list[Part]:
    """The parts with what a ``references`` column adds to the one answer of a row; any other one stays in meta."""
    listed = parse_json(view.look("references"))
    is_list = isinstance(listed, list) and listed and all(isinstance(text, str) for text in listed)
    if "references" not in view.unread() or not is_list or len(parts) != 1 or not _ends_in_an_answer(parts[0]):
        return parts
    view.take("references")
    return [replace(parts[0], references=tuple(dict.fromkeys((*parts[0].references, *listed))))]


def _ends_in_an_answer(part: Part) -> bool:
    return isinstance(part, Draft) and bool(part.messages) and part.messages[-1].role == "assistant"


def _task(view: Columns, task: str | None) -> str:
    if task is not None:
        return task
    for name in ("task", "category", "task_name"):
        if isinstance(view.look(name), str):
            return view.take(name)
    return ""


# ── parts that several conventions share ──────────────────────────────────────────────────────────


def _join(*texts: str) -> str:
    return "\n\n".join(text for text in texts if text)


def _user(*texts: str) -> list[Message]:
    return [Message("user", _join(*texts))]


def _system(view: Columns) -> list[Message]:
    text = view.text("system", "system_prompt")
    return [Message("system", text)] if text else []


def _history(view: Columns) -> list[Message]:
    """Earlier turns, as ``[[user, assistant], …]`` or as messages."""
    history = parse_json(view.take("history"))
    if not history:
        return []
    if isinstance(history, list) and all(isinstance(turn, Mapping) for turn in history):
        return read_turns(history)[0]
    if not isinstance(history, list) or not all(isinstance(turn, list) and len(turn) == 2 for turn in history):
        raise RowError("broken_history", "`history` must be a list of [user, assistant] pairs.")
    roles = ("user", "assistant")
    return [Message(role, plain_text(said, "`history`")) for turn in history for role, said in zip(roles, turn)]


def _answers(value: Any) -> tuple[list[Message], tuple[str, ...]]:
    """The assistant's turn and the references, from one answer, a list of answers, or SQuAD's ``{"text": [...]}``."""
    if isinstance(value, Mapping) and isinstance(value.get("text"), list):
        value = value["text"]
    if value is None or value == []:
        return [], ()
    if not isinstance(value, list):
        return [Message("assistant", plain_text(value, "the answer"))], ()
    texts = tuple(plain_text(item, "an answer") for item in value)
    return [Message("assistant", texts[0])], texts


def _given(view: Columns, *names: str) -> str:
    """An input that is really one: Alpaca writes ``<noinput>`` where there is none."""
    value = next((view.look(name) for name in names if name in view), None)
    is_marker = isinstance(value, str) and value.strip().lower() in ("<noinput>", "<no input>")
    return "" if is_marker else view.text(*names)


def _asked(view: Columns, asked: list[Message], answer: Any) -> list[Part]:
    """System, history, the question and its answer: the one-exchange conventions."""
    messages, references = _answers(answer)
    return [Draft([*_system(view), *_history(view), *asked, *messages], references)]


def _turns(view: Columns, *names: str) -> Draft:
    """A list of turns (or its JSON text), with the system column before it unless it says the same."""
    messages, rest = read_turns(parse_json(view.take(*names)))
    system = _system(view)
    before = [] if system == messages[:1] else system
    return Draft([*before, *messages], meta={"message_columns": rest} if rest else {})


def _said(value: Any, role: str) -> list[Message]:
    """A text, one turn, or a list of turns (or their JSON text, as in CSV files)."""
    value = parse_turns(value)
    return read_turns(value)[0] if isinstance(value, list) else [Message(role, plain_text(value, f"the {role}'s text"))]


# ── the conventions ───────────────────────────────────────────────────────────────────────────────


def _read_own(view: Columns) -> list[Part]:
    """A row of a run folder: it keeps its id; where it first came from stays in meta."""
    try:
        record = Record.from_dict(view.unread())
        draft = Draft(list(record.messages), record.references, dict(record.meta), str(record.id), record.parents)
    except (TypeError, ValueError, KeyError, AttributeError):
        raise RowError(
            "broken_record", "looks like a row of a run folder, but was changed so that it is none."
        ) from None
    for name in ("messages", "content_sha256", "parents", "references", "meta", "id"):
        view.take(name)
    return [draft]


def _read_messages(view: Columns) -> list[Part]:
    return [_turns(view, "messages")]


def _read_conversations(view: Columns) -> list[Part]:
    return [_turns(view, "conversations", "conversation")]


def _read_prompt_completion(view: Columns) -> list[Part]:
    asked, answer = (
        _said(view.take("prompt"), "user"),
        parse_turns(view.take("completion", "response", "output", "answer")),
    )
    if isinstance(answer, list) and all(isinstance(turn, Mapping) for turn in answer) and answer:
        return [Draft([*_system(view), *_history(view), *asked, *_said(answer, "assistant")])]
    return _asked(view, asked, answer)


def _read_alpaca(view: Columns) -> list[Part]:
    return _asked(view, _user(view.text("instruction"), _given(view, "input", "context")), view.take(*ANSWERS))


def _read_dolly(view: Columns) -> list[Part]:
    return _asked(view, _user(view.text("instruction"), view.text("context")), view.take("response"))


def _read_question(view: Columns) -> list[Part]:
    asked = _user(view.text("context", "passage"), view.text("question"))
    draft = _asked(view, asked, view.take("answer", "answers", "response"))[0]
    rationale = view.text("rationale")
    if rationale and draft.messages[-1].role == "assistant":
        answer = draft.messages[-1].content
        draft.messages[-1] = Message("assistant", f"{rationale}\n{answer}")
        draft.references = draft.references or (answer,)
    return [draft]


def _read_choices(view: Columns) -> list[Part]:
    choices = parse_json(view.take("choices", "options"))
    if len(choices) > len(string.ascii_uppercase):
        raise RowError("too_many_choices", f"{len(choices)} choices where letters go to {len(string.ascii_uppercase)}.")
    listed = "\n".join(
        f"{letter}. {plain_text(choice, 'a choice')}" for letter, choice in zip(string.ascii_uppercase, choices)
    )
    answer = view.take("answer")
    if isinstance(answer, int) and not isinstance(answer, bool) and 0 <= answer < len(choices):
        answer = string.ascii_uppercase[answer]
    return _asked(view, _user(view.text("context", "passage"), f"{view.text('question')}\n{listed}"), answer)


def _read_source_target(view: Columns) -> list[Part]:
    return _asked(view, _user(view.text("source")), view.take("target"))


def _read_input_target(view: Columns) -> list[Part]:
    return _asked(view, _user(view.text("input")), view.take("target", "targets", "output"))


def _read_instances(view: Columns) -> list[Part]:
    """Self-Instruct (Wang et al. 2023): one instruction, several inputs with their outputs."""
    instruction, instances = view.text("instruction"), parse_json(view.take("instances"))
    if not isinstance(instances, list) or not instances:
        raise RowError("no_instances", "`instances` must be a list with at least one {input, output}.")
    return [_instance(instruction, instance) for instance in instances]


def _instance(instruction: str, instance: Any) -> Part:
    if not isinstance(instance, Mapping):
        return RowError("broken_instance", "an instance must be an object with an input and an output.")
    view = Columns(instance)
    try:
        asked = _user(instruction, _given(view, "input"))
        answer, references = _answers(view.take(*ANSWERS))
    except RowError as error:
        return error
    return Draft([*asked, *answer], references, {"instance": view.unread()} if view.unread() else {})


def _read_mt_bench(view: Columns) -> list[Part]:
    """User turns, each with its reference answer where there is one (Zheng et al. 2023)."""
    questions, references = _texts(view, "turns"), _texts(view, "reference", "gpt4_reference_turns")
    answers = [Message("assistant", text) for text in references]
    messages = _system(view)
    for k, question in enumerate(questions):
        messages += [Message("user", question), *answers[k : k + 1]]
    return [Draft(messages)]


def _texts(view: Columns, *names: str) -> list[str]:
    given = view.take(*names)
    value = parse_json(given) if isinstance(parse_json(given), list) else given
    if value is None:
        return []
    return [plain_text(item, f"`{names[0]}`") for item in (value if isinstance(value, list) else [value])]


def _read_preference(view: Columns) -> list[Part]:
    chosen = parse_turns(view.take("chosen"))
    transcript = read_transcript(chosen) if isinstance(chosen, str) else None
    answer = transcript or _said(chosen, "assistant")
    holds_all = answer[0].role != "assistant"
    asked = _request(view, keep=not holds_all)
    if not asked and not holds_all:
        raise RowError("no_prompt", "a preference needs a prompt, or the whole conversation in `chosen`.")
    return [Draft([*asked, *answer])]


def _request(view: Columns, keep: bool) -> list[Message]:
    """What a preference answers; read but left out where ``chosen`` repeats it."""
    if "messages" in view or "conversations" in view:
        messages = _turns(view, "messages", "conversations").messages
    elif "instruction" in view:
        messages = [*_system(view), *_history(view), *_user(view.text("instruction"), _given(view, "input", "context"))]
    elif "prompt" in view or "question" in view:
        messages = [*_system(view), *_history(view), *_said(view.take("prompt", "question"), "user")]
    else:
        return []
    return messages if keep else []


def _read_unpaired(view: Columns) -> list[Part]:
    """KTO's rows (Ethayarajh et al. 2024): an answer marked good or bad."""
    if view.take("label", "kto_tag") in (False, 0):
        raise RowError("undesirable", "marked as an answer that should not be learned.")
    return next(
        c for c in CONVENTIONS if c.name in EXCHANGES and c.matches({n: view.look(n) for n in view.unread()}, False)
    ).read(view)


EXCHANGES = ("messages", "conversations", "prompt/completion", "alpaca")


def _is_judged(row: Mapping[str, Any]) -> bool:
    mark = row.get("label") if row.get("label") is not None else row.get("kto_tag")
    rest = {name: value for name, value in row.items() if name not in ("label", "kto_tag")}
    return mark in (True, False) and any(c.matches(rest, False) for c in CONVENTIONS if c.name in EXCHANGES)


def _read_tree(view: Columns) -> list[Part]:
    """Open Assistant's trees (Köpf et al. 2023): one record for every last assistant message, a drop for every
    question that nobody answered."""
    parts: list[Part] = []
    waiting = [(view.take("prompt"), ())]
    while waiting:
        node, path = waiting.pop()
        path, replies = (*path, node), _replies(node)
        waiting += [(reply, path) for reply in reversed(replies)]
        parts += [_branch(path)] if _ends_here(node) else []
    return parts


def _replies(node: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    replies = node.get("replies") or []
    if not isinstance(replies, list) or not all(isinstance(reply, Mapping) for reply in replies):
        raise RowError("broken_tree", "the replies of a message must be a list of messages.")
    return replies


def _ends_here(node: Mapping[str, Any]) -> bool:
    """A leaf, or an answer whose follow-up questions nobody answered (those questions are leaves of their own)."""
    if node.get("role") != "assistant":
        return not _replies(node)
    return not any(_replies(reply) for reply in _replies(node))


def _branch(path: tuple[Mapping[str, Any], ...]) -> Part:
    if any(node.get("deleted") for node in path):
        return RowError("deleted_message", "the branch holds a message marked as deleted.")
    try:
        messages, _ = read_turns([{"role": node.get("role"), "content": node.get("text")} for node in path])
    except RowError as error:
        return error
    if messages[-1].role != "assistant":
        return RowError("unanswered_prompt", "nobody answered the last question of the branch.")
    nodes = [{key: value for key, value in node.items() if key not in ("role", "text", "replies")} for node in path]
    return Draft(messages, meta={"nodes": nodes})


def _read_text(view: Columns) -> list[Part]:
    return [Draft([Message("assistant", view.text("text"))])]


def _read_prompt_only(view: Columns) -> list[Part]:
    if "prompt" in view:
        return [Draft([*_system(view), *_history(view), *_said(view.take("prompt"), "user")])]
    asked = _user(
        view.text("instruction") or view.text("context", "passage"), view.text("question") or _given(view, "input")
    )
    return [Draft([*_system(view), *_history(view), *asked])]


def _is_list(*names: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda row: any(isinstance(parse_json(row.get(name)), list) for name in names)


def _is_tree(row: Mapping[str, Any]) -> bool:
    return isinstance(row.get("prompt"), Mapping) and "replies" in row["prompt"]


def _is_turn_list(row: Mapping[str, Any]) -> bool:
    turns = parse_json(row.get("turns"))
    return isinstance(turns, list) and all(isinstance(turn, str) for turn in turns)


def _has_no_label(row: Mapping[str, Any]) -> bool:
    return all(row.get(name) is None for name in LABELS)


CONVENTIONS = (
    Convention("tunesmith", (("messages",), ("content_sha256",), ("id",)), _read_own, _is_list("messages")),
    Convention("preference", (("chosen",), ("rejected",)), _read_preference),
    Convention("unpaired preference", (("label", "kto_tag"),), _read_unpaired, _is_judged),
    Convention("message tree", (("prompt",),), _read_tree, _is_tree),
    Convention("messages", (("messages",),), _read_messages),
    Convention("conversations", (("conversations", "conversation"),), _read_conversations),
    Convention("mt-bench", (("turns",),), _read_mt_bench, _is_turn_list),
    Convention("instances", (("instruction",), ("instances",)), _read_instances),
    Convention(
        "prompt/completion", (("prompt",), ("completion", "response", "output", "answer")), _read_prompt_completion
    ),
    Convention("dolly", (("instruction",), ("response",)), _read_dolly, beside=("context",)),
    Convention("alpaca", (("instruction",), ANSWERS), _read_alpaca),
    Convention(
        "multiple choice",
        (("question",), ("choices", "options"), ("answer",)),
        _read_choices,
        _is_list("choices", "options"),
    ),
    Convention("question/answer", (("question",), ("answer", "answers", "response")), _read_question),
    Convention("source/target", (("source",), ("target",)), _read_source_target),
    Convention("input/output", (("input",), ("target", "targets", "output")), _read_input_target),
)
FALLBACKS = (
    Convention("prompt", (("prompt",),), _read_prompt_only),
    Convention("prompt", (("instruction", "question"),), _read_prompt_only, _has_no_label),
    Convention("text", (("text",),), _read_text, _has_no_label),
)
