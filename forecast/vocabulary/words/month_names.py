"""Names of months in the languages of trade statistics."""

from __future__ import annotations

from forecast.vocabulary.text import folded

NAMES_OF_MONTHS = {
    "English": "jan january|feb february|mar march|apr april|may|jun june|jul july|aug august|sep sept september"
    "|oct october|nov november|dec december",
    "Portuguese": "jan janeiro|fev fevereiro|mar marco|abr abril|mai maio|jun junho|jul julho|ago agosto"
    "|set setembro|out outubro|nov novembro|dez dezembro",
    "Spanish": "ene enero|feb febrero|mar marzo|abr abril|may mayo|jun junio|jul julio|ago agosto"
    "|sep sept septiembre setiembre|oct octubre|nov noviembre|dic diciembre",
    "Italian": "gen genn gennaio|feb febb febbraio|mar marzo|apr aprile|mag magg maggio|giu giugno|lug luglio"
    "|ago agosto|set sett settembre|ott ottobre|nov novembre|dic dicembre",
    "French": "jan janv janvier|fev fevr fevrier|mar mars|avr avril|mai|juin|juil juillet|aou aout|sep sept septembre"
    "|oct octobre|nov novembre|dec decembre",
    "German": "jan januar janner|feb februar feber|marz maerz mrz|apr april|mai|jun juni|jul juli|aug august"
    "|sep sept september|okt oktober|nov november|dez dezember",
    "Dutch": "jan januari|feb februari|mrt maart|apr april|mei|jun juni|jul juli|aug augustus|sep september"
    "|okt oktober|nov november|dec december",
    "Polish": "sty styczen stycznia|lut luty lutego|mar marzec marca|kwi kwiecien kwietnia|maj maja"
    "|cze czerwiec czerwca|lip lipiec lipca|sie sierpien sierpnia|wrz wrzesien wrzesnia"
    "|paz pazdziernik pazdziernika|lis listopad listopada|gru grudzien grudnia",
    "Turkish": "oca ocak|sub subat|mar mart|nis nisan|may mayis mayıs|haz haziran|tem temmuz|agu agustos"
    "|eyl eylul|eki ekim|kas kasim kasım|ara aralik aralık",
    "Indonesian": "jan januari|feb februari|mar maret|apr april|mei|jun juni|jul juli|agu agustus|sep september"
    "|okt oktober|nov november|des desember",
    "Russian": "янв январь января|фев февр февраль февраля|мар март марта|апр апрель апреля|май мая|июн июнь июня"
    "|июл июль июля|авг август августа|сен сент сентябрь сентября|окт октябрь октября|ноя нояб ноябрь ноября"
    "|дек декабрь декабря",
    "Ukrainian": "січ січень січня|лют лютий лютого|бер березень березня|кві квітень квітня|тра травень травня"
    "|чер червень червня|лип липень липня|сер серпень серпня|вер вересень вересня|жов жовтень жовтня"
    "|лис листопад листопада|гру грудень грудня",
    "Chinese": "一月 一月份|二月 二月份|三月 三月份|四月 四月份|五月 五月份|六月 六月份|七月 七月份|八月 八月份"
    "|九月 九月份|十月 十月份|十一月 十一月份|十二月 十二月份",
}
"""Names and short names, one month after the other, by language; accents apart."""

MONTH_NAMES = {
    folded(name): number
    for names in NAMES_OF_MONTHS.values()
    for number, month in enumerate(names.split("|"), start=1)
    for name in month.split()
}
"""Number of a month by its name or short name, folded: each name is of one month in all languages that have it."""

WORDS_TOO = frozenset({"ara", "des", "gen", "lis", "mag", "sie", "sub", "tem", "tra"})
"""Short names that are words, or parts of them, in other languages: they date a heading beside a year alone."""
