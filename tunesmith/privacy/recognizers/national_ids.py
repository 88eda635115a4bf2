"""National identity, tax and insurance numbers of persons: how each is spelled, its check digits (python-stdnum), the
words that announce it. Where check digits are few and the spelling is common, only such words make a number one."""

from __future__ import annotations

import datetime

from stdnum import verhoeff
from stdnum.ar import cuit
from stdnum.at import vnr
from stdnum.au import tfn
from stdnum.be import nn
from stdnum.bg import egn
from stdnum.br import cpf
from stdnum.ca import sin
from stdnum.ch import ssn as ch_ssn
from stdnum.cl import rut
from stdnum.cz import rc
from stdnum.de import idnr
from stdnum.dk import cpr
from stdnum.do import cedula
from stdnum.ec import ci
from stdnum.ee import ik
from stdnum.es import dni, nie
from stdnum.fi import hetu
from stdnum.fr import nir
from stdnum.gb import nhs
from stdnum.gr import amka
from stdnum.hr import oib
from stdnum.ie import pps
from stdnum.il import idnr as il_idnr
from stdnum.in_ import aadhaar, pan
from stdnum.is_ import kennitala
from stdnum.iso7064 import mod_11_2
from stdnum.it import codicefiscale
from stdnum.jp import in_ as my_number
from stdnum.kr import rrn
from stdnum.lt import asmens
from stdnum.mx import curp, rfc
from stdnum.my import nric
from stdnum.nl import bsn
from stdnum.no import fodselsnummer
from stdnum.nz import ird
from stdnum.pk import cnic
from stdnum.pl import pesel
from stdnum.pt import nif
from stdnum.ro import cnp
from stdnum.ru import inn
from stdnum.se import personnummer
from stdnum.si import emso
from stdnum.th import pin
from stdnum.tr import tckimlik
from stdnum.ua import rntrc
from stdnum.us import itin, ssn
from stdnum.za import idnr as za_idnr

from tunesmith.privacy.recognizers.numbers import NumberRecognizer
from tunesmith.privacy.recognizers.page import WORD
from tunesmith.privacy.recognizers.patterns import PatternRecognizer

# Said of any country's number.
_ANY = (
    r"national (?:id|identi|insurance|number)|\b(?:id|identity|identification|identifier|citizen|personal|resident|"
    r"insurance|taxpayer|tax|fiscal|social security|health)[ -]?(?:card |insurance |payer |security |code )?"
    r"(?:id\b|no\b|nr\b|nos?\.|num|code|card|#|ident|file)|\bssn\b|\btin\b|\bid\b[:# ]*$|\bids?\b *(?:is|no|num|:)|"
    r"social (?:security|insurance)|passport"
)
_OWN = {
    "ar": r"cuit|cuil|\bdni\b|documento",
    "at": r"sozialversicherung|svnr|sv-nr|steuer",
    "au": r"\btfn\b|tax file|medicare|centrelink",
    "be": r"rijksregister|registre national|national register|\bnn\b|\bniss\b|insz",
    "bg": r"\begn\b|егн",
    "br": r"\bcpf\b|cadastro|documento",
    "ca": r"\bsin\b|\bnas\b|insurance n|assurance sociale",
    "ch": r"\bahv\b|\bavs\b|versicherten|assur",
    "cl": r"\brut\b|\brun\b|c[eé]dula",
    "cn": r"身份证|身份號|身分證|公民|id card|resident",
    "cz": r"rodn[eéaá] [cč]|\brč\b|birth number",
    "de": r"steuer|\bidnr\b|\btin\b|ident",
    "dk": r"\bcpr\b|personnummer",
    "do": r"c[eé]dula",
    "ec": r"c[eé]dula",
    "ee": r"isikukood|personal (?:id|code)",
    "es": r"\bdni\b|\bnif\b|\bnie\b|documento|identidad",
    "fi": r"\bhetu\b|henkil[öo]tunnus|personal identity",
    "fr": r"\bnir\b|insee|s[eé]curit[eé] sociale|\bs[eé]cu\b|num[eé]ro",
    "gb": r"\bnhs\b|\bnino?\b|health service|national insurance|patient",
    "gr": r"amka|αμκα",
    "hk": r"hkid|identity|身份",
    "hr": r"\boib\b",
    "id": r"\bnik\b|\bktp\b|kependudukan",
    "ie": r"\bpps\b|\bppsn\b|\brsi\b",
    "il": r"teudat|zehut|ת\.?ז|תעודת",
    "in": r"a+dha+r|\buid(?:ai)?\b|\bpan\b|आधार|permanent account",
    "is": r"kennitala",
    "it": r"codice fiscale|fiscal|\bc\.?f\.?\b",
    "jp": r"my number|マイナンバー|個人番号",
    "kr": r"주민|resident|\brrn\b",
    "lt": r"asmens|personal code",
    "mx": r"\bcurp\b|\brfc\b",
    "my": r"mykad|\bnric\b|\bic\b|kad pengenalan",
    "nl": r"\bbsn\b|burgerservice|sofi",
    "no": r"f[øo]dselsn|personn|birth number",
    "nz": r"\bird\b|inland revenue",
    "pk": r"cnic|nadra",
    "pl": r"pesel",
    "pt": r"\bnif\b|contribuinte",
    "ro": r"\bcnp\b|cod numeric",
    "ru": r"\bинн\b|снилс|\binn\b|snils",
    "se": r"personn|samordn|personal identity",
    "sg": r"\bnric\b|\bfin\b",
    "si": r"\bemšo\b|\bemso\b|\bjmbg\b|matičn",
    "th": r"ประชาชน|thai",
    "tr": r"t\.?c\.?\b|kimlik|\btckn\b",
    "tw": r"身分證|身份證|identity",
    "ua": r"рнокпп|\bіпн\b|\bинн\b|rntrc",
    "us": r"\bitin\b|individual taxpayer",
    "za": r"south africa|rsa id|\bsa id\b|identity",
}


def is_medicare_au(digits: str) -> bool:
    """Australian Medicare: the ninth digit is the weighted sum of the first eight, modulo 10; the first is 2 to 6."""
    total = sum(int(digit) * weight for digit, weight in zip(digits, (1, 3, 7, 9, 1, 3, 7, 9)))
    return "2" <= digits[0] <= "6" and total % 10 == int(digits[8])


def is_snils(digits: str) -> bool:
    """Russian SNILS: the last two digits are the weighted sum of the first nine, modulo 101 (100 counts as 0)."""
    total = sum(int(digit) * weight for digit, weight in zip(digits, range(9, 0, -1)))
    return total % 101 % 100 == int(digits[9:])


def is_nric_sg(number: str) -> bool:
    """Singapore NRIC and FIN: the last letter follows from the weighted sum of the digits."""
    total = sum(int(digit) * weight for digit, weight in zip(number[1:8], (2, 7, 6, 5, 4, 3, 2)))
    letters, start = {
        "S": ("JZIHGFEDCBA", 0),
        "T": ("JZIHGFEDCBA", 4),
        "F": ("XWUTRQPNMLK", 0),
        "G": ("XWUTRQPNMLK", 4),
        "M": ("XWUTRQPNJLK", 3),
    }[number[0].upper()]
    place = (total + start) % 11
    return letters[10 - place if number[0].upper() == "M" else place] == number[-1].upper()


def is_hkid(number: str) -> bool:
    """Hong Kong identity card: a weighted sum over letters (A = 10) and digits is a multiple of 11."""
    body, check = number.upper().replace("(", "").rstrip(")")[:-1].rjust(8), number.rstrip(")")[-1].upper()
    values = [36 if letter == " " else int(letter, 36) for letter in body] + [10 if check == "A" else int(check)]
    return sum(value * weight for value, weight in zip(values, range(9, 0, -1))) % 11 == 0


def is_id_tw(number: str) -> bool:
    """Taiwanese identity card: the letter stands for a number of two digits; a weighted sum is a multiple of 10."""
    area = 10 + "ABCDEFGHJKLMNPQRSTUVXYWZIO".index(number[0].upper())
    values = [area // 10, area % 10, *map(int, number[1:])]
    return sum(value * weight for value, weight in zip(values, (1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1))) % 10 == 0


def is_nino(number: str) -> bool:
    """British National Insurance number: no check digit, but prefixes that are never given out."""
    return number[:2].upper() not in ("BG", "GB", "KN", "NK", "NT", "TN", "ZZ")


def is_person_in_india(number: str) -> bool:
    """Indian PAN of a person: the fourth character is P."""
    return pan.is_valid(number) and number[3].upper() == "P"


def is_resident_of_china(number: str) -> bool:
    """Chinese resident identity number: a province, a date of birth and the check character of ISO 7064 mod 11-2."""
    try:
        datetime.datetime.strptime(number[6:14], "%Y%m%d")
    except ValueError:
        return False
    return "11" <= number[:2] <= "82" and "1850" <= number[6:10] <= "2100" and mod_11_2.is_valid(number.upper())


def is_dni(number: str) -> bool:
    """Spanish DNI, with or without dots and a space before its letter."""
    return dni.is_valid(number.replace(".", ""))


def is_aadhaar(digits: str) -> bool:
    return digits[0] in "23456789" and verhoeff.is_valid(digits) and aadhaar.is_valid(digits)


def is_nik(digits: str) -> bool:
    """Indonesian NIK: no check digit, but a day (women: plus 40) and a month."""
    return 1 <= int(digits[6:8]) % 40 <= 31 and 1 <= int(digits[8:10]) <= 12 and "11" <= digits[:2] <= "96"


def is_ssn(digits: str) -> bool:
    """American social security number: no check digit, but parts that are never given out."""
    return ssn.is_valid(digits) and len(set(digits)) > 1


def _context(country: str) -> str:
    return f"{_OWN[country]}|{_ANY}"


def _id(name: str, check, **how) -> NumberRecognizer:
    return NumberRecognizer(f"id_{name}", "NATIONAL_ID", check, _context(name[:2]), **how)


NUMBERS = (
    NumberRecognizer(
        "us_ssn",
        "US_SSN",
        is_ssn,
        r"\bssns?\b|social[ -]sec|\bss ?(?:#|no|num)|soc\.? sec|\bsocial\b",
        strong="3-2-4",
        weak="9 3~2~4",
    ),
    _id("ar_cuit", cuit.is_valid, strong="2-8-1", weak="11"),
    _id("at_vnr", vnr.is_valid, weak="4~6 10"),
    _id("au_tfn", tfn.is_valid, weak="8 9 3~3~3 3~3~2"),
    _id("au_medicare", is_medicare_au, weak="10 4~5~1 11 4~5~1~1"),
    _id("be_nn", nn.is_valid, strong="2.2.2-3.2", weak="11 6~3~2 2~2~2~3~2"),
    _id("bg_egn", egn.is_valid, weak="10"),
    _id("br_cpf", cpf.is_valid, strong="3.3.3-2", weak="11 3~3~3~2 9-2"),
    _id("ca_sin", sin.is_valid, weak="3~3~3 9"),
    _id("ch_ahv", ch_ssn.is_valid, strong="3.4.4.2 13", weak="3~4~4~2"),
    _id("cn_ric", is_resident_of_china, strong="18", weak="6~8~4"),
    _id("cz_rc", rc.is_valid, strong="6/4", weak="10 9 6/3 6~4"),
    _id("de_idnr", idnr.is_valid, weak="11 2~3~3~3"),
    _id("dk_cpr", cpr.is_valid, weak="6-4 10 6~4"),
    _id("do_cedula", cedula.is_valid, strong="3-7-1", weak="11"),
    _id("ec_ci", ci.is_valid, weak="10 9-1"),
    _id("ee_ik", ik.is_valid, weak="11"),
    _id("fr_nir", nir.is_valid, strong="15 1~2~2~2~3~3~2 13~2"),
    _id("gb_nhs", nhs.is_valid, weak="3~3~4 10"),
    _id("gr_amka", amka.is_valid, weak="11 6~5"),
    _id("hr_oib", oib.is_valid, weak="11"),
    _id("id_nik", is_nik, weak="16"),
    _id("il_idnr", il_idnr.is_valid, weak="9 8-1"),
    _id("in_aadhaar", is_aadhaar, strong="4~4~4", weak="12", score=0.6),
    _id("is_kennitala", kennitala.is_valid, weak="6-4 10"),
    _id("jp_my_number", my_number.is_valid, weak="12 4~4~4"),
    _id("kr_rrn", rrn.is_valid, strong="6-7", weak="13"),
    _id("lt_asmens", asmens.is_valid, weak="11"),
    _id("my_nric", nric.is_valid, strong="6-2-4", weak="12 6~2~4"),
    _id("nl_bsn", bsn.is_valid, weak="9 3~3~3 4~2~3"),
    _id("no_fodselsnummer", fodselsnummer.is_valid, strong="6~5 11"),
    _id("nz_ird", ird.is_valid, weak="8 9 2~3~3 3~3~3"),
    _id("pk_cnic", cnic.is_valid, strong="5-7-1", weak="13"),
    _id("pl_pesel", pesel.is_valid, weak="11"),
    _id("pt_nif", nif.is_valid, weak="9 3~3~3"),
    _id("ro_cnp", cnp.is_valid, strong="13"),
    _id("ru_inn", inn.is_valid, weak="12"),
    _id("ru_snils", is_snils, strong="3-3-3_2 3-3-3-2", weak="11"),
    _id("se_personnummer", personnummer.is_valid, strong="6-4 8-4", weak="10 12"),
    _id("si_emso", emso.is_valid, strong="13"),
    _id("th_pin", pin.is_valid, strong="1-4-5-2-1", weak="13 1~4~5~2~1"),
    _id("tr_tckimlik", tckimlik.is_valid, weak="11"),
    _id("ua_rntrc", rntrc.is_valid, weak="10"),
    _id("us_itin", itin.is_valid, weak="3-2-4 9"),
    _id("za_idnr", za_idnr.is_valid, strong="13 6~4~2~1 6~4~3"),
)

GATE = (
    r"[0-9]{6}|[0-9]{2} [0-9]{2} [0-9]{2} ?[A-D]|[A-Z]{5}[0-9]{4}[A-Z]|[A-Z]{6}[0-9LMNP-V]{2}[A-Z][0-9LMNP-V]|[a-z]{6}[0-9]{2}[a-z][0-9]|"
    r"\.[0-9]{3}[ -]?[0-9A-Za-z]|[0-9]{3}-[0-9Kk]"
)
# Numbers with letters in them: shape, check, words; the score without such words.
PATTERNS = tuple(
    PatternRecognizer(
        name=f"id_{name}",
        type="NATIONAL_ID",
        pattern=rf"(?:^|[^{WORD}.-])({pattern})(?:[^{WORD}-]|-?\z|-[^{WORD}])",
        check=check,
        context=_context(name[:2]),
        score=score,
        score_with_context=0.95,
    )
    for name, pattern, check, score in (
        ("cl_rut", r"[0-9]{1,2}\.?[0-9]{3}\.?[0-9]{3}-[0-9Kk]", rut.is_valid, 0.7),
        ("cn_ric", r"[1-9][0-9]{16}[Xx]", is_resident_of_china, 0.9),
        ("es_dni", r"[0-9]{8}[ -]?[A-Za-z]|[0-9]{2}\.[0-9]{3}\.[0-9]{3}[ -]?[A-Za-z]", is_dni, 0.7),
        ("es_nie", r"[XYZxyz][ -]?[0-9]{7}[ -]?[A-Za-z]", nie.is_valid, 0.85),
        ("fi_hetu", r"[0-9]{6}[-+A-FU-Ya-fu-y][0-9]{3}[0-9A-FHJ-NPR-Ya-fhj-npr-y]", hetu.is_valid, 0.85),
        ("gb_nino", r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z](?: ?[0-9]{2}){3} ?[A-D]", is_nino, 0.85),
        ("hk_hkid", r"[A-Z]{1,2}[0-9]{6}\([0-9A]\)", is_hkid, 0.85),
        ("ie_pps", r"[0-9]{7}[A-W][A-IW]?", pps.is_valid, 0.6),
        ("in_pan", r"[A-Z]{5}[0-9]{4}[A-Z]", is_person_in_india, 0.7),
        (
            "it_codice_fiscale",
            r"[A-Za-z]{6}[0-9LMNPQRSTUV]{2}[A-Za-z][0-9LMNPQRSTUV]{2}[A-Za-z][0-9LMNPQRSTUV]{3}[A-Za-z]",
            codicefiscale.is_valid,
            0.95,
        ),
        ("mx_curp", r"[A-Za-z]{4}[0-9]{6}[HMXhmx][A-Za-z]{5}[0-9A-Za-z][0-9]", curp.is_valid, 0.95),
        ("mx_rfc", r"[A-ZÑ&]{4}-?[0-9]{6}-?[A-Z0-9]{3}", rfc.is_valid, 0.7),
        ("se_century", r"[0-9]{6}\+[0-9]{4}", personnummer.is_valid, 0.85),
        ("sg_nric", r"[STFGM][0-9]{7}[A-Z]", is_nric_sg, 0.85),
        ("tw_id", r"[A-Z][12][0-9]{8}", is_id_tw, 0.4),
    )
)
