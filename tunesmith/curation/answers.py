"""Answers nobody should learn: another assistant talking about itself, placeholders, echoes of the question."""

from __future__ import annotations

import re
from collections import deque

import re2

from tunesmith.curation.prose import answers, prose_of, said_before
from tunesmith.curation.refusals import HARM, refuses
from tunesmith.curation.stages import stage
from tunesmith.records import Message, Record

# ── another assistant speaking of itself ──────────────────────────────────────────────────────────

MODEL = r"(?:ai|a\.i\.|artificial intelligence|(?:large )?language model|llm|chat ?bot)"
SELF_TALK = re2.compile(
    "(?i)"
    + "|".join(
        (
            rf"\bas an? (?:[\w-]+ ){{0,3}}?{MODEL}(?: [\w()-]+){{0,4}}?,? (?:I|my|it(?:'s| is) (?:not|im))\b",
            rf"\bI(?:'m| am)(?: (?:just|only|merely|still|simply))? an? (?:[\w-]+ ){{0,2}}?{MODEL}\b",
            r"作为(?:一[个名位款种])?(?:开源的?|大型|先进的?)?(?:人工智能|AI|语言|智能)[^，。]{0,10}[，,]?\s*我",
            r"我(?:只)?是(?:一[个名位款种])(?:开源的?|大型)?(?:人工智能|AI|语言AI|语言模型)",
            r"\bcomo (?:una? )?(?:modelo de (?:lenguaje|IA)|inteligencia artificial|IA|asistente (?:de IA|virtual))\b",
            r"\ben tant qu(?:e |['’])(?:une? )?(?:modèle de langage|IA|intelligence artificielle|assistante? (?:virtuel|IA))",
            r"\bals (?:eine? |einem )?(?:KI|künstliche Intelligenz|(?:großes )?Sprachmodell|KI-[\w-]+)\b",
            r"\bcomo (?:uma? )?(?:modelo de linguagem|inteligência artificial)\b",
            r"\bin quanto (?:modello linguistico|intelligenza artificiale|IA)\b",
            r"как (?:языковая модель|искусственный интеллект|ИИ)",
            r"(?:AI|人工知能|言語モデル)(?:アシスタント|言語モデル|モデル)?として",
            r"(?:AI|인공지능|언어 ?모델)(?: ?(?:언어 ?)?모델| ?어시스턴트)?로서",
        )
    )
)
CUTOFF = re2.compile(
    r"(?i)\b(?:knowledge|training(?: data)?) cut-?off|\b(?:as of|up to|until|since) my (?:last|latest|most recent)"
    r" (?:knowledge |training )?(?:update|cut-?off|training)|\bmy (?:training data|knowledge) (?:only )?(?:goes|extends|ends|stops"
    r"|was last)|(?:我的)?知识(?:库)?(?:截止|更新(?:到|至))|截至我(?:的|上次)"
)
# Whoever asks an assistant what it is, likes or believes gets to hear it.
ASKED_ABOUT_ITSELF = re.compile(
    rf"\b{MODEL}s?\b|\bgpt|\brobots?\b|\bassistant|\bare you\b|who (?:made|created|built|trained) you|\byour (?:name|knowledge|training)"
    r"|yourself|what (?:can|can['’]t|do) you do|where do you|your (?:limit|source)|\b(?:help|tell) me with\?|\bsudo\b"
    r"|\b(?:what|which|who)(?:['’]s| is| are| was| were)? your\b|\bwhat do you think\b|\bdid you (?:eat|sleep|vote|grow up|go to)\b"
    r"|\bdo you (?:\w+ )?(?:eat|sleep|feel|like|love|enjoy|prefer|believe|exist|dream|want|live|hate|care|agree)\b"
    r"|你的(?:回答|信息|能力|功能|限制|规则|名字|训练)|你(?:擅长|能做|会|最?喜欢|吃|喝|睡|在干|在做|感到|有什么|输出|之前)|让你|(?:介绍|关于)(?:一下)?你?自己"
    r"|人工智能|AI|语言模型|助手|助理|机器人|聊天|你是|你叫|您是|Sprachmodell|\b(?:KI|IA|ИИ)\b|bist du|eres|人工知能|あなたは|너는",
    re.I,
)


@stage("drop_boilerplate", "check")
def drop_boilerplate(record: Record) -> str | None:
    """``ai_boilerplate`` ("As an AI language model, I …", in ten languages) or ``knowledge_cutoff`` ("as of my last update").

    Spared: an answer to a question about the assistant or about AI, what an assistant with tools says of its abilities,
    and a refusal that gives harm as its reason.
    """
    for position, text in answers(record):
        reason = "ai_boilerplate" if SELF_TALK.search(text) else "knowledge_cutoff" if CUTOFF.search(text) else None
        if reason is not None and not _may_speak_of_itself(record, position, text):
            return reason
    return None


def _may_speak_of_itself(record: Record, position: int, text: str) -> bool:
    asked = any(ASKED_ABOUT_ITSELF.search(m.content) for m in record.messages[:position] if m.role == "user")
    return asked or bool(record.tools) or (refuses(text) and HARM.search(text) is not None)


# ── placeholders ──────────────────────────────────────────────────────────────────────────────────

NO_INPUT = re.compile(
    r"[ \t]*[`\"'(\[]*<? ?no[ _-]?inputs?e? ?>?[`\"')\].]*[ \t]*|[ \t]*<(?:none|empty|blank|n/?a)>[ \t]*",
    re.I,
)
# May be the last of some options, where no empty line is before it.
NOT_APPLICABLE = re.compile(r"\s*N/A\s*", re.I)
MARKED_NO_INPUT = re2.compile(r"(?i)<\s*no[ _-]?input|<(?:none|empty|blank|n/?a)>|\bN/A\b|\bno ?input\b")
NO_OUTPUT = re.compile(
    r"[<\[(]? ?no[ _-]?(?:output|answer|response|input)s? ?[>\])]?|<output[^>]*>|\[(?:insert|your|the)? ?(?:answer|output|response|text)(?: here)?\]|<blank>",
    re.I,
)
NOT_AVAILABLE = re.compile(r"n/a|nan|null|undefined|tbd|todo|t\.b\.d\.", re.I)
ASKS_FOR_OUTPUT = re.compile(r"\b(?:what|which|predict|determine|state)\b[^\n]*\b(?:output|print|result|return)", re.I)
ONLY_MARKS = re.compile(r"[.…\-_?*#~\s]+")
ABOUT_CODE = re.compile(
    r"code|script|program|function|print|evaluat|return|variable|javascript|python|null|dataframe|array", re.I
)
ABOUT_MARKS = re.compile(
    r"punctuat|mark|symbol|character|morse|operator|sign\b|emoji|blank|ascii|draw|line|dots?\b|regex|next|complete|[?*#~_-]{3}",
    re.I,
)
TEMPLATE_FIELD = re.compile(r"\{\{ ?[A-Za-z_][\w.]* ?\}\}")
ABOUT_TEMPLATES = re.compile(
    r"templat|placeholder|jinja|handlebars|mustache|angular|vue|liquid|django|latex|\{\{", re.I
)


@stage("strip_no_input", "rewrite")
def strip_no_input(record: Record) -> Record:
    """The record without lines that only say that there is no input (``<noinput>``, ``N/A``) at the end of a question and
    around an answer, together with an ``Input:`` heading left alone by it."""
    if not any(MARKED_NO_INPUT.search(m.content) for m in record.messages if m.role in ("user", "assistant")):
        return record
    messages = tuple(_without_marker(message) for message in record.messages)
    return record if messages == record.messages else record.with_messages(messages)


@stage("drop_placeholders", "check")
def drop_placeholders(record: Record) -> str | None:
    """``placeholder_answer`` (``<nooutput>``, ``N/A``, ``...``) or ``unfilled_template`` (``{{name}}``) as an answer.

    "No answer" and "N/A" stay where the question names them, "N/A", "null" and the like also where it is about code and
    "no output" where it asks for some; marks alone where it asks for marks; template fields where templates are spoken
    of or in code.
    """
    for position, text in answers(record):
        bare = text.strip().strip("`'\"").strip()
        if len(bare) < 100 and _is_placeholder(bare, said_before(record, position)):
            return "placeholder_answer"
        if "{{" in text and _has_open_field(text) and not ABOUT_TEMPLATES.search(said_before(record, position)):
            return "unfilled_template"
    return None


def _is_placeholder(answer: str, asked: str) -> bool:
    if answer.startswith("<") and re.match(r"<no ?output>", answer, re.I):
        return True
    if NO_OUTPUT.fullmatch(answer):
        return answer[0] in "<[" or (answer.lower() not in asked.lower() and not ASKS_FOR_OUTPUT.search(asked))
    if NOT_AVAILABLE.fullmatch(answer):
        return answer.lower() not in asked.lower() and not ABOUT_CODE.search(asked)
    return bool(answer) and ONLY_MARKS.fullmatch(answer) is not None and not ABOUT_MARKS.search(asked)


def _has_open_field(text: str) -> bool:
    return "{%" not in text and "</" not in text and TEMPLATE_FIELD.search(prose_of(text)) is not None


def _without_marker(message: Message) -> Message:
    if message.role not in ("user", "assistant") or not MARKED_NO_INPUT.search(message.content):
        return message
    lines = deque(message.content.split("\n"))
    while len(lines) > 1 and _says_no_input(lines[-2], lines[-1]):
        lines.pop()
        while len(lines) > 1 and not lines[-1].strip():
            lines.pop()
    while message.role == "assistant" and len(lines) > 1 and NO_INPUT.fullmatch(lines[0]):
        lines.popleft()
        while len(lines) > 1 and not lines[0]:
            lines.popleft()
    content = "\n".join(lines)
    content = content if content == message.content else content.rstrip()
    return message if content == message.content else Message(**{**vars(message), "content": content})


def _says_no_input(before: str, line: str) -> bool:
    is_apart = not before.strip() or _is_bare_heading(before)
    return (
        NO_INPUT.fullmatch(line) is not None
        or _is_bare_heading(line)
        or (is_apart and NOT_APPLICABLE.fullmatch(line) is not None)
    )


def _is_bare_heading(line: str) -> bool:
    return re.fullmatch(r"[#*\s]*+inputs?\s*+:?[*\s]*+", line, re.I) is not None


# ── echoes ────────────────────────────────────────────────────────────────────────────────────────

# Where the right answer may be what was given.
MAY_COPY = re.compile(
    r"repeat|copy|correct|edit|fix|proofread|grammar|spell|punctuat|capitali[sz]|rewrit|reword|rephrase|paraphras|translat|remove|delete|replace|sort|order"
    r"|arrange|organi[sz]|chronolog|list|separat|improve|polish|check|verif|convert|format|identif|find|extract|select|choose|pick|which|what|who|say|echo|print|output|quote|title|重复|改正|修改|翻译|纠正",
    re.I,
)


@stage("drop_echoes", "check")
def drop_echoes(record: Record) -> str | None:
    """``answer_is_prompt`` where an answer is its question, letters and digits compared; ``answer_is_input`` where it is to
    the letter what was given to work on after the instruction.

    Tasks whose result may be the text itself (correct, find, sort, translate …) are spared the second, answers of fewer
    than three words (a greeting) both.
    """
    for position, text in answers(record):
        before = record.messages[position - 1] if position else None
        reason = _echo(before.content, text) if before is not None and before.role == "user" else None
        if reason is not None:
            return reason
    return None


def _echo(prompt: str, answer: str) -> str | None:
    if len(answer.split(None, 3)) < 3:
        return None
    if 0.8 < len(answer) / max(1, len(prompt)) < 1.25 and _letters(answer) == _letters(prompt):
        return "answer_is_prompt"
    instruction, _, given = prompt.partition("\n\n")
    return "answer_is_input" if answer.strip() == given.strip() and not MAY_COPY.search(instruction) else None


def _letters(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())
