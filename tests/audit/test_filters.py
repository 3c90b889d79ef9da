from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapulse_tui.audit.filters import FIELDS, InvalidFilter, moment, parse, thing, words_of

NOW = datetime(2026, 3, 4, 12, 30, tzinfo=UTC)
VIENNA = ZoneInfo("Europe/Vienna")
KEY = "11111111-2222-3333-4444-555555555555"


@pytest.mark.parametrize(
    "line",
    [
        "", "who:ana", "who:operator:root@host", "who:me", "-who:system:worker", "action:user.",
        "action:user.activated",
        "action:user.,role.", "on:dashboard", f"on:dashboard/{KEY}", f"on:{KEY}", "about:ana@example.org",
        "from:10.0.*", "from:/dev/pts/3", "from:::1", "since:7d until:1h", "since:today", "until:2026-03-01",
        "#4711", "number:12,13", "orders", '"two words"', "-orders", f"who:ana on:user/{KEY} -action:user.signed_in",
    ],
)  # fmt: skip
def test_lines_that_are_filters(line: str) -> None:
    wanted = parse(line, NOW)
    assert parse(str(wanted), NOW) == wanted


@pytest.mark.parametrize(
    ("line", "position"),
    [
        ("whom:ana", 0), ("who:", 4), ("who:ana action:", 15), ("action:.x", 7),
        ("on:dashboard/12", 3), ("on:/x", 3), ("from:*", 5), ("from:1*2", 5), ("since:soon", 6), ("-since:1d", 1),
        ("since:1d,2d", 0), ("#x", 1), ('"open', 0), ("...", 0), ("since:99999d since:x", 19),
    ],
)  # fmt: skip
def test_lines_that_are_none(line: str, position: int) -> None:
    with pytest.raises(InvalidFilter) as caught:
        parse(line, NOW)
    assert caught.value.position == position


@pytest.mark.parametrize(
    ("field", "text", "found"),
    [
        ("since", "15m", datetime(2026, 3, 4, 12, 15, tzinfo=UTC)),
        ("until", "2w", datetime(2026, 2, 18, 12, 30, tzinfo=UTC)),
        ("since", "today", datetime(2026, 3, 3, 23, tzinfo=UTC)),
        ("until", "today", datetime(2026, 3, 4, 23, tzinfo=UTC)),
        ("since", "Yesterday", datetime(2026, 3, 2, 23, tzinfo=UTC)),
        ("until", "yesterday", datetime(2026, 3, 3, 23, tzinfo=UTC)),
        ("since", "2026-03-01", datetime(2026, 2, 28, 23, tzinfo=UTC)),
        ("until", "2026-03-01", datetime(2026, 3, 1, 23, tzinfo=UTC)),
        ("since", "2026-03-01 08:00", datetime(2026, 3, 1, 7, tzinfo=UTC)),
        ("since", "2026-03-01T08:00+00:00", datetime(2026, 3, 1, 8, tzinfo=UTC)),
    ],
)
def test_times(field: str, text: str, found: datetime) -> None:
    assert moment(field, text, NOW, VIENNA) == found


def test_things() -> None:
    assert thing("Dashboard") == ("dashboard", None)
    assert thing(KEY) == (None, UUID(KEY))
    assert thing(f"dashboard/{KEY}") == ("dashboard", UUID(KEY))
    for wrong in ("", "a b", "dashboard/", "dashboard/x", "-"):
        with pytest.raises(ValueError):  # noqa: PT011  (it is for the language alone)
            thing(wrong)


def test_words_of_values() -> None:
    assert words_of(who="ana@example.org", from_="a b") == 'who:ana@example.org from:"a b"'
    assert str(parse(words_of(who='o"d,d'), NOW)) == words_of(who='o"d,d')


@given(st.text(max_size=60) | st.builds("{}:{}".format, st.sampled_from(sorted(FIELDS)), st.text(max_size=30)))
def test_any_text_is_a_filter_or_says_where_it_is_none(line: str) -> None:
    position = None
    try:
        wanted = parse(line, NOW)
    except InvalidFilter as error:
        position = error.position
    if position is not None:
        assert 0 <= position <= len(line)
    else:
        assert parse(str(wanted), NOW) == wanted or "since" in line or "until" in line
