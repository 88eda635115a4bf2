"""Every error as the one message a person reads, and the exit code it ends with."""

from __future__ import annotations

import re
import traceback
from collections.abc import Sequence

import typer

from tunesmith.errors import TunesmithError, did_you_mean
from tunesmith.system_errors import is_resource, resource_error

# What people type who come from another tool (or are in a hurry), and the command of ours that does it.
SYNONYMS = {
    "finetune": "train", "fine-tune": "train", "sft": "train", "tune": "train", "eval": "evaluate", "score": "evaluate",
    "inspect": "data inspect", "validate": "data inspect", "preprocess": "preview", "show": "preview",
    "generate": "chat", "inference": "chat", "infer": "chat", "env": "doctor", "check": "doctor", "info": "doctor",
    "list": "runs", "ls": "runs", "new": "init", "quickstart": "run recipes/quickstart.yaml", "start": "run", "help": "--help",
}  # fmt: skip
_NO_COMMAND = re.compile(r"No such command ['\"](?P<word>[^'\"]+)['\"]")
_OUT_OF_MEMORY = (
    "Out of memory. Lower train.per_device_train_batch_size (and raise train.gradient_accumulation_steps by as much,"
    " which leaves the result as it is), train.max_length or evaluate.batch_size."
)


def explain(error: BaseException, words: Sequence[str] = ()) -> tuple[str, int]:
    """The message and the exit code for anything a command can raise; ``words`` are what was typed."""
    if isinstance(error, TunesmithError):
        return str(error), error.exit_code
    if isinstance(error, (KeyboardInterrupt, typer.Abort)):
        return "Interrupted.", 130
    if isinstance(error, SystemExit):
        return (error.code, 1) if isinstance(error.code, str) else ("", int(error.code or 0))
    if hasattr(error, "format_message"):
        return _usage(error, words), 2
    if isinstance(error, MemoryError) or _is_torch_out_of_memory(error):
        return _OUT_OF_MEMORY, 5
    if isinstance(error, OSError) and error.errno is not None:
        return _system(error)
    return _unexpected(error), 1


def _usage(error: BaseException, words: Sequence[str]) -> str:
    """What typer says about a wrong command line, with the nearest name and where to read on."""
    told = " ".join(error.format_message().replace("Value error, ", "").split())  # pydantic's words, not a person's
    typed = " ".join(["tunesmith", *words[:1]])  # some of typer's errors do not know the command
    command = error.ctx.command_path if getattr(error, "ctx", None) is not None else typed
    wrong = _NO_COMMAND.search(told)
    if wrong is not None:
        word, names = wrong["word"], list(error.ctx.command.commands)
        meant = SYNONYMS.get(word) if command == "tunesmith" else None
        told = f"No such command `{word}`.{f' Did you mean `{meant}`?' if meant else did_you_mean(word, names)}"
    elif hasattr(error, "option_name") and hasattr(error, "possibilities"):
        names = [name for option in error.ctx.command.params for name in option.opts]
        told = f"No such option {error.option_name}.{did_you_mean(error.option_name, names)}"
    return f"{command}: {told if told.endswith('?') else told.rstrip('.') + '.'} See: {command} --help" if told else ""


def _is_torch_out_of_memory(error: BaseException) -> bool:
    return (
        type(error).__name__ == "OutOfMemoryError"
        or isinstance(error, RuntimeError)
        and "can't allocate memory" in str(error)
    )


def _system(error: OSError) -> tuple[str, int]:
    return (str(resource_error(error)), 5) if is_resource(error) else (_unexpected(error), 1)


def _unexpected(error: BaseException) -> str:
    """One line for an error that is ours: what, where in the code, and how to see more."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else ""
    said = " ".join(str(error).split())
    said = f": {said if len(said) <= 200 else said[:199] + '…'}" if said else ""
    return f"Unexpected {type(error).__name__}{where}{said}. Run again with --debug for the traceback."
