"""Talking to a model: streaming in a terminal, one answer per line in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from tunesmith.cli.console import importing, make_progress, results_only
from tunesmith.cli.options import argument, value
from tunesmith.errors import DataError, TunesmithError, UsageError
from tunesmith.records import Message

NUM_TASKS = 6  # named at most
HELP = "Ctrl-D quits · /reset forgets the conversation · /system TEXT says how to behave"
SWITCH_HELP = " · /adapter NAME lets another adapter answer, /adapter base the base"


def chat(
    target: Annotated[
        str,
        argument(
            "MODEL|RUN",
            help="A run, a model folder, a built-in name, a hub id, or openai:MODEL@URL (key: OPENAI_API_KEY).",
        ),
    ],
    system: Annotated[str | None, value("--system", metavar="TEXT", help="How the model is to behave.")] = None,
    shots: Annotated[
        Path | None, value("--shots", metavar="FILE", help="Records to take worked examples from.")
    ] = None,
    num_shots: Annotated[
        int, typer.Option("--num-shots", min=0, metavar="K", help="Worked examples before each request.")
    ] = 0,
    template: Annotated[
        str | None,
        value(
            "--template",
            metavar="NAME",
            help="Another template than the model's: chatml, alpaca, plain, inline, bare or a .jinja file.",
        ),
    ] = None,
    adapter: Annotated[
        list[str] | None,
        value("--adapter", metavar="RUN", help="Another adapter of the same base to switch to. May be repeated."),
    ] = None,
    max_new_tokens: Annotated[int, typer.Option("--max-new-tokens", min=1, metavar="N", help="Longest answer.")] = 256,
    temperature: Annotated[
        float, typer.Option("--temperature", min=0.0, metavar="T", help="0 always takes the likeliest token.")
    ] = 0.0,
) -> None:
    """Talk to a model, a run or an API. From a pipe: each line is a question, each answer one line."""
    if num_shots and shots is None:
        raise UsageError("--num-shots takes its examples from --shots FILE, which is missing.")
    interactive = sys.stdin.isatty()
    if adapter and not interactive:
        raise UsageError(
            "--adapter is switched to by hand, in a terminal. From a pipe ask that run itself: tunesmith chat RUN."
        )
    if interactive:
        make_progress().say(f"Loading {target} …")
    with importing():
        from tunesmith.lm import Sampling
        from tunesmith.workflows.chat import open_chat
        from tunesmith.workflows.introduction import introduce

    with results_only():
        model = open_chat(
            target,
            template=template,
            system=None,
            shots=shots,
            num_shots=num_shots or (3 if shots else 0),
            others=adapter or (),
        )
    talk = Conversation(model, Sampling(max_new_tokens=max_new_tokens, temperature=temperature), system or "")
    if not interactive:
        _answer_lines(talk)
        return
    known = introduce(target)
    if known is not None:
        talk.remembers = not known.is_single_turn
        _tell(introduction_text(known))
    _talk_in_terminal(talk)


def _tell(text: str) -> None:
    print(text, end="\n" if text else "", file=sys.stderr)


def introduction_text(known: Any) -> str:
    """What the model was trained on and a few requests to begin with, a line each."""
    more = f" and {len(known.tasks) - NUM_TASKS} more" if len(known.tasks) > NUM_TASKS else ""
    lines = [f"Trained for {', '.join(known.tasks[:NUM_TASKS])}{more}."] if known.tasks else []
    lines += [f"Try: {example}" for example in known.examples]
    alone = ["Each request is answered on its own, as it was trained: what was said before is not remembered."]
    return "\n".join([*lines, *(alone if known.is_single_turn else [])])


@dataclass
class Conversation:
    """The turns so far. The system message is kept apart, so that it can be changed in between.

    Without ``remembers`` each request is asked on its own: a model that was trained on single requests takes earlier
    turns for a part of the present one.
    """

    model: Any
    sampling: Any
    system: str = ""
    turns: list = field(default_factory=list)
    remembers: bool = True

    def ask(self, text: str) -> Iterator[str]:
        """The answer in pieces; the conversation grows by what was answered to the end, or stopped by hand."""
        if not is_text(text):
            raise DataError("The question is not valid UTF-8. Convert the input, for example with iconv.")
        head = [Message("system", self.system)] if self.system else []
        question, answer = Message("user", text), ""
        try:
            for piece in self.model.stream([*head, *self.turns, question], self.sampling):
                answer += piece
                yield piece
        except (GeneratorExit, KeyboardInterrupt):
            self._keep(question, Message("assistant", answer))
            raise
        self._keep(question, Message("assistant", answer))

    def _keep(self, question: Message, answer: Message) -> None:
        if answer.content and self.remembers:
            self.turns += [question, answer]

    def reset(self) -> None:
        self.turns.clear()

    @property
    def together(self) -> Any | None:
        """The adapters that can be switched between, where there are any."""
        return getattr(self.model, "together", None)


def is_text(text: str) -> bool:
    """Whether text from stdin is valid: bytes that do not decode arrive as lone surrogates (PEP 383)."""
    return text.encode("utf-8", "replace").decode() == text


def _answer_lines(talk: Conversation) -> None:
    """Line k of the output answers line k of the input, each on its own; a line break in an answer is written \\n."""
    for number, line in enumerate(sys.stdin, start=1):
        question = line.rstrip("\r\n")
        if not is_text(question):
            raise DataError(f"stdin:{number}: not valid UTF-8. Convert the input, for example with iconv.")
        answer = "".join(talk.ask(question)) if question.strip() else ""
        print(answer.replace("\\", "\\\\").replace("\r", "").replace("\n", "\\n"), flush=True)
        talk.reset()


def _talk_in_terminal(talk: Conversation) -> None:
    import readline  # noqa: F401  (arrow keys and history in input())

    print(help_text(talk), file=sys.stderr)
    while True:
        try:
            text = input("\n› ").strip()
        except EOFError:
            print()
            return
        except KeyboardInterrupt:
            print("\n(Ctrl-D quits)", file=sys.stderr)
            continue
        if text.startswith("/"):
            print(_command(talk, text), file=sys.stderr)
        elif text:
            _print_answer(talk, text)


def _command(talk: Conversation, text: str) -> str:
    """Do what a line that begins with / asks for, and say what was done."""
    word, _, rest = text.partition(" ")
    if word == "/reset":
        talk.reset()
        return "The conversation begins anew."
    if word == "/system":
        talk.system = rest.strip()
        talk.reset()
        return (
            "The conversation begins anew, with this system message."
            if rest.strip()
            else "The conversation begins anew, without a system message."
        )
    if word == "/adapter" and talk.together is not None:
        return _switch(talk, rest.strip())
    return help_text(talk)


def help_text(talk: Conversation) -> str:
    """What may be typed beside a question."""
    return HELP + (SWITCH_HELP if talk.together is not None else "")


def _switch(talk: Conversation, name: str) -> str:
    """Let another adapter answer from here on; the conversation goes on, so that both can be asked the same."""
    together = talk.together
    if not name:
        return f"{together.active} answers. There are: {', '.join(together.models)}."
    try:
        together.use(name)
    except TunesmithError as error:
        return str(error)
    return f"{name} answers now."


def _print_answer(talk: Conversation, text: str) -> None:
    """Stream one answer; Ctrl-C stops it, and an error ends the answer, not the conversation."""
    pieces = talk.ask(text)
    try:
        for piece in pieces:
            sys.stdout.write(piece)
            sys.stdout.flush()
        print()
    except KeyboardInterrupt:
        pieces.close()
        print(" …")
    except TunesmithError as error:
        print(f"\n{error}", file=sys.stderr)
