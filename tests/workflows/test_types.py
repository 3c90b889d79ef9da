"""What each type takes, who decides it, and what it says; see test_types_effects.py for what it does."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from datapulse_tui.audit.actor import Actor
from datapulse_tui.data.database import Database
from datapulse_tui.errors import DataPulseError, Invalid, NotAllowed, NotFound
from datapulse_tui.workflows import types
from datapulse_tui.workflows.rules import Priority
from datapulse_tui.workflows.types.base import FIELDS, LONGEST_SUBJECT
from datapulse_tui.workflows.types.choices import KINDS, choices
from datapulse_tui.workflows.types.registry import TYPES, discover, type_of
from tests.workflows.effects_world import World

SHIPPED = {
    "dashboard_access", "dashboard_publication", "role_grant", "user_activation", "data_source_access",
    "data_source_deletion", "alert_snooze_critical", "free_form",
}  # fmt: skip
HOSTILE = "[red]x[/] \x1b[2J\x07 \u202egnp.exe \ufeff\0 ');DROP TABLE users;-- {0} %s " + "\ud800"


@pytest.fixture
def world(data: Database) -> World:
    return World(data)


# -- the registry ------------------------------------------------------------------------------------------------------


def test_the_shipped_types() -> None:
    assert set(TYPES) == SHIPPED
    for name, each in TYPES.items():
        assert each.name == name
        assert each.title
        assert each.explanation
        assert each.quorum == (2 if name == "data_source_deletion" else 1)
        assert each.has_effect == (name != "free_form")
        for field in each.fields():
            assert field.title
            assert field.description
            assert field.choices in {"", *KINDS}
    with pytest.raises(NotFound, match="no type of request"):
        type_of("coffee")


def test_a_further_type_is_one_new_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "coffee.py").write_text(
        "from pydantic import Field\n"
        "from datapulse_tui.workflows.types.base import ADMINS, Form, Line, RequestType\n"
        "class Coffee(Form):\n"
        "    cups: Line = Field(title='Cups', description='How many.')\n"
        "class CoffeeRequest(RequestType[Coffee]):\n"
        "    name, title, explanation, form, has_effect = 'coffee', 'Coffee', 'Ask for coffee.', Coffee, False\n"
        "    async def prepare(self, session, actor, form):\n"
        "        return self.prepared(form, f'{form.cups} cups', ADMINS, cups=form.cups)\n"
        "    def values(self, details):\n"
        "        return (('Cups', details['cups']),)\n"
        "TYPE = CoffeeRequest()\n"
    )
    monkeypatch.setattr(types, "__path__", [*types.__path__, str(tmp_path)])
    try:
        found = discover(types.__path__)
    finally:
        sys.modules.pop("datapulse_tui.workflows.types.coffee", None)
    assert set(found) == SHIPPED | {"coffee"}
    assert found["coffee"].fields()[0].title == "Cups"


# -- forms -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_a_form_names_what_is_wrong(name: str) -> None:
    request_type = type_of(name)
    required = [field.title for field in request_type.fields() if field.required]
    with pytest.raises(Invalid) as error:
        request_type.parse({"nonsense": "x"})
    assert "there is no such field" in error.value.message
    assert all(f"{title}: it is needed" in error.value.message for title in required)
    with pytest.raises(Invalid):
        request_type.parse({field.name: "   " for field in request_type.fields() if field.required})
    with pytest.raises(Invalid):
        request_type.parse({field.name: "x" * 20_000 for field in request_type.fields()})


def test_a_secret_in_a_reason_is_not_kept() -> None:
    form = type_of("role_grant").parse({"role": "analyst", "reason": "see postgresql://ana:hunter2@db/x"})
    assert "hunter2" not in str(form)


# -- who decides -------------------------------------------------------------------------------------------------------


async def things(world: World) -> dict[str, Any]:
    """One of everything: `bea` asks, `olga` (analyst) owns Orders, `ann` and `amy` and `abe` are administrators."""
    found: dict[str, Any] = {"bea": await world.person("bea", "analyst"), "olga": await world.person("olga", "analyst")}
    for nick in ("ann", "amy", "abe"):
        found[nick] = await world.person(nick, "admin")
    found["pat"] = await world.person("pat", "analyst", status="pending")
    found["orders"] = await world.dashboard(found["olga"])
    await world.dashboard(found["bea"], "Mine")
    await world.source()
    rule = await world.rule(found["bea"])
    found["incident"], found["number"] = await world.incident(rule)
    await world.rows(
        "INSERT INTO alert_notifications (alert_id, user_id, incident_id) VALUES (:rule, :bea, :incident)",
        rule=rule, bea=found["bea"].user_id, incident=found["incident"],
    )  # fmt: skip
    return found


WHY = {"reason": "for the review"}


AUDIENCES = [
    ("dashboard_access", {"dashboard": "Orders", **WHY}, ["user:olga"], "permission:dashboard:manage",
     "Bea: view Orders"),
    ("dashboard_publication", {"dashboard": "Mine", **WHY},
     ["permission:dashboard:publish", "permission:dashboard:manage"], "role:admin", "make Mine public"),
    ("role_grant", {"role": "admin", **WHY}, ["role:admin"], "role:admin", "Bea: the role admin"),
    ("user_activation", {"person": "pat@example.org", **WHY}, ["role:admin"], "role:admin", "activate Pat"),
    ("data_source_access", {"source": "warehouse", **WHY}, ["permission:source:manage"], "role:admin",
     "Bea: query warehouse"),
    ("data_source_deletion", {"source": "warehouse", **WHY}, ["permission:source:manage"], "role:admin",
     "delete the source warehouse"),
    ("alert_snooze_critical", {"rule": "checkout errors", "until": "2d", **WHY}, ["permission:alert:triage_all"],
     "role:admin", "snooze checkout errors until"),
    ("free_form", {"subject": "a chair"}, ["permission:workflow:decide"], "role:admin", "a chair"),
]  # fmt: skip


async def test_audiences(world: World) -> None:
    made = await things(world)
    assert {case[0] for case in AUDIENCES} == SHIPPED
    for name, fields, words, fallback, subject in AUDIENCES:
        await audience(world, made, name, fields, words, fallback, subject)


async def audience(
    world: World,
    made: dict[str, Any],
    name: str,
    fields: dict[str, str],
    words: list[str],
    fallback: str,
    subject: str,
) -> None:
    prepared = await world.prepared(name, made["bea"], **fields)
    assert list(prepared.audience.words) == [word.replace("olga", str(made["olga"].user_id)) for word in words]
    assert prepared.fallback.words == (fallback,)
    assert prepared.audience.in_words
    assert prepared.subject.startswith(subject)
    assert prepared.quorum == (2 if name == "data_source_deletion" else 1)
    assert prepared.priority is (Priority.HIGH if name == "alert_snooze_critical" else Priority.NORMAL)
    assert prepared.details[FIELDS].items() >= fields.items()
    request_type = type_of(name)
    assert all(label and value for label, value in request_type.values(prepared.details))
    assert bool(request_type.effect_text(prepared.details)) == request_type.has_effect
    async with world.data.reading() as session:
        assert await request_type.still_makes_sense(session, prepared.details) == ""


async def test_nobody_decides_what_is_about_them(world: World) -> None:
    made = await things(world)
    ann = made["ann"]
    cases = (
        ("dashboard_access", {"dashboard": "Orders", "person": "zoe@example.org"}),
        ("role_grant", {"role": "ops_manager", "person": "zoe@example.org"}),
        ("data_source_access", {"source": "warehouse", "person": "zoe@example.org"}),
    )
    zoe = await world.person("zoe", "analyst")
    for name, fields in cases:
        prepared = await world.prepared(name, made["bea"], **fields, **WHY)
        assert type_of(name).refused(prepared.details) == {zoe.user_id}
    prepared = await world.prepared("user_activation", ann, person="pat@example.org", **WHY)
    assert type_of("user_activation").refused(prepared.details) == {made["pat"].user_id}


async def test_who_says_for_a_dashboard(world: World) -> None:
    """Its owner, unless they could not share it themselves (any more), or are the one who asks."""
    made = await things(world)
    demoted = await world.person("dora", "business_user")
    gone = await world.person("gus", "analyst")
    for owner, name in ((demoted, "Hers"), (gone, "His")):
        await world.dashboard(owner, name)
    await world.rows("UPDATE users SET status = 'inactive' WHERE id = :id", id=gone.user_id)
    for name in ("Hers", "His"):
        prepared = await world.prepared("dashboard_access", made["bea"], dashboard=name, **WHY)
        assert prepared.audience.words == ("permission:dashboard:manage",)
    prepared = await world.prepared("dashboard_access", demoted, dashboard="Hers", person="bea@example.org", **WHY)
    assert prepared.audience.words == ("permission:dashboard:manage",)


async def test_a_free_form_request_can_name_who_decides(world: World) -> None:
    made = await things(world)
    prepared = await world.prepared("free_form", made["bea"], subject="a chair", person="olga@example.org")
    assert prepared.audience.words == (f"user:{made['olga'].user_id}",)
    assert prepared.fallback.words == ("permission:workflow:decide",)
    head = await world.one(
        "INSERT INTO departments (name, head_id) VALUES ('Sales', :head) RETURNING id", head=made["olga"].user_id
    )
    prepared = await world.prepared("free_form", made["bea"], subject="a chair", department="Sales")
    assert prepared.audience.words == (f"head:{head}",)
    for fields in (
        {"person": "bea@example.org"},
        {"person": "olga@example.org", "department": "Sales"},
        {"department": "Nowhere"},
        {"person": "pat@example.org"},
    ):
        with pytest.raises(DataPulseError):
            await world.prepared("free_form", made["bea"], subject="a chair", **fields)
    with pytest.raises(Invalid, match="their own request"):
        await world.prepared("free_form", made["olga"], subject="a chair", department="Sales")


# -- what makes no sense -----------------------------------------------------------------------------------------------

REFUSED = [
    ("bea", "dashboard_access", {"dashboard": "Mine"}, Invalid, "your own"),
    ("bea", "dashboard_access", {"dashboard": "Mine", "person": "olga@example.org"}, Invalid, "your own"),
    ("bea", "dashboard_access", {"dashboard": "Nothing"}, NotFound, "no such dashboard"),
    ("bea", "dashboard_access", {"dashboard": "Orders", "person": "pat@example.org"}, NotFound, "no active account"),
    ("olga", "dashboard_access", {"dashboard": "Orders"}, Invalid, "your own"),
    ("ann", "dashboard_access", {"dashboard": "Orders", "permission": "edit"}, Invalid, "already"),
    ("bob", "dashboard_access", {"dashboard": "Orders", "permission": "edit"}, Invalid, "dashboard:create"),
    ("bea", "dashboard_publication", {"dashboard": "Orders"}, NotAllowed, "Only its owner"),
    ("olga", "role_grant", {"role": "analyst"}, Invalid, "already"),
    ("ann", "role_grant", {"role": "analyst"}, Invalid, "is admin already"),
    ("bea", "role_grant", {"role": "emperor"}, NotFound, "no role"),
    ("bea", "user_activation", {"person": "olga@example.org"}, Invalid, "active already"),
    ("bea", "user_activation", {"person": "nobody@example.org"}, NotFound, "nobody"),
    ("bea", "user_activation", {"person": "nonsense"}, Invalid, "not an e-mail"),
    ("bob", "data_source_access", {"source": "warehouse"}, Invalid, "source:query"),
    ("bob", "data_source_access", {"source": "nothing"}, Invalid, "source:query"),
    ("bea", "data_source_access", {"source": "nothing"}, NotFound, "no source"),
    ("ann", "data_source_access", {"source": "warehouse"}, Invalid, "already"),
    ("bob", "data_source_deletion", {"source": "warehouse"}, NotAllowed, "source:view"),
    ("bea", "data_source_deletion", {"source": "source of checkout errors"}, Invalid, "query query of checkout errors"),
    ("bea", "alert_snooze_critical", {"incident": "NUMBER", "until": "2h"}, Invalid, "no approval"),
    ("bea", "alert_snooze_critical", {"incident": "NUMBER", "until": "90d"}, Invalid, "at most 30 days"),
    ("bea", "alert_snooze_critical", {"incident": "NUMBER", "until": "2020-01-01"}, Invalid, "in the past"),
    ("bea", "alert_snooze_critical", {"incident": "NUMBER", "until": "whenever"}, Invalid, "no end"),
    ("bea", "alert_snooze_critical", {"until": "2d"}, Invalid, "an incident or a rule"),
    ("bea", "alert_snooze_critical", {"incident": "x", "until": "2d"}, Invalid, "not the number"),
    ("bob", "alert_snooze_critical", {"incident": "NUMBER", "until": "2d"}, NotFound, "no such incident"),
    ("bob", "alert_snooze_critical", {"rule": "checkout errors", "until": "2d"}, Invalid, "no rule"),
]


async def test_what_makes_no_sense_is_refused(world: World) -> None:
    made = await things(world)
    made["bob"] = await world.person("bob", "business_user")
    before = await world.one("SELECT count(*) FROM audit_logs")
    for who, name, fields, error, words in REFUSED:
        given = {key: value.replace("NUMBER", str(made["number"])) for key, value in fields.items()}
        with pytest.raises(DataPulseError) as found:
            await world.prepared(name, made[who], **given, **WHY)
        assert isinstance(found.value, error), (who, name, fields, found.value)
        assert words in found.value.message, (who, name, fields, found.value)
    operator = Actor(None, "operator:root@here", everything=True)
    for name in SHIPPED - {"dashboard_publication", "alert_snooze_critical", "free_form"}:
        fields = {"dashboard": "Orders", "role": "admin", "source": "warehouse", "person": "pat@example.org"}
        names = {field.name for field in type_of(name).fields()}
        with pytest.raises(DataPulseError):
            await world.prepared(name, operator, **{k: v for k, v in fields.items() if k in names}, **WHY)
    assert await world.one("SELECT count(*) FROM audit_logs") == before


async def test_a_dashboard_of_which_there_are_two_is_named_with_its_owner(world: World) -> None:
    made = await things(world)
    zoe = await world.person("zoe", "analyst")
    second = await world.dashboard(zoe)
    with pytest.raises(Invalid, match="Several people"):
        await world.prepared("dashboard_access", made["bea"], dashboard="Orders", **WHY)
    prepared = await world.prepared("dashboard_access", made["bea"], dashboard="zoe@example.org/Orders", **WHY)
    assert prepared.details["dashboard"]["id"] == str(second)
    prepared = await world.prepared("dashboard_access", made["bea"], dashboard=str(made["orders"]), **WHY)
    assert prepared.audience.words == (f"user:{made['olga'].user_id}",)


async def test_a_deletion_that_nobody_could_approve_is_refused(world: World) -> None:
    ann, amy = await world.person("ann", "admin"), await world.person("amy", "admin")
    await world.source()
    with pytest.raises(Invalid, match="needs the approval of 2 people"):
        await world.prepared("data_source_deletion", ann, source="warehouse", **WHY)
    bea = await world.person("bea", "analyst")
    assert await world.prepared("data_source_deletion", bea, source="warehouse", **WHY)
    assert amy.can("source:manage")


async def test_times_are_read_in_the_zone_of_who_asks(world: World) -> None:
    olga = await world.person("olga", "ops_manager", zone="Asia/Tokyo")
    _, number = await world.incident(await world.rule(olga))
    day = (await world.now() + timedelta(days=3)).date()
    prepared = await world.prepared(
        "alert_snooze_critical", olga, incident=f"#{number}", until=f"{day} 08:00", reason="known"
    )
    assert prepared.details["until"].startswith(f"{day - timedelta(days=1)}T23:00")
    assert f"until {day} 08:00 (Asia/Tokyo)" in type_of("alert_snooze_critical").effect_text(prepared.details)


# -- hostile text ------------------------------------------------------------------------------------------------------


async def test_hostile_text_finds_nothing_and_breaks_nothing(world: World) -> None:
    made = await things(world)
    for name in sorted(SHIPPED - {"free_form"}):
        fields = {field.name: field.options[0] if field.options else HOSTILE for field in type_of(name).fields()}
        with pytest.raises(DataPulseError):
            await world.prepared(name, made["bea"], **fields)
    prepared = await world.prepared("free_form", made["bea"], subject=HOSTILE, text=HOSTILE * 20)
    assert not set(prepared.subject) & set("\x1b\x07\0\u202e")
    assert len(prepared.subject) <= LONGEST_SUBJECT
    assert await world.one("SELECT count(*) FROM users") > 0


async def test_hostile_names_and_reasons_are_kept_as_data(world: World) -> None:
    made = await things(world)
    name = "[bold]" + HOSTILE.replace("\0", "").replace("\ud800", "")
    dashboard = await world.dashboard(made["olga"], name)
    request = await world.request(
        "dashboard_access", made["bea"], dashboard=str(dashboard), reason=HOSTILE + "\n" + "y" * 500
    )
    row = await world.workflow(request)
    assert row.details["dashboard"]["name"] == name
    assert "\n" in row.details["reason"]
    assert not set(row.subject) & set("\x1b\x07\0\u202e\n")
    await world.approve(request, made["olga"])
    await world.effects()
    assert (await world.workflow(request)).status == "completed"


# -- what is offered ---------------------------------------------------------------------------------------------------


async def test_choices_show_what_one_may_see_and_no_more(world: World) -> None:
    made = await things(world)
    bob = await world.person("bob", "business_user")
    await world.dashboard(made["olga"], "Open", public=True)
    await world.role("auditor", "audit:view")

    async def offered(actor: Actor, kind: str, word: str = "") -> list[str]:
        async with world.data.reading() as session:
            return [each.value for each in await choices(session, actor, kind, word)]

    assert await offered(bob, "dashboards") == ["olga@example.org/Open"]
    assert await offered(made["bea"], "own_dashboards") == ["bea@example.org/Mine"]
    assert await offered(bob, "sources") == []
    assert "warehouse" in await offered(made["bea"], "sources", "ware")
    assert await offered(bob, "people", "olg") == ["olga@example.org"]
    assert await offered(bob, "inactive_people") == []
    assert await offered(made["ann"], "inactive_people") == ["pat@example.org"]
    assert await offered(bob, "roles") == ["analyst", "ops_manager", "admin"]
    assert await offered(made["ann"], "roles", "audit") == ["auditor"]
    assert await offered(made["bea"], "critical_incidents") == [str(made["number"])]
    assert await offered(bob, "critical_incidents") == []
    assert await offered(made["bea"], "critical_rules") == ["checkout errors"]
    assert await offered(bob, "departments") == []
    for kind in KINDS:
        assert await offered(Actor(made["bea"].user_id, "Bea"), kind) in ([], ["analyst", "ops_manager", "admin"])
        assert await offered(made["bea"], kind, HOSTILE.replace("\0", "").replace("\ud800", "")) == []
    with pytest.raises(NotFound):
        await offered(bob, "secrets")
