"""The text of a query, token by token: parameters found, comments dropped, literals checked.

What is sent to a source is built from the very tokens that the guard looks at: no comment is sent, and a literal that
this module does not read exactly as the source would is refused. So a text cannot mean one thing to the guard and
another to the server.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Literal

from sqlglot.dialects.dialect import Dialect as SqlDialect
from sqlglot.errors import TokenError
from sqlglot.tokenizer_core import Token, TokenType

from datapulse_tui.errors import Invalid

Dialect = Literal["postgres", "duckdb"]

_QUOTED = {
    TokenType.STRING: re.compile(r"'(?:[^']|'')*'"),
    TokenType.NATIONAL_STRING: re.compile(r"[nN]'(?:[^']|'')*'"),
    TokenType.UNICODE_STRING: re.compile(r"[uU]&'(?:[^']|'')*'"),
    TokenType.BYTE_STRING: re.compile(r"[eE]'(?:[^'\\]|''|\\.)*'", re.DOTALL),
    TokenType.BIT_STRING: re.compile(r"[bB]'[01]*'|0[bB][01]+"),
    TokenType.HEX_STRING: re.compile(r"[xX]'[0-9a-fA-F]*'|0[xX][0-9a-fA-F]+"),
    TokenType.IDENTIFIER: re.compile(r'"(?:[^"]|"")+"'),
    TokenType.HEREDOC_STRING: re.compile(r"\$((?:[^\W\d]\w*)?)\$(?:(?!\$\1\$).)*\$\1\$", re.DOTALL),
}
_WORD = re.compile(r"[^\W\d][\w$]*")
_WORDS = re.compile(r"[^\W\d][\w$]*(?:[ \t\r\n]+[^\W\d][\w$]*)*")
_NUMBER = re.compile(r"\d[\d_]*(?:\.\d*)?(?:[eE][+-]?\d+)?")
_SYMBOL = re.compile(r"[-+*/<>=~!@#%^&|?:.,;()\[\]{}]+")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_CLOSED = re.compile(
    r"""--[^\n]*|/\*.*?\*/|[eE]'(?:[^'\\]|''|\\.)*'|'(?:[^']|'')*'|"[^"]*"|(\$\w*\$).*?\1""", re.DOTALL
)
_OPENED = re.compile(r"""['"]|/\*|\$\w*\$""")
_OPEN = {TokenType.L_BRACKET, TokenType.L_BRACE, TokenType.L_PAREN}
_CLOSE = {TokenType.R_BRACKET, TokenType.R_BRACE, TokenType.R_PAREN}
_OPERAND_ENDS = {TokenType.VAR, TokenType.NUMBER, *_QUOTED, *_CLOSE}


@dataclass(frozen=True, slots=True)
class Lexed:
    """`sql` with parameters as `$1`, `$2`, ... in the order of `names`; `tokens` for the parser.

    `marks` are pairs (offset in `sql`, offset in the text as written), ascending.
    """

    sql: str
    names: tuple[str, ...]
    tokens: tuple[Token, ...]
    slices: tuple[str, ...]
    parameters: frozenset[int]
    marks: tuple[tuple[int, int], ...] = field(repr=False)


def place(text: str, offset: int) -> str:
    """`line L, column C` (from 1) of `offset` in `text`."""
    before = text[: max(offset, 0)]
    return f"line {before.count(chr(10)) + 1}, column {len(before) - (before.rfind(chr(10)) + 1) + 1}"


def written_offset(marks: tuple[tuple[int, int], ...], offset: int) -> int:
    """The offset in the text as written that belongs to `offset` in what was sent."""
    index = bisect_right(marks, (offset, 1 << 62)) - 1
    sent, written = marks[max(index, 0)] if marks else (0, 0)
    return written + max(offset - sent, 0)


def tokenize(text: str, dialect: Dialect) -> list[Token]:
    """The tokens of `text` without a `;` at its end. Raises Invalid, with the place, for what is not closed."""
    control = _CONTROL.search(text)
    if control:
        raise Invalid(f"The query has a control character at {place(text, control.start())}.", hint="Take it out.")
    try:
        tokens = list(SqlDialect.get_or_raise(dialect).tokenize(text))
    except TokenError:
        rest = _CLOSED.sub(lambda found: " " * len(found[0]), text)
        opened = _OPENED.search(rest)
        where = f" at {place(text, opened.start())}" if opened else ""
        raise Invalid(
            f"The query cannot be read: what is opened{where} is not closed. It was not run.",
            hint="Look for a missing ', \", $$ or */.",
        ) from None
    while tokens and tokens[-1].token_type == TokenType.SEMICOLON:
        tokens.pop()
    return tokens


def lex(text: str, tokens: list[Token]) -> Lexed:
    """Find the parameters among the `tokens` of `text`, and write anew what will be sent.

    Raises Invalid, with the place, for literals that the source might read in another way.
    """
    slices = [text[token.start : token.end + 1] for token in tokens]
    before: Token | None = None
    for token, part in zip(tokens, slices, strict=True):
        _require_known(text, token, part)
        if before and before.token_type == TokenType.NUMBER and before.end + 1 == token.start and _is_word(part):
            raise _not_understood(text, before.start, text[before.start : token.end + 1])
        before = token
    tokens = list(tokens)
    parameters = _find_parameters(tokens, slices)
    return _write(text, tokens, slices, parameters)


def _require_known(text: str, token: Token, part: str) -> None:
    pattern = _QUOTED.get(token.token_type)
    if pattern is None:
        known = any(p.fullmatch(part) for p in (_WORDS, _NUMBER, _SYMBOL)) and "--" not in part and "/*" not in part
        known = known and token.token_type != TokenType.PARAMETER  # `@x`: not a parameter here, and abs(x) is clearer
    else:
        known = pattern.fullmatch(part) is not None
    if not known:
        raise _not_understood(text, token.start, part)


def _not_understood(text: str, offset: int, part: str) -> Invalid:
    return Invalid(
        f"The query cannot be read at {place(text, offset)}: {part[:40]!r} is not understood.",
        hint="Write it in plain SQL; parameters are written as :name.",
    )


def _find_parameters(tokens: list[Token], slices: list[str]) -> frozenset[int]:
    """Positions of the colons that begin a parameter; in `tokens` each becomes what the parser takes for one.

    A colon after an operand separates (`a[1:n]`, `{key:value}`); one after anything else, directly before a word,
    begins a parameter, whether or not the word is a keyword (`:from`).
    """
    found: set[int] = set()
    brackets: list[TokenType] = []
    operand = False
    for index, token in enumerate(tokens):
        kind = token.token_type
        if kind in _OPEN:
            brackets.append(kind)
        elif kind in _CLOSE and brackets:
            brackets.pop()
        if index - 1 in found:
            tokens[index] = Token(TokenType.VAR, token.text, token.line, token.col, token.start, token.end)
            operand = True
            continue
        if kind == TokenType.COLON and not operand and index + 1 < len(tokens):
            after = tokens[index + 1]
            inside = bool(brackets) and brackets[-1] in (TokenType.L_BRACKET, TokenType.L_BRACE)
            previous = tokens[index - 1] if index else None
            key = inside and previous is not None and previous.end + 1 == token.start and _is_word(slices[index - 1])
            if after.start == token.end + 1 and _is_word(slices[index + 1]) and not key:
                found.add(index)
                tokens[index] = Token(TokenType.PARAMETER, "@", token.line, token.col, token.start, token.end)
        operand = kind in _OPERAND_ENDS
    return frozenset(found)


def _is_word(part: str) -> bool:
    return _WORD.fullmatch(part) is not None


def _write(text: str, tokens: list[Token], slices: list[str], parameters: frozenset[int]) -> Lexed:
    numbers: dict[str, int] = {}
    out: list[str] = []
    marks: list[tuple[int, int]] = []
    length = 0
    last = ""
    end = 0
    for index, token in enumerate(tokens):
        if index - 1 in parameters:
            end = token.end + 1
            continue
        part = slices[index]
        if index in parameters:
            part = f"${numbers.setdefault(slices[index + 1], len(numbers) + 1)}"
        elif token.token_type not in _QUOTED and part[:1].isalpha():
            part = " ".join(part.split())
        space = _between(text, end, token.start) if out else ""
        if not space and _would_join(last, part):
            space = " "
        out += (space, part)
        marks.append((length + len(space), token.start))
        length += len(space) + len(part)
        last, end = part, token.end + 1
    return Lexed("".join(out), tuple(numbers), tuple(tokens), tuple(slices), parameters, tuple(marks))


def _between(text: str, start: int, stop: int) -> str:
    """What stands between two tokens, comments and all, as one line break or one space."""
    gap = text[start:stop]
    if gap.strip() and not any(mark in gap for mark in ("--", "/*")):
        raise Invalid(f"The query cannot be read at {place(text, start)}.", hint="Write it in plain SQL.")
    if "\n" in gap or "\r" in gap:
        return "\n"
    return " " if gap else ""


def _would_join(before: str, after: str) -> bool:
    """Whether two pieces without a space between would be read as something else.

    A comment, a name with `$` in it, or a string or name with a prefix (`U&"..."`) that the tokenizer saw apart.
    """
    if not before:
        return False
    last, first = before[-1], after[0]
    if first in "$'\"":
        return last.isalnum() or last in "_$&"
    return last + first in ("--", "/*")
