"""Currencies by their codes, signs and words."""

from __future__ import annotations

import re

from forecast.vocabulary.text import folded

CURRENCIES = {
    "USD": "usd us dollar dollars dolares долл доллар доллара долларов 美元|us dollar|us dollars|gen val mo|vl fob",
    "EUR": "eur euro euros евро|value in euros", "CNY": "cny rmb yuan renminbi юань юаней 人民币 元",
    "BRL": "brl reais", "JPY": "jpy yen иен", "GBP": "gbp|pounds sterling|pound sterling",
    "INR": "inr rupees", "VND": "vnd", "THB": "thb baht", "RUB": "rub rur руб рубль рубля рублеи rubles roubles rubel",
    "KRW": "krw won", "CHF": "chf franken|swiss francs", "PLN": "pln zloty zlotych złoty złotych zł", "TRY": "try tl",
    "CAD": "cad|canadian dollars", "AUD": "aud|australian dollars", "NZD": "nzd", "MXN": "mxn", "ARS": "ars",
    "CLP": "clp", "COP": "cop", "SEK": "sek kronor", "NOK": "nok", "DKK": "dkk", "CZK": "czk", "HUF": "huf forint",
    "RON": "ron", "UAH": "uah грн гривень", "KZT": "kzt тенге", "IDR": "idr rupiah", "MYR": "myr ringgit",
    "PHP": "php", "SGD": "sgd", "HKD": "hkd", "TWD": "twd ntd", "ZAR": "zar", "ILS": "ils", "SAR": "sar",
    "AED": "aed dirham dirhams",
}  # fmt: skip
"""Currencies by code: single words, folded, before the first bar, phrases between bars."""

_SIGNS = {
    "US$": "USD", "U$S": "USD", "USD$": "USD", "CA$": "CAD", "C$": "CAD", "AU$": "AUD", "A$": "AUD", "R$": "BRL",
    "NT$": "TWD", "HK$": "HKD", "S$": "SGD", "NZ$": "NZD", "MX$": "MXN", "美元": "USD", "美金": "USD", "米ドル": "USD",
    "달러": "USD", "欧元": "EUR", "歐元": "EUR", "ユーロ": "EUR", "유로": "EUR", "日元": "JPY", "日圆": "JPY",
    "港元": "HKD", "澳元": "AUD", "加元": "CAD", "韩元": "KRW", "韓元": "KRW", "台币": "TWD", "台幣": "TWD",
    "卢布": "RUB", "英镑": "GBP", "人民币": "CNY", "人民幣": "CNY", "위안": "CNY", "百万元": "CNY", "千元": "CNY",
    "万元": "CNY", "萬元": "CNY", "亿元": "CNY", "億元": "CNY", "円": "JPY", "€": "EUR", "£": "GBP", "₹": "INR",
    "₽": "RUB", "₺": "TRY", "₴": "UAH", "₸": "KZT", "₫": "VND", "฿": "THB", "₪": "ILS", "₩": "KRW",
    "$": "USD CAD AUD NZD MXN ARS CLP COP SGD HKD TWD", "¥": "CNY JPY", "￥": "CNY JPY",
}  # fmt: skip
"""Signs, and words of languages without blanks, longer ones first, with the currencies that they can be."""

_SEVERAL = {
    **dict.fromkeys(("dollar", "dollars", "dolares"), "USD CAD AUD NZD SGD HKD TWD"),
    **dict.fromkeys(("peso", "pesos"), "MXN ARS CLP COP PHP"),
    "lira": "TRY", "rs": "INR", "rupee": "INR", "sterling": "GBP", "yuan": "CNY", "rp": "IDR",
}  # fmt: skip
"""Words, folded, that several currencies have, or that name one among words of money only."""

_OF_COUNTRY = {"canadian": "CAD", "australian": "AUD", "singapore": "SGD", "taiwan": "TWD", "zealand": "NZD"}
_LIKE_OTHER_WORDS = {"try", "cop", "php", "ron", "sar"}
"""Codes, folded, that are words too, and are currencies in capitals alone."""

_SIGN = re.compile("|".join(f"(?<![A-Za-z]){re.escape(sign)}" if sign[0].isascii() and len(sign) > 1 else
                            re.escape(sign) for sign in _SIGNS))  # fmt: skip
_WON = re.compile(r"(?:^|[\s(（,]|[천만억])원(?![가-힣])")
_CODES = "|".join(code.lower() for code in (*CURRENCIES, "RMB"))
_GLUED = re.compile(rf"(?:\d+|mio|mn|bn|[ktm])?(?P<code>{_CODES})(?:\d+|mio|mn|bn|[km])?")
_WORDS = {
    word: code
    for code, words in CURRENCIES.items()
    for word in words.partition("|")[0].split()
    if word not in ("us", *_LIKE_OTHER_WORDS)
}


def other_currency(asked: str, *texts: str) -> str:
    """The code of another currency than ``asked`` that the first of ``texts`` with a currency names; empty for none.

    Examples
    --------
    >>> other_currency("USD", "Value (kEUR)"), other_currency("USD", "金额(万元)"), other_currency("EUR", "1000 €")
    ('EUR', 'CNY', '')
    >>> other_currency("CAD", "Value ($)"), other_currency("EUR", "Value ($)"), other_currency("USD", "Value", "MEUR")
    ('', 'USD', 'EUR')
    """
    found = next((names for text in texts if (names := _named(text))), [])
    return "" if not found or any(asked in codes for codes in found) else found[0][0]


def _named(text: str) -> list[list[str]]:
    """The currencies that each name of money in a text can be."""
    signs = [_SIGNS[sign].split() for sign in _SIGN.findall(text)]
    words = folded(_SIGN.sub(" ", text)).split()
    clear = next((_OF_COUNTRY[word] for word in words if word in _OF_COUNTRY), "")
    found = [["KRW"]] if _WON.search(text) else []
    for word in words:
        glued = _GLUED.fullmatch(word)
        several = _SEVERAL.get(word, "").split()
        code = "" if word in _LIKE_OTHER_WORDS and word.upper() not in text else glued["code"] if glued else ""
        if several:
            found.append([clear] if clear in several else several)
        elif code or word in _WORDS:
            found.append(["CNY" if code == "rmb" else code.upper() or _WORDS[word]])
    return [*signs, *found]
