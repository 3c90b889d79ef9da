"""The rule editor: saving a rule, what happens when somebody else changed it, and leaving with a draft."""

from __future__ import annotations

from typing import TYPE_CHECKING

from datapulse_tui.errors import Conflict, DataPulseError
from datapulse_tui.tui.screens.rules import checks
from datapulse_tui.tui.screens.rules.dialogs import KEEP_DRAFT, KEEP_MINE, RELOAD, THROW_AWAY, QuestionScreen
from datapulse_tui.tui.screens.rules.draft import NEW_QUERY, Draft, document_of, draft_of
from datapulse_tui.tui.screens.rules.editor_form import EditorForm

if TYPE_CHECKING:
    from datapulse_tui.tui.desk_rules import EditorStart


class RuleEditorScreen(EditorForm):
    """Saving asks the service, and says what is wrong where it stands."""

    def why_not(self, action_id: str) -> str:
        if action_id == "editor.back":
            return ""
        if not self._ready:
            return "The rule is still being opened."
        if action_id == "editor.save" and self._saving:
            return "The rule is being saved."
        if action_id == "editor.start_over" and self._draft == self._saved:
            return "Nothing was changed."
        if action_id == "editor.preview" and not self._draft.values["query"]:
            return "Choose a query first, or write one."
        return ""

    def do_save(self) -> None:
        self._visited = set(self.sheet.names)
        problems = self._check()
        if problems:
            first = next((name for name in self.sheet.names if name in problems), "name")
            self.sheet.go_to(first)
            self.desk.say("Not saved yet: see what is marked.", severity="warning")
            return
        self._save(self._draft)

    def _save(self, draft: Draft) -> None:
        services, person = self.desk.services, self.desk.person
        if person is None:
            return
        self._saving = True
        self._head("saving …")
        self.desk.session.save(
            "saving a rule",
            lambda who: services.save_rule(who, draft, document_of(draft)),
            done=lambda: self._was_saved(draft),
            failed=self._not_saved,
            verify=lambda: services.rule_was_saved(person, draft),
        )

    def _was_saved(self, draft: Draft) -> None:
        self._saving = False
        if self.desk.person is not None:
            self.desk.services.remember_draft(self.desk.person, draft.key, None)
        self.desk.say(f"{draft.values['name']} was saved.")
        if self.is_attached and self.is_current:
            self.desk.pop_screen()

    def _not_saved(self, error: DataPulseError) -> None:
        self._saving = False
        if not self.is_attached:
            self.desk.report(error)
            return
        self._head("not saved")
        self._refused = checks.told(error, self._draft)
        if self._refused:
            self._check()
            self.sheet.go_to(next(iter(self._refused)))
        elif isinstance(error, Conflict) and self._alert_id is not None:
            self._ask_which(error)
        else:
            self.desk.report(error)

    def _ask_which(self, error: Conflict) -> None:
        question = f"{error.message} Keep what you wrote, in place of that, or take theirs and lose yours?"

        def answered(answer: str | None) -> None:
            if answer is not None:
                self._look_again(keep=answer == KEEP_MINE.id)

        self.desk.push_screen(QuestionScreen(question, [RELOAD, KEEP_MINE]), answered)

    def _look_again(self, *, keep: bool) -> None:
        """Read the rule as it is by now; then save over it, or show it."""
        services, person, alert_id = self.desk.services, self.desk.person, self._alert_id
        if person is None or alert_id is None:
            return

        def came(start: EditorStart) -> None:
            if start.detail is None:
                return
            row = start.detail.row
            self._saved = draft_of(start.detail.spec, str(row.id), row.version)
            if keep:
                self._draft = self._draft.seen(row.version)
                self._remember()
                self._save(self._draft)
            else:
                self._start_over()

        self.read("opening", "opening a rule", lambda: services.editor_start(person, alert_id), came)

    def _start_over(self) -> None:
        self._visited.clear()
        self._refused = {}
        self._take(self._saved)
        self._remember()
        self.sheet.say({})
        self._head("as it is saved")
        if self._draft.values["query"] not in ("", NEW_QUERY):
            self.do_preview()

    def do_start_over(self) -> None:
        self._start_over()

    async def do_back(self) -> None:
        if not self._ready or self._draft == self._saved or self._saving:
            self.desk.pop_screen()
            return

        def answered(answer: str | None) -> None:
            if answer is None or self.desk.person is None:
                return
            keep = answer == KEEP_DRAFT.id
            services, draft = self.desk.services, self._draft
            services.remember_draft(self.desk.person, draft.key, draft.to_json() if keep else None)
            self.desk.session.save("keeping a draft", lambda person: services.keep_draft(person, draft.key))
            self.desk.pop_screen()

        question = "What you wrote is not saved. Keep it as a draft, which comes back when you open the editor again?"
        await self.desk.push_screen(QuestionScreen(question, [THROW_AWAY, KEEP_DRAFT]), answered)

    def do_back_test(self) -> None:
        from datapulse_tui.tui.screens.rules.back_test import BackTestScreen

        self._visited |= set(checks.FOR_BACK_TEST)
        problems = {name: words for name, words in self._check().items() if name in checks.FOR_BACK_TEST}
        if problems:
            self.sheet.go_to(next(iter(problems)))
            self.desk.say("A back-test needs what is marked.", severity="warning")
            return
        name = str(self._draft.values["name"]).strip() or "New rule"
        series = tuple(each.labels for each in self._preview.series) if self._preview else ()
        self.desk.push_screen(BackTestScreen(self._draft, name, series))
