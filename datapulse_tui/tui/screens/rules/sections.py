"""The controls of the rule editor, section by section, each with the sentence that explains it."""

from __future__ import annotations

from collections.abc import Sequence

from textual.widget import Widget

from datapulse_tui.errors import Invalid
from datapulse_tui.tui.screens.rules.draft import DEFAULT_CHANNEL, NEW_QUERY, through_of
from datapulse_tui.tui.screens.rules.words import CHANNEL_WORDS, ERROR_WORDS, NO_DATA_WORDS
from datapulse_tui.tui.widgets.choice import Choice, Option
from datapulse_tui.tui.widgets.sheet import Entry, Section, SheetField, SheetText

WRITE_QUERY = Option(NEW_QUERY, "+ write a new query", "SQL on one of your sources")
TYPES = (
    Option("above", "above", "value > threshold"),
    Option("below", "below", "value < threshold"),
    Option("change_percent", "changes by percent", "against one window ago; negative for a fall"),
)
SEVERITIES = (
    Option("critical", "critical", "escalates after 15 minutes"),
    Option("warning", "warning"),
    Option("info", "info"),
)
FREQUENCIES = (
    Option("immediate", "at once", "gathered for a moment, then as it happens"),
    Option("digest", "once an hour", "one message for each recipient"),
)
THE_DEFAULT = Option(DEFAULT_CHANNEL, "the default channel")
PLACEHOLDERS = "{rule} {severity} {value} {threshold} {labels} {labels.NAME} {started} {runbook}"


def address(typed: str) -> Option | None:
    """What was typed as an e-mail address that belongs to nobody here; None when it is no address."""
    from datapulse_tui.people.rules import normalise_email

    try:
        written = normalise_email(typed)
    except Invalid:
        return None
    return Option(f"address:{written}", written, "an address outside")


def phone(typed: str) -> Option | None:
    """What was typed as a phone number; None when it is none."""
    from datapulse_tui.people.rules import normalise_phone

    try:
        written = normalise_phone(typed)
    except Invalid:
        return None
    return Option(f"address:{written}", written, "a number outside") if written else None


def column(typed: str) -> Option | None:
    """A column that the query was not seen to have: it is checked when the rule is saved."""
    return Option(typed, typed, "not seen yet")


def options_of(words: dict[str, str]) -> list[Option]:
    """The words of an enumeration to choose from."""
    return [Option(key, label) for key, label in words.items()]


def sections(after_query: Sequence[Widget]) -> list[Section]:
    """All sections; `after_query` stands below the query."""
    return [
        Section("What it watches", [*_query_entries(), *after_query, *_metric_entries()]),
        Section("When it fires", _condition_entries()),
        Section("Whom it tells", _telling_entries()),
        Section("How often, and who then", _repeating_entries()),
    ]


def _query_entries() -> list[Entry]:
    return [
        Entry("Name", SheetField(id="in-name", placeholder="Checkout is slow"), "What people will read in the inbox."),
        Entry(
            "Query",
            Choice([WRITE_QUERY], id="in-query", empty="choose a saved query, or write one"),
            "A saved query whose rows are looked at. It runs with your rights, again and again.",
        ),
        Entry(
            "Query's name",
            SheetField(id="in-query_name", placeholder="the rule's name"),
            "It is saved under this name.",
        ),
        Entry("Source", Choice(id="in-source"), "Where the query runs: the sources that are granted to you."),
        Entry(
            "SQL",
            SheetText(id="in-sql", placeholder="SELECT service, p95_ms FROM …"),
            "One SELECT with a row for each series: a number, and columns that tell the rows apart. tab leaves it.",
        ),
    ]


def _metric_entries() -> list[Entry]:
    return [
        Entry(
            "Metric",
            Choice(id="in-metric", accept=column, empty="the column that is compared"),
            "The column with the number. f5 runs the query and offers its columns.",
        ),
        Entry(
            "Series by",
            Choice(id="in-label_columns", several=True, accept=column, empty="none: one series"),
            "Columns that make a series of each row: every different set of values fires for itself.",
        ),
    ]


def _condition_entries() -> list[Entry]:
    return [
        Entry(
            "Fires when it is", Choice(TYPES, id="in-threshold_type"), "How the value is compared with the threshold."
        ),
        Entry("Threshold", SheetField(id="in-threshold", placeholder="800"), "A number, in the unit of the metric."),
        Entry(
            "Clears at",
            SheetField(id="in-recovery", placeholder="when it no longer breaches"),
            "The recovery threshold: between the two nothing changes, so a value that swings fires once.",
        ),
        Entry("Window", SheetField(id="in-window"), "With which past the value is compared, such as 1h or 1d."),
        Entry(
            "For", SheetField(id="in-for"), "How long it must stay beyond before it fires, such as 5m; 0s is at once."
        ),
        Entry(
            "Keep firing for",
            SheetField(id="in-keep_firing_for"),
            "How long it stays firing after it is back, such as 2m.",
        ),
        Entry("Looked at every", SheetField(id="in-interval"), "How often the query runs, from 5s to 1d."),
        Entry("Severity", Choice(SEVERITIES, id="in-severity"), "How bad it is; the inbox stands in this order."),
        Entry(
            "Without rows",
            Choice(options_of(NO_DATA_WORDS), id="in-no_data_policy"),
            "When the query brings no rows at all.",
        ),
        Entry(
            "When it fails", Choice(options_of(ERROR_WORDS), id="in-error_policy"), "When the query fails three times."
        ),
    ]


def _telling_entries() -> list[Entry]:
    return [
        *_people("E-mail to", "email", "People, roles and departments by name; or type an address."),
        *_people("SMS to", "sms", "Those with a phone number; or type one. At most one a minute for each."),
        Entry("Slack", Choice(id="in-slack", several=True, empty="not told"), "Slack channels that were set up."),
        Entry("Webhooks", Choice(id="in-webhook", several=True, empty="not told"), "Webhooks that were set up."),
        Entry(
            "Message", SheetText(id="in-message", placeholder=PLACEHOLDERS), f"Added to what is sent. {PLACEHOLDERS}"
        ),
        Entry("Runbook", SheetField(id="in-runbook_url", placeholder="https://…"), "Where it says what to do."),
        Entry(
            "Labels", SheetField(id="in-labels", placeholder="team=payments tier=1"), "To find rules and incidents by."
        ),
        Entry("Description", SheetField(id="in-description"), "What the rule is for."),
    ]


def _people(label: str, name: str, about: str) -> list[Entry]:
    accept = phone if name.endswith("sms") else address
    through = Choice([THE_DEFAULT], id=f"in-{through_of(name)}")
    return [
        Entry(label, Choice(id=f"in-{name}", several=True, empty="nobody", accept=accept), about),
        Entry("   through", through, "The channel that brings it; where somebody has another one, it says so."),
    ]


def _repeating_entries() -> list[Entry]:
    return [
        Entry("Told", Choice(FREQUENCIES, id="in-frequency"), "At once, or gathered in one message an hour."),
        Entry("Gather for", SheetField(id="in-group_wait"), "What fires within this time is told together."),
        Entry("Updates every", SheetField(id="in-group_interval"), "At most one update in this time."),
        Entry("Repeat every", SheetField(id="in-repeat_interval"), "While nobody has acknowledged."),
        Entry(
            "Escalate after",
            SheetField(id="in-escalate_after", placeholder="15m when critical, else off"),
            "When nobody has acknowledged for so long, those below are told too; off turns it off.",
        ),
        *_people("Then e-mail to", "second_email", "Who is told when nobody acknowledged."),
        *_people("Then SMS to", "second_sms", "Who is told when nobody acknowledged."),
    ]


def channel_options(kind: str, channels: Sequence[tuple[str, bool, bool]]) -> list[Option]:
    """Channels of a type to choose from; each is its name, whether it is the default, and whether it is switched on."""
    found = []
    for name, is_default, is_active in channels:
        remarks = [*(["the default"] if is_default else []), *([] if is_active else ["switched off"])]
        found.append(Option(name, f"{CHANNEL_WORDS[kind]} {name}", ", ".join(remarks)))
    return found
