"""Facts → a self-contained page and a Markdown text, by two templates that share their words for numbers."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Mapping
from functools import cache, partial
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from tunesmith.curation.examples import mask_row
from tunesmith.report import charts
from tunesmith.report.advice import advise
from tunesmith.report.data import MAX_BARS, MAX_FILES
from tunesmith.report.facts import Facts, share
from tunesmith.report.folder import Figure, InspectedFile, Sentence
from tunesmith.report.results import MEANINGS, format_said, format_system, title_system
from tunesmith.report.samples import MAX_TEXT
from tunesmith.report.splits import best_of
from tunesmith.report.text import (
    NOT_AVAILABLE,
    code,
    escape_markdown,
    fence,
    format_bytes,
    format_count,
    format_delta,
    format_duration,
    format_flag,
    format_number,
    format_p_value,
    format_percent,
    format_score,
    format_setting,
    format_words,
    visible,
)
from tunesmith.report.verdict import tell_story, tell_verdict

FOLD_AFTER = 420
CUT_AFTER = 20_000
MARKDOWN_CUT_AFTER = 2_000
MAX_OPEN_FAMILIES = 20
MAX_EXAMPLE_FAMILIES = 24
NUM_NEXT = 2
FORMATS: dict[str, Callable[[Any], str]] = {
    "count": format_count,
    "number": format_number,
    "score": format_score,
    "delta": format_delta,
    "percent": format_percent,
    "p_value": format_p_value,
    "duration": format_duration,
    "bytes": format_bytes,
    "flag": format_flag,
    "words": format_words,
    "setting": format_setting,
    "system": format_system,
    "system_title": title_system,
    "said": format_said,
    "text": lambda value: NOT_AVAILABLE if value is None else str(value),
}


def render_html(facts: Facts) -> str:
    """The page: one file, inline style, charts and script; a policy that lets nothing be loaded."""
    return _render_page("html.jinja", _context(facts))


def render_inspection(found: Mapping[str, Any]) -> str:
    """The page of a file nobody has touched, from what `Inspection.to_dict` tells; it looks like a run's data page."""
    facts = Facts(InspectedFile(found))
    examples = [_masked_row(row) for row in found["rows"]]
    context = {"facts": facts, "data": facts.data, "found": found, "examples": examples, "headline": _headline(found)}
    return _render_page("inspection.jinja", context)


def _headline(found: Mapping[str, Any]) -> str:
    """What it is good for, in a sentence or two."""
    answered = found["records"] - found["num_without_answer"] - found["num_empty_answers"]
    lost = sum(found["dropped"].values())
    if not found["records"]:
        return "No row can be used as it stands."
    kind = f"The format is {found['format']}."
    if not answered:
        return f"{kind} No record has an answer: good for being tested on, not for training."
    told = f"{answered:,} have an answer and can be trained on" if answered < found["records"] else "All have an answer"
    rows = f"; {lost:,} {'row is' if lost == 1 else 'rows are'} lost" if lost else ""
    count = len(found["advice"])
    fix = f" {count} {'thing' if count == 1 else 'things'} to fix." if count else ""
    return f"{kind} {told}{rows}.{fix}"


def _masked_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A record as the page shows it."""
    masked = mask_row({"messages": row["messages"]})["messages"]
    turns = [(message["role"], message["content"]) for message in masked]
    return {"task": row["task"], "source": row["source"], "turns": turns}


def _render_page(template: str, context: Mapping[str, Any]) -> str:
    style, script = (
        files(__package__).joinpath(name).read_text(encoding="utf-8") for name in ("style.css", "table.js")
    )
    environment = _environment(template, _figure_html, visible)
    environment.globals.update(charts=charts, fold=_fold, breakable=_breakable, share=share)
    environment.globals.update(max_bars=MAX_BARS, max_files=MAX_FILES, max_text=MAX_TEXT)
    return environment.get_template(template).render(
        **context,
        style=Markup(style),
        script=Markup(script),
        style_hash=_hash(style),
        script_hash=_hash(script),
    )


def render_markdown(facts: Facts) -> str:
    """The same facts as Markdown, without the charts."""
    environment = _environment("markdown.jinja", _figure_text, escape_markdown)
    environment.globals.update(fence=lambda text: Markup(fence(_cut(str(text)))), code=lambda text: Markup(code(text)))
    return environment.get_template("markdown.jinja").render(**_context(facts))


def _context(facts: Facts) -> dict[str, Any]:
    return {
        "facts": facts,
        "max_open_families": MAX_OPEN_FAMILIES,
        "max_example_families": MAX_EXAMPLE_FAMILIES,
        "num_next": NUM_NEXT,
        "verdict": tell_verdict(facts),
        "story": tell_story(facts),
        "best_of": best_of,
        "advice": advise(facts),
        "meanings": MEANINGS,
    }


@cache
def _environment(template: str, figure: Callable, clean: Callable[[str], str]) -> Environment:
    """A template engine that cleans every text not marked safe, and writes every figure by a named format."""

    def finalize(value: Any) -> Any:
        if value is None:
            return NOT_AVAILABLE
        return value if isinstance(value, Markup) or not isinstance(value, str) else clean(value)

    environment = Environment(
        loader=PackageLoader(__package__, "."),
        autoescape=template != "markdown.jinja",
        finalize=finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update({name: partial(figure, format_value) for name, format_value in FORMATS.items()})
    environment.filters["figure"] = lambda value, name: figure(FORMATS[name], value)
    environment.filters["capital"] = lambda text: text[:1].upper() + text[1:]
    environment.filters["lower_first"] = lambda text: text[:1].lower() + text[1:]
    environment.filters["sentence"] = partial(_sentence, figure)
    environment.filters["coded"] = _coded
    return environment


def _figure_html(format_value: Callable[[Any], str], value: Any) -> Markup:
    """A value on the page; a `Figure` carries its exact value and its place in the run folder, which hovering shows."""
    if not isinstance(value, Figure):
        return Markup("{}").format(visible(format_value(value)))
    if not value.known:
        return Markup('<span class="missing" title="not in {}">{}</span>').format(visible(value.origin), NOT_AVAILABLE)
    exact = visible(str(value.value))
    return Markup('<data value="{0}" title="{0} · {1}">{2}</data>').format(
        exact, visible(value.origin), visible(format_value(value.value))
    )


def _figure_text(format_value: Callable[[Any], str], value: Any) -> Markup:
    return Markup(escape_markdown(format_value(value.value if isinstance(value, Figure) else value)))


def _sentence(figure: Callable, sentence: Sentence) -> Markup:
    parts = [figure(FORMATS[name], value) for name, value in sentence.parts]
    return Markup(sentence.text).format(*parts)


def _coded(text: str) -> Markup:
    """A text on the page, what stands between backticks as code; paths in it may be broken as names are."""
    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(_breakable(text))))


def _fold(text: object) -> tuple[str, str, int]:
    """A long text as what is shown, what is folded away, and the number of characters left out altogether."""
    full = str(text)
    if len(full) <= FOLD_AFTER + 80:
        return full, "", 0
    kept = full[:CUT_AFTER]
    start = kept[:FOLD_AFTER]
    at_word = max(start.rfind(" "), start.rfind("\n"))
    return start[: at_word if at_word > FOLD_AFTER // 2 else FOLD_AFTER], kept, len(full) - len(kept)


def _cut(text: str) -> str:
    """The text as Markdown shows it, which cannot fold: the rest of a very long one is counted."""
    return (
        text
        if len(text) <= MARKDOWN_CUT_AFTER
        else f"{text[:MARKDOWN_CUT_AFTER]}… ({len(text) - MARKDOWN_CUT_AFTER:,} more characters)"
    )


def _breakable(name: str) -> Markup:
    """A name that may be broken after its underscores and slashes."""
    return Markup(re.sub(r"(?<!…)([_/])", r"\1<wbr>", str(escape(visible(name)))))


def _hash(text: str) -> str:
    """The source expression that lets a content security policy allow exactly this inline text."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
