"""Who is told of requests: those who may decide, whoever they stand in for, and nobody whom it does not concern."""

from __future__ import annotations

from datapulse_tui.workflows import telling
from datapulse_tui.workflows.service import decisions, requests
from tests.workflows.conftest import ADMINS, Office


async def who(office: Office, title: str) -> list[str]:
    return [nick for nick, _ in await office.told(title)]


async def test_substitutes_are_told_as_well(office: Office) -> None:
    await office.delegation(office.ada, office.otto, "favour")
    await office.ask(words=ADMINS, what="one")
    assert await who(office, "Bea asks: one") == ["ada", "otto"]
    await office.ask(words=ADMINS, what="two", type="deed")
    assert await who(office, "Bea asks: two") == ["ada"]
    await office.ask(office.otto, words=ADMINS, what="three")
    assert await who(office, "Otto asks: three") == ["ada"], "nobody decides their own"
    await office.ask(office.ada, words=ADMINS, what="four")
    assert await who(office, "Ada asks: four") == [], "nor through somebody who stands in for them"


async def test_nobody_is_told_who_does_not_decide(office: Office) -> None:
    await office.person("ann", "analyst")
    await office.person("cora", "analyst")
    await office.custom_role("clerks", office.cora, "workflow:decide")
    await office.rows("UPDATE users SET status = 'inactive' WHERE id = :id", id=office.otto.user_id)
    await office.ask(what="one", about=str(office.olga.user_id))
    assert await who(office, "Bea asks: one") == ["ada", "cora"]
    await office.ask(what="two", words=f"user:{office.ann.user_id} role:clerks")
    assert await who(office, "Bea asks: two") == ["ann", "cora"]
    [dept] = await office.rows(
        "INSERT INTO departments (name, head_id) VALUES ('D', :h) RETURNING id", h=office.bob.user_id
    )
    await office.ask(what="three", words=f"head:{dept.id}")
    assert await who(office, "Bea asks: three") == ["bob"]


async def test_a_second_question_is_told_too(office: Office) -> None:
    one = await office.ask(what="x{subject}")
    for question in ("when?", "why?"):
        await office.do(decisions.ask_information, office.olga, one, question=question)
        async with office.data.transaction() as session:
            await requests.give_information(session, office.bea, one, "because")
    assert await who(office, "A question") == ["bea", "bea"]
    found = await office.rows("SELECT payload->>'text' AS text FROM deliveries WHERE payload->>'title' LIKE 'A quest%'")
    assert {row.text for row in found} == {"Olga asks:\nwhen?", "Olga asks:\nwhy?"}
    assert len(await who(office, "Bea asks: x{subject}")) == 9, "those who decide hear of the request and each answer"


async def test_what_became_of_it(office: Office) -> None:
    one = await office.ask()
    async with office.data.transaction() as session:
        assert await telling.completed(session, [one], "Ana got it") == 1
        assert await telling.failed(session, [one], "no such dashboard", "now") == 0, "nobody approved it"
        assert await telling.decided(session, []) == 0
    assert await who(office, "Done: ") == ["bea"]
    found = await office.rows("SELECT DISTINCT kind, group_key FROM deliveries WHERE address LIKE 'bea%'")
    assert [(row.kind, row.group_key) for row in found] == [("message", "workflows:bea@example.org")]
    await office.approve(office.olga, one)
    await office.settle(one)
    async with office.data.transaction() as session:
        assert await telling.failed(session, [one], "no such dashboard", "now") == 1
    assert await office.told("Not carried out") == [("olga", "Not carried out: a day off")]
