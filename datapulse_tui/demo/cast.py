"""Who works in the sample workspace: invented people of every role, what is granted to them, what they have pinned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PASSWORD = "datapulse-demo"  # noqa: S105 - documented, the same for every sample person, and of no use anywhere else
FILES_SOURCE = "Sample files"
STATISTICS_SOURCE = "Workspace PostgreSQL"

RoleName = Literal["business_user", "analyst", "ops_manager", "admin"]


@dataclass(frozen=True, slots=True)
class SamplePerson:
    """One sample person. `sources` are those that they may query; `invited` has no password yet and is pending."""

    email: str
    name: str
    role: RoleName
    department: str
    zone: str
    sources: tuple[str, ...] = ()
    invited: bool = False


# The head of a department comes first among its people.
DEPARTMENTS: dict[str, str] = {
    "Platform": "Keeps the systems running that everybody else works on",
    "Operations": "Watches, decides and repairs, around the clock",
    "Analytics": "Turns questions into dashboards",
    "Sales": "Sells desks, chairs and lamps",
    "Finance": "Counts what came of it",
    "People": "Hires, and says goodbye",
}
PEOPLE: tuple[SamplePerson, ...] = (
    SamplePerson("ines@demo.example", "Inês Carvalho", "admin", "Platform", "Europe/Lisbon"),
    SamplePerson(
        "amara@demo.example",
        "Amara Okafor",
        "ops_manager",
        "Operations",
        "Africa/Lagos",
        (FILES_SOURCE, STATISTICS_SOURCE),
    ),
    SamplePerson(
        "jonas@demo.example", "Jonas Lindqvist", "ops_manager", "Operations", "Europe/Stockholm", (FILES_SOURCE,)
    ),
    SamplePerson("mei@demo.example", "Mei-Ling Zhao", "analyst", "Analytics", "Asia/Singapore", (FILES_SOURCE,)),
    SamplePerson(
        "rafael@demo.example", "Rafael Ortega Ruiz", "analyst", "Analytics", "America/Mexico_City", (STATISTICS_SOURCE,)
    ),
    SamplePerson("priya@demo.example", "Priya Raman", "analyst", "People", "Asia/Kolkata", (FILES_SOURCE,)),
    SamplePerson("zoe@demo.example", "Zoë van den Berg", "business_user", "Sales", "Europe/Amsterdam"),
    SamplePerson("samir@demo.example", "Samir Haddad", "business_user", "Finance", "Asia/Beirut"),
    SamplePerson("lucia@demo.example", "Lucía Fernández", "business_user", "People", "Europe/Madrid"),
    SamplePerson("hana@demo.example", "Hana Kobayashi", "business_user", "Sales", "Asia/Tokyo", invited=True),
)
# Who sits down when nobody is named: the administrator, because every screen is open to her.
DEFAULT_EMAIL = PEOPLE[0].email

# Each file of dashboards/ and its owner.
OWNERS: dict[str, str] = {
    "database-health.yaml": "ines@demo.example",
    "operations-wall.yaml": "amara@demo.example",
    "service-latency.yaml": "jonas@demo.example",
    "orders.yaml": "mei@demo.example",
    "headcount.yaml": "priya@demo.example",
}

# Metrics that are in sight on Today: the saved query, its column, and the labels of the series.
Pinned = tuple[str, str, dict[str, str]]
_TRANSACTIONS: Pinned = ("Transactions a second", "per_second", {})
_CHECKOUT = ("p95 of the services", "p95_ms", {"service": "checkout"})
_PAY = ("p95 of the services", "p95_ms", {"service": "pay"})
_ORDERS: Pinned = ("Orders of a day", "orders", {})
PINS: dict[str, tuple[Pinned, ...]] = {
    "ines@demo.example": (_TRANSACTIONS, _CHECKOUT, _PAY, _ORDERS),
    "amara@demo.example": (_TRANSACTIONS, _CHECKOUT, _ORDERS),
    "jonas@demo.example": (_CHECKOUT, _PAY),
}
