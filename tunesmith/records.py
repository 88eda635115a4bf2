"""The one shape of data: a record is a conversation with an identity and a memory of where it came from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, get_args

from tunesmith.errors import RowError, did_you_mean

Role = Literal["system", "user", "assistant", "tool"]
ROLES: tuple[str, ...] = get_args(Role)


@dataclass(frozen=True)
class Message:
    """One turn.

    ``reasoning`` is what the assistant thought before it answered. ``tool_calls`` are
    ``{"name": str, "arguments": dict | str}``; a ``tool`` message answers them. ``name`` is the tool's or speaker's name.
    """

    role: Role
    content: str
    reasoning: str = ""
    tool_calls: tuple[Mapping[str, Any], ...] = ()
    name: str = ""

    def to_dict(self) -> dict[str, Any]:
        row: dict[str, Any] = {"role": self.role, "content": self.content}
        if self.reasoning:
            row["reasoning"] = self.reasoning
        if self.tool_calls:
            row["tool_calls"] = [dict(call) for call in self.tool_calls]
        if self.name:
            row["name"] = self.name
        return row

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> Message:
        """Read what ``to_dict`` wrote. Raises `RowError` for an unknown role or a content that is no text."""
        role, content = row.get("role"), row.get("content")
        if role not in ROLES:
            raise RowError(
                "unknown_role", f"role must be one of {', '.join(ROLES)}, got {role!r}.{did_you_mean(str(role), ROLES)}"
            )
        if not isinstance(content, str):
            raise RowError(
                "content_not_text", f"content of a {role} message must be text, got {type(content).__name__}."
            )
        return cls(role, content, row.get("reasoning", ""), tuple(row.get("tool_calls", ())), row.get("name", ""))


@dataclass(frozen=True)
class Record:
    """A conversation to learn from or to be asked.

    Attributes:
        id: hash of the source row (and of the part of it, where a row holds several); never changes.
        messages: the turns in order; what is learned is every assistant turn.
        task: what the row says it is about (``category``, ``task`` …), or empty.
        source: ``path:line`` of the row; tells equal rows apart.
        parents: ids of the records this one was derived from; empty for a row that was read.
        references: further acceptable answers beside the last assistant message.
        tools: JSON-schema descriptions of the tools the assistant may call.
        meta: every other column of the row, untouched.
    """

    id: str
    messages: tuple[Message, ...]
    task: str = ""
    source: str = ""
    parents: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    tools: tuple[Mapping[str, Any], ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def content_sha256(self) -> str:
        """Hash of what the model sees (messages and tools); changes when a rewrite touches them."""
        content = [message.to_dict() for message in self.messages], [dict(tool) for tool in self.tools]
        return hashlib.sha256(canonical_json(content).encode("utf-8", "surrogatepass")).hexdigest()

    @property
    def prompt(self) -> tuple[Message, ...]:
        """The turns before the last assistant turn; all turns where there is none."""
        last = self._last_assistant
        return self.messages if last is None else self.messages[:last]

    @property
    def answer(self) -> str | None:
        """Text of the last assistant turn, or None where there is none."""
        last = self._last_assistant
        return None if last is None else self.messages[last].content

    @property
    def _last_assistant(self) -> int | None:
        return max((i for i, message in enumerate(self.messages) if message.role == "assistant"), default=None)

    def with_messages(self, messages: Sequence[Message]) -> Record:
        """The same record (same id) saying something else: for rewrites."""
        return replace(self, messages=tuple(messages))

    def to_dict(self) -> dict[str, Any]:
        """The row as it stands in ``data/*.jsonl`` of a run folder."""
        row: dict[str, Any] = {
            "id": self.id,
            "messages": [message.to_dict() for message in self.messages],
            "task": self.task,
            "source": self.source,
            "content_sha256": self.content_sha256,
            "parents": list(self.parents),
        }
        if self.references:
            row["references"] = list(self.references)
        if self.tools:
            row["tools"] = [dict(tool) for tool in self.tools]
        if self.meta:
            row["meta"] = dict(self.meta)
        return row

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> Record:
        """Read what ``to_dict`` wrote."""
        return cls(
            id=row["id"],
            messages=tuple(Message.from_dict(message) for message in row["messages"]),
            task=row.get("task", ""),
            source=row.get("source", ""),
            parents=tuple(row.get("parents", ())),
            references=tuple(row.get("references", ())),
            tools=tuple(row.get("tools", ())),
            meta=row.get("meta", {}),
        )


@dataclass(frozen=True)
class Drop:
    """A record (or a row that never became one) that was left out: which, where and why.

    ``reason`` is the short word drops are counted by; ``detail`` the sentence for a person, without the record's text.
    """

    id: str
    source: str
    stage: str
    reason: str
    detail: str = ""

    def to_dict(self) -> dict[str, str]:
        return {"id": self.id, "source": self.source, "stage": self.stage, "reason": self.reason, "detail": self.detail}


def last_request(messages: Sequence[Message]) -> str | None:
    """The text of the last user turn, or None where there is none."""
    return next((message.content for message in reversed(messages) if message.role == "user"), None)


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal values give equal text, on every machine."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)


def row_id(row: Any, part: str = "") -> str:
    """Identity of a source row: 16 hex digits of the SHA-256 of its canonical JSON (and of the part of it)."""
    text = canonical_json(row) + (f"#{part}" if part else "")
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
