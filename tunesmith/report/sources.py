"""The files of a run folder that a report is written from, and what each of them tells."""

from __future__ import annotations

from dataclasses import dataclass

from tunesmith.evaluation.suites.suite import SHOTS
from tunesmith.report.folder import RunFolder


@dataclass(frozen=True)
class FileNote:
    """A file of the run folder and what it is the source of."""

    path: str
    says: str


FILES = (
    FileNote("recipe.yaml", "every setting of the run, defaults written out"),
    FileNote("provenance.json", "versions, hardware, seeds, checksums of inputs, the command"),
    FileNote("data/funnel.json", "rows and records in and out of every stage"),
    FileNote("data/profile.json", "sources, licences, lengths, languages, personal data"),
    FileNote("data/dropped.jsonl", "every row left out, with its line and reason"),
    FileNote("data/changes.jsonl", "which records a stage rewrote"),
    FileNote("data/train.jsonl", "the records trained on"),
    FileNote("data/validation.jsonl", "the records of the validation loss"),
    FileNote("data/test.jsonl", "the records base and tuned were compared on"),
    FileNote("data/card.md", "the data in words"),
    FileNote("data/ledger.json", "tokens, supervised tokens, truncation"),
    FileNote("metrics.jsonl", "loss, learning rate and gradient norm per logged step; scores while training"),
    FileNote("training.json", "parameters, steps, time, best step"),
    FileNote("eval/summary.json", "scores, intervals, comparisons, verdicts"),
)
OF_SUITES = (
    FileNote("eval/novelty.jsonl", "what is new about each test question to a model trained on the records"),
    FileNote("eval/shots/summary.json", "scores over the number of worked examples"),
)


def sources_of(run: RunFolder) -> list[FileNote]:
    """The files of this run the report was written from, in the order of the report."""
    answers = [FileNote(f"eval/{system}/", f"every answer of {system}, with its scores") for system in run.systems]
    shots = [
        FileNote(f"eval/{SHOTS}/{path.name}/", f"the answers of {path.name} behind the curve over worked examples")
        for path in sorted((run.path / "eval" / SHOTS).glob("*/"))
    ]
    return [note for note in (*FILES, *OF_SUITES) if (run.path / note.path).is_file()] + answers + shots


def missing_of(run: RunFolder) -> list[str]:
    """The files that a whole run has and this one has not."""
    return [note.path for note in FILES if not (run.path / note.path).is_file()]
