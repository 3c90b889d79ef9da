"""Rules of all shapes, as plain data."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from datapulse_tui.alerts.rules import ErrorPolicy, NoDataPolicy, Severity

_LETTERS = "ab:-#'\"|>{}[],&*!%@`~?.0 é漢🙂\u00a0"
_INSIDE = st.text(st.sampled_from(_LETTERS), max_size=12)
line = st.tuples(st.sampled_from("aZé0-#'[{&*"), _INSIDE, st.sampled_from("bY9}]:.")).map("".join)
text = st.one_of(st.none(), st.tuples(line, st.sampled_from(["", "\n", "\n\n  ", "\t"]), line).map("".join))
number = st.one_of(
    st.integers(-(2**53), 2**53), st.floats(-1e15, 1e15, allow_nan=False), st.sampled_from([0.005, -0.0, 1e-300, 2**53])
)
email = st.sampled_from(["ana@example.org", "b.o-b@example.org"])
recipient = st.one_of(
    st.just("owner"), email, line.map(lambda each: f"department:{each}"), st.just("role:admin"),
    email.map(lambda each: f"address:{each}"),
)  # fmt: skip
channel = st.one_of(
    st.fixed_dictionaries(
        {"type": st.just("email"), "to": st.lists(recipient, min_size=1, max_size=3)}, optional={"channel": line}
    ),
    st.fixed_dictionaries({"type": st.sampled_from(["slack", "webhook"])}, optional={"channel": line}),
    st.just({"type": "sms", "to": ["owner", "address:+43 1 234"]}),
)
query = st.one_of(
    line,
    st.fixed_dictionaries({"source": line, "sql": line}, optional={"name": line}),
    st.fixed_dictionaries({"name": line, "owner": email}),
)


def _seconds(least: int, most: int) -> st.SearchStrategy[int]:
    return st.integers(least, most)


rules: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "name": line,
        "query": query,
        "metric": line,
        "threshold_type": st.sampled_from(["above", "below"]),
        "threshold": number,
    },
    optional={
        "description": text,
        "label_columns": st.lists(line.map(lambda each: f"{each}!"), unique=True, max_size=3),
        "for": _seconds(0, 30 * 86_400),
        "keep_firing_for": _seconds(0, 86_400),
        "interval": _seconds(5, 86_400),
        "window": _seconds(60, 86_400),
        "no_data_policy": st.sampled_from(list(NoDataPolicy)),
        "error_policy": st.sampled_from(list(ErrorPolicy)),
        "severity": st.sampled_from(list(Severity)),
        "labels": st.dictionaries(st.sampled_from(["team", "tier.1", "a-b"]), line, max_size=3),
        "runbook_url": st.sampled_from(["https://example.org/run#book?x=1", "http://10.0.0.1:8080/a"]),
        "channels": st.lists(channel, max_size=3),
        "frequency": st.sampled_from(["immediate", "digest"]),
        "group_wait": _seconds(0, 86_400),
        "repeat_interval": _seconds(60, 86_400),
        "escalate_after": st.one_of(st.just("off"), _seconds(30, 86_400)),
        "escalation_channels": st.lists(channel, max_size=2),
        "active": st.booleans(),
    },
)
