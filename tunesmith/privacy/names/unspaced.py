"""Names in Chinese, Japanese and Korean, where nothing is capitalized: behind "my name is" and before Mr or Ms."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tunesmith.privacy.names.words import words
from tunesmith.privacy.spans import Span

_UNSPACED = re.compile("[\u3040-\ud7a3]")
_HAN = "\u4e00-\u9fff"
_SURNAME = (
    "(?:欧阳|司马|上官|诸葛|[王李张刘陈杨黄赵周吴徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢"
    "姜崔钟谭陆汪范金石廖贾夏韦方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤張劉陳楊黃趙吳孫馬羅鄭謝許韓馮"
    "鄧蔣葉蘇魏呂盧鍾譚陸賈韋鄒龍賀顧龔萬錢嚴湯])"
)
_RULES = (
    re.compile(
        f"(?:我叫|我的名字是|我的名字叫|名叫|姓名[是::]?\\s?|联系人[::]\\s?|聯絡人[::]\\s?)({_SURNAME}[{_HAN}]{{1,2}})(?![{_HAN}]{{0}}的名)"
    ),
    re.compile(f"({_SURNAME}[{_HAN}]{{0,2}})(?:先生|女士|小姐|太太|同学|老师)"),
    re.compile(
        "(?:私の名前は|名前は|氏名[::]\\s?)([\u3041-\u3096\u30a1-\u30fa\u4e00-\u9fff々]{2,6}?(?:[ 　][\u3041-\u3096\u30a1-\u30fa\u4e00-\u9fff々]{1,4})?)(?:です|と申|といい|、|。|$|\n)"
    ),
    re.compile("([\u4e00-\u9fff々]{1,4}|[\u30a1-\u30fa]{2,6})(?:さん|様|さま|くん|ちゃん)"),
    re.compile(
        "(?:제 이름은|저는|이름[::]|성명[::])\\s?([김이박최정강조윤장임한오서신권황안송류전홍고문양손배백허유남심노하곽성차주우구민진지엄원천][가-힣]{2})(?=입니다|이에요|예요|이라고|\\s|$|,)"
    ),
    re.compile(
        "([김이박최정강조윤장임한오서신권황안송류전홍고문양손배백허유남심노하곽성차주우구민][가-힣]{2})\\s?(?:씨|님|선생님)(?![가-힣]{2})"
    ),
)
# Words that stand before the same honorifics, and surnames that are words when alone.
_NOT_NAMES = words("皆 客 奥 母 父 兄 姉 神 王 医者 店員 お客 貴 各 同 模 何 多 仕 有 異 高 方 金 马 龙 白")


def find_unspaced(text: str) -> Iterator[Span]:
    """Persons in Chinese, Japanese and Korean text."""
    if _UNSPACED.search(text) is None:
        return
    for rule in _RULES:
        for match in rule.finditer(text):
            if match[1] not in _NOT_NAMES:
                yield Span(match.start(1), match.end(1), "PERSON", 0.7, "person_unspaced")
