"""One corpus of text that other programs obey, for every place where text of users comes out."""

from __future__ import annotations

MARKUP = [
    "HS codes [/850511] under licence",
    "Tariff [revised] to 25 pct [see note]",
    "[link=https://example.invalid]here[/link] [bold red]x",
    ":warning: :smile:",
]
FORMULAS = ["=cmd|'/c calc'!A1", "+1+1", "-2+3", "@SUM(1)", "'=1", '=HYPERLINK("https://example.invalid")']
HTML = ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "&lt;b&gt;", "</td></tr></table><h1>x", '"><i>']
MARKDOWN = ["[a](javascript:alert(1))", "![a](https://example.invalid/x.png)", "| x | y |", "`code`", "**b** _i_ ~~s~~"]
MATHEMATICS = ["$x_1$", "$\\frac{1}{2", "costs $5 and $6"]
STEERING = [
    "a\x1b[31mred\x1b[0m",
    "a\x1b]0;title\x07b",
    "a\x1b]8;;https://example.invalid\x1b\\b",
    "user\u202etxt.exe",
    "a\u2066b\u2069",
    "a\x00b\x08c\x7f\x9bd",
    "a\u200bb\ufeffc",
]
CORPUS = [*MARKUP, *FORMULAS, *HTML, *MARKDOWN, *MATHEMATICS, *STEERING]
STEERS = {character for text in STEERING for character in text if not character.isprintable()}
