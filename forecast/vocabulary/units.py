"""Units of quantities by stated factors, and the words for them.

References
----------
International yard and pound agreement, 1959: a pound is 0.45359237 kg. USDA Agricultural Handbook 697 (1992): pounds in
a bushel of each grain.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache

from forecast.vocabulary.numbers import (
    EITHER,
    LINKS,
    MONEY,
    SCALE_OF,
    amount_in,
    is_currency,
    phrases_of,
    scale_before,
    which_scale,
    words_with_powers,
)
from forecast.vocabulary.text import apart, folded, shown, without_note

POUND_T = 0.45359237e-3
"""Tonnes in a pound."""

BUSHEL_LB = {
    "corn": 56, "maize": 56, "soybean": 60, "soybeans": 60, "soya": 60, "wheat": 60, "sorghum": 56, "rye": 56,
    "barley": 48, "oats": 32, "1005": 56, "1201": 60, "1001": 60, "1007": 56, "1002": 56, "1003": 48, "1004": 32,
}  # fmt: skip
"""Pounds in a bushel, by a word of the product's name or its HS heading."""

_TONNES = {
    1e-6: "g gram grams gramas 克",
    1e-3: "kg kgs kgm kilogram kilograms kilogramme kilogrammes kilo kilos quilograma quilogramas kilogramos кг 千克 "
    "公斤 kilogramo kilogram kilogramm kilogramas chilogrammi chilogrammo kilogramy kilogramow kilogramme "
    "килограмм килограммы килограммов กก กิโลกรัม 킬로그램 キログラム|kilogramo neto|kilogramos netos|peso neto kg|"
    "kg neto|kg netto|kilogram net|kg net|net kg|quilograma liquido|kilograms net|weight in kilograms|volume kg",
    0.1: "dt quintal quintals|100 kg|100kg|quantity in 100kg|in 100kg",
    1.0: "t tonne tonnes tonnen tonnellate ton tons mt tne toneladas tonelada тонн тонны тонна т トン 톤 吨 公吨 公噸 "
    "噸 tony tonn ตัน|toneladas metricas|tonelada metrica|"
    "metric ton|metric tons|metric tonnes|net tonnes",
    1e3: "kt kts ktonnes mmt3 千吨|thousand t|thousand tonnes|thousand tons|thousand metric tons|1000 t|1000 mt|"
    "1 000 mt|1 000 t|1 000 tonnes|1000 tonnes|tmt|kton|ktons|mil toneladas",
    1e4: "万吨",
    1e6: "mmt|million tonnes|million t|million tons|million metric tons",
    POUND_T: "lb lbs pound pounds",
    2000 * POUND_T: "st|short ton|short tons|net tons us|stn",
    2240 * POUND_T: "lt|long ton|long tons|gross ton",
}
_PIECES = {"pieces", "piece", "pcs", "u", "no", "nr", "number", "numbers", "item", "items", "units", "unit",
           "unidade", "unidades", "unidad", "шт", "szt", "adet", "pr", "pairs", "doz", "dozen", "个", "台", "件",
           "辆", "只", "套", "支", "双", "架", "块"}  # fmt: skip
_LENGTHS = {"m", "m2", "m3", "l", "litre", "litres", "liter", "liters", "bbl", "barrel", "barrels", "cbm", "米", "升",
            "平方米", "立方米", "kwh", "ct", "carat"}  # fmt: skip
_BUSHELS = {"bu": 1.0, "bushel": 1.0, "bushels": 1.0, "1000 bushels": 1e3, "1 000 bushels": 1e3,
            "thousand bushels": 1e3, "million bushels": 1e6}  # fmt: skip
_LABELS = "unit units uom unidade unidades unite einheit unidad 单位 計量単位 単位 단위 计量单位 数量单位 数量 重量"
_TITLE_LABELS = {*_LABELS.split(), "unit of measure", "unit of quantity", "quantity unit", "unidade de medida",
                 "quantity", "volume", "volumes", "weight", "net weight", "exports", "quantidade", "peso",
                 "unidad de medida", "unidad", "unidade", "unite de mesure", "masseinheit", "mengeneinheit",
                 "einheit der menge", "jednostka", "olcu birimi", "satuan", "единица измерения", "單位"}  # fmt: skip
_TITLE_PARTS = re.compile(r"[;()|\[\]（），；、]|,(?!\d{3})")
_NAMED_IN_TITLE = re.compile(r"(?:(?P<label>[^:：]*)[:：]|.*\b(?:in|em|en)\s)(?P<unit>.+)", re.IGNORECASE)
_SPANISH = re.compile(r"tonelad|quilo|kilogramo")
_BESIDE_SCALE = {*LINKS, *phrases_of("figures data all units unit quantity quantities volume volumes are")}
_GLUED = re.compile(r"(\d+)([a-z]+)|([十百千万萬亿億]+)(.+)")
_AMBIGUOUS_MT = re.compile(r"(?<![^\W\d_])Mt(?![^\W\d_])")
_VALUES = {"value", "values", "valor", "valores", "valeur", "valeurs", "valore", "wert", "werte", "warenwert",
           "ausfuhrwert", "exportwert", "montant", "importe", "betrag", "fob", "cif", "price", "prices", "prix",
           "preis", "precio", "preco", "стоимость", "dolares", "keur", "meur", "teur", "kusd", "musd",
           "tusd"}  # fmt: skip
_VALUE_SIGNS = re.compile(
    "[$€£¥￥₩]|美元|人民币|人民幣|金额|金額|価額|货值|貨值|单价|單價|単価|[千万亿]元|[出进進]口(?:总|總)?[额額值]|[輸輸]出額|千円|百万円"
    "|금액|[출입]액|단가|[천만]불|달러"
)
"""Parts of words that name money, where words are written to each other."""

_QUANTITIES = {"quantity", "quantities", "qty", "volume", "volumes", "weight", "mass", "menge", "mengen", "gewicht",
               "masse", "eigenmasse", "ausfuhrmenge", "exportmenge", "nettogewicht", "nettomasse", "netweight",
               "quantite", "quantites", "poids", "volumen", "cantidad", "cantidades", "peso", "quantidade",
               "quantidades", "quantita", "количество", "вес", "netto", "hoeveelheid", "mengde", "ilosc", "masa",
               "massa", "miktar", "netwgt", "berat"}  # fmt: skip
_QUANTITY_SIGNS = re.compile("[数數]量|重量|[净淨毛]重|[进進出]口量|[输輸][出入]量|중량|수량|물량|[출입]량")
_NO_LEVEL = re.compile(
    r"\b(?:percent\w*|pct|share|shares|change|changes|growth|yoy|anteil|veranderung|variation|variacion|variacao"
    r"|crecimiento|crescimento)\b|증감|비중|同比|环比|占比|增长|增减|比重|前年比"
)
"""Words, folded, for how figures change or what part they are of others, whatever these measure."""

_UNKNOWN = "of a unit that is not known"


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


TONNES = {folded(word): factor for factor, words in _TONNES.items() for word in phrases_of(words)}
"""Tonnes in one of each unit, by its folded word."""


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
    if word.strip() == "Mt":
        return Unit(refusal="Mt, a million tonnes or a metric ton: say which, --unit 'million tonnes' or --unit t")
    if bare in TONNES:
        return Unit(TONNES[bare])
    if bare in _BUSHELS:
        return _bushels(_BUSHELS[bare], product)
    money = amount_in(word)
    if money.currency and not money.rest:
        return Unit(1e-6 * money.scale, money.currency, which_scale(word) if money.scale != money.scale else "")
    if bare in _PIECES:
        return Unit(refusal="counted in pieces, which have no weight")
    if bare in _LENGTHS:
        return Unit(refusal=f"measured in {bare}, which is no weight")
    return _scaled_unit(word) or Unit(refusal=_UNKNOWN)


def unit_as_asked(word: str, asked: str, product: str = "") -> Unit:
    """The unit that ``word`` names; where ``asked`` is money, that in its currency, or a refusal for any other.

    Examples
    --------
    >>> unit_as_asked("kg", "t").factor, unit_as_asked("1000 usd", "usd").factor, unit_as_asked("EUR", "usd").refusal
    (0.001, 0.001, 'a value in EUR, not in USD')
    """
    found, wanted = unit_of(word, product), unit_of(asked) if asked else Unit()
    if found.money and not wanted.money:
        return Unit(refusal=f"a value in {found.money}, not a weight")
    if not wanted.money or (found.money == wanted.money and is_currency(asked)):
        return found
    odd = not found.refusal and found.money != wanted.money
    what = f"a value in {found.money}" if found.money else f"a quantity in {shown(word)}"
    return Unit(refusal=f"{what}, not in {wanted.money}") if odd else wanted


def _scaled_unit(word: str) -> Unit | None:
    """A weight with a scale before or behind it and nothing else; None for any other word."""
    found = _weight_in(_tokens(word))
    if found is None or found.rest:
        return None
    return Unit(refusal=_either(word)) if found.either else Unit(found.factor)


def _either(word: str) -> str:
    kilo, mega = "--unit kt", "--unit 'million tonnes'"
    return f"{word}, which is of thousands or of millions: say which, as in {kilo} or {mega}"


@dataclass(frozen=True)
class _Weight:
    """A weight among the words of a heading: ``factor`` tonnes, ``rest`` words that are no part of it.

    ``span`` is what names it; ``either`` where its scale can be a thousand or a million.
    """

    factor: float
    rest: list[str]
    span: str
    either: bool = False


def _tokens(text: str) -> list[str]:
    """The words of a text, numbers apart from the units that are written to them, powers of ten in full."""
    words: list[str] = []
    for word in words_with_powers(text):
        glued = _GLUED.fullmatch(word) if word not in TONNES else None
        parts = [part for part in glued.groups() if part] if glued else []
        words += parts if parts and parts[1] in TONNES else [word]
    return words


def _weight_in(words: list[str]) -> _Weight | None:
    """The weight that words name, with the scale beside it: ``thousands of tonnes``, ``tonnes 000``; None without."""
    spans = [(start, stop) for start in range(len(words)) for stop in range(len(words), start, -1)]
    alone = {"t", "st", "lt", "g", "dt"}  # letters that are units at the end of a heading alone
    for start, stop in sorted(spans, key=lambda span: span[0] - span[1]):
        span = " ".join(words[start:stop])
        if span not in TONNES:
            continue
        left, before = scale_before(words[:start])
        right, behind = _scale_behind(words[stop:])
        apart = [SCALE_OF[word] for word in (*before, *behind) if word in SCALE_OF and word not in ("k", "mm")]
        if span in alone and behind:
            continue
        if left == right == 1 and stop - start == 1 and len(apart) == 1:
            left = apart[0]
        either = before[-1:] if left == right == 1 else []
        unclear = bool(either) and either[0] in EITHER
        if unclear and either[0] == "mil" and _SPANISH.match(words[start]):
            left, unclear = 1e3, False
        named = f"{either[0]} {span}" if unclear else span
        rest = [*(before[:-1] if unclear or (left != 1 and either) else before), *behind]
        return _Weight(left * right * TONNES[span], rest, named, unclear)
    return None


def _scale_behind(words: list[str]) -> tuple[float, list[str]]:
    """The scale at the beginning of words behind which there is no other weight, 1 for none, and the other words."""
    rest = [word for place, word in enumerate(words) if place or word not in LINKS]
    stop = next((place for place, word in enumerate(rest) if not word.removesuffix("s").isdecimal()), len(rest))
    stop = 1 if rest and rest[0] in SCALE_OF else stop
    scale, none = scale_before(rest[:stop])
    if scale == 1 or none or any(word in TONNES for word in rest[stop:]):
        return 1.0, list(words)
    return scale, rest[stop:]


def scale_alone(line: str) -> bool:
    """Whether a part of a line above a table states a scale and no unit, as ``in thousands`` does.

    Examples
    --------
    >>> [scale_alone(line) for line in ("Exports (in thousands)", "Exports, '000", "In thousand tonnes", "2025")]
    [True, True, False, False]
    """
    for part in _TITLE_PARTS.split("" if line.isdecimal() else line):
        words = folded(part.rpartition(" in ")[2] or part).split()
        left = [word for word in words if word not in _BESIDE_SCALE]
        scale, rest = scale_before(left)
        if left and scale >= 1e3 and not rest:
            return True
    return False


def parts_of_title(line: str) -> list[str]:
    """The parts of a line above a table, between its commas and brackets.

    Examples
    --------
    >>> parts_of_title("Exports (million USD), 2025")
    ['Exports ', 'million USD', '', ' 2025']
    """
    return _TITLE_PARTS.split(line)


def unit_in(heading: str) -> str:
    """The unit of weight that a heading states, such as ``kg`` in ``Net weight (kg)``; empty where none.

    Examples
    --------
    >>> unit_in("Quilograma Líquido"), unit_in("volume_t"), unit_in("Exports, thousand tonnes"), unit_in("NetWeight")
    ('kg', 't', 'kt', '')
    >>> unit_in("Tonnes ('000)"), unit_in("Lakh tonnes"), unit_in("Million lb")
    ('kt', '100000 t', '1000000 lb')
    """
    found = _weight_in(_tokens(without_note(apart(heading))))
    if found is None:
        return ""
    if found.span == "mt" and found.factor == 1 and _AMBIGUOUS_MT.search(heading):
        return "Mt"
    return found.span if found.either else _short(found.factor)


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
    alone = not named and (len(word) > 2 or not word.isascii() or word in ("kg", "kt", "t"))
    unit = _scaled_unit(named["unit"] if named else part) or Unit(TONNES.get(word, float("nan")))
    if not (labelled or alone) or is_money(part):
        return ""
    text = named["unit"].strip() if named else part
    return text if unit.refusal or text == "Mt" else _short(unit.factor) if unit.factor > 0 else ""


def is_money(heading: str) -> bool:
    """Whether a heading names money, as ``Value (USD)`` does."""
    words = set(folded(apart(heading)).split())
    return bool(words & (set(MONEY) | _VALUES)) or bool(_VALUE_SIGNS.search(heading))


@lru_cache(maxsize=4_096)
def kind_of_quantity(word: str) -> str:
    """What a unit or the name of a measure counts: ``weight`` (or another quantity), ``money``, or nothing known.

    An amount is one of money, if it states no weight.

    Examples
    --------
    >>> [kind_of_quantity(word) for word in ("Export value", "kg", "Quantity (pieces)", "USD", "Share", "Price per t")]
    ['money', 'weight', 'weight', 'money', '', 'money']
    >>> [kind_of_quantity(word) for word in ("Export amount", "Amount (t)", "수출중량", "Quantity, % change")]
    ['money', 'weight', 'weight', '']
    """
    words = {text.rstrip("0123456789") or text for text in folded(apart(word)).split()}
    if "%" in word or _NO_LEVEL.search(folded(word)):
        return ""
    if is_money(word) or unit_of(word).money:
        return "money"
    known = bool(unit_in(word)) or unit_of(word).factor == unit_of(word).factor
    if known or words & _QUANTITIES or _QUANTITY_SIGNS.search(word):
        return "weight"
    return "money" if words & {"amount", "amounts"} else ""


def names_measure(cell: str) -> bool:
    """Whether a cell is a unit, one that is no weight included, or the name of what figures measure.

    Examples
    --------
    >>> [names_measure(cell) for cell in ("Quantity", "pcs", "金额", "Japan", "Q1")]
    [True, True, True, False, False]
    """
    return bool(kind_of_quantity(cell)) or unit_of(cell).refusal not in ("", _UNKNOWN)


def _short(factor: float) -> str:
    """A word for a unit of so many tonnes, as `unit_of` reads it."""
    names = {1e-6: "g", 1e-3: "kg", 0.1: "100 kg", 1.0: "t", 1e3: "kt", 1e4: "万吨", 1e6: "mmt", POUND_T: "lb",
             2000 * POUND_T: "short tons", 2240 * POUND_T: "long tons"}  # fmt: skip
    near = [name for known, name in names.items() if math.isclose(known, factor, rel_tol=1e-9)]
    if near:
        return near[0]
    bases = {"t": 1.0, "kg": 1e-3, "lb": POUND_T, "short tons": 2000 * POUND_T, "long tons": 2240 * POUND_T}
    tens = {name: round(math.log10(factor / base)) for name, base in bases.items()}
    return next(f"{10 ** tens[name]} {name}" for name in bases
                if tens[name] > 1 and math.isclose(bases[name] * 10.0 ** tens[name], factor, rel_tol=1e-9))  # fmt: skip


def _bushels(many: float, product: str) -> Unit:
    words = folded(product).split()
    known = [BUSHEL_LB[word] for word in words if word in BUSHEL_LB]
    heading = [BUSHEL_LB[product[:4]]] if product[:4] in BUSHEL_LB and product.isdigit() else []
    if not known and not heading:
        return Unit(refusal="counted in bushels, whose weight is known for corn, soybeans, wheat and other grains only")
    return Unit(many * (known or heading)[0] * POUND_T)
