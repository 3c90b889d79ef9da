"""text: Markdown as styled lines. Markup other than Markdown is text like any other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING

from datapulse_tui.charts.box import Box
from datapulse_tui.charts.cells import Align, cell_width, clean, crop, wrap
from datapulse_tui.charts.options import TextOptions
from datapulse_tui.charts.picture import Picture, Span, Style
from datapulse_tui.charts.problem import CannotDraw

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

# Far more than any box shows; the parser's time grows with the text.
LONGEST = 100_000
_BULLETS = ("•", "◦", "▪")
_LINE_BREAK = "\n"


@cache
def _parser() -> MarkdownIt:
    # Imported late: the parser costs about 20 ms, and most dashboards have no text.
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


@dataclass
class _Writer:
    """Lines written so far, and what stands before the next ones: indents and quote bars, list bullets once."""

    box: Box
    align: Align
    lines: list[list[Span]] = field(default_factory=list)
    prefixes: list[Span] = field(default_factory=list)
    bullet: Span | None = None

    @property
    def width(self) -> int:
        return self.box.width - sum(cell_width(span.text) for span in self.prefixes)

    def gap(self) -> None:
        """An empty line between blocks, never two and none at the top."""
        if self.lines and self.lines[-1]:
            self.lines.append([])

    def write(self, spans: Sequence[Span], *, centred: bool = False) -> None:
        """One finished line behind the prefixes."""
        before = list(self.prefixes)
        if self.bullet is not None and before:
            before[-1] = self.bullet
            self.bullet = None
        free = self.width - sum(cell_width(span.text) for span in spans)
        pad = [Span(" " * (free // 2))] if centred and free > 1 else []
        self.lines.append([*before, *pad, *spans])

    def flow(self, spans: Sequence[Span], *, centred: bool = False) -> None:
        """Text wrapped at words, each word in its style."""
        for line in _wrap(spans, max(1, self.width)):
            self.write(line, centred=centred)


def draw_text(text: str, options: TextOptions, box: Box) -> Picture:
    """The picture of a text; CannotDraw when it is empty."""
    if not text.strip():
        raise CannotDraw("No text yet. Set markdown in the widget's options.")
    box.require(2, 1)
    writer = _Writer(box, options.align)
    _blocks(_parser().parse(text[:LONGEST]), writer)
    while writer.lines and not writer.lines[-1]:
        writer.lines.pop()
    grid = box.grid()
    for row, line in enumerate(writer.lines[: box.height]):
        grid.put_spans(0, row, line)
    hidden = len(writer.lines) - box.height
    note = ""
    if hidden > 0:
        note = f"{hidden + 1} more lines of text"
        grid.fill(0, box.height - 1, box.width, " ", box.theme.plain_style)
        grid.put(0, box.height - 1, f"… {note}", box.theme.dim_style)
    return grid.picture(note=note)


def _blocks(tokens: Sequence[Token], writer: _Writer) -> None:
    """Walk the block tokens in order; `lists` holds the next number of each open list, None for bullets."""
    theme = writer.box.theme
    lists: list[int | None] = []
    style = theme.plain_style
    at = 0
    while at < len(tokens):
        token = tokens[at]
        centred = writer.align == "center" and not writer.prefixes
        match token.type:
            case "heading_open":
                writer.gap()
                style = replace(theme.accent_style, bold=True) if token.tag in ("h1", "h2") else theme.strong_style
            case "heading_close":
                style = theme.plain_style
            case "paragraph_open" if not token.hidden and writer.bullet is None:
                writer.gap()
            case "inline":
                writer.flow(list(_inline(token, style, writer)), centred=centred)
            case "bullet_list_open" | "ordered_list_open":
                if not lists:
                    writer.gap()
                lists.append(int(token.attrGet("start") or 1) if token.type.startswith("ordered") else None)
            case "bullet_list_close" | "ordered_list_close":
                lists.pop()
            case "list_item_open":
                lists[-1] = _open_item(lists, writer)
            case "list_item_close":
                writer.bullet = None
                writer.prefixes.pop()
            case "blockquote_open":
                writer.gap()
                writer.prefixes.append(Span("▎ ", theme.accent_style))
            case "blockquote_close":
                writer.prefixes.pop()
            case "fence" | "code_block":
                _code(token.content, writer)
            case "hr":
                writer.gap()
                writer.write([Span("─" * writer.width, theme.grid_style)])
            case "table_open":
                end = next(each for each in range(at, len(tokens)) if tokens[each].type == "table_close")
                _table(tokens[at:end], writer)
                at = end
        at += 1


def _open_item(lists: list[int | None], writer: _Writer) -> int | None:
    number = lists[-1]
    text = f"{_BULLETS[(len(lists) - 1) % len(_BULLETS)]} " if number is None else f"{number}. "
    writer.bullet = Span(text, writer.box.theme.dim_style)
    writer.prefixes.append(Span(" " * cell_width(text)))
    return None if number is None else number + 1


def _code(content: str, writer: _Writer) -> None:
    writer.gap()
    style = Style(fg=writer.box.theme.info)
    for line in content.rstrip("\n").split("\n"):
        writer.write([Span(crop(clean(line.expandtabs(4)), max(0, writer.width - 2)), style)])
    writer.gap()


def _inline(token: Token, base: Style, writer: _Writer) -> Iterator[Span]:
    """The spans of one paragraph; a line break is a span of its own."""
    theme = writer.box.theme
    stack = [base]
    links: list[str] = []
    for each in token.children or []:
        match each.type:
            case "text":
                yield Span(clean(each.content), stack[-1])
            case "softbreak":
                yield Span(" ", stack[-1])
            case "hardbreak":
                yield Span(_LINE_BREAK, stack[-1])
            case "code_inline":
                yield Span(clean(each.content), replace(stack[-1], fg=theme.info, bold=theme.info is None))
            case "strong_open":
                stack.append(replace(stack[-1], bold=True))
            case "em_open":
                stack.append(replace(stack[-1], italic=True))
            case "s_open":
                stack.append(replace(stack[-1], dim=True))
            case "link_open":
                links.append(str(each.attrGet("href") or ""))
                stack.append(replace(stack[-1], fg=theme.accent, underline=True))
            case "strong_close" | "em_close" | "s_close":
                stack.pop()
            case "link_close":
                stack.pop()
                # The address is shown: a link whose words hide where it leads is a trap.
                yield Span(f" ({clean(links.pop())})", theme.dim_style)
            case "image":
                yield Span(f"[{clean(each.content) or 'image'}]", theme.dim_style)
            case _:
                yield Span(clean(each.content), stack[-1])


def _wrap(spans: Sequence[Span], width: int) -> list[list[Span]]:
    """Spans broken at spaces into lines of at most `width` cells; a word may run over several spans."""
    lines: list[list[Span]] = [[]]
    used = 0
    for word, spaced in _words(spans):
        if word and word[0].text == _LINE_BREAK:
            lines.append([])
            used = 0
            continue
        cells = sum(cell_width(span.text) for span in word)
        gap = 1 if spaced and used else 0
        if used and used + gap + cells > width:
            lines.append([])
            used, gap = 0, 0
        if gap:
            lines[-1].append(Span(" ", word[0].style if word[0].style == lines[-1][-1].style else Style()))
            used += 1
        for span in word:
            pieces = [span.text] if used + cell_width(span.text) <= width else wrap(span.text, width)
            for piece in pieces:
                if used and used + cell_width(piece) > width:
                    lines.append([])
                    used = 0
                lines[-1].append(Span(piece, span.style))
                used += cell_width(piece)
    return lines


def _words(spans: Sequence[Span]) -> Iterator[tuple[list[Span], bool]]:
    """Words (each a list of spans), and whether a space stands before them. A line break is a word of its own."""
    word: list[Span] = []
    spaced = False
    for span in spans:
        if span.text == _LINE_BREAK:
            if word:
                yield word, spaced
            yield [span], False
            word, spaced = [], False
            continue
        for number, part in enumerate(span.text.split(" ")):
            if number:
                if word:
                    yield word, spaced
                word, spaced = [], True
            if part:
                word.append(Span(part, span.style))
    if word:
        yield word, spaced


def _table(tokens: Sequence[Token], writer: _Writer) -> None:
    """A table: columns as wide as their texts, shrunk evenly to fit."""
    theme = writer.box.theme
    rows: list[list[str]] = []
    aligns: list[Align] = []
    for token in tokens:
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "th_open":
            rule = str(token.attrGet("style") or "")
            aligns.append("right" if "right" in rule else "center" if "center" in rule else "left")
        elif token.type == "inline":
            rows[-1].append(
                "".join(span.text.replace(_LINE_BREAK, " ") for span in _inline(token, theme.plain_style, writer))
            )
    writer.gap()
    widths = [max(cell_width(row[at]) if at < len(row) else 0 for row in rows) for at in range(len(aligns))]
    while sum(widths) + 2 * (len(widths) - 1) > writer.width and max(widths) > 1:
        widths[widths.index(max(widths))] -= 1
    for number, row in enumerate(rows):
        spans: list[Span] = []
        for at, width in enumerate(widths):
            text = crop(row[at] if at < len(row) else "", width)
            free = width - cell_width(text)
            before = free if aligns[at] == "right" else free // 2 if aligns[at] == "center" else 0
            cell = " " * before + text + " " * (free - before + 2 * (at + 1 < len(widths)))
            spans.append(Span(cell, theme.strong_style if number == 0 else theme.plain_style))
        writer.write(spans)
        if number == 0:
            writer.write([Span("─" * (sum(widths) + 2 * (len(widths) - 1)), theme.grid_style)])
    writer.gap()
