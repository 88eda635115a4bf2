"""In which language a request is asked, told by its commonest words, and the words that rephrasing it must look out for.

Requests are too short for a statistical detector: "Nenne drei Vögel." has three words. A language we have no words of, and a
request two languages could claim, is in none: what needs to know the language then stays undone, and is counted as such.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

ENGLISH, CHINESE, UNKNOWN = "en", "zh", ""
WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
HAN, KANA_OR_HANGUL = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]"), re.compile(r"[\u3040-\u30ff\uac00-\ud7af]")
UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]")
CHARACTERS_PER_WORD = 2  # about, where words are not divided by spaces


@dataclass(frozen=True)
class Language:
    """The words of a language that we know.

    Attributes:
        common: by which it is told.
        limits: those that say how much or what not: a rephrasing without them asks for something else.
        where: says where the text to work on stands ("below").
        talk: opens an answer that talks around what was asked for ("Sure, here is …").
    """

    common: frozenset[str]
    limits: re.Pattern[str]
    where: re.Pattern[str]
    talk: re.Pattern[str]


def _language(common: str, limits: str, where: str, talk: str) -> Language:
    """From words divided by spaces; ``talk`` divided by commas."""
    any_of = [rf"\b(?:{'|'.join(texts)})\b" for texts in (limits.split(), where.split())]
    begins = rf"(?:{'|'.join(talk.split(', '))})\b"
    return Language(frozenset(common.split()), *(re.compile(pattern, re.I) for pattern in (*any_of, begins)))


LANGUAGES = {
    ENGLISH: _language(
        "a an and are as be by can do does for from give how i if in into is it its list me my not of on or please tell that the"
        " these this to was were what when where which who why will with would write you your describe explain name translate"
        " summarize create find make answer did has have many much at about they their there rewrite generate given define state based"
        " provide suggest identify classify compare convert think",
        "all at each every exactly except fewer least less more most must never no not only than without",
        "above after before below beneath earlier first follow(?:s|ing)? here last next preceding previous then under",
        "sure, certainly, of course, here(?:'s| is| are), rewritten",
    ),
    "de": _language(
        "aus auf bei bitte das dass dein deine dem den der des die du ein eine einem einen einer es gib ich ihr im in ist"
        " kannst können mein mir mit nach nenne nicht oder schreib schreibe sie sind sich über um und uns vom von vor war warum"
        " was welche welcher welches wer wie wird wo zu zum zur diese diesem diesen dieser dieses alle für wurde hat übersetze erkläre beschreibe sortiere fasse beantworte",
        "alle allen aller alles jede jeden jeder jedes genau höchstens mindestens keine? keinen keiner maximal minimal mehr nicht"
        " nie niemals nur ohne weniger wenigstens außer muss müssen",
        "danach darunter darüber davor erste[nrs]? folg(?:t|en|ende|endem|enden|ender|endes) folgend hier letzte[nrs]?"
        " nachstehend\\w* nächste[nrs]? oben obige\\w* unten vorher vorige\\w* zuerst zuletzt",
        "gern, gerne, natürlich, klar, sicher, selbstverständlich, hier (?:ist|sind), umformuliert",
    ),
    "es": _language(
        "a al como con cuál cuáles cuándo cuánto cuántos cómo da dame de del dime donde dónde el ella en entre es escribe esta este"
        " estos favor fue ha hay la las lo los me mi más no o para pero por qué que quién se ser si sin sobre son su sus tu un"
        " una unos y explica describe traduce ordena resume estas esos",
        "al cada cualquier exactamente excepto jamás más menos mínimo máximo nada nunca no ningún ninguna ninguno salvo sin solo"
        " sólo solamente tod[oa]s?",
        "abajo anterior(?:es)? antes aquí arriba debajo después luego primer[oa]? próxim[oa]s? sigue siguientes? últim[oa]s?",
        "claro, por supuesto, seguro, aquí (?:está|tienes|van), reescrit[oa]",
    ),
    "fr": _language(
        "a au aux avec c'est ce ces cette comment combien d'un d'une dans de des donne du elle en entre est et explique il ils je"
        " la le les leur ma mais me mon ne nous on ou où par pas plus pour pourquoi qu'est quand que quel quelle quelles quels"
        " qui quoi sa se ses son sont sur ton traduis tu un une vous votre écris décris résume classe réponds cet",
        "aucun aucune au chaque exactement jamais maximum minimum moins pas plus rien sans sauf seulement tous tout toute toutes",
        "après avant ci-après ci-dessous ci-dessus dernier dernière dessous dessus ensuite ici plus précédente?s? premier première"
        " prochaine? suivante?s? suit",
        "bien sûr, certainement, d'accord, voici, volontiers, reformulé",
    ),
    "it": _language(
        "a ai al alla che chi ci come con cosa cos'è da dai dal dalla dammi degli dei del della delle di dimmi dove e ed era gli ha"
        " hai i il in è la le lo ma mi nel nella non o per perché più qual quale quali quando quanti quanto questa questo scrivi"
        " se si sono spiega su sul sulla sua suo traduci tra tu tuo un una uno descrivi ordina riassumi questi queste",
        "almeno al massimo meno mai nessun nessuna nessuno niente non ogni esattamente eccetto più senza solo soltanto tranne"
        " tutt[oaie]",
        "dopo poi prima precedent[ei] prossim[oaie] qui segue seguent[ei] sopra sotto ultim[oaie]",
        "certo, certamente, ecco, naturalmente, volentieri, riscritt[oa]",
    ),
    "pt": _language(
        "a ao aos as com como da das de descreva dê diga do dos e ela ele em entre era escreva esta este estes explique foi há isso"
        " lhe mais mas me meu minha na nas no nos não o onde os ou para pela pelo por porque qual quais quando quanto quantos que"
        " quem se sem ser seu sobre sua são traduza um uma você é ordene resuma estas",
        "apenas cada exatamente exceto jamais mais menos máximo mínimo nada nenhum nenhuma nunca não pelo salvo sem só somente tod[oa]s?",
        "abaixo acima antes anterior(?:es)? aqui depois primeir[oa] próxim[oa]s? seguintes? segue últim[oa]s?",
        "claro, certamente, com certeza, aqui (?:está|estão), reescrit[oa]",
    ),
    "nl": _language(
        "aan als alstublieft beschrijf bij dat de deze die dit door een en er geef het heb heeft hoe hoeveel ik in is je jij jouw"
        " kan kun maar me met mij mijn naar niet noem of om onze ook op over schrijf te tot u uit uw van vertaal voor waar waarom"
        " wanneer was wat welke wie wordt ze zich zijn leg sorteer vat samen",
        "alle alles alleen behalve elk elke exact geen hoogstens ieder iedere maximaal meer minder minimaal minstens niet nooit"
        " precies slechts tenminste zonder",
        "boven daarna eerder eerste hier hierboven hieronder laatste onder onderstaande? bovenstaande? vervolgens volgend volgende"
        " vorige",
        "natuurlijk, zeker, hier (?:is|zijn), graag, herschreven",
    ),
    CHINESE: Language(
        frozenset(),
        re.compile("不得|不要|不能|不超过|没有|无需|只|仅|至少|至多|最多|最少|每|所有|全部|恰好|正好|必须|除了|以内|以上|少于|多于"),
        re.compile("以下|如下|下面|下列|下方|上面|以上|上述|上方|前面|后面|接下来|首先|最后|这里|此处"),
        re.compile("当然|好的|没问题|以下是|这是|改写"),
    ),
}  # fmt: skip


def words_of(text: str) -> list[str]:
    """Its words in any script, case aside; a run of Chinese is one."""
    return [word.casefold() for word in WORD.findall(text)]


def num_words(text: str) -> int:
    """Words between spaces; about as many where a script has none."""
    return max(len(text.split()), len(UNSPACED.findall(text)) // CHARACTERS_PER_WORD)


def language_of(text: str) -> str:
    """The code of the one language most of whose common words a text has; `UNKNOWN` where there is none, or no single one."""
    words = words_of(text)
    counts = {code: sum(word in language.common for word in words) for code, language in LANGUAGES.items()}
    best = max(counts.values())
    first = [code for code, count in counts.items() if count == best]
    if len(HAN.findall(text)) > best:
        return UNKNOWN if KANA_OR_HANGUL.search(text) else CHINESE
    return first[0] if len(first) == 1 else UNKNOWN
