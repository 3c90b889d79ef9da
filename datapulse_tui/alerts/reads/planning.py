"""How the statements of a read are planned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from datapulse_tui.data.glance import fetch

if TYPE_CHECKING:
    from datapulse_tui.data.glance import Reader


async def plan_for_values(session: Reader) -> None:
    """Have the statements of this transaction planned for the values that they get.

    The driver prepares what it sends often, and a plan made for any value reads a million rows where one made for
    these reads two hundred.
    """
    await fetch(session, "SELECT set_config('plan_cache_mode', 'force_custom_plan', true)")
