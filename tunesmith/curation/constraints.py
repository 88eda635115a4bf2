"""Answers that do what they were asked, as far as a program can tell: at most 50 words, no comma, valid JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator
from pydantic_core import PydanticCustomError

from tunesmith.checks import BoundCheck, bind_check, follows_loosely
from tunesmith.checks.columns import IDS, checks_of_row
from tunesmith.curation.stages import stage
from tunesmith.errors import UsageError
from tunesmith.records import Record, last_request

UNREADABLE = "unreadable_checks"


def _bound(check: Mapping[str, Any]) -> BoundCheck:
    """A check as a recipe names it: ``{id: length_constraints:number_words, num_words: 50, relation: less than}``, or only
    its id."""
    return bind_check(str(check["id"]), {name: value for name, value in check.items() if name != "id"})


def _known(check: Mapping[str, Any]) -> Mapping[str, Any]:
    if "id" not in check:
        raise PydanticCustomError("check", "a check needs an id: {id: punctuation:no_comma}.")
    try:
        _bound(check)
    except UsageError as error:
        raise PydanticCustomError("check", "{problem}", {"problem": str(error)}) from None
    return check


def _named(check: Any) -> Any:
    return {"id": check} if isinstance(check, str) else check


Wanted = Annotated[dict[str, Any], BeforeValidator(_named), AfterValidator(_known)]


@stage("require_checks", "check")
def require_checks(record: Record, *, checks: Sequence[Wanted] = (), loose: bool = False) -> str | None:
    """The id of the first check that the last answer does not follow.

    Checked are those of ``checks``, and those the record brings along in its columns ``instruction_id_list`` and
    ``kwargs`` (IFEval's names); a record without any is kept. ``unreadable_checks`` where these columns name what does not
    exist. With ``loose`` an answer may also follow without its first or last line, or without asterisks.
    """
    answer = record.answer
    if answer is None:
        return None
    try:
        wanted = [*map(_bound, checks), *_own_checks(record.meta)]
    except UsageError:
        return UNREADABLE
    prompt = last_request(record.prompt) or ""
    follows = follows_loosely if loose else BoundCheck.follows
    return next((check.id for check in wanted if not follows(check, prompt, answer)), None)


def _own_checks(meta: Mapping[str, Any]) -> list[BoundCheck]:
    own = checks_of_row(meta) if meta.get(IDS) else []
    return [bind_check(check["id"], check["kwargs"]) for check in own]
