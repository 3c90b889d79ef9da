"""What can be done with a rule, from the list and from its detail: make, change, copy, pause, delete."""

from __future__ import annotations

from typing import TYPE_CHECKING

from datapulse_tui.alerts.rules import CREATE
from datapulse_tui.tui.screens.base import DeskScreen
from datapulse_tui.tui.widgets.pane import Item

if TYPE_CHECKING:
    from datapulse_tui.alerts.views import RuleRow

NEEDS_ROW = ("edit", "copy", "pause", "delete", "details", "back_test")
NOT_YOURS = "This rule belongs to {owner}: changing it needs the permission alert:manage."
MAY_NOT_MAKE = "Making rules needs the permission alert:create."


class RuleVerbs(DeskScreen):
    """Acts on `row`, with the version that the person saw."""

    @property
    def row(self) -> RuleRow | None:
        """The rule that the verbs are about."""
        raise NotImplementedError

    def gone(self) -> None:
        """The rule was deleted."""

    def why_not_verb(self, action_id: str) -> str:
        """Why a verb cannot be done now; empty when it can."""
        verb, row, person = action_id.rpartition(".")[2], self.row, self.desk.person
        if verb in NEEDS_ROW and row is None:
            return "No rule is selected."
        if verb in ("new", "copy") and person is not None and not person.actor.can(CREATE):
            return MAY_NOT_MAKE
        if row is not None:
            if verb in ("edit", "pause", "delete") and not row.may_change:
                return NOT_YOURS.format(owner=row.owner.name)
            if verb == "details" and not row.health_reason:
                return "Nothing is wrong with this rule."
        return ""

    def do_new(self) -> None:
        from datapulse_tui.tui.screens.rules.rule_editor import RuleEditorScreen

        self.desk.push_screen(RuleEditorScreen(None))

    def do_edit(self) -> None:
        from datapulse_tui.tui.screens.rules.rule_editor import RuleEditorScreen

        if self.row is not None:
            self.desk.push_screen(RuleEditorScreen(self.row.id))

    def do_copy(self) -> None:
        row, services = self.row, self.desk.services
        if row is not None:
            self.desk.session.save(
                "copying a rule",
                lambda person: services.copy_rule(person, row.id),
                done=lambda: self.desk.say(f"{row.name} was copied. The copy is paused."),
            )

    def do_pause(self) -> None:
        row, services = self.row, self.desk.services
        if row is None:
            return
        paused = row.is_active
        words = "is paused: nothing of it is evaluated, its open incidents were closed" if paused else "goes on"
        self.desk.session.save(
            "pausing a rule" if paused else "resuming a rule",
            lambda person: services.pause_rule(person, row.id, row.version, paused=paused),
            done=lambda: self._said(f"{row.name} {words}."),
        )

    async def do_delete(self) -> None:
        from datapulse_tui.tui.screens.confirm import ConfirmScreen

        row, services = self.row, self.desk.services
        if row is None:
            return

        def answered(yes: bool | None) -> None:  # noqa: FBT001
            if yes:
                self.desk.session.save(
                    "deleting a rule",
                    lambda person: services.delete_rule(person, row.id, row.version),
                    done=deleted,
                )

        def deleted() -> None:
            self.desk.say(f"{row.name} was deleted.")
            self.gone()

        incidents = f" Its {row.open_incidents:,} open incident(s) are closed." if row.open_incidents else ""
        question = (
            f"Delete the rule {row.name}? It is not evaluated any more and tells nobody.{incidents} "
            "What it found before stays in the history."
        )
        # Awaited, so that keys typed ahead land in the dialog.
        await self.desk.push_screen(ConfirmScreen(question, yes="Delete"), answered)

    def do_details(self) -> None:
        from datapulse_tui.tui.screens.confirm import MessageScreen
        from datapulse_tui.tui.times import full_time

        row = self.row
        if row is None:
            return
        looked = full_time(row.last_at, self.desk.session.zone) if row.last_at else "never"
        items = [
            Item("title", row.name),
            Item("gap"),
            Item("critical", row.health_reason),
            Item("gap"),
            Item("fact", f"{row.query} on {row.source}", "query"),
            Item("fact", looked, "looked"),
            Item("fact", str(self.desk.services.log_path), "log file"),
        ]
        self.desk.push_screen(MessageScreen(items))

    def _said(self, words: str) -> None:
        self.desk.say(words)
        if self.is_attached:
            self.reread()
