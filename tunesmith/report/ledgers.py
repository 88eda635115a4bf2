"""What the model saw of the records: tokens, how many of them it learns from, what was cut or dropped for its length."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from tunesmith.report.folder import Figure, RunFolder

LINES = (
    ("Records", "num_records", "count"),
    ("Examples made of them", "num_examples", "count"),
    ("Tokens", "num_tokens", "count"),
    ("Supervised tokens: those the model learns to write", "num_supervised_tokens", "count"),
    ("Supervised share", "supervised_share", "percent"),
    ("Median length", "median_length", "count"),
    ("Longest", "max_length", "count"),
    ("Stop token trained", "stop_token_supervised", "flag"),
    ("Truncated", "num_truncated", "count"),
    ("Answers cut", "num_answers_cut", "count"),
    ("Dropped", "num_dropped", "count"),
    ("Control tokens found in texts and defused", "num_escaped", "count"),
    ("Examples with fewer worked examples than asked for", "num_few_shots", "count"),
)
SHOWN_IF_ANY = ("num_escaped", "num_few_shots")


@dataclass(frozen=True)
class Ledgers:
    """The token ledger of each split."""

    run: RunFolder

    def of(self, split: str) -> Figure:
        return self.run.ledger.at(split)

    @cached_property
    def known(self) -> list[tuple[str, Figure]]:
        """(split, ledger) of each split that has records."""
        return [(split, self.of(split)) for split in ("train", "validation") if self.of(split).at("num_records").value]

    @property
    def has_validation(self) -> bool:
        """Whether there are records to measure a validation loss on."""
        return any(split == "validation" for split, _ in self.known)

    @property
    def lines(self) -> list[tuple[str, str, str]]:
        """(title, key, format) of what the ledgers tell; what hardly ever happens only where it did."""
        return [
            line
            for line in LINES
            if line[1] not in SHOWN_IF_ANY or any(ledger.at(line[1]).value for _, ledger in self.known)
        ]

    @cached_property
    def reasons(self) -> list[str]:
        """Why records gave no tokens to train on, sorted."""
        return sorted({str(reason) for _, ledger in self.known for reason, _ in ledger.at("dropped").entries()})
