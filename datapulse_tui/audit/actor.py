"""Who acts, with which permissions, and from where. Every service takes one and every audit record names one."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from datapulse_tui.errors import NotAllowed


@dataclass(frozen=True, slots=True)
class Actor:
    """A signed-in person, a trusted operator on the command line, or DataPulse itself.

    `user_id` is None for an operator and for the system; `label` is then what the trail shows (`operator:root@host`,
    `system:worker`), and for a person their name. `permissions` are `resource:verb` words; an operator and the system
    have them all (`everything`). `through` names the operator who acts as this person (`--as`). `ip_address` is the
    address of an SSH client or the name of the terminal; `user_agent` the client. `session_id` is the desk's session,
    and `scopes` bound what the actor may do (None: everything that the person may), as the API key `key_id` does.
    """

    user_id: UUID | None
    label: str
    permissions: frozenset[str] = field(default_factory=frozenset)
    everything: bool = False
    role: str = ""
    zone: str = "UTC"
    email: str = ""
    ip_address: str | None = None
    user_agent: str | None = None
    through: str = ""
    session_id: UUID | None = None
    scopes: frozenset[str] | None = None
    key_id: UUID | None = None

    def can(self, permission: str) -> bool:
        """Whether the actor has `permission` (`resource:verb`)."""
        return self.everything or permission in self.permissions

    def require(self, permission: str, what: str) -> None:
        """Raise NotAllowed unless the actor has `permission`; `what` completes "You may not ..."."""
        if not self.can(permission):
            raise NotAllowed(
                f"You may not {what}: that needs the permission {permission}. Nothing was changed.",
                hint="Ask an administrator for it.",
            )

    @property
    def recorded_as(self) -> str | None:
        """What the trail keeps beside `user_id`: nothing for a person who acts for themselves."""
        return self.through or (self.label if self.user_id is None else None)
