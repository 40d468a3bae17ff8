"""The encoding of a text by its mark, its letters, and the words of the tables of trade statistics."""

from __future__ import annotations

import codecs
import re

_HEAD = 20_000
"""Letters that are looked at first."""

_FEWEST_EMPTY = 0.1
"""Share of bytes that are empty in UTF-16 at least, where commas, digits and line ends are."""

_CHINESE = ("数据年月", "商品", "贸易伙伴", "数量", "计量单位", "国家", "国别", "年月", "月份", "千克", "日期")
_SAMPLE = 200_000
"""Bytes by which the encoding of a text is known."""

_MOSTLY = 0.9
"""Share of letters beyond ASCII that must be of a script."""

_FREQUENT = {
    "cp932": re.compile("年|月|国|数量|輸出|税関|統計|単位|[ァ-ヺ]{2}"),
    "cp949": re.compile("국가|수출|수입|중량|기간|품목|금액|단위|합계|국명|물량|날짜"),
    "big5hkscs": re.compile("年份|月份|日期|國家|國別|數量|重量|金額|價值|出口|貨品|產品|合計|單位"),
    "gb18030": re.compile("年份|月份|国家|国别|数量|重量|金额|目的|出口|商品|产品|合计|单位"),
}
"""Words of which a table in an encoding has nearly always one."""

_EASTERN = (
    ("cp932", "Shift-JIS", re.compile("[ぁ-ヿ㐀-鿿々ー、。・（）：〜～％　「」]")),
    ("cp949", "CP949", re.compile("[가-힣㎏㎜㎡㎥·（）：　]")),
    ("gb18030", "GB18030", re.compile("[㐀-鿿、。（）：　％]")),
    ("big5hkscs", "Big5", re.compile("[㐀-鿿、。（）：　％]")),
)
"""Encodings of the east with their names and the letters of their scripts, the strictest first."""

_WESTERN = (
    ("cp1254", "Windows-1254", re.compile("[ığşİĞŞ]"), re.compile(
        r"ülke|\byıl\b|\bay\b|miktar|ihracat|gtip|değer", re.I)),
    ("cp1250", "Windows-1250", re.compile("[ąćęłńśźżĄĆĘŁŃŚŹŻčďěňřšťůžČĎĚŇŘŠŤŮŽőűŐŰ]"), re.compile(
        r"\bkraj|masa|ilość|wartość|okres|miesiąc|eksport|wywóz|země|množství|hmotnost|vývoz|měsíc|krajina|množstvo"
        r"|ország|mennyiség|kivitel|hónap|količina|izvoz|mjesec|zemlja|država", re.I)),
    ("cp874", "Windows-874", re.compile("[ก-๛]"), re.compile("ประเทศ|เดือน|ปริมาณ|น้ำหนัก|มูลค่า|ส่งออก")),
)  # fmt: skip
"""Encodings of one byte a letter with their names, letters that cp1252 lacks, and words of which a table has one."""

_CYRILLIC = re.compile("стран|месяц|период|колич|экспорт|вывоз|товар|країн|місяц", re.IGNORECASE)
"""Beginnings of words of which a table in Cyrillic letters has nearly always one."""

_BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def decoded(content: bytes) -> tuple[str, str]:
    """Text, and the encoding it was in: by its mark, else UTF-8, else by its letters or words, else cp1252.

    It is GB18030 where Chinese headings show, else Shift-JIS, CP949 or GB18030 where it has mostly letters and a word
    of that script.

    Examples
    --------
    >>> decoded("数据年月,商品编码".encode("gb18030"))
    ('数据年月,商品编码', 'GB18030')
    """
    for mark, encoding in _BOMS.items():
        if content.startswith(mark):
            return content.decode(encoding, errors="replace"), encoding.removesuffix("-sig").upper()
    if wide := of_two_bytes(content):
        return content.decode(wide, errors="replace"), wide.upper()
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(content), "UTF-8"
    except UnicodeDecodeError:
        chinese = content.decode("gb18030", errors="replace")
        if any(word in chinese for word in _CHINESE):
            return chinese, "GB18030"
        cyrillic = content.decode("cp1251", errors="replace")
        if _CYRILLIC.search(cyrillic[:_SAMPLE]):
            return cyrillic, "Windows-1251"
        western = (content.decode("cp1252", errors="replace"), "Windows-1252")
        return _eastern(content) or _of_one_byte(content) or western


def _eastern(content: bytes) -> tuple[str, str] | None:
    """Text of Japan, Korea or China where it decodes to the letters in which its words are written; None for other."""
    end = content.rfind(b"\n", 0, _SAMPLE) + 1 or len(content)
    head = content[: end if len(content) > _SAMPLE else len(content)]
    if not re.search(rb"[\x80-\xff]{2}", head):
        return None
    for encoding, name, letters in _EASTERN:
        try:
            text = head.decode(encoding)
        except UnicodeDecodeError:
            continue
        foreign = [mark for mark in text if mark > "\x7f"]
        own = sum(bool(letters.match(mark)) for mark in foreign)
        if own >= _MOSTLY * len(foreign) and _FREQUENT[encoding].search(text):
            return content.decode(encoding, errors="replace"), name
    return None


def of_two_bytes(content: bytes) -> str:
    r"""The encoding of UTF-16 without its mark, by the empty bytes beside plain letters; empty for any other.

    Examples
    --------
    >>> of_two_bytes("Land,kg".encode("utf-16-le")), of_two_bytes("Land,kg".encode("utf-16-be")), of_two_bytes(b"a\0")
    ('utf-16-le', 'utf-16-be', '')
    """
    head = content[: _SAMPLE - _SAMPLE % 2]
    empty = [head[place::2].count(0) for place in (0, 1)]
    if len(content) % 2 or len(head) < 4 or min(empty) or max(empty) < _FEWEST_EMPTY * len(head):
        return ""
    encoding = "utf-16-le" if empty[1] else "utf-16-be"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        return ""
    return encoding if text[:_HEAD].replace("\t", " ").replace("\r", " ").replace("\n", " ").isprintable() else ""


def _of_one_byte(content: bytes) -> tuple[str, str] | None:
    """Text in letters that cp1252 lacks, with a word of a language that has them; None for any other."""
    for encoding, name, letters, words in _WESTERN:
        head = content[:_SAMPLE].decode(encoding, errors="replace")
        if letters.search(head) and words.search(head):
            return content.decode(encoding, errors="replace"), name
    return None
