"""From records to examples to train on, with a ledger of what became of every record and token."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

from tunesmith.errors import RowError, TrainingError
from tunesmith.records import Drop, Record
from tunesmith.rendering.fewshot import ShotPool, choose_shots
from tunesmith.rendering.render import Rendering, render_all
from tunesmith.rendering.templates import ChatTemplate
from tunesmith.rendering.tokenize import Encoded, Kind, OverLength, encode

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

BATCH_RECORDS = 512  # how many records are rendered and tokenized at a time


@dataclass
class Ledger:
    """What became of the records, in numbers.

    ``num_dropped`` counts examples, or whole records that could not be rendered; ``num_truncated`` examples cut at
    the end, of which ``num_answers_cut`` lost learned tokens; ``num_escaped`` control tokens in the records' own
    text; ``num_few_shots`` examples with fewer worked examples than asked for. ``stop_token_supervised``: every
    answer that was not cut ends with a stop token that is learned. Lengths are in tokens, prompt and answer together.
    """

    num_records: int = 0
    num_examples: int = 0
    num_tokens: int = 0
    num_supervised_tokens: int = 0
    supervised_share: float | None = None
    num_truncated: int = 0
    num_answers_cut: int = 0
    num_dropped: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    num_escaped: int = 0
    num_few_shots: int = 0
    stop_token_supervised: bool = False
    max_length: int | None = None
    median_length: float | None = None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def prepare_examples(
    records: Sequence[Record],
    tokenizer: PreTrainedTokenizerBase,
    template: ChatTemplate,
    *,
    kind: Kind,
    max_length: int,
    over_length: OverLength,
    num_shots: int = 0,
    shot_pool: Sequence[Record] = (),
    seed: int = 0,
) -> tuple[list[Encoded], list[Drop], Ledger]:
    """Examples in the order of the records, what was dropped and why, and the ledger of both.

    Raises:
        TrainingError: there are records, and not one supervised token in them.
        RowError: an example is too long, with ``over_length="raise"``.
    """
    pool = ShotPool.of(shot_pool) if num_shots else ShotPool(())
    examples: list[Encoded] = []
    drops: list[Drop] = []
    ledger = Ledger(num_records=len(records))
    with _garbage_sought_in_new_objects_only():
        for start in range(0, len(records), BATCH_RECORDS):
            batch = records[start : start + BATCH_RECORDS]
            shots = [choose_shots(record, pool, num_shots, seed=seed) for record in batch]
            ledger.num_few_shots += sum(len(chosen) < num_shots for chosen in shots)
            results = render_all(batch, template, shots=shots, per_turn=kind == "seq2seq")
            drops += [_drop(record, error) for record, error in zip(batch, results) if isinstance(error, RowError)]
            renderings = list(_renderings(results))
            ledger.num_escaped += sum(result[0].num_escaped for result in results if not isinstance(result, RowError))
            encoded = encode(renderings, tokenizer, template, kind=kind, max_length=max_length, over_length=over_length)
            examples += [example for example in encoded if isinstance(example, Encoded)]
            drops += [drop for drop in encoded if isinstance(drop, Drop)]
    _fill(ledger, examples, drops)
    _refuse_when_nothing_is_learned(ledger)
    return examples, drops, ledger


@contextmanager
def _garbage_sought_in_new_objects_only() -> Iterator[None]:
    """Looking through all that torch and transformers made when they were imported takes longer than many thousand rows.

    What the caller has frozen stays so: there is nothing to do then.
    """
    if gc.get_freeze_count():
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _renderings(results: Sequence[list[Rendering] | RowError]) -> Iterator[Rendering]:
    for result in results:
        if not isinstance(result, RowError):
            yield from result


def _drop(record: Record, error: RowError) -> Drop:
    return Drop(record.id, record.source, "render", error.reason, error.detail)


def _fill(ledger: Ledger, examples: Sequence[Encoded], drops: Sequence[Drop]) -> None:
    lengths = [example.num_tokens for example in examples]
    ledger.num_examples, ledger.num_tokens = len(examples), sum(lengths)
    ledger.num_supervised_tokens = sum(example.num_supervised_tokens for example in examples)
    ledger.supervised_share = ledger.num_supervised_tokens / ledger.num_tokens if ledger.num_tokens else None
    ledger.num_truncated = sum(example.truncated for example in examples)
    ledger.num_answers_cut = sum(example.answer_cut for example in examples)
    ledger.num_dropped, ledger.dropped = len(drops), dict(Counter(drop.reason for drop in drops).most_common())
    whole = [example for example in examples if not example.answer_cut]
    ledger.stop_token_supervised = bool(whole) and all(example.num_stops == example.num_turns for example in whole)
    ledger.max_length, ledger.median_length = max(lengths, default=None), median(lengths) if lengths else None


def _refuse_when_nothing_is_learned(ledger: Ledger) -> None:
    if ledger.num_records and not ledger.num_supervised_tokens:
        reasons = ", ".join(f"{reason} {count}" for reason, count in ledger.dropped.items())
        raise TrainingError(
            f"nothing supervised: none of the {ledger.num_records} records gives a token to learn ({reasons}). "
            "Look at them with `tunesmith preview`; too_long and prompt_too_long go away with a larger "
            "train.max_length, "
            "reasons that begin with template_ with another template.name."
        )
