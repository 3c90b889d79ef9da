"""Variables: what readers choose becomes bound parameters of the right type, or is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapulse_tui.dashboards.variables import Variable, accept, bind
from datapulse_tui.errors import Invalid

TEXT = Variable("who", "text", default="ana")
NUMBER = Variable("least", "number", label="Least value")
CHOICE = Variable("region", "choice", options=("north", 5, 2.5))
ASKED = Variable("service", "choice", source_name="shop", query="SELECT 1", default="all")


@pytest.mark.parametrize(
    ("variable", "given_value", "bound"),
    [
        (TEXT, "'; DROP TABLE x --", "'; DROP TABLE x --"),
        (TEXT, "", ""),
        (TEXT, 5, "5"),
        (TEXT, None, None),
        (NUMBER, "12", 12),
        (NUMBER, " -1_000 ", -1000),
        (NUMBER, "0.5", 0.5),
        (NUMBER, "1e3", 1000.0),
        (NUMBER, "", None),
        (NUMBER, 7, 7),
        (CHOICE, "north", "north"),
        (CHOICE, "5", 5),
        (CHOICE, "2.5", 2.5),
        (ASKED, "anything", "anything"),
        (ASKED, 4, 4),
    ],
)
def test_accepted(variable: Variable, given_value: object, bound: object) -> None:
    found = accept(variable, given_value)
    assert found == bound
    assert type(found) is type(bound)


@pytest.mark.parametrize(
    ("variable", "given_value"),
    [
        (NUMBER, "twelve"), (NUMBER, "nan"), (NUMBER, "inf"), (NUMBER, "1e999"), (NUMBER, True), (NUMBER, [1]),
        (CHOICE, "south"), (TEXT, "a\0b"), (TEXT, "x" * 1001), (TEXT, ["a"]), (TEXT, True), (ASKED, {"a": 1}),
    ],
)  # fmt: skip
def test_refused(variable: Variable, given_value: object) -> None:
    with pytest.raises(Invalid, match=f"The variable {variable.title} cannot be"):
        accept(variable, given_value)


def test_bind_takes_what_was_given_and_what_is_there() -> None:
    assert bind([TEXT, NUMBER, CHOICE, ASKED], {"least": "3"}) == {
        "who": "ana", "least": 3, "region": "north", "service": "all",
    }  # fmt: skip
    with pytest.raises(Invalid, match="There is no variable called other"):
        bind([TEXT], {"other": 1})


@given(st.text())
def test_any_text_is_bound_or_refused(text: str) -> None:
    for variable in (TEXT, NUMBER, CHOICE, ASKED):
        try:
            value = accept(variable, text)
        except Invalid:
            continue
        assert value is None or isinstance(value, str | int | float)


@pytest.mark.parametrize("variable", [TEXT, NUMBER, CHOICE, ASKED])
def test_json_round_trip(variable: Variable) -> None:
    assert Variable.from_json(variable.to_json()) == variable
