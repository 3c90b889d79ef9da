"""The language of filters of requests, and how a line goes on."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapulse_tui.audit.actor import Actor
from datapulse_tui.data.filter_words import Completion, Term
from datapulse_tui.workflows.completion import complete
from datapulse_tui.workflows.filter_sql import parts
from datapulse_tui.workflows.filters import CHOICES, FIELDS, InvalidFilter, RequestFilter, parse
from datapulse_tui.workflows.rules import Scope
from tests.workflows.conftest import ADMINS, Office

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "position", "words"),
    [
        ("stat:open", 0, "no field 'stat'"),
        ("state:bad", 6, "'bad' is nothing for the field state"),
        ("late:", 5, "The field late needs a value"),
        ("late:maybe", 5, "'maybe' is nothing"),
        ("type:", 5, "needs a value"),
        ("x since:never", 8, "'never' is nothing"),
        ("since:1h,2h", 0, "takes one time"),
        ("-until:today", 1, "takes one time"),
        ("number:x", 7, "'x' is nothing"),
        ('"open', 0, "not closed"),
        ("--", 0, "nothing to look for"),
    ],
)
def test_where_a_line_stops_being_a_filter(text: str, position: int, words: str) -> None:
    with pytest.raises(InvalidFilter, match=words) as caught:
        parse(text, NOW)
    assert caught.value.position == position


@pytest.mark.parametrize(
    ("text", "scope", "expected"),
    [
        ("", Scope.FOR_ME, (True, False)),
        ("", Scope.ALL, (True, False)),
        ("", Scope.MINE, (True, True)),
        ("", Scope.DECIDED, (True, True)),
        ("orders", Scope.ALL, (True, False)),
        ("state:any", Scope.ALL, (True, True)),
        ("state:decided", Scope.ALL, (False, True)),
        ("state:open,information", Scope.MINE, (True, False)),
        ("state:pending,approved", Scope.MINE, (True, True)),
        ("-state:pending", Scope.ALL, (True, False)),
        ("effect:failed", Scope.ALL, (True, True)),
        ("#12", Scope.ALL, (True, True)),
        ("late:yes", Scope.MINE, (True, False)),
    ],
)
def test_which_parts_of_a_list_are_asked_for(text: str, scope: Scope, expected: tuple[bool, bool]) -> None:
    assert parts(scope, parse(text, NOW)) == expected


values = st.text(min_size=1, max_size=12).filter(lambda text: "\0" not in text and text.strip() != "")
terms = st.one_of(
    st.builds(Term, st.sampled_from(["type", "requester", "assigned"]), st.tuples(values, values), st.booleans()),
    st.builds(
        lambda value, negated: Term("state", (value,), negated), st.sampled_from(CHOICES["state"]), st.booleans()
    ),
    st.builds(lambda number: Term("number", (str(number),)), st.integers(0, 2**63 - 1)),
)


@given(st.lists(terms, max_size=5).map(lambda found: RequestFilter(tuple(found))))
def test_what_is_written_is_read_back(wanted: RequestFilter) -> None:
    assert parse(str(wanted), NOW) == wanted


@given(st.text(max_size=60))
def test_any_line_is_a_filter_or_says_where_not(text: str) -> None:
    with contextlib.suppress(InvalidFilter):
        assert parse(str(parse(text, NOW)), NOW) == parse(text, NOW)


async def test_how_a_line_goes_on(office: Office) -> None:
    async def offer(text: str, actor: Actor = office.bea) -> Completion:
        async with office.data.glance() as session:
            return await complete(session, actor, text, len(text))

    await office.ask()
    await office.ask(office.bob, words=ADMINS)
    expected = {
        "": (0, tuple(f"{name}:" for name in FIELDS)),
        "la": (0, ("late:",)),
        "late:": (5, ("yes", "no")),
        "type:fav": (5, ("favour",)),
        "state:re": (6, ("rejected",)),
        "priority:critical,h": (18, ("high",)),
        "requester:b": (10, ("Bea", "Bob")),
        "assigned:": (9, ("me", "none", "Ada", "Bea", "Bob", "Olga", "Otto")),
        "approver:m": (9, ("me",)),
        "since:t": (6, ("today",)),
        "number:": (7, ("1",)),
        "x:": (2, ()),
    }
    for text, (start, options) in expected.items():
        assert await offer(text) == Completion(start, options), text
    assert set((await offer("number:", office.ada)).options) == {"1", "2"}
