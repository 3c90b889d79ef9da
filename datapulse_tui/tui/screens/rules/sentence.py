"""What a draft says, in a sentence, and what it would make of the series of now. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from datapulse_tui.alerts.rules import SeriesState, label_text
from datapulse_tui.tui.screens.rules.draft import DEFAULT_CHANNEL, NEW_QUERY, THROUGH, Draft, through_of
from datapulse_tui.tui.screens.rules.words import CHANNEL_WORDS, SERIES_WORDS, number, recipient_words
from datapulse_tui.tui.widgets.card import took_words
from datapulse_tui.tui.widgets.pane import Item

if TYPE_CHECKING:
    from datapulse_tui.alerts.preview import Preview

SHOWN = 12  # series
VERBS = {"above": "is above", "below": "is below"}


def say_items(draft: Draft, query: str, preview: Preview | None) -> list[Item]:
    """The rule in words, then its series as they are now."""
    items = [Item("title", "In words"), Item("text", sentence(draft, query)), Item("gap")]
    told = told_sentence(draft)
    items += [Item("text", told), Item("gap"), Item("title", "Now")]
    if preview is None:
        return [*items, Item("dim", "f5 runs the query and shows where each series would stand.")]
    if preview.problem:
        return [*items, Item("critical", preview.problem)]
    count = f"{len(preview.series):,} series" + (f", {preview.firing:,} beyond the threshold" if preview.firing else "")
    items.append(Item("dim", count))
    ordered = sorted(preview.series, key=lambda each: each.state not in (SeriesState.FIRING, SeriesState.PENDING))
    for each in ordered[:SHOWN]:
        state = SERIES_WORDS[each.state][0] if each.state else "–"
        labels = label_text(each.labels) or "(the only one)"
        items.append(Item("code", f"{state:<10} {number(each.compared):>9}  {labels}"))
    if len(ordered) > SHOWN:
        items.append(Item("dim", f"and {len(ordered) - SHOWN:,} more"))
    return items


def sentence(draft: Draft, query: str) -> str:
    """`Fires when p95_ms of Latency is above 800 for 5m. ...`."""
    values = {name: str(value).strip() for name, value in draft.values.items()}
    metric = values["metric"] or "…"
    threshold = values["threshold"] or "…"
    where = values["query_name"] or values["name"] or "the new query" if values["query"] == NEW_QUERY else query or "…"
    if values["threshold_type"] == "change_percent":
        way = "falls" if threshold.startswith("-") else "rises"
        fires = f"{way} by {threshold.removeprefix('-')} % or more within {values['window'] or '1h'}"
    else:
        fires = f"{VERBS.get(values['threshold_type'], 'is …')} {threshold}"
    waits = f" for {values['for']}" if values["for"] not in ("", "0", "0s") else ""
    by = draft.values["label_columns"]
    each = f", for each {' and '.join(by)}" if by else ""
    clears = f" Clears at {values['recovery']}." if values["recovery"] else ""
    return (
        f"Fires when {metric} of {where} {fires}{waits}{each}.{clears} "
        f"Looked at every {values['interval'] or '1m'}; {values['severity']}."
    )


def told_sentence(draft: Draft) -> str:
    """`Tells the owner by e-mail.`."""
    parts = []
    for kind in ("email", "sms", "slack", "webhook"):
        keys = draft.values[kind]
        if keys and kind in ("email", "sms"):
            people = ", ".join(recipient_words(str(key).rpartition(THROUGH)[2]) for key in keys)
            through = draft.values[through_of(kind)]
            by = CHANNEL_WORDS[kind] + (f" through {through}" if through != DEFAULT_CHANNEL else "")
            parts.append(f"{people} by {by}")
        elif keys:
            named = ", ".join(str(key) for key in keys if key != DEFAULT_CHANNEL)
            parts.append(f"{CHANNEL_WORDS[kind]} {named}".rstrip())
    when = ", gathered once an hour" if draft.values["frequency"] == "digest" else ""
    return f"Tells {'; '.join(parts)}{when}." if parts else "Tells nobody: its incidents only stand in the inbox."


def brought_words(preview: Preview) -> str:
    """What a query brought, in one line: `12 rows, 12 series by service · 2 beyond the threshold · 34 ms`."""
    rows = f"{'first ' if preview.truncated else ''}{len(preview.rows):,} row{'s' if len(preview.rows) != 1 else ''}"
    by = f" by {', '.join(preview.label_columns)}" if preview.label_columns else ""
    firing = f" · {preview.firing:,} beyond the threshold" if preview.firing else ""
    return f"{rows}, {len(preview.series):,} series{by}{firing} · {took_words(preview.took)}"
