"""`tunesmith data unmask`: a masked file with what stood there again, for whoever has the vault and its key."""

from __future__ import annotations

from typing import Annotated

import typer

from tunesmith.cli.console import make_progress, print_json, result_console
from tunesmith.cli.options import Json, argument, value


def unmask(
    path: Annotated[str, argument("FILE", help="The masked file, as `tunesmith data mask` wrote it.")],
    output: Annotated[str, typer.Option("--output", "-o", metavar="FILE", help="The restored file, same format.")],
    vault: Annotated[str, typer.Option("--vault", metavar="FILE", help="The vault that was written with it.")],
    vault_key_file: Annotated[
        str | None,
        value("--vault-key-file", metavar="FILE", help="The key of the vault (or TUNESMITH_VAULT_KEY_FILE)."),
    ] = None,
    json: Json = False,
) -> None:
    """Put back what `mask --vault` replaced. Without a vault there is no way back."""
    from tunesmith.workflows.unmask import unmask_file

    found = unmask_file(path, output, vault, vault_key_file=vault_key_file, progress=make_progress())
    if json:
        print_json(found)
        return
    console = result_console()
    console.print(f"rows    {found['num_rows']:,} read and written, {found['num_rows_changed']:,} changed")
    console.print(f"values  {found['num_spans']:,} put back")
    console.print(f"output  {found['output']}", soft_wrap=True, markup=False)
    if not found["num_spans"]:
        console.print("The vault holds nothing of this file: it is as it was.", style="yellow")
        return
    console.print("The file holds personal data again: keep it where only those can read it who may.", style="yellow")
