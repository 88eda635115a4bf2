"""`tunesmith data mask`: a file with the personal data in it replaced, and what a person reads about it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from tunesmith.cli.console import make_progress, print_json, result_console
from tunesmith.cli.options import Json, argument, value

FIRST_FIELDS = 12


Source = Annotated[str, argument("FILE", help="A .jsonl, .json, .csv, .tsv or .parquet file (also .gz).")]
Output = Annotated[str, typer.Option("--output", "-o", metavar="FILE", help="The masked file, same format.")]
Audit = Annotated[
    str, typer.Option("--audit", metavar="FILE", help="What was masked where, never the values (.json or .jsonl).")
]
Spans = Annotated[
    str | None, value("--spans", metavar="FILE", help="Places only: row, field, start, end, type; one a line.")
]
Mode = Annotated[
    Literal["placeholder", "surrogate"],
    typer.Option("--mode", metavar="MODE", help="placeholder (<PERSON>) or surrogate (a made-up name)."),
]
Types = Annotated[
    list[str] | None, value("--types", metavar="TYPE,…", help="Only these, such as EMAIL_ADDRESS,PERSON.")
]
MinScore = Annotated[float, typer.Option("--min-score", min=0, max=1, metavar="X", help="How sure a finding must be.")]
KeyFile = Annotated[
    str | None,
    value(
        "--key-file",
        metavar="FILE",
        help="Key for the same surrogates in every file and run (or TUNESMITH_PRIVACY_KEY_FILE).",
    ),
]
Vault = Annotated[
    str | None, value("--vault", metavar="FILE", help="Keep what was replaced, encrypted. Without it: no way back.")
]
VaultKeyFile = Annotated[
    str | None,
    value("--vault-key-file", metavar="FILE", help="The key of the vault, another one (or TUNESMITH_VAULT_KEY_FILE)."),
]
OnBadRow = Annotated[
    Literal["raise", "blank"],
    typer.Option("--on-bad-row", metavar="WHAT", help="raise: stop; blank: an empty row in its place."),
]
Ner = Annotated[
    str | None, value("--ner", metavar="MODEL", help="A spaCy model that finds further names (extra pii-ner).")
]
NumWorkers = Annotated[
    int, typer.Option("--num-workers", min=1, metavar="N", help="Processes; the result is the same.")
]


def mask(
    path: Source,
    output: Output,
    audit: Audit,
    spans: Spans = None,
    mode: Mode = "placeholder",
    types: Types = None,
    min_score: MinScore = 0.5,
    key_file: KeyFile = None,
    vault: Vault = None,
    vault_key_file: VaultKeyFile = None,
    on_bad_row: OnBadRow = "raise",
    ner: Ner = None,
    num_workers: NumWorkers = 1,
    json: Json = False,
) -> None:
    """Replace personal data and secrets in the texts of a file; every row stays in its place.

    Numbers and names of columns stay too, since a number cannot hold a placeholder: those that look personal are listed.
    """
    from tunesmith.workflows.mask import mask_file

    found = mask_file(
        path,
        output,
        audit,
        spans=spans,
        mode=mode,
        types=[name.strip() for part in types for name in part.split(",")] if types else None,
        min_score=min_score,
        key_file=key_file,
        vault=vault,
        vault_key_file=vault_key_file,
        on_bad_row=on_bad_row,
        ner=ner,
        num_workers=num_workers,
        progress=make_progress(),
    )
    if json:
        print_json(found)
    else:
        print_masked(found)


def print_masked(found: dict[str, Any]) -> None:
    """What was found, what was left, and where the files are."""
    from rich.text import Text

    console = result_console()
    console.print(_findings(found) if found["types"] else Text("No personal data was found."))
    console.print()
    if found["fields"]:
        fields = [f"{name} {count:,}" for name, count in found["fields"].items()]
        more = ", …" if len(fields) > FIRST_FIELDS else ""
        console.print(Text(f"in      {', '.join(fields[:FIRST_FIELDS])}{more}"), soft_wrap=True)
    console.print(Text(f"rows    {found['num_rows']:,} read and written, {found['num_rows_changed']:,} changed"))
    for name in ("output", "audit", "spans", "vault"):
        if name in found:
            console.print(Text(f"{name:<7} {found[name]}"), soft_wrap=True)
    for line in _cautions(found):
        console.print(Text(line, style="yellow"), soft_wrap=True)
    console.print(Text(f"Next: tunesmith data inspect {found['output']}"), soft_wrap=True)


def _findings(found: dict[str, Any]) -> Any:
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("type")
    table.add_column("found", justify="right")
    table.add_column("in rows", justify="right")
    for name, count in found["types"].items():
        table.add_row(name, f"{count:,}", f"{found['rows_by_type'][name]:,}")
    return table


def _cautions(found: dict[str, Any]) -> list[str]:
    lines = [f"{bad['source']}: {bad['reason']}; its place is empty." for bad in found["bad_rows"][:10]]
    if len(found["bad_rows"]) > 10:
        lines.append(f"… and {len(found['bad_rows']) - 10:,} more empty rows; the audit lists them.")
    for left in found["left_as_is"][:10]:
        lines.append(f"{left['where']}: {left['count']:,} like {left['type']}; only texts are masked. Look at them.")
    if found["types"]:
        lines.append("No recognizer finds everything: read some masked rows before you hand the file on.")
    return lines
