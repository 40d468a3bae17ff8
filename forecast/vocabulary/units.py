"""Units of quantities by stated factors, and the words for them.

References
----------
International yard and pound agreement, 1959: a pound is 0.45359237 kg. USDA Agricultural Handbook 697 (1992): pounds in
a bushel of each grain.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from forecast.vocabulary.text import folded

POUND_T = 0.45359237e-3
"""Tonnes in a pound."""

BUSHEL_LB = {
    "corn": 56, "maize": 56, "soybean": 60, "soybeans": 60, "soya": 60, "wheat": 60, "sorghum": 56, "rye": 56,
    "barley": 48, "oats": 32, "1005": 56, "1201": 60, "1001": 60, "1007": 56, "1002": 56, "1003": 48, "1004": 32,
}  # fmt: skip
"""Pounds in a bushel, by a word of the product's name or its HS heading."""

_TONNES = {
    1e-6: "g gram grams gramas 克",
    1e-3: "kg kgs kgm kilogram kilograms kilogramme kilogrammes kilo kilos quilograma quilogramas 千克 公斤|kg net|"
    "net kg|quilograma liquido|kilograms net|weight in kilograms|volume kg",
    0.1: "dt quintal quintals|100 kg|100kg|quantity in 100kg|in 100kg",
    1.0: "t tonne tonnes tonnen tonnellate ton tons mt tne toneladas tonelada 吨 公吨|"
    "metric ton|metric tons|metric tonnes|net tonnes",
    1e3: "kt kts ktonnes mmt3 千吨|thousand t|thousand tonnes|thousand tons|thousand metric tons|1000 t|1000 mt|"
    "1 000 mt|1 000 t|1 000 tonnes|1000 tonnes|tmt|mil toneladas",
    1e4: "万吨",
    1e6: "mmt|million tonnes|million t|million tons|million metric tons",
    POUND_T: "lb lbs pound pounds",
    2000 * POUND_T: "st|short ton|short tons|net tons us|stn",
    2240 * POUND_T: "lt|long ton|long tons|gross ton",
}
_MONEY = {
    "USD": "usd us dollar dollars 美元|us dollars|gen val mo|vl fob", "EUR": "eur euro euros|value in euros",
    "CNY": "cny rmb yuan 人民币 元", "BRL": "brl reais", "JPY": "jpy yen", "GBP": "gbp", "INR": "inr", "VND": "vnd",
    "THB": "thb baht",
}  # fmt: skip
_PIECES = {
    "pieces",
    "piece",
    "pcs",
    "u",
    "no",
    "nr",
    "number",
    "numbers",
    "item",
    "items",
    "units",
    "unit",
    "unidade",
    "unidades",
    "pr",
    "pairs",
    "doz",
    "dozen",
    "个",
    "台",
    "件",
    "辆",
    "只",
    "套",
    "支",
    "双",
    "架",
    "块",
}
_LENGTHS = {
    "m",
    "m2",
    "m3",
    "l",
    "litre",
    "litres",
    "liter",
    "liters",
    "bbl",
    "barrel",
    "barrels",
    "cbm",
    "米",
    "升",
    "平方米",
    "立方米",
    "kwh",
    "ct",
    "carat",
}
_BUSHELS = {"bu": 1.0, "bushel": 1.0, "bushels": 1.0, "1000 bushels": 1e3, "1 000 bushels": 1e3,
            "thousand bushels": 1e3, "million bushels": 1e6}  # fmt: skip
_LABELS = "unit units uom unidade unidades unite einheit unidad 单位 计量单位 数量单位 数量 重量"
_TITLE_LABELS = {*_LABELS.split(), "unit of measure", "unit of quantity", "quantity unit", "unidade de medida",
                 "quantity", "volume", "volumes", "weight", "net weight", "exports", "quantidade", "peso"}  # fmt: skip
_TITLE_PARTS = re.compile(r"[;,()|\[\]（），；]")
_NAMED_IN_TITLE = re.compile(r"(?:(?P<label>[^:：]*)[:：]|.*\b(?:in|em|en)\s)(?P<unit>.+)", re.IGNORECASE)
_VALUES = {"value", "values", "valor", "valeur", "wert", "warenwert", "montant", "importe", "betrag", "fob", "cif",
           "price", "prix", "preis", "金额", "金額", "価額", "금액", "стоимость"}  # fmt: skip
_QUANTITIES = {"quantity", "quantities", "qty", "volume", "volumes", "weight", "mass", "menge", "gewicht", "masse",
               "eigenmasse", "quantite", "poids", "volumen", "cantidad", "peso", "quantidade", "netweight", "数量",
               "重量", "중량", "количество", "вес"}  # fmt: skip
_MILLION = re.compile(r"\b(million|millions|mill|mil|mn)\b")


@dataclass(frozen=True)
class Unit:
    """What one of a quantity is: ``factor`` tonnes, or millions of ``money``; else ``refusal`` says why it is neither.

    Examples
    --------
    >>> Unit(0.1).factor * 1000
    100.0
    """

    factor: float = float("nan")
    money: str = ""
    refusal: str = ""


def _words(text: str) -> list[str]:
    """Single words before the first bar, phrases between bars."""
    first, *phrases = text.split("|")
    return [*first.split(), *phrases]


TONNES = {word: factor for factor, words in _TONNES.items() for word in _words(words)}
"""Tonnes in one of each unit, by its folded word."""

MONEY = {word: currency for currency, words in _MONEY.items() for word in _words(words)}
"""Currency by its folded word."""


def unit_of(word: str, product: str = "") -> Unit:
    """The unit that ``word`` names; bushels are of ``product``, a slug, a name or an HS code.

    Examples
    --------
    >>> unit_of("kg").factor, unit_of("100 kg").factor
    (0.001, 0.1)
    >>> round(unit_of("bushels", "corn").factor, 8)
    0.02540117
    >>> unit_of("pieces").refusal
    'counted in pieces, which have no weight'
    """
    bare = folded(word)
    if bare in TONNES:
        return Unit(TONNES[bare])
    if bare in _BUSHELS:
        return _bushels(_BUSHELS[bare], product)
    currency = _currency(bare)
    if currency:
        return Unit(_money_scale(bare), money=currency)
    if bare in _PIECES:
        return Unit(refusal="counted in pieces, which have no weight")
    if bare in _LENGTHS:
        return Unit(refusal=f"measured in {bare}, which is no weight")
    return Unit(refusal="of a unit that is not known")


def unit_in(heading: str) -> str:
    """The unit of weight that a heading states, such as ``kg`` in ``Net weight (kg)``; empty where none.

    Examples
    --------
    >>> unit_in("Quilograma Líquido"), unit_in("volume_t"), unit_in("Exports, thousand tonnes"), unit_in("NetWeight")
    ('kg', 't', 'kt', '')
    """
    words = folded(heading).split()
    spans = [words[start:stop] for start in range(len(words)) for stop in range(len(words), start, -1)]
    found = [" ".join(span) for span in sorted(spans, key=len, reverse=True)]
    alone = {"t", "st", "lt", "g", "dt"}  # letters that are units at the end of a heading alone
    for span in found:
        if span in TONNES and (span not in alone or words[-1] == span):
            return _short(TONNES[span])
    return ""


def unit_in_title(line: str) -> str:
    """The unit of weight that a line above a table states, behind ``Unit:`` or ``in`` or apart; empty where none.

    Examples
    --------
    >>> [unit_in_title(line) for line in ("Unit: kilograms", "Quantity in kg, 2020-2024", "单位：千克", "Exports (t)")]
    ['kg', 'kg', 'kg', 't']
    >>> [unit_in_title(line) for line in ("Reporter: MT", "Value in pounds", "Exports by ton class", "MT")]
    ['', '', '', '']
    """
    return next((unit for part in _TITLE_PARTS.split(line) if (unit := _unit_of_part(part.strip()))), "")


def _unit_of_part(part: str) -> str:
    """The unit that a part of a line names; letters that are codes of countries too need a word before them."""
    named = _NAMED_IN_TITLE.fullmatch(part)
    labelled = named is not None and (named["label"] is None or folded(named["label"]) in _TITLE_LABELS)
    word = folded(named["unit"] if named else part)
    alone = not named and (len(word) > 2 or word in ("kg", "kt", "t"))
    stated = word in TONNES and (labelled or alone) and not is_money(part)
    return _short(TONNES[word]) if stated else ""


def is_money(heading: str) -> bool:
    """Whether a heading names money, as ``Value (USD)`` does."""
    words = set(folded(heading).split())
    return bool(words & (set(MONEY) | _VALUES)) or "美元" in heading or ("人民币" in heading or "$" in heading)


def kind_of_quantity(word: str) -> str:
    """What a unit or the name of a measure counts: ``weight`` (or another quantity), ``money``, or nothing known.

    Examples
    --------
    >>> [kind_of_quantity(word) for word in ("Export value", "kg", "Quantity (pieces)", "USD", "Share", "Price per t")]
    ['money', 'weight', 'weight', 'money', '', 'money']
    """
    if is_money(word) or unit_of(word).money:
        return "money"
    known = bool(unit_in(word)) or unit_of(word).factor == unit_of(word).factor
    return "weight" if known or set(folded(word).split()) & _QUANTITIES else ""


def _short(factor: float) -> str:
    names = {1e-6: "g", 1e-3: "kg", 0.1: "100 kg", 1.0: "t", 1e3: "kt", 1e4: "万吨", 1e6: "mmt", POUND_T: "lb"}
    return names.get(factor, "short tons" if factor < 2100 * POUND_T else "long tons")


def _bushels(many: float, product: str) -> Unit:
    words = folded(product).split()
    known = [BUSHEL_LB[word] for word in words if word in BUSHEL_LB]
    heading = [BUSHEL_LB[product[:4]]] if product[:4] in BUSHEL_LB and product.isdigit() else []
    if not known and not heading:
        return Unit(refusal="counted in bushels, whose weight is known for corn, soybeans, wheat and other grains only")
    return Unit(many * (known or heading)[0] * POUND_T)


def _currency(bare: str) -> str:
    words = [word for word in bare.split() if not _MILLION.fullmatch(word) and word not in ("thousand", "1000", "k")]
    return MONEY.get(" ".join(words), "")


def _money_scale(bare: str) -> float:
    if _MILLION.search(bare):
        return 1.0
    return 1e-3 if any(word in ("thousand", "1000", "k") for word in bare.split()) else 1e-6
