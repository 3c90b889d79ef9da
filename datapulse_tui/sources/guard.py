"""The read-only guard: what may be sent to a source at all, decided from the text alone.

One statement, a query, nothing in it that writes, locks or leaves the database, and only functions that are on the
list (`functions.py`) or that an administrator added for the source. It is one layer of several: the transaction is
READ ONLY as well, and DuckDB may open no other file.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect as SqlDialect
from sqlglot.errors import ErrorLevel, ParseError
from sqlglot.tokenizer_core import TokenType

from datapulse_tui.errors import Invalid
from datapulse_tui.sources import functions
from datapulse_tui.sources.lexing import Dialect, Lexed, lex, place, tokenize, written_offset

if TYPE_CHECKING:
    from sqlglot.tokenizer_core import Token

LONGEST = 100_000  # characters of one query

# What a statement may not be made of, in whatever depth. READ ONLY would stop most; the message comes sooner from here.
_FORBIDDEN: tuple[type[exp.Expr], ...] = (
    exp.DML, exp.DDL, exp.Command, exp.Into, exp.Lock, exp.Copy, exp.Set, exp.Pragma, exp.Use, exp.Attach, exp.Detach,
    exp.Drop, exp.Alter, exp.TruncateTable, exp.Merge, exp.Describe, exp.Summarize, exp.Analyze, exp.Kill,
    exp.Transaction, exp.Commit, exp.Rollback, exp.LoadData, exp.Grant, exp.Revoke, exp.Comment, exp.Show, exp.Cache,
    exp.Uncache, exp.Refresh, exp.Returning, exp.Operator, exp.SessionParameter,
)  # fmt: skip
_NAMES = {
    exp.Into: "SELECT INTO", exp.Lock: "A locking clause (FOR UPDATE, FOR SHARE)", exp.Operator: "OPERATOR(...)",
}  # fmt: skip
_BEGINNINGS = frozenset({"select", "with", "values", "table"})


@dataclass(frozen=True, slots=True)
class Policy:
    """What a source allows: its dialect, functions added by an administrator, and, for files, its only tables."""

    dialect: Dialect
    extra_functions: frozenset[str] = frozenset()
    tables: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """A query that passed. `sql` has parameters as `$1`, `$2`, ... in the order of `names`, and no comments."""

    written: str
    sql: str
    names: tuple[str, ...]
    marks: tuple[tuple[int, int], ...] = field(repr=False)

    def bind(self, params: Mapping[str, object]) -> list[object]:
        """The values for `$1`, `$2`, ...; others in `params` are left out. Raises Invalid naming those missing."""
        missing = [name for name in self.names if name not in params]
        if missing:
            listed = ", ".join(f":{name}" for name in missing)
            raise Invalid(
                f"The query needs {'a value' if len(missing) == 1 else 'values'} for {listed}. It was not run.",
                hint=f"Give it with --param {missing[0]}=VALUE, or define the variable on the dashboard.",
            )
        return [params[name] for name in self.names]

    def place(self, offset: int) -> str:
        """`line L, column C` in the text as written, of `offset` (from 0) in `sql`."""
        return place(self.written, written_offset(self.marks, offset))


@functools.lru_cache(maxsize=512)
def check(text: str, policy: Policy) -> Checked:
    """Pass `text` or raise Invalid saying what is refused, where, and what to do."""
    if len(text) > LONGEST:
        raise Invalid(f"The query is longer than {LONGEST:,} characters. It was not run.", hint="Shorten it.")
    tokens = tokenize(text, policy.dialect)
    if not tokens:
        raise Invalid("There is no query.", hint="Write a SELECT.")
    _require_one_query(text, tokens, policy)
    lexed = lex(text, tokens)
    tree = _parse(text, lexed, policy.dialect)
    _require_reading(tree)
    _require_known_calls(text, lexed, tree, policy)
    if policy.dialect == "postgres":
        _require_plain_attributes(text, lexed, tree, policy)
    if policy.tables is not None:
        _require_known_tables(tree, policy.tables)
    return Checked(text, lexed.sql, lexed.names, lexed.marks)


def _refused(what: str, *, hint: str = "") -> Invalid:
    return Invalid(
        f"{what} is refused: sources are only read. The query was not run.",
        hint=hint or "Write one SELECT (WITH, VALUES and set operations are welcome).",
    )


def _require_one_query(text: str, tokens: list[Token], policy: Policy) -> None:
    for token in tokens:
        if token.token_type == TokenType.SEMICOLON:
            raise _refused(f"A second statement (at {place(text, token.start)})", hint="Run one statement at a time.")
    first = next((token for token in tokens if token.token_type != TokenType.L_PAREN), tokens[0])
    word = text[first.start : first.end + 1]
    allowed = _BEGINNINGS | {"from"} if policy.dialect == "duckdb" else _BEGINNINGS
    if word.lower() not in allowed:
        raise _refused(word.split()[0].upper()[:40] if word[0].isalpha() else "What is not a query")


def _parse(text: str, lexed: Lexed, dialect: Dialect) -> exp.Expr:
    parser = SqlDialect.get_or_raise(dialect).parser(error_level=ErrorLevel.IMMEDIATE)
    try:
        trees = parser.parse(list(lexed.tokens), text)
    except ParseError as error:
        detail = error.errors[0] if error.errors else {}
        line, column = detail.get("line") or 1, detail.get("col") or 1
        found = str(detail.get("highlight") or "").strip()
        near = f", near {found[:40]!r}" if found else ""
        raise Invalid(
            f"The query cannot be read at line {line}, column {column}{near}. It was not run.",
            hint="Mend the SQL there. Only one SELECT, in the source's own dialect, is understood.",
        ) from None
    except RecursionError:
        raise Invalid("The query is nested too deeply. It was not run.", hint="Use WITH to name its parts.") from None
    if len(trees) != 1 or trees[0] is None:
        raise _refused("More than one statement")
    return trees[0]


def _require_reading(tree: exp.Expr) -> None:
    for node in tree.walk():
        if isinstance(node, _FORBIDDEN):
            words = [words for kind, words in _NAMES.items() if isinstance(node, kind)]
            raise _refused(words[0] if words else type(node).__name__.upper())
        if isinstance(node, exp.Placeholder):
            raise Invalid("A bare ? is not a parameter here. The query was not run.", hint="Write parameters as :name.")
        if isinstance(node, exp.CTE) and not isinstance(node.this, exp.Query | exp.Values):
            raise _refused("A WITH that does not read")
    if not isinstance(tree, exp.Query | exp.Values):
        raise _refused(type(tree).__name__.upper())


def _fold(part: str, dialect: Dialect) -> str:
    """The name that the source understands by `part`: quotes taken off, and lower case where the dialect folds."""
    if part.startswith('"'):
        inner = part[1:-1].replace('""', '"')
        return inner.lower() if dialect == "duckdb" else inner
    return part.lower()


_LITERALS = frozenset({
    TokenType.NUMBER, TokenType.STRING, TokenType.BYTE_STRING, TokenType.UNICODE_STRING, TokenType.BIT_STRING,
    TokenType.HEX_STRING, TokenType.NATIONAL_STRING, TokenType.HEREDOC_STRING,
})  # fmt: skip


def _is_name(token: Token, part: str) -> bool:
    if token.token_type in _LITERALS:
        return False
    return token.token_type == TokenType.IDENTIFIER or part[0].isalpha() or part[0] == "_"


def _allowed(policy: Policy) -> frozenset[str]:
    known = functions.POSTGRES_FUNCTIONS if policy.dialect == "postgres" else functions.DUCKDB_FUNCTIONS
    return known | policy.extra_functions


def _types(policy: Policy) -> frozenset[str]:
    return functions.POSTGRES_TYPES if policy.dialect == "postgres" else functions.DUCKDB_TYPES


def _unknown_function(name: str, where: str) -> Invalid:
    return Invalid(
        f"The function {name} (at {where}) is not on the list of functions that may be used here. "
        "The query was not run.",
        hint="Use another one, or ask an administrator to allow it for this source: "
        f"datapulse source update NAME --allow-function {name}",
    )


def _calls(lexed: Lexed, dialect: Dialect) -> Iterator[tuple[int, str, str]]:
    """Every name directly before an opening bracket: its position, the folded name and its qualifier ('' if none)."""
    tokens, slices = lexed.tokens, lexed.slices
    for index in range(len(tokens) - 1):
        token, part = tokens[index], slices[index]
        if tokens[index + 1].token_type != TokenType.L_PAREN or index - 1 in lexed.parameters:
            continue
        if not _is_name(token, part):
            continue
        name = _fold(part if part.startswith('"') else part.split()[-1], dialect)
        yield index, name, _qualifier(lexed, index, dialect)


def _qualifier(lexed: Lexed, index: int, dialect: Dialect) -> str:
    parts: list[str] = []
    while index >= 2 and lexed.tokens[index - 1].token_type == TokenType.DOT:
        index -= 2
        parts.append(_fold(lexed.slices[index], dialect))
    return ".".join(reversed(parts))


def _require_known_calls(text: str, lexed: Lexed, tree: exp.Expr, policy: Policy) -> None:
    """Every call by its written name, however deep, so that nothing hangs on how the parser classed it."""
    known, types = _allowed(policy), _types(policy)
    aliases = _aliases_with_columns(tree)
    for index, name, qualifier in _calls(lexed, policy.dialect):
        token, part = lexed.tokens[index], lexed.slices[index]
        if qualifier and policy.dialect == "postgres":
            if qualifier != "pg_catalog" or name not in known:
                full = f"{qualifier}.{name}"
                if full not in policy.extra_functions:
                    raise _unknown_function(full, place(text, token.start))
            continue
        quoted = part.startswith('"')
        sampling = index > 0 and lexed.slices[index - 1].lower() in ("tablesample", "sample", "%")
        if not (
            name in known
            or token.start in aliases
            or (not quoted and name in types)
            or (not quoted and not qualifier and name in functions.SYNTAX_WORDS)
            or (sampling and name in functions.SAMPLE_METHODS)
        ):
            raise _unknown_function(name, place(text, token.start))
    for call in tree.find_all(exp.Anonymous):
        # A keyword that may stand before a bracket is no licence to call a function of that name.
        name = call.name if policy.dialect == "postgres" and _quoted(call) else call.name.lower()
        if name not in known and name not in types and not _qualified_extra(call, policy):
            raise _unknown_function(name, place(text, int(call.meta.get("start", 0))))


def _quoted(call: exp.Anonymous) -> bool:
    return isinstance(call.this, exp.Identifier) and bool(call.this.args.get("quoted"))


def _qualified_extra(call: exp.Anonymous, policy: Policy) -> bool:
    return any(name.rpartition(".")[2] == call.name.lower() and "." in name for name in policy.extra_functions)


def _aliases_with_columns(tree: exp.Expr) -> frozenset[int]:
    """Offsets of the names of `WITH t (a, b)` and `... AS t (a, b)`, which look like calls and are none."""
    found: set[int] = set()
    for alias in tree.find_all(exp.TableAlias):
        if alias.columns and isinstance(alias.this, exp.Identifier) and "start" in alias.this.meta:
            found.add(int(alias.this.meta["start"]))
    return frozenset(found)


def _require_plain_attributes(text: str, lexed: Lexed, tree: exp.Expr, policy: Policy) -> None:
    """PostgreSQL calls the function f for `(x).f`, `x[1].f` and, where a is a function in FROM, for `a.f`.

    So such a name must be a known output of the function, or be allowed as a function.
    """
    known = _allowed(policy) | functions.POSTGRES_OUTPUTS
    sets = _function_items(tree, lexed)
    tokens, slices = lexed.tokens, lexed.slices
    for index in range(1, len(tokens) - 1):
        if tokens[index].token_type != TokenType.DOT or not _is_name(tokens[index + 1], slices[index + 1]):
            continue
        if index + 2 < len(tokens) and tokens[index + 2].token_type == TokenType.L_PAREN:
            continue  # a call, looked at as such
        name = _fold(slices[index + 1], "postgres")
        start = index - 1
        while start >= 2 and tokens[start - 1].token_type == TokenType.DOT and _is_name(tokens[start], slices[start]):
            start -= 2
        expression = not _is_name(tokens[start], slices[start]) or start - 1 in lexed.parameters
        outputs = sets.get(_fold(slices[start], "postgres").lower()) if start == index - 1 else None
        if name not in known and (expression or (outputs is not None and name.lower() not in outputs)):
            raise Invalid(
                f"The attribute .{name} (at {place(text, tokens[index + 1].start)}) could be a call of a function of "
                "that name, which is not on the list. The query was not run.",
                hint="Select the column by its name without the prefix, or ask an administrator to allow it: "
                f"datapulse source update NAME --allow-function {name}",
            )


def _function_items(tree: exp.Expr, lexed: Lexed) -> dict[str, frozenset[str]]:
    """Names (lower case) that functions in FROM go by, each with its columns; the fewest where a name comes twice."""
    aliases = _aliases_with_columns(tree)
    called = (name for index, name, _ in _calls(lexed, "postgres") if lexed.tokens[index].start not in aliases)
    items: dict[str, frozenset[str]] = {name.lower(): frozenset() for name in called}
    for node in tree.find_all(exp.TableAlias):
        owner = node.parent
        if owner is None or isinstance(owner, exp.Subquery | exp.CTE | exp.Values) or not node.name:
            continue
        if isinstance(owner, exp.Table) and isinstance(owner.this, exp.Identifier) and not _is_value_word(owner):
            continue
        alias = node.name.lower()
        columns = frozenset(column.name.lower() for column in node.columns)
        if not columns and _called_in_from(owner, lexed) in functions.POSTGRES_NAMELESS_SETS:
            columns = frozenset({alias})
        items[alias] = items[alias] & columns if alias in items else columns
    return items


def _is_value_word(table: exp.Table) -> bool:
    return not table.db and table.name.lower() in functions.POSTGRES_VALUE_WORDS


def _called_in_from(owner: exp.Expr, lexed: Lexed) -> str:
    """The name of the one function that a FROM item calls, as it was written; '' when that is not plain."""
    if isinstance(owner, exp.Unnest):
        return "unnest"
    call = owner.this
    if isinstance(call, exp.Func) and "start" in call.meta:
        start = int(call.meta["start"])
        return next((name for index, name, _ in _calls(lexed, "postgres") if lexed.tokens[index].start == start), "")
    return "generate_series" if isinstance(call, exp.GenerateSeries | exp.ExplodingGenerateSeries) else ""


def _require_known_tables(tree: exp.Expr, tables: frozenset[str]) -> None:
    """Only the source's own tables and the query's own names: DuckDB would take `FROM 'x.csv'` for a file."""
    named = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    folded = {table.lower() for table in tables}
    for table in tree.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier):
            continue
        name = table.name.lower()
        schema = table.db.lower()
        if (not schema and name in named) or (schema in ("", "main") and not table.catalog and name in folded):
            continue
        listed = ", ".join(sorted(tables)[:10]) or "none"
        raise Invalid(
            f"There is no table {table.name[:80]!r} in this source. The query was not run.",
            hint=f"Its tables are: {listed}." + (" (and more)" if len(tables) > 10 else ""),
        )
