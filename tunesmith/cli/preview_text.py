"""A preview for the eye: the rendered text with what is learned between ⟦ and ⟧, the ledger, and a judgement."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tunesmith.cli.console import result_console

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

OPEN, CLOSE = "⟦", "⟧"


def print_preview(shown: dict[str, Any], tokenizer: PreTrainedTokenizerBase) -> None:
    console = result_console()
    for row in shown["rows"]:
        _print_row(console, row, split_text(row["input_ids"], row["supervised"], tokenizer))
    if shown["rows"]:
        console.print(
            Text(f"{OPEN}learned{CLOSE}", style="bold green") + Text(" · everything else is only read\n", style="dim")
        )
    console.print(ledger_table(shown))
    console.print(judgement(shown), soft_wrap=True, markup=False)


def split_text(
    input_ids: list[int], supervised: list[bool], tokenizer: PreTrainedTokenizerBase
) -> list[tuple[str, bool]]:
    """The text of each run of learned or not learned tokens: what the ids say, not what they were made from.

    Always decoded from the start: some tokenizers lose the space before a text that is decoded alone.
    """
    segments, end, told = [], 0, 0
    for flag, run in groupby(supervised):
        end += len(list(run))
        text = tokenizer.decode(input_ids[:end], clean_up_tokenization_spaces=False)
        segments.append((text[told:], flag))
        told = len(text)
    return segments


def _print_row(console: Console, row: dict[str, Any], segments: list[tuple[str, bool]]) -> None:
    num_tokens, num_supervised = len(row["input_ids"]), sum(row["supervised"])
    cut = " · truncated" if row["truncated"] else ""
    console.rule(
        f"{row['id']} · {num_tokens:,} tokens, {num_supervised:,} learned{cut}",
        align="left",
        style="dim",
        characters="─",
    )
    console.print(marked_text(segments), soft_wrap=True)
    console.print()


def marked_text(segments: list[tuple[str, bool]]) -> Text:
    """The segments with a pair of marks around each learned one."""
    text = Text()
    for content, supervised in segments:
        if supervised:
            text.append(OPEN, style="bold green").append(content, style="green").append(CLOSE, style="bold green")
        else:
            text.append(content)
    return text


def ledger_table(shown: dict[str, Any]) -> Table:
    """What goes into training and what does not."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim")
    table.add_column(justify="right")
    table.add_column(style="dim")
    table.add_row("records", f"{shown['num_records']:,}", "")
    table.add_row("tokens", f"{shown['num_tokens']:,}", "")
    table.add_row("learned tokens", f"{shown['num_supervised_tokens']:,}", percent(_share(shown)))
    table.add_row("truncated", f"{shown['num_truncated']:,}", _cut(shown))
    table.add_row("dropped", f"{shown['num_dropped']:,}", reasons(shown.get("dropped", {})))
    table.add_row("stop token learned", "yes" if shown["stop_token_supervised"] else "no", "")
    return table


def judgement(shown: dict[str, Any]) -> str:
    """One line: whether to go on."""
    if not shown["num_supervised_tokens"]:
        return "Not ready: no token would be learned. Look at the records above, and at what was dropped."
    if not shown["stop_token_supervised"]:
        return "Careful: the model would not learn to stop, as no answer ends with a stop token. Try another template."
    seen = shown["num_records"] + shown["num_dropped"]
    lost = shown["num_dropped"] / seen if seen else 0.0
    if lost > 0.1:
        return (
            f"Careful: {percent(lost)} of the records are dropped ({reasons(shown.get('dropped', {})) or 'see above'})."
        )
    if shown.get("num_answers_cut"):
        cut = f"{shown['num_answers_cut']:,}"
        return f"Careful: {cut} answers are cut off. Raise train.max_length, or say `over_length: drop`."
    return f"Ready: {percent(_share(shown))} of the tokens are learned, and the answers end with the stop token."


def _share(shown: dict[str, Any]) -> float | None:
    return shown["num_supervised_tokens"] / shown["num_tokens"] if shown["num_tokens"] else None


def _cut(shown: dict[str, Any]) -> str:
    return f"{shown['num_answers_cut']:,} lose the end of the answer" if shown.get("num_answers_cut") else ""


def percent(share: float | None) -> str:
    return "n/a" if share is None else f"{share:.1%}" if 0 < share < 0.1 else f"{share:.0%}"


def reasons(counts: dict[str, int]) -> str:
    """``too_long 12, no_answer 3``, the most frequent first."""
    return ", ".join(f"{reason} {count:,}" for reason, count in sorted(counts.items(), key=lambda item: -item[1]))
