"""Answers that refuse: "I'm sorry, but I cannot …", "You did not provide the text"."""

from __future__ import annotations

import re

from tunesmith.curation.prose import answers, said_before
from tunesmith.curation.stages import stage
from tunesmith.records import Record

START_CHARACTERS, REQUEST_CHARACTERS = 300, 200
LONG, SAID = 400, 40
"""Letters from which on an answer that begins by refusing gives something all the same, and from which on something is said
after the first sentence. A character of a script without spaces counts as three."""
SORRY = r"(?:(?:(?:I['’]?m|I am) )?(?:(?:very|so|truly|really) )?(?:sorry|afraid)|I apologi[sz]e|my apologies|unfortunately|regrettably)"
CANNOT = (
    r"(?:can(?:['’]t|not| not)|(?:am|['’]m) (?:not able|unable|not capable)(?: to| of)?|(?:won['’]t|will not)(?: be able to)?|could not"
    r"|must decline to|refuse to)"
)
ACT = (
    r"(?:help|assist|provid|ful+fil|complet|generat|creat|compl[iy]|do (?:that|this|so)|access|writ|giv|offer|support|discuss|process"
    r"|perform|respond|recommend|engage|share|produc|retriev|browse|tell you|set up|describ|see|view|open|edit"
    r"|summari|analy[sz]|promote|encourage|condone|participate|book|order)"
)
# What cannot be done to a question that has no answer, either.
JUDGE = r"(?:answer|determin|identify|predict|say (?:which|what|who))"
LACK = (
    r"(?:do(?:n['’]t| not) (?:currently )?have|lack) (?:access|the (?:ability|capability|capacity|data|necessary|information)|enough|sufficient"
    r"|any information|real-time)"
)
REFUSAL = re.compile(
    rf"\A\W*(?:{SORRY}[,.:]?(?: but| that)?[,]? )?(?:as an? [^,.]{{2,40}},? )?(?:I )(?:currently |really |also )?"
    rf"(?:{CANNOT} (?:\w+ly )?(?:{ACT}|(?P<judge>{JUDGE}))|{LACK})"
    rf"|\A\W*{SORRY}\W[^.!?\n]{{0,80}}\b(?:{CANNOT} (?:\w+ly )?{ACT}|{LACK}|(?:task|instruction|request) (?:involves|requires))"
    r"|\A\W*(?:this|the) (?:task|instruction|request|prompt)\b[^\n]{0,60}\b(?:cannot be|can['’]t be|is (?:not possible|beyond)|does not meet)"
    r"|\A\W*(?:抱歉|对不起|很抱歉|非常抱歉|不好意思|我抱歉)[^。！!\n]{0,30}(?:无法|不能|不具备|没有.{0,8}(?:能力|功能))"
    r"|\A\W*(?:您好，)?(?:作为[^，。]{2,14}，?)?我(?:无法|不能)(?!不)",
    re.I,
)
NOTHING_GIVEN = re.compile(
    r"\byou (?:did(?:n['’]t| not)|have(?:n['’]t| not)|do(?:n['’]t| not) seem to have) (?:\w+ )?(?:provided?|given?|gave|specif|includ|attach|suppl|mention)"
    r"|\A[^.\n]{0,40}\b(?:no|without an?y?) (?:\w+ ){1,3}(?:was|were|is|has been|have been) (?:provided|given|supplied|attached)"
    r"|\A\W*please (?:provide|give|share|send|specify) (?:me )?(?:with )?(?:the|a|an|your|some|more)\b"
    r"|(?:您|你)(?:并)?(?:没有?|未)(?:给出?|提供|告诉)|未(?:能)?提供|请(?:您)?提供",
    re.I,
)
ASKING = re.compile(rf"\W*{SORRY}|\W*(?:please|no|you|there|without)\b|[^。]{{0,4}}(?:抱歉|对不起)|由于(?:您|你)", re.I)
HARM = re.compile(
    r"illegal|unlawful|against the law|harm|unethical|immoral|ethical|danger|violen|hate|hurt|racis|sexis|discriminat|offensive|inappropriate"
    r"|disrespect|stereotyp|abus|explicit|weapon|drug|suicid|crim(?:e|inal)|privacy|private|personal (?:information|data)|malicious|fraud|steal"
    r"|safety|guidelines|\b(?:kill|murder|bomb|explosiv|poison|hack|stalk|terroris|theft|thie[fv]|rob(?:s|bed|bing)?\b|porn|sex|nude|rap(?:e|ist)\b|self-harm"
    r"|assault|torture|pirac|pirated|counterfeit|launder|scam|phish|malware|cheat|seduc|laws?\b|slur|vulgar|profan|insult|curse|swear)|(?:home|residential|his|her|their|new"
    r"|someone['’]s) address|(?:email )?address (?:for|of)|['’]s email|phone number|违法|非法|不道德|道德|有害|伤害|歧视|暴力|色情|隐私|恶意|杀|炸弹|毒品|黑客|攻击|偷",
    re.I,
)
# A refusal may go on with something worth having, or with where else to ask.
BUT = re.compile(
    r"\b(?:however|but|instead|that said|nevertheless|here (?:is|are))\b|但|不过|然而|只能|以下|如果是", re.I
)
ELSEWHERE = re.compile(
    r"\b(?:suggest|recommend|refer|consult|search|check|visit|look up|ask|contact|turn to|sorry|cannot|can['’]t|not able|unable)\b"
    r"|建议|咨询|查询|访问|提供更多|请提供|如果(?:您|你)",
    re.I,
)
# What an assistant lacks; where a question is what lacks something, it is right to say so.
OWN_LIMITS = re.compile(
    r"\b(?:access|real-time|abilit|capab|AI|model|assistant|brows|internet|connected|trained|programm)", re.I
)
SENTENCE_END = re.compile(r"[.!?:]\s|[。！？：]|\n")
SPACELESS = re.compile("[\u3040-\u30ff\u3400-\u9fff]")


@stage("drop_refusals", "check")
def drop_refusals(record: Record, *, keep_for_harm: bool = True) -> str | None:
    """``refusal`` ("I'm sorry, but I cannot …") or ``nothing_given`` ("You did not provide the text"), where the last
    answer is that and nothing more.

    Kept: answers that go on to give something, that say why a question has no answer, and with ``keep_for_harm`` those
    that speak of harm or answer somebody who does, which is what data that teaches safety consists of. Assistants with
    tools are spared: to say what no tool can do is their job.
    """
    if record.tools:
        return None
    position, text = max(answers(record), default=(0, ""))
    reason = "nothing_given" if _asks_for_input(text) else "refusal" if refuses(text) else None
    if reason is None or _gives_something(text):
        return None
    is_about_harm = keep_for_harm and HARM.search(f"{said_before(record, position)}\n{text}") is not None
    return None if is_about_harm else reason


def refuses(text: str) -> bool:
    """Whether an answer begins by refusing."""
    match = REFUSAL.search(text[:START_CHARACTERS])
    return match is not None and not (match["judge"] and _explains(text))


def _explains(text: str) -> bool:
    """Whether a text that cannot answer says why, and the reason is not what an assistant lacks."""
    more = _after_first_sentence(text)
    return _num_letters(more) > SAID and not ELSEWHERE.search(more) and not OWN_LIMITS.search(text)


def _gives_something(text: str) -> bool:
    if _num_letters(text) > LONG:
        return True
    more = _after_first_sentence(text)
    turn = BUT.search(more)
    return turn is not None and _num_letters(more) - turn.start() > SAID and not ELSEWHERE.search(more)


def _after_first_sentence(text: str) -> str:
    end = SENTENCE_END.search(text)
    return text[end.end() :] if end is not None else ""


def _num_letters(text: str) -> int:
    """Length of a text; a character of a script without spaces says as much as three letters."""
    return len(text) if text.isascii() else len(text) + 2 * len(SPACELESS.findall(text))


def _asks_for_input(text: str) -> bool:
    return NOTHING_GIVEN.search(text[:REQUEST_CHARACTERS]) is not None and ASKING.match(text) is not None
