"""A widget on a dashboard: a title line, its picture, and one dim line of provenance. It loads for itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from textual.events import Click
from textual.message import Message

from datapulse_tui.charts.cells import cell_width, clean, crop
from datapulse_tui.errors import DataPulseError
from datapulse_tui.tui import failures
from datapulse_tui.tui.themes import Look
from datapulse_tui.tui.widgets.lines import Line, Part, spread, width_of
from datapulse_tui.tui.widgets.picture_view import PictureView

if TYPE_CHECKING:
    from datapulse_tui.dashboards.reads import WidgetView
    from datapulse_tui.dashboards.runner import WidgetAnswer


class Ask(Protocol):
    """Runs a widget's query for a picture of `width` cells; `exact` wants every row. Raises DataPulseError."""

    async def __call__(self, widget: WidgetView, width: int, *, exact: bool = False) -> WidgetAnswer: ...


class Card(PictureView, can_focus=True):
    """Loading, answered, empty, failed; focusable; a refresh never takes the last good picture away."""

    class Ended(Message):
        """The card's query has ended, well or not."""

    class Zoomed(Message):
        """The card was clicked twice."""

    def __init__(self, widget: WidgetView, ask: Ask) -> None:
        super().__init__(widget, classes="card")
        self.running = False
        self.due = True
        self._ask = ask
        self._asked = 0

    def picture_size(self) -> tuple[int, int]:
        return self.picture_width(self.size.width), max(0, self.size.height - 2)

    @staticmethod
    def picture_width(width: int) -> int:
        """Cells for the picture in a card of `width` cells."""
        return max(0, width - 2)

    def is_seen(self) -> bool:
        if not super().is_seen() or not isinstance(self.parent, Card.Viewport):
            return False
        return self.parent.shows(self)

    class Viewport:
        """What holds cards tells them whether they are in view."""

        def shows(self, card: Card) -> bool:
            """Whether any line of `card` can be seen."""
            raise NotImplementedError

    def load(self, width: int | None = None) -> None:
        """Run the query for a picture of `width` cells (default: as wide as it is now).

        An older run of this card is cancelled, in its source as well.
        """
        self.due = False
        self.running = True
        self._asked += 1
        self.redraw()
        self.run_worker(
            self._load(self._asked, width or self.picture_size()[0]),
            group="query",
            exclusive=True,
            exit_on_error=False,
            description="running a query",
        )

    async def _load(self, serial: int, width: int) -> None:
        try:
            answer = await self._ask(self.shown, max(1, width))
        except Exception as error:  # noqa: BLE001 - becomes the card's error picture; the log has the details
            if serial == self._asked:
                self.running = False
                self.failed(failures.shown(error, "running a widget's query"))
        else:
            if serial == self._asked:
                self.running = False
                self.answered(answer)
        if serial == self._asked:
            self.post_message(self.Ended())

    def failed(self, error: DataPulseError) -> None:
        self.running = False
        super().failed(error)

    def came_into_view(self) -> None:
        """The card may have been scrolled into view: do what waited for that."""
        if self.is_seen():
            if self.due:
                self.load()
            self.draw_if_due()

    def draw(self, width: int, height: int, look: Look, /) -> Sequence[Line]:
        inner = max(0, width - 2)
        body = self.picture_part(inner, max(0, height - 2), look)
        body = body[: max(0, height - 2)]
        body += [()] * (height - 2 - len(body))
        return [self._title(width, look), *([(" ", look.text), *line] for line in body), self._provenance(width, look)]

    def _title(self, width: int, look: Look) -> Line:
        here = self.has_focus
        mark = ("▌", look.accent) if here else ("─", look.rule)
        title = crop(clean(self.shown.title), max(1, width - 6))
        rule = "─" * max(0, width - 4 - cell_width(title))
        return [mark, (f" {title} ", look.accent if here else look.strong), (rule, look.accent if here else look.rule)]

    def _provenance(self, width: int, look: Look) -> Line:
        right: list[Part] = [("running ", look.dim)] if self.running and self.answer is not None else []
        if self.error is not None and self.answer is not None:
            left: list[Part] = [(" ▲ stale ", look.warning), (f"from {self._time()} · ! shows why", look.dim)]
        elif self.answer is None:
            left = [("", look.dim)]
        else:
            left = [(" " + self._fitting_facts(width - 2 - width_of(right)), look.dim)]
        return spread(left, right, width, look.text)

    def _fitting_facts(self, room: int) -> str:
        """As many facts as find room, the more important ones first."""
        shown = ""
        for fact in self._facts():
            longer = f"{shown} · {fact}" if shown else fact
            if cell_width(longer) > room:
                break
            shown = longer
        return shown

    def _time(self) -> str:
        return self.desk.session.local(self.answer.ran_at).strftime("%H:%M:%S") if self.answer else ""

    def _facts(self) -> list[str]:
        answer = self.answer
        if answer is None:
            return []
        facts = [self._time()]
        if answer.source_name:
            rows = f"first {answer.rows:,} rows" if answer.truncated else f"{answer.rows:,} rows"
            facts += [took_words(answer.took), rows.replace("1 rows", "1 row") if answer.rows == 1 else rows]
        if answer.reduced is not None:
            facts.append("reduced")
        if self.picture is not None and self.picture.note:
            facts.append(self.picture.note)
        if answer.source_name:
            facts.append(clean(answer.source_name))
        return facts

    def on_click(self, event: Click) -> None:
        if event.chain >= 2:
            self.post_message(self.Zoomed())


def took_words(seconds: float) -> str:
    """`12 ms`, `3.2 s`."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
