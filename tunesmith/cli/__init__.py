"""The command `tunesmith`: parse, wire, print. Results go to stdout, everything else to stderr.

Each command imports its own layer inside the function, so that ``--help`` is instant.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Sequence

import typer

from tunesmith.cli import chat, data, doctor, evaluate, judge, merge, results, work
from tunesmith.cli.console import Lasting, ending_at_once
from tunesmith.cli.messages import explain
from tunesmith.cli.options import Command, Group

PREPARE, TRAIN, JUDGE, HELP = "Prepare", "Train", "Judge", "Help"


app = typer.Typer(
    name="tunesmith",
    cls=Group,
    help="Records → recipe → run folder → report: tune a language model, and learn honestly whether it got better.",
    epilog="First steps: tunesmith init · tunesmith preview recipe.yaml · tunesmith run recipe.yaml",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(cls=Command, rich_help_panel=PREPARE)(work.init)
app.add_typer(data.app, name="data", rich_help_panel=PREPARE)
app.command(cls=Command, rich_help_panel=PREPARE)(work.preview)
app.command(cls=Command, rich_help_panel=TRAIN)(work.run)
app.command(cls=Command, rich_help_panel=TRAIN)(work.train)
app.command(cls=Command, rich_help_panel=TRAIN)(merge.merge)
app.command(cls=Command, rich_help_panel=JUDGE)(results.report)
app.command(cls=Command, rich_help_panel=JUDGE)(evaluate.evaluate)
app.command(cls=Command, rich_help_panel=JUDGE)(judge.compare)
app.command(cls=Command, rich_help_panel=JUDGE)(judge.gate)
app.command(cls=Command, rich_help_panel=JUDGE)(chat.chat)
app.command(cls=Command, rich_help_panel=JUDGE)(results.runs)
app.command(cls=Command, rich_help_panel=HELP)(doctor.doctor)
app.command(cls=Command, rich_help_panel=HELP)(doctor.version)


def _say_version(wanted: bool) -> None:
    if wanted:
        doctor.version()
        raise typer.Exit


@app.callback()
def _everywhere(
    version: bool = typer.Option(
        False, "--version", metavar="", is_eager=True, callback=_say_version, help="The same as `tunesmith version`."
    ),
    debug: bool = typer.Option(
        False, "--debug", metavar="", help="Show the traceback of an error. Works behind every command too."
    ),
) -> None:
    """Options of every command; `main` reads ``--debug`` before the commands see it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; an error is one message on stderr (and a traceback for ``--debug``)."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(
                errors="backslashreplace"
            )  # a terminal without UTF-8 shows \u2192, and does not stop the run
    try:
        with ending_at_once(signal.SIGTERM, signal.SIGHUP):
            code = app([word for word in words if word != "--debug"], prog_name="tunesmith", standalone_mode=False)
        sys.stdout.flush()
        if code == 130:  # typer turns Ctrl-C into a code
            print("Interrupted.", file=sys.stderr)
        return code if isinstance(code, int) else 0
    except BaseException as error:
        if BrokenPipeError in (type(error), type(error.__context__)):
            return _reader_has_left()
        if debug:
            traceback.print_exc()
        message, code = explain(error, words)
        if message:
            print(message, file=Lasting(sys.stderr))
        return code


def _open_closed_streams() -> None:
    """A stream closed by whoever started us (``<&-``, ``>&-``) is None in Python: one that holds nothing instead."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115  (lives as long as the process)


def _reader_has_left() -> int:
    """Whoever read our output has seen enough (``| head``): no error, also not at the interpreter's last flush."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return 0
