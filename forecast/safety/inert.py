"""Text of users made inert: one treatment for each sink, so that nothing in a cell is ever obeyed.

What enters a table or a message has no control or direction characters (`visible`); what leaves is quoted for CSV
(`csv_cell`), Markdown (`markdown`), HTML (`hypertext`), JSON (`json_text`) and plots (`show_letters`), and a terminal
is given lines (`visible_lines`) without markup. Names of files come from no table: they are met at the sink alone.
"""

from __future__ import annotations

import json
import re
from html import escape
from typing import Any

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

_SPACES = re.compile(r"[\t\r\n\x0b\x0c\x85\u2028\u2029]+")
_UNSAFE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff"
    r"\ud800-\udfff\U000e0000-\U000e0fff]"
)
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_MARKDOWN = re.compile(r"[\\`*\[\]|~$!]|(?<![^\W_])_|_(?![^\W_])")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def is_visible(text: str) -> bool:
    """Whether ``text`` has no control, direction or other unseen character that could mislead a screen."""
    return _UNSAFE.search(text) is None


def visible(text: str) -> str:
    r"""``text`` with line breaks and tabs as spaces, and each control or direction character as U+FFFD.

    Examples
    --------
    >>> visible("a\x1b[31mb\u202ec\nd")
    'a�[31mb�c d'
    """
    return text if is_visible(text) else _UNSAFE.sub(REPLACEMENT, _SPACES.sub(" ", text))


def visible_lines(text: str) -> str:
    r"""``text`` whose line breaks stay, with each line `visible`.

    Examples
    --------
    >>> visible_lines("a\x1b[31m\nb")
    'a�[31m\nb'
    """
    return text if is_visible(text) else "\n".join(map(visible, text.split("\n")))


def hypertext(text: str) -> str:
    r"""``text`` as HTML, in an element or an attribute: no tag, no end of a quoted value, nothing unseen.

    Examples
    --------
    >>> hypertext('<b title="x">\u202ey')
    '&lt;b title=&quot;x&quot;&gt;�y'
    """
    return escape(visible_lines(text), quote=True)


def json_text(value: Any, indent: int, sort_keys: bool = False) -> str:
    r"""``value`` as JSON that reads back to the same, unseen characters as escapes; half a letter is one of them.

    Examples
    --------
    >>> json_text({"é": "\u202e\udcff"}, indent=0)
    '{\n"é": "\\u202e\\udcff"\n}'
    """
    text = json.dumps(value, indent=indent, ensure_ascii=False, sort_keys=sort_keys)
    return "\n".join(_UNSAFE.sub(lambda found: json.dumps(found.group())[1:-1], line) for line in text.split("\n"))


def csv_cell(text: str) -> str:
    """``text`` such that no spreadsheet takes it for a formula: with an apostrophe before it where one could.

    Examples
    --------
    >>> csv_cell("=cmd|'/c calc'!A1"), csv_cell("USA"), csv_cell("'=1")
    ("'=cmd|'/c calc'!A1", 'USA', "''=1")
    """
    return f"'{text}" if _FORMULA.match(text) else text


def from_csv_cell(text: str) -> str:
    """The inverse of `csv_cell`.

    Examples
    --------
    >>> [from_csv_cell(csv_cell(text)) for text in ("=1", "'=1", "'tis", "-")]
    ['=1', "'=1", "'tis", '-']
    """
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def markdown(text: str) -> str:
    r"""``text`` as Markdown that shows it as it is: no HTML, no link, no emphasis, no end of a cell.

    Examples
    --------
    >>> markdown("<b>x</b> | [a](b) *c* rare_earth")
    '&lt;b&gt;x&lt;/b&gt; \\| \\[a\\](b) \\*c\\* rare_earth'
    """
    escaped = _MARKDOWN.sub(lambda found: f"\\{found.group()}", visible(text))
    return re.sub("[&<>]", lambda found: _ENTITIES[found.group()], escaped)


def show_letters(figure: Any) -> None:
    """Have every text of a matplotlib figure shown letter by letter: dollar signs begin no mathematics."""
    for text in figure.findobj(lambda artist: hasattr(artist, "set_parse_math")):
        text.set_parse_math(False)
