"""Opening a model to talk to: a folder, a run, a hub id or an API, with worked examples where they are wanted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from tunesmith.curation.sources import read_records
from tunesmith.errors import UsageError
from tunesmith.lm import Conversation, Sampling
from tunesmith.model.remote import RemoteModel
from tunesmith.progress import SilentProgress
from tunesmith.recipe import ModelSection
from tunesmith.records import Message, Record
from tunesmith.rendering.fewshot import choose_shots
from tunesmith.workflows.opening import open_model
from tunesmith.workflows.switching import Switchable, open_together


class Streams(Protocol):
    """A model that answers piece by piece."""

    def stream(self, messages: Conversation, sampling: Sampling = Sampling()) -> Iterator[str]: ...


@dataclass(frozen=True)
class Chat:
    """A model to talk to.

    ``pool`` are records of which ``num_shots`` are put before the conversation as earlier turns, chosen anew for each
    question and never one that asks the same. ``stop`` are strings an answer ends before. ``together`` are adapters of one
    base that can be switched between; the active one answers.
    """

    model: Streams
    system: str = ""
    pool: Sequence[Record] = ()
    num_shots: int = 0
    stop: tuple[str, ...] = ()
    together: Switchable | None = None

    def stream(self, messages: Conversation, sampling: Sampling = Sampling()) -> Iterator[str]:
        """The answer to the conversation, piece by piece."""
        head = [turn for turn in messages if turn.role == "system"] or (
            [Message("system", self.system)] if self.system else []
        )
        turns = [turn for turn in messages if turn.role != "system"]
        shots = choose_shots(Record("chat", tuple(turns)), self.pool, self.num_shots, seed=0) if self.num_shots else ()
        examples = [turn for shot in shots for turn in shot.messages if turn.role != "system"]
        model = self.model if self.together is None else self.together.models[self.together.active]
        yield from model.stream([*head, *examples, *turns], replace(sampling, stop=(*sampling.stop, *self.stop)))


def open_chat(
    target: str,
    *,
    template: str | None = None,
    system: str | None = None,
    shots: Path | None = None,
    num_shots: int = 0,
    others: Sequence[str] = (),
) -> Chat:
    """The model that ``target`` names, ready to talk.

    ``template`` replaces the model's own; ``shots`` is a file of records to take ``num_shots`` worked examples from;
    ``others`` are adapters of the same base to switch to.
    """
    pool = read_records(str(shots), require_answer=True)[0] if shots is not None else []
    if target.startswith("openai:"):
        if others:
            raise UsageError("--adapter: a model behind an API has no adapters to switch between. Leave it out.")
        return Chat(RemoteModel.from_target(target, max_retries=1), system or "", pool, num_shots)
    opened = open_model(ModelSection(name_or_path=target), template or "auto", console=SilentProgress())
    together = open_together(opened, others) if others else None
    return Chat(opened, system or "", pool, num_shots, opened.template.stop_strings, together)
