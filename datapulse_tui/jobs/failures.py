"""Why a job failed, kept with the job: the queue's own tables have no room for it, and a log may lie elsewhere.

The reason stands among the job's arguments under a key that no task has; who runs it again takes it out (`service`).
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from datapulse_tui.audit.clean import clean_text

if TYPE_CHECKING:
    from procrastinate import JobContext
    from procrastinate.worker import Worker

logger = logging.getLogger(__name__)

KEY = "$failure"
LONGEST = 500  # characters

_KEEP = """
UPDATE procrastinate_jobs SET args = args || jsonb_build_object(CAST(:key AS text), CAST(:reason AS text))
WHERE id = :id AND status = 'doing'
"""


def reason(error: BaseException) -> str:
    """The kind of an error and the first line of what it says, as a traceback ends."""
    said = next((line for line in str(error).splitlines() if line.strip()), "")
    kind = type(error).__name__
    return clean_text(f"{kind}: {said}" if said else kind)[:LONGEST]


async def keep_reason(run: Callable[[], Awaitable[Any]], context: JobContext, worker: Worker) -> Any:  # noqa: ARG001
    """Around every job of a worker: when it fails, write down why."""
    from sqlalchemy import text

    from datapulse_tui.data.database import Database
    from datapulse_tui.data.job_context import borrow

    try:
        return await run()
    except Exception as error:
        try:
            async with borrow(context, Database).transaction() as session:
                values = {"id": context.job.id, "key": KEY, "reason": reason(error)}
                await session.execute(text(_KEEP), values)
        except Exception:
            logger.exception("why job %s failed could not be written down", context.job.id)
        raise
